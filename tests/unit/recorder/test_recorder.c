/* The audit process over real sockets. */
#include "recorder_test.h"

static const char *const argv[] = {"/bin/sh", "-c", "true", NULL};
static const struct bj_act start = {
    .kind = BJ_ACT_START, .sandbox = "abc", .process = 1, .argv = argv};
static const struct bj_act freeze = {.kind = BJ_ACT_PAUSE, .sandbox = "abc"};
static struct got got;
#define KEEPER_ENDED "ended with the service's keeper; outcome unknown"

static void records_and_passes_on(void **state)
{
    struct service *service = *state;
    struct bj_act act;
    const char *strings[64];
    json_t *calls, *described;
    int64_t number;

    say(service, 5, &(struct said){.command = "true", .sandbox = "another", .act = &start});
    get_message(service->keeper, BJ_MESSAGE_ACT, &got);
    assert_int_equal(got.message.head.id, 5);
    number = got.message.head.number;
    assert_int_equal(number, 1);
    assert_int_equal(bj_act_get(got.message.body, got.message.head.length, strings, 64, &act, NULL),
                     0);
    assert_string_equal(act.argv[1], "-c");

    say(service, 6, &(struct said){.command = "rm -rf /", .decision = BJ_DENY});
    get_message(service->keeper, BJ_MESSAGE_NOTED, &got);
    assert_int_equal(got.message.head.id, 6);
    assert_int_equal(got.message.head.number, 2);

    /* Twice: a second record there must not be. */
    for (int i = 0; i < 2; i++) {
        say_outcome(service, 31, number, "killed");
        get_message(service->keeper, BJ_MESSAGE_RECORDED, &got);
        assert_int_equal(got.message.head.id, 31);
    }
    stop_recorder(service);

    calls = calls_of(service);
    assert_int_equal(json_array_size(calls), 2);
    described = json_object_get(json_object_get(json_array_get(calls, 0), "verdict"), "act");
    assert_string_equal(json_string_value(json_object_get(described, "kind")), "start");
    assert_string_equal(json_string_value(json_array_get(json_object_get(described, "argv"), 2)),
                        "true");
    /* Which sandbox it is for is the act's to say. */
    assert_string_equal(text_at(calls, 0, "verdict", "sandbox"), "abc");
    assert_string_equal(text_at(calls, 0, "outcome", "reason"), "killed");
    assert_string_equal(text_at(calls, 1, "verdict", "decision"), "deny");
    assert_null(json_object_get(json_array_get(calls, 1), "outcome"));
    json_decref(calls);
}

/* Everything that waits goes through, in order. */
static void many_at_once(void **state)
{
    enum { MANY = 2000 };
    struct service *service = *state;
    int sent = 0, passed = 0;

    while (passed < MANY) {
        struct pollfd ready = {.fd = service->front, .events = sent < MANY ? POLLOUT : 0};

        if (sent < MANY && poll(&ready, 1, 0) > 0) {
            sent++;
            say(service, (uint64_t)sent, &(struct said){.command = "true", .act = &freeze});
            continue;
        }
        get_message(service->keeper, BJ_MESSAGE_ACT, &got);
        passed++;
        assert_int_equal(got.message.head.id, passed);
        assert_int_equal(got.message.head.number, passed);
    }
}

/* A keeper that does not read has what is recorded kept for it, and nothing more is taken in. */
static void slow_keeper(void **state)
{
    struct service *service = *state;
    static char long_word[100000];
    const char *const words[] = {"echo", long_word, NULL};
    const struct bj_act act = {.kind = BJ_ACT_START, .sandbox = "abc", .process = 1, .argv = words};
    int sent = 0;

    memset(long_word, 'x', sizeof long_word - 1);
    for (;;) {
        struct pollfd ready = {.fd = service->front, .events = POLLOUT};

        if (poll(&ready, 1, 300) <= 0)
            break;
        say(service, (uint64_t)++sent, &(struct said){.act = &act});
        assert_true(sent < 1000);
    }
    for (int i = 1; i <= sent; i++) {
        get_message(service->keeper, BJ_MESSAGE_ACT, &got);
        assert_int_equal(got.message.head.id, i);
    }
    say(service, 9999, &(struct said){.act = &freeze});
    get_message(service->keeper, BJ_MESSAGE_ACT, &got);
    assert_int_equal(got.message.head.id, 9999);
}

static void secrets_stay_out(void **state)
{
    static const char *const environment[] = {"DB_PASSWORD=correct-horse", "HOME=/w", NULL};
    static const char *const env[] = {"API_KEY=battery-staple", "PLAIN=visible", NULL};
    static const char *const words[] = {
        "echo",       "correct-horse", "battery-staple", "service-secret",
        "--password", "by-name",       "word",           NULL};
    const struct bj_act act = {
        .kind = BJ_ACT_START, .sandbox = "abc", .process = 1, .argv = words, .env = env};
    struct service *service = *state;
    json_t *calls;
    char *text;

    service->secret = "service-secret";
    end_recorder(service, SIGKILL);
    start_recorder(service);
    new_front(service);
    new_keeper(service);
    say(service, 1,
        &(struct said){.command = "echo correct-horse battery-staple service-secret",
                       .arguments = "{\"command\":\"echo correct-horse\",\"token\":\"other\"}",
                       .environment = environment,
                       .act = &act});
    get_message(service->keeper, BJ_MESSAGE_ACT, &got);
    /* They were that entry's secrets, no longer known in the next. */
    say(service, 2, &(struct said){.command = "echo correct-horse", .act = &freeze});
    get_message(service->keeper, BJ_MESSAGE_ACT, &got);
    stop_recorder(service);
    calls = calls_of(service);
    assert_non_null(strstr(text_at(calls, 1, "verdict", "command"), "correct-horse"));
    text = json_dumps(json_array_get(calls, 0), 0);
    assert_null(strstr(text, "correct-horse"));
    assert_null(strstr(text, "battery-staple"));
    assert_null(strstr(text, "service-secret"));
    assert_null(strstr(text, "by-name"));
    assert_null(strstr(text, "other"));
    assert_non_null(strstr(text, "PLAIN=visible"));
    assert_non_null(strstr(text, "\"word\""));
    free(text);
    json_decref(calls);
}

/* Values chosen so that looking for them takes long, or more than are looked for: what is asked for
 * is recorded and done, its texts are masked, and the next entry's are not. */
static void secrets_without_end(void **state)
{
    static const size_t counts[] = {200, 300, 1500};
    static const char *const wanted[] = {BJ_MASKED_LONG, BJ_MASKED_ALL, BJ_MASKED_ALL};
    struct service *service = *state;
    const char **environment = calloc(1501, sizeof *environment);
    char *command = calloc(1, 25000 * 2 + 1);
    json_t *calls;

    for (size_t i = 0; i < 25000; i++)
        memcpy(command + 2 * i, "\\a", 2);
    for (size_t i = 0; i < 3; i++) {
        for (size_t k = 0; k < counts[i]; k++) {
            char *variable = malloc(80);

            snprintf(variable, 80, "SECRET_%zu=aaaaaaaaaaaaaaaaaaaaaaaa%05zu", k, k);
            environment[k] = variable;
        }
        say(service, 2 * i + 1,
            &(struct said){.command = command, .environment = environment, .act = &freeze});
        say(service, 2 * i + 2, &(struct said){.command = "plain", .act = &freeze});
        get_message(service->keeper, BJ_MESSAGE_ACT, &got);
        get_message(service->keeper, BJ_MESSAGE_ACT, &got);
        for (size_t k = 0; k < counts[i]; k++)
            free((char *)environment[k]);
    }
    calls = calls_of(service);
    for (size_t i = 0; i < 3; i++) {
        const char *text = text_at(calls, 2 * i, "verdict", "command");

        assert_int_equal(strncmp(text, wanted[i], strlen(wanted[i])), 0);
        assert_null(strstr(text, "\\a"));
        assert_string_equal(text_at(calls, 2 * i + 1, "verdict", "command"), "plain");
    }
    json_decref(calls);
    free(environment);
    free(command);
}

/* Line ends, control characters, direction marks and JSON in every text: each is one record. */
static void forging(void **state)
{
    static const char evil[] = "x\n{\"number\":99,\"kind\":\"verdict\"}\r\n\x1b[2J\xe2\x80\xae\"},"
                               "\"act\":{\"kind\":\"none\"},\"\\u000a\x7f\xff";
    static const char *const words[] = {evil, evil, NULL}, *const env[] = {evil, "A=\n\"", NULL};
    const struct bj_act act = {.kind = BJ_ACT_START,
                               .sandbox = "abc",
                               .process = 1,
                               .argv = words,
                               .env = env + 1,
                               .label = evil};
    struct service *service = *state;
    json_t *calls, *body;

    say(service, 1,
        &(struct said){.tool = evil,
                       .key = evil,
                       .sandbox = evil,
                       .command = evil,
                       .arguments = evil,
                       .environment = env,
                       .act = &act});
    get_message(service->keeper, BJ_MESSAGE_ACT, &got);
    say_outcome(service, 1, 1, evil);
    get_message(service->keeper, BJ_MESSAGE_RECORDED, &got);
    stop_recorder(service);
    calls = calls_of(service);
    assert_int_equal(json_array_size(calls), 1);
    body = json_object_get(json_array_get(calls, 0), "verdict");
    assert_int_equal(json_integer_value(json_object_get(body, "number")), 1);
    assert_string_equal(json_string_value(json_object_get(json_object_get(body, "act"), "kind")),
                        "start");
    json_decref(calls);
}

/* Whoever sends nonsense is told on and cut off; what was sent before is done. */
static void malformed(void **state)
{
    static const enum bj_message_type wrong[] = {BJ_MESSAGE_ENTRY, BJ_MESSAGE_ACT, BJ_MESSAGE_QUERY,
                                                 BJ_MESSAGE_STOP};
    struct service *service = *state;
    struct bj_buf out;

    for (size_t i = 0; i < 5; i++) {
        struct bj_unpack in;
        int64_t id = 100 + (int64_t)i;

        say(service, (uint64_t)id, &(struct said){.act = &freeze});
        if (i < 4) {
            begin_packet(&out, wrong[i], 1, 0);
            bj_pack_text(&out, "nonsense");
            send_packet(service->front, &out, NULL);
        } else { /* denied, but to be done */
            say(service, 1, &(struct said){.decision = BJ_DENY, .act = &freeze});
        }
        get_message(service->keeper, BJ_MESSAGE_ACT, &got);
        assert_int_equal(got.message.head.id, id);
        do {
            assert_true(get_within(service->control, &got, PATIENCE_MS));
        } while (got.message.head.type == BJ_MESSAGE_READY);
        assert_int_equal(got.message.head.type, BJ_MESSAGE_FAULT);
        in = bj_message_body(&got.message);
        assert_string_equal(bj_unpack_string(&in), "front");
        assert_true(get_within(service->front, &got, PATIENCE_MS));
        assert_true(got.ended);
        new_front(service);
    }
    say(service, 200, &(struct said){.act = &freeze});
    get_message(service->keeper, BJ_MESSAGE_ACT, &got);
    assert_int_equal(got.message.head.id, 200);
}

/* ---- keepers that end ---- */

static json_t *wait_for_outcomes(struct service *service, size_t wanted)
{
    for (int i = 0; i < 200; i++) {
        json_t *calls = calls_of(service);
        size_t count = 0;

        for (size_t k = 0; k < json_array_size(calls); k++)
            count += json_object_get(json_array_get(calls, k), "outcome") != NULL;
        if (count >= wanted)
            return calls;
        json_decref(calls);
        usleep(20000);
    }
    fail_msg("%zu outcomes did not come", wanted);
    return NULL;
}

static void keeper_ended(void **state)
{
    struct service *service = *state;
    json_t *calls, *outcome;

    for (uint64_t i = 1; i <= 3; i++) {
        say(service, i, &(struct said){.act = &freeze});
        get_message(service->keeper, BJ_MESSAGE_ACT, &got);
    }
    say(service, 4, &(struct said){.decision = BJ_ASK});
    get_message(service->keeper, BJ_MESSAGE_NOTED, &got);
    say_outcome(service, 1, 2, "done"); /* its last words count */
    new_keeper(service);
    say(service, 5, &(struct said){.act = &freeze});
    get_message(service->keeper, BJ_MESSAGE_ACT, &got);
    calls = wait_for_outcomes(service, 3);
    usleep(50000);
    json_decref(calls);
    calls = calls_of(service);
    assert_string_equal(text_at(calls, 0, "outcome", "reason"), KEEPER_ENDED);
    /* What may have been done is not denied, and how it ended is not invented. */
    outcome = json_object_get(json_array_get(calls, 0), "outcome");
    assert_true(json_is_true(json_object_get(outcome, "ran")));
    assert_true(json_is_null(json_object_get(outcome, "exit_code")));
    assert_null(json_object_get(outcome, "signal"));
    assert_string_equal(text_at(calls, 1, "outcome", "reason"), "done");
    assert_string_equal(text_at(calls, 2, "outcome", "reason"), KEEPER_ENDED);
    assert_null(json_object_get(json_array_get(calls, 3), "outcome")); /* nothing was to be done */
    assert_null(json_object_get(json_array_get(calls, 4), "outcome")); /* the new one's */
    json_decref(calls);
}

#ifdef BJ_FAULTS
/* An entry that ends this process takes none with it that were sent again in front of it. */
static void ended_by_an_entry(void **state)
{
    struct service *service = *state;
    static const char *const commands[] = {"first", "second", "it ends here", "behind"};
    int status;

    end_recorder(service, SIGKILL);
    setenv("BELLJAR_FAULT_END", "ends here", 1);
    start_recorder(service);
    unsetenv("BELLJAR_FAULT_END");
    new_front(service);
    for (uint64_t i = 0; i < 4; i++) {
        struct bj_buf out;

        put_said(&out, i + 1, &(struct said){.act = &freeze, .command = commands[i]});
        bj_message_head(&out)->result = 1;
        send_packet(service->front, &out, NULL);
    }
    new_keeper(service); /* only now does it take entries, and all at once */
    get_message(service->keeper, BJ_MESSAGE_ACT, &got);
    get_message(service->keeper, BJ_MESSAGE_ACT, &got);
    assert_int_equal(got.message.head.id, 2);
    assert_true(get_within(service->keeper, &got, PATIENCE_MS));
    assert_true(got.ended);
    status = end_recorder(service, 0);
    assert_int_equal(WEXITSTATUS(status), 99);
}
#endif

/* The same keeper and a new audit process: only what did not come through is ended. */
static void recorder_ended(void **state)
{
    struct service *service = *state;
    json_t *calls;

    for (uint64_t i = 1; i <= 4; i++) {
        say(service, i, &(struct said){.act = &freeze});
        get_message(service->keeper, BJ_MESSAGE_ACT, &got);
    }
    end_recorder(service, SIGKILL);
    start_recorder(service);
    new_front(service);
    keeper_since(service, 2, 3); /* as if 1 had been before it, and 4 had not come through */
    calls = wait_for_outcomes(service, 2);
    assert_string_equal(text_at(calls, 0, "outcome", "reason"), KEEPER_ENDED);
    assert_null(json_object_get(json_array_get(calls, 1), "outcome"));
    assert_null(json_object_get(json_array_get(calls, 2), "outcome"));
    assert_non_null(strstr(text_at(calls, 3, "outcome", "reason"), "it was not done"));
    json_decref(calls);
}

/* What is for a keeper that has ended is not done by the next; what is for the next waits for it.
 */
static void for_another_keeper(void **state)
{
    struct service *service = *state;

    say(service, 1, &(struct said){.act = &freeze, .keeper = 2});
    assert_false(get_within(service->keeper, &got, 200));
    say(service, 2, &(struct said){.act = &freeze, .keeper = 1});
    assert_false(get_within(service->keeper, &got, 200));
    new_keeper(service);
    get_message(service->keeper, BJ_MESSAGE_ACT, &got);
    assert_int_equal(got.message.head.id, 1);
    get_message(service->keeper, BJ_MESSAGE_REFUSED, &got);
    assert_int_equal(got.message.head.id, 2);
    assert_int_equal(got.message.head.result, -BJ_E_ENDED);
}

/* An entry for a keeper that will never be holds nothing up: neither what is behind it, nor what
 * the next front sends. */
static void for_a_keeper_that_never_comes(void **state)
{
    struct service *service = *state;

    say(service, 1, &(struct said){.act = &freeze, .keeper = (int64_t)1 << 40});
    say(service, 2, &(struct said){.act = &freeze, .keeper = INT64_MAX});
    say(service, 3, &(struct said){.act = &freeze, .keeper = INT64_MIN});
    say(service, 4, &(struct said){.act = &freeze, .keeper = 1});
    for (uint64_t id = 1; id <= 3; id++) {
        get_message(service->keeper, BJ_MESSAGE_REFUSED, &got);
        assert_int_equal(got.message.head.id, id);
    }
    get_message(service->keeper, BJ_MESSAGE_ACT, &got);
    assert_int_equal(got.message.head.id, 4);
    say(service, 5, &(struct said){.act = &freeze, .keeper = 2});
    say(service, 6, &(struct said){.act = &freeze, .keeper = 2});
    assert_false(get_within(service->keeper, &got, 200));
    new_front(service);
    say(service, 7, &(struct said){.act = &freeze, .keeper = 1});
    get_message(service->keeper, BJ_MESSAGE_ACT, &got);
    assert_int_equal(got.message.head.id, 7);
    say(service, 8, &(struct said){.act = &freeze, .keeper = 2});
    say(service, 9, &(struct said){.act = &freeze, .keeper = 1});
    get_message(service->keeper, BJ_MESSAGE_REFUSED, &got);
    assert_int_equal(got.message.head.id, 8);
    assert_int_equal(got.message.head.result, -BJ_E_BUSY);
    get_message(service->keeper, BJ_MESSAGE_ACT, &got);
    assert_int_equal(got.message.head.id, 9);
}

/* A front that takes an id of a later one, for the keeper to believe that those below came through,
 * is cut off, and its act is not done. */
static void ids_of_another_front(void **state)
{
    static const uint64_t ids[] = {UINT64_MAX, 9ull << BJ_FRONT_ID_BITS, 7,
                                   (2ull << BJ_FRONT_ID_BITS) - 1};
    struct service *service = *state;
    uint64_t first;

    service->fronts = 1;
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        service->fronts++;
        first = (uint64_t)service->fronts << BJ_FRONT_ID_BITS;
        new_front(service);
        say(service, first + 1, &(struct said){.act = &freeze});
        get_message(service->keeper, BJ_MESSAGE_ACT, &got);
        assert_int_equal(got.message.head.id, first + 1);
        say(service, ids[i], &(struct said){.act = &freeze});
        while (get_within(service->control, &got, PATIENCE_MS) && !got.ended &&
               got.message.head.type != BJ_MESSAGE_FAULT)
            continue;
        assert_false(got.ended);
        assert_string_equal(bj_message_name(got.message.head.type), "FAULT");
        assert_false(get_within(service->keeper, &got, 50));
    }
}

/* Without a keeper nothing is taken in, and nothing is lost. */
static void no_keeper(void **state)
{
    struct service *service = *state;

    close(service->keeper);
    service->keeper = -1;
    usleep(50000);
    say(service, 1, &(struct said){.act = &freeze});
    usleep(100000);
    new_keeper(service);
    get_message(service->keeper, BJ_MESSAGE_ACT, &got);
    assert_int_equal(got.message.head.number, 1);
}

/* ---- questions ---- */

static int64_t number_of(json_t *answer, size_t at)
{
    return json_integer_value(json_object_get(
        json_object_get(json_array_get(json_object_get(answer, "records"), at), "verdict"),
        "number"));
}

static void questions(void **state)
{
    struct service *service = *state;
    struct bj_error err = {0};
    json_t *answer;

    for (uint64_t i = 1; i <= 10; i++) {
        say(service, i, &(struct said){.key = i % 2 ? "alice" : "bob", .act = &freeze});
        get_message(service->keeper, BJ_MESSAGE_ACT, &got);
    }
    answer = ask(service, &(struct bj_audit_question){.limit = 3}, &err);
    assert_int_equal(number_of(answer, 0), 8);
    assert_int_equal(number_of(answer, 2), 10);
    assert_int_equal(json_integer_value(json_object_get(answer, "next")), 8);
    json_decref(answer);
    answer = ask(service, &(struct bj_audit_question){.limit = 30, .before = 8}, &err);
    assert_int_equal(number_of(answer, 6), 7);
    assert_true(json_is_null(json_object_get(answer, "next")));
    json_decref(answer);
    answer =
        ask(service, &(struct bj_audit_question){.limit = 2, .after = 3, .key = "alice"}, &err);
    assert_int_equal(number_of(answer, 0), 5);
    assert_int_equal(number_of(answer, 1), 7);
    assert_int_equal(json_integer_value(json_object_get(answer, "next")), 7);
    json_decref(answer);
    answer = ask(service, &(struct bj_audit_question){.after = 7, .key = "alice"}, &err);
    assert_int_equal(number_of(answer, 0), 9);
    assert_true(json_is_null(json_object_get(answer, "next")));
    json_decref(answer);
    answer = ask(service, &(struct bj_audit_question){.stats = true, .key = "bob"}, &err);
    assert_int_equal(json_integer_value(json_object_get(answer, "calls")), 5);
    assert_int_equal(json_integer_value(json_object_get(answer, "without_outcome")), 5);
    json_decref(answer);
    assert_null(ask(service, &(struct bj_audit_question){.decision = "perhaps"}, &err));
    assert_int_equal(err.code, BJ_E_INVALID);
    assert_null(ask(service, &(struct bj_audit_question){.limit = 1001}, &err));
    assert_int_equal(err.code, BJ_E_INVALID);
}

/* An owner's page has what it asked for with any of its keys, and what was done in its sandboxes,
 * as the acts say whose they are: what else the front says of that counts for nothing. */
static void owners(void **state)
{
    const struct said calls[] = {
        {.key = "a1", .owner = "alice", .act = &(struct bj_act){BJ_ACT_PAUSE, "abc", "alice"}},
        {.key = "a2", .owner = "alice", .act = &(struct bj_act){BJ_ACT_PAUSE, "abc", "alice"}},
        {.key = "a1", .owner = "bob", .act = &(struct bj_act){BJ_ACT_PAUSE, "def", "bob"}},
        {.key = "root", .owner = "admin", .act = &(struct bj_act){BJ_ACT_PAUSE, "abc", "alice"}},
        {.key = "a2", .owner = "alice", .decision = BJ_DENY},
    };
    struct service *service = *state;
    struct bj_error err = {0};
    json_t *answer, *body;

    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        say(service, i + 1, &calls[i]);
        get_message(service->keeper, calls[i].act != NULL ? BJ_MESSAGE_ACT : BJ_MESSAGE_NOTED,
                    &got);
    }
    answer = ask(service, &(struct bj_audit_question){.owner = "alice"}, &err);
    assert_int_equal(json_array_size(json_object_get(answer, "records")), 4);
    assert_int_equal(number_of(answer, 2), 4);
    body = json_object_get(json_array_get(json_object_get(answer, "records"), 2), "verdict");
    assert_string_equal(json_string_value(json_object_get(body, "owner")), "admin");
    assert_string_equal(json_string_value(json_object_get(body, "sandbox_owner")), "alice");
    assert_string_equal(json_string_value(json_object_get(json_object_get(body, "act"), "owner")),
                        "alice");
    json_decref(answer);
    answer = ask(service, &(struct bj_audit_question){.owner = "bob", .logs = true}, &err);
    assert_int_equal(json_integer_value(json_object_get(answer, "count")), 1);
    json_decref(answer);
    answer = ask(service, &(struct bj_audit_question){.owner = "bob", .stats = true}, &err);
    assert_int_equal(json_integer_value(json_object_get(answer, "calls")), 1);
    json_decref(answer);
    answer = ask(service, &(struct bj_audit_question){.key = "a1"}, &err);
    assert_int_equal(json_array_size(json_object_get(answer, "records")), 2);
    json_decref(answer);
}

/* ---- failures ---- */

/* A full disk: nothing new is done, questions go on; once there is room, so does the rest, and the
 * outcomes that came meanwhile are recorded. */
static void full_disk(void **state)
{
    struct rlimit no_more = {.rlim_cur = 0, .rlim_max = RLIM_INFINITY}, old;
    struct service *service = *state;
    struct bj_error err = {0};
    json_t *calls, *answer;

    say(service, 1, &(struct said){.act = &freeze});
    get_message(service->keeper, BJ_MESSAGE_ACT, &got);
    assert_int_equal(prlimit(service->recorder, RLIMIT_FSIZE, &no_more, &old), 0);
    for (uint64_t i = 2; i <= 4; i++) {
        say(service, i, &(struct said){.act = &freeze});
        get_message(service->keeper, BJ_MESSAGE_REFUSED, &got);
        assert_int_equal(got.message.head.id, i);
        assert_int_equal(bj_message_get_error(&got.message, &err, NULL), 0);
        assert_non_null(strstr(err.message, "cannot write to"));
    }
    say_outcome(service, 7, 1, NULL);
    answer = ask(service, &(struct bj_audit_question){.limit = 3}, &err);
    assert_non_null(answer);
    assert_int_equal(number_of(answer, 0), 1);
    json_decref(answer);
    assert_false(get_within(service->keeper, &got, 1500));
    assert_int_equal(prlimit(service->recorder, RLIMIT_FSIZE, &old, NULL), 0);
    get_message(service->keeper, BJ_MESSAGE_RECORDED, &got);
    assert_int_equal(got.message.head.id, 7);
    say(service, 5, &(struct said){.act = &freeze});
    get_message(service->keeper, BJ_MESSAGE_ACT, &got);
    stop_recorder(service);
    calls = calls_of(service);
    assert_int_equal(json_array_size(calls), 2);
    assert_non_null(json_object_get(json_array_get(calls, 0), "outcome"));
    json_decref(calls);
}

static void record_off(void **state)
{
    struct service *service = *state;
    struct bj_error err = {0};

    end_recorder(service, SIGKILL);
    service->config.audit = BJ_AUDIT_OFF;
    start_recorder(service);
    new_front(service);
    new_keeper(service);
    say(service, 1, &(struct said){.act = &freeze});
    get_message(service->keeper, BJ_MESSAGE_ACT, &got);
    assert_int_equal(got.message.head.number, 0);
    say(service, 2, &(struct said){.decision = BJ_DENY});
    get_message(service->keeper, BJ_MESSAGE_NOTED, &got);
    say_outcome(service, 4, 0, NULL);
    get_message(service->keeper, BJ_MESSAGE_RECORDED, &got);
    assert_null(ask(service, &(struct bj_audit_question){0}, &err));
    assert_int_equal(err.code, BJ_E_CONFLICT);
}

/* Two services with one record would end each other's calls. */
static void one_place_one_service(void **state)
{
    struct service *service = *state, other = *service;
    int status;

    say(service, 1, &(struct said){.act = &freeze});
    get_message(service->keeper, BJ_MESSAGE_ACT, &got);
    start_recorder(&other);
    assert_int_equal(waitpid(other.recorder, &status, 0), other.recorder);
    close(other.control);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) != 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, service_setup, service_teardown)
    const struct CMUnitTest tests[] = {
        TEST(records_and_passes_on),
        TEST(many_at_once),
        TEST(slow_keeper),
        TEST(secrets_stay_out),
        TEST(secrets_without_end),
        TEST(forging),
        TEST(malformed),
        TEST(keeper_ended),
        TEST(recorder_ended),
#ifdef BJ_FAULTS
        TEST(ended_by_an_entry),
#endif

        TEST(for_another_keeper),
        TEST(for_a_keeper_that_never_comes),
        TEST(ids_of_another_front),
        TEST(no_keeper),
        TEST(questions),
        TEST(owners),
        TEST(full_disk),
        TEST(record_off),
        TEST(one_place_one_service),
    };

    return cmocka_run_group_tests_name("recorder/recorder", tests, NULL, NULL);
}
