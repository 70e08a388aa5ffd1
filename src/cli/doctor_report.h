/*
 * What belljar doctor has to say, as a value: made from what was tried and read, without touching
 * the host, so that hosts that are not here can be tested.
 */
#ifndef BJ_CLI_DOCTOR_REPORT_H
#define BJ_CLI_DOCTOR_REPORT_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/error.h"
#include "linux/probe.h"
#include "linux/surroundings.h"
#include "model/host.h"
#include "model/layer.h"
#include "model/result.h"

/* What became of making a sandbox with the defaults, nothing run in it. */
struct bj_doctor_trial {
    int result; /* 0, or a negative code with `err` */
    struct bj_error err;
    bool planned; /* what follows is known, even if making it failed */
    bj_layer_set layers;
    struct bj_degradations degraded;
};

struct bj_doctor_input {
    const struct bj_host *host;
    const struct bj_probes *probes;
    const struct bj_surroundings *around;
    const struct bj_doctor_trial *usual;    /* all namespaces */
    const struct bj_doctor_trial *landlock; /* --isolation landlock; NULL if that was not tried */
};

enum bj_doctor_state { BJ_DOCTOR_ON, BJ_DOCTOR_PARTIAL, BJ_DOCTOR_OFF };

struct bj_doctor_row {
    enum bj_doctor_state state;
    bool by_design;   /* off for everybody like this caller: nothing to repair */
    char reason[240]; /* what it gives, or why it is less than that */
    int advice;       /* number in `advice`, from 1; 0 = none */
};

#define BJ_DOCTOR_ADVICE_MAX 12

struct bj_doctor {
    struct bj_doctor_row rows[BJ_LAYER_COUNT];
    char advice[BJ_DOCTOR_ADVICE_MAX][1600]; /* lines; those that start with blanks are literal */
    int advice_count;
    bool refused;        /* belljar run would not run */
    char refusal[512];   /* and what it says then */
    bool landlock_works; /* if refused: --isolation landlock would */
};

const char *bj_doctor_state_name(enum bj_doctor_state state);

/* Fills *ret, which is large: not for a stack. */
void bj_doctor_report(const struct bj_doctor_input *in, struct bj_doctor *ret);

/* Exit status: 0 all on, 1 something is less than it could be, 2 refused. */
int bj_doctor_status(const struct bj_doctor *report);

/* For the files that fill it: what a row says; what to do about it, each text once only. */
void bj_doctor_say(struct bj_doctor *report, enum bj_layer layer, enum bj_doctor_state state,
                   const char *format, ...) __attribute__((format(printf, 4, 5)));
void bj_doctor_advise(struct bj_doctor *report, enum bj_layer layer, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* doctor_namespaces.c: why there is no namespace of a kind, no /proc, no mapped tree. */
void bj_doctor_namespaces(const struct bj_doctor_input *in, struct bj_doctor *report);

/* doctor_limits.c: why limits are not enforced. */
void bj_doctor_limits(const struct bj_doctor_input *in, struct bj_doctor *report);

/* doctor_print.c: the two ways to show it. */
void bj_doctor_print(const struct bj_doctor_input *in, const struct bj_doctor *report,
                     struct bj_buf *out);
int bj_doctor_print_json(const struct bj_doctor_input *in, const struct bj_doctor *report,
                         struct bj_buf *out);

#endif
