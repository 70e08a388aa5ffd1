/*
 * belljar-alert: tells one command and one web hook of violations. Not for people.
 *
 * Read from standard input: {"command": TEXT or null, "url": TEXT or null, "event": {…}}. Told:
 * {"events": [{…}, …], "dropped": n}, the command on its standard input, the web hook as a POST.
 * Usually that is one event; more than BJ_ALERT_SLOTS at once are put together (alert_spool.h).
 * Nobody waits for this program and nobody hears it, so what fails goes to alert.log there.
 *
 * It is a program of its own because it needs libcurl, which loads some thirty libraries and may
 * start threads, and because it outlives the program that had something to tell.
 */
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/mem.h"
#include "bin/alert_spool.h"

#define SECONDS    30 /* that a command, or a POST, may take */
#define CONNECT_MS 10000
#define ROUNDS     64 /* messages that one process sends before it lets another one */

struct alert {
    json_t *message;
    const char *command, *url; /* "" = none */
    struct bj_alert_spool spool;
};

static void log_failure(const struct alert *alert, const char *what, const char *why)
{
    char text[512];

    snprintf(text, sizeof text, "%s: %s", what, why);
    bj_alert_spool_log(&alert->spool, text);
}

/* ---- the command ---- */

static void limit(int resource, rlim_t most)
{
    struct rlimit now;

    if (getrlimit(resource, &now) < 0)
        return;
    if (now.rlim_max == RLIM_INFINITY || now.rlim_max > most)
        now.rlim_max = most;
    now.rlim_cur = now.rlim_max;
    setrlimit(resource, &now);
}

/* Never returns. */
static void execute(const char *command, int input)
{
    sigset_t none;

    limit(RLIMIT_CPU, SECONDS);
    limit(RLIMIT_AS, (rlim_t)2 << 30);
    limit(RLIMIT_FSIZE, (rlim_t)64 << 20);
    limit(RLIMIT_NOFILE, 256);
    limit(RLIMIT_CORE, 0);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    setsid();
    if (dup2(input, 0) == 0)
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
    _exit(127);
}

/* Whatever the command left behind has become a child of this process. */
static void end_children(pid_t group)
{
    char path[64], text[4096];

    kill(-group, SIGKILL);
    snprintf(path, sizeof path, "/proc/self/task/%d/children", getpid());
    for (int round = 0; round < 100; round++) {
        char *at = text, *end;

        if (bj_read_small_file_at(AT_FDCWD, path, text, sizeof text) > 0) {
            for (long pid = strtol(at, &end, 10); end != at; pid = strtol(at, &end, 10)) {
                kill((pid_t)pid, SIGKILL);
                at = end;
            }
        }
        while (waitpid(-1, NULL, WNOHANG) > 0)
            continue;
        if (waitpid(-1, NULL, WNOHANG) < 0)
            return; /* there are none */
        usleep(10000);
    }
}

/* Waits at most SECONDS. SIGCHLD is blocked. False when time was up. */
static bool wait_for(pid_t child, int *ret_status)
{
    int64_t deadline = bj_clock_us() + SECONDS * 1000000LL, left;
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    while ((left = deadline - bj_clock_us()) > 0) {
        struct timespec time = {left / 1000000, left % 1000000 * 1000};

        if (waitpid(child, ret_status, WNOHANG) == child)
            return true;
        sigtimedwait(&set, NULL, &time);
    }
    return false;
}

static int open_payload(const char *payload, size_t length)
{
    int fd = memfd_create("alert", MFD_CLOEXEC);

    if (fd >= 0 && bj_fd_write_all(fd, payload, length) == 0 && lseek(fd, 0, SEEK_SET) == 0)
        return fd;
    bj_fd_close(&fd);
    return -1;
}

static void run_command(const struct alert *alert, const char *payload, size_t length)
{
    BJ_CLEANUP_CLOSE int input = open_payload(payload, length);
    char what[64];
    int status = 0;
    bool in_time;
    pid_t child = input >= 0 ? fork() : -1;

    if (child == 0)
        execute(alert->command, input);
    if (child < 0) {
        log_failure(alert, "cannot start alert_command", strerror(errno));
        return;
    }
    in_time = wait_for(child, &status);
    end_children(child);
    if (!in_time) {
        log_failure(alert, "alert_command", "killed after 30 s");
    } else if (status != 0) {
        snprintf(what, sizeof what, "%s %d", WIFSIGNALED(status) ? "signal" : "exit status",
                 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
        log_failure(alert, "alert_command failed", what);
    }
}

/* ---- the web hook ---- */

/* Counts what comes and throws it away; more than enough ends the transfer. */
static size_t discard(char *data, size_t size, size_t count, void *user)
{
    size_t *total = user;

    (void)data;
    *total += size * count;
    return *total > BJ_ALERT_RESPONSE_MAX ? 0 : size * count;
}

static void prepare(CURL *curl, const struct alert *alert, const char *payload, size_t length,
                    struct curl_slist *headers, size_t *total)
{
    curl_easy_setopt(curl, CURLOPT_URL, alert->url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L); /* nowhere but where the user said */
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, SECONDS * 1000L);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "belljar");
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)length);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, payload);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, discard);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, total);
}

/* The URL may hold a secret, so no message has it. */
static void post(const struct alert *alert, const char *payload, size_t length)
{
    CURL *curl = curl_easy_init();
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    size_t total = 0;
    long status = 0;
    CURLcode code;
    char text[64];

    if (curl == NULL || headers == NULL) {
        log_failure(alert, "alert_url", "out of memory");
    } else {
        prepare(curl, alert, payload, length, headers, &total);
        code = curl_easy_perform(curl);
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
        snprintf(text, sizeof text, "HTTP status %ld", status);
        if (code != CURLE_OK && !(code == CURLE_WRITE_ERROR && total > BJ_ALERT_RESPONSE_MAX))
            log_failure(alert, "alert_url failed", curl_easy_strerror(code));
        else if (status < 200 || status > 299)
            log_failure(alert, "alert_url failed", text);
    }
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
}

/* ---- messages ---- */

/* Events as lines of JSON become one message. */
static void deliver(const struct alert *alert, const char *lines, int64_t dropped)
{
    struct bj_buf payload;
    bool first = true;

    bj_buf_init(&payload, 2 * BJ_ALERT_INPUT_MAX);
    bj_buf_puts(&payload, "{\"events\": [");
    for (size_t length; *lines != '\0'; lines += length + (lines[length] != '\0')) {
        length = strcspn(lines, "\n");
        if (!first)
            bj_buf_puts(&payload, ", ");
        bj_buf_append(&payload, lines, length);
        first = false;
    }
    bj_buf_printf(&payload, "], \"dropped\": %lld}\n", (long long)dropped);
    if (payload.failed) {
        log_failure(alert, "an alert", "out of memory");
    } else {
        if (alert->command[0] != '\0')
            run_command(alert, bj_buf_text(&payload), payload.length);
        if (alert->url[0] != '\0')
            post(alert, bj_buf_text(&payload), payload.length);
    }
    bj_buf_release(&payload);
}

/* Sends what waits until nothing does. Returns whether there was something. */
static bool deliver_waiting(const struct alert *alert)
{
    struct bj_error err = {0};
    struct bj_buf lines;
    int64_t dropped;
    bool any;

    bj_buf_init(&lines, BJ_ALERT_WAITING_MAX);
    if (bj_alert_spool_take(&alert->spool, &lines, &dropped, &err) < 0)
        log_failure(alert, "events that wait", err.message);
    any = lines.length > 0;
    if (any)
        deliver(alert, bj_buf_text(&lines), dropped);
    bj_buf_release(&lines);
    return any;
}

/*
 * Own event first, then what others left. Whoever leaves an event tries for a slot once more, and
 * whoever frees a slot looks for events once more: so none stays behind between the two.
 */
static void tell(const struct alert *alert, const char *event)
{
    struct bj_error err = {0};
    int slot = bj_alert_spool_slot(&alert->spool);

    if (slot >= 0) {
        deliver(alert, event, 0);
    } else {
        if (bj_alert_spool_put(&alert->spool, event, strlen(event), &err) < 0)
            log_failure(alert, "an event is lost", err.message);
        slot = bj_alert_spool_slot(&alert->spool);
    }
    for (int round = 0; slot >= 0 && round < ROUNDS; round++) {
        bool any = deliver_waiting(alert);

        if (any)
            continue;
        bj_fd_close(&slot);
        slot = bj_alert_spool_slot(&alert->spool);
        if (slot >= 0 && !deliver_waiting(alert))
            break;
    }
    bj_fd_close(&slot);
}

static bool read_message(struct bj_buf *message)
{
    for (;;) {
        char *room = bj_buf_reserve(message, 4096);
        ssize_t n = room != NULL ? read(STDIN_FILENO, room, 4096) : -1;

        if (n < 0)
            return false;
        if (n == 0)
            return true;
        message->length += (size_t)n;
        message->data[message->length] = '\0';
    }
}

static const char *text_of(const json_t *message, const char *name)
{
    const char *text = json_string_value(json_object_get(message, name));

    return text != NULL ? text : "";
}

static int tell_message(const char *text, size_t length)
{
    struct alert alert = {.message = json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL)};
    struct bj_error err = {0};
    char *event = json_dumps(json_object_get(alert.message, "event"), JSON_COMPACT);
    int status = 0;

    alert.command = text_of(alert.message, "command");
    alert.url = text_of(alert.message, "url");
    if (event == NULL || (alert.command[0] == '\0' && alert.url[0] == '\0')) {
        fprintf(stderr, "belljar-alert is started by belljar, not by hand\n");
        status = 125;
    } else if (bj_alert_spool_open(&alert.spool, alert.command, alert.url, &err) < 0) {
        fprintf(stderr, "belljar-alert: %s\n", err.message);
        status = bj_code_exit_status(err.code);
    } else {
        tell(&alert, event);
        bj_alert_spool_close(&alert.spool);
    }
    bj_free(event);
    json_decref(alert.message);
    return status;
}

/* jansson 2.14 leaves bytes out of texts when memory ends: half a command must not be run. */
static void *allocate(size_t size)
{
    void *memory = bj_alloc(size);

    if (memory == NULL)
        _exit(125);
    return memory;
}

int main(void)
{
    struct bj_buf message;
    sigset_t set;
    int status = 125;

    json_set_alloc_funcs(allocate, bj_free);
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, NULL);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0)
        return status;
    bj_buf_init(&message, BJ_ALERT_INPUT_MAX);
    if (read_message(&message))
        status = tell_message(bj_buf_text(&message), message.length);
    bj_buf_release(&message);
    curl_global_cleanup();
    return status;
}
