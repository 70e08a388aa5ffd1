/*
 * Builtins of the shell: what they do to its state, and what they run. The shell's own handling
 * stands here and not in the table of programs because it needs that state.
 */
#include <ctype.h>

#include "policy/shell_internal.h"

static struct text text_of(const struct bj_word *word)
{
    return (struct text){word->text, word->length};
}

/* The words behind options; `with_value`: letters of options that take the next word. */
static size_t skip_options(const struct bj_word *words, size_t count, const char *with_value)
{
    size_t at = 1;

    while (at < count && words[at].length > 1 && words[at].text[0] == '-') {
        if (bj_word_is(&words[at], "--"))
            return at + 1;
        at += strchr(with_value, words[at].text[words[at].length - 1]) != NULL ? 2 : 1;
    }
    return at < count ? at : count;
}

static bool has_option(const struct bj_word *words, size_t count, char letter)
{
    for (size_t i = 1; i < count && words[i].length > 1 && words[i].text[0] == '-'; i++) {
        if (bj_word_is(&words[i], "--"))
            break;
        if (memchr(words[i].text + 1, letter, words[i].length - 1) != NULL)
            return true;
    }
    return false;
}

/* The value of an option, in the same word or the next; NULL if it is not given. */
static const struct bj_word *option_value(struct call *call, const struct bj_word *words,
                                          size_t count, char letter)
{
    for (size_t i = 1; i < count && words[i].length > 1 && words[i].text[0] == '-'; i++) {
        const char *at;

        if (bj_word_is(&words[i], "--"))
            break;
        at = memchr(words[i].text + 1, letter, words[i].length - 1);
        if (at != NULL && at + 1 < words[i].text + words[i].length) {
            struct bj_word *rest = bj_arena_alloc(call->walk->arena, sizeof *rest);
            uint32_t from = (uint32_t)(at + 1 - words[i].text);

            if (rest == NULL)
                return NULL;
            *rest = words[i];
            rest->text += from;
            rest->length -= from;
            return rest;
        }
        if (at != NULL)
            return i + 1 < count ? &words[i + 1] : NULL;
    }
    return NULL;
}

/* Words run below this builtin. */
static void run_below(struct call *call, struct bj_word *words, size_t count, bool shell)
{
    struct walk *walk = call->walk;
    struct call child = {
        .walk = walk, .source = call->source, .from = call->from, .to = call->to, .index = -1};
    int parent = walk->parent;

    walk->parent = call->index;
    bj_sh_run(&child, words, count, shell);
    walk->parent = parent;
}

static struct text joined(struct walk *walk, const struct bj_word *words, size_t count)
{
    struct text all = {"", 0};

    for (size_t i = 0; i < count && bj_sh_step(walk); i++) {
        if (i > 0)
            all = bj_sh_concat(walk, all, TEXT(" "));
        all = bj_sh_concat(walk, all, text_of(&words[i]));
    }
    return all;
}

/* ---- running ---- */

static void run_eval(struct call *call, struct bj_word *words, size_t count)
{
    size_t at = count > 1 && bj_word_is(&words[1], "--") ? 2 : 1;

    bj_sh_run_text(call, joined(call->walk, words + at, count - at), false);
}

static void run_source(struct call *call, struct bj_word *words, size_t count)
{
    size_t at = skip_options(words, count, "p");
    struct text text;

    if (at >= count)
        return;
    if (words[at].holes || words[at].glob)
        bj_sh_unknown(call->walk, call->index, "which script it runs is not known");
    else if (bj_sh_file_text(call->walk, &words[at], &text))
        bj_sh_run_text(call, text, false);
}

static void run_command(struct call *call, struct bj_word *words, size_t count)
{
    size_t at = skip_options(words, count, "");

    if (!has_option(words, count, 'v') && !has_option(words, count, 'V') && at < count)
        run_below(call, words + at, count - at, true);
    else
        bj_sh_write(call->walk, call->walk->sink, HOLE_TEXT);
}

static void run_exec(struct call *call, struct bj_word *words, size_t count)
{
    size_t at = skip_options(words, count, "a");

    if (at < count)
        run_below(call, words + at, count - at, false);
}

static void run_jobs(struct call *call, struct bj_word *words, size_t count)
{
    size_t at = skip_options(words, count, "");

    if (has_option(words, count, 'x') && at < count)
        run_below(call, words + at, count - at, true);
}

/* trap 'text' SIGNAL: it may run at any time; the end is as good as any. */
static void run_trap(struct call *call, struct bj_word *words, size_t count)
{
    size_t at = skip_options(words, count, "");

    if (at + 1 < count && !bj_word_is(&words[at], "-") && !has_option(words, count, 'p'))
        bj_sh_run_text(call, text_of(&words[at]), false);
}

/* compgen -C, complete -C, -F: a command that makes completions. */
static void run_completion(struct call *call, struct bj_word *words, size_t count)
{
    static const char letters[] = {'C', 'F', 'W'};

    for (size_t i = 0; i < sizeof letters; i++) {
        const struct bj_word *value = option_value(call, words, count, letters[i]);

        if (value == NULL)
            continue;
        if (letters[i] == 'W')
            bj_sh_expand_quoted(call->walk, text_of(value), SCAN_QUOTED, call->source, call->from,
                                call->to);
        else
            bj_sh_run_text(call, text_of(value), false);
    }
}

static void run_bind(struct call *call, struct bj_word *words, size_t count)
{
    const struct bj_word *value = option_value(call, words, count, 'x');
    const char *colon;
    struct text text;

    if (value == NULL || value->length == 0)
        return;
    colon = memchr(value->text, ':', value->length);
    if (colon == NULL)
        return;
    text = (struct text){colon + 1, value->length - (uint32_t)(colon + 1 - value->text)};
    while (text.length > 0 && (text.bytes[0] == ' ' || text.bytes[0] == '"'))
        text.bytes++, text.length--;
    while (text.length > 0 && text.bytes[text.length - 1] == '"')
        text.length--;
    bj_sh_run_text(call, text, false);
}

static void run_unknown(struct call *call, struct bj_word *words, size_t count)
{
    (void)words;
    (void)count;
    bj_sh_unknown(call->walk, call->index, "it runs earlier commands again");
}

static void run_enable(struct call *call, struct bj_word *words, size_t count)
{
    if (has_option(words, count, 'f'))
        bj_sh_unknown(call->walk, call->index, "it loads code into the shell");
}

/* ---- directories ---- */

static void change_directory(struct call *call, const struct bj_word *to)
{
    struct walk *walk = call->walk;
    struct value value = {.kind = VALUE_UNSET};
    struct bj_word path = bj_sh_resolve(walk, to);
    struct slot *old = bj_sh_slot(walk, SLOT_VARIABLE, TEXT("OLDPWD"));
    struct slot *now = bj_sh_slot(walk, SLOT_VARIABLE, TEXT("PWD"));

    if (!path.holes && !to->glob && !to->splits && path.text[0] == '/')
        value = (struct value){.kind = VALUE_TEXT, .text = text_of(&path)};
    bj_sh_set_values(walk, old, bj_sh_get(walk, now));
    bj_sh_set(walk, walk->directory, &value);
    bj_sh_set_text(walk, now, value.kind == VALUE_TEXT ? value.text : HOLE_TEXT);
}

static void go_to_variable(struct call *call, const char *name)
{
    const struct value *value =
        bj_sh_pick(call->walk, bj_sh_slot(call->walk, SLOT_VARIABLE, bj_sh_string(name)));
    struct bj_word word = bj_sh_word(
        call->walk, value->kind == VALUE_TEXT ? value->text : HOLE_TEXT, call->from, call->to);

    change_directory(call, &word);
}

static void run_cd(struct call *call, struct bj_word *words, size_t count)
{
    size_t at = skip_options(words, count, "");

    if (at < count && bj_word_is(&words[at], "-"))
        go_to_variable(call, "OLDPWD");
    else if (at < count)
        change_directory(call, &words[at]);
    else
        go_to_variable(call, "HOME");
}

static void run_pushd(struct call *call, struct bj_word *words, size_t count)
{
    struct walk *walk = call->walk;
    struct slot *stack = bj_sh_slot(walk, SLOT_SPECIAL, TEXT("directories"));
    const struct value *here = bj_sh_pick(walk, walk->directory);
    struct fields fields = {0};
    struct bj_word top =
        bj_sh_word(walk, here->kind == VALUE_TEXT ? here->text : HOLE_TEXT, call->from, call->to);
    size_t at = skip_options(words, count, "");

    fields.list = &top;
    fields.count = 1;
    bj_sh_append_elements(walk, stack, &fields);
    if (at < count && words[at].length > 0 && words[at].text[0] != '+') {
        change_directory(call, &words[at]);
    } else {
        struct bj_word hole = bj_sh_word(walk, HOLE_TEXT, call->from, call->to);

        change_directory(call, &hole);
    }
}

static void run_popd(struct call *call, struct bj_word *words, size_t count)
{
    struct walk *walk = call->walk;
    struct slot *stack = bj_sh_slot(walk, SLOT_SPECIAL, TEXT("directories"));
    struct value value = *bj_sh_pick(walk, stack);
    struct bj_word top = bj_sh_word(walk, HOLE_TEXT, call->from, call->to);

    (void)words;
    if (value.kind == VALUE_ARRAY && value.count > 0 && count == 1) {
        top = bj_sh_word(walk, value.elements[--value.count].value, call->from, call->to);
        bj_sh_set(walk, stack, &value);
    }
    change_directory(call, &top);
}

/* ---- variables ---- */

struct declaration {
    uint8_t flags, without;
    bool local, functions, prints;
};

static struct declaration read_declaration(const struct bj_word *words, size_t count)
{
    static const struct {
        char letter;
        uint8_t flag;
    } letters[] = {{'x', FLAG_EXPORTED},  {'i', FLAG_INTEGER}, {'A', FLAG_KEYED},
                   {'n', FLAG_REFERENCE}, {'l', FLAG_LOWER},   {'u', FLAG_UPPER}};
    struct declaration made = {0};

    if (bj_word_is(&words[0], "export")) {
        /* -n takes the mark back. */
        made.flags = FLAG_EXPORTED;
        made.functions = has_option(words, count, 'f');
        if (has_option(words, count, 'n'))
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
    made.functions = has_option(words, count, 'f') || has_option(words, count, 'F');
    made.local = !bj_word_is(&words[0], "readonly") && !has_option(words, count, 'g');
    return made;
}

/* A variable of a function is as it was when the function ends. */
static void make_local(struct walk *walk, struct slot *slot)
{
    struct frame *frame = walk->frame;
    struct change *locals;

    if (frame == NULL || slot == NULL)
        return;
    locals =
        bj_sh_grow(walk, frame->locals, frame->local_count, &frame->local_room, sizeof *locals);
    if (locals == NULL)
        return;
    frame->locals = locals;
    locals[frame->local_count++] = (struct change){.slot = slot, .before = slot->values};
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
    struct slot *slot;

    left.length -= append;
    element = bj_sh_subscript(left, &name, &subscript);
    if (!element)
        name = left;
    if (name.length == 0 || bj_sh_name_length(name.bytes, name.length) != name.length)
        return;
    slot = how->flags & FLAG_REFERENCE ? bj_sh_slot(walk, SLOT_VARIABLE, name)
                                       : bj_sh_variable(walk, name);
    if (how->local)
        make_local(walk, slot);
    if (slot != NULL && how->flags & FLAG_KEYED && bj_sh_pick(walk, slot)->kind != VALUE_ARRAY)
        bj_sh_set(walk, slot, &(struct value){.kind = VALUE_ARRAY, .flags = FLAG_KEYED});
    if (how->flags & ~FLAG_REFERENCE || how->without)
        bj_sh_add_flags(walk, slot, how->flags & ~FLAG_REFERENCE, how->without);
    if (equals != NULL) {
        value = (struct text){equals + 1, word->length - (uint32_t)(equals + 1 - word->text)};
        if (how->flags & FLAG_REFERENCE)
            bj_sh_set(walk, slot,
                      &(struct value){.kind = VALUE_TEXT, .flags = FLAG_REFERENCE, .text = value});
        else
            bj_sh_assign(walk, name, element ? &subscript : NULL, value, append);
        struct bj_word word_value = bj_sh_word(walk, value, word->from, word->to);

        bj_sh_follow_variable(call, bj_sh_copy(walk, name).bytes, &word_value);
    } else if (how->flags & FLAG_REFERENCE) {
        bj_sh_add_flags(walk, slot, FLAG_REFERENCE, 0);
    }
    if (how->flags & FLAG_EXPORTED)
        note_export(walk, slot);
}

static void run_declare(struct call *call, struct bj_word *words, size_t count)
{
    struct declaration how = read_declaration(words, count);

    for (size_t i = 1; i < count && bj_sh_step(call->walk); i++) {
        if (words[i].length > 0 && (words[i].text[0] == '-' || words[i].text[0] == '+'))
            continue;
        if (how.functions)
            bj_sh_add_flags(call->walk, bj_sh_slot(call->walk, SLOT_FUNCTION, text_of(&words[i])),
                            how.flags & FLAG_EXPORTED, 0);
        else
            declare_one(call, &how, &words[i]);
    }
}

static void run_unset(struct call *call, struct bj_word *words, size_t count)
{
    struct walk *walk = call->walk;
    bool functions = has_option(words, count, 'f'), variables = has_option(words, count, 'v');
    struct value unset = {.kind = VALUE_UNSET};

    for (size_t i = skip_options(words, count, ""); i < count && bj_sh_step(walk); i++) {
        struct text name, subscript, text = text_of(&words[i]);

        if (bj_sh_subscript(text, &name, &subscript)) {
            bj_sh_touch(walk, text);
            continue;
        }
        if (!functions)
            bj_sh_set(walk, bj_sh_variable(walk, text), &unset);
        if (!variables && bj_sh_slot(walk, SLOT_FUNCTION, text) != NULL &&
            bj_sh_slot(walk, SLOT_FUNCTION, text)->values != NULL && functions)
            bj_sh_set(walk, bj_sh_slot(walk, SLOT_FUNCTION, text), &unset);
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

/* Without -r a backslash takes the next byte as it is. */
static struct text without_backslashes(struct walk *walk, struct text text)
{
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
        return *line;
    }
    while (at < line->length &&
           (ifs.length == 0 || memchr(ifs.bytes, line->bytes[at], ifs.length) == NULL))
        at++;
    field = (struct text){line->bytes, at};
    at += at < line->length;
    line->bytes += at;
    line->length -= at;
    return bj_sh_has_hole(field) ? HOLE_TEXT : field;
}

static void run_read(struct call *call, struct bj_word *words, size_t count)
{
    struct walk *walk = call->walk;
    size_t at = skip_options(words, count, "adinNptu");
    const struct bj_word *array = option_value(call, words, count, 'a');
    bool odd = has_option(words, count, 'd') || has_option(words, count, 'n') ||
               has_option(words, count, 'N') || has_option(words, count, 'u');
    struct text line = odd ? HOLE_TEXT : next_line(walk);

    if (!has_option(words, count, 'r'))
        line = without_backslashes(walk, line);
    if (array != NULL) {
        struct value empty = {.kind = VALUE_ARRAY};
        struct fields fields = {0};
        struct build build = {.walk = walk, .fields = &fields, .mode = EXPAND_FIELDS};
        struct slot *slot = bj_sh_variable(walk, text_of(array));

        bj_sh_put(&build, line, false, true);
        if (build.started)
            bj_sh_end_field(&build);
        bj_sh_set(walk, slot, &empty);
        bj_sh_append_elements(walk, slot, &fields);
        return;
    }
    if (at >= count)
        bj_sh_assign_named(walk, TEXT("REPLY"), line);
    for (; at < count && bj_sh_step(walk); at++) {
        bool hole = bj_sh_has_hole(line);

        bj_sh_assign_named(walk, text_of(&words[at]),
                           hole && at + 1 < count ? HOLE_TEXT
                                                  : take_field(walk, &line, at + 1 == count));
    }
}

static void run_mapfile(struct call *call, struct bj_word *words, size_t count)
{
    struct walk *walk = call->walk;
    const struct bj_word *callback = option_value(call, words, count, 'C');
    size_t at = skip_options(words, count, "dnOsuCc");
    struct text name = at < count ? text_of(&words[at]) : TEXT("MAPFILE");
    struct value array = {.kind = VALUE_ARRAY, .more = walk->input == NULL};
    struct slot *slot;
    struct fields fields = {0};
    struct text all = walk->input == NULL ? (struct text){"", 0} : walk->input->text;

    if (callback != NULL)
        bj_sh_run_text(call, text_of(callback), false);
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
        list[fields.count++] = bj_sh_word(
            walk,
            (struct text){all.bytes + from,
                          i + 1 - from - (all.bytes[i] == '\n' && has_option(words, count, 't'))},
            call->from, call->to);
        from = i + 1;
    }
    bj_sh_set(walk, slot, &array);
    if (fields.count > 0)
        bj_sh_append_elements(walk, slot, &fields);
}

static void run_printf(struct call *call, struct bj_word *words, size_t count)
{
    struct walk *walk = call->walk;
    const struct bj_word *target = option_value(call, words, count, 'v');
    size_t at = skip_options(words, count, "v");
    struct text text = HOLE_TEXT;

    if (at < count)
        bj_sh_printf(walk, words + at, count - at, &text);
    if (target != NULL)
        bj_sh_assign_named(walk, text_of(target), text);
    else
        bj_sh_write(walk, walk->sink, text);
    /* %d evaluates nothing, but -v's subscript, above, does. */
}

static void run_let(struct call *call, struct bj_word *words, size_t count)
{
    int64_t ignored;

    for (size_t i = 1; i < count; i++)
        bj_sh_math(call->walk, text_of(&words[i]), &ignored);
}

static void run_test(struct call *call, struct bj_word *words, size_t count)
{
    int64_t ignored;

    for (size_t i = 1; i + 1 < count; i++) {
        if (bj_word_is(&words[i], "-v") || bj_word_is(&words[i], "-R"))
            bj_sh_touch(call->walk, text_of(&words[i + 1]));
        else if (bj_sh_is_comparison(text_of(&words[i]))) {
            /* Whole numbers only in [ and test: but [ is [[ to some shells. */
            if (i > 1)
                bj_sh_math(call->walk, text_of(&words[i - 1]), &ignored);
            bj_sh_math(call->walk, text_of(&words[i + 1]), &ignored);
        }
    }
}

static void run_set(struct call *call, struct bj_word *words, size_t count)
{
    struct walk *walk = call->walk;
    struct value value = {.kind = VALUE_ARRAY};
    struct fields fields = {0};
    size_t at = 1;

    while (at < count && words[at].length > 1 &&
           (words[at].text[0] == '-' || words[at].text[0] == '+') && !bj_word_is(&words[at], "--"))
        at += words[at].text[words[at].length - 1] == 'o' ? 2 : 1;
    if (at >= count)
        return;
    at += bj_word_is(&words[at], "--") || bj_word_is(&words[at], "-");
    bj_sh_set(walk, walk->positional, &value);
    fields.list = words + at;
    fields.count = at < count ? count - at : 0;
    if (fields.count > 0)
        bj_sh_append_elements(walk, walk->positional, &fields);
}

static void run_shift(struct call *call, struct bj_word *words, size_t count)
{
    struct walk *walk = call->walk;
    struct value value = *bj_sh_pick(walk, walk->positional);
    uint32_t by = 1;

    if (value.kind != VALUE_ARRAY)
        return;
    if (count > 1) {
        int64_t number;

        if (!bj_sh_math(walk, text_of(&words[1]), &number) || number < 0) {
            value.count = 0;
            value.more = true;
            number = 0;
        }
        by = number > value.count ? value.count : (uint32_t)number;
    }
    if (by > value.count)
        by = value.count;
    value.elements += by;
    value.count -= by;
    bj_sh_set(walk, walk->positional, &value);
}

static void run_getopts(struct call *call, struct bj_word *words, size_t count)
{
    if (count > 2)
        bj_sh_assign_named(call->walk, text_of(&words[2]), HOLE_TEXT);
    bj_sh_assign(call->walk, TEXT("OPTARG"), NULL, HOLE_TEXT, false);
    bj_sh_assign(call->walk, TEXT("OPTIND"), NULL, HOLE_TEXT, false);
}

static void run_wait(struct call *call, struct bj_word *words, size_t count)
{
    const struct bj_word *target = option_value(call, words, count, 'p');

    if (target != NULL)
        bj_sh_assign_named(call->walk, text_of(target), HOLE_TEXT);
}

static void run_alias(struct call *call, struct bj_word *words, size_t count)
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

static void run_unalias(struct call *call, struct bj_word *words, size_t count)
{
    for (size_t i = 1; i < count; i++)
        bj_sh_set(call->walk, bj_sh_slot(call->walk, SLOT_ALIAS, text_of(&words[i])),
                  &(struct value){.kind = VALUE_UNSET});
}

/* hash -p FILE NAME: the name means that file from now on, as an alias would. */
static void run_hash(struct call *call, struct bj_word *words, size_t count)
{
    const struct bj_word *file = option_value(call, words, count, 'p');
    size_t at = skip_options(words, count, "pd");

    for (; file != NULL && at < count; at++)
        bj_sh_set_text(call->walk, bj_sh_slot(call->walk, SLOT_ALIAS, text_of(&words[at])),
                       text_of(file));
}

/* Sorted by name. */
static const struct builtin builtins[] = {
    {"((", NULL, false, true},
    {".", run_source, false, true},
    {":", NULL, false, true},
    {"[", run_test, false, true},
    {"[[", NULL, false, true},
    {"alias", run_alias, false, false},
    {"bg", NULL, false, false},
    {"bind", run_bind, false, false},
    {"break", NULL, false, true},
    {"builtin", run_command, false, true},
    {"caller", NULL, false, false},
    {"cd", run_cd, false, true},
    {"command", run_command, false, true},
    {"compgen", run_completion, false, false},
    {"complete", run_completion, false, false},
    {"compopt", NULL, false, false},
    {"continue", NULL, false, true},
    {"declare", run_declare, true, false},
    {"dirs", NULL, false, false},
    {"disown", NULL, false, true},
    {"echo", NULL, false, false},
    {"enable", run_enable, false, false},
    {"eval", run_eval, false, true},
    {"exec", run_exec, false, true},
    {"exit", NULL, false, true},
    {"export", run_declare, true, false},
    {"false", NULL, false, true},
    {"fc", run_unknown, false, false},
    {"fg", NULL, false, false},
    {"getopts", run_getopts, false, true},
    {"hash", run_hash, false, false},
    {"help", NULL, false, false},
    {"history", NULL, false, false},
    {"jobs", run_jobs, false, false},
    {"kill", NULL, false, false},
    {"let", run_let, false, true},
    {"local", run_declare, true, false},
    {"logout", NULL, false, true},
    {"mapfile", run_mapfile, false, true},
    {"popd", run_popd, false, false},
    {"printf", run_printf, false, true},
    {"pushd", run_pushd, false, false},
    {"pwd", NULL, false, false},
    {"read", run_read, false, true},
    {"readarray", run_mapfile, false, true},
    {"readonly", run_declare, true, false},
    {"return", NULL, false, true},
    {"set", run_set, false, false},
    {"shift", run_shift, false, true},
    {"shopt", NULL, false, false},
    {"source", run_source, false, true},
    {"suspend", NULL, false, true},
    {"test", run_test, false, true},
    {"times", NULL, false, false},
    {"trap", run_trap, false, false},
    {"true", NULL, false, true},
    {"type", NULL, false, false},
    {"typeset", run_declare, true, false},
    {"ulimit", NULL, false, false},
    {"umask", NULL, false, false},
    {"unalias", run_unalias, false, true},
    {"unset", run_unset, false, true},
    {"wait", run_wait, false, true},
};

const struct builtin *bj_sh_builtin(const struct bj_word *name)
{
    size_t low = 0, high = sizeof builtins / sizeof *builtins;

    if (name->holes)
        return NULL;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(name->text, builtins[middle].name);

        if (order == 0)
            return &builtins[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

/* Prompts are expanded as between double quotes; the rest is what the table of variables says. */
void bj_sh_follow_variable(struct call *call, const char *name, const struct bj_word *value)
{
    struct walk *walk = call->walk;
    struct bj_effect effect;
    struct text text;

    if (name[0] == 'P' && name[1] == 'S' && name[2] >= '0' && name[2] <= '4' && name[3] == '\0') {
        bj_sh_expand_quoted(walk, text_of(value), SCAN_QUOTED, call->source, call->from, call->to);
        return;
    }
    if (!bj_variable_chooses_code(name, value, &effect))
        return;
    if (strcmp(name, "BASH_ENV") == 0 || strcmp(name, "ENV") == 0) {
        if (bj_sh_file_text(walk, value, &text))
            bj_sh_run_text(call, text, true);
        /* It is expanded again when a shell starts. */
        bj_sh_expand_quoted(walk, text_of(value), SCAN_QUOTED, call->source, call->from, call->to);
    } else if (effect.kind == BJ_EFFECT_SHELL) {
        /* LESSOPEN has a | or - in front. */
        text = text_of(value);
        while (text.length > 0 && memchr("|-", text.bytes[0], 2) != NULL)
            text.bytes++, text.length--;
        bj_sh_run_text(call, text, true);
    }
}
