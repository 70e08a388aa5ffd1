/*
 * Measures the audit process: how long one entry takes from the front to the keeper, and how many a
 * second come through when many wait, as ratios to the same records written to the same kind of
 * database without any process between.
 *
 *     bench-recorder [DIRECTORY]      where the databases are made; the current directory otherwise
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "audit/audit.h"
#include "linux/socket.h"
#include "recorder/recorder.h"
#include "wire/keeper.h"

#define ONE_BY_ONE 1000
#define SECONDS    2

static const char command[] =
    "cd build && cmake .. -DCMAKE_BUILD_TYPE=Release && make -j8 2>&1 | tail -20";
static const char *const argv[] = {"/bin/bash", "-c", command, NULL};
static const struct bj_act act = {
    .kind = BJ_ACT_START, .sandbox = "s4f1c2a", .owner = "team", .process = 1, .argv = argv};
static const struct bj_request request = {.tool = "Bash",
                                          .key = "alice",
                                          .sandbox = "s4f1c2a",
                                          .directory = "/workspace",
                                          .command = command};
static struct bj_verdict verdict;
static char path[4096];

static void fail(const char *what)
{
    fprintf(stderr, "bench-recorder: %s\n", what);
    exit(1);
}

static double now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static void begin_again(void)
{
    static const char *const suffixes[] = {"", "-wal", "-shm", "-service"};
    char name[sizeof path + 16];

    for (int i = 0; i < 4; i++) {
        snprintf(name, sizeof name, "%s%s", path, suffixes[i]);
        unlink(name);
    }
}

/* ---- the record alone ---- */

static struct bj_audit *open_record(bool durable)
{
    struct bj_audit_options options = {
        .path = path, .access = BJ_AUDIT_WRITE, .durable = durable, .log_pages = 2000};
    struct bj_audit *audit = NULL;
    struct bj_error err;

    if (bj_audit_open(&options, &audit, &err) < 0)
        fail(err.message);
    return audit;
}

static void append(struct bj_audit *audit)
{
    struct bj_request whole = request;
    struct bj_buf described;
    struct bj_error err;

    bj_buf_init(&described, 1 << 20);
    bj_act_describe(&act, &described);
    whole.act = bj_buf_text(&described);
    if (bj_audit_append_verdict(audit, &whole, &verdict, &(struct bj_audit_who){.uid = 1000}, NULL,
                                &err) < 0)
        fail(err.message);
    bj_buf_release(&described);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double alone_one(bool durable)
{
    static double times[ONE_BY_ONE];
    struct bj_audit *audit = open_record(durable);

    for (int i = 0; i < ONE_BY_ONE; i++) {
        double start = now_us();

        append(audit);
        times[i] = now_us() - start;
    }
    bj_audit_close(audit);
    begin_again();
    qsort(times, ONE_BY_ONE, sizeof *times, compare);
    return times[ONE_BY_ONE / 2];
}

static double alone_rate(bool durable, int batch)
{
    struct bj_audit *audit = open_record(durable);
    double start = now_us(), end = start;
    long records = 0;

    for (; end - start < SECONDS * 1e6; end = now_us()) {
        if (bj_audit_begin(audit, NULL) < 0)
            fail("cannot begin");
        for (int i = 0; i < batch; i++)
            append(audit);
        if (bj_audit_commit(audit, NULL) < 0 || bj_audit_maintain(audit, NULL, NULL, NULL) < 0)
            fail("cannot commit");
        records += batch;
    }
    bj_audit_close(audit);
    begin_again();
    return (double)records / (end - start) * 1e6;
}

/* ---- through the process ---- */

static int control, front, keeper;
static pid_t process;

static void send_to(int fd, struct bj_buf *out, int passed)
{
    const struct bj_fds fds = {.fd = {passed}, .count = passed >= 0};

    bj_message_head(out)->fds = (uint16_t)fds.count;
    if (!bj_message_end(out) || bj_socket_send(fd, out->data, out->length, &fds) < 0)
        fail("cannot send");
}

static int introduce(const char *who)
{
    struct bj_buf out;
    int ends[2];

    if (bj_socket_pair(ends) < 0)
        fail("no sockets");
    bj_buf_init(&out, BJ_MESSAGE_MAX);
    bj_message_begin(&out, BJ_MESSAGE_PEER, 0);
    bj_pack_text(&out, who);
    send_to(control, &out, ends[1]);
    bj_buf_release(&out);
    close(ends[1]);
    return ends[0];
}

static void start(bool durable)
{
    const struct bj_config config = {
        .audit = BJ_AUDIT_REQUIRED, .audit_path = path, .audit_durable = durable};
    struct bj_mask mask = {0};
    struct bj_buf out;
    int ends[2];

    if (bj_socket_pair(ends) < 0)
        fail("no sockets");
    process = fork();
    if (process == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(ends[0]);
        _exit(bj_recorder_main(
            &(struct bj_recorder_options){.control_fd = ends[1], .config = &config, .mask = &mask},
            NULL));
    }
    close(ends[1]);
    control = ends[0];
    front = introduce("front");
    keeper = introduce("keeper");
    bj_buf_init(&out, BJ_MESSAGE_MAX);
    bj_message_begin(&out, BJ_MESSAGE_BEGUN, 0);
    send_to(keeper, &out, -1);
    bj_buf_release(&out);
}

static void stop(void)
{
    close(control);
    waitpid(process, NULL, 0);
    close(front);
    close(keeper);
    begin_again();
}

/* The entry, packed once; its id is set for each. */
static void make_entry(struct bj_buf *out)
{
    struct bj_buf packed;

    bj_buf_init(&packed, BJ_ACT_MAX);
    bj_act_put(&packed, &act);
    bj_buf_init(out, BJ_MESSAGE_MAX);
    bj_message_begin(out, BJ_MESSAGE_ENTRY, 0);
    bj_entry_put(out, &(struct bj_entry){.request = request,
                                         .uid = 1000,
                                         .owner = "team",
                                         .verdict = &verdict,
                                         .act = packed.data,
                                         .act_length = packed.length});
    bj_buf_release(&packed);
}

static void take_act(void)
{
    static char packet[BJ_MESSAGE_MAX];
    struct bj_message message;
    struct bj_fds fds;
    ssize_t length = bj_socket_receive(keeper, packet, sizeof packet, &fds, 0);

    if (length <= 0 || bj_message_get(packet, (size_t)length, &message, NULL) < 0 ||
        message.head.type != BJ_MESSAGE_ACT)
        fail("no act came through");
}

static double through_one(bool durable)
{
    static double times[ONE_BY_ONE];
    struct bj_buf entry;

    start(durable);
    make_entry(&entry);
    for (int i = 0; i < ONE_BY_ONE; i++) {
        double begun = now_us();

        send_to(front, &entry, -1);
        take_act();
        times[i] = now_us() - begun;
    }
    bj_buf_release(&entry);
    stop();
    qsort(times, ONE_BY_ONE, sizeof *times, compare);
    return times[ONE_BY_ONE / 2];
}

static double through_rate(bool durable, int ahead)
{
    struct bj_buf entry;
    double begun, end;
    long sent = 0, came = 0;

    start(durable);
    make_entry(&entry);
    begun = end = now_us();
    for (; end - begun < SECONDS * 1e6; end = now_us()) {
        struct pollfd ready = {.fd = front, .events = POLLOUT};

        while (sent < came + ahead && poll(&ready, 1, 0) > 0) {
            send_to(front, &entry, -1);
            sent++;
        }
        do {
            struct pollfd waiting = {.fd = keeper, .events = POLLIN};

            take_act();
            came++;
            if (poll(&waiting, 1, 0) <= 0)
                break;
        } while (came < sent);
    }
    bj_buf_release(&entry);
    stop();
    return (double)came / (end - begun) * 1e6;
}

static void compare_both(bool durable)
{
    const char *kind = durable ? "durable" : "not durable";
    double alone = alone_one(durable), through = through_one(durable);

    printf("%-12s one entry           alone %8.0f us      through %8.0f us      %.2fx\n", kind,
           alone, through, through / alone);
    for (int ahead = 16; ahead <= 256; ahead *= 4) {
        alone = alone_rate(durable, ahead);
        through = through_rate(durable, ahead);
        printf("%-12s %3d wait at a time  alone %8.0f a second  through %8.0f a second  %.2fx\n",
               kind, ahead, alone, through, through / alone);
    }
}

int main(int argc, char **arguments)
{
    char directory[3072];

    snprintf(directory, sizeof directory, "%s/belljar-bench.XXXXXX", argc > 1 ? arguments[1] : ".");
    if (mkdtemp(directory) == NULL) {
        perror(directory);
        return 1;
    }
    snprintf(path, sizeof path, "%s/audit.db", directory);
    bj_verdict_init(&verdict);
    compare_both(false);
    compare_both(true);
    rmdir(directory);
    return 0;
}
