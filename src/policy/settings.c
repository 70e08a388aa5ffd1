/*
 * The sandbox settings of local agents: their life, and the answers that need no parsing of
 * commands. settings_json.c reads them, settings_check.c judges commands.
 */
#include "policy/settings.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"

void bj_settings_init(struct bj_settings *settings)
{
    *settings = (struct bj_settings){0};
}

void bj_settings_release(struct bj_settings *settings)
{
    bj_strv_free(settings->allow_unsandboxed_commands);
    bj_strv_free(settings->excluded_commands);
    bj_strv_free(settings->network.allowed_unix_sockets);
    bj_strv_free(settings->ignore_file_violations);
    bj_strv_free(settings->ignore_network_violations);
    bj_settings_init(settings);
}

bool bj_settings_is_enabled(const struct bj_settings *settings)
{
    return settings->enabled;
}

bool bj_settings_should_auto_allow_bash(const struct bj_settings *settings, bool executor_available)
{
    return settings->enabled && settings->auto_allow_bash_if_sandboxed && executor_available;
}

/* Does the text fit the pattern, whose stars stand for any bytes or none? */
static bool fits(const char *pattern, size_t pattern_length, const char *text, size_t length)
{
    size_t p = 0, t = 0, star = SIZE_MAX, resume = 0;

    while (t < length) {
        if (p < pattern_length && pattern[p] == '*') {
            star = p++;
            resume = t;
        } else if (p < pattern_length && pattern[p] == text[t]) {
            p++;
            t++;
        } else if (star != SIZE_MAX) {
            p = star + 1; /* the star takes one byte more */
            t = ++resume;
        } else {
            return false;
        }
    }
    while (p < pattern_length && pattern[p] == '*')
        p++;
    return p == pattern_length;
}

static bool fits_path(const char *pattern, const char *path)
{
    char wanted[BJ_PATH_MAX];

    if (strchr(pattern, '*') != NULL)
        return fits(pattern, strlen(pattern), path, strlen(path));
    return bj_path_normalise(pattern, wanted, sizeof wanted) && bj_path_is_below(path, wanted);
}

bool bj_settings_ignores_file(const struct bj_settings *settings, const char *path)
{
    char used[BJ_PATH_MAX];

    if (*path == '\0' || !bj_path_normalise(path, used, sizeof used))
        return false;
    for (char **pattern = settings->ignore_file_violations; pattern != NULL && *pattern != NULL;
         pattern++) {
        if (fits_path(*pattern, used))
            return true;
    }
    return false;
}

/* "host:port" in its parts; an IPv6 address with a port stands in brackets. */
struct endpoint {
    const char *host, *port; /* port: "" if there is none */
    size_t host_length;
};

static struct endpoint split_endpoint(const char *text)
{
    struct endpoint endpoint = {.host = text, .host_length = strlen(text), .port = ""};
    const char *colon = strrchr(text, ':'), *bracket = strchr(text, ']');

    if (text[0] == '[' && bracket != NULL) {
        endpoint.host = text + 1;
        endpoint.host_length = (size_t)(bracket - text) - 1;
        if (bracket[1] == ':')
            endpoint.port = bracket + 2;
    } else if (colon != NULL && strchr(text, ':') == colon) {
        endpoint.host_length = (size_t)(colon - text);
        endpoint.port = colon + 1;
    }
    /* The root's dot says nothing. */
    if (endpoint.host_length > 1 && endpoint.host[endpoint.host_length - 1] == '.')
        endpoint.host_length--;
    return endpoint;
}

/* Names, addresses and a port: nothing that somebody could read as another host. */
static bool is_endpoint(const char *text)
{
    const struct endpoint endpoint = split_endpoint(text);

    for (const char *c = text; *c != '\0'; c++) {
        if (!isalnum((unsigned char)*c) && strchr(".-_:[]", *c) == NULL)
            return false;
    }
    return endpoint.host_length > 0 && strlen(endpoint.port) <= 5 &&
           strspn(endpoint.port, "0123456789") == strlen(endpoint.port);
}

static bool fits_endpoint(const char *pattern, const char *lower)
{
    char wanted[BJ_PATH_MAX];
    struct endpoint p, e = split_endpoint(lower);

    if (!bj_str_copy(wanted, sizeof wanted, pattern))
        return false;
    for (char *c = wanted; *c != '\0'; c++)
        *c = (char)tolower((unsigned char)*c);
    p = split_endpoint(wanted);
    if (!fits(p.host, p.host_length, e.host, e.host_length))
        return false;
    return *p.port == '\0' || fits(p.port, strlen(p.port), e.port, strlen(e.port));
}

bool bj_settings_ignores_network(const struct bj_settings *settings, const char *endpoint)
{
    char lower[512];

    if (!is_endpoint(endpoint) || !bj_str_copy(lower, sizeof lower, endpoint))
        return false;
    for (char *c = lower; *c != '\0'; c++)
        *c = (char)tolower((unsigned char)*c);
    for (char **pattern = settings->ignore_network_violations; pattern != NULL && *pattern != NULL;
         pattern++) {
        if (fits_endpoint(*pattern, lower))
            return true;
    }
    return false;
}

/* The next run of bytes that are not blanks; its length is 0 at the end. */
static const char *next_token(const char *at, size_t *ret_length)
{
    at += strspn(at, " \t");
    *ret_length = strcspn(at, " \t");
    return at;
}

/*
 * Does the command fit an entry? Its words are the entry's first ones, one by one, so that a blank
 * inside a quoted word is never taken for the end of it; more words may follow. "npm run test:*"
 * and "Bash(touch *)" are the way others write the same.
 */
static bool fits_entry(const char *entry, const struct bj_simple_command *command)
{
    size_t length = strlen(entry), token_length;
    char text[BJ_PATH_MAX];
    const char *token;

    if (length >= sizeof text)
        return false;
    memcpy(text, entry, length + 1);
    if (bj_starts_with(text, "Bash(") && text[length - 1] == ')') {
        text[length - 1] = '\0';
        memmove(text, text + 5, length - 5);
        length -= 6;
    }
    if (length >= 2 && bj_streq(text + length - 2, ":*"))
        text[length - 2] = '\0';
    token = next_token(text, &token_length);
    for (size_t i = 0; token_length > 0; i++) {
        bool last_star = token_length == 1 && *token == '*' && token[1] == '\0';

        if (last_star)
            return true;
        if (i >= command->word_count ||
            !fits(token, token_length, command->words[i].text, command->words[i].length))
            return false;
        token = next_token(token + token_length, &token_length);
    }
    return true;
}

/* What an option can have a listed program do beyond what it is listed for. What it runs is in the
 * list of commands, and has to be listed as well. */
static bool is_by_nature(const struct bj_effect *effect)
{
    switch (effect->kind) {
    case BJ_EFFECT_RUNS:
    case BJ_EFFECT_READS:
    case BJ_EFFECT_CONNECTS:
        return true;
    default:
        return effect->by_default;
    }
}

/* Why a command cannot be let out whatever its words are; NULL if nothing speaks against it. */
static const char *obstacle(const struct bj_simple_command *command)
{
    static const char *const moves[] = {"cd", "pushd", "popd"};

    if (command->unknown != BJ_KNOWN)
        return "it cannot be told what all of it runs";
    if (command->word_count == 0)
        return "it sets variables";
    if (command->redirect_count > 0)
        return "it redirects to or from a file";
    if (command->assignment_count > 0)
        return "it sets variables";
    if (command->function)
        return "it calls a function of its own";
    for (size_t i = 0; i < sizeof moves / sizeof *moves; i++) {
        if (bj_word_is(&command->words[0], moves[i]))
            return "it changes the directory";
    }
    if (command->program.directory != NULL)
        return "an option of it changes the directory";
    for (size_t i = 0; i < command->program.effect_count; i++) {
        if (!is_by_nature(&command->program.effects[i]))
            return "an option of it chooses code or files";
    }
    for (size_t i = 0; i < command->word_count; i++) {
        const struct bj_word *word = &command->words[i];

        if (word->holes || word->splits)
            return "a substitution or variable in it is not known";
        /* A file may be called --option. */
        if (word->glob && word->length > 0 && strchr("*?[-", word->text[0]) != NULL)
            return "a pattern of file names in it could become an option";
    }
    return NULL;
}

static bool fits_any(char *const *list, const struct bj_simple_command *command)
{
    for (; list != NULL && *list != NULL; list++) {
        if (fits_entry(*list, command))
            return true;
    }
    return false;
}

static bool not_covered(char note[BJ_CHECK_NOTE_MAX], const char *format, const char *what)
{
    if (note != NULL)
        snprintf(note, BJ_CHECK_NOTE_MAX, format, what);
    return false;
}

bool bj_settings_list_covers(char *const *list, const struct bj_commands *commands,
                             char note[BJ_CHECK_NOTE_MAX])
{
    bool any = false;

    if (note != NULL)
        note[0] = '\0';
    for (size_t i = 0; i < commands->count && !any; i++)
        any = commands->list[i].word_count > 0 && fits_any(list, &commands->list[i]);
    if (!any)
        return false;
    if (commands->incomplete != BJ_COMPLETE)
        return not_covered(note, "not taken for listed: %s", "it cannot be read as a whole");
    if (commands->assignment_count > 0)
        return not_covered(note, "not taken for listed: %s", "it sets variables");
    for (size_t i = 0; i < commands->count; i++) {
        const struct bj_simple_command *command = &commands->list[i];
        const char *why = obstacle(command);

        if (why != NULL)
            return not_covered(note, "not taken for listed: %s", why);
        if (!fits_any(list, command))
            return not_covered(note, "not taken for listed: it also runs %.100s",
                               command->words[0].text);
    }
    return true;
}
