/*
 * Checking a JSON value against a schema of the table of routes. Whoever sent it learns which field
 * is wrong and what it may be; nothing of a value is repeated in a message, since it may be a
 * secret.
 */
#include "api/route.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/limits.h"
#include "base/str.h"
#include "model/json_read.h"
#include "model/options.h"

/* Where a value stands: its name in what is around it, or its place in a list. */
struct place {
    const struct place *up;
    const char *name; /* NULL: an entry of a list */
    size_t index;
};

static int check_object(const struct bj_schema *schema, json_t *value, const struct place *place,
                        struct bj_error *err);
static int check_entry(const struct bj_field *field, enum bj_type type, json_t *value,
                       const struct place *place, struct bj_error *err);

#define PLACE_TEXT_MAX 160
#define FIELDS_MAX     64

static void put_place(const struct place *place, struct bj_buf *out)
{
    if (place->up != NULL)
        put_place(place->up, out);
    if (place->name == NULL)
        bj_buf_printf(out, "[%zu]", place->index);
    else
        bj_buf_printf(out, "%s%.64s", place->up != NULL ? "." : "", place->name);
}

/* "field \"a.b[3]\" must be …". */
static int fail_at(const struct place *place, struct bj_error *err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static int fail_at(const struct place *place, struct bj_error *err, const char *format, ...)
{
    struct bj_buf text;
    char reason[256];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(reason, sizeof reason, format, arguments);
    va_end(arguments);
    if (place == NULL)
        return bj_fail(err, BJ_E_INVALID, "request", "the request %s", reason);
    bj_buf_init(&text, PLACE_TEXT_MAX);
    put_place(place, &text);
    bj_fail(err, BJ_E_INVALID, "request", "field \"%s\" %s", bj_buf_text(&text), reason);
    bj_buf_release(&text);
    return -BJ_E_INVALID;
}

static const char *const type_names[] = {
    [BJ_TYPE_STRING] = "a text",          [BJ_TYPE_INTEGER] = "a whole number",
    [BJ_TYPE_NUMBER] = "a number",        [BJ_TYPE_BOOLEAN] = "true or false",
    [BJ_TYPE_OBJECT] = "an object",       [BJ_TYPE_LIST] = "a list",
    [BJ_TYPE_MAP] = "an object of texts", [BJ_TYPE_ANY] = "anything",
};

static bool has_bounds(const struct bj_field *field)
{
    return field->minimum != 0 || field->maximum != 0;
}

struct bounds {
    char least[BJ_NUMBER_TEXT], most[BJ_NUMBER_TEXT];
};

static struct bounds bounds_of(const struct bj_field *field)
{
    struct bounds bounds;

    bj_number_text(field->minimum, bounds.least);
    bj_number_text(field->maximum, bounds.most);
    return bounds;
}

/* "must be a whole number from 1 to 100". */
static int fail_type(const struct bj_field *field, enum bj_type type, const json_t *value,
                     const struct place *place, struct bj_error *err)
{
    if ((type == BJ_TYPE_INTEGER || type == BJ_TYPE_NUMBER) && has_bounds(field))
        return fail_at(place, err, "must be %s from %s to %s, not %s", type_names[type],
                       bounds_of(field).least, bounds_of(field).most, bj_json_type(value));
    return fail_at(place, err, "must be %s, not %s", type_names[type], bj_json_type(value));
}

static int check_count(const struct bj_field *field, size_t count, const char *unit,
                       const struct place *place, struct bj_error *err)
{
    if (!has_bounds(field))
        return 0;
    if ((double)count < field->minimum)
        return count == 0 ? fail_at(place, err, "must not be empty")
                          : fail_at(place, err, "must have at least %.0f %s", field->minimum, unit);
    if (field->maximum != 0 && (double)count > field->maximum)
        return fail_at(place, err, "must have at most %.0f %s, not %zu", field->maximum, unit,
                       count);
    return 0;
}

static int check_choice(const struct bj_field *field, const char *text, const struct place *place,
                        struct bj_error *err)
{
    char list[160] = "";
    size_t length = 0;

    for (const char *const *choice = field->choices; *choice != NULL; choice++) {
        if (bj_streq(*choice, text))
            return 0;
        length += (size_t)snprintf(list + length, sizeof list - length, "%s%s",
                                   choice == field->choices ? "" : ", ", *choice);
        if (length >= sizeof list)
            break;
    }
    return fail_at(place, err, "must be one of: %s", list);
}

static int check_text(const struct bj_field *field, const json_t *value, const struct place *place,
                      struct bj_error *err)
{
    int result = check_count(field, json_string_length(value), "bytes", place, err);

    if (result < 0)
        return result;
    if (memchr(json_string_value(value), '\0', json_string_length(value)) != NULL)
        return fail_at(place, err, "must not have a NUL character");
    return field->choices != NULL ? check_choice(field, json_string_value(value), place, err) : 0;
}

static int check_number(const struct bj_field *field, enum bj_type type, const json_t *value,
                        const struct place *place, struct bj_error *err)
{
    double number = json_number_value(value);

    if (!has_bounds(field) || (number >= field->minimum && number <= field->maximum))
        return 0;
    return fail_at(place, err, "must be %s from %s to %s", type_names[type], bounds_of(field).least,
                   bounds_of(field).most);
}

static int check_list(const struct bj_field *field, json_t *value, const struct place *place,
                      struct bj_error *err)
{
    enum bj_type type = field->schema != NULL ? BJ_TYPE_OBJECT : field->items;
    /* The field's bounds are those of the list. */
    struct bj_field entry = {.schema = field->schema, .choices = field->choices};
    json_t *item;
    size_t index;
    int result = check_count(field, json_array_size(value), "entries", place, err);

    json_array_foreach(value, index, item)
    {
        struct place here = {.up = place, .index = index};

        if (result == 0)
            result = check_entry(&entry, type, item, &here, err);
    }
    return result;
}

static int check_map(const struct bj_field *field, json_t *value, const struct place *place,
                     struct bj_error *err)
{
    struct bj_field entry = {.name = NULL};
    const char *name;
    json_t *item;
    int result = check_count(field, json_object_size(value), "entries", place, err);

    json_object_foreach(value, name, item)
    {
        struct place here = {.up = place, .name = name};

        if (result == 0)
            result = check_entry(&entry, BJ_TYPE_STRING, item, &here, err);
    }
    return result;
}

/* Numbers such as 5.0 are whole ones that a client's language had no other type for. */
static bool is_whole(const json_t *value)
{
    double number = json_number_value(value);

    return json_is_integer(value) ||
           (json_is_real(value) && fabs(number) < 9e15 && floor(number) == number);
}

static bool has_type(enum bj_type type, const json_t *value)
{
    switch (type) {
    case BJ_TYPE_STRING:
        return json_is_string(value);
    case BJ_TYPE_INTEGER:
        return is_whole(value);
    case BJ_TYPE_NUMBER:
        return json_is_number(value);
    case BJ_TYPE_BOOLEAN:
        return json_is_boolean(value);
    case BJ_TYPE_LIST:
        return json_is_array(value);
    case BJ_TYPE_OBJECT:
    case BJ_TYPE_MAP:
        return json_is_object(value);
    default:
        return true;
    }
}

static int check_entry(const struct bj_field *field, enum bj_type type, json_t *value,
                       const struct place *place, struct bj_error *err)
{
    if (!has_type(type, value))
        return fail_type(field, type, value, place, err);
    switch (type) {
    case BJ_TYPE_STRING:
        return check_text(field, value, place, err);
    case BJ_TYPE_INTEGER:
    case BJ_TYPE_NUMBER:
        return check_number(field, type, value, place, err);
    case BJ_TYPE_LIST:
        return check_list(field, value, place, err);
    case BJ_TYPE_MAP:
        return check_map(field, value, place, err);
    case BJ_TYPE_OBJECT:
        return field->schema != NULL ? check_object(field->schema, value, place, err) : 0;
    default:
        return 0;
    }
}

static const struct bj_field *find_field(const struct bj_schema *schema, const char *name)
{
    for (const struct bj_field *field = schema->fields; field->name != NULL; field++) {
        if (bj_streq(field->name, name))
            return field;
    }
    return NULL;
}

/* The schema's field that was meant; NULL: none is near. Nobody means what is there already. */
static const char *nearest_field(const struct bj_schema *schema, const json_t *object,
                                 const char *name)
{
    const char *names[FIELDS_MAX + 1];
    size_t count = 0;

    for (const struct bj_field *field = schema->fields; field->name != NULL; field++) {
        if (strcasecmp(field->name, name) == 0)
            return field->name;
        if (count < FIELDS_MAX && json_object_get(object, field->name) == NULL)
            names[count++] = field->name;
    }
    names[count] = NULL;
    return bj_choice_nearest(names, name);
}

static int fail_unknown(const struct bj_schema *schema, const json_t *object, const char *name,
                        const struct place *place, struct bj_error *err)
{
    const char *nearest = nearest_field(schema, object, name);
    struct place here = {.up = place, .name = name};

    if (nearest != NULL)
        return fail_at(&here, err, "is unknown; did you mean \"%s\"?", nearest);
    return fail_at(&here, err, "is unknown");
}

/* Nulls go; a number that has to be whole becomes an integer. */
static int tidy_field(json_t *object, const struct bj_field *field, json_t *value,
                      struct bj_error *err)
{
    if (json_is_null(value))
        json_object_del(object, field->name);
    else if (field->type == BJ_TYPE_INTEGER && json_is_real(value) &&
             json_object_set_new(object, field->name,
                                 json_integer((json_int_t)json_real_value(value))) < 0)
        return bj_fail(err, BJ_E_NO_MEMORY, "request", "out of memory");
    return 0;
}

static int check_object(const struct bj_schema *schema, json_t *value, const struct place *place,
                        struct bj_error *err)
{
    const char *name;
    json_t *item;

    json_object_foreach(value, name, item)
    {
        if (find_field(schema, name) == NULL)
            return fail_unknown(schema, value, name, place, err);
    }
    for (const struct bj_field *field = schema->fields; field->name != NULL; field++) {
        struct place here = {.up = place, .name = field->name};
        int result = 0;

        item = json_object_get(value, field->name);
        if (item != NULL && !json_is_null(item))
            result = check_entry(field, field->type, item, &here, err);
        else if (field->required)
            result = fail_at(&here, err, "is missing: %s", field->help);
        if (result == 0 && item != NULL)
            result = tidy_field(value, field, item, err);
        if (result < 0)
            return result;
    }
    return 0;
}

int bj_schema_check(const struct bj_schema *schema, json_t *value, struct bj_error *err)
{
    if (!json_is_object(value))
        return fail_at(NULL, err, "must be a JSON object, not %s",
                       value != NULL ? bj_json_type(value) : "nothing");
    return check_object(schema, value, NULL, err);
}

/* ---- query strings ---- */

static json_t *parse_boolean(const char *text)
{
    if (bj_streq(text, "true") || bj_streq(text, "1") || bj_streq(text, ""))
        return json_true();
    return bj_streq(text, "false") || bj_streq(text, "0") ? json_false() : NULL;
}

static json_t *parse_whole(const char *text)
{
    int64_t number;

    return bj_parse_int64(text, &number) ? json_integer(number) : NULL;
}

/* Digits with a point at most: strtod() takes far more. */
static json_t *parse_number(const char *text)
{
    size_t digits = strspn(text, "0123456789");
    double number = 0, scale = 1;

    if (strspn(text, "0123456789.") != strlen(text) || digits == 0 || digits > 15 ||
        strlen(text) > 32)
        return NULL;
    for (const char *at = text; at < text + digits; at++)
        number = number * 10 + (*at - '0');
    if (text[digits] == '\0')
        return json_real(number);
    for (const char *at = text + digits + 1; *at != '\0'; at++) {
        if (*at == '.')
            return NULL;
        scale /= 10;
        number += (*at - '0') * scale;
    }
    return json_real(number);
}

/* A text as the value that the field wants; NULL: it is none, or no memory. */
static json_t *parse_text(enum bj_type type, const char *text)
{
    switch (type) {
    case BJ_TYPE_INTEGER:
        return parse_whole(text);
    case BJ_TYPE_NUMBER:
        return parse_number(text);
    case BJ_TYPE_BOOLEAN:
        return parse_boolean(text);
    default:
        return NULL;
    }
}

int bj_schema_check_query(const struct bj_schema *schema, json_t *query, struct bj_error *err)
{
    for (const struct bj_field *field = schema->fields; field->name != NULL; field++) {
        struct place here = {.name = field->name};
        const char *text = json_string_value(json_object_get(query, field->name));
        json_t *value;

        if (text == NULL || field->type == BJ_TYPE_STRING)
            continue;
        value = parse_text(field->type, text);
        if (value == NULL)
            return fail_at(&here, err, "must be %s", type_names[field->type]);
        if (json_object_set_new(query, field->name, value) < 0)
            return bj_fail(err, BJ_E_NO_MEMORY, "request", "out of memory");
    }
    return bj_schema_check(schema, query, err);
}
