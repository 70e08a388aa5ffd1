/* See failure.h. */
#include "api/failure.h"

#include <errno.h>
#include <stdbool.h>

#include "api/advice.h"
#include "base/buf.h"
#include "base/str.h"

static const struct row {
    const char *name;
    enum bj_code code;
    int status;
    const char *text, *advice;
} rows[] = {
#define ROW(name, code, status, text, advice)                                                      \
    [BJ_API_##name] = {#name, BJ_E_##code, status, text, advice},
    BJ_API_ERRORS(ROW)
#undef ROW
};

const char *const bj_failure_codes[] = {
#define CODE(name, ...) #name,
    BJ_CODES(CODE) BJ_API_ERRORS(CODE)
#undef CODE
        NULL};

/*
 * What a file system says to a path that was asked for is the request's own doing, and no failure
 * of the service: 5xx would send an operator looking for one.
 */
static const struct {
    int number, status;
} by_errno[] = {
    {ELOOP, 400},   {ENAMETOOLONG, 400}, {EINVAL, 400}, {EILSEQ, 400},    {EISDIR, 400},
    {ENOTDIR, 400}, {EACCES, 403},       {EPERM, 403},  {EROFS, 403},     {ENOENT, 404},
    {ENXIO, 404},   {ECONNREFUSED, 404}, {EEXIST, 409}, {ENOTEMPTY, 409}, {EBUSY, 409},
    {ETXTBSY, 409}, {EXDEV, 409},        {ESRCH, 409},  {EFBIG, 413},     {E2BIG, 413},
    {ENOSPC, 507},  {EDQUOT, 507},
};
#define ERRNO_COUNT (sizeof by_errno / sizeof *by_errno)

int bj_failure_status(const struct bj_error *err)
{
    for (size_t i = 0; err->code == BJ_E_SYSTEM && i < ERRNO_COUNT; i++) {
        if (by_errno[i].number == err->sys_errno)
            return by_errno[i].status;
    }
    return 0;
}

/* A command that is not there is told from a sandbox that is not. */
static enum bj_api_error find(const struct bj_error *err)
{
    return err->code == BJ_E_NOT_FOUND && bj_streq(err->step, "execute") ? BJ_API_COMMAND_NOT_FOUND
                                                                         : BJ_API_PLAIN;
}

void bj_failure_tell(const struct bj_error *err, enum bj_api_error which, struct bj_told *ret)
{
    int code = err->code != BJ_E_OK ? err->code : BJ_E_INTERNAL;
    const struct row *row = &rows[which != BJ_API_PLAIN ? which : find(err)];
    int status = bj_failure_status(err);

    *ret = (struct bj_told){row->name, bj_error_advice(err, row->advice), row->status};
    if (row->name == NULL)
        *ret = (struct bj_told){bj_code_name(code), bj_error_advice(err, NULL),
                                status != 0 ? status : bj_code_http_status(code)};
}

static void put_status(int code, struct bj_buf *out)
{
    bj_buf_printf(out, "%d", bj_code_http_status(code));
    if (code != BJ_E_SYSTEM)
        return;
    bj_buf_puts(out, "; for a path of the request's ");
    for (size_t i = 0; i < ERRNO_COUNT; i++) {
        if (i == 0 || by_errno[i].status != by_errno[i - 1].status)
            bj_buf_printf(out, "%s%d", i > 0 ? ", " : "", by_errno[i].status);
    }
}

void bj_failure_markdown(struct bj_buf *out)
{
    for (int code = 1; code < BJ_CODE_COUNT; code++) {
        bj_buf_printf(out, "| `%s` | ", bj_code_name(code));
        put_status(code, out);
        bj_buf_printf(out, " | %s | %s |\n", bj_code_text(code), bj_code_advice(code));
    }
    for (int i = 1; i < BJ_API_ERROR_COUNT; i++)
        bj_buf_printf(out, "| `%s` | %d | %s | %s |\n", rows[i].name, rows[i].status, rows[i].text,
                      rows[i].advice);
}
