/*
 * belljar bwrap: bubblewrap's command line on Belljar's layers, for programs that know only that.
 *
 * This is a front door like the others: it turns the command line into a config with a layout, and
 * has the engine run it. Its own are only what bubblewrap tells its caller: descriptors to write
 * what runs to, and to wait on before it does.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/backend.h"
#include "base/fd.h"
#include "base/str.h"
#include "cli/ask.h"
#include "cli/bwrap_options.h"
#include "cli/cli.h"
#include "engine/engine.h"
#include "linux/process.h"
#include "model/options.h"
#include "version.h"

#define CHUNK       8192
#define EXIT_FAILED 1       /* as bubblewrap */
#define SPOKEN      "0.8.0" /* whose command line this is */

static int fail(const struct bj_error *err)
{
    /* Callers look for these words to find out that /proc is not to be had where they are. */
    if (bj_streq(err->step, "proc"))
        fprintf(stderr, "bwrap: Can't mount proc on /newroot/proc: %s\n", err->message);
    else
        fprintf(stderr, "bwrap: %s\n", err->message);
    return EXIT_FAILED;
}

/* Waits until the caller says so, by a byte or by closing its end. Signals end it, as ever. */
static int wait_for(int fd, struct bj_error *err)
{
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    sigset_t none;

    sigemptyset(&none);
    while (ppoll(&ready, 1, NULL, &none) < 0) {
        if (errno != EINTR)
            return bj_fail_errno(err, "bwrap", "--block-fd: cannot wait for descriptor %d", fd);
    }
    close(fd);
    return 0;
}

static int tell(int fd, const char *option, const char *text, struct bj_error *err)
{
    if (fd >= 0 && bj_fd_write_all(fd, text, strlen(text)) < 0)
        return bj_fail_errno(err, "bwrap", "%s: cannot write to descriptor %d", option, fd);
    return 0;
}

/* The sandbox is there, its command not yet. */
static int created(void *context, pid_t init_pid, struct bj_error *err)
{
    struct bj_bwrap *bwrap = context;
    char text[64];
    int result;

    snprintf(text, sizeof text, "{\n    \"child-pid\": %d\n}\n", (int)init_pid);
    result = tell(bwrap->info_fd, "--info-fd", text, err);
    bj_fd_close(&bwrap->info_fd);
    snprintf(text, sizeof text, "{ \"child-pid\": %d }\n", (int)init_pid);
    if (result == 0)
        result = tell(bwrap->status_fd, "--json-status-fd", text, err);
    if (result == 0 && bwrap->block_fd >= 0)
        result = wait_for(bwrap->block_fd, err);
    return result;
}

static int read_descriptor(int fd, struct bj_buf *out)
{
    ssize_t n = 1;

    while (n != 0) {
        char *room = bj_buf_reserve(out, CHUNK);

        n = room != NULL ? read(fd, room, CHUNK) : 0;
        if (n < 0 && errno != EINTR)
            return -1;
        out->length += n > 0 ? (size_t)n : 0;
    }
    close(fd);
    return 0;
}

static bool path_of_descriptor(int fd, char *ret, size_t size)
{
    char link[32];
    ssize_t length;

    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    length = readlink(link, ret, size);
    if (length <= 0 || (size_t)length == size || ret[0] != '/')
        return false;
    ret[length] = '\0';
    return true;
}

/* Whatever path leads to one of the trees that plans treat specially, it is called by its name. */
static void name_trees(struct bj_bwrap *bwrap)
{
    static const char *const names[] = {"/", "/proc", "/dev", "/sys"};
    enum { COUNT = sizeof names / sizeof *names };
    struct stat known[COUNT], status;
    bool there[COUNT];

    for (int i = 0; i < COUNT; i++)
        there[i] = stat(names[i], &known[i]) == 0;
    for (size_t i = 0; i < bwrap->layout.step_count; i++) {
        struct bj_step *step = &bwrap->steps[i];

        if (step->kind != BJ_STEP_BIND || stat(step->source, &status) < 0)
            continue;
        for (int j = 0; j < COUNT; j++) {
            if (there[j] && status.st_dev == known[j].st_dev && status.st_ino == known[j].st_ino)
                step->source = names[j];
        }
    }
}

/* An executable file, open for nothing but reading, tells no secret and leads nowhere. */
static bool may_be_passed(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    struct stat status;

    return flags >= 0 && (flags & (O_WRONLY | O_RDWR)) == 0 && fstat(fd, &status) == 0 &&
           S_ISREG(status.st_mode) && (status.st_mode & 0111) != 0;
}

/*
 * Of the caller's descriptors the command gets those that it runs as a program by the path
 * /proc/self/fd/N, as an agent does with a helper that is part of its own file. bubblewrap would
 * pass on every one.
 */
static void find_passed(const char *text, struct bj_layout *layout)
{
    static const char path[] = "/proc/self/fd/";

    while ((text = strstr(text, path)) != NULL && layout->passed_count < BJ_PASSED_MAX) {
        char *end;
        long fd = strtol(text += sizeof path - 1, &end, 10);
        bool known = false;

        for (size_t i = 0; i < layout->passed_count; i++)
            known |= layout->passed[i] == fd;
        if (end != text && !known && fd > 2 && fd < BJ_PASSED_BELOW && may_be_passed((int)fd))
            layout->passed[layout->passed_count++] = (int)fd;
    }
}

/* A terminal of its own where all streams are the caller's, who is in front of it, and the layout
 * has devices to open one with. */
static bool wants_terminal(const struct bj_layout *layout)
{
    bool devices = false;

    for (size_t i = 0; i < layout->step_count; i++)
        devices |=
            layout->steps[i].kind == BJ_STEP_DEV && bj_streq(layout->steps[i].target, "/dev");
    return devices && isatty(0) && isatty(1) && isatty(2) && tcgetpgrp(0) == getpgrp();
}

/*
 * Limits are what the configuration says that BELLJAR_CONFIG or BELLJAR_PRESET names: a caller that
 * speaks to bubblewrap expects none.
 */
static void lift_unsaid_limits(struct bj_config *config)
{
    if (!bj_config_said(config, BJ_OPT_OUTPUT_LIMIT_MB))
        config->output_limit_mb = 0;
    if (!bj_config_said(config, BJ_OPT_SESSION_TIMEOUT))
        config->session_timeout_minutes = 0;
    if (!bj_config_said(config, BJ_OPT_MAX_OPEN_FILES))
        config->max_open_files = 0;
    if (bj_config_said(config, BJ_OPT_PRESET))
        return;
    if (!bj_config_said(config, BJ_OPT_CPU_CORES))
        config->cpu_cores = 0;
    if (!bj_config_said(config, BJ_OPT_MEMORY_MB))
        config->memory_mb = 0;
    if (!bj_config_said(config, BJ_OPT_DISK_MB))
        config->disk_mb = 0;
    if (!bj_config_said(config, BJ_OPT_MAX_PROCESSES))
        config->max_processes = 0;
    if (!bj_config_said(config, BJ_OPT_TIMEOUT_SECONDS))
        config->timeout_seconds = 0;
}

static int settle(struct bj_config *config, struct bj_bwrap *bwrap, struct bj_error *err)
{
    if (config->sandbox_type != BJ_SANDBOX_NATIVE || config->isolation != BJ_ISOLATION_NAMESPACES)
        return bj_fail(err, BJ_E_UNSUPPORTED, "bwrap",
                       "a file tree of one's own needs sandbox_type native and isolation "
                       "namespaces; the configuration that BELLJAR_CONFIG names says otherwise");
    lift_unsaid_limits(config);
    name_trees(bwrap);
    for (size_t i = 0; bwrap->command[i] != NULL; i++)
        find_passed(bwrap->command[i], &bwrap->layout);
    config->layout = &bwrap->layout;
    config->workspace = BJ_WORKSPACE_EMPTY;
    config->network = bwrap->layout.own_network ? BJ_NETWORK_NONE : BJ_NETWORK_HOST;
    return bj_config_check_enforced(config, err);
}

static int run(const struct bj_config *config, struct bj_guard *guard, struct bj_bwrap *bwrap)
{
    struct bj_engine_request request = {
        .config = config,
        .guard = guard,
        .argv = bwrap->command,
        .named = bwrap->named,
        .environment = bwrap->environment,
        .terminal = wants_terminal(&bwrap->layout),
        .interactive = isatty(0) && tcgetpgrp(0) == getpgrp(),
        .created = created,
        .context = bwrap,
    };
    struct bj_error err = {0};
    struct bj_result result;
    int status = EXIT_FAILED;
    char text[64];

    for (int i = 0; i < 3; i++)
        request.streams[i] = fcntl(i, F_GETFD) < 0 ? -1 : i;
    bj_result_init(&result);
    if (bj_engine_run(&bj_backend_native, &request, &result, &err) < 0) {
        fail(&err);
    } else {
        status = result.exit_code;
        if (result.reason[0] != '\0')
            fprintf(stderr, "bwrap: %s\n", result.reason);
        snprintf(text, sizeof text, "{ \"exit-code\": %d }\n", status);
        tell(bwrap->status_fd, "--json-status-fd", text, NULL);
    }
    if (result.unrecorded[0] != '\0')
        fprintf(stderr, "bwrap: not recorded: %s\n", result.unrecorded);
    bj_result_release(&result);
    return status;
}

static int print_help(void)
{
    struct bj_buf text;

    bj_buf_init(&text, 1 << 20);
    bj_bwrap_help(&text);
    bj_fd_write_all(STDOUT_FILENO, bj_buf_text(&text), text.length);
    bj_buf_release(&text);
    return 0;
}

/* Callers want to read bubblewrap and a number they know; people want to know what it is. */
static int print_version(void)
{
    printf("bubblewrap " SPOKEN "\nbelljar " BJ_VERSION
           " in its place: belljar-bwrap(1) says what differs\n");
    return 0;
}

static int run_parsed(struct bj_config *config, struct bj_guard *guard, struct bj_bwrap *bwrap)
{
    struct bj_error err = {0};
    pid_t parent = getppid();

    if (bwrap->die_with_parent && (bj_process_die_with_parent() < 0 || getppid() != parent))
        return EXIT_FAILED;
    /* The word in between would be judged as an argument, and what follows as something else. */
    if (guard != NULL && bwrap->named)
        bj_fail(&err, BJ_E_UNSUPPORTED, "bwrap",
                "--argv0 cannot be judged, and the configuration asks for judging");
    else if (settle(config, bwrap, &err) == 0)
        return run(config, guard, bwrap);
    return fail(&err);
}

static int parse_and_run(int argc, char **argv, struct bj_config *config, struct bj_guard *guard)
{
    const struct bj_bwrap_caller caller = {
        .uid = geteuid(),
        .gid = getegid(),
        .environment = environ,
        .read_all = read_descriptor,
        .path_of = path_of_descriptor,
    };
    static struct bj_bwrap bwrap; /* large */
    struct bj_error err = {0};
    int status;

    if (bj_bwrap_parse(argc, argv, &caller, &bwrap, &err) < 0)
        status = fail(&err);
    else if (bwrap.help)
        status = print_help();
    else if (bwrap.version)
        status = print_version();
    else
        status = run_parsed(config, guard, &bwrap);
    bj_bwrap_release(&bwrap);
    return status;
}

/*
 * The configuration comes first: with one, this program may have to turn into its larger one, which
 * cannot read again what --args has been read from.
 */
int bj_cli_bwrap(int argc, char **argv)
{
    char *no_arguments[] = {(char *)"bwrap", NULL};
    struct bj_guard_options options = {.ask = bj_cli_ask};
    struct bj_guard *guard = NULL;
    struct bj_run_options ignored;
    struct bj_config config;
    struct bj_error err = {0};
    int first, status;

    options.config = &config;
    if (bj_options_parse(1, no_arguments, &config, &ignored, &first, &err) < 0 ||
        (bj_config_is_guarded(&config) && bj_guard_new(&options, &guard, &err) < 0))
        status = fail(&err);
    else
        status = parse_and_run(argc, argv, &config, guard);
    if (guard != NULL)
        guard->release(guard);
    bj_config_release(&config);
    return status;
}
