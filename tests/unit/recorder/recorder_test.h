/*
 * What the tests of the audit process share: the process itself, and the other ends of its sockets,
 * as the supervisor, the front and the keeper have them.
 */
#ifndef BJ_TESTS_RECORDER_TEST_H
#define BJ_TESTS_RECORDER_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "audit/audit.h"
#include "base/fault.h"
#include "base/mem.h"
#include "base/str.h"
#include "linux/socket.h"
#include "recorder/recorder.h"
#include "wire/keeper.h"

#define PATIENCE_MS 10000

struct service {
    char directory[64];
    char path[96];
    struct bj_config config;
    struct bj_mask mask; /* the recorder's own: what is in one is not in a child's memory */
    const char *secret;  /* that it knows; NULL = none */
    pid_t recorder;
    int control, front, keeper; /* our ends */
    int64_t keepers;            /* how many there have been */
    int64_t fronts;             /* the number of the front: its ids are above it */
    bool faults;                /* its calls count, see base/fault.h */
};

/* ---- messages ---- */

static inline void send_packet(int fd, struct bj_buf *out, const struct bj_fds *fds)
{
    bj_message_head(out)->fds = fds != NULL ? (uint16_t)fds->count : 0;
    assert_true(bj_message_end(out));
    if (bj_socket_send(fd, out->data, out->length, fds) < 0)
        fail_msg("cannot send: %m");
    bj_buf_release(out);
}

static inline void begin_packet(struct bj_buf *out, enum bj_message_type type, uint64_t id,
                                int64_t number)
{
    bj_buf_init(out, BJ_MESSAGE_MAX);
    bj_message_begin(out, type, id);
    bj_message_head(out)->number = number;
}

/* A message that has come, in a buffer of the caller's own. */
struct got {
    struct bj_message message;
    struct bj_fds fds;
    bool ended; /* the other end was closed instead */
    char packet[BJ_MESSAGE_MAX];
};

/* The next message, or false when none comes in so long. */
static inline bool get_within(int fd, struct got *ret, int milliseconds)
{
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    ssize_t length;

    ret->ended = false;
    if (poll(&ready, 1, milliseconds) <= 0)
        return false;
    length = bj_socket_receive(fd, ret->packet, sizeof ret->packet, &ret->fds, 0);
    ret->ended = length <= 0;
    if (length > 0 && bj_message_get(ret->packet, (size_t)length, &ret->message, NULL) < 0)
        fail_msg("what came is no message");
    return true;
}

static inline void get_message(int fd, enum bj_message_type type, struct got *ret)
{
    if (!get_within(fd, ret, PATIENCE_MS))
        fail_msg("no message %s came", bj_message_name(type));
    if (ret->ended)
        fail_msg("the end came instead of %s", bj_message_name(type));
    assert_string_equal(bj_message_name(ret->message.head.type), bj_message_name(type));
}

/* ---- what the front and the keeper say ---- */

struct said {
    const char *tool, *command, *sandbox, *arguments, *key, *owner;
    const char *const *environment;
    enum bj_decision decision;
    const struct bj_act *act;
    int64_t keeper;
};

static inline void put_said(struct bj_buf *out, uint64_t id, const struct said *said)
{
    struct bj_verdict verdict;
    struct bj_buf act;

    bj_verdict_init(&verdict);
    if (said->decision != BJ_ALLOW)
        bj_verdict_add(&verdict, &(struct bj_violation){
                                     .rule = "r", .description = "no", .decision = said->decision});
    bj_buf_init(&act, BJ_ACT_MAX);
    if (said->act != NULL) {
        struct bj_act owned = *said->act;

        owned.owner = owned.owner != NULL ? owned.owner : "team";
        bj_act_put(&act, &owned);
    }
    begin_packet(out, BJ_MESSAGE_ENTRY, id, said->keeper);
    bj_entry_put(out, &(struct bj_entry){.request = {.tool = said->tool ? said->tool : "Bash",
                                                     .key = said->key ? said->key : "alice",
                                                     .sandbox = said->sandbox,
                                                     .command = said->command,
                                                     .arguments = said->arguments,
                                                     .environment = said->environment},
                                         .uid = 1000,
                                         .owner = said->owner ? said->owner : "team",
                                         .verdict = &verdict,
                                         .act = said->act != NULL ? act.data : NULL,
                                         .act_length = act.length});
    bj_buf_release(&act);
    bj_verdict_release(&verdict);
}

static inline void say(struct service *service, uint64_t id, const struct said *said)
{
    struct bj_buf out;

    put_said(&out, id, said);
    send_packet(service->front, &out, NULL);
}

static inline void say_outcome(struct service *service, uint64_t id, int64_t number,
                               const char *reason)
{
    struct bj_buf out;

    begin_packet(&out, BJ_MESSAGE_OUTCOME, id, number);
    bj_outcome_note_put(&out, &(struct bj_outcome_note){
                                  .ran = true, .exit_code = 3, .duration_us = 5, .reason = reason});
    send_packet(service->keeper, &out, NULL);
}

/* Asks, and returns the reply: JSON, or NULL and the error. */
static inline json_t *ask(struct service *service, const struct bj_audit_question *question,
                          struct bj_error *ret)
{
    static struct got got;
    struct bj_buf out;
    json_error_t why;
    json_t *value;
    int ends[2];

    assert_int_equal(bj_socket_pair(ends), 0);
    begin_packet(&out, BJ_MESSAGE_QUERY, 9, 0);
    bj_audit_question_put(&out, question);
    send_packet(service->front, &out, &(struct bj_fds){.fd = {ends[1]}, .count = 1});
    close(ends[1]);
    get_message(ends[0], BJ_MESSAGE_ANSWER, &got);
    close(ends[0]);
    assert_int_equal(got.message.head.id, 9);
    if (got.message.head.result < 0) {
        assert_int_equal(got.fds.count, 0);
        assert_int_equal(bj_message_get_error(&got.message, ret, NULL), 0);
        return NULL;
    }
    assert_int_equal(got.fds.count, 1);
    value = json_loadfd(got.fds.fd[0], JSON_REJECT_DUPLICATES, &why);
    close(got.fds.fd[0]);
    if (value == NULL)
        fail_msg("%s at line %d, column %d", why.text, why.line, why.column);
    return value;
}

/* ---- the processes ---- */

static inline int introduce(struct service *service, const char *who, int64_t number)
{
    struct bj_buf out;
    int ends[2];

    assert_int_equal(bj_socket_pair(ends), 0);
    begin_packet(&out, BJ_MESSAGE_PEER, 0, number);
    bj_pack_text(&out, who);
    send_packet(service->control, &out, &(struct bj_fds){.fd = {ends[1]}, .count = 1});
    close(ends[1]);
    return ends[0];
}

static inline void new_front(struct service *service)
{
    if (service->front >= 0)
        close(service->front);
    service->front = introduce(service, "front", service->fronts);
}

/* The first and the last record that came through to it; 0 = none. */
static inline void keeper_since(struct service *service, int64_t first, int64_t last)
{
    struct bj_buf out;

    if (service->keeper >= 0)
        close(service->keeper);
    service->keeper = introduce(service, "keeper", service->keepers);
    begin_packet(&out, BJ_MESSAGE_BEGUN, (uint64_t)first, last);
    send_packet(service->keeper, &out, NULL);
}

static inline void new_keeper(struct service *service)
{
    service->keepers++;
    keeper_since(service, 0, 0);
}

static inline void start_recorder(struct service *service)
{
    int ends[2];

    assert_int_equal(bj_socket_pair(ends), 0);
    fflush(NULL);
    service->recorder = fork();
    assert_true(service->recorder >= 0);
    if (service->recorder == 0) {
        struct bj_log log;

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(ends[0]);
        close(service->front);
        close(service->keeper);
        bj_log_init(&log);
#ifdef BJ_FAULTS
        bj_fault_spare(!service->faults);
#endif
        if (bj_mask_add(&service->mask, service->secret, NULL) < 0)
            _exit(1);
        _exit(bj_recorder_main(&(struct bj_recorder_options){.control_fd = ends[1],
                                                             .config = &service->config,
                                                             .mask = &service->mask,
                                                             .log = getenv("SHOW") ? &log : NULL},
                               NULL));
    }
    close(ends[1]);
    service->control = ends[0];
}

static inline int end_recorder(struct service *service, int signal)
{
    int status;

    if (signal != 0)
        kill(service->recorder, signal);
    close(service->control);
    assert_int_equal(waitpid(service->recorder, &status, 0), service->recorder);
    service->recorder = 0;
    return status;
}

/* Asks it to end, and sees that it does so in good order. */
static inline void stop_recorder(struct service *service)
{
    struct bj_buf out;
    int status;

    begin_packet(&out, BJ_MESSAGE_STOP, 0, 0);
    send_packet(service->control, &out, NULL);
    status = end_recorder(service, 0);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static inline int service_setup(void **state)
{
    struct service *service = calloc(1, sizeof *service);

    snprintf(service->directory, sizeof service->directory, "/tmp/belljar-recorder.XXXXXX");
    if (mkdtemp(service->directory) == NULL)
        return -1;
    snprintf(service->path, sizeof service->path, "%s/audit.db", service->directory);
    service->config = (struct bj_config){.audit = BJ_AUDIT_REQUIRED, .audit_path = service->path};
    service->front = service->keeper = -1;
    start_recorder(service);
    new_front(service);
    new_keeper(service);
    *state = service;
    return 0;
}

static inline int service_teardown(void **state)
{
    struct service *service = *state;
    static const char *const names[] = {"", "-wal", "-shm", "-service"};
    char name[128];

    if (service->recorder > 0)
        end_recorder(service, SIGKILL);
    close(service->front);
    close(service->keeper);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(name, sizeof name, "%s%s", service->path, names[i]);
        unlink(name);
    }
    rmdir(service->directory);
    free(service);
    return 0;
}

/* ---- the record ---- */

static inline struct bj_audit *open_record(struct service *service)
{
    const struct bj_audit_options options = {.path = service->path, .access = BJ_AUDIT_READ};
    struct bj_audit *audit = NULL;
    struct bj_error err = {0};

    if (bj_audit_open(&options, &audit, &err) < 0)
        fail_msg("%s", err.message);
    return audit;
}

static inline int collect(void *context, const struct bj_audit_record *verdict,
                          const struct bj_audit_record *outcome)
{
    json_t *list = context, *call = json_object();
    json_error_t why;
    json_t *body = json_loadb(verdict->body, verdict->body_length, JSON_REJECT_DUPLICATES, &why);

    assert_non_null(body);
    assert_null(memchr(verdict->body, '\n', verdict->body_length));
    json_object_set_new(call, "verdict", body);
    if (outcome != NULL) {
        body = json_loadb(outcome->body, outcome->body_length, JSON_REJECT_DUPLICATES, &why);
        assert_non_null(body);
        json_object_set_new(call, "outcome", body);
    }
    json_array_append_new(list, call);
    return 0;
}

/* All calls; the chain is whole. */
static inline json_t *calls_of(struct service *service)
{
    struct bj_audit_filter all = BJ_AUDIT_FILTER_ALL;
    struct bj_audit *audit = open_record(service);
    struct bj_audit_check check;
    struct bj_error err = {0};
    json_t *list = json_array();

    if (bj_audit_query(audit, &all, collect, list, &err) < 0 ||
        bj_audit_verify(audit, NULL, &check, &err) < 0)
        fail_msg("%s", err.message);
    if (!check.sound)
        fail_msg("%s", check.problem);
    bj_audit_close(audit);
    return list;
}

static inline const char *text_at(json_t *calls, size_t at, const char *part, const char *name)
{
    return json_string_value(
        json_object_get(json_object_get(json_array_get(calls, at), part), name));
}

#endif
