/*
 * What other parts of the service call and nobody has written yet: refused. A function goes from
 * here when it comes; the file goes with the last.
 */
#include "base/error.h"

#pragma weak bj_attach_close
int bj_attach_close(void);
int bj_attach_close(void)
{
    return -BJ_E_UNSUPPORTED;
}

#pragma weak bj_attach_input
int bj_attach_input(void);
int bj_attach_input(void)
{
    return -BJ_E_UNSUPPORTED;
}

#pragma weak bj_attach_open
int bj_attach_open(void);
int bj_attach_open(void)
{
    return -BJ_E_UNSUPPORTED;
}

#pragma weak bj_attach_resize
int bj_attach_resize(void);
int bj_attach_resize(void)
{
    return -BJ_E_UNSUPPORTED;
}

#pragma weak bj_attach_resume
int bj_attach_resume(void);
int bj_attach_resume(void)
{
    return -BJ_E_UNSUPPORTED;
}

#pragma weak bj_files_change
int bj_files_change(void);
int bj_files_change(void)
{
    return -BJ_E_UNSUPPORTED;
}

#pragma weak bj_files_edit
int bj_files_edit(void);
int bj_files_edit(void)
{
    return -BJ_E_UNSUPPORTED;
}

#pragma weak bj_files_glob
int bj_files_glob(void);
int bj_files_glob(void)
{
    return -BJ_E_UNSUPPORTED;
}

#pragma weak bj_files_list
int bj_files_list(void);
int bj_files_list(void)
{
    return -BJ_E_UNSUPPORTED;
}

#pragma weak bj_files_search
int bj_files_search(void);
int bj_files_search(void)
{
    return -BJ_E_UNSUPPORTED;
}

#pragma weak bj_files_stat
int bj_files_stat(void);
int bj_files_stat(void)
{
    return -BJ_E_UNSUPPORTED;
}

#pragma weak bj_files_tar
int bj_files_tar(void);
int bj_files_tar(void)
{
    return -BJ_E_UNSUPPORTED;
}

#pragma weak bj_output_close
int bj_output_close(void);
int bj_output_close(void)
{
    return -BJ_E_UNSUPPORTED;
}

#pragma weak bj_output_open
int bj_output_open(void);
int bj_output_open(void)
{
    return -BJ_E_UNSUPPORTED;
}

#pragma weak bj_output_resume
int bj_output_resume(void);
int bj_output_resume(void)
{
    return -BJ_E_UNSUPPORTED;
}

#pragma weak bj_port_connect
int bj_port_connect(void);
int bj_port_connect(void)
{
    return -BJ_E_UNSUPPORTED;
}

#pragma weak bj_sandbox_usage
int bj_sandbox_usage(void);
int bj_sandbox_usage(void)
{
    return -BJ_E_UNSUPPORTED;
}

#pragma weak bj_service_audit
int bj_service_audit(void);
int bj_service_audit(void)
{
    return -BJ_E_UNSUPPORTED;
}

#pragma weak bj_service_figures
int bj_service_figures(void);
int bj_service_figures(void)
{
    return -BJ_E_UNSUPPORTED;
}

#pragma weak bj_service_loop
int bj_service_loop(void);
int bj_service_loop(void)
{
    return -BJ_E_UNSUPPORTED;
}

#pragma weak bj_service_presets
int bj_service_presets(void);
int bj_service_presets(void)
{
    return -BJ_E_UNSUPPORTED;
}

#pragma weak bj_service_stats
int bj_service_stats(void);
int bj_service_stats(void)
{
    return -BJ_E_UNSUPPORTED;
}

#pragma weak bj_service_usage
int bj_service_usage(void);
int bj_service_usage(void)
{
    return -BJ_E_UNSUPPORTED;
}

#pragma weak bj_shell_create
int bj_shell_create(void);
int bj_shell_create(void)
{
    return -BJ_E_UNSUPPORTED;
}

#pragma weak bj_shell_find
int bj_shell_find(void);
int bj_shell_find(void)
{
    return -BJ_E_UNSUPPORTED;
}

#pragma weak bj_shell_list
int bj_shell_list(void);
int bj_shell_list(void)
{
    return -BJ_E_UNSUPPORTED;
}

#pragma weak bj_shell_remove
int bj_shell_remove(void);
int bj_shell_remove(void)
{
    return -BJ_E_UNSUPPORTED;
}

#pragma weak bj_tool_execute
int bj_tool_execute(void);
int bj_tool_execute(void)
{
    return -BJ_E_UNSUPPORTED;
}

#pragma weak bj_watch_close
int bj_watch_close(void);
int bj_watch_close(void)
{
    return -BJ_E_UNSUPPORTED;
}

#pragma weak bj_watch_open
int bj_watch_open(void);
int bj_watch_open(void)
{
    return -BJ_E_UNSUPPORTED;
}
