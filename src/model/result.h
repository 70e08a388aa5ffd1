/*
 * What became of one command.
 */
#ifndef BJ_MODEL_RESULT_H
#define BJ_MODEL_RESULT_H

#include <stdbool.h>
#include <stdint.h>

#include <sys/types.h>

#include "base/buf.h"
#include "belljar/error.h"
#include "model/layer.h"
#include "model/verdict.h"

/* A layer or limit that was only a default and could not be had, or not in full. */
struct bj_degraded {
    enum bj_layer layer;
    char reason[160];
};
#define BJ_DEGRADED_MAX 16

struct bj_degradations {
    int count;
    struct bj_degraded items[BJ_DEGRADED_MAX];
};

/* Adds one; further ones past the maximum fold into the last. */
void bj_degradations_add(struct bj_degradations *list, enum bj_layer layer, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* What a person said to a verdict that asks. */
enum bj_consent {
    BJ_CONSENT_NONE, /* there was no question, or the configuration answered it */
    BJ_CONSENT_YES,
    BJ_CONSENT_NO,
    BJ_CONSENT_NOBODY, /* there was nobody to put it to: not permitted */
};

struct bj_result {
    int exit_code; /* the command's own; 128+signal; 124 on time-out */
    int signal;    /* that ended it, or 0 */
    bool timed_out;
    bool oom_killed;
    bool truncated;      /* output beyond the limit was thrown away */
    char reason[96];     /* one line when something else than the command itself ended it */
    int64_t duration_us; /* from the start of the command's launch to its end */
    int64_t cpu_us;      /* user and system time of everything it started */
    int64_t peak_memory; /* bytes; of the whole sandbox where a cgroup counts, else of the
                            largest process */
    pid_t init_pid;      /* of the sandbox while it lives, as its caller sees it; 0 = it has none */
    bj_layer_set layers; /* that were on */
    struct bj_degradations degraded;
    struct bj_buf output[2]; /* standard output and error, when captured */
    int64_t output_bytes[2]; /* of them that the command wrote, where they were relayed */
    bool judged;             /* there is a verdict */
    struct bj_verdict verdict;
    enum bj_consent answer;
    char unrecorded[BJ_ERROR_MESSAGE_MAX]; /* what the audit lacks of it, and why; "" if nothing
                                            */
};

void bj_result_init(struct bj_result *result);
void bj_result_release(struct bj_result *result);

#endif
