/*
 * Options that are lists: texts, layers, volumes, and variables with the files they come from.
 */
#include "model/options_internal.h"

#include <stdlib.h>

#include "base/fd.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "model/env_file.h"
#include "model/layer.h"

static int no_memory(struct bj_error *err)
{
    return bj_fail(err, BJ_E_NO_MEMORY, "config", "out of memory");
}

static size_t strv_length(char **list)
{
    size_t count = 0;

    while (list != NULL && list[count] != NULL)
        count++;
    return count;
}

/* Takes `owned`, also when it fails. */
static int append_text(char ***list, char *owned, struct bj_error *err)
{
    size_t count = strv_length(*list);
    char **grown;

    if (owned != NULL && count >= BJ_LIST_MAX) {
        bj_free(owned);
        return bj_fail(err, BJ_E_INVALID, "config", "expected at most %d entries", BJ_LIST_MAX);
    }
    grown = owned != NULL ? bj_realloc_array(*list, count + 2, sizeof *grown) : NULL;
    if (grown == NULL) {
        bj_free(owned);
        return no_memory(err);
    }
    grown[count] = owned;
    grown[count + 1] = NULL;
    *list = grown;
    return 0;
}

static int add_layer(char ***list, const struct bj_option *option, const char *text,
                     struct bj_error *err)
{
    const char *names[BJ_LAYER_COUNT + 1] = {NULL};

    if (bj_layer_find(text) >= 0)
        return append_text(list, bj_strdup(text), err);
    for (int i = 0; i < BJ_LAYER_COUNT; i++)
        names[i] = bj_layer_name((enum bj_layer)i);
    bj_option_fail_text(option, text, err);
    bj_error_suggest(err, "", bj_choice_nearest(names, text));
    return -BJ_E_INVALID;
}

/*
 * Splits SRC:DST[:ro|:rw]. *ret_target points into the text, *ret_source_length counts before the
 * first colon.
 */
static bool split_volume(const char *text, size_t *ret_source_length, const char **ret_target,
                         size_t *ret_target_length, bool *ret_read_only)
{
    size_t source = strcspn(text, ":"), target;
    const char *mode;

    if (source == 0 || text[source] == '\0')
        return false;
    target = strcspn(text + source + 1, ":");
    mode = text + source + 1 + target;
    if (*mode != '\0' && !bj_streq(mode, ":ro") && !bj_streq(mode, ":rw"))
        return false;
    *ret_source_length = source;
    *ret_target = text + source + 1;
    *ret_target_length = target;
    *ret_read_only = bj_streq(mode, ":ro");
    return true;
}

static int append_volume(struct bj_config *config, struct bj_volume *volume, struct bj_error *err)
{
    struct bj_volume *grown;

    if (config->volume_count >= BJ_VOLUMES_MAX)
        return bj_fail(err, BJ_E_INVALID, "config", "expected at most %d entries", BJ_VOLUMES_MAX);
    grown = bj_realloc_array(config->volumes, (size_t)config->volume_count + 1, sizeof *grown);
    if (grown == NULL)
        return no_memory(err);
    grown[config->volume_count++] = *volume;
    config->volumes = grown;
    *volume = (struct bj_volume){0};
    return 0;
}

static int add_volume(struct bj_config *config, const struct bj_option *option, const char *text,
                      const char *directory, struct bj_error *err)
{
    BJ_CLEANUP_FREE char *source = NULL;
    struct bj_volume volume = {0};
    size_t source_length, target_length;
    const char *target;
    int result;

    if (!split_volume(text, &source_length, &target, &target_length, &volume.read_only))
        return bj_option_fail_text(option, text, err);
    source = bj_strndup(text, source_length);
    if (source == NULL)
        return no_memory(err);
    result = bj_sandbox_path(target, target_length, &volume.target, err);
    if (result == -BJ_E_INVALID)
        return bj_option_fail_text(option, text, err);
    if (result == 0)
        result = bj_host_path(source, directory, &volume.source, err);
    if (result == 0)
        result = append_volume(config, &volume, err);
    bj_free(volume.source);
    bj_free(volume.target);
    return result;
}

/* Takes `entry` ("NAME=VALUE"); one of the same name is replaced. */
static int put_variable(char ***list, char *entry, struct bj_error *err)
{
    size_t name = entry != NULL ? strcspn(entry, "=") + 1 : 0;

    for (size_t i = 0; entry != NULL && *list != NULL && (*list)[i] != NULL; i++) {
        if (strncmp((*list)[i], entry, name) == 0) {
            bj_free((*list)[i]);
            (*list)[i] = entry;
            return 0;
        }
    }
    return append_text(list, entry, err);
}

static int put_pair(char ***list, const char *name, const char *value, struct bj_error *err)
{
    size_t length = strlen(name);
    char *entry = bj_alloc(length + strlen(value) + 2);

    if (entry != NULL) {
        memcpy(entry, name, length);
        entry[length] = '=';
        memcpy(entry + length + 1, value, strlen(value) + 1);
    }
    return put_variable(list, entry, err);
}

/* A value may be a secret, so a message shows the name at most. */
static int add_variable(char ***list, const struct bj_option *option, const char *text,
                        struct bj_error *err)
{
    size_t name = strcspn(text, "=");
    const char *value;

    if (!bj_is_env_name(text, name))
        return bj_option_fail(option, false, "no usable name before the =", err);
    if (text[name] == '=')
        return put_variable(list, bj_strdup(text), err);
    value = getenv(text);
    return value != NULL ? put_pair(list, text, value, err) : 0;
}

static int add_env_entries(char ***list, char *text, size_t length, struct bj_error *err)
{
    struct bj_env_reader reader;
    struct bj_env_entry entry;

    bj_env_reader_init(&reader, text, length);
    for (;;) {
        int result = bj_env_reader_next(&reader, &entry, err);

        if (result < 0 || entry.name == NULL)
            return result;
        if (entry.value == NULL)
            entry.value = getenv(entry.name);
        if (entry.value != NULL)
            result = put_pair(list, entry.name, entry.value, err);
        if (result < 0)
            return result;
    }
}

static int add_env_file(char ***list, const char *path, struct bj_error *err)
{
    BJ_CLEANUP_FREE char *text = NULL;
    size_t length;
    int result = bj_read_file(path, BJ_CONFIG_FILE_MAX, &text, &length, err);

    if (result < 0)
        return result;
    result = add_env_entries(list, text, length, err);
    explicit_bzero(text, length);
    if (result < 0)
        bj_error_prefix(err, "%s: ", bj_quote(path).text);
    return result;
}

static int add_text(char ***list, const struct bj_option *option, const char *text,
                    struct bj_error *err)
{
    if (!bj_is_printable(text) ||
        (option->kind == BJ_KIND_DOMAIN_LIST && !bj_is_domain_pattern(text)))
        return bj_option_fail_text(option, text, err);
    return append_text(list, bj_strdup(text), err);
}

int bj_option_add(struct bj_config *config, const struct bj_option *option, const char *text,
                  const char *directory, struct bj_error *err)
{
    char ***list = (char ***)((char *)config + option->offset);

    switch (option->kind) {
    case BJ_KIND_LAYER_LIST:
        return add_layer(list, option, text, err);
    case BJ_KIND_VOLUME_LIST:
        return add_volume(config, option, text, directory, err);
    case BJ_KIND_ENV_LIST:
        return add_variable(list, option, text, err);
    case BJ_KIND_ENV_FILE:
        return add_env_file(list, text, err);
    default:
        return add_text(list, option, text, err);
    }
}
