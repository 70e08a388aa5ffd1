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
#define BJ_SYS(call)     (bj_fault_hit(#call) ? -1 : (call))
#define BJ_SYS_PTR(call) (bj_fault_hit(#call) ? NULL : (call))
#else
#define BJ_SYS(call)     (call)
#define BJ_SYS_PTR(call) (call)
#endif

#endif
