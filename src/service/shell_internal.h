/* Shell sessions, for the files of this folder. */
#ifndef BJ_SERVICE_SHELL_INTERNAL_H
#define BJ_SERVICE_SHELL_INTERNAL_H

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

#endif
