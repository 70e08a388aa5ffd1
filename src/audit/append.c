/*
 * Writing records: the transaction, the number, the chain. Number and previous hash are read under
 * the write lock, so that writers of several processes make one chain.
 */
#include <nettle/sha2.h>
#include <string.h>
#include <sys/mman.h>

#include "audit/audit_internal.h"
#include "base/limits.h"

#define SHARED_REGION      32768 /* bytes of a part of SQLite's index of the log (wal.c there) */
#define SHARED_REGIONS_MAX 4096

/* ---- the chain ---- */

void bj_audit_hash(const unsigned char previous[BJ_AUDIT_HASH_SIZE], const char *body,
                   size_t length, unsigned char ret[BJ_AUDIT_HASH_SIZE])
{
    struct sha256_ctx context;

    sha256_init(&context);
    sha256_update(&context, BJ_AUDIT_HASH_SIZE, previous);
    sha256_update(&context, length, (const uint8_t *)body);
    sha256_digest(&context, BJ_AUDIT_HASH_SIZE, ret);
}

void bj_audit_hash_first(const unsigned char id[16], unsigned char ret[BJ_AUDIT_HASH_SIZE])
{
    static const char name[] = "belljar audit 1\n";
    struct sha256_ctx context;

    sha256_init(&context);
    sha256_update(&context, sizeof name - 1, (const uint8_t *)name);
    sha256_update(&context, 16, id);
    sha256_digest(&context, BJ_AUDIT_HASH_SIZE, ret);
}

void bj_audit_hash_text(const unsigned char hash[BJ_AUDIT_HASH_SIZE],
                        char ret[2 * BJ_AUDIT_HASH_SIZE + 1])
{
    static const char digits[] = "0123456789abcdef";

    for (int i = 0; i < BJ_AUDIT_HASH_SIZE; i++) {
        ret[2 * i] = digits[hash[i] >> 4];
        ret[2 * i + 1] = digits[hash[i] & 15];
    }
    ret[2 * BJ_AUDIT_HASH_SIZE] = '\0';
}

static bool take_blob(sqlite3_stmt *row, int column, void *to, int size)
{
    if (sqlite3_column_bytes(row, column) != size)
        return false;
    memcpy(to, sqlite3_column_blob(row, column), (size_t)size);
    return true;
}

static int strange(struct bj_audit *audit, struct bj_error *err)
{
    return bj_fail(err, BJ_E_SYSTEM, "audit",
                   "%s is damaged: its records are not as belljar writes them; belljar audit "
                   "verify says where",
                   audit->path);
}

int bj_audit_find_base(struct bj_audit *audit, struct bj_audit_base *ret, bool *ret_right,
                       struct bj_error *err)
{
    sqlite3_stmt *row = bj_audit_statement(audit, BJ_SQL_BASE);
    int result = row != NULL ? sqlite3_step(row) : SQLITE_ERROR;
    bool right = false;

    if (result != SQLITE_ROW && result != SQLITE_DONE)
        return bj_audit_fail(audit, "read", err);
    if (result == SQLITE_ROW) {
        ret->last.number = sqlite3_column_int64(row, 1);
        right = take_blob(row, 0, ret->id, sizeof ret->id) &&
                take_blob(row, 2, ret->last.hash, BJ_AUDIT_HASH_SIZE) && ret->last.number >= 0;
    }
    sqlite3_reset(row);
    *ret_right = right;
    return 0;
}

int bj_audit_read_base(struct bj_audit *audit, struct bj_audit_base *ret, struct bj_error *err)
{
    bool right = false;
    int result = bj_audit_find_base(audit, ret, &right, err);

    return result < 0 || right ? result : strange(audit, err);
}

int bj_audit_read_head(struct bj_audit *audit, struct bj_audit_head *ret, struct bj_error *err)
{
    sqlite3_stmt *row = bj_audit_statement(audit, BJ_SQL_HEAD);
    int result = row != NULL ? sqlite3_step(row) : SQLITE_ERROR;
    struct bj_audit_base base;
    bool right = true;

    if (result == SQLITE_ROW) {
        ret->number = sqlite3_column_int64(row, 0);
        right = take_blob(row, 1, ret->hash, BJ_AUDIT_HASH_SIZE) && ret->number > 0;
    } else if (result != SQLITE_DONE) {
        return bj_audit_fail(audit, "read", err);
    }
    sqlite3_reset(row);
    if (!right)
        return strange(audit, err);
    if (result == SQLITE_ROW)
        return 0;
    if (bj_audit_read_base(audit, &base, err) < 0)
        return err != NULL ? -err->code : -BJ_E_SYSTEM;
    *ret = base.last;
    return 0;
}

int bj_audit_head(struct bj_audit *audit, struct bj_audit_head *ret, struct bj_error *err)
{
    struct bj_error own;

    return bj_audit_read_head(audit, ret, err != NULL ? err : &own);
}

/* ---- the end of the chain ---- */

/* The last record and the hash that it was made with. */
struct end {
    struct bj_audit_head last, before;
    unsigned char hash[BJ_AUDIT_HASH_SIZE]; /* of `before` and the last one's body */
};

/* Reads it; what follows nothing else follows the base. *ret_right: it is as we write it. */
static int read_end(struct bj_audit *audit, const struct bj_audit_base *base, struct end *ret,
                    bool *ret_right, struct bj_error *err)
{
    sqlite3_stmt *row = bj_audit_statement(audit, BJ_SQL_END);
    int result = row != NULL ? sqlite3_step(row) : SQLITE_ERROR;
    struct bj_buf body;
    bool right = true, none = result == SQLITE_DONE;

    bj_buf_init(&body, BJ_AUDIT_RECORD_MAX);
    *ret = (struct end){.last = base->last, .before = base->last};
    if (result == SQLITE_ROW) {
        ret->last.number = sqlite3_column_int64(row, 0);
        right = take_blob(row, 1, ret->last.hash, BJ_AUDIT_HASH_SIZE);
        bj_buf_append(&body, sqlite3_column_text(row, 2), (size_t)sqlite3_column_bytes(row, 2));
        result = sqlite3_step(row);
    }
    if (result == SQLITE_ROW) {
        ret->before.number = sqlite3_column_int64(row, 0);
        right = take_blob(row, 1, ret->before.hash, BJ_AUDIT_HASH_SIZE) && right;
    } else if (result != SQLITE_DONE) {
        bj_buf_release(&body);
        return bj_audit_fail(audit, "read", err);
    }
    sqlite3_reset(row);
    if (none) /* retention leaves at least its own record, so nothing was ever there */
        bj_audit_hash_first(base->id, ret->hash);
    else
        bj_audit_hash(ret->before.hash, bj_buf_text(&body), body.length, ret->hash);
    *ret_right = right && (none ? ret->last.number == 0
                                : !body.failed && ret->last.number == ret->before.number + 1);
    result = body.no_memory
                 ? bj_fail(err, BJ_E_NO_MEMORY, "audit", "cannot read the records: out of memory")
                 : 0;
    bj_buf_release(&body);
    return result;
}

/* What a writer looks at before its first record: the base, the last record and its link. */
static int check_end(struct bj_audit *audit, struct bj_error *err)
{
    struct bj_audit_base base;
    struct end end;
    bool right = false;
    int result = bj_audit_find_base(audit, &base, &right, err);

    if (result == 0 && !right)
        return bj_audit_fail_damaged(audit, "its base is gone or changed", err);
    if (result == 0)
        result = read_end(audit, &base, &end, &right, err);
    if (result == 0 && (!right || memcmp(end.hash, end.last.hash, sizeof end.hash) != 0))
        return bj_audit_fail_damaged(
            audit, "its last record does not follow from the one before, or is changed", err);
    return result;
}

/* ---- transactions ---- */

static int run(struct bj_audit *audit, enum bj_audit_sql which)
{
    sqlite3_stmt *statement = bj_audit_statement(audit, which);
    int result = statement != NULL ? sqlite3_step(statement) : SQLITE_ERROR;

    if (result != SQLITE_DONE)
        return -1;
    sqlite3_reset(statement);
    return 0;
}

void bj_audit_abandon(struct bj_audit *audit)
{
    /* SQLite may have rolled back already, on a full disk for instance. */
    if (audit->db != NULL && !sqlite3_get_autocommit(audit->db)) {
        for (int i = 0; i < BJ_SQL_COUNT; i++) {
            if (audit->statements[i] != NULL)
                sqlite3_reset(audit->statements[i]);
        }
        if (run(audit, BJ_SQL_ROLLBACK) < 0)
            sqlite3_exec(audit->db, "ROLLBACK", NULL, NULL, NULL);
    }
    audit->open = audit->in_batch = false;
}

int bj_audit_transaction(struct bj_audit *audit, struct bj_error *err)
{
    int result;

    if (audit->access != BJ_AUDIT_WRITE)
        return bj_fail(err, BJ_E_INVALID, "audit", "%s is open for reading only", audit->path);
    if (run(audit, BJ_SQL_BEGIN) < 0)
        return bj_audit_fail(audit, "write to", err);
    audit->open = true;
    result = audit->checked ? 0 : bj_audit_check_log(audit, err);
    if (result == 0 && !audit->checked)
        result = check_end(audit, err);
    audit->checked = result == 0;
    if (result == 0 && audit->version != BJ_AUDIT_VERSION)
        result = bj_audit_upgrade(audit, err);
    if (result == 0)
        result = bj_audit_read_head(audit, &audit->head, err);
    if (result < 0)
        bj_audit_abandon(audit);
    return result;
}

int bj_audit_accept(struct bj_audit *audit, struct bj_error *err)
{
    int result = 0;

    if (run(audit, BJ_SQL_COMMIT) < 0)
        result = bj_audit_fail(audit, "write to", err);
    else
        audit->version = BJ_AUDIT_VERSION;
    bj_audit_abandon(audit);
    return result;
}

int bj_audit_begin(struct bj_audit *audit, struct bj_error *err)
{
    struct bj_error own;
    int result;

    err = err != NULL ? err : &own;
    if (audit->open)
        return bj_fail(err, BJ_E_INVALID, "audit", "a batch of records is open already");
    result = bj_audit_transaction(audit, err);
    audit->in_batch = result == 0;
    return result;
}

int bj_audit_commit(struct bj_audit *audit, struct bj_error *err)
{
    struct bj_error own;

    err = err != NULL ? err : &own;
    if (!audit->in_batch)
        return bj_fail(err, BJ_E_INVALID, "audit", "no batch of records is open");
    return bj_audit_accept(audit, err);
}

/* ---- records ---- */

static void bind_text(sqlite3_stmt *insert, int column, const char *text)
{
    if (text != NULL)
        sqlite3_bind_text(insert, column, text, -1, SQLITE_STATIC);
    else
        sqlite3_bind_null(insert, column);
}

static void bind_record(sqlite3_stmt *insert, const struct bj_audit_record *record)
{
    sqlite3_clear_bindings(insert);
    sqlite3_bind_int64(insert, 1, record->number);
    sqlite3_bind_int64(insert, 2, record->time_ns);
    sqlite3_bind_int(insert, 3, (int)record->kind);
    if (record->kind == BJ_AUDIT_VERDICT) {
        sqlite3_bind_int64(insert, 5, record->uid);
        bind_text(insert, 6, record->key);
        bind_text(insert, 7, record->sandbox);
        bind_text(insert, 8, record->tool);
        sqlite3_bind_int(insert, 9, (int)record->decision);
        sqlite3_bind_int(insert, 10, (int)record->risk);
        bind_text(insert, 15, record->owner);
        bind_text(insert, 16, record->sandbox_owner);
    } else if (record->kind == BJ_AUDIT_OUTCOME) {
        sqlite3_bind_int64(insert, 4, record->verdict);
    }
    if (record->kind == BJ_AUDIT_OUTCOME && !record->unknown) {
        sqlite3_bind_int(insert, 11, record->exit_code);
        sqlite3_bind_int64(insert, 12, record->duration_us);
    }
    sqlite3_bind_text64(insert, 13, record->body, record->body_length, SQLITE_STATIC, SQLITE_UTF8);
    sqlite3_bind_blob(insert, 14, record->hash, BJ_AUDIT_HASH_SIZE, SQLITE_STATIC);
}

int bj_audit_insert(struct bj_audit *audit, const struct bj_audit_record *record,
                    struct bj_error *err)
{
    struct bj_audit_record full = *record;
    sqlite3_stmt *insert;
    int result;

    if (audit->body.failed)
        return bj_fail(err, audit->body.no_memory ? BJ_E_NO_MEMORY : BJ_E_LIMIT, "audit",
                       "cannot write to %s: %s", audit->path,
                       audit->body.no_memory ? "out of memory" : "the record is too large");
    full.body = bj_buf_text(&audit->body);
    full.body_length = audit->body.length;
    bj_audit_hash(audit->head.hash, full.body, full.body_length, full.hash);
    insert = bj_audit_statement(audit, BJ_SQL_INSERT);
    if (insert == NULL)
        return bj_audit_fail(audit, "write to", err);
    bind_record(insert, &full);
    result = sqlite3_step(insert);
    if (result == SQLITE_CONSTRAINT_UNIQUE)
        result = bj_fail(err, BJ_E_INVALID, "audit", "the outcome of record %lld is there already",
                         (long long)full.verdict);
    else if (result != SQLITE_DONE)
        result = bj_audit_fail(audit, "write to", err);
    else
        result = 0;
    sqlite3_reset(insert);
    if (result < 0)
        return result;
    audit->head.number = full.number;
    memcpy(audit->head.hash, full.hash, sizeof full.hash);
    return 0;
}

int bj_audit_start(struct bj_audit *audit, enum bj_audit_kind kind, struct bj_audit_record *ret,
                   struct bj_error *err)
{
    int result = audit->open ? 0 : bj_audit_transaction(audit, err);

    if (result < 0)
        return result;
    audit->body.length = 0;
    audit->body.failed = audit->body.no_memory = false;
    *ret = (struct bj_audit_record){
        .kind = kind, .number = audit->head.number + 1, .time_ns = bj_audit_now(audit)};
    return 0;
}

/* Ends it: inserts, and commits unless a batch is open. */
static int finish(struct bj_audit *audit, const struct bj_audit_record *record,
                  struct bj_error *err)
{
    int result = bj_audit_insert(audit, record, err);

    if (result == 0 && !audit->in_batch)
        return bj_audit_accept(audit, err);
    if (result < 0)
        bj_audit_abandon(audit);
    return result;
}

/* What a column and the body both have: masked, and cut if it is absurdly long. */
static const char *name(struct bj_audit *audit, int which, const char *text)
{
    struct bj_buf *kept = &audit->names[which];

    if (text == NULL)
        return NULL;
    bj_audit_mask_cut(audit, text, strlen(text), BJ_AUDIT_NAME_MAX, kept);
    if (kept->failed) {
        audit->body.failed = true;
        audit->body.no_memory = kept->no_memory;
    }
    return bj_buf_text(kept);
}

/*
 * A call is acted on after its verdict, in a child that may be made by fork(2): it is not to get
 * the memory that the processes that use the database share.
 */
static void keep_to_this_process(struct bj_audit *audit)
{
    void volatile *region = NULL;
    sqlite3_file *file = NULL;

    if (sqlite3_file_control(audit->db, "main", SQLITE_FCNTL_FILE_POINTER, &file) != SQLITE_OK ||
        file == NULL || file->pMethods == NULL || file->pMethods->iVersion < 2)
        return;
    for (int i = 0; i < SHARED_REGIONS_MAX; i++) {
        if (file->pMethods->xShmMap(file, i, SHARED_REGION, 0, &region) != SQLITE_OK ||
            region == NULL)
            break;
        madvise((void *)region, SHARED_REGION, MADV_DONTFORK);
    }
}

int bj_audit_append_verdict(struct bj_audit *audit, const struct bj_request *request,
                            const struct bj_verdict *verdict, const struct bj_audit_who *who,
                            int64_t *ret_number, struct bj_error *err)
{
    struct bj_error own;
    struct bj_audit_record record;
    int result;

    err = err != NULL ? err : &own;
    result = bj_audit_start(audit, BJ_AUDIT_VERDICT, &record, err);
    if (result < 0)
        return result;
    record.uid = who->uid;
    record.key = name(audit, 0, who->key != NULL ? who->key : request->key);
    record.owner = who->owner;
    record.sandbox = name(audit, 1, request->sandbox);
    record.sandbox_owner = who->sandbox_owner;
    record.tool = name(audit, 2, request->tool);
    record.decision = verdict->decision;
    record.risk = verdict->risk;
    bj_audit_body_verdict(audit, &record, request, verdict);
    result = finish(audit, &record, err);
    keep_to_this_process(audit);
    if (result == 0 && ret_number != NULL)
        *ret_number = record.number;
    return result;
}

/* The verdict may have gone to retention meanwhile, but it must have been. */
static int find_verdict(struct bj_audit *audit, int64_t number, struct bj_error *err)
{
    struct bj_audit_base base;
    sqlite3_stmt *row = bj_audit_statement(audit, BJ_SQL_FIND);
    int result, kind = 0;

    if (row == NULL)
        return bj_audit_fail(audit, "read", err);
    sqlite3_bind_int64(row, 1, number);
    result = sqlite3_step(row);
    if (result == SQLITE_ROW)
        kind = sqlite3_column_int(row, 0);
    else if (result != SQLITE_DONE)
        return bj_audit_fail(audit, "read", err);
    sqlite3_reset(row);
    if (kind == BJ_AUDIT_VERDICT)
        return 0;
    result = bj_audit_read_base(audit, &base, err);
    if (result < 0)
        return result;
    if (kind == 0 && number > 0 && number <= base.last.number)
        return 0;
    return bj_fail(err, BJ_E_INVALID, "audit", "record %lld is not a verdict", (long long)number);
}

int bj_audit_has_outcome(struct bj_audit *audit, int64_t verdict_number, bool *ret,
                         struct bj_error *err)
{
    struct bj_error own;
    sqlite3_stmt *row = bj_audit_statement(audit, BJ_SQL_OUTCOME);
    int result;

    err = err != NULL ? err : &own;
    if (row == NULL)
        return bj_audit_fail(audit, "read", err);
    sqlite3_bind_int64(row, 1, verdict_number);
    result = sqlite3_step(row);
    if (result != SQLITE_ROW && result != SQLITE_DONE)
        return bj_audit_fail(audit, "read", err);
    sqlite3_reset(row);
    *ret = result == SQLITE_ROW;
    return 0;
}

int bj_audit_append_outcome(struct bj_audit *audit, int64_t verdict_number,
                            const struct bj_audit_outcome *outcome, struct bj_error *err)
{
    struct bj_error own;
    struct bj_audit_record record;
    int result;

    err = err != NULL ? err : &own;
    result = bj_audit_start(audit, BJ_AUDIT_OUTCOME, &record, err);
    if (result < 0)
        return result;
    result = find_verdict(audit, verdict_number, err);
    if (result < 0) {
        bj_audit_abandon(audit);
        return result;
    }
    record.verdict = verdict_number;
    record.unknown = outcome->unknown;
    record.exit_code = outcome->exit_code;
    record.duration_us = outcome->duration_us;
    bj_audit_body_outcome(audit, &record, outcome);
    return finish(audit, &record, err);
}
