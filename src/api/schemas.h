/* The shapes of requests and answers, by file; this folder's own. */
#ifndef BJ_API_SCHEMAS_H
#define BJ_API_SCHEMAS_H

#include "api/route.h"

/* Rows of fields. The last of a schema's is BJ_END. */
#define BJ_TEXT(field, max, ...)                                                                   \
    {                                                                                              \
        .name = (field), .type = BJ_TYPE_STRING, .maximum = (max), __VA_ARGS__                     \
    }
#define BJ_WHOLE(field, least, most, ...)                                                          \
    {                                                                                              \
        .name = (field), .type = BJ_TYPE_INTEGER, .minimum = (least), .maximum = (most),           \
        __VA_ARGS__                                                                                \
    }
#define BJ_NUMBER(field, least, most, ...)                                                         \
    {                                                                                              \
        .name = (field), .type = BJ_TYPE_NUMBER, .minimum = (least), .maximum = (most),            \
        __VA_ARGS__                                                                                \
    }
#define BJ_SWITCH(field, ...)                                                                      \
    {                                                                                              \
        .name = (field), .type = BJ_TYPE_BOOLEAN, __VA_ARGS__                                      \
    }
#define BJ_TEXTS(field, most, ...)                                                                 \
    {                                                                                              \
        .name = (field), .type = BJ_TYPE_LIST, .maximum = (most), __VA_ARGS__                      \
    }
#define BJ_OBJECTS(field, of, ...)                                                                 \
    {                                                                                              \
        .name = (field), .type = BJ_TYPE_LIST, .schema = (of), __VA_ARGS__                         \
    }
#define BJ_OBJECT(field, of, ...)                                                                  \
    {                                                                                              \
        .name = (field), .type = BJ_TYPE_OBJECT, .schema = (of), __VA_ARGS__                       \
    }
#define BJ_MAP(field, most, ...)                                                                   \
    {                                                                                              \
        .name = (field), .type = BJ_TYPE_MAP, .maximum = (most), __VA_ARGS__                       \
    }
#define BJ_ANY(field, ...)                                                                         \
    {                                                                                              \
        .name = (field), .type = BJ_TYPE_ANY, __VA_ARGS__                                          \
    }
#define BJ_NEEDED .required = true
#define BJ_MAYBE  .nullable = true
#define BJ_SAYS   .help =
#define BJ_END                                                                                     \
    {                                                                                              \
        .name = NULL                                                                               \
    }

/* schemas_files.c */
extern const struct bj_schema bj_path_query_schema;
extern const struct bj_schema bj_range_schema;
extern const struct bj_schema bj_put_query_schema;
extern const struct bj_schema bj_written_schema;
extern const struct bj_schema bj_list_query_schema;
extern const struct bj_schema bj_glob_query_schema;
extern const struct bj_schema bj_search_query_schema;
extern const struct bj_schema bj_watch_query_schema;
extern const struct bj_schema bj_archive_query_schema;
extern const struct bj_schema bj_remove_query_schema;
extern const struct bj_schema bj_directory_schema;
extern const struct bj_schema bj_move_schema;
extern const struct bj_schema bj_mode_schema;
extern const struct bj_schema bj_edit_schema;
extern const struct bj_schema bj_edited_schema;
extern const struct bj_schema bj_file_schema;
extern const struct bj_schema bj_files_schema;
extern const struct bj_schema bj_matches_schema;

/* schemas_processes.c */
extern const struct bj_schema bj_start_process_schema;
extern const struct bj_schema bj_resize_schema;
extern const struct bj_schema bj_process_schema;
extern const struct bj_schema bj_processes_schema;
extern const struct bj_schema bj_output_query_schema;
extern const struct bj_schema bj_wait_query_schema;
extern const struct bj_schema bj_attach_query_schema;
extern const struct bj_schema bj_input_schema;
extern const struct bj_schema bj_signal_schema;

/* schemas_root.c */
extern const struct bj_schema bj_root_schema;
extern const struct bj_schema bj_health_schema;
extern const struct bj_schema bj_alive_schema;

/* schemas_sandboxes.c */
extern const struct bj_schema bj_create_sandbox_schema;
extern const struct bj_schema bj_idempotency_schema;
extern const struct bj_schema bj_change_sandbox_schema;
extern const struct bj_schema bj_sandbox_query_schema;
extern const struct bj_schema bj_sandbox_schema;
extern const struct bj_schema bj_sandboxes_schema;
extern const struct bj_schema bj_usage_schema;
extern const struct bj_schema bj_create_shell_schema;
extern const struct bj_schema bj_shell_schema;
extern const struct bj_schema bj_shells_schema;
extern const struct bj_schema bj_presets_schema;
extern const struct bj_schema bj_whoami_schema;
extern const struct bj_schema bj_event_query_schema;
extern const struct bj_schema bj_last_event_schema;
extern const struct bj_schema bj_events_schema;

/* schemas_tools.c */
extern const struct bj_schema bj_execute_schema;
extern const struct bj_schema bj_bash_schema;
extern const struct bj_schema bj_run_schema;
extern const struct bj_schema bj_shell_run_schema;
extern const struct bj_schema bj_file_read_schema;
extern const struct bj_schema bj_file_write_schema;
extern const struct bj_schema bj_search_schema;
extern const struct bj_schema bj_verdict_schema;
extern const struct bj_schema bj_result_schema;
extern const struct bj_schema bj_record_query_schema;
extern const struct bj_schema bj_logs_schema;
extern const struct bj_schema bj_records_schema;

#endif
