/* READY, again and again. */
#include "loop/alive.h"

#include <string.h>
#include <sys/socket.h>

#include "wire/keeper.h"

/* A full or closed socket is the supervisor's trouble: it is the one who misses something then. */
static void send_ready(const struct bj_alive *alive)
{
    struct bj_buf message;

    bj_buf_init(&message, BJ_MESSAGE_MAX);
    bj_message_begin(&message, BJ_MESSAGE_READY, 0);
    if (bj_message_head(&message) != NULL)
        bj_message_head(&message)->number = alive->number;
    if (bj_message_end(&message))
        (void)!send(alive->control, message.data, message.length, MSG_NOSIGNAL | MSG_DONTWAIT);
    bj_buf_release(&message);
}

static void say(uv_timer_t *timer)
{
    send_ready(timer->data);
}

void bj_alive_start(struct bj_alive *alive, uv_loop_t *loop, int control)
{
    alive->control = control;
    uv_timer_init(loop, &alive->timer);
    alive->timer.data = alive;
    uv_unref((uv_handle_t *)&alive->timer);
    uv_timer_start(&alive->timer, say, BJ_ALIVE_US / 1000, BJ_ALIVE_US / 1000);
    send_ready(alive);
}

void bj_alive_say(struct bj_alive *alive)
{
    if (alive->timer.data != NULL && !uv_is_closing((uv_handle_t *)&alive->timer))
        send_ready(alive);
}

void bj_alive_stop(struct bj_alive *alive)
{
    if (alive->timer.data != NULL && !uv_is_closing((uv_handle_t *)&alive->timer))
        uv_close((uv_handle_t *)&alive->timer, NULL);
}
