/* What the files of the audit share; for this folder alone. */
#ifndef BJ_AUDIT_AUDIT_INTERNAL_H
#define BJ_AUDIT_AUDIT_INTERNAL_H

#include <sqlite3.h>

#include "audit/audit.h"
#include "model/mask.h"

/* Prepared when first needed. */
enum bj_audit_sql {
    BJ_SQL_BEGIN,
    BJ_SQL_COMMIT,
    BJ_SQL_ROLLBACK,
    BJ_SQL_HEAD,
    BJ_SQL_END,
    BJ_SQL_BASE,
    BJ_SQL_INSERT,
    BJ_SQL_FIND,
    BJ_SQL_OUTCOME,
    BJ_SQL_COUNT
};

struct bj_audit {
    sqlite3 *db;
    char *path; /* owned */
    enum bj_audit_access access;
    bool durable;
    bool checked; /* the log and the end of the chain are as they should be */
    int version;  /* of the format that the tables have */
    int busy_ms;
    int64_t (*now_ns)(void *context);
    void *now_context;
    struct bj_mask nothing;     /* the mask of a caller that gave none: names and shapes */
    const struct bj_mask *mask; /* borrowed */
    sqlite3_stmt *statements[BJ_SQL_COUNT];
    struct bj_buf body;     /* the record being written; kept for its memory */
    struct bj_buf scratch;  /* a text of it */
    size_t room;            /* bytes that its texts may still have; SIZE_MAX = as each may */
    struct bj_buf names[3]; /* its key, sandbox and tool, masked */
    int log_most;           /* pages of the log before it is carried over */
    int log_pages;          /* of the log, after the last commit */

    bool in_batch;             /* begun by the caller */
    bool open;                 /* a transaction is */
    struct bj_audit_head head; /* while one is open */
};

/*
 * user_version: "BJ" and the version of the format. The first one knew no owners. It is read as it
 * is, and the first record that is written makes it the second: that adds columns and changes no
 * record, so the chain goes on.
 */
#define BJ_AUDIT_VERSION       0x424a0002
#define BJ_AUDIT_VERSION_FIRST 0x424a0001
#define BJ_AUDIT_SCHEMA_COUNT  3
/* Texts of that version's schema, in the order in which they are made. */
const char *bj_audit_schema(int version, int index);
/* Within a transaction for writing: what it takes to write the last version. */
int bj_audit_upgrade(struct bj_audit *audit, struct bj_error *err);

/* The error for what SQLite last said, with what the user can do. Returns the negative code. */
int bj_audit_fail(struct bj_audit *audit, const char *doing, struct bj_error *err);
bool bj_audit_is_damage(int sqlite_code);

/* "… is damaged: WHAT", with what the user can do. Returns the negative code. */
int bj_audit_fail_damaged(struct bj_audit *audit, const char *what, struct bj_error *err);

/* user_version of the file; what SQLite says. */
int bj_audit_read_version(struct bj_audit *audit, int *ret);

/* The statement, ready to bind; NULL on failure, which bj_audit_fail() explains. */
sqlite3_stmt *bj_audit_statement(struct bj_audit *audit, enum bj_audit_sql which);

/* One transaction for writing. begin also reads the head. After a failure none is open. */
int bj_audit_transaction(struct bj_audit *audit, struct bj_error *err);
int bj_audit_accept(struct bj_audit *audit, struct bj_error *err);

/* The head as it stands, within whatever transaction there is. */
int bj_audit_read_head(struct bj_audit *audit, struct bj_audit_head *ret, struct bj_error *err);

/* The base: what the first record that is there follows. */
struct bj_audit_base {
    unsigned char id[16];
    struct bj_audit_head last; /* the last one removed, or number 0 and hash(0) */
};
int bj_audit_read_base(struct bj_audit *audit, struct bj_audit_base *ret, struct bj_error *err);
/* The same, but a base that is gone or none of ours is no error: *ret_right is false. */
int bj_audit_find_base(struct bj_audit *audit, struct bj_audit_base *ret, bool *ret_right,
                       struct bj_error *err);

/* A new record in the open transaction, or in one of its own; its body is to be written next. */
int bj_audit_start(struct bj_audit *audit, enum bj_audit_kind kind, struct bj_audit_record *ret,
                   struct bj_error *err);

/* Chains and inserts audit->body, which `record` describes. */
int bj_audit_insert(struct bj_audit *audit, const struct bj_audit_record *record,
                    struct bj_error *err);

void bj_audit_hash(const unsigned char previous[BJ_AUDIT_HASH_SIZE], const char *body,
                   size_t length, unsigned char ret[BJ_AUDIT_HASH_SIZE]);
void bj_audit_hash_first(const unsigned char id[16], unsigned char ret[BJ_AUDIT_HASH_SIZE]);

/* Lower case, with its NUL. */
void bj_audit_hash_text(const unsigned char hash[BJ_AUDIT_HASH_SIZE],
                        char ret[2 * BJ_AUDIT_HASH_SIZE + 1]);

int64_t bj_audit_now(const struct bj_audit *audit);

/* ---- body.c: records as JSON, written to the empty audit->body ---- */

void bj_audit_body_verdict(struct bj_audit *audit, const struct bj_audit_record *record,
                           const struct bj_request *request, const struct bj_verdict *verdict);
void bj_audit_body_outcome(struct bj_audit *audit, const struct bj_audit_record *record,
                           const struct bj_audit_outcome *outcome);
void bj_audit_body_prune(struct bj_audit *audit, const struct bj_audit_record *record,
                         const struct bj_audit_head *last);

/*
 * The text into `out`, which is emptied: masked, and where it is longer than `maximum` bytes cut
 * and said to be.
 */
void bj_audit_mask_cut(struct bj_audit *audit, const char *text, size_t length, size_t maximum,
                       struct bj_buf *out);

/* How the body of a record with these columns begins. */
void bj_audit_body_head(const struct bj_audit_record *record, struct bj_buf *out);

/* ---- wal.c ---- */

/*
 * Did the log lose records that were committed to it, by damage in its middle? BJ_E_SYSTEM then.
 * Within a transaction.
 */
int bj_audit_check_log(struct bj_audit *audit, struct bj_error *err);

/* ---- the schema's columns, as SELECT gives them; those of the first version are fewer ---- */
#define BJ_AUDIT_COLUMNS_FIRST(r)                                                                  \
    r ".number," r ".time," r ".kind," r ".verdict," r ".uid," r ".key," r ".sandbox," r           \
      ".tool," r ".decision," r ".risk," r ".exit_code," r ".duration_us," r ".body," r ".hash"
#define BJ_AUDIT_COLUMNS(r)   BJ_AUDIT_COLUMNS_FIRST(r) "," r ".owner," r ".sandbox_owner"
#define BJ_AUDIT_COLUMN_COUNT 16

/* Reads them from `first` on. False if one is not of its type. */
bool bj_audit_row(sqlite3_stmt *row, int first, struct bj_audit_record *ret);

#endif
