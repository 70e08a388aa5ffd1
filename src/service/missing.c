/*
 * What front doors may call but nothing does yet. Weak: whatever defines it for good takes its
 * place, and this file goes with the last of it. It stands last in this folder's list of sources,
 * so that a linker finds the others first.
 */
#include "service/service.h"

#include <string.h>

#define MISSING __attribute__((weak))

static int missing(struct bj_error *err)
{
    return bj_fail(err, BJ_E_UNSUPPORTED, "service", "the service cannot do this yet");
}

MISSING void bj_attach_close(struct bj_attach *attach)
{
    (void)attach;
}

MISSING int bj_attach_input(struct bj_attach *attach, const void *data, size_t length, bool close,
                            bool *ret_wait, struct bj_error *err)
{
    (void)attach;
    (void)data;
    (void)length;
    (void)close;
    (void)ret_wait;
    return missing(err);
}

MISSING int bj_attach_open(struct bj_service *service, const struct bj_caller *caller,
                           const struct bj_attach_request *request, struct bj_attach **ret,
                           struct bj_error *err)
{
    (void)service;
    (void)caller;
    (void)request;
    (void)ret;
    return missing(err);
}

MISSING int bj_attach_resize(struct bj_attach *attach, uint16_t rows, uint16_t columns,
                             struct bj_error *err)
{
    (void)attach;
    (void)rows;
    (void)columns;
    return missing(err);
}

MISSING void bj_attach_resume(struct bj_attach *attach)
{
    (void)attach;
}

MISSING int bj_files_tar(struct bj_service *service, const struct bj_caller *caller,
                         const struct bj_files_tar_request *request, struct bj_error *err)
{
    (void)service;
    (void)caller;
    (void)request;
    return missing(err);
}

MISSING void bj_watch_close(struct bj_watch *watch)
{
    (void)watch;
}

MISSING int bj_watch_open(struct bj_service *service, const struct bj_caller *caller,
                          const struct bj_watch_request *request, struct bj_watch **ret,
                          struct bj_error *err)
{
    (void)service;
    (void)caller;
    (void)request;
    (void)ret;
    return missing(err);
}
