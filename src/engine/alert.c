/* Handing an alert to a process that belongs to nobody. */
#include "engine/alert.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "audit/mask.h"
#include "base/fault.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/str.h"
#include "linux/process.h"
#include "wire/json.h"
#include "wire/verdict_json.h"

#define EVENT_MAX   (512 << 10) /* bytes of an event */
#define COMMAND_CUT 4096        /* bytes of the command's text in it */
#define CHILD_STACK 32768       /* bytes; nothing is called there but system calls */
#define TEXT_CUT    (64 << 10)  /* bytes of any other text that is masked */

extern char **environ;

bool bj_alert_wanted(const struct bj_config *config, const struct bj_verdict *verdict)
{
    return config->alert_risk != BJ_RISK_NONE && verdict->risk >= config->alert_risk &&
           (config->alert_command != NULL || config->alert_url != NULL);
}

static void put_member(struct bj_buf *out, const char *name, const char *text, size_t length)
{
    bj_buf_printf(out, "\"%s\": ", name);
    if (text != NULL)
        bj_json_put_string(out, text, length);
    else
        bj_buf_puts(out, "null");
    bj_buf_puts(out, ", ");
}

static void put_text(struct bj_buf *out, const char *name, const char *text)
{
    put_member(out, name, text, text != NULL ? strlen(text) : 0);
}

static void put_masked(struct bj_buf *out, const char *name, const char *text,
                       const struct bj_mask *mask)
{
    struct bj_buf masked;

    bj_buf_init(&masked, TEXT_CUT);
    if (text != NULL)
        bj_mask_text(mask, text, strnlen(text, COMMAND_CUT), &masked);
    put_member(out, name, text != NULL && !masked.failed ? bj_buf_text(&masked) : NULL,
               masked.length);
    bj_buf_release(&masked);
}

static void put_time(struct bj_buf *out)
{
    struct timespec now;
    struct tm parts;
    char text[32];

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &parts);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
    put_text(out, "time", text);
}

/* The verdict with secrets taken out of what came from the command. */
static void put_verdict(struct bj_buf *out, const struct bj_verdict *verdict,
                        const struct bj_mask *mask)
{
    struct bj_verdict masked;

    bj_verdict_init(&masked);
    for (int i = 0; i < verdict->count; i++) {
        struct bj_violation violation = verdict->violations[i];
        struct bj_buf description, command;

        bj_buf_init(&description, TEXT_CUT);
        bj_buf_init(&command, TEXT_CUT);
        bj_mask_text(mask, violation.description, strlen(violation.description), &description);
        bj_mask_text(mask, violation.command, strlen(violation.command), &command);
        violation.description = description.failed ? BJ_MASKED : bj_buf_text(&description);
        violation.command = command.failed ? BJ_MASKED : bj_buf_text(&command);
        bj_verdict_add(&masked, &violation);
        bj_buf_release(&description);
        bj_buf_release(&command);
    }
    masked.decision = verdict->decision;
    masked.risk = verdict->risk;
    masked.dropped = verdict->dropped;
    masked.retry_after_us = verdict->retry_after_us;
    bj_buf_puts(out, "\"verdict\": ");
    bj_verdict_put_json(&masked, out);
    bj_verdict_release(&masked);
}

int bj_alert_event(const struct bj_config *config, const struct bj_request *request,
                   const struct bj_verdict *verdict, struct bj_buf *out, struct bj_error *err)
{
    const char *secrets[] = {config->e2b_api_key, config->daytona_api_key, NULL};
    struct bj_mask mask;
    int result;

    if (secrets[0] == NULL)
        secrets[0] = secrets[1];
    result = bj_mask_init(&mask, secrets, (const char *const *)environ, err);
    if (result < 0)
        return result;
    bj_buf_puts(out, "{");
    put_time(out);
    put_text(out, "tool", request->tool);
    put_text(out, "key", request->key);
    put_text(out, "sandbox", request->sandbox);
    put_text(out, "directory", request->directory);
    put_masked(out, "command", request->command, &mask);
    put_verdict(out, verdict, &mask);
    bj_buf_puts(out, "}");
    bj_mask_release(&mask);
    return out->failed ? bj_fail(err, BJ_E_NO_MEMORY, "alert", "out of memory") : 0;
}

/* What belljar-alert reads. The targets may hold secrets, so they are no arguments of it. */
static int make_message(const struct bj_config *config, const struct bj_request *request,
                        const struct bj_verdict *verdict, struct bj_buf *out, struct bj_error *err)
{
    int result;

    bj_buf_puts(out, "{");
    put_text(out, "command", config->alert_command);
    put_text(out, "url", config->alert_url);
    bj_buf_puts(out, "\"event\": ");
    result = bj_alert_event(config, request, verdict, out, err);
    bj_buf_puts(out, "}\n");
    return result;
}

static int make_file(const struct bj_buf *message, int *ret_fd, struct bj_error *err)
{
    BJ_CLEANUP_CLOSE int fd = BJ_SYS(memfd_create("belljar-alert", MFD_CLOEXEC));

    if (fd < 0 || BJ_SYS(bj_fd_write_all(fd, bj_buf_text(message), message->length)) < 0 ||
        BJ_SYS(lseek(fd, 0, SEEK_SET)) < 0)
        return bj_fail_errno(err, "alert", "cannot keep the message");
    *ret_fd = bj_fd_take(&fd);
    return 0;
}

/* Beside this program, or where it is installed for programs in bin. */
static int find_program(char path[BJ_PATH_MAX], struct bj_error *err)
{
    static const char *const places[] = {"belljar-alert", "../libexec/belljar/belljar-alert"};
    char self[BJ_PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);

    while (length > 0 && self[length - 1] != '/')
        length--;
    for (size_t i = 0; length > 0 && i < sizeof places / sizeof *places; i++) {
        int written = snprintf(path, BJ_PATH_MAX, "%.*s%s", (int)length, self, places[i]);

        if (written < BJ_PATH_MAX && access(path, X_OK) == 0)
            return 0;
    }
    return bj_fail(err, BJ_E_NOT_FOUND, "alert",
                   "belljar-alert is neither beside this program nor in ../libexec/belljar");
}

struct start {
    const char *program;
    int message, null;
    int failed; /* errno */
};

/* In this process's memory, as its grandchild, until it has executed. */
static void execute_child(struct start *start)
{
    char *argv[] = {(char *)"belljar-alert", NULL};
    sigset_t none;

    sigemptyset(&none);
    if (setsid() >= 0 && dup2(start->message, 0) >= 0 && dup2(start->null, 1) >= 0 &&
        dup2(start->null, 2) >= 0 && bj_process_close_from(3) == 0 && chdir("/") == 0 &&
        sigprocmask(SIG_SETMASK, &none, NULL) == 0)
        execve(start->program, argv, environ);
    start->failed = errno;
    _exit(127);
}

/* Leaves the program to nobody: this process is gone as soon as the other one has executed. */
static int start_child(void *data)
{
    struct start *start = data;
    pid_t pid = vfork();

    if (pid == 0)
        execute_child(start);
    if (pid < 0)
        start->failed = errno;
    _exit(0);
}

static int start_program(const char *program, int message, struct bj_error *err)
{
    BJ_CLEANUP_CLOSE int null = BJ_SYS(open("/dev/null", O_RDWR | O_CLOEXEC));
    struct start start = {.program = program, .message = message, .null = null};
    char stack[CHILD_STACK] __attribute__((aligned(16)));
    sigset_t all, before;
    pid_t child;

    if (null < 0)
        return bj_fail_errno(err, "alert", "cannot open /dev/null");
    /* A handler of the caller's must not run in a child that shares its memory. */
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    /* As vfork(2), which is not called twice in one memory: a sanitizer's does not nest. */
    child =
        BJ_SYS(clone(start_child, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD, &start));
    if (child < 0)
        start.failed = errno;
    while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR)
        continue;
    sigprocmask(SIG_SETMASK, &before, NULL);
    if (start.failed == 0)
        return 0;
    errno = start.failed;
    return bj_fail_errno(err, "alert", "cannot start %s", program);
}

static int send_alert(const struct bj_config *config, const struct bj_request *request,
                      const struct bj_verdict *verdict, const char *program, struct bj_error *err)
{
    BJ_CLEANUP_CLOSE int fd = -1;
    char found[BJ_PATH_MAX];
    struct bj_buf message;
    int result;

    if (program == NULL && find_program(found, err) < 0)
        return -BJ_E_NOT_FOUND;
    bj_buf_init(&message, EVENT_MAX);
    result = make_message(config, request, verdict, &message, err);
    if (result == 0)
        result = make_file(&message, &fd, err);
    if (message.data != NULL)
        explicit_bzero(message.data, message.length);
    bj_buf_release(&message);
    return result < 0 ? result : start_program(program != NULL ? program : found, fd, err);
}

void bj_alert_send(const struct bj_config *config, const struct bj_request *request,
                   const struct bj_verdict *verdict, const char *program, const struct bj_log *log)
{
    struct bj_error err = {0};

    if (!bj_alert_wanted(config, verdict))
        return;
    if (send_alert(config, request, verdict, program, &err) < 0)
        BJ_LOG(log, ALERT, ERROR, "nobody was told: %s", err.message);
    else
        BJ_LOG(log, ALERT, INFO, "telling of a violation of %s risk", bj_risk_name(verdict->risk));
}
