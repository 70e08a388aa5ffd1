/* Tests of src/linux/program.c and of starting processes: time, threads, signals. */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "linux/process.h"
#include "linux/program.h"

#define ROUNDS 100

static int run(const char *script, char text[256], int timeout_ms)
{
    const char *const argv[] = {"sh", "-c", script, NULL};
    int status;

    return bj_program_output("/bin/sh", argv, text, 256, timeout_ms, &status, NULL);
}

static void test_output_closed_is_not_the_end(void **state)
{
    int64_t begun = bj_clock_us();
    char text[256];

    (void)state;
    assert_int_equal(run("echo hello; exec >&- 2>&-; sleep 0.1", text, 5000), 0);
    assert_string_equal(text, "hello\n");
    assert_int_equal(run("exec >&- 2>&-; exec sleep 10", text, 200), -BJ_E_TIMEOUT);
    assert_true(bj_clock_us() - begun < 5000000);
}

static void *run_many(void *data)
{
    char wanted[32], script[32], text[256];

    snprintf(script, sizeof script, "echo %s", (const char *)data);
    snprintf(wanted, sizeof wanted, "%s\n", (const char *)data);
    for (int i = 0; i < ROUNDS; i++) {
        if (run(script, text, 20000) != 0 || strcmp(text, wanted) != 0)
            return data;
    }
    return NULL;
}

static void test_threads_do_not_meet(void **state)
{
    static char *const names[] = {"first", "second", "third"};
    pthread_t threads[3];

    (void)state;
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run_many, names[i]), 0);
    for (int i = 0; i < 3; i++) {
        void *failed;

        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
}

static volatile sig_atomic_t handled;

static void handle(int signal)
{
    (void)signal;
    handled++;
}

/* A signal that waits for the child meets no handler of this process's, whose memory it is in. */
static void signalled_child(void *unused)
{
    (void)unused;
    kill(getpid(), SIGWINCH); /* ignored by default */
    bj_process_reset_signals();
    _exit(0);
}

static void test_handlers_do_not_run_in_the_child(void **state)
{
    struct sigaction own = {.sa_handler = handle}, before;
    pid_t child;

    (void)state;
    sigaction(SIGWINCH, &own, &before);
    child = bj_process_vfork(0, signalled_child, NULL, NULL);
    assert_true(child > 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_int_equal(handled, 0);
    raise(SIGWINCH);
    assert_int_equal(handled, 1);
    sigaction(SIGWINCH, &before, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_output_closed_is_not_the_end),
        cmocka_unit_test(test_threads_do_not_meet),
        cmocka_unit_test(test_handlers_do_not_run_in_the_child),
    };

    return cmocka_run_group_tests_name("program", tests, NULL, NULL);
}
