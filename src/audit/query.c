/*
 * Reading: calls and records in order of their number, past what is damaged.
 */
#include <stdio.h>
#include <string.h>

#include "audit/audit_internal.h"
#include "base/mem.h"
#include "base/str.h"

#define PROBES_CLOSE 4096 /* numbers tried one by one behind damage, before larger steps */

/* One condition for every query: r is the record, v the verdict of its call. */
#define WHERE_CALL                                                                                 \
    "(?2=0 OR v.time>=?2) AND (?3=0 OR v.time<?3) AND (?4 IS NULL OR v.key=?4) "                   \
    "AND (?5 IS NULL OR v.sandbox=?5) AND (?6 IS NULL OR v.tool=?6) "                              \
    "AND (?7<0 OR v.decision=?7) AND (?8=0 OR v.risk>=?8)"

#define CALLS_FROM " FROM record v LEFT JOIN record o ON o.verdict=v.number WHERE v.kind=1 AND "
/* A range of the numbers themselves, so that a query can go on behind what is damaged. */
#define CALLS_BEHIND CALLS_FROM "v.number>?1 AND v.number<?10 AND "
#define CALLS_SINCE                                                                                \
    CALLS_FROM "v.number IN (SELECT ifnull(verdict,number) FROM record WHERE number>?1) AND "      \
               "v.number<?10 AND "
#define RECORDS                                                                                    \
    " FROM record r LEFT JOIN record v ON v.number=ifnull(r.verdict,r.number) "                    \
    "WHERE r.number>?1 AND ifnull(v.number,0)<?10 AND " /* an outcome's may be gone */

/* What is asked for; the columns come first, the owner's condition and the order last. */
enum question { CALLS, CALLS_OPEN, CALLS_ENDED, RECORDS_ALL, NEWEST_CALL, NEWEST_RECORD, FIGURES };
static const struct {
    const char *select, *from, *behind;
    char columns; /* of which records: c a call's two, r one, 0 what `select` says */
} questions[] = {
    [CALLS] = {"", CALLS_BEHIND WHERE_CALL, " ORDER BY v.number", 'c'},
    /* What may have an act; that it does is seen in the body (open.c has no column for it). */
    [CALLS_OPEN] = {"",
                    CALLS_BEHIND WHERE_CALL " AND v.decision<2 AND o.number IS NULL "
                                            "AND instr(v.body,',\"act\":{')>0",
                    " ORDER BY v.number", 'c'},
    [CALLS_ENDED] = {"", CALLS_SINCE WHERE_CALL, " ORDER BY v.number", 'c'},
    [RECORDS_ALL] = {"", RECORDS WHERE_CALL, " ORDER BY r.number", 'r'},
    /* Where the newest ?9 begin. */
    [NEWEST_CALL] = {"min(number) FROM (SELECT v.number", CALLS_BEHIND WHERE_CALL,
                     " ORDER BY v.number DESC LIMIT ?9)", 0},
    [NEWEST_RECORD] = {"min(number) FROM (SELECT r.number", RECORDS WHERE_CALL,
                       " ORDER BY r.number DESC LIMIT ?9)", 0},
    [FIGURES] = {"count(*),sum(v.decision=0),sum(v.decision=1),sum(v.decision=2),sum(v.risk=0),"
                 "sum(v.risk=1),sum(v.risk=2),sum(v.risk=3),sum(v.risk=4),count(DISTINCT v.tool),"
                 "count(o.number),sum(o.number IS NOT NULL AND o.exit_code IS NOT 0),"
                 "sum(v.decision<2 AND o.number IS NULL),sum(o.duration_us)",
                 CALLS_BEHIND WHERE_CALL, "", 0},
};

#define NO_OWNERS ",NULL,NULL"

static const char *columns_of(const struct bj_audit *audit, char which)
{
    bool first = audit->version == BJ_AUDIT_VERSION_FIRST;

    if (which == 'c')
        return first ? BJ_AUDIT_COLUMNS_FIRST("v") NO_OWNERS "," BJ_AUDIT_COLUMNS_FIRST("o")
                           NO_OWNERS
                     : BJ_AUDIT_COLUMNS("v") "," BJ_AUDIT_COLUMNS("o");
    if (which == 'r')
        return first ? BJ_AUDIT_COLUMNS_FIRST("r") NO_OWNERS : BJ_AUDIT_COLUMNS("r");
    return "";
}

/* A record of a time that knew no owners is nobody's. */
static const char *condition_of(const struct bj_audit *audit, const struct bj_audit_filter *filter)
{
    if (filter->owner == NULL)
        return "";
    return audit->version == BJ_AUDIT_VERSION_FIRST ? " AND 0"
                                                    : " AND (v.owner=?11 OR v.sandbox_owner=?11)";
}

static void bind_filter(sqlite3_stmt *query, const struct bj_audit_filter *filter, int64_t after);

/* The question, ready to be asked about records behind `after`; what SQLite says. */
static int prepare(const struct bj_audit *audit, enum question question,
                   const struct bj_audit_filter *filter, int64_t after, sqlite3_stmt **ret)
{
    char sql[2048];
    int length = snprintf(sql, sizeof sql, "SELECT %s%s%s%s%s", questions[question].select,
                          columns_of(audit, questions[question].columns), questions[question].from,
                          condition_of(audit, filter), questions[question].behind);
    int result = sqlite3_prepare_v2(audit->db, sql, length, ret, NULL);

    if (result == SQLITE_OK)
        bind_filter(*ret, filter, after);
    return result;
}

/* ---- rows ---- */

static const char *text_of(sqlite3_stmt *row, int column)
{
    return (const char *)sqlite3_column_text(row, column);
}

/*
 * What SQLite has to hold in each column of a kind of record: i a number, n a number or nothing, N
 * nothing, t a text or nothing, T a text, B bytes. SQLite takes any type anywhere, and compares in
 * SQL what C would read as something else.
 */
static const char *const shapes[] = {
    [BJ_AUDIT_VERDICT] = "iiiNitttiiNNTBtt",
    [BJ_AUDIT_OUTCOME] = "iiiiNNNNNNnnTBNN",
    [BJ_AUDIT_PRUNE] = "iiiNNNNNNNNNTBNN",
};

static bool is_shape(sqlite3_stmt *row, int column, char shape)
{
    int type = sqlite3_column_type(row, column);

    switch (shape) {
    case 'i':
        return type == SQLITE_INTEGER;
    case 'n':
        return type == SQLITE_INTEGER || type == SQLITE_NULL;
    case 'N':
        return type == SQLITE_NULL;
    case 'B':
        return type == SQLITE_BLOB;
    case 't':
        if (type == SQLITE_NULL)
            return true;
        break;
    default:
        break;
    }
    /* A NUL within would end what C reads. */
    return type == SQLITE_TEXT && strlen((const char *)sqlite3_column_text(row, column)) ==
                                      (size_t)sqlite3_column_bytes(row, column);
}

static bool has_shape(sqlite3_stmt *row, int first)
{
    int64_t kind = sqlite3_column_int64(row, first + 2);

    if (kind < BJ_AUDIT_VERDICT || kind > BJ_AUDIT_PRUNE)
        return false;
    for (int i = 0; shapes[kind][i] != '\0'; i++) {
        if (!is_shape(row, first + i, shapes[kind][i]))
            return false;
    }
    return true;
}

/* A number that an int holds; -1 otherwise, which no column may have. */
static int small_number(sqlite3_stmt *row, int column)
{
    int64_t number = sqlite3_column_int64(row, column);

    return number >= 0 && number <= INT32_MAX ? (int)number : -1;
}

bool bj_audit_row(sqlite3_stmt *row, int first, struct bj_audit_record *ret)
{
    if (!has_shape(row, first))
        return false;
    *ret = (struct bj_audit_record){
        .number = sqlite3_column_int64(row, first),
        .time_ns = sqlite3_column_int64(row, first + 1),
        .kind = (enum bj_audit_kind)sqlite3_column_int(row, first + 2),
        .verdict = sqlite3_column_int64(row, first + 3),
        .uid = sqlite3_column_int64(row, first + 4),
        .key = text_of(row, first + 5),
        .sandbox = text_of(row, first + 6),
        .tool = text_of(row, first + 7),
        .decision = (enum bj_decision)small_number(row, first + 8),
        .risk = (enum bj_risk)small_number(row, first + 9),
        .unknown = sqlite3_column_int64(row, first + 2) == BJ_AUDIT_OUTCOME &&
                   sqlite3_column_type(row, first + 10) == SQLITE_NULL,
        .exit_code = small_number(row, first + 10),
        .duration_us = sqlite3_column_int64(row, first + 11),
        .body = text_of(row, first + 12),
        .body_length = (size_t)sqlite3_column_bytes(row, first + 12),
        .owner = text_of(row, first + 14),
        .sandbox_owner = text_of(row, first + 15),
    };
    if (ret->unknown && sqlite3_column_type(row, first + 11) != SQLITE_NULL)
        return false;
    if (ret->body == NULL || ret->exit_code < 0 || ret->decision < BJ_ALLOW ||
        ret->decision > BJ_DENY || ret->risk < BJ_RISK_NONE || ret->risk > BJ_RISK_CRITICAL ||
        sqlite3_column_bytes(row, first + 13) != BJ_AUDIT_HASH_SIZE)
        return false;
    memcpy(ret->hash, sqlite3_column_blob(row, first + 13), BJ_AUDIT_HASH_SIZE);
    return true;
}

/* ---- the walk ---- */

struct walk {
    struct bj_audit *audit;
    const struct bj_audit_filter *filter;
    bj_audit_call_fn call; /* one of the two */
    bj_audit_record_fn record;
    void *context;
    int64_t last;    /* the number given last, or where to go on */
    int64_t lost;    /* behind this number something could not be read; -1 = nothing */
    int64_t strange; /* a row that is none of ours; 0 = none */
};

static void bind_filter(sqlite3_stmt *query, const struct bj_audit_filter *filter, int64_t after)
{
    const char *const texts[] = {filter->key, filter->sandbox, filter->tool};

    sqlite3_bind_int64(query, 1, after);
    sqlite3_bind_int64(query, 2, filter->since_ns);
    sqlite3_bind_int64(query, 3, filter->until_ns);
    for (int i = 0; i < 3; i++) {
        if (texts[i] != NULL)
            sqlite3_bind_text(query, 4 + i, texts[i], -1, SQLITE_STATIC);
    }
    sqlite3_bind_int(query, 7, filter->decision);
    sqlite3_bind_int(query, 8, (int)filter->risk);
    sqlite3_bind_int64(query, 9, filter->newest);
    sqlite3_bind_int64(query, 10, filter->before > 0 ? filter->before : INT64_MAX);
    if (filter->owner != NULL)
        sqlite3_bind_text(query, 11, filter->owner, -1, SQLITE_STATIC);
}

/* Gives the row. 0, or what the call back says. */
static int give(struct walk *walk, sqlite3_stmt *row)
{
    struct bj_audit_record first, outcome;
    bool ended =
        walk->call != NULL && sqlite3_column_type(row, BJ_AUDIT_COLUMN_COUNT) != SQLITE_NULL;

    walk->last = sqlite3_column_int64(row, 0);
    if (!bj_audit_row(row, 0, &first) ||
        (ended && !bj_audit_row(row, BJ_AUDIT_COLUMN_COUNT, &outcome))) {
        walk->strange = walk->strange > 0 ? walk->strange : walk->last;
        return 0;
    }
    return walk->call != NULL ? walk->call(walk->context, &first, ended ? &outcome : NULL)
                              : walk->record(walk->context, &first);
}

/* Runs one query to its end or to damage. SQLITE_DONE, SQLITE_ROW when stopped, or what failed. */
static int run(struct walk *walk, int *ret_stop)
{
    sqlite3_stmt *query = NULL;
    enum question question = walk->call == NULL        ? RECORDS_ALL
                             : walk->filter->open_acts ? CALLS_OPEN
                             : walk->filter->ended_too ? CALLS_ENDED
                                                       : CALLS;
    int result = prepare(walk->audit, question, walk->filter, walk->last, &query);

    if (result != SQLITE_OK)
        return result;
    *ret_stop = 0;
    while ((result = sqlite3_step(query)) == SQLITE_ROW && *ret_stop == 0)
        *ret_stop = give(walk, query);
    sqlite3_finalize(query);
    return result;
}

/* The highest number there is; as far as it can be told. */
static int64_t highest(struct bj_audit *audit)
{
    struct bj_audit_head head;
    struct bj_error ignored;

    return bj_audit_read_head(audit, &head, &ignored) == 0 ? head.number : (int64_t)1 << 40;
}

/* Where to begin so that the newest ones come; from the beginning if that cannot be told. */
static int64_t begin_of_newest(struct walk *walk)
{
    sqlite3_stmt *query = NULL;
    int64_t begin = walk->filter->after;

    if (walk->filter->newest <= 0)
        return begin;
    if (prepare(walk->audit, walk->call != NULL ? NEWEST_CALL : NEWEST_RECORD, walk->filter,
                walk->filter->after, &query) != SQLITE_OK)
        return begin;
    if (sqlite3_step(query) == SQLITE_ROW && sqlite3_column_type(query, 0) != SQLITE_NULL)
        begin = sqlite3_column_int64(query, 0) - 1;
    sqlite3_finalize(query);
    return begin;
}

/*
 * Past damage: the query is asked again from further on, number by number and then in steps that
 * grow, until it can be read again.
 */
static int walk_all(struct walk *walk, struct bj_error *err)
{
    int64_t most = 0, step = 1, probes = 0;
    int stop = 0, result;

    walk->lost = -1;
    walk->last = begin_of_newest(walk);
    for (;;) {
        int64_t before = walk->last;

        result = run(walk, &stop);
        if (stop != 0)
            return stop;
        if (!bj_audit_is_damage(result))
            break;
        most = most > 0 ? most : highest(walk->audit);
        walk->lost = walk->lost >= 0 ? walk->lost : walk->last;
        if (walk->last > before)
            step = 1, probes = 0;
        step = ++probes > PROBES_CLOSE ? step * 2 : 1;
        if (walk->last > most - step)
            break;
        walk->last += step;
    }
    if (walk->lost >= 0)
        return bj_fail(err, BJ_E_SYSTEM, "audit",
                       "%s is damaged: records behind number %lld are missing above; belljar audit "
                       "verify says more",
                       walk->audit->path, (long long)walk->lost);
    if (result != SQLITE_DONE)
        return bj_audit_fail(walk->audit, "read", err);
    if (walk->strange > 0)
        return bj_fail(err, BJ_E_SYSTEM, "audit",
                       "%s was changed: record %lld is not one that belljar wrote",
                       walk->audit->path, (long long)walk->strange);
    return 0;
}

int bj_audit_query(struct bj_audit *audit, const struct bj_audit_filter *filter,
                   bj_audit_call_fn call, void *context, struct bj_error *err)
{
    struct walk walk = {.audit = audit, .filter = filter, .call = call, .context = context};

    return walk_all(&walk, err);
}

int bj_audit_each(struct bj_audit *audit, const struct bj_audit_filter *filter,
                  bj_audit_record_fn record, void *context, struct bj_error *err)
{
    struct walk walk = {.audit = audit, .filter = filter, .record = record, .context = context};

    return walk_all(&walk, err);
}

/* ---- names that were cut off ---- */

/* Those that begin so, the very name first. */
#define BEGINNING(column)                                                                          \
    "SELECT DISTINCT " column " FROM record WHERE substr(" column ",1,length(?1))=?1 "             \
    "ORDER BY " column "<>?1 LIMIT 2"

/* *text: the name that was asked for. *named becomes the whole one, owned, if there is one. */
static int complete(struct bj_audit *audit, const char *sql, const char **text, char **named,
                    struct bj_error *err)
{
    static const char mark[] = "…";
    size_t length = strlen(*text), tail = sizeof mark - 1;
    bool marked = length > tail && bj_streq(*text + length - tail, mark), several = false;
    sqlite3_stmt *row = NULL;
    int result;

    *named = bj_strdup(*text);
    if (*named == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "audit", "out of memory");
    if (marked)
        (*named)[length - tail] = '\0';
    result = sqlite3_prepare_v2(audit->db, sql, -1, &row, NULL);
    if (result == SQLITE_OK) {
        sqlite3_bind_text(row, 1, *named, -1, SQLITE_TRANSIENT);
        result = sqlite3_step(row);
    }
    if (result == SQLITE_ROW && !bj_streq(text_of(row, 0), *named)) {
        char *whole = bj_strdup(text_of(row, 0));

        bj_free(*named);
        *named = whole;
        result = sqlite3_step(row);
        several = result == SQLITE_ROW;
    }
    sqlite3_finalize(row);
    if (*named == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "audit", "out of memory");
    if (several)
        return bj_fail(err, BJ_E_INVALID, "audit",
                       "%s is the beginning of several names; give more of it", *text);
    *text = *named;
    /* Damage is for the query to tell, which gives what can be read. */
    return (result & 0xff) == SQLITE_NOMEM ? bj_audit_fail(audit, "read", err) : 0;
}

int bj_audit_complete(struct bj_audit *audit, struct bj_audit_filter *filter,
                      struct bj_audit_names *names, struct bj_error *err)
{
    const struct {
        const char **text;
        const char *sql;
        bool always; /* ids are given by their beginning, names of people and tools are not */
    } parts[] = {{&filter->key, BEGINNING("key"), false},
                 {&filter->sandbox, BEGINNING("sandbox"), true},
                 {&filter->tool, BEGINNING("tool"), false}};
    int result = 0;

    for (int i = 0; i < 3 && result == 0; i++) {
        const char *text = *parts[i].text;

        if (text != NULL && (parts[i].always || strstr(text, "…") != NULL))
            result = complete(audit, parts[i].sql, parts[i].text, &names->texts[i], err);
    }
    return result;
}

void bj_audit_names_release(struct bj_audit_names *names)
{
    for (int i = 0; i < 3; i++)
        bj_free(names->texts[i]);
    *names = (struct bj_audit_names){0};
}

/* ---- statistics ---- */

static const char span_sql[] =
    "SELECT number,time FROM record WHERE number IN"
    "((SELECT min(number) FROM record),(SELECT max(number) FROM record)) ORDER BY number";
static const char size_sql[] =
    "SELECT page_count*page_size FROM pragma_page_count,pragma_page_size";

static void take_stats(sqlite3_stmt *row, struct bj_audit_stats *ret)
{
    int64_t *const places[] = {
        &ret->calls,    &ret->decisions[0], &ret->decisions[1], &ret->decisions[2], &ret->risks[0],
        &ret->risks[1], &ret->risks[2],     &ret->risks[3],     &ret->risks[4],     &ret->tools,
        &ret->outcomes, &ret->failed,       &ret->open,         &ret->duration_us};

    for (int i = 0; i < (int)(sizeof places / sizeof *places); i++)
        *places[i] = sqlite3_column_int64(row, i);
}

static void take_span(sqlite3_stmt *row, struct bj_audit_stats *ret)
{
    ret->last = sqlite3_column_int64(row, 0);
    ret->last_ns = sqlite3_column_int64(row, 1);
    if (ret->first == 0) {
        ret->first = ret->last;
        ret->first_ns = ret->last_ns;
    }
}

static void take_size(sqlite3_stmt *row, struct bj_audit_stats *ret)
{
    ret->bytes = sqlite3_column_int64(row, 0);
}

int bj_audit_stats(struct bj_audit *audit, const struct bj_audit_filter *filter,
                   struct bj_audit_stats *ret, struct bj_error *err)
{
    static const struct {
        const char *sql;
        void (*take)(sqlite3_stmt *row, struct bj_audit_stats *ret);
    } parts[] = {{NULL, take_stats}, {span_sql, take_span}, {size_sql, take_size}};
    struct bj_audit_stats found = {0};

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        sqlite3_stmt *query = NULL;
        int result = parts[i].sql != NULL
                         ? sqlite3_prepare_v2(audit->db, parts[i].sql, -1, &query, NULL)
                         : prepare(audit, FIGURES, filter, filter->after, &query);

        while (result == SQLITE_OK && (result = sqlite3_step(query)) == SQLITE_ROW) {
            parts[i].take(query, &found);
            result = SQLITE_OK;
        }
        sqlite3_finalize(query);
        if (result != SQLITE_DONE)
            return bj_audit_fail(audit, "read", err);
    }
    *ret = found;
    return 0;
}
