/*
 * Reads argument lists by the table of programs: which words are options, values, operands. What
 * they do is for program_verbs.c and program_operands.c.
 *
 * Programs disagree about the details, so where two readings are possible the one with effects is
 * taken: an ambiguous prefix of a long option is the candidate that does something, and prefixes
 * are taken everywhere, also by programs that would refuse them. A refused command does nothing, so
 * this is never too mild.
 *
 * A hole at the beginning of a word that may be an option is BJ_EFFECT_UNKNOWN with as_option set,
 * and only for programs with options that run something. A hole behind a dash is BJ_EFFECT_UNKNOWN
 * without it. Words with * or ? may become names that begin with a dash; that is not looked at.
 */
#include "policy/program_internal.h"

#include <ctype.h>

/* ---- Lists that grow ---- */

static void *grow(struct bj_arena *arena, void *old, size_t count, size_t *room, size_t size)
{
    void *list;

    if (count < *room)
        return old;
    *room = *room == 0 ? 8 : *room * 2;
    list = bj_arena_array(arena, *room, size);
    if (list != NULL && count > 0)
        memcpy(list, old, count * size);
    return list;
}

struct bj_flag *bj_reader_add_flag(struct reader *reader, char letter, const char *name,
                                   const struct bj_word *word)
{
    struct bj_flag *flag;

    reader->flags = grow(reader->arena, reader->flags, reader->ret->flag_count, &reader->flag_room,
                         sizeof *flag);
    if (reader->flags == NULL)
        return NULL;
    flag = &reader->flags[reader->ret->flag_count++];
    *flag = (struct bj_flag){.letter = letter, .name = name, .word = word};
    return flag;
}

void bj_reader_add_operand(struct reader *reader, const struct bj_word *word)
{
    reader->operands = grow(reader->arena, reader->operands, reader->ret->operand_count,
                            &reader->operand_room, sizeof *word);
    if (reader->operands != NULL)
        reader->operands[reader->ret->operand_count++] = *word;
}

struct bj_effect *bj_reader_effect(struct reader *reader, const struct use *use,
                                   enum bj_effect_kind kind, const struct bj_word *words,
                                   size_t count)
{
    struct bj_effect *effect;

    reader->effects = grow(reader->arena, reader->effects, reader->ret->effect_count,
                           &reader->effect_room, sizeof *effect);
    if (reader->effects == NULL)
        return NULL;
    effect = &reader->effects[reader->ret->effect_count++];
    *effect = (struct bj_effect){
        .kind = kind,
        .words = words,
        .count = count,
        .via = use->via,
        .language = kind == BJ_EFFECT_SHELL ? "sh" : "",
        .by_default = use->by_default,
    };
    return effect;
}

struct bj_effect *bj_reader_effect_word(struct reader *reader, const struct use *use,
                                        enum bj_effect_kind kind, const struct bj_word *word)
{
    struct bj_word *copy = bj_arena_alloc(reader->arena, sizeof *copy);

    if (copy == NULL)
        return NULL;
    *copy = *word;
    return bj_reader_effect(reader, use, kind, copy, 1);
}

/* ---- Options ---- */

/* What is matched: a spelling with its dashes, whole or a prefix of it. */
struct match {
    const struct option_row *option;
    const char *name;
};

static bool find_letter(const struct reader *reader, char letter, const struct option_row **ret)
{
    *ret = bj_table_letter(reader->row, letter);
    if (*ret == NULL && reader->parent != NULL)
        *ret = bj_table_letter(reader->parent, letter);
    return *ret != NULL;
}

/* `text` with its dashes; -name is matched whole only, where that is the custom. */
static struct match find_name(const struct reader *reader, const char *text, size_t length)
{
    bool prefixes = length > 2 && text[1] == '-';
    struct match match = {NULL, NULL};

    match.option = bj_table_name(reader->row, text, length, prefixes, &match.name);
    if (match.option == NULL && reader->parent != NULL)
        match.option = bj_table_name(reader->parent, text, length, prefixes, &match.name);
    return match;
}

static const char *short_name(struct reader *reader, char letter)
{
    const char text[] = {letter == '+' ? '+' : '-', letter};
    const char *name = bj_arena_copy(reader->arena, text, letter == '+' ? 1 : 2);

    return name == NULL ? "" : name;
}

/* The long name without dashes that stands for an option; "" if it has none. */
static const char *plain_name(const struct option_row *option)
{
    const char *name = bj_table_text(option->name);

    while (*name == '-')
        name++;
    return name;
}

/* An option is there, with its value if it has one. */
static void take_option(struct reader *reader, const struct option_row *option, const char *spelled,
                        const struct bj_word *word, const struct bj_word *value)
{
    struct bj_flag *flag = bj_reader_add_flag(reader, option->letter, plain_name(option), word);
    struct use use = {option->use.verb, option->use.by_default, bj_table_text(option->use.argument),
                      spelled};

    if (flag == NULL)
        return;
    if (value != NULL) {
        struct bj_word *copy = bj_arena_alloc(reader->arena, sizeof *copy);

        if (copy == NULL)
            return;
        *copy = *value;
        flag->value = copy;
    }
    if (use.verb == VERB_NONE)
        return;
    if (use.via == NULL)
        use.via = *bj_table_text(option->name) != '\0' ? bj_table_text(option->name)
                                                       : short_name(reader, option->letter);
    /* An option without its optional value, or with none left, still does what it does. */
    bj_reader_use(reader, &use, value != NULL ? value : word);
}

static void unknown(struct reader *reader, const struct bj_word *word, const char *via,
                    bool as_option)
{
    struct use use = {.via = via};
    struct bj_effect *effect = bj_reader_effect_word(reader, &use, BJ_EFFECT_UNKNOWN, word);

    if (effect != NULL)
        effect->as_option = as_option;
}

/* An option that the table lacks. `letter` 0: the whole word is its name. */
static void take_unlisted(struct reader *reader, const struct bj_word *word, char letter)
{
    const char *name = "";

    if (letter == 0) {
        const char *end = memchr(word->text, '=', word->length);
        size_t dashes = 0, length = end == NULL ? word->length : (size_t)(end - word->text);

        while (dashes < length && word->text[dashes] == '-')
            dashes++;
        name = bj_arena_copy(reader->arena, word->text + dashes, length - dashes);
    }
    bj_reader_add_flag(reader, letter, name == NULL ? "" : name, word);
    if (reader->row->attributes & IS_STRICT && !isdigit((unsigned char)letter))
        unknown(reader, word, "an option that is not known", false);
}

/* WORDS...: all arguments up to a ; or the end. */
static size_t take_rest(struct reader *reader, const struct option_row *option, const char *via,
                        size_t at, size_t next)
{
    struct use use = {option->use.verb, false, bj_table_text(option->use.argument), via};
    struct operands rest = {reader->argv + next, 0};

    while (next + rest.count < reader->argc && !bj_word_is(&reader->argv[next + rest.count], ";"))
        rest.count++;
    bj_reader_add_flag(reader, option->letter, plain_name(option), &reader->argv[at]);
    if (use.via == NULL)
        use.via = short_name(reader, option->letter);
    next += rest.count;
    bj_reader_use_list(reader, &use, &rest);
    return next < reader->argc ? next - at : next - at - 1;
}

/*
 * An option with its values: attached, or the arguments from `next` on. Gives how many arguments
 * were used.
 */
static size_t take_values(struct reader *reader, const struct option_row *option, const char *via,
                          size_t at, const struct bj_word *attached, size_t next)
{
    const struct bj_word *value = attached;
    size_t wanted = option->arity <= ARITY_OPTIONAL ? 0 : (size_t)option->arity - ARITY_ONE + 1;
    size_t used = 0;

    if (option->arity == ARITY_REST)
        return take_rest(reader, option, via, at, next);
    if (attached != NULL && wanted > 0)
        wanted--;
    if (attached == NULL && wanted > 0 && next < reader->argc)
        value = &reader->argv[next];
    used = wanted < reader->argc - next ? wanted : reader->argc - next;
    take_option(reader, option, via, &reader->argv[at], value);
    return used;
}

/* A hole where a letter would stand. */
static void hole_in_cluster(struct reader *reader, const struct bj_word *word)
{
    if (reader->row->attributes & (IS_CAN_RUN | IS_STRICT))
        unknown(reader, word, "an option that cannot be told", false);
}

/*
 * Reads the letters of a word from `from`. With `bundle` values are not attached but the following
 * arguments, in order. Gives how many arguments were used as values; *final if options end.
 */
static size_t read_cluster(struct reader *reader, size_t at, size_t from, bool bundle, bool *final)
{
    const struct bj_word *word = &reader->argv[at];
    const struct option_row *option;
    size_t used = 0;

    for (size_t i = from; i < word->length; i++) {
        struct bj_word attached;

        if (word->text[i] == BJ_HOLE) {
            hole_in_cluster(reader, word);
            break;
        }
        if (!find_letter(reader, word->text[i], &option)) {
            take_unlisted(reader, word, word->text[i]);
            continue;
        }
        *final |= option->final;
        if (option->arity == ARITY_NONE) {
            take_option(reader, option, NULL, word, NULL);
            continue;
        }
        if (bundle) {
            used += take_values(reader, option, NULL, at, NULL, at + 1 + used);
            continue;
        }
        attached = bj_word_slice(reader, word, i + 1, word->length - i - 1);
        return take_values(reader, option, NULL, at, attached.length > 0 ? &attached : NULL,
                           at + 1);
    }
    return used;
}

/* --name, --name=value; -name in programs that have such. False if it is none of these. */
static bool read_long(struct reader *reader, size_t at, size_t *ret_used, bool *final)
{
    const struct bj_word *word = &reader->argv[at];
    const char *equals = memchr(word->text, '=', word->length);
    size_t length = equals == NULL ? word->length : (size_t)(equals - word->text);
    bool two = word->text[1] == '-';
    struct match match = {NULL, NULL};
    struct bj_word value;

    if (memchr(word->text, BJ_HOLE, length) != NULL) {
        if (two)
            hole_in_cluster(reader, word);
        return two;
    }
    match = find_name(reader, word->text, length);
    if (match.option == NULL && two && reader->row->attributes & IS_ONEDASH)
        match = find_name(reader, word->text + 1, length - 1);
    /* java -javaagent:FILE */
    if (match.option == NULL && !two && memchr(word->text, ':', length) != NULL) {
        equals = memchr(word->text, ':', length);
        length = (size_t)(equals - word->text);
        match = find_name(reader, word->text, length);
    }
    if (match.option == NULL) {
        if (two)
            take_unlisted(reader, word, 0);
        return two;
    }
    *final |= match.option->final;
    if (equals == NULL && match.option->arity != ARITY_OPTIONAL) {
        *ret_used = take_values(reader, match.option, match.name, at, NULL, at + 1);
        return true;
    }
    if (equals != NULL)
        value = bj_word_slice(reader, word, length + 1, word->length - length - 1);
    *ret_used =
        take_values(reader, match.option, match.name, at, equals == NULL ? NULL : &value, at + 1);
    return true;
}

/* Gives how many arguments the option at `at` uses beyond its own word. */
static size_t read_option(struct reader *reader, size_t at, bool *final)
{
    const struct bj_word *word = &reader->argv[at];
    bool onedash = reader->row->attributes & IS_ONEDASH;
    size_t used = 0;

    if (reader->row->attributes & IS_PLUS && word->text[1] != '-')
        return read_cluster(reader, at, 1, reader->row->attributes & IS_APART, final);
    if (word->text[0] == '+')
        return read_cluster(reader, at, 0, false, final);
    if ((word->text[1] == '-' || onedash) && read_long(reader, at, &used, final))
        return used;
    return read_cluster(reader, at, 1, false, final);
}

/* ---- Arguments ---- */

static bool is_option(const struct reader *reader, const struct bj_word *word)
{
    const struct option_row *option;

    if (word->length > 1 && word->text[0] == '-')
        return true;
    if (reader->row->attributes & IS_PLUS)
        return word->length > 1 && word->text[0] == '+';
    return word->length > 0 && word->text[0] == '+' && find_letter(reader, '+', &option);
}

static bool ends_options(const struct reader *reader, const struct bj_word *word)
{
    return bj_word_is(word, "--") || (reader->row->attributes & IS_DASH && bj_word_is(word, "-"));
}

/* The first operand of a program with subcommands. */
static void enter_subcommand(struct reader *reader, const struct bj_word *word)
{
    const struct program_row *child = word->holes ? NULL : bj_table_child(reader->row, word);

    if (child == NULL) {
        bool runs = word->holes ? reader->row->attributes & (IS_CLOSED | IS_CAN_RUN)
                                : reader->row->attributes & IS_CLOSED;

        if (runs)
            unknown(reader, word, "a subcommand that is not known", false);
        return;
    }
    if (child->attributes & IS_INHERITS)
        reader->parent = reader->row;
    else
        reader->parent = NULL;
    reader->row = child;
    reader->operand_base = reader->ret->operand_count;
}

/* An operand. True if all that follows is operands too. */
static bool take_operand(struct reader *reader, size_t at, bool ended)
{
    const struct bj_word *word = &reader->argv[at];
    size_t index = reader->ret->operand_count - reader->operand_base;

    if (word->length > 0 && reader->row->attributes & IS_CAN_RUN &&
        (word->text[0] == BJ_HOLE ||
         (word->glob && !ended && strchr("*?[", word->text[0]) != NULL)))
        unknown(reader, word, "a word that may turn out to be an option", true);
    bj_reader_add_operand(reader, word);
    if (index == 0 && reader->row->child_count > 0) {
        enter_subcommand(reader, word);
        return false;
    }
    return (reader->row->attributes & IS_POSIX) &&
           (index > 0 || !(reader->row->attributes & IS_SECOND));
}

/* Puts the words that an option gave (env -S) behind the argument at `at`. */
static void splice(struct reader *reader, size_t at)
{
    size_t before = at + 1 < reader->argc ? at + 1 : reader->argc, after = reader->argc - before;
    size_t count = before + reader->splice_count + after;
    struct bj_word *argv = bj_arena_array(reader->arena, count, sizeof *argv);

    if (argv == NULL)
        return;
    memcpy(argv, reader->argv, before * sizeof *argv);
    memcpy(argv + before, reader->splice, reader->splice_count * sizeof *argv);
    if (after > 0)
        memcpy(argv + before + reader->splice_count, reader->argv + before, after * sizeof *argv);
    reader->argv = argv;
    reader->argc = count;
    reader->splice_count = 0;
}

static void read_arguments(struct reader *reader)
{
    bool ended = false;

    for (size_t i = 1; i < reader->argc && !reader->arena->failed; i++) {
        const struct bj_word *word = &reader->argv[i];

        if (i == 1 && reader->row->attributes & IS_BUNDLE && word->length > 0 &&
            word->text[0] != '-') {
            i += read_cluster(reader, i, 0, true, &ended);
        } else if (!ended && ends_options(reader, word)) {
            ended = true;
        } else if (!ended && is_option(reader, word)) {
            i += read_option(reader, i, &ended);
            if (reader->splice_count > 0)
                splice(reader, i);
        } else {
            ended |= take_operand(reader, i, ended);
        }
    }
}

/* A program without a row: clusters of letters, no option takes a value. */
static void read_by_custom(struct reader *reader)
{
    bool ended = false;

    for (size_t i = 1; i < reader->argc; i++) {
        const struct bj_word *word = &reader->argv[i];

        if (!ended && bj_word_is(word, "--")) {
            ended = true;
        } else if (ended || word->length < 2 || word->text[0] != '-') {
            bj_reader_add_operand(reader, word);
        } else if (word->text[1] == '-') {
            const char *equals = memchr(word->text, '=', word->length);
            size_t length = equals == NULL ? word->length : (size_t)(equals - word->text);

            bj_reader_add_flag(reader, 0, bj_arena_copy(reader->arena, word->text + 2, length - 2),
                               word);
        } else {
            for (size_t j = 1; j < word->length; j++)
                bj_reader_add_flag(reader, word->text[j], "", word);
        }
    }
}

const struct bj_flag *bj_reader_flag(const struct reader *reader, const char *spelling)
{
    size_t dashes = strspn(spelling, "-");

    for (size_t i = reader->ret->flag_count; i-- > 0;) {
        const struct bj_flag *flag = &reader->flags[i];

        if (spelling[dashes] != '\0' && spelling[dashes + 1] == '\0' && dashes == 1
                ? flag->letter == spelling[dashes]
                : strcmp(flag->name, spelling + dashes) == 0)
            return flag;
    }
    return NULL;
}

/* ---- Names ---- */

struct name {
    const char *text;
    size_t length;
};

/* What stands behind the last slash, if that is known. */
static bool base_name(const struct bj_word *word, struct name *ret)
{
    const char *slash = memrchr(word->text, '/', word->length);

    ret->text = slash == NULL ? word->text : slash + 1;
    ret->length = word->length - (size_t)(ret->text - word->text);
    if (word->splits || ret->length == 0)
        return false;
    return memchr(ret->text, BJ_HOLE, ret->length) == NULL;
}

/* Without a version at the end: python3.11, clang-15, perl5.36-x86_64-linux-gnu stays. */
static struct name without_version(struct name name)
{
    while (name.length > 1 && (isdigit((unsigned char)name.text[name.length - 1]) ||
                               name.text[name.length - 1] == '.'))
        name.length--;
    if (name.length > 1 && name.text[name.length - 1] == '-')
        name.length--;
    return name;
}

static bool starts(struct name name, const char *text)
{
    return name.length >= strlen(text) && memcmp(name.text, text, strlen(text)) == 0;
}

static const struct program_row *find_program(struct name name)
{
    const struct program_row *row = bj_table_find(name.text, name.length);
    struct name plain = without_version(name);

    if (row == NULL && plain.length < name.length)
        row = bj_table_find(plain.text, plain.length);
    if (row == NULL && (starts(name, "ld-linux") || starts(name, "ld-musl-")))
        row = bj_table_find("ld.so", 5);
    return row;
}

/* ---- The whole ---- */

/* What holds for all effects: as whom and where. */
static void finish_effects(struct reader *reader)
{
    for (size_t i = 0; i < reader->ret->effect_count; i++) {
        struct bj_effect *effect = &reader->effects[i];

        if (effect->kind == BJ_EFFECT_UNKNOWN || effect->kind > BJ_EFFECT_STDIN_SCRIPT)
            continue;
        effect->privileged |= (reader->row->attributes & IS_PRIVILEGED) != 0;
        if (reader->has_directory && !effect->has_directory) {
            effect->has_directory = true;
            effect->directory = reader->directory;
        }
    }
}

static void read_by_row(struct reader *reader)
{
    reader->ret->known = true;
    if (reader->row->reader == READER_FIND) {
        bj_reader_find(reader);
    } else {
        read_arguments(reader);
        if (!reader->arena->failed && reader->row->reader == READER_DD)
            bj_reader_dd(reader);
        else if (!reader->arena->failed)
            bj_reader_operands(reader);
    }
    reader->ret->paths = (reader->row->attributes & IS_PATHS) != 0;
}

bool bj_program_read(struct bj_arena *arena, const struct bj_word *argv, size_t argc,
                     struct bj_program *ret)
{
    struct reader reader = {.arena = arena, .ret = ret, .argv = argv, .argc = argc};
    struct name name;

    *ret = (struct bj_program){.name = ""};
    if (base_name(&argv[0], &name)) {
        reader.row = find_program(name);
        ret->name = reader.row != NULL ? bj_table_text(reader.row->name)
                                       : bj_arena_copy(arena, name.text, name.length);
    }
    if (reader.row != NULL)
        read_by_row(&reader);
    else
        read_by_custom(&reader);
    if (!arena->failed && reader.row != NULL)
        finish_effects(&reader);
    ret->flags = reader.flags;
    ret->operands = reader.operands;
    ret->effects = reader.effects;
    return !arena->failed;
}
