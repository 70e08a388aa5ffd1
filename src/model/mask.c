/*
 * Masking: the scan over a text, and the values that are known. Each place of the text is asked
 * once whether something to mask begins there; a value is compared byte by byte with what the text
 * says once quotes and escapes are taken off, so that neither a shell's nor JSON's nor a URL's way
 * of writing it hides it.
 */
#include "model/mask.h"

#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "model/mask_internal.h"

#define VALUE_MIN   4          /* shorter ones are everywhere */
#define VALUE_SHORT 8          /* shorter ones count as a whole word only */
#define MARGIN      (64 << 10) /* bytes looked at beyond what is kept of a long text */
#define SPELT_MAX   6          /* bytes of a text that spell one of a value: \u0041 */

/* ---- the values ---- */

static bool is_known(const struct bj_mask *mask, const char *value, size_t length)
{
    for (size_t i = 0; i < mask->count; i++) {
        if (mask->values[i].length == length && memcmp(mask->values[i].text, value, length) == 0)
            return true;
    }
    return false;
}

static int no_memory(struct bj_error *err)
{
    return bj_fail(err, BJ_E_NO_MEMORY, "mask", "cannot keep the secrets: out of memory");
}

static int make_room(struct bj_mask *mask, struct bj_error *err)
{
    size_t wanted = mask->capacity > 0 ? 2 * mask->capacity : 16;
    struct bj_mask_value *grown;

    if (mask->count == BJ_SECRETS_MAX)
        return bj_fail(err, BJ_E_LIMIT, "mask",
                       "more than %d secrets to mask: unset variables that are not needed",
                       BJ_SECRETS_MAX);
    if (mask->count < mask->capacity)
        return 0;
    grown = bj_realloc_array(mask->values, wanted, sizeof *grown);
    if (grown == NULL)
        return no_memory(err);
    mask->values = grown;
    mask->capacity = wanted;
    return 0;
}

/* What is known of all values together. */
static void take_note(struct bj_mask *mask, const struct bj_mask_value *value)
{
    mask->longest = value->length > mask->longest ? value->length : mask->longest;
    mask->first[(unsigned char)value->text[0]] = true;
    mask->first['\\'] = mask->first['%'] = true;
}

int bj_mask_add(struct bj_mask *mask, const char *value, struct bj_error *err)
{
    size_t length = value != NULL ? strlen(value) : 0;
    char *copy;
    int result;

    if (length < VALUE_MIN || is_known(mask, value, length))
        return 0;
    result = make_room(mask, err);
    if (result < 0)
        return result;
    copy = bj_secret_alloc(length);
    if (copy == NULL)
        return no_memory(err);
    memcpy(copy, value, length);
    mask->values[mask->count++] = (struct bj_mask_value){copy, length};
    take_note(mask, &mask->values[mask->count - 1]);
    return 0;
}

int bj_mask_add_environment(struct bj_mask *mask, const char *const *environment,
                            struct bj_error *err)
{
    int result = 0;

    for (size_t i = 0; environment != NULL && environment[i] != NULL && result == 0; i++) {
        const char *value = strchr(environment[i], '=');

        if (value != NULL && bj_mask_secret_name(environment[i], (size_t)(value - environment[i])))
            result = bj_mask_add(mask, value + 1, err);
    }
    return result;
}

void bj_mask_trim(struct bj_mask *mask, size_t count)
{
    if (mask->count <= count)
        return;
    while (mask->count > count) {
        const struct bj_mask_value *last = &mask->values[--mask->count];

        bj_secret_free((char *)last->text, last->length);
    }
    mask->longest = 0;
    memset(mask->first, 0, sizeof mask->first);
    for (size_t i = 0; i < count; i++)
        take_note(mask, &mask->values[i]);
}

void bj_mask_release(struct bj_mask *mask)
{
    bj_mask_trim(mask, 0);
    bj_free(mask->values);
    *mask = (struct bj_mask){0};
}

/* ---- one value at one place ---- */

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* `digits` hexadecimal digits; -1 if they are not. */
static int hex_number(const struct bj_mask_text *text, size_t at, int digits)
{
    int number = 0;

    for (int i = 0; i < digits; i++) {
        int digit = hex_digit(bj_mask_byte(text, at + (size_t)i));

        if (digit < 0)
            return -1;
        number = number * 16 + digit;
    }
    return number;
}

/* What is spelt at a place: its bytes, and how many bytes of the text spell them. */
struct spelt {
    size_t used;
    unsigned char bytes[3];
    size_t count;
};

static struct spelt spelt_as(size_t used, int code)
{
    if (code < 0x80)
        return (struct spelt){used, {(unsigned char)code}, 1};
    if (code < 0x800)
        return (struct spelt){
            used, {(unsigned char)(0xc0 | code >> 6), (unsigned char)(0x80 | (code & 0x3f))}, 2};
    return (struct spelt){used,
                          {(unsigned char)(0xe0 | code >> 12),
                           (unsigned char)(0x80 | (code >> 6 & 0x3f)),
                           (unsigned char)(0x80 | (code & 0x3f))},
                          3};
}

/* The escape that begins here; used 0 if none does. */
static struct spelt escape_at(const struct bj_mask_text *text, size_t at)
{
    static const char letters[] = "nnttrrbbff", meant[] = "\n\n\t\t\r\r\b\b\f\f";
    char next = bj_mask_byte(text, at + 1);
    const char *letter;
    int code;

    if (text->at[at] == '%' && (code = hex_number(text, at + 1, 2)) >= 0)
        return (struct spelt){3, {(unsigned char)code}, 1};
    if (text->at[at] != '\\' || at + 1 >= text->length)
        return (struct spelt){0};
    if (next == 'u' && (code = hex_number(text, at + 2, 4)) >= 0)
        return spelt_as(6, code);
    if (next == 'x' && (code = hex_number(text, at + 2, 2)) >= 0)
        return (struct spelt){4, {(unsigned char)code}, 1};
    letter = next != '\0' ? strchr(letters, next) : NULL;
    return (struct spelt){2, {(unsigned char)(letter != NULL ? meant[letter - letters] : next)}, 1};
}

/*
 * How many bytes of the text from `at` on spell the value, or its beginning where the text was cut
 * off; 0 if they do not. A quote is a byte of
 * the value if it can be, or never one unless escaped: `quotes` chooses.
 */
static size_t spells(const struct bj_mask_text *text, size_t at, const struct bj_mask_value *value,
                     bool quotes)
{
    size_t from = at, done = 0;

    while (done < value->length) {
        char c = bj_mask_byte(text, at);
        bool quote = c == '"' || c == '\'';
        struct spelt escape;

        if (at >= text->length)
            return text->cut && done >= VALUE_MIN ? at - from : 0;
        if (c == value->text[done] && (quotes || !quote)) {
            at++;
            done++;
            continue;
        }
        escape = escape_at(text, at);
        if (escape.used > 0 && escape.count <= value->length - done &&
            memcmp(escape.bytes, value->text + done, escape.count) == 0) {
            at += escape.used;
            done += escape.count;
        } else if (done > 0 && quote) {
            at++;
        } else if (done > 0 && c == '\\') {
            at += bj_mask_byte(text, at + 1) == '\n' ? 2 : 1;
        } else if (c == '+' && value->text[done] == ' ') {
            at++;
            done++;
        } else {
            return 0;
        }
    }
    return at - from;
}

struct bj_mask_span bj_mask_find_value(const struct bj_mask *mask, const struct bj_mask_text *text,
                                       size_t at)
{
    struct bj_mask_span found = {at, at};

    if (!mask->first[(unsigned char)text->at[at]])
        return found;
    for (size_t i = 0; i < mask->count; i++) {
        const struct bj_mask_value *value = &mask->values[i];
        size_t used = spells(text, at, value, true);

        if (used == 0)
            used = spells(text, at, value, false);
        if (value->length < VALUE_SHORT && ((at > 0 && bj_mask_is_alnum(text->at[at - 1])) ||
                                            bj_mask_is_alnum(bj_mask_byte(text, at + used))))
            continue;
        if (at + used > found.to)
            found.to = at + used;
    }
    return found;
}

/* ---- the scan ---- */

/* Where the shell begins another command, or the text that the program stands in ends. */
static bool ends_command(const struct bj_mask_text *text, size_t at, char c)
{
    if (text->quote != '\0' && c == text->quote)
        return text->command_quote == c;
    return text->quote == text->command_quote && strchr(";|&\n", c) != NULL &&
           !(at > 0 && text->at[at - 1] == '>');
}

/* Keeps track of the quote that is open, and of the command. */
static void pass(struct bj_mask_text *text, size_t *at)
{
    char c = text->at[*at];

    if (text->command.program != NULL && ends_command(text, *at, c))
        text->command = (struct bj_mask_command){0};
    if (c == '\\' && text->quote != '\'')
        ++*at; /* what follows is no quote */
    else if (text->quote == c)
        text->quote = '\0';
    else if (text->quote == '\0' && (c == '"' || c == '\''))
        text->quote = c;
    ++*at;
}

static struct bj_mask_span find(const struct bj_mask *mask, struct bj_mask_text *text, size_t at)
{
    struct bj_mask_span found = bj_mask_find_value(mask, text, at), known;

    if (found.to == found.from)
        found = bj_mask_find_shape(text, at);
    if (found.to > found.from || !bj_mask_is_word(text->at[at]) ||
        (at > 0 && bj_mask_is_word(text->at[at - 1])))
        return found;
    if (!bj_mask_find_secret_option(text, at, &found))
        found = bj_mask_find_name(text, at);
    for (size_t i = at; found.to > found.from && i <= found.from; i++) {
        known = bj_mask_find_value(mask, text, i);
        if (known.to == known.from)
            continue;
        if (i < found.from)
            return known;                                     /* the name is part of it */
        found.to = known.to > found.to ? known.to : found.to; /* it may go on behind a word's end */
    }
    return found;
}

static void mask_text(const struct bj_mask *mask, const char *text, size_t length, bool cut,
                      struct bj_buf *out)
{
    struct bj_mask_text scan = {.at = text, .length = length, .cut = cut};
    size_t plain = 0, at = 0;

    while (at < length) {
        struct bj_mask_span found = find(mask, &scan, at);

        if (found.to == found.from) {
            /* The place behind a backslash is asked too: a value may begin there. */
            size_t next = at;

            pass(&scan, &next);
            if (next > at + 1 && at + 1 < length) {
                found = find(mask, &scan, at + 1);
                if (found.to == found.from) {
                    at = next;
                    continue;
                }
            } else {
                at = next;
                continue;
            }
        }
        bj_buf_append(out, text + plain, found.from - plain);
        bj_buf_puts(out, BJ_MASKED);
        while (at < found.to)
            pass(&scan, &at);
        plain = at = found.to;
    }
    if (plain < length)
        bj_buf_append(out, text + plain, length - plain);
}

void bj_mask_text(const struct bj_mask *mask, const char *text, size_t length, struct bj_buf *out)
{
    mask_text(mask, text, length, false, out);
}

void bj_mask_rest(const struct bj_mask *mask, const char *text, size_t length, struct bj_buf *out)
{
    mask_text(mask, text, length, true, out);
}

/*
 * What is masked is cut well before the end of what was looked at: a secret that goes on behind
 * that end was not recognized, and however it is spelt it is no longer than `half`.
 */
bool bj_mask_cut(const struct bj_mask *mask, const char *text, size_t length, size_t maximum,
                 struct bj_buf *out)
{
    size_t half = MARGIN / 4 + SPELT_MAX * mask->longest, looked_at = maximum + 4 * half;
    size_t begin = out->length, kept = maximum, made;

    if (looked_at > length)
        looked_at = length;
    mask_text(mask, text, looked_at, looked_at < length, out);
    made = out->length - begin;
    if (looked_at < length && made < kept + half)
        kept = made > half ? made - half : 0;
    if (out->failed || (made <= kept && looked_at == length))
        return false;
    while (kept > 0 && ((unsigned char)out->data[begin + kept] & 0xc0) == 0x80)
        kept--;
    out->length = begin + kept;
    out->data[out->length] = '\0';
    return true;
}
