/* Tests of src/audit/prune.c: what retention takes, and that the proof of the rest holds. */
#include "audit_test.h"

static int64_t prune(struct place *place, int64_t age_ns, int64_t bytes)
{
    struct bj_audit *audit = open_as(place, BJ_AUDIT_WRITE);
    struct bj_audit_retention retention = {age_ns, bytes};
    struct bj_error err = {0};
    int64_t removed = 0;

    if (bj_audit_prune(audit, &retention, &removed, &err) < 0)
        fail_msg("%s", err.message);
    bj_audit_close(audit);
    return removed;
}

static int64_t size_of(const struct place *place)
{
    struct stat status;

    assert_int_equal(stat(place->path, &status), 0);
    return status.st_size;
}

static void by_age(void **state)
{
    struct place *place = *state;
    struct bj_audit_check check;

    put_calls(place, 5);
    place->now += 10 * DAY;
    put_calls(place, 5);
    assert_int_equal(prune(place, 11 * DAY, 0), 0);
    assert_int_equal(prune(place, 5 * DAY, 0), 10);
    check = verify(place, NULL);
    assert_true(check.sound);
    assert_int_equal(check.after, 10);
    assert_int_equal(check.records, 11); /* and what retention says of itself */
    put_calls(place, 5);
    assert_true(verify(place, NULL).sound);
}

/* A clock that jumped ahead and back: what is behind the odd record waits for it. */
static void clock_that_jumps(void **state)
{
    struct place *place = *state;

    put_calls(place, 2);
    place->now += 100 * DAY;
    put_calls(place, 1);
    place->now -= 100 * DAY;
    put_calls(place, 2);
    place->now += 10 * DAY;
    assert_int_equal(prune(place, DAY, 0), 4);
    assert_true(verify(place, NULL).sound);
}

static void by_size(void **state)
{
    struct place *place = *state;
    struct bj_audit_check check;
    int64_t before;

    put_calls(place, 10000);
    assert_int_equal(prune(place, 0, (int64_t)1 << 40), 0);
    bj_audit_close(open_as(place, BJ_AUDIT_WRITE));
    assert_true(prune(place, 0, 2000000) > 5000);
    before = size_of(place);
    assert_true(before < 2100000);
    check = verify(place, NULL);
    assert_true(check.sound);
    assert_true(check.after > 5000);
    prune(place, 0, 1000000);
    assert_true(size_of(place) < before);
    assert_true(verify(place, NULL).sound);
}

static void newest_stays(void **state)
{
    struct place *place = *state;
    struct bj_audit_check check;

    put_calls(place, 50);
    place->now += 100 * DAY;
    assert_int_equal(prune(place, DAY, 0), 100);
    check = verify(place, NULL);
    assert_true(check.sound);
    assert_int_equal(check.records, 2);   /* both say what went */
    assert_true(prune(place, 0, 1) <= 2); /* ends, though no size is that small */
    assert_true(verify(place, NULL).sound);
}

static void outcome_after_its_verdict_went(void **state)
{
    struct place *place = *state;
    struct bj_audit *audit = open_as(place, BJ_AUDIT_WRITE);
    struct bj_audit_outcome outcome = {.ran = true};
    struct bj_request request = {.tool = "Bash", .command = "sleep 100"};
    struct bj_audit_who who = {.uid = 1};
    struct bj_verdict verdict;
    struct bj_error err = {0};
    int64_t number;

    bj_verdict_init(&verdict);
    assert_int_equal(bj_audit_append_verdict(audit, &request, &verdict, &who, &number, &err), 0);
    place->now += 10 * DAY;
    put_call(audit, "true", BJ_ALLOW, BJ_RISK_NONE);
    prune(place, DAY, 0);
    assert_int_equal(bj_audit_append_outcome(audit, number, &outcome, &err), 0);
    bj_audit_close(audit);
    assert_true(verify(place, NULL).sound);
}

static void anchors_and_retention(void **state)
{
    struct place *place = *state;
    struct bj_audit *audit;
    struct bj_audit_head third, sixth, head;
    struct bj_audit_check check;

    put_calls(place, 1);
    audit = open_as(place, BJ_AUDIT_READ);
    bj_audit_head(audit, &third, NULL);
    put_calls(place, 2);
    bj_audit_head(audit, &sixth, NULL);
    place->now += 10 * DAY;
    put_calls(place, 2);
    bj_audit_head(audit, &head, NULL);
    bj_audit_close(audit);
    assert_int_equal(prune(place, DAY, 0), 6);
    assert_true(verify(place, &head).sound);
    assert_true(verify(place, &sixth).sound); /* its hash is the base */
    check = verify(place, &third);
    assert_false(check.sound);
    assert_non_null(strstr(check.problem, "retention"));
}

/* The base that retention left cannot be moved on by hand. */
static void forged_retention_shows(void **state)
{
    struct place *place = *state;

    put_calls(place, 5);
    place->now += 10 * DAY;
    put_calls(place, 5);
    prune(place, DAY, 0);
    assert_true(verify(place, NULL).sound);
    tamper(place, "UPDATE base SET number=12,hash=(SELECT hash FROM record WHERE number=12);"
                  "DELETE FROM record WHERE number<=12");
    assert_false(verify(place, NULL).sound);
}

static void maintain_does_it_when_due(void **state)
{
    struct place *place = *state;
    struct bj_audit_options options = {.path = place->path,
                                       .access = BJ_AUDIT_WRITE,
                                       .now_ns = place_now,
                                       .now_context = place,
                                       .log_pages = 1};
    struct bj_audit_retention retention = {.age_ns = DAY};
    struct bj_audit *audit;
    struct bj_error err = {0};
    struct stat status;
    char log[128];

    put_calls(place, 5);
    place->now += 10 * DAY;
    assert_int_equal(bj_audit_open(&options, &audit, &err), 0);
    put_call(audit, "true", BJ_ALLOW, BJ_RISK_NONE);
    assert_int_equal(bj_audit_maintain(audit, &retention, NULL, &err), 0);
    bj_audit_close(audit);
    assert_int_equal(verify(place, NULL).after, 10);
    snprintf(log, sizeof log, "%s-wal", place->path);
    assert_int_equal(stat(log, &status), 0);
    assert_int_equal(status.st_size, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(by_age, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(clock_that_jumps, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(by_size, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(newest_stays, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(outcome_after_its_verdict_went, place_setup,
                                        place_teardown),
        cmocka_unit_test_setup_teardown(anchors_and_retention, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(forged_retention_shows, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(maintain_does_it_when_due, place_setup, place_teardown),
    };

    return cmocka_run_group_tests_name("audit/prune", tests, NULL, NULL);
}
