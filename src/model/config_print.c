/* Writing a configuration as a JSON document, without secrets. */
#include "model/options_internal.h"

#include "base/mem.h"
#include "base/str.h"
#include "model/json_internal.h"

static json_t *json_of_list(char *const *list)
{
    BJ_CLEANUP_JSON json_t *array = json_array();

    for (; list != NULL && *list != NULL; list++) {
        if (json_array_append_new(array, json_string(*list)) < 0)
            return NULL;
    }
    return json_incref(array);
}

static json_t *json_of_volumes(const struct bj_config *config)
{
    BJ_CLEANUP_JSON json_t *array = json_array();

    for (int64_t i = 0; i < config->volume_count; i++) {
        const struct bj_volume *volume = &config->volumes[i];
        json_t *entry =
            json_sprintf("%s:%s%s", volume->source, volume->target, volume->read_only ? ":ro" : "");

        if (json_array_append_new(array, entry) < 0)
            return NULL;
    }
    return json_incref(array);
}

/* NULL when memory ends or a text is not UTF-8. */
static json_t *json_of_option(const struct bj_config *config, const struct bj_option *option)
{
    const void *field = (const char *)config + option->offset;

    switch (option->kind) {
    case BJ_KIND_BOOL:
        return json_boolean(*(const bool *)field);
    case BJ_KIND_COUNT:
    case BJ_KIND_SIZE:
    case BJ_KIND_DURATION:
        return json_integer(*(const int64_t *)field);
    case BJ_KIND_DECIMAL:
        return json_real(*(const double *)field);
    case BJ_KIND_ENUM:
        return json_string(option->choices[*(const unsigned *)field]);
    case BJ_KIND_VOLUME_LIST:
        return json_of_volumes(config);
    case BJ_KIND_STRING_LIST:
    case BJ_KIND_DOMAIN_LIST:
    case BJ_KIND_LAYER_LIST:
        return json_of_list(*(char *const *const *)field);
    case BJ_KIND_WORKSPACE:
        return json_string(config->workspace == BJ_WORKSPACE_EMPTY ? "empty"
                                                                   : config->workspace_path);
    default:
        return json_string(*(char *const *)field);
    }
}

/* Secrets, variables (whose values may be secrets) and texts that are not set. */
static bool is_left_out(const struct bj_config *config, const struct bj_option *option)
{
    const void *field = (const char *)config + option->offset;

    if (option->run_only || option->key == NULL)
        return true;
    switch (option->kind) {
    case BJ_KIND_SECRET:
    case BJ_KIND_ENV_LIST:
        return true;
    case BJ_KIND_WORKSPACE:
        return config->workspace == BJ_WORKSPACE_DIRECTORY && config->workspace_path == NULL;
    case BJ_KIND_STRING:
    case BJ_KIND_SANDBOX_PATH:
    case BJ_KIND_HOST_PATH:
        return *(char *const *)field == NULL;
    default:
        return false;
    }
}

/* Puts a value at "key" or "section.key". Takes `value`. */
static int put(json_t *root, const char *key, json_t *value)
{
    const char *dot = strchr(key, '.');
    BJ_CLEANUP_FREE char *section = NULL;
    json_t *object;

    if (dot == NULL)
        return json_object_set_new(root, key, value);
    section = bj_strndup(key, (size_t)(dot - key));
    object = section != NULL ? json_object_get(root, section) : NULL;
    if (section != NULL && object == NULL) {
        json_object_set_new(root, section, json_object());
        object = json_object_get(root, section);
    }
    return json_object_set_new(object, dot + 1, value);
}

static int write_text(const char *text, size_t length, void *out)
{
    bj_buf_append(out, text, length);
    return 0;
}

void bj_json_write(const json_t *json, struct bj_buf *out)
{
    if (json_dump_callback(json, write_text, out, JSON_INDENT(2) | JSON_REAL_PRECISION(15)) < 0)
        out->failed = true;
    bj_buf_puts(out, "\n");
}

int bj_config_to_json(const struct bj_config *config, struct bj_buf *out, struct bj_error *err)
{
    BJ_CLEANUP_JSON json_t *root = NULL;

    bj_json_setup();
    root = json_object();
    for (int i = 0; i < BJ_OPT_COUNT; i++) {
        const struct bj_option *option = bj_option_get((enum bj_option_id)i);

        if (is_left_out(config, option))
            continue;
        if (put(root, option->key, json_of_option(config, option)) < 0)
            return bj_fail(err, BJ_E_INVALID, "config",
                           "%s cannot be written as JSON: it is not UTF-8, or memory ended",
                           option->key);
    }
    bj_json_write(root, out);
    return out->failed ? bj_fail(err, BJ_E_NO_MEMORY, "config", "out of memory") : 0;
}
