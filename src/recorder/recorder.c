/*
 * The audit process: its beginning and end, its sockets and its clock.
 *
 * Theory of operation. The supervisor introduces the others (PEER), and again whenever one of them
 * is replaced. Being killed at any moment is as good as any other end: what was recorded is in the
 * database, what came through is known to the keeper, and what did not is sent again. So whatever
 * leaves this process unable to go on ends it, and the supervisor starts the next.
 */
#include "recorder/recorder.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"
#include "recorder/recorder_internal.h"

#define TICK_MS     1000
#define PRUNE_TICKS 3600 /* between looking for records that are too old, with little to record */
#define TRY_US      1000000 /* between attempts to open the database */
#define BUSY_MS     2000    /* waited for another process that keeps the database */
#define LOG_PAGES   2000    /* of SQLite's log, before it is carried over */

/* ---- the database ---- */

/* Another service that kept its record in the same place would end our calls as left behind. */
static int lock_place(struct bj_recorder *recorder, const char *path, struct bj_error *err)
{
    char name[BJ_PATH_MAX];

    if (recorder->lock >= 0)
        return 0;
    if ((size_t)snprintf(name, sizeof name, "%s-service", path) >= sizeof name)
        return bj_fail(err, BJ_E_LIMIT, "audit", "the path of the audit database is too long");
    recorder->lock = BJ_SYS(open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (recorder->lock < 0)
        return bj_fail_errno(err, "audit", "cannot open %s", name);
    if (BJ_SYS(flock(recorder->lock, LOCK_EX | LOCK_NB)) == 0)
        return 0;
    bj_fd_close(&recorder->lock);
    return errno == EWOULDBLOCK
               ? bj_fail(err, BJ_E_CONFLICT, "audit",
                         "another service keeps its record in %s; give this one another place with "
                         "audit_path",
                         path)
               : bj_fail_errno(err, "audit", "cannot lock %s", name);
}

static int open_audit(struct bj_recorder *recorder, struct bj_error *err)
{
    const struct bj_config *config = recorder->options->config;
    BJ_CLEANUP_FREE char *usual = NULL;
    struct bj_audit_options options = {
        .path = config->audit_path,
        .access = BJ_AUDIT_WRITE,
        .durable = config->audit_durable,
        .busy_ms = BUSY_MS,
        .log_pages = LOG_PAGES,
        .mask = recorder->options->mask,
    };
    int result = 0;

    if (options.path == NULL)
        result = bj_audit_default_path(&usual, err);
    if (usual != NULL)
        options.path = usual;
    if (result == 0)
        result = bj_audit_open(&options, &recorder->audit, err);
    if (result == 0)
        result = lock_place(recorder, options.path, err);
    if (result < 0) {
        bj_audit_close(recorder->audit);
        recorder->audit = NULL;
    }
    return result;
}

int bj_recorder_open(struct bj_recorder *recorder, struct bj_error *err)
{
    int64_t now = bj_clock_us();

    if (recorder->audit != NULL)
        return 0;
    if (recorder->tried_us == 0 || now - recorder->tried_us >= TRY_US) {
        if (open_audit(recorder, &recorder->failure) == 0)
            return 0;
        recorder->tried_us = now;
    }
    *err = recorder->failure;
    return -err->code;
}

static void maintain(struct bj_recorder *recorder)
{
    const struct bj_config *config = recorder->options->config;
    const struct bj_audit_retention retention = {
        .age_ns = config->audit_max_days * 86400 * 1000000000,
        .bytes = config->audit_max_mb << 20,
    };
    bool limited = retention.age_ns > 0 || retention.bytes > 0;
    struct bj_error err = {0};
    int64_t removed = 0;
    int result;

    if (recorder->audit == NULL)
        return;
    result = limited && recorder->ticks % PRUNE_TICKS == PRUNE_TICKS - 1
                 ? bj_audit_prune(recorder->audit, &retention, &removed, &err)
                 : bj_audit_maintain(recorder->audit, &retention, &removed, &err);
    if (removed > 0)
        BJ_LOG(
            recorder->log, AUDIT, WARNING,
            "%lld of the oldest records were removed: audit.max_days or audit.max_mb was reached",
            (long long)removed);
    if (result < 0)
        BJ_LOG(recorder->log, AUDIT, WARNING, "the records are not kept in bounds: %s",
               err.message);
}

/* ---- the supervisor ---- */

static void say_fault(struct bj_recorder *recorder, const char *whose)
{
    struct bj_buf out;

    bj_buf_init(&out, BJ_MESSAGE_MAX);
    bj_message_begin(&out, BJ_MESSAGE_FAULT, 0);
    bj_pack_text(&out, whose);
    if (bj_message_end(&out))
        bj_link_send(&recorder->control, out.data, out.length, NULL, NULL);
    bj_buf_release(&out);
}

void bj_recorder_fault(struct bj_recorder *recorder, struct bj_peer *peer,
                       const struct bj_error *why)
{
    const char *who = peer == &recorder->front ? "front" : "keeper";

    if (peer->link.fd < 0)
        return;
    BJ_LOG(recorder->log, SERVER, ERROR, "the %s process broke the protocol: %s", who,
           why->message);
    say_fault(recorder, who);
    bj_link_close(&peer->link);
}

void bj_recorder_end(struct bj_recorder *recorder, int status)
{
    if (recorder->status < status)
        recorder->status = status;
    uv_stop(&recorder->loop);
}

/* ---- the front and the keeper ---- */

static void turn(void *context)
{
    bj_recorder_turn(context);
}

static const struct bj_link_calls peer_calls = {.readable = turn, .drained = turn};

/* A new front: what the one before it sent comes first, but for what would have to wait: nobody
 * asks for it any more. */
static void part_from_front(struct bj_recorder *recorder)
{
    bj_held_drop(recorder);
    bj_recorder_turn(recorder);
    bj_held_drop(recorder);
}

static int meet(struct bj_recorder *recorder, struct bj_peer *peer, int fd, int64_t number,
                struct bj_error *err)
{
    int result = bj_socket_make_room(fd, BJ_MESSAGE_MAX, err);

    bj_link_close(&peer->link);
    *peer = (struct bj_peer){.link.fd = -1, .number = number};
    if (result < 0) {
        bj_fd_close(&fd);
        return result;
    }
    result = bj_link_open(&peer->link, &recorder->loop, fd, &peer_calls, recorder, err);
    peer->link.maximum = BJ_KEEPER_QUEUE_MAX;
    return result;
}

static void new_peer(struct bj_recorder *recorder, const struct bj_message *message,
                     struct bj_fds *fds)
{
    struct bj_unpack in = bj_message_body(message);
    const char *who = bj_unpack_string(&in);
    bool is_front = bj_streq(who, "front");
    struct bj_error err = {0};

    if (!bj_unpack_end(&in) || fds->count != 1 || !(is_front || bj_streq(who, "keeper")))
        return;
    fds->count = 0;
    /* What a keeper before this one said comes first, and what was for that one is dropped. */
    if (is_front)
        part_from_front(recorder);
    else
        bj_recorder_hear_keeper(recorder);
    if (meet(recorder, is_front ? &recorder->front : &recorder->keeper, fds->fd[0],
             message->head.number, &err) < 0) {
        BJ_LOG(recorder->log, SERVER, ERROR, "%s", err.message);
        bj_recorder_end(recorder, 1);
        return;
    }
    bj_recorder_turn(recorder);
}

/* ---- who is there from the beginning ---- */

static void from_supervisor(void *context, const char *packet, size_t length, struct bj_fds *fds)
{
    struct bj_recorder *recorder = context;
    struct bj_message message;

    if (bj_message_get(packet, length, &message, NULL) < 0)
        bj_recorder_end(recorder, 1);
    else if (message.head.type == BJ_MESSAGE_STOP)
        bj_recorder_end(recorder, 0);
    else if (message.head.type == BJ_MESSAGE_PEER)
        new_peer(recorder, &message, fds);
}

static void supervisor_gone(void *context)
{
    bj_recorder_end(context, 0);
}

static const struct bj_link_calls control_calls = {.received = from_supervisor,
                                                   .closed = supervisor_gone};

static void reader_gone(void *context)
{
    struct bj_recorder *recorder = context;

    BJ_LOG(recorder->log, AUDIT, ERROR, "the process for questions has ended");
    bj_recorder_end(recorder, 1);
}

/* It says nothing here: one that does is not well. */
static const struct bj_link_calls reader_calls = {.readable = reader_gone};

/* ---- the loop ---- */

static void on_tick(uv_timer_t *timer)
{
    struct bj_recorder *recorder = timer->data;

    recorder->ticks++;
    bj_recorder_retry(recorder);
    bj_sweep_resume(recorder);
    if (recorder->held.length > 0)
        bj_recorder_turn(recorder);
    maintain(recorder);
}

static int begin(struct bj_recorder *recorder, struct bj_error *err)
{
    const struct bj_recorder_options *options = recorder->options;
    int reader = -1, result = bj_reader_start(options, &reader, err);

    if (result < 0)
        return result;
    recorder->batch = bj_batch_new();
    if (recorder->batch == NULL || uv_loop_init(&recorder->loop) < 0) {
        bj_fd_close(&reader);
        return bj_fail(err, BJ_E_NO_MEMORY, "audit", "no memory to begin with");
    }
    uv_timer_init(&recorder->loop, &recorder->tick);
    uv_idle_init(&recorder->loop, &recorder->idle);
    recorder->tick.data = recorder->idle.data = recorder;
    result = bj_link_open(&recorder->reader, &recorder->loop, reader, &reader_calls, recorder, err);
    if (result == 0)
        result = bj_link_open(&recorder->control, &recorder->loop, options->control_fd,
                              &control_calls, recorder, err);
    if (result < 0 || !bj_recorder_is_on(recorder))
        return result;
    /* A full disk is emptied again, and another process lets the database go: what does not need
     * anybody to change the configuration is waited for, and refused meanwhile. */
    result = bj_recorder_open(recorder, err);
    return result == -BJ_E_FULL || result == -BJ_E_BUSY || result == -BJ_E_NO_MEMORY ? 0 : result;
}

static void close_all(uv_handle_t *handle, void *context)
{
    (void)context;
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

static void end(struct bj_recorder *recorder)
{
    maintain(recorder);
    bj_audit_close(recorder->audit);
    bj_alive_stop(&recorder->alive);
    bj_link_close(&recorder->front.link);
    bj_link_close(&recorder->keeper.link);
    bj_link_close(&recorder->control);
    bj_link_close(&recorder->reader);
    bj_pending_drop(recorder);
    bj_buf_release(&recorder->held);
    bj_batch_free(recorder->batch);
    bj_fd_close(&recorder->lock);
    if (recorder->tick.loop == NULL)
        return;
    uv_walk(&recorder->loop, close_all, NULL);
    uv_run(&recorder->loop, UV_RUN_DEFAULT);
    uv_loop_close(&recorder->loop);
}

int bj_recorder_main(const struct bj_recorder_options *options, struct bj_error *err)
{
    struct bj_recorder recorder = {.options = options,
                                   .log = options->log,
                                   .front.link.fd = -1,
                                   .keeper.link.fd = -1,
                                   .control.fd = -1,
                                   .reader.fd = -1,
                                   .lock = -1,
                                   .secrets = options->mask->count};
    struct bj_error failed = {0};
    int result;

    signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is a full disk */
    bj_buf_init(&recorder.held, BJ_MESSAGE_MAX);
    result = begin(&recorder, &failed);
    if (result < 0) {
        bj_fail(err, failed.code, failed.step, "%s", failed.message);
    } else {
        bj_alive_start(&recorder.alive, &recorder.loop, options->control_fd);
        uv_timer_start(&recorder.tick, on_tick, 0, TICK_MS);
        uv_run(&recorder.loop, UV_RUN_DEFAULT);
        bj_recorder_hear_keeper(&recorder); /* the last outcomes */
        bj_recorder_retry(&recorder);
    }
    end(&recorder);
    return result < 0 ? result : recorder.status;
}
