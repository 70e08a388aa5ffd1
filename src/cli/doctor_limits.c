/*
 * Limits: which a cgroup enforces here, which something weaker does, and what would have to be
 * allowed for more.
 */
#include "cli/doctor_report.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

static const struct {
    const char *name;
    enum bj_layer layer;
    enum bj_probe probe;
} controllers[BJ_CONTROLLER_COUNT] = {
    [BJ_CONTROLLER_MEMORY] = {"memory", BJ_LAYER_MEMORY, BJ_PROBE_CGROUP_MEMORY},
    [BJ_CONTROLLER_PIDS] = {"pids", BJ_LAYER_PROCESSES, BJ_PROBE_CGROUP_PIDS},
    [BJ_CONTROLLER_CPU] = {"cpu", BJ_LAYER_CPU, BJ_PROBE_CGROUP_CPU},
};

static bool has(const struct bj_doctor_input *in, enum bj_controller controller)
{
    return in->host->cgroup != BJ_CGROUP_NONE && in->host->cgroup_path[controller][0] != '\0';
}

static bool has_any(const struct bj_doctor_input *in)
{
    return has(in, BJ_CONTROLLER_MEMORY) || has(in, BJ_CONTROLLER_PIDS) ||
           has(in, BJ_CONTROLLER_CPU);
}

/* An ordinary user with cgroup version 2, and no part of the tree that is theirs. */
static void advise_delegation(const struct bj_doctor_input *in, struct bj_doctor *report,
                              enum bj_layer layer)
{
    const struct bj_surroundings *around = in->around;

    if (around->systemd_user)
        bj_doctor_advise(report, layer,
                         "Your session's cgroup belongs to root. Ask systemd for one of your own:\n"
                         "    systemd-run --user --scope -q -p Delegate=yes -- belljar run ...");
    else if (around->systemd)
        bj_doctor_advise(report, layer,
                         "Your session's cgroup belongs to root, and no systemd manager runs for "
                         "you. As root, `loginctl enable-linger USER`; then, after logging in "
                         "again:\n"
                         "    systemd-run --user --scope -q -p Delegate=yes -- belljar run ...");
    else
        bj_doctor_advise(report, layer,
                         "This process's cgroup (%s) belongs to root. As root, make one for it "
                         "and put the shell there:\n"
                         "    cd /sys/fs/cgroup && mkdir -p belljar/shell\n"
                         "    chown -R USER belljar\n"
                         "    echo '+memory +pids +cpu' > cgroup.subtree_control\n"
                         "    echo PID > belljar/shell/cgroup.procs\n"
                         "    echo '+memory +pids +cpu' > belljar/cgroup.subtree_control",
                         *around->cgroup_own != '\0' ? around->cgroup_own : "none");
}

static void advise_missing_v2(const struct bj_doctor_input *in, struct bj_doctor *report,
                              enum bj_controller controller)
{
    const char *name = controllers[controller].name;
    enum bj_layer layer = controllers[controller].layer;

    if (strstr(in->around->cgroup_offered, name) == NULL && in->host->uid == 0)
        bj_doctor_advise(report, layer,
                         "The kernel does not offer the %s controller here. It may be turned off "
                         "by a boot parameter (cgroup_disable=; cgroup_enable=memory turns memory "
                         "on) or taken by cgroup version 1; in a container, the outer cgroup has "
                         "to enable it.",
                         name);
    else if (in->host->uid == 0)
        bj_doctor_advise(report, layer,
                         "Enable the controllers at the top:\n"
                         "    echo '+memory +pids +cpu' > /sys/fs/cgroup/cgroup.subtree_control");
    else if (has_any(in))
        bj_doctor_advise(report, layer,
                         "systemd has not delegated every controller to you. As root, write this "
                         "to /etc/systemd/system/user@.service.d/delegate.conf, run systemctl "
                         "daemon-reload and log in again:\n"
                         "    [Service]\n"
                         "    Delegate=cpu cpuset io memory pids");
    else
        advise_delegation(in, report, layer);
}

/* What to do where a controller is missing. */
static void advise(const struct bj_doctor_input *in, struct bj_doctor *report,
                   enum bj_controller controller)
{
    const struct bj_surroundings *around = in->around;
    enum bj_layer layer = controllers[controller].layer;

    if (!around->cgroup_mounted)
        bj_doctor_advise(report, layer,
                         "No cgroup file system is at /sys/fs/cgroup. As root:\n"
                         "    mount -t cgroup2 cgroup2 /sys/fs/cgroup\n"
                         "In a container, have its cgroup mounted there, writable.");
    else if (around->cgroup_read_only)
        bj_doctor_advise(report, layer,
                         "/sys/fs/cgroup is read-only, as containers have it. Start the container "
                         "with a cgroup of its own that is writable; docker and podman do that "
                         "with --privileged, which also gives it much else.");
    else if (around->cgroup_v2)
        advise_missing_v2(in, report, controller);
    else if (in->host->uid != 0)
        bj_doctor_advise(report, layer,
                         "This host has cgroup version 1, which only root can use. Run belljar as "
                         "root, or boot with version 2:\n"
                         "    systemd.unified_cgroup_hierarchy=1");
    else
        bj_doctor_advise(report, layer,
                         "This host has cgroup version 1, and this root may not write what is "
                         "missing of /sys/fs/cgroup/memory, pids and cpu. Mount it there, run "
                         "belljar outside of the container, or boot with version 2:\n"
                         "    systemd.unified_cgroup_hierarchy=1");
}

/* Is the controller there and does it work? Otherwise its row says what does not. */
static bool works(const struct bj_doctor_input *in, struct bj_doctor *report,
                  enum bj_controller controller)
{
    enum bj_layer layer = controllers[controller].layer;
    int outcome = in->probes->outcome[controllers[controller].probe];

    if (!has(in, controller)) {
        advise(in, report, controller);
        return false;
    }
    if (outcome != 0) {
        bj_doctor_say(report, layer, BJ_DOCTOR_OFF, "the cgroup below %s cannot be used: %s",
                      in->host->cgroup_path[controller],
                      outcome > 0 ? strerror(outcome) : "the attempt was killed");
        return false;
    }
    bj_doctor_say(report, layer, BJ_DOCTOR_ON, "%s, by cgroup version %d", bj_layer_text(layer),
                  in->host->cgroup == BJ_CGROUP_V2 ? 2 : 1);
    report->rows[layer].advice = 0;
    return true;
}

static void process_row(const struct bj_doctor_input *in, struct bj_doctor *report)
{
    int outcome = in->probes->outcome[BJ_PROBE_PROCESS_LIMIT];

    if (has(in, BJ_CONTROLLER_PIDS)) {
        works(in, report, BJ_CONTROLLER_PIDS);
        return;
    }
    if (outcome == 0) {
        bj_doctor_say(report, BJ_LAYER_PROCESSES, BJ_DOCTOR_ON,
                      "%s, by RLIMIT_NPROC, counted for each sandbox",
                      bj_layer_text(BJ_LAYER_PROCESSES));
        return;
    }
    if (outcome == EPERM)
        bj_doctor_say(report, BJ_LAYER_PROCESSES, BJ_DOCTOR_OFF,
                      "no pids cgroup, and the kernel does not hold this user to RLIMIT_NPROC");
    else if (outcome == EAGAIN)
        bj_doctor_say(report, BJ_LAYER_PROCESSES, BJ_DOCTOR_OFF,
                      "no pids cgroup, and the kernel counts all processes of the user together");
    else
        bj_doctor_say(report, BJ_LAYER_PROCESSES, BJ_DOCTOR_OFF, "no pids cgroup");
    advise(in, report, BJ_CONTROLLER_PIDS);
}

/* Without a cgroup init adds up what /proc says. */
static void memory_row(const struct bj_doctor_input *in, struct bj_doctor *report)
{
    if (works(in, report, BJ_CONTROLLER_MEMORY) || has(in, BJ_CONTROLLER_MEMORY))
        return;
    if (report->rows[BJ_LAYER_PROC].state == BJ_DOCTOR_ON)
        bj_doctor_say(report, BJ_LAYER_MEMORY, BJ_DOCTOR_PARTIAL,
                      "no memory cgroup: watched every 10 ms, so a quick one gets past for a "
                      "moment");
    else
        bj_doctor_say(report, BJ_LAYER_MEMORY, BJ_DOCTOR_OFF,
                      "no memory cgroup, and without a /proc of its own nothing to watch it by");
}

/* `belljar run` has its limit everywhere; the service's workspaces lie on the disk or they do not.
 */
static void disk_row(const struct bj_doctor_input *in, struct bj_doctor *report)
{
    const enum bj_layer own = BJ_LAYER_DISK;

    if (report->rows[own].state != BJ_DOCTOR_ON)
        return;
    bj_doctor_say(report, own, BJ_DOCTOR_ON, "%s; in a bound directory only the size of one file%s",
                  bj_layer_text(own),
                  in->host->uid != 0 || in->around->no_loop != 0
                      ? "; workspaces of belljar serve lie in memory"
                      : "");
    if (in->host->uid != 0)
        bj_doctor_advise(report, own,
                         "Only root can mount a file system for each workspace of the service: run "
                         "belljar serve as root to have them on the disk.");
    else if (in->around->no_loop != 0)
        bj_doctor_advise(report, own,
                         "Workspaces of the service need loop devices; /dev/loop-control: %s. As "
                         "root `modprobe loop`; in a container, and in a systemd unit that closes "
                         "devices, give it /dev/loop-control and the block devices loop.",
                         strerror(in->around->no_loop));
}

void bj_doctor_limits(const struct bj_doctor_input *in, struct bj_doctor *report)
{
    static const enum bj_layer limits[] = {BJ_LAYER_MEMORY, BJ_LAYER_CPU, BJ_LAYER_PROCESSES,
                                           BJ_LAYER_DISK};

    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
        report->rows[limits[i]].by_design = false;
    memory_row(in, report);
    if (!works(in, report, BJ_CONTROLLER_CPU) && !has(in, BJ_CONTROLLER_CPU))
        bj_doctor_say(report, BJ_LAYER_CPU, BJ_DOCTOR_OFF,
                      "no cpu cgroup: nothing less than the host's CPUs (%d) can be enforced",
                      in->host->cpus);
    process_row(in, report);
    disk_row(in, report);
    if (in->probes->outcome[BJ_PROBE_TMPFS] != 0)
        bj_doctor_say(report, BJ_LAYER_DISK, BJ_DOCTOR_OFF, "no tmpfs of limited size");
}
