/* A process of the service tells its supervisor that it serves, and goes on doing so. */
#ifndef BJ_LOOP_ALIVE_H
#define BJ_LOOP_ALIVE_H

#include <stdint.h>
#include <uv.h>

/* READY goes out at least this often; who has sent one and then is silent for long is replaced. */
#define BJ_ALIVE_US   5000000
#define BJ_SILENCE_US 60000000

struct bj_alive {
    uv_timer_t timer;
    int control;
    int64_t number; /* of every READY; the caller's to set */
};

/* Sends READY over the control socket, now and then every BJ_ALIVE_US while the loop turns. Keeps
 * no loop running. */
void bj_alive_start(struct bj_alive *alive, uv_loop_t *loop, int control);
/* Sends one more at once, for a new number; nothing before the start. */
void bj_alive_say(struct bj_alive *alive);
/* For the end; the loop must run once more. One that was not started is zeroed. */
void bj_alive_stop(struct bj_alive *alive);

#endif
