/*
 * Wrapping a command: what the caller allows becomes a configuration, the same for all ways of
 * wrapping, and each way then writes it in its own words.
 */
#include "backend/wrap.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/environment.h"
#include "backend/wrap_internal.h"
#include "base/escape.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "linux/host.h"
#include "plan/plan.h"

static const char *const names[BJ_WRAP_BACKEND_COUNT] = {"native", "bubblewrap", "seatbelt"};

int bj_wrap_backend_find(const char *name)
{
    for (int i = 0; i < BJ_WRAP_BACKEND_COUNT; i++) {
        if (bj_streq(names[i], name))
            return i;
    }
    return -1;
}

static int add_volume(struct bj_config *config, const char *source, const char *target,
                      bool read_only, struct bj_error *err)
{
    struct bj_volume *grown;

    if (config->volume_count >= BJ_VOLUMES_MAX)
        return bj_fail(err, BJ_E_LIMIT, "wrap", "more than %d paths", BJ_VOLUMES_MAX);
    grown = bj_realloc_array(config->volumes, (size_t)config->volume_count + 1, sizeof *grown);
    if (grown == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "wrap", "out of memory");
    config->volumes = grown;
    grown += config->volume_count++;
    grown->source = bj_strdup(source);
    grown->target = bj_strdup(target);
    grown->read_only = read_only;
    if (grown->source == NULL || grown->target == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "wrap", "out of memory");
    return 0;
}

/* Does a path given before show this one, so that links in it lead where they should? */
static bool is_shown(const struct bj_config *config, const char *path)
{
    for (int64_t i = 0; i < config->volume_count; i++) {
        if (bj_path_is_below(path, config->volumes[i].target))
            return true;
    }
    return false;
}

/*
 * A path is shown where it really is, which is where a sandbox can hold on to it, and if it was
 * called by another name there as well.
 */
static int add_path(struct bj_config *config, const char *path, bool read_only, bool quiet,
                    struct bj_warnings *warnings, struct bj_error *err)
{
    char real[PATH_MAX], called[BJ_PATH_MAX];
    int result;

    if (path[0] != '/')
        return bj_fail(err, BJ_E_INVALID, "wrap", "%s is not an absolute path", path);
    if (realpath(path, real) == NULL) {
        if (errno != ENOENT && errno != ENOTDIR && errno != EACCES)
            return bj_fail_errno(err, "wrap", "cannot resolve %s", path);
        if (!quiet)
            bj_warnings_add(warnings, "%.150s does not exist and is left out", path);
        return 0;
    }
    if (bj_streq(real, "/") && !read_only)
        return bj_fail(err, BJ_E_DENIED, "wrap", "will not make all of / writable in a sandbox");
    result = add_volume(config, real, real, read_only, err);
    if (result == 0 && strstr(path, "..") == NULL &&
        bj_path_normalise(path, called, sizeof called) && !bj_streq(called, real) &&
        !is_shown(config, called))
        result = add_volume(config, real, called, read_only, err);
    return result;
}

static int add_paths(struct bj_config *config, const char *const *paths, bool read_only,
                     struct bj_warnings *warnings, struct bj_error *err)
{
    int result = 0;

    for (; result == 0 && paths != NULL && *paths != NULL; paths++)
        result = add_path(config, *paths, read_only, false, warnings, err);
    return result;
}

/* Sockets are files, and one that may be connected to need not be writable as a file. */
static int add_sockets(struct bj_config *config, const struct bj_settings *settings,
                       struct bj_warnings *warnings, struct bj_error *err)
{
    int result;

    if (settings == NULL)
        return 0;
    result = add_paths(config, (const char *const *)settings->network.allowed_unix_sockets, true,
                       warnings, err);
    if (result == 0 && settings->network.allow_all_unix_sockets)
        result = add_path(config, "/run", true, true, warnings, err);
    return result;
}

/* Programs that the caller's shell has from a version manager, as the original shows them. */
static int add_version_manager(struct bj_config *config, const char *home,
                               struct bj_warnings *warnings, struct bj_error *err)
{
    char path[BJ_PATH_MAX];

    if (home == NULL || home[0] != '/' ||
        snprintf(path, sizeof path, "%s/.nvm", home) >= (int)sizeof path || is_shown(config, path))
        return 0;
    return add_path(config, path, true, true, warnings, err);
}

static int add_proxies(struct bj_config *config, const struct bj_settings *settings,
                       struct bj_error *err)
{
    static const struct {
        const char *format;
        bool socks;
    } variables[] = {
        {"http_proxy=http://localhost:%d", false},  {"https_proxy=http://localhost:%d", false},
        {"HTTP_PROXY=http://localhost:%d", false},  {"HTTPS_PROXY=http://localhost:%d", false},
        {"ALL_PROXY=socks5h://localhost:%d", true}, {"all_proxy=socks5h://localhost:%d", true}};
    int result = 0;

    if (settings == NULL)
        return 0;
    for (size_t i = 0; result == 0 && i < sizeof variables / sizeof *variables; i++) {
        int port = variables[i].socks ? settings->network.socks_proxy_port
                                      : settings->network.http_proxy_port;
        char text[64];

        if (port == 0)
            continue;
        snprintf(text, sizeof text, variables[i].format, port);
        result = bj_config_set(config, BJ_OPT_ENVIRONMENT, text, NULL, err);
    }
    return result;
}

static int make_config(const struct bj_wrap *wrap, struct bj_config *config,
                       struct bj_warnings *warnings, struct bj_error *err)
{
    char real[PATH_MAX], called[BJ_PATH_MAX];
    int result;

    if (wrap->directory == NULL || wrap->directory[0] != '/')
        return bj_fail(err, BJ_E_INVALID, "wrap", "the working directory is not an absolute path");
    if (realpath(wrap->directory, real) == NULL)
        return bj_fail_errno(err, "wrap", "cannot resolve the working directory %s",
                             wrap->directory);
    if (strstr(wrap->directory, "..") != NULL ||
        !bj_path_normalise(wrap->directory, called, sizeof called))
        memcpy(called, real, strlen(real) + 1);
    config->workspace_path = bj_strdup(called);
    if (config->workspace_path == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "wrap", "out of memory");
    config->network = wrap->network ? BJ_NETWORK_HOST : BJ_NETWORK_NONE;
    result = add_paths(config, wrap->read_paths, true, warnings, err);
    if (result == 0)
        result = add_sockets(config, wrap->settings, warnings, err);
    if (result == 0)
        result = add_version_manager(config, getenv("HOME"), warnings, err);
    if (result == 0)
        result = add_paths(config, wrap->write_paths, false, warnings, err);
    if (result == 0)
        result = add_proxies(config, wrap->settings, err);
    return result;
}

void bj_wrap_put_shell(const struct bj_wrapping *wrapping, const char *shell, struct bj_buf *out)
{
    bool option = wrapping->command[0] == '-' || wrapping->command[0] == '+';

    bj_buf_printf(out, " %s -c %s", shell, option ? "-- " : "");
    bj_shell_quote(out, wrapping->command);
}

int bj_wrap_environment(const struct bj_wrapping *wrapping, char ***ret, struct bj_error *err)
{
    const char *path = getenv("PATH"), *user = getenv("USER");
    BJ_CLEANUP_FREE char **own = NULL;
    char text[BJ_PATH_MAX];
    size_t count = 0, used = 0;

    while (wrapping->config->environment != NULL && wrapping->config->environment[count] != NULL)
        count++;
    own = bj_alloc((count + 2) * sizeof *own);
    if (own == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "wrap", "out of memory");
    if (path != NULL && snprintf(text, sizeof text, "PATH=%s", path) < (int)sizeof text)
        own[used++] = text;
    for (size_t i = 0; i < count; i++)
        own[used++] = wrapping->config->environment[i];
    return bj_environment_build(&(struct bj_environment_base){.user = user != NULL ? user : "user",
                                                              .home = wrapping->home,
                                                              .own = own},
                                ret, err);
}

static int wrap_with(enum bj_wrap_backend backend, struct bj_wrapping *wrapping, struct bj_buf *out,
                     struct bj_error *err)
{
    static int (*const ways[])(const struct bj_wrapping *, struct bj_buf *, struct bj_error *) = {
        bj_wrap_native, bj_wrap_bubblewrap, bj_wrap_seatbelt};
    BJ_CLEANUP_FREE struct bj_host *host = bj_alloc(sizeof *host);
    const char *source, *target;
    int result;

    if (host == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "wrap", "out of memory");
    result = bj_host_read(wrapping->config, host, err);
    if (result == 0)
        result = bj_plan_workspace(wrapping->config, host, &source, &target, err);
    if (result < 0)
        return result;
    wrapping->host = host;
    wrapping->home = host->home[0] != '\0' ? host->home : "/home/user";
    wrapping->shell = access("/bin/bash", X_OK) == 0 ? "/bin/bash" : "/bin/sh";
    result = ways[backend](wrapping, out, err);
    if (result == 0 && out->failed)
        return out->no_memory ? bj_fail(err, BJ_E_NO_MEMORY, "wrap", "out of memory")
                              : bj_fail(err, BJ_E_LIMIT, "wrap", "the wrapped command is too long");
    return result;
}

int bj_wrap_command(enum bj_wrap_backend backend, const char *command, const struct bj_wrap *wrap,
                    struct bj_buf *out, struct bj_warnings *warnings, struct bj_error *err)
{
    struct bj_wrapping wrapping = {.command = command, .wrap = wrap};
    struct bj_warnings unheard = {0};
    struct bj_config config;
    int result = bj_config_init(&config, err);

    if (warnings == NULL)
        warnings = &unheard;
    wrapping.config = &config;
    if (result == 0)
        result = make_config(wrap, &config, warnings, err);
    if (result == 0 && backend == BJ_WRAP_BUBBLEWRAP && geteuid() == 0)
        bj_warnings_add(warnings, "run by root, this line lets the command leave set-user-id files "
                                  "of root's where it may write; the native backend does not");
    if (result == 0)
        result = wrap_with(backend, &wrapping, out, err);
    bj_config_release(&config);
    return result;
}
