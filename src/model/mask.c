/*
 * Masking: the scan over a text, and the values that are known. Each place of the text is asked
 * once whether something to mask begins there; the values are compared byte by byte with what the
 * text says once quotes and escapes are taken off, so that neither a shell's nor JSON's nor a URL's
 * way of writing it hides it.
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

/* Steps that a text may take: a place at which no value begins takes one or two. */
#define WORK_PER_BYTE 16
#define WORK_LEAST    1024

/* ---- the values ---- */

static const struct bj_mask_value *value_of(const struct bj_mask *mask, size_t place)
{
    return &mask->values[mask->sorted[place]];
}

/* Where the value stands in the order of bytes, or would; *ret_known: it is there already. */
static size_t place_of(const struct bj_mask *mask, const char *value, size_t length,
                       bool *ret_known)
{
    size_t low = 0, high = mask->count;

    *ret_known = false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct bj_mask_value *at = value_of(mask, middle);
        int order = memcmp(at->text, value, at->length < length ? at->length : length);

        if (order == 0 && at->length == length) {
            *ret_known = true;
            return middle;
        }
        if (order < 0 || (order == 0 && at->length < length))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int no_memory(struct bj_error *err)
{
    return bj_fail(err, BJ_E_NO_MEMORY, "mask", "cannot keep the secrets: out of memory");
}

static int make_room(struct bj_mask *mask, struct bj_error *err)
{
    size_t wanted = mask->capacity > 0 ? 2 * mask->capacity : 16;
    struct bj_mask_value *grown;
    struct bj_mask_part *parts;
    unsigned short *sorted;

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
    sorted = bj_realloc_array(mask->sorted, wanted, sizeof *sorted);
    if (sorted == NULL)
        return no_memory(err);
    mask->sorted = sorted;
    parts = bj_realloc_array(mask->parts, wanted, sizeof *parts);
    if (parts == NULL)
        return no_memory(err);
    mask->parts = parts;
    mask->capacity = wanted;
    return 0;
}

/* What is known of all values together. */
static void take_note(struct bj_mask *mask, const struct bj_mask_value *value)
{
    mask->longest = value->length > mask->longest ? value->length : mask->longest;
    mask->first[(unsigned char)value->text[0]] = true;
    mask->first['\\'] = mask->first['%'] = true;
    if (value->text[0] == ' ')
        mask->first['+'] = true;
}

int bj_mask_add(struct bj_mask *mask, const char *value, struct bj_error *err)
{
    size_t length = value != NULL ? strlen(value) : 0, place;
    bool known;
    char *copy;
    int result;

    if (length < VALUE_MIN)
        return 0;
    place = place_of(mask, value, length, &known);
    if (known)
        return 0;
    result = make_room(mask, err);
    if (result < 0)
        return result;
    copy = bj_secret_alloc(length);
    if (copy == NULL)
        return no_memory(err);
    memcpy(copy, value, length);
    memmove(mask->sorted + place + 1, mask->sorted + place,
            (mask->count - place) * sizeof *mask->sorted);
    mask->sorted[place] = (unsigned short)mask->count;
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

void bj_mask_hide(struct bj_mask *mask)
{
    mask->hides = true;
}

void bj_mask_trim(struct bj_mask *mask, size_t count)
{
    size_t left = 0;

    mask->hides = false;
    if (mask->count <= count)
        return;
    for (size_t i = 0; i < mask->count; i++) {
        if (mask->sorted[i] < count)
            mask->sorted[left++] = mask->sorted[i];
    }
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
    bj_free(mask->sorted);
    bj_free(mask->parts);
    *mask = (struct bj_mask){0};
}

/* ---- all values at one place ---- */

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
 * All values are read at once. In the order of bytes those that begin alike stand together, so
 * what the text has spelt so far is a part of that order: at each byte it falls into the values
 * that go on with it, those that go on with what an escape stands for, and those for which it is a
 * quote or backslash to pass over. Every value is in one part at most, so there are never more
 * parts than values, and values that begin alike cost no more than one.
 */
struct reading {
    const struct bj_mask *mask;
    const struct bj_mask_text *text;
    size_t from;
    size_t to;    /* behind the longest value that was found */
    size_t count; /* of parts that are to be read on */
    bool quotes;  /* a quote is a byte of a value if it can be; otherwise only an escaped one is */
    bool quote_met; /* one was */
};

static void keep(struct reading *reading, size_t low, size_t high, size_t at, size_t done)
{
    if (low < high)
        reading->mask->parts[reading->count++] = (struct bj_mask_part){low, high, at, done};
}

/* The place of the first value of the part whose next byte is not less. */
static size_t first_from(const struct bj_mask *mask, const struct bj_mask_part *part, int byte)
{
    size_t low = part->low, high = part->high;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if ((unsigned char)value_of(mask, middle)->text[part->done] < byte)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Those of the part that go on with these bytes. */
static struct bj_mask_part narrowed(const struct bj_mask *mask, struct bj_mask_part part,
                                    const unsigned char *bytes, size_t count)
{
    for (size_t i = 0; i < count && part.low < part.high; i++) {
        size_t low;

        if (value_of(mask, part.low)->length == part.done)
            part.low++; /* it ends here: values differ, so it is the only one */
        low = first_from(mask, &part, bytes[i]);
        part.high = first_from(mask, &part, bytes[i] + 1);
        part.low = low;
        part.done++;
    }
    return part;
}

/* The text spells the value up to `at`, or the beginning of it where the text was cut off. */
static void found_value(struct reading *reading, const struct bj_mask_value *value, size_t at)
{
    const struct bj_mask_text *text = reading->text;
    size_t from = reading->from;
    bool within = (from > 0 && bj_mask_is_alnum(text->at[from - 1])) ||
                  bj_mask_is_alnum(bj_mask_byte(text, at));

    if (at > reading->to && !(value->length < VALUE_SHORT && within))
        reading->to = at;
}

/* Reads the part on by what stands at its place. */
static void read_on(struct reading *reading, struct bj_mask_part part)
{
    const struct bj_mask *mask = reading->mask;
    char c = bj_mask_byte(reading->text, part.at);
    unsigned char byte = (unsigned char)c;
    bool quote = c == '"' || c == '\'';
    struct bj_mask_part same, spelt = {part.high, part.high, 0, 0};
    struct spelt escape = escape_at(reading->text, part.at);
    size_t low, high,
        passed = c != '\\'                                          ? 1
                 : bj_mask_byte(reading->text, part.at + 1) == '\n' ? 2
                                                                    : 1;

    same = narrowed(mask, part, &byte, 1);
    reading->quote_met = reading->quote_met || (quote && same.low < same.high);
    if (quote && !reading->quotes)
        same.low = same.high = part.high;
    if (escape.used > 0 && (escape.bytes[0] != byte || same.low == same.high))
        spelt = narrowed(mask, part, escape.bytes, escape.count);
    else if (c == '+' && same.low == same.high)
        escape.used = 1, spelt = narrowed(mask, part, (const unsigned char *)" ", 1);
    keep(reading, same.low, same.high, part.at + 1, same.done);
    keep(reading, spelt.low, spelt.high, part.at + escape.used, spelt.done);
    if (part.done == 0 || !(quote || c == '\\'))
        return;
    /* What is left are up to three pieces. */
    if (same.low == same.high)
        same.low = same.high = part.low;
    if (spelt.low == spelt.high)
        spelt.low = spelt.high = part.high;
    low = same.low < spelt.low ? same.high : spelt.high;
    high = same.low < spelt.low ? spelt.low : same.low;
    keep(reading, part.low, same.low < spelt.low ? same.low : spelt.low, part.at + passed,
         part.done);
    keep(reading, low, high, part.at + passed, part.done);
    keep(reading, same.low < spelt.low ? spelt.high : same.high, part.high, part.at + passed,
         part.done);
}

static void read_values(struct reading *reading)
{
    const struct bj_mask_text *text = reading->text;
    const struct bj_mask *mask = reading->mask;

    keep(reading, 0, mask->count, reading->from, 0);
    while (reading->count > 0 && bj_mask_work(text, 1)) {
        struct bj_mask_part part = mask->parts[--reading->count];

        if (value_of(mask, part.low)->length == part.done)
            found_value(reading, value_of(mask, part.low++), part.at);
        if (part.low < part.high && part.at < text->length)
            read_on(reading, part);
        else if (text->cut && part.done >= VALUE_MIN && bj_mask_work(text, part.high - part.low))
            while (part.low < part.high)
                found_value(reading, value_of(mask, part.low++), part.at);
    }
}

struct bj_mask_span bj_mask_find_value(const struct bj_mask *mask, const struct bj_mask_text *text,
                                       size_t at)
{
    struct reading reading = {.mask = mask, .text = text, .from = at, .to = at, .quotes = true};

    if (mask->count == 0 || !mask->first[(unsigned char)text->at[at]])
        return (struct bj_mask_span){at, at};
    read_values(&reading);
    if (reading.quote_met) {
        reading.quotes = false;
        reading.count = 0;
        read_values(&reading);
    }
    return (struct bj_mask_span){at, reading.to};
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

    bj_mask_work(text, 1);
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

/* False: something stands in its place, because looking through all of it would take too long. */
static bool mask_text(const struct bj_mask *mask, const char *text, size_t length, bool cut,
                      struct bj_buf *out)
{
    size_t work = WORK_LEAST + WORK_PER_BYTE * length, plain = 0, at = 0, begin = out->length;
    struct bj_mask_text scan = {.at = text, .length = length, .cut = cut, .work = &work};

    if (mask->hides)
        work = 0;
    while (at < length && work > 0) {
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
    if (work == 0 && length > 0) {
        out->length = begin;
        bj_buf_puts(out, mask->hides ? BJ_MASKED_ALL : BJ_MASKED_LONG);
        return false;
    }
    if (plain < length)
        bj_buf_append(out, text + plain, length - plain);
    return true;
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
    if (!mask_text(mask, text, looked_at, looked_at < length, out))
        return true;
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
