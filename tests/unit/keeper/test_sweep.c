/* What is left of a killed keeper is gone once the next one runs; what is others' is not. */
#include "service.h"

#include <errno.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "linux/cgroup.h"

static struct service service;
static char state_directory[64];
static struct bj_host host;

static int set_up(void **state)
{
    (void)state;
    bj_cgroup_find(&host);
    strcpy(state_directory, "/var/tmp/belljar-sweep-XXXXXX");
    assert_non_null(mkdtemp(state_directory));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    assert_int_equal(rmdir(state_directory), 0);
    return 0;
}

/* The number of a process that was, and is no more. */
static pid_t past_process(void)
{
    pid_t pid = fork();

    if (pid == 0)
        _exit(0);
    waitpid(pid, NULL, 0);
    return pid;
}

static void make_cgroup(char *ret_path, size_t size, pid_t number, int serial)
{
    snprintf(ret_path, size, "%s/belljar-%d-%d", host.cgroup_path[BJ_CONTROLLER_PIDS], number,
             serial);
    assert_int_equal(mkdir(ret_path, 0755), 0);
}

static pid_t sleeper_in(const char *cgroup)
{
    pid_t pid = fork();
    char path[512];
    FILE *file;

    if (pid == 0) {
        for (;;)
            pause();
    }
    snprintf(path, sizeof path, "%s/cgroup.procs", cgroup);
    file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "%d\n", pid);
    assert_int_equal(fclose(file), 0);
    return pid;
}

static void write_state(pid_t number)
{
    char path[128];
    FILE *file;

    snprintf(path, sizeof path, "%s/keeper.cgroups", state_directory);
    file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "%d %s\n%d /etc\n", number, host.cgroup_path[BJ_CONTROLLER_PIDS], number);
    assert_int_equal(fclose(file), 0);
}

static void run_once(void)
{
    service_start(&service, (struct bj_keeper_options){.state = state_directory});
    assert_int_equal(create(&service, "one", NULL), 0);
    assert_int_equal(service_stop(&service), 0);
}

static void what_was_left_is_gone(void **state)
{
    char left[512], others[512];
    pid_t past = past_process(), sleeper, spared;
    int status;

    (void)state;
    if (host.cgroup_path[BJ_CONTROLLER_PIDS][0] == '\0')
        skip();
    make_cgroup(left, sizeof left, past, 3);
    make_cgroup(others, sizeof others, past + 100000000, 3);
    sleeper = sleeper_in(left);
    spared = sleeper_in(others);
    write_state(past);
    run_once();
    assert_int_equal(access(left, F_OK), -1);
    assert_int_equal(waitpid(sleeper, &status, 0), sleeper);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);

    assert_int_equal(access(others, F_OK), 0);
    assert_int_equal(waitpid(spared, &status, WNOHANG), 0);
    kill(spared, SIGKILL);
    waitpid(spared, &status, 0);
    for (int i = 0; i < 100 && rmdir(others) < 0; i++)
        usleep(10000);
}

/* A number that is somebody's now may be that of a keeper with cgroups of the same names. */
static void what_may_be_others_stays(void **state)
{
    char left[512];

    (void)state;
    if (host.cgroup_path[BJ_CONTROLLER_PIDS][0] == '\0')
        skip();
    make_cgroup(left, sizeof left, getpid(), 999999);
    write_state(getpid());
    run_once();
    assert_int_equal(rmdir(left), 0);
    /* It is still written down, for the next start. */
    snprintf(left, sizeof left, "%s/keeper.cgroups", state_directory);
    assert_int_equal(unlink(left), 0);
}

/* A damaged file is no reason not to start. */
static void damage_does_no_harm(void **state)
{
    char path[128];
    FILE *file;

    (void)state;
    snprintf(path, sizeof path, "%s/keeper.cgroups", state_directory);
    file = fopen(path, "w");
    assert_non_null(file);
    fputs("-1\n\n77 /sys/fs/cgroup/../../../etc\n77\n77 \nx", file);
    assert_int_equal(fclose(file), 0);
    run_once();
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(what_was_left_is_gone),
        TEST(what_may_be_others_stays),
        TEST(damage_does_no_harm),
    };

    return cmocka_run_group_tests_name("sweep", tests, NULL, NULL);
}
