/*
 * The errors of the API that the codes of base/error.h do not tell apart, and statuses that depend
 * on more than the code. The service answers from these tables and docs/API.md is made of them.
 */
#ifndef BJ_API_FAILURE_H
#define BJ_API_FAILURE_H

#include "base/error.h"

/*      name, its code within the service, HTTP status, text, advice */
#define BJ_API_ERRORS(X)                                                                           \
    X(COMMAND_NOT_FOUND, NOT_FOUND, 404, "there is no such command in the sandbox",                \
      "check the command's name, and that it is installed in the sandbox")                         \
    X(METHOD_NOT_ALLOWED, INVALID, 405, "the address takes other methods",                         \
      "use a method that the header Allow names")                                                  \
    X(TARGET_TOO_LONG, LIMIT, 414, "the address is too long", "put less into the address")         \
    X(UNSUPPORTED_MEDIA_TYPE, INVALID, 415, "the body is not of the kind that is taken here",      \
      "send Content-Type: application/json, and no Content-Encoding")                              \
    X(RANGE, INVALID, 416, "the file ends before the range begins",                                \
      "ask for bytes that the file has; Content-Range says how many those are")                    \
    X(UPGRADE_REQUIRED, INVALID, 426, "the address speaks another protocol",                       \
      "send Connection: Upgrade, and Upgrade with the protocol's name")                            \
    X(HEAD_TOO_LARGE, LIMIT, 431, "the request's headers are too large", "send fewer headers")

enum bj_api_error {
    BJ_API_PLAIN, /* as the error's own code has it */
#define BJ_API_ERROR_ENUM(name, code, status, text, advice) BJ_API_##name,
    BJ_API_ERRORS(BJ_API_ERROR_ENUM)
#undef BJ_API_ERROR_ENUM
        BJ_API_ERROR_COUNT
};

/* How a client is told of an error. Static texts; advice is "" where the message says all. */
struct bj_told {
    const char *code, *advice;
    int status;
};
void bj_failure_tell(const struct bj_error *err, enum bj_api_error which, struct bj_told *ret);

/* What the sandbox's file system said to a path of the request is a status of its own; 0 else. */
int bj_failure_status(const struct bj_error *err);

/* Every code, NULL-terminated; those that a client can meet begin behind the first, OK. */
extern const char *const bj_failure_codes[];

/* Rows of a table in Markdown: code, status, text, advice. */
struct bj_buf;
void bj_failure_markdown(struct bj_buf *out);

#endif
