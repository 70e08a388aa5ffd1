/*
 * Setting one option of a configuration from a text or a number: the one way by which flags,
 * variables, environment files and the values of a JSON document arrive. Lists are in
 * option_lists.c.
 */
#include "model/options_internal.h"

#include <stdio.h>

#include "base/mem.h"
#include "base/str.h"
#include "model/preset.h"

static int no_memory(struct bj_error *err)
{
    return bj_fail(err, BJ_E_NO_MEMORY, "config", "out of memory");
}

static void *field_of(struct bj_config *config, const struct bj_option *option)
{
    return (char *)config + option->offset;
}

void bj_error_suggest(struct bj_error *err, const char *prefix, const char *suggestion)
{
    if (suggestion != NULL)
        bj_error_append(err, "; did you mean %s%s?", prefix, suggestion);
}

int bj_option_fail(const struct bj_option *option, bool in_json, const char *found,
                   struct bj_error *err)
{
    struct bj_buf expected;
    int result;

    bj_buf_init(&expected, 1024);
    bj_option_expected(option, in_json, &expected);
    result = bj_fail(err, BJ_E_INVALID, "config", "expected %s; found %s", bj_buf_text(&expected),
                     found);
    bj_buf_release(&expected);
    return result;
}

int bj_option_fail_text(const struct bj_option *option, const char *text, struct bj_error *err)
{
    if (option->kind == BJ_KIND_SECRET || option->kind == BJ_KIND_ENV_LIST)
        return bj_option_fail(option, false, "something else (not shown)", err);
    return bj_option_fail(option, false, bj_quote(text).text, err);
}

static bool in_range(const struct bj_option *option, double value)
{
    return (option->or_zero && value == 0) ||
           (value >= option->minimum && value <= option->maximum);
}

/* "512" or "0.5": the shortest form, as the caller wrote it or could have. */
static int fail_range(const struct bj_option *option, double value, bool in_json,
                      struct bj_error *err)
{
    char found[32];

    snprintf(found, sizeof found, "%.15g", value);
    return bj_option_fail(option, in_json, found, err);
}

int bj_option_set_number(struct bj_config *config, enum bj_option_id id, double value, bool in_json,
                         struct bj_error *err)
{
    const struct bj_option *option = bj_option_get(id);

    if (!in_range(option, value))
        return fail_range(option, value, in_json, err);
    if (option->kind == BJ_KIND_DECIMAL)
        *(double *)field_of(config, option) = value;
    else
        *(int64_t *)field_of(config, option) = (int64_t)value;
    bj_option_say(config, id);
    return 0;
}

void bj_option_set_bool(struct bj_config *config, enum bj_option_id id, bool value)
{
    *(bool *)field_of(config, bj_option_get(id)) = value;
    bj_option_say(config, id);
}

static int set_number(struct bj_config *config, enum bj_option_id id, const char *text,
                      struct bj_error *err)
{
    const struct bj_option *option = bj_option_get(id);
    int64_t whole = 0;
    double value = 0;
    bool valid;

    switch (option->kind) {
    case BJ_KIND_SIZE:
        valid = bj_parse_size_mb(text, &whole);
        break;
    case BJ_KIND_DURATION:
        valid = bj_parse_seconds(text, &whole);
        break;
    case BJ_KIND_DECIMAL:
        valid = bj_parse_decimal(text, &value);
        break;
    default:
        valid = bj_parse_int64(text, &whole);
    }
    if (option->kind != BJ_KIND_DECIMAL)
        value = (double)whole;
    if (!valid || !in_range(option, value))
        return bj_option_fail_text(option, text, err);
    return bj_option_set_number(config, id, value, false, err);
}

static int set_bool(void *field, const struct bj_option *option, const char *text,
                    struct bj_error *err)
{
    bool value = text == NULL || bj_streq(text, "true");

    if (!value && !bj_streq(text, "false"))
        return bj_option_fail_text(option, text, err);
    *(bool *)field = value;
    return 0;
}

/* The nearest of a list of names; NULL when none is near. */
const char *bj_choice_nearest(const char *const *choices, const char *text)
{
    const char *nearest = NULL;
    size_t best = SIZE_MAX;

    for (; *choices != NULL; choices++) {
        size_t distance = bj_word_distance(text, *choices);

        if (distance < best) {
            best = distance;
            nearest = *choices;
        }
    }
    return bj_is_near(best, strlen(text)) ? nearest : NULL;
}

/* The value's place in the row's choices, or -1 with the error filled. */
static int find_choice(const struct bj_option *option, const char *text, struct bj_error *err)
{
    for (int i = 0; option->choices[i] != NULL; i++) {
        if (bj_streq(option->choices[i], text))
            return i;
    }
    bj_option_fail_text(option, text, err);
    bj_error_suggest(err, "", bj_choice_nearest(option->choices, text));
    return -1;
}

bool bj_is_printable(const char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < ' ' || *text == 0x7f)
            return false;
    }
    return true;
}

static bool is_hostname(const char *text)
{
    return strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.") ==
               strlen(text) &&
           text[0] != '-' && text[0] != '.';
}

static bool length_fits(const struct bj_option *option, const char *text)
{
    size_t length = strlen(text);

    return option->maximum == 0 ||
           ((double)length >= option->minimum && (double)length <= option->maximum);
}

/* The old text may be a secret. */
static int replace_text(char **field, char *owned, struct bj_error *err)
{
    if (owned == NULL)
        return no_memory(err);
    if (*field != NULL)
        explicit_bzero(*field, strlen(*field));
    bj_free(*field);
    *field = owned;
    return 0;
}

static int set_sandbox_path(char **field, const struct bj_option *option, const char *text,
                            struct bj_error *err)
{
    char *path = NULL;
    int result = bj_sandbox_path(text, strlen(text), &path, err);

    if (result == -BJ_E_INVALID)
        return bj_option_fail_text(option, text, err);
    return result < 0 ? result : replace_text(field, path, err);
}

static int set_workspace(struct bj_config *config, const char *text, const char *directory,
                         struct bj_error *err)
{
    char *path = NULL;
    int result;

    if (!bj_streq(text, "empty")) {
        result = bj_host_path(text, directory, &path, err);
        if (result < 0)
            return result;
    }
    bj_free(config->workspace_path);
    config->workspace_path = path;
    config->workspace = path != NULL ? BJ_WORKSPACE_DIRECTORY : BJ_WORKSPACE_EMPTY;
    return 0;
}

static int set_host_path(char **field, const char *text, const char *directory,
                         struct bj_error *err)
{
    char *path;
    int result = bj_host_path(text, directory, &path, err);

    return result < 0 ? result : replace_text(field, path, err);
}

static int set_preset(struct bj_config *config, const struct bj_option *option, const char *text,
                      struct bj_error *err)
{
    int found = find_choice(option, text, err);

    return found < 0 ? -BJ_E_INVALID : bj_preset_apply(&bj_presets[found], config, err);
}

static int set_enum(void *field, const struct bj_option *option, const char *text,
                    struct bj_error *err)
{
    int found = find_choice(option, text, err);

    if (found < 0)
        return -BJ_E_INVALID;
    *(unsigned *)field = (unsigned)found;
    return 0;
}

static int set_text(char **field, const struct bj_option *option, const char *text,
                    struct bj_error *err)
{
    if (!bj_is_printable(text) || (option->kind == BJ_KIND_HOSTNAME && !is_hostname(text)))
        return bj_option_fail_text(option, text, err);
    return replace_text(field, bj_strdup(text), err);
}

/* One case per kind of option; the length was checked. */
static int set_value(struct bj_config *config, const struct bj_option *option, void *field,
                     const char *text, const char *directory, struct bj_error *err)
{
    switch (option->kind) {
    case BJ_KIND_BOOL:
        return set_bool(field, option, text, err);
    case BJ_KIND_ENUM:
        return set_enum(field, option, text, err);
    case BJ_KIND_PRESET:
        return set_preset(config, option, text, err);
    case BJ_KIND_SANDBOX_PATH:
        return set_sandbox_path(field, option, text, err);
    case BJ_KIND_HOST_PATH:
        return set_host_path(field, text, directory, err);
    case BJ_KIND_WORKSPACE:
        return set_workspace(config, text, directory, err);
    case BJ_KIND_STRING:
    case BJ_KIND_SECRET:
    case BJ_KIND_HOSTNAME:
        return set_text(field, option, text, err);
    case BJ_KIND_ARGUMENT:
        *(const char **)field = text;
        return 0;
    default:
        return bj_option_add(config, option, text, directory, err);
    }
}

static bool is_number(enum bj_option_kind kind)
{
    return kind == BJ_KIND_COUNT || kind == BJ_KIND_SIZE || kind == BJ_KIND_DURATION ||
           kind == BJ_KIND_DECIMAL;
}

int bj_option_set(struct bj_config *config, struct bj_run_options *run, enum bj_option_id id,
                  const char *text, const char *directory, struct bj_error *err)
{
    const struct bj_option *option = bj_option_get(id);
    void *field = (option->run_only ? (char *)run : (char *)config) + option->offset;

    if (is_number(option->kind))
        return set_number(config, id, text, err);
    if (text != NULL && !length_fits(option, text))
        return bj_option_fail_text(option, text, err);
    bj_option_say(config, id);
    return set_value(config, option, field, text, directory, err);
}

int bj_config_set(struct bj_config *config, enum bj_option_id id, const char *text,
                  const char *directory, struct bj_error *err)
{
    const struct bj_option *option = bj_option_get(id);

    if (option->run_only)
        return bj_fail(err, BJ_E_INVALID, "config", "%s is no part of the configuration",
                       option->id);
    return bj_option_set(config, NULL, id, text, directory, err);
}
