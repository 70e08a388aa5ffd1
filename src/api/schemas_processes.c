/* The shapes of processes. */
#include "api/schemas.h"

static const char *const states[] = {"running", "ended", NULL};
static const char *const encodings[] = {"utf-8", "base64", NULL};
static const char *const streams[] = {"stdout", "stderr", NULL};

static const struct bj_field start_fields[] = {
    BJ_TEXT("command", BJ_COMMAND_MAX, .minimum = 1, BJ_SAYS "Shell text; or give `argv`."),
    BJ_TEXTS("argv", BJ_ARGC_MAX - 1, .minimum = 1,
             BJ_SAYS "A program and its arguments, instead of `command`."),
    BJ_MAP("env", BJ_LIST_MAX, BJ_SAYS "Variables, over those of the sandbox."),
    BJ_TEXT("working_directory", BJ_PATH_MAX - 1, .minimum = 1,
            BJ_SAYS "Inside; the workspace if it is not said."),
    BJ_TEXT("tag", 128, .minimum = 1, BJ_SAYS "The client's own, to find it again by."),
    BJ_NUMBER("timeout_seconds", 0, 31536000,
              BJ_SAYS
              "It is ended then; 0, or if it is not said: it goes on until it or the sandbox "
              "ends, whatever the preset's `timeout_seconds` says."),
    BJ_SWITCH("terminal", BJ_SAYS "On a terminal of its own."),
    BJ_WHOLE("rows", 1, 1000, BJ_SAYS "Of the terminal; 24."),
    BJ_WHOLE("columns", 1, 1000, BJ_SAYS "Of the terminal; 80."),
    BJ_SWITCH("stdin", BJ_SAYS "Its standard input stays open, to be written to."),
    BJ_SWITCH(
        "hold", BJ_SAYS
        "Keep its output from the first byte until somebody reads it with `hold`, or attaches "
        "from an offset; for ten seconds at most. For who starts it and then reads."),
    BJ_END};
const struct bj_schema bj_start_process_schema = {"StartProcessRequest", "A process.",
                                                  start_fields};

static const struct bj_field terminal_fields[] = {
    BJ_WHOLE("rows", 1, 1000, BJ_NEEDED, BJ_SAYS "Lines."),
    BJ_WHOLE("columns", 1, 1000, BJ_NEEDED, BJ_SAYS "Characters in a line."), BJ_END};
const struct bj_schema bj_resize_schema = {"ResizeRequest", "A terminal's new size.",
                                           terminal_fields};
static const struct bj_field size_fields[] = {
    BJ_WHOLE("rows", 0, 0, BJ_NEEDED, BJ_SAYS "Lines."),
    BJ_WHOLE("columns", 0, 0, BJ_NEEDED, BJ_SAYS "Characters in a line."), BJ_END};
static const struct bj_schema size_schema = {"TerminalSize", "Of a terminal.", size_fields};

static const struct bj_field end_fields[] = {
    BJ_WHOLE("exit_code", 0, 0, BJ_NEEDED, BJ_SAYS "128 and its number where a signal ended it."),
    BJ_WHOLE("signal", 0, 0, BJ_MAYBE, BJ_NEEDED, BJ_SAYS "That ended it."),
    BJ_SWITCH("timed_out", BJ_NEEDED, BJ_SAYS "Its time was up."),
    BJ_SWITCH("oom_killed", BJ_NEEDED, BJ_SAYS "The memory limit was reached."),
    BJ_NUMBER("duration_ms", 0, 0, BJ_NEEDED, BJ_SAYS "From its start."),
    BJ_NUMBER("cpu_ms", 0, 0, BJ_NEEDED, BJ_SAYS "Processor time of all that it started."),
    BJ_WHOLE("peak_memory_bytes", 0, 0, BJ_NEEDED, BJ_SAYS "At most used."),
    BJ_TEXT("reason", 0, BJ_MAYBE, BJ_NEEDED, BJ_SAYS "What else ended it."),
    BJ_END};
static const struct bj_schema end_schema = {"ProcessEnd", "How it ended.", end_fields};

static const struct bj_field process_fields[] = {
    BJ_WHOLE("id", 0, 0, BJ_NEEDED, BJ_SAYS "Its identifier in its sandbox."),
    BJ_TEXT("sandbox", 0, BJ_MAYBE, BJ_NEEDED, BJ_SAYS "It is in."),
    BJ_WHOLE("pid", 0, 0, BJ_NEEDED, BJ_SAYS "As its sandbox sees it."),
    BJ_TEXT("state", 0, BJ_NEEDED, .choices = states, BJ_SAYS "What it does."),
    BJ_TEXT("tag", 0, BJ_MAYBE, BJ_NEEDED, BJ_SAYS "The client's own."),
    BJ_TEXT("command", 0, BJ_MAYBE, BJ_NEEDED, BJ_SAYS "What was started; cut where it is long."),
    BJ_TEXT("working_directory", 0, BJ_MAYBE, BJ_NEEDED, BJ_SAYS "Where it was started."),
    BJ_OBJECT("terminal", &size_schema, BJ_MAYBE, BJ_NEEDED, BJ_SAYS "Null: it has none."),
    BJ_SWITCH("stdin", BJ_NEEDED, BJ_SAYS "It can be written to."),
    BJ_TEXT("started", 0, BJ_MAYBE, BJ_NEEDED, BJ_SAYS "When, in UTC."),
    BJ_NUMBER("age_seconds", 0, 0, BJ_MAYBE, BJ_NEEDED, BJ_SAYS "Since then."),
    BJ_WHOLE("output_bytes", 0, 0, BJ_NEEDED,
             BJ_SAYS "It has written: the offset of what follows."),
    BJ_WHOLE("dropped_bytes", 0, 0, BJ_NEEDED, BJ_SAYS "Of them, that are not kept any more."),
    BJ_OBJECT("end", &end_schema, BJ_MAYBE, BJ_NEEDED, BJ_SAYS "Null: it runs."),
    BJ_END};
const struct bj_schema bj_process_schema = {"Process", "A process in a sandbox.", process_fields};
static const struct bj_field processes_fields[] = {
    BJ_OBJECTS("processes", &bj_process_schema, BJ_NEEDED,
               BJ_SAYS "Those that run, and ended ones."),
    BJ_END};
const struct bj_schema bj_processes_schema = {"Processes", "Processes.", processes_fields};

static const struct bj_field output_query_fields[] = {
    BJ_WHOLE("offset", -1, 9007199254740991.0,
             BJ_SAYS "Of the first byte, over both streams; -1 = only what comes. If not said, the "
                     "oldest that is kept."),
    BJ_SWITCH("follow", BJ_SAYS
              "To the end of the process, not only what there is; so by itself for events."),
    BJ_TEXT("stream", 0, .choices = streams, BJ_SAYS "Only this one."),
    BJ_SWITCH("hold", BJ_SAYS "Lose nothing: the process waits for this client instead."), BJ_END};
const struct bj_schema bj_output_query_schema = {"OutputQuery", "Which.", output_query_fields};

static const struct bj_field wait_query_fields[] = {
    BJ_NUMBER("timeout_seconds", 0, 86400,
              BJ_SAYS "After which the process is answered as it is then; no limit if not said."),
    BJ_END};
const struct bj_schema bj_wait_query_schema = {"WaitQuery", "How long.", wait_query_fields};

static const struct bj_field attach_query_fields[] = {
    BJ_WHOLE("offset", -1, 9007199254740991.0,
             BJ_SAYS "Of the first byte wanted; without it a terminal's screen, then what comes."),
    BJ_SWITCH("read_only", BJ_SAYS "No input is taken."), BJ_END};
const struct bj_schema bj_attach_query_schema = {"AttachQuery", "How.", attach_query_fields};

static const struct bj_field input_fields[] = {
    BJ_TEXT("data", BJ_INPUT_MAX / 3 * 4 + 8, BJ_SAYS "What to write, at most 64 KiB."),
    BJ_TEXT("encoding", 0, .choices = encodings, BJ_SAYS "Of `data`."),
    BJ_SWITCH("close", BJ_SAYS "Standard input ends behind it."), BJ_END};
const struct bj_schema bj_input_schema = {"InputRequest", "For standard input.", input_fields};

static const struct bj_field signal_fields[] = {
    BJ_ANY("signal", BJ_SAYS "Name, such as `TERM`, or number; `TERM` if it is not said."),
    BJ_SWITCH("group", BJ_SAYS "To its process group."), BJ_END};
const struct bj_schema bj_signal_schema = {"SignalRequest", "A signal.", signal_fields};
