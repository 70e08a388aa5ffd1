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

/* ---- ssh -o ---- */

static const struct {
    const char *name;
    uint8_t verb;
} ssh_options[] = {
    {"ProxyCommand", VERB_SHELL},      {"LocalCommand", VERB_SHELL},
    {"KnownHostsCommand", VERB_SHELL}, {"RemoteCommand", VERB_SHELL},
    {"PKCS11Provider", VERB_LOADS},    {"SecurityKeyProvider", VERB_LOADS},
    {"XAuthLocation", VERB_PROGRAM},   {"Include", VERB_LOADS},
    {"ProxyJump", VERB_CONNECTS},      {"HostName", VERB_CONNECTS},
    {"IdentityFile", VERB_READS},
};

void bj_verb_ssh_option(struct reader *reader, const struct use *use, const struct bj_word *value)
{
    size_t length = key_length(value, "= \t");
    struct bj_word rest = value_of(reader, value, length);
    struct use found = *use;

    if (memchr(value->text, BJ_HOLE, length) != NULL) {
        bj_reader_effect_word(reader, use, BJ_EFFECT_UNKNOWN, value);
        return;
    }
    for (size_t i = 0; i < sizeof ssh_options / sizeof *ssh_options; i++) {
        if (!is(value->text, length, ssh_options[i].name) || bj_word_is(&rest, "none"))
            continue;
        found.via = ssh_options[i].name;
        found.verb = ssh_options[i].verb;
        bj_reader_use(reader, &found, &rest);
    }
}
