/*
 * The command line of bubblewrap.
 *
 * bubblewrap makes its mounts in the order of its arguments, and a later one covers what an earlier
 * one put below the same place. So every mount is first collected and then sorted by depth: a
 * parent always comes before what lies in it, whoever asked for it. At equal depth the order of the
 * calls stays, so that of two wishes for one place the later wins.
 */
#include "backend/bubblewrap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "model/protected.h"
#include "plan/plan.h"

#define MOUNTS_MAX 256 /* system 40, volumes BJ_VOLUMES_MAX, protected 32, sockets 32 */
#define WORDS_MAX  (MOUNTS_MAX * 3 + 64)

enum kind { BIND, RO_BIND, RO_BIND_TRY, SYMLINK, PROC, DEV, TMPFS };

static const struct {
    const char *option;
    bool has_source;
} kinds[] = {
    [BIND] = {"--bind", true},
    [RO_BIND] = {"--ro-bind", true},
    [RO_BIND_TRY] = {"--ro-bind-try", true},
    [SYMLINK] = {"--symlink", true},
    [PROC] = {"--proc", false},
    [DEV] = {"--dev", false},
    [TMPFS] = {"--tmpfs", false},
};

struct mount {
    enum kind kind;
    const char *source, *target;
    int depth;   /* names in the target */
    int ordinal; /* of the call */
};

struct builder {
    const struct bj_config *config;
    const struct bj_host *host;
    const struct bj_bubblewrap_options *options;
    struct bj_arena *arena;
    struct mount mounts[MOUNTS_MAX];
    int count;
    bool full;
};

static int depth_of(const char *path)
{
    int depth = 0;

    for (; *path != '\0'; path++)
        depth += path[0] == '/' && path[1] != '\0' && path[1] != '/';
    return depth;
}

/* The arena's own copy: the line outlives the configuration and the facts. NULL stays NULL. */
static const char *keep(struct builder *b, const char *text)
{
    return text != NULL ? bj_arena_copy(b->arena, text, strlen(text)) : NULL;
}

static void add(struct builder *b, enum kind kind, const char *source, const char *target)
{
    if (b->count == MOUNTS_MAX) {
        b->full = true;
        return;
    }
    b->mounts[b->count] = (struct mount){.kind = kind,
                                         .source = keep(b, source),
                                         .target = keep(b, target),
                                         .depth = depth_of(target),
                                         .ordinal = b->count};
    b->count++;
}

static int compare(const void *left, const void *right)
{
    const struct mount *a = left, *b = right;

    return a->depth != b->depth ? a->depth - b->depth : a->ordinal - b->ordinal;
}

static const char *join(struct builder *b, const char *directory, const char *name)
{
    char path[BJ_PATH_MAX + 256];
    int length = snprintf(path, sizeof path, "%s/%s", directory, name);

    return bj_arena_copy(b->arena, path, (size_t)length);
}

/* Does a volume show this path? */
static bool is_covered(const struct builder *b, const char *path)
{
    for (int64_t i = 0; i < b->config->volume_count; i++) {
        if (bj_path_is_below(path, b->config->volumes[i].target))
            return true;
    }
    return false;
}

/*
 * The system's programs, and of /etc what programs need to work: not its secrets, which a caller
 * that is root could read. Of a host that is shown as a whole nothing has to be added.
 */
static void add_system(struct builder *b)
{
    /* To the kernel's knobs a caller that is root is their owner, whatever it is called inside; a
     * bubblewrap that was started as root in a user namespace does not cover them all itself. */
    static const char *const knobs[] = {
        "/proc/acpi", "/proc/bus",   "/proc/driver", "/proc/fs",  "/proc/irq",
        "/proc/mtrr", "/proc/kcore", "/proc/scsi",   "/proc/sys", "/proc/sysrq-trigger",
    };
    static const char *const settings[] = {
        "/etc/alternatives", "/etc/ca-certificates", "/etc/group",         "/etc/hosts",
        "/etc/host.conf",    "/etc/ld.so.cache",     "/etc/ld.so.conf",    "/etc/ld.so.conf.d",
        "/etc/localtime",    "/etc/mime.types",      "/etc/nsswitch.conf", "/etc/passwd",
        "/etc/pki",          "/etc/protocols",       "/etc/resolv.conf",   "/etc/services",
        "/etc/ssl",
    };

    add(b, PROC, NULL, "/proc");
    for (size_t i = 0; i < sizeof knobs / sizeof *knobs; i++)
        add(b, RO_BIND_TRY, knobs[i], knobs[i]);
    add(b, DEV, NULL, "/dev");
    add(b, TMPFS, NULL, "/tmp");
    if (is_covered(b, "/")) {
        add(b, TMPFS, NULL, "/run"); /* where the sockets of the host's services are */
        return;
    }
    for (int i = 0; i < b->host->system_count; i++) {
        const struct bj_system_dir *dir = &b->host->system[i];

        if (dir->kind == BJ_SYSTEM_LINK)
            add(b, SYMLINK, dir->link, dir->path);
        else if (dir->kind == BJ_SYSTEM_DIRECTORY && !bj_streq(dir->path, "/etc"))
            add(b, RO_BIND, dir->path, dir->path);
    }
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        add(b, RO_BIND_TRY, settings[i], settings[i]);
    if (!is_covered(b, b->options->home) && depth_of(b->options->home) > 0)
        add(b, TMPFS, NULL, b->options->home);
}

static void add_volumes(struct builder *b, bool read_only)
{
    for (int64_t i = 0; i < b->config->volume_count; i++) {
        const struct bj_volume *volume = &b->config->volumes[i];

        if (volume->read_only == read_only)
            add(b, read_only ? RO_BIND : BIND, volume->source, volume->target);
    }
}

/* Files of the workspace that the host would later obey; see model/protected.h. */
static int protect(struct builder *b, const char *target, struct bj_error *err)
{
    const struct bj_host *host = b->host;

    if (host->git_directory && !b->config->allow_git_config)
        add(b, BIND, join(b, host->workspace, ".git"), join(b, target, ".git"));
    for (int i = 0; bj_protected_paths[i].path != NULL; i++) {
        const struct bj_protected *row = &bj_protected_paths[i];
        uint32_t bit = (uint32_t)1 << i;

        if (bj_protected_is_open(row, b->config) || !(host->protected_present & bit))
            continue;
        if (host->protected_links & bit)
            return bj_fail(err, BJ_E_DENIED, "workspace",
                           "%s is, or lies behind, a symbolic link and cannot be kept read-only "
                           "by bubblewrap; the native backend can be told to leave it writable",
                           row->path);
        add(b, RO_BIND, join(b, host->workspace, row->path), join(b, target, row->path));
    }
    for (int i = 0; i < host->socket_count; i++)
        add(b, RO_BIND, "/dev/null", join(b, target, host->sockets[i]));
    return 0;
}

static int add_mounts(struct builder *b, const char *target, struct bj_error *err)
{
    int result = 0;

    add_system(b);
    add_volumes(b, true);
    if (b->config->workspace == BJ_WORKSPACE_EMPTY) {
        add(b, TMPFS, NULL, target);
    } else {
        add(b, BIND, b->host->workspace, target);
        result = protect(b, target, err);
    }
    add_volumes(b, false);
    if (result == 0 && b->full)
        return bj_fail(err, BJ_E_LIMIT, "bubblewrap", "more than %d mounts", MOUNTS_MAX);
    qsort(b->mounts, (size_t)b->count, sizeof b->mounts[0], compare);
    return result;
}

/* Who the workload is inside: as with the native backend, never root unless that was said. */
static void put_user(const struct builder *b, const char **words, size_t *count)
{
    const char *id = NULL;

    if (b->config->user == BJ_USER_ROOT)
        id = "0";
    else if (b->host->uid == 0)
        id = "1000";
    if (id == NULL)
        return;
    words[(*count)++] = "--uid";
    words[(*count)++] = id;
    words[(*count)++] = "--gid";
    words[(*count)++] = id;
}

static const char *const *put_words(struct builder *b, const char *target)
{
    static const char *const isolation[] = {"--unshare-user",       "--unshare-pid",
                                            "--unshare-uts",        "--unshare-ipc",
                                            "--unshare-cgroup-try", "--die-with-parent"};
    const char **words = bj_arena_array(b->arena, WORDS_MAX, sizeof *words);
    size_t count = 0;

    if (words == NULL)
        return NULL;
    words[count++] = keep(b, b->options->program);
    for (int i = 0; i < b->count; i++) {
        words[count++] = kinds[b->mounts[i].kind].option;
        if (kinds[b->mounts[i].kind].has_source)
            words[count++] = b->mounts[i].source;
        words[count++] = b->mounts[i].target;
    }
    words[count++] = "--remount-ro"; /* what bubblewrap made of its own: mount points */
    words[count++] = "/";
    words[count++] = "--chdir";
    words[count++] = keep(b, target);
    if (b->config->network != BJ_NETWORK_HOST)
        words[count++] = "--unshare-net";
    for (size_t i = 0; i < sizeof isolation / sizeof *isolation; i++)
        words[count++] = isolation[i];
    if (b->config->hostname != NULL) {
        words[count++] = "--hostname";
        words[count++] = keep(b, b->config->hostname);
    }
    if (b->options->new_session)
        words[count++] = "--new-session";
    words[count++] = "--cap-drop";
    words[count++] = "ALL";
    put_user(b, words, &count);
    for (const char *const *extra = b->options->extra; extra != NULL && *extra != NULL; extra++)
        words[count++] = keep(b, *extra);
    words[count++] = "--";
    return words;
}

int bj_bubblewrap_argv(const struct bj_config *config, const struct bj_host *host,
                       const struct bj_bubblewrap_options *options, struct bj_arena *arena,
                       const char *const **ret_argv, struct bj_error *err)
{
    struct builder *b = bj_arena_alloc(arena, sizeof *b);
    const char *source, *target;
    int result = bj_plan_workspace(config, host, &source, &target, err);

    if (result < 0)
        return result;
    if (config->network == BJ_NETWORK_DOMAINS)
        return bj_fail(err, BJ_E_UNSUPPORTED, "bubblewrap",
                       "bubblewrap knows no domains: the network is whole or none");
    if (b == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "bubblewrap", "out of memory");
    b->config = config;
    b->host = host;
    b->options = options;
    b->arena = arena;
    /* At its own path, unless that leads through what is bound and may have links. */
    if (source != NULL && config->working_directory == NULL && is_covered(b, target))
        target = host->workspace;
    result = add_mounts(b, target, err);
    if (result < 0)
        return result;
    *ret_argv = put_words(b, target);
    if (arena->failed)
        return bj_fail(err, BJ_E_NO_MEMORY, "bubblewrap", "out of memory");
    return 0;
}
