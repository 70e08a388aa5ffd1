/*
 * bench-judge CASES [ROUNDS]: how long judging one command takes, over the lines of
 * tests/cases/commands.jsonl: the median of each case's rounds, then the median, the 99th
 * percentile and the largest over the cases. Built-in rules apply beside each case's own lists.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

#include "policy/policy.h"

#define ROUNDS_MAX 10001
#define CASES_MAX  100000

static double now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static int compare(const void *a, const void *b)
{
    double first = *(const double *)a, second = *(const double *)b;

    return first < second ? -1 : first > second;
}

static void set_list(struct bj_config *config, enum bj_option_id id, const json_t *list)
{
    size_t i;
    json_t *entry;

    json_array_foreach(list, i, entry)
    {
        if (bj_config_set(config, id, json_string_value(entry), NULL, NULL) < 0)
            exit(1);
    }
}

/* The median of one case. */
static double measure(const json_t *one, int rounds)
{
    const json_t *lists = json_object_get(one, "policy");
    const struct bj_request request = {
        .tool = "Bash",
        .key = "",
        .directory = "/home/me/project",
        .home = "/home/me",
        .command = json_string_value(json_object_get(one, "command")),
    };
    static double times[ROUNDS_MAX];
    struct bj_config config;
    struct bj_policy *policy;

    if (bj_config_init(&config, NULL) < 0)
        exit(1);
    set_list(&config, BJ_OPT_COMMAND_BLACKLIST, json_object_get(lists, "blacklist"));
    set_list(&config, BJ_OPT_COMMAND_WHITELIST, json_object_get(lists, "whitelist"));
    if (bj_policy_new(&config, &policy, NULL) < 0)
        exit(1);
    for (int i = 0; i < rounds; i++) {
        struct bj_verdict verdict;
        double before = now_us();

        bj_verdict_init(&verdict);
        if (bj_policy_judge(policy, &request, 0, &verdict, NULL) < 0)
            exit(1);
        bj_verdict_release(&verdict);
        times[i] = now_us() - before;
    }
    bj_policy_free(policy);
    bj_config_release(&config);
    qsort(times, (size_t)rounds, sizeof *times, compare);
    return times[rounds / 2];
}

int main(int argc, char **argv)
{
    static double medians[CASES_MAX];
    FILE *file = argc > 1 ? fopen(argv[1], "r") : NULL;
    int rounds = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 201, count = 0;
    static char line[1 << 20];

    if (file == NULL || rounds < 1 || rounds > ROUNDS_MAX) {
        fprintf(stderr, "usage: bench-judge CASES [ROUNDS]\n");
        return 2;
    }
    while (count < CASES_MAX && fgets(line, sizeof line, file) != NULL) {
        json_t *one = json_loads(line, 0, NULL);

        if (one == NULL)
            return 1;
        medians[count++] = measure(one, rounds);
        json_decref(one);
    }
    fclose(file);
    qsort(medians, (size_t)count, sizeof *medians, compare);
    printf("%d cases: median %.1f us, 99%% %.1f us, largest %.1f us\n", count, medians[count / 2],
           medians[count * 99 / 100], medians[count - 1]);
    return 0;
}
