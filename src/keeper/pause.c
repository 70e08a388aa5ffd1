/*
 * PAUSE and RESUME.
 *
 * With a freezer the sandbox's cgroup is frozen, init and all, and costs no processor time: which
 * takes effect a little later, so it is looked at until it has. Without one everything below init
 * gets a stop signal, which its processes can notice and, if they were stopped themselves, mistake.
 *
 * What is frozen answers nobody. So nothing may be under way with init when it begins, and every
 * act but RESUME, UPDATE and DESTROY is refused while it lasts. Time-outs of processes stand still
 * meanwhile and so does the idle time-out; the sandbox's own passes, and ends it.
 */
#include <errno.h>
#include <signal.h>

#include "base/clock.h"
#include "base/error.h"
#include "keeper/keeper_internal.h"
#include "linux/cgroup.h"
#include "linux/family.h"

#define LOOK_US   2000    /* between looks at the freezer */
#define FREEZE_US 2000000 /* then it is given up: something in it cannot be stopped now */

/* ---- time ---- */

static void stop_clocks(struct bj_sandbox *sandbox)
{
    sandbox->paused_at = bj_clock_us();
    for (struct bj_process *at = sandbox->processes; at != NULL; at = at->next) {
        at->clock_stopped = at->deadline.set && at->stage == BJ_PROCESS_RUNNING;
        if (at->clock_stopped)
            bj_deadline_clear(&sandbox->keeper->deadlines, &at->deadline);
    }
    bj_sandbox_set_deadline(sandbox);
}

static void start_clocks(struct bj_sandbox *sandbox)
{
    int64_t lasted = bj_clock_us() - sandbox->paused_at;

    for (struct bj_process *at = sandbox->processes; at != NULL; at = at->next) {
        if (at->clock_stopped)
            bj_deadline_set(&sandbox->keeper->deadlines, &at->deadline, at->deadline.at + lasted);
        at->clock_stopped = false;
    }
    bj_sandbox_use(sandbox);
    bj_sandbox_set_deadline(sandbox);
}

/* ---- pausing ---- */

static void paused(struct bj_sandbox *sandbox, bool degraded)
{
    sandbox->pausing = false;
    sandbox->paused = true;
    sandbox->degraded_pause = degraded;
    stop_clocks(sandbox);
    bj_sandbox_say(sandbox);
    bj_task_done(sandbox->keeper, &sandbox->pause_task, NULL);
}

static void not_paused(struct bj_sandbox *sandbox, const struct bj_error *failed)
{
    sandbox->pausing = false;
    bj_task_done(sandbox->keeper, &sandbox->pause_task, failed);
}

static void look(struct bj_deadline *deadline)
{
    struct bj_sandbox *sandbox =
        (void *)((char *)deadline - offsetof(struct bj_sandbox, pause_deadline));
    struct bj_error failed;
    int64_t now = bj_clock_us();

    if (bj_cgroup_is_frozen(sandbox->freezer)) {
        paused(sandbox, false);
    } else if (now < sandbox->pause_task.began + FREEZE_US) {
        bj_deadline_set(&sandbox->keeper->deadlines, deadline, now + LOOK_US);
    } else {
        bj_cgroup_freeze(sandbox->freezer, false);
        bj_fail(&failed, BJ_E_BUSY, "pause",
                "something in the sandbox cannot be frozen now; try again");
        not_paused(sandbox, &failed);
    }
}

/* Everything below init; what is left running by it is started again. */
static int stop_all(struct bj_sandbox *sandbox, bool stop, struct bj_error *err)
{
    pid_t init = bj_family_pid(sandbox->pidfd);

    if (sandbox->isolation != BJ_ISOLATION_NAMESPACES)
        return bj_fail(err, BJ_E_UNSUPPORTED, "pause",
                       "there is no freezer here, and without namespaces nothing else");
    if (init < 0)
        return bj_fail(err, BJ_E_ENDED, "pause", "the sandbox has ended");
    if (bj_family_signal(init, stop ? SIGSTOP : SIGCONT) == 0 || !stop)
        return 0;
    bj_fail_errno(err, "pause", "cannot stop all of the sandbox's processes");
    bj_family_signal(init, SIGCONT);
    return -err->code;
}

static int begin(struct bj_sandbox *sandbox, struct bj_error *err)
{
    if (sandbox->init.first != NULL)
        return bj_fail(err, BJ_E_BUSY, "pause",
                       "something is being started in the sandbox; try again");
    if (sandbox->freezer[0] == '\0')
        return stop_all(sandbox, true, err);
    if (bj_cgroup_freeze(sandbox->freezer, true) < 0)
        return bj_fail_errno(err, "pause", "cannot freeze the sandbox");
    return 0;
}

static void pause_it(struct bj_sandbox *sandbox, struct bj_task *task)
{
    struct bj_error failed = {0};
    int result = 0;

    if (sandbox->paused || sandbox->pausing)
        result = bj_fail(&failed, BJ_E_CONFLICT, "pause", "the sandbox is paused already");
    if (result == 0)
        result = begin(sandbox, &failed);
    if (result < 0) {
        bj_task_done(sandbox->keeper, task, &failed);
        return;
    }
    sandbox->pause_task = *task;
    if (sandbox->freezer[0] == '\0') {
        paused(sandbox, true);
        return;
    }
    sandbox->pausing = true;
    sandbox->pause_deadline.passed = look;
    look(&sandbox->pause_deadline);
}

/* ---- and going on ---- */

static void resume_it(struct bj_sandbox *sandbox, struct bj_task *task)
{
    struct bj_error failed = {0};
    int result = 0;

    if (!sandbox->paused)
        result = bj_fail(&failed, BJ_E_CONFLICT, "resume", "the sandbox is not paused");
    else if (sandbox->degraded_pause)
        result = stop_all(sandbox, false, &failed);
    else if (bj_cgroup_freeze(sandbox->freezer, false) < 0)
        result = bj_fail_errno(&failed, "resume", "cannot let the sandbox go on");
    if (result == 0) {
        sandbox->paused = sandbox->degraded_pause = false;
        start_clocks(sandbox);
        bj_sandbox_say(sandbox);
    }
    bj_task_done(sandbox->keeper, task, result < 0 ? &failed : NULL);
}

void bj_pause_act(struct bj_sandbox *sandbox, struct bj_task *task, bool pause)
{
    if (pause)
        pause_it(sandbox, task);
    else
        resume_it(sandbox, task);
}

int bj_pause_check(const struct bj_sandbox *sandbox, struct bj_error *err)
{
    if (sandbox->paused || sandbox->pausing)
        return bj_fail(err, BJ_E_CONFLICT, "sandbox", "the sandbox is paused; resume it first");
    return 0;
}

void bj_pause_end(struct bj_sandbox *sandbox)
{
    struct bj_error failed;

    bj_deadline_clear(&sandbox->keeper->deadlines, &sandbox->pause_deadline);
    if (sandbox->freezer[0] != '\0' && (sandbox->paused || sandbox->pausing))
        bj_cgroup_freeze(sandbox->freezer, false);
    if (sandbox->pausing) {
        bj_fail(&failed, BJ_E_ENDED, "pause", "the sandbox has ended");
        not_paused(sandbox, &failed);
    }
    sandbox->paused = false;
}
