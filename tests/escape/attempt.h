/*
 * What every attempt shares: its row in a table, the four outcomes, and the facts that the driver
 * planted outside.
 *
 * Theory of operation. The driver (driver.py) runs the same program twice with the same facts: once
 * on the plain host and once under the sandbox. Outside, the attempt must report DONE: this proves
 * that the bad thing is possible for that user on this kernel and that the program knows how.
 * Inside it must be refused. Whatever can be seen from outside (a touched victim, a file that
 * appeared, a process that survived) is judged there and overrules the program's own word.
 *
 * To add an attempt, add a row to the table of the file it belongs to.
 */
#ifndef ESCAPE_ATTEMPT_H
#define ESCAPE_ATTEMPT_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

enum outcome {
    DONE,    /* the bad thing happened */
    REFUSED, /* the kernel or the sandbox said no */
    LACKING, /* this kernel or host does not have the thing at all */
    BROKEN,  /* the attempt itself could not be made: always a failure of the test */
};

enum {
    /* Outside, only root can do it: the outer half runs as root for ordinary callers too. */
    OUTSIDE_ROOT = 1,
    /* The attempt is the main process itself, without a child to report for it. */
    DIRECT = 2,
    /* Only a caller with privileges can be protected or harmed. */
    CALLER_ROOT = 4,
    /* Outside it would hit other people's processes as root: that half runs as the
     * ordinary user. */
    OUTSIDE_USER = 8,
};

struct attempt {
    const char *name;
    int rule;         /* of docs/THREATS.md */
    const char *text; /* one line for people */
    enum outcome (*run)(const struct attempt *row);
    long number; /* for run(): what it likes */
    const char *path;
    const char
        *lacks; /* what a host without this feature lacks; only such rows may report LACKING */
    unsigned flags;
    const char *scenario; /* what the driver sets up and judges; NULL is "plain" */
    const char *options;  /* for the sandbox's command line */
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Each returns its outcome, so that an attempt ends with `return refused("mount")`. */
enum outcome done(const char *format, ...) __attribute__((format(printf, 1, 2)));
enum outcome lacking(const char *format, ...) __attribute__((format(printf, 1, 2)));
enum outcome broken(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Adds errno's text. */
enum outcome refused(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* DONE where it succeeded; where it did not, LACKING if the row allows that and errno says so. */
enum outcome judged(const struct attempt *row, bool succeeded, const char *what);

/* A fact from the command line or from the facts file; "" where there is none. */
const char *fact(const char *key);
long fact_number(const char *key);
const char *own_program(void);
/* "name-MARK", unique to this half. */
const char *marked(const char *name);

/* The secret that the host keeps; whoever can print it has read something of the host's. */
const char *secret(void);
bool holds_secret(const void *data, size_t size);
bool fd_holds_secret(int fd);
bool file_holds_secret(const char *path);
enum outcome read_secret(const char *path);

/* Becomes as powerful as it can in a mount namespace of its own, so that mounts never reach the
 * host in the outer half. Refusals are ignored: the attempt goes on with what it has. */
void own_mounts(int more_namespaces);
/* Writes TEXT to PATH; true where all of it was taken. */
bool write_text(const char *path, const char *text);
/* Numeric value of a line of /proc/self/status, or -1. */
long status_number(const char *key, int base);
/* Calls visit for every number below /proc until it returns true. */
bool any_process(bool (*visit)(long pid));

extern const struct attempt files_attempts[], modes_attempts[], descriptor_attempts[],
    terminal_attempts[], process_attempts[], init_attempts[], identity_attempts[],
    kernel_attempts[], mount_attempts[], proc_attempts[], network_attempts[], ipc_attempts[],
    crossing_attempts[], limit_attempts[], lifetime_attempts[], git_attempts[];

#endif
