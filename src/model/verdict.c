/* Collecting violations into a verdict. */
#include "model/verdict.h"

#include <string.h>

#include "base/str.h"

#define TEXTS_MAX (512 << 10) /* bytes of all texts of one verdict */

static const char *const decision_names[] = {"allow", "ask", "deny", NULL};
static const char *const risk_names[] = {"none", "low", "medium", "high", "critical", NULL};

static int find(const char *const *names, const char *name)
{
    for (int i = 0; names[i] != NULL; i++) {
        if (bj_streq(names[i], name))
            return i;
    }
    return -1;
}

const char *bj_decision_name(enum bj_decision decision)
{
    return decision_names[decision];
}

const char *bj_risk_name(enum bj_risk risk)
{
    return risk_names[risk];
}

int bj_decision_find(const char *name)
{
    return find(decision_names, name);
}

int bj_risk_find(const char *name)
{
    return find(risk_names, name);
}

void bj_verdict_init(struct bj_verdict *verdict)
{
    *verdict = (struct bj_verdict){.decision = BJ_ALLOW};
    bj_arena_init(&verdict->arena, TEXTS_MAX);
}

void bj_verdict_release(struct bj_verdict *verdict)
{
    bj_arena_release(&verdict->arena);
    bj_verdict_init(verdict);
}

static const char *keep(struct bj_verdict *verdict, const char *text)
{
    size_t length = text != NULL ? strnlen(text, BJ_VERDICT_TEXT_MAX) : 0;
    const char *kept = length > 0 ? bj_arena_copy(&verdict->arena, text, length) : "";

    return kept != NULL ? kept : "";
}

void bj_verdict_add(struct bj_verdict *verdict, const struct bj_violation *violation)
{
    struct bj_violation *added;

    if (violation->decision > verdict->decision)
        verdict->decision = violation->decision;
    if (violation->risk > verdict->risk)
        verdict->risk = violation->risk;
    if (verdict->count >= BJ_VIOLATIONS_MAX) {
        verdict->dropped++;
        return;
    }
    added = &verdict->violations[verdict->count++];
    *added = *violation;
    added->rule = keep(verdict, violation->rule);
    added->description = keep(verdict, violation->description);
    added->command = keep(verdict, violation->command);
    added->advice = keep(verdict, violation->advice);
}

const char *bj_verdict_reason(const struct bj_verdict *verdict)
{
    const struct bj_violation *strictest = NULL;

    if (verdict->decision == BJ_ALLOW)
        return "allowed";
    for (int i = 0; i < verdict->count; i++) {
        const struct bj_violation *violation = &verdict->violations[i];

        if (strictest == NULL || violation->decision > strictest->decision)
            strictest = violation;
    }
    return strictest != NULL ? strictest->description : "refused";
}
