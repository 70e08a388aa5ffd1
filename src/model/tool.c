/* The table of tools. Names and arguments are those that agents use. */
#include "model/tool.h"

#include <strings.h>

#include "base/limits.h"
#include "base/str.h"

#define TEXT(max)       .type = BJ_ARGUMENT_TEXT, .maximum = (max)
#define NUMBER(max)     .type = BJ_ARGUMENT_COUNT, .maximum = (max)
#define SWITCH          .type = BJ_ARGUMENT_BOOL
#define TEXTS           .type = BJ_ARGUMENT_TEXTS, .maximum = BJ_LIST_MAX
#define LIST_OF(fields) .type = BJ_ARGUMENT_LIST, .maximum = BJ_LIST_MAX, fields
#define ROLE(what)      .role = BJ_ROLE_##what
#define REQUIRED        .required = true
#define MAY_BE_EMPTY    .may_be_empty = true

#define PROSE_MAX   (256 << 10)    /* bytes of a prompt, a description, a name */
#define PATTERN_MAX (64 << 10)     /* bytes of a pattern to search for */
#define LINES_MAX   INT32_MAX      /* a line number, or how many lines */
#define TIMEOUT_MAX (86400 * 1000) /* milliseconds */

#define PATH_ARGUMENT(which)                                                                       \
    {                                                                                              \
        .name = (which), TEXT(BJ_PATH_MAX - 1), ROLE(PATH)                                         \
    }
#define NEEDED_PATH(which)                                                                         \
    {                                                                                              \
        .name = (which), TEXT(BJ_PATH_MAX - 1), ROLE(PATH), REQUIRED                               \
    }
#define END                                                                                        \
    {                                                                                              \
        NULL                                                                                       \
    }

static const char *const output_modes[] = {"content", "files_with_matches", "count", NULL};
static const char *const cell_types[] = {"code", "markdown", NULL};
static const char *const edit_modes[] = {"replace", "insert", "delete", NULL};

static const struct bj_argument bash_arguments[] = {
    {"command", TEXT(BJ_COMMAND_MAX), ROLE(COMMAND), REQUIRED},
    {"timeout", NUMBER(TIMEOUT_MAX)},
    {"description", TEXT(PROSE_MAX), MAY_BE_EMPTY},
    {"run_in_background", SWITCH},
    {"dangerouslyDisableSandbox", SWITCH},
    END};
static const struct bj_argument bash_output_arguments[] = {
    {"bash_id", TEXT(PROSE_MAX), REQUIRED}, {"filter", TEXT(PATTERN_MAX)}, END};
static const struct bj_argument kill_arguments[] = {{"shell_id", TEXT(PROSE_MAX), REQUIRED}, END};
static const struct bj_argument read_arguments[] = {
    NEEDED_PATH("file_path"),     NEEDED_PATH("path"), {"offset", NUMBER(LINES_MAX)},
    {"limit", NUMBER(LINES_MAX)}, {"pages", TEXT(64)}, END};
static const struct bj_argument write_arguments[] = {
    NEEDED_PATH("file_path"),
    NEEDED_PATH("path"),
    {"content", TEXT(BJ_CONTENT_MAX), REQUIRED, MAY_BE_EMPTY},
    END};
static const struct bj_argument edit_arguments[] = {
    NEEDED_PATH("file_path"),
    NEEDED_PATH("path"),
    {"old_string", TEXT(BJ_CONTENT_MAX), REQUIRED, MAY_BE_EMPTY},
    {"new_string", TEXT(BJ_CONTENT_MAX), REQUIRED, MAY_BE_EMPTY},
    {"replace_all", SWITCH},
    END};
static const struct bj_argument one_edit[] = {
    {"old_string", TEXT(BJ_CONTENT_MAX), REQUIRED, MAY_BE_EMPTY},
    {"new_string", TEXT(BJ_CONTENT_MAX), REQUIRED, MAY_BE_EMPTY},
    {"replace_all", SWITCH},
    END};
static const struct bj_argument multi_edit_arguments[] = {
    NEEDED_PATH("file_path"),
    NEEDED_PATH("path"),
    {"edits", LIST_OF(.fields = one_edit), REQUIRED},
    END};
static const struct bj_argument notebook_read_arguments[] = {
    NEEDED_PATH("notebook_path"), {"cell_id", TEXT(PROSE_MAX)}, END};
static const struct bj_argument notebook_edit_arguments[] = {
    NEEDED_PATH("notebook_path"),
    {"cell_id", TEXT(PROSE_MAX)},
    {"cell_number", NUMBER(LINES_MAX)},
    {"new_source", TEXT(BJ_CONTENT_MAX), REQUIRED, MAY_BE_EMPTY},
    {"cell_type", TEXT(64), .choices = cell_types},
    {"edit_mode", TEXT(64), .choices = edit_modes},
    END};
static const struct bj_argument glob_arguments[] = {
    {"pattern", TEXT(PATTERN_MAX), ROLE(PATTERN), REQUIRED}, PATH_ARGUMENT("path"), END};
static const struct bj_argument grep_arguments[] = {
    {"pattern", TEXT(PATTERN_MAX), ROLE(PATTERN), REQUIRED},
    PATH_ARGUMENT("path"),
    {"glob", TEXT(PATTERN_MAX)},
    {"type", TEXT(64)},
    {"output_mode", TEXT(64), .choices = output_modes},
    {"-A", NUMBER(LINES_MAX)},
    {"-B", NUMBER(LINES_MAX)},
    {"-C", NUMBER(LINES_MAX)},
    {"context", NUMBER(LINES_MAX)},
    {"-i", SWITCH},
    {"-n", SWITCH},
    {"-o", SWITCH},
    {"multiline", SWITCH},
    {"head_limit", NUMBER(LINES_MAX)},
    {"offset", NUMBER(LINES_MAX)},
    END};
static const struct bj_argument ls_arguments[] = {NEEDED_PATH("path"), {"ignore", TEXTS}, END};
static const struct bj_argument search_arguments[] = {
    {"pattern", TEXT(PATTERN_MAX), ROLE(PATTERN), REQUIRED},
    PATH_ARGUMENT("path"),
    {"file_pattern", TEXT(PATTERN_MAX)},
    END};
static const struct bj_argument web_fetch_arguments[] = {
    {"url", TEXT(BJ_URL_MAX - 1), ROLE(URL), REQUIRED}, {"prompt", TEXT(PROSE_MAX)}, END};
static const struct bj_argument web_search_arguments[] = {{"query", TEXT(PATTERN_MAX), REQUIRED},
                                                          {"allowed_domains", TEXTS},
                                                          {"blocked_domains", TEXTS},
                                                          END};
static const struct bj_argument task_arguments[] = {{"description", TEXT(PROSE_MAX), MAY_BE_EMPTY},
                                                    {"prompt", TEXT(PROSE_MAX), REQUIRED},
                                                    {"subagent_type", TEXT(PROSE_MAX)},
                                                    END};
static const struct bj_argument todo_arguments[] = {
    {"todos", LIST_OF(.fields = NULL), REQUIRED, MAY_BE_EMPTY}, END};

#define READS  BJ_ACCESS_READ
#define WRITES BJ_ACCESS_WRITE

static const struct bj_tool tools[] = {
    {"Bash", .arguments = bash_arguments},
    {"BashOutput", .arguments = bash_output_arguments},
    {"KillShell", .arguments = kill_arguments},
    {"Read", READS, .like = "cat", .arguments = read_arguments},
    {"Write", WRITES, .like = "tee", .arguments = write_arguments},
    {"Edit", WRITES, .like = "tee", .arguments = edit_arguments},
    {"MultiEdit", WRITES, .like = "tee", .arguments = multi_edit_arguments},
    {"NotebookRead", READS, .like = "cat", .arguments = notebook_read_arguments},
    {"NotebookEdit", WRITES, .like = "tee", .arguments = notebook_edit_arguments},
    {"Glob", READS, .like = "ls", .recursive = true, .arguments = glob_arguments},
    {"Grep", READS, .like = "grep", .recursive = true, .arguments = grep_arguments},
    {"LS", READS, .like = "ls", .arguments = ls_arguments},
    {"Search", READS, .like = "grep", .recursive = true, .arguments = search_arguments},
    {"WebFetch", .arguments = web_fetch_arguments},
    {"WebSearch", .arguments = web_search_arguments},
    {"Task", .open = true, .arguments = task_arguments},
    {"TodoWrite", .arguments = todo_arguments},
};
#define TOOL_COUNT (sizeof tools / sizeof *tools)

const struct bj_tool *bj_tool_find(const char *name)
{
    for (size_t i = 0; i < TOOL_COUNT; i++) {
        if (bj_streq(tools[i].name, name))
            return &tools[i];
    }
    return NULL;
}

/* Short names are near to anything: a letter counts only in a name of five and more. */
const char *bj_tool_nearest(const char *name)
{
    const char *nearest = NULL;

    for (size_t i = 0; i < TOOL_COUNT; i++) {
        if (bj_streq(tools[i].name, name))
            return NULL;
        if (strcasecmp(tools[i].name, name) == 0)
            return tools[i].name;
        if (strlen(tools[i].name) >= 5 && bj_str_distance(tools[i].name, name) == 1)
            nearest = tools[i].name;
    }
    return nearest;
}
