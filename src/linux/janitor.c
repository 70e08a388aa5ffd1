/* The janitor. */
#include "linux/janitor.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fd.h"
#include "linux/syscalls.h"
#include "base/mem.h"

#define STACK_SIZE (32 << 10)

static int janitor_main(void *data)
{
    struct bj_janitor *janitor = data;
    long read_fd = janitor->read_fd;
    sigset_t all;
    char byte;

    /* Until the caller is gone errno is the caller's: what may fail calls the kernel directly. */
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    bj_raw_syscall(SYS_setsid, 0, 0, 0, 0);
    /* A descriptor table of its own: keep nothing of the caller's but the pipe. */
    bj_raw_syscall(SYS_dup3, read_fd, 0, 0, 0);
    bj_raw_syscall(BJ_SYS_CLOSE_RANGE, 1, ~0U, 0, 0);
    bj_raw_syscall(SYS_prctl, PR_SET_NAME, (long)"belljar-janitor", 0, 0);
    while (bj_raw_syscall(SYS_read, 0, (long)&byte, 1, 0) == -EINTR)
        continue;
    janitor->clean(janitor->argument);
    _exit(0);
}

void bj_janitor_init(struct bj_janitor *janitor)
{
    *janitor = (struct bj_janitor){.write_fd = -1, .read_fd = -1};
}

int bj_janitor_start(struct bj_janitor *janitor, void (*clean)(void *argument), void *argument)
{
    int ends[2];

    if (janitor->pid != 0)
        return 0;
    janitor->stack = bj_secret_alloc(STACK_SIZE); /* which init is not to keep */
    if (janitor->stack == NULL)
        return -1;
    if (BJ_SYS(pipe2(ends, O_CLOEXEC)) < 0)
        return -1;
    janitor->clean = clean;
    janitor->argument = argument;
    janitor->read_fd = ends[0];
    janitor->write_fd = ends[1];
    /* No signal at its end, and no thread: it must survive this process. */
    janitor->pid = BJ_SYS(clone(janitor_main, janitor->stack + STACK_SIZE, CLONE_VM, janitor));
    if (janitor->pid < 0) {
        janitor->pid = 0;
        return -1;
    }
    /* Out of reach of a SIGKILL to the group before there is anything to remove; its own setsid()
     * may be late. */
    setpgid(janitor->pid, 0);
    return 0;
}

void bj_janitor_stop(struct bj_janitor *janitor)
{
    if (janitor->pid > 0) {
        kill(janitor->pid, SIGKILL);
        while (waitpid(janitor->pid, NULL, __WALL) < 0 && errno == EINTR)
            continue;
    }
    bj_fd_close(&janitor->read_fd);
    bj_fd_close(&janitor->write_fd);
    bj_secret_free(janitor->stack, STACK_SIZE);
    bj_janitor_init(janitor);
}
