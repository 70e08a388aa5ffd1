/* Finding paths by a pattern. */
#include <fcntl.h>
#include <string.h>

#include "base/fault.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"
#include "files/internal.h"
#include "files/pattern.h"

struct glob {
    struct bj_files *files;
    struct bj_files_pattern pattern;
    struct bj_files_kept kept;
    bj_files_states *states; /* by depth: what is matched in the directory entries are in */
};

static bool is_wanted(const struct glob *glob, mode_t mode)
{
    switch ((enum bj_files_type)glob->files->options.type) {
    case BJ_FILES_ONLY:
        return !S_ISDIR(mode);
    case BJ_DIRECTORIES_ONLY:
        return S_ISDIR(mode);
    default:
        return true;
    }
}

static int glob_entry(void *context, const struct bj_files_entry *entry,
                      enum bj_files_step *ret_step, struct bj_error *err)
{
    struct glob *glob = context;
    bool possible, matched;

    matched = bj_files_pattern_step(&glob->pattern, glob->states[entry->depth - 1], entry->name,
                                    strlen(entry->name), glob->states[entry->depth], &possible);
    if (!possible || bj_files_is_excluded(glob->files, entry))
        *ret_step = BJ_STEP_OVER;
    if (!matched || !is_wanted(glob, entry->status.st_mode))
        return 0;
    return bj_files_kept_add(&glob->kept, entry->path, bj_files_time(entry->status.st_mtim), err);
}

bool bj_files_is_excluded(const struct bj_files *files, const struct bj_files_entry *entry)
{
    const struct bj_files_list *excludes = &files->options.excludes;

    if (!S_ISDIR(entry->status.st_mode))
        return false;
    for (size_t i = 0; i < excludes->count; i++) {
        if (bj_streq(excludes->items[i], entry->name))
            return true;
    }
    return false;
}

/*
 * The names without wildcards that a pattern begins with are a directory to begin at: it is
 * followed as any path is, links and .. too.
 */
static const char *split_base(const char *pattern, struct bj_buf *base)
{
    if (*pattern == '/')
        base->length = 0;
    for (const char *slash; (slash = strchr(pattern, '/')) != NULL; pattern = slash + 1) {
        char segment[BJ_FILES_PATTERN_MAX], plain[BJ_FILES_PATTERN_MAX];
        size_t length = (size_t)(slash - pattern);

        if (length >= sizeof segment || slash[1] == '\0')
            break;
        memcpy(segment, pattern, length);
        segment[length] = '\0';
        if (strpbrk(segment, "{}") != NULL ||
            !bj_files_pattern_is_plain(segment, plain, sizeof plain))
            break;
        if (*plain == '\0')
            continue;
        if (base->length == 0 || base->data[base->length - 1] != '/')
            bj_buf_puts(base, "/");
        bj_buf_puts(base, plain);
    }
    if (base->length == 0)
        bj_buf_puts(base, "/");
    return pattern;
}

static int put_found(struct glob *glob, struct bj_error *err)
{
    int result = 0;

    bj_files_kept_finish(&glob->kept);
    for (size_t i = 0; i < glob->kept.count && result == 0; i++) {
        result = bj_files_put_path(glob->files, glob->kept.items[i].path, NULL, false, err);
        if (result == -BJ_E_NOT_FOUND || result == -BJ_E_INVALID) /* gone again */
            result = 0;
    }
    if (glob->kept.no_memory)
        glob->files->truncated = "memory";
    else if (glob->kept.more)
        glob->files->truncated = "limit";
    return result;
}

static int run(struct glob *glob, const char *base, struct bj_error *err)
{
    struct bj_files_walk walk = {
        .visit = glob_entry, .context = glob, .depth = (unsigned)glob->files->options.depth};
    int result;

    glob->states = bj_realloc_array(NULL, BJ_FILES_DEPTH_MAX + 1, sizeof *glob->states);
    if (glob->states == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "glob", "out of memory");
    bj_files_pattern_start(&glob->pattern, glob->states[0]);
    result = bj_files_walk(glob->files, &walk, base, err);
    bj_free(glob->states);
    /* A directory that only the pattern names need not be there. */
    if (result == -BJ_E_NOT_FOUND || result == -BJ_E_INVALID)
        return 0;
    return result < 0 ? result : put_found(glob, err);
}

int bj_files_run_glob(struct bj_files *files, struct bj_error *err)
{
    struct glob glob = {.files = files};
    BJ_CLEANUP_FREE char *path = NULL;
    struct bj_buf base;
    struct stat status;
    const char *rest;
    int result = bj_files_absolute(files->arguments[1], &path, err);

    if (result < 0)
        return result;
    if (BJ_SYS(fstatat(AT_FDCWD, path, &status, 0)) < 0)
        return bj_files_fail(err, "glob", "cannot look into %s", path);
    bj_files_set_time(files, BJ_FILES_TIME_MS);
    bj_buf_init(&base, 2 * BJ_FILES_PATH_MAX);
    bj_buf_puts(&base, path);
    rest = split_base(files->arguments[0], &base);
    if (base.failed)
        result = bj_fail(err, BJ_E_NO_MEMORY, "glob", "out of memory");
    else
        result = bj_files_pattern_parse(rest, files->options.ignore_case, &glob.pattern, err);
    if (result == 0) {
        bj_files_kept_init(&glob.kept, (size_t)files->options.limit,
                           files->options.order == BJ_ORDER_NAME);
        result = run(&glob, base.data, err);
        bj_files_kept_release(&glob.kept);
        bj_files_pattern_release(&glob.pattern);
    }
    bj_buf_release(&base);
    return result;
}
