/*
 * The counter behind BJ_SYS. Only in builds with -Dfaults=true.
 *
 * $BELLJAR_FAULT is the number of the call to fail, from 1. When it is reached its text is put into
 * the file $BELLJAR_FAULT_LOG, padded with zeros, so a test knows which step it hit and when there
 * are no more. The file is mapped rather than kept open: init closes every descriptor that it
 * finds.
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

#define LOG_SIZE 4096

/* Shared with every descendant. */
static struct {
    atomic_long calls;
    atomic_long fail_at;
    atomic_int code;
} * shared;
static bool spared;    /* this process */
static char *log_text; /* the same, LOG_SIZE bytes of the file; NULL = none */

static void *map_shared(int fd, size_t size)
{
    int flags = MAP_SHARED | (fd < 0 ? MAP_ANONYMOUS : 0);
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, fd, 0);

    return memory == MAP_FAILED ? NULL : memory;
}

static void map_log(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    if (fd < 0)
        return;
    if (ftruncate(fd, LOG_SIZE) == 0)
        log_text = map_shared(fd, LOG_SIZE);
    close(fd);
}

__attribute__((constructor)) static void fault_setup(void)
{
    const char *number = getenv("BELLJAR_FAULT"), *code = getenv("BELLJAR_FAULT_ERRNO");
    const char *log = getenv("BELLJAR_FAULT_LOG");

    if (number == NULL)
        return;
    if (log != NULL)
        map_log(log);
    if (bj_fault_prepare())
        bj_fault_at(strtol(number, NULL, 10), code != NULL ? (int)strtol(code, NULL, 10) : EIO);
}

void bj_fault_spare(bool yes)
{
    spared = yes;
}

bool bj_fault_prepare(void)
{
    if (shared == NULL)
        shared = map_shared(-1, sizeof *shared);
    return shared != NULL;
}

void bj_fault_at(long number, int code)
{
    atomic_store(&shared->fail_at, 0);
    atomic_store(&shared->code, code);
    atomic_store(&shared->calls, 0);
    atomic_store(&shared->fail_at, number);
}

long bj_fault_count(void)
{
    return atomic_load(&shared->calls);
}

bool bj_fault_hit(const char *what)
{
    if (shared == NULL || spared ||
        atomic_fetch_add(&shared->calls, 1) + 1 != atomic_load(&shared->fail_at))
        return false;
    if (log_text != NULL)
        strncpy(log_text, what, LOG_SIZE - 1);
    errno = atomic_load(&shared->code);
    return true;
}

void bj_fault_end_at(const char *text)
{
    const char *mark = getenv("BELLJAR_FAULT_END");

    if (mark != NULL && text != NULL && strstr(text, mark) != NULL)
        _exit(99);
}
#else
typedef int bj_fault_unused; /* ISO C wants something in every file */
#endif
