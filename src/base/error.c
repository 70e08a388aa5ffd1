/*
 * Error codes and messages. Everything here works without heap, after fork() and when memory is
 * exhausted.
 */
#include "base/error.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct code_row {
    const char *name;
    int http_status;
    int exit_status;
    const char *text, *advice;
};

static const struct code_row code_rows[] = {
#define CODE_ROW(name, number, http, exit, text, advice)                                           \
    [number] = {#name, http, exit, text, advice},
    BJ_CODES(CODE_ROW)
#undef CODE_ROW
};

static const struct code_row *code_row(int code)
{
    if (code < 0)
        code = -code;
    if (code >= BJ_CODE_COUNT)
        code = BJ_E_INTERNAL;
    return &code_rows[code];
}

const char *bj_code_name(int code)
{
    return code_row(code)->name;
}

const char *bj_code_text(int code)
{
    return code_row(code)->text;
}

const char *bj_code_advice(int code)
{
    return code_row(code)->advice;
}

int bj_code_http_status(int code)
{
    return code_row(code)->http_status;
}

int bj_code_exit_status(int code)
{
    return code_row(code)->exit_status;
}

static void fill(struct bj_error *err, enum bj_code code, int sys_errno, const char *step)
{
    err->code = (int32_t)code;
    err->sys_errno = sys_errno;
    snprintf(err->step, sizeof err->step, "%s", step);
}

int bj_fail(struct bj_error *err, enum bj_code code, const char *step, const char *format, ...)
{
    if (err != NULL) {
        va_list args;

        fill(err, code, 0, step);
        va_start(args, format);
        vsnprintf(err->message, sizeof err->message, format, args);
        va_end(args);
    }
    return -(int)code;
}

int bj_fail_errno(struct bj_error *err, const char *step, const char *format, ...)
{
    int saved = errno;
    enum bj_code code = saved == ENOMEM ? BJ_E_NO_MEMORY : BJ_E_SYSTEM;

    if (err != NULL) {
        va_list args;
        size_t used;

        fill(err, code, saved, step);
        va_start(args, format);
        vsnprintf(err->message, sizeof err->message, format, args);
        va_end(args);
        used = strlen(err->message);
        snprintf(err->message + used, sizeof err->message - used, ": %s", strerror(saved));
    }
    errno = saved;
    return -(int)code;
}

void bj_error_prefix(struct bj_error *err, const char *format, ...)
{
    char old[BJ_ERROR_MESSAGE_MAX];
    size_t used;
    va_list args;

    if (err == NULL)
        return;
    memcpy(old, err->message, sizeof old);
    va_start(args, format);
    vsnprintf(err->message, sizeof err->message, format, args);
    va_end(args);
    used = strlen(err->message);
    snprintf(err->message + used, sizeof err->message - used, "%s", old);
}

void bj_error_append(struct bj_error *err, const char *format, ...)
{
    size_t used;
    va_list args;

    if (err == NULL)
        return;
    used = strlen(err->message);
    va_start(args, format);
    vsnprintf(err->message + used, sizeof err->message - used, format, args);
    va_end(args);
}
