/* Compiling and trying patterns. */
#include "policy/pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <ctype.h>
#include <pcre2.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "policy/could_match.h"
#include "policy/pattern_translate.h"

struct bj_pattern {
    char *source; /* all owned */
    pcre2_general_context *memory;
    pcre2_code *code;
    pcre2_match_context *context;
    pcre2_match_data *data;
    struct bj_nfa *nfa;
    struct bj_flag_token flags[BJ_FLAG_TOKENS_MAX];
    size_t flag_count;
};

static void *pcre2_alloc(size_t size, void *unused)
{
    (void)unused;
    return bj_alloc(size);
}

static void pcre2_release(void *memory, void *unused)
{
    (void)unused;
    bj_free(memory);
}

/* Behind a dash that begins flags: the letters of a cluster, whichever way they are allowed. */
static size_t read_cluster(const char *text, struct bj_flag_token *token)
{
    size_t at = 0, count = 0;
    int depth = 0;

    for (; text[at] != '\0'; at++) {
        char c = text[at];

        if (c == '[') {
            continue;
        } else if (c == '\\') {
            if (text[at + 1] != 'w' && text[at + 1] != 'S')
                break;
            at++;
        } else if (isalnum((unsigned char)c)) {
            if (text[at + 1] == '-' && text[at + 2] != '\0' && text[at + 2] != ']') {
                at += 2; /* a range: any letter */
                continue;
            }
            token->text[count] = c;
            count += memchr(token->text, c, count) == NULL && count + 1 < sizeof token->text;
        } else if (c == '(' || c == ')') {
            depth += c == '(' ? 1 : -1;
            if (depth < 0)
                break;
        } else if (strchr("]*+?.{}:,^", c) == NULL && (c != '|' || depth == 0)) {
            break;
        }
    }
    token->text[count] = '\0';
    return at;
}

static size_t read_name(const char *text, struct bj_flag_token *token)
{
    size_t at = 0, count = 0;

    for (; isalnum((unsigned char)text[at]) || text[at] == '-' ||
           (text[at] == '\\' && text[at + 1] == '-');
         at++) {
        if (text[at] != '\\' && count + 1 < sizeof token->text)
            token->text[count++] = text[at];
    }
    token->text[count] = '\0';
    token->name = true;
    token->equals = text[at] == '=';
    return at;
}

/* Does a dash here begin a flag, rather than stand in a word or a range? */
static bool begins_flag(const char *source, size_t at)
{
    if (at > 0 && source[at - 1] == '\\')
        at--;
    if (at == 0 || (!isalnum((unsigned char)source[at - 1]) && source[at - 1] != '_'))
        return at == 0 || (source[at - 1] != '-' && source[at - 1] != '[');
    return at >= 2 && source[at - 2] == '\\'; /* the letter of an escape such as \s */
}

static void find_flags(struct bj_pattern *pattern, const char *source)
{
    for (size_t at = 0; source[at] != '\0' && pattern->flag_count < BJ_FLAG_TOKENS_MAX; at++) {
        struct bj_flag_token token = {0};

        if (source[at] != '-' || !begins_flag(source, at))
            continue;
        at++;
        if (source[at] == '\\' && source[at + 1] == '-')
            at++;
        if (source[at] == '-')
            at += 1 + read_name(source + at + 1, &token);
        else
            at += read_cluster(source + at, &token);
        if (token.text[0] != '\0')
            pattern->flags[pattern->flag_count++] = token;
        at--;
    }
}

static int compile(struct bj_pattern *pattern, const char *source, const char *translated,
                   size_t length, const uint32_t *origins, struct bj_error *err)
{
    pcre2_compile_context *context = pcre2_compile_context_create(pattern->memory);
    int code;
    size_t at;

    if (context == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "policy", "out of memory");
    pcre2_set_parens_nest_limit(context, BJ_PATTERN_DEPTH_MAX);
    pattern->code =
        pcre2_compile((PCRE2_SPTR)translated, length,
                      PCRE2_UTF | PCRE2_UCP | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C,
                      &code, &at, context);
    pcre2_compile_context_free(context);
    if (pattern->code == NULL) {
        char text[160];

        if (code == PCRE2_ERROR_NOMEMORY || code == 121 /* heap failed while compiling */)
            return bj_fail(err, BJ_E_NO_MEMORY, "policy", "out of memory");
        pcre2_get_error_message(code, (PCRE2_UCHAR *)text, sizeof text);
        return bj_fail(err, BJ_E_CONFIG, "policy", "%s at character %zu", text,
                       bj_pattern_character(source, origins[at < length ? at : length]));
    }
    return 0;
}

static int prepare(struct bj_pattern *pattern, const char *source, struct bj_error *err)
{
    size_t room = 4 * strlen(source) + 1;
    BJ_CLEANUP_FREE uint32_t *origins = bj_realloc_array(NULL, room, sizeof *origins);
    struct bj_buf translated;
    int result;

    pattern->source = bj_strdup(source);
    pattern->memory = pcre2_general_context_create(pcre2_alloc, pcre2_release, NULL);
    if (origins == NULL || pattern->source == NULL || pattern->memory == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "policy", "out of memory");
    bj_buf_init(&translated, room);
    result = bj_pattern_translate(source, &translated, origins, err);
    if (result == 0)
        result =
            compile(pattern, source, bj_buf_text(&translated), translated.length, origins, err);
    if (result == 0) {
        pattern->nfa = bj_nfa_new(bj_buf_text(&translated), translated.length);
        pattern->context = pcre2_match_context_create(pattern->memory);
        pattern->data = pcre2_match_data_create(1, pattern->memory);
        if (pattern->nfa == NULL || pattern->context == NULL || pattern->data == NULL)
            result = bj_fail(err, BJ_E_NO_MEMORY, "policy", "out of memory");
    }
    bj_buf_release(&translated);
    if (result == 0) {
        pcre2_set_match_limit(pattern->context, BJ_PATTERN_STEPS_MAX);
        pcre2_set_depth_limit(pattern->context, BJ_PATTERN_STEPS_MAX);
        find_flags(pattern, source);
    }
    return result;
}

int bj_pattern_new(const char *source, struct bj_pattern **ret, struct bj_error *err)
{
    struct bj_pattern *pattern = bj_alloc(sizeof *pattern);
    int result;

    if (pattern == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "policy", "out of memory");
    result = prepare(pattern, source, err);
    if (result < 0) {
        bj_pattern_free(pattern);
        return result;
    }
    *ret = pattern;
    return 0;
}

void bj_pattern_free(struct bj_pattern *pattern)
{
    if (pattern == NULL)
        return;
    bj_nfa_free(pattern->nfa);
    pcre2_match_data_free(pattern->data);
    pcre2_match_context_free(pattern->context);
    pcre2_code_free(pattern->code);
    pcre2_general_context_free(pattern->memory);
    bj_free(pattern->source);
    bj_free(pattern);
}

const char *bj_pattern_source(const struct bj_pattern *pattern)
{
    return pattern->source;
}

const struct bj_flag_token *bj_pattern_flags(const struct bj_pattern *pattern, size_t *ret_count)
{
    *ret_count = pattern->flag_count;
    return pattern->flags;
}

/*
 * PCRE2 takes bytes that are no UTF-8, such as holes, for the end of one text and the beginning of
 * another: it begins anew behind them, anchored or not, and lets \Z hold before them.
 */
static bool is_match(struct bj_pattern *pattern, const char *text, size_t length, size_t at)
{
    const size_t *found = pcre2_get_ovector_pointer(pattern->data);

    if (found[0] != at)
        return false;
    return found[1] >= length || (unsigned char)text[found[1]] < 0x80 ||
           bj_nfa_could_match(pattern->nfa, text, length, at);
}

enum bj_match bj_pattern_match(struct bj_pattern *pattern, const char *text, size_t length,
                               size_t at)
{
    int result = pcre2_match(pattern->code, (PCRE2_SPTR)text, length, at, PCRE2_ANCHORED,
                             pattern->data, pattern->context);

    if (result >= 0)
        return is_match(pattern, text, length, at) ? BJ_MATCH_YES : BJ_MATCH_NO;
    return result == PCRE2_ERROR_NOMATCH ? BJ_MATCH_NO : BJ_MATCH_LIMIT;
}

bool bj_pattern_could_match(struct bj_pattern *pattern, const char *text, size_t length, size_t at)
{
    return bj_nfa_could_match(pattern->nfa, text, length, at);
}

bool bj_pattern_can_start(const struct bj_pattern *pattern, char byte)
{
    return bj_nfa_can_start(pattern->nfa, (unsigned char)byte);
}
