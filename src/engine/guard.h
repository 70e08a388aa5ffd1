/*
 * Deciding and recording: what stands between a request and its sandbox. A table of functions,
 * because a program that is not asked to judge carries neither rules nor a database.
 *
 * Order: judge, ask the user if the verdict says so, record the verdict, then act, then record the
 * outcome. A crash in between leaves a verdict without an outcome, which shows.
 */
#ifndef BJ_ENGINE_GUARD_H
#define BJ_ENGINE_GUARD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/log.h"
#include "model/config.h"
#include "model/request.h"
#include "model/result.h"

struct bj_guard {
    /*
     * Fills result->verdict and, where records are kept, *ret_number. 0 when the request may be
     * acted on; BJ_E_DENIED when the policy or the user refuses; another code when judging failed
     * or a required record could not be written, and then nothing may be done either.
     */
    int (*admit)(struct bj_guard *guard, const struct bj_request *request, struct bj_result *result,
                 int64_t *ret_number, struct bj_error *err);

    /*
     * Records what became of an admitted request. `failure` is NULL unless acting on it failed.
     * What cannot be recorded is said in result->unrecorded.
     */
    void (*conclude)(struct bj_guard *guard, int64_t number, struct bj_result *result,
                     const struct bj_error *failure);

    void (*release)(struct bj_guard *guard);
};

struct bj_guard_options {
    const struct bj_config *config; /* borrowed as long as the guard lives */
    enum bj_consent (*ask)(void *context, const struct bj_verdict *verdict); /* or NULL: nobody */
    void *context;
    const struct bj_log *log;  /* borrowed likewise; NULL = none */
    const char *alert_program; /* path of belljar-alert; NULL = beside this program */
};

/*
 * The guard that the configuration asks for; *ret_guard is NULL if it asks for none
 * (bj_config_is_guarded()). To be freed by its own function.
 */
int bj_guard_new(const struct bj_guard_options *options, struct bj_guard **ret_guard,
                 struct bj_error *err);

#endif
