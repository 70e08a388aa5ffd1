/* What all output together may take of the keeper's memory, tried by those who want all of it. */
#include "service.h"

#define TOTAL_MB 32
#define SLACK_MB 12 /* what else grows: the keeper's tables, and what malloc has not given back */
#define MIB      (1 << 20)

static struct service service;
static struct heard heard;
static struct output output;
static const char *const none[] = {NULL};

static int set_up(void **state)
{
    (void)state;
    service_start(&service, (struct bj_keeper_options){.max_output_mb = TOTAL_MB});
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    assert_int_equal(service_stop(&service), 0);
    return 0;
}

static void create_for(const char *owner, const char *id)
{
    struct bj_act what = {.kind = BJ_ACT_CREATE,
                          .sandbox = id,
                          .preset = "standard",
                          .owner = owner,
                          .options = none};

    assert_int_equal(do_act(&service, &what, &heard, NULL), 0);
}

/* KiB of the keeper's own memory. */
static long keeper_kib(void)
{
    char path[64], line[256];
    long kib = -1;
    FILE *file;

    snprintf(path, sizeof path, "/proc/%d/status", (int)service.pid);
    file = fopen(path, "re");
    assert_non_null(file);
    while (kib < 0 && fgets(line, sizeof line, file) != NULL)
        sscanf(line, "RssAnon: %ld", &kib);
    fclose(file);
    return kib;
}

/* Writes so many KiB of its letter and goes on, or ends. */
static void start_writer(const char *id, uint32_t process, uint32_t flags, int kib, char letter,
                         bool goes_on)
{
    char text[160];

    snprintf(text, sizeof text, "head -c %d /dev/zero | tr '\\0' %c%s", kib << 10, letter,
             goes_on ? "; exec sleep 1000" : "");
    assert_int_equal(start(&service, id, process, flags, text), 0);
}

/* Waits until it has written all, without keeping any of it. */
static void until_written(const char *id, uint32_t process, int64_t bytes)
{
    memset(&output, 0, sizeof output);
    while (output.next < bytes && !output.ended) {
        output.length = 0;
        assert_int_equal(read_once(&service, id, process, 0, &output), 0);
    }
}

static void is_whole(const char *id, uint32_t process, int kib, char letter)
{
    read_all(&service, id, process, 0, &output);
    assert_int_equal(output.dropped, 0);
    assert_int_equal(output.length, kib << 10);
    for (size_t i = 0; i < output.length; i++)
        assert_int_equal(output.text[i], letter);
}

/* One owner's processes without end, each with as much output as is kept of one. */
static void ended_processes_fill_nothing(void **state)
{
    static const char *const ids[] = {"bad1", "bad2", "bad3", "bad4", "bad5", "bad6"};
    long before, after;

    (void)state;
    create_for("good", "good1");
    for (int i = 0; i < 6; i++)
        create_for("bad", ids[i]);
    start_writer("good1", 1, 0, 600, 'g', false);
    read_all(&service, "good1", 1, 0, &output);
    before = keeper_kib();
    for (uint32_t n = 1; n <= 1200; n++) {
        const char *id = ids[n % 6];

        start_writer(id, n, 0, 1024, 'b', false);
        until_written(id, n, MIB);
        if (n % 50 == 0) {
            after = keeper_kib();
            assert_true(after - before < (TOTAL_MB + SLACK_MB) * 1024L);
        }
    }
    is_whole("good1", 1, 600, 'g');
    /* Of the attacker's the newest is there, an older one is said to be gone, how it ended is not.
     */
    read_all(&service, ids[0], 1200, 0, &output);
    assert_true(output.length > 0);
    read_all(&service, ids[0], 1200 - 6 * 10, 0, &output);
    assert_int_equal(output.length, 0);
    assert_int_equal(output.dropped, MIB);
    assert_int_equal(output.ending.exit_code, 0);
}

static void hold(const char *id, uint32_t process)
{
    struct bj_read read = {
        .sandbox = id, .process = process, .now = true, .maximum = 1, .hold = true};
    struct bj_buf out;

    message_begin(&out, BJ_MESSAGE_READ, ++service.id);
    bj_read_put(&out, &read);
    say(service.front, &out, 0, NULL);
    assert_int_equal(answer(&service, service.id, &heard, NULL), 0);
}

/* Three owners fill everything with processes that go on and whose output is held for readers that
 * do not come. Whoever comes now has his share all the same. */
static void running_processes_leave_others_room(void **state)
{
    char owner[16], id[16];
    long before = keeper_kib();

    (void)state;
    for (uint32_t o = 0; o < 3; o++) {
        snprintf(owner, sizeof owner, "bad%u", o);
        for (uint32_t s = 0; s < 6; s++) {
            snprintf(id, sizeof id, "bad%us%u", o, s);
            create_for(owner, id);
            for (uint32_t p = 1; p <= 3; p++) {
                start_writer(id, p, 0, 1024, 'b', true);
                until_written(id, p, MIB);
                hold(id, p);
            }
        }
    }
    create_for("good", "good1");
    start_writer("good1", 1, BJ_START_HOLD, 1000, 'g', false);
    is_whole("good1", 1, 1000, 'g');
    start_writer("good1", 2, 0, 500, 'h', false);
    is_whole("good1", 2, 500, 'h');
    assert_true(keeper_kib() - before < (TOTAL_MB + SLACK_MB) * 1024L);
}

/* A sandbox has a bound of its own, and in it the newest. */
static void one_sandbox_has_its_part(void **state)
{
    (void)state;
    create_for("one", "one1");
    create_for("one", "one2");
    start_writer("one2", 1, 0, 600, 'o', false);
    read_all(&service, "one2", 1, 0, &output);
    for (uint32_t n = 1; n <= 20; n++) {
        start_writer("one1", n, 0, 900, 'n', false);
        read_all(&service, "one1", n, 0, &output);
    }
    is_whole("one1", 20, 900, 'n');
    is_whole("one2", 1, 600, 'o');
    read_all(&service, "one1", 15, 0, &output);
    assert_int_equal(output.dropped, 900 << 10);
}

/* What small outputs take is little, and nothing comes back from them: they are not given up, and
 * are no reason to refuse others. */
static void small_outputs_stand_in_no_way(void **state)
{
    (void)state;
    create_for("one", "one1");
    for (uint32_t n = 1; n <= 25; n++) {
        assert_int_equal(start(&service, "one1", n, 0, "echo hi"), 0);
        read_all(&service, "one1", n, 0, &output);
    }
    for (uint32_t n = 26; n <= 28; n++) {
        start_writer("one1", n, 0, 900, 'n', false);
        is_whole("one1", n, 900, 'n');
    }
    for (uint32_t n = 1; n <= 25; n++) {
        read_all(&service, "one1", n, 0, &output);
        assert_int_equal(output.dropped, 0);
        assert_string_equal(output.text, "hi\n");
    }
}

/* One sandbox that is refused all the time does not have the owner's others refused. */
static void each_sandbox_is_refused_by_itself(void **state)
{
    (void)state;
    create_for("one", "one1");
    create_for("one", "one2");
    start_writer("one1", 1, 0, 1024, 'n', true);
    until_written("one1", 1, MIB);
    start_writer("one2", 1, 0, 1024, 'a', true);
    until_written("one2", 1, MIB);
    start_writer("one2", 2, 0, 500, 'b', true);
    until_written("one2", 2, 500 << 10);
    assert_int_equal(start(&service, "one1", 2, 0, "exec yes"), 0);
    until_written("one1", 2, 2 * MIB);
    start_writer("one2", 3, 0, 400, 'c', false);
    is_whole("one2", 3, 400, 'c');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(ended_processes_fill_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(running_processes_leave_others_room, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_sandbox_has_its_part, set_up, tear_down),
        cmocka_unit_test_setup_teardown(small_outputs_stand_in_no_way, set_up, tear_down),
        cmocka_unit_test_setup_teardown(each_sandbox_is_refused_by_itself, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
