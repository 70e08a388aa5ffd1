/*
 * The program belljar-files inside a sandbox (src/files/files.h): one process for one operation,
 * whose output is read with suspicion, since the workload may have got at it.
 */
#ifndef BJ_SERVICE_HELPER_H
#define BJ_SERVICE_HELPER_H

#include "service/reading.h"

struct helper;

struct bj_helper_request {
    enum bj_operation operation;
    const char *path, *second_path; /* for the policy and the record; absolute */
    const char *pattern;            /* likewise */
    const char *arguments;          /* JSON, for the record; NULL */
    const char *const *words;       /* its command line from the operation on; ends with NULL */
    const void *input;              /* its standard input; NULL = none. At most BJ_INPUT_MAX at a
                                       time are sent */
    size_t input_length;
    bool may_cut; /* more than may be held is cut off and said to be; otherwise a failure */
    /* Each record when it comes, and none is kept; false: no more until bj_helper_resume(). NULL:
     * all of them when it is over. */
    bool (*each)(void *context, const json_t *record);
    struct helper **ret; /* for that; set to NULL again before `done` is called. NULL */
};

struct bj_helper_answer {
    struct bj_answer base;
    const json_t *records; /* list of objects */
    const json_t *end;     /* the last one */
    bool truncated;
};
typedef void (*bj_helper_fn)(void *context, const struct bj_helper_answer *answer);

int bj_helper_run(struct bj_service *service, const struct bj_caller *caller,
                  const struct bj_helper_request *request, bj_helper_fn done, void *context,
                  struct bj_error *err);

void bj_helper_resume(struct helper *helper); /* NULL is fine */
/* Nobody wants the rest: `done` is called with BJ_E_ENDED, now or as soon as may be. NULL is fine.
 */
void bj_helper_stop(struct helper *helper);

/* The START of it: with more flags for whoever reads it otherwise. `words` has room for
 * BJ_HELPER_WORDS + 1. */
#define BJ_HELPER_WORDS 160
void bj_helper_submission(struct sandbox *sandbox, const struct bj_caller *caller,
                          const struct bj_helper_request *request, const char **words,
                          struct submission *ret);

/* How it went, by its last record (NULL: there was none) and its end. 0 or -code. */
int bj_helper_result(const json_t *end, bool bad, const struct bj_ending *ending,
                     struct bj_error *err);

/* errno of a sandbox's kernel as a code of ours. */
void bj_file_explain(struct bj_error *err);

#endif
