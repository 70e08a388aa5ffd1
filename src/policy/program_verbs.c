/*
 * The verbs of the tables: what is done with the value of an option or with an operand. And the
 * making of words out of parts of words.
 */
#include "policy/program_internal.h"

/* ---- Words ---- */

struct bj_word bj_word_of(struct reader *reader, const struct bj_word *near, const char *text,
                          size_t length)
{
    struct bj_word made = {.text = "", .from = near->from, .to = near->to};
    char *copy = bj_arena_copy(reader->arena, text, length);

    if (copy == NULL)
        return made;
    made.text = copy;
    made.length = (uint32_t)length;
    made.holes = memchr(copy, BJ_HOLE, length) != NULL;
    return made;
}

struct bj_word bj_word_slice(struct reader *reader, const struct bj_word *word, size_t from,
                             size_t length)
{
    struct bj_word made;

    /* Up to the end it can share the text; a NUL stands behind. */
    if (from + length < word->length)
        return bj_word_of(reader, word, word->text + from, length);
    made = *word;
    made.text += from;
    made.length = (uint32_t)length;
    made.holes = word->holes && memchr(made.text, BJ_HOLE, length) != NULL;
    made.splits = word->splits && made.holes;
    made.glob = word->glob && strpbrk(made.text, "*?[") != NULL;
    return made;
}

struct bj_word bj_word_join(struct reader *reader, const struct bj_word *words, size_t count,
                            char between)
{
    struct bj_word made = {.text = ""};
    size_t length = 0, at = 0;
    char *text;

    for (size_t i = 0; i < count; i++)
        length += words[i].length + 1;
    text = bj_arena_alloc(reader->arena, length + 1);
    if (text == NULL || count == 0)
        return made;
    for (size_t i = 0; i < count; i++) {
        memcpy(text + at, words[i].text, words[i].length);
        at += words[i].length;
        if (i + 1 < count)
            text[at++] = between;
        made.holes |= words[i].holes;
    }
    made.text = text;
    made.length = (uint32_t)at;
    made.from = words[0].from;
    made.to = words[count - 1].to;
    return made;
}

/* Reads one piece from *at into `out`; false at the end. */
static bool split_one(const struct bj_word *word, bool quotes, size_t *at, char *out,
                      size_t *ret_length)
{
    char quote = 0;
    size_t i = *at, length = 0;

    while (i < word->length && strchr(" \t\n\v\f\r", word->text[i]) != NULL && word->text[i] != 0)
        i++;
    if (i == word->length)
        return false;
    for (; i < word->length; i++) {
        char c = word->text[i];

        if (quote == 0 && c != BJ_HOLE && strchr(" \t\n\v\f\r", c) != NULL)
            break;
        if (quotes && quote == 0 && (c == '\'' || c == '"'))
            quote = c;
        else if (quotes && quote == c && c != 0)
            quote = 0;
        else if (quotes && c == '\\' && quote != '\'' && i + 1 < word->length)
            out[length++] = word->text[++i];
        else
            out[length++] = c;
    }
    *at = i;
    *ret_length = length;
    return true;
}

struct bj_word *bj_word_split(struct reader *reader, const struct bj_word *word, bool quotes,
                              size_t *ret_count)
{
    /* A piece and its blank take two bytes at least. */
    size_t room = word->length / 2 + 1, at = 0, length = 0, count = 0;
    struct bj_word *made = bj_arena_array(reader->arena, room, sizeof *made);
    char *piece = bj_arena_alloc(reader->arena, word->length + 1);

    *ret_count = 0;
    if (made == NULL || piece == NULL)
        return made;
    while (count < room && split_one(word, quotes, &at, piece, &length))
        made[count++] = bj_word_of(reader, word, piece, length);
    *ret_count = count;
    return made;
}

/* ---- Verbs ---- */

static void verb_runs(struct reader *reader, const struct use *use, const struct bj_word *value)
{
    size_t count;
    struct bj_word *words = bj_word_split(reader, value, true, &count);

    if (count > 0)
        bj_reader_effect(reader, use, BJ_EFFECT_RUNS, words, count);
}

static void verb_code(struct reader *reader, const struct use *use, const struct bj_word *value)
{
    struct bj_effect *effect;

    effect = bj_reader_effect_word(reader, use, BJ_EFFECT_CODE, value);
    if (effect != NULL)
        effect->language = use->argument;
}

static void verb_stdin(struct reader *reader, const struct use *use, const struct bj_word *value)
{
    struct bj_effect *effect = bj_reader_effect_word(reader, use, BJ_EFFECT_STDIN_SCRIPT, value);

    if (effect != NULL)
        effect->language = use->argument;
}

static void verb_script(struct reader *reader, const struct use *use, const struct bj_word *value)
{
    struct bj_effect *effect;

    if (value->length == 0 || bj_word_is(value, "-") || bj_word_is(value, "/dev/stdin") ||
        bj_word_is(value, "/dev/fd/0") || bj_word_is(value, "/proc/self/fd/0")) {
        verb_stdin(reader, use, value);
        return;
    }
    effect = bj_reader_effect_word(reader, use, BJ_EFFECT_SCRIPT, value);
    if (effect != NULL)
        effect->language = use->argument;
}

static void verb_helper(struct reader *reader, const struct use *use, const struct bj_word *value)
{
    struct bj_word helper = bj_word_of(reader, value, use->argument, strlen(use->argument));

    bj_reader_effect_word(reader, use, BJ_EFFECT_RUNS, &helper);
}

static void verb_directory(struct reader *reader, const struct use *use,
                           const struct bj_word *value)
{
    (void)use;
    reader->directory = *value;
    reader->has_directory = true;
}

static void verb_at_file(struct reader *reader, const struct use *use, const struct bj_word *value)
{
    struct bj_word file;

    if (value->length < 2 || value->text[0] != '@')
        return;
    file = bj_word_slice(reader, value, 1, value->length - 1);
    bj_reader_effect_word(reader, use, BJ_EFFECT_READS, &file);
}

static const struct verb_row {
    void (*function)(struct reader *, const struct use *, const struct bj_word *);
    enum bj_effect_kind kind;
} verbs[] = {
#define BJ_VERB(name, function, kind) [VERB_##name] = {function, kind},
#include "policy/program_verbs.def"
#undef BJ_VERB
};

void bj_reader_use(struct reader *reader, const struct use *use, const struct bj_word *value)
{
    const struct verb_row *row = &verbs[use->verb];
    struct bj_effect *effect;

    if (use->verb == VERB_NONE || reader->arena->failed)
        return;
    if (row->function != NULL) {
        row->function(reader, use, value);
        return;
    }
    effect = bj_reader_effect_word(reader, use, row->kind, value);
    if (effect != NULL && row->kind == BJ_EFFECT_RUNS)
        effect->language = "";
}
