/*
 * The result of a tool call, as /execute, /bash and their like answer it. A call that was judged
 * and carried out, or refused by the policy, or failed at what it was to do, is an answer (200)
 * whose `success` says which; only what concerns the request itself is an HTTP error. This folder's
 * own.
 */
#ifndef BJ_API_RESULT_H
#define BJ_API_RESULT_H

#include "api/handling.h"

struct bj_tool_result {
    bool success;
    const char *output; /* foreign bytes */
    size_t output_length;
    const char *error; /* NULL: nothing */
    size_t error_length;
    const struct bj_ending *ending; /* NULL: no process was run */
    bool truncated;
    int64_t duration_us;
    const char *sandbox, *directory; /* NULL */
    uint32_t process;                /* 0: none */
    const char *encoding;            /* of output; NULL = text */
    const struct bj_answer *answer;  /* verdict, number of the record */
};

/* Answer and free. */
void bj_handling_result(struct bj_handling *call, const struct bj_tool_result *result);
/* What was not carried out: as a result when the tool call itself is to blame, else as an error. */
void bj_handling_result_refuse(struct bj_handling *call, const struct bj_answer *answer);
void bj_handling_result_fail(struct bj_handling *call, const struct bj_error *err);
/* A command that was run to its end, or was not. `context` is the call. */
void bj_handling_ran(void *context, const struct bj_run_answer *answer);

#endif
