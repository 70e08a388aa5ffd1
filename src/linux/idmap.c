/* Id maps. */
#include "linux/idmap.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fd.h"
#include "linux/process.h"

int bj_idmap_write(pid_t pid, const char *uid_lines, const char *gid_lines)
{
    char path[64];

    snprintf(path, sizeof path, "/proc/%d/uid_map", pid);
    if (bj_write_file_at(AT_FDCWD, path, uid_lines) < 0)
        return -1;
    snprintf(path, sizeof path, "/proc/%d/gid_map", pid);
    return bj_write_file_at(AT_FDCWD, path, gid_lines);
}

int bj_idmap_write_self(const char *uid_line, const char *gid_line)
{
    if (bj_write_file_at(AT_FDCWD, "/proc/self/setgroups", "deny") < 0 ||
        bj_write_file_at(AT_FDCWD, "/proc/self/uid_map", uid_line) < 0)
        return -1;
    return bj_write_file_at(AT_FDCWD, "/proc/self/gid_map", gid_line);
}

int bj_idmap_namespace(uid_t uid, gid_t gid, uid_t to_uid, gid_t to_gid, pid_t *ret_helper)
{
    char uid_line[48], gid_line[48], path[64];
    BJ_CLEANUP_CLOSE int pidfd = -1;
    pid_t parent = getpid();
    int ns_fd = -1, saved;
    pid_t pid = bj_process_clone(CLONE_NEWUSER, &pidfd);

    *ret_helper = 0;
    if (pid < 0)
        return -1;
    if (pid == 0) {
        bj_process_die_with_parent();
        if (getppid() != parent)
            _exit(1); /* it died before it could be noticed */
        for (;;)
            pause();
    }
    snprintf(uid_line, sizeof uid_line, "%u %u 1\n", uid, to_uid);
    snprintf(gid_line, sizeof gid_line, "%u %u 1\n", gid, to_gid);
    if (bj_idmap_write(pid, uid_line, gid_line) == 0) {
        snprintf(path, sizeof path, "/proc/%d/ns/user", pid);
        ns_fd = BJ_SYS(open(path, O_RDONLY | O_CLOEXEC));
    }
    saved = errno;
    kill(pid, SIGKILL);
    *ret_helper = pid;
    errno = saved;
    return ns_fd;
}
