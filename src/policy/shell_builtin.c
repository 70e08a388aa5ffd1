/*
 * Builtins of the shell: what they do to its state, and what they run. The shell's own handling
 * stands here and not in the table of programs because it needs that state.
 */
#include <ctype.h>

#include "policy/shell_builtin_internal.h"

size_t bj_sh_options_end(const struct bj_word *words, size_t count, const char *with_value)
{
    size_t at = 1;

    while (at < count && words[at].length > 1 && words[at].text[0] == '-') {
        if (bj_word_is(&words[at], "--"))
            return at + 1;
        at += strchr(with_value, words[at].text[words[at].length - 1]) != NULL ? 2 : 1;
    }
    return at < count ? at : count;
}

bool bj_sh_has_option(const struct bj_word *words, size_t count, char letter)
{
    for (size_t i = 1; i < count && words[i].length > 1 && words[i].text[0] == '-'; i++) {
        if (bj_word_is(&words[i], "--"))
            break;
        if (memchr(words[i].text + 1, letter, words[i].length - 1) != NULL)
            return true;
    }
    return false;
}

const struct bj_word *bj_sh_option(struct call *call, const struct bj_word *words, size_t count,
                                   char letter)
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
    struct call child = {.walk = walk,
                         .source = call->source,
                         .from = call->from,
                         .to = call->to,
                         .statement = call->statement,
                         .index = -1};
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
        all = bj_sh_concat(walk, all, bj_word_text(&words[i]));
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
    size_t at = bj_sh_options_end(words, count, "p");
    struct text text;
    struct scope scope;

    if (at >= count)
        return;
    if (words[at].holes || words[at].glob)
        bj_sh_unknown(call->walk, call->index, "which script it runs is not known");
    else if (bj_sh_file_text(call->walk, &words[at], &text)) {
        bj_sh_scope_begin(call->walk, &scope, SCOPE_CALL);
        bj_sh_run_text(call, text, false);
        bj_sh_scope_end(call->walk, &scope);
    } else if (bj_word_starts(&words[at], "/dev/") || bj_word_starts(&words[at], "/proc/")) {
        bj_sh_unknown(call->walk, call->index, "which script it runs is not known");
    }
}

static void run_command(struct call *call, struct bj_word *words, size_t count)
{
    size_t at = bj_sh_options_end(words, count, "");

    if (!bj_sh_has_option(words, count, 'v') && !bj_sh_has_option(words, count, 'V') &&
        at < count) {
        call->walk->past_functions = true;
        run_below(call, words + at, count - at, true);
    } else {
        bj_sh_write(call->walk, call->walk->sink, HOLE_TEXT);
    }
}

static void run_exec(struct call *call, struct bj_word *words, size_t count)
{
    size_t at = bj_sh_options_end(words, count, "a");

    if (at < count)
        run_below(call, words + at, count - at, false);
    /* What comes behind it may not run; without a command its redirects stay. */
    bj_sh_scope_jump(call->walk, SCOPE_SHELL);
}

static void run_exit(struct call *call, struct bj_word *words, size_t count)
{
    (void)words;
    (void)count;
    bj_sh_scope_jump(call->walk, SCOPE_SHELL);
}

static void run_return(struct call *call, struct bj_word *words, size_t count)
{
    (void)words;
    (void)count;
    bj_sh_scope_jump(call->walk, SCOPE_CALL);
}

static void run_break(struct call *call, struct bj_word *words, size_t count)
{
    (void)words;
    (void)count;
    bj_sh_scope_jump(call->walk, SCOPE_LOOP);
}

static void run_jobs(struct call *call, struct bj_word *words, size_t count)
{
    size_t at = bj_sh_options_end(words, count, "");

    if (bj_sh_has_option(words, count, 'x') && at < count)
        run_below(call, words + at, count - at, true);
}

/* trap 'text' SIGNAL: it may run now, at the end of the shell, and for a signal at any time. */
static void run_trap(struct call *call, struct bj_word *words, size_t count)
{
    struct walk *walk = call->walk;
    size_t at = bj_sh_options_end(words, count, "");
    struct branches branches;
    struct trap *traps;
    bool at_end = true;

    if (at + 1 >= count || bj_word_is(&words[at], "-") || bj_sh_has_option(words, count, 'p'))
        return;
    for (size_t i = at + 1; i < count; i++)
        at_end = at_end && (bj_word_is(&words[i], "EXIT") || bj_word_is(&words[i], "0"));
    traps = bj_sh_grow(walk, walk->traps, walk->trap_count, &walk->trap_room, sizeof *traps);
    if (traps == NULL)
        return;
    walk->traps = traps;
    traps[walk->trap_count++] = (struct trap){.text = bj_word_text(&words[at]),
                                              .parent = call->index,
                                              .from = call->from,
                                              .to = call->to,
                                              .changes = walk->changes,
                                              .at_end = at_end};
    bj_sh_branches_begin(walk, &branches);
    branches.sink = NULL;
    bj_sh_run_text(call, bj_word_text(&words[at]), false);
    bj_sh_branch_end(walk, &branches);
    bj_sh_branches_join(walk, &branches, true);
}

/* compgen -C, complete -C, -F: a command that makes completions. */
static void run_completion(struct call *call, struct bj_word *words, size_t count)
{
    static const char letters[] = {'C', 'F', 'W'};

    for (size_t i = 0; i < sizeof letters; i++) {
        const struct bj_word *value = bj_sh_option(call, words, count, letters[i]);

        if (value == NULL)
            continue;
        if (letters[i] == 'W')
            bj_sh_expand_quoted(call->walk, bj_word_text(value), SCAN_QUOTED, call->source,
                                call->from, call->to);
        else
            bj_sh_run_text(call, bj_word_text(value), false);
    }
}

static void run_bind(struct call *call, struct bj_word *words, size_t count)
{
    const struct bj_word *value = bj_sh_option(call, words, count, 'x');
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
    if (bj_sh_has_option(words, count, 'f'))
        bj_sh_unknown(call->walk, call->index, "it loads code into the shell");
}

/* ---- options ---- */

static bool mentions_case(struct text text)
{
    return bj_sh_has_hole(text) ||
           (text.length > 0 && memmem(text.bytes, text.length, "nocasematch", 11) != NULL);
}

/* Once said it holds, also where it was taken back: that is never too mild. */
void bj_sh_note_option(struct walk *walk, const struct bj_word *name)
{
    if (mentions_case(bj_word_text(name)) || name->glob)
        bj_sh_set_text(walk, bj_sh_slot(walk, SLOT_SPECIAL, TEXT("nocasematch")), TEXT("1"));
    walk->lastpipe |= name->holes || name->glob || bj_word_is(name, "lastpipe");
}

static void run_shopt(struct call *call, struct bj_word *words, size_t count)
{
    for (size_t i = 1; i < count; i++)
        bj_sh_note_option(call->walk, &words[i]);
}

bool bj_sh_ignores_case(struct walk *walk)
{
    struct slot *option = bj_sh_slot(walk, SLOT_SPECIAL, TEXT("nocasematch"));
    const struct value *inherited =
        bj_sh_pick(walk, bj_sh_slot(walk, SLOT_VARIABLE, TEXT("BASHOPTS")));

    /* A value that the text did not set is the caller's, which is taken to be the usual one. */
    return (option != NULL && option->values != NULL) ||
           (inherited->kind == VALUE_TEXT && inherited->text.length > 1 &&
            mentions_case(inherited->text));
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
        value = (struct value){.kind = VALUE_TEXT, .text = bj_word_text(&path)};
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
    size_t at = bj_sh_options_end(words, count, "");

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
    size_t at = bj_sh_options_end(words, count, "");

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

/* Sorted by name. */
static const struct builtin builtins[] = {
    {"((", NULL, false, true},
    {".", run_source, false, true},
    {":", NULL, false, true},
    {"[", bj_sh_test_builtin, false, true},
    {"[[", NULL, false, true},
    {"alias", bj_sh_alias_builtin, false, false},
    {"bg", NULL, false, false},
    {"bind", run_bind, false, false},
    {"break", run_break, false, true},
    {"builtin", run_command, false, true},
    {"caller", NULL, false, false},
    {"cd", run_cd, false, true},
    {"command", run_command, false, true},
    {"compgen", run_completion, false, false},
    {"complete", run_completion, false, false},
    {"compopt", NULL, false, false},
    {"continue", run_break, false, true},
    {"declare", bj_sh_declare_builtin, true, false},
    {"dirs", NULL, false, false},
    {"disown", NULL, false, true},
    {"echo", NULL, false, false},
    {"enable", run_enable, false, false},
    {"eval", run_eval, false, true},
    {"exec", run_exec, false, true},
    {"exit", run_exit, false, true},
    {"export", bj_sh_declare_builtin, true, false},
    {"false", NULL, false, true},
    {"fc", run_unknown, false, false},
    {"fg", NULL, false, false},
    {"getopts", bj_sh_getopts_builtin, false, true},
    {"hash", bj_sh_hash_builtin, false, false},
    {"help", NULL, false, false},
    {"history", NULL, false, false},
    {"jobs", run_jobs, false, false},
    {"kill", NULL, false, false},
    {"let", bj_sh_let_builtin, false, true},
    {"local", bj_sh_declare_builtin, true, false},
    {"logout", run_exit, false, true},
    {"mapfile", bj_sh_mapfile_builtin, false, true},
    {"popd", run_popd, false, false},
    {"printf", bj_sh_printf_builtin, false, true},
    {"pushd", run_pushd, false, false},
    {"pwd", NULL, false, false},
    {"read", bj_sh_read_builtin, false, true},
    {"readarray", bj_sh_mapfile_builtin, false, true},
    {"readonly", bj_sh_declare_builtin, true, false},
    {"return", run_return, false, true},
    {"set", bj_sh_set_builtin, false, false},
    {"shift", bj_sh_shift_builtin, false, true},
    {"shopt", run_shopt, false, false},
    {"source", run_source, false, true},
    {"suspend", NULL, false, true},
    {"test", bj_sh_test_builtin, false, true},
    {"times", NULL, false, false},
    {"trap", run_trap, false, false},
    {"true", NULL, false, true},
    {"type", NULL, false, false},
    {"typeset", bj_sh_declare_builtin, true, false},
    {"ulimit", NULL, false, false},
    {"umask", NULL, false, false},
    {"unalias", bj_sh_unalias_builtin, false, true},
    {"unset", bj_sh_unset_builtin, false, true},
    {"wait", bj_sh_wait_builtin, false, true},
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
static void follow_text(struct call *call, const char *name, const struct bj_word *value)
{
    struct walk *walk = call->walk;
    struct bj_effect effect;
    struct text text;

    if (name[0] == 'P' && name[1] == 'S' && name[2] >= '0' && name[2] <= '4' && name[3] == '\0') {
        bj_sh_expand_quoted(walk, bj_word_text(value), SCAN_QUOTED, call->source, call->from,
                            call->to);
        return;
    }
    if (!bj_variable_chooses_code(name, value, &effect))
        return;
    if (strcmp(name, "BASH_ENV") == 0 || strcmp(name, "ENV") == 0) {
        if (bj_sh_file_text(walk, value, &text))
            bj_sh_run_text(call, text, true);
        else if (value->length > 0)
            bj_sh_unknown(walk, call->index, "what a script runs before its own text is not known");
        /* It is expanded again when a shell starts. */
        bj_sh_expand_quoted(walk, bj_word_text(value), SCAN_QUOTED, call->source, call->from,
                            call->to);
    } else if (effect.kind == BJ_EFFECT_SHELL) {
        /* LESSOPEN has a | or - in front. */
        text = bj_word_text(value);
        while (text.length > 0 && memchr("|-", text.bytes[0], 2) != NULL)
            text.bytes++, text.length--;
        bj_sh_run_text(call, text, true);
    }
}

/* Assignments to these arrays are what hash -p and alias do. */
static bool assigned_names(struct walk *walk, const struct slot *slot, const struct value *value)
{
    bool hash = bj_sh_equal(slot->name, TEXT("BASH_CMDS"));

    if (!hash && !bj_sh_equal(slot->name, TEXT("BASH_ALIASES")))
        return false;
    if (value->more || value->kind == VALUE_TEXT)
        bj_sh_incomplete(walk, BJ_NOT_PARSED, walk->command_from);
    for (uint32_t i = 0; value->kind == VALUE_ARRAY && i < value->count; i++)
        bj_sh_set_text(walk,
                       bj_sh_slot(walk, hash ? SLOT_HASH : SLOT_ALIAS, value->elements[i].key),
                       value->elements[i].value);
    return true;
}

void bj_sh_assigned(struct walk *walk, const struct slot *slot, const struct value *value)
{
    static const struct source none = {.bytes = "", .nested = true};
    struct call call = {.walk = walk, .source = &none, .index = -1};
    struct bj_effect effect;
    struct text text = value->text;
    struct bj_word word;

    if (assigned_names(walk, slot, value) || (value->flags & FLAG_REFERENCE) ||
        !bj_variable_chooses_code(slot->name.bytes, NULL, &effect))
        return;
    /* Without a PATH programs are looked for where the shell is, as with an empty one. */
    if (value->kind == VALUE_UNSET && strcmp(slot->name.bytes, "PATH") != 0)
        return;
    if (walk->call != NULL) {
        call.source = walk->call->source;
        call.from = walk->call->from;
        call.to = walk->call->to;
        call.statement = walk->call->statement;
        call.index = walk->call->index;
    }
    if (value->kind == VALUE_ARRAY)
        text = value->more || value->count > 1 ? HOLE_TEXT
               : value->count == 1             ? value->elements[0].value
                                               : (struct text){"", 0};
    else if (value->kind == VALUE_UNSET)
        text = (struct text){"", 0};
    bj_sh_note_assignment(walk, slot->name, text);
    word = bj_sh_word(walk, text, call.from, call.to);
    if (bj_sh_enter(walk)) {
        follow_text(&call, slot->name.bytes, &word);
        bj_sh_leave(walk);
    }
}
