/*
 * Logs: lines with a category and a level, each category let through up to a level of its own.
 *
 * Nothing in the library decides where lines go: a program fills a struct bj_log and hands it down,
 * and NULL is a log that takes nothing. What is logged is about Belljar's own work; secrets,
 * contents of files and output of commands are never put into a line.
 */
#ifndef BJ_BASE_LOG_H
#define BJ_BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* Names as users write them. */
#define BJ_LOG_CATEGORIES(X)                                                                       \
    X(SANDBOX, "sandbox") /* making and ending sandboxes, their layers and limits */               \
    X(POLICY, "policy")   /* verdicts and what they come from */                                   \
    X(AUDIT, "audit")     /* records */                                                            \
    X(ALERT, "alert")     /* telling others of violations */                                       \
    X(NETWORK, "network") /* what goes to the network */                                           \
    X(SERVER, "server")   /* requests of clients */

#define BJ_LOG_LEVELS(X)                                                                           \
    X(OFF, "off")                                                                                  \
    X(ERROR, "error")                                                                              \
    X(WARNING, "warning")                                                                          \
    X(INFO, "info")                                                                                \
    X(DEBUG, "debug")                                                                              \
    X(TRACE, "trace")

enum bj_log_category {
#define BJ_LOG_ENUM(id, name) BJ_LOG_##id,
    BJ_LOG_CATEGORIES(BJ_LOG_ENUM) BJ_LOG_CATEGORY_COUNT
};

enum bj_log_level { BJ_LOG_LEVELS(BJ_LOG_ENUM) BJ_LOG_LEVEL_COUNT };
#undef BJ_LOG_ENUM

struct bj_log {
    unsigned char levels[BJ_LOG_CATEGORY_COUNT]; /* enum bj_log_level: the most that is wanted */
    bool json;                                   /* lines of JSON instead of text */
    void (*write)(void *context, const char *line, size_t length); /* a whole line, with its end */
    void *context;
};

/* A log of warnings and errors, as text, to standard error. */
void bj_log_init(struct bj_log *log);

/*
 * Chooses levels: "policy=debug,audit=info,*=warning". A level alone is for all categories; of
 * several that name one category the last holds. BJ_E_INVALID, the log then unchanged.
 */
int bj_log_choose(struct bj_log *log, const char *levels, struct bj_error *err);

static inline bool bj_log_wants(const struct bj_log *log, enum bj_log_category category,
                                enum bj_log_level level)
{
    return log != NULL && log->levels[category] >= level;
}

/* Writes a line; control characters are escaped, a long line is cut. Keeps errno. */
void bj_log_write(const struct bj_log *log, enum bj_log_category category, enum bj_log_level level,
                  const char *format, ...) __attribute__((format(printf, 4, 5)));

/* BJ_LOG(log, POLICY, DEBUG, "…", …): its arguments are not evaluated when nobody wants the line.
 */
#define BJ_LOG(log, category, level, ...)                                                          \
    do {                                                                                           \
        if (bj_log_wants((log), BJ_LOG_##category, BJ_LOG_##level))                                \
            bj_log_write((log), BJ_LOG_##category, BJ_LOG_##level, __VA_ARGS__);                   \
    } while (0)

#endif
