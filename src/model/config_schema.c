/*
 * The JSON Schema of the configuration, made from the table of options. Separate from the loader,
 * which does not use it: editors and other programs do. A test holds the two together.
 */
#include "model/options.h"

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "model/json_internal.h"
#include "model/layer.h"

#define PLAIN_TEXT "^[^\\u0000-\\u001f\\u007f]*$"
#define HOSTNAME   "^[A-Za-z0-9][A-Za-z0-9.-]*$"
#define INSIDE     "/+(?:(?!\\.{1,2}(?:/|:|$))[^/:]+(?:/+|(?=:|$)))+"
#define LABEL      "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
#define PORT                                                                                       \
    "(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
#define DOMAIN   "^(?:\\*|(?:\\*\\.)?" LABEL "(?:\\." LABEL ")*(?::" PORT ")?)$"
#define VOLUME   "^[^:]+:" INSIDE "(?::r[ow])?$"
#define VARIABLE "^[!-<>-~]+$"

/* A working directory may have colons, a volume's target may not. */
#define WORKING_DIRECTORY "^/+(?:(?!\\.{1,2}(?:/|$))[^/]+(?:/+|$))+$"

static json_t *number_schema(const struct bj_option *option)
{
    bool whole = option->kind != BJ_KIND_DECIMAL;
    const char *type = whole ? "integer" : "number";
    BJ_CLEANUP_JSON json_t *least =
        whole ? json_integer((json_int_t)option->minimum) : json_real(option->minimum);
    BJ_CLEANUP_JSON json_t *most =
        whole ? json_integer((json_int_t)option->maximum) : json_real(option->maximum);

    if (option->or_zero)
        return json_pack("{s:s, s:[{s:i}, {s:O, s:O}]}", "type", type, "anyOf", "const", 0,
                         "minimum", least, "maximum", most);
    return json_pack("{s:s, s:O, s:O}", "type", type, "minimum", least, "maximum", most);
}

static json_t *choices_schema(const char *const *choices)
{
    BJ_CLEANUP_JSON json_t *names = json_array();

    for (; *choices != NULL; choices++) {
        if (json_array_append_new(names, json_string(*choices)) < 0)
            return NULL;
    }
    return json_pack("{s:O}", "enum", names);
}

/* `pattern` may be NULL. */
static json_t *text_schema(const struct bj_option *option, const char *pattern)
{
    BJ_CLEANUP_JSON json_t *schema =
        json_pack("{s:s, s:I, s:I}", "type", "string", "minLength", (json_int_t)option->minimum,
                  "maxLength", (json_int_t)option->maximum);

    if (pattern != NULL && json_object_set_new(schema, "pattern", json_string(pattern)) < 0)
        return NULL;
    return json_incref(schema);
}

static json_t *list_schema(json_t *items, int maximum)
{
    return json_pack("{s:s, s:i, s:o}", "type", "array", "maxItems", maximum, "items", items);
}

static json_t *layers_schema(void)
{
    const char *names[BJ_LAYER_COUNT + 1] = {NULL};

    for (int i = 0; i < BJ_LAYER_COUNT; i++)
        names[i] = bj_layer_name((enum bj_layer)i);
    return list_schema(choices_schema(names), BJ_LIST_MAX);
}

static json_t *environment_schema(void)
{
    return json_pack("{s:s, s:i, s:{s:s}, s:{s:s}}", "type", "object", "maxProperties", BJ_LIST_MAX,
                     "propertyNames", "pattern", VARIABLE, "additionalProperties", "type",
                     "string");
}

static json_t *option_schema(const struct bj_option *option)
{
    switch (option->kind) {
    case BJ_KIND_BOOL:
        return json_pack("{s:s}", "type", "boolean");
    case BJ_KIND_COUNT:
    case BJ_KIND_SIZE:
    case BJ_KIND_DURATION:
    case BJ_KIND_DECIMAL:
        return number_schema(option);
    case BJ_KIND_ENUM:
    case BJ_KIND_PRESET:
        return choices_schema(option->choices);
    case BJ_KIND_HOSTNAME:
        return text_schema(option, HOSTNAME);
    case BJ_KIND_SANDBOX_PATH:
        return text_schema(option, WORKING_DIRECTORY);
    case BJ_KIND_WORKSPACE:
    case BJ_KIND_HOST_PATH:
        return text_schema(option, NULL);
    case BJ_KIND_STRING_LIST:
        return list_schema(text_schema(option, PLAIN_TEXT), BJ_LIST_MAX);
    case BJ_KIND_DOMAIN_LIST:
        return list_schema(text_schema(option, DOMAIN), BJ_LIST_MAX);
    case BJ_KIND_VOLUME_LIST:
        return list_schema(text_schema(option, VOLUME), BJ_VOLUMES_MAX);
    case BJ_KIND_LAYER_LIST:
        return layers_schema();
    case BJ_KIND_ENV_LIST:
        return environment_schema();
    default:
        return text_schema(option, PLAIN_TEXT);
    }
}

static json_t *object_schema(void)
{
    return json_pack("{s:s, s:b, s:{}}", "type", "object", "additionalProperties", 0, "properties");
}

/* The "properties" that hold a key; makes its section's schema when it is the first of it. */
static json_t *properties_for(json_t *root, const char *key)
{
    json_t *properties = json_object_get(root, "properties"), *section;
    const char *dot = strchr(key, '.');
    BJ_CLEANUP_FREE char *name = dot != NULL ? bj_strndup(key, (size_t)(dot - key)) : NULL;

    if (dot == NULL || name == NULL)
        return dot == NULL ? properties : NULL;
    section = json_object_get(properties, name);
    if (section == NULL) {
        json_object_set_new(properties, name, object_schema());
        section = json_object_get(properties, name);
    }
    return json_object_get(section, "properties");
}

static int put_option(json_t *root, const struct bj_option *option)
{
    const char *dot = strchr(option->key, '.');
    BJ_CLEANUP_JSON json_t *schema = option_schema(option);

    if (option->kind == BJ_KIND_SECRET && json_object_set_new(schema, "writeOnly", json_true()) < 0)
        return -1;
    if (json_object_set_new(schema, "description", json_string(option->help)) < 0)
        return -1;
    return json_object_set(properties_for(root, option->key), dot != NULL ? dot + 1 : option->key,
                           schema);
}

void bj_config_schema(struct bj_buf *out)
{
    BJ_CLEANUP_JSON json_t *root = NULL;

    bj_json_setup();
    root = object_schema();
    if (json_object_set_new(root, "$schema",
                            json_string("https://json-schema.org/draft/2020-12/schema")) < 0 ||
        json_object_set_new(root, "title", json_string("Belljar configuration")) < 0)
        out->failed = true;
    for (int i = 0; i < BJ_OPT_COUNT; i++) {
        const struct bj_option *option = bj_option_get((enum bj_option_id)i);

        if (option->key != NULL && put_option(root, option) < 0)
            out->failed = true;
    }
    bj_json_write(root, out);
}
