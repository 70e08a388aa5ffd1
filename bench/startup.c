/*
 * Times whole commands in turn: A B C A B C …, so that a machine whose speed drifts drifts for all.
 *
 *     startup RUNS NAME 'COMMAND' [NAME 'COMMAND' …]
 *
 * Commands are split at spaces. A line for each: median, p99, peak memory of the largest process,
 * and the ratio to the first command and to the second, each the median of the ratios of a round.
 */
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define COMMANDS_MAX 32
#define WORDS_MAX    64
#define WARM_UP      20

struct command {
    const char *name;
    char *words[WORDS_MAX];
    double *times; /* microseconds */
    long peak_kib;
};

static double now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static double at(const double *values, int count, double part)
{
    double *sorted = malloc((size_t)count * sizeof *sorted), value;

    memcpy(sorted, values, (size_t)count * sizeof *sorted);
    qsort(sorted, (size_t)count, sizeof *sorted, compare);
    value = sorted[(int)(part * (count - 1))];
    free(sorted);
    return value;
}

static void split(struct command *command, char *text)
{
    int count = 0;
    char *rest;

    for (char *word = strtok_r(text, " ", &rest); word != NULL && count < WORDS_MAX - 1;
         word = strtok_r(NULL, " ", &rest))
        command->words[count++] = word;
}

/* vfork and exec, as a shell or an agent would at best. */
static double run(struct command *command)
{
    double start = now_us();
    struct rusage usage;
    pid_t pid = vfork();
    int status;

    if (pid == 0) {
        execv(command->words[0], command->words);
        _exit(127);
    }
    wait4(pid, &status, 0, &usage);
    if (pid < 0 || status != 0) {
        fprintf(stderr, "startup: %s failed with status 0x%x\n", command->name, (unsigned)status);
        exit(1);
    }
    if (usage.ru_maxrss > command->peak_kib)
        command->peak_kib = usage.ru_maxrss;
    return now_us() - start;
}

static double ratio(const struct command *command, const struct command *base, int runs)
{
    double *ratios = malloc((size_t)runs * sizeof *ratios), value;

    for (int i = 0; i < runs; i++)
        ratios[i] = command->times[i] / base->times[i];
    value = at(ratios, runs, 0.5);
    free(ratios);
    return value;
}

int main(int argc, char **argv)
{
    static struct command commands[COMMANDS_MAX];
    int runs = argc > 1 ? atoi(argv[1]) : 0, count = (argc - 2) / 2;

    if (runs < 1 || count < 1 || count > COMMANDS_MAX || argc % 2 != 0)
        return fprintf(stderr, "usage: startup RUNS NAME 'COMMAND' [NAME 'COMMAND' …]\n"), 2;
    for (int c = 0; c < count; c++) {
        commands[c].name = argv[2 + 2 * c];
        commands[c].times = calloc((size_t)runs, sizeof(double));
        split(&commands[c], argv[3 + 2 * c]);
    }
    for (int i = -WARM_UP; i < runs; i++) {
        for (int c = 0; c < count; c++) {
            double time = run(&commands[c]);

            if (i >= 0)
                commands[c].times[i] = time;
        }
    }
    for (int c = 0; c < count; c++) {
        printf("%-38s median %6.0f us  p99 %6.0f us  %5ld KiB  %6.2fx", commands[c].name,
               at(commands[c].times, runs, 0.5), at(commands[c].times, runs, 0.99),
               commands[c].peak_kib, ratio(&commands[c], &commands[0], runs));
        if (count > 1)
            printf("  %5.2fx", ratio(&commands[c], &commands[1], runs));
        printf("\n");
    }
    return 0;
}
