/*
 * Tests of src/init/broker.c and of what it calls, in a live sandbox: spawn, signal, wait, list,
 * how it ends, and what a host that sends nonsense gets. Its descriptors have test_open.c.
 */
#include "live.h"

#include <poll.h>
#include <sys/wait.h>

#include "linux/socket.h"

static void spawn_and_wait(void **state)
{
    int status;

    (void)state;
    status = wait_for(start("exit 3"));
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 3);
    status = wait_for(start("kill -TERM $$"));
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGTERM);
}

/* It has ended long before anybody asks; and nobody is told twice. */
static void wait_late(void **state)
{
    struct bj_exited exited;
    pid_t pid = start("exit 4");

    (void)state;
    usleep(100000);
    assert_int_equal(WEXITSTATUS(wait_for(pid)), 4);
    assert_int_equal(native->wait(sandbox, pid, &exited, &err), -BJ_E_NOT_FOUND);
}

static void wait_for_strangers(void **state)
{
    static const pid_t strangers[] = {-1, 0, 1, 99999, INT32_MAX, INT32_MIN};
    struct bj_exited exited;

    (void)state;
    for (size_t i = 0; i < sizeof strangers / sizeof *strangers; i++)
        assert_int_equal(native->wait(sandbox, strangers[i], &exited, &err), -BJ_E_NOT_FOUND);
}

static void output_and_environment(void **state)
{
    (void)state;
    assert_string_equal(says("echo one; echo two"), "one\ntwo");
    assert_string_equal(says("env | grep -vE '^(PWD|SHLVL|_)=' | sort"),
                        "LANG=C.UTF-8\nPATH=/usr/bin:/bin");
    assert_string_equal(says("pwd"), directory);
    assert_string_equal(says("ls /proc/self/fd"), "0\n1\n2\n3");
}

static void directory_of_a_process(void **state)
{
    const char *argv[] = {"true", NULL};
    struct bj_spawn spawn = {.directory = "/usr/bin", .argv = argv, .env = env};
    int null = open("/dev/null", O_RDWR | O_CLOEXEC), streams[] = {null, null, null};
    pid_t pid;

    (void)state;
    assert_int_equal(native->spawn(sandbox, &spawn, streams, &pid, NULL, &err), 0);
    wait_for(pid);
    spawn.directory = "/nowhere";
    assert_int_equal(native->spawn(sandbox, &spawn, streams, &pid, NULL, &err), -BJ_E_SYSTEM);
    assert_non_null(strstr(err.message, "/nowhere"));
    close(null);
}

/* A failure is told with its kind, and the sandbox goes on. */
static void what_cannot_be_executed(void **state)
{
    static const struct {
        const char *name;
        int code;
    } cases[] = {
        {"no-such-command", BJ_E_NOT_FOUND},  {"/nowhere", BJ_E_NOT_FOUND},
        {"/etc/passwd", BJ_E_NOT_EXECUTABLE}, {"/usr", BJ_E_NOT_EXECUTABLE},
        {"/etc/passwd/x", BJ_E_NOT_FOUND},    {"", BJ_E_NOT_FOUND},
    };
    int null = open("/dev/null", O_RDWR | O_CLOEXEC), streams[] = {null, null, null};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *argv[] = {cases[i].name, NULL};
        const struct bj_spawn spawn = {.directory = "", .argv = argv, .env = env};

        assert_int_equal(native->spawn(sandbox, &spawn, streams, NULL, NULL, &err), -cases[i].code);
        assert_non_null(strstr(err.message, cases[i].name));
    }
    close(null);
    assert_string_equal(says("echo on"), "on");
}

static void terminal(void **state)
{
    const char *argv[] = {"sh", "-c", "tty; stty size; read x; echo got $x", NULL};
    const struct bj_spawn spawn = {.flags = BJ_SPAWN_TERMINAL,
                                   .rows = 12,
                                   .columns = 34,
                                   .directory = "",
                                   .argv = argv,
                                   .env = env};
    char text[512];
    int master = -1;
    size_t total = 0;
    ssize_t length;
    pid_t pid;

    (void)state;
    assert_int_equal(native->spawn(sandbox, &spawn, NULL, &pid, &master, &err), 0);
    assert_true(master >= 0);
    assert_int_equal(write(master, "word\r", 5), 5);
    while (total < sizeof text - 1 &&
           (length = read(master, text + total, sizeof text - 1 - total)) > 0)
        total += (size_t)length;
    text[total] = '\0';
    close(master);
    assert_int_equal(wait_for(pid), 0);
    assert_non_null(strstr(text, "/dev/pts/"));
    assert_non_null(strstr(text, "12 34\r\n"));
    assert_non_null(strstr(text, "got word\r\n"));
}

static size_t list(struct bj_process_entry *entries, size_t capacity)
{
    size_t count = 0;

    assert_int_equal(native->list(sandbox, entries, capacity, &count, &err), 0);
    assert_true(count <= capacity);
    return count;
}

static bool listed(pid_t pid)
{
    struct bj_process_entry entries[BJ_PROCESSES_MAX];
    size_t count = list(entries, BJ_PROCESSES_MAX);

    for (size_t i = 0; i < count; i++) {
        if (entries[i].pid == pid)
            return true;
    }
    return false;
}

static void list_processes(void **state)
{
    struct bj_process_entry entries[BJ_PROCESSES_MAX];
    pid_t first, second;
    bool seen = false;

    (void)state;
    assert_int_equal(list(entries, BJ_PROCESSES_MAX), 0);
    first = start("exec sleep 600");
    second = start("sleep 600; :");
    usleep(200000); /* for the shell's child */
    assert_int_equal(list(entries, BJ_PROCESSES_MAX), 3);
    for (size_t i = 0; i < 3; i++) {
        if (entries[i].pid == first) {
            assert_string_equal(entries[i].name, "sleep");
            assert_int_equal(entries[i].parent, 1);
            assert_int_equal(entries[i].state, 'S');
        }
        seen |= entries[i].parent == second;
    }
    assert_true(seen);
    assert_int_equal(list(entries, 1), 1);
}

static void signals(void **state)
{
    pid_t one = start("exec sleep 600"), two = start("exec sleep 600");
    pid_t group = start("sleep 600 & sleep 600 & wait");

    (void)state;
    assert_int_equal(native->signal(sandbox, one, false, SIGINT, &err), 0);
    assert_int_equal(WTERMSIG(wait_for(one)), SIGINT);
    assert_true(listed(two));
    usleep(200000);
    assert_int_equal(native->signal(sandbox, group, true, SIGKILL, &err), 0);
    assert_int_equal(WTERMSIG(wait_for(group)), SIGKILL);
    usleep(100000);
    assert_int_equal(list((struct bj_process_entry[8]){0}, 8), 1); /* its children went too */
    assert_int_equal(native->signal(sandbox, two, false, 0, &err), 0);
    assert_int_equal(native->signal(sandbox, two, false, 9999, &err), -BJ_E_SYSTEM);
    assert_true(listed(two));
}

/* Only what the host itself started: not init, not everybody, not what has ended or was forked
 * inside. */
static void signals_to_strangers(void **state)
{
    pid_t pid = start("exec sleep 600"), ended = start("exit 0");
    const pid_t strangers[] = {0, 1, -1, 2 - pid, INT32_MIN, 99999, ended};

    (void)state;
    wait_for(ended);
    for (size_t i = 0; i < sizeof strangers / sizeof *strangers; i++) {
        assert_int_equal(native->signal(sandbox, strangers[i], false, SIGKILL, &err),
                         -BJ_E_NOT_FOUND);
        assert_int_equal(native->signal(sandbox, strangers[i], true, SIGKILL, &err),
                         -BJ_E_NOT_FOUND);
    }
    assert_true(listed(pid));
}

static void as_many_as_there_is_room(void **state)
{
    pid_t pid = 0;

    (void)state;
    for (int i = 0; i < BJ_PROCESSES_MAX; i++)
        start("exec sleep 600");
    assert_int_equal(start_in(sandbox, "exit 0", -1, &pid), -BJ_E_LIMIT);
    assert_int_equal(list((struct bj_process_entry[BJ_PROCESSES_MAX]){0}, BJ_PROCESSES_MAX),
                     BJ_PROCESSES_MAX);
}

static void exits_are_events(void **state)
{
    struct bj_backend_event event = {0};
    pid_t pid = start("exit 6");
    struct pollfd ready = {.fd = native->event_fd(sandbox), .events = POLLIN};

    (void)state;
    assert_int_equal(poll(&ready, 1, PATIENCE_MS), 1);
    assert_int_equal(native->next_event(sandbox, &event, &err), 0);
    assert_int_equal(event.kind, BJ_BACKEND_EVENT_EXITED);
    assert_int_equal(event.exited.pid, pid);
    assert_int_equal(WEXITSTATUS(event.exited.status), 6);
    assert_int_equal(native->next_event(sandbox, &event, &err), 0);
    assert_int_equal(event.kind, BJ_BACKEND_EVENT_NONE);
}

/* ---- nonsense ---- */

/* Sends a packet as it is, with so many copies of a descriptor. */
static void send_raw(struct bj_sandbox *where, const void *data, size_t size, size_t fds)
{
    struct bj_fds sent = {.count = fds};

    for (size_t i = 0; i < fds; i++)
        sent.fd[i] = STDIN_FILENO;
    bj_socket_send(native->event_fd(where), data, size, &sent);
}

/* The sandbox ends soon, and whoever held a pipe inside is gone. */
static void assert_ends(struct bj_sandbox *where, int pipe_end)
{
    struct pollfd ready = {.fd = pipe_end, .events = POLLIN};
    char byte;

    assert_int_equal(poll(&ready, 1, PATIENCE_MS), 1);
    assert_int_equal(read(pipe_end, &byte, 1), 0);
    for (;;) {
        struct pollfd event_ready = {.fd = native->event_fd(where), .events = POLLIN};
        struct bj_backend_event event;

        assert_int_equal(poll(&event_ready, 1, PATIENCE_MS), 1);
        if (native->next_event(where, &event, &err) < 0 || event.kind == BJ_BACKEND_EVENT_ENDED)
            return;
    }
}

static const struct nonsense {
    const char *name;
    struct bj_frame_head head;
    size_t size; /* of the packet; 0 = the head and what it says */
    size_t fds;
} nonsense[] = {
    {.name = "one byte", .head = {.magic = BJ_FRAME_MAGIC}, .size = 1},
    {.name = "half a head", .head = {.magic = BJ_FRAME_MAGIC, .type = BJ_FRAME_LIST}, .size = 10},
    {.name = "foreign", .head = {.magic = 0x20544547}},
    {.name = "no type", .head = {.magic = BJ_FRAME_MAGIC, .type = 0}},
    {.name = "unknown type", .head = {.magic = BJ_FRAME_MAGIC, .type = 999}},
    {.name = "a reply", .head = {.magic = BJ_FRAME_MAGIC, .type = BJ_FRAME_REPLY}},
    {.name = "an event", .head = {.magic = BJ_FRAME_MAGIC, .type = BJ_FRAME_EXITED}},
    {.name = "go again", .head = {.magic = BJ_FRAME_MAGIC, .type = BJ_FRAME_GO, .value = 1}},
    {.name = "length too large",
     .head = {.magic = BJ_FRAME_MAGIC, .type = BJ_FRAME_LIST, .length = 4},
     .size = sizeof(struct bj_frame_head)},
    {.name = "length too small",
     .head = {.magic = BJ_FRAME_MAGIC, .type = BJ_FRAME_LIST},
     .size = sizeof(struct bj_frame_head) + 4},
    {.name = "descriptors promised",
     .head = {.magic = BJ_FRAME_MAGIC, .type = BJ_FRAME_LIST, .fds = 3}},
    {.name = "descriptors unannounced",
     .head = {.magic = BJ_FRAME_MAGIC, .type = BJ_FRAME_LIST},
     .fds = 2},
    {.name = "empty spawn", .head = {.magic = BJ_FRAME_MAGIC, .type = BJ_FRAME_SPAWN}},
    {.name = "spawn of zeros",
     .head = {.magic = BJ_FRAME_MAGIC, .type = BJ_FRAME_SPAWN, .length = 64}},
    {.name = "open without an end",
     .head = {.magic = BJ_FRAME_MAGIC, .type = BJ_FRAME_OPEN, .length = 12}},
    {.name = "connect of zeros with bytes left",
     .head = {.magic = BJ_FRAME_MAGIC, .type = BJ_FRAME_CONNECT, .length = 100}},
    {.name = "short signal",
     .head = {.magic = BJ_FRAME_MAGIC, .type = BJ_FRAME_SIGNAL, .length = 7}},
    {.name = "long wait", .head = {.magic = BJ_FRAME_MAGIC, .type = BJ_FRAME_WAIT, .length = 9}},
    {.name = "larger than a message",
     .head = {.magic = BJ_FRAME_MAGIC, .type = BJ_FRAME_OPEN, .length = BJ_FRAME_MAX}},
};

/* Whatever is malformed ends the sandbox, and only that one. */
static void nonsense_ends_it(void **state)
{
    const struct nonsense *row = *state;
    size_t size = row->size != 0 ? row->size : sizeof row->head + row->head.length;
    struct bj_sandbox *other = create();
    char *packet = calloc(1, size + sizeof row->head);
    int ends[2];

    assert_non_null(packet);
    memcpy(packet, &row->head, sizeof row->head);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(start_in(other, "sleep 600 & sleep 600", ends[1], NULL), 0);
    close(ends[1]);
    send_raw(other, packet, size, row->fds);
    assert_ends(other, ends[0]);
    close(ends[0]);
    free(packet);
    native->destroy(other, NULL);
    assert_string_equal(says("echo on"), "on");
}

/* ---- ends ---- */

static void end_by_the_main_process(void **state)
{
    const char *argv[] = {"sh", "-c", "exit 9", NULL};
    const struct bj_spawn spawn = {
        .flags = BJ_SPAWN_MAIN | BJ_SPAWN_REPLY, .directory = "", .argv = argv, .env = env};
    int null = open("/dev/null", O_RDWR | O_CLOEXEC), streams[] = {null, null, null}, ends[2];
    pid_t pid;

    (void)state;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(start_in(sandbox, "setsid sleep 600 & sleep 600", ends[1], NULL), 0);
    close(ends[1]);
    assert_int_equal(native->spawn(sandbox, &spawn, streams, &pid, NULL, &err), 0);
    close(null);
    assert_ends(sandbox, ends[0]);
    close(ends[0]);
    assert_int_equal(start_in(sandbox, "exit 0", -1, &pid), -BJ_E_ENDED);
    assert_int_equal(native->list(sandbox, NULL, 0, &(size_t){0}, &err), -BJ_E_ENDED);
}

static void end_by_kill(void **state)
{
    int ends[2];

    (void)state;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(start_in(sandbox, "setsid sleep 600 & sleep 600", ends[1], NULL), 0);
    close(ends[1]);
    native->kill(sandbox);
    assert_ends(sandbox, ends[0]);
    close(ends[0]);
}

static void end_by_destroy(void **state)
{
    struct bj_sandbox *other = create();
    struct pollfd ready;
    int ends[2];

    (void)state;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(start_in(other, "setsid sleep 600 & sleep 600", ends[1], NULL), 0);
    close(ends[1]);
    native->destroy(other, NULL);
    ready = (struct pollfd){.fd = ends[0], .events = POLLIN};
    assert_int_equal(poll(&ready, 1, PATIENCE_MS), 1);
    assert_int_equal(ready.revents & POLLHUP, POLLHUP);
    close(ends[0]);
    native->destroy(NULL, NULL);
}

static int run_cases(const char *who)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    static struct CMUnitTest bad[sizeof nonsense / sizeof *nonsense];
    const struct CMUnitTest tests[] = {
        CASE(spawn_and_wait),
        CASE(wait_late),
        CASE(wait_for_strangers),
        CASE(output_and_environment),
        CASE(directory_of_a_process),
        CASE(what_cannot_be_executed),
        CASE(terminal),
        CASE(list_processes),
        CASE(signals),
        CASE(signals_to_strangers),
        CASE(as_many_as_there_is_room),
        CASE(exits_are_events),
        CASE(end_by_the_main_process),
        CASE(end_by_kill),
        CASE(end_by_destroy),
    };
#undef CASE
    char name[64];
    int failures;

    for (size_t i = 0; i < sizeof nonsense / sizeof *nonsense; i++)
        bad[i] = (struct CMUnitTest){.name = nonsense[i].name,
                                     .test_func = nonsense_ends_it,
                                     .setup_func = setup,
                                     .teardown_func = teardown,
                                     .initial_state = (void *)&nonsense[i]};
    snprintf(name, sizeof name, "broker, %s", who);
    failures = cmocka_run_group_tests_name(name, tests, NULL, NULL);
    snprintf(name, sizeof name, "broker and nonsense, %s", who);
    return failures + cmocka_run_group_tests_name(name, bad, NULL, NULL);
}

int main(void)
{
    return run_as_both(run_cases);
}
