/*
 * belljar/error.h: every way a call can fail.
 *
 * One row per code: name, HTTP status, exit status of the command line, text, and what the user can
 * do. Nothing else in the project maps codes to anything. A function that can fail returns 0 or a
 * negative code and fills the struct bj_error given as its last argument (which may be NULL).
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

/*      name           no. HTTP exit text, advice; a number, once given, stays */
#define BJ_CODES(X)                                                                                \
    X(OK, 0, 200, 0, "success", "")                                                                \
    X(INVALID, 1, 400, 125, "the request is not valid", "correct the request as the message says") \
    X(CONFIG, 2, 400, 125, "the configuration is not valid",                                       \
      "correct the configuration as the message says")                                             \
    X(NOT_FOUND, 3, 404, 127, "not found", "check the name, and that it belongs to this key")      \
    X(NOT_EXECUTABLE, 4, 422, 126, "not executable",                                               \
      "check the program: its mode, its first line, its architecture")                             \
    X(DENIED, 5, 403, 125, "refused",                                                              \
      "ask for something else, or have the policy or the key changed")                             \
    X(UNSUPPORTED, 6, 501, 125, "not supported here",                                              \
      "do without it, or run where it is supported; belljar doctor says what is")                  \
    X(LAYER, 7, 503, 125, "a protection that was asked for cannot be had here",                    \
      "belljar doctor says what is missing and what to do")                                        \
    X(LIMIT, 8, 413, 125, "a limit was reached", "ask for less, or raise the limit")               \
    X(TIMEOUT, 9, 408, 124, "timed out", "allow more time, or do less at once")                    \
    X(NO_MEMORY, 10, 503, 125, "out of memory", "try again later")                                 \
    X(SYSTEM, 11, 500, 125, "the operating system refused",                                        \
      "see the service's log; belljar doctor may know more")                                       \
    X(PROTOCOL, 12, 502, 125, "the other side broke the protocol",                                 \
      "see the service's log; try again")                                                          \
    X(ENDED, 13, 410, 125, "the sandbox has ended", "make a new sandbox")                          \
    X(INTERNAL, 14, 500, 125, "internal error",                                                    \
      "report it with what the service's log says of this request")                                \
    X(UNAUTHENTICATED, 15, 401, 125, "who asks is not known",                                      \
      "send a key of this service: X-API-Key: KEY or Authorization: Bearer KEY")                   \
    X(CONFLICT, 16, 409, 125, "not in the state that this needs",                                  \
      "look at its state, then try again")                                                         \
    X(RATE, 17, 429, 125, "too many requests", "wait as long as Retry-After says")                 \
    X(QUOTA, 18, 429, 125, "a quota is used up",                                                   \
      "end something of yours, or have the quota raised")                                          \
    X(BUSY, 19, 503, 125, "not now", "try again after a moment")                                   \
    X(FULL, 20, 507, 125, "no room left", "remove files, or have the limit raised")

enum bj_code {
#define BJ_CODE_ENUM(name, number, http, exit, text, advice) BJ_E_##name = number,
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

/* The name of a code ("NOT_FOUND"), its text, what to do about it ("" for OK), HTTP status and exit
 * status. Takes either sign. */
BJ_API const char *bj_code_name(int code);
BJ_API const char *bj_code_text(int code);
BJ_API const char *bj_code_advice(int code);
BJ_API int bj_code_http_status(int code);
BJ_API int bj_code_exit_status(int code);

#ifdef __cplusplus
}
#endif
#endif
