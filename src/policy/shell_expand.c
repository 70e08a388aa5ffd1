/*
 * Words: braces, tilde, quotes, substitutions and splitting, in bash's order (bash(1), EXPANSION).
 * What is not known becomes a hole; parameters are shell_param.c's.
 */
#include "policy/shell_internal.h"

static void append(struct build *build, const char *bytes, uint32_t length)
{
    if (build->length + length > build->room || build->bytes == NULL) {
        uint32_t room = (build->length + length) * 2 + 32;
        char *longer = bj_arena_alloc(build->walk->arena, room);

        if (longer == NULL)
            return;
        if (build->length > 0)
            memcpy(longer, build->bytes, build->length);
        build->bytes = longer;
        build->room = room;
    }
    memcpy(build->bytes + build->length, bytes, length);
    build->length += length;
}

static void put_byte(struct build *build, char byte, bool quoted)
{
    /* Versions of bash disagree about a backslash that comes out of a variable there. */
    if (build->mode == EXPAND_REPLACEMENT && byte == '\\' && !quoted)
        byte = BJ_HOLE;
    if (byte == BJ_HOLE) {
        /* Two holes side by side are one. */
        build->holes = true;
        build->splits |= !quoted && build->mode == EXPAND_FIELDS;
        if (build->length > 0 && build->bytes[build->length - 1] == BJ_HOLE)
            return;
    } else if (!quoted && (byte == '*' || byte == '?' || (byte == ']' && build->bracket))) {
        build->glob = true;
    } else if (!quoted && byte == '[') {
        build->bracket = true;
    } else if (!quoted && byte == '(' && build->length > 0 &&
               memchr("?*+@!", build->bytes[build->length - 1], 5) != NULL) {
        build->glob = true;
    }
    if (quoted && build->mode == EXPAND_PATTERN && memchr("*?[]\\()|!@+-", byte, 12) != NULL)
        append(build, "\\", 1);
    if (quoted && build->mode == EXPAND_REPLACEMENT && (byte == '\\' || byte == '&'))
        append(build, "\\", 1);
    append(build, &byte, 1);
}

void bj_sh_end_field(struct build *build)
{
    struct fields *fields = build->fields;
    struct bj_word *list;

    if (fields != NULL && fields->count < BJ_SHELL_WORDS_MAX) {
        list = bj_sh_grow(build->walk, fields->list, fields->count, &fields->room,
                          sizeof *fields->list);
        append(build, "", 1);
        if (list != NULL && build->bytes != NULL && build->length > 0) {
            fields->list = list;
            fields->list[fields->count++] = (struct bj_word){.text = build->bytes,
                                                             .length = build->length - 1,
                                                             .from = build->from,
                                                             .to = build->to,
                                                             .holes = build->holes,
                                                             .splits = build->splits,
                                                             .glob = build->glob};
        }
    } else if (fields != NULL) {
        bj_sh_incomplete(build->walk, BJ_TOO_LARGE, build->from);
    }
    build->bytes = NULL;
    build->length = build->room = 0;
    build->started = build->holes = build->splits = build->glob = build->bracket = false;
}

/* Unquoted text of an expansion: split at IFS. */
static void put_split(struct build *build, struct text text)
{
    const struct value *value = bj_sh_pick(build->walk, build->walk->ifs);
    struct text ifs = value->kind == VALUE_TEXT ? value->text : TEXT(" \t\n");

    if (bj_sh_has_hole(ifs)) {
        put_byte(build, BJ_HOLE, false);
        build->started = true;
        return;
    }
    for (uint32_t i = 0; i < text.length; i++) {
        char byte = text.bytes[i];

        if (byte == BJ_HOLE || ifs.length == 0 || memchr(ifs.bytes, byte, ifs.length) == NULL) {
            put_byte(build, byte, false);
            build->started = true;
            build->after_blank = false;
        } else if (byte == ' ' || byte == '\t' || byte == '\n') {
            if (build->started) {
                bj_sh_end_field(build);
                build->after_blank = true;
            }
        } else if (build->after_blank) {
            build->after_blank = false;
        } else {
            bj_sh_end_field(build);
        }
    }
}

void bj_sh_put(struct build *build, struct text text, bool quoted, bool expanded)
{
    bj_sh_spend(build->walk, text.length);
    if (expanded && !quoted && build->mode == EXPAND_FIELDS) {
        put_split(build, text);
        return;
    }
    for (uint32_t i = 0; i < text.length; i++)
        put_byte(build, text.bytes[i], quoted);
    if (quoted || text.length > 0) {
        build->started = true;
        build->after_blank = false;
    }
}

/* The tree of a substitution's commands, parsed once. */
static const struct node *extent_tree(struct walk *walk, const struct source *source,
                                      struct extent *extent)
{
    if (extent->tree == NULL && extent->to >= extent->from + 3)
        extent->tree = bj_sh_parse(walk, source, extent->from + 2, extent->to - 1);
    return extent->tree;
}

/* The text between backticks: \` \\ and \$ lose their backslash, \" too within quotes. */
static struct source *backtick_text(struct walk *walk, const struct source *source,
                                    const struct extent *extent)
{
    char *copy = bj_arena_alloc(walk->arena, extent->to - extent->from + 1);
    uint32_t length = 0, end = extent->to - 1;

    if (copy == NULL)
        return NULL;
    for (uint32_t at = extent->from + 1; at < end; at++) {
        if (source->bytes[at] == '\\' && at + 1 < end &&
            (memchr("`\\$", source->bytes[at + 1], 3) != NULL ||
             (extent->quoted && source->bytes[at + 1] == '"')))
            at++;
        copy[length++] = source->bytes[at];
    }
    return bj_sh_source(walk, (struct text){copy, length}, SCAN_COMMANDS, source,
                        bj_sh_place(source, extent->from), bj_sh_place_end(source, extent->to));
}

struct text bj_sh_command_output(struct walk *walk, const struct source *source,
                                 struct extent *extent)
{
    struct text output;

    if (extent->to < extent->from + 3 || !bj_sh_enter(walk))
        return (struct text){"", 0};
    if (extent->kind == EXTENT_BACKTICKS) {
        if (extent->text == NULL)
            extent->text = backtick_text(walk, source, extent);
        if (extent->text != NULL && extent->text->tree == NULL)
            extent->text->tree = bj_sh_parse(walk, extent->text, 0, extent->text->length);
        output = extent->text == NULL ? HOLE_TEXT
                                      : bj_sh_walk_captured(walk, extent->text, extent->text->tree);
    } else {
        output = bj_sh_walk_captured(walk, source, extent_tree(walk, source, extent));
    }
    bj_sh_leave(walk);
    return output;
}

/* <( ): a file under /dev/fd that holds what the commands write. */
static struct text process_name(struct walk *walk, struct text output)
{
    size_t room = walk->process_room;
    struct text number = bj_sh_number(walk, 63 + (int64_t)walk->process_count);
    struct text name = bj_sh_concat(walk, TEXT("/dev/fd/"), number);

    walk->processes =
        bj_sh_grow(walk, walk->processes, walk->process_count, &room, sizeof *walk->processes);
    walk->process_room = (uint32_t)room;
    if (walk->processes == NULL) {
        walk->process_count = walk->process_room = 0;
        return HOLE_TEXT;
    }
    walk->processes[walk->process_count++] = (struct process_output){.name = name, .text = output};
    return name;
}

static void put_process(struct build *build, struct extent *extent)
{
    struct walk *walk = build->walk;
    const struct node *tree = extent_tree(walk, build->source, extent);
    struct input *input = walk->input;
    struct text output;

    if (extent->kind == EXTENT_PROCESS_OUT)
        walk->input = NULL;
    output = bj_sh_walk_captured(walk, build->source, tree);
    walk->input = input;
    bj_sh_put(build, process_name(walk, extent->kind == EXTENT_PROCESS_IN ? output : HOLE_TEXT),
              true, true);
}

static void put_extent(struct build *build, struct extent *extent, bool quoted)
{
    struct text output;
    int64_t number;

    switch ((enum extent_kind)extent->kind) {
    case EXTENT_COMMANDS:
    case EXTENT_BACKTICKS:
        output = bj_sh_command_output(build->walk, build->source, extent);
        while (output.length > 0 && output.bytes[output.length - 1] == '\n')
            output.length--;
        bj_sh_put(build, output, quoted, true);
        break;
    case EXTENT_PROCESS_IN:
    case EXTENT_PROCESS_OUT:
        put_process(build, extent);
        break;
    case EXTENT_PARAMETER:
        bj_sh_put_parameter(build, extent->from, extent->to, quoted);
        break;
    case EXTENT_MATH: {
        bool brackets = build->source->bytes[extent->from + 1] == '[';
        bool known = bj_sh_math_range(build->walk, build->source, extent->from + (brackets ? 2 : 3),
                                      extent->to - (brackets ? 1 : 2), &number);

        /* A number has nothing in it that splits or globs, known or not. */
        bj_sh_put(build, known ? bj_sh_number(build->walk, number) : HOLE_TEXT, true, true);
        break;
    }
    }
}

/* A dollar that is no extent: $name, $1, $'…', or just a dollar. Gives the place behind. */
static uint32_t put_dollar(struct build *build, uint32_t at, uint32_t end, bool quoted)
{
    const char *bytes = build->source->bytes;
    uint32_t name = bj_sh_name_length(bytes + at + 1, end - at - 1);
    bool stop;

    if (name == 0 && at + 1 < end && bytes[at + 1] != BJ_HOLE &&
        memchr("0123456789@*#?-$!", bytes[at + 1], 17) != NULL)
        name = 1;
    if (name > 0) {
        bj_sh_put_variable(build, (struct text){bytes + at + 1, name}, quoted);
        return at + 1 + name;
    }
    if (!quoted && at + 1 < end && bytes[at + 1] == '\'') {
        uint32_t to = bj_sh_skip(build->source, at, end);
        uint32_t close = to > at + 2 && bytes[to - 1] == '\'' ? to - 1 : to;

        bj_sh_put(
            build,
            bj_sh_decode(build->walk, (struct text){bytes + at + 2, close - at - 2}, false, &stop),
            true, false);
        return to;
    }
    if (!quoted && at + 1 < end && bytes[at + 1] == '"')
        return at + 1; /* $"…": translated, as any double-quoted text */
    bj_sh_put(build, TEXT("$"), quoted, false);
    return at + 1;
}

/* "…": empty lists of "$@" make no field of it. */
static uint32_t put_double(struct build *build, uint32_t at, uint32_t end)
{
    uint32_t to = bj_sh_skip(build->source, at, end);
    uint32_t close = to > at + 1 && build->source->bytes[to - 1] == '"' ? to - 1 : to;

    build->empty_list = false;
    bj_sh_put_range(build, at + 1, close, true);
    if (!build->empty_list)
        build->started = true;
    return to;
}

static uint32_t put_backslash(struct build *build, uint32_t at, uint32_t end, bool quoted)
{
    const char *bytes = build->source->bytes;

    if (at + 1 >= end) {
        bj_sh_put(build, TEXT("\\"), true, false);
        return end;
    }
    if (bytes[at + 1] == '\n')
        return at + 2;
    if (quoted && (memchr("$`\\", bytes[at + 1], 3) == NULL || bytes[at + 1] == BJ_HOLE) &&
        (bytes[at + 1] != '"' || build->document))
        bj_sh_put(build, TEXT("\\"), true, false);
    bj_sh_put(build, (struct text){bytes + at + 1, 1}, true, false);
    return at + 2;
}

void bj_sh_put_range(struct build *build, uint32_t at, uint32_t end, bool quoted)
{
    const char *bytes = build->source->bytes;

    while (at < end && bj_sh_step(build->walk)) {
        struct extent *extent = NULL;
        uint32_t to = at;

        switch (bytes[at]) {
        case '\\':
            at = put_backslash(build, at, end, quoted);
            continue;
        case '\'':
            if (quoted)
                break;
            to = bj_sh_skip(build->source, at, end);
            bj_sh_put(build, (struct text){bytes + at + 1, to > at + 1 ? to - at - 2 : 0}, true,
                      false);
            at = to;
            continue;
        case '"':
            if (quoted && build->in_word && !build->document) {
                at++;
                continue;
            }
            if (quoted)
                break;
            at = put_double(build, at, end);
            continue;
        case '$':
        case '`':
        case '<':
        case '>':
            extent = bj_sh_extent_at(build->source, at);
            if (extent != NULL && extent->to <= end) {
                put_extent(build, extent, quoted);
                at = extent->to;
                continue;
            }
            if (bytes[at] == '$') {
                at = put_dollar(build, at, end, quoted);
                continue;
            }
            break;
        }
        /* A run of plain bytes. */
        do
            to++;
        while (to < end && memchr("\\'\"$`<>", bytes[to], 7) == NULL);
        bj_sh_put(build, (struct text){bytes + at, to - at}, quoted, false);
        at = to;
    }
}

/* ~, ~+, ~root at the beginning of [at, end): puts the directory, gives the place behind it. */
static uint32_t put_tilde(struct build *build, uint32_t at, uint32_t end)
{
    const char *bytes = build->source->bytes;
    uint32_t to = at + 1;
    struct text home = HOLE_TEXT, user;
    const struct value *value;

    while (to < end && memchr("/:\\'\"$`", bytes[to], 7) == NULL)
        to++;
    if (to < end && bytes[to] != '/' && bytes[to] != ':')
        return at;
    user = (struct text){bytes + at + 1, to - at - 1};
    if (user.length == 0 || bj_sh_equal(user, TEXT("+")) || bj_sh_equal(user, TEXT("-"))) {
        struct text name = user.length == 0       ? TEXT("HOME")
                           : user.bytes[0] == '+' ? TEXT("PWD")
                                                  : TEXT("OLDPWD");

        value = bj_sh_pick(build->walk, bj_sh_slot(build->walk, SLOT_VARIABLE, name));
        if (value->kind == VALUE_TEXT)
            home = value->text;
    } else if (bj_sh_equal(user, TEXT("root"))) {
        home = TEXT("/root");
    }
    bj_sh_put(build, home, true, true);
    return to;
}

static void expand_range(struct build *build, uint32_t at, uint32_t end)
{
    if (at < end && build->source->bytes[at] == '~')
        at = put_tilde(build, at, end);
    bj_sh_put_range(build, at, end, false);
    if (build->fields != NULL && (build->started || build->length > 0))
        bj_sh_end_field(build);
}

/* ---- braces ---- */

struct braces {
    struct walk *walk;
    struct fields *fields;
    const struct source *outer;
    uint32_t from, to, made, tries;
    bool too_many;
};

/* A brace expression in [at, end): its braces; false if there is none. */
static bool find_braces(struct braces *braces, const struct source *source, uint32_t *ret_open,
                        uint32_t *ret_close)
{
    for (uint32_t open = 0; open < source->length;
         open = bj_sh_skip(source, open, source->length)) {
        uint32_t depth = 0;
        bool comma = false;

        if (source->bytes[open] != '{')
            continue;
        if (++braces->tries > BJ_SHELL_BRACES_MAX) {
            braces->too_many = true;
            return false;
        }
        for (uint32_t at = open + 1; at < source->length;
             at = bj_sh_skip(source, at, source->length)) {
            char byte = source->bytes[at];

            depth += byte == '{';
            comma |= depth == 0 && (byte == ',' || (byte == '.' && source->bytes[at + 1] == '.'));
            if (byte == '}' && depth-- == 0) {
                *ret_open = open;
                *ret_close = at;
                if (comma)
                    return true;
                break;
            }
        }
    }
    return false;
}

static void expand_braces(struct braces *braces, struct text word);

static void with_part(struct braces *braces, struct text word, uint32_t open, uint32_t close,
                      struct text part)
{
    struct text all = bj_sh_concat(braces->walk, (struct text){word.bytes, open}, part);

    all = bj_sh_concat(braces->walk, all,
                       (struct text){word.bytes + close + 1, word.length - close - 1});
    expand_braces(braces, all);
}

/* One end of {1..5} or {a..e}. */
static bool sequence_end(struct text text, int64_t *ret, bool *ret_letter)
{
    bool minus = text.length > 1 && text.bytes[0] == '-';
    int64_t number = 0;

    *ret_letter = false;
    if (text.length == 1 && (text.bytes[0] < '0' || text.bytes[0] > '9')) {
        *ret = (unsigned char)text.bytes[0];
        *ret_letter = true;
        return true;
    }
    if (text.length == 0 || text.length > 9)
        return false;
    for (uint32_t i = minus; i < text.length; i++) {
        if (text.bytes[i] < '0' || text.bytes[i] > '9')
            return false;
        number = number * 10 + text.bytes[i] - '0';
    }
    *ret = minus ? -number : number;
    return true;
}

/* {1..5}, {a..e..2}; false if it is none: the braces are text then. */
static bool sequence(struct braces *braces, struct text word, uint32_t open, uint32_t close)
{
    struct text parts[3];
    uint32_t count = 0, from = open + 1;
    int64_t first, last, step = 1;
    bool letter, letter2, letter3;

    for (uint32_t at = open + 1; at <= close && count < 3; at++) {
        if (at == close || (word.bytes[at] == '.' && word.bytes[at + 1] == '.')) {
            parts[count++] = (struct text){word.bytes + from, at - from};
            from = at + 2;
            at++;
        }
    }
    if (count < 2 || !sequence_end(parts[0], &first, &letter) ||
        !sequence_end(parts[1], &last, &letter2) || letter != letter2 ||
        (count == 3 && (!sequence_end(parts[2], &step, &letter3) || letter3)))
        return false;
    step = step < 0 ? -step : step == 0 ? 1 : step;
    for (int64_t at = first; first <= last ? at <= last : at >= last;
         at += first <= last ? step : -step) {
        char byte = (char)at;

        if (braces->too_many)
            break;
        /* Leading zeros make all of them as wide: too odd to follow. */
        with_part(braces, word, open, close,
                  letter ? bj_sh_copy(braces->walk, (struct text){&byte, 1})
                  : parts[0].bytes[0] == '0' && parts[0].length > 1
                      ? HOLE_TEXT
                      : bj_sh_number(braces->walk, at));
    }
    return true;
}

static void expand_plain(struct braces *braces, const struct source *source)
{
    struct build build = {.walk = braces->walk,
                          .source = source,
                          .fields = braces->fields,
                          .mode = EXPAND_FIELDS,
                          .from = braces->from,
                          .to = braces->to};

    if (++braces->made > BJ_SHELL_BRACES_MAX)
        braces->too_many = true;
    else
        expand_range(&build, 0, source->length);
}

static void expand_braces(struct braces *braces, struct text word)
{
    struct source *source;
    uint32_t open, close, from, depth = 0;

    if (braces->too_many || !bj_sh_enter(braces->walk))
        return;
    source = bj_sh_source(braces->walk, word, SCAN_WORD, braces->outer, braces->from, braces->to);
    if (source != NULL)
        word = (struct text){source->bytes, source->length};
    if (source == NULL || !find_braces(braces, source, &open, &close)) {
        if (source != NULL && !braces->too_many)
            expand_plain(braces, source);
        bj_sh_leave(braces->walk);
        return;
    }
    from = open + 1;
    for (uint32_t at = open + 1; at < close; at = bj_sh_skip(source, at, close)) {
        depth += word.bytes[at] == '{';
        depth -= word.bytes[at] == '}' && depth > 0;
        if (word.bytes[at] == ',' && depth == 0) {
            with_part(braces, word, open, close, (struct text){word.bytes + from, at - from});
            from = at + 1;
        }
    }
    if (from > open + 1)
        with_part(braces, word, open, close, (struct text){word.bytes + from, close - from});
    else if (!sequence(braces, word, open, close))
        expand_plain(braces, source);
    bj_sh_leave(braces->walk);
}

void bj_sh_expand(struct walk *walk, const struct source *source, uint32_t from, uint32_t to,
                  struct fields *ret)
{
    struct build build = {.walk = walk,
                          .source = source,
                          .fields = ret,
                          .mode = EXPAND_FIELDS,
                          .from = bj_sh_place(source, from),
                          .to = bj_sh_place_end(source, to)};
    const char *brace = memchr(source->bytes + from, '{', to - from);

    /* Braces are rewritten text; most words have none but those of ${ }. */
    while (brace != NULL && brace > source->bytes + from && brace[-1] == '$')
        brace = memchr(brace + 1, '{', (size_t)(source->bytes + to - brace - 1));
    if (brace != NULL && memchr(brace, '}', (size_t)(source->bytes + to - brace)) != NULL) {
        struct braces braces = {
            .walk = walk, .fields = ret, .outer = source, .from = build.from, .to = build.to};
        size_t before = ret->count;

        if (to - from > BJ_SHELL_BRACED_MAX)
            braces.too_many = true;
        else
            expand_braces(&braces, (struct text){source->bytes + from, to - from});
        if (!braces.too_many)
            return;
        ret->count = before;
        bj_sh_incomplete(walk, BJ_TOO_LARGE, build.from);
        put_byte(&build, BJ_HOLE, false);
        bj_sh_end_field(&build);
        return;
    }
    expand_range(&build, from, to);
}

static struct bj_word finish_one(struct build *build)
{
    append(build, "", 1);
    if (build->bytes == NULL || build->length == 0)
        return (struct bj_word){.text = "", .from = build->from, .to = build->to};
    return (struct bj_word){.text = build->bytes,
                            .length = build->length - 1,
                            .from = build->from,
                            .to = build->to,
                            .holes = build->holes,
                            .glob = build->glob};
}

struct bj_word bj_sh_expand_one(struct walk *walk, const struct source *source, uint32_t from,
                                uint32_t to, enum expand_mode mode)
{
    struct build build = {.walk = walk,
                          .source = source,
                          .mode = mode,
                          .from = bj_sh_place(source, from),
                          .to = bj_sh_place_end(source, to)};

    expand_range(&build, from, to);
    return finish_one(&build);
}

struct text bj_sh_expand_quoted(struct walk *walk, struct text text, enum scan_mode mode,
                                const struct source *outer, uint32_t from, uint32_t to)
{
    struct build build = {.walk = walk,
                          .mode = EXPAND_ONE,
                          .document = mode == SCAN_DOCUMENT,
                          .from = from,
                          .to = to};
    struct bj_word word;

    build.source = bj_sh_source(walk, text, mode, outer, from, to);
    if (build.source == NULL || !bj_sh_enter(walk))
        return HOLE_TEXT;
    bj_sh_put_range(&build, 0, build.source->length, true);
    bj_sh_leave(walk);
    word = finish_one(&build);
    return (struct text){word.text, word.length};
}
