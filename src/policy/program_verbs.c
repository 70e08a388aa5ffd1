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

void bj_verb_runs(struct reader *reader, const struct use *use, const struct bj_word *value)
{
    size_t count;
    struct bj_word *words = bj_word_split(reader, value, true, &count);

    if (count > 0)
        bj_reader_effect(reader, use, BJ_EFFECT_RUNS, words, count);
}

/* sed, awk and SQL are read whole, so what they do is told by effects, and only what could not be
 * read stays code. Other languages stay code whatever is found in them. */
void bj_verb_code(struct reader *reader, const struct use *use, const struct bj_word *value)
{
    struct bj_effect *effect;

    if (strcmp(use->argument, "sed") == 0 && bj_code_sed(reader, use, value))
        return;
    if (strcmp(use->argument, "awk") == 0 && bj_code_awk(reader, use, value))
        return;
    if (strcmp(use->argument, "sql") == 0 && bj_code_sql(reader, use, value))
        return;
    effect = bj_reader_effect_word(reader, use, BJ_EFFECT_CODE, value);
    if (effect != NULL)
        effect->language = use->argument;
    bj_code_calls(reader, use, value);
}

void bj_verb_script(struct reader *reader, const struct use *use, const struct bj_word *value)
{
    struct bj_effect *effect;

    if (value->length == 0 || bj_word_is(value, "-") || bj_word_is(value, "/dev/stdin") ||
        bj_word_is(value, "/dev/fd/0") || bj_word_is(value, "/proc/self/fd/0")) {
        bj_list_stdin(reader, use, NULL);
        return;
    }
    effect = bj_reader_effect_word(reader, use, BJ_EFFECT_SCRIPT, value);
    if (effect != NULL)
        effect->language = use->argument;
}

void bj_verb_pattern(struct reader *reader, const struct use *use, const struct bj_word *value)
{
    (void)use;
    (void)value;
    reader->ret->patterns++;
}

void bj_verb_startup(struct reader *reader, const struct use *use, const struct bj_word *value)
{
    struct use script = *use;

    script.argument = "sh";
    bj_reader_effect_word(reader, use, BJ_EFFECT_LOADS, value);
    bj_verb_script(reader, &script, value);
}

void bj_verb_helper(struct reader *reader, const struct use *use, const struct bj_word *value)
{
    struct bj_word helper = bj_word_of(reader, value, use->argument, strlen(use->argument));

    bj_reader_effect_word(reader, use, BJ_EFFECT_RUNS, &helper);
}

void bj_verb_directory(struct reader *reader, const struct use *use, const struct bj_word *value)
{
    (void)use;
    reader->directory = *value;
    reader->ret->directory = bj_arena_array(reader->arena, 1, sizeof *value);
    if (reader->ret->directory != NULL)
        memcpy((void *)reader->ret->directory, value, sizeof *value);
    reader->has_directory = true;
}

void bj_verb_outputs(struct reader *reader, const struct use *use, const struct bj_word *value)
{
    if (!bj_word_is(value, "-"))
        bj_reader_effect_word(reader, use, BJ_EFFECT_WRITES, value);
}

/* A list of files that may hold options as well. */
void bj_verb_names_from(struct reader *reader, const struct use *use, const struct bj_word *value)
{
    bj_reader_effect_word(reader, use, BJ_EFFECT_READS, value);
    bj_reader_effect_word(reader, use, BJ_EFFECT_UNKNOWN, value);
}

void bj_verb_at_file(struct reader *reader, const struct use *use, const struct bj_word *value)
{
    struct bj_word file;

    if (value->length < 2 || value->text[0] != '@')
        return;
    file = bj_word_slice(reader, value, 1, value->length - 1);
    bj_reader_effect_word(reader, use, BJ_EFFECT_READS, &file);
}

void bj_verb_at_form(struct reader *reader, const struct use *use, const struct bj_word *value)
{
    const char *equals = memchr(value->text, '=', value->length);
    size_t at = equals == NULL ? 0 : (size_t)(equals - value->text) + 1;
    struct bj_word file;

    if (equals == NULL || at >= value->length || (value->text[at] != '@' && value->text[at] != '<'))
        return;
    file = bj_word_slice(reader, value, at + 1, value->length - at - 1);
    bj_reader_effect_word(reader, use, BJ_EFFECT_READS, &file);
}

void bj_verb_edits(struct reader *reader, const struct use *use, const struct bj_word *value)
{
    const struct bj_flag *flag = bj_reader_flag(reader, use->argument);
    bool reads = flag == NULL ||
                 /* gawk's -i names a library, and one of that name edits in place. */
                 (flag->value != NULL && strcmp(flag->name, "include") == 0 &&
                  !bj_word_is(flag->value, "inplace"));
    struct use by_option = *use;

    by_option.by_default = reads && use->by_default;
    by_option.via = reads ? use->via : use->argument;
    bj_reader_effect_word(reader, &by_option, reads ? BJ_EFFECT_READS : BJ_EFFECT_WRITES, value);
}

/* HOST:FILE and SCHEME://… are elsewhere: a colon before the first slash. */
void bj_verb_remote(struct reader *reader, const struct use *use, const struct bj_word *value)
{
    const char *colon = memchr(value->text, ':', value->length);
    const char *slash = memchr(value->text, '/', value->length);
    bool remote = colon != NULL && (slash == NULL || colon < slash);

    bj_reader_effect_word(reader, use,
                          remote                            ? BJ_EFFECT_CONNECTS
                          : use->verb == VERB_REMOTE_WRITES ? BJ_EFFECT_WRITES
                                                            : BJ_EFFECT_READS,
                          value);
}

void bj_verb_downloads(struct reader *reader, const struct use *use, const struct bj_word *value)
{
    const char *slash = memrchr(value->text, '/', value->length);
    size_t from = slash != NULL ? (size_t)(slash + 1 - value->text) : 0;
    struct bj_word file = bj_word_slice(reader, value, from, value->length - from);

    bj_reader_effect_word(reader, use, BJ_EFFECT_CONNECTS, value);
    bj_reader_effect_word(reader, use, BJ_EFFECT_WRITES, &file);
}

void bj_verb_compiler_input(struct reader *reader, const struct use *use,
                            const struct bj_word *value)
{
    struct bj_word file;

    if (value->length > 1 && value->text[0] == '@') {
        file = bj_word_slice(reader, value, 1, value->length - 1);
        bj_reader_effect_word(reader, use, BJ_EFFECT_READS, &file);
        bj_reader_effect_word(reader, use, BJ_EFFECT_UNKNOWN, value);
    } else {
        bj_reader_effect_word(reader, use, BJ_EFFECT_READS, value);
    }
}

void bj_verb_wrapper_list(struct reader *reader, const struct use *use, const struct bj_word *value)
{
    struct bj_word line = bj_word_of(reader, value, value->text, value->length);

    for (size_t i = 0; i < value->length && line.length > 0; i++) {
        if (value->text[i] == ',')
            ((char *)line.text)[i] = ' ';
    }
    bj_verb_runs(reader, use, &line);
}

/* The shell's own expansions, as an argument of a command that does nothing. */
void bj_verb_expands(struct reader *reader, const struct use *use, const struct bj_word *value)
{
    struct bj_word parts[2] = {bj_word_of(reader, value, ":", 1), *value}, text;

    if (memchr(value->text, '$', value->length) == NULL &&
        memchr(value->text, '`', value->length) == NULL && !value->holes)
        return;
    text = bj_word_join(reader, parts, 2, ' ');
    bj_reader_effect_word(reader, use, BJ_EFFECT_SHELL, &text);
}

static const struct verb_row {
    void (*on_value)(struct reader *, const struct use *, const struct bj_word *);
    void (*on_list)(struct reader *, const struct use *, struct operands *);
    enum bj_effect_kind kind;
} verbs[] = {
#define BJ_VERB(name, function, kind) [VERB_##name] = {function, NULL, kind},
#define BJ_LIST_VERB(name, function)  [VERB_##name] = {NULL, function, 0},
#include "policy/program_verbs.def"
#undef BJ_VERB
#undef BJ_LIST_VERB
};

void bj_reader_use(struct reader *reader, const struct use *use, const struct bj_word *value)
{
    const struct verb_row *row = &verbs[use->verb];
    struct operands one = {value, 1};

    if (use->verb == VERB_NONE || reader->arena->failed)
        return;
    if (row->on_value != NULL)
        row->on_value(reader, use, value);
    else if (row->on_list != NULL)
        row->on_list(reader, use, &one);
    else
        bj_reader_effect_word(reader, use, row->kind, value);
}

bool bj_verb_takes_list(uint8_t verb)
{
    return verbs[verb].on_list != NULL;
}

void bj_reader_use_list(struct reader *reader, const struct use *use, struct operands *left)
{
    if (!reader->arena->failed)
        verbs[use->verb].on_list(reader, use, left);
}
