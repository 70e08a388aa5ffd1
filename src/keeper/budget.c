/*
 * How much memory the output of all processes takes. A ring asks before it grows (log.h), and is
 * counted three times: for its sandbox, for its sandbox's owner, for the keeper. Where one of the
 * three would have too much, somebody's output is given up first:
 *
 *   - that of a process that has ended, the oldest first: all of it, if that gives memory back;
 *   - else half of the largest ring, if that is larger than the one that asks would become;
 *   - else the one that asks is refused, and forgets its own older bytes instead.
 *
 * It is taken within the sandbox where that has too much, within the owner's where he has, and from
 * the owner who has most where the keeper has: so nobody loses output to an owner who has more than
 * himself. What is held for a reader is left alone, but not when the keeper has too much: a client
 * that does not read is no reason for others to have no output. Whatever is given up is said, as
 * any output is that was dropped: a reader sees that its offset moved.
 */
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "keeper/keeper_internal.h"

#define MIB         ((int64_t)1 << 20)
#define PATIENCE_US 250000 /* until rings are looked through again where one was refused */

/* ---- owners ---- */

int bj_budget_join(struct bj_sandbox *sandbox, const char *name, struct bj_error *err)
{
    struct bj_budget *budget = &sandbox->keeper->budget;
    struct bj_owner *owner = budget->owners;

    while (owner != NULL && !bj_streq(owner->name, name))
        owner = owner->next;
    if (owner == NULL) {
        owner = bj_alloc(sizeof *owner);
        if (owner == NULL || (owner->name = bj_strdup(name)) == NULL) {
            bj_free(owner);
            return bj_fail(err, BJ_E_NO_MEMORY, "sandbox", "out of memory");
        }
        owner->next = budget->owners;
        budget->owners = owner;
    }
    owner->sandboxes++;
    sandbox->owner = owner;
    return 0;
}

void bj_budget_leave(struct bj_sandbox *sandbox)
{
    struct bj_owner **at = &sandbox->keeper->budget.owners, *owner = sandbox->owner;

    sandbox->owner = NULL;
    if (owner == NULL || --owner->sandboxes > 0)
        return;
    while (*at != owner)
        at = &(*at)->next;
    *at = owner->next;
    bj_free(owner->name);
    bj_free(owner);
}

/* ---- what is given up ---- */

static void leave_ended(struct bj_process *process)
{
    struct bj_owner *owner = process->sandbox->owner;

    if (!process->in_ended)
        return;
    process->in_ended = false;
    if (process->ended_before != NULL)
        process->ended_before->ended_after = process->ended_after;
    else
        owner->ended_first = process->ended_after;
    if (process->ended_after != NULL)
        process->ended_after->ended_before = process->ended_before;
    else
        owner->ended_last = process->ended_before;
    process->ended_before = process->ended_after = NULL;
}

/* Where output is to be given up. */
struct scope {
    struct bj_owner *owner;
    struct bj_sandbox *sandbox; /* NULL = all of the owner's */
    struct bj_process *asks;    /* is left alone */
    int64_t *refused_until;     /* it gave nothing up, and is not searched before */
    bool held;                  /* also what is held */
};

static bool may_lose(const struct scope *scope, const struct bj_process *process)
{
    return process != scope->asks && (scope->held || process->output.hold < 0);
}

static bool has_to_give(const struct bj_process *process)
{
    return bj_output_footprint(&process->output) > BJ_OUTPUT_FOOTPRINT_MIN;
}

/* The first whose output gives memory back. One that was halved until it does not leaves the list,
 * and what is left of it stays. */
static bool drop_ended(const struct scope *scope)
{
    struct bj_process *process = scope->owner->ended_first, *after;

    for (; process != NULL; process = after) {
        after = process->ended_after;
        if (!may_lose(scope, process) ||
            (scope->sandbox != NULL && process->sandbox != scope->sandbox))
            continue;
        leave_ended(process);
        if (!has_to_give(process))
            continue;
        bj_output_shrink(&process->output, 0);
        bj_process_say(process);
        return true;
    }
    return false;
}

static bool halve_largest(const struct scope *scope, size_t above)
{
    struct bj_process *largest = NULL;
    size_t most = above;

    for (struct bj_sandbox *at = scope->sandbox != NULL
                                     ? scope->sandbox
                                     : scope->asks->sandbox->keeper->sandboxes.first;
         at != NULL; at = scope->sandbox != NULL ? NULL : at->next) {
        for (struct bj_process *process = at->processes;
             process != NULL && at->owner == scope->owner; process = process->next) {
            if (may_lose(scope, process) && process->output.size > most) {
                largest = process;
                most = process->output.size;
            }
        }
    }
    if (largest == NULL)
        return false;
    bj_output_shrink(&largest->output, most / 2);
    return true;
}

/* Makes room, if it can. `used` goes down with what is given up. */
static bool make_room(const struct scope *scope, const int64_t *used, int64_t most, int64_t more)
{
    while (*used + more > most) {
        int64_t before = *used;

        if (!drop_ended(scope)) {
            int64_t now = bj_clock_us();

            if (now < *scope->refused_until)
                return false;
            if (!halve_largest(scope, scope->asks->output.size + (size_t)more)) {
                *scope->refused_until = now + PATIENCE_US;
                return false;
            }
        }
        if (*used >= before)
            return false; /* no memory even to give some back */
    }
    return true;
}

static struct bj_owner *richest(const struct bj_budget *budget)
{
    struct bj_owner *found = budget->owners;

    for (struct bj_owner *at = budget->owners; at != NULL; at = at->next)
        found = at->output_bytes > found->output_bytes ? at : found;
    return found;
}

/* From whoever has most, again and again until there is room or it is he who asks; from him, too,
 * when whoever has most has nothing to give. */
static bool make_room_for_all(struct bj_process *process, int64_t most, int64_t more)
{
    struct bj_budget *budget = &process->sandbox->keeper->budget;
    struct bj_owner *own = process->sandbox->owner;

    while (budget->output_bytes + more > most) {
        struct bj_owner *from = richest(budget);
        struct scope scope = {.owner = from,
                              .asks = process,
                              .refused_until = &own->refused_of_all_until,
                              .held = true};
        int64_t before = budget->output_bytes;

        if (from->output_bytes <= own->output_bytes + more ||
            (!drop_ended(&scope) && !halve_largest(&scope, BJ_OUTPUT_FOOTPRINT_MIN))) {
            scope.owner = own;
            return make_room(&scope, &budget->output_bytes, most, more);
        }
        if (budget->output_bytes >= before)
            return false; /* no memory even to give some back */
    }
    return true;
}

/* ---- what is counted ---- */

static struct bj_process *of_output(struct bj_output *output)
{
    return (void *)((char *)output - offsetof(struct bj_process, output));
}

static void count(struct bj_process *process, int64_t bytes)
{
    process->sandbox->output_bytes += bytes;
    process->sandbox->owner->output_bytes += bytes;
    process->sandbox->keeper->budget.output_bytes += bytes;
}

static bool resize(struct bj_output *output, int64_t bytes)
{
    struct bj_process *process = of_output(output);
    struct bj_sandbox *sandbox = process->sandbox;
    struct bj_budget *budget = &sandbox->keeper->budget;
    struct scope scope = {.owner = sandbox->owner,
                          .sandbox = sandbox,
                          .asks = process,
                          .refused_until = &sandbox->refused_until};
    int64_t most = sandbox->keeper->options->max_output_mb * MIB;

    if (bytes > 0 && most == 0)
        most = BJ_OUTPUT_TOTAL_MB * MIB;
    if (bytes > 0 && !make_room(&scope, &sandbox->output_bytes, most / BJ_OUTPUT_ONE_PART, bytes))
        return false;
    scope.sandbox = NULL;
    scope.refused_until = &scope.owner->refused_until;
    if (bytes > 0 &&
        !make_room(&scope, &sandbox->owner->output_bytes, most / BJ_OUTPUT_OWNER_PART, bytes))
        return false;
    if (bytes > 0 && budget->output_bytes + bytes > most &&
        !make_room_for_all(process, most, bytes))
        return false;
    count(process, bytes);
    return true;
}

void bj_budget_open(struct bj_process *process)
{
    process->output.resize = resize;
    count(process, (int64_t)bj_output_footprint(&process->output));
}

void bj_budget_ended(struct bj_process *process)
{
    struct bj_owner *owner = process->sandbox->owner;

    if (!has_to_give(process))
        return;
    process->in_ended = true;
    process->ended_before = owner->ended_last;
    if (owner->ended_last != NULL)
        owner->ended_last->ended_after = process;
    else
        owner->ended_first = process;
    owner->ended_last = process;
}

void bj_budget_close(struct bj_process *process)
{
    leave_ended(process);
    count(process, -(int64_t)bj_output_footprint(&process->output));
}
