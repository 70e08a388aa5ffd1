/*
 * What the tests of live sandboxes share: one sandbox for each case, made by the native backend,
 * with a fresh directory as its workspace; checked for descriptors left open.
 *
 * Without sanitizers: init is cloned from this process, and its children share its memory until
 * they have executed. As root the cases run twice, first as an ordinary user.
 */
#ifndef BJ_TESTS_LIVE_H
#define BJ_TESTS_LIVE_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "backend/backend.h"

#define ORDINARY    60999
#define PATIENCE_MS 5000

static const struct bj_backend *const native = &bj_backend_native;
static const char *const env[] = {"PATH=/usr/bin:/bin", "LANG=C.UTF-8", NULL};

static char directory[64]; /* the workspace on the host, and inside */
static struct bj_config config;
static struct bj_result result;
static struct bj_sandbox *sandbox;
static struct bj_error err;
static int open_before;

static int count_descriptors(void)
{
    DIR *list = opendir("/proc/self/fd");
    int count = 0;

    assert_non_null(list);
    while (readdir(list) != NULL)
        count++;
    closedir(list);
    return count;
}

static inline struct bj_sandbox *create(void)
{
    struct bj_sandbox *made = NULL;

    if (native->create(&config, NULL, &result, &made, &err) != 0)
        fail_msg("%s", err.message);
    return made;
}

static int setup(void **state)
{
    (void)state;
    memset(&err, 0, sizeof err);
    open_before = count_descriptors();
    bj_result_init(&result);
    assert_int_equal(bj_config_init(&config, &err), 0);
    assert_int_equal(bj_config_set(&config, BJ_OPT_WORKSPACE, directory, NULL, &err), 0);
    assert_int_equal(bj_config_set(&config, BJ_OPT_MAX_PROCESSES, "0", NULL, &err), 0);
    sandbox = create();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    native->destroy(sandbox, &result);
    sandbox = NULL;
    bj_result_release(&result);
    bj_config_release(&config);
    assert_int_equal(count_descriptors(), open_before);
    return 0;
}

static int start_in(struct bj_sandbox *where, const char *script, int output, pid_t *ret_pid)
{
    const char *argv[] = {"sh", "-c", script, NULL};
    const struct bj_spawn spawn = {.directory = "", .argv = argv, .env = env};
    int null = open("/dev/null", O_RDWR | O_CLOEXEC), failed;
    int streams[] = {null, output >= 0 ? output : null, null};

    assert_true(null >= 0);
    failed = native->spawn(where, &spawn, streams, ret_pid, NULL, &err);
    close(null);
    return failed;
}

static inline pid_t start(const char *script)
{
    pid_t pid = 0;

    if (start_in(sandbox, script, -1, &pid) != 0)
        fail_msg("%s: %s", script, err.message);
    assert_true(pid > 1);
    return pid;
}

static int wait_for(pid_t pid)
{
    struct bj_exited exited = {0};

    if (native->wait(sandbox, pid, &exited, &err) != 0)
        fail_msg("%s", err.message);
    assert_int_equal(exited.pid, pid);
    return exited.status;
}

/* What a script prints, without its last newline. */
static inline const char *says(const char *script)
{
    static char text[4096];
    ssize_t length, total = 0;
    int ends[2];
    pid_t pid;

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(start_in(sandbox, script, ends[1], &pid), 0);
    close(ends[1]);
    while ((length = read(ends[0], text + total, sizeof text - 1 - (size_t)total)) > 0)
        total += length;
    close(ends[0]);
    text[total] = '\0';
    if (total > 0 && text[total - 1] == '\n')
        text[total - 1] = '\0';
    wait_for(pid);
    return text;
}

/* Runs the cases in a fresh workspace as that user; not 0 if one failed. */
typedef int run_cases_fn(const char *who);

static inline int run_as(run_cases_fn *run_cases, const char *who, uid_t uid)
{
    int failures;

    if (uid != geteuid() &&
        (setgroups(0, NULL) < 0 || setresgid(uid, uid, uid) < 0 || setresuid(uid, uid, uid) < 0 ||
         prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0)) {
        perror("cannot become an ordinary user");
        return 1;
    }
    snprintf(directory, sizeof directory, "/var/tmp/belljar-broker.XXXXXX");
    if (mkdtemp(directory) == NULL || chdir(directory) < 0) {
        perror(directory);
        return 1;
    }
    failures = run_cases(who);
    if (failures == 0 && rmdir(directory) < 0) {
        perror(directory); /* a case left something behind */
        return 1;
    }
    return failures;
}

/* For main(). */
static inline int run_as_both(run_cases_fn *run_cases)
{
    int status = 0, failures = 0;

    if (geteuid() == 0) {
        pid_t pid = fork();

        if (pid == 0)
            exit(run_as(run_cases, "ordinary user", ORDINARY) == 0 ? 0 : 1);
        failures = pid < 0 || waitpid(pid, &status, 0) < 0 || status != 0;
    }
    failures += run_as(run_cases, geteuid() == 0 ? "root" : "ordinary user", geteuid());
    return failures == 0 ? 0 : 1;
}

#endif
