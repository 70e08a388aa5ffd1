/* Starting the service: everything that is opened and checked before its first process. */
#include "supervisor/serve.h"

#include <fcntl.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/limits.h"
#include "base/mem.h"
#include "linux/beside.h"
#include "supervisor/isolation.h"
#include "supervisor/keyfile.h"
#include "supervisor/listen.h"
#include "supervisor/state.h"
#include "supervisor/supervisor.h"
#include "supervisor/toldkey.h"
#include "supervisor/welcome.h"

#define PATIENCE_US 10000000 /* for what is left of an earlier service to end */

struct service {
    struct bj_service_settings settings;
    struct bj_listeners listeners;
    struct bj_log log;
    int lock;
    int argc;
    char **argv;
};

/* A service has many descriptors; select(2), for which the lower limit is kept, is not used. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* Those of systemd and those that were named; the usual ones where there are neither. */
static int open_listeners(struct service *service, struct bj_error *err)
{
    const struct bj_service_settings *settings = &service->settings;
    /* A socket's own permissions count only where nothing else does: the kernel says who a peer
     * is, and whoever is not let in by that needs a key. */
    bool everyone = !settings->no_key;
    int result = bj_listen_inherit(&service->listeners, err);

    for (char **where = settings->listen; result == 0 && where != NULL && *where != NULL; where++)
        result = bj_listen_open(&service->listeners, *where, everyone, err);
    if (result == 0 && service->listeners.count == 0)
        result = bj_listen_default(&service->listeners, settings->state, everyone, err);
    return result;
}

static int check_listeners(const struct service *service, struct bj_error *err)
{
    for (size_t i = 0; i < service->listeners.count; i++) {
        const struct bj_listener *listener = &service->listeners.entry[i];

        if (service->settings.no_key && !listener->is_local)
            return bj_fail(err, BJ_E_DENIED, "listen",
                           "--no-key lets everyone in, and %s can be reached from other machines; "
                           "use a key there",
                           listener->name);
    }
    return 0;
}

/* Reads the configuration again, as the processes that are started from now on will. */
static int reload(void *context, int *ret_config, struct bj_error *err)
{
    struct service *service = context;
    struct bj_service_settings settings;
    int result = bj_service_settings_load(&settings, service->argc, service->argv, -1, err);

    if (result == 0 && service->settings.api_key != NULL &&
        (settings.no_key || settings.key_file != NULL))
        result = bj_fail(err, BJ_E_INVALID, "options",
                         "%s makes no sense beside BELLJAR_API_KEY, with which the service was "
                         "started; take it out of the configuration",
                         settings.no_key ? "no_key, which lets everyone in,"
                                         : "key_file, another place for the same key,");
    if (result == 0)
        result = bj_service_settings_snapshot(&settings, ret_config, err);
    bj_service_settings_release(&settings);
    return result;
}

/* Where no key was ever added there is no file, which says that there are none. */
static int open_no_keys(int *ret_fd, struct bj_error *err)
{
    BJ_CLEANUP_CLOSE int fd = memfd_create("belljar-keys", MFD_CLOEXEC);

    if (fd < 0 || bj_fd_write_all(fd, "{}", 2) < 0)
        return bj_fail_errno(err, "keys", "cannot make an empty list of keys");
    *ret_fd = bj_fd_take(&fd);
    return 0;
}

static int open_keys(void *context, int *ret_fd, struct bj_error *err)
{
    const struct service *service = context;
    BJ_CLEANUP_FREE char *path = NULL;
    int result = bj_keyfile_path(&service->settings, "keys.json", &path, err);

    if (result < 0)
        return result;
    *ret_fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (*ret_fd < 0 && errno == ENOENT)
        return open_no_keys(ret_fd, err);
    return *ret_fd < 0 ? bj_fail_errno(err, "keys", "cannot open %s", path) : 0;
}

static void keys_taken(void *context, const struct stat *file)
{
    const struct service *service = context;

    bj_state_note_keys(service->lock, file);
}

static void ready(void *context)
{
    const struct service *service = context;
    struct bj_buf text;

    bj_buf_init(&text, 1 << 16);
    bj_welcome(&service->settings, &service->listeners, &text);
    fputs(bj_buf_text(&text), stdout);
    fflush(stdout);
    bj_buf_release(&text);
}

static int open_all(struct service *service, int *ret_lock, int *ret_config, struct bj_error *err)
{
    int result = bj_service_settings_log(&service->settings, &service->log, err);

    if (result == 0)
        result = bj_state_open(service->settings.state, PATIENCE_US, ret_lock, err);
    /* Before anybody can ask for one. */
    if (result == 0)
        result = bj_isolation_try(&service->settings, err);
    if (result == 0)
        result = bj_keyfile_make(&service->settings, err);
    if (result == 0)
        result = bj_service_settings_snapshot(&service->settings, ret_config, err);
    if (result == 0)
        result = open_listeners(service, err);
    if (result == 0)
        result = check_listeners(service, err);
    return result;
}

/* The programs of this version, by whatever name others take their places. */
static int open_programs(const char *program, int *ret_self, int *ret_launcher, int *ret_files,
                         struct bj_error *err)
{
    const char *const names[] = {"belljar-launcher", "belljar-files"};
    int *const ret[] = {ret_launcher, ret_files};
    char path[BJ_PATH_MAX];

    *ret_self = open("/proc/self/exe", O_PATH | O_CLOEXEC);
    if (*ret_self < 0)
        return bj_fail_errno(err, "program", "cannot open %s", program);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        int result = bj_beside(names[i], path, sizeof path, err);

        if (result < 0)
            return result;
        *ret[i] = open(path, O_PATH | O_CLOEXEC);
        if (*ret[i] < 0)
            return bj_fail_errno(err, "program", "cannot open %s", path);
    }
    return 0;
}

static int run(struct service *service, const char *program, struct bj_error *err)
{
    BJ_CLEANUP_CLOSE int lock = -1, self = -1, launcher = -1, files = -1;
    struct bj_supervisor_options options = {.program = program,
                                            .arguments = service->argv + 1,
                                            .listeners = &service->listeners,
                                            .api_key = service->settings.api_key,
                                            .log = &service->log,
                                            .config = -1,
                                            .reload = reload,
                                            .open_keys = open_keys,
                                            .keys_taken = keys_taken,
                                            .ready = ready,
                                            .context = service};
    int result = open_programs(program, &self, &launcher, &files, err);

    if (result == 0)
        result = open_all(service, &lock, &options.config, err);
    options.lock = service->lock = lock;
    options.self = self;
    options.launcher = launcher;
    options.files = files;
    if (result == 0)
        result = bj_supervisor_run(&options, err);
    else
        bj_fd_close(&options.config);
    bj_listen_close(&service->listeners);
    return result;
}

int bj_serve(const char *program, int argc, char **argv)
{
    struct service service = {.argc = argc, .argv = argv};
    struct bj_error error;
    int result = bj_service_settings_load(&service.settings, argc, argv, -1, &error);

    bj_toldkey_forget();
    if (result == 0 && service.settings.help) {
        struct bj_buf text;

        bj_buf_init(&text, 1 << 16);
        bj_service_settings_help(&text);
        fputs(bj_buf_text(&text), stdout);
        bj_buf_release(&text);
    } else if (result == 0) {
        raise_descriptor_limit();
        /* Until there is a loop that takes them: both are about what is read by then anyway. */
        signal(SIGHUP, SIG_IGN);
        signal(SIGUSR1, SIG_IGN);
        result = run(&service, program, &error);
    }
    bj_service_settings_release(&service.settings);
    if (result >= 0)
        return result;
    fprintf(stderr, "belljar serve: %s\n", error.message);
    return bj_code_exit_status(error.code);
}
