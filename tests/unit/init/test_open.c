/*
 * Tests of src/init/open.c in a live sandbox: the requests that hand out descriptors. A path that
 * the workload controls leads nowhere but inside, and nothing hangs.
 */
#include "live.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/clock.h"

/* ---- files ---- */

static int open_inside(const char *path, int flags, uint32_t mode, bool any_kind)
{
    const struct bj_open request = {
        .flags = flags, .mode = mode, .any_kind = any_kind, .path = path};
    int fd = -1, failed;

    failed = native->open(sandbox, &request, &fd, &err);
    if (failed < 0) {
        assert_true(err.message[0] != '\0');
        return failed;
    }
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    return fd;
}

/* A path in the workspace. */
static const char *place(const char *name)
{
    static char path[256];

    snprintf(path, sizeof path, "%s/%s", directory, name);
    return path;
}

static void assert_reads(int fd, const char *expected)
{
    char text[256];
    ssize_t length;

    if (fd < 0)
        fail_msg("%s", err.message);
    length = read(fd, text, sizeof text - 1);
    assert_true(length >= 0);
    text[length] = '\0';
    assert_string_equal(text, expected);
    close(fd);
}

static void open_files(void **state)
{
    struct stat status;
    int fd;

    (void)state;
    fd = open_inside(place("made"), O_WRONLY | O_CREAT | O_EXCL, 0640, false);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "content", 7), 7);
    assert_int_equal(fstat(fd, &status), 0);
    close(fd);
    assert_int_equal(status.st_mode & 07777, 0640);
    assert_int_equal(stat(place("made"), &status), 0);
    assert_int_equal(status.st_uid, geteuid()); /* the workspace's owner */
    assert_reads(open_inside(place("made"), O_RDONLY, 0, false), "content");
    fd = open_inside(place("made"), O_WRONLY | O_APPEND, 0, false);
    assert_int_equal(write(fd, "+", 1), 1);
    assert_true(fcntl(fd, F_GETFL) & O_APPEND);
    assert_false(fcntl(fd, F_GETFL) & O_NONBLOCK);
    close(fd);
    assert_reads(open_inside(place("made"), O_RDONLY, 0, false), "content+");
    close(open_inside(place("made"), O_WRONLY | O_TRUNC, 0, false));
    assert_reads(open_inside(place("made"), O_RDONLY, 0, false), "");
    fd = open_inside(directory, O_RDONLY | O_DIRECTORY, 0, false);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(unlink(place("made")), 0);
}

static void open_what_is_not_there(void **state)
{
    (void)state;
    assert_int_equal(open_inside(place("absent"), O_RDONLY, 0, false), -BJ_E_SYSTEM);
    assert_int_equal(err.sys_errno, ENOENT);
    assert_int_equal(open_inside("/usr/made", O_WRONLY | O_CREAT, 0600, false), -BJ_E_SYSTEM);
    assert_int_equal(open_inside("/etc/passwd", O_WRONLY, 0, false), -BJ_E_SYSTEM);
    assert_int_equal(open_inside(place("x"), O_RDONLY | O_DIRECTORY, 0, false), -BJ_E_SYSTEM);
    assert_string_equal(says("echo on"), "on");
}

static void open_bad_requests(void **state)
{
    static const struct {
        const char *path;
        int flags;
        uint32_t mode;
    } cases[] = {
        {"", O_RDONLY, 0},
        {"relative", O_RDONLY, 0},
        {"../etc/passwd", O_RDONLY, 0},
        {"/tmp/x", O_WRONLY | O_CREAT, 04755},
        {"/tmp/x", O_WRONLY | O_CREAT, 02755},
        {"/tmp/x", O_WRONLY | O_CREAT, 01000},
        {"/tmp/x", O_WRONLY | O_CREAT, 0x80000000},
        {"/tmp", O_RDWR | __O_TMPFILE, 0600},
        {"/etc/passwd", O_RDONLY | O_ASYNC, 0},
        {"/etc/passwd", -1, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(open_inside(cases[i].path, cases[i].flags, cases[i].mode, false),
                         -BJ_E_INVALID);
    assert_string_equal(says("ls /tmp"), "");
}

/* Nothing that would hang, or never end, unless it is asked for. */
static void open_other_kinds(void **state)
{
    int64_t begun = bj_clock_us();
    int fd;

    (void)state;
    says("mkfifo fifo; ln -s /dev/zero endless");
    assert_int_equal(open_inside(place("fifo"), O_RDONLY, 0, false), -BJ_E_INVALID);
    assert_true(open_inside(place("fifo"), O_WRONLY, 0, false) < 0);
    assert_int_equal(open_inside("/dev/zero", O_RDONLY, 0, false), -BJ_E_INVALID);
    assert_int_equal(open_inside(place("endless"), O_RDONLY, 0, false), -BJ_E_INVALID);
    assert_true(open_inside("/dev/tty", O_RDWR, 0, false) < 0);
    fd = open_inside(place("fifo"), O_RDONLY, 0, true);
    assert_true(fd >= 0);
    close(fd);
    fd = open_inside("/dev/zero", O_RDONLY, 0, true);
    assert_true(fd >= 0);
    close(fd);
    assert_true(bj_clock_us() - begun < 2000000);
    says("rm fifo endless");
}

/* Init opens it, but what it is itself is not to be seen, whatever the name. */
static void open_nothing_of_init(void **state)
{
    static const char *const paths[] = {"/proc/self/maps",        "/proc/self/status", "/proc/self",
                                        "/proc/thread-self/maps", "/proc/1/maps",      "/proc/1",
                                        "/proc/self/task/1/maps", "/proc/self/exe"};
    static const char *const links[] = {"self/maps", "self/exe", "self"};
    char command[128];
    int fd;

    (void)state;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        if (open_inside(paths[i], O_RDONLY, 0, true) >= 0 ||
            open_inside(paths[i], O_PATH, 0, true) >= 0)
            fail_msg("%s was opened", paths[i]);
    }
    for (size_t i = 0; i < sizeof links / sizeof *links; i++) {
        snprintf(command, sizeof command, "ln -sfn /proc/%s l", links[i]);
        says(command);
        if (open_inside(place("l"), O_RDONLY, 0, true) >= 0)
            fail_msg("%s was opened", links[i]);
    }
    says("rm l");
    fd = open_inside("/proc/uptime", O_RDONLY, 0, false);
    assert_true(fd >= 0);
    close(fd);
}

/* A path that the workload controls leads nowhere but inside. */
static void open_links(void **state)
{
    char outside[128];
    int fd;

    (void)state;
    snprintf(outside, sizeof outside, "%s.secret", directory);
    fd = open(outside, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "s3cret", 6), 6);
    close(fd);
    assert_int_equal(symlink(outside, place("link")), 0);
    assert_true(open_inside(place("link"), O_RDONLY, 0, false) < 0);
    assert_true(open_inside(outside, O_RDONLY, 0, false) < 0);
    assert_int_equal(unlink(place("link")), 0);
    assert_int_equal(unlink(outside), 0);

    says("ln -s loop loop; ln -s /etc/hostname name");
    assert_int_equal(open_inside(place("loop"), O_RDONLY, 0, false), -BJ_E_SYSTEM);
    assert_int_equal(err.sys_errno, ELOOP);
    assert_reads(open_inside(place("name"), O_RDONLY, 0, false), "belljar\n");
    assert_int_equal(open_inside(place("name"), O_RDONLY | O_NOFOLLOW, 0, false), -BJ_E_SYSTEM);
    assert_reads(open_inside(place("../../../../../../../etc/hostname"), O_RDONLY, 0, false),
                 "belljar\n");
    says("rm loop name");
}

/* Init is asked, so /proc/self is init's: it must give nothing of itself. */
static void open_init_itself(void **state)
{
    static const char *const own[] = {
        "/proc/self/mem",     "/proc/1/mem",   "/proc/1/environ", "/proc/self/fd/3",
        "/proc/self/root/x",  "/proc/1/exe",   "/proc/self/maps", "/proc/self/fd/4",
        "/proc/self/pagemap", "/proc/1/cwd/x", "/proc/1/ns/mnt",  "/proc/self/oom_score_adj",
    };

    (void)state;
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        assert_true(open_inside(own[i], O_RDWR, 0, true) < 0);
        assert_true(open_inside(own[i], O_WRONLY, 0, true) < 0);
    }
    says("ln -s /proc/1/mem mem");
    assert_true(open_inside(place("mem"), O_RDWR, 0, true) < 0);
    says("rm mem");
}

/* ---- sockets ---- */

static int endpoint(int (*ask)(struct bj_sandbox *, const struct bj_endpoint *, int *,
                               struct bj_error *),
                    int family, uint16_t port, const char *address)
{
    const struct bj_endpoint request = {.family = family, .port = port, .address = address};
    int fd = -1, failed = ask(sandbox, &request, &fd, &err);

    return failed < 0 ? failed : fd;
}

static uint16_t port_of(int fd)
{
    struct sockaddr_storage address;
    socklen_t size = sizeof address;

    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    return ntohs(((struct sockaddr_in *)&address)->sin_port); /* at the same place in both */
}

/* 0 once the connection stands, else its error. */
static int outcome_of(int fd)
{
    struct pollfd ready = {.fd = fd, .events = POLLOUT};
    int error = 0;
    socklen_t size = sizeof error;

    assert_int_equal(poll(&ready, 1, PATIENCE_MS), 1);
    assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size), 0);
    return error;
}

static void listen_and_connect(void **state)
{
    static const struct {
        int family;
        const char *address;
    } cases[] = {{AF_INET, ""},  {AF_INET, "127.0.0.1"}, {AF_INET, "127.1.2.3"},
                 {AF_INET6, ""}, {AF_INET6, "::1"},      {AF_UNIX, "/tmp/socket"}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int server = endpoint(native->listen, cases[i].family, 0, cases[i].address), client, peer;
        uint16_t port;
        char byte = 'x';

        if (server < 0)
            fail_msg("%s", err.message);
        port = cases[i].family == AF_UNIX ? 0 : port_of(server);
        client = endpoint(native->connect, cases[i].family, port, cases[i].address);
        if (client < 0)
            fail_msg("%s", err.message);
        assert_int_equal(outcome_of(client), 0);
        peer = accept4(server, NULL, NULL, SOCK_CLOEXEC);
        assert_true(peer >= 0);
        assert_int_equal(write(client, "y", 1), 1);
        assert_int_equal(read(peer, &byte, 1), 1);
        assert_int_equal(byte, 'y');
        close(peer);
        close(client);
        close(server);
    }
}

/* The workload's server is reached from outside without a bridge. */
static void connect_to_the_workload(void **state)
{
    static const char script[] =
        "/usr/bin/python3 -c 'import socket\n"
        "s = socket.create_server((\"127.0.0.1\", 8080)); print(flush=True)\n"
        "c, _ = s.accept(); c.sendall(c.recv(9)[::-1])'";
    char text[8] = "";
    int ends[2], client;
    pid_t pid;

    (void)state;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(start_in(sandbox, script, ends[1], &pid), 0);
    close(ends[1]);
    assert_int_equal(read(ends[0], text, 1), 1);
    close(ends[0]);
    client = endpoint(native->connect, AF_INET, 8080, "");
    assert_int_equal(outcome_of(client), 0);
    assert_int_equal(write(client, "abc", 3), 3);
    fcntl(client, F_SETFL, 0);
    assert_int_equal(read(client, text, sizeof text), 3);
    assert_memory_equal(text, "cba", 3);
    close(client);
    wait_for(pid);
}

static void host_is_not_reached(void **state)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), client;

    (void)state;
    assert_int_equal(bind(server, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(server, 1), 0);
    client = endpoint(native->connect, AF_INET, port_of(server), "127.0.0.1");
    if (client >= 0) {
        assert_int_equal(outcome_of(client), ECONNREFUSED);
        close(client);
    }
    assert_true(endpoint(native->connect, AF_INET, 80, "192.0.2.1") < 0); /* no route */
    close(server);
}

static void bad_endpoints(void **state)
{
    static const struct {
        int family;
        const char *address;
    } cases[] = {
        {AF_INET, "localhost"},  {AF_INET, "::1"},        {AF_INET, "1.2.3"},
        {AF_INET, "0x7f000001"}, {AF_INET6, "127.0.0.1"}, {AF_INET6, "fe80::1%lo"},
        {AF_UNIX, ""},           {AF_UNIX, "relative"},   {AF_UNSPEC, ""},
        {AF_NETLINK, ""},        {AF_VSOCK, ""},          {-1, ""},
    };
    char long_path[200];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(endpoint(native->connect, cases[i].family, 1, cases[i].address),
                         -BJ_E_INVALID);
        assert_int_equal(endpoint(native->listen, cases[i].family, 1, cases[i].address),
                         -BJ_E_INVALID);
    }
    memset(long_path, 'x', sizeof long_path - 1);
    long_path[0] = '/';
    long_path[sizeof long_path - 1] = '\0';
    assert_int_equal(endpoint(native->listen, AF_UNIX, 0, long_path), -BJ_E_INVALID);
    assert_int_equal(endpoint(native->listen, AF_UNIX, 0, "/usr/socket"), -BJ_E_SYSTEM);
    assert_true(endpoint(native->connect, AF_UNIX, 0, "/tmp/absent") < 0);
    assert_string_equal(says("echo on"), "on");
}

static int run_cases(const char *who)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(open_files),          CASE(open_what_is_not_there), CASE(open_bad_requests),
        CASE(open_other_kinds),    CASE(open_nothing_of_init),   CASE(open_links),
        CASE(open_init_itself),    CASE(listen_and_connect),     CASE(connect_to_the_workload),
        CASE(host_is_not_reached), CASE(bad_endpoints),
    };
#undef CASE
    char name[64];

    snprintf(name, sizeof name, "open, %s", who);
    return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}

int main(void)
{
    return run_as_both(run_cases);
}
