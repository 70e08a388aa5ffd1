/*
 * Fault injection. A system call or allocation whose failure must be survived is written
 * BJ_SYS(call); in a build with -Dfaults=true the call whose number stands in $BELLJAR_FAULT fails
 * with $BELLJAR_FAULT_ERRNO (default EIO) instead of being made. Counting is shared by every
 * process that descends from the one that started. In an ordinary build the macro is its argument.
 */
#ifndef BJ_BASE_FAULT_H
#define BJ_BASE_FAULT_H

#include <stdbool.h>

#ifdef BJ_FAULTS
/* Counts the call; true, with errno set, when it is the one that must fail. */
bool bj_fault_hit(const char *what);

/* For tests that choose the call while they run: to be called before any process is started that is
 * to count along. */
bool bj_fault_prepare(void);
/* Whether this process's own calls, and those of children it makes from now on, do not count. */
void bj_fault_spare(bool yes);
/* Counts anew: call `number` fails with `code`; 0 = none does. */
void bj_fault_at(long number, int code);
/* So many calls were made since. */
long bj_fault_count(void);
/* Ends the process, as a crash would, when the text contains what is in $BELLJAR_FAULT_END. */
void bj_fault_end_at(const char *text);
#define BJ_SYS(call)     (bj_fault_hit(#call) ? -1 : (call))
#define BJ_SYS_PTR(call) (bj_fault_hit(#call) ? NULL : (call))
#else
#define BJ_SYS(call)     (call)
#define BJ_SYS_PTR(call) (call)
#endif

#endif
