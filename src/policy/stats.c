/* Counting verdicts. */
#include "policy/stats.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

#define OTHERS "(others)"

struct counter {
    char name[BJ_STATS_NAME_MAX];
    uint64_t count;
};

struct counters {
    struct counter list[BJ_STATS_NAMES];
    size_t count;
};

/* One that is kept: the four texts lie behind each other in `texts`, each with its NUL. */
struct kept {
    int64_t time_us;
    enum bj_risk risk;
    enum bj_decision decision;
    char *texts; /* owned */
};

struct bj_stats {
    struct bj_stats_totals totals;
    struct counters tools, rules;
    struct kept ring[BJ_STATS_VIOLATIONS];
    size_t next; /* place of the ring that is written next */
};

int bj_stats_new(struct bj_stats **ret, struct bj_error *err)
{
    struct bj_stats *stats = bj_alloc(sizeof *stats);

    if (stats == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "policy", "out of memory");
    *ret = stats;
    return 0;
}

void bj_stats_free(struct bj_stats *stats)
{
    if (stats == NULL)
        return;
    for (size_t i = 0; i < BJ_STATS_VIOLATIONS; i++)
        bj_free(stats->ring[i].texts);
    bj_free(stats);
}

static void count_name(struct counters *counters, const char *name)
{
    char cut[BJ_STATS_NAME_MAX];

    snprintf(cut, sizeof cut, "%s", name);
    if (counters->count == BJ_STATS_NAMES - 1)
        bj_str_copy(counters->list[counters->count++].name, BJ_STATS_NAME_MAX, OTHERS);
    for (size_t i = 0; i < counters->count; i++) {
        bool others = i == BJ_STATS_NAMES - 1;

        if (others || bj_streq(counters->list[i].name, cut)) {
            counters->list[i].count++;
            return;
        }
    }
    bj_str_copy(counters->list[counters->count].name, BJ_STATS_NAME_MAX, cut);
    counters->list[counters->count++].count = 1;
}

static char *put(char *out, const char *text)
{
    size_t length = strnlen(text, BJ_STATS_TEXT_MAX);

    memcpy(out, text, length);
    out[length] = '\0';
    return out + length + 1;
}

static void keep(struct bj_stats *stats, const char *tool, const struct bj_violation *violation,
                 int64_t now_us)
{
    const char *const texts[] = {tool, violation->rule, violation->description, violation->command};
    struct kept *kept = &stats->ring[stats->next];
    size_t length = 0;
    char *copy, *at;

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        length += strnlen(texts[i], BJ_STATS_TEXT_MAX) + 1;
    copy = bj_alloc(length);
    if (copy == NULL) {
        stats->totals.forgotten++;
        return;
    }
    if (kept->texts != NULL)
        stats->totals.forgotten++;
    bj_free(kept->texts);
    *kept = (struct kept){now_us, violation->risk, violation->decision, copy};
    at = copy;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        at = put(at, texts[i]);
    stats->next = (stats->next + 1) % BJ_STATS_VIOLATIONS;
}

void bj_stats_count(struct bj_stats *stats, const struct bj_request *request,
                    const struct bj_verdict *verdict, int64_t now_us)
{
    const char *tool = request->tool != NULL ? request->tool : "";

    stats->totals.calls++;
    stats->totals.by_decision[verdict->decision]++;
    stats->totals.violations += (uint64_t)verdict->count + (uint64_t)verdict->dropped;
    stats->totals.forgotten += (uint64_t)verdict->dropped;
    count_name(&stats->tools, tool);
    for (int i = 0; i < verdict->count; i++) {
        const struct bj_violation *violation = &verdict->violations[i];

        stats->totals.by_risk[violation->risk]++;
        count_name(&stats->rules, violation->rule);
        keep(stats, tool, violation, now_us);
    }
}

const struct bj_stats_totals *bj_stats_totals(const struct bj_stats *stats)
{
    return &stats->totals;
}

static bool named(const struct counters *counters, size_t index, struct bj_stats_named *ret)
{
    if (index >= counters->count)
        return false;
    *ret = (struct bj_stats_named){counters->list[index].name, counters->list[index].count};
    return true;
}

bool bj_stats_tool(const struct bj_stats *stats, size_t index, struct bj_stats_named *ret)
{
    return named(&stats->tools, index, ret);
}

bool bj_stats_rule(const struct bj_stats *stats, size_t index, struct bj_stats_named *ret)
{
    return named(&stats->rules, index, ret);
}

static void unpack(const struct kept *kept, struct bj_stats_violation *ret)
{
    const char *at = kept->texts;

    *ret = (struct bj_stats_violation){
        .time_us = kept->time_us, .risk = kept->risk, .decision = kept->decision};
    ret->tool = at;
    at += strlen(at) + 1;
    ret->rule = at;
    at += strlen(at) + 1;
    ret->description = at;
    ret->command = at + strlen(at) + 1;
}

size_t bj_stats_violations(const struct bj_stats *stats, enum bj_risk least, enum bj_risk most,
                           struct bj_stats_violation *ret, size_t maximum)
{
    size_t count = 0;

    for (size_t i = 1; i <= BJ_STATS_VIOLATIONS; i++) {
        const struct kept *kept =
            &stats->ring[(stats->next + BJ_STATS_VIOLATIONS - i) % BJ_STATS_VIOLATIONS];

        if (kept->texts == NULL || kept->risk < least || kept->risk > most)
            continue;
        if (count < maximum)
            unpack(kept, &ret[count]);
        count++;
    }
    return count;
}
