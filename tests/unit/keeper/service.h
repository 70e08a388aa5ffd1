/*
 * A keeper in a process of its own, driven over real sockets by a test that is its supervisor, its
 * audit process and its front at once. Include it in one file of tests.
 */
#ifndef BJ_TEST_SERVICE_H
#define BJ_TEST_SERVICE_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/mem.h"
#include "keeper/keeper.h"
#include "linux/socket.h"
#include "wire/frame.h"
#include "wire/keeper.h"

#define PATIENCE_MS 20000

/* Calls that the launcher and init make count as the keeper's do: base/fault.h. */
static bool service_forks_launcher;
static uint32_t service_pool;              /* of its preset */
static const struct rlimit *service_limit; /* of descriptors; NULL = as it is */

static inline void message_begin(struct bj_buf *out, enum bj_message_type type, uint64_t id)
{
    bj_buf_init(out, BJ_MESSAGE_MAX);
    bj_message_begin(out, type, id);
}

struct service {
    pid_t pid;
    int control, audit, front;
    int64_t number; /* of the last record */
    uint64_t id;    /* of the last message */
    int64_t audits, fronts;
    struct bj_service_preset preset;
    struct bj_keeper_options options;
    struct bj_outcome_note outcome; /* the last one, of the record: */
    int64_t outcome_number;
    char outcome_reason[256];
    bool keep_outcomes; /* do not say RECORDED */
};

/* A message that was received; its body stays until the next one. */
struct heard {
    struct bj_message message;
    struct bj_fds fds;
    char packet[BJ_MESSAGE_MAX];
};

static inline bool hear(int fd, struct heard *heard, int timeout_ms)
{
    struct pollfd polled = {.fd = fd, .events = POLLIN};
    ssize_t length;

    if (poll(&polled, 1, timeout_ms) <= 0)
        return false;
    length = bj_socket_receive(fd, heard->packet, sizeof heard->packet, &heard->fds, 0);
    if (length <= 0)
        return false;
    assert_int_equal(bj_message_get(heard->packet, (size_t)length, &heard->message, NULL), 0);
    return true;
}

static inline void say(int fd, struct bj_buf *out, int64_t number, const struct bj_fds *fds)
{
    bj_message_head(out)->number = number;
    if (fds != NULL)
        bj_message_head(out)->fds = (uint16_t)fds->count;
    assert_true(bj_message_end(out));
    assert_int_equal(bj_socket_send(fd, out->data, out->length, fds), 0);
    bj_buf_release(out);
}

static inline int give_peer(struct service *service, const char *who, int64_t count)
{
    int ends[2];
    struct bj_buf out;
    struct bj_fds fds = {.count = 1};

    assert_int_equal(bj_socket_pair(ends), 0);
    message_begin(&out, BJ_MESSAGE_PEER, 0);
    bj_pack_text(&out, who);
    fds.fd[0] = ends[1];
    say(service->control, &out, count, &fds);
    close(ends[1]);
    return ends[0];
}

static inline void new_audit(struct service *service)
{
    if (service->audit >= 0)
        close(service->audit);
    service->audit = give_peer(service, "audit", ++service->audits);
}

static inline void new_front(struct service *service)
{
    if (service->front >= 0)
        close(service->front);
    service->front = give_peer(service, "front", ++service->fronts);
}

/* Takes in outcomes that have come, and says RECORDED. */
static inline void take_outcome(struct service *service, const struct heard *heard)
{
    struct bj_buf out;

    if (heard->message.head.type != BJ_MESSAGE_OUTCOME)
        return;
    assert_int_equal(bj_outcome_note_get(&heard->message, &service->outcome, NULL), 0);
    service->outcome_number = heard->message.head.number;
    service->outcome_reason[0] = '\0';
    if (service->outcome.reason != NULL)
        snprintf(service->outcome_reason, sizeof service->outcome_reason, "%s",
                 service->outcome.reason);
    if (service->keep_outcomes)
        return;
    message_begin(&out, BJ_MESSAGE_RECORDED, heard->message.head.id);
    say(service->audit, &out, 0, NULL);
}

static inline void wait_outcome(struct service *service, int64_t number)
{
    static struct heard heard;

    while (service->outcome_number != number) {
        assert_true(hear(service->audit, &heard, PATIENCE_MS));
        take_outcome(service, &heard);
    }
}

extern int __lsan_do_recoverable_leak_check(void) __attribute__((weak));

/* With a sanitizer, a leak is a failure. */
static inline int run_keeper(const struct bj_keeper_options *options)
{
    int status = bj_keeper_main(options, NULL);

    if (__lsan_do_recoverable_leak_check != NULL && __lsan_do_recoverable_leak_check() != 0)
        status = 99;
    return status;
}

static inline void service_start(struct service *service, struct bj_keeper_options options)
{
    const char *launcher = getenv("BELLJAR_LAUNCHER");
    int ends[2];

    memset(service, 0, sizeof *service);
    service->audit = service->front = -1;
    service->preset.name = (char *)"standard";
    service->preset.pool = service_pool;
    assert_int_equal(bj_config_init(&service->preset.config, NULL), 0);
    service->options = options;
    service->options.launcher = launcher != NULL ? launcher : "build-faults/belljar-launcher";
    if (service_forks_launcher)
        service->options.launcher = NULL;
    service->options.presets = &service->preset;
    service->options.preset_count = 1;
    assert_int_equal(bj_socket_pair(ends), 0);
    service->pid = fork();
    assert_true(service->pid >= 0);
    if (service->pid == 0) {
#ifdef BJ_FAULTS
        bj_fault_spare(false);
#endif
        close(ends[0]);
        if (service_limit != NULL)
            setrlimit(RLIMIT_NOFILE, service_limit);
        service->options.control_fd = ends[1];
        _exit(run_keeper(&service->options));
    }
    close(ends[1]);
#ifdef BJ_FAULTS
    bj_fault_spare(true);
#endif
    service->control = ends[0];
    new_audit(service);
    new_front(service);
}

/* After the keeper's end. */
static inline void service_close(struct service *service)
{
    close(service->control);
    close(service->audit);
    close(service->front);
    bj_config_release(&service->preset.config);
}

static inline int service_stop(struct service *service)
{
    struct bj_buf out;
    int status;

    message_begin(&out, BJ_MESSAGE_STOP, 0);
    say(service->control, &out, 0, NULL);
    assert_int_equal(waitpid(service->pid, &status, 0), service->pid);
    service_close(service);
    return status;
}

/* Whose the sandboxes are that were made last for somebody who was named. */
static struct {
    char id[BJ_SANDBOX_ID_MAX], owner[BJ_OWNER_MAX];
} service_owners[16];

/* The act. One that does not say whose the sandbox is means whom it was made for. */
static inline void put_act(struct bj_buf *out, const struct bj_act *what)
{
    static size_t next;
    struct bj_act owned = *what;

    if (owned.owner != NULL && owned.kind == BJ_ACT_CREATE) {
        snprintf(service_owners[next % 16].id, BJ_SANDBOX_ID_MAX, "%s", owned.sandbox);
        snprintf(service_owners[next++ % 16].owner, BJ_OWNER_MAX, "%s", owned.owner);
    }
    for (size_t i = 0; i < 16 && owned.kind != BJ_ACT_CREATE && owned.owner == NULL; i++) {
        if (strcmp(service_owners[i].id, owned.sandbox) == 0)
            owned.owner = service_owners[i].owner;
    }
    if (owned.owner == NULL)
        owned.owner = "tester";
    bj_act_put(out, &owned);
}

/* An act that is recorded. Returns the entry's id; its record is service->number. */
static inline uint64_t act(struct service *service, const struct bj_act *what)
{
    struct bj_buf out;

    message_begin(&out, BJ_MESSAGE_ACT, ++service->id);
    put_act(&out, what);
    say(service->audit, &out, ++service->number, NULL);
    return service->id;
}

/* The answer to `id`; what else the front hears is passed over. Its result. */
static inline int answer(struct service *service, uint64_t id, struct heard *heard,
                         struct bj_error *ret_failed)
{
    for (;;) {
        assert_true(hear(service->front, heard, PATIENCE_MS));
        if (heard->message.head.type == BJ_MESSAGE_ANSWER && heard->message.head.id == id)
            break;
        bj_fds_close(&heard->fds);
    }
    if (heard->message.head.result < 0 && ret_failed != NULL)
        assert_int_equal(bj_message_get_error(&heard->message, ret_failed, NULL), 0);
    return heard->message.head.result;
}

static inline int do_act(struct service *service, const struct bj_act *what, struct heard *heard,
                         struct bj_error *ret_failed)
{
    return answer(service, act(service, what), heard, ret_failed);
}

static inline int create(struct service *service, const char *id, struct bj_error *ret_failed)
{
    static struct heard heard;
    static const char *const none[] = {NULL};
    struct bj_act what = {
        .kind = BJ_ACT_CREATE, .sandbox = id, .preset = "standard", .options = none};

    return do_act(service, &what, &heard, ret_failed);
}

static inline int destroy(struct service *service, const char *id)
{
    static struct heard heard;
    struct bj_act what = {.kind = BJ_ACT_DESTROY, .sandbox = id};

    return do_act(service, &what, &heard, NULL);
}

/* Starts a shell text. */
static inline int start(struct service *service, const char *id, uint32_t process, uint32_t flags,
                        const char *text)
{
    static struct heard heard;
    static const char *const none[] = {NULL};
    const char *const argv[] = {"sh", "-c", text, NULL};
    struct bj_act what = {.kind = BJ_ACT_START,
                          .sandbox = id,
                          .process = process,
                          .flags = flags,
                          .rows = 24,
                          .columns = 80,
                          .argv = argv,
                          .env = none};
    int result = do_act(service, &what, &heard, NULL);

    if (!(flags & BJ_START_PIPES))
        bj_fds_close(&heard.fds);
    return result;
}

/* The children of a process, as far as they go into `ret`. */
static inline int children_of(pid_t pid, pid_t *ret, int most)
{
    char path[64], text[65536], *at = text, *end;
    ssize_t length;
    int fd, count = 0;

    snprintf(path, sizeof path, "/proc/%d/task/%d/children", pid, pid);
    fd = open(path, O_RDONLY);
    length = fd >= 0 ? read(fd, text, sizeof text - 1) : 0;
    if (fd >= 0)
        close(fd);
    text[length > 0 ? length : 0] = '\0';
    for (; count < most; count++, at = end) {
        ret[count] = (pid_t)strtol(at, &end, 10);
        if (end == at)
            break;
    }
    return count;
}

static inline bool is_named(pid_t pid, const char *name)
{
    char path[64], text[32] = "";
    int fd;

    snprintf(path, sizeof path, "/proc/%d/comm", pid);
    fd = open(path, O_RDONLY);
    if (fd >= 0 && read(fd, text, sizeof text - 1) > 0)
        text[strcspn(text, "\n")] = '\0';
    if (fd >= 0)
        close(fd);
    return strcmp(text, name) == 0;
}

/* The inits that the keeper's launcher has as children; the oldest first. */
static inline int inits_of(const struct service *service, pid_t *ret, int most)
{
    pid_t launcher[8], all[512];
    int count = 0, children;

    if (children_of(service->pid, launcher, 8) < 1)
        return 0;
    children = children_of(launcher[0], all, 512);
    for (int i = 0; i < children && count < most; i++) {
        if (is_named(all[i], "belljar-init"))
            ret[count++] = all[i];
    }
    return count;
}

static inline void kill_first_init(const struct service *service)
{
    pid_t init;

    assert_int_equal(inits_of(service, &init, 1), 1);
    assert_int_equal(kill(init, SIGKILL), 0);
}

/* What it wrote on a stream (0 = all), until its end. */
struct output {
    char text[1 << 20];
    size_t length;
    int64_t next, dropped;
    bool ended;
    struct bj_ending ending;
};

static inline int read_once(struct service *service, const char *id, uint32_t process,
                            uint32_t stream, struct output *ret)
{
    static struct heard heard;
    struct bj_read read = {
        .sandbox = id, .process = process, .offset = ret->next, .maximum = BJ_READ_MAX};
    struct bj_read_answer body;
    struct bj_buf out;
    int result;

    message_begin(&out, BJ_MESSAGE_READ, ++service->id);
    bj_read_put(&out, &read);
    say(service->front, &out, 0, NULL);
    result = answer(service, service->id, &heard, NULL);
    if (result < 0)
        return result;
    assert_int_equal(bj_read_answer_get(&heard.message, &body, NULL), 0);
    for (uint32_t i = 0; i < body.chunks; i++) {
        uint32_t number = bj_unpack_u32(&body.rest);
        size_t length;
        const void *data = bj_unpack_bytes(&body.rest, &length);

        if ((stream != 0 && number != stream) || ret->length + length >= sizeof ret->text)
            continue;
        memcpy(ret->text + ret->length, data, length);
        ret->length += length;
    }
    ret->text[ret->length] = '\0';
    ret->next = body.next;
    ret->dropped = body.dropped;
    ret->ended = body.ended;
    ret->ending = body.ending;
    return 0;
}

static inline void read_all(struct service *service, const char *id, uint32_t process,
                            uint32_t stream, struct output *ret)
{
    memset(ret, 0, sizeof *ret);
    while (!ret->ended)
        assert_int_equal(read_once(service, id, process, stream, ret), 0);
}

#endif
