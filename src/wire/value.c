/* See value.h. */
#include "wire/value.h"

#include <string.h>

#include "wire/json.h"

static void put(struct bj_buf *out, const json_t *value, int indent, int level);

static void put_line(struct bj_buf *out, int indent, int level)
{
    if (indent == 0)
        return;
    bj_buf_puts(out, "\n");
    for (int i = 0; i < indent * level; i++)
        bj_buf_puts(out, " ");
}

static void put_object(struct bj_buf *out, const json_t *value, int indent, int level)
{
    const char *name, *between = "";
    json_t *member;

    bj_buf_puts(out, "{");
    json_object_foreach((json_t *)value, name, member)
    {
        bj_buf_puts(out, between);
        put_line(out, indent, level + 1);
        bj_json_put_string(out, name, strlen(name));
        bj_buf_puts(out, indent > 0 ? ": " : ":");
        put(out, member, indent, level + 1);
        between = ",";
    }
    if (json_object_size(value) > 0)
        put_line(out, indent, level);
    bj_buf_puts(out, "}");
}

static void put_array(struct bj_buf *out, const json_t *value, int indent, int level)
{
    size_t index;
    json_t *entry;

    bj_buf_puts(out, "[");
    json_array_foreach(value, index, entry)
    {
        bj_buf_puts(out, index > 0 ? "," : "");
        put_line(out, indent, level + 1);
        put(out, entry, indent, level + 1);
    }
    if (json_array_size(value) > 0)
        put_line(out, indent, level);
    bj_buf_puts(out, "]");
}

static void put(struct bj_buf *out, const json_t *value, int indent, int level)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        put_object(out, value, indent, level);
        break;
    case JSON_ARRAY:
        put_array(out, value, indent, level);
        break;
    case JSON_STRING:
        bj_json_put_string(out, json_string_value(value), json_string_length(value));
        break;
    case JSON_INTEGER:
        bj_buf_printf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        break;
    case JSON_REAL:
        bj_json_put_real(out, json_real_value(value));
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        bj_buf_puts(out, json_is_true(value) ? "true" : "false");
        break;
    case JSON_NULL:
        bj_buf_puts(out, "null");
        break;
    }
}

void bj_json_put_value(struct bj_buf *out, const json_t *value, int indent)
{
    if (value != NULL)
        put(out, value, indent, 0);
    else
        out->failed = true;
}
