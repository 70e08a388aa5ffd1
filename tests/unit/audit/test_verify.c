/* Tests of src/audit/verify.c: each kind of tampering shows, and where. */
#include "audit_test.h"

/* Everything behind number 4 moves up by one, to make room for a record that never was. */
#define MAKE_ROOM                                                                                  \
    "UPDATE record SET number=-number-1, verdict=NULL WHERE number>4;"                             \
    "UPDATE record SET number=-number WHERE number<0;"

static const struct attack {
    const char *name, *sql;
    int64_t bad;
    const char *says;
} attacks[] = {
    {"removed", "DELETE FROM record WHERE number=5", 5, "record 5 is missing"},
    {"two removed", "DELETE FROM record WHERE number IN (5,6)", 5, "missing"},
    {"first removed", "DELETE FROM record WHERE number=1", 1, "missing"},
    {"body changed", "UPDATE record SET body=replace(body,'words','other') WHERE number=5", 5,
     "does not follow"},
    {"hash changed", "UPDATE record SET hash=zeroblob(32) WHERE number=5", 5, "does not follow"},
    {"hash cut", "UPDATE record SET hash=zeroblob(31) WHERE number=5", 5, ""},
    {"key column", "UPDATE record SET key='bob' WHERE number=5", 5, "columns"},
    {"key column emptied", "UPDATE record SET key=NULL WHERE number=5", 5, "columns"},
    {"decision column", "UPDATE record SET decision=2 WHERE number=5", 5, "columns"},
    {"risk column", "UPDATE record SET risk=4 WHERE number=5", 5, "columns"},
    {"uid column", "UPDATE record SET uid=0 WHERE number=5", 5, "columns"},
    {"time column", "UPDATE record SET time=time+1 WHERE number=5", 5, "columns"},
    {"exit column", "UPDATE record SET exit_code=0 WHERE number=6", 6, "columns"},
    {"verdict column",
     "UPDATE record SET verdict=1 WHERE number=2;UPDATE record SET verdict=99 "
     "WHERE number=6",
     6, "columns"},
    {"kind column", "UPDATE record SET kind=3 WHERE number=6", 6, ""},
    {"numbers beyond what C reads",
     "UPDATE record SET decision=decision+4294967296,risk=risk+4294967296 WHERE number=5", 5, ""},
    {"exit code beyond what C reads",
     "UPDATE record SET exit_code=exit_code+4294967296 "
     "WHERE number=6",
     6, ""},
    {"text behind a NUL", "UPDATE record SET tool=tool||char(0)||'x' WHERE number=5", 5, ""},
    {"time as text", "UPDATE record SET time=CAST(time AS TEXT)||'x' WHERE number=5", 5, ""},
    {"sandbox as bytes", "UPDATE record SET sandbox=CAST(sandbox AS BLOB) WHERE number=5", 5, ""},
    {"body as bytes", "UPDATE record SET body=CAST(body AS BLOB) WHERE number=5", 5, ""},
    {"decision of nothing", "UPDATE record SET decision=NULL WHERE number=5", 5, ""},
    {"a second base", "INSERT INTO base SELECT zeroblob(16),0,zeroblob(32)", 0, "base"},
    {"decision out of range", "UPDATE record SET decision=77 WHERE number=5", 5, ""},
    {"moved",
     "UPDATE record SET number=-5 WHERE number=5;UPDATE record SET number=5 WHERE "
     "number=7;UPDATE record SET number=7 WHERE number=-5",
     5, "does not follow"},
    {"inserted",
     MAKE_ROOM "INSERT INTO record SELECT 5,time,kind,verdict,uid,key,sandbox,tool,"
               "decision,risk,exit_code,duration_us,body,hash,owner,sandbox_owner FROM "
               "record WHERE number=3",
     5, "does not follow"},
    {"beginning removed",
     "UPDATE base SET number=4,hash=(SELECT hash FROM record WHERE number=4);"
     "DELETE FROM record WHERE number<=4",
     5, "not by retention"},
    {"base changed", "UPDATE base SET hash=zeroblob(32)", 1, "does not follow"},
    {"identifier changed", "UPDATE base SET id=zeroblob(16)", 1, "identifier"},
    {"trigger", "CREATE TRIGGER t AFTER INSERT ON record BEGIN DELETE FROM record; END", 0,
     "tables"},
    {"other table", "CREATE TABLE t(a)", 0, "tables"},
    {"index gone", "DROP INDEX outcome", 0, "tables"},
    {"base gone", "DELETE FROM base", 0, "base is gone"},
    {"base strange", "UPDATE base SET id='x'", 0, "base is gone or changed"},
    {"format", "PRAGMA user_version=7", 0, "number of the format"},
};

static void each_attack_shows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof attacks / sizeof *attacks; i++) {
        void *slot = NULL;
        struct bj_audit_check check;

        assert_int_equal(place_setup(&slot), 0);
        put_calls(slot, 6);
        check = verify(slot, NULL);
        assert_true(check.sound);
        assert_int_equal(check.records, 12);
        tamper(slot, attacks[i].sql);
        check = verify(slot, NULL);
        if (check.sound || check.bad != attacks[i].bad ||
            strstr(check.problem, attacks[i].says) == NULL)
            fail_msg("%s: sound %d, bad %lld: %s", attacks[i].name, check.sound,
                     (long long)check.bad, check.problem);
        place_teardown(&slot);
    }
}

static struct bj_audit_head head_of(struct place *place)
{
    struct bj_audit *audit = open_as(place, BJ_AUDIT_READ);
    struct bj_audit_head head;

    assert_int_equal(bj_audit_head(audit, &head, NULL), 0);
    bj_audit_close(audit);
    return head;
}

/* What no chain can show by itself is what the anchor is for. */
static void end_cut_off_shows_with_anchor(void **state)
{
    struct bj_audit_head anchor;
    struct bj_audit_check check;

    put_calls(*state, 6);
    anchor = head_of(*state);
    assert_int_equal(anchor.number, 12);
    assert_true(verify(*state, &anchor).sound);
    tamper(*state, "DELETE FROM record WHERE number>8");
    assert_true(verify(*state, NULL).sound);
    check = verify(*state, &anchor);
    assert_false(check.sound);
    assert_int_equal(check.bad, 9);
    assert_non_null(strstr(check.problem, "ends at record 8"));
}

static void rebuilt_chain_shows_with_anchor(void **state)
{
    struct bj_audit_head anchor;
    struct bj_audit_check check;

    put_calls(*state, 6);
    anchor = head_of(*state);
    tamper(*state, "DELETE FROM record WHERE number>8");
    put_calls(*state, 6); /* at other times: another history */
    assert_true(verify(*state, NULL).sound);
    check = verify(*state, &anchor);
    assert_false(check.sound);
    assert_int_equal(check.bad, 12);
    assert_non_null(strstr(check.problem, "another hash"));
}

static void anchor_of_the_past_holds(void **state)
{
    struct bj_audit_head anchor;

    put_calls(*state, 2);
    anchor = head_of(*state);
    put_calls(*state, 5);
    assert_true(verify(*state, &anchor).sound);
}

static void empty_history(void **state)
{
    struct bj_audit_head head, other = {0};
    struct bj_audit_check check;

    bj_audit_close(open_as(*state, BJ_AUDIT_WRITE));
    head = head_of(*state);
    assert_int_equal(head.number, 0);
    check = verify(*state, &head);
    assert_true(check.sound);
    assert_int_equal(check.records, 0);
    assert_false(verify(*state, &other).sound);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_attack_shows),
        cmocka_unit_test_setup_teardown(end_cut_off_shows_with_anchor, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(rebuilt_chain_shows_with_anchor, place_setup,
                                        place_teardown),
        cmocka_unit_test_setup_teardown(anchor_of_the_past_holds, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(empty_history, place_setup, place_teardown),
    };

    return cmocka_run_group_tests_name("audit/verify", tests, NULL, NULL);
}
