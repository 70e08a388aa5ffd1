/*
 * The attempts.
 *
 * Theory of operation. Outcomes lie in memory that parent and children share. Before each attempt
 * its outcome is set to "killed", and after it to what came out, so that a child which dies
 * half-way has said where. One child in a user and a pid namespace of its own makes the other
 * namespaces and the mounts, in the order in which a sandbox needs them, attached nowhere but in
 * its own mount namespace. Landlock and the filter bind for good, so each has a child of its own.
 */
#include "linux/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "linux/cgroup.h"
#include "linux/idmap.h"
#include "linux/janitor.h"
#include "linux/landlock.h"
#include "linux/mount.h"
#include "linux/process.h"
#include "linux/seccomp.h"
#include "linux/tree.h"

#define INSIDE_UID  1000 /* of an ordinary user with ids of its own, as in src/plan/namespaces.c */
#define NPROC_TRIED 3    /* processes that a limit is set to */
#define NPROC_MORE  2    /* further ones that must then be refused */

static const char *const texts[] = {
#define TEXT(id, text) text,
    BJ_PROBES(TEXT)
#undef TEXT
};

const char *bj_probe_text(enum bj_probe probe)
{
    return probe < BJ_PROBE_COUNT ? texts[probe] : "unknown";
}

/* What an attempt works on. */
struct trial {
    const struct bj_host *host;
    struct bj_probes *probes; /* shared with the children */
    int mapped_fd;            /* reads a byte once the parent has mapped ids; -1 = maps its own */
    int map_fd;               /* the parent's end of that pipe */
};

/* An attempt: 0, or -1 with errno. */
typedef int attempt_fn(const struct trial *trial);

static void try_one(const struct trial *trial, enum bj_probe probe, attempt_fn *attempt)
{
    int *outcome = &trial->probes->outcome[probe];

    *outcome = BJ_PROBE_KILLED;
    *outcome = attempt(trial) == 0 ? 0 : errno;
}

/* The first of the host ids that this process may give away. */
static uint32_t own_id(const struct bj_host *host)
{
    return host->id_first + (uint32_t)host->pid % host->id_slots * BJ_ID_SLOT;
}

/* Waits for a child that has recorded its outcomes. */
static void reap(pid_t pid)
{
    while (waitpid(pid, NULL, __WALL) < 0 && errno == EINTR)
        continue;
}

/* ---- inside the namespaces ---- */

static int map_own_id(const struct trial *trial)
{
    char uids[64], gids[64];

    snprintf(uids, sizeof uids, "%u %u 1\n", trial->host->uid, trial->host->uid);
    snprintf(gids, sizeof gids, "%u %u 1\n", trial->host->gid, trial->host->gid);
    return bj_idmap_write_self(uids, gids);
}

static int unshare_mount(const struct trial *trial)
{
    (void)trial;
    return unshare(CLONE_NEWNS) < 0 ? -1 : bj_mount_make_private();
}

static int unshare_network(const struct trial *trial)
{
    (void)trial;
    return unshare(CLONE_NEWNET);
}

static int unshare_ipc(const struct trial *trial)
{
    (void)trial;
    return unshare(CLONE_NEWIPC);
}

static int unshare_uts(const struct trial *trial)
{
    (void)trial;
    return unshare(CLONE_NEWUTS);
}

static int unshare_cgroup(const struct trial *trial)
{
    (void)trial;
    return unshare(CLONE_NEWCGROUP);
}

static int unshare_time(const struct trial *trial)
{
    (void)trial;
    return unshare(CLONE_NEWTIME);
}

static int mount_bind(const struct trial *trial)
{
    BJ_CLEANUP_CLOSE int tree_fd = bj_mount_clone_tree(AT_FDCWD, "/usr", true);

    (void)trial;
    if (tree_fd < 0)
        return -1;
    return bj_mount_set_attributes(tree_fd, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID, true, -1);
}

static int mount_tmpfs(const struct trial *trial)
{
    const struct bj_mount_option options[] = {{"size", "64k"}, {"nr_inodes", "16"}, {NULL, NULL}};
    BJ_CLEANUP_CLOSE int tree_fd = -1, place_fd = -1;

    place_fd = open(trial->host->scratch_point, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (place_fd < 0)
        return -1;
    tree_fd = bj_mount_new("tmpfs", "belljar", options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
    return tree_fd < 0 ? -1 : bj_mount_attach(tree_fd, place_fd);
}

/* Over /usr, with the tmpfs of the attempt before as the upper one of two lower directories. */
static int mount_overlay(const struct trial *trial)
{
    char lower[96];
    const struct bj_mount_option options[] = {{"lowerdir", lower}, {NULL, NULL}};
    BJ_CLEANUP_CLOSE int over_fd = -1, under_fd = -1, tree_fd = -1;

    over_fd = open(trial->host->scratch_point, O_PATH | O_DIRECTORY | O_CLOEXEC);
    under_fd = open("/usr", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (over_fd < 0 || under_fd < 0)
        return -1;
    snprintf(lower, sizeof lower, "/proc/self/fd/%d:/proc/self/fd/%d", over_fd, under_fd);
    tree_fd = bj_mount_new("overlay", "belljar", options, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID);
    return tree_fd < 0 ? -1 : 0;
}

static int mount_devpts(const struct trial *trial)
{
    const struct bj_mount_option options[] = {{"ptmxmode", "0666"}, {"max", "4"}, {NULL, NULL}};
    BJ_CLEANUP_CLOSE int tree_fd =
        bj_mount_new("devpts", "devpts", options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);

    (void)trial;
    return tree_fd < 0 ? -1 : 0;
}

static int mount_proc(const struct trial *trial)
{
    BJ_CLEANUP_CLOSE int tree_fd =
        bj_mount_new("proc", "proc", NULL, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);

    (void)trial;
    return tree_fd < 0 ? -1 : 0;
}

static int become_workload(const struct bj_host *host)
{
    if (!host->privileged)
        return 0;
    if (setgroups(0, NULL) < 0 || setresgid(INSIDE_UID, INSIDE_UID, INSIDE_UID) < 0)
        return -1;
    return setresuid(INSIDE_UID, INSIDE_UID, INSIDE_UID);
}

/*
 * Sets RLIMIT_NPROC and starts processes until one is refused. It works if exactly as many could be
 * had as the limit says: fewer means that the user's other processes count, more that none do.
 */
static int limit_processes(const struct trial *trial)
{
    const struct rlimit limit = {NPROC_TRIED, NPROC_TRIED};
    pid_t pids[NPROC_TRIED + NPROC_MORE];
    int started = 0, refused = 0;

    if (become_workload(trial->host) < 0 || setrlimit(RLIMIT_NPROC, &limit) < 0)
        return -1;
    while (refused == 0 && started < NPROC_TRIED + NPROC_MORE) {
        pid_t pid = fork();

        if (pid == 0) {
            bj_process_die_with_parent();
            for (;;)
                pause();
        }
        if (pid < 0)
            refused = errno;
        else
            pids[started++] = pid;
    }
    for (int i = 0; i < started; i++) {
        kill(pids[i], SIGKILL);
        reap(pids[i]);
    }
    if (started == NPROC_TRIED - 1 && refused == EAGAIN) /* this process is the first */
        return 0;
    errno = started < NPROC_TRIED - 1 ? EAGAIN : EPERM;
    return -1;
}

/* In the order in which a sandbox needs them; what lowers this process's own rights is last. */
static const struct {
    enum bj_probe probe;
    attempt_fn *attempt;
} inside[] = {
    {BJ_PROBE_MOUNT, unshare_mount},      {BJ_PROBE_NETWORK, unshare_network},
    {BJ_PROBE_IPC, unshare_ipc},          {BJ_PROBE_UTS, unshare_uts},
    {BJ_PROBE_CGROUP_NS, unshare_cgroup}, {BJ_PROBE_BIND, mount_bind},
    {BJ_PROBE_TMPFS, mount_tmpfs},        {BJ_PROBE_OVERLAY, mount_overlay},
    {BJ_PROBE_DEVPTS, mount_devpts},      {BJ_PROBE_PROC, mount_proc},
    {BJ_PROBE_TIME, unshare_time},        {BJ_PROBE_PROCESS_LIMIT, limit_processes},
};

static void inside_main(const struct trial *trial) __attribute__((noreturn));
static void inside_main(const struct trial *trial)
{
    char byte;

    /* The parent may be gone already: then the pipe has ended, if this end of it is closed. */
    bj_process_die_with_parent();
    if (trial->map_fd >= 0)
        close(trial->map_fd);
    if (trial->mapped_fd < 0)
        try_one(trial, BJ_PROBE_ID_MAP, map_own_id);
    else if (read(trial->mapped_fd, &byte, 1) != 1)
        _exit(0);
    if (trial->probes->outcome[BJ_PROBE_ID_MAP] != 0)
        _exit(0);
    for (size_t i = 0; i < sizeof inside / sizeof *inside; i++) {
        try_one(trial, inside[i].probe, inside[i].attempt);
        if (inside[i].probe == BJ_PROBE_MOUNT && trial->probes->outcome[BJ_PROBE_MOUNT] != 0)
            break; /* whatever is mounted now would be mounted on the host */
    }
    _exit(0);
}

/* Privileged: ids are mapped from outside. The child goes on once it has read a byte. */
static void map_child(const struct trial *trial, pid_t pid)
{
    uint32_t base = own_id(trial->host);
    char lines[96];

    snprintf(lines, sizeof lines, "0 %u 1\n%d %u 1\n", base, INSIDE_UID, base + 1);
    trial->probes->outcome[BJ_PROBE_ID_MAP] = bj_idmap_write(pid, lines, lines) == 0 ? 0 : errno;
    (void)!write(trial->map_fd, "", 1);
}

static pid_t clone_inside(const struct trial *trial, uint64_t flags)
{
    BJ_CLEANUP_CLOSE int pidfd = -1;
    pid_t pid = bj_process_clone(flags, &pidfd);

    if (pid < 0)
        pidfd = -1;
    if (pid == 0)
        inside_main(trial);
    return pid;
}

static void try_namespaces(struct trial *trial)
{
    int *outcome = trial->probes->outcome, ends[2] = {-1, -1};
    pid_t pid;

    if (trial->host->privileged && pipe2(ends, O_CLOEXEC) < 0)
        return;
    trial->mapped_fd = ends[0];
    trial->map_fd = ends[1];
    pid = clone_inside(trial, CLONE_NEWUSER | CLONE_NEWPID);
    outcome[BJ_PROBE_USER_NAMESPACE] = outcome[BJ_PROBE_PID] = pid < 0 ? errno : 0;
    if (pid < 0) {
        /* Which of the two was it? */
        pid = clone_inside(trial, CLONE_NEWUSER);
        outcome[BJ_PROBE_USER_NAMESPACE] = pid < 0 ? errno : 0;
        if (pid < 0)
            outcome[BJ_PROBE_PID] = BJ_PROBE_UNTRIED;
    }
    if (pid > 0) {
        if (trial->host->privileged)
            map_child(trial, pid);
        reap(pid);
    }
    bj_fd_close(&ends[0]);
    bj_fd_close(&ends[1]);
}

/* ---- in a child of its own ---- */

static int set_no_new_privs(const struct trial *trial)
{
    (void)trial;
    return bj_process_no_new_privs();
}

static int enforce_landlock(const struct trial *trial)
{
    int abi = bj_landlock_abi();
    BJ_CLEANUP_CLOSE int ruleset_fd = -1, root_fd = -1;

    (void)trial;
    if (abi == 0)
        return -1; /* errno tells whether it is absent or turned off */
    ruleset_fd = bj_landlock_new(abi, true);
    root_fd = open("/", O_PATH | O_CLOEXEC);
    if (ruleset_fd < 0 || root_fd < 0 ||
        bj_landlock_allow(ruleset_fd, abi, root_fd, BJ_GRANT_READ, true) < 0)
        return -1;
    return bj_landlock_enforce(ruleset_fd);
}

static int load_filter(const struct trial *trial)
{
    struct bj_error err = {0};

    (void)trial;
    if (bj_seccomp_load(BJ_SECCOMP_SANDBOX, &err) == 0)
        return 0;
    errno = err.sys_errno != 0 ? err.sys_errno : ENOSYS;
    return -1;
}

static void try_in_child(const struct trial *trial, enum bj_probe probe, attempt_fn *attempt)
{
    pid_t pid = fork();

    if (pid == 0) {
        bj_process_die_with_parent();
        try_one(trial, BJ_PROBE_NO_NEW_PRIVS, set_no_new_privs);
        if (trial->probes->outcome[BJ_PROBE_NO_NEW_PRIVS] == 0)
            try_one(trial, probe, attempt);
        _exit(0);
    }
    if (pid > 0)
        reap(pid);
}

/* ---- on the host ---- */

static int open_mapped_tree(const struct trial *trial)
{
    const struct bj_tree_request request = {
        .source = trial->host->directory,
        .uid = own_id(trial->host) + 1,
        .gid = own_id(trial->host) + 1,
    };
    struct bj_error err = {0};
    pid_t helper;
    int fd, result = bj_tree_open(&request, &fd, &helper, &err);

    if (helper > 0)
        waitpid(helper, NULL, 0);
    if (result < 0) {
        errno = err.sys_errno != 0 ? err.sys_errno : EIO;
        return -1;
    }
    close(fd);
    return 0;
}

/* A file of each controller's, and a value that binds nobody. */
static const struct {
    enum bj_probe probe;
    const char *v2_file, *v2_value, *v1_file, *v1_value;
} controllers[BJ_CONTROLLER_COUNT] = {
    [BJ_CONTROLLER_MEMORY] = {BJ_PROBE_CGROUP_MEMORY, "memory.max", "1073741824",
                              "memory.limit_in_bytes", "1073741824"},
    [BJ_CONTROLLER_PIDS] = {BJ_PROBE_CGROUP_PIDS, "pids.max", "1000", "pids.max", "1000"},
    [BJ_CONTROLLER_CPU] = {BJ_PROBE_CGROUP_CPU, "cpu.max", "100000 100000", "cpu.cfs_quota_us",
                           "100000"},
};

static int limit_and_join(const struct bj_host *host, int controller, const char *path)
{
    bool v2 = host->cgroup == BJ_CGROUP_V2;
    BJ_CLEANUP_CLOSE int join_fd = bj_cgroup_make(path);
    char file[BJ_PATH_MAX + 32];
    int status;
    pid_t pid;

    snprintf(file, sizeof file, "%s/%s", path,
             v2 ? controllers[controller].v2_file : controllers[controller].v1_file);
    if (join_fd < 0 || bj_write_file_at(AT_FDCWD, file,
                                        v2 ? controllers[controller].v2_value
                                           : controllers[controller].v1_value) < 0)
        return -1;
    pid = fork();
    if (pid == 0)
        _exit(bj_fd_write_all(join_fd, "0", 1) < 0 ? errno : 0);
    if (pid < 0 || waitpid(pid, &status, 0) < 0)
        return -1;
    errno = WIFEXITED(status) ? WEXITSTATUS(status) : EIO;
    return errno == 0 ? 0 : -1;
}

static void remove_cgroup(void *path)
{
    bj_cgroup_remove(path);
}

/* The janitor removes the directory should this process be killed meanwhile. */
static void try_controller(const struct trial *trial, int controller)
{
    const struct bj_host *host = trial->host;
    int *outcome = &trial->probes->outcome[controllers[controller].probe];
    struct bj_janitor janitor;
    char path[BJ_PATH_MAX];

    if (host->cgroup == BJ_CGROUP_NONE || host->cgroup_path[controller][0] == '\0')
        return;
    snprintf(path, sizeof path, "%s/belljar-%d-doctor", host->cgroup_path[controller], host->pid);
    bj_janitor_init(&janitor);
    if (bj_janitor_start(&janitor, remove_cgroup, path) < 0) {
        *outcome = errno;
    } else {
        *outcome = limit_and_join(host, controller, path) == 0 ? 0 : errno;
        bj_cgroup_remove(path);
    }
    bj_janitor_stop(&janitor);
}

int bj_probe_run(const struct bj_host *host, struct bj_probes *ret, struct bj_error *err)
{
    struct trial trial = {.host = host, .mapped_fd = -1, .map_fd = -1};

    trial.probes =
        mmap(NULL, sizeof *trial.probes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (trial.probes == MAP_FAILED)
        return bj_fail_errno(err, "probe", "cannot share memory with the children");
    for (int i = 0; i < BJ_PROBE_COUNT; i++)
        trial.probes->outcome[i] = BJ_PROBE_UNTRIED;
    try_namespaces(&trial);
    try_in_child(&trial, BJ_PROBE_LANDLOCK, enforce_landlock);
    try_in_child(&trial, BJ_PROBE_SECCOMP, load_filter);
    if (host->privileged)
        try_one(&trial, BJ_PROBE_ID_MAPPED_TREE, open_mapped_tree);
    for (int i = 0; i < BJ_CONTROLLER_COUNT; i++)
        try_controller(&trial, i);
    *ret = *trial.probes;
    munmap(trial.probes, sizeof *trial.probes);
    return 0;
}
