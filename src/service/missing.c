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

MISSING int bj_files_change(struct bj_service *service, const struct bj_caller *caller,
                            const struct bj_files_change *change, bj_files_fn done, void *context,
                            struct bj_error *err)
{
    (void)service;
    (void)caller;
    (void)change;
    (void)done;
    (void)context;
    return missing(err);
}

MISSING int bj_files_edit(struct bj_service *service, const struct bj_caller *caller,
                          const struct bj_files_edit_request *request, bj_files_edit_fn done,
                          void *context, struct bj_error *err)
{
    (void)service;
    (void)caller;
    (void)request;
    (void)done;
    (void)context;
    return missing(err);
}

MISSING int bj_files_glob(struct bj_service *service, const struct bj_caller *caller,
                          const struct bj_files_glob_request *request, bj_files_fn done,
                          void *context, struct bj_error *err)
{
    (void)service;
    (void)caller;
    (void)request;
    (void)done;
    (void)context;
    return missing(err);
}

MISSING int bj_files_list(struct bj_service *service, const struct bj_caller *caller,
                          const struct bj_files_list_request *request, bj_files_fn done,
                          void *context, struct bj_error *err)
{
    (void)service;
    (void)caller;
    (void)request;
    (void)done;
    (void)context;
    return missing(err);
}

MISSING int bj_files_search(struct bj_service *service, const struct bj_caller *caller,
                            const struct bj_files_search_request *request, bj_files_search_fn done,
                            void *context, struct bj_error *err)
{
    (void)service;
    (void)caller;
    (void)request;
    (void)done;
    (void)context;
    return missing(err);
}

MISSING int bj_files_stat(struct bj_service *service, const struct bj_caller *caller,
                          const char *path, bj_files_fn done, void *context, struct bj_error *err)
{
    (void)service;
    (void)caller;
    (void)path;
    (void)done;
    (void)context;
    return missing(err);
}

MISSING int bj_files_tar(struct bj_service *service, const struct bj_caller *caller,
                         const struct bj_files_tar_request *request, struct bj_error *err)
{
    (void)service;
    (void)caller;
    (void)request;
    return missing(err);
}

MISSING void bj_output_close(struct bj_output *output)
{
    (void)output;
}

MISSING int bj_output_open(struct bj_service *service, const struct bj_caller *caller,
                           const struct bj_output_request *request, struct bj_output **ret,
                           struct bj_error *err)
{
    (void)service;
    (void)caller;
    (void)request;
    (void)ret;
    return missing(err);
}

MISSING void bj_output_resume(struct bj_output *output)
{
    (void)output;
}

MISSING int bj_port_connect(struct bj_service *service, const struct bj_caller *caller,
                            uint16_t port, bj_port_fn done, void *context, struct bj_error *err)
{
    (void)service;
    (void)caller;
    (void)port;
    (void)done;
    (void)context;
    return missing(err);
}

MISSING int bj_sandbox_usage(struct bj_service *service, const struct bj_caller *caller,
                             bj_usage_fn done, void *context, struct bj_error *err)
{
    (void)service;
    (void)caller;
    (void)done;
    (void)context;
    return missing(err);
}

MISSING int bj_service_audit(struct bj_service *service, const struct bj_identity *who,
                             const struct bj_audit_question *question, bj_json_fn done,
                             void *context, struct bj_error *err)
{
    (void)service;
    (void)who;
    (void)question;
    (void)done;
    (void)context;
    return missing(err);
}

MISSING void bj_service_figures(const struct bj_service *service, struct bj_service_figures *ret)
{
    (void)service;
    memset(ret, 0, sizeof *ret);
}

MISSING json_t *bj_service_presets(struct bj_service *service)
{
    (void)service;
    return json_object();
}

MISSING json_t *bj_service_stats(struct bj_service *service, const struct bj_identity *who)
{
    (void)service;
    (void)who;
    return json_object();
}

MISSING int bj_service_usage(struct bj_service *service, const struct bj_identity *who,
                             bj_usage_fn done, void *context, struct bj_error *err)
{
    (void)service;
    (void)who;
    (void)done;
    (void)context;
    return missing(err);
}

MISSING int bj_shell_create(struct bj_service *service, const struct bj_caller *caller,
                            const struct bj_shell_request *request, bj_shell_fn done, void *context,
                            struct bj_error *err)
{
    (void)service;
    (void)caller;
    (void)request;
    (void)done;
    (void)context;
    return missing(err);
}

MISSING int bj_shell_find(struct bj_service *service, const struct bj_caller *caller,
                          const char *name, struct bj_shell_view *ret, struct bj_error *err)
{
    (void)service;
    (void)caller;
    (void)name;
    (void)ret;
    return missing(err);
}

MISSING int bj_shell_list(struct bj_service *service, const struct bj_caller *caller,
                          void (*each)(void *context, const struct bj_shell_view *shell),
                          void *context, struct bj_error *err)
{
    (void)service;
    (void)caller;
    (void)each;
    (void)context;
    return missing(err);
}

MISSING int bj_shell_remove(struct bj_service *service, const struct bj_caller *caller,
                            const char *name, bj_answer_fn done, void *context,
                            struct bj_error *err)
{
    (void)service;
    (void)caller;
    (void)name;
    (void)done;
    (void)context;
    return missing(err);
}

MISSING int bj_tool_execute(struct bj_service *service, const struct bj_caller *caller,
                            const char *tool, const json_t *arguments, bj_tool_fn done,
                            void *context, struct bj_error *err)
{
    (void)service;
    (void)caller;
    (void)tool;
    (void)arguments;
    (void)done;
    (void)context;
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
