/*
 * Programs whose arguments are no options and operands: find's expression, dd's NAME=VALUE.
 */
#include "policy/program_internal.h"

#define STARTS_MAX 8 /* starting points that are told apart in what find runs */

/* ---- find ---- */

enum test { TEST_ONE, TEST_READ, TEST_EXEC, TEST_EXECDIR, TEST_DELETE, TEST_PRINT, TEST_TWO };

/* Tests and actions with arguments, and those that do something; all others have none. */
static const struct {
    const char *name;
    enum test test;
} tests[] = {
    {"-amin", TEST_ONE},        {"-anewer", TEST_READ},      {"-atime", TEST_ONE},
    {"-cmin", TEST_ONE},        {"-cnewer", TEST_READ},      {"-context", TEST_ONE},
    {"-ctime", TEST_ONE},       {"-delete", TEST_DELETE},    {"-exec", TEST_EXEC},
    {"-execdir", TEST_EXECDIR}, {"-files0-from", TEST_READ}, {"-fls", TEST_PRINT},
    {"-fprint", TEST_PRINT},    {"-fprint0", TEST_PRINT},    {"-fprintf", TEST_TWO},
    {"-fstype", TEST_ONE},      {"-gid", TEST_ONE},          {"-group", TEST_ONE},
    {"-ilname", TEST_ONE},      {"-iname", TEST_ONE},        {"-inum", TEST_ONE},
    {"-ipath", TEST_ONE},       {"-iregex", TEST_ONE},       {"-iwholename", TEST_ONE},
    {"-links", TEST_ONE},       {"-lname", TEST_ONE},        {"-maxdepth", TEST_ONE},
    {"-mindepth", TEST_ONE},    {"-mmin", TEST_ONE},         {"-mtime", TEST_ONE},
    {"-name", TEST_ONE},        {"-newer", TEST_READ},       {"-ok", TEST_EXEC},
    {"-okdir", TEST_EXECDIR},   {"-path", TEST_ONE},         {"-perm", TEST_ONE},
    {"-printf", TEST_ONE},      {"-regex", TEST_ONE},        {"-regextype", TEST_ONE},
    {"-samefile", TEST_READ},   {"-size", TEST_ONE},         {"-type", TEST_ONE},
    {"-uid", TEST_ONE},         {"-used", TEST_ONE},         {"-user", TEST_ONE},
    {"-wholename", TEST_ONE},   {"-xtype", TEST_ONE},
};

/* `start` and a hole in each {}: the path of a file that was found. */
static struct bj_word found_in(struct reader *reader, const struct bj_word *word,
                               const struct bj_word *start)
{
    struct bj_word made = *word;
    size_t length = 0, marks = 0, to = 0;
    char *text;

    for (size_t i = 0; i + 1 < word->length; i++)
        marks += word->text[i] == '{' && word->text[i + 1] == '}';
    if (marks == 0)
        return made;
    length = word->length + marks * (start->length + 1);
    text = bj_arena_alloc(reader->arena, length + 1);
    if (text == NULL)
        return made;
    for (size_t i = 0; i < word->length; i++) {
        if (word->text[i] == '{' && i + 1 < word->length && word->text[i + 1] == '}') {
            memcpy(text + to, start->text, start->length);
            to += start->length;
            text[to++] = BJ_HOLE;
            i++;
        } else {
            text[to++] = word->text[i];
        }
    }
    made.text = text;
    made.length = (uint32_t)to;
    made.holes = true;
    return made;
}

static void run_for_start(struct reader *reader, const struct use *use, size_t from, size_t count,
                          const struct bj_word *start)
{
    struct bj_word *words = bj_arena_array(reader->arena, count, sizeof *words);

    if (words == NULL)
        return;
    for (size_t i = 0; i < count; i++)
        words[i] = found_in(reader, &reader->argv[from + i], start);
    bj_reader_effect(reader, use, BJ_EFFECT_RUNS, words, count);
}

/* The words of -exec up to ; or + behind {}: gives the place of that end. */
static size_t run_command(struct reader *reader, const struct use *use, size_t from, bool in_dir)
{
    static const struct bj_word here = {.text = "./", .length = 2},
                                dot = {.text = ".", .length = 1};
    size_t end = from, starts = reader->ret->operand_count;

    while (end < reader->argc && !bj_word_is(&reader->argv[end], ";") &&
           !(bj_word_is(&reader->argv[end], "+") && end > from &&
             bj_word_is(&reader->argv[end - 1], "{}")))
        end++;
    if (end == from)
        return end;
    if (in_dir || starts == 0) {
        run_for_start(reader, use, from, end - from, in_dir ? &here : &dot);
        return end;
    }
    for (size_t i = 0; i < starts && i < STARTS_MAX; i++)
        run_for_start(reader, use, from, end - from, &reader->operands[i]);
    if (starts > STARTS_MAX)
        run_for_start(reader, use, from, end - from, &(struct bj_word){.text = ""});
    return end;
}

static void remove_found(struct reader *reader, const struct use *use)
{
    static const struct bj_word dot = {.text = ".", .length = 1};

    if (reader->ret->operand_count == 0)
        bj_reader_effect_word(reader, use, BJ_EFFECT_REMOVES, &dot);
    for (size_t i = 0; i < reader->ret->operand_count; i++)
        bj_reader_effect_word(reader, use, BJ_EFFECT_REMOVES, &reader->operands[i]);
}

/* Does a test; gives the place of its last argument. */
static size_t do_test(struct reader *reader, size_t at, enum test test, const char *name)
{
    struct use use = {.via = name};
    const struct bj_word *value = at + 1 < reader->argc ? &reader->argv[at + 1] : NULL;

    if (test == TEST_EXEC || test == TEST_EXECDIR)
        return run_command(reader, &use, at + 1, test == TEST_EXECDIR);
    if (test == TEST_DELETE) {
        remove_found(reader, &use);
        return at;
    }
    if (value == NULL)
        return at;
    if (test == TEST_PRINT || test == TEST_TWO)
        bj_reader_effect_word(reader, &use, BJ_EFFECT_WRITES, value);
    else if (test == TEST_READ)
        bj_reader_effect_word(reader, &use, BJ_EFFECT_READS, value);
    return test == TEST_TWO ? at + 2 : at + 1;
}

static bool begins_expression(const struct bj_word *word)
{
    return (word->length > 1 && word->text[0] == '-') || bj_word_is(word, "(") ||
           bj_word_is(word, "!") || bj_word_is(word, ")") || bj_word_is(word, ",");
}

static bool is_newer(const struct bj_word *word)
{
    return bj_word_starts(word, "-newer") && word->length == 8;
}

/* One word of the expression; gives the place of its last argument. */
static size_t read_test(struct reader *reader, size_t at)
{
    const struct bj_word *word = &reader->argv[at];
    struct bj_flag *flag;

    if (word->holes && (word->text[0] == '-' || word->text[0] == BJ_HOLE)) {
        struct use use = {.via = "a test that cannot be told"};
        struct bj_effect *effect = bj_reader_effect_word(reader, &use, BJ_EFFECT_UNKNOWN, word);

        if (effect != NULL)
            effect->as_option = word->text[0] == BJ_HOLE;
        return at;
    }
    if (word->length < 2 || word->text[0] != '-')
        return at;
    flag = bj_reader_add_flag(reader, 0, word->text + 1, word);
    if (flag != NULL && at + 1 < reader->argc && is_newer(word))
        flag->value = &reader->argv[at + 1];
    if (is_newer(word))
        return at + 1;
    for (size_t i = 0; i < sizeof tests / sizeof *tests && flag != NULL; i++) {
        if (!bj_word_is(word, tests[i].name))
            continue;
        if (tests[i].test != TEST_DELETE && at + 1 < reader->argc)
            flag->value = &reader->argv[at + 1];
        return do_test(reader, at, tests[i].test, tests[i].name);
    }
    return at;
}

/* find [-H|-L|-P] [-D x] [-Olevel] [starting points] [expression] */
void bj_reader_find(struct reader *reader)
{
    size_t i = 1;

    for (; i < reader->argc; i++) {
        const struct bj_word *word = &reader->argv[i];

        if (bj_word_is(word, "-D"))
            i++;
        else if (!(bj_word_is(word, "-H") || bj_word_is(word, "-L") || bj_word_is(word, "-P") ||
                   bj_word_starts(word, "-O")))
            break;
    }
    if (i < reader->argc && bj_word_is(&reader->argv[i], "--"))
        i++;
    for (; i < reader->argc && !begins_expression(&reader->argv[i]); i++)
        bj_reader_add_operand(reader, &reader->argv[i]);
    for (; i < reader->argc && !reader->arena->failed; i++)
        i = read_test(reader, i);
}

/* ---- dd ---- */

void bj_reader_dd(struct reader *reader)
{
    for (size_t i = 0; i < reader->ret->operand_count; i++) {
        const struct bj_word *word = &reader->operands[i];
        bool input = bj_word_starts(word, "if="), output = bj_word_starts(word, "of=");
        struct use use = {.via = input ? "if=" : "of=", .by_default = true};
        struct bj_word file;

        if (!input && !output)
            continue;
        file = bj_word_slice(reader, word, 3, word->length - 3);
        bj_reader_effect_word(reader, &use, input ? BJ_EFFECT_READS : BJ_EFFECT_WRITES, &file);
    }
}
