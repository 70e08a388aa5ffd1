/* The shapes of tool calls and of what comes of them. */
#include "api/schemas.h"

static const char *const encodings[] = {"utf-8", "base64", NULL};

#define SANDBOX                                                                                    \
    BJ_TEXT("sandbox", BJ_SANDBOX_ID_MAX - 1, .minimum = 1,                                        \
            BJ_SAYS "Identifier of the sandbox; without it, the caller's default one.")

static const struct bj_field execute_fields[] = {
    BJ_TEXT("tool_name", BJ_TOOL_NAME_MAX, .minimum = 1, BJ_NEEDED,
            BJ_SAYS "`Bash`, `Read`, `Write`, `Edit`, `Glob`, `Grep`, `LS` or `Search`."),
    BJ_OBJECT("arguments", NULL, BJ_SAYS "The tool's own, as agents give them; see docs/TOOLS.md."),
    SANDBOX, BJ_END};
const struct bj_schema bj_execute_schema = {"ExecuteRequest", "A call of a tool.", execute_fields};

#define ENV                                                                                        \
    BJ_MAP("env", BJ_LIST_MAX,                                                                     \
           BJ_SAYS "Variables, over those of the sandbox: `{\"NAME\": \"value\"}`.")
#define DIRECTORY                                                                                  \
    BJ_TEXT("working_directory", BJ_PATH_MAX - 1, .minimum = 1,                                    \
            BJ_SAYS "Inside; the workspace if it is not said, and what relative paths are below.")
#define INPUT BJ_TEXT("input", BJ_INPUT_MAX, BJ_SAYS "Its standard input; none if it is not said.")
#define SHELL                                                                                      \
    BJ_TEXT("shell", 64, .minimum = 1,                                                             \
            BJ_SAYS "Name of a shell session to run it in, with its directory and variables.")

static const struct bj_field bash_fields[] = {
    BJ_TEXT("command", BJ_COMMAND_MAX, .minimum = 1, BJ_NEEDED, BJ_SAYS "Shell text, for bash."),
    BJ_NUMBER("timeout", 0, 86400, BJ_SAYS "Seconds; the preset's `timeout_seconds` otherwise."),
    ENV,
    DIRECTORY,
    INPUT,
    SHELL,
    SANDBOX,
    BJ_END};
const struct bj_schema bj_bash_schema = {"BashRequest", "A command.", bash_fields};

static const struct bj_field run_fields[] = {
    BJ_TEXT("command", BJ_COMMAND_MAX, .minimum = 1, BJ_SAYS "Shell text; or give `argv`."),
    BJ_TEXTS("argv", BJ_ARGC_MAX - 1, .minimum = 1,
             BJ_SAYS "A program and its arguments, instead of `command`."),
    BJ_NUMBER("timeout_seconds", 0, 86400,
              BJ_SAYS "The preset's if it is not said; 0 = none but the sandbox's."),
    ENV,
    DIRECTORY,
    INPUT,
    SHELL,
    BJ_END};
const struct bj_schema bj_run_schema = {"RunRequest", "A command to be run to its end.",
                                        run_fields};

static const struct bj_field shell_run_fields[] = {
    BJ_TEXT("command", BJ_COMMAND_MAX, .minimum = 1, BJ_NEEDED, BJ_SAYS "Shell text."),
    BJ_NUMBER("timeout_seconds", 0, 86400,
              BJ_SAYS "The preset's if it is not said; 0 = none but the sandbox's."),
    INPUT, BJ_END};
const struct bj_schema bj_shell_run_schema = {
    "ShellRunRequest", "A command to be run in a shell session.", shell_run_fields};

static const struct bj_field file_read_fields[] = {
    BJ_TEXT("path", BJ_PATH_MAX - 1, .minimum = 1, BJ_NEEDED,
            BJ_SAYS "Absolute, or below the workspace."),
    BJ_TEXT("encoding", 0, .choices = encodings, BJ_SAYS "`base64` for what is no text."), SANDBOX,
    BJ_END};
const struct bj_schema bj_file_read_schema = {"FileReadRequest", "A file to be read.",
                                              file_read_fields};

static const struct bj_field file_write_fields[] = {
    BJ_TEXT("path", BJ_PATH_MAX - 1, .minimum = 1, BJ_NEEDED,
            BJ_SAYS "Absolute, or below the workspace; directories above it are made."),
    BJ_TEXT("content", BJ_CONTENT_MAX / 3 * 4 + 8, BJ_NEEDED, BJ_SAYS "All of it."),
    BJ_TEXT("encoding", 0, .choices = encodings, BJ_SAYS "Of `content`."),
    BJ_SWITCH("append", BJ_SAYS "Behind what is there, instead of in its place."),
    SANDBOX,
    BJ_END};
const struct bj_schema bj_file_write_schema = {"FileWriteRequest", "A file to be written.",
                                               file_write_fields};

static const struct bj_field search_fields[] = {
    BJ_TEXT("pattern", 64 << 10, .minimum = 1, BJ_NEEDED, BJ_SAYS "A regular expression."),
    BJ_TEXT("path", BJ_PATH_MAX - 1, .minimum = 1,
            BJ_SAYS "Where: a file or directory; the workspace if it is not said."),
    BJ_TEXT("file_pattern", 64 << 10, .minimum = 1, BJ_SAYS "Only in files with such names."),
    SANDBOX, BJ_END};
const struct bj_schema bj_search_schema = {"SearchRequest", "A search in files.", search_fields};

/* ---- what comes of it ---- */

static const struct bj_field violation_fields[] = {
    BJ_TEXT("rule", 0, BJ_NEEDED, BJ_SAYS "That was hit."),
    BJ_TEXT("description", 0, BJ_NEEDED, BJ_SAYS "What it is about."),
    BJ_TEXT("risk", 0, BJ_NEEDED, BJ_SAYS "How bad it would be."),
    BJ_TEXT("decision", 0, BJ_NEEDED, BJ_SAYS "What this alone would give."),
    BJ_TEXT("command", 0, BJ_NEEDED, BJ_SAYS "Of the call, the simple command it is about."),
    BJ_TEXT("advice", 0, BJ_NEEDED, BJ_SAYS "What to do instead."),
    {.name = "span",
     .type = BJ_TYPE_LIST,
     .items = BJ_TYPE_INTEGER,
     BJ_MAYBE,
     BJ_SAYS "Where in the command's text, in bytes: from, to."},
    BJ_END};
static const struct bj_schema violation_schema = {"Violation", "A rule that was hit.",
                                                  violation_fields};

static const struct bj_field verdict_fields[] = {
    BJ_TEXT("decision", 0, BJ_NEEDED, BJ_SAYS "`allow`, `ask` or `deny`."),
    BJ_TEXT("risk", 0, BJ_NEEDED, BJ_SAYS "The highest: `none` to `critical`."),
    BJ_TEXT("reason", 0, BJ_NEEDED, BJ_SAYS "In one line."),
    BJ_OBJECTS("violations", &violation_schema, BJ_NEEDED, BJ_SAYS "All rules that were hit."),
    BJ_WHOLE("dropped", 0, 0, BJ_NEEDED, BJ_SAYS "Further ones, which found no room here."),
    BJ_NUMBER("retry_after_ms", 0, 0, BJ_NEEDED, BJ_SAYS "Of a rate: when it would pass."),
    BJ_END};
const struct bj_schema bj_verdict_schema = {"Verdict", "What the policy says of a call.",
                                            verdict_fields};

static const struct bj_field result_fields[] = {
    BJ_SWITCH("success", BJ_NEEDED,
              BJ_SAYS "It was allowed, carried out, and ended well: exit code 0 of a command."),
    BJ_TEXT("output", 0, BJ_NEEDED, BJ_SAYS "Standard output, content, or what was found."),
    BJ_TEXT("encoding", 0, BJ_NEEDED, BJ_SAYS "Of `output`."),
    BJ_TEXT("error", 0, BJ_MAYBE, BJ_NEEDED,
            BJ_SAYS "Standard error, or why it failed or was refused."),
    BJ_WHOLE("exit_code", 0, 0, BJ_MAYBE, BJ_NEEDED,
             BJ_SAYS "128 and the signal's number where one ended it; null: nothing was run."),
    BJ_WHOLE("signal", 0, 0, BJ_MAYBE, BJ_NEEDED, BJ_SAYS "That ended it."),
    BJ_SWITCH("timed_out", BJ_NEEDED, BJ_SAYS "Its time was up."),
    BJ_SWITCH("oom_killed", BJ_NEEDED, BJ_SAYS "The memory limit was reached."),
    BJ_NUMBER("duration_ms", 0, 0, BJ_NEEDED, BJ_SAYS "From its start to its end."),
    BJ_NUMBER("cpu_ms", 0, 0, BJ_NEEDED, BJ_SAYS "Processor time of all that it started."),
    BJ_WHOLE("peak_memory_bytes", 0, 0, BJ_MAYBE, BJ_NEEDED, BJ_SAYS "At most used."),
    BJ_SWITCH("truncated", BJ_NEEDED, BJ_SAYS "There was more output than is kept."),
    BJ_TEXT("sandbox", 0, BJ_MAYBE, BJ_NEEDED, BJ_SAYS "Where it was done."),
    BJ_WHOLE("process", 0, 0, BJ_MAYBE, BJ_NEEDED, BJ_SAYS "Its identifier there."),
    BJ_TEXT("working_directory", 0, BJ_MAYBE, BJ_NEEDED,
            BJ_SAYS "Of a shell session: where it is now."),
    BJ_WHOLE("record", 0, 0, BJ_MAYBE, BJ_NEEDED, BJ_SAYS "Number of the audit record."),
    BJ_OBJECT("verdict", &bj_verdict_schema, BJ_MAYBE, BJ_NEEDED,
              BJ_SAYS "Why it was refused; null where it was not."),
    BJ_END};
const struct bj_schema bj_result_schema = {
    "ToolResult",
    "What came of a tool call. A command that fails, a file that is not there and a call that the "
    "policy refuses are results with `success` false, for an agent to read; only what is wrong "
    "with "
    "the request itself is an HTTP error.",
    result_fields};

/* ---- /audit-logs ---- */

static const char *const decisions[] = {"allow", "ask", "deny", NULL};
static const char *const risks[] = {"none", "low", "medium", "high", "critical", NULL};
#define NUMBER_MAX 9007199254740991.0 /* that every client's language has */

static const struct bj_field record_query_fields[] = {
    BJ_TEXT("owner", BJ_OWNER_MAX - 1, .minimum = 1,
            BJ_SAYS "Only calls by its keys or in its sandboxes; another's needs `admin`."),
    BJ_TEXT("key", BJ_AUDIT_NAME_MAX, .minimum = 1, BJ_SAYS "Only calls made with this key."),
    BJ_TEXT("sandbox", BJ_AUDIT_NAME_MAX, .minimum = 1, BJ_SAYS "Only calls for it."),
    BJ_TEXT("tool", BJ_AUDIT_NAME_MAX, .minimum = 1, BJ_SAYS "Only calls of it."),
    BJ_TEXT("decision", 0, .choices = decisions, BJ_SAYS "Only calls decided so."),
    BJ_TEXT("risk", 0, .choices = risks, BJ_SAYS "Only calls of this risk or a higher one."),
    BJ_WHOLE("after", 0, NUMBER_MAX, BJ_SAYS "Only records behind this number."),
    BJ_WHOLE("before", 0, NUMBER_MAX, BJ_SAYS "Only records before it: `next` of a page."),
    BJ_NUMBER("since", 0, 9e9, BJ_SAYS "Only calls from this time on, in seconds since 1970."),
    BJ_NUMBER("until", 0, 9e9, BJ_SAYS "Only calls before this time."),
    BJ_WHOLE("limit", 1, 1000, BJ_SAYS "Records on a page; 100 if it is not said."),
    BJ_END};
const struct bj_schema bj_record_query_schema = {"RecordQuery", "Which records.",
                                                 record_query_fields};

static const struct bj_field log_fields[] = {
    BJ_SWITCH("success", BJ_NEEDED, BJ_SAYS "It was allowed, and ended well."),
    BJ_WHOLE("number", 0, 0, BJ_MAYBE, BJ_NEEDED, BJ_SAYS "Of the record."),
    BJ_TEXT("time", 0, BJ_MAYBE, BJ_NEEDED, BJ_SAYS "Of the verdict."),
    BJ_TEXT("tool", 0, BJ_MAYBE, BJ_NEEDED, BJ_SAYS "That was called."),
    BJ_TEXT("sandbox", 0, BJ_MAYBE, BJ_NEEDED, BJ_SAYS "It was called for."),
    BJ_TEXT("decision", 0, BJ_MAYBE, BJ_NEEDED, BJ_SAYS "`allow`, `ask` or `deny`."),
    BJ_TEXT("risk", 0, BJ_MAYBE, BJ_NEEDED, BJ_SAYS "`none` to `critical`."),
    BJ_ANY("verdict", BJ_NEEDED, BJ_SAYS "The whole record, as docs/AUDIT.md has it."),
    BJ_ANY("outcome", BJ_NEEDED, BJ_SAYS "What came of it; null while there is nothing."),
    BJ_END};
static const struct bj_schema log_schema = {"LogEntry", "A call that was judged.", log_fields};
static const struct bj_field logs_fields[] = {
    BJ_OBJECTS("logs", &log_schema, BJ_NEEDED, BJ_SAYS "The newest first."),
    BJ_WHOLE("count", 0, 0, BJ_NEEDED, BJ_SAYS "Of them, here."),
    BJ_WHOLE("next", 0, 0, BJ_MAYBE, BJ_NEEDED, BJ_SAYS "`before` for the next page."), BJ_END};
const struct bj_schema bj_logs_schema = {"Logs", "A page of calls.", logs_fields};

static const struct bj_field records_fields[] = {
    BJ_OBJECTS("records", NULL, .items = BJ_TYPE_ANY, BJ_NEEDED,
               BJ_SAYS "As `belljar audit list --json` has them: verdict and outcome."),
    BJ_WHOLE("next", 0, 0, BJ_MAYBE, BJ_NEEDED, BJ_SAYS "`before` for the next page."), BJ_END};
const struct bj_schema bj_records_schema = {"Records", "A page of records.", records_fields};
