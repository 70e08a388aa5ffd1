/*
 * The counter behind BJ_SYS. Only in builds with -Dfaults=true.
 *
 * $BELLJAR_FAULT is the number of the call to fail, from 1. When it is reached its text is appended
 * to the file $BELLJAR_FAULT_LOG, so a test knows which step it hit and when there are no more.
 */
#include "base/fault.h"

#ifdef BJ_FAULTS
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static atomic_long *calls; /* shared with every descendant */
static long fail_at;
static int fail_errno = EIO;
static int log_fd = -1;

__attribute__((constructor)) static void fault_setup(void)
{
    const char *number = getenv("BELLJAR_FAULT"), *code = getenv("BELLJAR_FAULT_ERRNO");
    const char *log = getenv("BELLJAR_FAULT_LOG");

    if (number == NULL)
        return;
    fail_at = strtol(number, NULL, 10);
    if (code != NULL)
        fail_errno = (int)strtol(code, NULL, 10);
    if (log != NULL)
        log_fd = open(log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    calls = mmap(NULL, sizeof *calls, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (calls == MAP_FAILED)
        calls = NULL;
}

bool bj_fault_hit(const char *what)
{
    ssize_t ignored;

    if (calls == NULL || atomic_fetch_add(calls, 1) + 1 != fail_at)
        return false;
    if (log_fd >= 0) {
        ignored = write(log_fd, what, strlen(what));
        ignored = write(log_fd, "\n", 1);
        (void)ignored;
    }
    errno = fail_errno;
    return true;
}
#else
typedef int bj_fault_unused; /* ISO C wants something in every file */
#endif
