/* PAUSE and RESUME. */
#include "keeper/keeper_internal.h"

void bj_pause_act(struct bj_sandbox *sandbox, struct bj_task *task, bool pause)
{
    struct bj_error failed;

    bj_fail(&failed, BJ_E_UNSUPPORTED, pause ? "pause" : "resume",
            "sandboxes cannot be paused here");
    bj_task_done(sandbox->keeper, task, &failed);
}
