/*
 * Reading sandbox settings from JSON: one table of fields, in which the names that other versions
 * and tools use for the same thing are further rows. docs/SETTINGS.md lists them.
 */
#include "policy/settings.h"

#include <jansson.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "model/json_read.h"

#define ENTRY_MAX 4096 /* bytes of one entry of a list */
#define NEAR      4    /* edits at most for "did you mean" */

enum kind { BOOL, TEXTS, PATHS, PORT, BOOL_OR_TEXTS };

struct field {
    const char *section; /* the object that it stands in; "" for the settings themselves */
    const char *name;
    enum kind kind;
    size_t at, bool_at; /* in struct bj_settings; bool_at: of BOOL_OR_TEXTS, where true goes */
};

#define AT(member) offsetof(struct bj_settings, member)

static const struct field fields[] = {
    {"", "enabled", BOOL, AT(enabled), 0},
    {"", "autoAllowBashIfSandboxed", BOOL, AT(auto_allow_bash_if_sandboxed), 0},
    {"", "allowUnsandboxedCommands", BOOL_OR_TEXTS, AT(allow_unsandboxed_commands),
     AT(allow_any_unsandboxed)},
    {"", "excludedCommands", TEXTS, AT(excluded_commands), 0},
    {"", "ignoreFileViolations", TEXTS, AT(ignore_file_violations), 0},
    {"", "ignoreNetworkViolations", TEXTS, AT(ignore_network_violations), 0},
    {"", "enableWeakerNestedSandbox", BOOL, AT(enable_weaker_nested_sandbox), 0},
    {"network", "allowLocalBinding", BOOL, AT(network.allow_local_binding), 0},
    {"network", "allowAllUnixSockets", BOOL, AT(network.allow_all_unix_sockets), 0},
    {"network", "allowedUnixSockets", PATHS, AT(network.allowed_unix_sockets), 0},
    {"network", "allowUnixSockets", PATHS, AT(network.allowed_unix_sockets), 0},
    {"network", "httpProxyPort", PORT, AT(network.http_proxy_port), 0},
    {"network", "socksProxyPort", PORT, AT(network.socks_proxy_port), 0},
    {"ignoreViolations", "file", TEXTS, AT(ignore_file_violations), 0},
    {"ignoreViolations", "network", TEXTS, AT(ignore_network_violations), 0},
};
#define FIELD_COUNT (sizeof fields / sizeof *fields)

/* Where the loader stands. */
struct load {
    struct bj_settings *settings;
    struct bj_warnings *warnings;
    struct bj_error *err;
    const char *prefix; /* "sandbox." when the settings lie in a larger file */
};

/* "network.allowLocalBinding", "enabled": for messages. Long names are cut. */
struct path {
    char text[160];
};

static struct path path_of(const struct load *load, const char *section, const char *name)
{
    struct path path;

    snprintf(path.text, sizeof path.text, "%s%s%s%s", load->prefix, section,
             *section != '\0' ? "." : "", name);
    return path;
}

static int fail_type(const struct load *load, const struct field *field, const char *expected,
                     const json_t *found)
{
    return bj_fail(load->err, BJ_E_CONFIG, "settings", "%s: expected %s; found %s",
                   path_of(load, field->section, field->name).text, expected, bj_json_type(found));
}

static int append(const struct load *load, char ***list, const char *text)
{
    size_t count = 0;
    char **grown;

    while (*list != NULL && (*list)[count] != NULL)
        count++;
    if (count >= BJ_LIST_MAX)
        return bj_fail(load->err, BJ_E_CONFIG, "settings", "expected at most %d entries",
                       BJ_LIST_MAX);
    grown = bj_realloc_array(*list, count + 2, sizeof *grown);
    if (grown == NULL)
        return bj_fail(load->err, BJ_E_NO_MEMORY, "settings", "out of memory");
    *list = grown;
    grown[count + 1] = NULL;
    grown[count] = bj_strdup(text);
    return grown[count] != NULL ? 0
                                : bj_fail(load->err, BJ_E_NO_MEMORY, "settings", "out of memory");
}

static const char *wrong_entry(const struct field *field, const json_t *entry)
{
    const char *text = json_string_value(entry);

    if (text == NULL)
        return "expected a text";
    if (text[strspn(text, " \t")] == '\0')
        return "expected a text that is not empty";
    if (strlen(text) > ENTRY_MAX)
        return "expected a shorter text";
    if (field->kind == PATHS && text[0] != '/')
        return "expected an absolute path";
    return NULL;
}

static int load_list(const struct load *load, const struct field *field, const json_t *list,
                     char ***ret)
{
    size_t index;
    json_t *entry;

    json_array_foreach(list, index, entry)
    {
        const char *wrong = wrong_entry(field, entry);
        int result;

        if (wrong != NULL)
            result = json_is_string(entry)
                         ? bj_fail(load->err, BJ_E_CONFIG, "settings", "%s", wrong)
                         : bj_fail(load->err, BJ_E_CONFIG, "settings", "%s; found %s", wrong,
                                   bj_json_type(entry));
        else
            result = append(load, ret, json_string_value(entry));
        if (result < 0) {
            bj_error_prefix(load->err,
                            "%s: entry %zu: ", path_of(load, field->section, field->name).text,
                            index + 1);
            return result;
        }
    }
    return 0;
}

static int load_port(const struct load *load, const struct field *field, const json_t *value,
                     int *ret)
{
    json_int_t port = json_integer_value(value);

    if (!json_is_integer(value))
        return fail_type(load, field, "a port", value);
    if (port < 1 || port > 65535)
        return bj_fail(load->err, BJ_E_CONFIG, "settings", "%s: expected a port from 1 to 65535",
                       path_of(load, field->section, field->name).text);
    *ret = (int)port;
    return 0;
}

static int load_field(const struct load *load, const struct field *field, const json_t *value)
{
    char *base = (char *)load->settings;

    switch (field->kind) {
    case BOOL:
        if (!json_is_boolean(value))
            return fail_type(load, field, "true or false", value);
        *(bool *)(base + field->at) = json_is_true(value);
        return 0;
    case PORT:
        return load_port(load, field, value, (int *)(void *)(base + field->at));
    case BOOL_OR_TEXTS:
        if (json_is_boolean(value)) {
            *(bool *)(base + field->bool_at) = json_is_true(value);
            return 0;
        }
        if (!json_is_array(value))
            return fail_type(load, field, "a list of texts, or true or false", value);
        return load_list(load, field, value, (char ***)(void *)(base + field->at));
    default:
        if (!json_is_array(value))
            return fail_type(load, field, "a list of texts", value);
        return load_list(load, field, value, (char ***)(void *)(base + field->at));
    }
}

static const struct field *find_field(const char *section, const char *name)
{
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        if (bj_streq(fields[i].section, section) && bj_streq(fields[i].name, name))
            return &fields[i];
    }
    return NULL;
}

static bool is_section(const char *name)
{
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        if (*name != '\0' && bj_streq(fields[i].section, name))
            return true;
    }
    return false;
}

/* Control characters must not reach a terminal by way of a message. */
static void warn_unknown(const struct load *load, const char *section, const char *name)
{
    struct path path = path_of(load, section, name), near;
    const char *full = path.text + strlen(load->prefix);
    const struct field *nearest = NULL;
    size_t best = NEAR + 1;

    for (size_t i = 0; i < FIELD_COUNT; i++) {
        struct load bare = {.prefix = ""};
        size_t distance =
            bj_str_distance(full, path_of(&bare, fields[i].section, fields[i].name).text);

        if (distance < best) {
            best = distance;
            nearest = &fields[i];
        }
    }
    for (char *c = path.text; *c != '\0'; c++) {
        if ((unsigned char)*c < 0x20 || (unsigned char)*c >= 0x7f)
            *c = '?';
    }
    if (nearest == NULL) {
        bj_warnings_add(load->warnings, "%.100s: unknown field, without effect", path.text);
        return;
    }
    near = path_of(load, nearest->section, nearest->name);
    bj_warnings_add(load->warnings, "%.80s: unknown field, without effect; did you mean %.60s?",
                    path.text, near.text);
}

/* The fields of one object; of the settings' own the sections as well. */
static int load_object(const struct load *load, const char *section, json_t *object)
{
    const char *name;
    json_t *value;

    json_object_foreach(object, name, value)
    {
        const struct field *field = find_field(section, name);
        int result = 0;

        if (field != NULL)
            result = load_field(load, field, value);
        else if (*section != '\0' || !is_section(name))
            warn_unknown(load, section, name);
        else if (!json_is_object(value))
            result = bj_fail(load->err, BJ_E_CONFIG, "settings", "%s: expected an object; found %s",
                             path_of(load, "", name).text, bj_json_type(value));
        else
            result = load_object(load, name, value);
        if (result < 0)
            return result;
    }
    return 0;
}

/* A larger file has the settings under "sandbox", and nothing else in it is ours. */
static int load_root(struct load *load, json_t *root)
{
    json_t *inner = json_object_get(root, "sandbox");
    const char *name;
    json_t *value;

    if (!json_is_object(root))
        return bj_fail(load->err, BJ_E_CONFIG, "settings", "expected an object; found %s",
                       bj_json_type(root));
    if (inner == NULL)
        return load_object(load, "", root);
    if (!json_is_object(inner))
        return bj_fail(load->err, BJ_E_CONFIG, "settings", "sandbox: expected an object; found %s",
                       bj_json_type(inner));
    json_object_foreach(root, name, value)
    {
        if (find_field("", name) != NULL)
            return bj_fail(load->err, BJ_E_CONFIG, "settings",
                           "%s stands beside \"sandbox\"; it belongs inside", name);
    }
    load->prefix = "sandbox.";
    return load_object(load, "", inner);
}

int bj_settings_load_json(struct bj_settings *settings, const char *text, size_t length,
                          struct bj_warnings *warnings, struct bj_error *err)
{
    struct bj_warnings unheard = {0};
    struct load load = {.settings = settings,
                        .warnings = warnings != NULL ? warnings : &unheard,
                        .err = err,
                        .prefix = ""};
    json_t *root = NULL;
    int result = bj_json_parse(text, length, &root, err);

    if (result == 0)
        result = load_root(&load, root);
    json_decref(root);
    return result;
}

int bj_settings_load_file(struct bj_settings *settings, const char *path,
                          struct bj_warnings *warnings, struct bj_error *err)
{
    BJ_CLEANUP_FREE char *text = NULL;
    size_t length;
    int result = bj_read_file(path, BJ_CONFIG_FILE_MAX, &text, &length, err);

    if (result < 0)
        return result;
    result = bj_settings_load_json(settings, text, length, warnings, err);
    if (result < 0)
        bj_error_prefix(err, "%s: ", path);
    return result;
}
