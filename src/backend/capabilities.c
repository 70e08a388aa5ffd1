/* What can make a sandbox here; see capabilities.h. */
#include "backend/capabilities.h"

#include <stdio.h>
#include <string.h>

#include "backend/backend.h"
#include "backend/bubblewrap.h"
#include "base/arena.h"
#include "base/mem.h"
#include "base/str.h"
#include "linux/host.h"
#include "linux/program.h"

#define TRIAL_MS  10000
#define ARENA_MAX (1 << 20)

static void refuse(struct bj_backend_capability *backend, const struct bj_error *err)
{
    snprintf(backend->reason, sizeof backend->reason, "%.*s", (int)sizeof backend->reason - 1,
             err->message);
}

/* An empty workspace: nothing about the current directory should matter. */
static int trial_config(struct bj_config *config, struct bj_error *err)
{
    int result = bj_config_init(config, err);

    return result < 0 ? result : bj_config_set(config, BJ_OPT_WORKSPACE, "empty", NULL, err);
}

/* Makes a sandbox and waits until its init answers. */
static void try_native(const struct bj_config *config, struct bj_launcher *launcher,
                       struct bj_backend_capability *ret)
{
    struct bj_process_entry entries[4];
    struct bj_sandbox *sandbox = NULL;
    struct bj_error err = {0};
    struct bj_result result;
    size_t count;
    int failed;

    bj_result_init(&result);
    failed = bj_backend_native.create(config, launcher, &result, &sandbox, &err);
    if (failed == 0) {
        failed = bj_backend_native.list(sandbox, entries, 4, &count, &err);
        bj_backend_native.destroy(sandbox, &result);
    }
    if (failed < 0) {
        refuse(ret, &err);
    } else {
        ret->available = true;
        ret->features.network_isolation = result.layers & BJ_LAYER_BIT(NETWORK);
        ret->features.filesystem_isolation = result.layers & BJ_LAYER_BIT(MOUNT);
        ret->features.process_isolation = result.layers & BJ_LAYER_BIT(PID);
    }
    bj_result_release(&result);
}

/* The last line of what a program said, which is where the reason stands. */
static const char *last_line(char *text)
{
    size_t length = strlen(text);
    char *line;

    while (length > 0 && text[length - 1] == '\n')
        text[--length] = '\0';
    line = strrchr(text, '\n');
    return line != NULL ? line + 1 : text;
}

static int read_version(struct bj_backend_capability *ret, struct bj_error *err)
{
    const char *argv[] = {"bwrap", "--version", NULL};
    char text[256] = "";
    int status, result;

    result = bj_program_output(ret->path, argv, text, sizeof text, TRIAL_MS, &status, err);
    if (result < 0)
        return result;
    if (status != 0 || sscanf(text, "bubblewrap %31[0-9A-Za-z.+-]", ret->version) != 1)
        return bj_fail(err, BJ_E_UNSUPPORTED, "bubblewrap", "%s does not say that it is bubblewrap",
                       ret->path);
    return 0;
}

/* All namespaces, all mounts, and a command that does nothing. */
static int try_line(const struct bj_config *config, const struct bj_host *host, const char *path,
                    struct bj_arena *arena, struct bj_error *err)
{
    const struct bj_bubblewrap_options options = {
        .program = path, .home = BJ_BUBBLEWRAP_HOME, .new_session = true};
    const char *const *prefix;
    const char **argv;
    size_t count = 0;
    char text[512] = "";
    int status, result;

    result = bj_bubblewrap_argv(config, host, &options, arena, &prefix, err);
    if (result < 0)
        return result;
    while (prefix[count] != NULL)
        count++;
    argv = bj_arena_array(arena, count + 4, sizeof *argv);
    if (argv == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "bubblewrap", "out of memory");
    memcpy(argv, prefix, count * sizeof *argv);
    argv[count] = "/bin/sh";
    argv[count + 1] = "-c";
    argv[count + 2] = "exit 0";
    result = bj_program_output(path, argv, text, sizeof text, TRIAL_MS, &status, err);
    if (result == 0 && status != 0)
        return bj_fail(err, BJ_E_LAYER, "bubblewrap", "%s", last_line(text));
    return result;
}

static void try_bubblewrap(const struct bj_config *config, struct bj_backend_capability *ret)
{
    BJ_CLEANUP_FREE struct bj_host *host = bj_alloc(sizeof *host);
    struct bj_error err = {0};
    struct bj_arena arena;
    int result;

    bj_arena_init(&arena, ARENA_MAX);
    if (host == NULL)
        result = bj_fail(&err, BJ_E_NO_MEMORY, "bubblewrap", "out of memory");
    else
        result = bj_program_find("bwrap", ret->path, sizeof ret->path, &err);
    if (result == 0)
        result = read_version(ret, &err);
    if (result == 0)
        result = bj_host_read(config, host, &err);
    if (result == 0)
        result = try_line(config, host, ret->path, &arena, &err);
    if (result < 0) {
        refuse(ret, &err);
    } else {
        ret->available = true;
        ret->features = (struct bj_sandbox_features){true, true, true};
    }
    bj_arena_release(&arena);
}

static void summarise(struct bj_capabilities *all)
{
    static const char *const types[BJ_CAPABILITY_BACKENDS] = {"bubblewrap", "bubblewrap",
                                                              "seatbelt"};

    all->type = "none";
    for (int i = 0; i < BJ_CAPABILITY_BACKENDS && !all->available; i++) {
        if (!all->backends[i].available)
            continue;
        all->available = true;
        all->type = types[i];
        all->features = all->backends[i].features;
    }
}

int bj_capabilities_probe(struct bj_launcher *launcher, struct bj_capabilities *ret,
                          struct bj_error *err)
{
    struct bj_config config;
    int result;

    *ret =
        (struct bj_capabilities){.backends = {
                                     {.name = "native"},
                                     {.name = "bubblewrap"},
                                     {.name = "seatbelt",
                                      .reason = "sandbox-exec is part of macOS; here its command "
                                                "line can be printed but not run"},
                                 }};
    result = trial_config(&config, err);
    if (result == 0) {
        try_native(&config, launcher, &ret->backends[0]);
        try_bubblewrap(&config, &ret->backends[1]);
        summarise(ret);
    }
    bj_config_release(&config);
    return result;
}

bool bj_capabilities_can_sandbox(const struct bj_capabilities *capabilities)
{
    return capabilities->available;
}
