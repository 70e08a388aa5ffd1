/*
 * Measures the audit: records a second by group commit, one record that waits for the disk, and
 * what the two records of one run cost from opening the database to closing it.
 *
 *     bench-audit [DIRECTORY]      where the database is made; the current directory otherwise
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "audit/audit.h"

#define SECONDS 3

static char path[4096];

static double now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static void check(int result, const struct bj_error *err)
{
    if (result >= 0)
        return;
    fprintf(stderr, "bench-audit: %s\n", err->message);
    exit(1);
}

/* log_pages: 0 as `belljar run` has it, more as a service would. */
static struct bj_audit *open_database(bool durable, int log_pages)
{
    struct bj_audit_options options = {
        .path = path, .access = BJ_AUDIT_WRITE, .durable = durable, .log_pages = log_pages};
    struct bj_audit *audit = NULL;
    struct bj_error err;

    check(bj_audit_open(&options, &audit, &err), &err);
    return audit;
}

static int64_t put_verdict(struct bj_audit *audit)
{
    struct bj_request request = {
        .tool = "Bash",
        .key = "alice",
        .sandbox = "s-4f1c2a",
        .directory = "/home/alice/project",
        .command = "cd build && cmake .. -DCMAKE_BUILD_TYPE=Release && make -j8 2>&1 | tail -20"};
    struct bj_audit_who who = {.uid = 1000};
    static struct bj_verdict verdict;
    struct bj_error err;
    int64_t number = 0;

    bj_verdict_init(&verdict);
    check(bj_audit_append_verdict(audit, &request, &verdict, &who, &number, &err), &err);
    return number;
}

static void put_outcome(struct bj_audit *audit, int64_t number)
{
    struct bj_audit_outcome outcome = {.ran = true,
                                       .duration_us = 812345,
                                       .cpu_us = 700000,
                                       .peak_memory = 52 << 20,
                                       .output_bytes = {1830, 77}};
    struct bj_error err;

    check(bj_audit_append_outcome(audit, number, &outcome, &err), &err);
}

static void begin_again(void)
{
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    char name[sizeof path + 8];

    for (int i = 0; i < 3; i++) {
        snprintf(name, sizeof name, "%s%s", path, suffixes[i]);
        unlink(name);
    }
}

/* Verdicts and outcomes in batches, the log emptied as a service would. */
static void sustained(bool durable, int batch)
{
    struct bj_audit *audit = open_database(durable, 2000);
    struct bj_error err;
    double start = now_us(), end = start;
    long records = 0;

    while (end - start < SECONDS * 1e6) {
        check(bj_audit_begin(audit, &err), &err);
        for (int i = 0; i < batch; i += 2)
            put_outcome(audit, put_verdict(audit));
        check(bj_audit_commit(audit, &err), &err);
        records += batch;
        check(bj_audit_maintain(audit, NULL, NULL, &err), &err);
        end = now_us();
    }
    printf("%-12s batches of %-5d %9.0f records a second\n", durable ? "durable" : "not durable",
           batch, (double)records / (end - start) * 1e6);
    bj_audit_close(audit);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void print_times(const char *what, double *times, int count)
{
    qsort(times, (size_t)count, sizeof *times, compare);
    printf("%-40s median %7.0f us   p99 %7.0f us\n", what, times[count / 2],
           times[count * 99 / 100]);
}

static void single(bool durable)
{
    enum { RUNS = 400 };
    static double times[RUNS];
    struct bj_audit *audit = open_database(durable, 0);

    for (int i = 0; i < RUNS; i++) {
        double start = now_us();

        put_verdict(audit);
        times[i] = now_us() - start;
    }
    print_times(durable ? "one record, durable" : "one record, not durable", times, RUNS);
    bj_audit_close(audit);
}

/* As `belljar run` does it: open, verdict, outcome, maintain, close. */
static void one_run(void)
{
    enum { RUNS = 1000 };
    static double times[RUNS];

    for (int i = 0; i < RUNS; i++) {
        double start = now_us();
        struct bj_audit *audit = open_database(false, 0);
        struct bj_error err;

        put_outcome(audit, put_verdict(audit));
        check(bj_audit_maintain(audit, NULL, NULL, &err), &err);
        bj_audit_close(audit);
        times[i] = now_us() - start;
    }
    print_times("open, verdict, outcome, close", times, RUNS);
}

static void prove(void)
{
    struct bj_audit *audit = open_database(false, 0);
    struct bj_audit_check found;
    struct bj_error err;
    double start = now_us();

    check(bj_audit_verify(audit, NULL, &found, &err), &err);
    printf("verify: %s, %.0f records a second\n", found.sound ? "sound" : found.problem,
           (double)found.records / (now_us() - start) * 1e6);
    bj_audit_close(audit);
}

int main(int argc, char **argv)
{
    char directory[3072];

    snprintf(directory, sizeof directory, "%s/belljar-bench.XXXXXX", argc > 1 ? argv[1] : ".");
    if (mkdtemp(directory) == NULL) {
        perror(directory);
        return 1;
    }
    snprintf(path, sizeof path, "%s/audit.db", directory);
    single(true);
    single(false);
    begin_again();
    one_run();
    begin_again();
    sustained(true, 2);
    sustained(true, 256);
    begin_again();
    sustained(false, 256);
    sustained(false, 1024);
    prove();
    begin_again();
    rmdir(directory);
    return 0;
}
