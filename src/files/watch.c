/*
 * Telling what changes in a directory, by inotify(7).
 *
 * Theory of operation. One watch a directory. With --recursive a new directory gets one too; what
 * was made in it before the watch was there is found by walking it and told as created, so a path
 * can be told twice but not missed. A directory that is moved away loses its watches and those
 * below it, since their paths are no longer true; where it comes up again it is a new one.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"
#include "files/internal.h"

#define EVENTS                                                                                     \
    (IN_CREATE | IN_MODIFY | IN_ATTRIB | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ONLYDIR |    \
     IN_DONT_FOLLOW | IN_EXCL_UNLINK)

struct watched {
    int number;
    char *relative; /* "" = the directory itself; owned */
};

struct watcher {
    struct bj_files *files;
    int fd;
    const char *root;
    struct watched *watches; /* by number, which only rise */
    size_t count, capacity;
    int last_number; /* of the event told last, so that writes in a row are told once */
    char last_name[NAME_MAX + 1];
    bool last_was_write;
    bool over; /* the directory is gone */
};

static const struct {
    uint32_t mask;
    const char *name;
} kinds[] = {{IN_CREATE, "create"}, {IN_MOVED_TO, "create"}, {IN_MODIFY, "write"},
             {IN_ATTRIB, "chmod"},  {IN_DELETE, "remove"},   {IN_MOVED_FROM, "rename"}};

/* ---- the table of watches ---- */

static size_t place_of(const struct watcher *watcher, int number)
{
    size_t from = 0, to = watcher->count;

    while (from < to) {
        size_t middle = from + (to - from) / 2;

        if (watcher->watches[middle].number < number)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

static struct watched *find(const struct watcher *watcher, int number)
{
    size_t at = place_of(watcher, number);

    return at < watcher->count && watcher->watches[at].number == number ? &watcher->watches[at]
                                                                        : NULL;
}

static void drop(struct watcher *watcher, size_t at)
{
    bj_free(watcher->watches[at].relative);
    watcher->count--;
    memmove(&watcher->watches[at], &watcher->watches[at + 1],
            (watcher->count - at) * sizeof *watcher->watches);
}

static bool insert(struct watcher *watcher, int number, const char *relative)
{
    struct watched *known = find(watcher, number);
    char *copy = bj_strdup(relative);
    size_t at;

    if (copy == NULL)
        return false;
    if (known != NULL) { /* the same directory by another path */
        bj_free(known->relative);
        known->relative = copy;
        return true;
    }
    if (watcher->count == watcher->capacity) {
        size_t wanted = watcher->capacity > 0 ? watcher->capacity * 2 : 64;
        struct watched *larger = bj_realloc_array(watcher->watches, wanted, sizeof *larger);

        if (larger == NULL) {
            bj_free(copy);
            return false;
        }
        watcher->watches = larger;
        watcher->capacity = wanted;
    }
    at = place_of(watcher, number);
    memmove(&watcher->watches[at + 1], &watcher->watches[at],
            (watcher->count - at) * sizeof *watcher->watches);
    watcher->watches[at] = (struct watched){number, copy};
    watcher->count++;
    return true;
}

/* The directory and all below it. */
static void unwatch(struct watcher *watcher, const char *relative)
{
    size_t length = strlen(relative);

    for (size_t i = watcher->count; i > 0; i--) {
        const struct watched *watched = &watcher->watches[i - 1];

        if (strncmp(watched->relative, relative, length) == 0 &&
            (watched->relative[length] == '/' || watched->relative[length] == '\0')) {
            (void)inotify_rm_watch(watcher->fd, watched->number);
            drop(watcher, i - 1);
        }
    }
}

/* ---- telling ---- */

static int put_event(struct watcher *watcher, const char *event, const char *path, bool directory,
                     struct bj_error *err)
{
    struct bj_files *files = watcher->files;
    size_t root_length = strlen(watcher->root);
    const char *relative = path + root_length + (watcher->root[root_length - 1] != '/');
    struct stat status;

    bj_files_record_begin(files);
    bj_files_put_text(&files->out, "event", event);
    bj_files_put_bytes(&files->out, "relative", relative, strlen(relative));
    bj_files_put_bool(&files->out, "directory", directory);
    if (files->options.entry && fstatat(AT_FDCWD, path, &status, AT_SYMLINK_NOFOLLOW) == 0) {
        bj_files_put_entry(files, &files->out, AT_FDCWD, path, path, &status);
    } else {
        const char *name = bj_files_name(path);

        bj_files_put_bytes(&files->out, "path", path, strlen(path));
        bj_files_put_bytes(&files->out, "name", name, strlen(name));
    }
    return bj_files_record_end(files, err);
}

static int put_lost(struct watcher *watcher, struct bj_error *err)
{
    bj_files_record_begin(watcher->files);
    bj_files_put_text(&watcher->files->out, "event", "overflow");
    return bj_files_record_end(watcher->files, err);
}

/* ---- directories ---- */

/* 0; 1 where there is no directory any more; -code. What cannot be watched is told as lost. */
static int add_watch(struct watcher *watcher, const char *path, const char *relative,
                     struct bj_error *err)
{
    int number;

    if (watcher->count >= BJ_FILES_WATCHES_MAX)
        return put_lost(watcher, err);
    number = BJ_SYS(inotify_add_watch(watcher->fd, path, EVENTS));
    if (number < 0 && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP))
        return 1;
    if (number < 0)
        return put_lost(watcher, err);
    if (!insert(watcher, number, relative))
        return bj_fail(err, BJ_E_NO_MEMORY, "watch", "out of memory");
    return 0;
}

struct finding {
    struct watcher *watcher;
    bool tell; /* entries found are new */
};

static int found(void *context, const struct bj_files_entry *entry, enum bj_files_step *ret_step,
                 struct bj_error *err)
{
    struct finding *finding = context;
    struct watcher *watcher = finding->watcher;
    size_t root_length = strlen(watcher->root);
    bool directory = S_ISDIR(entry->status.st_mode);
    int result = 0;

    if (directory && bj_files_is_excluded(watcher->files, entry)) {
        *ret_step = BJ_STEP_OVER;
        return 0;
    }
    if (finding->tell)
        result = put_event(watcher, "create", entry->path, directory, err);
    if (result == 0 && directory)
        result =
            add_watch(watcher, entry->path,
                      entry->path + root_length + (watcher->root[root_length - 1] != '/'), err);
    return result > 0 ? 0 : result;
}

/* Watches everything below a directory, itself included already. */
static int watch_below(struct watcher *watcher, const char *path, bool tell, struct bj_error *err)
{
    struct finding finding = {watcher, tell};
    struct bj_files_walk walk = {.visit = found, .context = &finding};
    struct bj_files *files = watcher->files;
    int result;

    files->entries_left = files->options.entries;
    files->truncated = NULL;
    result = bj_files_walk(files, &walk, path, err);
    if (result == -BJ_E_NO_MEMORY || result == -BJ_E_SYSTEM)
        return result;
    if (files->truncated != NULL)
        return put_lost(watcher, err);
    return 0; /* a directory that is gone again or may not be read has nothing to tell */
}

/* ---- events ---- */

static char *join(const char *left, const char *right)
{
    struct bj_buf out;

    bj_buf_init(&out, 2 * BJ_FILES_PATH_MAX);
    bj_buf_puts(&out, left);
    if (out.length > 0 && *right != '\0' && out.data[out.length - 1] != '/')
        bj_buf_puts(&out, "/");
    bj_buf_puts(&out, right);
    if (!out.failed && out.data != NULL)
        return out.data;
    bj_buf_release(&out);
    return NULL;
}

/* Several writes to one file in a row are one event. */
static bool is_repeated(struct watcher *watcher, const struct inotify_event *event)
{
    bool same = watcher->last_was_write && event->mask & IN_MODIFY &&
                watcher->last_number == event->wd && bj_streq(watcher->last_name, event->name);

    watcher->last_was_write = (event->mask & IN_MODIFY) != 0;
    watcher->last_number = event->wd;
    if (!bj_str_copy(watcher->last_name, sizeof watcher->last_name, event->name))
        watcher->last_was_write = false;
    return same;
}

static int follow_directory(struct watcher *watcher, const struct inotify_event *event,
                            const char *path, const char *relative, struct bj_error *err)
{
    int result;

    if (event->mask & IN_MOVED_FROM) {
        unwatch(watcher, relative);
        return 0;
    }
    if (!(event->mask & (IN_CREATE | IN_MOVED_TO)))
        return 0;
    result = add_watch(watcher, path, relative, err);
    if (result == 0)
        result = watch_below(watcher, path, true, err);
    return result > 0 ? 0 : result;
}

/* Of something in a directory that is watched. */
static int take_named(struct watcher *watcher, const struct inotify_event *event,
                      const struct watched *watched, struct bj_error *err)
{
    BJ_CLEANUP_FREE char *relative = join(watched->relative, event->name);
    BJ_CLEANUP_FREE char *path = relative != NULL ? join(watcher->root, relative) : NULL;
    bool directory = (event->mask & IN_ISDIR) != 0;
    int result = 0;

    if (path == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "watch", "out of memory");
    if (is_repeated(watcher, event))
        return 0;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds && result == 0; i++) {
        if (event->mask & kinds[i].mask)
            result = put_event(watcher, kinds[i].name, path, directory, err);
    }
    if (result == 0 && directory && watcher->files->options.recursive)
        result = follow_directory(watcher, event, path, relative, err);
    return result;
}

static int take_event(struct watcher *watcher, const struct inotify_event *event,
                      struct bj_error *err)
{
    const struct watched *watched = find(watcher, event->wd);
    int result;

    if (event->mask & IN_Q_OVERFLOW) {
        result = put_lost(watcher, err);
        /* A new directory may be among what was lost. */
        if (result == 0 && watcher->files->options.recursive)
            result = watch_below(watcher, watcher->root, false, err);
        return result;
    }
    if (watched == NULL)
        return 0;
    if (event->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED | IN_UNMOUNT)) {
        if (*watched->relative == '\0')
            watcher->over = true;
        else if (event->mask & IN_IGNORED)
            drop(watcher, place_of(watcher, event->wd));
        return 0;
    }
    return event->len > 0 ? take_named(watcher, event, watched, err) : 0;
}

static int take_events(struct watcher *watcher, const char *events, size_t length,
                       struct bj_error *err)
{
    int result = 0;

    while (length > 0 && result == 0 && !watcher->over) {
        const struct inotify_event *event = (const struct inotify_event *)events;
        size_t size = sizeof *event + event->len;

        result = take_event(watcher, event, err);
        events += size;
        length -= size;
    }
    watcher->last_was_write = false;
    return result < 0 ? result : bj_files_flush(watcher->files, err);
}

/* Until the directory is gone, or nobody reads any more. */
static int run(struct watcher *watcher, struct bj_error *err)
{
    _Alignas(struct inotify_event) char events[32 << 10];
    struct pollfd ready[] = {{.fd = watcher->fd, .events = POLLIN}, {.fd = STDOUT_FILENO}};
    int result = 0;

    while (result == 0 && !watcher->over) {
        ssize_t length;

        if (poll(ready, 2, -1) < 0 && errno != EINTR)
            return bj_files_fail(err, "watch", "cannot wait for changes");
        if (ready[1].revents & (POLLERR | POLLNVAL))
            return bj_fail(err, BJ_E_ENDED, "watch", "nobody reads any more");
        length = BJ_SYS(read(watcher->fd, events, sizeof events));
        if (length > 0)
            result = take_events(watcher, events, (size_t)length, err);
        else if (length < 0 && errno != EAGAIN && errno != EINTR)
            result = bj_files_fail(err, "watch", "cannot read changes");
    }
    return result;
}

static int start(struct watcher *watcher, struct bj_error *err)
{
    struct bj_files *files = watcher->files;
    int result = 0, number;

    watcher->fd = BJ_SYS(inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
    if (watcher->fd < 0)
        return bj_files_fail(err, "watch", "cannot watch anything");
    number = BJ_SYS(
        inotify_add_watch(watcher->fd, watcher->root,
                          (EVENTS & ~(uint32_t)IN_DONT_FOLLOW) | IN_DELETE_SELF | IN_MOVE_SELF));
    if (number < 0)
        return bj_files_fail(err, "watch", "cannot watch %s", watcher->root);
    if (!insert(watcher, number, ""))
        return bj_fail(err, BJ_E_NO_MEMORY, "watch", "out of memory");
    if (files->options.recursive)
        result = watch_below(watcher, watcher->root, false, err);
    if (result < 0)
        return result;
    bj_files_record_begin(files);
    bj_files_put_bool(&files->out, "start", true);
    result = bj_files_record_end(files, err);
    if (result == 0)
        result = bj_files_flush(files, err);
    return result < 0 ? result : run(watcher, err);
}

int bj_files_run_watch(struct bj_files *files, struct bj_error *err)
{
    struct watcher watcher = {.files = files, .fd = -1};
    BJ_CLEANUP_FREE char *path = NULL;
    int result = bj_files_absolute(files->arguments[0], &path, err);

    if (result < 0)
        return result;
    watcher.root = path;
    bj_files_set_time(files, 0);
    result = start(&watcher, err);
    files->truncated = NULL;
    while (watcher.count > 0)
        drop(&watcher, watcher.count - 1);
    bj_free(watcher.watches);
    bj_fd_close(&watcher.fd);
    return result;
}
