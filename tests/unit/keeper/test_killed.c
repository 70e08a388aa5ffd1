/* Whatever is killed at whatever moment: what was asked for is answered, every act has one outcome,
 * nothing is left, and the rest goes on. */
#include "service.h"

#define KILLS 200

static struct service service;
static struct heard heard;
static struct output output;
static const char *const none[] = {NULL};

static int set_up(void **state)
{
    (void)state;
    service_start(&service, (struct bj_keeper_options){.netns_pool = 4});
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    assert_int_equal(service_stop(&service), 0);
    return 0;
}

/* Processes that a test started in its sandboxes: init's children, whoever they are. */
static void kill_something(unsigned *seed)
{
    pid_t inits[64], children[64];
    int count = inits_of(&service, inits, 64), inside;
    pid_t chosen;

    if (count == 0)
        return;
    chosen = inits[rand_r(seed) % (unsigned)count];
    inside = children_of(chosen, children, 64);
    if (inside > 0 && rand_r(seed) % 2 == 0)
        chosen = children[rand_r(seed) % (unsigned)inside];
    kill(chosen, SIGKILL);
}

/* Takes in answers and outcomes that are there; counts both by what they answer. */
static void take_all(unsigned char *answers, unsigned char *outcomes, int timeout_ms)
{
    while (hear(service.front, &heard, timeout_ms)) {
        bj_fds_close(&heard.fds);
        if (heard.message.head.type == BJ_MESSAGE_ANSWER)
            answers[heard.message.head.id]++;
    }
    while (hear(service.audit, &heard, 0)) {
        take_outcome(&service, &heard);
        if (heard.message.head.type == BJ_MESSAGE_OUTCOME)
            outcomes[heard.message.head.number]++;
    }
}

static void ask_for_something(unsigned *seed, int turn)
{
    static const char *const texts[] = {"true", "sleep 100", "echo hello; sleep 0.01",
                                        "cat /dev/zero", "(sleep 100 &) ; exec cat"};
    const char *const argv[] = {"sh", "-c", texts[rand_r(seed) % 5], NULL};
    char id[16];
    struct bj_act what = {.sandbox = id, .argv = argv, .env = none, .options = none};

    snprintf(id, sizeof id, "s%u", rand_r(seed) % 8);
    switch (rand_r(seed) % 6) {
    case 0:
    case 1:
        what.kind = BJ_ACT_CREATE;
        what.preset = "standard";
        break;
    case 2:
        what.kind = BJ_ACT_DESTROY;
        break;
    case 3:
        what.kind = BJ_ACT_SIGNAL;
        what.signal = SIGKILL;
        break;
    default:
        what.kind = BJ_ACT_START;
        what.process = (uint32_t)turn + 1;
        what.flags = rand_r(seed) % 2 == 0 ? BJ_START_TERMINAL : BJ_START_STDIN;
        break;
    }
    act(&service, &what);
}

static void inits_and_workloads(void **state)
{
    static unsigned char answers[20 * KILLS], outcomes[20 * KILLS];
    unsigned seed = 1;
    pid_t inits[64];

    (void)state;
    for (int i = 0; i < KILLS; i++) {
        for (int j = 0; j < 5; j++)
            ask_for_something(&seed, 5 * i + j);
        usleep(rand_r(&seed) % 5000);
        kill_something(&seed);
        take_all(answers, outcomes, 0);
    }
    for (int i = 0; i < 8; i++) {
        char id[16];
        struct bj_act what = {.kind = BJ_ACT_DESTROY, .sandbox = id};

        snprintf(id, sizeof id, "s%d", i);
        act(&service, &what);
    }
    /* One that was being made a moment ago may have refused to be ended. */
    take_all(answers, outcomes, 1000);
    for (int i = 0; i < 8; i++) {
        char id[16];
        struct bj_act what = {.kind = BJ_ACT_DESTROY, .sandbox = id};

        snprintf(id, sizeof id, "s%d", i);
        act(&service, &what);
    }
    take_all(answers, outcomes, 1000);
    assert_int_equal(inits_of(&service, inits, 64), 0);
    for (int64_t i = 1; i <= service.number; i++) {
        assert_int_equal(answers[i], 1);
        assert_int_equal(outcomes[i], 1);
    }
}

static void the_keeper(void **state)
{
    pid_t inits[64], left;

    (void)state;
    assert_int_equal(create(&service, "one", NULL), 0);
    assert_int_equal(start(&service, "one", 1, 0, "setsid sleep 1000 & exec sleep 1000"), 0);
    assert_int_equal(inits_of(&service, inits, 64), 1);
    left = inits[0];
    kill(service.pid, SIGKILL);
    waitpid(service.pid, NULL, 0);
    for (int i = 0; i < 200 && kill(left, 0) == 0; i++)
        usleep(10000);
    assert_int_equal(kill(left, 0), -1);
    service_close(&service);
    service_start(&service, (struct bj_keeper_options){0});
}

/* The launcher's end is the keeper's, which says what became of everything first. */
static void the_launcher(void **state)
{
    pid_t launcher;
    int status;

    (void)state;
    assert_int_equal(create(&service, "one", NULL), 0);
    wait_outcome(&service, service.number);
    assert_int_equal(start(&service, "one", 1, 0, "exec sleep 1000"), 0);
    assert_int_equal(children_of(service.pid, &launcher, 1), 1);
    service.keep_outcomes = true;
    kill(launcher, SIGKILL);
    assert_int_equal(waitpid(service.pid, &status, 0), service.pid);
    assert_int_equal(WEXITSTATUS(status), 1);
    wait_outcome(&service, service.number);
    assert_int_equal(service.outcome.signal, SIGKILL);
    service_close(&service);
    service_start(&service, (struct bj_keeper_options){0});
}

static void a_bomb_ends_with_its_sandbox(void **state)
{
    (void)state;
    assert_int_equal(create(&service, "one", NULL), 0);
    assert_int_equal(create(&service, "two", NULL), 0);
    assert_int_equal(
        start(&service, "one", 1, 0,
              "while :; do (while :; do sleep 1 & done) & sleep 0.01; done 2>/dev/null"),
        0);
    usleep(300000);
    assert_int_equal(start(&service, "two", 1, 0, "echo hello"), 0);
    read_all(&service, "two", 1, 1, &output);
    assert_string_equal(output.text, "hello\n");
    assert_int_equal(destroy(&service, "one"), 0);
}

/* A workload stops whatever starts: init too, if it hits a process that has not executed yet. Then
 * its sandbox ends, and nobody else waits for that. */
static void a_workload_stops_what_starts(void **state)
{
    const char *const argv[] = {"true", NULL};
    struct bj_act what = {
        .kind = BJ_ACT_START, .sandbox = "one", .argv = argv, .env = none, .process = 10};
    int64_t began;

    (void)state;
    assert_int_equal(create(&service, "one", NULL), 0);
    assert_int_equal(create(&service, "two", NULL), 0);
    assert_int_equal(start(&service, "one", 1, 0, "while :; do kill -STOP -1; done 2>/dev/null"),
                     0);
    for (; what.process < 40; what.process++)
        act(&service, &what);
    began = bj_clock_us();
    assert_int_equal(start(&service, "two", 1, 0, "echo hello"), 0);
    assert_in_range(bj_clock_us() - began, 0, 5000000);
    read_all(&service, "two", 1, 1, &output);
    assert_string_equal(output.text, "hello\n");
    destroy(&service, "one"); /* is answered, whichever way */
    assert_int_equal(destroy(&service, "two"), 0);
}

static void an_init_does_not_answer(void **state)
{
    const char *const argv[] = {"true", NULL};
    struct bj_act what = {
        .kind = BJ_ACT_START, .sandbox = "one", .process = 1, .argv = argv, .env = none};
    struct bj_error failed = {0};
    pid_t init;

    (void)state;
    assert_int_equal(create(&service, "one", NULL), 0);
    assert_int_equal(inits_of(&service, &init, 1), 1);
    kill(init, SIGSTOP);
    assert_int_equal(do_act(&service, &what, &heard, &failed), -BJ_E_TIMEOUT);
    wait_outcome(&service, service.number);
    assert_false(service.outcome.ran);
    while (destroy(&service, "one") != -BJ_E_NOT_FOUND)
        usleep(10000);
    assert_int_equal(create(&service, "one", NULL), 0);
}

/* With few descriptors there are few sandboxes and processes, each refusal says so, and when some
 * are gone there is room again. */
static void descriptors_run_out(void **state)
{
    static const struct rlimit few = {64, 64};
    struct bj_error failed = {0};
    int made = 0, started = 0;
    char id[16];

    (void)state;
    assert_int_equal(service_stop(&service), 0);
    service_limit = &few;
    service_start(&service, (struct bj_keeper_options){0});
    service_limit = NULL;
    for (int i = 0; i < 64; i++) {
        snprintf(id, sizeof id, "s%d", i);
        if (create(&service, id, &failed) == 0)
            made++;
    }
    assert_in_range(made, 4, 60);
    assert_true(failed.message[0] != '\0');
    assert_int_equal(destroy(&service, "s0"), 0);
    assert_int_equal(destroy(&service, "s1"), 0);
    assert_int_equal(destroy(&service, "s2"), 0);
    for (uint32_t i = 1; i <= 20; i++)
        started += start(&service, "s3", i, 0, "exec sleep 1000") == 0;
    assert_in_range(started, 1, 19);
    new_front(&service); /* still finds its way in */
    assert_int_equal(destroy(&service, "s3"), 0);
    assert_int_equal(create(&service, "again", &failed), 0);
    assert_int_equal(start(&service, "again", 1, 0, "echo hello"), 0);
    read_all(&service, "again", 1, 1, &output);
    assert_string_equal(output.text, "hello\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(inits_and_workloads),
        TEST(the_keeper),
        TEST(the_launcher),
        TEST(a_bomb_ends_with_its_sandbox),
        TEST(a_workload_stops_what_starts),
        TEST(an_init_does_not_answer),
        TEST(descriptors_run_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
