/* Lines of a log. */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/escape.h"
#include "base/fd.h"

#define MESSAGE_MAX  2048              /* bytes of a message; longer ones are cut */
#define LOG_LINE_MAX (8 * MESSAGE_MAX) /* a byte becomes four at most, and eight in JSON */

static const char *const category_names[] = {
#define NAME(id, name) name,
    BJ_LOG_CATEGORIES(NAME)};
static const char *const level_names[] = {BJ_LOG_LEVELS(NAME)
#undef NAME
};

static void write_to_stderr(void *context, const char *line, size_t length)
{
    (void)context;
    bj_fd_write_all(STDERR_FILENO, line, length);
}

void bj_log_init(struct bj_log *log)
{
    *log = (struct bj_log){.write = write_to_stderr};
    memset(log->levels, BJ_LOG_WARNING, sizeof log->levels);
}

static int find(const char *const *names, size_t count, const char *text, size_t length)
{
    for (size_t i = 0; i < count; i++) {
        if (strlen(names[i]) == length && memcmp(names[i], text, length) == 0)
            return (int)i;
    }
    return -1;
}

static int fail(const char *text, size_t length, struct bj_error *err)
{
    char known[160];
    size_t at = 0;

    for (size_t i = 0; i < BJ_LOG_CATEGORY_COUNT; i++)
        at += (size_t)snprintf(known + at, sizeof known - at, "%s, ", category_names[i]);
    return bj_fail(err, BJ_E_INVALID, "log",
                   "expected CATEGORY=LEVEL, with a category of %s* and a level of off, error, "
                   "warning, info, debug, trace; found \"%.*s\"",
                   known, (int)(length < 64 ? length : 64), text);
}

/* One "category=level" or "level". */
static int choose_one(struct bj_log *log, const char *text, size_t length, struct bj_error *err)
{
    const char *equals = memchr(text, '=', length);
    size_t name = equals != NULL ? (size_t)(equals - text) : 0;
    const char *word = equals != NULL ? equals + 1 : text;
    int level = find(level_names, BJ_LOG_LEVEL_COUNT, word, length - (size_t)(word - text));
    int category = find(category_names, BJ_LOG_CATEGORY_COUNT, text, name);
    bool all = equals == NULL || (name == 1 && text[0] == '*');

    if (level < 0 || (!all && category < 0))
        return fail(text, length, err);
    for (int i = 0; i < BJ_LOG_CATEGORY_COUNT; i++) {
        if (all || i == category)
            log->levels[i] = (unsigned char)level;
    }
    return 0;
}

int bj_log_choose(struct bj_log *log, const char *levels, struct bj_error *err)
{
    struct bj_log chosen = *log;

    for (;;) {
        size_t length = strcspn(levels, ",");

        if (choose_one(&chosen, levels, length, err) < 0)
            return -BJ_E_INVALID;
        levels += length;
        if (*levels == '\0')
            break;
        levels++;
    }
    *log = chosen;
    return 0;
}

/* "2026-01-31T12:00:00.123456Z": wall-clock time, which orders lines and no more. */
static void put_time(struct bj_buf *out)
{
    struct timespec now;
    struct tm parts;
    char text[32];

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &parts);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
    bj_buf_printf(out, "%s.%06ldZ", text, now.tv_nsec / 1000);
}

/* Escaped already, so that only quotes and backslashes are left to be doubled. */
static void put_json_text(struct bj_buf *out, const char *text)
{
    for (; *text != '\0'; text++)
        bj_buf_printf(out, *text == '"' || *text == '\\' ? "\\%c" : "%c", *text);
}

static void put_line(const struct bj_log *log, const char *category, const char *level,
                     const char *message, struct bj_buf *out)
{
    if (!log->json) {
        put_time(out);
        bj_buf_printf(out, " belljar[%d] %s %s: %s\n", (int)getpid(), level, category, message);
        return;
    }
    bj_buf_puts(out, "{\"time\": \"");
    put_time(out);
    bj_buf_printf(out, "\", \"level\": \"%s\", \"category\": \"%s\", \"pid\": %d, \"message\": \"",
                  level, category, (int)getpid());
    put_json_text(out, message);
    bj_buf_puts(out, "\"}\n");
}

void bj_log_write(const struct bj_log *log, enum bj_log_category category, enum bj_log_level level,
                  const char *format, ...)
{
    char message[MESSAGE_MAX];
    struct bj_buf escaped, line;
    int saved = errno;
    va_list args;

    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    bj_buf_init(&escaped, LOG_LINE_MAX);
    bj_buf_init(&line, 2 * LOG_LINE_MAX);
    bj_put_escaped(&escaped, message, strlen(message));
    put_line(log, category_names[category], level_names[level], bj_buf_text(&escaped), &line);
    if (!line.failed)
        log->write(log->context, bj_buf_text(&line), line.length);
    bj_buf_release(&line);
    bj_buf_release(&escaped);
    errno = saved;
}
