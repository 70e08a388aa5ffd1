/* Shell sessions. */
#include "service/shell_internal.h"

int bj_shell_run(struct bj_service *service, const struct bj_caller *caller,
                 const struct bj_run_request *request, struct bj_run *run, struct bj_error *err)
{
    (void)service;
    (void)caller;
    (void)request;
    (void)run;
    return bj_fail(err, BJ_E_UNSUPPORTED, "service", "shell sessions are not there yet");
}

void bj_shells_release(struct bj_service *service, struct sandbox *sandbox)
{
    (void)service;
    (void)sandbox;
}
