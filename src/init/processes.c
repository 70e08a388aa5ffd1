/*
 * What runs inside: listing it, and ending it.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "init/init_internal.h"
#include "init/proc_walk.h"

bool bj_proc_walk_next(struct bj_proc_walk *walk, pid_t *ret_pid)
{
    for (;;) {
        struct bj_proc_entry {
            uint64_t inode;
            int64_t offset;
            unsigned short length;
            unsigned char type;
            char name[];
        } * entry;

        if (walk->at >= walk->filled) {
            walk->filled =
                syscall(SYS_getdents64, walk->proc_fd, walk->buffer, sizeof walk->buffer);
            walk->at = 0;
            if (walk->filled <= 0)
                return false;
        }
        entry = (void *)(walk->buffer + walk->at);
        walk->at += entry->length;
        if (!isdigit((unsigned char)entry->name[0]))
            continue;
        *ret_pid = (pid_t)strtol(entry->name, NULL, 10);
        return true;
    }
}

void bj_proc_walk_start(struct bj_proc_walk *walk, int proc_fd)
{
    walk->proc_fd = proc_fd;
    walk->at = walk->filled = 0;
    lseek(proc_fd, 0, SEEK_SET);
}

static bool read_entry(int proc_fd, pid_t pid, struct bj_process_entry *ret)
{
    char path[32], text[512], *open_bracket, *close_bracket;
    size_t length;

    snprintf(path, sizeof path, "%d/stat", pid);
    if (bj_read_small_file_at(proc_fd, path, text, sizeof text) <= 0)
        return false;
    open_bracket = strchr(text, '(');
    close_bracket = strrchr(text, ')');
    if (open_bracket == NULL || close_bracket == NULL || close_bracket[1] == '\0')
        return false;
    *ret = (struct bj_process_entry){.pid = pid, .state = close_bracket[2]};
    length = (size_t)(close_bracket - open_bracket) - 1;
    if (length >= sizeof ret->name)
        length = sizeof ret->name - 1;
    memcpy(ret->name, open_bracket + 1, length);
    ret->parent = (pid_t)strtol(close_bracket + 3, NULL, 10);
    return true;
}

int bj_init_list(struct bj_init *init, struct bj_process_entry *ret, size_t capacity)
{
    struct bj_proc_walk walk;
    size_t count = 0;
    pid_t pid;

    if (init->proc_fd < 0)
        return 0;
    bj_proc_walk_start(&walk, init->proc_fd);
    while (count < capacity && bj_proc_walk_next(&walk, &pid)) {
        if (pid != getpid() && read_entry(init->proc_fd, pid, &ret[count]))
            count++;
    }
    return (int)count;
}

/* Without a pid namespace of its own init may end only its own descendants, one generation
 * a turn. */
static bool kill_children(void)
{
    char path[64], text[4096], *at, *end;
    bool any = false;

    snprintf(path, sizeof path, "/proc/self/task/%d/children", getpid());
    if (bj_read_small_file_at(AT_FDCWD, path, text, sizeof text) <= 0)
        return false;
    for (at = text;; at = end) {
        long pid = strtol(at, &end, 10);

        /* A number that the buffer cut is another process's. The loop comes round again. */
        if (end == at || *end != ' ')
            return any;
        kill((pid_t)pid, SIGKILL);
        any = true;
    }
}

void bj_init_end_all(struct bj_init *init)
{
    bool own_tree = init->plan->isolation == BJ_ISOLATION_NAMESPACES;

    if (own_tree)
        kill(-1, SIGKILL);
    for (;;) {
        pid_t pid;

        if (!own_tree)
            kill_children();
        pid = waitpid(-1, NULL, __WALL);
        if (pid < 0 && errno != EINTR)
            return;
        if (own_tree && pid > 0)
            kill(-1, SIGKILL); /* what forked while the first signals were on their way */
    }
}
