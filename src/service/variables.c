/* Variables of the environment, as clients give them. */
#include "service/variables.h"

#include <stdio.h>
#include <string.h>

#include "base/escape.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"

/* Read by a shell before its text (bash(1), INVOCATION and Shell Variables). */
static const char *const before_the_text[] = {"BASH_ENV", "ENV", "SHELLOPTS", "BASHOPTS", NULL};

/* What a shell can set by its text. Of other names it makes functions ("BASH_FUNC_x%%"), or the
 * policy could not read them as they are meant. */
static bool is_name(const char *name)
{
    static const char of_names[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";

    return *name != '\0' && (*name < '0' || *name > '9') && name[strspn(name, of_names)] == '\0';
}

bool bj_variable_permitted(const char *name)
{
    if (!is_name(name))
        return false;
    for (const char *const *other = before_the_text; *other != NULL; other++) {
        if (bj_streq(*other, name))
            return false;
    }
    return true;
}

static int check(const char *name, const json_t *value, struct bj_error *err)
{
    if (!is_name(name))
        return bj_fail(err, BJ_E_INVALID, "environment",
                       "environment: expected names of letters, digits and _ that do not begin "
                       "with a digit");
    if (!bj_variable_permitted(name))
        return bj_fail(err, BJ_E_INVALID, "environment",
                       "environment: %s changes what a shell text means; set it in the text", name);
    if (!json_is_string(value) || strlen(json_string_value(value)) != json_string_length(value))
        return bj_fail(err, BJ_E_INVALID, "environment",
                       "environment: %.64s: expected a text without NUL", name);
    return 0;
}

static int add(json_t *all, const char *name, json_t *value, struct bj_error *err)
{
    int result = check(name, value, err);

    if (result == 0 && json_object_set(all, name, value) < 0)
        result = bj_fail(err, BJ_E_NO_MEMORY, "environment", "out of memory");
    return result;
}

static int add_entry(json_t *all, const char *entry, struct bj_error *err)
{
    const char *equals = strchr(entry, '=');
    BJ_CLEANUP_FREE char *name =
        equals != NULL ? bj_strndup(entry, (size_t)(equals - entry)) : NULL;
    json_t *value = name != NULL ? json_string(equals + 1) : NULL;
    int result = value != NULL ? add(all, name, value, err)
                               : bj_fail(err, BJ_E_INVALID, "environment",
                                         "environment: expected UTF-8 texts");

    json_decref(value);
    return result;
}

int bj_variables_merge(char *const *list, const json_t *object, json_t **ret, struct bj_error *err)
{
    json_t *all, *value;
    const char *name;
    int result = 0;

    *ret = NULL;
    if (object != NULL && !json_is_object(object))
        return bj_fail(err, BJ_E_INVALID, "environment",
                       "environment: expected an object of names and texts");
    if (list == NULL && json_object_size(object) == 0)
        return 0;
    all = json_object();
    if (all == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "environment", "out of memory");
    for (; list != NULL && *list != NULL && result == 0; list++)
        result = add_entry(all, *list, err);
    json_object_foreach((json_t *)object, name, value)
    {
        if (result == 0)
            result = add(all, name, value, err);
    }
    if (result < 0)
        json_decref(all);
    else
        *ret = all;
    return result;
}

static bool put(char **list, size_t *count, size_t *bytes, const char *name, const char *value)
{
    size_t length = strlen(name) + strlen(value) + 2;
    char *entry;

    *bytes += length;
    if (*bytes > BJ_ARGS_MAX)
        return false;
    entry = bj_alloc(length);
    if (entry == NULL)
        return false;
    snprintf(entry, length, "%s=%s", name, value);
    list[(*count)++] = entry;
    return true;
}

int bj_variables_list(const json_t *first, const json_t *second, char ***ret, struct bj_error *err)
{
    size_t most = json_object_size(first) + json_object_size(second), count = 0, bytes = 0;
    char **list;
    const char *name;
    json_t *value;
    bool right = true;

    *ret = NULL;
    if (most == 0)
        return 0;
    list = bj_alloc((most + 1) * sizeof *list);
    if (list == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "environment", "out of memory");
    json_object_foreach((json_t *)first, name, value)
    {
        if (json_object_get(second, name) == NULL)
            right = right && put(list, &count, &bytes, name, json_string_value(value));
    }
    json_object_foreach((json_t *)second, name, value)
    {
        right = right && put(list, &count, &bytes, name, json_string_value(value));
    }
    if (!right || count >= BJ_ARGC_MAX) {
        bj_strv_free(list);
        return bytes > BJ_ARGS_MAX || count >= BJ_ARGC_MAX
                   ? bj_fail(err, BJ_E_LIMIT, "environment",
                             "environment: more than %d bytes in all", BJ_ARGS_MAX)
                   : bj_fail(err, BJ_E_NO_MEMORY, "environment", "out of memory");
    }
    *ret = list;
    return 0;
}

void bj_variables_put_exports(struct bj_buf *out, const json_t *object)
{
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)object, name, value)
    {
        bj_buf_printf(out, "export %s=", name);
        bj_shell_quote_all(out, json_string_value(value));
        bj_buf_puts(out, "\n");
    }
}
