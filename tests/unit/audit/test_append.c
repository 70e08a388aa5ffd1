/* Tests of src/audit/append.c and body.c: what is written, in which order, and what is refused. */
#include "audit_test.h"

#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"

struct seen {
    int count;
    struct bj_audit_record records[8];
    char bodies[8][40000];
};

static int see(void *context, const struct bj_audit_record *record)
{
    struct seen *seen = context;

    seen->records[seen->count] = *record;
    snprintf(seen->bodies[seen->count++], sizeof *seen->bodies, "%s", record->body);
    return 0;
}

static void read_all(struct bj_audit *audit, struct seen *seen)
{
    struct bj_audit_filter all = BJ_AUDIT_FILTER_ALL;
    struct bj_error err = {0};

    memset(seen, 0, sizeof *seen);
    if (bj_audit_each(audit, &all, see, seen, &err) < 0)
        fail_msg("%s", err.message);
}

static void verdict_then_outcome(void **state)
{
    struct place *place = *state;
    struct bj_audit *audit = open_as(place, BJ_AUDIT_WRITE);
    struct seen seen;

    assert_int_equal(put_call(audit, "echo \"hi\"", BJ_ALLOW, BJ_RISK_NONE), 1);
    assert_int_equal(put_call(audit, "rm -rf /", BJ_DENY, BJ_RISK_CRITICAL), 3);
    read_all(audit, &seen);
    bj_audit_close(audit);
    assert_int_equal(seen.count, 3);
    assert_int_equal(seen.records[1].verdict, 1);
    assert_string_equal(
        seen.bodies[0],
        "{\"number\":1,\"kind\":\"verdict\",\"time\":\"2024-10-04T00:00:00.001000000Z\","
        "\"uid\":1000,\"key\":\"alice\",\"sandbox\":\"sb1\",\"tool\":\"Bash\","
        "\"decision\":\"allow\",\"risk\":\"none\",\"directory\":\"/w\","
        "\"command\":\"echo \\\"hi\\\"\"}");
    assert_string_equal(
        seen.bodies[1],
        "{\"number\":2,\"kind\":\"outcome\",\"time\":\"2024-10-04T00:00:00.002000000Z\","
        "\"verdict\":1,\"exit_code\":3,\"duration_us\":1500,\"ran\":true}");
    assert_non_null(strstr(seen.bodies[2], "\"reasons\":[{\"rule\":\"rule\",\"risk\":\"critical\","
                                           "\"decision\":\"deny\""));
    assert_true(verify(place, NULL).sound);
}

static void outcome_once_and_of_a_verdict(void **state)
{
    struct place *place = *state;
    struct bj_audit *audit = open_as(place, BJ_AUDIT_WRITE);
    struct bj_audit_outcome outcome = {.ran = true};
    struct bj_audit_head head;
    struct bj_error err;

    put_call(audit, "true", BJ_ALLOW, BJ_RISK_NONE);
    assert_int_equal(bj_audit_append_outcome(audit, 1, &outcome, &err), -BJ_E_INVALID);
    assert_int_equal(bj_audit_append_outcome(audit, 2, &outcome, &err), -BJ_E_INVALID);
    assert_int_equal(bj_audit_append_outcome(audit, 9, &outcome, &err), -BJ_E_INVALID);
    assert_int_equal(bj_audit_head(audit, &head, &err), 0);
    assert_int_equal(head.number, 2);
    bj_audit_close(audit);
}

static void batch_is_all_or_nothing(void **state)
{
    struct place *place = *state;
    struct bj_audit *audit = open_as(place, BJ_AUDIT_WRITE);
    struct bj_audit_head head;
    struct bj_error err;

    assert_int_equal(bj_audit_begin(audit, &err), 0);
    assert_int_equal(bj_audit_begin(audit, &err), -BJ_E_INVALID);
    for (int i = 0; i < 100; i++)
        put_call(audit, "true", BJ_ALLOW, BJ_RISK_NONE);
    assert_int_equal(bj_audit_commit(audit, &err), 0);
    assert_int_equal(bj_audit_commit(audit, &err), -BJ_E_INVALID);
    assert_int_equal(bj_audit_begin(audit, &err), 0);
    put_call(audit, "true", BJ_ALLOW, BJ_RISK_NONE);
    bj_audit_close(audit);
    audit = open_as(place, BJ_AUDIT_WRITE);
    assert_int_equal(bj_audit_head(audit, &head, &err), 0);
    assert_int_equal(head.number, 200);
    bj_audit_close(audit);
    assert_true(verify(place, NULL).sound);
}

static void long_texts_are_cut(void **state)
{
    struct place *place = *state;
    struct bj_audit *audit = open_as(place, BJ_AUDIT_WRITE);
    struct seen seen;
    char *text = malloc(1 << 20);

    memset(text, 'x', 1 << 20);
    text[(1 << 20) - 1] = '\0';
    put_call(audit, text, BJ_DENY, BJ_RISK_LOW);
    read_all(audit, &seen);
    assert_true(seen.records[0].body_length < 200000);
    bj_audit_close(audit);
    free(text);
    assert_true(verify(place, NULL).sound);
}

/* A name is masked as a whole and cut between characters. */
static void long_names_are_cut(void **state)
{
    static const char secret[] = "ghp_0123456789abcdefghijABCDEFGHIJ012345";
    struct place *place = *state;
    struct bj_audit *audit = open_as(place, BJ_AUDIT_WRITE);
    struct bj_request request = {.command = "true"};
    struct bj_audit_who who = {.uid = 1};
    struct bj_verdict verdict;
    struct bj_error err = {0};
    struct seen seen;
    char tool[400], key[600] = "x";

    memset(tool, 'x', sizeof tool);
    tool[239] = ' ';
    memcpy(tool + 240, secret, sizeof secret);
    for (int i = 0; i < 200; i++)
        strcat(key, "\xc3\xa9");
    request.tool = tool;
    request.key = key;
    bj_verdict_init(&verdict);
    assert_int_equal(bj_audit_append_verdict(audit, &request, &verdict, &who, NULL, &err), 0);
    read_all(audit, &seen);
    assert_null(strstr(seen.bodies[0], "ghp_"));
    assert_non_null(strstr(seen.bodies[0], "\xc3\xa9[cut: 401 bytes in all]"));
    bj_audit_close(audit);
    assert_true(verify(place, NULL).sound);
}

static void reader_cannot_write(void **state)
{
    struct place *place = *state;
    struct bj_audit *audit = open_as(place, BJ_AUDIT_WRITE);
    struct bj_error err;

    put_call(audit, "true", BJ_ALLOW, BJ_RISK_NONE);
    bj_audit_close(audit);
    audit = open_as(place, BJ_AUDIT_READ);
    assert_int_equal(bj_audit_begin(audit, &err), -BJ_E_INVALID);
    bj_audit_close(audit);
}

static bool shares_index(void)
{
    BJ_CLEANUP_FREE char *maps = NULL;

    return bj_read_file("/proc/self/maps", 1 << 20, &maps, NULL, NULL) == 0 &&
           strstr(maps, "-shm") != NULL;
}

/* Init is a child, made after the verdict. */
static void children_share_nothing(void **state)
{
    struct place *place = *state;
    struct bj_audit *audit = open_as(place, BJ_AUDIT_WRITE);
    int status;
    pid_t pid;

    put_call(audit, "true", BJ_ALLOW, BJ_RISK_NONE);
    assert_true(shares_index());
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(shares_index() ? 1 : 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    put_call(audit, "false", BJ_ALLOW, BJ_RISK_NONE);
    bj_audit_close(audit);
}

/* The act is kept whole, its secrets are not; arguments that were cut before end in no secret. */
static void act_and_cut_arguments(void **state)
{
    static const char act[] = "{\"kind\":\"start\",\"env\":[\"API_KEY=hush\"],\"argv\":[\"ls\"]}";
    struct place *place = *state;
    struct bj_audit *audit = open_as(place, BJ_AUDIT_WRITE);
    struct bj_request request = {.tool = "Write",
                                 .arguments = "{\"content\": \"abc\", \"token\": \"beginning-of-a",
                                 .arguments_cut = 70000,
                                 .act = act};
    struct bj_verdict verdict;
    struct bj_error err = {0};
    struct seen seen;

    bj_verdict_init(&verdict);
    if (bj_audit_append_verdict(audit, &request, &verdict, &(struct bj_audit_who){0}, NULL, &err) <
        0)
        fail_msg("%s", err.message);
    read_all(audit, &seen);
    bj_audit_close(audit);
    assert_non_null(strstr(seen.bodies[0], "\"act\":{\"kind\":\"start\",\"env\":["));
    assert_non_null(strstr(seen.bodies[0], "\"argv\":[\"ls\"]}"));
    assert_null(strstr(seen.bodies[0], "hush"));
    assert_non_null(strstr(seen.bodies[0], "\\\"abc\\\""));
    assert_non_null(strstr(seen.bodies[0], "[cut: 70000 bytes in all]"));
    assert_null(strstr(seen.bodies[0], "beginning-of-a"));
    assert_true(verify(place, NULL).sound);
}

struct numbers {
    int64_t number[8];
    int count;
};

static int note(void *context, const struct bj_audit_record *verdict,
                const struct bj_audit_record *outcome)
{
    struct numbers *numbers = context;

    (void)outcome;
    numbers->number[numbers->count++] = verdict->number;
    return 0;
}

static int64_t put_verdict(struct bj_audit *audit, const char *act, const char *arguments)
{
    struct bj_request request = {.tool = "Bash", .act = act, .arguments = arguments};
    struct bj_verdict verdict;
    int64_t number = 0;

    bj_verdict_init(&verdict);
    assert_int_equal(bj_audit_append_verdict(audit, &request, &verdict, &(struct bj_audit_who){0},
                                             &number, NULL),
                     0);
    return number;
}

static void open_acts(void **state)
{
    struct place *place = *state;
    struct bj_audit *audit = open_as(place, BJ_AUDIT_WRITE);
    const struct bj_audit_outcome outcome = {.ran = true};
    struct bj_audit_filter filter = BJ_AUDIT_FILTER_ALL;
    struct numbers numbers = {0};
    int64_t done, open;
    bool there = true;

    put_verdict(audit, NULL, "{\"command\":\"x\"}");
    done = put_verdict(audit, "{\"kind\":\"pause\"}", NULL);
    open = put_verdict(audit, "{\"kind\":\"pause\"}", NULL);
    assert_int_equal(bj_audit_has_outcome(audit, done, &there, NULL), 0);
    assert_false(there);
    assert_int_equal(bj_audit_append_outcome(audit, done, &outcome, NULL), 0);
    assert_int_equal(bj_audit_has_outcome(audit, done, &there, NULL), 0);
    assert_true(there);
    filter.open_acts = true;
    assert_int_equal(bj_audit_query(audit, &filter, note, &numbers, NULL), 0);
    assert_int_equal(numbers.count, 1);
    assert_int_equal(numbers.number[0], open);

    filter = BJ_AUDIT_FILTER_ALL;
    filter.before = open;
    filter.newest = 1;
    numbers = (struct numbers){0};
    assert_int_equal(bj_audit_query(audit, &filter, note, &numbers, NULL), 0);
    assert_int_equal(numbers.count, 1);
    assert_int_equal(numbers.number[0], done);
    bj_audit_close(audit);
}

/* What a refused request of the service brings takes little room, whatever it is. */
static void refused_is_short(void **state)
{
    struct place *place = *state;
    struct bj_audit *audit = open_as(place, BJ_AUDIT_WRITE);
    static const char *argv[301];
    static char word[8001], text[65536];
    static const struct bj_audit_who who = {.uid = 1, .owner = "team"};
    struct bj_request request = {.tool = "Bash", .argv = argv, .command = text, .arguments = text};
    struct bj_verdict verdict;
    struct bj_error err = {0};
    struct seen seen;

    memset(word, 'x', 8000);
    memset(text, 'y', sizeof text - 1);
    for (size_t i = 0; i < 300; i++)
        argv[i] = word;
    bj_verdict_init(&verdict);
    for (size_t i = 0; i < 40; i++)
        bj_verdict_add(&verdict, &(struct bj_violation){"rule", "why", text, "ask", BJ_RISK_HIGH,
                                                        BJ_DENY, 0, 3});
    if (bj_audit_append_verdict(audit, &request, &verdict, &who, NULL, &err) < 0)
        fail_msg("%s", err.message);
    bj_verdict_release(&verdict);
    read_all(audit, &seen);
    bj_audit_close(audit);
    assert_non_null(strstr(seen.bodies[0], "[cut: 65535 bytes in all]"));
    assert_non_null(strstr(seen.bodies[0], "[cut: 8000 bytes in all]"));
    assert_non_null(strstr(seen.bodies[0], "\"description\":\"why\""));
    assert_in_range(strlen(seen.bodies[0]), 4096, 32768);
    assert_true(verify(place, NULL).sound);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(verdict_then_outcome, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(outcome_once_and_of_a_verdict, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(batch_is_all_or_nothing, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(long_texts_are_cut, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(long_names_are_cut, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(act_and_cut_arguments, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(refused_is_short, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(open_acts, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(children_share_nothing, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(reader_cannot_write, place_setup, place_teardown),
    };

    return cmocka_run_group_tests_name("audit/append", tests, NULL, NULL);
}
