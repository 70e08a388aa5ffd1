/*
 * Whether a process has ended because the sandbox's memory limit was reached.
 *
 * Where init is what limits memory it says so of each process (init/watch.c). Where a cgroup does,
 * the kernel counts whom it has killed for that (oom_kill in memory.events, under version 1 in
 * memory.oom_control), before it kills, but not who that was. So a kill that was counted while a
 * process ran is taken for its end if it ended as what is killed does, by SIGKILL or as a shell
 * whose command was; and any other failure if nothing else ran that could have been meant. What the
 * service itself has killed was not. One kill explains one end.
 *
 * In doubt it was nobody. A kill that may have been of a process that has ended otherwise is no
 * reason any more for another's failure later; and if that one failed, for no end at all.
 */
#include <signal.h>

#include "keeper/keeper_internal.h"
#include "linux/cgroup.h"

#define KILLED_CODE (128 + SIGKILL)

static int64_t kills(const struct bj_sandbox *sandbox)
{
    return bj_cgroup_oom_kills(sandbox->cgroups[BJ_CONTROLLER_MEMORY]);
}

void bj_oom_begin(struct bj_process *process)
{
    process->oom_before = kills(process->sandbox);
}

bool bj_oom_ended(struct bj_process *process)
{
    struct bj_sandbox *sandbox = process->sandbox;
    const struct bj_ending *ending = &process->ending;
    bool sure = ending->exit_code == KILLED_CODE, alone = sandbox->running_count == 1;
    bool failed = ending->exit_code != 0 && !process->timed_out && !process->killed;
    int64_t counted = kills(sandbox), told = sure ? sandbox->oom_told : sandbox->oom_doubted;

    if (told < process->oom_before)
        told = process->oom_before;
    if (counted <= told)
        return false;
    told = sure && failed && !alone ? told + 1 : counted;
    if (failed || alone)
        sandbox->oom_told = told;
    if (sandbox->oom_doubted < told)
        sandbox->oom_doubted = told;
    return failed && (sure || alone);
}
