/*
 * belljar/belljar.h: commands under glass, from C and C++.
 *
 * A runner keeps a small launcher process; through it, configurations become sandboxes and commands
 * run in them. Everything is opaque and caller-owned: what a _new function or a ret_ argument gives
 * is given back with the matching _free. Functions return 0 or a negative enum bj_code and then
 * fill the struct bj_error given as their last argument (may be NULL). None of them logs, exits,
 * needs root, or changes signal handling or the working directory. A runner and what came from it
 * belong to one thread at a time; several runners are independent.
 */
#ifndef BELLJAR_BELLJAR_H
#define BELLJAR_BELLJAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "belljar/error.h"

#ifdef __cplusplus
extern "C" {
#endif

struct bj_config;
struct bj_runner;
struct bj_sandbox;
struct bj_outcome;

/* The version of the library: "0.1.0". */
BJ_API const char *bj_version(void);

/* A configuration with the values of the standard preset. NULL when memory is exhausted. */
BJ_API struct bj_config *bj_config_new(struct bj_error *err);
BJ_API void bj_config_free(struct bj_config *config);

/*
 * Sets one option by its key in a configuration file ("resource_limits.memory_mb"), from text as
 * the command line takes it ("256", "512m"). docs/CONFIG.md lists the keys.
 */
BJ_API int bj_config_set_text(struct bj_config *config, const char *key, const char *value,
                              struct bj_error *err);

/* Reads a JSON configuration file over what is there. */
BJ_API int bj_config_load(struct bj_config *config, const char *path, struct bj_error *err);

/*
 * Starts a runner. `launcher` is the path of belljar-launcher, NULL for the one that was installed
 * with the library (or $BELLJAR_LAUNCHER). Freeing it ends every sandbox that it made.
 */
BJ_API struct bj_runner *bj_runner_new(const char *launcher, struct bj_error *err);
BJ_API void bj_runner_free(struct bj_runner *runner);

/*
 * Runs one command in a fresh sandbox to its end and keeps its output. The configuration is checked
 * as a whole and may be used again. `argv` ends with NULL. Standard input is empty. Succeeds
 * whatever the command's own exit status is.
 */
BJ_API int bj_run(struct bj_runner *runner, struct bj_config *config, const char *const *argv,
                  struct bj_outcome **ret_outcome, struct bj_error *err);

/* What became of it. Texts and bytes live as long as the outcome. */
/* The command's own, 128+n when signal n ended it, 124 on time-out. */
BJ_API int bj_outcome_exit_code(const struct bj_outcome *outcome);
BJ_API int bj_outcome_signal(const struct bj_outcome *outcome); /* 0 if none */
BJ_API bool bj_outcome_timed_out(const struct bj_outcome *outcome);
BJ_API bool bj_outcome_oom_killed(const struct bj_outcome *outcome);
BJ_API bool bj_outcome_truncated(const struct bj_outcome *outcome);
BJ_API const char *bj_outcome_reason(const struct bj_outcome *outcome); /* "" if it just ended */
BJ_API int64_t bj_outcome_duration_us(const struct bj_outcome *outcome);
BJ_API int64_t bj_outcome_cpu_us(const struct bj_outcome *outcome);
BJ_API int64_t bj_outcome_peak_memory(const struct bj_outcome *outcome); /* bytes */
/* stream: 1 = standard output, 2 = standard error. A NUL that does not count follows the bytes. */
BJ_API const char *bj_outcome_output(const struct bj_outcome *outcome, int stream,
                                     size_t *ret_length);
/* Was the layer on? By name, as `belljar doctor` lists them. */
BJ_API bool bj_outcome_layer(const struct bj_outcome *outcome, const char *name);
/* What was only a default and could not be had, from index 0 on; false past the last. */
BJ_API bool bj_outcome_degraded(const struct bj_outcome *outcome, int index, const char **ret_layer,
                                const char **ret_reason);
BJ_API void bj_outcome_free(struct bj_outcome *outcome);

/* A sandbox that lives until it is freed. */
BJ_API int bj_sandbox_new(struct bj_runner *runner, struct bj_config *config,
                          struct bj_sandbox **ret_sandbox, struct bj_error *err);
BJ_API void bj_sandbox_free(struct bj_sandbox *sandbox);

/* What to start in a sandbox. Everything is borrowed for the call. */
struct bj_command {
    size_t size;             /* sizeof(struct bj_command): later versions may have more */
    const char *const *argv; /* ends with NULL */
    const char *const *env;  /* NAME=VALUE, ends with NULL; NULL for the usual environment */
    const char *directory;   /* absolute, inside; NULL for the workspace */
    int streams[3];          /* become its standard streams; -1 for /dev/null; never a terminal */
};

/* Starts a process. *ret_pid is its process id inside. */
BJ_API int bj_sandbox_spawn(struct bj_sandbox *sandbox, const struct bj_command *command,
                            pid_t *ret_pid, struct bj_error *err);

/* Waits for a process of bj_sandbox_spawn(); *ret_status is as of waitpid(2). */
BJ_API int bj_sandbox_wait(struct bj_sandbox *sandbox, pid_t pid, int *ret_status,
                           struct bj_error *err);

/* Signals a process, or with `group` its whole process group. */
BJ_API int bj_sandbox_signal(struct bj_sandbox *sandbox, pid_t pid, bool group, int signal,
                             struct bj_error *err);

/*
 * Opens a file inside, as the sandbox's user and in its own view: flags and mode as of open(2).
 * Regular files and directories only. The descriptor is the caller's.
 */
BJ_API int bj_sandbox_open(struct bj_sandbox *sandbox, const char *path, int flags, mode_t mode,
                           int *ret_fd, struct bj_error *err);

/*
 * A stream socket in the sandbox's network, connected to or listening on `address` (numeric, NULL =
 * loopback; a path with AF_UNIX) and `port`. A connecting socket is non-blocking.
 */
BJ_API int bj_sandbox_connect(struct bj_sandbox *sandbox, int family, const char *address,
                              uint16_t port, int *ret_fd, struct bj_error *err);
BJ_API int bj_sandbox_listen(struct bj_sandbox *sandbox, int family, const char *address,
                             uint16_t port, int *ret_fd, struct bj_error *err);

#ifdef __cplusplus
}
#endif
#endif
