/*
 * Masking by program: options whose value is a secret although nothing in their name or the value
 * says so, as in `curl -u me:secret` and `mysql -psecret`. One table serves shell text and argument
 * vectors alike. What such an option means with one program (-p: a password) it does not with
 * another (a port), so nothing is masked before the program's name was seen in the same command.
 */
#include <string.h>

#include "model/mask_internal.h"

/* What of an option's value is the secret. */
enum hidden {
    ALL,
    BEHIND_COLON,   /* user:password; without a colon it is asked for */
    BEHIND_PERCENT, /* user%password */
    BEHIND_COMMA,   /* user,password */
    COOKIES,        /* all if they are some; without an equals sign it is a file */
    BEHIND_PASS,    /* openssl's pass:password; env:, file:, fd: and stdin name where it is */
};

struct option {
    char letter;      /* '\0' = it has none */
    const char *name; /* the long one without its dashes; NULL = it has none */
    enum hidden hidden;
    const char *verb; /* a word that must have come before; NULL = none */
    enum {
        APART,
        JOINED,
        PERHAPS
    } value; /* JOINED: never in the next word; PERHAPS: not if that
                begins with a dash */
};

static const struct option curl[] = {
    {'u', "user", BEHIND_COLON},
    {'U', "proxy-user", BEHIND_COLON},
    {'b', "cookie", COOKIES},
    {'E', "cert", BEHIND_COLON},
    {0, "proxy-cert", BEHIND_COLON},
    {0, "oauth2-bearer", ALL},
    {0, "pass", ALL},
    {0, "proxy-pass", ALL},
    {0, "tlspassword", ALL},
    {0, "proxy-tlspassword", ALL},
    {0},
};
static const struct option wget[] = {
    {0, "password", ALL},
    {0, "http-password", ALL},
    {0, "ftp-password", ALL},
    {0, "proxy-password", ALL},
    {0},
};
static const struct option mysql[] = {{'p', "password", ALL, NULL, JOINED}, {0}};
static const struct option letter_p[] = {{'p', "password", ALL}, {0}};
static const struct option letter_p_perhaps[] = {{'p', "password", ALL, NULL, PERHAPS}, {0}};
static const struct option joined_p[] = {{'p', NULL, ALL, NULL, JOINED}, {0}};
static const struct option capital_p[] = {{'P', "password", ALL}, {0, "pw", ALL}, {0}};
static const struct option registry[] = {
    {'p', "password", ALL, "login"},
    {0, "creds", BEHIND_COLON},
    {0, "src-creds", BEHIND_COLON},
    {0, "dest-creds", BEHIND_COLON},
    {0},
};
static const struct option twine[] = {{'p', "password", ALL, "upload"}, {0}};
static const struct option github[] = {{'b', "body", ALL, "secret"}, {0}};
static const struct option redis[] = {{'a', "pass", ALL}, {0}};
static const struct option http[] = {{'a', "auth", BEHIND_COLON}, {0}};
static const struct option samba[] = {{'U', "user", BEHIND_PERCENT}, {0}};
static const struct option lftp[] = {{'u', "user", BEHIND_COMMA}, {0}};
static const struct option ldap[] = {{'w', NULL, ALL}, {0}};
static const struct option ssh_keygen[] = {{'N', NULL, ALL}, {'P', NULL, ALL}, {0}};
static const struct option openssl[] = {
    {0, "passin", BEHIND_PASS},
    {0, "passout", BEHIND_PASS},
    {0, "pass", BEHIND_PASS},
    {0, "k", ALL},
    {0, "K", ALL},
    {0, "hmac", ALL},
    {0},
};
static const struct option java[] = {
    {0, "storepass", ALL},
    {0, "keypass", ALL},
    {0, "new", ALL},
    {0, "srcstorepass", ALL},
    {0, "deststorepass", ALL},
    {0, "srckeypass", ALL},
    {0, "destkeypass", ALL},
    {0, "ks-pass", BEHIND_PASS},
    {0, "key-pass", BEHIND_PASS},
    {0},
};
static const struct option none[] = {{0}};

#define FIRST_ONLY "" /* its letters do not stand behind one another */

static const struct bj_mask_program {
    const struct option *options; /* the last has neither letter nor name */
    /* Letters that take a value which is no secret, so that what is behind them is no letter. NULL:
     * one dash begins a name, as two do. */
    const char *valued;
    const char *settings; /* the verb behind which a word that is a secret's name has its value
                             next; "" = from the beginning; NULL = there is none */
} is_curl = {curl, "AcCdDeFhHKmoPQrtTwxXyYz", NULL}, is_wget = {wget, "aAbBDeiIlLoOPQRtTUwX", NULL},
  is_mysql = {mysql, "uhPSDeO", NULL}, is_mysqladmin = {mysql, "uhPSDeO", ""},
  is_sshpass = {letter_p, "fdP", NULL},
  is_user = {letter_p, "bcdegGkKsuU", NULL}, /* useradd, usermod; cqlsh */
    is_mongo = {letter_p_perhaps, "udhcoqf", NULL}, is_registry = {registry, "u", NULL},
  is_twine = {twine, "ruics", NULL}, is_github = {github, "Re", NULL},
  is_redis = {redis, "hpsuridnDX", NULL}, is_http = {http, "AopPs", NULL},
  is_samba = {samba, "INpPSWcdDilmnORstT", NULL}, is_lftp = {lftp, "efcp", NULL},
  is_ldap = {ldap, "DHhpbsfSTlzoOUXRYdey", NULL},
  is_ssh_keygen = {ssh_keygen, "bCfFtIYnOzsVDMWaZmrR", NULL},
  is_capital = {capital_p, "SUdHuhtmifbx", NULL}, is_archive = {joined_p, FIRST_ONLY, NULL},
  is_openssl = {openssl, NULL, NULL}, is_java = {java, NULL, NULL},
  is_set = {none, FIRST_ONLY, "set"}, is_git = {none, FIRST_ONLY, "config"};

/* By the first letter; a star stands for any rest. What is more special comes first. */
#define NAMES_MAX 8
static const struct named {
    const char *name;
    const struct bj_mask_program *program;
} by_letter['z' - 'a' + 1][NAMES_MAX] = {
    ['a' - 'a'] = {{"apksigner", &is_java}, {"aws", &is_set}, {"az", &is_registry}},
    ['b' - 'a'] = {{"bcp", &is_capital}, {"buildah", &is_registry}},
    ['c' - 'a'] = {{"curl", &is_curl},
                   {"cqlsh", &is_user},
                   {"crane", &is_registry},
                   {"cf", &is_registry}},
    ['d' - 'a'] = {{"docker", &is_registry}},
    ['g' - 'a'] = {{"git", &is_git}, {"gh", &is_github}, {"gcloud", &is_set}},
    ['h' - 'a'] = {{"http", &is_http}, {"https", &is_http}, {"helm", &is_registry}},
    ['i' - 'a'] = {{"isql", &is_capital}, {"ipmitool", &is_capital}},
    ['j' - 'a'] = {{"jarsigner", &is_java}},
    ['k' - 'a'] = {{"keytool", &is_java}},
    ['l' - 'a'] = {{"ldap*", &is_ldap}, {"lftp", &is_lftp}},
    ['m' - 'a'] = {{"mysqladmin", &is_mysqladmin},
                   {"mariadb-admin", &is_mysqladmin},
                   {"mysql*", &is_mysql},
                   {"mariadb*", &is_mysql},
                   {"mongo*", &is_mongo},
                   {"mosquitto_*", &is_capital}},
    ['n' - 'a'] = {{"npm", &is_set}, {"nerdctl", &is_registry}, {"net", &is_samba}},
    ['o' - 'a'] = {{"openssl", &is_openssl}, {"oras", &is_registry}, {"oc", &is_registry}},
    ['p' - 'a'] = {{"pip*", &is_set},
                   {"pnpm", &is_set},
                   {"podman", &is_registry},
                   {"poetry", &is_set}},
    ['r' - 'a'] = {{"redis-cli", &is_redis},
                   {"rar", &is_archive},
                   {"regctl", &is_registry},
                   {"rpcclient", &is_samba}},
    ['s' - 'a'] = {{"sshpass", &is_sshpass},
                   {"ssh-keygen", &is_ssh_keygen},
                   {"skopeo", &is_registry},
                   {"smb*", &is_samba},
                   {"sqlcmd", &is_capital}},
    ['t' - 'a'] = {{"twine", &is_twine}},
    ['u' - 'a'] = {{"unzip", &is_capital},
                   {"unrar", &is_archive},
                   {"useradd", &is_user},
                   {"usermod", &is_user}},
    ['v' - 'a'] = {{"valkey-cli", &is_redis}},
    ['w' - 'a'] = {{"wget", &is_wget}},
    ['x' - 'a'] = {{"xh", &is_http}, {"xhs", &is_http}},
    ['y' - 'a'] = {{"yarn", &is_set}},
    ['z' - 'a'] = {{"zip", &is_capital}},
};
/* These begin with a digit. */
static const struct named sevenzips[NAMES_MAX] = {
    {"7z*", &is_archive},
};

/* ---- words ---- */

static bool is_named(const char *name, const char *word, size_t length)
{
    size_t size = strlen(name);

    if (name[size - 1] == '*')
        return length >= size - 1 && memcmp(name, word, size - 1) == 0;
    return length == size && memcmp(name, word, length) == 0;
}

const struct bj_mask_program *bj_mask_find_program(const char *word, size_t length)
{
    const struct named *names;

    for (size_t i = length; i > 0; i--) {
        if (word[i - 1] != '/')
            continue;
        word += i;
        length -= i;
        break;
    }
    if (length < 2)
        return NULL;
    if (word[0] >= 'a' && word[0] <= 'z')
        names = by_letter[word[0] - 'a'];
    else if (word[0] == '7')
        names = sevenzips;
    else
        return NULL;
    for (size_t i = 0; i < NAMES_MAX && names[i].name != NULL; i++) {
        if (is_named(names[i].name, word, length))
            return names[i].program;
    }
    return NULL;
}

static bool is_word(const char *text, const char *word, size_t length)
{
    return strlen(text) == length && memcmp(text, word, length) == 0;
}

void bj_mask_note_word(struct bj_mask_command *command, const char *word, size_t length)
{
    const struct bj_mask_program *program = command->program;

    if (program->settings != NULL && is_word(program->settings, word, length))
        command->settings = true;
    for (const struct option *at = program->options; at->letter != 0 || at->name != NULL; at++) {
        if (at->verb != NULL && is_word(at->verb, word, length))
            command->verb = true;
    }
}

static bool applies(const struct bj_mask_command *command, const struct option *option)
{
    return option->verb == NULL || command->verb;
}

/* An abbreviation of a long name counts: programs take it. */
#define SHORTEST_ABBREVIATION 4

static const struct option *find_name(const struct bj_mask_command *command, const char *name,
                                      size_t length)
{
    const struct option *at = command->program->options, *found = NULL;

    for (; at->letter != 0 || at->name != NULL; at++) {
        if (at->name == NULL || !applies(command, at) || strncmp(at->name, name, length) != 0)
            continue;
        if (at->name[length] == '\0')
            return at;
        if (length >= SHORTEST_ABBREVIATION && command->program->valued != NULL)
            found = at;
    }
    return found;
}

/* In -xyz the first letter that takes a value takes all that is behind it. *ret_at: where. */
static const struct option *find_letter(const struct bj_mask_command *command, const char *word,
                                        size_t length, size_t *ret_at)
{
    const char *valued = command->program->valued;

    for (size_t i = 1; i < length && bj_mask_is_alnum(word[i]); i++) {
        for (const struct option *at = command->program->options;
             at->letter != 0 || at->name != NULL; at++) {
            if (at->letter == word[i] && applies(command, at)) {
                *ret_at = i + 1;
                return at;
            }
        }
        if (valued[0] == '\0' || strchr(valued, word[i]) != NULL)
            return NULL;
    }
    return NULL;
}

bool bj_mask_read_option(const struct bj_mask_command *command, const char *word, size_t length,
                         struct bj_mask_option *ret)
{
    bool is_long = length > 2 && word[1] == '-';
    size_t at = length, name = is_long ? 2 : 1;
    const struct option *option;

    if (length < 2 || word[0] != '-')
        return false;
    if (is_long || command->program->valued == NULL) {
        const char *equals = memchr(word, '=', length);
        size_t end = equals != NULL ? (size_t)(equals - word) : length;

        option = find_name(command, word + name, end - name);
        at = equals != NULL ? end + 1 : length;
        ret->joined = equals != NULL;
    } else {
        option = find_letter(command, word, length, &at);
        ret->joined = at < length;
    }
    if (option == NULL)
        return false;
    ret->at = at;
    ret->hidden = (int)option->hidden;
    ret->only_joined = option->value == JOINED;
    ret->not_a_dash = option->value == PERHAPS;
    return true;
}

bool bj_mask_is_setting(const struct bj_mask_command *command, const char *word, size_t length)
{
    const char *settings = command->program->settings;

    return settings != NULL && (command->settings || settings[0] == '\0') && word[0] != '-' &&
           bj_mask_secret_name(word, length);
}

size_t bj_mask_hidden_from(int hidden, const char *value, size_t length)
{
    static const char marks[] = {
        [BEHIND_COLON] = ':', [BEHIND_PERCENT] = '%', [BEHIND_COMMA] = ','};
    const char *mark;

    switch ((enum hidden)hidden) {
    case BEHIND_COLON:
    case BEHIND_PERCENT:
    case BEHIND_COMMA:
        mark = memchr(value, marks[hidden], length);
        return mark != NULL ? (size_t)(mark + 1 - value) : length;
    case BEHIND_PASS:
        return length >= 5 && memcmp(value, "pass:", 5) == 0 ? 5 : length;
    case COOKIES:
        return memchr(value, '=', length) != NULL ? 0 : length;
    case ALL:
        break;
    }
    return 0;
}

/* ---- argument vectors ---- */

size_t bj_mask_word(struct bj_mask_words *words, const char *word)
{
    struct bj_mask_command *command = &words->command;
    size_t length = strlen(word);
    const struct bj_mask_program *program = bj_mask_find_program(word, length);
    struct bj_mask_option option = words->option;
    bool expected = words->expected;

    words->expected = false;
    if (expected && !(option.not_a_dash && word[0] == '-'))
        return bj_mask_hidden_from(option.hidden, word, length);
    if (program != NULL) {
        *command = (struct bj_mask_command){.program = program};
        return length;
    }
    if (command->program != NULL) {
        bj_mask_note_word(command, word, length);
        if (bj_mask_read_option(command, word, length, &words->option)) {
            words->expected = !words->option.joined && !words->option.only_joined;
            if (!words->option.joined)
                return length;
            return words->option.at + bj_mask_hidden_from(words->option.hidden,
                                                          word + words->option.at,
                                                          length - words->option.at);
        }
        words->expected = bj_mask_is_setting(command, word, length);
    }
    words->expected = words->expected || bj_mask_takes_next(word);
    words->option = (struct bj_mask_option){.hidden = ALL};
    return length;
}

/* ---- shell text ---- */

/* Blanks, also with the end of a line that a backslash takes away. */
static size_t skip_blanks(const struct bj_mask_text *text, size_t at)
{
    for (;;) {
        char c = bj_mask_byte(text, at);

        if (c == ' ' || c == '\t')
            at++;
        else if (c == '\\' && bj_mask_byte(text, at + 1) == '\n')
            at += 2;
        else
            return at;
    }
}

static bool is_blank(const struct bj_mask_text *text, size_t at)
{
    return skip_blanks(text, at) > at;
}

static struct bj_mask_span value_of(const struct bj_mask_text *text, size_t at, int hidden)
{
    struct bj_mask_span span = bj_mask_value_at(text, at);
    size_t shown = bj_mask_hidden_from(hidden, text->at + span.from, span.to - span.from);

    span.from += shown;
    if (span.from < span.to && strchr("\"'", text->at[span.from]) != NULL &&
        bj_mask_byte(text, span.to) == text->at[span.from])
        span.from++; /* the quotes stay, both */
    if (bj_mask_byte(text, span.from) == '$')
        span.from = span.to; /* a variable is not its value */
    return span;
}

/* A word of the command begins here, and not what belongs to the one before. */
static bool begins_word(const struct bj_mask_text *text, size_t at)
{
    return at == 0 || strchr(" \t\n\"'", text->at[at - 1]) != NULL;
}

/* Of a word that begins at `at`, the letters of whose name end at `end`. */
static bool find_option(struct bj_mask_text *text, size_t at, size_t end, struct bj_mask_span *ret)
{
    struct bj_mask_option option;
    size_t next;

    bj_mask_note_word(&text->command, text->at + at, end - at);
    while (end < text->length && strchr(" \t\r\n;|&<>()\"'`\\", text->at[end]) == NULL)
        end++;
    if (!bj_mask_read_option(&text->command, text->at + at, end - at, &option))
        return false;
    next = skip_blanks(text, end);
    if (!option.joined && next == end && end < text->length && text->at[end] != text->quote &&
        strchr("\"'\\", text->at[end]) != NULL)
        option.joined = true; /* -p'a b' */
    if (option.joined)
        *ret = value_of(text, at + option.at, option.hidden);
    else if (!option.only_joined && next > end &&
             !(option.not_a_dash && bj_mask_byte(text, next) == '-'))
        *ret = value_of(text, next, option.hidden);
    return true;
}

bool bj_mask_find_secret_option(struct bj_mask_text *text, size_t at, struct bj_mask_span *ret)
{
    const struct bj_mask_program *program;
    size_t end = at;
    bool alone;

    *ret = (struct bj_mask_span){at, at};
    while (bj_mask_is_word(bj_mask_byte(text, end)))
        end++;
    alone = text->quote != '\0' && bj_mask_byte(text, end) == text->quote && at > 0 &&
            (text->at[at - 1] == text->quote || text->at[at - 1] == '/');
    program = text->at[at] != '-' ? bj_mask_find_program(text->at + at, end - at) : NULL;
    if (program != NULL && (end >= text->length || is_blank(text, end) || alone)) {
        text->command = (struct bj_mask_command){.program = program};
        /* What is quoted alone is a word among those outside. */
        text->command_quote = alone ? '\0' : text->quote;
        return true;
    }
    if (text->command.program == NULL)
        return false;
    if (bj_mask_is_setting(&text->command, text->at + at, end - at) && is_blank(text, end)) {
        *ret = value_of(text, skip_blanks(text, end), ALL);
        return true;
    }
    return begins_word(text, at) && find_option(text, at, end, ret);
}
