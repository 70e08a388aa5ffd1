/*
 * What a process is to the kernel: how it is made, its capabilities and marks. All functions are
 * async-signal-safe and use no heap. 0 (or as said), or -1 with errno.
 */
#ifndef BJ_LINUX_PROCESS_H
#define BJ_LINUX_PROCESS_H

#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

/*
 * fork(2) with namespaces: returns as fork does. In the parent *ret_pidfd is the child's pidfd, the
 * caller's to close. No thread of the process may hold a lock of the C library's: the maker of a
 * network namespace, which knows none, may run.
 */
pid_t bj_process_clone(uint64_t flags, int *ret_pidfd);

/*
 * Fills in what it means that namespaces were refused with this errno: BJ_E_LAYER and what to do
 * when the host forbids them, a plain system error otherwise.
 */
int bj_process_explain_namespaces(struct bj_error *err, const char *what);

/*
 * vfork(2) with a stack of its own: runs function(argument) in a child that shares this process's
 * memory, and what else clone(2) shares or makes new by `flags`; returns its pid once it has called
 * execve or exited. *ret_pidfd (may be NULL) as above. The child has all signals blocked:
 * bj_process_reset_signals().
 */
pid_t bj_process_vfork(unsigned long flags, void (*function)(void *), void *argument,
                       int *ret_pidfd);

/*
 * Makes every signal do what it does by default and blocks none: what a program expects when it is
 * executed. Where signals are blocked on entry, no handler of this process's runs in a child that
 * shares its memory.
 */
int bj_process_reset_signals(void);

/* Effective and permitted sets become `kept`; inheritable and ambient become empty. */
int bj_process_keep_capabilities(uint64_t kept);

/* Inheritable and ambient become `kept` too, so that programs started by root inside have them. */
int bj_process_raise_ambient(uint64_t kept);

/* uid 0 gains nothing by being 0 (SECBIT_NOROOT and its like, locked). */
int bj_process_no_root(void);

int bj_process_no_new_privs(void);

/* Not traceable, no core, /proc/PID owned by root. */
int bj_process_undumpable(void);

/* SIGKILL to this process when its parent dies. */
int bj_process_die_with_parent(void);

/* Closes all descriptors from `first` on. */
int bj_process_close_from(int first);

/* Closes those from `first` to `last`. */
int bj_process_close_range(unsigned first, unsigned last);

int bj_process_pidfd_signal(int pidfd, int signal);

#endif
