/*
 * Questions about records: answered by processes of their own, so that one that takes long holds up
 * no record.
 *
 * The audit process starts one process before it opens the database, since SQLite does not survive
 * fork(2); that one starts a child for each question, of lower priority and with a limit of its
 * time, which opens the database for reading and replies by itself. Recording is held up by handing
 * the question over, which is one packet.
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fd.h"
#include "base/limits.h"
#include "recorder/recorder_internal.h"
#include "wire/json.h"

#define AT_ONCE 4  /* questions */
#define NICE    10 /* of those who answer */

/* ---- the reply ---- */

static void reply(int fd, struct bj_buf *message, uint16_t fd_count, int memory, int result)
{
    struct bj_fds fds = {.fd = {memory}, .count = fd_count};
    struct bj_message_head *head = bj_message_head(message);

    if (head != NULL) {
        head->fds = fd_count;
        head->result = result;
    }
    if (bj_message_end(message))
        bj_socket_send(fd, message->data, message->length, &fds);
}

static void refuse(int fd, uint64_t id, const struct bj_error *why)
{
    struct bj_buf out;

    bj_buf_init(&out, BJ_MESSAGE_MAX);
    bj_message_begin(&out, BJ_MESSAGE_ANSWER, id);
    bj_message_put_error(&out, why);
    reply(fd, &out, 0, -1, -why->code);
    bj_buf_release(&out);
}

/* A sealed memory file with the text. */
static int make_memory(const struct bj_buf *text, int *ret_fd, struct bj_error *err)
{
    int fd = BJ_SYS(memfd_create("records", MFD_CLOEXEC | MFD_ALLOW_SEALING));

    if (fd < 0 || bj_fd_write_all(fd, bj_buf_text(text), text->length) < 0 ||
        BJ_SYS(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)) <
            0 ||
        lseek(fd, 0, SEEK_SET) < 0) {
        int result = bj_fail_errno(err, "audit", "cannot make the file of an answer");

        bj_fd_close(&fd);
        return result;
    }
    *ret_fd = fd;
    return 0;
}

/* ---- answering ---- */

struct page {
    struct bj_buf *out;
    uint32_t limit, count;
    int64_t first, last; /* numbers given */
    bool logs;           /* as struct bj_audit_question has it */
    bool cut;            /* there is more behind it */
};

static void put_text(struct bj_buf *out, const char *name, const char *text)
{
    bj_buf_printf(out, ",\"%s\":", name);
    if (text != NULL)
        bj_json_put_string(out, text, strlen(text));
    else
        bj_buf_puts(out, "null");
}

static bool ended_well(const struct bj_audit_record *verdict, const struct bj_audit_record *outcome)
{
    json_t *body =
        outcome != NULL ? json_loadb(outcome->body, outcome->body_length, 0, NULL) : NULL;
    bool well = verdict->decision != BJ_DENY && json_is_object(body) &&
                !json_is_false(json_object_get(body, "ran")) &&
                json_is_integer(json_object_get(body, "exit_code")) &&
                json_integer_value(json_object_get(body, "exit_code")) == 0;

    json_decref(body);
    return well;
}

/* A call as the programs of agents read it: what, when, and whether it went well. */
static void put_log(const struct bj_audit_record *verdict, const struct bj_audit_record *outcome,
                    struct bj_buf *out)
{
    bj_buf_printf(out, "{\"success\":%s,\"number\":%lld,\"time\":\"",
                  ended_well(verdict, outcome) ? "true" : "false", (long long)verdict->number);
    bj_audit_put_time(verdict->time_ns, out);
    bj_buf_puts(out, "\"");
    put_text(out, "tool", verdict->tool);
    put_text(out, "sandbox", verdict->sandbox);
    put_text(out, "decision", bj_decision_name(verdict->decision));
    put_text(out, "risk", bj_risk_name(verdict->risk));
    bj_buf_puts(out, ",");
    bj_audit_put_bodies(verdict, outcome, out);
}

static int give(void *context, const struct bj_audit_record *verdict,
                const struct bj_audit_record *outcome)
{
    struct page *page = context;

    if (page->count == page->limit || page->out->length > BJ_ANSWER_TEXT) {
        page->cut = true;
        return 1;
    }
    bj_buf_puts(page->out, page->count++ > 0 ? "," : "");
    if (page->logs)
        put_log(verdict, outcome, page->out);
    else
        bj_audit_put_call(verdict, outcome, page->out);
    page->first = page->first > 0 ? page->first : verdict->number;
    page->last = verdict->number;
    return 0;
}

static int find(const char *text, int (*find_name)(const char *name), const char *what, int *ret,
                struct bj_error *err)
{
    int found = text != NULL ? find_name(text) : *ret;

    if (text != NULL && found < 0)
        return bj_fail(err, BJ_E_INVALID, "audit", "expected the %s", what);
    *ret = found;
    return 0;
}

static int make_filter(const struct bj_audit_question *question, struct bj_audit_filter *ret,
                       struct bj_error *err)
{
    int decision = -1, risk = BJ_RISK_NONE, result;

    result =
        find(question->decision, bj_decision_find, "decision allow, ask or deny", &decision, err);
    if (result == 0)
        result = find(question->risk, bj_risk_find, "risk none, low, medium, high or critical",
                      &risk, err);
    if (result == 0 && question->limit > BJ_QUESTION_RECORDS)
        result = bj_fail(err, BJ_E_INVALID, "audit", "a page has at most %d records",
                         BJ_QUESTION_RECORDS);
    *ret = BJ_AUDIT_FILTER_ALL;
    ret->owner = question->owner;
    ret->key = question->key;
    ret->sandbox = question->sandbox;
    ret->tool = question->tool;
    ret->decision = decision;
    ret->risk = (enum bj_risk)risk;
    ret->after = question->after;
    ret->before = question->before;
    ret->since_ns = question->since_ns;
    ret->until_ns = question->until_ns;
    return result;
}

/*
 * {"records": […], "next": n}. With `after` the oldest behind it, and next is the `after` of the
 * page behind; otherwise the newest, and next is the `before` of the page in front. null: there is
 * no such page. Always in order of number.
 */
static int put_page(struct bj_audit *audit, const struct bj_audit_question *question,
                    struct bj_audit_filter *filter, struct bj_buf *out, struct bj_error *err)
{
    bool forward = question->after > 0;
    struct page page = {.out = out,
                        .logs = question->logs,
                        .limit = question->limit > 0 ? question->limit : BJ_QUESTION_USUAL};
    int64_t next = 0;
    int result;

    filter->newest = forward ? 0 : page.limit;
    bj_buf_puts(out, question->logs ? "{\"logs\":[" : "{\"records\":[");
    result = bj_audit_query(audit, filter, give, &page, err);
    if (result < 0)
        return result;
    if (forward && page.cut)
        next = page.last;
    else if (!forward && page.count == page.limit)
        next = page.first;
    bj_buf_puts(out, "],");
    if (question->logs)
        bj_buf_printf(out, "\"count\":%u,", page.count);
    bj_buf_puts(out, "\"next\":");
    if (next > 0)
        bj_buf_printf(out, "%lld}\n", (long long)next);
    else
        bj_buf_puts(out, "null}\n");
    return 0;
}

static int put_answer(const struct bj_config *config, const struct bj_audit_question *question,
                      struct bj_buf *out, struct bj_error *err)
{
    const struct bj_audit_options options = {.path = config->audit_path, .access = BJ_AUDIT_READ};
    struct bj_audit_filter filter;
    struct bj_audit_stats stats;
    struct bj_audit *audit = NULL;
    int result = make_filter(question, &filter, err);

    if (result == 0 && config->audit == BJ_AUDIT_OFF)
        result = bj_fail(err, BJ_E_CONFLICT, "audit",
                         "this service keeps no record: its configuration turns it off");
    if (result == 0)
        result = bj_audit_open(&options, &audit, err);
    if (result == 0 && question->stats) {
        result = bj_audit_stats(audit, &filter, &stats, err);
        if (result == 0)
            bj_audit_put_stats(&stats, out);
    } else if (result == 0) {
        result = put_page(audit, question, &filter, out, err);
    }
    bj_audit_close(audit);
    if (result == 0 && out->failed)
        result = bj_fail(err, out->no_memory ? BJ_E_NO_MEMORY : BJ_E_LIMIT, "audit",
                         "the records are too large for one answer; ask for fewer");
    return result;
}

/* In the child of one question. */
static void answer(const struct bj_config *config, const struct bj_message *message, int fd)
{
    struct bj_audit_question question;
    struct bj_error err = {0};
    struct bj_buf text, out;
    int memory = -1, result = bj_audit_question_get(message, &question, &err);

    bj_buf_init(&text, BJ_ANSWER_TEXT + 3 * BJ_AUDIT_RECORD_MAX);
    if (result == 0)
        result = put_answer(config, &question, &text, &err);
    if (result == 0)
        result = make_memory(&text, &memory, &err);
    bj_buf_release(&text);
    if (result < 0) {
        refuse(fd, message->head.id, &err);
        return;
    }
    bj_buf_init(&out, BJ_MESSAGE_MAX);
    bj_message_begin(&out, BJ_MESSAGE_ANSWER, message->head.id);
    reply(fd, &out, 1, memory, 0);
    bj_buf_release(&out);
    bj_fd_close(&memory);
}

/* ---- the process that starts them ---- */

static void start_child(const struct bj_config *config, const struct bj_message *message, int fd,
                        int *running)
{
    struct bj_error err = {0};
    pid_t parent = getpid(), child = BJ_SYS(fork());

    if (child < 0) {
        bj_fail(&err, BJ_E_BUSY, "audit", "no process to answer the question: %s; ask again",
                strerror(errno));
        refuse(fd, message->head.id, &err);
        return;
    }
    if (child > 0) {
        (*running)++;
        return;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
    setpriority(PRIO_PROCESS, 0, NICE);
    alarm(BJ_QUESTION_SECONDS); /* then the asker sees the end of its socket */
    answer(config, message, fd);
    _exit(0);
}

static void reap(int *running)
{
    while (*running > 0) {
        pid_t ended = waitpid(-1, NULL, *running >= AT_ONCE ? 0 : WNOHANG);

        if (ended == 0 || (ended < 0 && errno != EINTR))
            return;
        if (ended > 0)
            (*running)--;
    }
}

static void serve(const struct bj_config *config, int socket)
{
    static char packet[BJ_MESSAGE_MAX];
    int running = 0;

    for (;;) {
        struct bj_fds fds;
        struct bj_message message;
        ssize_t length = bj_socket_receive(socket, packet, sizeof packet, &fds, 0);

        if (length == 0 || (length < 0 && errno != EMSGSIZE && errno != ENOMEM))
            return;
        reap(&running);
        if (length > 0 && fds.count == 1 &&
            bj_message_get(packet, (size_t)length, &message, NULL) == 0)
            start_child(config, &message, fds.fd[0], &running);
        bj_fds_close(&fds);
    }
}

int bj_reader_start(const struct bj_recorder_options *options, int *ret_socket,
                    struct bj_error *err)
{
    pid_t parent = getpid(), child;
    int ends[2];

    if (bj_socket_pair(ends) < 0)
        return bj_fail_errno(err, "audit", "cannot make a socket");
    child = BJ_SYS(fork());
    if (child < 0) {
        int result = bj_fail_errno(err, "audit", "cannot start the process for questions");

        bj_fd_close(&ends[0]);
        bj_fd_close(&ends[1]);
        return result;
    }
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
            _exit(1);
        /* Nothing but its socket and the standard streams. */
        if (dup3(ends[1], STDERR_FILENO + 1, O_CLOEXEC) < 0 && ends[1] != STDERR_FILENO + 1)
            _exit(1);
        close_range(STDERR_FILENO + 2, ~0U, 0);
        serve(options->config, STDERR_FILENO + 1);
        _exit(0);
    }
    bj_fd_close(&ends[1]);
    *ret_socket = ends[0];
    return 0;
}

void bj_reader_ask(struct bj_recorder *recorder, const void *packet, size_t length,
                   const struct bj_fds *reply_to)
{
    /* When too many wait, this one gets the end of its socket for a reply: the socket is the
     * asker's, and writing to it may block. */
    bj_socket_send(recorder->reader.fd, packet, length, reply_to);
}
