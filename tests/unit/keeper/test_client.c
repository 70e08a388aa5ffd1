/*
 * Tests of src/keeper/client*.c over real sockets: the test is the audit process and the keeper.
 */
#include "client_peers.h"

static void test_watching(void **state)
{
    struct bj_sandbox_state sandbox = {.id = "abc",
                                       .owner = "me",
                                       .preset = "p",
                                       .label = "mine",
                                       .workspace = "/w",
                                       .home = "/",
                                       .user = "u"};
    struct bj_process_state process = {.sandbox = "abc", .process = 1, .label = "l"};
    struct bj_buf buf;

    (void)state;
    bj_buf_init(&buf, BJ_MESSAGE_MAX);
    bj_message_begin(&buf, BJ_MESSAGE_SANDBOX, 0);
    bj_sandbox_state_put(&buf, &sandbox);
    send_message(&buf, NULL);
    bj_buf_init(&buf, BJ_MESSAGE_MAX);
    bj_message_begin(&buf, BJ_MESSAGE_PROCESS, 0);
    bj_process_state_put(&buf, &process);
    send_message(&buf, NULL);
    turn();
    assert_int_equal(seen.sandboxes, 1);
    assert_string_equal(seen.label, "mine");
    assert_int_equal(seen.processes, 1);
    assert_int_equal(seen.lost, 0);
}

static void test_act(void **state)
{
    static const char *strings[BJ_ENTRY_STRINGS];
    struct bj_verdict *verdict = test_malloc(sizeof *verdict);
    struct bj_entry entry = {.verdict = verdict};
    struct bj_message message;
    struct bj_act what;
    uint64_t id = acted(&answers[0]);
    struct bj_fds fds = {.count = 2};
    struct bj_buf buf;

    (void)state;
    turn();
    expect(audit_end, BJ_MESSAGE_ENTRY, &message);
    assert_true(message.head.id == id);
    assert_int_equal(message.head.number, keepers); /* for this keeper and no other */
    bj_verdict_init(verdict);
    assert_int_equal(bj_entry_get(&message, strings, BJ_ENTRY_STRINGS, &entry, NULL), 0);
    assert_string_equal(entry.request.tool, "Bash");
    assert_int_equal(
        bj_act_get(entry.act, entry.act_length, strings, BJ_ENTRY_STRINGS, &what, NULL), 0);
    assert_int_equal(what.kind, BJ_ACT_INPUT);
    assert_int_equal(what.length, 10);
    bj_verdict_release(verdict);
    test_free(verdict);
    assert_int_equal(answers[0].times, 0);

    /* Descriptors come with the answer, and are closed when nobody takes them. */
    assert_int_equal(pipe(fds.fd), 0);
    bj_buf_init(&buf, BJ_MESSAGE_MAX);
    bj_message_begin(&buf, BJ_MESSAGE_ANSWER, id);
    bj_message_head(&buf)->number = 77;
    bj_message_head(&buf)->fds = 2;
    send_message(&buf, &fds);
    bj_fd_close(&fds.fd[1]);
    turn();
    assert_int_equal(answers[0].times, 1);
    assert_int_equal(answers[0].result, 0);
    assert_int_equal(answers[0].number, 77);
    assert_int_equal(answers[0].fds, 2);
    assert_int_equal(read(fds.fd[0], &what, 1), 0);
    bj_fd_close(&fds.fd[0]);

    /* The same answer again, or one to nothing, is nobody's. */
    say(BJ_MESSAGE_ANSWER, id, 0);
    say(BJ_MESSAGE_ANSWER, 999, 0);
    turn();
    assert_int_equal(answers[0].times, 1);
    assert_int_equal(seen.lost, 0);
}

static void test_any_order(void **state)
{
    uint64_t ids[100];

    (void)state;
    for (int i = 0; i < 100; i++)
        ids[i] = i % 2 ? acted(&answers[i]) : reading(&answers[i]);
    for (int i = 99; i >= 0; i--) {
        if (i % 3 == 0)
            say_error(ids[i], BJ_E_NOT_FOUND);
        else
            say(BJ_MESSAGE_ANSWER, ids[i], i);
    }
    for (int i = 0; i < 10; i++)
        turn();
    for (int i = 0; i < 100; i++) {
        assert_int_equal(answers[i].times, 1);
        assert_int_equal(answers[i].code, i % 3 == 0 ? BJ_E_NOT_FOUND : 0);
        assert_int_equal(answers[i].number, i % 3 == 0 ? 0 : i);
    }
}

/* What the killed audit process took with it is sent again, and nothing else. */
static void resend(bool gap_first)
{
    struct bj_message message;
    uint64_t ids[20];

    for (int i = 0; i < 10; i++)
        ids[i] = acted(&answers[i]);
    turn();
    for (int i = 0; i < 4; i++)
        expect(audit_end, BJ_MESSAGE_ENTRY, &message);
    say(BJ_MESSAGE_ANSWER, ids[1], 1);
    turn();
    if (gap_first) {
        say(BJ_MESSAGE_GAP, ids[3], 2);
        turn();
    }
    new_audit(2);
    for (int i = 10; i < 15; i++)
        ids[i] = acted(&answers[i]);
    turn();
    if (!gap_first) {
        expect_nothing(audit_end);
        say(BJ_MESSAGE_GAP, ids[3], 2);
        turn();
    }
    for (int i = 4; i < 15; i++) {
        expect(audit_end, BJ_MESSAGE_ENTRY, &message);
        assert_true(message.head.id == ids[i]);
    }
    say(BJ_MESSAGE_GAP, 0, 2); /* an old one says nothing new */
    ids[15] = acted(&answers[15]);
    turn();
    expect(audit_end, BJ_MESSAGE_ENTRY, &message);
    assert_true(message.head.id == ids[15]);
    for (int i = 0; i < 16; i++)
        say(BJ_MESSAGE_ANSWER, ids[i], 1);
    turn();
    for (int i = 0; i < 16; i++)
        assert_int_equal(answers[i].times, 1);
    assert_int_equal(seen.lost, 0);
}

static void test_resend(void **state)
{
    (void)state;
    resend(true);
}

static void test_resend_gap_later(void **state)
{
    (void)state;
    resend(false);
}

/* What is said of the next entry: its id, whether it was sent before, and whether it has an act. */
static void expect_entry(uint64_t id, bool again, bool whole)
{
    static const char *strings[BJ_ENTRY_STRINGS];
    struct bj_verdict *verdict = test_malloc(sizeof *verdict);
    struct bj_entry entry = {.verdict = verdict};
    struct bj_message message;

    expect(audit_end, BJ_MESSAGE_ENTRY, &message);
    assert_true(message.head.id == id);
    assert_int_equal(message.head.result, again);
    bj_verdict_init(verdict);
    assert_int_equal(bj_entry_get(&message, strings, BJ_ENTRY_STRINGS, &entry, NULL), 0);
    assert_int_equal(entry.act != NULL, whole);
    assert_int_equal(verdict->decision, whole ? BJ_ALLOW : BJ_DENY);
    assert_string_equal(entry.owner, "me");
    bj_verdict_release(verdict);
    test_free(verdict);
}

static void say_taken(uint64_t id)
{
    struct bj_buf buf;

    bj_buf_init(&buf, BJ_MESSAGE_MAX);
    bj_message_begin(&buf, BJ_MESSAGE_TAKEN, id);
    assert_true(bj_message_end(&buf));
    assert_int_equal(bj_socket_send(audit_end, buf.data, buf.length, NULL), 0);
    bj_buf_release(&buf);
    turn();
}

/* The audit process has ended, and the entry came through before. */
static void replaced_after(uint64_t id, int64_t number)
{
    say(BJ_MESSAGE_GAP, id, number);
    turn();
    new_audit(number);
    turn();
}

/* The second of four ends every audit process that takes it, one of them together with the others:
 * then it is not sent again, and the others are done. */
static void test_give_up(void **state)
{
    uint64_t ids[4];

    (void)state;
    for (int i = 0; i < 4; i++)
        ids[i] = acted(&answers[i]);
    turn();
    for (int i = 0; i < 4; i++)
        expect_entry(ids[i], false, true);
    replaced_after(0, 2); /* all four were being recorded together */
    for (int i = 0; i < 4; i++)
        expect_entry(ids[i], true, true);
    say_taken(ids[0]);
    say_taken(ids[1]);
    replaced_after(ids[0], 3);
    for (int i = 1; i < 4; i++)
        expect_entry(ids[i], true, true);
    replaced_after(ids[0], 4); /* ended before it took anything */
    for (int i = 1; i < 4; i++)
        expect_entry(ids[i], true, true);
    say_taken(ids[1]);
    replaced_after(ids[0], 5);
    expect_entry(ids[1], true, false);
    expect_entry(ids[2], true, true);
    expect_entry(ids[3], true, true);
    for (int i = 0; i < 4; i++)
        say(BJ_MESSAGE_ANSWER, ids[i], i + 1);
    turn();
    for (int i = 0; i < 4; i++) {
        assert_int_equal(answers[i].times, 1);
        assert_int_equal(answers[i].code, i == 1 ? BJ_E_SYSTEM : 0);
        assert_int_equal(answers[i].number, i + 1); /* that it was given up is recorded */
    }
    assert_int_equal(seen.lost, 0);
}

/* Not even the short one comes through: its call is answered, and what is behind it goes on. */
static void test_give_up_wholly(void **state)
{
    uint64_t ids[2];

    (void)state;
    for (int i = 0; i < 2; i++)
        ids[i] = acted(&answers[i]);
    turn();
    for (int64_t number = 2; number <= 6; number++) {
        replaced_after(0, number);
        if (number < 6)
            say_taken(ids[0]);
    }
    assert_int_equal(answers[0].times, 1);
    assert_int_equal(answers[0].code, BJ_E_SYSTEM);
    expect_entry(ids[1], true, true);
    expect_nothing(audit_end);
    say(BJ_MESSAGE_ANSWER, ids[1], 1);
    turn();
    assert_int_equal(answers[1].times, 1);
    assert_int_equal(answers[1].code, 0);
}

/* The keeper takes everything with it. */
static void test_keeper_lost(void **state)
{
    struct bj_message message;
    uint64_t id;

    (void)state;
    for (int i = 0; i < 50; i++) {
        acted(&answers[2 * i]);
        reading(&answers[2 * i + 1]);
    }
    assert_int_equal(bj_keeper_usage(client, "", on_answer, &answers[100], NULL), 0);
    assert_int_equal(bj_keeper_usage(client, "abc", on_answer, &answers[101], NULL), 0);
    bj_fd_close(&keeper_end);
    assert_int_equal(answers[0].times, 0);
    turn();
    for (int i = 0; i < 102; i++) {
        assert_int_equal(answers[i].times, 1);
        assert_int_equal(answers[i].code, BJ_E_ENDED);
    }
    assert_int_equal(seen.lost, 1);
    assert_int_equal(act(&answers[200], 1, NULL), -BJ_E_BUSY);
    new_keeper();
    assert_int_equal(seen.lost, 1);
    expect(keeper_end, BJ_MESSAGE_HELLO, &message);
    while (next_message(audit_end, &message, NULL))
        ;
    id = acted(&answers[201]);
    turn();
    expect_nothing(audit_end);
    say(BJ_MESSAGE_GAP, 0, 1);
    turn();
    expect(audit_end, BJ_MESSAGE_ENTRY, &message);
    assert_true(message.head.id == id);
    say(BJ_MESSAGE_ANSWER, id, 5);
    turn();
    assert_int_equal(answers[201].result, 0);
    assert_int_equal(answers[201].times, 1);
}

/* Nothing that is malformed is taken for anything. */
static void test_malformed(void **state)
{
    struct bj_error error = {0};
    struct bj_buf buf;

    (void)state;
    for (int round = 0; round < 6; round++) {
        uint64_t id = reading(&answers[round]);

        bj_buf_init(&buf, BJ_MESSAGE_MAX);
        bj_fail(&error, BJ_E_DENIED, "x", "y");
        switch (round) {
        case 0:
            bj_message_begin(&buf, BJ_MESSAGE_SANDBOX, 0);
            bj_buf_puts(&buf, "no state");
            break;
        case 1:
            bj_message_begin(&buf, BJ_MESSAGE_ANSWER, id);
            bj_message_head(&buf)->result = 4;
            break;
        case 2:
            bj_message_begin(&buf, BJ_MESSAGE_ANSWER, id);
            bj_message_head(&buf)->result = -4;
            bj_message_put_error(&buf, &error);
            break;
        case 3:
            bj_message_begin(&buf, BJ_MESSAGE_ENTRY, id);
            break;
        case 4:
            bj_message_begin(&buf, BJ_MESSAGE_ANSWER, id);
            bj_message_head(&buf)->fds = 1;
            break;
        default:
            bj_message_begin(&buf, BJ_MESSAGE_ANSWER, id);
            bj_message_head(&buf)->magic++;
            break;
        }
        send_message(&buf, NULL);
        turn();
        assert_int_equal(seen.lost, round + 1);
        assert_int_equal(answers[round].times, 1);
        assert_int_equal(answers[round].code, BJ_E_ENDED);
        new_keeper();
    }
}

static void test_cancel(void **state)
{
    uint64_t id = reading(&answers[0]), other = reading(&answers[1]);
    struct bj_message message;

    (void)state;
    bj_keeper_cancel(client, id);
    say(BJ_MESSAGE_ANSWER, id, 0);
    say(BJ_MESSAGE_ANSWER, other, 0);
    turn();
    assert_int_equal(answers[0].times, 0);
    assert_int_equal(answers[1].times, 1);
    bj_keeper_cancel(client, other); /* answered: its hold ends */
    turn();
    expect(keeper_end, BJ_MESSAGE_READ, &message);
    expect(keeper_end, BJ_MESSAGE_READ, &message);
    expect(keeper_end, BJ_MESSAGE_DETACH, &message);
    assert_true(message.head.id == id);
    expect(keeper_end, BJ_MESSAGE_DETACH, &message);
    assert_true(message.head.id == other);
}

static void test_attach(void **state)
{
    static const char *strings[BJ_ENTRY_STRINGS];
    struct bj_act input = {.kind = BJ_ACT_INPUT,
                           .sandbox = "abc",
                           .owner = "me",
                           .process = 1,
                           .data = "hi",
                           .length = 2};
    struct bj_act size = {.kind = BJ_ACT_RESIZE,
                          .sandbox = "abc",
                          .owner = "me",
                          .process = 1,
                          .rows = 5,
                          .columns = 6};
    uint64_t attach = acted(&answers[0]);
    struct bj_message message;
    struct bj_act what;

    (void)state;
    assert_int_equal(bj_keeper_input(client, attach, &input, on_answer, &answers[1], NULL),
                     -BJ_E_CONFLICT);
    say(BJ_MESSAGE_ANSWER, attach, 3);
    turn();
    assert_int_equal(bj_keeper_input(client, attach, &input, on_answer, &answers[1], NULL), 0);
    assert_int_equal(bj_keeper_input(client, attach, &size, on_answer, &answers[2], NULL), 0);
    bj_keeper_detach(client, attach);
    turn();
    expect(keeper_end, BJ_MESSAGE_INPUT, &message);
    assert_true((uint64_t)message.head.number == attach);
    assert_int_equal(
        bj_act_get(message.body, message.head.length, strings, BJ_ENTRY_STRINGS, &what, NULL), 0);
    assert_memory_equal(what.data, "hi", 2);
    say(BJ_MESSAGE_ANSWER, message.head.id, 0);
    expect(keeper_end, BJ_MESSAGE_SIZE, &message);
    assert_true((uint64_t)message.head.number == attach);
    say(BJ_MESSAGE_ANSWER, message.head.id, 0);
    expect(keeper_end, BJ_MESSAGE_DETACH, &message);
    assert_true(message.head.id == attach);
    turn();
    assert_int_equal(answers[1].times, 1);
    assert_int_equal(answers[2].times, 1);

    /* The end of one that is still on its way comes behind it. */
    attach = acted(&answers[3]);
    bj_keeper_detach(client, attach);
    turn();
    expect_nothing(keeper_end);
    say(BJ_MESSAGE_ANSWER, attach, 3);
    turn();
    assert_int_equal(answers[3].times, 1);
    expect(keeper_end, BJ_MESSAGE_DETACH, &message);
    assert_true(message.head.id == attach);
}

/* ---- questions to the audit process ---- */

static void take_json(void *context, const struct bj_keeper_answer *answer)
{
    on_answer(context, answer);
    if (answer->result == 0) {
        char text[16] = "";

        assert_true(pread(answer->fds->fd[0], text, sizeof text, 0) > 0);
        assert_string_equal(text, "{}");
    }
}

static void test_question(void **state)
{
    struct bj_audit_question question = {.key = "k", .limit = 3};
    struct bj_audit_question got;
    struct bj_message message;
    struct bj_fds fds, reply = {.count = 1};
    struct bj_error error = {0};
    struct bj_buf buf;

    (void)state;
    for (int i = 0; i < 4; i++)
        assert_int_equal(bj_keeper_question(client, &question, take_json, &answers[i], NULL), 0);
    for (int i = 0; i < 3; i++) {
        assert_true(next_message(audit_end, &message, &fds));
        assert_int_equal(message.head.type, BJ_MESSAGE_QUERY);
        assert_int_equal(fds.count, 1);
        assert_int_equal(bj_audit_question_get(&message, &got, NULL), 0);
        assert_string_equal(got.key, "k");
        bj_buf_init(&buf, BJ_MESSAGE_MAX);
        bj_message_begin(&buf, BJ_MESSAGE_ANSWER, message.head.id);
        if (i == 0) {
            reply.fd[0] = memfd_create("reply", MFD_CLOEXEC);
            assert_int_equal(write(reply.fd[0], "{}", 2), 2);
            bj_message_head(&buf)->fds = 1;
        } else if (i == 1) {
            bj_fail(&error, BJ_E_INVALID, "x", "no such thing");
            bj_message_head(&buf)->result = -BJ_E_INVALID;
            bj_message_put_error(&buf, &error);
        }
        assert_true(bj_message_end(&buf));
        assert_int_equal(bj_socket_send(fds.fd[0], buf.data, buf.length, i == 0 ? &reply : NULL),
                         0);
        bj_buf_release(&buf);
        bj_fds_close(&fds);
    }
    close(reply.fd[0]);
    new_audit(2); /* and the last one with its question */
    turn();
    for (int i = 0; i < 4; i++)
        assert_int_equal(answers[i].times, 1);
    assert_int_equal(answers[0].code, 0);
    assert_int_equal(answers[1].code, BJ_E_INVALID);
    assert_int_equal(answers[2].code, BJ_E_PROTOCOL);
    assert_int_equal(answers[3].code, BJ_E_BUSY);
    /* One that still waits at the end is answered too. */
    assert_int_equal(bj_keeper_question(client, &question, take_json, &answers[4], NULL), 0);
}

/* A peer that does not read costs bounded memory, and nothing is lost. */
static void test_bounds(void **state)
{
    struct bj_read read = {.sandbox = "abc", .process = 1, .maximum = 100};
    struct bj_message message;
    int sent = 0, taken = 0;

    (void)state;
    while (act(&answers[sent], BJ_INPUT_MAX, NULL) == 0)
        sent++;
    assert_true(sent > 300 && sent < 600);
    assert_int_equal(act(&answers[sent], BJ_INPUT_MAX, NULL), -BJ_E_BUSY);
    for (int i = 0; i < 2000; i++) {
        turn();
        while (next_message(audit_end, &message, NULL)) {
            taken++;
            say(BJ_MESSAGE_ANSWER, message.head.id, 1);
        }
    }
    assert_int_equal(taken, sent);
    for (int i = 0; i < sent; i++)
        assert_int_equal(answers[i].times, 1);
    assert_int_equal(act(&answers[sent], BJ_INPUT_MAX, NULL), 0);

    for (taken = 0; taken < 200000; taken++)
        if (bj_keeper_read(client, &read, NULL, NULL, NULL, NULL) < 0)
            break;
    assert_true(taken < 70000);
}

/* ---- everything at random ---- */

static uint64_t seed;

static uint32_t random_below(uint32_t bound)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(seed >> 33) % bound;
}

/* The keeper of the test: carries out what comes through, checks that it is new and in order. */
struct played {
    uint64_t highest;
    uint64_t done[CALLS_MAX];
    int count;
    int64_t audit_number;
};

static void carry_out(struct played *played, int most)
{
    struct bj_message message;

    while (most-- > 0 && next_message(audit_end, &message, NULL)) {
        assert_true(message.head.id > played->highest);
        played->highest = message.head.id;
        played->done[played->count++] = message.head.id;
    }
}

static void answer_some(struct played *played, uint32_t most)
{
    while (played->count > 0 && most-- > 0) {
        int which = (int)random_below((uint32_t)played->count);

        say(BJ_MESSAGE_ANSWER, played->done[which], 1);
        played->done[which] = played->done[--played->count];
    }
}

static void replace_audit(struct played *played)
{
    played->audit_number++;
    if (random_below(2)) {
        say(BJ_MESSAGE_GAP, played->highest, played->audit_number);
        if (random_below(2))
            turn();
        new_audit(played->audit_number);
    } else {
        new_audit(played->audit_number);
        if (random_below(2))
            turn();
        say(BJ_MESSAGE_GAP, played->highest, played->audit_number);
    }
}

static void test_random(void **state)
{
    static struct played played;
    int asked = 0;

    (void)state;
    memset(&played, 0, sizeof played);
    played.audit_number = 1;
    for (seed = 7; asked < CALLS_MAX;) {
        switch (random_below(6)) {
        case 0:
        case 1:
            for (uint32_t i = random_below(20); i > 0 && asked < CALLS_MAX; i--)
                assert_int_equal(act(&answers[asked++], random_below(20000), NULL), 0);
            break;
        case 2:
            turn();
            break;
        case 3:
            carry_out(&played, (int)random_below(20));
            break;
        case 4:
            answer_some(&played, random_below(20));
            break;
        default:
            if (random_below(4) == 0)
                replace_audit(&played);
        }
    }
    for (int i = 0; i < 1000; i++) {
        turn();
        carry_out(&played, 100);
        answer_some(&played, 100);
    }
    for (int i = 0; i < CALLS_MAX; i++)
        assert_int_equal(answers[i].times, 1);
}

/* A call back may do anything, also end the client. */
static void free_client(void *context, const struct bj_keeper_answer *answer)
{
    on_answer(context, answer);
    bj_keeper_client_free(client);
}

static void test_free_inside(void **state)
{
    struct bj_read read = {.sandbox = "abc", .process = 1, .maximum = 100};
    uint64_t id;

    (void)state;
    assert_int_equal(bj_keeper_read(client, &read, free_client, &answers[0], &id, NULL), 0);
    reading(&answers[1]);
    acted(&answers[2]);
    say(BJ_MESSAGE_ANSWER, id, 0);
    say(BJ_MESSAGE_READY, 0, 0);
    turn();
    for (int i = 0; i < 3; i++)
        assert_int_equal(answers[i].times, 1);
    assert_int_equal(answers[2].code, BJ_E_ENDED);
    assert_int_equal(seen.ready, 1);
    client = NULL;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_watching),    TEST(test_act),
        TEST(test_any_order),   TEST(test_resend),
        TEST(test_give_up),     TEST(test_give_up_wholly),
        TEST(test_cancel),      TEST(test_resend_gap_later),
        TEST(test_malformed),   TEST(test_attach),
        TEST(test_keeper_lost), TEST(test_question),
        TEST(test_bounds),      TEST(test_random),
        TEST(test_free_inside),
    };

    return cmocka_run_group_tests_name("keeper client", tests, NULL, NULL);
}
