/*
 * What test_bwrap.py runs inside. Each word of the command line names one attempt; it prints
 * "NAME done" or "NAME refused". "nest COMMAND…" is no attempt: it runs the command in a user, pid
 * and mount namespace of its own, as the helpers of agents do.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/io_uring.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int make_vsock(void)
{
    return socket(AF_VSOCK, SOCK_STREAM, 0) >= 0;
}

static int call_i386(void)
{
    long result = 20; /* getpid there */

    __asm__ volatile("int $0x80" : "+a"(result) : : "memory", "r8", "r9", "r10", "r11");
    return result > 0;
}

static int make_ring(void)
{
    struct io_uring_params parameters = {0};

    return syscall(SYS_io_uring_setup, 4, &parameters) >= 0;
}

static int use_keyring(void)
{
    return syscall(SYS_keyctl, 0, -4, 1) > 0;
}

static int read_from(int fd)
{
    char text[16 << 10] = "";
    ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof text - 1);

    return length > 0 && memmem(text, (size_t)length, "outer-secret", 12) != NULL;
}

static int read_pid1(void)
{
    return read_from(open("/proc/1/environ", O_RDONLY));
}

static int read_leaked(void)
{
    return read_from(49);
}

static int leave_by_leaked(void)
{
    char text[4096] = "";

    return chdir("/proc/self/fd/50") == 0 && getcwd(text, sizeof text) != NULL &&
           read_from(open("secret", O_RDONLY));
}

static int make_network(void)
{
    return unshare(CLONE_NEWUSER) == 0 && unshare(CLONE_NEWNET) == 0;
}

static int mount_tmpfs(void)
{
    return unshare(CLONE_NEWUSER) == 0 && unshare(CLONE_NEWPID | CLONE_NEWNS) == 0 &&
           mount("tmpfs", "/mnt", "tmpfs", 0, NULL) == 0;
}

static int type_into_terminal(void)
{
    return ioctl(0, TIOCSTI, "x") == 0;
}

static int write_knob(void)
{
    int fd = open("/proc/sys/kernel/core_pattern", O_WRONLY);

    return fd >= 0; /* opened is enough, nothing is written */
}

static int open_disk(void)
{
    static const char *const disks[] = {"/dev/vda", "/dev/sda", "/dev/nvme0n1", "/dev/mem"};

    for (size_t i = 0; i < sizeof disks / sizeof *disks; i++) {
        if (open(disks[i], O_RDONLY) >= 0)
            return 1;
    }
    return 0;
}

static void put(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY);

    if (fd < 0 || write(fd, text, strlen(text)) < 0) {
        perror(path);
        exit(90);
    }
    close(fd);
}

static void nest(char **command)
{
    char map[64];
    int uid = (int)getuid(), gid = (int)getgid(), status;

    if (unshare(CLONE_NEWUSER) < 0) {
        perror("unshare user");
        exit(91);
    }
    put("/proc/self/setgroups", "deny");
    snprintf(map, sizeof map, "%d %d 1\n", uid, uid);
    put("/proc/self/uid_map", map);
    snprintf(map, sizeof map, "%d %d 1\n", gid, gid);
    put("/proc/self/gid_map", map);
    if (unshare(CLONE_NEWPID | CLONE_NEWNS) < 0) {
        perror("unshare pid and mount");
        exit(92);
    }
    if (fork() == 0) {
        if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
            perror("mount");
            exit(93);
        }
        execvp(command[0], command);
        exit(94);
    }
    wait(&status);
    exit(WEXITSTATUS(status));
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*attempt)(void);
    } rows[] = {
        {"vsock", make_vsock},        {"i386", call_i386},       {"ring", make_ring},
        {"keyring", use_keyring},     {"pid1", read_pid1},       {"leaked", read_leaked},
        {"leave", leave_by_leaked},   {"network", make_network}, {"mount", mount_tmpfs},
        {"type", type_into_terminal}, {"knob", write_knob},      {"disk", open_disk},
    };

    if (argc > 2 && strcmp(argv[1], "nest") == 0)
        nest(argv + 2);
    for (int i = 1; i < argc; i++) {
        for (size_t j = 0; j < sizeof rows / sizeof *rows; j++) {
            pid_t child;
            int status;

            if (strcmp(rows[j].name, argv[i]) != 0)
                continue;
            child = fork();
            if (child == 0)
                _exit(rows[j].attempt() ? 42 : 0);
            waitpid(child, &status, 0);
            printf("%s %s\n", argv[i],
                   WIFEXITED(status) && WEXITSTATUS(status) == 42 ? "done" : "refused");
            fflush(stdout);
        }
    }
    return 0;
}
