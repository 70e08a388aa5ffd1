/*
 * The proof: every record has the number behind the one before, the hash that follows from that
 * one's and its own body, and columns that say what the body says.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "audit/audit_internal.h"
#include "base/limits.h"
#include "base/str.h"

struct proof {
    struct bj_audit *audit;
    struct bj_audit_check *check;
    const struct bj_audit_head *anchor;
    struct bj_audit_base base;
    struct bj_audit_head at; /* the record that was right last */
    struct bj_buf head;      /* of a body, written from columns */
    bool anchored;           /* the anchor was met */
    int64_t pruned;          /* what the last record of retention says */
    char pruned_hash[2 * BJ_AUDIT_HASH_SIZE + 1];
};

/* Notes what is wrong, if it is the first; returns false. */
__attribute__((format(printf, 3, 4))) static bool wrong(struct proof *proof, int64_t number,
                                                        const char *format, ...)
{
    struct bj_audit_check *check = proof->check;
    va_list args;

    if (!check->sound)
        return false;
    check->sound = false;
    check->bad = number;
    va_start(args, format);
    vsnprintf(check->problem, sizeof check->problem, format, args);
    va_end(args);
    return false;
}

/* Do the columns say what the body does? Out of memory shows in proof->head. */
static bool columns_agree(struct proof *proof, const struct bj_audit_record *record)
{
    size_t length;
    char next;

    proof->head.length = 0;
    bj_audit_body_head(record, &proof->head);
    length = proof->head.length;
    if (length > record->body_length ||
        memcmp(bj_buf_text(&proof->head), record->body, length) != 0)
        return false;
    next = record->body[length];
    return next == ',' || next == '}';
}

/* A record of retention: through which number, and the hash that was there. */
static void take_pruned(struct proof *proof, const struct bj_audit_record *record)
{
    const char *tail = record->body + proof->head.length;
    long long number;
    char hash[2 * BJ_AUDIT_HASH_SIZE + 1];

    if (sscanf(tail, ",\"removed_through\":%lld,\"hash\":\"%64[0-9a-f]\"}", &number, hash) != 2)
        return;
    proof->pruned = number;
    snprintf(proof->pruned_hash, sizeof proof->pruned_hash, "%s", hash);
}

static void meet_anchor(struct proof *proof, const struct bj_audit_head *here)
{
    const struct bj_audit_head *anchor = proof->anchor;

    if (anchor == NULL || anchor->number != here->number)
        return;
    proof->anchored = true;
    if (memcmp(anchor->hash, here->hash, BJ_AUDIT_HASH_SIZE) != 0)
        wrong(proof, here->number,
              "record %" PRId64 " has another hash than the one that was anchored: the history up "
              "to it was changed",
              here->number);
}

static bool record_right(struct proof *proof, const struct bj_audit_record *record)
{
    int64_t expected = proof->at.number + 1;
    unsigned char hash[BJ_AUDIT_HASH_SIZE];

    if (record->number > expected)
        return wrong(proof, expected, "record %" PRId64 " is missing", expected);
    bj_audit_hash(proof->at.hash, record->body, record->body_length, hash);
    if (memcmp(hash, record->hash, sizeof hash) != 0)
        return wrong(proof, expected,
                     "record %" PRId64 " does not follow from the one before: it was changed, "
                     "inserted or moved, or the one before was removed",
                     expected);
    if (!columns_agree(proof, record))
        return wrong(proof, expected,
                     "the columns of record %" PRId64 " do not say what its hashed text says",
                     expected);
    if (record->kind == BJ_AUDIT_OUTCOME && record->verdict >= record->number)
        return wrong(proof, expected, "record %" PRId64 " is the outcome of a later verdict",
                     expected);
    return true;
}

static int check_record(void *context, const struct bj_audit_record *record)
{
    struct proof *proof = context;

    if (!record_right(proof, record))
        return 1;
    proof->at.number = record->number;
    memcpy(proof->at.hash, record->hash, BJ_AUDIT_HASH_SIZE);
    proof->check->records++;
    if (record->kind == BJ_AUDIT_PRUNE)
        take_pruned(proof, record);
    meet_anchor(proof, &proof->at);
    return proof->check->sound ? 0 : 1;
}

/* The base has to be what the chain says of retention, or what follows from the identifier. */
static void check_base(struct proof *proof)
{
    char hash[2 * BJ_AUDIT_HASH_SIZE + 1];
    unsigned char first[BJ_AUDIT_HASH_SIZE];

    bj_audit_hash_text(proof->base.last.hash, hash);
    bj_audit_hash_first(proof->base.id, first);
    if (proof->base.last.number == 0 && proof->pruned == 0) {
        if (memcmp(first, proof->base.last.hash, sizeof first) != 0)
            wrong(proof, 1, "the base does not follow from the database's identifier");
    } else if (proof->pruned != proof->base.last.number || !bj_streq(proof->pruned_hash, hash)) {
        wrong(proof, proof->base.last.number + 1,
              "the records before %" PRId64 " are gone, and not by retention",
              proof->base.last.number + 1);
    }
}

static void check_anchor(struct proof *proof)
{
    const struct bj_audit_head *anchor = proof->anchor;

    if (anchor == NULL || proof->anchored || !proof->check->sound)
        return;
    if (anchor->number > proof->at.number)
        wrong(proof, proof->at.number + 1,
              "the history ends at record %" PRId64 "; the anchored record %" PRId64
              " and what was before it are gone",
              proof->at.number, anchor->number);
    else
        wrong(proof, anchor->number,
              "the anchored record %" PRId64 " was taken by retention: nothing can be said about "
              "it any more; the proof begins behind record %" PRId64,
              anchor->number, proof->base.last.number);
}

/* Nothing but our tables: a trigger or a view could make a reader see what is not there. */
static int check_schema(struct proof *proof, struct bj_error *err)
{
    sqlite3_stmt *row = NULL;
    int version, count = 0, result = bj_audit_read_version(proof->audit, &version);

    if (result != SQLITE_OK)
        return bj_audit_fail(proof->audit, "read", err);
    if (version != BJ_AUDIT_VERSION && version != BJ_AUDIT_VERSION_FIRST)
        wrong(proof, 0, "the number of the format was changed");
    else
        proof->audit->version = version; /* a writer may have brought it up to date meanwhile */
    result = sqlite3_prepare_v2(proof->audit->db, "SELECT sql FROM sqlite_schema ORDER BY rowid",
                                -1, &row, NULL);
    if (result == SQLITE_OK) {
        while ((result = sqlite3_step(row)) == SQLITE_ROW) {
            const char *sql = (const char *)sqlite3_column_text(row, 0);

            if (count >= BJ_AUDIT_SCHEMA_COUNT || sql == NULL ||
                !bj_streq(sql, bj_audit_schema(proof->audit->version, count)))
                wrong(proof, 0, "the tables are not those that belljar made");
            count++;
        }
    }
    sqlite3_finalize(row);
    if (result != SQLITE_DONE)
        return bj_audit_fail(proof->audit, "read", err);
    if (count != BJ_AUDIT_SCHEMA_COUNT)
        wrong(proof, 0, "the tables are not those that belljar made");
    return 0;
}

/* One base: with two it would be chance which one is read. */
static int check_single_base(struct proof *proof, struct bj_error *err)
{
    sqlite3_stmt *row = NULL;
    int result = sqlite3_prepare_v2(proof->audit->db, "SELECT count(*) FROM base", -1, &row, NULL);

    if (result == SQLITE_OK && (result = sqlite3_step(row)) == SQLITE_ROW &&
        sqlite3_column_int64(row, 0) > 1)
        wrong(proof, 0, "there is more than one base");
    sqlite3_finalize(row);
    return result == SQLITE_ROW ? 0 : bj_audit_fail(proof->audit, "read", err);
}

/* What SQLite itself finds wrong: an index that hides a row, pages used twice. */
static int check_pages(struct proof *proof, struct bj_error *err)
{
    sqlite3_stmt *row = NULL;
    int result = sqlite3_prepare_v2(proof->audit->db, "PRAGMA integrity_check(1)", -1, &row, NULL);

    if (result == SQLITE_OK && (result = sqlite3_step(row)) == SQLITE_ROW) {
        const char *said = (const char *)sqlite3_column_text(row, 0);

        if (said == NULL || !bj_streq(said, "ok"))
            wrong(proof, 0, "the file is damaged: %.180s", said != NULL ? said : "");
        result = SQLITE_DONE;
    }
    sqlite3_finalize(row);
    return result == SQLITE_DONE ? 0 : bj_audit_fail(proof->audit, "read", err);
}

static int check_chain(struct proof *proof, struct bj_error *err)
{
    struct bj_audit_filter all = BJ_AUDIT_FILTER_ALL;
    bool right = false;
    int result = bj_audit_find_base(proof->audit, &proof->base, &right, err);

    if (result < 0)
        return result;
    if (!right) {
        wrong(proof, 0, "the base is gone or changed, so that nothing can be proved");
        return 0;
    }
    proof->at = proof->base.last;
    proof->check->after = proof->base.last.number;
    meet_anchor(proof, &proof->at);
    all.after = 0;
    result = bj_audit_each(proof->audit, &all, check_record, proof, err);
    if (proof->head.failed)
        return bj_fail(err, BJ_E_NO_MEMORY, "audit", "cannot verify: out of memory");
    if (result < 0) {
        wrong(proof, proof->at.number + 1, "record %" PRId64 " cannot be read: %.180s",
              proof->at.number + 1, err->message);
        return result == -BJ_E_NO_MEMORY ? result : 0;
    }
    if (proof->check->sound)
        check_base(proof);
    check_anchor(proof);
    proof->check->head = proof->at;
    return 0;
}

/* In one transaction, so that a writer or retention does not change what is looked at. */
int bj_audit_verify(struct bj_audit *audit, const struct bj_audit_head *anchor,
                    struct bj_audit_check *ret, struct bj_error *err)
{
    struct bj_error own;
    struct proof proof = {.audit = audit, .check = ret, .anchor = anchor};
    int result;

    err = err != NULL ? err : &own;
    *ret = (struct bj_audit_check){.sound = true};
    bj_buf_init(&proof.head, BJ_AUDIT_RECORD_MAX);
    if (audit->open)
        return bj_fail(err, BJ_E_INVALID, "audit", "a batch of records is open");
    if (sqlite3_exec(audit->db, "BEGIN", NULL, NULL, NULL) != SQLITE_OK)
        return bj_audit_fail(audit, "read", err);
    result = check_schema(&proof, err);
    if (result == 0 && ret->sound)
        result = check_single_base(&proof, err);
    if (result == 0 && ret->sound)
        result = check_chain(&proof, err);
    if (result == 0 && ret->sound && bj_audit_check_log(audit, err) < 0)
        wrong(&proof, ret->head.number + 1, "%.250s", err->message);
    if (result == 0 && ret->sound)
        result = check_pages(&proof, err);
    if (result < 0 && result != -BJ_E_NO_MEMORY &&
        bj_audit_is_damage(sqlite3_extended_errcode(audit->db))) {
        wrong(&proof, 0, "the file is damaged: %.180s", sqlite3_errmsg(audit->db));
        result = 0;
    }
    sqlite3_exec(audit->db, "COMMIT", NULL, NULL, NULL);
    bj_buf_release(&proof.head);
    return result;
}
