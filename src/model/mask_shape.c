/* Masking by shape: what looks like a key whoever wrote it down. */
#include <string.h>

#include "model/mask_internal.h"

#define RUN_STEP 16 /* bytes of a run that take as long as one step of the scan */

/* Of what a key consists behind its prefix. */
enum alphabet { UPPER, ALNUM, TOKEN };

static const struct shape {
    const char *prefix;
    enum alphabet alphabet;
    size_t least; /* characters behind the prefix */
} shapes[] = {
    {"AKIA", UPPER, 16},  {"ASIA", UPPER, 16},        {"ghp_", ALNUM, 20},
    {"gho_", ALNUM, 20},  {"ghu_", ALNUM, 20},        {"ghs_", ALNUM, 20},
    {"ghr_", ALNUM, 20},  {"github_pat_", TOKEN, 20}, {"glpat-", TOKEN, 16},
    {"sk-", TOKEN, 20},   {"sk_live_", ALNUM, 16},    {"rk_live_", ALNUM, 16},
    {"xoxa-", TOKEN, 10}, {"xoxb-", TOKEN, 10},       {"xoxp-", TOKEN, 10},
    {"xoxr-", TOKEN, 10}, {"xoxs-", TOKEN, 10},       {"AIza", TOKEN, 35},
    {"e2b_", ALNUM, 20},  {"dtn_", ALNUM, 20},        {"npm_", ALNUM, 30},
    {"hf_", ALNUM, 30},   {"pypi-", TOKEN, 30},       {"ya29.", TOKEN, 20},
};

static bool belongs(char c, enum alphabet alphabet)
{
    if (alphabet == UPPER)
        return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    return bj_mask_is_alnum(c) || (alphabet == TOKEN && (c == '_' || c == '-'));
}

static size_t run_of(const struct bj_mask_text *text, size_t at, enum alphabet alphabet)
{
    size_t from = at;

    while (at < text->length && belongs(text->at[at], alphabet))
        at++;
    bj_mask_work(text, (at - from) / RUN_STEP);
    return at - from;
}

static bool is_at(const struct bj_mask_text *text, size_t at, const char *what)
{
    size_t length = strlen(what);

    return text->length - at >= length && memcmp(text->at + at, what, length) == 0;
}

static struct bj_mask_span find_prefixed(const struct bj_mask_text *text, size_t at)
{
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        size_t length = strlen(shapes[i].prefix), run;

        if (text->at[at] != shapes[i].prefix[0] || !is_at(text, at, shapes[i].prefix))
            continue;
        run = run_of(text, at + length, shapes[i].alphabet);
        if (run >= shapes[i].least)
            return (struct bj_mask_span){at, at + length + run};
    }
    return (struct bj_mask_span){at, at};
}

/* header.payload.signature (RFC 7519): the header is JSON, which in base64 begins with eyJ. */
static struct bj_mask_span find_jwt(const struct bj_mask_text *text, size_t at)
{
    size_t end = at;
    int parts = 0;

    if (!is_at(text, at, "eyJ"))
        return (struct bj_mask_span){at, at};
    for (;;) {
        size_t run = run_of(text, end, TOKEN);

        if (run == 0)
            break;
        end += run;
        parts++;
        if (parts == 3 || bj_mask_byte(text, end) != '.')
            break;
        end++;
    }
    if (parts < 2 || end - at < 20)
        end = at;
    return (struct bj_mask_span){at, end};
}

/* "Bearer x" wherever it stands. */
static struct bj_mask_span find_bearer(const struct bj_mask_text *text, size_t at)
{
    size_t from = at + strlen("bearer "), end = from;

    if (text->length - at <= strlen("bearer ") || strncasecmp(text->at + at, "bearer ", 7) != 0)
        return (struct bj_mask_span){at, at};
    while (end < text->length &&
           (bj_mask_is_alnum(text->at[end]) || memchr("._~+/=-", text->at[end], 7) != NULL))
        end++;
    if (end - from < 8)
        from = end;
    return (struct bj_mask_span){from, end};
}

/* The password of user:password@, or a long user that stands alone, which is a token. */
static struct bj_mask_span find_userinfo(const struct bj_mask_text *text, size_t at)
{
    size_t from = at + 3, colon = 0, sign = 0;

    if (!is_at(text, at, "://"))
        return (struct bj_mask_span){at, at};
    for (size_t i = from; i < text->length && memchr(" \t\r\n/?#\"'`<>|", text->at[i], 13) == NULL;
         i++) {
        if (text->at[i] == ':' && colon == 0 && sign == 0)
            colon = i;
        if (text->at[i] == '@')
            sign = i;
    }
    if (sign == 0 || (colon == 0 && sign - from < 20))
        return (struct bj_mask_span){at, at};
    from = colon > 0 && colon < sign ? colon + 1 : from;
    return text->at[from] == '$' ? (struct bj_mask_span){at, at}
                                 : (struct bj_mask_span){from, sign};
}

static bool is_base64(char c)
{
    return bj_mask_is_alnum(c) || c == '+' || c == '/' || c == '=';
}

/* -----BEGIN … PRIVATE KEY----- and what is base64 behind it, on lines or on one. */
static struct bj_mask_span find_pem(const struct bj_mask_text *text, size_t at)
{
    size_t line = at, end;

    if (!is_at(text, at, "-----BEGIN "))
        return (struct bj_mask_span){at, at};
    line += strlen("-----BEGIN ");
    while (line < text->length &&
           ((text->at[line] >= 'A' && text->at[line] <= 'Z') || text->at[line] == ' '))
        line++;
    if (line < at + 11 + 11 || memcmp(text->at + line - 11, "PRIVATE KEY", 11) != 0 ||
        !is_at(text, line, "-----"))
        return (struct bj_mask_span){at, at};
    for (end = line + 5; end < text->length;) {
        size_t run = end, next = end;

        while (next < text->length && strchr(" \t\r\n\\", text->at[next]) != NULL)
            next += text->at[next] == '\\' && strchr("nr", bj_mask_byte(text, next + 1)) ? 2 : 1;
        for (run = next; run < text->length && is_base64(text->at[run]);)
            run++;
        if (run - next >= 16 || (run > next && is_at(text, run, "\n-----END "))) {
            end = run;
            continue;
        }
        break;
    }
    for (size_t i = end; i < text->length && i < end + 80; i++) {
        if (is_at(text, i, "-----END ")) {
            for (i += 9; i < text->length &&
                         ((text->at[i] >= 'A' && text->at[i] <= 'Z') || text->at[i] == ' ');)
                i++;
            return (struct bj_mask_span){at, is_at(text, i, "-----") ? i + 5 : i};
        }
        if (!is_base64(text->at[i]) && strchr("\r\n\\ ", text->at[i]) == NULL)
            break;
    }
    return (struct bj_mask_span){at, end};
}

struct bj_mask_span bj_mask_find_shape(const struct bj_mask_text *text, size_t at)
{
    char c = text->at[at];
    struct bj_mask_span found = {at, at};

    if (c == ':')
        return find_userinfo(text, at);
    if (at > 0 && bj_mask_is_alnum(text->at[at - 1]) && text->at[at - 1] != 'n')
        return found; /* in the middle of a word; \n may stand for a line's end */
    if (c == '-')
        return find_pem(text, at);
    if (!bj_mask_is_alnum(c))
        return found;
    found = find_prefixed(text, at);
    if (found.to == found.from)
        found = c == 'e' ? find_jwt(text, at) : (c | 0x20) == 'b' ? find_bearer(text, at) : found;
    return found;
}
