/* Parameters: what $x, ${x…} and "$@" become (bash(1), Parameter Expansion). */
#include <ctype.h>

#include "policy/shell_internal.h"

#define REFERENCES_MAX 8

struct slot *bj_sh_variable(struct walk *walk, struct text name)
{
    struct slot *slot = bj_sh_slot(walk, SLOT_VARIABLE, name);

    for (int i = 0; i < REFERENCES_MAX && slot != NULL; i++) {
        const struct value *value;

        if (slot->values == NULL || !(slot->values->list[0]->flags & FLAG_REFERENCE))
            return slot;
        value = slot->values->list[0];
        if (value->text.length == 0 ||
            bj_sh_name_length(value->text.bytes, value->text.length) != value->text.length)
            return slot;
        slot = bj_sh_slot(walk, SLOT_VARIABLE, value->text);
    }
    return slot;
}

bool bj_sh_subscript(struct text text, struct text *ret_name, struct text *ret_subscript)
{
    uint32_t name = bj_sh_name_length(text.bytes, text.length);

    if (name == 0 || name + 2 > text.length || text.bytes[name] != '[' ||
        text.bytes[text.length - 1] != ']')
        return false;
    *ret_name = (struct text){text.bytes, name};
    *ret_subscript = (struct text){text.bytes + name + 1, text.length - name - 2};
    return true;
}

static struct items one(struct walk *walk, struct text text)
{
    struct text *list = bj_arena_alloc(walk->arena, sizeof *list);

    if (list == NULL)
        return (struct items){.open = true};
    *list = text;
    return (struct items){.list = list, .count = 1};
}

static struct items unknown_item(struct walk *walk)
{
    struct items items = one(walk, HOLE_TEXT);

    items.open = true;
    return items;
}

/* They are kept as they were set: by number that may be another order, by key it is not known. */
static bool in_order(const struct value *value)
{
    if (value->flags & FLAG_KEYED)
        return value->count < 2;
    for (uint32_t i = 1; i < value->count; i++) {
        struct text a = value->elements[i - 1].key, b = value->elements[i].key;

        if (a.length > b.length || (a.length == b.length && memcmp(a.bytes, b.bytes, a.length) > 0))
            return false;
    }
    return true;
}

/* The elements of an array, or the one text. */
static struct items elements(struct walk *walk, const struct value *value, bool star)
{
    struct items items = {.many = true, .star = star, .value = value};
    struct text *list;

    if (value->kind == VALUE_TEXT) {
        items = one(walk, value->text);
        items.many = true;
        items.star = star;
        items.value = value;
        items.open = value->more;
        return items;
    }
    if (value->kind != VALUE_ARRAY) {
        items.unset = true;
        return items;
    }
    if (!in_order(value)) {
        items.more = true;
        return items;
    }
    list = bj_arena_array(walk->arena, value->count, sizeof *list);
    if (list == NULL)
        return unknown_item(walk);
    for (uint32_t i = 0; i < value->count; i++)
        list[i] = value->elements[i].value;
    items.list = list;
    items.count = value->count;
    items.more = value->more;
    items.unset = value->count == 0 && !value->more;
    return items;
}

/* The key that a subscript means: evaluated unless the array is associative. False: unknown. */
bool bj_sh_subscript_key(struct walk *walk, const struct value *value, struct text subscript,
                         struct text *ret)
{
    struct text expanded = bj_sh_expand_quoted(walk, subscript, SCAN_QUOTED, NULL, 0, 0);
    int64_t index;
    char *copy;

    if (value != NULL && (value->flags & FLAG_KEYED)) {
        /* Quotes around a key are no part of it. */
        copy = bj_arena_alloc(walk->arena, expanded.length + 1);
        if (copy == NULL)
            return false;
        *ret = (struct text){copy, 0};
        for (uint32_t i = 0; i < expanded.length; i++)
            if (expanded.bytes[i] != '"' && expanded.bytes[i] != '\'')
                copy[ret->length++] = expanded.bytes[i];
        return !bj_sh_has_hole(*ret);
    }
    if (!bj_sh_math(walk, expanded, &index))
        return false;
    if (index < 0 && value != NULL && value->kind == VALUE_ARRAY)
        index += value->count;
    *ret = bj_sh_number(walk, index);
    return true;
}

static struct items element(struct walk *walk, const struct value *value, struct text subscript)
{
    struct text key;
    struct items items;

    if (!bj_sh_subscript_key(walk, value, subscript, &key))
        return unknown_item(walk);
    if (value->kind == VALUE_TEXT && bj_sh_equal(key, TEXT("0"))) {
        items = one(walk, value->text);
        items.open = value->more;
        items.value = value;
        return items;
    }
    if (value->kind == VALUE_TEXT && value->more)
        return unknown_item(walk);
    for (uint32_t i = 0; value->kind == VALUE_ARRAY && i < value->count; i++) {
        if (bj_sh_equal(value->elements[i].key, key)) {
            items = one(walk, value->elements[i].value);
            items.value = value;
            return items;
        }
    }
    return value->more ? unknown_item(walk) : (struct items){.unset = true, .value = value};
}

/* $1, $@, $# … */
static struct items special(struct walk *walk, struct text name)
{
    const struct value *value = bj_sh_pick(walk, walk->positional);
    struct items items;
    uint32_t number = 0;

    switch (name.bytes[0]) {
    case '@':
    case '*':
        if (value->kind == VALUE_TEXT) {
            items = unknown_item(walk);
            items.many = items.more = true;
        } else {
            items = elements(walk, value, false);
        }
        items.star = name.bytes[0] == '*';
        return items;
    case '#':
        return one(walk, value->kind != VALUE_ARRAY || value->more
                             ? HOLE_TEXT
                             : bj_sh_number(walk, value->count));
    case '0':
        if (name.length == 1) {
            value = bj_sh_pick(walk, walk->zero);
            return one(walk, value->kind == VALUE_TEXT ? value->text : HOLE_TEXT);
        }
        break;
    }
    if (!isdigit((unsigned char)name.bytes[0]))
        return one(walk, HOLE_TEXT);
    for (uint32_t i = 0; i < name.length && number < BJ_SHELL_WORDS_MAX; i++)
        number = number * 10 + (uint32_t)(name.bytes[i] - '0');
    if (value->kind != VALUE_ARRAY)
        return unknown_item(walk);
    if (number >= 1 && number <= value->count)
        return one(walk, value->elements[number - 1].value);
    return value->more ? unknown_item(walk) : (struct items){.unset = true};
}

struct items bj_sh_items(struct walk *walk, struct text name, const struct text *subscript)
{
    const struct value *value;
    struct items items;
    struct slot *slot;

    if (name.length == 0 || bj_sh_has_hole(name))
        return unknown_item(walk);
    if (bj_sh_name_length(name.bytes, name.length) == 0)
        return special(walk, name);
    slot = bj_sh_variable(walk, name);
    value = bj_sh_pick(walk, slot);
    if (value->flags & FLAG_REFERENCE) {
        struct text target, index;

        if (bj_sh_subscript(value->text, &target, &index) && !bj_sh_equal(target, name))
            return bj_sh_items(walk, target, &index);
    }
    if (subscript != NULL && subscript->length == 1 &&
        (subscript->bytes[0] == '@' || subscript->bytes[0] == '*'))
        return elements(walk, value, subscript->bytes[0] == '*');
    if (subscript != NULL)
        return element(walk, value, *subscript);
    if (value->kind == VALUE_ARRAY)
        return value->count > 0 && !(value->flags & FLAG_KEYED)
                   ? element(walk, value, TEXT("0"))
                   : (value->more ? unknown_item(walk)
                                  : (struct items){.unset = true, .value = value});
    if (value->kind != VALUE_TEXT)
        return (struct items){.unset = true, .value = value};
    items = one(walk, value->text);
    items.open = value->more;
    items.value = value;
    return items;
}

/* ---- ${ } ---- */

struct parameter {
    struct build *build;
    const char *bytes;
    uint32_t at, end; /* what is behind the name */
    bool quoted;
    struct text name, subscript;
    bool has_subscript;
    struct items items;
};

/* Puts items as "$@", $* or a single word. */
static void put_items(struct build *build, const struct items *items, bool quoted)
{
    struct walk *walk = build->walk;

    if (!items->many) {
        if (items->count > 0)
            bj_sh_put(build, items->list[0], quoted, true);
        else if (quoted)
            bj_sh_put(build, (struct text){"", 0}, quoted, true);
        return;
    }
    if (items->count == 0 && !items->more && quoted && !items->star)
        build->empty_list = true;
    for (uint32_t i = 0; i < items->count && bj_sh_step(walk); i++) {
        if (i > 0 && build->fields != NULL && !(quoted && items->star)) {
            if (build->started)
                bj_sh_end_field(build);
            build->started = quoted;
        } else if (i > 0) {
            struct slot *ifs = walk->ifs;
            const struct value *value = bj_sh_pick(walk, ifs);
            struct text separator = value->kind != VALUE_TEXT || !items->star ? TEXT(" ")
                                    : value->text.length == 0                 ? value->text
                                                              : (struct text){value->text.bytes, 1};

            bj_sh_put(build, separator, true, true);
        }
        bj_sh_put(build, items->list[i], quoted, true);
    }
    if (items->more) {
        bj_sh_put(build, HOLE_TEXT, quoted, true);
        build->splits = build->fields != NULL;
    }
}

/* The word [at, end) of an operator, as one text. `quoted`: single quotes in it are plain. */
static struct text operand(struct parameter *p, uint32_t at, uint32_t end, enum expand_mode mode,
                           bool quoted)
{
    struct build build = {.walk = p->build->walk, .source = p->build->source, .mode = mode};

    build.in_word = quoted;
    bj_sh_put_range(&build, at, end, quoted);
    return (struct text){build.bytes == NULL ? "" : build.bytes, build.length};
}

/* Where a separator stands outside of quotes and substitutions; `end` if nowhere. */
static uint32_t find(const struct parameter *p, uint32_t at, uint32_t end, char byte)
{
    uint32_t parens = 0;

    while (at < end && (p->bytes[at] != byte || parens > 0)) {
        parens += p->bytes[at] == '(';
        parens -= p->bytes[at] == ')' && parens > 0;
        at = bj_sh_skip(p->build->source, at, end);
    }
    return at;
}

static bool is_null(const struct items *items, bool or_empty)
{
    return items->unset || (items->count == 0 && !items->more) ||
           (or_empty && items->count == 1 && items->list[0].length == 0);
}

/* :- - := = :+ + :? ? */
static void put_default(struct parameter *p, char op, bool colon, uint32_t at)
{
    struct build *build = p->build;
    bool null = is_null(&p->items, colon), use;
    /* It may be set or not: both are looked at. */
    bool either = p->items.open || p->items.more ||
                  (colon && p->items.count == 1 && bj_sh_has_hole(p->items.list[0]));

    if (either) {
        uint32_t chosen = bj_sh_choose(build->walk, p->bytes + p->at, 2);

        if (chosen == 2) {
            operand(p, at, p->end, EXPAND_ONE, p->quoted);
            bj_sh_put(build, HOLE_TEXT, p->quoted, true);
            return;
        }
        null = chosen == 0;
    }
    use = op == '+' ? !null : null;
    if (op == '?' && use)
        bj_sh_scope_jump(build->walk, SCOPE_SHELL);
    if (use && (op == '=' || op == '?')) {
        struct text text = operand(p, at, p->end, EXPAND_ONE, p->quoted);

        if (op == '=' && bj_sh_name_length(p->name.bytes, p->name.length) > 0)
            bj_sh_assign(build->walk, p->name, p->has_subscript ? &p->subscript : NULL, text,
                         false);
        bj_sh_put(build, op == '=' ? text : (struct text){"", 0}, p->quoted, true);
    } else if (use) {
        bool started = build->started, in_word = build->in_word;

        build->in_word = p->quoted;
        bj_sh_put_range(build, at, p->end, p->quoted);
        build->in_word = in_word;
        build->started |= started;
    } else if (op != '+') {
        put_items(build, &p->items, p->quoted);
    }
}

/* A changed copy of the items, one by one. */
static struct text *changed_list(struct parameter *p)
{
    struct text *list =
        bj_arena_array(p->build->walk->arena, (size_t)p->items.count + 1, sizeof *list);

    if (list == NULL)
        p->items.count = 0;
    else if (p->items.count > 0)
        memcpy(list, p->items.list, p->items.count * sizeof *list);
    p->items.list = list;
    return list;
}

static void put_stripped(struct parameter *p, char op)
{
    bool longest = p->at + 1 < p->end && p->bytes[p->at + 1] == op;
    struct text pattern = operand(p, p->at + 1 + longest, p->end, EXPAND_PATTERN, false);
    struct text *list = changed_list(p);

    for (uint32_t i = 0; i < p->items.count; i++)
        list[i] = bj_sh_strip(p->build->walk, list[i], pattern, op, longest);
    put_items(p->build, &p->items, p->quoted);
}

/*
 * An unquoted & stands for the match since bash 5.2, unless an option says no, and for itself
 * before: both are looked at.
 */
static struct text read_ampersands(struct parameter *p, struct text with)
{
    struct walk *walk = p->build->walk;
    struct text plain = {"", 0};
    uint32_t from = 0, chosen = 2;

    for (uint32_t i = 0; i < with.length && bj_sh_step(walk); i++) {
        if (with.bytes[i] != '&') {
            i += with.bytes[i] == '\\';
            continue;
        }
        if (plain.length == 0)
            chosen = bj_sh_choose(walk, p->bytes + p->at, 2);
        plain = bj_sh_concat(walk, plain, (struct text){with.bytes + from, i - from});
        plain = bj_sh_concat(walk, plain, TEXT("\\"));
        from = i;
    }
    if (plain.length == 0 || chosen == 1)
        return with;
    plain = bj_sh_concat(walk, plain, (struct text){with.bytes + from, with.length - from});
    return chosen == 0 ? plain : HOLE_TEXT;
}

static void put_replaced(struct parameter *p)
{
    uint32_t at = p->at + 1, slash;
    char where = 0;
    struct text pattern, with = {"", 0};
    struct text *list = changed_list(p);
    bool told = !bj_sh_ignores_case(p->build->walk);

    if (at < p->end && memchr("/#%", p->bytes[at], 3) != NULL)
        where = p->bytes[at++];
    slash = find(p, at + (at < p->end), p->end, '/');
    if (at < p->end && p->bytes[at] == '/')
        slash = at;
    pattern = operand(p, at, slash, EXPAND_PATTERN, false);
    if (slash < p->end)
        with = read_ampersands(p, operand(p, slash + 1, p->end, EXPAND_REPLACEMENT, false));
    for (uint32_t i = 0; i < p->items.count; i++)
        list[i] = told ? bj_sh_replace(p->build->walk, list[i], pattern, with, where) : HOLE_TEXT;
    put_items(p->build, &p->items, p->quoted);
}

/* Only the bytes that match a pattern. */
static struct text cased_like(struct walk *walk, struct text text, bool upper, bool all,
                              struct text pattern)
{
    struct text done = {"", 0};

    for (uint32_t i = 0; i < text.length; i++) {
        struct text byte = {text.bytes + i, 1};
        enum match match = all || i == 0 ? bj_sh_match(pattern, byte) : MATCH_NO;

        if (match == MATCH_UNKNOWN || !bj_sh_step(walk))
            return HOLE_TEXT;
        done = bj_sh_concat(walk, done,
                            match == MATCH_YES ? bj_sh_cased(walk, byte, upper, true) : byte);
    }
    return done;
}

static void put_cased(struct parameter *p, char op)
{
    bool all = p->at + 1 < p->end && p->bytes[p->at + 1] == op;
    struct text pattern = operand(p, p->at + 1 + all, p->end, EXPAND_PATTERN, false);
    struct text *list = changed_list(p);

    for (uint32_t i = 0; i < p->items.count; i++)
        list[i] = pattern.length == 0 || bj_sh_equal(pattern, TEXT("?"))
                      ? bj_sh_cased(p->build->walk, list[i], op == '^', all)
                      : cased_like(p->build->walk, list[i], op == '^', all, pattern);
    put_items(p->build, &p->items, p->quoted);
}

static bool is_ascii(struct text text)
{
    for (uint32_t i = 0; i < text.length; i++)
        if ((unsigned char)text.bytes[i] >= 0x80 || text.bytes[i] == BJ_HOLE)
            return false;
    return true;
}

/* A piece of a text; a hole if it cannot be told. */
static struct text piece(struct text text, bool known, int64_t offset, bool has_length,
                         int64_t length)
{
    int64_t all = text.length;

    if (!known || !is_ascii(text))
        return HOLE_TEXT;
    if (offset < 0)
        offset += all;
    if (offset < 0 || offset > all)
        return (struct text){"", 0};
    if (!has_length)
        length = all - offset;
    if (length < 0)
        length += all - offset;
    if (length < 0)
        length = 0;
    if (length > all - offset)
        length = all - offset;
    return (struct text){text.bytes + offset, (uint32_t)length};
}

/* ${@:1:2}: some of the items, counted from 1 for positional ones. */
static void slice(struct parameter *p, bool known, int64_t offset, bool has_length, int64_t length)
{
    bool positional = bj_sh_name_length(p->name.bytes, p->name.length) == 0;
    int64_t count = p->items.count;

    if (!known || p->items.more || (positional && offset == 0)) {
        p->items.more = true;
        p->items.count = 0;
        return;
    }
    offset = offset < 0 ? offset + count + positional : offset;
    offset -= positional;
    if (offset < 0 || offset > count)
        offset = count;
    if (!has_length || length > count - offset)
        length = count - offset;
    if (offset > 0)
        p->items.list += offset;
    p->items.count = (uint32_t)(length < 0 ? 0 : length);
}

/* :offset and :offset:length, both arithmetic */
static void put_substring(struct parameter *p)
{
    struct walk *walk = p->build->walk;
    uint32_t colon = find(p, p->at + 1, p->end, ':');
    int64_t offset, length = 0;
    bool known = bj_sh_math_range(walk, p->build->source, p->at + 1, colon, &offset);
    struct text *list;

    if (colon < p->end)
        known &= bj_sh_math_range(walk, p->build->source, colon + 1, p->end, &length);
    if (p->items.many) {
        slice(p, known, offset, colon < p->end, length);
    } else {
        list = changed_list(p);
        for (uint32_t i = 0; i < p->items.count; i++)
            list[i] = piece(list[i], known, offset, colon < p->end, length);
    }
    put_items(p->build, &p->items, p->quoted);
}

/* 'text', as ${x@Q} gives it. */
static struct text shell_quoted(struct walk *walk, struct text text)
{
    struct text quoted = bj_sh_replace(walk, text, TEXT("'"), TEXT("'\\\\''"), '/');

    return bj_sh_concat(walk, bj_sh_concat(walk, TEXT("'"), quoted), TEXT("'"));
}

static void put_transformed(struct parameter *p, char how)
{
    struct walk *walk = p->build->walk;
    struct text *list = changed_list(p);
    bool stop;

    for (uint32_t i = 0; i < p->items.count; i++) {
        switch (how) {
        case 'U':
        case 'u':
        case 'L':
            list[i] = bj_sh_cased(walk, list[i], how != 'L', how != 'u');
            break;
        case 'E':
            list[i] = bj_sh_decode(walk, list[i], false, &stop);
            break;
        case 'Q':
            list[i] = shell_quoted(walk, list[i]);
            break;
        case 'P':
            /* A prompt: its substitutions run. */
            list[i] =
                bj_sh_expand_quoted(walk, list[i], SCAN_QUOTED, NULL, p->build->from, p->build->to);
            break;
        default:
            list[i] = HOLE_TEXT;
            break;
        }
    }
    put_items(p->build, &p->items, p->quoted);
}

static void put_operator(struct parameter *p)
{
    char op = p->at < p->end ? p->bytes[p->at] : 0, next;
    bool colon = op == ':';

    if (p->at >= p->end) {
        put_items(p->build, &p->items, p->quoted);
        return;
    }
    next = p->at + 1 < p->end ? p->bytes[p->at + 1] : 0;
    if (memchr("-=+?", op, 4) != NULL || (colon && next != 0 && memchr("-=+?", next, 4) != NULL)) {
        put_default(p, colon ? next : op, colon, p->at + 1 + colon);
        return;
    }
    switch (op) {
    case '#':
    case '%':
        put_stripped(p, op);
        break;
    case '/':
        put_replaced(p);
        break;
    case '^':
    case ',':
        put_cased(p, op);
        break;
    case ':':
        put_substring(p);
        break;
    case '@':
        put_transformed(p, next);
        break;
    default:
        /* No parameter expansion that bash knows. */
        bj_sh_incomplete(p->build->walk, BJ_NOT_PARSED, p->build->from);
        operand(p, p->at, p->end, EXPAND_ONE, p->quoted);
        bj_sh_put(p->build, HOLE_TEXT, p->quoted, true);
    }
}

/* Reads a name and subscript at p->at. */
static void read_name(struct parameter *p)
{
    uint32_t from = p->at, name = bj_sh_name_length(p->bytes + from, p->end - from);

    if (name == 0)
        while (from + name < p->end && isdigit((unsigned char)p->bytes[from + name]))
            name++;
    if (name == 0 && from < p->end && p->bytes[from] != BJ_HOLE &&
        memchr("@*#?-$!", p->bytes[from], 7) != NULL)
        name = 1;
    p->name = (struct text){p->bytes + from, name};
    p->at = from + name;
    if (name > 0 && p->at < p->end && p->bytes[p->at] == '[') {
        uint32_t close = p->at + 1, depth = 1;

        while (close < p->end) {
            depth += p->bytes[close] == '[';
            if (p->bytes[close] == ']' && --depth == 0)
                break;
            close = bj_sh_skip(p->build->source, close, p->end);
        }
        p->subscript = (struct text){p->bytes + p->at + 1, close - p->at - 1};
        p->has_subscript = true;
        p->at = close < p->end ? close + 1 : p->end;
    }
    p->items = bj_sh_items(p->build->walk, p->name, p->has_subscript ? &p->subscript : NULL);
}

/* ${#x} */
static void put_length(struct parameter *p)
{
    struct walk *walk = p->build->walk;
    bool known = !p->items.open && !p->items.more;
    uint32_t length = p->items.count;

    if (!p->items.many && p->items.count > 0) {
        length = p->items.list[0].length;
        known = known && is_ascii(p->items.list[0]);
    }
    bj_sh_put(p->build, known ? bj_sh_number(walk, length) : HOLE_TEXT, true, true);
}

/* ${!x…}: the parameter whose name x holds; ${!x[@]}: keys; ${!x*}: names, which are not known. */
static void put_indirect(struct parameter *p)
{
    struct text name, subscript;
    struct text target;

    if (p->at < p->end && (p->bytes[p->at] == '*' || p->bytes[p->at] == '@') &&
        p->at + 1 == p->end) {
        bj_sh_put(p->build, HOLE_TEXT, p->quoted, true);
        p->build->splits |= p->build->fields != NULL;
        return;
    }
    if (p->items.many && p->items.value != NULL) {
        struct text *list = changed_list(p);

        for (uint32_t i = 0; i < p->items.count; i++)
            list[i] =
                p->items.value->kind == VALUE_ARRAY ? p->items.value->elements[i].key : TEXT("0");
        put_items(p->build, &p->items, p->quoted);
        return;
    }
    target = p->items.count > 0 ? p->items.list[0] : (struct text){"", 0};
    if (bj_sh_subscript(target, &name, &subscript))
        p->items = bj_sh_items(p->build->walk, name, &subscript);
    else
        p->items = bj_sh_items(p->build->walk, target, NULL);
    p->name = target;
    p->has_subscript = false;
    put_operator(p);
}

void bj_sh_put_parameter(struct build *build, uint32_t from, uint32_t to, bool quoted)
{
    struct parameter p = {.build = build,
                          .bytes = build->source->bytes,
                          .at = from + 2,
                          .end = to > from + 2 ? to - 1 : from + 2,
                          .quoted = quoted};
    char first = p.at < p.end ? p.bytes[p.at] : 0, next;

    if (!bj_sh_enter(build->walk))
        return;
    next = p.at + 1 < p.end ? p.bytes[p.at + 1] : 0;
    /* ${#} and ${!} are parameters of their own; so is the # of ${#-x}, but not of ${#x}. */
    if (first == '#' && next != 0 && (isalnum((unsigned char)next) || memchr("_@*", next, 3))) {
        p.at++;
        read_name(&p);
        put_length(&p);
    } else if (first == '!' && next != 0 &&
               (isalnum((unsigned char)next) || memchr("_@*#", next, 4))) {
        p.at++;
        read_name(&p);
        put_indirect(&p);
    } else {
        read_name(&p);
        if (p.name.length == 0) {
            bj_sh_incomplete(build->walk, BJ_NOT_PARSED, build->from);
            operand(&p, p.at, p.end, EXPAND_ONE, quoted);
            bj_sh_put(build, HOLE_TEXT, quoted, true);
        } else {
            put_operator(&p);
        }
    }
    bj_sh_leave(build->walk);
}

void bj_sh_put_variable(struct build *build, struct text name, bool quoted)
{
    struct items items = bj_sh_items(build->walk, name, NULL);

    /* $$, $?, $! and $# are numbers. */
    put_items(build, &items, quoted || (memchr("$?!#", name.bytes[0], 4) != NULL));
}
