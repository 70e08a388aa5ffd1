/* Builtins that set variables, arguments and aliases. */
#include <ctype.h>

#include "policy/shell_builtin_internal.h"

struct declaration {
    uint8_t flags, without;
    bool local, global, functions;
};

static struct declaration read_declaration(const struct bj_word *words, size_t count)
{
    static const struct {
        char letter;
        uint8_t flag;
    } letters[] = {{'x', FLAG_EXPORTED},  {'i', FLAG_INTEGER}, {'A', FLAG_KEYED},
                   {'n', FLAG_REFERENCE}, {'l', FLAG_LOWER},   {'u', FLAG_UPPER},
                   {'r', FLAG_READONLY}};
    struct declaration made = {0};

    if (bj_word_is(&words[0], "export")) {
        /* -n takes the mark back. */
        made.flags = FLAG_EXPORTED;
        made.functions = bj_sh_has_option(words, count, 'f');
        if (bj_sh_has_option(words, count, 'n'))
            made = (struct declaration){.without = FLAG_EXPORTED};
        return made;
    }
    for (size_t i = 1; i < count && words[i].length > 1; i++) {
        if (words[i].text[0] != '-' && words[i].text[0] != '+')
            break;
        for (size_t k = 0; k < sizeof letters / sizeof *letters; k++) {
            if (memchr(words[i].text + 1, letters[k].letter, words[i].length - 1) == NULL)
                continue;
            if (words[i].text[0] == '-')
                made.flags |= letters[k].flag;
            else
                made.without |= letters[k].flag;
        }
    }
    made.functions = bj_sh_has_option(words, count, 'f') || bj_sh_has_option(words, count, 'F');
    if (bj_word_is(&words[0], "readonly"))
        made.flags |= FLAG_READONLY;
    made.global = bj_sh_has_option(words, count, 'g');
    made.local = !bj_word_is(&words[0], "readonly") && !made.global;
    return made;
}

/* The innermost function whose own this variable is; NULL: none. */
static struct change *local_of(const struct frame *frame, const struct slot *slot)
{
    for (; frame != NULL; frame = frame->outer)
        for (uint32_t i = 0; i < frame->local_count; i++)
            if (frame->locals[i].slot == slot)
                return &frame->locals[i];
    return NULL;
}

/* A variable of a function is as it was when the function ends. */
static void make_local(struct walk *walk, struct slot *slot)
{
    static const struct value unset = {.kind = VALUE_UNSET};
    struct frame *frame = walk->frame;
    struct change *locals;

    if (frame == NULL || slot == NULL)
        return;
    for (uint32_t i = 0; i < frame->local_count; i++)
        if (frame->locals[i].slot == slot)
            return;
    locals =
        bj_sh_grow(walk, frame->locals, frame->local_count, &frame->local_room, sizeof *locals);
    if (locals == NULL)
        return;
    frame->locals = locals;
    locals[frame->local_count++] = (struct change){.slot = slot, .before = bj_sh_get(walk, slot)};
    /* It begins without a value in bash, with the old one in other shells. */
    if (slot->values != NULL && slot->values->list[0]->flags & FLAG_REFERENCE)
        bj_sh_set(walk, slot, &unset);
    else
        bj_sh_may_be_value(walk, slot, &unset);
}

/* What hides behind the variable of a function is changed too: both are possible from now on. */
static void reveal(struct walk *walk, struct slot *slot, const struct values *now)
{
    struct change *local = slot == NULL ? NULL : local_of(walk->frame, slot);

    if (local == NULL)
        return;
    bj_sh_may_be(walk, slot, now);
    bj_sh_may_be(walk, slot, local->before);
    local->after = slot->values;
}

static void note_export(struct walk *walk, struct slot *slot)
{
    struct slot **list;

    for (uint32_t i = 0; i < walk->export_count; i++)
        if (walk->exports[i] == slot)
            return;
    list = bj_sh_grow(walk, walk->exports, walk->export_count, &walk->export_room,
                      sizeof(struct slot *));
    if (list == NULL)
        return;
    walk->exports = list;
    list[walk->export_count++] = slot;
}

/* declare -a x='(a b)' is read as x=(a b); without -a, and unless x is an array, it is a text. */
static void assign_declared(struct call *call, struct text name, const struct text *subscript,
                            struct text value, bool append)
{
    struct walk *walk = call->walk;
    struct branches branches;

    bj_sh_branches_begin(walk, &branches);
    bj_sh_assign(walk, name, subscript, value, append);
    if (subscript != NULL || value.length < 2 || value.bytes[0] != '(' ||
        value.bytes[value.length - 1] != ')')
        return;
    bj_sh_branch_end(walk, &branches);
    value = bj_sh_concat(walk, append ? TEXT("+=") : TEXT("="), value);
    bj_sh_walk_text(walk, bj_sh_concat(walk, name, value), call->source, call->from, call->to);
    bj_sh_branch_end(walk, &branches);
    bj_sh_branches_join(walk, &branches, false);
}

static void declare_one(struct call *call, const struct declaration *how,
                        const struct bj_word *word)
{
    struct walk *walk = call->walk;
    const char *equals = word->length > 0 ? memchr(word->text, '=', word->length) : NULL;
    struct text left = {word->text,
                        equals == NULL ? word->length : (uint32_t)(equals - word->text)};
    struct text value, name, subscript;
    bool append = equals != NULL && left.length > 0 && left.bytes[left.length - 1] == '+';
    bool element;
    uint8_t flags = how->flags & (uint8_t) ~(FLAG_REFERENCE | FLAG_READONLY);
    const struct values *before;
    struct slot *slot;

    left.length -= append;
    element = bj_sh_subscript(left, &name, &subscript);
    if (!element)
        name = left;
    if (name.length == 0 || bj_sh_name_length(name.bytes, name.length) != name.length)
        return;
    if (how->local)
        make_local(walk, bj_sh_slot(walk, SLOT_VARIABLE, name));
    slot = how->flags & FLAG_REFERENCE ? bj_sh_slot(walk, SLOT_VARIABLE, name)
                                       : bj_sh_variable(walk, name);
    before = bj_sh_get(walk, slot);
    if (slot != NULL && how->flags & FLAG_KEYED && bj_sh_pick(walk, slot)->kind != VALUE_ARRAY)
        bj_sh_set(walk, slot, &(struct value){.kind = VALUE_ARRAY, .flags = FLAG_KEYED});
    if (flags != 0 || how->without)
        bj_sh_add_flags(walk, slot, flags, how->without & (uint8_t)~FLAG_READONLY);
    if (equals != NULL) {
        value = (struct text){equals + 1, word->length - (uint32_t)(equals + 1 - word->text)};
        if (how->flags & FLAG_REFERENCE)
            bj_sh_set(walk, slot,
                      &(struct value){.kind = VALUE_TEXT, .flags = FLAG_REFERENCE, .text = value});
        else
            assign_declared(call, name, element ? &subscript : NULL, value, append);
    } else if (how->flags & FLAG_REFERENCE) {
        bj_sh_add_flags(walk, slot, FLAG_REFERENCE, 0);
    }
    if (how->flags & FLAG_EXPORTED)
        note_export(walk, slot);
    if (how->flags & FLAG_READONLY)
        bj_sh_add_flags(walk, slot, FLAG_READONLY, 0);
    if (how->global)
        reveal(walk, slot, before);
}

void bj_sh_declare_builtin(struct call *call, struct bj_word *words, size_t count)
{
    struct declaration how = read_declaration(words, count);

    for (size_t i = 1; i < count && bj_sh_step(call->walk); i++) {
        if (words[i].length > 0 && (words[i].text[0] == '-' || words[i].text[0] == '+'))
            continue;
        if (how.functions)
            bj_sh_add_flags(call->walk,
                            bj_sh_slot(call->walk, SLOT_FUNCTION, bj_word_text(&words[i])),
                            how.flags & FLAG_EXPORTED, 0);
        else
            declare_one(call, &how, &words[i]);
    }
}

void bj_sh_unset_builtin(struct call *call, struct bj_word *words, size_t count)
{
    struct walk *walk = call->walk;
    bool functions = bj_sh_has_option(words, count, 'f'),
         variables = bj_sh_has_option(words, count, 'v');
    static const struct value unset = {.kind = VALUE_UNSET};
    struct slot *slot;

    for (size_t i = bj_sh_options_end(words, count, ""); i < count && bj_sh_step(walk); i++) {
        struct text name, subscript, text = bj_word_text(&words[i]);

        if (bj_sh_subscript(text, &name, &subscript)) {
            bj_sh_touch(walk, text);
            slot = bj_sh_variable(walk, name);
            bj_sh_set(walk, slot,
                      &(struct value){.kind = VALUE_ARRAY,
                                      .flags = bj_sh_pick(walk, slot)->flags,
                                      .more = true});
            continue;
        }
        if (!functions) {
            slot = bj_sh_has_option(words, count, 'n') ? bj_sh_slot(walk, SLOT_VARIABLE, text)
                                                       : bj_sh_variable(walk, text);
            bj_sh_set(walk, slot, &unset);
            reveal(walk, slot, NULL);
        }
        slot = bj_sh_slot(walk, SLOT_FUNCTION, text);
        if (slot == NULL || slot->values == NULL || variables)
            continue;
        /* Without -f only where there is no such variable. */
        if (functions)
            bj_sh_set(walk, slot, &unset);
        else
            bj_sh_may_be_value(walk, slot, &unset);
    }
}

/* The next line of known input; a hole when it cannot be told which. */
static struct text next_line(struct walk *walk)
{
    struct input *input = walk->input;
    struct text line;
    const char *end;

    if (input == NULL)
        return HOLE_TEXT;
    line = (struct text){input->text.bytes + input->at, input->text.length - input->at};
    end = line.length > 0 ? memchr(line.bytes, '\n', line.length) : NULL;
    if (end != NULL)
        line.length = (uint32_t)(end - line.bytes);
    if (walk->loops > input->loops) {
        /* In a loop each line comes; the only one if there is one. */
        return end == NULL || end + 1 == input->text.bytes + input->text.length
                   ? line
                   : bj_sh_any_line(walk, input->text);
    }
    input->at += line.length + (end != NULL);
    return line;
}

struct text bj_sh_any_line(struct walk *walk, struct text text)
{
    uint32_t count = 1, chosen, at = 0;

    while (text.length > 0 && text.bytes[text.length - 1] == '\n')
        text.length--;
    for (uint32_t i = 0; i < text.length; i++)
        count += text.bytes[i] == '\n';
    chosen = bj_sh_choose(walk, text.bytes, count);
    if (chosen >= count)
        return HOLE_TEXT;
    for (; chosen > 0; chosen--)
        at += (uint32_t)((const char *)memchr(text.bytes + at, '\n', text.length - at) -
                         (text.bytes + at)) +
              1;
    text.bytes += at;
    text.length -= at;
    for (at = 0; at < text.length && text.bytes[at] != '\n'; at++)
        ;
    text.length = at;
    return text;
}

/* Without -r a backslash takes the next byte as it is, a newline and separators too. */
static struct text without_backslashes(struct walk *walk, struct text text, bool several)
{
    if (text.length > 0 && memchr(text.bytes, '\\', text.length) != NULL &&
        (several || text.bytes[text.length - 1] == '\\')) {
        if (walk->input != NULL && text.bytes[text.length - 1] == '\\')
            walk->input->text = HOLE_TEXT, walk->input->at = 0;
        return HOLE_TEXT;
    }

    char *copy = bj_arena_alloc(walk->arena, text.length + 1);
    uint32_t length = 0;

    for (uint32_t i = 0; copy != NULL && i < text.length; i++) {
        if (text.bytes[i] == '\\' && i + 1 < text.length)
            i++;
        copy[length++] = text.bytes[i];
    }
    return (struct text){copy == NULL ? "" : copy, length};
}

/* The first field of *line and its separators are taken off; the last variable gets all. */
static struct text take_field(struct walk *walk, struct text *line, bool last)
{
    const struct value *value = bj_sh_pick(walk, walk->ifs);
    struct text ifs = value->kind == VALUE_TEXT ? value->text : TEXT(" \t\n"), field;
    uint32_t at = 0;

    if (bj_sh_has_hole(ifs)) {
        return HOLE_TEXT;
    }
    while (line->length > 0 && ifs.length > 0 && isspace((unsigned char)line->bytes[0]) &&
           memchr(ifs.bytes, line->bytes[0], ifs.length) != NULL)
        line->bytes++, line->length--;
    if (last) {
        while (line->length > 0 && ifs.length > 0 &&
               isspace((unsigned char)line->bytes[line->length - 1]) &&
               memchr(ifs.bytes, line->bytes[line->length - 1], ifs.length) != NULL)
            line->length--;
        /* A separator at the end goes too if it is the only one. */
        if (line->length > 0 && ifs.length > 0 &&
            memchr(ifs.bytes, line->bytes[line->length - 1], ifs.length) != NULL)
            return HOLE_TEXT;
        return *line;
    }
    while (at < line->length &&
           (ifs.length == 0 || memchr(ifs.bytes, line->bytes[at], ifs.length) == NULL))
        at++;
    field = (struct text){line->bytes, at};
    /* Blanks around one other separator belong to it. */
    while (at < line->length && isspace((unsigned char)line->bytes[at]) &&
           memchr(ifs.bytes, line->bytes[at], ifs.length) != NULL)
        at++;
    at += at < line->length && !isspace((unsigned char)line->bytes[at]) && ifs.length > 0 &&
          memchr(ifs.bytes, line->bytes[at], ifs.length) != NULL;
    line->bytes += at;
    line->length -= at;
    return bj_sh_has_hole(field) ? HOLE_TEXT : field;
}

void bj_sh_read_builtin(struct call *call, struct bj_word *words, size_t count)
{
    struct walk *walk = call->walk;
    size_t at = bj_sh_options_end(words, count, "adinNptu");
    const struct bj_word *array = bj_sh_option(call, words, count, 'a');
    bool odd = bj_sh_has_option(words, count, 'd') || bj_sh_has_option(words, count, 'n') ||
               bj_sh_has_option(words, count, 'N') || bj_sh_has_option(words, count, 'u');
    struct text line = odd ? HOLE_TEXT : next_line(walk);

    if (odd && walk->input != NULL)
        walk->input->text = HOLE_TEXT, walk->input->at = 0;
    if (!bj_sh_has_option(words, count, 'r'))
        line = without_backslashes(walk, line, array != NULL || at + 1 < count);
    if (array != NULL) {
        struct fields fields = {0};
        struct build build = {.walk = walk, .fields = &fields, .mode = EXPAND_FIELDS};
        struct slot *slot = bj_sh_variable(walk, bj_word_text(array));

        bj_sh_put(&build, line, false, true);
        if (build.started)
            bj_sh_end_field(&build);
        /* Files are not looked for. */
        for (size_t i = 0; i < fields.count; i++)
            fields.list[i].glob = false;
        bj_sh_set_elements(walk, slot, &fields, false);
        return;
    }
    if (at >= count)
        bj_sh_assign_named(walk, TEXT("REPLY"), line);
    for (; at < count && bj_sh_step(walk); at++) {
        bool hole = bj_sh_has_hole(line);

        bj_sh_assign_named(walk, bj_word_text(&words[at]),
                           hole && at + 1 < count ? HOLE_TEXT
                                                  : take_field(walk, &line, at + 1 == count));
    }
}

void bj_sh_mapfile_builtin(struct call *call, struct bj_word *words, size_t count)
{
    struct walk *walk = call->walk;
    const struct bj_word *callback = bj_sh_option(call, words, count, 'C');
    size_t at = bj_sh_options_end(words, count, "dnOsuCc");
    struct text name = at < count ? bj_word_text(&words[at]) : TEXT("MAPFILE");
    struct slot *slot;
    struct fields fields = {0};
    struct text all = walk->input == NULL ? (struct text){"", 0} : walk->input->text;

    if (callback != NULL)
        bj_sh_run_text(call, bj_word_text(callback), false);
    if (bj_sh_name_length(name.bytes, name.length) != name.length)
        return;
    slot = bj_sh_variable(walk, name);
    for (uint32_t from = 0, i = 0; i < all.length && bj_sh_step(walk); i++) {
        struct bj_word *list;

        if (all.bytes[i] != '\n' && i + 1 < all.length)
            continue;
        list = bj_sh_grow(walk, fields.list, fields.count, &fields.room, sizeof *list);
        if (list == NULL)
            return;
        fields.list = list;
        /* Whether the newline stays depends on -t. */
        list[fields.count++] =
            bj_sh_word(walk,
                       (struct text){all.bytes + from, i + 1 - from -
                                                           (all.bytes[i] == '\n' &&
                                                            bj_sh_has_option(words, count, 't'))},
                       call->from, call->to);
        from = i + 1;
    }
    bj_sh_set_elements(walk, slot, &fields, walk->input == NULL);
}

void bj_sh_printf_builtin(struct call *call, struct bj_word *words, size_t count)
{
    struct walk *walk = call->walk;
    const struct bj_word *target = bj_sh_option(call, words, count, 'v');
    size_t at = bj_sh_options_end(words, count, "v");
    struct text text = HOLE_TEXT;

    if (at < count)
        bj_sh_printf(walk, words + at, count - at, &text);
    if (target != NULL)
        bj_sh_assign_named(walk, bj_word_text(target), text);
    else
        bj_sh_write(walk, walk->sink, text);
    /* %d evaluates nothing, but -v's subscript, above, does. */
}

void bj_sh_let_builtin(struct call *call, struct bj_word *words, size_t count)
{
    int64_t ignored;

    for (size_t i = 1; i < count; i++)
        bj_sh_math(call->walk, bj_word_text(&words[i]), &ignored);
}

void bj_sh_test_builtin(struct call *call, struct bj_word *words, size_t count)
{
    int64_t ignored;

    for (size_t i = 1; i + 1 < count; i++) {
        if (bj_word_is(&words[i], "-v") || bj_word_is(&words[i], "-R"))
            bj_sh_touch(call->walk, bj_word_text(&words[i + 1]));
        else if (bj_sh_is_comparison(bj_word_text(&words[i]))) {
            /* Whole numbers only in [ and test: but [ is [[ to some shells. */
            if (i > 1)
                bj_sh_math(call->walk, bj_word_text(&words[i - 1]), &ignored);
            bj_sh_math(call->walk, bj_word_text(&words[i + 1]), &ignored);
        }
    }
}

void bj_sh_set_builtin(struct call *call, struct bj_word *words, size_t count)
{
    struct walk *walk = call->walk;
    struct value value = {.kind = VALUE_ARRAY};
    struct fields fields = {0};
    size_t at = 1;

    while (at < count && words[at].length > 1 &&
           (words[at].text[0] == '-' || words[at].text[0] == '+') && !bj_word_is(&words[at], "--"))
        at += words[at].text[words[at].length - 1] == 'o' ? 2 : 1;
    for (size_t i = 1; i < at && i < count; i++)
        walk->errexit |= words[i].holes || bj_word_is(&words[i], "errexit") ||
                         (words[i].length > 1 && words[i].text[0] == '-' &&
                          memchr(words[i].text, 'e', words[i].length) != NULL);
    if (at >= count)
        return;
    at += bj_word_is(&words[at], "--") || bj_word_is(&words[at], "-");
    bj_sh_set(walk, walk->positional, &value);
    fields.list = words + at;
    fields.count = at < count ? count - at : 0;
    if (fields.count > 0)
        bj_sh_append_elements(walk, walk->positional, &fields);
}

void bj_sh_shift_builtin(struct call *call, struct bj_word *words, size_t count)
{
    struct walk *walk = call->walk;
    struct value value = *bj_sh_pick(walk, walk->positional);
    uint32_t by = 1;

    if (value.kind != VALUE_ARRAY)
        return;
    if (count > 1) {
        int64_t number;

        if (!bj_sh_math(walk, bj_word_text(&words[1]), &number) || number < 0) {
            value.count = 0;
            value.more = true;
            number = 0;
        }
        /* Too many: bash does nothing. */
        if (number > value.count && !value.more)
            return;
        by = number > value.count ? value.count : (uint32_t)number;
    }
    if (by > value.count)
        by = value.count;
    if (by < 1 && count == 1 && !value.more)
        return;
    if (by > 0)
        value.elements += by;
    value.count -= by;
    bj_sh_set(walk, walk->positional, &value);
}

void bj_sh_getopts_builtin(struct call *call, struct bj_word *words, size_t count)
{
    if (count > 2)
        bj_sh_assign_named(call->walk, bj_word_text(&words[2]), HOLE_TEXT);
    bj_sh_assign(call->walk, TEXT("OPTARG"), NULL, HOLE_TEXT, false);
    bj_sh_assign(call->walk, TEXT("OPTIND"), NULL, HOLE_TEXT, false);
}

void bj_sh_wait_builtin(struct call *call, struct bj_word *words, size_t count)
{
    const struct bj_word *target = bj_sh_option(call, words, count, 'p');

    if (target != NULL)
        bj_sh_assign_named(call->walk, bj_word_text(target), HOLE_TEXT);
}

void bj_sh_alias_builtin(struct call *call, struct bj_word *words, size_t count)
{
    struct walk *walk = call->walk;

    for (size_t i = 1; i < count; i++) {
        const char *equals =
            words[i].length > 0 ? memchr(words[i].text, '=', words[i].length) : NULL;
        struct text name, value;

        if (equals == NULL)
            continue;
        name = (struct text){words[i].text, (uint32_t)(equals - words[i].text)};
        value = (struct text){equals + 1, words[i].length - name.length - 1};
        bj_sh_set_text(walk, bj_sh_slot(walk, SLOT_ALIAS, name), value);
    }
}

void bj_sh_unalias_builtin(struct call *call, struct bj_word *words, size_t count)
{
    for (size_t i = 1; i < count; i++)
        bj_sh_set(call->walk, bj_sh_slot(call->walk, SLOT_ALIAS, bj_word_text(&words[i])),
                  &(struct value){.kind = VALUE_UNSET});
}

/* hash -p FILE NAME: the name means that file from now on. */
void bj_sh_hash_builtin(struct call *call, struct bj_word *words, size_t count)
{
    const struct bj_word *file = bj_sh_option(call, words, count, 'p');
    size_t at = bj_sh_options_end(words, count, "pd");

    for (; file != NULL && at < count; at++)
        bj_sh_set_text(call->walk, bj_sh_slot(call->walk, SLOT_HASH, bj_word_text(&words[at])),
                       bj_word_text(file));
}
