/*
 * Calls in scripts: the functions that run something or touch files, and their constant arguments.
 * An argument is what its strings make when put together; whatever else stands in it is a hole.
 */
#include "policy/program_code.h"

#define ARGUMENTS_MAX  32   /* arguments of a call, and words of a list */
#define ARGUMENT_BYTES 2048 /* of code that is looked at for one call */

enum call_kind {
    CALL_SHELL,
    CALL_ARGUMENTS,
    CALL_EXECL,
    CALL_EXECV,
    CALL_FILE_LIST,
    CALL_PROCESS,
    CALL_CODE,
    CALL_OPEN,
    CALL_READS,
    CALL_WRITES,
    CALL_REMOVES,
    CALL_LOADS,
    CALL_CONNECTS,
};

static const struct call {
    enum language language;
    const char *name;
    const char *module;
    enum call_kind kind;
} calls[] = {
#define BJ_CALL(language, name, module, kind) {LANGUAGE_##language, name, module, CALL_##kind},
#include "policy/program_calls.def"
#undef BJ_CALL
};

/* One argument. */
struct value {
    struct bj_word text;           /* joined */
    size_t list_first, list_count; /* words of a list, in `arguments.words` */
    bool list, known;              /* there is a string in it */
    bool splits;                   /* its string is to be split at blanks */
    bool keyword;                  /* it was given by name */
};

struct arguments {
    struct value values[ARGUMENTS_MAX];
    size_t count;
    struct bj_word words[ARGUMENTS_MAX];
    size_t word_count;
    bool shell; /* shell=True, shell: true */
};

/* ---- Arguments ---- */

static void join(struct code *code, struct bj_word *word, const struct bj_word *more)
{
    struct bj_word parts[2] = {*word, *more};
    char *text = bj_arena_alloc(code->reader->arena, word->length + more->length + 1);

    if (text == NULL)
        return;
    memcpy(text, parts[0].text, parts[0].length);
    memcpy(text + parts[0].length, parts[1].text, parts[1].length);
    word->text = text;
    word->length += more->length;
    word->holes |= more->holes;
}

static void add_hole(struct code *code, struct bj_word *word)
{
    static const struct bj_word hole = {.text = "\0", .length = 1, .holes = true};

    if (word->length == 0 || word->text[word->length - 1] != BJ_HOLE)
        join(code, word, &hole);
}

static bool is(const struct code *code, const struct cursor *cursor, char c)
{
    return cursor->token == CODE_OTHER && cursor->from < code->length &&
           code->text[cursor->from] == c;
}

static bool is_name(const struct code *code, const struct cursor *cursor, const char *name)
{
    return cursor->token == CODE_NAME && cursor->at - cursor->from == strlen(name) &&
           memcmp(code->text + cursor->from, name, strlen(name)) == 0;
}

static struct bj_word empty(const struct code *code)
{
    return (struct bj_word){.text = "", .from = code->word->from, .to = code->word->to};
}

static void end_list_word(struct arguments *arguments, struct bj_word *word, bool *any)
{
    if (*any && arguments->word_count < ARGUMENTS_MAX)
        arguments->words[arguments->word_count++] = *word;
    *any = false;
}

/* The words of a list from behind its bracket to its end. */
static void read_list(struct code *code, struct cursor *cursor, struct arguments *arguments,
                      struct value *value)
{
    struct bj_word word = empty(code);
    bool any = false;
    int depth = 0;

    value->list = true;
    value->list_first = arguments->word_count;
    for (bj_code_next(code, cursor); cursor->token != CODE_END; bj_code_next(code, cursor)) {
        if (depth == 0 && (is(code, cursor, ']') || is(code, cursor, ')')))
            break;
        depth += is(code, cursor, '[') || is(code, cursor, '(') || is(code, cursor, '{');
        depth -= is(code, cursor, ']') || is(code, cursor, ')') || is(code, cursor, '}');
        if (depth == 0 && is(code, cursor, ',')) {
            end_list_word(arguments, &word, &any);
            word = empty(code);
            continue;
        }
        any = true;
        if (cursor->token == CODE_STRING)
            join(code, &word, &cursor->text);
        else if (!is(code, cursor, '+') && !is(code, cursor, '.'))
            add_hole(code, &word);
    }
    end_list_word(arguments, &word, &any);
    value->list_count = arguments->word_count - value->list_first;
}

static void split_words(struct code *code, struct arguments *arguments, struct value *value)
{
    size_t count;
    struct bj_word *words = bj_word_split(code->reader, &value->text, true, &count);

    value->list = true;
    value->list_first = arguments->word_count;
    for (size_t i = 0; i < count && arguments->word_count < ARGUMENTS_MAX; i++)
        arguments->words[arguments->word_count++] = words[i];
    value->list_count = arguments->word_count - value->list_first;
}

/* One token of an argument. */
static void read_piece(struct code *code, struct cursor *cursor, struct arguments *arguments,
                       struct value *value, int depth)
{
    if (cursor->token == CODE_STRING && !value->list) {
        join(code, &value->text, &cursor->text);
        value->known = true;
    } else if ((is(code, cursor, '[') || is(code, cursor, '(')) && depth == 0 &&
               value->text.length == 0 && !value->list && !value->known && !value->splits) {
        read_list(code, cursor, arguments, value);
    } else if (is_name(code, cursor, "shell")) {
        arguments->shell = true;
    } else if (is_name(code, cursor, "split")) {
        /* 'a b'.split(), and shlex.split('a b'). */
        value->splits = true;
        if (!value->known)
            value->text = empty(code);
    } else if (depth == 0 && !value->known && !value->list && is(code, cursor, '=')) {
        value->text = empty(code);
        value->keyword = true;
    } else if (!value->list && !is(code, cursor, '+') && !is(code, cursor, '.') &&
               !is(code, cursor, '(') && !is(code, cursor, ')')) {
        add_hole(code, &value->text);
    }
}

static void end_value(struct code *code, struct arguments *arguments, struct value *value)
{
    if (value->splits && value->known && !value->list)
        split_words(code, arguments, value);
}

/* From behind the name. Without a parenthesis the arguments end with the statement. */
static bool read_arguments(struct code *code, struct cursor cursor, struct arguments *arguments)
{
    size_t limit = cursor.at + ARGUMENT_BYTES;
    struct value *value = &arguments->values[0];
    bool open;
    int depth = 0;

    bj_code_next(code, &cursor);
    open = is(code, &cursor, '(');
    if (!open && (!code->traits->bare_calls || cursor.token != CODE_STRING))
        return false;
    if (open)
        bj_code_next(code, &cursor);
    arguments->count = arguments->word_count = 0;
    arguments->shell = false;
    *value = (struct value){.text = empty(code)};
    for (; cursor.token != CODE_END && cursor.at < limit; bj_code_next(code, &cursor)) {
        bool closes = is(code, &cursor, ')') || is(code, &cursor, ']') || is(code, &cursor, '}');

        if (depth == 0 && (closes || is(code, &cursor, ';')))
            break;
        if (depth == 0 && is(code, &cursor, ',')) {
            if (arguments->count + 1 == ARGUMENTS_MAX)
                break;
            end_value(code, arguments, value);
            value = &arguments->values[++arguments->count];
            *value = (struct value){.text = empty(code)};
            continue;
        }
        read_piece(code, &cursor, arguments, value, depth);
        /* A list that was read whole stands at its end, which is not one of ours. */
        if (!(value->list && closes != (is(code, &cursor, ')') || is(code, &cursor, ']'))))
            depth += (is(code, &cursor, '(') || is(code, &cursor, '{')) - closes;
    }
    end_value(code, arguments, value);
    if (value->known || value->list || value->text.length > 0)
        arguments->count++;
    return arguments->count > 0;
}

/* ---- What is done ---- */

static void add_command(struct code *code, const struct use *use, const struct bj_word *first,
                        const struct bj_word *rest, size_t count)
{
    struct bj_word *words = bj_arena_array(code->reader->arena, count + 1, sizeof *words);

    if (words == NULL)
        return;
    words[0] = *first;
    if (count > 0)
        memcpy(words + 1, rest, count * sizeof *words);
    bj_reader_effect(code->reader, use, BJ_EFFECT_RUNS, words, count + 1);
}

/* Arguments from `first` on as words of a command line, without those given by name. */
static void add_arguments(struct code *code, const struct use *use, const struct bj_word *program,
                          const struct arguments *arguments, size_t first)
{
    struct bj_word words[ARGUMENTS_MAX];
    size_t count = 0;

    for (size_t i = first; i < arguments->count; i++) {
        if (!arguments->values[i].keyword && arguments->values[i].text.length > 0)
            words[count++] = arguments->values[i].text;
    }
    add_command(code, use, program, words, count);
}

static void run_list(struct code *code, const struct use *use, const struct arguments *arguments,
                     const struct value *list)
{
    const struct bj_word *words = &arguments->words[list->list_first];

    if (list->list_count == 0)
        return;
    if (arguments->shell)
        bj_reader_effect_word(code->reader, use, BJ_EFFECT_SHELL, words);
    else
        add_command(code, use, words, words + 1, list->list_count - 1);
}

static void run_process(struct code *code, const struct use *use, const struct arguments *arguments)
{
    const struct value *first = &arguments->values[0];

    if (first->list)
        run_list(code, use, arguments, first);
    else if (arguments->shell || code->language == LANGUAGE_PHP ||
             memchr(first->text.text, ' ', first->text.length) != NULL)
        bj_reader_effect_word(code->reader, use, BJ_EFFECT_SHELL, &first->text);
    else
        bj_reader_effect_word(code->reader, use, BJ_EFFECT_RUNS, &first->text);
}

/* A program and its arguments in a list; the first of them is argv[0] where `skip` is 1. */
static void run_file(struct code *code, const struct use *use, const struct arguments *arguments,
                     size_t skip)
{
    const struct value *first = &arguments->values[0];
    const struct value *list = arguments->count > 1 ? &arguments->values[1] : NULL;
    size_t count =
        list != NULL && list->list && list->list_count > skip ? list->list_count - skip : 0;
    struct bj_word joined = first->text;
    static const struct bj_word blank = {.text = " ", .length = 1};

    if (!arguments->shell) {
        add_command(code, use, &first->text,
                    count > 0 ? &arguments->words[list->list_first + skip] : NULL, count);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        join(code, &joined, &blank);
        join(code, &joined, &arguments->words[list->list_first + skip + i]);
    }
    bj_reader_effect_word(code->reader, use, BJ_EFFECT_SHELL, &joined);
}

/* A mode, and what it means for a file: r is for reading. */
static bool mode_writes(const struct bj_word *mode)
{
    return mode->holes || (mode->length > 0 && strpbrk(mode->text, "wax+>") != NULL);
}

/* Perl's open has the mode in the name or before it, and both of perl and ruby know commands. */
static void open_file(struct code *code, const struct use *use, const struct arguments *arguments)
{
    bool perl = code->language == LANGUAGE_PERL;
    size_t at = perl && arguments->count > 1 ? 1 : 0;
    const struct bj_word *name = &arguments->values[at].text;
    const struct bj_word *mode = &arguments->values[at].text;
    struct bj_word text = *name;

    if (!arguments->values[at].known)
        return;
    if (perl && arguments->count > at + 1)
        name = &arguments->values[at + 1].text;
    else if (!perl && arguments->count > 1)
        mode = &arguments->values[1].text;
    if ((perl || code->language == LANGUAGE_RUBY) && name->length > 0 &&
        (mode->text[0] == '|' || mode->text[mode->length > 0 ? mode->length - 1 : 0] == '|' ||
         bj_word_is(mode, "-|") || bj_word_is(mode, "|-"))) {
        text = *name;
        if (text.text[0] == '|')
            text = bj_word_slice(code->reader, name, 1, name->length - 1);
        else if (name == mode)
            text = bj_word_slice(code->reader, name, 0, name->length - 1);
        if (perl && arguments->count > at + 2)
            add_arguments(code, use, name, arguments, at + 2);
        else
            bj_reader_effect_word(code->reader, use, BJ_EFFECT_SHELL, &text);
        return;
    }
    if (name == mode && !perl)
        bj_reader_effect_word(code->reader, use, BJ_EFFECT_READS, name);
    else
        bj_reader_effect_word(code->reader, use,
                              mode_writes(mode) ? BJ_EFFECT_WRITES : BJ_EFFECT_READS, name);
}

static void read_nested(struct code *code, const struct bj_word *text)
{
    struct code inner = *code;

    if (code->depth >= 4 || text->length == 0)
        return;
    inner.depth++;
    inner.text = text->text;
    inner.length = text->length;
    bj_code_scan(&inner);
}

static void do_call(struct code *code, const struct call *call, const struct arguments *arguments)
{
    static const enum bj_effect_kind kinds[] = {
        [CALL_READS] = BJ_EFFECT_READS,       [CALL_WRITES] = BJ_EFFECT_WRITES,
        [CALL_REMOVES] = BJ_EFFECT_REMOVES,   [CALL_LOADS] = BJ_EFFECT_LOADS,
        [CALL_CONNECTS] = BJ_EFFECT_CONNECTS,
    };
    const struct value *first = &arguments->values[0];
    struct use use = {.via = call->name};

    switch (call->kind) {
    case CALL_SHELL:
        if (first->list)
            run_list(code, &use, arguments, first);
        else if (arguments->count > 1 && arguments->values[1].known &&
                 (code->language == LANGUAGE_PERL || code->language == LANGUAGE_RUBY))
            add_arguments(code, &use, &first->text, arguments, 1);
        else
            bj_reader_effect_word(code->reader, &use, BJ_EFFECT_SHELL, &first->text);
        break;
    case CALL_ARGUMENTS:
        add_arguments(code, &use, &first->text, arguments, 1);
        break;
    case CALL_EXECL:
        add_arguments(code, &use, &first->text, arguments, 2);
        break;
    case CALL_EXECV:
        run_file(code, &use, arguments, 1);
        break;
    case CALL_FILE_LIST:
        run_file(code, &use, arguments, 0);
        break;
    case CALL_PROCESS:
        run_process(code, &use, arguments);
        break;
    case CALL_CODE:
        read_nested(code, &first->text);
        break;
    case CALL_OPEN:
        open_file(code, &use, arguments);
        break;
    default:
        if (first->known)
            bj_reader_effect_word(code->reader, &use, kinds[call->kind], &first->text);
        else if (first->list && first->list_count > 0)
            bj_reader_effect_word(code->reader, &use, kinds[call->kind],
                                  &arguments->words[first->list_first]);
    }
}

size_t bj_code_call_count(void)
{
    return sizeof calls / sizeof *calls;
}

static bool is_mentioned(struct code *code, size_t index)
{
    uint8_t *known = &code->limits->mentioned[index];
    const char *module = calls[index].module;

    if (module == NULL)
        return true;
    if (*known == 0)
        *known = memmem(code->word->text, code->word->length, module, strlen(module)) ? 1 : 2;
    return *known == 1;
}

void bj_code_call(struct code *code, struct cursor cursor, const char *name, size_t length)
{
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        const struct call *call = &calls[i];
        struct arguments arguments;

        if (call->language != code->language || call->name[0] != name[0] ||
            strlen(call->name) != length || memcmp(call->name, name, length) != 0)
            continue;
        if (!is_mentioned(code, i))
            return;
        code->limits->calls++;
        if (!read_arguments(code, cursor, &arguments))
            return;
        /* A variable alone says nothing that the code does not say. */
        if (arguments.values[0].known || arguments.values[0].list || call->kind < CALL_CODE ||
            call->kind == CALL_OPEN)
            do_call(code, call, &arguments);
        return;
    }
}
