/*
 * A sandbox made carelessly, for the outer half of attempts on process 1: a process namespace with
 * a fresh /proc and an init that kept everything.
 *
 *     naive SECRET-FILE SECRET-TEXT PROGRAM ARGUMENT...
 */
#include "attempt.h"

#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* Root needs no user namespace; everybody else gets one with its own ids kept. */
static void map_ids(void)
{
    char map[64];
    unsigned uid = getuid(), gid = getgid();
    if (unshare(CLONE_NEWNS | CLONE_NEWPID) == 0) {
        return;
    }
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID)) {
        return;
    }
    const char *const files[] = {"/proc/self/setgroups", "/proc/self/uid_map",
                                 "/proc/self/gid_map"};
    for (size_t i = 0; i < COUNT(files); i++) {
        snprintf(map, sizeof(map), "%u %u 1", i == 1 ? uid : gid, i == 1 ? uid : gid);
        int fd = open(files[i], O_WRONLY | O_CLOEXEC);
        if (fd < 0 || write(fd, i ? map : "deny", strlen(i ? map : "deny")) < 0) {
            perror(files[i]);
        }
        close(fd);
    }
}

/* A process with more capabilities than its child, or with fresh credentials, is out of the child's
 * reach by accident. An init that a user namespace was not needed for would not be. */
static void be_reachable(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[2] = {{0}};
    if (getuid() != 0) {
        syscall(SYS_capset, &header, none);
    }
    prctl(PR_SET_DUMPABLE, 1);
}

static void end(int number)
{
    _exit(100 + number);
}

static int be_init(char **argv)
{
    int status = 0;
    signal(SIGTERM, end);
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) || mount("proc", "/proc", "proc", 0, 0)) {
        perror("naive: /proc");
        return 99;
    }
    be_reachable();
    pid_t child = fork();
    if (child == 0) {
        execv(argv[3], argv + 3);
        _exit(127);
    }
    /* Not close-on-exec, not closed: careless. The directory too. */
    int kept = open(argv[1], O_RDONLY);
    char *slash = strrchr(argv[1], '/');
    if (kept < 0 || !slash) {
        return 98;
    }
    *slash = '\0';
    if (chdir(argv[1])) {
        return 97;
    }
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(int argc, char **argv)
{
    int status = 0;
    if (argc < 4) {
        return 96;
    }
    map_ids();
    pid_t init = fork();
    if (init == 0) {
        _exit(be_init(argv));
    }
    waitpid(init, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
