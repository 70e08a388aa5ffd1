/* A process that is run to its end, its output collected. For run.c and shell.c. */
#ifndef BJ_SERVICE_RUN_H
#define BJ_SERVICE_RUN_H

#include "service/reading.h"

struct bj_run {
    struct bj_service *service;
    struct reading reading;
    char sandbox[BJ_SANDBOX_ID_MAX];
    uint32_t process;
    struct bj_buf streams[2]; /* output, error */
    int64_t dropped[2];
    struct bj_buf report; /* stream 3 */
    bool report_lost;
    int64_t record;
    struct bj_error failure; /* why it could not be started */
    bool started, cancelled, truncated;
    void *input; /* owned */
    size_t input_length;
    bj_run_fn done;
    void *context;
    /* Of a shell session: it hears of the end first, and may say where it is now. */
    void (*ended)(struct bj_run *run, const struct bj_ending *ending, const char **ret_directory);
    void (*after)(void *session); /* when it has been answered */
    void *session;
    struct identity_copy who;
};

int bj_run_new(struct bj_service *service, const struct bj_caller *caller,
               const struct bj_run_request *request, struct bj_run **ret, struct bj_error *err);
/* Starts what was prepared; the launch is still the caller's to release. The run is freed by its
 * call back, or when this fails by the caller. */
int bj_run_launch(struct bj_run *run, struct launch *launch, struct bj_error *err);
void bj_run_free(struct bj_run *run);
/* Calls back with an error, and frees. */
void bj_run_fail(struct bj_run *run, const struct bj_answer *base);

#endif
