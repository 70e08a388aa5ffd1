/*
 * The options of bubblewrap as a table: name, arguments, who takes them, help. Semantics are those
 * of bwrap(1) 0.8; what Belljar does differently stands in docs/BWRAP.md.
 *
 * Options are taken in order, because order matters: mounts lie upon one another, --share-net ends
 * an earlier --unshare-net, --perms and --size hold for the next option only.
 */
#include "cli/bwrap_options.h"
#include "cli/completion.h"

#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/str.h"

#define CAP_BIT(name) ((uint64_t)1 << CAP_##name)

/* Rule over the sandbox's own files, ids and processes; nothing that reaches the kernel. */
#define GRANTABLE                                                                                  \
    (CAP_BIT(CHOWN) | CAP_BIT(DAC_OVERRIDE) | CAP_BIT(FOWNER) | CAP_BIT(FSETID) | CAP_BIT(KILL) |  \
     CAP_BIT(SETGID) | CAP_BIT(SETUID) | CAP_BIT(SETPCAP) | CAP_BIT(SETFCAP) |                     \
     CAP_BIT(NET_BIND_SERVICE))

/* What a switch stands for; several may be named at once. */
#define UNSHARE_USER   (1 << 0)
#define UNSHARE_NET    (1 << 1)
#define UNSHARE_UTS    (1 << 2)
#define DISABLE_USERNS (1 << 3)
#define ASSERT_USERNS  (1 << 4)
#define DIE_WITH       (1 << 5)
#define ALWAYS         0 /* holds whether said or not */

#define BIND_READ_ONLY (1 << 0)
#define BIND_DEVICES   (1 << 1)
#define BIND_TRY       (1 << 2)
#define BIND_FD        (1 << 3)

enum fd_use { FD_SYNC, FD_INFO, FD_STATUS, FD_BLOCK, FD_SECCOMP, FD_ADD_SECCOMP };
enum text_use { TEXT_CHDIR, TEXT_HOSTNAME, TEXT_ARGV0, TEXT_UID, TEXT_GID };
enum env_use { ENV_SET, ENV_UNSET, ENV_CLEAR };

struct reader {
    struct bj_bwrap *bwrap;
    const struct bj_bwrap_caller *caller;
    unsigned switches;
    int64_t perms, size; /* for the next option; -1 = not said */
    bool one_filter, many_filters;
    size_t variables, room; /* in the environment */
    unsigned depth;         /* of --args */
    bool over;              /* --help or --version was seen */
    const char *argv0;      /* NULL = the command itself */
};

struct option {
    const char *name;
    unsigned arguments;
    int (*take)(struct reader *reader, const struct option *option, char **values,
                struct bj_error *err);
    int detail;
    const char *argument_names;
    const char *help; /* or, for what is refused, why */
};

static int no_memory(struct bj_error *err)
{
    return bj_fail(err, BJ_E_NO_MEMORY, "bwrap", "out of memory, or the options are too long");
}

static int take_switch(struct reader *reader, const struct option *option, char **values,
                       struct bj_error *err)
{
    (void)values;
    (void)err;
    reader->switches |= (unsigned)option->detail;
    return 0;
}

static int take_share_net(struct reader *reader, const struct option *option, char **values,
                          struct bj_error *err)
{
    (void)option;
    (void)values;
    (void)err;
    reader->switches &= ~(unsigned)UNSHARE_NET;
    return 0;
}

static int take_refused(struct reader *reader, const struct option *option, char **values,
                        struct bj_error *err)
{
    (void)reader;
    (void)values;
    return bj_fail(err, BJ_E_UNSUPPORTED, "bwrap", "%s cannot be done here: %s", option->name,
                   option->help);
}

static int take_help(struct reader *reader, const struct option *option, char **values,
                     struct bj_error *err)
{
    (void)values;
    (void)err;
    reader->bwrap->help = option->detail == 0;
    reader->bwrap->version = option->detail != 0;
    reader->over = true;
    return 0;
}

static int parse_fd(const struct option *option, const char *text, int *ret, struct bj_error *err)
{
    int64_t value;

    if (!bj_parse_int64(text, &value) || value < 0 || value > 1 << 20)
        return bj_fail(err, BJ_E_INVALID, "bwrap", "%s: %s is no descriptor", option->name, text);
    *ret = (int)value;
    return 0;
}

static int parse_octal(const struct option *option, const char *text, int64_t *ret,
                       struct bj_error *err)
{
    char *end;
    unsigned long value = strtoul(text, &end, 8);

    if (*text < '0' || *text > '7' || *end != '\0' || value > 01777)
        return bj_fail(err, BJ_E_INVALID, "bwrap",
                       "%s: %s is no octal mode up to 1777 (set-user-id modes are not given)",
                       option->name, text);
    *ret = (int64_t)value;
    return 0;
}

/* Paths inside begin at the root whether they say so or not; no double or trailing slashes. */
static const char *inside(struct reader *reader, const char *path)
{
    size_t length = strlen(path), used = 0;
    char *ret = bj_arena_alloc(&reader->bwrap->arena, length + 2);

    if (ret == NULL)
        return NULL;
    for (size_t i = 0; i <= length; i++) {
        if (i == 0 && path[0] != '/')
            ret[used++] = '/';
        if (path[i] == '/' && (path[i + 1] == '/' || (path[i + 1] == '\0' && used > 0)))
            continue;
        ret[used++] = path[i];
    }
    return ret;
}

/* The next step, with the mode and the size that were said for it. */
static struct bj_step *add_step(struct reader *reader, enum bj_step_kind kind, const char *target,
                                int64_t mode, struct bj_error *err)
{
    struct bj_bwrap *bwrap = reader->bwrap;
    struct bj_step *step = &bwrap->steps[bwrap->layout.step_count];

    if (bwrap->layout.step_count == BJ_LAYOUT_STEPS_MAX) {
        bj_fail(err, BJ_E_LIMIT, "bwrap", "more than %d mounts and files", BJ_LAYOUT_STEPS_MAX);
        return NULL;
    }
    *step = (struct bj_step){.kind = kind, .target = inside(reader, target), .fd = -1};
    if (step->target == NULL) {
        no_memory(err);
        return NULL;
    }
    step->mode = (uint32_t)(reader->perms >= 0 && kind != BJ_STEP_MODE ? reader->perms : mode);
    step->size = reader->size > 0 ? (uint64_t)reader->size : 0;
    reader->perms = reader->size = -1;
    bwrap->layout.step_count++;
    return step;
}

static int take_bind(struct reader *reader, const struct option *option, char **values,
                     struct bj_error *err)
{
    struct bj_step *step = add_step(reader, BJ_STEP_BIND, values[1], 0, err);
    char path[BJ_PATH_MAX];
    int fd = -1, result;

    if (step == NULL)
        return -BJ_E_LIMIT;
    step->read_only = option->detail & BIND_READ_ONLY;
    step->devices = option->detail & BIND_DEVICES;
    step->optional = option->detail & BIND_TRY;
    step->source = values[0];
    if (values[0][0] == '/') /* so that "//proc/" is known for what it is */
        step->source = inside(reader, values[0]);
    if (option->detail & BIND_FD) {
        result = parse_fd(option, values[0], &fd, err);
        if (result < 0)
            return result;
        /* The kernel mounts by path, for the descriptor is of another namespace. */
        step->source = reader->caller->path_of(fd, path, sizeof path) ? inside(reader, path) : NULL;
    }
    if (step->source == NULL)
        return bj_fail(err, BJ_E_INVALID, "bwrap", "%s: %s leads nowhere", option->name, values[0]);
    return 0;
}

static int take_place(struct reader *reader, const struct option *option, char **values,
                      struct bj_error *err)
{
    return add_step(reader, (enum bj_step_kind)option->detail, values[0], 0755, err) != NULL
               ? 0
               : -BJ_E_LIMIT;
}

static int take_content(struct reader *reader, const struct option *option, char **values,
                        struct bj_error *err)
{
    bool file = option->detail == BJ_STEP_FILE;
    struct bj_step *step =
        add_step(reader, file ? BJ_STEP_FILE : BJ_STEP_DATA, values[1], file ? 0666 : 0600, err);

    if (step == NULL)
        return -BJ_E_LIMIT;
    step->read_only = option->detail == BJ_STEP_READ_ONLY;
    return parse_fd(option, values[0], &step->fd, err);
}

static int take_link(struct reader *reader, const struct option *option, char **values,
                     struct bj_error *err)
{
    struct bj_step *step = add_step(reader, BJ_STEP_LINK, values[1], 0755, err);

    (void)option;
    if (step == NULL)
        return -BJ_E_LIMIT;
    step->source = values[0];
    return 0;
}

static int take_chmod(struct reader *reader, const struct option *option, char **values,
                      struct bj_error *err)
{
    int64_t mode = 0;
    int result = parse_octal(option, values[0], &mode, err);

    if (result < 0)
        return result;
    return add_step(reader, BJ_STEP_MODE, values[1], mode, err) != NULL ? 0 : -BJ_E_LIMIT;
}

static int take_perms(struct reader *reader, const struct option *option, char **values,
                      struct bj_error *err)
{
    return parse_octal(option, values[0], &reader->perms, err);
}

static int take_size(struct reader *reader, const struct option *option, char **values,
                     struct bj_error *err)
{
    if (!bj_parse_int64(values[0], &reader->size) || reader->size <= 0)
        return bj_fail(err, BJ_E_INVALID, "bwrap", "%s: %s is no number of bytes", option->name,
                       values[0]);
    return 0;
}

static void drop_variable(struct reader *reader, const char *name, size_t length)
{
    const char **variables = reader->bwrap->environment;

    for (size_t i = 0; i < reader->variables; i++) {
        if (strncmp(variables[i], name, length) == 0 && variables[i][length] == '=') {
            memmove(variables + i, variables + i + 1, (reader->variables - i) * sizeof *variables);
            reader->variables--;
            i--;
        }
    }
}

static int set_variable(struct reader *reader, const char *name, const char *value,
                        struct bj_error *err)
{
    size_t length = strlen(name), size = length + strlen(value) + 2;
    char *text = bj_arena_alloc(&reader->bwrap->arena, size);

    drop_variable(reader, name, length);
    if (text == NULL || reader->variables == reader->room)
        return no_memory(err);
    snprintf(text, size, "%s=%s", name, value);
    reader->bwrap->environment[reader->variables++] = text;
    reader->bwrap->environment[reader->variables] = NULL;
    return 0;
}

static int take_variable(struct reader *reader, const struct option *option, char **values,
                         struct bj_error *err)
{
    if (option->detail == ENV_CLEAR) {
        reader->variables = 0;
        reader->bwrap->environment[0] = NULL;
        return 0;
    }
    if (values[0][0] == '\0' || strchr(values[0], '=') != NULL)
        return bj_fail(err, BJ_E_INVALID, "bwrap", "%s: \"%s\" is no name of a variable",
                       option->name, values[0]);
    if (option->detail == ENV_SET)
        return set_variable(reader, values[0], values[1], err);
    drop_variable(reader, values[0], strlen(values[0]));
    return 0;
}

static int take_text(struct reader *reader, const struct option *option, char **values,
                     struct bj_error *err)
{
    struct bj_layout *layout = &reader->bwrap->layout;
    int64_t id = 0;

    if (option->detail >= TEXT_UID &&
        (!bj_parse_int64(values[0], &id) || id < 0 || id >= UINT32_MAX))
        return bj_fail(err, BJ_E_INVALID, "bwrap", "%s: %s is no id", option->name, values[0]);
    switch ((enum text_use)option->detail) {
    case TEXT_CHDIR:
        layout->directory = values[0];
        layout->keep_directory = false;
        break;
    case TEXT_HOSTNAME:
        layout->hostname = values[0];
        break;
    case TEXT_ARGV0:
        reader->argv0 = values[0];
        break;
    case TEXT_UID:
        layout->uid = (uint32_t)id;
        break;
    case TEXT_GID:
        layout->gid = (uint32_t)id;
        break;
    }
    return 0;
}

static int add_filter(struct reader *reader, int fd, bool only, struct bj_error *err)
{
    struct bj_layout *layout = &reader->bwrap->layout;

    reader->one_filter |= only;
    reader->many_filters |= !only;
    if (reader->one_filter && reader->many_filters)
        return bj_fail(err, BJ_E_INVALID, "bwrap",
                       "--seccomp cannot be combined with --add-seccomp-fd");
    if (only)
        layout->filter_count = 0; /* of several, the last one counts */
    if (layout->filter_count == BJ_FILTERS_MAX)
        return bj_fail(err, BJ_E_LIMIT, "bwrap", "more than %d --add-seccomp-fd", BJ_FILTERS_MAX);
    layout->filters[layout->filter_count++] = fd;
    return 0;
}

static int take_fd(struct reader *reader, const struct option *option, char **values,
                   struct bj_error *err)
{
    struct bj_bwrap *bwrap = reader->bwrap;
    int fd = -1, result = parse_fd(option, values[0], &fd, err);

    if (result < 0)
        return result;
    switch ((enum fd_use)option->detail) {
    case FD_SYNC:
        bwrap->layout.held_fd = fd;
        break;
    case FD_INFO:
        bwrap->info_fd = fd;
        break;
    case FD_STATUS:
        bwrap->status_fd = fd;
        break;
    case FD_BLOCK:
        bwrap->block_fd = fd;
        break;
    case FD_SECCOMP:
    case FD_ADD_SECCOMP:
        return add_filter(reader, fd, option->detail == FD_SECCOMP, err);
    }
    return 0;
}

/* Names in the order of their numbers (capabilities(7)). */
static int find_capability(const char *name)
{
    static const char *const names[] = {
        "chown",
        "dac_override",
        "dac_read_search",
        "fowner",
        "fsetid",
        "kill",
        "setgid",
        "setuid",
        "setpcap",
        "linux_immutable",
        "net_bind_service",
        "net_broadcast",
        "net_admin",
        "net_raw",
        "ipc_lock",
        "ipc_owner",
        "sys_module",
        "sys_rawio",
        "sys_chroot",
        "sys_ptrace",
        "sys_pacct",
        "sys_admin",
        "sys_boot",
        "sys_nice",
        "sys_resource",
        "sys_time",
        "sys_tty_config",
        "mknod",
        "lease",
        "audit_write",
        "audit_control",
        "setfcap",
        "mac_override",
        "mac_admin",
        "syslog",
        "wake_alarm",
        "block_suspend",
        "audit_read",
        "perfmon",
        "bpf",
        "checkpoint_restore",
    };

    if (strncasecmp(name, "cap_", 4) == 0)
        name += 4;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcasecmp(name, names[i]) == 0)
            return (int)i;
    }
    return -1;
}

static int take_capability(struct reader *reader, const struct option *option, char **values,
                           struct bj_error *err)
{
    uint64_t *kept = &reader->bwrap->layout.capabilities, chosen = GRANTABLE;
    bool add = option->detail != 0;
    int capability;

    if (strcasecmp(values[0], "ALL") != 0) {
        capability = find_capability(values[0]);
        if (capability < 0)
            return bj_fail(err, BJ_E_INVALID, "bwrap", "%s: there is no capability %s",
                           option->name, values[0]);
        chosen = (uint64_t)1 << capability;
        if (add && !(chosen & GRANTABLE))
            return bj_fail(err, BJ_E_DENIED, "bwrap",
                           "%s %s: a capability that reaches the kernel is never given here",
                           option->name, values[0]);
    }
    *kept = add ? *kept | chosen : *kept & ~chosen;
    return 0;
}

static int take_args(struct reader *reader, const struct option *option, char **values,
                     struct bj_error *err);

#define UNSHARE_ALL (UNSHARE_USER | UNSHARE_NET | UNSHARE_UTS)

static const struct option options[] = {
    {"--help", 0, take_help, 0, "", "Print this help"},
    {"--version", 0, take_help, 1, "", "Print version"},
    {"--args", 1, take_args, 0, "FD", "Parse NUL-separated args from FD"},
    {"--argv0", 1, take_text, TEXT_ARGV0, "VALUE", "Set argv[0] to the value VALUE"},
    {"--unshare-all", 0, take_switch, UNSHARE_ALL, "", "Unshare every namespace"},
    {"--share-net", 0, take_share_net, 0, "", "Retain the network namespace"},
    {"--unshare-user", 0, take_switch, UNSHARE_USER, "", "Create new user namespace (always)"},
    {"--unshare-user-try", 0, take_switch, UNSHARE_USER, "", "Create new user namespace (always)"},
    {"--unshare-ipc", 0, take_switch, ALWAYS, "", "Create new ipc namespace (always)"},
    {"--unshare-pid", 0, take_switch, ALWAYS, "", "Create new pid namespace (always)"},
    {"--unshare-net", 0, take_switch, UNSHARE_NET, "", "Create new network namespace"},
    {"--unshare-uts", 0, take_switch, UNSHARE_UTS, "", "Create new uts namespace (always)"},
    {"--unshare-cgroup", 0, take_switch, ALWAYS, "", "Create new cgroup namespace (always)"},
    {"--unshare-cgroup-try", 0, take_switch, ALWAYS, "", "Create new cgroup namespace (always)"},
    {"--userns", 1, take_refused, 0, "FD", "a sandbox makes its own user namespace"},
    {"--userns2", 1, take_refused, 0, "FD", "a sandbox makes its own user namespace"},
    {"--pidns", 1, take_refused, 0, "FD", "a sandbox makes its own pid namespace"},
    {"--disable-userns", 0, take_switch, DISABLE_USERNS, "",
     "Disable further use of user namespaces inside sandbox"},
    {"--assert-userns-disabled", 0, take_switch, ASSERT_USERNS, "",
     "Fail unless further use of user namespace inside sandbox is disabled"},
    {"--uid", 1, take_text, TEXT_UID, "UID", "Custom uid in the sandbox"},
    {"--gid", 1, take_text, TEXT_GID, "GID", "Custom gid in the sandbox"},
    {"--hostname", 1, take_text, TEXT_HOSTNAME, "NAME", "Custom hostname in the sandbox"},
    {"--chdir", 1, take_text, TEXT_CHDIR, "DIR", "Change directory to DIR"},
    {"--clearenv", 0, take_variable, ENV_CLEAR, "", "Unset all environment variables"},
    {"--setenv", 2, take_variable, ENV_SET, "VAR VALUE", "Set an environment variable"},
    {"--unsetenv", 1, take_variable, ENV_UNSET, "VAR", "Unset an environment variable"},
    {"--lock-file", 1, take_refused, 0, "DEST", "locks are not held for others"},
    {"--sync-fd", 1, take_fd, FD_SYNC, "FD", "Keep this fd open while sandbox is running"},
    {"--bind", 2, take_bind, 0, "SRC DEST", "Bind mount the host path SRC on DEST"},
    {"--bind-try", 2, take_bind, BIND_TRY, "SRC DEST",
     "Equal to --bind but ignores non-existent SRC"},
    {"--dev-bind", 2, take_bind, BIND_DEVICES, "SRC DEST",
     "Bind mount the host path SRC on DEST, allowing device access"},
    {"--dev-bind-try", 2, take_bind, BIND_DEVICES | BIND_TRY, "SRC DEST",
     "Equal to --dev-bind but ignores non-existent SRC"},
    {"--ro-bind", 2, take_bind, BIND_READ_ONLY, "SRC DEST",
     "Bind mount the host path SRC readonly on DEST"},
    {"--ro-bind-try", 2, take_bind, BIND_READ_ONLY | BIND_TRY, "SRC DEST",
     "Equal to --ro-bind but ignores non-existent SRC"},
    {"--bind-fd", 2, take_bind, BIND_FD, "FD DEST", "Bind open directory or path fd on DEST"},
    {"--ro-bind-fd", 2, take_bind, BIND_FD | BIND_READ_ONLY, "FD DEST",
     "Bind open directory or path fd read-only on DEST"},
    {"--remount-ro", 1, take_place, BJ_STEP_READ_ONLY, "DEST",
     "Remount DEST as readonly; does not recursively remount"},
    {"--exec-label", 1, take_refused, 0, "LABEL", "SELinux labels are not set"},
    {"--file-label", 1, take_refused, 0, "LABEL", "SELinux labels are not set"},
    {"--proc", 1, take_place, BJ_STEP_PROC, "DEST", "Mount new procfs on DEST"},
    {"--dev", 1, take_place, BJ_STEP_DEV, "DEST", "Mount new dev on DEST"},
    {"--tmpfs", 1, take_place, BJ_STEP_TMPFS, "DEST", "Mount new tmpfs on DEST"},
    {"--mqueue", 1, take_place, BJ_STEP_MQUEUE, "DEST", "Mount new mqueue on DEST"},
    {"--dir", 1, take_place, BJ_STEP_DIRECTORY, "DEST", "Create dir at DEST"},
    {"--file", 2, take_content, BJ_STEP_FILE, "FD DEST", "Copy from FD to destination DEST"},
    {"--bind-data", 2, take_content, BJ_STEP_DATA, "FD DEST",
     "Copy from FD to file which is bind-mounted on DEST"},
    {"--ro-bind-data", 2, take_content, BJ_STEP_READ_ONLY, "FD DEST",
     "Copy from FD to file which is readonly bind-mounted on DEST"},
    {"--symlink", 2, take_link, 0, "SRC DEST", "Create symlink at DEST with target SRC"},
    {"--seccomp", 1, take_fd, FD_SECCOMP, "FD",
     "Load and use seccomp rules from FD (not repeatable)"},
    {"--add-seccomp-fd", 1, take_fd, FD_ADD_SECCOMP, "FD",
     "Load and use seccomp rules from FD (repeatable)"},
    {"--block-fd", 1, take_fd, FD_BLOCK, "FD", "Block on FD until some data to read is available"},
    {"--userns-block-fd", 1, take_refused, 0, "FD", "the ids are mapped by the sandbox itself"},
    {"--info-fd", 1, take_fd, FD_INFO, "FD", "Write information about the running container to FD"},
    {"--json-status-fd", 1, take_fd, FD_STATUS, "FD",
     "Write container status to FD as multiple JSON documents"},
    {"--new-session", 0, take_switch, ALWAYS, "", "Create a new terminal session (always)"},
    {"--die-with-parent", 0, take_switch, DIE_WITH, "",
     "Kills with SIGKILL child process (COMMAND) when bwrap or bwrap's parent dies."},
    {"--as-pid-1", 0, take_switch, ALWAYS, "",
     "Accepted; an init of the sandbox's own is PID 1 all the same"},
    {"--cap-add", 1, take_capability, 1, "CAP", "Add cap CAP, where it reaches no further"},
    {"--cap-drop", 1, take_capability, 0, "CAP", "Drop cap CAP"},
    {"--perms", 1, take_perms, 0, "OCTAL",
     "Set permissions of next argument (--bind-data, --file, etc.)"},
    {"--size", 1, take_size, 0, "BYTES", "Set size of next argument (only for --tmpfs)"},
    {"--chmod", 2, take_chmod, 0, "OCTAL PATH", "Change permissions of PATH (must already exist)"},
};

void bj_bwrap_put_options(const char *action, struct bj_buf *out)
{
    (void)action;
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        if (options[i].take != take_refused)
            bj_buf_printf(out, " %s", options[i].name);
    }
}

void bj_bwrap_help(struct bj_buf *out)
{
    char head[64];

    bj_buf_puts(out, "usage: bwrap [OPTIONS...] [--] COMMAND [ARGS...]\n\n");
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        if (options[i].take == take_refused)
            continue; /* who looks here for what may be used must not find it */
        snprintf(head, sizeof head, "%s %s", options[i].name, options[i].argument_names);
        bj_buf_printf(out, "    %-28s %s\n", head, options[i].help);
    }
    bj_buf_puts(out, "\nThis is belljar in place of bubblewrap; belljar-bwrap(1) says more.\n");
}

static const struct option *find_option(const char *name)
{
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        if (bj_streq(options[i].name, name))
            return &options[i];
    }
    return NULL;
}

/* --perms and --size hold for the next option, which must be one that they can hold for. */
static int check_modifiers(const struct reader *reader, const struct option *option,
                           struct bj_error *err)
{
    bool modifier = option->take == take_perms || option->take == take_size;
    bool tmpfs = option->take == take_place && option->detail == BJ_STEP_TMPFS;
    bool made = tmpfs || option->take == take_content ||
                (option->take == take_place && option->detail == BJ_STEP_DIRECTORY);

    if (reader->size >= 0 && !tmpfs && !modifier)
        return bj_fail(err, BJ_E_INVALID, "bwrap", "--size must be followed by --tmpfs");
    if (reader->perms >= 0 && !made && !modifier)
        return bj_fail(err, BJ_E_INVALID, "bwrap",
                       "--perms must be followed by an option that creates a file");
    return 0;
}

/* Takes options from the front; *ret_used: how many words they were, "--" included. */
static int take_options(struct reader *reader, char **words, size_t count, size_t *ret_used,
                        struct bj_error *err)
{
    size_t at = 0;

    while (at < count && words[at][0] == '-' && !reader->over) {
        const struct option *option;
        int result;

        if (bj_streq(words[at], "--")) {
            at++;
            break;
        }
        option = find_option(words[at]);
        if (option == NULL)
            return bj_fail(err, BJ_E_INVALID, "bwrap", "Unknown option %s", words[at]);
        if (count - at - 1 < option->arguments)
            return bj_fail(err, BJ_E_INVALID, "bwrap", "%s takes %u argument%s", option->name,
                           option->arguments, option->arguments == 1 ? "" : "s");
        result = check_modifiers(reader, option, err);
        if (result == 0)
            result = option->take(reader, option, words + at + 1, err);
        if (result < 0)
            return result;
        at += 1 + option->arguments;
    }
    *ret_used = at;
    return 0;
}

/* All that a descriptor holds, in the arena. */
static int read_all(struct reader *reader, const struct option *option, int fd, char **ret,
                    size_t *ret_length, struct bj_error *err)
{
    struct bj_buf buf;
    int result = 0;

    bj_buf_init(&buf, BJ_BWRAP_ARGS_MAX);
    if (reader->caller->read_all(fd, &buf) < 0) {
        result = bj_fail_errno(err, "bwrap", "%s: cannot read descriptor %d", option->name, fd);
    } else if (buf.failed) {
        result = bj_fail(err, BJ_E_LIMIT, "bwrap", "%s: more than %d bytes", option->name,
                         BJ_BWRAP_ARGS_MAX);
    } else {
        *ret_length = buf.length;
        *ret = bj_arena_copy(&reader->bwrap->arena, bj_buf_text(&buf), buf.length);
        result = *ret != NULL ? 0 : no_memory(err);
    }
    bj_buf_release(&buf);
    return result;
}

/* Words with a NUL after each, which may be missing after the last. */
static int take_args(struct reader *reader, const struct option *option, char **values,
                     struct bj_error *err)
{
    size_t length = 0, count = 0, used = 0;
    char *text = NULL, **words;
    int fd = -1, result = parse_fd(option, values[0], &fd, err);

    if (result == 0 && reader->depth == BJ_BWRAP_NESTED_MAX)
        result = bj_fail(err, BJ_E_LIMIT, "bwrap", "--args within --args, too often");
    if (result == 0)
        result = read_all(reader, option, fd, &text, &length, err);
    if (result < 0)
        return result;
    for (size_t i = 0; i < length; i += strlen(text + i) + 1)
        count++;
    words = bj_arena_array(&reader->bwrap->arena, count + 1, sizeof *words);
    if (words == NULL)
        return no_memory(err);
    count = 0;
    for (size_t i = 0; i < length; i += strlen(text + i) + 1)
        words[count++] = text + i;
    reader->depth++;
    result = take_options(reader, words, count, &used, err);
    reader->depth--;
    if (result == 0 && used < count && !reader->over)
        return bj_fail(err, BJ_E_INVALID, "bwrap", "--args %d: %s is no option", fd, words[used]);
    return result;
}

/* The caller's variables, but for Belljar's own: they are addressed to it, and may be secret. */
static int begin_environment(struct reader *reader, char *const *environment, struct bj_error *err)
{
    reader->room = BJ_ARGC_MAX;
    reader->bwrap->environment =
        bj_arena_array(&reader->bwrap->arena, reader->room + 1, sizeof(char *));
    if (reader->bwrap->environment == NULL)
        return no_memory(err);
    for (; *environment != NULL; environment++) {
        if (reader->variables == reader->room)
            return bj_fail(err, BJ_E_LIMIT, "bwrap", "more than %d variables", BJ_ARGC_MAX);
        if (strchr(*environment, '=') != NULL && !bj_starts_with(*environment, "BELLJAR_"))
            reader->bwrap->environment[reader->variables++] = *environment;
    }
    return 0;
}

/* The command, with its file in front of it where that is not its argv[0]. */
static int take_command(struct reader *reader, char **words, size_t count, struct bj_error *err)
{
    struct bj_bwrap *bwrap = reader->bwrap;
    const char **command;

    if (count == 0)
        return bj_fail(err, BJ_E_INVALID, "bwrap", "No command specified");
    bwrap->command = (const char *const *)words; /* argv ends with NULL */
    if (reader->argv0 == NULL)
        return 0;
    command = bj_arena_array(&bwrap->arena, count + 2, sizeof *command);
    if (command == NULL)
        return no_memory(err);
    command[0] = words[0];
    command[1] = reader->argv0;
    for (size_t i = 1; i < count; i++)
        command[i + 1] = words[i];
    bwrap->command = command;
    bwrap->named = true;
    return 0;
}

static int conclude(struct reader *reader, struct bj_error *err)
{
    struct bj_layout *layout = &reader->bwrap->layout;
    const char **variable = reader->bwrap->environment;
    int result;

    layout->own_network = reader->switches & UNSHARE_NET;
    layout->nesting = !(reader->switches & (DISABLE_USERNS | ASSERT_USERNS));
    reader->bwrap->die_with_parent = reader->switches & DIE_WITH;
    for (; *variable != NULL; variable++) {
        if (bj_starts_with(*variable, "HOME=/"))
            layout->home = *variable + strlen("HOME=");
    }
    /* Where it is to start is known only inside; then init says it here. */
    result = set_variable(reader, "PWD", layout->keep_directory ? "/" : layout->directory, err);
    return result < 0 ? result
                      : check_modifiers(reader, &(const struct option){.name = "the command"}, err);
}

int bj_bwrap_parse(int argc, char **argv, const struct bj_bwrap_caller *caller,
                   struct bj_bwrap *ret, struct bj_error *err)
{
    struct reader reader = {.bwrap = ret, .caller = caller, .perms = -1, .size = -1};
    size_t used = 0;
    int result;

    memset(ret, 0, sizeof *ret);
    bj_arena_init(&ret->arena, BJ_BWRAP_TEXT_MAX);
    ret->info_fd = ret->status_fd = ret->block_fd = -1;
    ret->layout = (struct bj_layout){
        .steps = ret->steps,
        .keep_directory = true,
        .uid = caller->uid,
        .gid = caller->gid,
        .capabilities = caller->uid == 0 ? GRANTABLE : 0,
        .held_fd = -1,
        .init_name = "belljar-bwrap", /* callers look for "bwrap" in it */
    };
    result = begin_environment(&reader, caller->environment, err);
    if (result == 0)
        result = take_options(&reader, argv + 1, (size_t)argc - 1, &used, err);
    if (result < 0 || reader.over)
        return result;
    result = take_command(&reader, argv + 1 + used, (size_t)argc - 1 - used, err);
    return result < 0 ? result : conclude(&reader, err);
}

void bj_bwrap_release(struct bj_bwrap *bwrap)
{
    bj_arena_release(&bwrap->arena);
}
