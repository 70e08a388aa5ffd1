/* Reading what a process writes, from an offset to its end. */
#ifndef BJ_SERVICE_READING_H
#define BJ_SERVICE_READING_H

#include "service/service_internal.h"

/*
 * Embedded in whatever reads. Each call back may stop it, and free what it is embedded in. Nothing
 * is called back after `end`.
 */
struct reading {
    struct bj_service *service;
    char sandbox[BJ_SANDBOX_ID_MAX];
    uint32_t process;
    int64_t offset; /* of the next byte; INT64_MAX = of what comes from now on */
    bool hold;
    bool now; /* only what there is */

    /* False: no more until bj_reading_resume(). */
    bool (*chunk)(struct reading *reading, int stream, int64_t offset, const void *data,
                  size_t length);
    void (*lost)(struct reading *reading, int64_t from, int64_t next); /* may be NULL */
    /* All that is there so far was given out; may be NULL. */
    void (*caught_up)(struct reading *reading);
    /* `ending` when it was all, `err` when there is no more for a reason; neither: that was what
     * there is now. */
    void (*end)(struct reading *reading, const struct bj_ending *ending,
                const struct bj_error *err);

    uint64_t id; /* of the READ that is under way */
    bool asked, paused;
    bool has_all; /* all that there was is given out, and caught_up was not called yet */
    bool *gone;   /* of the call back that is running */
};

int bj_reading_begin(struct reading *reading, struct bj_error *err);
void bj_reading_resume(struct reading *reading);
/* Fine also when it was never begun, or has ended. */
void bj_reading_stop(struct reading *reading);

/* What its end comes to, for whoever subscribed; `view` is where ret->process points to. */
void bj_reading_answer(const struct reading *reading, const struct bj_ending *ending,
                       const struct bj_error *err, struct bj_process_view *view,
                       struct bj_process_answer *ret);

#endif
