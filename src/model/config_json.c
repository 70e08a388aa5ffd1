/*
 * Loading a configuration from a JSON document. jansson parses (UTF-8, escapes, duplicate keys);
 * every value then goes by the table of options, one section deep: "key" or "section.key".
 */
#include "model/options_internal.h"

#include <stdio.h>

#include "base/fd.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "model/env_file.h"
#include "model/json_internal.h"
#include "model/json_read.h"

#define KEY_MAX 256 /* bytes of a path in a message */

/* Where the loader stands. */
struct load {
    struct bj_config *config;
    const char *directory;
    struct bj_error *err;
};

static bool is_list(enum bj_option_kind kind)
{
    return kind == BJ_KIND_STRING_LIST || kind == BJ_KIND_DOMAIN_LIST ||
           kind == BJ_KIND_LAYER_LIST || kind == BJ_KIND_VOLUME_LIST;
}

/* A wrong type: what the key wants as a whole, or as one of a list's entries. */
static int fail_type(const struct bj_option *option, bool entry, const json_t *found,
                     struct bj_error *err)
{
    if (is_list(option->kind) && !entry)
        return bj_fail(err, BJ_E_INVALID, "config", "expected a list of texts; found %s",
                       bj_json_type(found));
    if (option->kind == BJ_KIND_ENV_LIST)
        return bj_fail(err, BJ_E_INVALID, "config", "expected %s; found %s",
                       entry ? "a text" : "an object of names and texts", bj_json_type(found));
    return bj_option_fail(option, true, bj_json_type(found), err);
}

static int load_list(const struct load *load, enum bj_option_id id, const json_t *list)
{
    const struct bj_option *option = bj_option_get(id);
    size_t index;
    json_t *entry;

    if (!json_is_array(list))
        return fail_type(option, false, list, load->err);
    bj_option_say(load->config, id);
    json_array_foreach(list, index, entry)
    {
        int result = json_is_string(entry)
                         ? bj_config_set(load->config, id, json_string_value(entry),
                                         load->directory, load->err)
                         : fail_type(option, true, entry, load->err);

        if (result < 0) {
            bj_error_prefix(load->err, "entry %zu: ", index + 1);
            return result;
        }
    }
    return 0;
}

static int load_variable(const struct load *load, enum bj_option_id id, const char *name,
                         const json_t *value)
{
    BJ_CLEANUP_FREE char *entry = NULL;
    struct bj_buf text;
    int result;

    if (!bj_is_env_name(name, strlen(name)))
        return bj_fail(load->err, BJ_E_INVALID, "config", "expected names of variables; found %s",
                       bj_quote(name).text);
    if (!json_is_string(value)) {
        result = fail_type(bj_option_get(id), true, value, load->err);
        bj_error_prefix(load->err, "%s: ", bj_quote(name).text);
        return result;
    }
    bj_buf_init(&text, BJ_ARGS_MAX);
    bj_buf_printf(&text, "%s=%s", name, json_string_value(value));
    entry = text.data;
    if (text.failed)
        return bj_fail(load->err, BJ_E_INVALID, "config", "%s: the value is too long",
                       bj_quote(name).text);
    return bj_config_set(load->config, id, entry, NULL, load->err);
}

static int load_environment(const struct load *load, enum bj_option_id id, json_t *object)
{
    const char *name;
    json_t *value;

    if (!json_is_object(object))
        return fail_type(bj_option_get(id), false, object, load->err);
    bj_option_say(load->config, id);
    json_object_foreach(object, name, value)
    {
        int result = load_variable(load, id, name, value);

        if (result < 0)
            return result;
    }
    return 0;
}

/* Gives one option the value of its key. */
static int load_value(const struct load *load, enum bj_option_id id, json_t *value)
{
    const struct bj_option *option = bj_option_get(id);

    if (is_list(option->kind))
        return load_list(load, id, value);
    switch (option->kind) {
    case BJ_KIND_ENV_LIST:
        return load_environment(load, id, value);
    case BJ_KIND_BOOL:
        if (!json_is_boolean(value))
            return fail_type(option, false, value, load->err);
        bj_option_set_bool(load->config, id, json_is_true(value));
        return 0;
    case BJ_KIND_COUNT:
    case BJ_KIND_SIZE:
    case BJ_KIND_DURATION:
    case BJ_KIND_DECIMAL:
        if (!json_is_integer(value) && !(json_is_real(value) && option->kind == BJ_KIND_DECIMAL))
            return fail_type(option, false, value, load->err);
        return bj_option_set_number(load->config, id, json_number_value(value), true, load->err);
    default:
        if (!json_is_string(value))
            return fail_type(option, false, value, load->err);
        return bj_config_set(load->config, id, json_string_value(value), load->directory,
                             load->err);
    }
}

/* Turns a failure into one of the document, at a path; running out of memory stays what it is. */
static int fail_at(const struct load *load, int result, const char *path)
{
    bj_error_prefix(load->err, "%s: ", path);
    if (result != -BJ_E_INVALID)
        return result;
    if (load->err != NULL)
        load->err->code = BJ_E_CONFIG;
    return -BJ_E_CONFIG;
}

static int fail_unknown(const struct load *load, const char *path)
{
    struct bj_quoted quoted = bj_quote(path);

    quoted.text[strlen(quoted.text) - 1] = '\0';
    bj_fail(load->err, BJ_E_CONFIG, "config", "unknown key %s", quoted.text + 1);
    bj_error_suggest(load->err, "", bj_option_nearest_key(path));
    return -BJ_E_CONFIG;
}

/* Is there a key "name.…"? */
static bool is_section(const char *name)
{
    size_t length = strlen(name);

    for (int i = 0; i < BJ_OPT_COUNT; i++) {
        const char *key = bj_option_get((enum bj_option_id)i)->key;

        if (key != NULL && strncmp(key, name, length) == 0 && key[length] == '.')
            return true;
    }
    return false;
}

static int load_key(const struct load *load, const char *path, json_t *value)
{
    enum bj_option_id id = bj_option_find_key(path);
    int result;

    if (id == BJ_OPT_COUNT)
        return fail_unknown(load, path);
    result = load_value(load, id, value);
    return result < 0 ? fail_at(load, result, path) : 0;
}

static int load_section(const struct load *load, const char *section, json_t *object)
{
    const char *name;
    json_t *value;

    if (!json_is_object(object))
        return bj_fail(load->err, BJ_E_CONFIG, "config", "%s: expected an object; found %s",
                       section, bj_json_type(object));
    json_object_foreach(object, name, value)
    {
        char path[KEY_MAX];
        int result;

        snprintf(path, sizeof path, "%s.%s", section, name);
        result = load_key(load, path, value);
        if (result < 0)
            return result;
    }
    return 0;
}

/* network.mode is the longer word for what network.enabled says: both must agree. */
static int check_network(const struct load *load, json_t *root)
{
    const json_t *network = json_object_get(root, "network");
    const json_t *enabled = json_object_get(network, "enabled");
    const json_t *mode = json_object_get(network, "mode");

    if (enabled == NULL || mode == NULL)
        return 0;
    if (bj_streq(json_string_value(mode), "none") == json_is_false(enabled))
        return 0;
    return bj_fail(load->err, BJ_E_CONFIG, "config",
                   "network.mode: expected what agrees with network.enabled %s; found %s",
                   bj_json_type(enabled), bj_quote(json_string_value(mode)).text);
}

static int load_root(const struct load *load, json_t *root)
{
    json_t *preset = json_object_get(root, "preset"), *value;
    const char *name;
    int result = 0;

    if (!json_is_object(root))
        return bj_fail(load->err, BJ_E_CONFIG, "config", "expected an object; found %s",
                       bj_json_type(root));
    if (preset != NULL && !bj_config_said(load->config, BJ_OPT_PRESET))
        result = load_key(load, "preset", preset);
    if (result < 0)
        return result;
    json_object_foreach(root, name, value)
    {
        if (strchr(name, '.') != NULL)
            result = fail_unknown(load, name);
        else if (is_section(name))
            result = load_section(load, name, value);
        else if (!bj_streq(name, "preset"))
            result = load_key(load, name, value);
        if (result < 0)
            return result;
    }
    return check_network(load, root);
}

int bj_config_load_json(struct bj_config *config, const char *text, size_t length,
                        const char *directory, struct bj_error *err)
{
    struct load load = {.config = config, .directory = directory, .err = err};
    BJ_CLEANUP_JSON json_t *root = NULL;
    int result = bj_json_parse(text, length, &root, err);

    if (result < 0)
        return result;
    return load_root(&load, root);
}

/* The directory that a file lies in. *ret_directory is owned by the caller. */
static int directory_of(const char *path, char **ret_directory, struct bj_error *err)
{
    int result = bj_host_path(path, NULL, ret_directory, err);

    if (result == 0)
        *strrchr(*ret_directory, '/') = '\0';
    return result;
}

int bj_config_load_file(struct bj_config *config, const char *path, struct bj_error *err)
{
    BJ_CLEANUP_FREE char *text = NULL, *directory = NULL;
    size_t length;
    int result = directory_of(path, &directory, err);

    if (result == 0)
        result = bj_read_file(path, BJ_CONFIG_FILE_MAX, &text, &length, err);
    if (result < 0)
        return result;
    result = bj_config_load_json(config, text, length, directory, err);
    explicit_bzero(text, length);
    if (result < 0)
        bj_error_prefix(err, "%s: ", path);
    return result;
}
