/* The shapes of files. */
#include "api/schemas.h"

#define PATH(...) BJ_TEXT("path", BJ_PATH_MAX - 1, .minimum = 1, __VA_ARGS__)
#define LIMIT     BJ_WHOLE("limit", 1, 100000, BJ_SAYS "At most so many.")
#define MODE      BJ_TEXT("mode", 4, .minimum = 3, BJ_SAYS "Permissions in octal, `0644`.")
#define RECURSIVE BJ_SWITCH("recursive", BJ_SAYS "With all below it.")

static const struct bj_field path_fields[] = {
    PATH(BJ_NEEDED, BJ_SAYS "Absolute, or below the workspace."), BJ_END};
const struct bj_schema bj_path_query_schema = {"PathQuery", "Which.", path_fields};

static const struct bj_field range_fields[] = {
    BJ_TEXT("Range", 64, BJ_SAYS "`bytes=FROM-TO`: only that part, as 206."), BJ_END};
const struct bj_schema bj_range_schema = {"Range", "", range_fields};

static const struct bj_field put_fields[] = {
    PATH(BJ_NEEDED, BJ_SAYS "Absolute, or below the workspace; directories above it are made."),
    MODE, BJ_SWITCH("append", BJ_SAYS "Behind what is there."),
    BJ_SWITCH("exclusive", BJ_SAYS "Fail if it is there."), BJ_END};
const struct bj_schema bj_put_query_schema = {"PutQuery", "Where.", put_fields};

static const struct bj_field written_fields[] = {
    BJ_TEXT("path", 0, BJ_MAYBE, BJ_NEEDED, BJ_SAYS "Absolute."),
    BJ_WHOLE("size", 0, 0, BJ_NEEDED, BJ_SAYS "Bytes that were written."), BJ_END};
const struct bj_schema bj_written_schema = {"Written", "A file that was written.", written_fields};

static const struct bj_field list_fields[] = {
    PATH(BJ_SAYS "A directory; the workspace if it is not said."),
    BJ_WHOLE("depth", 1, 64, BJ_SAYS "Levels; 1 if it is not said."), LIMIT, BJ_END};
const struct bj_schema bj_list_query_schema = {"ListQuery", "Which.", list_fields};

static const struct bj_field glob_fields[] = {
    BJ_TEXT("pattern", BJ_PATH_MAX - 1, .minimum = 1, BJ_NEEDED, BJ_SAYS "`**/*.py` and the like."),
    PATH(BJ_SAYS "Where; the workspace if it is not said."), LIMIT, BJ_END};
const struct bj_schema bj_glob_query_schema = {"GlobQuery", "Which.", glob_fields};

static const struct bj_field search_fields[] = {
    BJ_TEXT("pattern", BJ_PATH_MAX - 1, .minimum = 1, BJ_NEEDED, BJ_SAYS "A regular expression."),
    PATH(BJ_SAYS "A file or directory; the workspace if it is not said."),
    BJ_TEXT("glob", BJ_PATH_MAX - 1, .minimum = 1, BJ_SAYS "Only in files with such names."),
    BJ_SWITCH("literal", BJ_SAYS "`pattern` is a plain text."),
    BJ_SWITCH("ignore_case", BJ_SAYS "Capitals or not."),
    BJ_WHOLE("context", 0, 100, BJ_SAYS "Lines before and after each match."),
    BJ_WHOLE("before", 0, 100, BJ_SAYS "Lines before each match."),
    BJ_WHOLE("after", 0, 100, BJ_SAYS "Lines after each match."),
    LIMIT,
    BJ_END};
const struct bj_schema bj_search_query_schema = {"SearchQuery", "What.", search_fields};

static const struct bj_field watch_fields[] = {
    PATH(BJ_SAYS "A directory; the workspace if it is not said."), RECURSIVE, BJ_END};
const struct bj_schema bj_watch_query_schema = {"WatchQuery", "What.", watch_fields};

static const struct bj_field archive_fields[] = {
    PATH(BJ_SAYS "A directory; the workspace if it is not said."),
    BJ_SWITCH("gzip", BJ_SAYS "Compressed."), BJ_END};
const struct bj_schema bj_archive_query_schema = {"ArchiveQuery", "What.", archive_fields};

static const struct bj_field remove_fields[] = {
    PATH(BJ_NEEDED, BJ_SAYS "Absolute, or below the workspace."), RECURSIVE, BJ_END};
const struct bj_schema bj_remove_query_schema = {"RemoveQuery", "What.", remove_fields};

static const struct bj_field directory_fields[] = {
    PATH(BJ_NEEDED, BJ_SAYS "Made with those above it; no error if it is there."), MODE, BJ_END};
const struct bj_schema bj_directory_schema = {"DirectoryRequest", "A directory.", directory_fields};

static const struct bj_field move_fields[] = {
    PATH(BJ_NEEDED, BJ_SAYS "What."),
    BJ_TEXT("target", BJ_PATH_MAX - 1, .minimum = 1, BJ_NEEDED, BJ_SAYS "Its new path."),
    BJ_SWITCH("overwrite", BJ_SAYS "What is there goes."), BJ_END};
const struct bj_schema bj_move_schema = {"MoveRequest", "A file to be moved.", move_fields};

static const struct bj_field mode_fields[] = {
    PATH(BJ_NEEDED, BJ_SAYS "What."),
    BJ_TEXT("mode", 4, .minimum = 3, BJ_NEEDED, BJ_SAYS "Permissions in octal, `0644`."), RECURSIVE,
    BJ_END};
const struct bj_schema bj_mode_schema = {"ModeRequest", "New permissions.", mode_fields};

static const struct bj_field edit_fields[] = {
    PATH(BJ_NEEDED, BJ_SAYS "A file."),
    BJ_TEXT("old_text", BJ_CONTENT_MAX, .minimum = 1, BJ_NEEDED,
            BJ_SAYS "What is there: once, unless `all`."),
    BJ_TEXT("new_text", BJ_CONTENT_MAX, BJ_NEEDED, BJ_SAYS "What is to be there."),
    BJ_SWITCH("all", BJ_SAYS "Wherever it is."), BJ_END};
const struct bj_schema bj_edit_schema = {"EditRequest", "A change of a file.", edit_fields};
static const struct bj_field edited_fields[] = {
    BJ_TEXT("path", 0, BJ_MAYBE, BJ_NEEDED, BJ_SAYS "Absolute."),
    BJ_WHOLE("replaced", 0, 0, BJ_NEEDED, BJ_SAYS "How often."), BJ_END};
const struct bj_schema bj_edited_schema = {"Edited", "A file that was changed.", edited_fields};

static const struct bj_field file_fields[] = {
    BJ_TEXT("path", 0, BJ_MAYBE, BJ_NEEDED, BJ_SAYS "Absolute."),
    BJ_TEXT("name", 0, BJ_MAYBE, BJ_NEEDED, BJ_SAYS "Its last part."),
    BJ_TEXT("type", 0, BJ_NEEDED,
            BJ_SAYS "`file`, `directory`, `link`, `fifo`, `socket`, `device` or `unknown`."),
    BJ_WHOLE("size", 0, 0, BJ_NEEDED, BJ_SAYS "Bytes."),
    BJ_TEXT("mode", 0, BJ_NEEDED, BJ_SAYS "Permissions in octal."),
    BJ_TEXT("modified", 0, BJ_MAYBE, BJ_NEEDED, BJ_SAYS "When, in UTC."),
    BJ_TEXT("user", 0, BJ_MAYBE, BJ_NEEDED, BJ_SAYS "Owner, inside."),
    BJ_TEXT("group", 0, BJ_MAYBE, BJ_NEEDED, BJ_SAYS "Group, inside."),
    BJ_WHOLE("uid", 0, 0, BJ_NEEDED, BJ_SAYS "Of the owner, inside."),
    BJ_WHOLE("gid", 0, 0, BJ_NEEDED, BJ_SAYS "Of the group, inside."),
    BJ_TEXT("link", 0, BJ_MAYBE, BJ_NEEDED, BJ_SAYS "Where a link leads."),
    BJ_END};
const struct bj_schema bj_file_schema = {"File", "A file, directory or the like.", file_fields};
static const struct bj_field files_fields[] = {
    BJ_OBJECTS("files", &bj_file_schema, BJ_NEEDED, BJ_SAYS "By name."),
    BJ_SWITCH("truncated", BJ_NEEDED, BJ_SAYS "There are more."), BJ_END};
const struct bj_schema bj_files_schema = {"Files", "Files.", files_fields};

static const struct bj_field match_fields[] = {
    BJ_TEXT("path", 0, BJ_MAYBE, BJ_NEEDED, BJ_SAYS "Of the file."),
    BJ_WHOLE("line", 0, 0, BJ_NEEDED, BJ_SAYS "Its number, from 1."),
    BJ_TEXT("text", 0, BJ_NEEDED, BJ_SAYS "The line; cut where it is long."),
    BJ_SWITCH("context", BJ_NEEDED, BJ_SAYS "It is a line around a match."), BJ_END};
static const struct bj_schema match_schema = {"Match", "A line that was found.", match_fields};
static const struct bj_field matches_fields[] = {
    BJ_OBJECTS("matches", &match_schema, BJ_NEEDED, BJ_SAYS "By file and line."),
    BJ_SWITCH("truncated", BJ_NEEDED, BJ_SAYS "There are more."), BJ_END};
const struct bj_schema bj_matches_schema = {"Matches", "What was found.", matches_fields};
