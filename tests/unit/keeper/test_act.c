/* The keeper's acts on sandboxes, its peers that come and go, and what it refuses. */
#include "service.h"

#include <dirent.h>
#include <sys/stat.h>

static struct service service;
static struct heard heard;
static struct output output;
static const char *const none[] = {NULL};

static int set_up(void **state)
{
    (void)state;
    /* Any static program will do: what it is asked with is not what it is called. */
    service_start(&service, (struct bj_keeper_options){.files_program = getenv("BELLJAR_LAUNCHER"),
                                                       .max_memory_mb = 600,
                                                       .max_sandboxes = 3});
    assert_int_equal(create(&service, "one", NULL), 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    assert_int_equal(service_stop(&service), 0);
    return 0;
}

static int create_with(const char *id, const char *const *options, struct bj_error *failed)
{
    struct bj_act what = {
        .kind = BJ_ACT_CREATE, .sandbox = id, .preset = "standard", .options = options};

    return do_act(&service, &what, &heard, failed);
}

/* The next SANDBOX or PROCESS of this phase. */
static void until_it_ends(struct bj_sandbox_state *ret)
{
    static const char *strings[64];

    for (;;) {
        assert_true(hear(service.front, &heard, PATIENCE_MS));
        if (heard.message.head.type != BJ_MESSAGE_SANDBOX)
            continue;
        assert_int_equal(bj_sandbox_state_get(&heard.message, strings, 64, ret, NULL), 0);
        if (ret->phase == BJ_SANDBOX_ENDED)
            return;
    }
}

static void clients_choose_what_they_may(void **state)
{
    /* The last is for who may make cgroups: what is asked for and cannot be had is an error. */
    const char *const good[] = {"environment",
                                "A=b",
                                "hostname",
                                "other",
                                geteuid() == 0 ? "resource_limits.memory_mb" : NULL,
                                "600",
                                NULL};
    const char *const more[] = {"resource_limits.memory_mb", "601", NULL};
    const char *const endless[] = {"resource_limits.memory_mb", "0", NULL};
    const char *const volume[] = {"volumes", "/etc:/host", NULL};
    const char *const secret[] = {"environment", "PATH", NULL};
    static const char *strings[64];
    struct bj_sandbox_state body;
    struct bj_error failed = {0};

    (void)state;
    assert_int_equal(create_with("two", good, NULL), 0);
    assert_int_equal(bj_sandbox_state_get(&heard.message, strings, 64, &body, NULL), 0);
    assert_int_equal(body.memory_bytes, (geteuid() == 0 ? 600 : 512) << 20);
    assert_string_equal(body.workspace, "/workspace");
    assert_int_equal(start(&service, "two", 1, 0, "echo $A; hostname"), 0);
    read_all(&service, "two", 1, 1, &output);
    assert_string_equal(output.text, "b\nother\n");
    assert_int_equal(create_with("three", more, &failed), -BJ_E_INVALID);
    assert_int_equal(create_with("three", endless, &failed), -BJ_E_INVALID);
    assert_int_equal(create_with("three", volume, &failed), -BJ_E_INVALID);
    assert_int_equal(create_with("three", secret, &failed), -BJ_E_INVALID);
    assert_int_equal(create_with("three", none, &failed), 0);
    assert_int_equal(create_with("four", none, &failed), -BJ_E_BUSY);
}

static void files_are_opened_inside(void **state)
{
    struct bj_act what = {.kind = BJ_ACT_OPEN,
                          .sandbox = "one",
                          .path = "/workspace/new",
                          .open_flags = O_RDWR | O_CREAT,
                          .mode = 0644};
    struct bj_error failed = {0};

    (void)state;
    assert_int_equal(do_act(&service, &what, &heard, &failed), 0);
    assert_int_equal(heard.fds.count, 1);
    assert_int_equal(write(heard.fds.fd[0], "inside", 6), 6);
    close(heard.fds.fd[0]);
    assert_int_equal(start(&service, "one", 1, 0, "cat new; mkfifo pipe"), 0);
    read_all(&service, "one", 1, 1, &output);
    assert_string_equal(output.text, "inside");
    what.path = "/workspace/pipe";
    what.open_flags = O_RDONLY;
    assert_int_equal(do_act(&service, &what, &heard, &failed), -BJ_E_INVALID);
    what.path = "/workspace/missing";
    assert_true(do_act(&service, &what, &heard, &failed) < 0);
    assert_int_equal(failed.sys_errno, ENOENT);
}

static void ports_are_connected_inside(void **state)
{
    static const char *const text =
        "python3 -c 'import socket\n"
        "for f, a in ((socket.AF_INET6, (\"::1\", 7000)), (socket.AF_UNIX, \"/tmp/s\")):\n"
        "    s = socket.socket(f); s.bind(a); s.listen()\n"
        "    print(\"ready\", flush=True)\n"
        "    s.accept()[0].sendall(b\"hello\")'";
    struct bj_act what = {.kind = BJ_ACT_CONNECT, .sandbox = "one", .port = 7000};
    struct bj_error failed = {0};
    char said[16] = "";

    (void)state;
    assert_int_equal(do_act(&service, &what, &heard, &failed), -BJ_E_SYSTEM);
    assert_int_equal(failed.sys_errno, ECONNREFUSED);
    assert_int_equal(start(&service, "one", 1, 0, text), 0);
    memset(&output, 0, sizeof output);
    assert_int_equal(read_once(&service, "one", 1, 1, &output), 0);
    assert_string_equal(output.text, "ready\n");
    assert_int_equal(do_act(&service, &what, &heard, &failed), 0);
    fcntl(heard.fds.fd[0], F_SETFL, 0);
    assert_int_equal(read(heard.fds.fd[0], said, sizeof said), 5);
    assert_string_equal(said, "hello");
    close(heard.fds.fd[0]);
    assert_int_equal(read_once(&service, "one", 1, 1, &output), 0);
    what = (struct bj_act){.kind = BJ_ACT_CONNECT, .sandbox = "one", .path = "/tmp/s"};
    assert_int_equal(do_act(&service, &what, &heard, &failed), 0);
    fcntl(heard.fds.fd[0], F_SETFL, 0);
    assert_int_equal(read(heard.fds.fd[0], said, sizeof said), 5);
    close(heard.fds.fd[0]);
}

static void all_are_signalled(void **state)
{
    struct bj_act what = {.kind = BJ_ACT_SIGNAL, .sandbox = "one", .signal = SIGTERM};

    (void)state;
    for (uint32_t i = 1; i <= 3; i++)
        assert_int_equal(start(&service, "one", i, 0, "sleep 100; true"), 0);
    assert_int_equal(do_act(&service, &what, &heard, NULL), 0);
    for (uint32_t i = 1; i <= 3; i++) {
        read_all(&service, "one", i, 0, &output);
        assert_int_equal(output.ending.exit_code, 128 + SIGTERM);
    }
    what.process = 1;
    assert_int_equal(do_act(&service, &what, &heard, NULL), -BJ_E_NOT_FOUND);
}

static void time_ends_sandboxes(void **state)
{
    struct bj_act what = {.kind = BJ_ACT_UPDATE,
                          .sandbox = "one",
                          .timeout_us = 300000,
                          .idle_us = BJ_KEEP_TIME,
                          .label = "new"};
    struct bj_sandbox_state ended;

    (void)state;
    assert_int_equal(do_act(&service, &what, &heard, NULL), 0);
    assert_int_equal(start(&service, "one", 1, 0, "exec sleep 100"), 0);
    until_it_ends(&ended);
    assert_string_equal(ended.reason, "timeout");
    assert_string_equal(ended.label, "new");
    wait_outcome(&service, service.number);
    assert_int_equal(service.outcome.signal, SIGKILL);
    assert_string_equal(service.outcome_reason, "the sandbox ended: timeout");
    assert_int_equal(create(&service, "one", NULL), 0);
    what.timeout_us = 0;
    what.idle_us = 300000;
    assert_int_equal(do_act(&service, &what, &heard, NULL), 0);
    until_it_ends(&ended);
    assert_string_equal(ended.reason, "idle");
}

static void usage_is_of_what_there_is(void **state)
{
    struct bj_buf out;

    (void)state;
    message_begin(&out, BJ_MESSAGE_USAGE, ++service.id);
    bj_pack_text(&out, "");
    say(service.front, &out, 0, NULL);
    assert_int_equal(answer(&service, service.id, &heard, NULL), 0);
    message_begin(&out, BJ_MESSAGE_USAGE, ++service.id);
    bj_pack_text(&out, "none");
    say(service.front, &out, 0, NULL);
    assert_int_equal(answer(&service, service.id, &heard, NULL), -BJ_E_NOT_FOUND);
}

static void the_program_for_files_comes_from_outside(void **state)
{
    const char *const argv[] = {"whatever", NULL};
    struct bj_act what = {.kind = BJ_ACT_START,
                          .sandbox = "one",
                          .process = 1,
                          .flags = BJ_START_FILES,
                          .argv = argv,
                          .env = none};

    (void)state;
    if (getenv("BELLJAR_LAUNCHER") == NULL)
        skip();
    assert_int_equal(do_act(&service, &what, &heard, NULL), 0);
    read_all(&service, "one", 1, 2, &output);
    assert_non_null(strstr(output.text, "belljar-launcher is started by"));
}

/*
 * A path through /proc/self/fd is init's when init opens it, and init sees of what it has opened
 * only whether it is of /proc: so there must be no directory among its descriptors but /proc.
 */
static void init_has_no_directory_open(void **state)
{
    char path[64], name[128], target[256];
    struct dirent *entry;
    int seen = 0;
    DIR *fds;
    pid_t init;

    (void)state;
    if (geteuid() != 0)
        return; /* nobody else may look */
    assert_int_equal(inits_of(&service, &init, 1), 1);
    snprintf(path, sizeof path, "/proc/%d/fd", (int)init);
    fds = opendir(path);
    assert_non_null(fds);
    while ((entry = readdir(fds)) != NULL) {
        struct stat status;
        ssize_t length;

        snprintf(name, sizeof name, "%s/%.32s", path, entry->d_name);
        length = readlink(name, target, sizeof target - 1);
        if (length < 0)
            continue;
        target[length] = '\0';
        seen++;
        if (stat(name, &status) == 0 && S_ISDIR(status.st_mode) && strcmp(target, "/proc") != 0)
            fail_msg("init has %s open", target);
    }
    closedir(fds);
    assert_true(seen > 3);
}

/* Whose its directory in /proc is: the user's as long as others of the user may trace it. */
static void owner_of_proc(uint32_t process, uint32_t flags, char *ret, size_t size)
{
    const char *const argv[] = {"stat", "-Lc", "%u", "/proc/self/status", NULL};
    struct bj_act what = {.kind = BJ_ACT_START,
                          .sandbox = "one",
                          .process = process,
                          .flags = flags,
                          .argv = argv,
                          .env = none};

    assert_int_equal(do_act(&service, &what, &heard, NULL), 0);
    read_all(&service, "one", process, 0, &output);
    assert_int_equal(output.ending.exit_code, 0);
    snprintf(ret, size, "%s", output.text);
}

/* From its execution on, before it can do anything about that itself. */
static void nobody_looks_into_the_program_for_files(void **state)
{
    char usual[32], covered[32];

    (void)state;
    assert_int_equal(service_stop(&service), 0);
    service_start(&service, (struct bj_keeper_options){.files_program = "/usr/bin/stat"});
    assert_int_equal(create(&service, "one", NULL), 0);
    owner_of_proc(1, 0, usual, sizeof usual);
    owner_of_proc(2, BJ_START_FILES, covered, sizeof covered);
    assert_string_not_equal(usual, covered);
}

/* Neither a list of programs nor Landlock nor a file system without execution keeps it out. */
static void it_runs_where_only_listed_programs_do(void **state)
{
    const char *const options[] = {"security.command_whitelist", "cat", NULL};
    const char *const argv[] = {"whatever", NULL}, *const ls[] = {"ls", NULL};
    struct bj_act what = {.kind = BJ_ACT_START,
                          .sandbox = "two",
                          .process = 1,
                          .flags = BJ_START_FILES,
                          .argv = argv,
                          .env = none};

    (void)state;
    if (getenv("BELLJAR_LAUNCHER") == NULL)
        skip();
    assert_int_equal(create_with("two", options, NULL), 0);
    assert_int_equal(do_act(&service, &what, &heard, NULL), 0);
    read_all(&service, "two", 1, 2, &output);
    assert_non_null(strstr(output.text, "belljar-launcher is started by"));
    what.flags = 0;
    what.argv = ls;
    what.process = 2;
    assert_true(do_act(&service, &what, &heard, NULL) < 0);
}

/* The front may be anybody's, so what it passes on is judged here. */
static void a_client_s_list_of_programs_is_short_and_of_files(void **state)
{
    const char *many[2 * BJ_CLIENT_PROGRAMS + 3] = {NULL};
    const char *const directory[] = {"security.command_whitelist", "/usr", NULL};
    struct bj_error failed = {0};

    (void)state;
    for (size_t i = 0; i <= BJ_CLIENT_PROGRAMS; i++) {
        many[2 * i] = "security.command_whitelist";
        many[2 * i + 1] = "cat";
    }
    assert_int_equal(create_with("two", many, &failed), -BJ_E_INVALID);
    assert_int_equal(create_with("two", directory, &failed), -BJ_E_INVALID);
    assert_non_null(strstr(failed.message, "by name"));
    many[2 * BJ_CLIENT_PROGRAMS] = NULL;
    assert_int_equal(create_with("two", many, &failed), 0);
}

/* Over none of the system's directories, and over nothing that the preset grants. */
static void a_client_s_workspace_has_a_place_of_its_own(void **state)
{
    static const char *const taken[] = {
        "/usr", "/usr/lib", "/usr/lib/git-core", "/usr/sbin", "/etc",  "//etc/", "/usr/libexec/x",
        "/bin", "/opt",     "/var/lib",          "/run",      "/x\ny", "/x\x7f"};
    static const char *const free_ones[] = {"/workspace/x", "/home/me/code", "/code", "/usrx"};
    const char *options[] = {"working_directory", NULL, NULL};
    struct bj_error failed = {0};

    (void)state;
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++) {
        options[1] = taken[i];
        assert_int_equal(create_with("two", options, &failed), -BJ_E_INVALID);
    }
    for (size_t i = 0; i < sizeof free_ones / sizeof *free_ones; i++) {
        options[1] = free_ones[i];
        assert_int_equal(create_with("two", options, &failed), 0);
        assert_int_equal(start(&service, "two", 1, 0, "pwd"), 0);
        read_all(&service, "two", 1, 1, &output);
        assert_int_equal(strncmp(output.text, free_ones[i], strlen(free_ones[i])), 0);
        assert_int_equal(destroy(&service, "two"), 0);
    }
}

static void a_new_audit_process_gets_what_is_not_recorded(void **state)
{
    struct bj_act what = {.kind = BJ_ACT_SIGNAL, .sandbox = "one", .signal = SIGTERM};
    int64_t begun, last = service.number + 3;
    uint64_t gap;

    (void)state;
    wait_outcome(&service, service.number);
    service.keep_outcomes = true;
    for (int i = 0; i < 3; i++)
        act(&service, &what);
    gap = service.id;
    new_audit(&service); /* at once: what is in the old socket still counts */
    assert_true(hear(service.audit, &heard, PATIENCE_MS));
    assert_int_equal(heard.message.head.type, BJ_MESSAGE_BEGUN);
    begun = heard.message.head.number;
    assert_int_equal(begun, last);
    for (int64_t number = last - 2; number <= last; number++) {
        assert_true(hear(service.audit, &heard, PATIENCE_MS));
        take_outcome(&service, &heard);
        assert_int_equal(service.outcome_number, number);
    }
    do
        assert_true(hear(service.front, &heard, PATIENCE_MS));
    while (heard.message.head.type != BJ_MESSAGE_GAP);
    while (heard.message.head.number != 2)
        assert_true(hear(service.front, &heard, PATIENCE_MS));
    assert_int_equal(heard.message.head.id, gap);
}

static void nonsense_is_cut_off(void **state)
{
    struct bj_unpack body;
    char nonsense[64] = "nonsense";

    (void)state;
    assert_int_equal(send(service.front, nonsense, sizeof nonsense, 0), sizeof nonsense);
    do
        assert_true(hear(service.control, &heard, PATIENCE_MS));
    while (heard.message.head.type != BJ_MESSAGE_FAULT);
    body = bj_message_body(&heard.message);
    assert_string_equal(bj_unpack_string(&body), "front");
    new_front(&service);
    assert_int_equal(start(&service, "one", 1, 0, "true"), 0);
}

/* The front may say what it likes: an act is an act only when it comes from the audit process. */
static void the_front_cannot_act(void **state)
{
    struct bj_act what = {.kind = BJ_ACT_DESTROY, .sandbox = "one"};
    struct bj_buf out;

    (void)state;
    message_begin(&out, BJ_MESSAGE_ACT, ++service.id);
    put_act(&out, &what);
    say(service.front, &out, 1000, NULL);
    do
        assert_true(hear(service.control, &heard, PATIENCE_MS));
    while (heard.message.head.type != BJ_MESSAGE_FAULT);
    new_front(&service);
    assert_int_equal(start(&service, "one", 1, 0, "true"), 0);
}

/* What the keeper tells a new front of the sandbox. */
static void learn_anew(struct bj_sandbox_state *ret)
{
    static const char *strings[BJ_STATE_STRINGS];
    struct bj_buf out;

    new_front(&service);
    message_begin(&out, BJ_MESSAGE_HELLO, 0);
    say(service.front, &out, 0, NULL);
    do
        assert_true(hear(service.front, &heard, PATIENCE_MS));
    while (heard.message.head.type != BJ_MESSAGE_SANDBOX);
    assert_int_equal(bj_sandbox_state_get(&heard.message, strings, BJ_STATE_STRINGS, ret, NULL), 0);
}

/* Whose a sandbox is was said when it was made. A front that says otherwise later is not obeyed,
 * whatever the act, and neither does a label that claims it change anything. */
static void an_owner_stays(void **state)
{
    static const char *const argv[] = {"true", NULL};
    const struct bj_act theirs[] = {
        {.kind = BJ_ACT_UPDATE, .label = "stolen", .timeout_us = 1},
        {.kind = BJ_ACT_START, .process = 1, .argv = argv, .env = none},
        {.kind = BJ_ACT_OPEN, .path = "/etc/passwd"},
        {.kind = BJ_ACT_PAUSE},
        {.kind = BJ_ACT_DESTROY},
    };
    struct bj_act own = {.kind = BJ_ACT_UPDATE,
                         .sandbox = "one",
                         .timeout_us = BJ_KEEP_TIME,
                         .idle_us = BJ_KEEP_TIME,
                         .label = "{\"owner\":\"mallory\"}"};
    struct bj_sandbox_state told;
    struct bj_error failed;

    (void)state;
    assert_int_equal(do_act(&service, &own, &heard, NULL), 0);
    for (size_t i = 0; i < sizeof theirs / sizeof *theirs; i++) {
        struct bj_act what = theirs[i];

        what.sandbox = "one";
        what.owner = "mallory";
        assert_int_equal(do_act(&service, &what, &heard, &failed), -BJ_E_DENIED);
        assert_non_null(strstr(failed.message, "another owner's"));
        wait_outcome(&service, service.number);
        assert_false(service.outcome.ran);
    }
    learn_anew(&told);
    assert_string_equal(told.id, "one");
    assert_string_equal(told.owner, "tester");
    assert_string_equal(told.label, own.label);
    assert_int_equal(told.phase, BJ_SANDBOX_RUNNING);
    assert_int_equal(told.left_us, -1);
}

static void an_init_that_is_killed_ends_its_sandbox_alone(void **state)
{
    struct bj_sandbox_state ended;

    (void)state;
    assert_int_equal(create(&service, "two", NULL), 0);
    assert_int_equal(start(&service, "one", 1, 0, "kill -9 -1; kill -9 1; exec sleep 100"), 0);
    assert_int_equal(start(&service, "two", 1, 0, "exec sleep 100"), 0);
    kill_first_init(&service);
    until_it_ends(&ended);
    assert_string_equal(ended.id, "one");
    assert_string_equal(ended.reason, "failed");
    assert_int_equal(start(&service, "two", 2, 0, "true"), 0);
}

static void the_supervisors_end_is_the_keepers(void **state)
{
    int status;

    (void)state;
    assert_int_equal(start(&service, "one", 1, 0, "exec sleep 100"), 0);
    service.keep_outcomes = true; /* nobody is left to hear of it */
    shutdown(service.control, SHUT_RDWR);
    assert_int_equal(waitpid(service.pid, &status, 0), service.pid);
    assert_int_equal(WEXITSTATUS(status), 1);
    wait_outcome(&service, service.number);
    assert_int_equal(service.outcome.signal, SIGKILL);
    service_close(&service);
    service_start(&service, (struct bj_keeper_options){0});
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(clients_choose_what_they_may),
        TEST(files_are_opened_inside),
        TEST(ports_are_connected_inside),
        TEST(all_are_signalled),
        TEST(time_ends_sandboxes),
        TEST(usage_is_of_what_there_is),
        TEST(the_program_for_files_comes_from_outside),
        TEST(init_has_no_directory_open),
        TEST(nobody_looks_into_the_program_for_files),
        TEST(it_runs_where_only_listed_programs_do),
        TEST(a_client_s_workspace_has_a_place_of_its_own),
        TEST(a_client_s_list_of_programs_is_short_and_of_files),
        TEST(a_new_audit_process_gets_what_is_not_recorded),
        TEST(nonsense_is_cut_off),
        TEST(the_front_cannot_act),
        TEST(an_owner_stays),
        TEST(an_init_that_is_killed_ends_its_sandbox_alone),
        TEST(the_supervisors_end_is_the_keepers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
