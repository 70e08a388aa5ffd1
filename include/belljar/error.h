/*
 * belljar/error.h: every way a call can fail.
 *
 * One row per code: name, HTTP status, exit status of the command line, text. Nothing else in the
 * project maps codes to anything. A function that can fail returns 0 or a negative code and fills
 * the struct bj_error given as its last argument (which may be NULL).
 */
#ifndef BELLJAR_ERROR_H
#define BELLJAR_ERROR_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(BJ_BUILDING) && defined(__GNUC__)
#define BJ_API __attribute__((visibility("default")))
#else
#define BJ_API
#endif

/*      name           no. HTTP exit text; a number, once given, stays */
#define BJ_CODES(X)                                                                                \
    X(OK, 0, 200, 0, "success")                                                                    \
    X(INVALID, 1, 400, 125, "the request is not valid")                                            \
    X(CONFIG, 2, 400, 125, "the configuration is not valid")                                       \
    X(NOT_FOUND, 3, 404, 127, "not found")                                                         \
    X(NOT_EXECUTABLE, 4, 422, 126, "not executable")                                               \
    X(DENIED, 5, 403, 125, "refused")                                                              \
    X(UNSUPPORTED, 6, 501, 125, "not supported here")                                              \
    X(LAYER, 7, 503, 125, "a protection that was asked for cannot be had here")                    \
    X(LIMIT, 8, 413, 125, "a limit was reached")                                                   \
    X(TIMEOUT, 9, 408, 124, "timed out")                                                           \
    X(NO_MEMORY, 10, 503, 125, "out of memory")                                                    \
    X(SYSTEM, 11, 500, 125, "the operating system refused")                                        \
    X(PROTOCOL, 12, 502, 125, "the other side broke the protocol")                                 \
    X(ENDED, 13, 410, 125, "the sandbox has ended")                                                \
    X(INTERNAL, 14, 500, 125, "internal error")                                                    \
    X(UNAUTHENTICATED, 15, 401, 125, "who asks is not known")                                      \
    X(CONFLICT, 16, 409, 125, "not in the state that this needs")                                  \
    X(RATE, 17, 429, 125, "too many requests")                                                     \
    X(QUOTA, 18, 429, 125, "a quota is used up")                                                   \
    X(BUSY, 19, 503, 125, "not now")                                                               \
    X(FULL, 20, 507, 125, "no room left")

enum bj_code {
#define BJ_CODE_ENUM(name, number, http, exit, text) BJ_E_##name = number,
    BJ_CODES(BJ_CODE_ENUM)
#undef BJ_CODE_ENUM
        BJ_CODE_COUNT
};

#define BJ_ERROR_STEP_MAX    32
#define BJ_ERROR_MESSAGE_MAX 472

/*
 * What went wrong. Fixed size and without pointers: it is filled without memory, after fork(), and
 * crosses a socket in one write.
 */
struct bj_error {
    int32_t code;                       /* enum bj_code, positive; BJ_E_OK when unset */
    int32_t sys_errno;                  /* errno of the failing call, 0 if none */
    char step[BJ_ERROR_STEP_MAX];       /* what was being done, one word: "mount", "clone" */
    char message[BJ_ERROR_MESSAGE_MAX]; /* one line for a person */
};

/* The name of a code ("NOT_FOUND"), its text, HTTP status and exit status. Takes either sign. */
BJ_API const char *bj_code_name(int code);
BJ_API const char *bj_code_text(int code);
BJ_API int bj_code_http_status(int code);
BJ_API int bj_code_exit_status(int code);

#ifdef __cplusplus
}
#endif
#endif
