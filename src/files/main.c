/*
 * belljar-files: reads the command line, does the operation, says how it ended. files.h has what it
 * takes and tells.
 */
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "files/internal.h"

/* Directories are held open while walking: as many as the sandbox allows. */
static void raise_descriptors(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static void put_end(struct bj_files *files)
{
    bj_files_put_bool(&files->out, "end", true);
    bj_files_put_text(&files->out, "truncated", files->truncated);
    if (files->end.length > 0) {
        bj_buf_puts(&files->out, ",");
        bj_buf_append(&files->out, files->end.data, files->end.length);
    }
}

static void put_error(struct bj_buf *out, const struct bj_error *err)
{
    bj_files_put_name(out, "error");
    bj_buf_puts(out, "{");
    bj_files_put_text(out, "code", bj_code_name(err->code));
    bj_files_put_text(out, "errno", err->sys_errno != 0 ? strerrorname_np(err->sys_errno) : NULL);
    bj_files_put_text(out, "message", err->message);
    bj_buf_puts(out, "}");
}

int bj_files_main(int argc, char **argv)
{
    struct bj_files files = {.names_left = BJ_FILES_NAMES_MAX};
    struct bj_error err = {0};
    int result;

    /* What it says is believed: others of the same user are not to trace it or open what it has. */
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    signal(SIGPIPE, SIG_IGN);
    raise_descriptors();
    bj_buf_init(&files.out, BJ_FILES_RECORD_MAX);
    bj_buf_init(&files.end, BJ_FILES_RECORD_MAX);
    result = bj_files_parse(&files, argc, argv, &err);
    if (result == 0)
        result = files.operation(&files, &err);
    bj_files_record_begin(&files);
    if (result == 0)
        put_end(&files);
    else
        put_error(&files.out, &err);
    if (bj_files_record_end(&files, &err) < 0 || bj_files_flush(&files, &err) < 0)
        result = -err.code;
    bj_buf_release(&files.out);
    bj_buf_release(&files.end);
    return bj_code_exit_status(result);
}
