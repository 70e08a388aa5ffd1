/* The lists of paths, and matching a path against them. */
#include "policy/paths.h"

#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "policy/glob.h"
#include "policy/paths_internal.h"

static int no_memory(struct bj_error *err)
{
    return bj_fail(err, BJ_E_NO_MEMORY, "policy", "out of memory");
}

static void release_list(struct bj_path_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        bj_free(list->entries[i].text);
        bj_free(list->entries[i].parts);
    }
    bj_free(list->entries);
}

void bj_paths_free(struct bj_paths *paths)
{
    if (paths == NULL)
        return;
    release_list(&paths->allowed);
    release_list(&paths->denied);
    bj_free(paths->workspace);
    bj_free(paths);
}

static int fail_entry(const char *key, const char *text, const char *why, struct bj_error *err)
{
    return bj_fail(err, BJ_E_CONFIG, "policy", "%s: \"%.200s\": %s", key, text, why);
}

/* Splits the path of an entry into its components. */
static int split(struct bj_path_entry *entry, const char *key, const char *path,
                 struct bj_error *err)
{
    char *out = entry->parts;
    const char *component;
    size_t length;

    while ((component = bj_path_component(&path, &length)) != NULL) {
        if (length == 1 && component[0] == '.')
            continue;
        if (length == 2 && component[0] == '.' && component[1] == '.')
            return fail_entry(key, entry->text, "write the path without ..", err);
        if (entry->count == BJ_PATH_DEPTH_MAX)
            return fail_entry(key, entry->text, "too many components", err);
        memcpy(out, component, length);
        out += length + 1; /* the memory is zeroed */
        entry->count++;
    }
    return 0;
}

/* Where an entry is anchored; cuts the beginning that says so off *path. */
static int find_anchor(struct bj_path_entry *entry, const char *key, char **path,
                       struct bj_error *err)
{
    const char *text = *path;

    entry->below = BJ_BELOW_ROOT;
    if (text[0] == '~' && text[1] != '/' && text[1] != '\0')
        return fail_entry(key, entry->text, "write another user's home as an absolute path", err);
    if (text[0] == '~') {
        entry->below = BJ_BELOW_HOME;
        *path += 1;
    } else if (text[0] != '/' && !bj_starts_with(text, "**/")) {
        entry->below = BJ_BELOW_WORKSPACE;
    }
    return 0;
}

static int make_entry(struct bj_path_entry *entry, const char *key, const char *text, bool denied,
                      struct bj_error *err)
{
    BJ_CLEANUP_FREE char *copy = bj_alloc(strlen(text) + sizeof "**/");
    bool name = denied && strchr(text, '/') == NULL && text[0] != '~' && !bj_streq(text, ".");
    char *path = copy;
    size_t length;
    int result;

    entry->text = bj_strdup(text);
    entry->parts = bj_alloc(strlen(text) + sizeof "**/" + 1);
    if (copy == NULL || entry->text == NULL || entry->parts == NULL)
        return no_memory(err);
    if (name) /* a name in any directory */
        memcpy(copy, "**/", 3);
    memcpy(copy + (name ? 3 : 0), text, strlen(text));
    length = strlen(copy);
    if (length >= 3 && bj_streq(copy + length - 3, ":ro")) {
        copy[length - 3] = '\0';
        entry->read_only = true;
    }
    if (copy[name ? 3 : 0] == '\0')
        return fail_entry(key, text, "there is no path", err);
    result = find_anchor(entry, key, &path, err);
    return result < 0 ? result : split(entry, key, path, err);
}

static int make_list(struct bj_path_list *list, const char *key, char *const *texts, bool denied,
                     struct bj_error *err)
{
    size_t count = 0;

    while (texts != NULL && texts[count] != NULL)
        count++;
    if (count == 0)
        return 0;
    list->entries = bj_alloc(count * sizeof *list->entries);
    if (list->entries == NULL)
        return no_memory(err);
    list->count = count;
    for (size_t i = 0; i < count; i++) {
        int result = make_entry(&list->entries[i], key, texts[i], denied, err);

        if (result < 0)
            return result;
    }
    return 0;
}

int bj_paths_new(const struct bj_config *config, struct bj_paths **ret, struct bj_error *err)
{
    const char *workspace = config->working_directory;
    struct bj_paths *paths = bj_alloc(sizeof *paths);
    int result;

    if (paths == NULL)
        return no_memory(err);
    if (workspace == NULL && config->workspace == BJ_WORKSPACE_DIRECTORY)
        workspace = config->workspace_path;
    paths->unknown = config->unknown_commands;
    result =
        make_list(&paths->allowed, "security.allowed_paths", config->allowed_paths, false, err);
    if (result == 0)
        result =
            make_list(&paths->denied, "security.denied_paths", config->denied_paths, true, err);
    if (result == 0 && workspace != NULL) {
        paths->workspace = bj_strdup(workspace);
        result = paths->workspace == NULL ? no_memory(err) : 0;
    }
    if (result < 0) {
        bj_paths_free(paths);
        return result;
    }
    *ret = paths;
    return 0;
}

bool bj_paths_any(const struct bj_paths *paths)
{
    return paths->allowed.count + paths->denied.count > 0;
}

/* How an entry and a path meet, weakest first. */
enum meeting {
    APART,
    HOLDS,  /* something below the path may be the entry's */
    MAY_BE, /* the path is a pattern that may stand for something of the entry's */
    IS,     /* the path is the entry's, or below it */
};

/* A component of a path that is a pattern may have more kinds of wildcards than an entry has. */
static bool is_pattern(const char *component, size_t length)
{
    return memchr(component, '*', length) != NULL || memchr(component, '?', length) != NULL ||
           memchr(component, '[', length) != NULL || memchr(component, '{', length) != NULL ||
           memchr(component, '\\', length) != NULL || memchr(component, '(', length) != NULL;
}

static enum meeting meet_component(const char *part, size_t part_length, const char *component,
                                   size_t length, bool pattern)
{
    bool simple = memchr(component, '[', length) == NULL &&
                  memchr(component, '{', length) == NULL && memchr(component, '(', length) == NULL;

    if (!pattern || !is_pattern(component, length))
        return bj_glob_matches(part, part_length, component, length) ? IS : APART;
    /* Two patterns are not compared: whether a name fits both is seldom worth knowing. */
    if (!simple || bj_glob_has_wildcards(part, part_length))
        return MAY_BE;
    return bj_glob_matches(component, length, part, part_length) ? MAY_BE : APART;
}

/* May something of the entry be below a path that ended at these places of it? */
static bool may_hold(const struct bj_path_entry *entry, const unsigned char *now,
                     const struct bj_path_use *use)
{
    const char *part = entry->parts;

    for (size_t i = 0; i < entry->count; part += strlen(part) + 1, i++) {
        if (now[i] != APART && !(use->guessed && bj_streq(part, "**")))
            return true;
        /* Behind "**" the next place was reached without a component. */
        if (bj_streq(part, "**") && use->guessed)
            return false;
    }
    return false;
}

/*
 * Walks the components of the path with the set of places in the entry where they can stand; each
 * place has the certainty with which it was reached. "**" keeps its place and is passed over too.
 */
static enum meeting meet_parts(const struct bj_path_entry *entry, const char *path,
                               enum meeting certainty, const struct bj_path_use *use)
{
    unsigned char now[BJ_PATH_DEPTH_MAX + 1] = {(unsigned char)certainty};
    enum meeting best = APART;
    bool alive = true;

    while (alive) {
        unsigned char next[BJ_PATH_DEPTH_MAX + 1] = {APART};
        const char *part = entry->parts, *component;
        size_t length = 0;

        for (size_t i = 0; i < entry->count; part += strlen(part) + 1, i++) {
            if (bj_streq(part, "**") && now[i] > now[i + 1])
                now[i + 1] = now[i];
        }
        if (now[entry->count] > best)
            best = now[entry->count];
        component = bj_path_component(&path, &length);
        if (component == NULL)
            break;
        alive = false;
        part = entry->parts;
        for (size_t i = 0; i < entry->count; part += strlen(part) + 1, i++) {
            bool any = bj_streq(part, "**");
            enum meeting met = any ? IS : APART;
            size_t to = any ? i : i + 1;

            if (now[i] == APART)
                continue;
            if (!any)
                met = meet_component(part, strlen(part), component, length, use->pattern);
            if (met > now[i])
                met = now[i];
            if (met > next[to])
                next[to] = (unsigned char)met;
            alive = alive || met > APART;
        }
        memcpy(now, next, sizeof now);
    }
    return best == APART && alive && use->recursive && may_hold(entry, now, use) ? HOLDS : best;
}

static enum meeting meet(const struct bj_paths *paths, const struct bj_path_entry *entry,
                         const struct bj_path_use *use)
{
    const char *base = "/", *path = use->path, *part, *component;
    enum meeting certainty = IS;
    size_t part_length, length;

    if (entry->below == BJ_BELOW_HOME)
        base = use->base.home;
    if (entry->below == BJ_BELOW_WORKSPACE)
        base = paths->workspace != NULL ? paths->workspace : use->base.directory;
    if (base == NULL)
        return MAY_BE;
    while ((part = bj_path_component(&base, &part_length)) != NULL) {
        enum meeting met;

        component = bj_path_component(&path, &length);
        if (component == NULL)
            return use->recursive ? HOLDS : APART;
        met = meet_component(part, part_length, component, length, use->pattern);
        if (met == APART)
            return APART;
        if (met < certainty)
            certainty = met;
    }
    return meet_parts(entry, path, certainty, use);
}

/* Devices that hold nothing and what a process has open already; allowed_paths need not name them.
 */
static bool is_always_allowed(const char *path)
{
    static const char *const paths[] = {
        "/dev/null",  "/dev/zero",   "/dev/full",   "/dev/random", "/dev/urandom",
        "/dev/stdin", "/dev/stdout", "/dev/stderr", "/dev/tty",    "/dev/fd",
    };
    static const char descriptors[] = "/dev/fd/";
    size_t length = sizeof descriptors - 1;

    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        if (bj_streq(path, paths[i]))
            return true;
    }
    /* What is below a directory that is open is not open itself. */
    return bj_starts_with(path, descriptors) && path[length] != '\0' &&
           path[length + strspn(path + length, "0123456789")] == '\0';
}

static enum bj_path_answer decide_allowed(const struct bj_paths *paths,
                                          const struct bj_path_use *use, const char **ret_entry)
{
    enum bj_path_answer answer = BJ_PATH_OUTSIDE;

    *ret_entry = "";
    if (paths->allowed.count == 0 || is_always_allowed(use->path))
        return BJ_PATH_FREE;
    for (size_t i = 0; i < paths->allowed.count; i++) {
        const struct bj_path_entry *entry = &paths->allowed.entries[i];
        enum meeting met = meet(paths, entry, use);

        if (entry->read_only && use->access == BJ_ACCESS_WRITE)
            continue;
        if (met == IS)
            return BJ_PATH_FREE;
        if (met == MAY_BE) {
            answer = BJ_PATH_MAY_BE;
            *ret_entry = entry->text;
        }
    }
    return answer;
}

enum bj_path_answer bj_paths_decide(const struct bj_paths *paths, const struct bj_path_use *use,
                                    const char **ret_entry)
{
    static const enum bj_path_answer answers[] = {
        [APART] = BJ_PATH_FREE,
        [HOLDS] = BJ_PATH_MAY_HOLD,
        [MAY_BE] = BJ_PATH_MAY_BE,
        [IS] = BJ_PATH_DENIED,
    };
    enum meeting worst = APART;
    enum bj_path_answer allowed;
    const char *entry_text = "";

    for (size_t i = 0; i < paths->denied.count; i++) {
        const struct bj_path_entry *entry = &paths->denied.entries[i];
        enum meeting met = meet(paths, entry, use);

        if (met > worst && !(entry->read_only && use->access != BJ_ACCESS_WRITE)) {
            worst = met;
            entry_text = entry->text;
        }
    }
    if (worst < IS) {
        allowed = decide_allowed(paths, use, ret_entry);
        if (allowed == BJ_PATH_OUTSIDE || (allowed == BJ_PATH_MAY_BE && worst == APART))
            return allowed;
    }
    *ret_entry = entry_text;
    return answers[worst];
}
