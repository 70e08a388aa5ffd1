/* What the service tells, as the JSON of answers; this folder's own. NULL: no memory. */
#ifndef BJ_API_OBJECTS_H
#define BJ_API_OBJECTS_H

#include <jansson.h>

#include "base/buf.h"
#include "service/service.h"

/* Foreign bytes as a text: what is no UTF-8 becomes U+FFFD. NULL gives null. */
json_t *bj_object_text(const char *text);
json_t *bj_object_bytes(const char *data, size_t length);
/* 2026-11-22T22:04:14.123Z, of a wall clock's milliseconds. */
json_t *bj_object_time(int64_t time_ms);
/* Seconds; null where there is none (below 0). */
json_t *bj_object_seconds(int64_t time_us);

json_t *bj_object_sandbox(const struct bj_sandbox_view *view);
json_t *bj_object_usage(const struct bj_usage_report *report);
json_t *bj_object_process(const struct bj_process_view *view);
json_t *bj_object_shell(const struct bj_shell_view *view);
json_t *bj_object_file(const struct bj_file_info *info);
json_t *bj_object_match(const struct bj_files_match *match);
json_t *bj_object_event(const struct bj_event *event);

/* "running", "paused", "ended". */
extern const char *const bj_phase_names[];
extern const char *const bj_stream_names[]; /* [1] "stdout", [2] "stderr" */

#endif
