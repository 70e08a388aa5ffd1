/* Parsing JSON documents that users wrote; see json_read.h. */
#include "model/json_read.h"

#include <string.h>

#include "base/limits.h"
#include "model/json_internal.h"

static _Thread_local bool lost_memory;

static void *allocate(size_t size)
{
    void *memory = bj_alloc(size);

    lost_memory = lost_memory || memory == NULL;
    return memory;
}

void bj_json_setup(void)
{
    lost_memory = false;
    json_set_alloc_funcs(allocate, bj_free);
}

bool bj_json_lost_memory(void)
{
    bool lost = lost_memory;

    lost_memory = false;
    return lost;
}

const char *bj_json_type(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "a list";
    case JSON_STRING:
        return "a text";
    case JSON_INTEGER:
        return "a whole number";
    case JSON_REAL:
        return "a number with a fraction";
    case JSON_NULL:
        return "null";
    default:
        return json_is_true(value) ? "true" : "false";
    }
}

/* Brackets inside texts do not count; whether they match is the parser's business. */
static bool is_too_deep(const char *text, size_t length)
{
    int depth = 0;
    bool in_text = false;

    for (size_t i = 0; i < length; i++) {
        if (text[i] == '\\' && in_text)
            i++;
        else if (text[i] == '"')
            in_text = !in_text;
        else if (!in_text && (text[i] == '{' || text[i] == '['))
            depth++;
        else if (!in_text && (text[i] == '}' || text[i] == ']'))
            depth--;
        if (depth > BJ_JSON_DEPTH_MAX)
            return true;
    }
    return false;
}

/* jansson quotes what stands near the mistake; that may be a secret, so it is cut off. */
static int fail_syntax(const json_error_t *error, struct bj_error *err)
{
    const char *near = strstr(error->text, " near '");
    int length = near != NULL ? (int)(near - error->text) : (int)strlen(error->text);

    if (json_error_code(error) == json_error_out_of_memory)
        return bj_fail(err, BJ_E_NO_MEMORY, "config", "out of memory");
    if (json_error_code(error) == json_error_duplicate_key)
        return bj_fail(err, BJ_E_CONFIG, "config", "line %d, column %d: duplicate key", error->line,
                       error->column);
    return bj_fail(err, BJ_E_CONFIG, "config", "line %d, column %d: %.*s", error->line,
                   error->column, length, error->text);
}

int bj_json_parse_within(const char *text, size_t length, size_t maximum, json_t **ret_root,
                         struct bj_error *err)
{
    json_error_t error;

    if (length > maximum)
        return bj_fail(err, BJ_E_CONFIG, "config", "larger than %zu bytes", maximum);
    if (is_too_deep(text, length))
        return bj_fail(err, BJ_E_CONFIG, "config", "nested deeper than %d", BJ_JSON_DEPTH_MAX);
    bj_json_setup();
    *ret_root = json_loadb(text, length, JSON_REJECT_DUPLICATES, &error);
    if (bj_json_lost_memory()) {
        json_decref(*ret_root);
        *ret_root = NULL;
        return bj_fail(err, BJ_E_NO_MEMORY, "config", "out of memory");
    }
    return *ret_root == NULL ? fail_syntax(&error, err) : 0;
}

int bj_json_parse(const char *text, size_t length, json_t **ret_root, struct bj_error *err)
{
    return bj_json_parse_within(text, length, BJ_CONFIG_FILE_MAX, ret_root, err);
}
