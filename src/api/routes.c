/*
 * The table of routes. A row is all there is to say of one; routing, validation, the OpenAPI
 * document, docs/API.md and the client's help are made of these rows.
 */
#include "api/handlers.h"
#include "api/schemas.h"

#define JSON    "application/json"
#define SANDBOX "/v1/sandboxes/{sandbox}"
#define PROCESS SANDBOX "/processes/{process}"
#define SHELL   SANDBOX "/shells/{shell}"

/* What a route answers when all is well; what else it may is in documents.c. */
#define ANSWERS(...)                                                                               \
    .answers = (const struct bj_answer_row[])                                                      \
    {                                                                                              \
        __VA_ARGS__,                                                                               \
        {                                                                                          \
            0                                                                                      \
        }                                                                                          \
    }
#define ROUTE(a_method, a_path, an_id, a_handler)                                                  \
    .method = (a_method), .path = a_path, .id = (an_id), .handler = (a_handler)
#define NEEDS(a_scope)  .scope = BJ_SCOPE_##a_scope
#define ACTS            .acts = true
#define TAKES(a_schema) .body = BJ_BODY_JSON, .request = &(a_schema)
#define TAKES_RAW       .body = BJ_BODY_RAW
#define QUERY(a_schema) .query = &(a_schema)
#define HEEDS(a_schema) .headers = &(a_schema)

const struct bj_route bj_routes[] = {

    /* ---- Service ---- */
    {
        ROUTE("GET", "/", "get_service", bj_get_root),
        .group = "Service",
        .summary = "What answers here.",
        ANSWERS({200, JSON, &bj_root_schema, "It runs."}),
    },
    {
        ROUTE("GET", "/health", "get_health", bj_get_health),
        .group = "Service",
        .summary = "How the service is.",
        ANSWERS({200, JSON, &bj_health_schema, "It can be asked."}),
    },
    {
        ROUTE("GET", "/healthz", "get_alive", bj_get_alive),
        .group = "Service",
        .summary = "Whether the service answers at all, for probes.",
        ANSWERS({200, JSON, &bj_alive_schema, "It does."}),
    },
    {
        ROUTE("GET", "/readyz", "get_ready", bj_get_ready),
        .group = "Service",
        .summary = "Whether the service takes work now, for probes; 503 while it does not.",
        ANSWERS({200, JSON, &bj_alive_schema, "It does."}),
    },
    {
        ROUTE("GET", "/openapi.json", "get_openapi", bj_get_openapi),
        .group = "Service",
        .summary = "This interface as an OpenAPI 3.1 document.",
        ANSWERS({200, JSON, NULL, "The document."}),
    },
    {
        ROUTE("GET", "/metrics", "get_metrics", bj_get_metrics),
        .group = "Service",
        .summary = "Figures of the service in the OpenMetrics form.",
        NEEDS(ADMIN),
        ANSWERS({200, "application/openmetrics-text", NULL, "The figures."}),
    },

    /* ---- Tools ---- */
    {
        ROUTE("POST", "/execute", "execute_tool", bj_post_execute),
        .group = "Tools",
        .summary = "Calls a tool, as agents do.",
        .help = "Calls a tool, as agents do: `Bash`, `Read`, `Write`, `Edit`, `Glob`, `Grep`, `LS` "
                "or `Search`.",
        NEEDS(EXECUTE),
        ACTS,
        TAKES(bj_execute_schema),
        ANSWERS({200, JSON, &bj_result_schema, "It was judged; `success` says what came of it."}),
    },
    {
        ROUTE("POST", "/bash", "run_bash", bj_post_bash),
        .group = "Tools",
        .summary = "Runs a command to its end.",
        NEEDS(EXECUTE),
        ACTS,
        TAKES(bj_bash_schema),
        ANSWERS({200, JSON, &bj_result_schema, "It was judged; `success` says what came of it."}),
    },
    {
        ROUTE("POST", "/file/read", "read_file", bj_post_file_read),
        .group = "Tools",
        .summary = "Reads a text file of at most 16 MiB.",
        NEEDS(FILES_READ),
        ACTS,
        TAKES(bj_file_read_schema),
        ANSWERS({200, JSON, &bj_result_schema, "It was judged; `success` says what came of it."}),
    },
    {
        ROUTE("POST", "/file/write", "write_file", bj_post_file_write),
        .group = "Tools",
        .summary = "Writes a file of at most 16 MiB.",
        NEEDS(FILES_WRITE),
        ACTS,
        TAKES(bj_file_write_schema),
        ANSWERS({200, JSON, &bj_result_schema, "It was judged; `success` says what came of it."}),
    },
    {
        ROUTE("POST", "/search", "search_files", bj_post_search),
        .group = "Tools",
        .summary = "Searches in files.",
        NEEDS(FILES_READ),
        ACTS,
        TAKES(bj_search_schema),
        ANSWERS({200, JSON, &bj_result_schema, "It was judged; `success` says what came of it."}),
    },
    {
        ROUTE("GET", "/audit-logs", "list_audit_logs", bj_get_audit_logs),
        .group = "Tools",
        .summary = "The calls that were judged, and what came of them.",
        .help = "The calls that were judged, and what came of them: those that the owner of the "
                "key asked for with any of its keys, and those in its sandboxes; everyone's with "
                "`admin`.",
        NEEDS(AUDIT),
        QUERY(bj_record_query_schema),
        ANSWERS({200, JSON, &bj_logs_schema, "The newest first."}),
    },
    {
        ROUTE("GET", "/stats", "get_stats", bj_get_stats),
        .group = "Tools",
        .summary = "Figures of the calls of the owner of the key.",
        NEEDS(READ),
        ANSWERS({200, JSON, NULL, "The figures."}),
    },

    /* ---- Sandboxes ---- */
    {
        ROUTE("POST", "/v1/sandboxes", "create_sandbox", bj_post_sandbox),
        .group = "Sandboxes",
        .summary = "Makes a sandbox of a preset.",
        NEEDS(MANAGE),
        ACTS,
        TAKES(bj_create_sandbox_schema),
        HEEDS(bj_idempotency_schema),
        ANSWERS({201, JSON, &bj_sandbox_schema, "It was made; `Location` has its path."},
                {200, JSON, &bj_sandbox_schema, "It was made before, with this Idempotency-Key."}),
    },
    {
        ROUTE("GET", "/v1/sandboxes", "list_sandboxes", bj_get_sandboxes),
        .group = "Sandboxes",
        .summary = "Lists sandboxes.",
        NEEDS(READ),
        QUERY(bj_sandbox_query_schema),
        ANSWERS({200, JSON, &bj_sandboxes_schema, "A page."}),
    },
    {
        ROUTE("GET", SANDBOX, "get_sandbox", bj_get_sandbox),
        .group = "Sandboxes",
        .summary = "Looks at a sandbox.",
        NEEDS(READ),
        ANSWERS({200, JSON, &bj_sandbox_schema, "As it is now."}),
    },
    {
        ROUTE("PATCH", SANDBOX, "change_sandbox", bj_patch_sandbox),
        .group = "Sandboxes",
        .summary = "Changes time-outs, from now on, or metadata.",
        NEEDS(MANAGE),
        ACTS,
        TAKES(bj_change_sandbox_schema),
        ANSWERS({200, JSON, &bj_sandbox_schema, "As it is now."}),
    },
    {
        ROUTE("DELETE", SANDBOX, "kill_sandbox", bj_delete_sandbox),
        .group = "Sandboxes",
        .summary = "Ends a sandbox and all that is in it.",
        NEEDS(MANAGE),
        ACTS,
        ANSWERS({204, NULL, NULL, "It has ended."}),
    },
    {
        ROUTE("POST", SANDBOX "/pause", "pause_sandbox", bj_post_pause),
        .group = "Sandboxes",
        .summary = "Freezes all of its processes.",
        NEEDS(MANAGE),
        ACTS,
        ANSWERS({200, JSON, &bj_sandbox_schema, "As it is now."},
                {501, JSON, NULL, "The host cannot."}),
    },
    {
        ROUTE("POST", SANDBOX "/resume", "resume_sandbox", bj_post_resume),
        .group = "Sandboxes",
        .summary = "Lets a paused sandbox go on.",
        NEEDS(MANAGE),
        ACTS,
        ANSWERS({200, JSON, &bj_sandbox_schema, "As it is now."},
                {501, JSON, NULL, "The host cannot."}),
    },
    {
        ROUTE("GET", SANDBOX "/metrics", "get_sandbox_metrics", bj_get_sandbox_metrics),
        .group = "Sandboxes",
        .summary = "What a sandbox uses.",
        NEEDS(READ),
        ANSWERS({200, JSON, &bj_usage_schema, "The figures of now."}),
    },
    {
        ROUTE("POST", SANDBOX "/run", "run_command", bj_post_run),
        .group = "Sandboxes",
        .summary = "Runs a command to its end.",
        .help = "Runs a command to its end, and answers all that it wrote. If the client goes "
                "away, the command is killed.",
        NEEDS(EXECUTE),
        ACTS,
        TAKES(bj_run_schema),
        ANSWERS({200, JSON, &bj_result_schema, "It was judged; `success` says what came of it."}),
    },

    /* ---- Processes ---- */
    {
        ROUTE("POST", SANDBOX "/processes", "start_process", bj_post_process),
        .group = "Processes",
        .summary = "Starts a process.",
        .help = "Starts a process. It goes on whether or not anybody looks; its output is kept, up "
                "to a bound, for whoever asks later.",
        NEEDS(EXECUTE),
        ACTS,
        TAKES(bj_start_process_schema),
        ANSWERS({201, JSON, &bj_process_schema, "It runs; `Location` has its path."},
                {422, JSON, NULL, "It cannot be executed."}),
    },
    {
        ROUTE("GET", SANDBOX "/processes", "list_processes", bj_get_processes),
        .group = "Processes",
        .summary = "Lists the processes of a sandbox, ended ones too.",
        NEEDS(READ),
        ANSWERS({200, JSON, &bj_processes_schema, "All that are kept."}),
    },
    {
        ROUTE("GET", PROCESS, "get_process", bj_get_process),
        .group = "Processes",
        .summary = "Looks at a process.",
        NEEDS(READ),
        ANSWERS({200, JSON, &bj_process_schema, "As it is now."}),
    },
    {
        ROUTE("GET", PROCESS "/wait", "wait_for_process", bj_get_process_wait),
        .group = "Processes",
        .summary = "Waits until a process has ended.",
        NEEDS(READ),
        QUERY(bj_wait_query_schema),
        ANSWERS({200, JSON, &bj_process_schema, "It has ended, or the time is up."}),
    },
    {
        ROUTE("GET", PROCESS "/output", "read_output", bj_get_process_output),
        .group = "Processes",
        .summary = "Output of a process, from an offset on.",
        .help = "Output of a process, from an offset on: the bytes alone, in an answer that breaks "
                "off where some are not kept any more; or with `Accept: text/event-stream` "
                "events: `output` with `stream`, `offset` and `text`, or `base64` where it is no "
                "text; `lost` where bytes are not kept any more; `end` with the process, or `now` "
                "where it goes on and is not followed. The id of an event is the offset behind "
                "it, so a client that comes back with `Last-Event-ID` misses nothing.",
        NEEDS(READ),
        QUERY(bj_output_query_schema),
        HEEDS(bj_last_event_schema),
        ANSWERS({200, "application/octet-stream", NULL,
                 "The bytes alone; or, with `Accept: text/event-stream`, events."},
                {200, "text/event-stream", NULL, ""}),
    },
    {
        ROUTE("POST", PROCESS "/stdin", "write_stdin", bj_post_process_stdin),
        .group = "Processes",
        .summary = "Writes to a process, or ends its standard input.",
        NEEDS(EXECUTE),
        ACTS,
        TAKES(bj_input_schema),
        ANSWERS({204, NULL, NULL, "It was taken."}),
    },
    {
        ROUTE("POST", PROCESS "/signal", "signal_process", bj_post_process_signal),
        .group = "Processes",
        .summary = "Sends a signal.",
        NEEDS(EXECUTE),
        ACTS,
        TAKES(bj_signal_schema),
        ANSWERS({204, NULL, NULL, "It was sent."}),
    },
    {
        ROUTE("POST", PROCESS "/resize", "resize_terminal", bj_post_process_resize),
        .group = "Processes",
        .summary = "Changes the size of a process's terminal.",
        NEEDS(EXECUTE),
        ACTS,
        TAKES(bj_resize_schema),
        ANSWERS({204, NULL, NULL, "It has that size."}),
    },
    {
        ROUTE("GET", PROCESS "/attach", "attach_process", bj_get_process_attach),
        .group = "Processes",
        .summary = "A WebSocket at a process's terminal or pipes.",
        .help = "A WebSocket at a process's terminal or pipes. Binary messages are bytes, both "
                "ways. Text messages are JSON. To the client: `{\"type\": \"ready\", \"process\"}` "
                "first; `screen`: the next binary message paints the terminal as it is now; "
                "`stream` with `stream` and `offset`: the binary messages that follow are of it; "
                "`lost`; `end` with `process`, or `error`. To the service: `resize` with `rows` "
                "and `columns`, `input` with `data`, `close` of standard input.",
        NEEDS(EXECUTE),
        ACTS,
        QUERY(bj_attach_query_schema),
        ANSWERS({101, NULL, NULL, "Messages follow."},
                {426, JSON, NULL, "It was not asked for as a WebSocket."}),
    },

    /* ---- Files ---- */
    {
        ROUTE("GET", SANDBOX "/files", "list_files", bj_get_files),
        .group = "Files",
        .summary = "Lists a directory.",
        NEEDS(FILES_READ),
        ACTS,
        QUERY(bj_list_query_schema),
        ANSWERS({200, JSON, &bj_files_schema, "What is in it."}),
    },
    {
        ROUTE("DELETE", SANDBOX "/files", "remove_file", bj_delete_file),
        .group = "Files",
        .summary = "Removes a file or directory.",
        NEEDS(FILES_WRITE),
        ACTS,
        QUERY(bj_remove_query_schema),
        ANSWERS({204, NULL, NULL, "It is gone."}),
    },
    {
        ROUTE("GET", SANDBOX "/files/stat", "stat_file", bj_get_file),
        .group = "Files",
        .summary = "Looks at a file, or at a link itself.",
        NEEDS(FILES_READ),
        ACTS,
        QUERY(bj_path_query_schema),
        ANSWERS({200, JSON, &bj_file_schema, "As it is now."}),
    },
    {
        ROUTE("GET", SANDBOX "/files/content", "read_content", bj_get_content),
        .group = "Files",
        .summary = "Reads a file of any size.",
        NEEDS(FILES_READ),
        ACTS,
        QUERY(bj_path_query_schema),
        HEEDS(bj_range_schema),
        ANSWERS({200, "application/octet-stream", NULL, "All of it."},
                {206, "application/octet-stream", NULL, "The range that was asked for."},
                {416, JSON, NULL, "The file ends before the range."}),
    },
    {
        ROUTE("PUT", SANDBOX "/files/content", "write_content", bj_put_content),
        .group = "Files",
        .summary = "Writes a file of any size.",
        NEEDS(FILES_WRITE),
        ACTS,
        TAKES_RAW,
        QUERY(bj_put_query_schema),
        ANSWERS({200, JSON, &bj_written_schema, "It was written."},
                {507, JSON, NULL, "No room is left."}),
    },
    {
        ROUTE("GET", SANDBOX "/files/archive", "download_directory", bj_get_archive),
        .group = "Files",
        .summary = "A directory as a tar archive.",
        NEEDS(FILES_READ),
        ACTS,
        QUERY(bj_archive_query_schema),
        ANSWERS({200, "application/x-tar", NULL, "The archive."},
                {200, "application/gzip", NULL, ""}),
    },
    {
        ROUTE("PUT", SANDBOX "/files/archive", "upload_directory", bj_put_archive),
        .group = "Files",
        .summary = "Unpacks a tar archive, compressed or not, into a directory.",
        NEEDS(FILES_WRITE),
        ACTS,
        TAKES_RAW,
        QUERY(bj_archive_query_schema),
        ANSWERS({204, NULL, NULL, "It is there."}, {507, JSON, NULL, "No room is left."}),
    },
    {
        ROUTE("GET", SANDBOX "/files/glob", "glob_files", bj_get_files_glob),
        .group = "Files",
        .summary = "Files whose paths match a pattern.",
        NEEDS(FILES_READ),
        ACTS,
        QUERY(bj_glob_query_schema),
        ANSWERS({200, JSON, &bj_files_schema, "Those that match."}),
    },
    {
        ROUTE("GET", SANDBOX "/files/search", "search_content", bj_get_files_search),
        .group = "Files",
        .summary = "Lines that match a pattern.",
        NEEDS(FILES_READ),
        ACTS,
        QUERY(bj_search_query_schema),
        ANSWERS({200, JSON, &bj_matches_schema, "Those that match."}),
    },
    {
        ROUTE("GET", SANDBOX "/files/watch", "watch_directory", bj_get_watch),
        .group = "Files",
        .summary = "Changes of a directory as events, while they happen.",
        NEEDS(FILES_READ),
        ACTS,
        QUERY(bj_watch_query_schema),
        ANSWERS({200, "text/event-stream", NULL,
                 "`ready` once it watches; `change` with `type` (`create`, `write`, `remove`, "
                 "`rename`, `chmod`, `overflow`) and `path`."}),
    },
    {
        ROUTE("POST", SANDBOX "/files/directory", "make_directory", bj_post_directory),
        .group = "Files",
        .summary = "Makes a directory.",
        NEEDS(FILES_WRITE),
        ACTS,
        TAKES(bj_directory_schema),
        ANSWERS({200, JSON, &bj_file_schema, "As it is now."}),
    },
    {
        ROUTE("POST", SANDBOX "/files/move", "move_file", bj_post_file_move),
        .group = "Files",
        .summary = "Moves or renames a file or directory.",
        NEEDS(FILES_WRITE),
        ACTS,
        TAKES(bj_move_schema),
        ANSWERS({200, JSON, &bj_file_schema, "As it is now."}),
    },
    {
        ROUTE("POST", SANDBOX "/files/mode", "change_mode", bj_post_file_mode),
        .group = "Files",
        .summary = "Changes permissions.",
        NEEDS(FILES_WRITE),
        ACTS,
        TAKES(bj_mode_schema),
        ANSWERS({200, JSON, &bj_file_schema, "As it is now."}),
    },
    {
        ROUTE("POST", SANDBOX "/files/edit", "edit_file", bj_post_file_edit),
        .group = "Files",
        .summary = "Replaces text in a file.",
        NEEDS(FILES_WRITE),
        ACTS,
        TAKES(bj_edit_schema),
        ANSWERS({200, JSON, &bj_edited_schema, "It was replaced."}),
    },

    /* ---- Shell sessions ---- */
    {
        ROUTE("POST", SANDBOX "/shells", "create_shell", bj_post_shell),
        .group = "Shell sessions",
        .summary = "Begins a shell session, which keeps directory and variables between commands.",
        NEEDS(EXECUTE),
        ACTS,
        TAKES(bj_create_shell_schema),
        ANSWERS({201, JSON, &bj_shell_schema, "It is there; `Location` has its path."}),
    },
    {
        ROUTE("GET", SANDBOX "/shells", "list_shells", bj_get_shells),
        .group = "Shell sessions",
        .summary = "Lists shell sessions.",
        NEEDS(READ),
        ANSWERS({200, JSON, &bj_shells_schema, "All."}),
    },
    {
        ROUTE("GET", SHELL, "get_shell", bj_get_shell),
        .group = "Shell sessions",
        .summary = "Looks at a shell session.",
        NEEDS(READ),
        ANSWERS({200, JSON, &bj_shell_schema, "As it is now."}),
    },
    {
        ROUTE("DELETE", SHELL, "end_shell", bj_delete_shell),
        .group = "Shell sessions",
        .summary = "Ends a shell session.",
        NEEDS(EXECUTE),
        ACTS,
        ANSWERS({204, NULL, NULL, "It has ended."}),
    },
    {
        ROUTE("POST", SHELL "/run", "run_in_shell", bj_post_shell_run),
        .group = "Shell sessions",
        .summary = "Runs a command in a shell session to its end.",
        NEEDS(EXECUTE),
        ACTS,
        TAKES(bj_shell_run_schema),
        ANSWERS({200, JSON, &bj_result_schema, "It was judged; `success` says what came of it."}),
    },

    /* ---- Ports ---- */
    {
        ROUTE("GET", SANDBOX "/ports/{port}", "connect_port", bj_get_port),
        .group = "Ports",
        .summary = "A stream of bytes to a port in a sandbox.",
        .help = "A stream of bytes to a port in a sandbox: with `Connection: Upgrade` and "
                "`Upgrade: tcp`, what follows 101 is the port's, both ways. HTTP and WebSockets "
                "need no such thing: a request with the Host `<port>-<sandbox>.<domain>` "
                "(`--domain`), or with the header `X-Belljar-Port: <port>-<sandbox>` at any path, "
                "goes to the port as it is, without anything that is a key of this service.",
        NEEDS(EXECUTE),
        ACTS,
        ANSWERS({101, NULL, NULL, "The stream."},
                {426, JSON, NULL, "It was not asked for as a stream."}),
    },

    /* ---- Everything else ---- */
    {
        ROUTE("GET", "/v1/presets", "list_presets", bj_get_presets),
        .group = "Everything else",
        .summary = "What sandboxes can be made of.",
        NEEDS(READ),
        ANSWERS({200, JSON, &bj_presets_schema, "All."}),
    },
    {
        ROUTE("GET", "/v1/events", "list_events", bj_get_events),
        .group = "Everything else",
        .summary = "What happens to the owner's sandboxes.",
        .help =
            "What happens to the owner's sandboxes: those events that are kept; or with `Accept: "
            "text/event-stream` each as it happens, behind `Last-Event-ID` if that is sent.",
        NEEDS(READ),
        QUERY(bj_event_query_schema),
        HEEDS(bj_last_event_schema),
        ANSWERS(
            {200, JSON, &bj_events_schema,
             "Those that are kept; or, with `Accept: text/event-stream`, events as they happen."},
            {200, "text/event-stream", NULL, ""}),
    },
    {
        ROUTE("GET", "/v1/audit/records", "list_records", bj_get_records),
        .group = "Everything else",
        .summary = "Audit records.",
        .help = "Audit records: of what the owner of the key asked for with any of its keys, and "
                "of what was done in its sandboxes; everyone's with `admin`.",
        NEEDS(AUDIT),
        QUERY(bj_record_query_schema),
        ANSWERS({200, JSON, &bj_records_schema, "The newest first."}),
    },
    {
        ROUTE("GET", "/v1/audit/stats", "get_record_stats", bj_get_record_stats),
        .group = "Everything else",
        .summary = "Figures of audit records.",
        .help = "Figures of the audit records that `/v1/audit/records` gives.",
        NEEDS(AUDIT),
        QUERY(bj_record_query_schema),
        ANSWERS({200, JSON, NULL, "The figures."}),
    },
    {
        ROUTE("GET", "/v1/whoami", "get_whoami", bj_get_whoami),
        .group = "Everything else",
        .summary = "Who asks, and what that key may do.",
        NEEDS(READ),
        ANSWERS({200, JSON, &bj_whoami_schema, "The key."}),
    },
};
const size_t bj_route_count = sizeof bj_routes / sizeof *bj_routes;

/* Whatever the method and path: the Host says which port. */
const struct bj_route bj_port_route = {
    ROUTE("*", "*", "pass_to_port", bj_any_port),
    .group = "Ports",
    .summary = "A port in a sandbox, by the Host or by headers.",
    NEEDS(EXECUTE),
    ACTS,
    .body = BJ_BODY_RAW,
    ANSWERS({101, NULL, NULL, "The connection is the port's."}),
};
