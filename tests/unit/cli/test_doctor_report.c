/*
 * Tests of src/cli/doctor_report.c and its siblings: hosts that are not here. Each starts from one
 * that gives everything and takes one thing away.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "base/str.h"
#include "cli/doctor_report.h"

#define EVERYTHING (((bj_layer_set)1 << BJ_LAYER_COUNT) - 1)

/* A host as a test wants it, and what is said about it. */
struct host {
    struct bj_host host;
    struct bj_probes probes;
    struct bj_surroundings around;
    struct bj_doctor_trial usual, landlock;
    struct bj_doctor report;
    struct bj_buf text;
};

static int make_host(void **state)
{
    static struct host made;

    made = (struct host){
        .host = {.uid = 1000,
                 .gid = 1000,
                 .kernel = 6012,
                 .landlock_abi = 6,
                 .cpus = 4,
                 .proc_sys_user = true,
                 .cgroup = BJ_CGROUP_V2},
        .around = {.kernel = "6.12.1",
                   .program = "/usr/local/bin/belljar",
                   .unprivileged_clone = -1,
                   .apparmor_restricts = -1,
                   .cgroup_mounted = true,
                   .cgroup_v2 = true,
                   .cgroup_offered = "cpuset cpu io memory pids",
                   .systemd = true,
                   .systemd_user = true},
        .usual = {.planned = true, .layers = EVERYTHING & ~BJ_LAYER_BIT(OWN_UID)},
    };
    for (int i = 0; i < BJ_CONTROLLER_COUNT; i++)
        bj_str_copy(made.host.cgroup_path[i], sizeof made.host.cgroup_path[i],
                    "/sys/fs/cgroup/user.slice");
    for (int i = 0; i < BJ_NAMESPACE_KIND_COUNT; i++) {
        made.around.namespace_built[i] = true;
        made.around.namespace_max[i] = 15000;
    }
    made.probes.outcome[BJ_PROBE_ID_MAPPED_TREE] = BJ_PROBE_UNTRIED;
    bj_buf_init(&made.text, 1 << 20);
    *state = &made;
    return 0;
}

static int forget_host(void **state)
{
    struct host *host = *state;

    bj_buf_release(&host->text);
    return 0;
}

static void report(struct host *host)
{
    const struct bj_doctor_input in = {
        .host = &host->host,
        .probes = &host->probes,
        .around = &host->around,
        .usual = &host->usual,
        .landlock = host->usual.result < 0 ? &host->landlock : NULL,
    };

    bj_buf_release(&host->text);
    bj_buf_init(&host->text, 1 << 20);
    bj_doctor_report(&in, &host->report);
    bj_doctor_print(&in, &host->report, &host->text);
    assert_false(host->text.failed);
    bj_buf_puts(&host->text, "\n----\n");
    assert_int_equal(bj_doctor_print_json(&in, &host->report, &host->text), 0);
}

/* The trial run failed, as it does on such a host. */
static void refuse(struct host *host, const char *message)
{
    host->usual.result = -BJ_E_LAYER;
    bj_fail(&host->usual.err, BJ_E_LAYER, "namespace", "%s", message);
}

static void no_namespaces(struct host *host, int error)
{
    refuse(host, "cannot make a user namespace");
    for (int i = BJ_PROBE_USER_NAMESPACE; i <= BJ_PROBE_PROCESS_LIMIT; i++)
        host->probes.outcome[i] = BJ_PROBE_UNTRIED;
    host->probes.outcome[BJ_PROBE_USER_NAMESPACE] = error;
}

static void assert_row(const struct host *host, enum bj_layer layer, enum bj_doctor_state state,
                       const char *words)
{
    const struct bj_doctor_row *row = &host->report.rows[layer];

    if (row->state != state || strstr(row->reason, words) == NULL)
        fail_msg("%s is %s: %s", bj_layer_name(layer), bj_doctor_state_name(row->state),
                 row->reason);
}

static void assert_advice(const struct host *host, enum bj_layer layer, const char *words)
{
    int number = host->report.rows[layer].advice;

    assert_in_range(number, 1, host->report.advice_count);
    if (strstr(host->report.advice[number - 1], words) == NULL)
        fail_msg("expected \"%s\" in: %s", words, host->report.advice[number - 1]);
}

static void assert_narrow(const struct host *host)
{
    const char *at = bj_buf_text(&host->text), *end = strstr(at, "\n----\n");

    while (at < end) {
        size_t length = strcspn(at, "\n");

        if (length > 80)
            fail_msg("wider than 80 columns: %.*s", (int)length, at);
        at += length + 1;
    }
}

static void all_is_well(void **state)
{
    struct host *host = *state;

    report(host);
    assert_int_equal(bj_doctor_status(&host->report), 0);
    assert_int_equal(host->report.advice_count, 1); /* of the service's workspaces */
    assert_row(host, BJ_LAYER_DISK, BJ_DOCTOR_ON, "workspaces of belljar serve lie in memory");
    assert_advice(host, BJ_LAYER_DISK, "as root");
    assert_row(host, BJ_LAYER_OWN_UID, BJ_DOCTOR_OFF, "your own uid 1000");
    assert_row(host, BJ_LAYER_MEMORY, BJ_DOCTOR_ON, "cgroup version 2");
    assert_non_null(strstr(bj_buf_text(&host->text), "works here with every layer"));
    assert_non_null(strstr(bj_buf_text(&host->text), "\"refused\": null"));
    assert_narrow(host);
}

static void workspaces_of_the_service(void **state)
{
    struct host *host = *state;

    host->host.uid = 0;
    report(host);
    assert_int_equal(host->report.rows[BJ_LAYER_DISK].advice, 0);
    assert_null(strstr(host->report.rows[BJ_LAYER_DISK].reason, "memory"));
    host->around.no_loop = EPERM;
    report(host);
    assert_row(host, BJ_LAYER_DISK, BJ_DOCTOR_ON, "workspaces of belljar serve lie in memory");
    assert_advice(host, BJ_LAYER_DISK, "/dev/loop-control: Operation not permitted");
    assert_narrow(host);
}

static void what_no_plan_has_is_no_fault(void **state)
{
    struct host *host = *state;

    host->usual.layers &= ~BJ_LAYER_BIT(UTS);
    report(host);
    assert_row(host, BJ_LAYER_UTS, BJ_DOCTOR_OFF, "this version");
    assert_int_equal(bj_doctor_status(&host->report), 0);
}

static void no_time_namespace(void **state)
{
    struct host *host = *state;

    host->host.kernel = 6001;
    bj_str_copy(host->around.kernel, sizeof host->around.kernel, "6.1.0-44");
    host->usual.layers &= ~BJ_LAYER_BIT(TIME);
    report(host);
    assert_row(host, BJ_LAYER_TIME, BJ_DOCTOR_OFF, "Linux 6.1.0-44: 6.3 is the first");
    assert_int_equal(bj_doctor_status(&host->report), 1);

    host->host.kernel = 6012;
    host->around.namespace_built[BJ_NAMESPACE_TIME] = false;
    host->probes.outcome[BJ_PROBE_TIME] = EINVAL;
    refuse(host, "cannot make a time namespace");
    report(host);
    assert_row(host, BJ_LAYER_TIME, BJ_DOCTOR_OFF, "built without time namespaces");
}

static void debian_without_user_namespaces(void **state)
{
    struct host *host = *state;

    host->around.unprivileged_clone = 0;
    no_namespaces(host, EPERM);
    report(host);
    assert_int_equal(bj_doctor_status(&host->report), 2);
    assert_row(host, BJ_LAYER_USER_NAMESPACE, BJ_DOCTOR_OFF, "unprivileged_userns_clone is 0");
    assert_advice(host, BJ_LAYER_USER_NAMESPACE, "sysctl -w kernel.unprivileged_userns_clone=1");
    assert_row(host, BJ_LAYER_PID, BJ_DOCTOR_OFF, "needs a user namespace");
    assert_row(host, BJ_LAYER_LANDLOCK, BJ_DOCTOR_ON, "");
    assert_non_null(strstr(bj_buf_text(&host->text), "refuses to work here"));
    assert_non_null(strstr(bj_buf_text(&host->text), "\"isolation\": null"));
    assert_narrow(host);
}

static void landlock_is_offered_where_it_works(void **state)
{
    struct host *host = *state;

    no_namespaces(host, EPERM);
    report(host);
    assert_true(host->report.landlock_works);
    assert_non_null(strstr(bj_buf_text(&host->text), "--isolation landlock would work"));
    host->landlock.result = -BJ_E_LAYER;
    report(host);
    assert_false(host->report.landlock_works);
}

/* Ubuntu 24.04: the namespace can be made, but nothing can be done in it. */
static void ubuntu_with_apparmor(void **state)
{
    struct host *host = *state;

    host->around.apparmor_restricts = 1;
    no_namespaces(host, 0);
    host->probes.outcome[BJ_PROBE_ID_MAP] = EPERM;
    report(host);
    assert_int_equal(bj_doctor_status(&host->report), 2);
    assert_row(host, BJ_LAYER_USER_NAMESPACE, BJ_DOCTOR_OFF, "AppArmor");
    assert_advice(host, BJ_LAYER_USER_NAMESPACE, "/etc/apparmor.d/belljar");
    assert_advice(host, BJ_LAYER_USER_NAMESPACE,
                  "profile belljar /usr/local/bin/belljar flags=(unconfined) {");
    assert_advice(host, BJ_LAYER_USER_NAMESPACE, "apparmor_parser -r /etc/apparmor.d/belljar");
    assert_narrow(host);

    host->probes.outcome[BJ_PROBE_ID_MAP] = 0;
    host->probes.outcome[BJ_PROBE_MOUNT] = EPERM;
    report(host);
    assert_row(host, BJ_LAYER_USER_NAMESPACE, BJ_DOCTOR_OFF, "AppArmor");
}

static void none_left(void **state)
{
    struct host *host = *state;

    host->around.namespace_max[BJ_NAMESPACE_USER] = 0;
    no_namespaces(host, ENOSPC);
    report(host);
    assert_row(host, BJ_LAYER_USER_NAMESPACE, BJ_DOCTOR_OFF, "max_user_namespaces is 0");
    assert_advice(host, BJ_LAYER_USER_NAMESPACE, "sysctl -w user.max_user_namespaces=15000");

    host->around.namespace_max[BJ_NAMESPACE_USER] = 7;
    report(host);
    assert_row(host, BJ_LAYER_USER_NAMESPACE, BJ_DOCTOR_OFF, "(7) or of 32 levels is reached");
}

static void in_a_container(void **state)
{
    struct host *host = *state;

    bj_str_copy(host->around.container, sizeof host->around.container, "docker");
    host->around.filtered = true;
    no_namespaces(host, EPERM);
    report(host);
    assert_row(host, BJ_LAYER_USER_NAMESPACE, BJ_DOCTOR_OFF, "a system call filter");
    assert_advice(host, BJ_LAYER_USER_NAMESPACE, "docker run --security-opt seccomp=unconfined");
    assert_advice(host, BJ_LAYER_USER_NAMESPACE, "podman run");
    assert_narrow(host);

    bj_str_copy(host->around.container, sizeof host->around.container, "kubernetes");
    bj_str_copy(host->around.kernel, sizeof host->around.kernel, "6.1.0-56-cloud-amd64-long");
    host->host.privileged = true;
    report(host);
    assert_advice(host, BJ_LAYER_USER_NAMESPACE, "procMount: Unmasked");
    assert_narrow(host);

    host->probes.outcome[BJ_PROBE_USER_NAMESPACE] = BJ_PROBE_KILLED;
    report(host);
    assert_row(host, BJ_LAYER_USER_NAMESPACE, BJ_DOCTOR_OFF, "the attempt was killed");
}

static void covered_proc(void **state)
{
    struct host *host = *state;

    bj_str_copy(host->around.container, sizeof host->around.container, "podman");
    host->around.proc_covered = 9;
    host->probes.outcome[BJ_PROBE_PROC] = EPERM;
    refuse(host, "cannot mount /proc");
    report(host);
    assert_row(host, BJ_LAYER_PROC, BJ_DOCTOR_OFF, "9 mounts cover");
    assert_advice(host, BJ_LAYER_PROC, "systempaths=unconfined");
    assert_advice(host, BJ_LAYER_PROC, "/proc is empty inside");
    assert_row(host, BJ_LAYER_MOUNT, BJ_DOCTOR_ON, "");
    assert_narrow(host);
}

/* What init would add up is not to be had then. */
static void no_proc_to_watch_memory_by(void **state)
{
    struct host *host = *state;

    host->host.cgroup = BJ_CGROUP_NONE;
    host->around.proc_covered = 1;
    host->probes.outcome[BJ_PROBE_PROC] = EPERM;
    report(host);
    assert_row(host, BJ_LAYER_MEMORY, BJ_DOCTOR_OFF, "nothing to watch it by");
}

static void other_refusals(void **state)
{
    struct host *host = *state;

    no_namespaces(host, EPERM);
    host->around.selinux = true;
    report(host);
    assert_row(host, BJ_LAYER_USER_NAMESPACE, BJ_DOCTOR_OFF, "SELinux");
    assert_advice(host, BJ_LAYER_USER_NAMESPACE, "ausearch -m AVC -c belljar");

    host->around.chrooted = true;
    report(host);
    assert_row(host, BJ_LAYER_USER_NAMESPACE, BJ_DOCTOR_OFF, "chroot");

    host->around.namespace_built[BJ_NAMESPACE_USER] = false;
    report(host);
    assert_row(host, BJ_LAYER_USER_NAMESPACE, BJ_DOCTOR_OFF, "built without user namespaces");
    assert_advice(host, BJ_LAYER_USER_NAMESPACE, "CONFIG_USER_NS");

    host->host.kernel = 5004;
    bj_str_copy(host->around.kernel, sizeof host->around.kernel, "5.4.0-200");
    report(host);
    assert_row(host, BJ_LAYER_MOUNT, BJ_DOCTOR_OFF, "5.4.0-200 is too old");
    assert_narrow(host);
}

static void one_kind_is_missing(void **state)
{
    struct host *host = *state;

    host->around.namespace_max[BJ_NAMESPACE_NETWORK] = 0;
    host->probes.outcome[BJ_PROBE_NETWORK] = ENOSPC;
    refuse(host, "cannot make new namespaces");
    report(host);
    assert_row(host, BJ_LAYER_NETWORK, BJ_DOCTOR_OFF, "max_net_namespaces is 0");
    assert_row(host, BJ_LAYER_IPC, BJ_DOCTOR_ON, "");
}

static void old_landlock(void **state)
{
    struct host *host = *state;

    host->host.landlock_abi = 3;
    report(host);
    assert_int_equal(bj_doctor_status(&host->report), 1);
    assert_row(host, BJ_LAYER_LANDLOCK, BJ_DOCTOR_PARTIAL,
               "ABI 3 has no rules for TCP ports, ioctls on devices, signals and abstract sockets");
    assert_advice(host, BJ_LAYER_LANDLOCK, "6.12");
    assert_narrow(host);

    host->host.landlock_abi = 5;
    report(host);
    assert_row(host, BJ_LAYER_LANDLOCK, BJ_DOCTOR_PARTIAL, "no rules for signals and abstract");
}

static void no_landlock(void **state)
{
    struct host *host = *state;

    host->usual.layers &= ~BJ_LAYER_BIT(LANDLOCK);
    host->host.landlock_abi = 0;
    host->probes.outcome[BJ_PROBE_LANDLOCK] = EOPNOTSUPP;
    bj_str_copy(host->around.security_modules, sizeof host->around.security_modules,
                "capability,yama,apparmor");
    report(host);
    assert_int_equal(bj_doctor_status(&host->report), 1);
    assert_row(host, BJ_LAYER_LANDLOCK, BJ_DOCTOR_OFF, "not turned on at boot");
    assert_advice(host, BJ_LAYER_LANDLOCK, "lsm=landlock,capability,yama,apparmor");

    host->probes.outcome[BJ_PROBE_LANDLOCK] = ENOSYS;
    report(host);
    assert_row(host, BJ_LAYER_LANDLOCK, BJ_DOCTOR_OFF, "built without Landlock");

    host->host.kernel = 5012;
    report(host);
    assert_row(host, BJ_LAYER_LANDLOCK, BJ_DOCTOR_OFF, "5.13");

    host->probes.outcome[BJ_PROBE_LANDLOCK] = EPERM;
    host->around.filtered = true;
    report(host);
    assert_advice(host, BJ_LAYER_LANDLOCK, "landlock_create_ruleset");
}

static void no_filter_and_no_overlay(void **state)
{
    struct host *host = *state;

    host->probes.outcome[BJ_PROBE_SECCOMP] = ENOSYS;
    host->probes.outcome[BJ_PROBE_OVERLAY] = ENODEV;
    report(host);
    assert_row(host, BJ_LAYER_SECCOMP, BJ_DOCTOR_OFF, "no system call filter");
    assert_advice(host, BJ_LAYER_SECCOMP, "CONFIG_SECCOMP_FILTER");
    assert_advice(host, BJ_LAYER_SHARED_TREES, "CONFIG_OVERLAY_FS");
    assert_row(host, BJ_LAYER_SHARED_TREES, BJ_DOCTOR_OFF, "no overlay can be mounted");
    assert_int_equal(bj_doctor_status(&host->report), 1);
}

/* Containers have files of /etc mounted; the attempt is over /usr. */
static void overlay_over_mounts(void **state)
{
    struct host *host = *state;

    bj_str_copy(host->around.system_mount, sizeof host->around.system_mount, "/etc/hosts");
    report(host);
    assert_row(host, BJ_LAYER_SHARED_TREES, BJ_DOCTOR_ON, "");

    host->usual.layers &= ~BJ_LAYER_BIT(SHARED_TREES);
    bj_degradations_add(&host->usual.degraded, BJ_LAYER_SHARED_TREES, "refused an overlay");
    report(host);
    assert_row(host, BJ_LAYER_SHARED_TREES, BJ_DOCTOR_OFF, "mounted below, as on /etc/hosts");
    assert_int_equal(bj_doctor_status(&host->report), 1);

    bj_str_copy(host->around.system_mount, sizeof host->around.system_mount, "/usr/local");
    host->probes.outcome[BJ_PROBE_OVERLAY] = EINVAL;
    report(host);
    assert_row(host, BJ_LAYER_SHARED_TREES, BJ_DOCTOR_OFF, "mounted below, as on /usr/local");
}

static void no_controllers(struct host *host)
{
    host->host.cgroup = BJ_CGROUP_NONE;
    memset(host->host.cgroup_path, 0, sizeof host->host.cgroup_path);
}

static void no_delegation(void **state)
{
    struct host *host = *state;

    no_controllers(host);
    report(host);
    assert_int_equal(bj_doctor_status(&host->report), 1);
    assert_row(host, BJ_LAYER_MEMORY, BJ_DOCTOR_PARTIAL, "watched");
    assert_row(host, BJ_LAYER_CPU, BJ_DOCTOR_OFF, "CPUs (4)");
    assert_row(host, BJ_LAYER_PROCESSES, BJ_DOCTOR_ON, "RLIMIT_NPROC");
    assert_advice(host, BJ_LAYER_MEMORY, "systemd-run --user --scope -q -p Delegate=yes");
    assert_int_equal(host->report.advice_count, 2);
    assert_non_null(strstr(bj_buf_text(&host->text), "  watched     memory\n"));
    assert_non_null(strstr(bj_buf_text(&host->text), "  not limited cpu\n"));
    assert_narrow(host);

    host->around.systemd_user = false;
    report(host);
    assert_advice(host, BJ_LAYER_CPU, "loginctl enable-linger");
    host->around.systemd = false;
    report(host);
    assert_advice(host, BJ_LAYER_CPU, "cgroup.subtree_control");
    host->around.cgroup_read_only = true;
    report(host);
    assert_advice(host, BJ_LAYER_CPU, "read-only");
    host->around.cgroup_mounted = false;
    report(host);
    assert_advice(host, BJ_LAYER_CPU, "mount -t cgroup2");
    assert_narrow(host);
}

static void one_controller_is_missing(void **state)
{
    struct host *host = *state;

    host->host.cgroup_path[BJ_CONTROLLER_CPU][0] = '\0';
    report(host);
    assert_row(host, BJ_LAYER_MEMORY, BJ_DOCTOR_ON, "");
    assert_row(host, BJ_LAYER_CPU, BJ_DOCTOR_OFF, "no cpu cgroup");
    assert_advice(host, BJ_LAYER_CPU, "user@.service.d/delegate.conf");

    host->host.uid = 0;
    host->host.privileged = true;
    report(host);
    assert_advice(host, BJ_LAYER_CPU, "cgroup.subtree_control");
    bj_str_copy(host->around.cgroup_offered, sizeof host->around.cgroup_offered, "io memory pids");
    report(host);
    assert_advice(host, BJ_LAYER_CPU, "boot parameter");
    assert_narrow(host);
}

static void first_version_of_cgroups(void **state)
{
    struct host *host = *state;

    no_controllers(host);
    host->around.cgroup_v2 = false;
    report(host);
    assert_advice(host, BJ_LAYER_MEMORY, "systemd.unified_cgroup_hierarchy=1");
    host->host.uid = 0;
    report(host);
    assert_advice(host, BJ_LAYER_MEMORY, "this root may not write");
    assert_narrow(host);
}

static void cgroup_that_cannot_be_used(void **state)
{
    struct host *host = *state;

    host->probes.outcome[BJ_PROBE_CGROUP_PIDS] = EACCES;
    refuse(host, "cannot join the cgroup of the processes limit");
    report(host);
    assert_row(host, BJ_LAYER_PROCESSES, BJ_DOCTOR_OFF,
               "the cgroup below /sys/fs/cgroup/user.slice cannot be used: Permission denied");
    assert_int_equal(bj_doctor_status(&host->report), 2);
}

static void processes_counted_together(void **state)
{
    struct host *host = *state;

    no_controllers(host);
    host->probes.outcome[BJ_PROBE_PROCESS_LIMIT] = EAGAIN;
    report(host);
    assert_row(host, BJ_LAYER_PROCESSES, BJ_DOCTOR_OFF, "counts all processes of the user");
    host->probes.outcome[BJ_PROBE_PROCESS_LIMIT] = EPERM;
    report(host);
    assert_row(host, BJ_LAYER_PROCESSES, BJ_DOCTOR_OFF, "does not hold this user");
}

static void privileged_ids(void **state)
{
    struct host *host = *state;

    host->host.uid = 0;
    host->host.privileged = true;
    host->usual.layers = EVERYTHING;
    host->probes.outcome[BJ_PROBE_ID_MAPPED_TREE] = 0;
    report(host);
    assert_row(host, BJ_LAYER_OWN_UID, BJ_DOCTOR_ON, "");
    assert_int_equal(bj_doctor_status(&host->report), 0);

    host->probes.outcome[BJ_PROBE_ID_MAPPED_TREE] = EINVAL;
    report(host);
    assert_row(host, BJ_LAYER_OWN_UID, BJ_DOCTOR_PARTIAL, "no id-mapped mounts");
    assert_int_equal(bj_doctor_status(&host->report), 1);

    host->host.privileged = false;
    host->usual.layers &= ~BJ_LAYER_BIT(OWN_UID);
    report(host);
    assert_row(host, BJ_LAYER_OWN_UID, BJ_DOCTOR_OFF, "no ids to give away");
    assert_int_equal(bj_doctor_status(&host->report), 1);
}

static void the_trial_has_the_last_word(void **state)
{
    struct host *host = *state;

    bj_degradations_add(&host->usual.degraded, BJ_LAYER_UTS, "something came between");
    report(host);
    assert_row(host, BJ_LAYER_UTS, BJ_DOCTOR_PARTIAL, "something came between");
    assert_int_equal(bj_doctor_status(&host->report), 1);
    refuse(host, "something else failed");
    report(host);
    assert_int_equal(bj_doctor_status(&host->report), 2);
    assert_non_null(strstr(bj_buf_text(&host->text), "something else failed"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_host, forget_host)
    const struct CMUnitTest tests[] = {
        TEST(all_is_well),
        TEST(what_no_plan_has_is_no_fault),
        TEST(no_time_namespace),
        TEST(debian_without_user_namespaces),
        TEST(landlock_is_offered_where_it_works),
        TEST(ubuntu_with_apparmor),
        TEST(none_left),
        TEST(in_a_container),
        TEST(covered_proc),
        TEST(no_proc_to_watch_memory_by),
        TEST(other_refusals),
        TEST(one_kind_is_missing),
        TEST(old_landlock),
        TEST(no_landlock),
        TEST(no_filter_and_no_overlay),
        TEST(overlay_over_mounts),
        TEST(workspaces_of_the_service),
        TEST(no_delegation),
        TEST(one_controller_is_missing),
        TEST(first_version_of_cgroups),
        TEST(cgroup_that_cannot_be_used),
        TEST(processes_counted_together),
        TEST(privileged_ids),
        TEST(the_trial_has_the_last_word),
    };

    return cmocka_run_group_tests_name("doctor_report", tests, NULL, NULL);
}
