/*
 * Namespaces and what needs them: the cause of a refusal, told from what the kernel said and from
 * what is around.
 */
#include "cli/doctor_report.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

#define OLDEST_KERNEL 5012 /* mount_setattr(2) */
#define TIME_KERNEL   6003 /* as in src/plan/namespaces.c */

/* These are made in the user namespace, or need it to be made. */
static const enum bj_layer dependent[] = {
    BJ_LAYER_MOUNT, BJ_LAYER_PID,  BJ_LAYER_NETWORK, BJ_LAYER_IPC,          BJ_LAYER_UTS,
    BJ_LAYER_TIME,  BJ_LAYER_PROC, BJ_LAYER_OWN_UID, BJ_LAYER_SHARED_TREES, BJ_LAYER_CGROUP_NS,
};

static const char *outcome_text(int outcome)
{
    return outcome > 0 ? strerror(outcome) : "the attempt was killed";
}

/* `otherwise` is what can be done instead: a line of its own, or "". */
static void advise_container(const struct bj_doctor_input *in, struct bj_doctor *report,
                             enum bj_layer layer, const char *otherwise)
{
    static const char calls[] = "clone, unshare, setns, mount, umount2, fsopen, fsconfig, fsmount, "
                                "open_tree, move_mount, mount_setattr and pivot_root";

    if (bj_streq(in->around->container, "kubernetes"))
        bj_doctor_advise(report, layer,
                         "The container's own rules are in the way. Give it this securityContext; "
                         "procMount needs hostUsers: false:\n"
                         "    seccompProfile: {type: Unconfined}\n"
                         "    procMount: Unmasked\n"
                         "A seccomp profile that allows %s will do as well.%s",
                         calls, otherwise);
    else
        bj_doctor_advise(report, layer,
                         "The container's own rules are in the way. Start it with:\n"
                         "    docker run --security-opt seccomp=unconfined \\\n"
                         "        --security-opt apparmor=unconfined \\\n"
                         "        --security-opt systempaths=unconfined ...\n"
                         "    podman run --security-opt seccomp=unconfined \\\n"
                         "        --security-opt unmask=ALL ...\n"
                         "A seccomp profile that allows %s will do as well as unconfined.%s",
                         calls, otherwise);
}

static void advise_apparmor(const struct bj_doctor_input *in, struct bj_doctor *report,
                            enum bj_layer layer)
{
    const char *program = in->around->program;

    bj_doctor_advise(report, layer,
                     "Give belljar a profile that allows user namespaces. As root, write this to "
                     "/etc/apparmor.d/belljar:\n"
                     "    abi <abi/4.0>,\n"
                     "    include <tunables/global>\n"
                     "    profile belljar %s flags=(unconfined) {\n"
                     "      userns,\n"
                     "      include if exists <local/belljar>\n"
                     "    }\n"
                     "and load it:\n"
                     "    apparmor_parser -r /etc/apparmor.d/belljar\n"
                     "Or allow them for every program:\n"
                     "    sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
                     *program != '\0' ? program : "/usr/local/bin/belljar");
}

static void too_many(const struct bj_doctor_input *in, struct bj_doctor *report,
                     enum bj_layer layer, enum bj_namespace_kind kind)
{
    const char *name = bj_namespace_name(kind);
    long long maximum = in->around->namespace_max[kind];

    if (maximum == 0)
        bj_doctor_say(report, layer, BJ_DOCTOR_OFF, "user.max_%s_namespaces is 0", name);
    else
        bj_doctor_say(report, layer, BJ_DOCTOR_OFF,
                      "the limit of user.max_%s_namespaces (%lld) or of 32 levels is reached, here "
                      "or further out",
                      name, maximum);
    bj_doctor_advise(report, layer,
                     "As root, and in a file of /etc/sysctl.d to keep it:\n"
                     "    sysctl -w user.max_%s_namespaces=15000\n"
                     "In a container or another user namespace, whoever made it has to.",
                     name);
}

/* The kernel was built with user namespaces and said no: who told it to? */
static void explain_refusal(const struct bj_doctor_input *in, struct bj_doctor *report,
                            enum bj_layer layer, const char *what, int outcome)
{
    const struct bj_surroundings *around = in->around;

    if (around->unprivileged_clone == 0 && in->host->uid != 0) {
        bj_doctor_say(report, layer, BJ_DOCTOR_OFF, "kernel.unprivileged_userns_clone is 0");
        bj_doctor_advise(report, layer,
                         "As root, and in a file of /etc/sysctl.d to keep it:\n"
                         "    sysctl -w kernel.unprivileged_userns_clone=1");
    } else if (around->apparmor_restricts == 1 && !in->host->privileged) {
        bj_doctor_say(report, layer, BJ_DOCTOR_OFF,
                      "AppArmor restricts user namespaces to programs with a profile "
                      "(kernel.apparmor_restrict_unprivileged_userns is 1)");
        advise_apparmor(in, report, layer);
    } else if (in->host->uid == 0 && !in->host->privileged && !around->filtered &&
               in->probes->outcome[BJ_PROBE_USER_NAMESPACE] == 0 &&
               in->probes->outcome[BJ_PROBE_ID_MAP] == EPERM) {
        bj_doctor_say(report, layer, BJ_DOCTOR_OFF,
                      "a root that lacks CAP_SETFCAP may not map its uid into a user namespace");
        bj_doctor_advise(report, layer,
                         "Run belljar as an ordinary user, or give this root its capabilities "
                         "back.");
    } else if (around->chrooted) {
        bj_doctor_say(report, layer, BJ_DOCTOR_OFF,
                      "this process is in a chroot, where the kernel refuses user namespaces");
        bj_doctor_advise(report, layer,
                         "Enter the directory as a root of its own instead of by chroot:\n"
                         "    systemd-nspawn -D DIR, or bwrap --bind DIR / ...");
    } else if (around->filtered || *around->container != '\0') {
        bj_doctor_say(report, layer, BJ_DOCTOR_OFF, "%s: %s; %s refuses it", what,
                      outcome_text(outcome),
                      around->filtered ? "a system call filter around this process"
                                       : "the container around this process");
        advise_container(in, report, layer, "");
    } else if (around->selinux) {
        bj_doctor_say(report, layer, BJ_DOCTOR_OFF, "%s: %s; SELinux is enforcing", what,
                      outcome_text(outcome));
        bj_doctor_advise(report, layer,
                         "See what SELinux denied, and allow it for belljar in a local module:\n"
                         "    ausearch -m AVC -c belljar\n"
                         "    ausearch -m AVC -c belljar --raw | audit2allow -M belljar-local\n"
                         "    semodule -i belljar-local.pp");
    } else {
        bj_doctor_say(report, layer, BJ_DOCTOR_OFF, "%s: %s", what, outcome_text(outcome));
    }
}

static void explain(const struct bj_doctor_input *in, struct bj_doctor *report, enum bj_layer layer,
                    enum bj_namespace_kind kind, const char *what, int outcome)
{
    if (!in->around->namespace_built[kind]) {
        bj_doctor_say(report, layer, BJ_DOCTOR_OFF, "this kernel was built without %s namespaces",
                      bj_namespace_name(kind));
        bj_doctor_advise(report, layer,
                         "A kernel with CONFIG_NAMESPACES and CONFIG_USER_NS, CONFIG_PID_NS, "
                         "CONFIG_NET_NS, CONFIG_IPC_NS, CONFIG_UTS_NS, CONFIG_TIME_NS; the kernels "
                         "of Debian and Ubuntu have them.");
    } else if (outcome == ENOSPC || outcome == EUSERS) {
        too_many(in, report, layer, kind);
    } else {
        explain_refusal(in, report, layer, what, outcome);
    }
}

static void explain_user_namespace(const struct bj_doctor_input *in, struct bj_doctor *report)
{
    const int *outcome = in->probes->outcome;
    const enum bj_layer own = BJ_LAYER_USER_NAMESPACE;

    if (outcome[BJ_PROBE_USER_NAMESPACE] != 0)
        explain(in, report, own, BJ_NAMESPACE_USER, "no user namespace",
                outcome[BJ_PROBE_USER_NAMESPACE]);
    else if (outcome[BJ_PROBE_ID_MAP] != 0)
        explain(in, report, own, BJ_NAMESPACE_USER, "no ids can be mapped into a user namespace",
                outcome[BJ_PROBE_ID_MAP]);
    else
        explain(in, report, own, BJ_NAMESPACE_MOUNT,
                "a user namespace can be made, but gives no rights", outcome[BJ_PROBE_MOUNT]);
    for (size_t i = 0; i < sizeof dependent / sizeof *dependent; i++) {
        bj_doctor_say(report, dependent[i], BJ_DOCTOR_OFF, "needs a user namespace");
        report->rows[dependent[i]].advice = report->rows[own].advice;
    }
    if (report->landlock_works)
        bj_doctor_advise(report, BJ_LAYER_MOUNT,
                         "Until then, --isolation landlock works here. It confines files, system "
                         "calls and the network, but hides neither the host's processes nor its "
                         "file names, and .git/hooks stays writable.");
}

static void explain_kinds(const struct bj_doctor_input *in, struct bj_doctor *report)
{
    static const struct {
        enum bj_probe probe;
        enum bj_layer layer;
        enum bj_namespace_kind kind;
    } kinds[] = {
        {BJ_PROBE_PID, BJ_LAYER_PID, BJ_NAMESPACE_PID},
        {BJ_PROBE_NETWORK, BJ_LAYER_NETWORK, BJ_NAMESPACE_NETWORK},
        {BJ_PROBE_IPC, BJ_LAYER_IPC, BJ_NAMESPACE_IPC},
        {BJ_PROBE_UTS, BJ_LAYER_UTS, BJ_NAMESPACE_UTS},
        {BJ_PROBE_CGROUP_NS, BJ_LAYER_CGROUP_NS, BJ_NAMESPACE_CGROUP},
        {BJ_PROBE_TIME, BJ_LAYER_TIME, BJ_NAMESPACE_TIME},
    };

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        char what[64];

        if (in->probes->outcome[kinds[i].probe] == 0)
            continue;
        snprintf(what, sizeof what, "no %s", bj_probe_text(kinds[i].probe));
        explain(in, report, kinds[i].layer, kinds[i].kind, what,
                in->probes->outcome[kinds[i].probe]);
    }
}

static void explain_time(const struct bj_doctor_input *in, struct bj_doctor *report)
{
    if (in->host->kernel >= TIME_KERNEL)
        return;
    report->rows[BJ_LAYER_TIME].by_design = false;
    bj_doctor_say(report, BJ_LAYER_TIME, BJ_DOCTOR_OFF,
                  "Linux %s: 6.3 is the first where a new program enters a time namespace",
                  in->around->kernel);
    bj_doctor_advise(report, BJ_LAYER_TIME,
                     "A newer kernel. Until then the host's uptime shows inside.");
}

static void explain_proc(const struct bj_doctor_input *in, struct bj_doctor *report)
{
    int outcome = in->probes->outcome[BJ_PROBE_PROC];

    if (outcome == 0)
        return;
    report->rows[BJ_LAYER_PROC].by_design = false;
    if (in->around->proc_covered == 0) {
        bj_doctor_say(report, BJ_LAYER_PROC, BJ_DOCTOR_OFF, "no /proc of its own: %s",
                      outcome_text(outcome));
        return;
    }
    bj_doctor_say(report, BJ_LAYER_PROC, BJ_DOCTOR_OFF,
                  "the kernel allows a new /proc only where the old one is whole; %d mounts cover "
                  "parts of it, as in a container",
                  in->around->proc_covered);
    advise_container(in, report, BJ_LAYER_PROC, "\nUntil then /proc is empty inside.");
}

/* The attempt is over /usr; the trial run lays one over every system directory. */
static void explain_overlay(const struct bj_doctor_input *in, struct bj_doctor *report)
{
    int outcome = in->probes->outcome[BJ_PROBE_OVERLAY];
    const enum bj_layer own = BJ_LAYER_SHARED_TREES;

    if (outcome == 0 && report->rows[own].state == BJ_DOCTOR_ON)
        return;
    report->rows[own].by_design = false;
    if ((outcome == 0 || outcome == EINVAL) && *in->around->system_mount != '\0') {
        bj_doctor_say(report, own, BJ_DOCTOR_OFF,
                      "no overlay where something is mounted below, as on %s: system files share "
                      "locks and watches with the host",
                      in->around->system_mount);
        bj_doctor_advise(report, own,
                         "Nothing need be done where no other tenant is: it takes a host whose "
                         "/usr, /etc and /opt have no mounts in them. Container runtimes mount "
                         "files in /etc.");
        return;
    }
    bj_doctor_say(report, own, BJ_DOCTOR_OFF,
                  "no overlay can be mounted: %s; system files share locks and watches with the "
                  "host",
                  outcome_text(outcome != 0 ? outcome : EINVAL));
    bj_doctor_advise(report, own,
                     "A kernel with CONFIG_OVERLAY_FS; as root, `modprobe overlay` where it is a "
                     "module. A root file system that is itself an overlay may be too deep for "
                     "another one.");
}

static void explain_mounts(const struct bj_doctor_input *in, struct bj_doctor *report)
{
    const int *outcome = in->probes->outcome;

    if (outcome[BJ_PROBE_BIND] != 0)
        explain_refusal(in, report, BJ_LAYER_MOUNT, "mounts cannot be made read-only",
                        outcome[BJ_PROBE_BIND]);
    else if (outcome[BJ_PROBE_TMPFS] != 0)
        explain_refusal(in, report, BJ_LAYER_MOUNT, "no tmpfs can be mounted",
                        outcome[BJ_PROBE_TMPFS]);
    explain_overlay(in, report);
}

static void explain_own_uid(const struct bj_doctor_input *in, struct bj_doctor *report)
{
    const struct bj_host *host = in->host;
    int outcome = in->probes->outcome[BJ_PROBE_ID_MAPPED_TREE];

    if (!host->privileged) {
        report->rows[BJ_LAYER_OWN_UID].by_design = host->uid != 0;
        if (host->uid != 0) {
            bj_doctor_say(report, BJ_LAYER_OWN_UID, BJ_DOCTOR_OFF,
                          "runs as your own uid %u; only root can give each sandbox another",
                          host->uid);
            return;
        }
        bj_doctor_say(report, BJ_LAYER_OWN_UID, BJ_DOCTOR_OFF,
                      "this root has no ids to give away, or not the right to: runs as uid 0 of "
                      "this container");
        bj_doctor_advise(report, BJ_LAYER_OWN_UID,
                         "Run belljar as an ordinary user of the container, or give its root "
                         "CAP_SYS_ADMIN, CAP_SETUID, CAP_SETGID and CAP_DAC_OVERRIDE and at least "
                         "32 ids.");
    } else if (outcome > 0) {
        bj_doctor_say(report, BJ_LAYER_OWN_UID, BJ_DOCTOR_PARTIAL,
                      "not in this directory: its file system has no id-mapped mounts (%s), and "
                      "belljar run refuses to bind it",
                      strerror(outcome));
        bj_doctor_advise(report, BJ_LAYER_OWN_UID,
                         "Work in a directory on ext4, xfs or btrfs (or tmpfs from Linux 6.3), run "
                         "belljar as the user who owns this one, or use --workspace empty.");
    }
}

void bj_doctor_namespaces(const struct bj_doctor_input *in, struct bj_doctor *report)
{
    const int *outcome = in->probes->outcome;

    if (in->host->kernel < OLDEST_KERNEL) {
        bj_doctor_say(report, BJ_LAYER_MOUNT, BJ_DOCTOR_OFF,
                      "Linux %s is too old: 5.12 is the first that has all of the mount interface",
                      in->around->kernel);
        bj_doctor_advise(report, BJ_LAYER_MOUNT, "A newer kernel; 6.12 or later has everything.");
        return;
    }
    if (outcome[BJ_PROBE_USER_NAMESPACE] != 0 || outcome[BJ_PROBE_ID_MAP] != 0 ||
        outcome[BJ_PROBE_MOUNT] != 0) {
        explain_user_namespace(in, report);
        return;
    }
    explain_kinds(in, report);
    explain_time(in, report);
    explain_mounts(in, report);
    explain_proc(in, report);
    explain_own_uid(in, report);
}
