/*
 * The shell analysis from outside: what is kept between texts, its limits, and small tools that its
 * parts share. See shell_internal.h for the parts.
 */
#include "base/mem.h"
#include "policy/shell_internal.h"

/* Bytes between looks at the clock. */
#define SPENT_MAX 8192

struct bj_shell *bj_shell_new(struct bj_error *err)
{
    struct bj_shell *shell = bj_alloc(sizeof *shell);

    if (shell != NULL)
        shell->grammar = bj_sh_grammar_new();
    if (shell == NULL || shell->grammar == NULL) {
        bj_free(shell);
        bj_fail(err, BJ_E_NO_MEMORY, "shell", "no memory for the parser of shell text");
        return NULL;
    }
    return shell;
}

void bj_shell_free(struct bj_shell *shell)
{
    if (shell == NULL)
        return;
    bj_sh_grammar_free(shell->grammar);
    bj_free(shell);
}

void bj_sh_incomplete(struct walk *walk, enum bj_incomplete why, uint32_t at)
{
    if (walk->result->incomplete >= why)
        return;
    walk->result->incomplete = why;
    walk->result->incomplete_at = at;
}

uint64_t bj_sh_time_left(const struct walk *walk)
{
    int64_t left;

    if (walk->context->clock == NULL || walk->context->deadline_us == 0)
        return 0;
    left = walk->context->deadline_us - walk->context->clock();
    return left > 0 ? (uint64_t)left : 1;
}

bool bj_sh_step(struct walk *walk)
{
    if (walk->stopped)
        return false;
    walk->steps++;
    if (walk->arena->failed || walk->steps > BJ_SHELL_STEPS_MAX) {
        bj_sh_incomplete(walk, BJ_TOO_LARGE, 0);
        walk->stopped = true;
    }
    bj_sh_spend(walk, 64);
    return !walk->stopped;
}

void bj_sh_spend(struct walk *walk, size_t bytes)
{
    walk->spent += bytes;
    if (walk->spent < SPENT_MAX || walk->stopped)
        return;
    walk->spent = 0;
    if (bj_sh_time_left(walk) == 1) {
        bj_sh_incomplete(walk, BJ_TOO_SLOW, 0);
        walk->stopped = true;
    }
}

bool bj_sh_enter(struct walk *walk)
{
    if (!bj_sh_step(walk))
        return false;
    if (walk->depth >= BJ_SHELL_DEPTH_MAX) {
        bj_sh_incomplete(walk, BJ_TOO_LARGE, 0);
        return false;
    }
    walk->depth++;
    return true;
}

void bj_sh_leave(struct walk *walk)
{
    walk->depth--;
}

void *bj_sh_grow(struct walk *walk, void *list, size_t count, size_t *room, size_t size)
{
    size_t more = *room == 0 ? 8 : *room * 2;
    void *longer;

    if (list != NULL && count < *room)
        return list;
    longer = bj_arena_array(walk->arena, more, size);
    if (longer == NULL)
        return NULL;
    if (count > 0)
        memcpy(longer, list, count * size);
    *room = more;
    return longer;
}

void bj_sh_write(struct walk *walk, struct sink *sink, struct text text)
{
    struct text *have;

    if (sink == NULL || text.length == 0)
        return;
    have = &sink->text;
    if (text.length > BJ_SHELL_STRING_MAX - have->length) {
        /* Too long to follow: anything. */
        text = HOLE_TEXT;
        if (have->length > 0 && have->bytes[have->length - 1] == BJ_HOLE)
            return;
        if (have->length == BJ_SHELL_STRING_MAX)
            have->length--;
    }
    if (have->length + text.length > sink->room) {
        uint32_t room = (have->length + text.length) * 2;
        char *bytes = bj_arena_alloc(walk->arena, room);

        if (bytes == NULL)
            return;
        if (have->length > 0)
            memcpy(bytes, have->bytes, have->length);
        have->bytes = bytes;
        sink->room = room;
    }
    memcpy((char *)have->bytes + have->length, text.bytes, text.length);
    have->length += text.length;
}

struct text bj_sh_copy(struct walk *walk, struct text text)
{
    char *copy = bj_arena_copy(walk->arena, text.bytes, text.length);

    return copy == NULL ? (struct text){"", 0} : (struct text){copy, text.length};
}

struct text bj_sh_concat(struct walk *walk, struct text a, struct text b)
{
    char *both;

    if (a.length > BJ_SHELL_STRING_MAX || b.length > BJ_SHELL_STRING_MAX - a.length)
        return HOLE_TEXT;
    both = bj_arena_alloc(walk->arena, a.length + b.length + 1);
    bj_sh_spend(walk, (size_t)a.length + b.length);
    if (both == NULL)
        return HOLE_TEXT;
    if (a.length > 0)
        memcpy(both, a.bytes, a.length);
    if (b.length > 0)
        memcpy(both + a.length, b.bytes, b.length);
    return (struct text){both, a.length + b.length};
}

struct text bj_sh_number(struct walk *walk, int64_t number)
{
    char digits[24];
    uint32_t at = sizeof digits;
    uint64_t left = number < 0 ? -(uint64_t)number : (uint64_t)number;

    do
        digits[--at] = (char)('0' + left % 10);
    while ((left /= 10) > 0);
    if (number < 0)
        digits[--at] = '-';
    return bj_sh_copy(walk, (struct text){digits + at, (uint32_t)sizeof digits - at});
}

bool bj_sh_equal(struct text a, struct text b)
{
    return a.length == b.length && (a.length == 0 || memcmp(a.bytes, b.bytes, a.length) == 0);
}

bool bj_sh_has_hole(struct text text)
{
    return text.length > 0 && memchr(text.bytes, BJ_HOLE, text.length) != NULL;
}

struct text bj_sh_string(const char *string)
{
    return (struct text){string, (uint32_t)strnlen(string, BJ_SHELL_STRING_MAX)};
}

/* The walk of one text or argument list. */
static void begin(struct walk *walk)
{
    static const struct bj_commands none = {.incomplete = BJ_COMPLETE};

    *walk->result = none;
    walk->parent = -1;
    walk->pipeline = -1;
    walk->stage = -1;
    walk->directory = bj_sh_slot(walk, SLOT_SPECIAL, TEXT("directory"));
    walk->positional = bj_sh_slot(walk, SLOT_SPECIAL, TEXT("positional"));
    walk->zero = bj_sh_slot(walk, SLOT_SPECIAL, TEXT("0"));
    walk->ifs = bj_sh_slot(walk, SLOT_VARIABLE, TEXT("IFS"));
    if (walk->context->directory != NULL)
        bj_sh_set_text(walk, walk->directory, bj_sh_string(walk->context->directory));
    bj_sh_set(walk, walk->positional,
              &(struct value){.kind = VALUE_ARRAY, .more = walk->context->environment == NULL});
}

static int end(struct walk *walk, struct bj_error *err)
{
    if (walk->arena->no_memory)
        return bj_fail(err, BJ_E_NO_MEMORY, "shell", "no memory to analyse a command");
    if (walk->arena->failed)
        bj_sh_incomplete(walk, BJ_TOO_LARGE, 0);
    return 0;
}

int bj_shell_analyse(struct bj_shell *shell, const struct bj_shell_context *context,
                     const char *text, size_t length, struct bj_arena *arena,
                     struct bj_commands *ret, struct bj_error *err)
{
    struct walk walk = {.shell = shell, .context = context, .arena = arena, .result = ret};
    struct scope scope;
    const char *nul = length > 0 ? memchr(text, '\0', length) : NULL;
    char *copy;

    begin(&walk);
    if (length > BJ_SHELL_TEXT_MAX) {
        bj_sh_incomplete(&walk, BJ_TOO_LARGE, BJ_SHELL_TEXT_MAX);
        length = BJ_SHELL_TEXT_MAX;
    }
    /* A shell drops these bytes, or ends there; to the walk they are holes. */
    if (nul != NULL)
        bj_sh_incomplete(&walk, BJ_NOT_PARSED, (uint32_t)(nul - text));
    copy = bj_arena_copy(arena, text, length);
    if (copy != NULL) {
        const struct source *source = bj_sh_source(&walk, (struct text){copy, (uint32_t)length},
                                                   SCAN_COMMANDS, NULL, 0, (uint32_t)length);

        bj_sh_scope_begin(&walk, &scope, SCOPE_SHELL);
        if (source != NULL)
            bj_sh_walk_source(&walk, source);
        bj_sh_scope_end(&walk, &scope);
    }
    return end(&walk, err);
}

int bj_shell_analyse_argv(struct bj_shell *shell, const struct bj_shell_context *context,
                          const char *const *argv, struct bj_arena *arena, struct bj_commands *ret,
                          struct bj_error *err)
{
    struct walk walk = {.shell = shell, .context = context, .arena = arena, .result = ret};
    struct bj_word *words;
    size_t count = 0;

    begin(&walk);
    while (argv[count] != NULL && count < BJ_SHELL_WORDS_MAX)
        count++;
    if (argv[count] != NULL)
        bj_sh_incomplete(&walk, BJ_TOO_LARGE, 0);
    words = bj_arena_array(arena, count, sizeof *words);
    for (size_t i = 0; words != NULL && i < count; i++) {
        size_t length = strlen(argv[i]);

        if (length > BJ_SHELL_TEXT_MAX) {
            bj_sh_incomplete(&walk, BJ_TOO_LARGE, 0);
            length = BJ_SHELL_TEXT_MAX;
        }
        words[i] = (struct bj_word){.text = bj_arena_copy(arena, argv[i], length),
                                    .length = (uint32_t)length};
        if (words[i].text == NULL)
            return end(&walk, err);
    }
    if (words != NULL && count > 0)
        bj_sh_run_program(&walk, words, count);
    return end(&walk, err);
}
