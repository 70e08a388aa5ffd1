/*
 * Tests of src/supervisor/confine.c from the attacker's side: what a front that was taken over
 * would try. Each attempt works in a process like it, and fails in one that is confined.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "supervisor/confine.h"

static int listening = -1;
static in_port_t port;

static bool opens(const char *path, int flags)
{
    int fd = open(path, flags);

    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static bool try_read(void)
{
    return opens("/etc/passwd", O_RDONLY);
}

static bool try_list(void)
{
    return opens("/", O_RDONLY | O_DIRECTORY);
}

static bool try_write(void)
{
    char path[] = "/tmp/bj-confine-XXXXXX";
    int fd = mkstemp(path);

    if (fd >= 0)
        close(fd);
    return fd >= 0 && unlink(path) == 0;
}

static bool try_memory(void)
{
    return opens("/proc/self/mem", O_RDONLY);
}

static bool try_connect(void)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = port, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    bool done = fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof to) == 0;

    if (fd >= 0)
        close(fd);
    return done;
}

static bool try_listen(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    bool done = fd >= 0 && listen(fd, 1) == 0;

    if (fd >= 0)
        close(fd);
    return done;
}

static bool try_signal(void)
{
    return kill(getppid(), 0) == 0;
}

static bool try_fork(void)
{
    pid_t pid = fork();

    if (pid == 0)
        _exit(0);
    return pid > 0 && waitpid(pid, NULL, 0) == pid;
}

static bool try_namespace(void)
{
    return unshare(CLONE_FS) == 0;
}

static bool try_code(void)
{
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return page != MAP_FAILED && mprotect(page, 4096, PROT_READ | PROT_EXEC) == 0;
}

static bool try_code_at_once(void)
{
    return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                0) != MAP_FAILED;
}

/* What was written into a file in memory. */
static bool try_code_of_file(void)
{
    int fd = memfd_create("x", 0);

    return fd >= 0 && ftruncate(fd, 4096) == 0 &&
           mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0) != MAP_FAILED;
}

static bool try_dump(void)
{
    return prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0;
}

/* The front's own work goes on. */
static bool may_serve(void)
{
    char bytes[4] = "";
    int pair[2], fd = memfd_create("x", 0);

    return fd >= 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 &&
           write(pair[0], "abc", 3) == 3 && read(pair[1], bytes, 3) == 3 &&
           pwrite(fd, bytes, 3, 0) == 3 && bytes[0] == 'a' &&
           getsockname(listening, &(struct sockaddr){0}, &(socklen_t){sizeof(struct sockaddr)}) ==
               0;
}

/* 1 when it could do it, 0 when not. */
static int attempt(bool (*what)(void), bool confined)
{
    struct bj_error error = {0};
    int status;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        if (confined && bj_confine_front(NULL, &error) < 0) {
            fprintf(stderr, "%s\n", error.message);
            _exit(2);
        }
        _exit(what() ? 1 : 0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void test_attempts(void **state)
{
    static const struct {
        const char *name;
        bool (*what)(void);
    } rows[] = {
        {"read a file", try_read},
        {"list a directory", try_list},
        {"write a file", try_write},
        {"read its memory by /proc", try_memory},
        {"connect", try_connect},
        {"listen", try_listen},
        {"signal", try_signal},
        {"start a process", try_fork},
        {"leave what it shares", try_namespace},
        {"make code", try_code},
        {"map memory as code", try_code_at_once},
        {"map a file as code", try_code_of_file},
        {"be traceable", try_dump},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (attempt(rows[i].what, false) != 1)
            fail_msg("%s: does not even work without", rows[i].name);
        if (attempt(rows[i].what, true) != 0)
            fail_msg("%s: works all the same", rows[i].name);
    }
}

/* A program that is executed tells by its status that it was. */
static int run_shell(bool confined)
{
    char *const argv[] = {(char *)"sh", (char *)"-c", (char *)"exit 7", NULL};
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        if (confined && bj_confine_front(NULL, NULL) < 0)
            _exit(2);
        execv("/bin/sh", argv);
        _exit(3);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WEXITSTATUS(status);
}

static void test_execute(void **state)
{
    (void)state;
    assert_int_equal(run_shell(false), 7);
    assert_int_equal(run_shell(true), 3);
}

static void test_work_goes_on(void **state)
{
    (void)state;
    assert_int_equal(attempt(may_serve, true), 1);
}

static void test_unknown_user(void **state)
{
    struct bj_error error = {0};

    (void)state;
    if (geteuid() != 0)
        return;
    assert_int_equal(bj_confine_front("nobody-of-that-name", &error), -BJ_E_INVALID);
    assert_int_equal(bj_confine_front("root", &error), -BJ_E_INVALID);
    assert_int_equal(geteuid(), 0);
}

static int begin(void **state)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof at;

    (void)state;
    listening = socket(AF_INET, SOCK_STREAM, 0);
    if (listening < 0 || bind(listening, (struct sockaddr *)&at, sizeof at) < 0 ||
        listen(listening, 64) < 0 || getsockname(listening, (struct sockaddr *)&at, &length) < 0)
        return -1;
    port = at.sin_port;
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_attempts),
        cmocka_unit_test(test_execute),
        cmocka_unit_test(test_work_goes_on),
        cmocka_unit_test(test_unknown_user),
    };

    return cmocka_run_group_tests(tests, begin, NULL);
}
