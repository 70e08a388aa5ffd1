/* What to do about an error: what its code says, unless its cause asks for something else. */
#include "api/advice.h"

#include <errno.h>
#include <string.h>

#include "base/str.h"

/* By what the sandbox's kernel said of a path. */
static const struct {
    int number;
    const char *advice;
} by_errno[] = {
    {ENOENT, "check the path"},
    {ENOTDIR, "check the path: a part of it is no directory"},
    {EISDIR, "name a file, not a directory"},
    {ELOOP, "check the path: links in it lead to themselves"},
    {ENAMETOOLONG, "use shorter names"},
    {EACCES, "use a path that the sandbox's user may use, or change its permissions"},
    {EPERM, "use a path that the sandbox's user may use"},
    {EROFS, "use a path that can be written to, such as the workspace"},
    {EEXIST, "remove what is there first, or use another name"},
    {ENOTEMPTY, "empty it first, or remove it with all that is in it"},
    {ETXTBSY, "end the program that runs from it, or write another file"},
};

/* Where a call failed that a client's path was for; elsewhere the number says nothing of paths. */
static const char *const path_steps[] = {"files", "open", "directory", "execute"};

static bool is_about_path(const char *step)
{
    for (size_t i = 0; i < sizeof path_steps / sizeof *path_steps; i++) {
        if (bj_streq(path_steps[i], step))
            return true;
    }
    return false;
}

/* By code and by the step that failed; "" where the message says all. */
static const struct {
    enum bj_code code;
    const char *step, *advice;
} by_step[] = {
    {BJ_E_NOT_FOUND, "preset", "check the preset's name"},
    {BJ_E_NOT_FOUND, "process", "list the sandbox's processes; ended ones are kept for a while"},
    {BJ_E_NOT_FOUND, "read", "list the sandbox's processes; ended ones are kept for a while"},
    {BJ_E_NOT_FOUND, "signal", "list the sandbox's processes"},
    {BJ_E_NOT_FOUND, "shell", "make it first, or list those that there are"},
    {BJ_E_NOT_FOUND, "port", "start what is to listen there, on the loopback address"},
    {BJ_E_NOT_FOUND, "files", "check the path"},
    {BJ_E_NOT_FOUND, "request", "GET /openapi.json lists the addresses that there are"},
    {BJ_E_CONFLICT, "files", ""},
    {BJ_E_CONFLICT, "start", ""},
    {BJ_E_CONFLICT, "pause", ""},
    {BJ_E_CONFLICT, "resume", ""},
    {BJ_E_CONFLICT, "process", ""},
    {BJ_E_CONFLICT, "input", ""},
    {BJ_E_CONFLICT, "resize", ""},
    {BJ_E_CONFLICT, "service", ""},
    {BJ_E_CONFLICT, "shell", "use another name, or the one that is there"},
    {BJ_E_ENDED, "process", ""},
    {BJ_E_ENDED, "input", ""},
    {BJ_E_ENDED, "resize", ""},
};

const char *bj_error_advice(const struct bj_error *err, const char *own)
{
    const char *said = strstr(err->message, "; ");

    /* Messages that know what to do say it behind a semicolon. */
    if (said != NULL)
        return said + 2;
    if (own != NULL)
        return own;
    for (size_t i = 0;
         is_about_path(err->step) && err->sys_errno != 0 && i < sizeof by_errno / sizeof *by_errno;
         i++) {
        if (by_errno[i].number == err->sys_errno)
            return by_errno[i].advice;
    }
    for (size_t i = 0; i < sizeof by_step / sizeof *by_step; i++) {
        if ((int32_t)by_step[i].code == err->code && bj_streq(by_step[i].step, err->step))
            return by_step[i].advice;
    }
    return bj_code_advice(err->code);
}
