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

#include "base/escape.h"
#include "base/fault.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/str.h"
#include "linux/beside.h"
#include "linux/process.h"
#include "wire/json.h"
#include "wire/verdict_json.h"

#define VERDICT_MAX (64 << 10) /* bytes of the verdict in it */
#define COMMAND_CUT 4096       /* bytes of the command's text in it, before JSON escapes it */
#define TEXT_CUT    1024       /* bytes of any other text likewise */
#define MASKED_MAX  (8 << 20)  /* bytes of a text while it is masked */
#define CHILD_STACK 32768      /* bytes; nothing is called there but system calls */

extern char **environ;

bool bj_alert_wanted(const struct bj_config *config, const struct bj_verdict *verdict)
{
    return config->alert_risk != BJ_RISK_NONE && verdict->risk >= config->alert_risk &&
           (config->alert_command != NULL || config->alert_url != NULL);
}

static void put_text(struct bj_buf *out, const char *name, const char *text)
{
    bj_buf_printf(out, "\"%s\": ", name);
    if (text != NULL)
        bj_json_put_string(out, text, strlen(text));
    else
        bj_buf_puts(out, "null");
    bj_buf_puts(out, ", ");
}

/* Masked and cut; what cannot be masked is not told. `out` is made; the caller releases it. */
static const char *make_fit(const struct bj_mask *mask, const char *text, size_t maximum,
                            struct bj_buf *out)
{
    bj_buf_init(out, MASKED_MAX);
    if (bj_mask_cut(mask, text, strlen(text), maximum, out))
        bj_buf_puts(out, "[cut]");
    return out->failed ? BJ_MASKED : bj_buf_text(out);
}

static void put_masked(struct bj_buf *out, const char *name, const char *text, size_t maximum,
                       const struct bj_mask *mask)
{
    struct bj_buf masked;

    if (text == NULL) {
        put_text(out, name, NULL);
        return;
    }
    put_text(out, name, make_fit(mask, text, maximum, &masked));
    bj_buf_release(&masked);
}

/* A program and its arguments, as a shell would be given them. */
static void put_argv(struct bj_buf *out, const char *const *argv, const struct bj_mask *mask)
{
    struct bj_mask_words words = {0};
    struct bj_buf line;

    bj_buf_init(&line, MASKED_MAX);
    for (size_t i = 0; argv[i] != NULL; i++) {
        size_t shown = bj_mask_word(&words, argv[i]);
        struct bj_buf word, begin;

        if (line.length > COMMAND_CUT) {
            bj_buf_puts(&line, " [cut]");
            break;
        }
        bj_buf_puts(&line, i > 0 ? " " : "");
        bj_buf_init(&begin, BJ_ARGS_MAX);
        bj_buf_append(&begin, argv[i], shown);
        if (shown > 0 || argv[i][0] == '\0') {
            bj_shell_quote(&line, make_fit(mask, bj_buf_text(&begin), TEXT_CUT, &word));
            bj_buf_release(&word);
        }
        bj_buf_puts(&line, argv[i][shown] != '\0' ? BJ_MASKED : "");
        line.failed = line.failed || begin.failed;
        bj_buf_release(&begin);
    }
    put_text(out, "command", line.failed ? NULL : bj_buf_text(&line));
    bj_buf_release(&line);
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

static void add_masked(struct bj_verdict *verdict, struct bj_violation violation,
                       const struct bj_mask *mask)
{
    const char **texts[] = {&violation.rule, &violation.description, &violation.command,
                            &violation.advice};
    struct bj_buf masked[sizeof texts / sizeof *texts] = {0};

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct bj_buf
            whole; /* of what the verdict has, which may be cut in the middle of a secret */

        bj_buf_init(&whole, MASKED_MAX);
        if (strlen(*texts[i]) >= BJ_VERDICT_TEXT_MAX)
            bj_mask_rest(mask, *texts[i], strlen(*texts[i]), &whole);
        else
            bj_buf_puts(&whole, *texts[i]);
        *texts[i] =
            whole.failed ? BJ_MASKED : make_fit(mask, bj_buf_text(&whole), TEXT_CUT, &masked[i]);
        bj_buf_release(&whole);
    }
    bj_verdict_add(verdict, &violation);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        bj_buf_release(&masked[i]);
}

/* With secrets taken out of the texts, and the worst first, since the last ones may find no room.
 */
static void mask_verdict(const struct bj_verdict *verdict, const struct bj_mask *mask,
                         struct bj_verdict *ret)
{
    bj_verdict_init(ret);
    for (int risk = BJ_RISK_CRITICAL; risk >= BJ_RISK_NONE; risk--) {
        for (int i = 0; i < verdict->count; i++) {
            if ((int)verdict->violations[i].risk == risk)
                add_masked(ret, verdict->violations[i], mask);
        }
    }
    ret->decision = verdict->decision;
    ret->risk = verdict->risk;
    ret->dropped = verdict->dropped;
    ret->retry_after_us = verdict->retry_after_us;
}

/* With as many violations as find room. However many there are, it is told that there are some. */
static void put_verdict(struct bj_buf *out, const struct bj_verdict *verdict,
                        const struct bj_mask *mask)
{
    struct bj_verdict masked;
    struct bj_buf text;

    mask_verdict(verdict, mask, &masked);
    bj_buf_init(&text, VERDICT_MAX);
    for (;;) {
        int fewer = masked.count / 2;

        bj_verdict_put_json(&masked, &text);
        if (!text.failed || text.no_memory || masked.count == 0)
            break;
        masked.dropped += masked.count - fewer;
        masked.count = fewer;
        bj_buf_release(&text);
        bj_buf_init(&text, VERDICT_MAX);
    }
    bj_buf_puts(out, "\"verdict\": ");
    if (text.failed)
        out->failed = out->no_memory = true;
    bj_buf_append(out, bj_buf_text(&text), text.length);
    bj_buf_release(&text);
    bj_verdict_release(&masked);
}

int bj_alert_event(const struct bj_mask *mask, const struct bj_request *request,
                   const struct bj_verdict *verdict, struct bj_buf *out, struct bj_error *err)
{
    bj_buf_puts(out, "{");
    put_time(out);
    put_masked(out, "tool", request->tool, TEXT_CUT, mask);
    put_masked(out, "key", request->key, TEXT_CUT, mask);
    put_masked(out, "sandbox", request->sandbox, TEXT_CUT, mask);
    put_masked(out, "directory", request->directory, TEXT_CUT, mask);
    if (request->command == NULL && request->argv != NULL)
        put_argv(out, request->argv, mask);
    else
        put_masked(out, "command", request->command, COMMAND_CUT, mask);
    put_verdict(out, verdict, mask);
    bj_buf_puts(out, "}");
    if (out->no_memory)
        return bj_fail(err, BJ_E_NO_MEMORY, "alert", "out of memory");
    return out->failed ? bj_fail(err, BJ_E_LIMIT, "alert", "the event is too long") : 0;
}

/* What belljar-alert reads. The targets may hold secrets, so they are no arguments of it. */
static int make_message(const struct bj_config *config, const struct bj_request *request,
                        const struct bj_verdict *verdict, const struct bj_mask *mask,
                        struct bj_buf *out, struct bj_error *err)
{
    int result;

    bj_buf_puts(out, "{");
    put_text(out, "command", config->alert_command);
    put_text(out, "url", config->alert_url);
    bj_buf_puts(out, "\"event\": ");
    result = bj_alert_event(mask, request, verdict, out, err);
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

    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        if (bj_beside(places[i], path, BJ_PATH_MAX, NULL) == 0 && access(path, X_OK) == 0)
            return 0;
    }
    return bj_fail(err, BJ_E_NOT_FOUND, "alert",
                   "belljar-alert is neither beside this program nor in ../libexec/belljar");
}

struct start {
    const char *program;
    int message, null;
    int failed;  /* errno */
    char *stack; /* the grandchild's */
};

/* In this process's memory, as its grandchild, until it has executed. */
static int execute_child(void *data)
{
    struct start *start = data;
    char *argv[] = {(char *)"belljar-alert", NULL};

    if (setsid() >= 0 && dup2(start->message, 0) >= 0 && dup2(start->null, 1) >= 0 &&
        dup2(start->null, 2) >= 0 && bj_process_close_from(3) == 0 && chdir("/") == 0 &&
        bj_process_reset_signals() == 0)
        execve(start->program, argv, environ);
    start->failed = errno;
    _exit(127);
}

/* As vfork(2), which a sanitizer puts something of its own around that knows neither that it nests
 * nor a stack like these. */
static pid_t start_in(int (*run)(void *), char stack[static CHILD_STACK], struct start *start)
{
    return BJ_SYS(clone(run, stack + CHILD_STACK, CLONE_VM | CLONE_VFORK | SIGCHLD, start));
}

/* Leaves the program to nobody: this process is gone as soon as the other one has executed. */
static int start_child(void *data)
{
    struct start *start = data;

    if (start_in(execute_child, start->stack, start) < 0)
        start->failed = errno;
    _exit(0);
}

static int start_program(const char *program, int message, struct bj_error *err)
{
    BJ_CLEANUP_CLOSE int null = BJ_SYS(open("/dev/null", O_RDWR | O_CLOEXEC));
    char stack[CHILD_STACK] __attribute__((aligned(16)));
    char grandchilds[CHILD_STACK] __attribute__((aligned(16)));
    struct start start = {
        .program = program, .message = message, .null = null, .stack = grandchilds};
    sigset_t all, before;
    pid_t child;

    if (null < 0)
        return bj_fail_errno(err, "alert", "cannot open /dev/null");
    /* A handler of the caller's must not run in a child that shares its memory. */
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    child = start_in(start_child, stack, &start);
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
                      const struct bj_verdict *verdict, const struct bj_mask *mask,
                      const char *program, struct bj_error *err)
{
    BJ_CLEANUP_CLOSE int fd = -1;
    char found[BJ_PATH_MAX];
    struct bj_buf message;
    int result;

    if (program == NULL && find_program(found, err) < 0)
        return -BJ_E_NOT_FOUND;
    bj_buf_init(&message, BJ_ALERT_MESSAGE_MAX);
    result = make_message(config, request, verdict, mask, &message, err);
    if (result == 0)
        result = make_file(&message, &fd, err);
    if (message.data != NULL)
        explicit_bzero(message.data, message.length);
    bj_buf_release(&message);
    return result < 0 ? result : start_program(program != NULL ? program : found, fd, err);
}

void bj_alert_send(const struct bj_config *config, const struct bj_request *request,
                   const struct bj_verdict *verdict, const struct bj_mask *mask,
                   const char *program, const struct bj_log *log)
{
    struct bj_error err = {0};

    if (!bj_alert_wanted(config, verdict))
        return;
    if (send_alert(config, request, verdict, mask, program, &err) < 0)
        BJ_LOG(log, ALERT, ERROR, "nobody was told: %s", err.message);
    else
        BJ_LOG(log, ALERT, INFO, "telling of a violation of %s risk", bj_risk_name(verdict->risk));
}
