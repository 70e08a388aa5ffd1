/* USAGE: what sandboxes use. The figures of cgroups are still to come. */
#include "keeper/keeper_internal.h"

void bj_usage_fill(struct bj_keeper *keeper, const struct bj_sandbox *sandbox,
                   struct bj_usage_answer *ret)
{
    *ret = (struct bj_usage_answer){.sandboxes = keeper->sandboxes.count};
    if (sandbox != NULL)
        ret->processes = sandbox->running_count;
    for (const struct bj_sandbox *at = keeper->sandboxes.first; sandbox == NULL && at != NULL;
         at = at->next)
        ret->processes += at->running_count;
}
