/*
 * The front. Everything that it needs from files is read first: keys, certificates, rules. Then it
 * gives up all rights, and only then it takes a connection.
 */
#include "bin/front.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "bin/front_keys.h"
#include "linux/socket.h"
#include "server/server.h"
#include "service/service.h"
#include "supervisor/confine.h"
#include "supervisor/isolation.h"
#include "supervisor/roles.h"
#include "loop/alive.h"
#include "wire/keeper.h"

#define GRACE_MS    5000 /* for requests that run when the front is to end */
#define BRIEF_MS    1000 /* a request that has run no longer is thought to end within GRACE_MS */
#define LOOK_MS     50   /* between looks at whether longer ones have ended */
#define READY_MS    5    /* between looks at whether the keeper has said what there is */
#define READY_TRIES 1000 /* then it listens all the same: /health must answer */

struct front {
    const struct bj_service_settings *settings;
    const struct bj_log *log;
    uv_loop_t loop;
    uv_poll_t control;
    uv_timer_t timer;
    uv_timer_t patience; /* runs: the front ends as soon as no request is in its way */
    uint64_t patience_end;
    struct bj_front_keys keys;
    char **isolation; /* owned */
    struct bj_service *service;
    struct bj_server *server;
    struct bj_tls *tls;
    int listeners; /* how many descriptors */
    int tries;
    bool stopping;
    struct bj_alive alive;
    int status;
};

/* ---- ready ---- */

/* On the machine's own socket TLS would protect nothing. */
static bool is_unix(int fd)
{
    int domain = 0;
    socklen_t length = sizeof domain;

    return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length) == 0 && domain == AF_UNIX;
}

static void listen_on_all(struct front *front)
{
    for (int fd = BJ_ROLE_LISTEN; fd < BJ_ROLE_LISTEN + front->listeners; fd++) {
        struct bj_error error;

        if (bj_server_listen(front->server, fd, is_unix(fd) ? NULL : front->tls, &error) < 0)
            BJ_LOG(front->log, SERVER, ERROR, "%s", error.message);
    }
    bj_alive_start(&front->alive, &front->loop, BJ_ROLE_CONTROL);
}

static void on_timer(uv_timer_t *timer)
{
    struct front *front = timer->data;

    if (!bj_service_ready(front->service) && ++front->tries < READY_TRIES)
        return;
    uv_timer_stop(timer);
    listen_on_all(front);
}

/* ---- the end ---- */

static void close_handle(uv_handle_t *handle)
{
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

static void stopped(void *context)
{
    struct front *front = context;

    bj_server_free(front->server);
    bj_service_free(front->service);
    close_handle((uv_handle_t *)&front->control);
    close_handle((uv_handle_t *)&front->timer);
    close_handle((uv_handle_t *)&front->patience);
}

static void stop(struct front *front, uint32_t grace_ms)
{
    if (front->stopping)
        return;
    front->stopping = true;
    uv_poll_stop(&front->control);
    uv_timer_stop(&front->timer);
    uv_timer_stop(&front->patience);
    bj_alive_stop(&front->alive);
    bj_server_stop(front->server, grace_ms, stopped, front);
}

static void on_patience(uv_timer_t *timer)
{
    struct front *front = timer->data;

    if (uv_now(&front->loop) >= front->patience_end || front->keys.lost ||
        !bj_server_busy(front->server, BRIEF_MS))
        stop(front, GRACE_MS);
}

/* Goes on serving until requests that run for long have ended, so that they do not break; until
 * then the next front, which waits, would have to let its clients wait. */
static void stop_later(struct front *front, uint64_t patience_ms)
{
    if (front->keys.lost)
        stop(front, GRACE_MS);
    if (front->stopping || uv_is_active((uv_handle_t *)&front->patience))
        return;
    front->patience_end = uv_now(&front->loop) + patience_ms;
    uv_timer_start(&front->patience, on_patience, 0, LOOK_MS);
}

/* ---- the supervisor's messages ---- */

/* Takes the descriptor. */
static void take_peer(struct front *front, const char *who, int64_t number, int fd)
{
    struct bj_keeper_client *client = bj_service_keeper(front->service);
    struct bj_error error = {0};
    int result = 0;

    if (bj_streq(who, bj_role_name(BJ_ROLE_KEEPER)))
        result = bj_keeper_client_set_keeper(client, fd, number, &error);
    else if (bj_streq(who, bj_role_name(BJ_ROLE_AUDIT)))
        result = bj_keeper_client_set_audit(client, fd, number, &error);
    else
        close(fd);
    if (result < 0)
        BJ_LOG(front->log, SERVER, ERROR, "cannot talk to the %s process: %s", who, error.message);
}

static void take_keys(struct front *front, int64_t number, int fd)
{
    struct bj_error error = {0};
    int result = bj_front_keys_renew(&front->keys, fd, &error);

    if (result == -BJ_E_LIMIT)
        stop(front, GRACE_MS); /* and a new one begins */
    else if (result < 0)
        BJ_LOG(front->log, SERVER, ERROR, "the keys stay as they were: %s", error.message);
    if (result < 0)
        return;
    front->alive.number = number;
    bj_alive_say(&front->alive);
}

static void take_message(struct front *front, const struct bj_message *message, struct bj_fds *fds)
{
    struct bj_unpack body = bj_message_body(message);
    const char *who;

    if (message->head.type == BJ_MESSAGE_STOP && message->head.number > 0) {
        stop_later(front, (uint64_t)message->head.number);
    } else if (message->head.type == BJ_MESSAGE_STOP) {
        stop(front, GRACE_MS);
    } else if (message->head.type == BJ_MESSAGE_PEER && fds->count == 1) {
        who = bj_unpack_string(&body);
        if (bj_streq(who, BJ_ROLE_KEYS)) {
            take_keys(front, message->head.number, fds->fd[0]);
            return;
        }
        bj_keeper_client_set_front(bj_service_keeper(front->service), (int64_t)message->head.id);
        take_peer(front, who, message->head.number, fds->fd[0]);
        fds->count = 0;
    }
}

static void on_control(uv_poll_t *poll, int status, int events)
{
    struct front *front = poll->data;
    char packet[BJ_CONTROL_MAX];
    struct bj_fds fds = {.count = 0};
    struct bj_message message;
    ssize_t size =
        status < 0 ? 0 : bj_socket_receive(BJ_ROLE_CONTROL, packet, sizeof packet, &fds, 0);

    (void)events;
    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (size <= 0)
        stop(front, 0); /* the supervisor is gone, and with it the service */
    else if (bj_message_get(packet, (size_t)size, &message, NULL) == 0)
        take_message(front, &message, &fds);
    bj_fds_close(&fds);
}

/* ---- the beginning ---- */

static int make_server(struct front *front, struct bj_error *err)
{
    const struct bj_service_settings *settings = front->settings;
    struct bj_service_options service = {
        .presets = settings->presets,
        .preset_count = settings->preset_count,
        .default_preset =
            settings->default_preset != NULL ? settings->default_preset : BJ_SERVICE_PRESET,
        .max_timeout_us = settings->max_timeout_seconds * 1000000,
        .isolation = (const char *const *)front->isolation,
        .domain = settings->domain,
        .log = front->log,
    };
    struct bj_server_options server = {
        .find = bj_route_find,
        .port_route = &bj_port_route,
        .hosts = (const char *const *)settings->hosts,
        .trusted_proxies = (const char *const *)settings->trusted_proxies,
        .domain = settings->domain,
        .log = front->log,
    };
    int result = bj_service_new(&front->loop, &service, &front->service, err);

    if (result < 0)
        return result;
    server.service = front->service;
    bj_front_gate(&front->keys, front->service, &server.gate);
    return bj_server_new(&front->loop, &server, &front->server, err);
}

static int open_all(struct front *front, struct bj_error *err)
{
    const struct bj_service_settings *settings = front->settings;
    int result = bj_front_keys_load(settings, &front->keys, err);

    if (result == 0 && settings->tls_certificate != NULL)
        result = bj_tls_new(settings->tls_certificate, settings->tls_key, &front->tls, err);
    if (result < 0)
        return result;
    /* Whoever reads a pipe or socket of ours may go at any time; writing says so. */
    signal(SIGPIPE, SIG_IGN);
    if (uv_loop_init(&front->loop) < 0)
        return bj_fail(err, BJ_E_NO_MEMORY, "front", "cannot make an event loop");
    front->isolation = bj_isolation_read(settings); /* while it can still be found out */
    return make_server(front, err);
}

int bj_front_try(const struct bj_service_settings *settings, const struct bj_log *log,
                 struct bj_error *err)
{
    static struct front front; /* the process ends, and all this with it */

    front.settings = settings;
    front.log = log;
    return open_all(&front, err);
}

/* Counted before anything else is opened: the first that is not open is behind the last. */
static int count_listeners(void)
{
    int count = 0;

    while (count < BJ_LISTENERS_MAX && fcntl(BJ_ROLE_LISTEN + count, F_GETFD) >= 0)
        count++;
    return count;
}

int bj_front_run(const struct bj_service_settings *settings, const struct bj_log *log,
                 struct bj_error *err)
{
    struct front front = {.settings = settings, .log = log, .listeners = count_listeners()};
    int result = open_all(&front, err);

    if (result == 0)
        result = bj_confine_front(settings->user, err);
    if (result < 0)
        return result; /* the process ends, and all this with it */
    uv_poll_init(&front.loop, &front.control, BJ_ROLE_CONTROL);
    front.control.data = &front;
    uv_poll_start(&front.control, UV_READABLE, on_control);
    uv_timer_init(&front.loop, &front.timer);
    front.timer.data = &front;
    uv_timer_init(&front.loop, &front.patience);
    front.patience.data = &front;
    uv_timer_start(&front.timer, on_timer, READY_MS, READY_MS);
    uv_run(&front.loop, UV_RUN_DEFAULT);
    uv_loop_close(&front.loop);
    bj_tls_free(front.tls);
    bj_front_keys_release(&front.keys);
    bj_strv_free(front.isolation);
    return front.status;
}
