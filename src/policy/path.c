/* Paths as texts. */
#include "policy/path.h"

#include <string.h>

#include "base/str.h"

const char *bj_path_component(const char **path, size_t *ret_length)
{
    const char *start = *path + strspn(*path, "/");

    *ret_length = strcspn(start, "/");
    *path = start + *ret_length;
    return *ret_length > 0 ? start : NULL;
}

static bool has_controls(const char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < ' ' || *text == 0x7f)
            return true;
    }
    return false;
}

/* A path that is being made: canonical up to `length`, without a slash at the end. */
struct making {
    char *out; /* BJ_PATH_MAX bytes */
    size_t length;
    const char *directory; /* what /proc/self/cwd is; NULL: unknown */
};

/* The part of a path behind /proc/PID or /proc/PID/task/TID, or NULL. */
static const char *behind_process(const char *path, bool *ret_self)
{
    size_t length, task;

    if (!bj_starts_with(path, "/proc/"))
        return NULL;
    path += strlen("/proc/");
    length = strcspn(path, "/");
    *ret_self = (length == 4 && bj_starts_with(path, "self")) ||
                (length == 11 && bj_starts_with(path, "thread-self"));
    if (!*ret_self && strspn(path, "0123456789") != length)
        return NULL;
    path += length;
    task = bj_starts_with(path, "/task/") ? strspn(path + 6, "0123456789") : 0;
    return task > 0 ? path + 6 + task : path;
}

static enum bj_path_form append(struct making *making, const char *path);

/* The links of /proc through which every path can be said in other words. */
static enum bj_path_form follow_process(struct making *making)
{
    struct making inner = {.out = making->out};
    bool self = false;
    const char *rest;
    enum bj_path_form form = BJ_PATH_CANONICAL;

    making->out[making->length] = '\0';
    rest = behind_process(making->out, &self);
    if (rest == NULL || (!bj_streq(rest, "/root") && !bj_streq(rest, "/cwd")))
        return BJ_PATH_CANONICAL;
    if (bj_streq(rest, "/cwd")) {
        if (!self || making->directory == NULL || making->directory[0] != '/')
            return BJ_PATH_UNKNOWN;
        form = append(&inner, making->directory);
    }
    making->length = inner.length;
    return form;
}

/* Appends components, each where the one before it leads. */
static enum bj_path_form append(struct making *making, const char *path)
{
    const char *component;
    size_t size;

    while ((component = bj_path_component(&path, &size)) != NULL) {
        enum bj_path_form form;

        if (size == 1 && component[0] == '.')
            continue;
        if (size == 2 && component[0] == '.' && component[1] == '.') {
            while (making->length > 0 && making->out[--making->length] != '/')
                ;
            continue;
        }
        if (size + 2 > BJ_PATH_MAX - making->length)
            return BJ_PATH_INVALID;
        making->out[making->length++] = '/';
        memcpy(making->out + making->length, component, size);
        making->length += size;
        form = follow_process(making);
        if (form != BJ_PATH_CANONICAL)
            return form;
    }
    return BJ_PATH_CANONICAL;
}

/* What a path begins with, as far as it is not the path itself; NULL for unknown. */
static const char *start_of(const char *text, const struct bj_path_base *base,
                            const char **ret_rest)
{
    *ret_rest = text;
    if (text[0] == '/')
        return "";
    if (text[0] != '~')
        return base->directory;
    *ret_rest = text + 1;
    return text[1] == '/' || text[1] == '\0' ? base->home : NULL;
}

enum bj_path_form bj_path_canonical(const char *text, const struct bj_path_base *base, char *out)
{
    struct making making = {.out = out, .directory = base->directory};
    const char *rest, *start;
    enum bj_path_form form;

    if (text[0] == '\0' || strlen(text) >= BJ_PATH_MAX || has_controls(text))
        return BJ_PATH_INVALID;
    start = start_of(text, base, &rest);
    if (start == NULL || (start[0] != '\0' && start[0] != '/'))
        return BJ_PATH_UNKNOWN;
    form = append(&making, start);
    if (form == BJ_PATH_CANONICAL)
        form = append(&making, rest);
    if (making.length == 0)
        out[making.length++] = '/';
    out[making.length] = '\0';
    return form;
}
