/* Every system call and allocation of a sandbox's life, failed in turn: the act fails with an
 * error, nothing of it is left, and the keeper goes on. */
#include "service.h"

#include "base/fault.h"

#ifndef BJ_FAULTS
int main(void)
{
    return 77; /* skipped: a build without -Dfaults=true cannot */
}
#else

#define CALLS_MAX 3000

static struct service service;
static struct output output;
static uint32_t process;
static long last_number; /* for a debugger */

static void begin(const char *state_directory)
{
    service_forks_launcher = true;
    service_start(&service, (struct bj_keeper_options){.state = state_directory});
    assert_int_equal(create(&service, "first", NULL), 0); /* it is up */
    assert_int_equal(destroy(&service, "first"), 0);
}

/* A sandbox's whole life, as far as it goes. */
static void live(const char *id)
{
    static const uint32_t flags[] = {0, BJ_START_TERMINAL};

    if (create(&service, id, NULL) != 0)
        return;
    for (int i = 0; i < 2; i++) {
        memset(&output, 0, sizeof output);
        if (start(&service, id, ++process, flags[i], "echo hello") == 0) {
            while (!output.ended && read_once(&service, id, process, 0, &output) == 0)
                continue;
        }
    }
    destroy(&service, id);
}

static void wait_until_none_is_left(void)
{
    pid_t inits[8];

    for (int i = 0; i < 200; i++) {
        if (inits_of(&service, inits, 8) == 0)
            return;
        usleep(10000);
    }
    fail_msg("a sandbox is left behind");
}

static void fail_each(int code, const char *state_directory)
{
    long number = 1, made;

    begin(state_directory);
    do {
        char id[24];

        assert_true(number < CALLS_MAX);
        snprintf(id, sizeof id, "s%ld", number);
        bj_fault_at(number, code);
        last_number = number;
        live(id);
        made = bj_fault_count();
        bj_fault_at(0, 0);
        if (waitpid(service.pid, NULL, WNOHANG) != 0)
            fail_msg("call %ld ended the keeper", number);
        wait_until_none_is_left();
    } while (number++ < made);
    assert_int_equal(create(&service, "last", NULL), 0);
    assert_int_equal(start(&service, "last", 1, 0, "echo hello"), 0);
    read_all(&service, "last", 1, 1, &output);
    assert_string_equal(output.text, "hello\n");
    printf("%ld calls\n", number);
    assert_int_equal(service_stop(&service), 0);
}

static void without_memory(void **state)
{
    (void)state;
    fail_each(ENOMEM, NULL);
}

static void without_descriptors(void **state)
{
    (void)state;
    fail_each(EMFILE, NULL);
}

/* As root each workspace has a file system of its own. */
static void without_memory_for_disk(void **state)
{
    char directory[] = "/var/tmp/belljar-faults-XXXXXX";

    (void)state;
    assert_non_null(mkdtemp(directory));
    fail_each(ENOMEM, directory);
    assert_int_equal(rmdir(directory), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_memory_for_disk),
        cmocka_unit_test(without_memory),
        cmocka_unit_test(without_descriptors),
    };

    if (!bj_fault_prepare())
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
#endif
