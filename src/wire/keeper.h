/*
 * Messages between the processes of the service, over SOCK_SEQPACKET pairs.
 *
 * Theory of operation. Acts go round one way, everything else straight:
 *
 *     front ── ENTRY, QUERY ──▶ audit ── ACT, NOTED, REFUSED ──▶ keeper
 *       ▲  │                      ▲ │                             │ ▲
 *       │  └── HELLO, READ, …  ───┼─┼─────────────────────────────┼─┘
 *       │                         └─┼── OUTCOME ──────────────────┤
 *       │                           └── RECORDED ─────────────────┘
 *       └────────────── ANSWER, SANDBOX, PROCESS, READY, GAP ─────┘
 *
 * ENTRY is a request, its verdict, and the act if there is to be one. The audit process records it
 * and passes the act on with the record's number; a verdict without an act (refused) is NOTED; what
 * could not be recorded is REFUSED and is not done. Each of the three ends as one ANSWER to the
 * front, with the ENTRY's id. When the audit process was killed, the keeper, having carried out all
 * that came through, turns to the new one and says GAP with the highest id that came through: what
 * the front sent beyond that was lost, and the front sends it again through the new one, and
 * nothing before it was told. An entry that is sent again is recorded and passed on alone, after
 * the front was told that it is TAKEN; so when such a process is killed too, the front knows what
 * was under way. What was so twice is given up: an entry without its act and texts goes in its
 * place, and the call fails. Ids of acts only rise, from one front to the next too: above
 * BJ_FRONT_ID_BITS they are the number that the supervisor gave the front, and the audit process
 * lets none through that are not. So no front can have those of a later one taken for told.
 *
 * OUTCOME says what became of a recorded act; the keeper keeps it until RECORDED and sends it again
 * to a new audit process. To each it says BEGUN first: what is recorded as to be done, has no
 * outcome and is older than its first record was left by a keeper that ended; what is newer than
 * its last was recorded by an audit process that was killed before it passed it on. Neither gets an
 * outcome from anybody else, so the audit process writes one.
 *
 * A new front says HELLO and gets every SANDBOX and PROCESS there is, then READY.
 *
 * Numbers are the machine's own. Who receives checks every message; one that is malformed ends the
 * connection, and the supervisor replaces whoever sent it.
 */
#ifndef BJ_WIRE_KEEPER_H
#define BJ_WIRE_KEEPER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/limits.h"
#include "model/request.h"
#include "model/verdict.h"
#include "wire/act.h"
#include "wire/pack.h"

/* ---- the head ---- */

/*    type, from → to: what the body is */
#define BJ_MESSAGES(X)                                                                             \
    X(ENTRY)    /* front → audit: bj_entry; number = of the keeper it is for, 0 = any: it is     \
                   REFUSED when there is another by now, for that one's sandboxes are gone; that   \
                   the next one is waited for, for a moment, is all that is waited for */          \
    X(QUERY)    /* front → audit: bj_audit_question; 1 descriptor, a socket for the reply */     \
    X(ACT)      /* audit → keeper: the act */                                                    \
    X(NOTED)    /* audit → keeper: nothing */                                                    \
    X(REFUSED)  /* audit → keeper: struct bj_error */                                            \
    X(RECORDED) /* audit → keeper: nothing; id = the outcome's */                                \
    X(OUTCOME)  /* keeper → audit: bj_outcome_note; id counts them */                            \
    X(BEGUN)    /* keeper → audit, before all else: nothing; id = first, number = last record    \
                   that acts came through with so far, 0 = none */                                 \
    X(HELLO)    /* front → keeper: nothing */                                                    \
    X(READ)  /* front → keeper: bj_read; the ANSWER may take as long as the process is silent */ \
    X(INPUT) /* front → keeper: an INPUT act, under an ATTACH; number = the ATTACH's entry */    \
    X(SIZE)  /* front → keeper: a RESIZE act, likewise */                                        \
    X(DETACH) /* front → keeper: nothing, no ANSWER; id = the ATTACH's entry, or a READ's */     \
    X(USE)   /* front → keeper: text, the sandbox; no ANSWER. Number 1: somebody waits for it or \
                is attached, which holds for BJ_USE_US or until the front ends; 0: nobody does */  \
    X(USAGE) /* front → keeper: text, the sandbox; "" = the whole service */                     \
    X(ANSWER)  /* keeper → front: by what was asked; `result` 0, or -code and struct bj_error */ \
    X(SANDBOX) /* keeper → front: bj_sandbox_state */                                            \
    X(PROCESS) /* keeper → front: bj_process_state */                                            \
    X(READY)   /* keeper → front: nothing. Any → supervisor: it serves, and again every        \
                  BJ_ALIVE_US; who stops saying so is replaced. From the front number = of the     \
                  last file of keys that it took over, 0 = what it read at its start */            \
    X(GAP)   /* keeper → front: nothing; number = of the audit process that acts are taken from  \
                from now on, id = the highest that came through before; also before READY */       \
    X(PEER)  /* supervisor → any: text, who it is ("front", "audit", "keeper"; to the front also \
                "keys", their file); 1 descriptor;                                                 \
                number = how many of them there have been with this one, id = how many of the      \
                receiver's role with it */                                                         \
    X(TAKEN) /* audit → front: nothing; id = the ENTRY's, sent before, that is recorded next */  \
    X(FAULT) /* any → supervisor: text, whose message was malformed; it is replaced */           \
    X(STOP)  /* supervisor → any: end in good order */

enum bj_message_type {
    BJ_MESSAGE_NONE,
#define BJ_MESSAGE_ENUM(type) BJ_MESSAGE_##type,
    BJ_MESSAGES(BJ_MESSAGE_ENUM)
#undef BJ_MESSAGE_ENUM
        BJ_MESSAGE_COUNT
};

struct bj_message_head {
    uint32_t magic; /* BJ_MESSAGE_MAGIC */
    uint16_t type;
    uint16_t fds;
    uint64_t id;     /* of the request, chosen by who asks; acts' ids only rise, see above */
    int64_t number;  /* of the audit record; 0 = none */
    int32_t result;  /* ANSWER; ENTRY: 1 = it was sent before */
    uint32_t length; /* of the body */
};
#define BJ_MESSAGE_MAGIC 0x364a4c42u /* "BLJ6" */

#define BJ_FRONT_ID_BITS 40 /* for a front to count its requests with */

struct bj_message {
    struct bj_message_head head;
    const char *body; /* borrowed */
};

/* Begins a message in an empty buffer of maximum BJ_MESSAGE_MAX; the body is appended, then end. */
void bj_message_begin(struct bj_buf *out, enum bj_message_type type, uint64_t id);
struct bj_message_head *bj_message_head(struct bj_buf *out); /* NULL when the buffer has failed */
/* Sets the length. False when the buffer has failed: too long, or no memory. */
bool bj_message_end(struct bj_buf *out);

int bj_message_get(const void *packet, size_t size, struct bj_message *ret, struct bj_error *err);
/* "ENTRY" …; "" for what is none. */
const char *bj_message_name(enum bj_message_type type);
static inline struct bj_unpack bj_message_body(const struct bj_message *message)
{
    return (struct bj_unpack){.at = message->body, .left = message->head.length};
}

/* The body of REFUSED and of an ANSWER whose `result` is not 0. */
void bj_message_put_error(struct bj_buf *out, const struct bj_error *error);
int bj_message_get_error(const struct bj_message *message, struct bj_error *ret,
                         struct bj_error *err);
/* Says that the body is malformed. Returns the negative code. */
int bj_message_fail(const struct bj_message *message, struct bj_error *err);

/* ---- bodies ---- */

/*
 * ENTRY: what was asked for, who asks, what the policy said, and what is to be done. It fits into a
 * message as long as an act, a command of BJ_COMMAND_MAX and the other texts do: `arguments` is cut
 * to the room that is left, violations beyond 48 KiB only count.
 */
struct bj_entry {
    struct bj_request request; /* environment too: the secrets in it are masked in the record, and
                                  only they travel */
    int64_t uid;               /* of the peer on a Unix socket; -1 = unknown */
    const char *owner;         /* of the key that asks */
    const char *sandbox_owner; /* NULL = no sandbox; of an act, what the act says counts */
    struct bj_verdict *verdict;
    const void *act; /* as bj_act_put() has it; NULL = nothing is done */
    size_t act_length;
};
void bj_entry_put(struct bj_buf *out, const struct bj_entry *entry);
/* ret->verdict is the caller's, initialised; it gets copies. Everything else points into the
 * message. */
int bj_entry_get(const struct bj_message *message, const char **strings, size_t capacity,
                 struct bj_entry *ret, struct bj_error *err);
/* So many pointers are enough for any entry. */
#define BJ_ENTRY_STRINGS (2 * (BJ_ARGC_MAX + 1))

/* OUTCOME: of the record `head.number`. As struct bj_audit_outcome, and packed field by field. */
struct bj_outcome_note {
    bool ran, timed_out, oom_killed, truncated;
    int32_t exit_code, signal;
    int64_t duration_us, cpu_us, peak_memory, output_bytes[2];
    const char *reason; /* NULL = nothing */
};
void bj_outcome_note_put(struct bj_buf *out, const struct bj_outcome_note *note);
int bj_outcome_note_get(const struct bj_message *message, struct bj_outcome_note *ret,
                        struct bj_error *err);

/*
 * QUERY: which records. The reply on the socket is an ANSWER with a memfd of JSON, or with a struct
 * bj_error; the end of the socket without one means that it took longer than BJ_QUESTION_SECONDS,
 * or that too many questions wait. The JSON is an object with "records" (calls as `belljar audit
 * list --json` has them, in order of number) and "next". With `after` they are the oldest behind
 * it, and next is the `after` of the next page; otherwise they are the newest, and next is the
 * `before` of the page in front. It is null when there is no such page. With `stats`, the object of
 * `belljar audit stats --json`.
 */
struct bj_audit_question {
    const char
        *owner;      /* only of what this one asked for, or has done in its sandboxes; NULL = all */
    const char *key; /* only this key's; NULL = any */
    const char *sandbox; /* NULL = any, likewise below */
    const char *tool, *decision, *risk;
    int64_t before, after; /* by number; 0 = no bound */
    int64_t since_ns, until_ns;
    uint32_t limit; /* at most BJ_QUESTION_RECORDS; 0 = BJ_QUESTION_USUAL */
    bool stats;     /* the figures of those records instead of the records */
    bool logs;      /* the records as "logs", each with a summary, and their "count" */
};
void bj_audit_question_put(struct bj_buf *out, const struct bj_audit_question *question);
int bj_audit_question_get(const struct bj_message *message, struct bj_audit_question *ret,
                          struct bj_error *err);

/* READ: what a process has written from `offset` on, counted over all its streams. */
struct bj_read {
    const char *sandbox;
    uint32_t process;
    int64_t offset;
    uint32_t maximum; /* bytes; at most BJ_READ_MAX */
    bool now;         /* answered at once, with nothing where there is nothing yet */
    bool hold;        /* nothing from `offset` on is dropped until the next READ with hold, or
                         DETACH with this READ's id: the process waits instead. Ends with the front,
                         but for a grace of BJ_HOLD_GRACE_US */
};
void bj_read_put(struct bj_buf *out, const struct bj_read *read);
int bj_read_get(const struct bj_message *message, struct bj_read *ret, struct bj_error *err);

/* How a process ended. */
struct bj_ending {
    bool timed_out, oom_killed;
    int32_t exit_code; /* 128 + signal where one ended it */
    int32_t signal;
    int64_t duration_us, cpu_us, peak_memory;
    char reason[96]; /* one line when something else than itself ended it */
};

/*
 * The ANSWER to READ: chunks, a u32 stream (1, 2, 3) and bytes each, then the end of the body. It
 * comes as soon as there is a byte or the end.
 */
struct bj_read_answer {
    int64_t offset; /* of the first byte that follows: larger than asked for when bytes were lost */
    int64_t next;   /* to ask for then */
    int64_t dropped; /* bytes of the process's that are lost for good, so far */
    bool all;        /* there is no more so far */
    bool ended;      /* all was read and the process is over */
    struct bj_ending ending;
    uint32_t chunks;
    struct bj_unpack rest; /* the chunks: bj_unpack_u32(), bj_unpack_bytes() */
};
void bj_read_answer_put(struct bj_buf *out, const struct bj_read_answer *answer);
int bj_read_answer_get(const struct bj_message *message, struct bj_read_answer *ret,
                       struct bj_error *err);

/* SANDBOX: sent whenever something of it changes; and the body of CREATE's ANSWER. */
enum bj_sandbox_phase { BJ_SANDBOX_RUNNING, BJ_SANDBOX_PAUSED, BJ_SANDBOX_ENDED };
struct bj_sandbox_state {
    const char *id, *preset, *owner, *label;
    enum bj_sandbox_phase phase;
    int64_t age_us;  /* since it was made */
    int64_t left_us; /* until it ends by itself; -1 = never. idle_left_us: if nothing is done */
    int64_t idle_left_us;
    int64_t memory_bytes, disk_bytes, max_processes; /* its limits; 0 = none */
    uint32_t last_process; /* the highest identifier that a process of it ever had */
    double cpu_cores;
    bool from_pool, degraded_pause; /* paused by stop signals */
    const char *reason;          /* why it ended: "timeout", "idle", "killed", "failed" …; NULL */
    const char *const *degraded; /* "layer: reason" lines */
    const char *workspace;       /* where the workspace is inside */
    const char *home, *user;
};
void bj_sandbox_state_put(struct bj_buf *out, const struct bj_sandbox_state *state);
int bj_sandbox_state_get(const struct bj_message *message, const char **strings, size_t capacity,
                         struct bj_sandbox_state *ret, struct bj_error *err);

/* PROCESS: when it has started and when it has ended; and the body of START's ANSWER. */
struct bj_process_state {
    const char *sandbox, *label;
    uint32_t process;
    int32_t pid; /* inside */
    uint32_t flags;
    uint16_t rows, columns;
    int64_t age_us;
    int64_t written, dropped; /* bytes of output so far */
    bool ended;
    struct bj_ending ending;
};
void bj_process_state_put(struct bj_buf *out, const struct bj_process_state *state);
int bj_process_state_get(const struct bj_message *message, struct bj_process_state *ret,
                         struct bj_error *err);

/* The ANSWER to USAGE. Of a sandbox, or of all of them and the service's own. What a sandbox uses
 * is -1 where nobody measures it. */
struct bj_usage_answer {
    int64_t cpu_us, memory_bytes, memory_peak, disk_bytes, disk_inodes;
    int64_t processes;         /* processes and threads inside */
    int64_t sandboxes, parked; /* of the service */
};
void bj_usage_answer_put(struct bj_buf *out, const struct bj_usage_answer *usage);
int bj_usage_answer_get(const struct bj_message *message, struct bj_usage_answer *ret,
                        struct bj_error *err);

#endif
