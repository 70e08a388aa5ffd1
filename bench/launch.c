/*
 * What launching costs, in one process: through the launcher with a pooled network namespace, from
 * a parked sandbox, in a live one, and how many sandboxes can be made and destroyed a second;
 * beside them what the kernel takes for a plain spawn of the same program.
 *
 *     launch PROGRAM [RUNS]     PROGRAM: a static binary in this directory that only exits
 *
 * One line a figure: name, median and p99 in microseconds, ratio to the plain spawn.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend/channel.h"
#include "backend/launcher.h"
#include "base/clock.h"
#include "linux/host.h"
#include "model/config.h"

#define WORKERS 4

extern char **environ;

static struct bj_launcher launcher;
static struct bj_config config;
static const char *program;
static int64_t plain_median;

static void die(const char *what, const struct bj_error *err)
{
    fprintf(stderr, "launch: %s: %s\n", what, err->message);
    exit(1);
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return x < y ? -1 : x > y;
}

static void report(const char *name, int64_t *times, int count)
{
    qsort(times, (size_t)count, sizeof *times, compare);
    if (plain_median == 0)
        plain_median = times[count / 2];
    printf("%-34s median %6lld us   p99 %6lld us   %5.2fx plain spawn\n", name,
           (long long)times[count / 2], (long long)times[count * 99 / 100],
           (double)times[count / 2] / (double)plain_median);
    fflush(stdout);
}

struct sandbox {
    struct bj_plan plan;
    struct bj_channel channel;
    struct bj_degradations degraded;
    uint32_t number;
    int pidfd;
};

static void create(struct sandbox *s)
{
    struct bj_error err = {0};
    struct bj_host host;

    memset(&s->degraded, 0, sizeof s->degraded);
    s->channel = (struct bj_channel){.degraded = &s->degraded};
    if (bj_host_read(&config, &host, &err) < 0 ||
        bj_plan_make(&config, &host, NULL, &s->plan, &s->degraded, &err) < 0 ||
        bj_launcher_launch(&launcher, &s->plan, &s->number, &s->channel.fd, &s->pidfd, &err) < 0)
        die("create", &err);
}

static void destroy(struct sandbox *s)
{
    struct bj_error err = {0};

    close(s->channel.fd);
    close(s->pidfd);
    if (bj_launcher_end(&launcher, s->number, NULL, &err) < 0)
        die("end", &err);
}

static void spawn(struct sandbox *s, uint32_t flags)
{
    const char *argv[] = {program, NULL}, *env[] = {NULL};
    struct bj_spawn request = {.flags = flags, .directory = "/", .argv = argv, .env = env};
    struct bj_error err = {0};
    struct bj_buf packet;
    struct bj_fds streams = {.fd = {0, 1, 2}, .count = 3};

    bj_buf_init(&packet, BJ_FRAME_MAX);
    bj_frame_put_spawn(&packet, ++s->channel.last_id, &request, 3);
    if (bj_channel_send(&s->channel, &packet, &streams, &err) < 0)
        die("spawn", &err);
    bj_buf_release(&packet);
}

static void wait_exit(struct sandbox *s)
{
    struct bj_error err = {0};
    struct pollfd polled = {.fd = s->channel.fd, .events = POLLIN};

    while (s->channel.event_count == 0) {
        if (poll(&polled, 1, -1) < 0 || bj_channel_poll(&s->channel, &err) < 0)
            die("wait", &err);
        if (s->channel.failure.code != 0)
            die("sandbox", &s->channel.failure);
        if (s->channel.ended && s->channel.event_count == 0)
            die("sandbox ended", &err);
    }
    if (s->channel.events[0].status != 0) {
        fprintf(stderr, "launch: the program ended with status %d\n", s->channel.events[0].status);
        exit(1);
    }
    s->channel.event_count = 0;
}

static void measure_plain(int64_t *times, int runs)
{
    char *argv[] = {(char *)program, NULL};

    for (int i = 0; i < runs; i++) {
        int64_t start = bj_clock_us();
        pid_t pid;

        if (posix_spawn(&pid, program, NULL, NULL, argv, environ) != 0)
            exit(1);
        waitpid(pid, NULL, 0);
        times[i] = bj_clock_us() - start;
    }
    report("plain posix_spawn", times, runs);
}

static void measure_launch(int64_t *times, int runs, const char *name)
{
    static struct sandbox s;

    for (int i = 0; i < runs; i++) {
        int64_t start;

        usleep(1500); /* the pool fills while nobody waits */
        start = bj_clock_us();
        create(&s);
        spawn(&s, BJ_SPAWN_MAIN);
        wait_exit(&s);
        times[i] = bj_clock_us() - start;
        destroy(&s);
    }
    report(name, times, runs);
}

static void measure_parked(int64_t *times, int runs)
{
    static struct sandbox s;

    for (int i = 0; i < runs; i++) {
        int64_t start;

        create(&s);
        usleep(5000);
        start = bj_clock_us();
        spawn(&s, BJ_SPAWN_MAIN);
        wait_exit(&s);
        times[i] = bj_clock_us() - start;
        destroy(&s);
    }
    report("parked sandbox, request to exit", times, runs);
}

static void measure_live(int64_t *times, int runs)
{
    static struct sandbox s;

    create(&s);
    for (int i = 0; i < runs; i++) {
        int64_t start = bj_clock_us();

        spawn(&s, 0);
        wait_exit(&s);
        times[i] = bj_clock_us() - start;
    }
    destroy(&s);
    report("live sandbox, request to exit", times, runs);
}

/* Until init answers: its sandbox is made then. */
static void wait_ready(struct sandbox *s)
{
    struct bj_frame_head head = {.type = BJ_FRAME_LIST, .id = ++s->channel.last_id};
    struct bj_error err = {0};
    struct bj_reply reply;
    struct bj_buf packet;

    bj_buf_init(&packet, BJ_FRAME_MAX);
    bj_frame_put(&packet, head, NULL);
    if (bj_channel_send(&s->channel, &packet, NULL, &err) < 0 ||
        bj_channel_reply(&s->channel, &reply, BJ_CHANNEL_TIMEOUT_MS, &err) < 0)
        die("list", &err);
    bj_buf_release(&packet);
}

/* Several at once, each with a launcher of its own, since each often waits for the kernel. */
static void measure_rate(int runs)
{
    int64_t start = bj_clock_us(), took;
    struct bj_error err = {0};
    int status;

    for (int worker = 0; worker < WORKERS; worker++) {
        pid_t pid = fork();

        if (pid < 0)
            exit(1);
        if (pid == 0) {
            static struct sandbox s;

            if (bj_launcher_fork(&launcher, 0, &err) < 0)
                die("launcher", &err);
            for (int i = 0; i < runs; i++) {
                create(&s);
                wait_ready(&s);
                destroy(&s);
            }
            bj_launcher_stop(&launcher);
            _exit(0);
        }
    }
    while (wait(&status) > 0) {
        if (status != 0)
            exit(1); /* it has said why */
    }
    took = bj_clock_us() - start;
    printf("%-34s %.0f a second\n", "made and destroyed, four at once",
           (double)WORKERS * runs * 1e6 / (double)took);
}

int main(int argc, char **argv)
{
    int runs = argc > 2 ? atoi(argv[2]) : 500;
    int64_t *times = calloc((size_t)runs, sizeof *times);
    struct bj_error err = {0};

    if (argc < 2 || times == NULL || runs < 10)
        return fprintf(stderr, "usage: launch PROGRAM [RUNS]\n"), 2;
    program = argv[1];
    signal(SIGPIPE, SIG_IGN);
    if (bj_config_init(&config, &err) < 0)
        die("config", &err);
    measure_plain(times, runs);
    if (bj_launcher_fork(&launcher, 16, &err) < 0)
        die("launcher", &err);
    measure_launch(times, runs, "launcher, pooled network namespace");
    measure_parked(times, runs);
    measure_live(times, runs);
    bj_launcher_stop(&launcher);
    measure_rate(runs);
    bj_config_release(&config);
    free(times);
    return 0;
}
