/*
 * Labels: JSON that the front has the keeper keep with a sandbox or process, so that a front that
 * is started anew knows what it knew. What comes back passed through other processes, and was
 * written by a front that may have been taken over: members are taken by a table of what they may
 * be, and anything else is left out. Whose a sandbox is stands in none: that is the keeper's own
 * (wire/act.h), which no later act can change.
 */
#include <string.h>

#include "base/str.h"
#include "model/json_read.h"
#include "service/service_internal.h"

struct member {
    const char *name;
    json_type type;
    int64_t maximum; /* bytes of a text, entries of an object, value of a number */
};

static const struct member sandbox_members[] = {
    {"key", JSON_STRING, BJ_LABEL_NAME_MAX},
    {"created_ms", JSON_INTEGER, INT64_MAX},
    {"timeout_us", JSON_INTEGER, INT64_MAX},
    {"idle_us", JSON_INTEGER, INT64_MAX},
    {"metadata", JSON_OBJECT, BJ_METADATA_MAX},
    {"rules", JSON_STRING, BJ_LABEL_MAX},
    {"idempotency", JSON_STRING, BJ_IDEMPOTENCY_MAX},
    {"request", JSON_STRING, 64},
    {"default", JSON_TRUE, 0},
    {"environment", JSON_OBJECT, BJ_ARGC_MAX},
    {"run_seconds", JSON_INTEGER, INT64_MAX},
    {"output_mb", JSON_INTEGER, INT64_MAX},
    {"shells", JSON_OBJECT, BJ_SHELLS_MAX},
    {NULL, JSON_NULL, 0},
};

static const struct member process_members[] = {
    {"key", JSON_STRING, BJ_LABEL_NAME_MAX},
    {"tag", JSON_STRING, BJ_TAG_MAX},
    {"command", JSON_STRING, 2 * BJ_COMMAND_SHOWN},
    {"directory", JSON_STRING, BJ_LABEL_TEXT_MAX},
    {"started_ms", JSON_INTEGER, INT64_MAX},
    {"shell", JSON_STRING, BJ_SHELL_NAME_MAX},
    {"turn", JSON_INTEGER, INT64_MAX},
    {"helper", JSON_TRUE, 0},
    {NULL, JSON_NULL, 0},
};

static bool is_object_of_texts(const json_t *object)
{
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)object, name, value)
    {
        if (!json_is_string(value))
            return false;
    }
    return true;
}

static bool is_right(const struct member *member, const json_t *value)
{
    switch (member->type) {
    case JSON_STRING:
        return json_is_string(value) && json_string_length(value) <= (size_t)member->maximum &&
               strlen(json_string_value(value)) == json_string_length(value);
    case JSON_INTEGER:
        return json_is_integer(value) && json_integer_value(value) >= 0;
    case JSON_OBJECT:
        return json_is_object(value) && json_object_size(value) <= (size_t)member->maximum &&
               is_object_of_texts(value);
    default:
        return json_is_true(value);
    }
}

static json_t *read_label(const char *text, const struct member *members)
{
    json_t *root = NULL, *label = json_object();

    if (text == NULL || label == NULL ||
        bj_json_parse_within(text, strlen(text), BJ_LABEL_MAX, &root, NULL) < 0)
        return label;
    for (const struct member *member = members; member->name != NULL; member++) {
        json_t *value = json_object_get(root, member->name);

        if (value != NULL && is_right(member, value) &&
            json_object_set(label, member->name, value) < 0) {
            json_decref(label);
            label = NULL;
            break;
        }
    }
    json_decref(root);
    return label;
}

json_t *bj_label_read_sandbox(const char *text)
{
    return read_label(text, sandbox_members);
}

json_t *bj_label_read_process(const char *text)
{
    return read_label(text, process_members);
}

static int append(const char *data, size_t size, void *context)
{
    bj_buf_append(context, data, size);
    return 0;
}

int bj_label_write(const json_t *label, struct bj_buf *out, struct bj_error *err)
{
    bj_buf_init(out, BJ_LABEL_MAX - 1);
    if (label == NULL || json_dump_callback(label, append, out, JSON_COMPACT) < 0 ||
        out->no_memory) {
        bj_buf_release(out);
        return no_memory(err);
    }
    if (out->failed) {
        bj_buf_release(out);
        return bj_fail(err, BJ_E_LIMIT, "service",
                       "metadata, rules and shells of one sandbox are larger than %d bytes in all",
                       BJ_LABEL_MAX);
    }
    return 0;
}

const char *bj_label_text(const json_t *label, const char *name)
{
    return json_string_value(json_object_get(label, name));
}

int64_t bj_label_number(const json_t *label, const char *name)
{
    return json_integer_value(json_object_get(label, name));
}
