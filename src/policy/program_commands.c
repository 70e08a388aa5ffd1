/*
 * The verbs that take all operands that are left: command lines, with what is put into them, and
 * shell text made of several words.
 */
#include "policy/program_internal.h"

static void take_all(struct operands *left)
{
    if (left->count > 0)
        left->words += left->count;
    left->count = 0;
}

/* Without a command some start a shell that reads standard input. */
static void no_command(struct reader *reader, const struct use *use, struct operands *left)
{
    struct use shell = *use;

    shell.argument = "sh";
    if (strcmp(use->argument, "or-stdin") == 0)
        bj_list_stdin(reader, &shell, left);
}

/*
 * A first word that is one unquoted hole may vanish, and the next word is the program then; so both
 * are said.
 */
void bj_list_command(struct reader *reader, const struct use *use, struct operands *left)
{
    if (left->count == 0)
        no_command(reader, use, left);
    while (left->count > 0) {
        bj_reader_effect(reader, use, BJ_EFFECT_RUNS, left->words, left->count);
        if (!left->words->splits || left->words->length != 1 || !left->words->holes)
            break;
        left->words++;
        left->count--;
    }
    take_all(left);
}

void bj_list_either(struct reader *reader, const struct use *use, struct operands *left)
{
    struct operands second = {left->words + 1, left->count - 1};

    bj_reader_effect(reader, use, BJ_EFFECT_RUNS, left->words, left->count);
    if (left->count > 1)
        bj_list_command(reader, use, &second);
    take_all(left);
}

void bj_list_behind_dashes(struct reader *reader, const struct use *use, struct operands *left)
{
    struct operands behind = *left;

    while (behind.count > 0 && !bj_word_is(behind.words, "--")) {
        behind.words++;
        behind.count--;
    }
    if (behind.count > 0) {
        behind.words++;
        behind.count--;
        bj_list_command(reader, use, &behind);
        take_all(left);
    } else {
        bj_list_command(reader, use, left);
    }
}

/* ---- Words from elsewhere ---- */

struct marks {
    const char *open; /* how a mark begins */
    size_t length;
    char close; /* and ends; 0: it is `open` alone */
};

/* The length of a mark at `at`, 0 if there is none. */
static size_t mark_at(const struct bj_word *word, size_t at, const struct marks *marks)
{
    size_t end = at + marks->length;

    if (word->length - at < marks->length ||
        memcmp(word->text + at, marks->open, marks->length) != 0)
        return 0;
    if (marks->close == 0)
        return marks->length;
    while (end < word->length && end < at + 8 && word->text[end] != marks->close)
        end++;
    return end < word->length && word->text[end] == marks->close ? end + 1 - at : 0;
}

/* A copy of `word` with a hole for each mark in it. */
static struct bj_word with_holes(struct reader *reader, const struct bj_word *word,
                                 const struct marks *marks)
{
    struct bj_word made = *word;
    char *text = bj_arena_alloc(reader->arena, word->length + 1);
    size_t to = 0;

    if (text == NULL)
        return made;
    for (size_t i = 0; i < word->length;) {
        size_t length = mark_at(word, i, marks);

        made.holes |= length > 0;
        text[to++] = length > 0 ? BJ_HOLE : word->text[i];
        i += length > 0 ? length : 1;
    }
    made.text = text;
    made.length = (uint32_t)to;
    return made;
}

/* Copies with holes; *any if there was a mark. */
static struct bj_word *all_with_holes(struct reader *reader, const struct operands *left,
                                      const struct marks *marks, bool *any)
{
    struct bj_word *made = bj_arena_array(reader->arena, left->count, sizeof *made);

    *any = false;
    for (size_t i = 0; made != NULL && i < left->count; i++) {
        made[i] = with_holes(reader, &left->words[i], marks);
        *any |= made[i].holes && made[i].length != left->words[i].length;
    }
    return made;
}

/* Lines of standard input take the mark's place (-I R, -i, --replace), or come at the end. */
void bj_list_xargs(struct reader *reader, const struct use *use, struct operands *left)
{
    const struct bj_flag *replace = bj_reader_flag(reader, "-I");
    struct marks marks = {"{}", 2, 0};
    const struct bj_word *words = left->words;
    struct bj_effect *effect;
    bool any;

    if (replace == NULL)
        replace = bj_reader_flag(reader, "--replace");
    if (replace != NULL && replace->value != NULL && replace->value->length > 0)
        marks = (struct marks){replace->value->text, replace->value->length, 0};
    if (left->count == 0)
        return;
    if (replace != NULL)
        words = all_with_holes(reader, left, &marks, &any);
    if (words != NULL) {
        effect = bj_reader_effect(reader, use, BJ_EFFECT_RUNS, words, left->count);
        if (effect != NULL)
            effect->appends_input = replace == NULL;
    }
    take_all(left);
}

/* fd -x: {}, {/}, {//}, {.} and {/.}; without one the name comes at the end. */
void bj_list_found(struct reader *reader, const struct use *use, struct operands *left)
{
    static const struct marks marks = {"{", 1, '}'};
    struct bj_effect *effect;
    struct bj_word *words;
    bool any;

    if (left->count == 0)
        return;
    words = all_with_holes(reader, left, &marks, &any);
    if (words == NULL)
        return;
    effect = bj_reader_effect(reader, use, BJ_EFFECT_RUNS, words, left->count);
    if (effect != NULL)
        effect->appends_input = !any;
    take_all(left);
}

static bool is_source(const struct bj_word *word)
{
    return bj_word_starts(word, ":::");
}

/*
 * GNU parallel gives its words to a shell, with the arguments for {}; without a command the
 * arguments are commands.
 */
void bj_list_parallel(struct reader *reader, const struct use *use, struct operands *left)
{
    static const struct marks marks = {"{", 1, '}'};
    struct operands command = {left->words, 0}, sources;
    struct bj_word parts[2] = {0}, text;
    bool any;

    while (command.count < left->count && !is_source(&left->words[command.count]))
        command.count++;
    sources = (struct operands){left->words + command.count, left->count - command.count};
    if (command.count > 0) {
        struct bj_word *words = all_with_holes(reader, &command, &marks, &any);

        if (words == NULL)
            return;
        parts[0] = bj_word_join(reader, words, command.count, ' ');
        parts[1] = bj_word_of(reader, &parts[0], "", 1);
        text = any ? parts[0] : bj_word_join(reader, parts, 2, ' ');
        bj_reader_effect_word(reader, use, BJ_EFFECT_SHELL, &text);
    } else if (sources.count > 0 && bj_word_is(sources.words, ":::")) {
        for (size_t i = 1; i < sources.count && !is_source(&sources.words[i]); i++)
            bj_reader_effect_word(reader, use, BJ_EFFECT_SHELL, &sources.words[i]);
    } else {
        struct use stdin_use = *use;

        stdin_use.argument = "sh";
        bj_list_stdin(reader, &stdin_use, left);
    }
    take_all(left);
}

/* ---- Shell text ---- */

void bj_list_shell(struct reader *reader, const struct use *use, struct operands *left)
{
    struct bj_word joined = bj_word_join(reader, left->words, left->count, ' ');

    if (left->count > 0)
        bj_reader_effect_word(reader, use, BJ_EFFECT_SHELL, &joined);
    else
        no_command(reader, use, left);
    take_all(left);
}

void bj_list_flock(struct reader *reader, const struct use *use, struct operands *left)
{
    if (left->count > 1 &&
        (bj_word_is(left->words, "-c") || bj_word_is(left->words, "--command"))) {
        bj_reader_effect_word(reader, use, BJ_EFFECT_SHELL, &left->words[1]);
        take_all(left);
    } else {
        bj_list_command(reader, use, left);
    }
}

/* Keys are typed one after the other; the names of some stand for the end of a line. */
void bj_list_typed(struct reader *reader, const struct use *use, struct operands *left)
{
    static const char *const ends[] = {"Enter", "C-m", "C-j", "KPEnter"};
    struct bj_word *words = bj_arena_array(reader->arena, left->count * 2, sizeof *words), text;
    struct bj_word newline = {.text = "\n", .length = 1};
    size_t length = 0;
    char *out;

    for (size_t i = 0; words != NULL && i < left->count; i++) {
        words[i] = left->words[i];
        for (size_t j = 0; j < sizeof ends / sizeof *ends; j++) {
            if (bj_word_is(&words[i], ends[j]))
                words[i] = newline;
        }
        length += words[i].length;
    }
    out = bj_arena_alloc(reader->arena, length + 1);
    if (words == NULL || out == NULL || left->count == 0)
        return;
    length = 0;
    for (size_t i = 0; i < left->count; i++) {
        memcpy(out + length, words[i].text, words[i].length);
        length += words[i].length;
    }
    text = bj_word_of(reader, left->words, out, length);
    bj_reader_effect_word(reader, use, BJ_EFFECT_SHELL, &text);
    take_all(left);
}

/* ---- Others ---- */

/* The commands of cmake -E that are like a program of another name. */
void bj_list_cmake_tool(struct reader *reader, const struct use *use, struct operands *left)
{
    static const char *const tools[][2] = {
        {"copy", "cp"},
        {"copy_if_different", "cp"},
        {"copy_directory", "cp"},
        {"rename", "mv"},
        {"remove", "rm"},
        {"remove_directory", "rm"},
        {"make_directory", "mkdir"},
        {"create_symlink", "ln"},
        {"create_hardlink", "ln"},
        {"compare_files", "cmp"},
    };
    struct operands inner = {left->words + 1, left->count - 1};
    struct bj_word *words;

    if (left->count == 0)
        return;
    if (bj_word_is(left->words, "chdir") && left->count > 2) {
        bj_verb_directory(reader, use, &left->words[1]);
        inner = (struct operands){left->words + 2, left->count - 2};
        bj_list_command(reader, use, &inner);
        take_all(left);
        return;
    }
    words = bj_arena_array(reader->arena, left->count, sizeof *words);
    if (words == NULL)
        return;
    memcpy(words, left->words, left->count * sizeof *words);
    for (size_t i = 0; i < sizeof tools / sizeof *tools; i++) {
        if (bj_word_is(left->words, tools[i][0]))
            words[0] = bj_word_of(reader, left->words, tools[i][1], strlen(tools[i][1]));
    }
    bj_reader_effect(reader, use, BJ_EFFECT_RUNS, words, left->count);
    take_all(left);
}

static bool is_assignment(const struct bj_word *word)
{
    const char *equals = memchr(word->text, '=', word->length);

    return equals != NULL && equals != word->text;
}

void bj_list_assignments(struct reader *reader, const struct use *use, struct operands *left)
{
    for (; left->count > 0 && is_assignment(left->words); left->count--)
        bj_reader_effect_word(reader, use, BJ_EFFECT_SETS, left->words++);
}

/* git config [set] KEY VALUE; with KEY alone it is asked for. */
void bj_list_git_config(struct reader *reader, const struct use *use, struct operands *left)
{
    if (left->count > 0 && bj_word_is(left->words, "set")) {
        left->words++;
        left->count--;
    }
    if (left->count > 1)
        bj_git_config(reader, use, &left->words[0], &left->words[1]);
    take_all(left);
}

void bj_list_stdin(struct reader *reader, const struct use *use, struct operands *left)
{
    struct bj_effect *effect = bj_reader_effect(reader, use, BJ_EFFECT_STDIN_SCRIPT, NULL, 0);

    (void)left;
    if (effect != NULL)
        effect->language = use->argument;
}

void bj_list_sql(struct reader *reader, const struct use *use, struct operands *left)
{
    struct use sql = *use;

    sql.argument = "sql";
    if (left->count == 0)
        bj_list_stdin(reader, &sql, left);
    for (size_t i = 0; i < left->count; i++)
        bj_verb_code(reader, &sql, &left->words[i]);
    take_all(left);
}

/* A script in several -e is one text with a newline between them. */
void bj_list_joined(struct reader *reader, const struct use *use, struct operands *left)
{
    struct bj_word *parts = bj_arena_array(reader->arena, reader->ret->flag_count, sizeof *parts);
    struct bj_word text;
    size_t count = 0;

    (void)left;
    for (size_t i = 0; parts != NULL && i < reader->ret->flag_count; i++) {
        if (reader->flags[i].letter == 'e' && reader->flags[i].value != NULL)
            parts[count++] = *reader->flags[i].value;
    }
    if (count == 0)
        return;
    text = bj_word_join(reader, parts, count, '\n');
    bj_verb_code(reader, use, &text);
}

static void flag_value(struct reader *reader, const struct use *use, enum bj_effect_kind kind)
{
    const struct bj_flag *flag = bj_reader_flag(reader, use->argument);
    struct use named = *use;

    named.via = use->argument;
    if (flag != NULL && flag->value != NULL && !bj_word_is(flag->value, "-"))
        bj_reader_effect_word(reader, &named, kind, flag->value);
}

void bj_list_flag_reads(struct reader *reader, const struct use *use, struct operands *left)
{
    (void)left;
    flag_value(reader, use, BJ_EFFECT_READS);
}

void bj_list_flag_writes(struct reader *reader, const struct use *use, struct operands *left)
{
    (void)left;
    flag_value(reader, use, BJ_EFFECT_WRITES);
}
