/*
 * The launcher's client on the loop: requests go out at once, answers come as they are ready, by
 * id. The launcher's end is the keeper's: its sandboxes end with it.
 */
#include <string.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "base/log.h"
#include "keeper/keeper_internal.h"

static void received(void *context, const char *packet, size_t length, struct bj_fds *fds)
{
    struct bj_keeper *keeper = context;
    struct bj_launcher_answer answer;

    if (length != sizeof answer)
        return;
    memcpy(&answer, packet, sizeof answer);
    for (struct bj_start **at = &keeper->starter.first; *at != NULL; at = &(*at)->next) {
        struct bj_start *start = *at;

        if (start->id != answer.id)
            continue;
        *at = start->next;
        start->id = 0;
        start->done(start->context, &answer, fds);
        return;
    }
}

static void closed(void *context)
{
    struct bj_keeper *keeper = context;

    bj_keeper_stop(keeper, 1);
    while (keeper->starter.first != NULL) {
        struct bj_start *start = keeper->starter.first;
        struct bj_fds none = {.count = 0};

        keeper->starter.first = start->next;
        start->id = 0;
        start->done(start->context, NULL, &none);
    }
}

static const struct bj_link_calls calls = {.received = received, .closed = closed};

int bj_starter_init(struct bj_keeper *keeper, struct bj_error *err)
{
    struct bj_starter *starter = &keeper->starter;
    int result;

    starter->launcher.socket_fd = -1;
    if (keeper->options->launcher != NULL)
        result = bj_launcher_execute(&starter->launcher, keeper->options->launcher,
                                     keeper->options->netns_pool, err);
    else
        result = bj_launcher_fork(&starter->launcher, keeper->options->netns_pool, err);
    if (result == 0)
        result = bj_link_open(&starter->link, &keeper->loop,
                              bj_fd_take(&starter->launcher.socket_fd), &calls, keeper, err);
    starter->link.maximum = BJ_PLANS_QUEUE_MAX;
    return result;
}

void bj_starter_release(struct bj_keeper *keeper)
{
    if (keeper->starter.launcher.pid <= 0)
        return;
    bj_link_close(&keeper->starter.link); /* which ends it */
    waitpid(keeper->starter.launcher.pid, NULL, 0);
}

/* `fds` come with a plan; NULL = there is none to send. */
static int ask(struct bj_keeper *keeper, struct bj_start *start, const struct bj_fds *fds,
               struct bj_error *err)
{
    static char packet[sizeof keeper->request];
    struct bj_starter *starter = &keeper->starter;
    size_t size = BJ_LAUNCHER_REQUEST_HEAD;
    int result;

    keeper->request.id = ++starter->last_id != 0 ? starter->last_id : ++starter->last_id;
    memcpy(packet, &keeper->request, size);
    if (fds != NULL)
        size += bj_plan_pack(&keeper->request.plan, packet + size);
    result = bj_link_send(&starter->link, packet, size, fds, err);
    if (result < 0)
        return result;
    start->id = keeper->request.id;
    start->next = starter->first;
    starter->first = start;
    return 0;
}

int bj_starter_launch(struct bj_keeper *keeper, struct bj_start *start, int workspace_fd,
                      struct bj_error *err)
{
    struct bj_fds fds = {.fd = {workspace_fd}, .count = workspace_fd >= 0};

    keeper->request.kind = BJ_LAUNCHER_LAUNCH;
    keeper->request.number = 0;
    return ask(keeper, start, &fds, err);
}

int bj_starter_end(struct bj_keeper *keeper, struct bj_start *start, uint32_t number,
                   struct bj_error *err)
{
    keeper->request.kind = BJ_LAUNCHER_END;
    keeper->request.number = number;
    return ask(keeper, start, NULL, err);
}
