/*
 * Tests of writers of several processes, and of writers that are killed in the middle: what was
 * accepted is there, and the chain is whole.
 */
#include "audit_test.h"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#define KILLS   500
#define WRITERS 3

/* What a writer says once the audit has accepted. */
struct accepted {
    int64_t number;
    uint64_t token; /* which the command names */
};

static int64_t put_token(struct bj_audit *audit, uint64_t token)
{
    struct bj_error err = {0};
    struct bj_request request = {.tool = "Bash"};
    struct bj_audit_who who = {.uid = 1};
    struct bj_verdict verdict;
    int64_t number = 0;
    char command[64];

    snprintf(command, sizeof command, "echo %016llx", (unsigned long long)token);
    request.command = command;
    bj_verdict_init(&verdict);
    if (bj_audit_append_verdict(audit, &request, &verdict, &who, &number, &err) == 0)
        return number;
    fprintf(stderr, "%s\n", err.message);
    return -1;
}

/* Writes singly and in batches until it is killed; ends early if that fails. */
static void writer(struct place *place, int pipe_fd, uint64_t seed)
{
    struct bj_audit_options options = {.path = place->path, .access = BJ_AUDIT_WRITE};
    struct bj_audit *audit = NULL;
    struct bj_error err = {0};

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (bj_audit_open(&options, &audit, &err) < 0) {
        fprintf(stderr, "%s\n", err.message);
        _exit(1);
    }
    for (uint64_t i = 0;; i++) {
        struct accepted said[8];
        int count = i % 4 == 3 ? 8 : 1;

        if (count > 1 && bj_audit_begin(audit, NULL) < 0)
            _exit(2);
        for (int k = 0; k < count; k++) {
            said[k].token = seed << 32 | i << 8 | (uint64_t)k;
            said[k].number = put_token(audit, said[k].token);
            if (said[k].number < 0)
                _exit(3);
        }
        if (count > 1 && bj_audit_commit(audit, NULL) < 0)
            _exit(4);
        if (write(pipe_fd, said, (size_t)count * sizeof *said) < 0)
            _exit(5);
        if (i % 16 == 0 && bj_audit_maintain(audit, NULL, NULL, NULL) < 0)
            _exit(6);
    }
}

struct found {
    const struct accepted *wanted;
    size_t count, at;
};

static int compare(const void *a, const void *b)
{
    const struct accepted *x = a, *y = b;

    return (x->number > y->number) - (x->number < y->number);
}

/* Records come in order of number, and so do those that were accepted. */
static int see(void *context, const struct bj_audit_record *record)
{
    struct found *found = context;
    char token[32];

    if (found->at >= found->count || found->wanted[found->at].number != record->number)
        return 0;
    snprintf(token, sizeof token, "echo %016llx",
             (unsigned long long)found->wanted[found->at].token);
    assert_non_null(strstr(record->body, token));
    found->at++;
    return 0;
}

static void no_accepted_record_is_lost(void **state)
{
    struct place *place = *state;
    struct bj_audit_filter all = BJ_AUDIT_FILTER_ALL;
    struct accepted *accepted = NULL;
    struct found found = {0};
    struct bj_audit *audit;
    struct bj_audit_check check;
    size_t count = 0, room = 0;
    pid_t writers[WRITERS] = {0};
    int ends[2];

    srand(7);
    assert_int_equal(pipe(ends), 0);
    for (int kill_number = 0; kill_number < KILLS + WRITERS; kill_number++) {
        struct timespec pause = {.tv_nsec = rand() % 4000000};
        struct accepted said[512];
        int slot = kill_number % WRITERS, status;
        ssize_t got;

        if (writers[slot] > 0) {
            nanosleep(&pause, NULL);
            kill(writers[slot], SIGKILL);
            assert_int_equal(waitpid(writers[slot], &status, 0), writers[slot]);
            if (!WIFSIGNALED(status))
                fail_msg("a writer ended with %d", WEXITSTATUS(status));
        }
        writers[slot] = kill_number < KILLS ? fork() : 0;
        if (kill_number < KILLS && writers[slot] == 0)
            writer(place, ends[1], (uint64_t)kill_number + 1);
        for (got = sizeof said; kill_number >= WRITERS && got == (ssize_t)sizeof said;) {
            struct pollfd ready = {.fd = ends[0], .events = POLLIN};

            if (poll(&ready, 1, 0) <= 0)
                break;
            got = read(ends[0], said, sizeof said);
            assert_true(got > 0 && got % (ssize_t)sizeof *said == 0);
            if (count + 512 > room) {
                room = room * 2 + 4096;
                accepted = realloc(accepted, room * sizeof *accepted);
            }
            memcpy(accepted + count, said, (size_t)got);
            count += (size_t)got / sizeof *said;
        }
    }
    close(ends[0]);
    close(ends[1]);
    assert_true(count > KILLS / 10); /* they got something done */
    qsort(accepted, count, sizeof *accepted, compare);
    found.wanted = accepted;
    found.count = count;
    audit = open_as(place, BJ_AUDIT_READ);
    assert_int_equal(bj_audit_each(audit, &all, see, &found, NULL), 0);
    bj_audit_close(audit);
    assert_int_equal(found.at, count);
    check = verify(place, NULL);
    if (!check.sound)
        fail_msg("%s", check.problem);
    assert_true(check.records >= (int64_t)count);
    free(accepted);
}

static void several_write_at_once(void **state)
{
    struct place *place = *state;
    struct bj_audit_check check;

    for (int i = 0; i < 4; i++) {
        if (fork() == 0) {
            struct bj_audit *audit = open_as(place, BJ_AUDIT_WRITE);

            for (int k = 0; k < 100; k++)
                put_call(audit, "echo", BJ_ALLOW, BJ_RISK_NONE);
            bj_audit_close(audit);
            _exit(0);
        }
    }
    for (int i = 0; i < 4; i++) {
        int status;

        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
    }
    check = verify(place, NULL);
    assert_true(check.sound);
    assert_int_equal(check.records, 800);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(several_write_at_once, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(no_accepted_record_is_lost, place_setup, place_teardown),
    };

    return cmocka_run_group_tests_name("audit/killed", tests, NULL, NULL);
}
