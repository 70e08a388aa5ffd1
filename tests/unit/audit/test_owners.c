/* Whose records are, databases of the first format, which knew no owners, and ends nobody saw. */
#include <jansson.h>

#include "audit_test.h"
#include "base/str.h"

/* What the version before owners made of `run --audit required -c 'echo one; exit 3'` and `-c 'rm
 * -rf /'`, as sqlite3's .dump tells it. */
static const char first_format[] =
    "PRAGMA application_id=1112162645;PRAGMA user_version=1112145921;"
    "PRAGMA journal_mode=WAL;"
    "BEGIN TRANSACTION;"
    "CREATE TABLE base(id BLOB NOT NULL,number INTEGER NOT NULL,hash BLOB NOT NULL);"
    "INSERT INTO base "
    "VALUES(X'1e4e6978e92527b082b84f356019d952',0,X'"
    "2ac124cba1fb808d9f4eb3c19d7aff29e3acbd867d16dd5098c8e4c9d0b68414');"
    "CREATE TABLE record(number INTEGER PRIMARY KEY,time INTEGER NOT NULL,kind INTEGER NOT "
    "NULL,verdict INTEGER,uid INTEGER,key TEXT,sandbox TEXT,tool TEXT,decision INTEGER,risk "
    "INTEGER,exit_code INTEGER,duration_us INTEGER,body TEXT NOT NULL,hash BLOB NOT NULL);"
    "INSERT INTO record "
    "VALUES(1,1795408245041271583,1,NULL,0,NULL,'run-aa1a14ffebb9a1e1','Bash',0,0,NULL,NULL,'{"
    "\"number\":1,\"kind\":\"verdict\",\"time\":\"2026-11-23T04:30:45.041271583Z\",\"uid\":0,"
    "\"sandbox\":\"run-aa1a14ffebb9a1e1\",\"tool\":\"Bash\",\"decision\":\"allow\",\"risk\":"
    "\"none\",\"directory\":\"/opt/project\",\"command\":\"echo one; exit "
    "3\"}',X'bc1cd53c845510654f79318a8395bfcfe72bfcedd7f197009850218afd2fd1d2');"
    "INSERT INTO record "
    "VALUES(2,1795408245082847779,2,1,NULL,NULL,NULL,NULL,NULL,NULL,3,37931,'{\"number\":2,"
    "\"kind\":\"outcome\",\"time\":\"2026-11-23T04:30:45.082847779Z\",\"verdict\":1,\"exit_code\":"
    "3,\"duration_us\":37931,\"ran\":true,\"cpu_us\":2059,\"peak_memory_bytes\":790528,\"stdout_"
    "bytes\":4}',X'56c7d391f2f203eb992a42bf7b820f0b14ec82ac8970307a74d648c70814f241');"
    "INSERT INTO record "
    "VALUES(3,1795408245094644697,1,NULL,0,NULL,'run-2879b268f0857fba','Bash',2,4,NULL,NULL,'{"
    "\"number\":3,\"kind\":\"verdict\",\"time\":\"2026-11-23T04:30:45.094644697Z\",\"uid\":0,"
    "\"sandbox\":\"run-2879b268f0857fba\",\"tool\":\"Bash\",\"decision\":\"deny\",\"risk\":"
    "\"critical\",\"directory\":\"/opt/project\",\"command\":\"rm -rf "
    "/\",\"reasons\":[{\"rule\":\"destroy.root\",\"risk\":\"critical\",\"decision\":\"deny\","
    "\"description\":\"removes the root directory or what stands directly in it\",\"command\":\"rm "
    "-rf /\",\"advice\":\"name the directory below your project that is to "
    "go\",\"from\":0,\"to\":8}]}',X'"
    "bdbefb44d8629f6ae1de3c1d87015d5243f7362411f090cfbbcb16854a1a330c');"
    "CREATE UNIQUE INDEX outcome ON record(verdict) WHERE verdict IS NOT NULL;"
    "COMMIT;";

struct seen {
    int64_t numbers[16];
    size_t count;
};

static int see(void *context, const struct bj_audit_record *verdict,
               const struct bj_audit_record *outcome)
{
    struct seen *seen = context;

    (void)outcome;
    assert_in_range(seen->count, 0, 15);
    seen->numbers[seen->count++] = verdict->number;
    return 0;
}

/* The numbers of the calls that this owner may see, as a text. */
static const char *seen_by(struct bj_audit *audit, const char *owner, int64_t newest)
{
    static char text[128];
    struct bj_audit_filter filter = BJ_AUDIT_FILTER_ALL;
    struct bj_audit_stats stats;
    struct seen seen = {0};
    struct bj_error err = {0};
    size_t length = 0;

    filter.owner = owner;
    filter.newest = newest;
    if (bj_audit_query(audit, &filter, see, &seen, &err) < 0 ||
        bj_audit_stats(audit, &filter, &stats, &err) < 0)
        fail_msg("%s", err.message);
    if (newest == 0)
        assert_int_equal(stats.calls, seen.count);
    text[0] = '\0';
    for (size_t i = 0; i < seen.count; i++)
        length += (size_t)snprintf(text + length, sizeof text - length, "%s%lld", i > 0 ? " " : "",
                                   (long long)seen.numbers[i]);
    return text;
}

static int64_t put_owned(struct bj_audit *audit, const char *key, const char *owner,
                         const char *sandbox_owner)
{
    const struct bj_request request = {.tool = "Bash", .key = key, .sandbox = "s", .command = "x"};
    const struct bj_audit_who who = {.owner = owner, .sandbox_owner = sandbox_owner};
    struct bj_verdict verdict;
    struct bj_error err = {0};
    int64_t number = 0;

    bj_verdict_init(&verdict);
    if (bj_audit_append_verdict(audit, &request, &verdict, &who, &number, &err) < 0)
        fail_msg("%s", err.message);
    return number;
}

static void assert_sound(struct place *place)
{
    struct bj_audit_check check = verify(place, NULL);

    if (!check.sound)
        fail_msg("%s", check.problem);
}

/* An owner sees what it asked for with any key, and what was done in its sandboxes; nobody sees
 * another's because a key has the same name. */
static void owners_see_their_own(void **state)
{
    struct bj_audit *audit = open_as(*state, BJ_AUDIT_WRITE);

    put_owned(audit, "a1", "alice", NULL);
    put_owned(audit, "a2", "alice", NULL);
    put_owned(audit, "a1", "mallory", NULL);
    put_owned(audit, "root", "admin", "alice");
    put_owned(audit, "root", "admin", NULL);
    put_owned(audit, "a1", NULL, NULL);
    assert_string_equal(seen_by(audit, NULL, 0), "1 2 3 4 5 6");
    assert_string_equal(seen_by(audit, "alice", 0), "1 2 4");
    assert_string_equal(seen_by(audit, "alice", 2), "2 4");
    assert_string_equal(seen_by(audit, "mallory", 0), "3");
    assert_string_equal(seen_by(audit, "admin", 0), "4 5");
    assert_string_equal(seen_by(audit, "bob", 0), "");
    assert_string_equal(seen_by(audit, "' OR 1 --", 0), "");
    bj_audit_close(audit);
    assert_sound(*state);
    tamper(*state, "UPDATE record SET owner='mallory' WHERE number=1");
    assert_false(verify(*state, NULL).sound);
}

static void tampered_owner_of_a_sandbox_shows(void **state)
{
    struct bj_audit *audit = open_as(*state, BJ_AUDIT_WRITE);

    put_owned(audit, "root", "admin", "alice");
    bj_audit_close(audit);
    assert_sound(*state);
    tamper(*state, "UPDATE record SET sandbox_owner=NULL");
    assert_false(verify(*state, NULL).sound);
}

static void first_format_is_read_as_it_is(void **state)
{
    struct bj_audit *audit;

    tamper(*state, first_format);
    assert_sound(*state);
    audit = open_as(*state, BJ_AUDIT_READ);
    assert_string_equal(seen_by(audit, NULL, 0), "1 3");
    assert_string_equal(seen_by(audit, NULL, 1), "3");
    assert_string_equal(seen_by(audit, "alice", 0), "");
    bj_audit_close(audit);
}

/* The first record that is written adds the columns; the chain goes on through it. A batch that is
 * given up changes nothing, and neither does opening. */
static void first_format_is_continued(void **state)
{
    struct bj_audit *audit, *reader;
    struct bj_error err = {0};

    tamper(*state, first_format);
    audit = open_as(*state, BJ_AUDIT_WRITE);
    reader = open_as(*state, BJ_AUDIT_READ);
    assert_int_equal(bj_audit_begin(audit, &err), 0);
    put_owned(audit, "a1", "alice", NULL);
    bj_audit_abandon(audit);
    assert_string_equal(seen_by(reader, NULL, 0), "1 3");
    assert_sound(*state);
    assert_int_equal(put_owned(audit, "a1", "alice", NULL), 4);
    assert_int_equal(put_owned(audit, "a1", "alice", NULL), 5);
    assert_string_equal(seen_by(audit, "alice", 0), "4 5");
    /* Who had it open before reads on. */
    assert_string_equal(seen_by(reader, NULL, 0), "1 3 4 5");
    bj_audit_close(reader);
    bj_audit_close(audit);
    assert_sound(*state);
    audit = open_as(*state, BJ_AUDIT_WRITE);
    assert_string_equal(seen_by(audit, "alice", 0), "4 5");
    bj_audit_close(audit);
}

/* Two writers that found it old: one makes it new, the other sees that it is. */
static void two_writers_of_the_first_format(void **state)
{
    struct bj_audit *one, *two;

    tamper(*state, first_format);
    one = open_as(*state, BJ_AUDIT_WRITE);
    two = open_as(*state, BJ_AUDIT_WRITE);
    assert_int_equal(put_owned(one, "a", "alice", NULL), 4);
    assert_int_equal(put_owned(two, "b", "bob", NULL), 5);
    assert_int_equal(put_owned(one, "a", "alice", NULL), 6);
    bj_audit_close(one);
    bj_audit_close(two);
    assert_sound(*state);
}

static int take_outcome(void *context, const struct bj_audit_record *verdict,
                        const struct bj_audit_record *outcome)
{
    json_t *body = json_loadb(outcome->body, outcome->body_length, 0, NULL);

    (void)verdict;
    (void)context;
    assert_true(outcome->unknown);
    assert_true(json_is_null(json_object_get(body, "exit_code")));
    assert_true(json_is_null(json_object_get(body, "duration_us")));
    json_decref(body);
    return 0;
}

/* How a call ended that nobody saw end is left open, and it does not count as ended well. */
static void nothing_is_invented(void **state)
{
    struct bj_audit *audit = open_as(*state, BJ_AUDIT_WRITE);
    const struct bj_audit_outcome outcome = {.ran = true, .unknown = true, .exit_code = 137};
    struct bj_audit_filter all = BJ_AUDIT_FILTER_ALL;
    struct bj_audit_stats stats;
    struct bj_error err = {0};
    int64_t number = put_owned(audit, "a", "alice", NULL);

    assert_int_equal(bj_audit_append_outcome(audit, number, &outcome, &err), 0);
    assert_int_equal(bj_audit_query(audit, &all, take_outcome, NULL, &err), 0);
    assert_int_equal(bj_audit_stats(audit, &all, &stats, &err), 0);
    assert_int_equal(stats.outcomes, 1);
    assert_int_equal(stats.failed, 1);
    bj_audit_close(audit);
    assert_sound(*state);
    tamper(*state, "UPDATE record SET exit_code=0,duration_us=0 WHERE kind=2");
    assert_false(verify(*state, NULL).sound);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, place_setup, place_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(owners_see_their_own),
        TEST(tampered_owner_of_a_sandbox_shows),
        TEST(first_format_is_read_as_it_is),
        TEST(first_format_is_continued),
        TEST(two_writers_of_the_first_format),
        TEST(nothing_is_invented),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
