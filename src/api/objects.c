/* See objects.h. */
#include "api/objects.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/escape.h"
#include "base/limits.h"
#include "wire/verdict_json.h"

const char *const bj_phase_names[] = {[BJ_SANDBOX_RUNNING] = "running",
                                      [BJ_SANDBOX_PAUSED] = "paused",
                                      [BJ_SANDBOX_ENDED] = "ended",
                                      NULL};
const char *const bj_stream_names[] = {"", "stdout", "stderr", NULL};

json_t *bj_object_bytes(const char *data, size_t length)
{
    json_t *value = json_stringn(data, length);
    const char *at = data, *end = data + length;
    struct bj_buf text;

    if (value != NULL)
        return value;
    bj_buf_init(&text, BJ_RESPONSE_MAX);
    while (at < end) {
        uint32_t point;
        size_t step = bj_text_decode(at, (size_t)(end - at), &point);

        if (step > 0)
            bj_buf_append(&text, at, step);
        else
            bj_buf_puts(&text, "\xef\xbf\xbd");
        at += step > 0 ? step : 1;
    }
    if (!text.failed)
        value = json_stringn(bj_buf_text(&text), text.length);
    bj_buf_release(&text);
    return value;
}

json_t *bj_object_text(const char *text)
{
    return text != NULL ? bj_object_bytes(text, strlen(text)) : json_null();
}

json_t *bj_object_time(int64_t time_ms)
{
    time_t seconds = (time_t)(time_ms / 1000);
    struct tm tm;
    char text[48];

    if (gmtime_r(&seconds, &tm) == NULL)
        return json_null();
    snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900,
             tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(time_ms % 1000));
    return json_string(text);
}

json_t *bj_object_seconds(int64_t time_us)
{
    return time_us < 0 ? json_null() : json_real((double)time_us / 1e6);
}

static json_t *texts(const char *const *list)
{
    json_t *array = json_array();

    for (; list != NULL && *list != NULL; list++)
        json_array_append_new(array, bj_object_text(*list));
    return array;
}

static json_t *limits(const struct bj_sandbox_view *view)
{
    return json_pack("{s:I, s:I, s:I, s:f}", "memory_bytes", (json_int_t)view->memory_bytes,
                     "disk_bytes", (json_int_t)view->disk_bytes, "processes",
                     (json_int_t)view->max_processes, "cpu_cores", view->cpu_cores);
}

json_t *bj_object_sandbox(const struct bj_sandbox_view *view)
{
    json_t *object =
        json_pack("{s:o, s:s, s:o, s:o, s:O, s:b, s:b, s:o, s:i}", "id", bj_object_text(view->id),
                  "state", bj_phase_names[view->phase], "preset", bj_object_text(view->preset),
                  "key", bj_object_text(view->key), "metadata",
                  view->metadata != NULL ? (json_t *)view->metadata : json_null(), "default",
                  view->is_default, "degraded_pause", view->degraded_pause, "reason",
                  bj_object_text(view->reason), "running", (int)view->running);
    json_t *more = json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b}", "created",
        bj_object_time(view->created_ms), "ended",
        view->ended_ms != 0 ? bj_object_time(view->ended_ms) : json_null(), "age_seconds",
        bj_object_seconds(view->age_us), "left_seconds", bj_object_seconds(view->left_us),
        "idle_left_seconds", bj_object_seconds(view->idle_left_us), "timeout_seconds",
        bj_object_seconds(view->timeout_us), "idle_timeout_seconds",
        bj_object_seconds(view->idle_us), "limits", limits(view), "degraded", texts(view->degraded),
        "workspace", bj_object_text(view->workspace), "home", bj_object_text(view->home), "user",
        bj_object_text(view->user), "from_pool", view->from_pool);

    if (object == NULL || more == NULL || json_object_update_missing(object, more) < 0) {
        json_decref(object);
        object = NULL;
    }
    json_decref(more);
    if (object != NULL && view->metadata == NULL)
        json_object_set_new(object, "metadata", json_object());
    return object;
}

/* A number that is below 0 where nobody measures it. */
static json_t *measured(int64_t number)
{
    return number < 0 ? json_null() : json_integer((json_int_t)number);
}

json_t *bj_object_usage(const struct bj_usage_report *report)
{
    const struct bj_usage_answer *usage = &report->usage;

    return json_pack("{s:o, s:o, s:o, s:o, s:I, s:o, s:I, s:o, s:o, s:f}", "time",
                     bj_object_time(report->at_ms), "cpu_seconds", bj_object_seconds(usage->cpu_us),
                     "memory_bytes", measured(usage->memory_bytes), "memory_peak_bytes",
                     measured(usage->memory_peak), "memory_limit_bytes",
                     (json_int_t)report->memory_limit, "disk_bytes", measured(usage->disk_bytes),
                     "disk_limit_bytes", (json_int_t)report->disk_limit, "disk_inodes",
                     measured(usage->disk_inodes), "processes", measured(usage->processes),
                     "cpu_cores", report->cpu_cores);
}

static json_t *ending(const struct bj_process_view *view)
{
    const struct bj_ending *end = &view->ending;

    if (!view->ended)
        return json_null();
    return json_pack("{s:i, s:o, s:b, s:b, s:f, s:f, s:I, s:o}", "exit_code", (int)end->exit_code,
                     "signal", end->signal != 0 ? json_integer(end->signal) : json_null(),
                     "timed_out", end->timed_out, "oom_killed", end->oom_killed, "duration_ms",
                     (double)end->duration_us / 1e3, "cpu_ms", (double)end->cpu_us / 1e3,
                     "peak_memory_bytes", (json_int_t)end->peak_memory, "reason",
                     end->reason[0] != '\0' ? bj_object_text(end->reason) : json_null());
}

static json_t *size_of_terminal(const struct bj_process_view *view)
{
    if (!view->terminal)
        return json_null();
    return json_pack("{s:i, s:i}", "rows", (int)view->rows, "columns", (int)view->columns);
}

json_t *bj_object_process(const struct bj_process_view *view)
{
    return json_pack("{s:I, s:o, s:i, s:s, s:o, s:o, s:o, s:o, s:b, s:o, s:o, s:I, s:I, s:o}", "id",
                     (json_int_t)view->process, "sandbox", bj_object_text(view->sandbox), "pid",
                     (int)view->pid, "state", view->ended ? "ended" : "running", "tag",
                     bj_object_text(view->tag), "command", bj_object_text(view->command),
                     "working_directory", bj_object_text(view->directory), "terminal",
                     size_of_terminal(view), "stdin", view->takes_input, "started",
                     bj_object_time(view->started_ms), "age_seconds",
                     bj_object_seconds(view->age_us), "output_bytes", (json_int_t)view->written,
                     "dropped_bytes", (json_int_t)view->dropped, "end", ending(view));
}

json_t *bj_object_shell(const struct bj_shell_view *view)
{
    return json_pack("{s:o, s:o, s:o, s:b, s:I}", "name", bj_object_text(view->name), "sandbox",
                     bj_object_text(view->sandbox), "working_directory",
                     bj_object_text(view->directory), "busy", view->busy, "commands",
                     (json_int_t)view->commands);
}

static const char *type_name(char type)
{
    switch (type) {
    case 'f':
        return "file";
    case 'd':
        return "directory";
    case 'l':
        return "link";
    case 'p':
        return "fifo";
    case 's':
        return "socket";
    case 'b':
    case 'c':
        return "device";
    default:
        return "unknown";
    }
}

json_t *bj_object_file(const struct bj_file_info *info)
{
    char mode[8];

    snprintf(mode, sizeof mode, "%04o", info->mode & 07777u);
    return json_pack("{s:o, s:o, s:s, s:I, s:s, s:o, s:o, s:o, s:I, s:I, s:o}", "path",
                     bj_object_text(info->path), "name", bj_object_text(info->name), "type",
                     type_name(info->type), "size", (json_int_t)info->size, "mode", mode,
                     "modified", bj_object_time(info->modified_ms), "user",
                     bj_object_text(info->user), "group", bj_object_text(info->group), "uid",
                     (json_int_t)info->uid, "gid", (json_int_t)info->gid, "link",
                     bj_object_text(info->link));
}

json_t *bj_object_match(const struct bj_files_match *match)
{
    return json_pack("{s:o, s:I, s:o, s:b}", "path", bj_object_text(match->path), "line",
                     (json_int_t)match->line, "text", bj_object_bytes(match->text, match->length),
                     "context", match->context);
}

json_t *bj_object_event(const struct bj_event *event)
{
    return json_pack("{s:I, s:s, s:o, s:o, s:o, s:o}", "id", (json_int_t)event->id, "type",
                     bj_event_name(event->kind), "time", bj_object_time(event->time_ms), "sandbox",
                     bj_object_text(event->sandbox), "process",
                     event->process != 0 ? json_integer(event->process) : json_null(), "details",
                     event->details != NULL ? json_incref((json_t *)event->details)
                                            : json_object());
}
