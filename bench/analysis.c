/*
 * Measures the analysis of shell text: for every command of a file the median of many analyses, and
 * texts of 64 KiB that are made to be slow, with the time limit that the policy sets.
 *
 *     bench-analysis FILE      JSON Lines, each an object with "command"
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "policy/command.h"

#define RUNS     201
#define COMMANDS 4096
#define LIMIT_US 20000

static struct bj_shell *shell;
static struct bj_arena arena;

static int64_t now_ns(void)
{
    struct timespec at;

    clock_gettime(CLOCK_MONOTONIC, &at);
    return at.tv_sec * 1000000000LL + at.tv_nsec;
}

static int64_t now_us(void)
{
    return now_ns() / 1000;
}

/* Microseconds of one analysis. */
static double analyse(const char *text, size_t length, struct bj_commands *commands)
{
    struct bj_shell_context context = {.directory = "/work", .home = "/home/me", .clock = now_us};
    int64_t begin = now_ns();

    context.deadline_us = begin / 1000 + LIMIT_US;
    bj_arena_reset(&arena);
    if (bj_shell_analyse(shell, &context, text, length, &arena, commands, NULL) < 0)
        exit(1);
    return (double)(now_ns() - begin) / 1e3;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median_of(const char *text)
{
    struct bj_commands commands;
    double runs[RUNS];

    for (int i = 0; i < RUNS; i++)
        runs[i] = analyse(text, strlen(text), &commands);
    qsort(runs, RUNS, sizeof *runs, by_size);
    return runs[RUNS / 2];
}

static void measure_file(const char *path)
{
    static double medians[COMMANDS];
    char *line = NULL;
    size_t room = 0, count = 0;
    double slowest = 0;
    char which[64] = "";
    FILE *file = fopen(path, "r");

    if (file == NULL) {
        perror(path);
        exit(1);
    }
    while (count < COMMANDS && getline(&line, &room, file) > 0) {
        json_t *object = json_loads(line, 0, NULL);
        const char *text = json_string_value(json_object_get(object, "command"));

        if (text != NULL) {
            medians[count] = median_of(text);
            if (medians[count] > slowest) {
                slowest = medians[count];
                snprintf(which, sizeof which, "%.60s", text);
            }
            count++;
        }
        json_decref(object);
    }
    fclose(file);
    free(line);
    qsort(medians, count, sizeof *medians, by_size);
    if (count > 0)
        printf("%zu commands: median %.1f us, 90%% below %.1f us, slowest %.1f us: %s\n", count,
               medians[count / 2], medians[count * 9 / 10], slowest, which);
}

/* A piece said again and again, then what closes it. */
static const struct {
    const char *name, *open, *close;
} hard[] = {
    {"many commands", "a b;", ""},
    {"many lines", "echo $x >> f\n", ""},
    {"one long word", "a", ""},
    {"one pipeline", "a|", "a"},
    {"one list", "a&&", "a"},
    {"open substitutions", "$(", ")"},
    {"open backticks", "`", ""},
    {"open parameters", "${x:-", "}"},
    {"open arithmetic", "$((", "))"},
    {"open groups", "{ ", "; }"},
    {"open subshells", "( ", ")"},
    {"open ifs", "if a; then ", ""},
    {"loops in loops", "for i in 1 2 3 4 5 6 7; do ", ""},
    {"braces", "{a,b}", ""},
    {"open braces", "{", ""},
    {"open braces, one comma", "{,", "}"},
    {"quotes", "\"'\"", ""},
    {"here-documents", "cat <<E\n$(a)\nE\n", ""},
    {"variables", "x=$x$x;", ""},
    {"branches", "if a; then x=$x$x; fi;", ""},
    {"patterns", "${x//*a*a*a*a*a/b}", ""},
    {"globs", "*?[a-z]", ""},
    {"assignments", "a=b ", ""},
    {"array elements", "a+=(b c);", ""},
    {"errors", ") ;; fi }", ""},
    {"functions", "f() { f; f & };", "f"},
    {"evals", "eval eval ", "x"},
    {"echo into shells", "echo a | sh;", ""},
    {"semicolons and words", ";;a", ""},
    {"math", "((x[x[x[1]]]+=x));", ""},
};

static void measure_hard(void)
{
    static char text[64 << 10];

    for (size_t i = 0; i < sizeof hard / sizeof *hard; i++) {
        size_t open = strlen(hard[i].open), close = strlen(hard[i].close), length = 0;
        size_t times = sizeof text / (open + close);
        struct bj_commands commands;
        double took;

        for (size_t k = 0; k < times; k++, length += open)
            memcpy(text + length, hard[i].open, open);
        for (size_t k = 0; k < times; k++, length += close)
            memcpy(text + length, hard[i].close, close);
        took = analyse(text, length, &commands);
        printf("%-24s %8.0f us, %5zu commands, %s\n", hard[i].name, took, commands.count,
               commands.incomplete == BJ_COMPLETE     ? "complete"
               : commands.incomplete == BJ_NOT_PARSED ? "not parsed"
               : commands.incomplete == BJ_TOO_LARGE  ? "too large"
                                                      : "too slow");
    }
}

int main(int argc, char **argv)
{
    shell = bj_shell_new(NULL);
    if (shell == NULL)
        return 1;
    bj_arena_init(&arena, 16 << 20);
    if (argc > 1)
        measure_file(argv[1]);
    measure_hard();
    bj_arena_release(&arena);
    bj_shell_free(shell);
    return 0;
}
