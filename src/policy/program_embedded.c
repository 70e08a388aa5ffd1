/*
 * Values that have a grammar of their own: env -S, git -c, ssh -o.
 */
#include "policy/program_internal.h"

#include <ctype.h>
#include <strings.h>

#define SPLICES_MAX 16 /* env -S within env -S */

/* ---- env -S ---- */

static bool is_name_char(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

/* The end of ${NAME} at `at`; `at` if there is none. */
static size_t variable_end(const struct bj_word *value, size_t at)
{
    size_t end = at + 2;

    if (at + 2 >= value->length || value->text[at] != '$' || value->text[at + 1] != '{')
        return at;
    while (end < value->length && is_name_char(value->text[end]))
        end++;
    return end < value->length && value->text[end] == '}' ? end + 1 : at;
}

/* ${NAME} is a hole; \_ is a blank, the other escapes are left to the splitting; \c and # at the
 * beginning of a word end it. */
static struct bj_word env_text(struct reader *reader, const struct bj_word *value)
{
    struct bj_word made = bj_word_of(reader, value, value->text, value->length);
    char *text = (char *)made.text;
    size_t to = 0;

    for (size_t i = 0; i < value->length && made.length > 0; i++) {
        size_t end = variable_end(value, i);
        char next = i + 1 < value->length ? value->text[i + 1] : 0;

        if (end > i) {
            text[to++] = BJ_HOLE;
            made.holes = true;
            i = end - 1;
        } else if (value->text[i] == '\\' && next == 'c') {
            break;
        } else if (value->text[i] == '\\' && next != 0 && strchr("_fnrtv", next) != NULL) {
            text[to++] = ' ';
            i++;
        } else {
            text[to++] = value->text[i];
        }
    }
    made.length = (uint32_t)to;
    if (to > 0)
        text[to] = '\0';
    return made;
}

/* The pieces become arguments where the option stood. */
void bj_verb_env_string(struct reader *reader, const struct use *use, const struct bj_word *value)
{
    struct bj_word text = env_text(reader, value);

    if (reader->splices++ >= SPLICES_MAX) {
        bj_reader_effect_word(reader, use, BJ_EFFECT_UNKNOWN, value);
        return;
    }
    reader->splice = bj_word_split(reader, &text, true, &reader->splice_count);
}

/* ---- KEY=VALUE ---- */

static bool is(const char *text, size_t length, const char *other)
{
    return length == strlen(other) && strncasecmp(text, other, length) == 0;
}

/* Where key and value of KEY=VALUE part; the length if there is no value. */
static size_t key_length(const struct bj_word *pair, const char *separators)
{
    for (size_t i = 0; i < pair->length; i++) {
        if (pair->text[i] != BJ_HOLE && strchr(separators, pair->text[i]) != NULL)
            return i;
    }
    return pair->length;
}

static struct bj_word value_of(struct reader *reader, const struct bj_word *pair, size_t key)
{
    size_t from = key;

    while (from < pair->length && from <= key + 64 && strchr("= \t", pair->text[from]) != NULL &&
           pair->text[from] != BJ_HOLE)
        from++;
    return bj_word_slice(reader, pair, from, pair->length - from);
}

/* ---- git -c ---- */

static const struct git_key {
    const char *section; /* NULL: any */
    const char *name;    /* NULL: any */
    uint8_t verb;
} git_keys[] = {
#define BJ_GIT_KEY(section, name, verb) {section, name, VERB_##verb},
#include "policy/program_git_keys.def"
#undef BJ_GIT_KEY
};

static bool is_boolean(const struct bj_word *value)
{
    static const char *const words[] = {"true", "false", "yes", "no", "on", "off", "0", "1", ""};

    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (!value->holes && is(value->text, value->length, words[i]))
            return true;
    }
    return false;
}

/* An alias or a pager: !TEXT is for a shell, anything else for git itself. */
static void use_alias(struct reader *reader, const struct use *use, const struct bj_word *value)
{
    struct bj_word line = *value;

    if (value->length > 0 && value->text[0] == '!') {
        line = bj_word_slice(reader, value, 1, value->length - 1);
        bj_reader_effect_word(reader, use, BJ_EFFECT_SHELL, &line);
    } else if (value->length > 0 && value->text[0] != BJ_HOLE) {
        struct bj_word git[2] = {bj_word_of(reader, value, "git", 3), *value};
        struct use runs = *use;

        line = bj_word_join(reader, git, 2, ' ');
        runs.verb = VERB_RUNS;
        bj_reader_use(reader, &runs, &line);
    } else {
        bj_reader_effect_word(reader, use, BJ_EFFECT_UNKNOWN, value);
    }
}

void bj_git_config(struct reader *reader, const struct use *use, const struct bj_word *key,
                   const struct bj_word *value)
{
    const char *first = memchr(key->text, '.', key->length);
    const char *last = memrchr(key->text, '.', key->length);
    struct use found = *use;

    if (memchr(key->text, BJ_HOLE, key->length) != NULL) {
        bj_reader_effect_word(reader, use, BJ_EFFECT_UNKNOWN, key);
        return;
    }
    if (first == NULL)
        return;
    for (size_t i = 0; i < sizeof git_keys / sizeof *git_keys; i++) {
        const struct git_key *row = &git_keys[i];

        if ((row->section != NULL && !is(key->text, (size_t)(first - key->text), row->section)) ||
            (row->name != NULL &&
             !is(last + 1, key->length - (size_t)(last + 1 - key->text), row->name)))
            continue;
        found.verb = row->verb;
        if (row->verb == VERB_GIT_CONFIG)
            use_alias(reader, &found, value);
        else if (!is_boolean(value))
            bj_reader_use(reader, &found, value);
        return;
    }
}

void bj_verb_git_config(struct reader *reader, const struct use *use, const struct bj_word *value)
{
    size_t length = key_length(value, "=");
    struct bj_word key = bj_word_of(reader, value, value->text, length);
    struct bj_word rest = value_of(reader, value, length);

    bj_git_config(reader, use, &key, &rest);
}

/* ---- KEY=VALUE of other programs ---- */

static const struct pair {
    const char *set;
    const char *key; /* ends with * if it stands for all that begin so */
    uint8_t verb;
} pairs[] = {
#define BJ_PAIR(set, key, verb) {set, key, VERB_##verb},
#include "policy/program_pairs.def"
#undef BJ_PAIR
};

static bool is_key(const char *text, size_t length, const char *key)
{
    size_t known = strlen(key);

    if (known > 0 && key[known - 1] == '*')
        return length >= known - 1 && strncasecmp(text, key, known - 1) == 0;
    return is(text, length, key);
}

void bj_verb_pair(struct reader *reader, const struct use *use, const struct bj_word *pair)
{
    size_t blanks = strspn(pair->text, " \t\r\n");
    struct bj_word trimmed = bj_word_slice(reader, pair, blanks, pair->length - blanks);
    const struct bj_word *value = &trimmed;
    size_t length = key_length(value, "= \t");
    struct bj_word rest = value_of(reader, value, length);
    struct use found = *use;

    if (memchr(value->text, BJ_HOLE, length) != NULL) {
        bj_reader_effect_word(reader, use, BJ_EFFECT_UNKNOWN, value);
        return;
    }
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        if (strcmp(pairs[i].set, use->argument) != 0 || !is_key(value->text, length, pairs[i].key))
            continue;
        found.via = pairs[i].key;
        found.verb = pairs[i].verb;
        found.argument = "";
        if (!bj_word_is(&rest, "none"))
            bj_reader_use(reader, &found, &rest);
        return;
    }
}

/*
 * NAME=VALUE: the variables that choose code for all programs. make expands values, so there
 * $(shell …) runs.
 */
void bj_verb_variable(struct reader *reader, const struct use *use, const struct bj_word *value)
{
    size_t length = key_length(value, ":+?!=");
    struct bj_word name = bj_word_of(reader, value, value->text, length);
    struct bj_word rest;
    struct bj_effect chosen;
    size_t at = length;

    while (at < value->length && value->text[at] != '=')
        at++;
    if (at >= value->length)
        return;
    rest = bj_word_slice(reader, value, at + 1, value->length - at - 1);
    if (name.holes) {
        bj_reader_effect_word(reader, use, BJ_EFFECT_UNKNOWN, value);
    } else if (bj_variable_chooses_code(name.text, &rest, &chosen)) {
        struct use by_name = {.via = name.text};

        bj_reader_effect_word(reader, &by_name, chosen.kind, &rest);
    } else if (strcmp(use->argument, "make") == 0 &&
               (rest.holes || memmem(rest.text, rest.length, "$(", 2) != NULL ||
                memmem(rest.text, rest.length, "${", 2) != NULL ||
                (at > 0 && value->text[at - 1] == '!'))) {
        struct bj_effect *effect = bj_reader_effect_word(reader, use, BJ_EFFECT_CODE, &rest);

        if (effect != NULL)
            effect->language = "make";
    }
}

/* -ldflags: -extld and -extldflags choose a program and its plug-ins. */
void bj_verb_go_flags(struct reader *reader, const struct use *use, const struct bj_word *value)
{
    size_t count;
    struct bj_word *words = bj_word_split(reader, value, true, &count);

    for (size_t i = 0; i < count; i++) {
        if (bj_word_starts(&words[i], "-ext") || bj_word_starts(&words[i], "--ext"))
            bj_reader_effect_word(reader, use, BJ_EFFECT_UNKNOWN, &words[i]);
    }
}

/* ---- Addresses ---- */

/* ext::COMMAND runs it, NAME:: runs git-remote-NAME; see gitremote-helpers(7). */
void bj_verb_git_url(struct reader *reader, const struct use *use, const struct bj_word *value)
{
    const char *colons = memmem(value->text, value->length, "::", 2);
    const char *slash = memchr(value->text, '/', value->length);
    struct bj_word rest;

    if (colons != NULL && (slash == NULL || colons < slash)) {
        if (bj_word_starts(value, "ext::")) {
            rest = bj_word_slice(reader, value, 5, value->length - 5);
            bj_verb_runs(reader, use, &rest);
        } else {
            bj_reader_effect_word(reader, use, BJ_EFFECT_UNKNOWN, value);
        }
    } else if (value->length > 0) {
        struct use place = *use;

        place.verb = VERB_REMOTE_READS;
        bj_verb_remote(reader, &place, value);
    }
}

void bj_verb_tar_action(struct reader *reader, const struct use *use, const struct bj_word *value)
{
    struct bj_word text;

    if (bj_word_starts(value, "exec=")) {
        text = bj_word_slice(reader, value, 5, value->length - 5);
        bj_reader_effect_word(reader, use, BJ_EFFECT_SHELL, &text);
    } else if (value->length > 0 &&
               memchr(value->text, BJ_HOLE, value->length < 5 ? value->length : 5) != NULL) {
        bj_reader_effect_word(reader, use, BJ_EFFECT_UNKNOWN, value);
    }
}

/* HOST:FILE is reached through rsh. */
void bj_verb_tar_archive(struct reader *reader, const struct use *use, const struct bj_word *value)
{
    const char *colon = memchr(value->text, ':', value->length);
    const char *slash = memchr(value->text, '/', value->length);

    if (colon != NULL && (slash == NULL || colon < slash))
        bj_reader_effect_word(reader, use, BJ_EFFECT_CONNECTS, value);
}

static const struct address {
    const char *name;
    uint8_t verb;
} socat_addresses[] = {
    {"EXEC", VERB_RUNS},   {"SYSTEM", VERB_SHELL}, {"SHELL", VERB_SHELL},   {"OPEN", VERB_WRITES},
    {"FILE", VERB_WRITES}, {"GOPEN", VERB_WRITES}, {"CREATE", VERB_WRITES}, {"CREAT", VERB_WRITES},
    {"PIPE", VERB_WRITES}, {"STDIO", VERB_NONE},   {"STDIN", VERB_NONE},    {"STDOUT", VERB_NONE},
    {"STDERR", VERB_NONE}, {"FD", VERB_NONE},      {"PTY", VERB_NONE},      {"READLINE", VERB_NONE},
    {"-", VERB_NONE},
};

/* TYPE:PARAMETERS,OPTION,…; two addresses may be joined by !!. A name of digits is a descriptor,
 * one with a slash a file, all others connect or listen. */
void bj_verb_socat_address(struct reader *reader, const struct use *use,
                           const struct bj_word *value)
{
    const char *both = memmem(value->text, value->length, "!!", 2);
    struct use found = *use;
    struct bj_word rest;
    size_t length;

    if (both != NULL) {
        size_t first = (size_t)(both - value->text);
        struct bj_word one = bj_word_of(reader, value, value->text, first);
        struct bj_word other = bj_word_slice(reader, value, first + 2, value->length - first - 2);

        bj_verb_socat_address(reader, use, &one);
        value = &other;
        bj_verb_socat_address(reader, use, value);
        return;
    }
    length = key_length(value, ":,");
    if (memchr(value->text, BJ_HOLE, length) != NULL) {
        bj_reader_effect_word(reader, use, BJ_EFFECT_UNKNOWN, value);
        return;
    }
    rest = bj_word_slice(reader, value, length < value->length ? length + 1 : length,
                         length < value->length ? value->length - length - 1 : 0);
    if (rest.length > 1 && (rest.text[0] == '"' || rest.text[0] == '\''))
        rest = bj_word_slice(reader, &rest, 1, key_length(&rest, ",") - 1);
    found.verb = memchr(value->text, '/', length) != NULL ? VERB_WRITES : VERB_CONNECTS;
    for (size_t i = 0; i < sizeof socat_addresses / sizeof *socat_addresses; i++) {
        if (is(value->text, length, socat_addresses[i].name))
            found.verb = socat_addresses[i].verb;
    }
    bj_reader_use(reader, &found, found.verb == VERB_CONNECTS ? value : &rest);
}

/* ---- SQL ---- */

/* Words of a command that name files: `r /etc/passwd`. */
static void read_words(struct reader *reader, const struct use *use, const struct bj_word *text)
{
    size_t count;
    struct bj_word *words = bj_word_split(reader, text, true, &count);

    for (size_t i = 1; i < count; i++) {
        if (words[i].length > 1 && strchr("/~.", words[i].text[0]) != NULL &&
            memchr(words[i].text, '/', words[i].length) != NULL)
            bj_reader_effect_word(reader, use, BJ_EFFECT_READS, &words[i]);
    }
}

static bool is_one_of(const char *text, size_t length, const char *const *words)
{
    for (; *words != NULL; words++) {
        if (is(text, length, *words))
            return true;
    }
    return false;
}

/* Queries that run nothing. What begins otherwise, even a word inside a string that may read,
 * write or run, is not taken for one. */
static bool is_plain_sql(const struct bj_word *code)
{
    static const char *const first[] = {
        "select",      "insert",     "update",     "delete",  "create",   "drop",
        "alter",       "pragma",     "begin",      "commit",  "rollback", "explain",
        "with",        "values",     "analyze",    "reindex", "show",     "desc",
        "describe",    "end",        "savepoint",  "release", "truncate", "vacuum",
        ".tables",     ".schema",    ".headers",   ".header", ".mode",    ".databases",
        ".indexes",    ".indices",   ".dump",      ".quit",   ".exit",    ".show",
        ".width",      ".separator", ".nullvalue", ".timer",  ".changes", ".bail",
        ".fullschema", ".stats",     ".help",      NULL};
    static const char *const never[] = {"edit",
                                        "writefile",
                                        "readfile",
                                        "load_extension",
                                        "fts3_tokenizer",
                                        "attach",
                                        "into_outfile",
                                        "outfile",
                                        "dumpfile",
                                        "load_file",
                                        "load",
                                        "copy",
                                        "program",
                                        "infile",
                                        "system",
                                        "source",
                                        "fsdir",
                                        "lsdir",
                                        "shell",
                                        "install",
                                        "read_csv",
                                        "read_text",
                                        "read_blob",
                                        "lo_import",
                                        "lo_export",
                                        "pg_read_file",
                                        "writable_schema",
                                        "zipfile",
                                        "execute",
                                        "language",
                                        NULL};
    bool begins = true;

    if (code->holes || memchr(code->text, '\\', code->length) != NULL)
        return false;
    for (size_t i = 0; i < code->length;) {
        size_t to = i;

        while (to < code->length &&
               (is_name_char(code->text[to]) || (begins && to == i && code->text[to] == '.')))
            to++;
        if (to == i) {
            begins |= code->text[i] == ';';
            i++;
            continue;
        }
        if (begins && !is_one_of(code->text + i, to - i, first))
            return false;
        if (is_one_of(code->text + i, to - i, never) ||
            (is(code->text + i, to - i, "into") && memmem(code->text, i, "acuum", 5) != NULL))
            return false;
        begins = false;
        i = to;
    }
    return memmem(code->text, code->length, "\n.", 2) == NULL &&
           (code->text[0] != '.' || memchr(code->text, '|', code->length) == NULL);
}

/* Commands of the programs for databases that run shell text: of sqlite3 and of psql, mysql. */
static void read_shell_lines(struct reader *reader, const struct use *use,
                             const struct bj_word *code)
{
    static const char *const names[] = {".shell", ".system", "\\!"};

    for (size_t from = 0, to; from < code->length; from = to + 1) {
        for (to = from; to < code->length && code->text[to] != '\n'; to++)
            continue;
        while (from < to && (code->text[from] == ' ' || code->text[from] == '\t'))
            from++;
        for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
            size_t length = strlen(names[i]);
            struct bj_word text;

            if (to - from <= length || memcmp(code->text + from, names[i], length) != 0)
                continue;
            text = bj_word_slice(reader, code, from + length, to - from - length);
            bj_reader_effect_word(reader, use, BJ_EFFECT_SHELL, &text);
        }
    }
}

/* Strings of code that is not plain may be files: attach 'FILE', .open FILE. */
bool bj_code_sql(struct reader *reader, const struct use *use, const struct bj_word *code)
{
    struct bj_word words = bj_word_of(reader, code, code->text, code->length);

    read_shell_lines(reader, use, code);
    if (is_plain_sql(code))
        return true;
    for (size_t i = 0; i < words.length; i++) {
        if (strchr("'\"();,`", words.text[i]) != NULL && words.text[i] != '\0')
            ((char *)words.text)[i] = ' ';
    }
    read_words(reader, use, &words);
    return false;
}

/* ---- Commands of editors and debuggers ---- */

/* The first ! of an ex command begins shell text: :!x, :r !x, :w !x, :%!x; less has it alone. */
void bj_verb_ex_command(struct reader *reader, const struct use *use, const struct bj_word *value)
{
    const char *mark = memchr(value->text, '!', value->length);
    struct bj_effect *effect = NULL;
    struct bj_word text;
    size_t at;

    if (mark != NULL) {
        at = (size_t)(mark - value->text) + 1;
        text = bj_word_slice(reader, value, at, value->length - at);
        /* :q! and the like have nothing behind it. */
        if (text.length > 0)
            bj_reader_effect_word(reader, use, BJ_EFFECT_SHELL, &text);
    }
    at = strspn(value->text, "0123456789/?G$");
    if (mark == NULL && (at > 0 || value->length == 0) && !value->holes)
        return;
    effect = bj_reader_effect_word(reader, use, BJ_EFFECT_CODE, value);
    if (effect != NULL)
        effect->language = "vim";
    read_words(reader, use, value);
}

static const struct address gdb_commands[] = {
    {"shell", VERB_SHELL},  {"!", VERB_SHELL},        {"python", VERB_CODE},
    {"py", VERB_CODE},      {"pi", VERB_CODE},        {"python-interactive", VERB_CODE},
    {"source", VERB_LOADS}, {"guile", VERB_CODE},     {"exec-file", VERB_PROGRAM},
    {"file", VERB_PROGRAM}, {"platform", VERB_SHELL}, {"script", VERB_CODE},
};

/* Those that only look and step, as long as no expression with a call stands behind them. */
static const char *const gdb_harmless[] = {
    "bt",    "backtrace",   "where", "run",     "r",     "start",  "break",   "b",      "tbreak",
    "c",     "continue",    "n",     "next",    "s",     "step",   "ni",      "si",     "nexti",
    "stepi", "finish",      "quit",  "q",       "info",  "i",      "list",    "l",      "frame",
    "f",     "up",          "down",  "show",    "help",  "kill",   "k",       "delete", "d",
    "disas", "disassemble", "x",     "until",   "fin",   "detach", "disable", "enable", "inspect",
    "p",     "print",       "watch", "display", "ptype", "whatis",
};

/* Settings of how things are shown: `set exec-wrapper` and others choose what runs. */
static const char *const gdb_settings[] = {"set pagination ", "set confirm ",
                                           "set width ",      "set height ",
                                           "set print ",      "set disassembly-flavor "};

static bool is_harmless_to_gdb(const struct bj_word *value, size_t length,
                               const struct bj_word *rest)
{
    /* `thread apply all COMMAND`, `frame apply all COMMAND` */
    if (is(value->text, length, "thread") || is(value->text, length, "t"))
        return memmem(rest->text, rest->length, "ap", 2) == NULL ||
               (rest->length > 3 && memcmp(rest->text + rest->length - 3, " bt", 3) == 0);
    if (rest->text[strcspn(rest->text, "(`|\"';&<>")] != '\0' ||
        memmem(rest->text, rest->length, "apply", 5) != NULL)
        return false;
    for (size_t i = 0; i < sizeof gdb_settings / sizeof *gdb_settings; i++) {
        if (bj_word_starts(value, gdb_settings[i]))
            return true;
    }
    for (size_t i = 0; i < sizeof gdb_harmless / sizeof *gdb_harmless; i++) {
        if (is(value->text, length, gdb_harmless[i]))
            return true;
    }
    return false;
}

/* The whole name, or the beginning of it; a single letter may be another command's. */
static bool is_abbreviated(const char *text, size_t length, const char *name)
{
    return is(text, length, name) ||
           (length > 1 && length < strlen(name) && strncasecmp(text, name, length) == 0);
}

/* What is neither known to be harmless nor read stays code. */
void bj_verb_gdb_command(struct reader *reader, const struct use *use, const struct bj_word *text)
{
    size_t blanks = strspn(text->text, " \t\n");
    struct bj_word trimmed = bj_word_slice(reader, text, blanks, text->length - blanks);
    const struct bj_word *value = &trimmed;
    struct bj_effect *effect;
    bool known = false;
    size_t length =
        value->length > 0 && strchr("!|", value->text[0]) != NULL ? 1 : key_length(value, " \t/");
    struct use found = {.via = use->via, .argument = "python"};
    struct bj_word rest = bj_word_slice(reader, value, length, value->length - length);

    if (memchr(value->text, BJ_HOLE, length) != NULL) {
        bj_reader_effect_word(reader, use, BJ_EFFECT_UNKNOWN, value);
        return;
    }
    while (rest.length > 0 && rest.text[0] == ' ')
        rest = bj_word_slice(reader, &rest, 1, rest.length - 1);
    if (length == 0 || is_harmless_to_gdb(value, length, &rest))
        return;
    for (size_t i = 0; i < sizeof gdb_commands / sizeof *gdb_commands && !known; i++) {
        if (is_abbreviated(value->text, length, gdb_commands[i].name)) {
            found.verb = gdb_commands[i].verb;
            bj_reader_use(reader, &found, &rest);
            known = true;
        }
    }
    if (known)
        return;
    effect = bj_reader_effect_word(reader, use, BJ_EFFECT_CODE, value);
    if (effect != NULL)
        effect->language = "gdb";
}
