/* What the files of the audit process share. */
#ifndef BJ_RECORDER_RECORDER_INTERNAL_H
#define BJ_RECORDER_RECORDER_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "audit/audit.h"
#include "base/limits.h"
#include "base/log.h"
#include "loop/alive.h"
#include "loop/link.h"
#include "recorder/recorder.h"
#include "wire/keeper.h"

struct bj_recorder;

/* Another process of the service. */
struct bj_peer {
    struct bj_link link; /* closed = none */
    int64_t number;      /* how many of its kind there have been with this one */
    bool begun;          /* the keeper has said so */
};

/* ---- what is recorded together (batch.c) ---- */

enum bj_item_kind { BJ_ITEM_ENTRY, BJ_ITEM_OUTCOME };

/* One thing to record. */
struct bj_item {
    enum bj_item_kind kind;
    size_t offset, length; /* of its message in the batch */
    int64_t number;        /* of its record; 0 = none */
    const void *act;       /* within the message; NULL = nothing is done */
    size_t act_length;
    bool failed, malformed;
    struct bj_error error;
};

struct bj_batch {
    struct bj_item items[BJ_BATCH_ITEMS];
    size_t count;
    size_t used;                           /* bytes */
    bool closed;                           /* the last one is an entry that was sent again */
    const char *strings[BJ_ENTRY_STRINGS]; /* of the entry being recorded, and of its act */
    const char *act_strings[BJ_ACT_STRINGS];
    struct bj_verdict verdict; /* of it */
    struct bj_buf described;   /* its act */
    struct bj_buf message;     /* being sent */
    _Alignas(16) char bytes[BJ_BATCH_BYTES + BJ_MESSAGE_MAX];
};

/* An outcome that is not recorded yet. */
struct bj_pending {
    struct bj_pending *next;
    uint64_t id;
    int64_t number;
    int64_t keeper; /* who is to hear of it */
    bool lost;      /* it cannot be recorded: there is no such verdict */
    struct bj_outcome_note note;
    char reason[]; /* what note.reason points to */
};

/* ---- open calls that nobody will report on (sweep.c) ---- */

/* Numbers of records, both ends exclusive. */
struct bj_range {
    int64_t after, before;
};
struct bj_sweep {
    int64_t first, last;     /* what the keeper said */
    bool begun;              /* and nothing was made of it yet */
    struct bj_range left[2]; /* what is still to be looked through, and why: see sweep.c */
};

void bj_sweep_begin(struct bj_recorder *recorder, int64_t first, int64_t last);
/* Opens the database if it is not, and ends those that never came through to the keeper: nothing
 * new may come through before. */
int bj_sweep_newer(struct bj_recorder *recorder, struct bj_error *err);
/* Goes on with what could not be done before. */
void bj_sweep_resume(struct bj_recorder *recorder);

/* ---- all of it ---- */

struct bj_recorder {
    const struct bj_recorder_options *options;
    const struct bj_log *log;
    uv_loop_t loop;
    uv_timer_t tick;
    uv_idle_t idle; /* runs while a sweep has more to do */
    struct bj_alive alive;
    struct bj_link control;       /* the supervisor */
    struct bj_link reader;        /* the process that has questions answered */
    struct bj_peer front, keeper; /* may be replaced */
    struct bj_batch *batch;       /* owned */
    struct bj_buf held;     /* an entry for the keeper that is yet to be introduced; "" = none */
    int64_t held_us;        /* since when */
    struct bj_audit *audit; /* NULL: not open now, or the record is off */
    int64_t tried_us;       /* when opening it failed last, and why */
    struct bj_error failure;
    size_t secrets; /* the service's own in the mask */
    struct bj_pending *first_pending, *last_pending;
    size_t pending;
    struct bj_sweep sweep;
    int lock;   /* that no other service keeps its record in the same place */
    int status; /* exit status */
    unsigned ticks;
    bool complained; /* that records cannot be written; until they can again */
};

/* Is there a record at all? */
static inline bool bj_recorder_is_on(const struct bj_recorder *recorder)
{
    return recorder->options->config->audit != BJ_AUDIT_OFF;
}

/* Opens the database if it is not. After a failure the same is said for a moment, without trying.
 */
int bj_recorder_open(struct bj_recorder *recorder, struct bj_error *err);

/* Tells the supervisor that what this one sent was malformed, and closes it. */
void bj_recorder_fault(struct bj_recorder *recorder, struct bj_peer *peer,
                       const struct bj_error *why);

/* Ends the loop. */
void bj_recorder_end(struct bj_recorder *recorder, int status);

/* Takes in what has arrived, records it in one commit, passes it on; until nothing more waits, or
 * others are to have their turn. */
void bj_recorder_turn(struct bj_recorder *recorder);
/* Takes in and records what the keeper has said, the front being left alone. */
void bj_recorder_hear_keeper(struct bj_recorder *recorder);
/* Tries again to record what could not be. */
void bj_recorder_retry(struct bj_recorder *recorder);
/* Forgets the entry that waits for a keeper. */
void bj_held_drop(struct bj_recorder *recorder);
void bj_pending_drop(struct bj_recorder *recorder);
struct bj_batch *bj_batch_new(void);
void bj_batch_free(struct bj_batch *batch);

/* Records one outcome within a batch of the audit. A second one for a call is none. */
int bj_record_outcome_once(struct bj_audit *audit, int64_t number,
                           const struct bj_audit_outcome *outcome, struct bj_error *err);

/* ---- questions (reader.c) ---- */

/* Starts the process that has them answered, before this one has the database open or a loop:
 * neither SQLite nor libuv, which closes its own descriptors in a child, would like it later. */
int bj_reader_start(const struct bj_recorder_options *options, int *ret_socket,
                    struct bj_error *err);
/* Hands the question over, or drops it when too many wait. */
void bj_reader_ask(struct bj_recorder *recorder, const void *packet, size_t length,
                   const struct bj_fds *reply_to);

#endif
