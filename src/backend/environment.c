/*
 * The environment of a command. It starts empty: of the caller's variables only those that say how
 * to talk to the user (language, time zone, and the terminal's kind where there is one) are taken
 * over.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "backend/environment.h"
#include "model/programs.h"

static const char *const passed_on[] = {
    "LANG",        "LANGUAGE",   "LC_ALL",  "LC_CTYPE", "LC_COLLATE", "LC_MESSAGES",
    "LC_MONETARY", "LC_NUMERIC", "LC_TIME", "TZ",       "NO_COLOR",
};
static const char *const passed_on_with_terminal[] = {"TERM", "COLORTERM"};

struct list {
    char **items;
    size_t count, capacity;
    bool failed;
};

static void set(struct list *list, char *item)
{
    size_t name_length;

    if (item == NULL) {
        list->failed = true;
        return;
    }
    name_length = strcspn(item, "=") + 1;
    for (size_t i = 0; i < list->count; i++) {
        if (strncmp(list->items[i], item, name_length) == 0) {
            bj_free(list->items[i]);
            list->items[i] = item;
            return;
        }
    }
    if (list->count + 1 == list->capacity) {
        bj_free(item);
        list->failed = true;
        return;
    }
    list->items[list->count++] = item;
}

static void set_pair(struct list *list, const char *name, const char *value)
{
    size_t size = strlen(name) + strlen(value) + 2;
    char *item = bj_alloc(size);

    if (item != NULL)
        snprintf(item, size, "%s=%s", name, value);
    set(list, item);
}

static void pass_on(struct list *list, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *value = getenv(names[i]);

        if (value != NULL)
            set_pair(list, names[i], value);
    }
}

int bj_environment_build(const struct bj_environment_base *base, char ***ret, struct bj_error *err)
{
    struct list list = {.capacity = 32};

    for (char *const *item = base->own; item != NULL && *item != NULL; item++)
        list.capacity++;
    list.items = bj_alloc(list.capacity * sizeof *list.items);
    if (list.items == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "environment", "out of memory");
    set_pair(&list, "PATH", BJ_PATH_INSIDE);
    set_pair(&list, "HOME", base->home);
    set_pair(&list, "USER", base->user);
    set_pair(&list, "LOGNAME", base->user);
    set_pair(&list, "SHELL", "/bin/sh");
    set_pair(&list, "TMPDIR", "/tmp");
    set_pair(&list, "container", "belljar");
    pass_on(&list, passed_on, sizeof passed_on / sizeof *passed_on);
    if (base->terminal) {
        set_pair(&list, "TERM", "xterm");
        pass_on(&list, passed_on_with_terminal, 2);
    }
    for (char *const *item = base->own; item != NULL && *item != NULL; item++)
        set(&list, bj_strdup(*item));
    if (list.failed) {
        bj_strv_free(list.items);
        return bj_fail(err, BJ_E_NO_MEMORY, "environment", "out of memory");
    }
    *ret = list.items;
    return 0;
}

int bj_environment_copy(const struct bj_config *config, char ***ret, struct bj_error *err)
{
    size_t count = 0;
    char **copy;

    *ret = NULL;
    while (config->environment != NULL && config->environment[count] != NULL)
        count++;
    if (count == 0)
        return 0;
    copy = bj_alloc((count + 1) * sizeof *copy);
    for (size_t i = 0; copy != NULL && i < count; i++) {
        copy[i] = bj_strdup(config->environment[i]);
        if (copy[i] == NULL) {
            bj_strv_free(copy);
            copy = NULL;
        }
    }
    if (copy == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "environment", "out of memory");
    *ret = copy;
    return 0;
}
