/* Shell sessions, for the files of this folder. */
#ifndef BJ_SERVICE_SHELL_INTERNAL_H
#define BJ_SERVICE_SHELL_INTERNAL_H

#include "base/limits.h"
#include "service/run.h"

/* Takes the run over: it begins when it is its turn. */
int bj_shell_run(struct bj_service *service, const struct bj_caller *caller,
                 const struct bj_run_request *request, struct bj_run *run, struct bj_error *err);
/* With the sandbox; commands that wait for their turn are answered. */
void bj_shells_release(struct bj_service *service, struct sandbox *sandbox);

/* What a sandbox's label says of sessions, when the keeper has told all there is. */
void bj_shells_recall(struct bj_service *service, struct sandbox *sandbox);

/* Puts a session's name into the label, or with `directory` NULL takes it out (sandbox.c). */
int bj_sandbox_name_shell(struct bj_service *service, const struct bj_caller *caller,
                          const char *name, const char *directory, bj_sandbox_fn done,
                          void *context, struct bj_error *err);

/* ---- where a session stands (shell_state.c) ---- */

#define BJ_SHELL_ARGV_MAX (6 + BJ_SHELL_UNSET_MAX)

struct bj_shell_state {
    char directory[BJ_PATH_MAX];
    json_t *base;        /* variables that the sandbox itself gives; NULL = not known yet */
    json_t *environment; /* what is different from that */
    json_t *unset;       /* list of names */
};

/* False: no memory, or the directory's name is too long. Release it, also then. */
bool bj_shell_state_init(struct bj_shell_state *state, const char *directory);
void bj_shell_state_release(struct bj_shell_state *state);

/* The words, up to a NULL, that run a command of the session with a report at its end; they are
 * borrowed from all that is given. */
void bj_shell_words(const struct bj_shell_state *state, const char *bash, const char *command,
                    const char *words[BJ_SHELL_ARGV_MAX]);

/* Takes over what the last whole report says; with none, or no sense in it, nothing changes. What
 * cannot be kept is told in `notes`, in lines for whoever ran the command. */
void bj_shell_state_take(struct bj_shell_state *state, const struct bj_buf *report,
                         struct bj_buf *notes);

#endif
