/* What the tests of the audit share: a database in a directory of the test's own. */
#ifndef BJ_TESTS_AUDIT_TEST_H
#define BJ_TESTS_AUDIT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ftw.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/audit.h"
#include "base/mem.h"

#define DAY ((int64_t)86400 * 1000000000)

struct place {
    char directory[64];
    char path[96];
    int64_t now;
};

static inline int64_t place_now(void *context)
{
    struct place *place = context;

    return place->now += 1000000;
}

static inline int place_setup(void **state)
{
    struct place *place = calloc(1, sizeof *place);

    snprintf(place->directory, sizeof place->directory, "/tmp/belljar-audit.XXXXXX");
    if (mkdtemp(place->directory) == NULL)
        return -1;
    snprintf(place->path, sizeof place->path, "%s/audit.db", place->directory);
    place->now = 20000 * DAY;
    *state = place;
    return 0;
}

static inline int remove_entry(const char *path, const struct stat *status, int kind,
                               struct FTW *where)
{
    (void)status;
    (void)kind;
    (void)where;
    return remove(path);
}

static inline int place_teardown(void **state)
{
    struct place *place = *state;

    nftw(place->directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    free(place);
    return 0;
}

static inline struct bj_audit *open_as(struct place *place, enum bj_audit_access access)
{
    struct bj_audit_options options = {
        .path = place->path, .access = access, .now_ns = place_now, .now_context = place};
    struct bj_audit *audit = NULL;
    struct bj_error err = {0};

    if (bj_audit_open(&options, &audit, &err) < 0)
        fail_msg("%s", err.message);
    return audit;
}

/* A verdict on `command`, and unless it was denied an outcome. Returns the verdict's number. */
static inline int64_t put_call(struct bj_audit *audit, const char *command,
                               enum bj_decision decision, enum bj_risk risk)
{
    struct bj_request request = {
        .tool = "Bash", .key = "alice", .sandbox = "sb1", .directory = "/w", .command = command};
    struct bj_audit_who who = {.uid = 1000};
    struct bj_audit_outcome outcome = {.ran = true, .exit_code = 3, .duration_us = 1500};
    struct bj_verdict verdict;
    struct bj_error err = {0};
    int64_t number = 0;

    bj_verdict_init(&verdict);
    if (decision != BJ_ALLOW)
        bj_verdict_add(&verdict, &(struct bj_violation){"rule", "what \"it\" is", command, "ask",
                                                        risk, decision, 0, 3});
    if (bj_audit_append_verdict(audit, &request, &verdict, &who, &number, &err) < 0)
        fail_msg("%s", err.message);
    bj_verdict_release(&verdict);
    if (decision != BJ_DENY && bj_audit_append_outcome(audit, number, &outcome, &err) < 0)
        fail_msg("%s", err.message);
    return number;
}

/* So many calls that were allowed: two records each. */
static inline void put_calls(struct place *place, int count)
{
    struct bj_audit *audit = open_as(place, BJ_AUDIT_WRITE);
    struct bj_error err = {0};

    assert_int_equal(bj_audit_begin(audit, &err), 0);
    for (int i = 0; i < count; i++)
        put_call(audit, "echo some words", BJ_ALLOW, BJ_RISK_NONE);
    assert_int_equal(bj_audit_commit(audit, &err), 0);
    bj_audit_close(audit);
}

/* Changes the database behind the audit's back. */
static inline void tamper(struct place *place, const char *sql)
{
    sqlite3 *db = NULL;
    char *message = NULL;

    assert_int_equal(sqlite3_open(place->path, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK)
        fail_msg("%s: %s", sql, message);
    sqlite3_close(db);
}

static inline struct bj_audit_check verify(struct place *place, const struct bj_audit_head *anchor)
{
    struct bj_audit *audit = open_as(place, BJ_AUDIT_READ);
    struct bj_audit_check check;
    struct bj_error err = {0};

    if (bj_audit_verify(audit, anchor, &check, &err) < 0)
        fail_msg("%s", err.message);
    bj_audit_close(audit);
    return check;
}

#endif
