/*
 * Every system call and allocation of the audit process fails once, in a build with -Dfaults=true:
 * what was asked for is then refused, or the process ends and the next one does it; the record is
 * whole in either case.
 */
#include "recorder_test.h"

#include <errno.h>

#include "base/fd.h"

#ifdef BJ_FAULTS
static const struct bj_act freeze = {.kind = BJ_ACT_PAUSE, .sandbox = "abc"};
static struct got got;

/* Sends without minding that nobody may be there. */
static void put(int fd, struct bj_buf *out)
{
    assert_true(bj_message_end(out));
    bj_socket_send(fd, out->data, out->length, NULL);
    bj_buf_release(out);
}

/* The answer to one entry; 0 when the process ended instead. */
static int answer_to(struct service *service, uint64_t id)
{
    const struct said said = {.command = "true", .act = &freeze};
    struct bj_buf out;

    put_said(&out, id, &said);
    put(service->front, &out);
    do {
        if (!get_within(service->keeper, &got, PATIENCE_MS))
            fail_msg("entry %llu: no answer and no end", (unsigned long long)id);
    } while (!got.ended && got.message.head.type == BJ_MESSAGE_RECORDED);
    return got.ended ? 0 : got.message.head.type;
}

static void tell(struct service *service, uint64_t id, int64_t number)
{
    struct bj_buf out;

    begin_packet(&out, BJ_MESSAGE_OUTCOME, id, number);
    bj_outcome_note_put(&out, &(struct bj_outcome_note){.ran = true});
    put(service->keeper, &out);
}

/* A process that is told to fail, or not. */
static void start_anew(struct service *service, bool faults)
{
    struct bj_buf out;

    service->faults = faults;
    start_recorder(service);
    for (int i = 0; i < 2; i++) {
        int *end = i == 0 ? &service->front : &service->keeper, ends[2];

        bj_fd_close(end);
        assert_int_equal(bj_socket_pair(ends), 0);
        begin_packet(&out, BJ_MESSAGE_PEER, 0, i); /* front 0, keeper 1 */
        bj_pack_text(&out, i == 0 ? "front" : "keeper");
        bj_message_head(&out)->fds = 1;
        assert_true(bj_message_end(&out));
        bj_socket_send(service->control, out.data, out.length,
                       &(struct bj_fds){.fd = {ends[1]}, .count = 1});
        bj_buf_release(&out);
        close(ends[1]);
        *end = ends[0];
    }
    begin_packet(&out, BJ_MESSAGE_BEGUN, 0, 0);
    put(service->keeper, &out);
}

static void each_call_fails(void **state)
{
    static const int codes[] = {EIO, ENOMEM, ENOSPC};
    struct service *service = *state;
    uint64_t id = 0;
    int ended = 0, refused = 0;

    assert_int_equal(answer_to(service, ++id), BJ_MESSAGE_ACT); /* so that there is a record */
    end_recorder(service, SIGKILL);
    assert_true(bj_fault_prepare());
    bj_fault_spare(true);
    for (size_t code = 0; code < sizeof codes / sizeof *codes; code++) {
        for (long at = 1;; at++) {
            int first, second;
            json_t *calls;

            bj_fault_at(at, codes[code]);
            start_anew(service, true);
            first = answer_to(service, ++id);
            if (first == BJ_MESSAGE_ACT)
                tell(service, id, got.message.head.number);
            second = first != 0 ? answer_to(service, ++id) : 0;
            end_recorder(service, SIGTERM);
            ended += first == 0 || second == 0;
            refused += first == BJ_MESSAGE_REFUSED || second == BJ_MESSAGE_REFUSED;
            calls = calls_of(service); /* checks the chain */
            json_decref(calls);
            if (bj_fault_count() < at)
                break;
            bj_fault_at(0, 0);
            start_anew(service, false);
            assert_int_equal(answer_to(service, ++id), BJ_MESSAGE_ACT);
            end_recorder(service, SIGKILL);
        }
    }
    assert_true(ended > 0);
    assert_true(refused > 0);
}
#else
static void each_call_fails(void **state)
{
    (void)state;
    skip();
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_call_fails, service_setup, service_teardown),
    };

    return cmocka_run_group_tests_name("recorder/faults", tests, NULL, NULL);
}
