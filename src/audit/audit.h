/*
 * The audit record: what was asked for, what the policy said, and what came of it, in one SQLite
 * database that several processes may write at once. This module is the only user of SQLite.
 *
 * Theory of operation. A verdict is written before the act, its outcome after, referring to the
 * verdict's number; a verdict without an outcome is a call that was cut off. Records are numbered
 * from 1 without gaps and chained: hash(n) = SHA-256(hash(n-1) ‖ body(n)), where the body is the
 * record as one line of JSON, its number included, and hash(0) comes from the database's random
 * identifier. The columns beside the body are copies for filtering; bj_audit_verify() compares
 * them. Retention takes the oldest records away and leaves the hash of the last one that went, in
 * the base and in a record of its own in the chain. docs/AUDIT.md has the format and what it
 * proves.
 *
 * An append returned 0: the record survives the death of every process. With `durable` it survives
 * the loss of power too. A struct bj_audit belongs to one thread at a time and to the process that
 * opened it; it does not survive fork().
 */
#ifndef BJ_AUDIT_AUDIT_H
#define BJ_AUDIT_AUDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "model/mask.h"
#include "model/request.h"
#include "model/verdict.h"

struct bj_audit;

/* ---- opening ---- */

enum bj_audit_access {
    BJ_AUDIT_READ,  /* an existing database; changes nothing in it */
    BJ_AUDIT_WRITE, /* and creates it, 0600 in a directory 0700, when there is none */
};

struct bj_audit_options {
    const char *path; /* NULL: bj_audit_default_path() */
    enum bj_audit_access access;
    bool durable;  /* each commit waits for the disk */
    int busy_ms;   /* wait for another writer at most; 0 = five seconds */
    int log_pages; /* a log longer than this is carried over by bj_audit_maintain(); 0 = what suits
                      a process that ends soon, since the next one reads the whole log */
    const struct bj_mask *mask;       /* values never to be recorded; NULL: known ones are none */
    int64_t (*now_ns)(void *context); /* wall clock, since 1970; NULL = the system's */
    void *now_context;
};

/* All of it is borrowed for the call but the mask, now_ns and its context, which the audit uses. */
int bj_audit_open(const struct bj_audit_options *options, struct bj_audit **ret,
                  struct bj_error *err);

/* NULL is fine. A batch that was not committed is gone. */
BJ_API void bj_audit_close(struct bj_audit *audit);

/*
 * $XDG_STATE_HOME/belljar/audit.db, else ~/.local/state/belljar/audit.db; /var/lib/belljar/audit.db
 * for root. The caller frees it with bj_free().
 */
int bj_audit_default_path(char **ret_path, struct bj_error *err);

/* ---- writing ---- */

struct bj_audit_who {
    int64_t uid;     /* of the caller */
    const char *key; /* API key's name or the like; NULL: the request's */
    /* Of the service: whose request it is, and whose sandbox if that is another's; NULL elsewhere.
     * Not masked, since records are found by them. */
    const char *owner, *sandbox_owner;
};

struct bj_audit_outcome {
    bool ran;     /* false: it was never started; `reason` says why */
    bool unknown; /* nobody knows how it ended: neither exit code nor duration are recorded */
    int exit_code;
    int signal; /* that ended it; 0 = none */
    int64_t duration_us, cpu_us;
    int64_t peak_memory;     /* bytes */
    int64_t output_bytes[2]; /* of standard output and error */
    bool timed_out, oom_killed, truncated;
    const char *reason;        /* what else ended or prevented it, one line; NULL = nothing */
    const char *const *limits; /* names of further limits that were hit; ends with NULL */
    const char *const *walls;  /* what tried to get out, a line each; ends with NULL */
};

/*
 * 0: the record is accepted. Otherwise nothing was recorded, and where the record is required the
 * caller must not act. Secrets are masked, texts that are too long are cut and say so.
 */
int bj_audit_append_verdict(struct bj_audit *audit, const struct bj_request *request,
                            const struct bj_verdict *verdict, const struct bj_audit_who *who,
                            int64_t *ret_number, struct bj_error *err);

/* Once for each verdict; a second time, or for a number that is none, is BJ_E_INVALID. */
int bj_audit_append_outcome(struct bj_audit *audit, int64_t verdict_number,
                            const struct bj_audit_outcome *outcome, struct bj_error *err);

/* Does the verdict have one? */
int bj_audit_has_outcome(struct bj_audit *audit, int64_t verdict_number, bool *ret,
                         struct bj_error *err);

/*
 * Group commit: what is appended between the two is accepted, together, when commit returns 0.
 * Other writers wait meanwhile, so a batch is to be short. After an error in between nothing of the
 * batch is recorded and there is none open any more.
 */
int bj_audit_begin(struct bj_audit *audit, struct bj_error *err);
int bj_audit_commit(struct bj_audit *audit, struct bj_error *err);
/* Ends it with nothing of it recorded. Fine when there is none. */
void bj_audit_abandon(struct bj_audit *audit);

/* What is kept at most; 0 = no limit. */
struct bj_audit_retention {
    int64_t age_ns; /* of a record */
    int64_t bytes;  /* of the database */
    bool dry_run;   /* only count what would go */
};

/*
 * Removes the oldest records until the limits hold; *ret_removed counts them (may be NULL). What
 * stays at least is a record that says through which number they went.
 */
int bj_audit_prune(struct bj_audit *audit, const struct bj_audit_retention *retention,
                   int64_t *ret_removed, struct bj_error *err);

/*
 * What a writer does once before it closes: retention when it is due (not at every record) and
 * carrying the log over into the database when it has become long. Costs next to nothing
 * otherwise. *ret_removed (may be NULL) is set when records were removed.
 */
int bj_audit_maintain(struct bj_audit *audit, const struct bj_audit_retention *retention,
                      int64_t *ret_removed, struct bj_error *err);

/* ---- reading ---- */

enum bj_audit_kind { BJ_AUDIT_VERDICT = 1, BJ_AUDIT_OUTCOME, BJ_AUDIT_PRUNE };

#define BJ_AUDIT_HASH_SIZE 32

/* One record. Pointers are borrowed for the call back; what a kind does not have is 0 or NULL. */
struct bj_audit_record {
    int64_t number;
    int64_t time_ns; /* wall clock, since 1970 */
    enum bj_audit_kind kind;
    int64_t verdict; /* outcome: the number of its verdict */
    int64_t uid;     /* verdict, from here on */
    const char *key, *owner, *sandbox, *sandbox_owner, *tool;
    enum bj_decision decision;
    enum bj_risk risk;
    bool unknown; /* outcome, from here on: without exit code and duration */
    int exit_code;
    int64_t duration_us;
    const char *body; /* JSON */
    size_t body_length;
    unsigned char hash[BJ_AUDIT_HASH_SIZE];
};

/* Which calls. An outcome is one of its verdict's call. */
struct bj_audit_filter {
    int64_t since_ns;                 /* time of the verdict, inclusive */
    int64_t until_ns;                 /* exclusive; 0 = no end */
    const char *key, *sandbox, *tool; /* NULL = any */
    const char *owner;                /* whose request or sandbox it was; NULL = anybody's */
    int decision;                     /* enum bj_decision; -1 = any */
    enum bj_risk risk;                /* at least */
    int64_t after;                    /* behind this number only */
    int64_t before;                   /* in front of this number only; 0 = no bound */
    bool open_acts;                   /* only those with an act that has no outcome */
    bool ended_too;                   /* also calls from before it that have ended since */
    int64_t newest;                   /* only so many, the newest; 0 = all */
};
#define BJ_AUDIT_FILTER_ALL ((struct bj_audit_filter){.decision = -1})

/* What bj_audit_complete() found; owned. */
struct bj_audit_names {
    char *texts[3];
};

/*
 * Completes names in the filter that were cut off: a sandbox's, and those that end with the mark
 * of a table, an ellipsis. A beginning that none has is left without the mark, to match nothing;
 * one that several have is BJ_E_INVALID. The filter borrows from *names.
 */
int bj_audit_complete(struct bj_audit *audit, struct bj_audit_filter *filter,
                      struct bj_audit_names *names, struct bj_error *err);
void bj_audit_names_release(struct bj_audit_names *names);

/* A verdict and its outcome, NULL while there is none. Returns 0 to go on. */
typedef int (*bj_audit_call_fn)(void *context, const struct bj_audit_record *verdict,
                                const struct bj_audit_record *outcome);
typedef int (*bj_audit_record_fn)(void *context, const struct bj_audit_record *record);

/*
 * In order of number. Where the database is damaged what can be read is given, and then an error
 * that says which could not. What the function returns to stop is returned, without an error.
 */
int bj_audit_query(struct bj_audit *audit, const struct bj_audit_filter *filter,
                   bj_audit_call_fn call, void *context, struct bj_error *err);
int bj_audit_each(struct bj_audit *audit, const struct bj_audit_filter *filter,
                  bj_audit_record_fn record, void *context, struct bj_error *err);

/* The last record's number and hash; 0 and hash(0) when there is none. */
struct bj_audit_head {
    int64_t number;
    unsigned char hash[BJ_AUDIT_HASH_SIZE];
};
/* As text, NUMBER:HASH, and back; false for a text that is none. */
#define BJ_AUDIT_HEAD_TEXT 96
void bj_audit_head_text(const struct bj_audit_head *head, char ret[BJ_AUDIT_HEAD_TEXT]);
bool bj_audit_head_parse(const char *text, struct bj_audit_head *ret);

int bj_audit_head(struct bj_audit *audit, struct bj_audit_head *ret, struct bj_error *err);

struct bj_audit_stats {
    int64_t first, last; /* numbers; 0 = none */
    int64_t first_ns, last_ns;
    int64_t calls, decisions[3], risks[5], tools;
    int64_t outcomes, failed; /* an exit code that is not 0, or is not known */
    int64_t open;             /* allowed or asked about, without an outcome */
    int64_t duration_us;      /* sum */
    int64_t bytes, log_bytes; /* of the files */
};
/* Of the calls that the filter chooses; first, last and the sizes are of the whole database. */
int bj_audit_stats(struct bj_audit *audit, const struct bj_audit_filter *filter,
                   struct bj_audit_stats *ret, struct bj_error *err);

/* What verify found. */
struct bj_audit_check {
    bool sound;
    int64_t records;   /* that were checked */
    int64_t after;     /* the proof begins behind this number: retention took what was before */
    int64_t bad;       /* the first number at which something is wrong */
    char problem[256]; /* what */
    struct bj_audit_head head;
};

/*
 * Goes through the whole chain. With `anchor` (may be NULL) also: that record is there with that
 * hash. 0 when the check could be made; the answer is in *ret.
 */
int bj_audit_verify(struct bj_audit *audit, const struct bj_audit_head *anchor,
                    struct bj_audit_check *ret, struct bj_error *err);

/*
 * For other programs, the same wherever records are shown: {"verdict": …, "outcome": …|null} and a
 * line's end; figures as an object of several lines.
 */
void bj_audit_put_call(const struct bj_audit_record *verdict, const struct bj_audit_record *outcome,
                       struct bj_buf *out);
void bj_audit_put_stats(const struct bj_audit_stats *stats, struct bj_buf *out);
/* What a call has behind its brace, for objects that begin with more. */
void bj_audit_put_bodies(const struct bj_audit_record *verdict,
                         const struct bj_audit_record *outcome, struct bj_buf *out);

/* A time as records have it: 2026-11-22T22:04:14.123456789Z. */
void bj_audit_put_time(int64_t time_ns, struct bj_buf *out);

#endif
