/*
 * The keeper's loop and its peers. The supervisor hands in new ones as they are started; each is a
 * socket of packets, and whoever sends what it must not is cut off and replaced by the supervisor.
 */
#include "keeper/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "keeper/keeper_internal.h"

#define FLUSH_MS 2000 /* at the end, for outcomes to go out */

/* Who sends what it must not is cut off, and replaced by the supervisor. */
static void say_fault(struct bj_keeper *keeper, const char *whose)
{
    struct bj_buf out;

    bj_say_begin(&out, BJ_MESSAGE_FAULT, 0);
    bj_pack_text(&out, whose);
    if (bj_message_end(&out))
        bj_link_send(&keeper->control, out.data, out.length, NULL, NULL);
}

void bj_say_begin(struct bj_buf *out, enum bj_message_type type, uint64_t id)
{
    static char space[BJ_MESSAGE_MAX + 1];

    *out = (struct bj_buf){.data = space, .capacity = sizeof space, .maximum = BJ_MESSAGE_MAX};
    bj_message_begin(out, type, id);
}

void bj_say_to_front(struct bj_keeper *keeper, struct bj_buf *out)
{
    struct bj_error failed = {0};

    if (!bj_message_end(out))
        bj_fail(&failed, BJ_E_LIMIT, "send", "the message is too long");
    else if (keeper->front.fd >= 0)
        bj_link_send(&keeper->front, out->data, out->length, NULL, &failed);
    if (failed.code != BJ_E_OK && failed.code != BJ_E_ENDED)
        bj_keeper_drop_front(keeper);
}

/* ---- the audit process ---- */

static void refused(struct bj_keeper *keeper, const struct bj_message *message)
{
    struct bj_error failed = {0};

    if (bj_message_get_error(message, &failed, NULL) < 0)
        bj_fail(&failed, BJ_E_PROTOCOL, "audit", "the audit process refused without saying why");
    bj_answer_error(keeper, message->head.id, 0, &failed);
}

static void noted(struct bj_keeper *keeper, const struct bj_message *message)
{
    struct bj_task task = {.id = message->head.id, .number = message->head.number};

    bj_task_answer(keeper, &task, NULL);
}

static void from_audit(void *context, const char *packet, size_t length, struct bj_fds *fds)
{
    struct bj_keeper *keeper = context;
    struct bj_message message;
    struct bj_error failed = {0};

    (void)fds;
    if (bj_message_get(packet, length, &message, &failed) < 0) {
        bj_keeper_audit_gone(keeper);
        return;
    }
    if (message.head.type == BJ_MESSAGE_RECORDED) {
        bj_outcome_recorded(keeper, message.head.id);
        return;
    }
    if (message.head.id > keeper->highest)
        keeper->highest = message.head.id;
    if (keeper->first_number == 0)
        keeper->first_number = message.head.number;
    if (message.head.number > keeper->last_number)
        keeper->last_number = message.head.number;
    switch ((enum bj_message_type)message.head.type) {
    case BJ_MESSAGE_ACT:
        bj_act_do(keeper, &message);
        break;
    case BJ_MESSAGE_NOTED:
        noted(keeper, &message);
        break;
    case BJ_MESSAGE_REFUSED:
        refused(keeper, &message);
        break;
    default:
        bj_keeper_audit_gone(keeper);
    }
}

static void audit_closed(void *context)
{
    (void)context; /* the next one brings the GAP */
}

static void audit_drained(void *context)
{
    bj_outcomes_send_rest(context);
}

static const struct bj_link_calls audit_calls = {
    .received = from_audit, .closed = audit_closed, .drained = audit_drained};

void bj_keeper_audit_gone(struct bj_keeper *keeper)
{
    if (keeper->audit.fd < 0)
        return;
    bj_link_close(&keeper->audit);
    say_fault(keeper, "audit");
}

void bj_keeper_say_gap(struct bj_keeper *keeper)
{
    struct bj_message_head *head;
    struct bj_buf out;

    if (keeper->front.fd < 0)
        return;
    bj_say_begin(&out, BJ_MESSAGE_GAP, keeper->highest);
    head = bj_message_head(&out);
    if (head != NULL)
        head->number = keeper->audit_number;
    bj_say_to_front(keeper, &out);
}

static void say_begun(struct bj_keeper *keeper)
{
    struct bj_message_head *head;
    struct bj_buf out;

    bj_say_begin(&out, BJ_MESSAGE_BEGUN, (uint64_t)keeper->first_number);
    head = bj_message_head(&out);
    if (head != NULL)
        head->number = keeper->last_number;
    if (bj_message_end(&out))
        bj_link_send(&keeper->audit, out.data, out.length, NULL, NULL);
}

/* Everything that the old one passed on is done before the new one is turned to. */
static void new_audit(struct bj_keeper *keeper, int fd, int64_t number)
{
    bj_link_take_in(&keeper->audit);
    bj_link_close(&keeper->audit);
    if (bj_link_open(&keeper->audit, &keeper->loop, fd, &audit_calls, keeper, NULL) < 0)
        return;
    keeper->audit.maximum = BJ_AUDIT_QUEUE_MAX;
    keeper->audit_number = number;
    say_begun(keeper);
    bj_keeper_say_gap(keeper);
    bj_outcomes_send_again(keeper);
}

/* ---- the front ---- */

static int answer_usage(struct bj_keeper *keeper, uint64_t id, const char *name,
                        struct bj_error *err)
{
    struct bj_sandbox *sandbox = NULL;
    struct bj_usage_answer usage;
    struct bj_buf out;

    if (*name != '\0') {
        int result = bj_sandbox_find(keeper, name, &sandbox, err);

        if (result < 0)
            return result;
    }
    bj_usage_fill(keeper, sandbox, &usage);
    bj_answer_begin(&out, id);
    bj_usage_answer_put(&out, &usage);
    bj_answer_send(keeper, &out, id, NULL);
    return 0;
}

/* The body is a sandbox's identifier. */
static void ask_usage(struct bj_keeper *keeper, const struct bj_message *message)
{
    struct bj_unpack body = bj_message_body(message);
    const char *name = bj_unpack_string(&body);
    struct bj_error failed = {0};

    if (!bj_unpack_end(&body))
        bj_keeper_drop_front(keeper);
    else if (answer_usage(keeper, message->head.id, name, &failed) < 0)
        bj_answer_error(keeper, message->head.id, 0, &failed);
}

/* Likewise. Of one that is ending, or has ended, there is nothing to note. */
static void take_use(struct bj_keeper *keeper, const struct bj_message *message)
{
    struct bj_unpack body = bj_message_body(message);
    const char *name = bj_unpack_string(&body);
    struct bj_sandbox *sandbox;

    if (!bj_unpack_end(&body) || name == NULL || message->head.number < 0 ||
        message->head.number > 1)
        bj_keeper_drop_front(keeper);
    else if (bj_sandbox_find(keeper, name, &sandbox, NULL) == 0)
        bj_sandbox_hold(sandbox, message->head.number == 1);
}

static void from_front(void *context, const char *packet, size_t length, struct bj_fds *fds)
{
    struct bj_keeper *keeper = context;
    struct bj_message message;
    struct bj_read read;

    (void)fds;
    if (bj_message_get(packet, length, &message, NULL) < 0) {
        bj_keeper_drop_front(keeper);
        return;
    }
    switch ((enum bj_message_type)message.head.type) {
    case BJ_MESSAGE_HELLO:
        bj_hello(keeper);
        break;
    case BJ_MESSAGE_READ:
        if (bj_read_get(&message, &read, NULL) < 0)
            bj_keeper_drop_front(keeper);
        else
            bj_read_ask(keeper, message.head.id, &read);
        break;
    case BJ_MESSAGE_INPUT:
    case BJ_MESSAGE_SIZE:
        bj_attach_message(keeper, &message);
        break;
    case BJ_MESSAGE_DETACH:
        if (!bj_attach_end(keeper, message.head.id))
            bj_read_unhold(keeper, message.head.id);
        break;
    case BJ_MESSAGE_USE:
        take_use(keeper, &message);
        break;
    case BJ_MESSAGE_USAGE:
        ask_usage(keeper, &message);
        break;
    default:
        bj_keeper_drop_front(keeper);
    }
}

/* What the last front had under way. A turn later: whoever noticed may be in the middle of it. */
static void end_front(struct bj_deadline *deadline)
{
    struct bj_keeper *keeper = (void *)((char *)deadline - offsetof(struct bj_keeper, front_lost));

    bj_read_front_gone(keeper);
    bj_attach_front_gone(keeper);
    bj_sandboxes_front_gone(keeper);
}

static void lose_front(struct bj_keeper *keeper)
{
    bj_link_close(&keeper->front);
    keeper->hello = NULL;
    keeper->saying_hello = false;
    keeper->front_lost.passed = end_front;
    bj_deadline_set(&keeper->deadlines, &keeper->front_lost, 0);
}

void bj_keeper_drop_front(struct bj_keeper *keeper)
{
    if (keeper->front.fd < 0)
        return;
    lose_front(keeper);
    say_fault(keeper, "front");
}

static void front_closed(void *context)
{
    lose_front(context);
}

static void front_drained(void *context)
{
    bj_hello_go_on(context);
}

static const struct bj_link_calls front_calls = {
    .received = from_front, .closed = front_closed, .drained = front_drained};

static void new_front(struct bj_keeper *keeper, int fd)
{
    if (keeper->front.fd >= 0)
        bj_link_close(&keeper->front);
    bj_deadline_clear(&keeper->deadlines, &keeper->front_lost);
    end_front(&keeper->front_lost);
    keeper->hello = NULL;
    keeper->saying_hello = false;
    if (bj_link_open(&keeper->front, &keeper->loop, fd, &front_calls, keeper, NULL) == 0)
        keeper->front.maximum = BJ_FRONT_QUEUE_MAX;
}

/* ---- the supervisor ---- */

static void new_peer(struct bj_keeper *keeper, const struct bj_message *message, struct bj_fds *fds)
{
    struct bj_unpack body = bj_message_body(message);
    const char *who = bj_unpack_string(&body);
    int64_t number = message->head.number;
    int fd;

    if (!bj_unpack_end(&body) || fds->count != 1)
        return;
    fd = fds->fd[0];
    if (bj_streq(who, "front")) {
        fds->count = 0;
        new_front(keeper, fd);
    } else if (bj_streq(who, "audit")) {
        fds->count = 0;
        new_audit(keeper, fd, number);
    }
}

static void from_supervisor(void *context, const char *packet, size_t length, struct bj_fds *fds)
{
    struct bj_keeper *keeper = context;
    struct bj_message message;

    if (bj_message_get(packet, length, &message, NULL) < 0)
        return;
    if (message.head.type == BJ_MESSAGE_PEER)
        new_peer(keeper, &message, fds);
    else if (message.head.type == BJ_MESSAGE_STOP)
        bj_keeper_stop(keeper, 0);
}

static void supervisor_gone(void *context)
{
    bj_keeper_stop(context, 1);
}

static const struct bj_link_calls control_calls = {.received = from_supervisor,
                                                   .closed = supervisor_gone};

/* ---- beginning and end ---- */

void bj_keeper_sandbox_gone(struct bj_keeper *keeper)
{
    if (keeper->stopping && keeper->sandboxes.count == 0 && keeper->pool.count == 0)
        uv_stop(&keeper->loop);
}

void bj_keeper_stop(struct bj_keeper *keeper, int status)
{
    struct bj_sandbox *sandbox, *next;

    if (keeper->stopping)
        return;
    keeper->stopping = true;
    keeper->status = status;
    for (sandbox = keeper->sandboxes.first; sandbox != NULL; sandbox = next) {
        next = sandbox->next;
        bj_sandbox_end(sandbox, "stopped");
    }
    bj_pool_end(keeper);
    bj_keeper_sandbox_gone(keeper);
}

static int open_files_program(struct bj_keeper *keeper, struct bj_error *err)
{
    const char *path = keeper->options->files_program;

    keeper->files_fd = -1;
    if (path == NULL)
        return 0;
    return bj_sealed_copy(path, &keeper->files_fd, err);
}

/* Every sandbox takes a few descriptors. What runs in it has a limit of its own. */
static void raise_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == limit.rlim_max)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static int begin(struct bj_keeper *keeper, const struct bj_keeper_options *options,
                 struct bj_error *err)
{
    int result;

    keeper->options = options;
    bj_workspaces_init(keeper);
    keeper->front.fd = keeper->audit.fd = keeper->starter.link.fd = keeper->maker.link.fd = -1;
    keeper->null_fd = BJ_SYS(open("/dev/null", O_RDWR | O_CLOEXEC));
    if (keeper->null_fd < 0)
        return bj_fail_errno(err, "keeper", "cannot open /dev/null");
    bj_outcomes_init(keeper);
    result = bj_deadlines_init(&keeper->deadlines, &keeper->loop, err);
    if (result == 0)
        result = bj_sandboxes_init(keeper, err);
    if (result == 0)
        result = open_files_program(keeper, err);
    if (result == 0)
        result = bj_plans_init(keeper, err);
    if (result == 0)
        result = bj_sweep(keeper, err);
    if (result == 0)
        result = bj_starter_init(keeper, err);
    if (result == 0)
        result = bj_link_open(&keeper->control, &keeper->loop, options->control_fd, &control_calls,
                              keeper, err);
    keeper->reserve_fd = BJ_SYS(fcntl(keeper->null_fd, F_DUPFD_CLOEXEC, 0));
    keeper->control.reserve = &keeper->reserve_fd;
    if (result == 0)
        bj_alive_start(&keeper->alive, &keeper->loop, options->control_fd);
    if (result == 0) {
        bj_workspaces_warm(keeper);
        if (keeper->workspaces.on_disk)
            result = bj_maker_init(keeper, err);
    }
    if (result == 0) {
        bj_pool_init(keeper);
    }
    return result;
}

static void end(struct bj_keeper *keeper)
{
    bj_alive_stop(&keeper->alive);
    bj_starter_release(keeper);
    bj_maker_release(keeper);
    bj_sweep_own(keeper);
    bj_link_flush(&keeper->audit, FLUSH_MS);
    bj_link_flush(&keeper->front, FLUSH_MS);
    bj_link_close(&keeper->audit);
    bj_link_close(&keeper->front);
    bj_link_close(&keeper->control);
    bj_deadlines_release(&keeper->deadlines);
    uv_run(&keeper->loop, UV_RUN_DEFAULT); /* libuv's own farewells */
    uv_loop_close(&keeper->loop);
    bj_sandboxes_release(keeper);
    bj_outcomes_release(keeper);
    bj_plans_release(keeper);
    bj_workspaces_release(keeper);
    bj_fd_close(&keeper->null_fd);
    bj_fd_close(&keeper->reserve_fd);
    bj_fd_close(&keeper->files_fd);
}

int bj_keeper_main(const struct bj_keeper_options *options, struct bj_error *err)
{
    static struct bj_keeper keeper; /* large, and one */
    int result;

    signal(SIGPIPE, SIG_IGN);
    raise_limit();
    if (uv_loop_init(&keeper.loop) != 0)
        return bj_fail(err, BJ_E_NO_MEMORY, "keeper", "cannot make an event loop");
    result = begin(&keeper, options, err);
    if (result < 0)
        return result;
    while (!keeper.stopping || keeper.sandboxes.count > 0)
        uv_run(&keeper.loop, UV_RUN_DEFAULT);
    end(&keeper);
    return keeper.status;
}
