/*
 * Retention and what else keeps the files small. The oldest records go as a whole prefix; within
 * the same transaction the base takes the hash of the last one that went and a record of it joins
 * the chain, so that at no moment something is missing without the history saying so.
 */
#include <string.h>

#include "audit/audit_internal.h"

#define CHUNK        4096                         /* records removed by one transaction */
#define SPARE        10                           /* per cent that is freed beyond what must be */
#define AGE_SLACK_NS ((int64_t)3600 * 1000000000) /* past the age before it is worth the work */

static int execute(struct bj_audit *audit, const char *sql)
{
    return sqlite3_exec(audit->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : -1;
}

/* The first column of the only row; `otherwise` when there is none. */
static int ask(struct bj_audit *audit, const char *sql, int64_t argument, int64_t otherwise,
               int64_t *ret, struct bj_error *err)
{
    sqlite3_stmt *row = NULL;
    int result = sqlite3_prepare_v2(audit->db, sql, -1, &row, NULL);

    *ret = otherwise;
    if (result == SQLITE_OK) {
        sqlite3_bind_int64(row, 1, argument);
        result = sqlite3_step(row);
        if (result == SQLITE_ROW && sqlite3_column_type(row, 0) != SQLITE_NULL)
            *ret = sqlite3_column_int64(row, 0);
    }
    sqlite3_finalize(row);
    if (result == SQLITE_ROW || result == SQLITE_DONE)
        return 0;
    return bj_audit_fail(audit, "read", err);
}

static int used_bytes(struct bj_audit *audit, int64_t *ret, struct bj_error *err)
{
    return ask(audit,
               "SELECT (page_count-freelist_count)*page_size FROM "
               "pragma_page_count,pragma_freelist_count,pragma_page_size",
               0, 0, ret, err);
}

static int first_number(struct bj_audit *audit, int64_t *ret, struct bj_error *err)
{
    return ask(audit, "SELECT min(number) FROM record", 0, 0, ret, err);
}

/* The last number that is to go by age: all up to it are older. */
static int last_too_old(struct bj_audit *audit, int64_t age_ns, int64_t *ret, struct bj_error *err)
{
    int64_t young, limit = bj_audit_now(audit) - age_ns;
    int result = ask(audit, "SELECT number FROM record WHERE time>=? ORDER BY number LIMIT 1",
                     limit, audit->head.number, &young, err);

    *ret = young - 1;
    return result;
}

/* The last number that is to go by size, guessed from what a record takes. */
static int last_too_much(struct bj_audit *audit, int64_t bytes, int64_t first, int64_t *ret,
                         struct bj_error *err)
{
    int64_t used, count = audit->head.number - first + 1, goal = bytes - bytes / 100 * SPARE;
    int result = used_bytes(audit, &used, err);

    *ret = 0;
    if (result == 0 && used > bytes && used > 0)
        *ret = first - 1 + (int64_t)((double)count * (double)(used - goal) / (double)used) + 1;
    return result;
}

static int get_hash(struct bj_audit *audit, int64_t number, unsigned char *ret,
                    struct bj_error *err)
{
    sqlite3_stmt *row = NULL;
    int result =
        sqlite3_prepare_v2(audit->db, "SELECT hash FROM record WHERE number=?", -1, &row, NULL);
    bool found = false;

    if (result == SQLITE_OK) {
        sqlite3_bind_int64(row, 1, number);
        result = sqlite3_step(row);
        found = result == SQLITE_ROW && sqlite3_column_bytes(row, 0) == BJ_AUDIT_HASH_SIZE;
        if (found)
            memcpy(ret, sqlite3_column_blob(row, 0), BJ_AUDIT_HASH_SIZE);
    }
    sqlite3_finalize(row);
    if (found)
        return 0;
    if (result != SQLITE_ROW && result != SQLITE_DONE)
        return bj_audit_fail(audit, "read", err);
    return bj_fail(err, BJ_E_SYSTEM, "audit",
                   "%s: record %lld is missing, so nothing is removed; see belljar audit verify",
                   audit->path, (long long)number);
}

/* A statement with a number and perhaps a hash. */
static int change(struct bj_audit *audit, const char *sql, const struct bj_audit_head *to,
                  struct bj_error *err)
{
    sqlite3_stmt *statement = NULL;
    int result = sqlite3_prepare_v2(audit->db, sql, -1, &statement, NULL);

    if (result == SQLITE_OK) {
        sqlite3_bind_int64(statement, 1, to->number);
        sqlite3_bind_blob(statement, 2, to->hash, BJ_AUDIT_HASH_SIZE, SQLITE_STATIC);
        result = sqlite3_step(statement);
    }
    sqlite3_finalize(statement);
    return result == SQLITE_DONE ? 0 : bj_audit_fail(audit, "remove records from", err);
}

/* Within a transaction: all up to `through` go. */
static int remove_through(struct bj_audit *audit, int64_t through, struct bj_error *err)
{
    struct bj_audit_head last = {.number = through};
    struct bj_audit_record record;
    int result = get_hash(audit, through, last.hash, err);

    if (result == 0)
        result =
            change(audit, "DELETE FROM record WHERE number<=?1 AND ?2 IS NOT NULL", &last, err);
    if (result == 0)
        result = change(audit, "UPDATE base SET number=?1,hash=?2", &last, err);
    if (result == 0)
        result = bj_audit_start(audit, BJ_AUDIT_PRUNE, &record, err);
    if (result < 0)
        return result;
    bj_audit_body_prune(audit, &record, &last);
    return bj_audit_insert(audit, &record, err);
}

/* One transaction's worth. *ret_removed 0: there is nothing to do. */
static int prune_some(struct bj_audit *audit, const struct bj_audit_retention *retention,
                      int64_t *ret_removed, struct bj_error *err)
{
    int64_t first = 0, by_age = 0, by_size = 0, through;
    int result = audit->in_batch ? 0 : bj_audit_transaction(audit, err);

    *ret_removed = 0;
    if (result < 0)
        return result;
    result = first_number(audit, &first, err);
    if (result == 0 && first > 0 && retention->age_ns > 0)
        result = last_too_old(audit, retention->age_ns, &by_age, err);
    if (result == 0 && first > 0 && retention->bytes > 0)
        result = last_too_much(audit, retention->bytes, first, &by_size, err);
    through = by_age > by_size ? by_age : by_size;
    if (through > audit->head.number - 1)
        through = audit->head.number - 1;
    if (through > first + CHUNK - 1)
        through = first + CHUNK - 1;
    if (result == 0 && first > 0 && through >= first) {
        *ret_removed = through - first + 1;
        result = remove_through(audit, through, err);
    }
    if (result == 0)
        return audit->in_batch ? 0 : bj_audit_accept(audit, err);
    bj_audit_abandon(audit);
    return result;
}

/*
 * The log goes into the database and is empty then; that much was copied is not known to the next
 * process that opens it. If somebody reads or writes just now it is left to the next time.
 */
static void empty_log(struct bj_audit *audit)
{
    sqlite3_busy_timeout(audit->db, 0);
    sqlite3_wal_checkpoint_v2(audit->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    sqlite3_busy_timeout(audit->db, audit->busy_ms);
    audit->log_pages = 0;
}

/* Gives the room back: free pages to the file system, the log into the database. */
static int shrink(struct bj_audit *audit, struct bj_error *err)
{
    if (execute(audit, "PRAGMA incremental_vacuum") < 0)
        return bj_audit_fail(audit, "shrink", err);
    empty_log(audit);
    return 0;
}

int bj_audit_prune(struct bj_audit *audit, const struct bj_audit_retention *retention,
                   int64_t *ret_removed, struct bj_error *err)
{
    struct bj_error own;
    int64_t removed, total = 0;
    int result;

    err = err != NULL ? err : &own;
    if (audit->open)
        return bj_fail(err, BJ_E_INVALID, "audit", "a batch of records is open");
    if (retention->dry_run && bj_audit_begin(audit, err) < 0) /* a batch that is not committed */
        return -err->code;
    do {
        result = prune_some(audit, retention, &removed, err);
        total += result == 0 ? removed : 0;
        /* A record that says "one was removed" is not worth one: stop when only those are left. */
    } while (result == 0 && removed > 1);
    if (retention->dry_run)
        bj_audit_abandon(audit);
    else if (total > 0 && result == 0)
        result = shrink(audit, err);
    if (ret_removed != NULL)
        *ret_removed = total;
    return result;
}

/* Not at every run: only once it is well past the limits. */
static int is_due(struct bj_audit *audit, const struct bj_audit_retention *retention, bool *ret,
                  struct bj_error *err)
{
    int64_t oldest = INT64_MAX, used = 0;
    int result = 0;

    if (retention->age_ns > 0)
        result = ask(audit, "SELECT time FROM record ORDER BY number LIMIT 1", 0, INT64_MAX,
                     &oldest, err);
    if (result == 0 && retention->bytes > 0)
        result = used_bytes(audit, &used, err);
    *ret = (oldest < bj_audit_now(audit) - retention->age_ns - AGE_SLACK_NS &&
            retention->age_ns > 0) ||
           used > retention->bytes;
    return result;
}

int bj_audit_maintain(struct bj_audit *audit, const struct bj_audit_retention *retention,
                      int64_t *ret_removed, struct bj_error *err)
{
    struct bj_error own;
    bool due = false;
    int result = 0;

    err = err != NULL ? err : &own;
    if (audit->access != BJ_AUDIT_WRITE || audit->open || audit->log_pages < audit->log_most)
        return 0;
    if (retention != NULL)
        result = is_due(audit, retention, &due, err);
    if (result == 0 && due)
        return bj_audit_prune(audit, retention, ret_removed, err);
    if (result == 0)
        empty_log(audit);
    return result;
}
