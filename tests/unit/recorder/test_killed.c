/*
 * The audit process killed at random moments, with a front and a keeper that do as wire/keeper.h
 * says: nothing that was asked for is lost, nothing is done twice, nothing is done unrecorded, and
 * whatever was done has one outcome.
 */
#include "recorder_test.h"

#include "base/clock.h"

#define KILLS   200
#define ENTRIES 20000 /* at most */
#define AHEAD   64    /* entries that are sent before the first of them is answered */

static const struct bj_act freeze = {.kind = BJ_ACT_PAUSE, .sandbox = "abc"};

/* What the front and the keeper know. Entries are numbered from 1. */
struct world {
    struct service *service;
    uint64_t sent, asked, through; /* ids: sent to this recorder, asked for at all, come through */
    int64_t number[ENTRIES + 1];   /* of each one's record, once it was done */
    int64_t first, last;           /* records that came through to the keeper */
    bool told[ENTRIES + 1];        /* its outcome was sent to this recorder */
    bool recorded[ENTRIES + 1];    /* its outcome is recorded */
    uint64_t untold;               /* below this one all were told */
};

static bool may_send(int fd)
{
    struct pollfd ready = {.fd = fd, .events = POLLOUT};

    return poll(&ready, 1, 0) > 0 && (ready.revents & POLLOUT) && !(ready.revents & POLLHUP);
}

static bool try_send(int fd, struct bj_buf *out)
{
    bool sent;

    assert_true(bj_message_end(out));
    sent = bj_socket_send(fd, out->data, out->length, NULL) == 0;
    bj_buf_release(out);
    return sent;
}

/* Every third is refused by the policy: nothing is to be done then. */
static bool is_act(uint64_t id)
{
    return id % 3 != 0;
}

static void front_sends(struct world *world)
{
    while (world->sent < ENTRIES && world->sent < world->through + AHEAD &&
           may_send(world->service->front)) {
        uint64_t id = world->sent + 1;
        struct said said = {.act = is_act(id) ? &freeze : NULL,
                            .decision = is_act(id) ? BJ_ALLOW : BJ_DENY};
        char command[32];
        struct bj_buf out;

        snprintf(command, sizeof command, "entry %llu", (unsigned long long)id);
        said.command = command;
        put_said(&out, id, &said);
        if (!try_send(world->service->front, &out))
            return;
        world->sent = id;
        world->asked = id > world->asked ? id : world->asked;
    }
}

static void keeper_tells(struct world *world)
{
    bool all = true;

    for (uint64_t id = world->untold; id <= world->through; id++) {
        struct bj_buf out;

        if (world->told[id] || world->recorded[id] || !is_act(id)) {
            world->untold = all ? id + 1 : world->untold;
            continue;
        }
        all = false;
        if (!may_send(world->service->keeper))
            return;
        begin_packet(&out, BJ_MESSAGE_OUTCOME, id, world->number[id]);
        bj_outcome_note_put(&out, &(struct bj_outcome_note){.ran = true, .exit_code = 7});
        if (!try_send(world->service->keeper, &out))
            return;
        world->told[id] = true;
    }
}

/* One message to the keeper. False: none, or the end. */
static bool keeper_hears(struct world *world, int milliseconds)
{
    static struct got got;
    const struct bj_message_head *head = &got.message.head;

    if (!get_within(world->service->keeper, &got, milliseconds) || got.ended)
        return false;
    if (head->type == BJ_MESSAGE_RECORDED) {
        assert_true(head->id <= world->through && world->told[head->id]);
        world->recorded[head->id] = true;
        return true;
    }
    assert_int_equal(head->type, is_act(head->id) ? BJ_MESSAGE_ACT : BJ_MESSAGE_NOTED);
    assert_int_equal(head->id, world->through + 1); /* each once, in order */
    assert_true(head->number > world->last);
    world->through = head->id;
    world->number[head->id] = head->number;
    world->last = head->number;
    world->first = world->first > 0 ? world->first : head->number;
    return true;
}

static void replace_recorder(struct world *world)
{
    struct service *service = world->service;

    end_recorder(service, SIGKILL);
    while (keeper_hears(world, 0))
        continue; /* all that came through counts */
    start_recorder(service);
    new_front(service);
    keeper_since(service, world->first, world->last);
    memset(world->told, 0, sizeof world->told);
    world->untold = 1;
    world->sent = world->through; /* the rest was lost on the way */
}

static int compare_calls(json_t *calls, const struct world *world)
{
    int undone = 0;

    for (size_t i = 0; i < json_array_size(calls); i++) {
        json_t *call = json_array_get(calls, i), *outcome = json_object_get(call, "outcome");
        int64_t number =
            json_integer_value(json_object_get(json_object_get(call, "verdict"), "number"));
        unsigned long long id = 0;

        assert_int_equal(sscanf(text_at(calls, i, "verdict", "command"), "entry %llu", &id), 1);
        assert_true(id >= 1 && id <= world->asked);
        if (number == world->number[id]) {
            assert_int_equal(outcome != NULL, is_act(id));
            if (outcome != NULL)
                assert_int_equal(json_integer_value(json_object_get(outcome, "exit_code")), 7);
            continue;
        }
        /* Recorded, but the process was killed before it passed it on; where nothing had come
         * through to this keeper yet, it may as well have been passed on to one before it. */
        undone++;
        if (is_act(id))
            assert_non_null(strstr(text_at(calls, i, "outcome", "reason"),
                                   number < world->first ? "outcome unknown" : "it was not done"));
        else
            assert_null(outcome);
    }
    return undone;
}

static bool all_recorded(const struct world *world)
{
    for (uint64_t id = 1; id <= world->through; id++) {
        if (is_act(id) && !world->recorded[id])
            return false;
    }
    return true;
}

static void work(struct world *world, int64_t until)
{
    do {
        front_sends(world);
        keeper_tells(world);
        keeper_hears(world, 1);
    } while (bj_clock_us() < until);
}

static void nothing_lost_nothing_twice(void **state)
{
    static struct world world;
    int64_t patience;
    size_t found = 0;
    json_t *calls;

    world = (struct world){.service = *state, .untold = 1};
    srand(11);
    for (int i = 0; i < KILLS; i++) {
        work(&world, bj_clock_us() + rand() % 12000);
        replace_recorder(&world);
    }
    patience = bj_clock_us() + 30000000;
    while (world.through < world.asked || !all_recorded(&world)) {
        assert_true(bj_clock_us() < patience);
        work(&world, bj_clock_us() + 1000);
    }
    usleep(300000); /* what was left behind is looked for when nothing else is to be done */
    stop_recorder(world.service);
    calls = calls_of(world.service);
    compare_calls(calls, &world);
    for (uint64_t id = 1; id <= world.asked; id++)
        found += world.number[id] > 0;
    assert_int_equal(found, world.asked);
    assert_true(json_array_size(calls) >= found);
    assert_true(found > KILLS); /* something was done */
    json_decref(calls);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_lost_nothing_twice, service_setup,
                                        service_teardown),
    };

    return cmocka_run_group_tests_name("recorder/killed", tests, NULL, NULL);
}
