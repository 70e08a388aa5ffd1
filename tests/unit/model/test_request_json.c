/* Tests of src/model/request_json.c and the table of tools. */
#include "model_test.h"

#include "model/request_json.h"
#include "model/tool.h"

static struct bj_request_json call;
static struct bj_error err;

static int parse(const char *tool, const char *arguments)
{
    bj_request_json_release(&call);
    err = (struct bj_error){0};
    return bj_request_json_parse(&call, tool, arguments, strlen(arguments), &err);
}

static int teardown(void **state)
{
    (void)state;
    bj_request_json_release(&call);
    return 0;
}

static void assert_valid(const char *tool, const char *arguments)
{
    if (parse(tool, arguments) < 0 || call.request.invalid != NULL)
        fail_msg("%s %s: %s%s", tool, arguments, err.message,
                 call.request.invalid != NULL ? call.request.invalid : "");
}

static void assert_invalid(const char *tool, const char *arguments, const char *words)
{
    assert_int_equal(parse(tool, arguments), 0);
    if (call.request.invalid == NULL)
        fail_msg("%s %s was taken", tool, arguments);
    assert_contains(call.request.invalid, words);
    assert_null(call.request.command);
    assert_null(call.request.path);
    assert_null(call.request.url);
}

static void test_roles(void **state)
{
    (void)state;
    assert_valid("Bash", "{\"command\": \"ls -l\", \"timeout\": 1000, \"description\": \"\", "
                         "\"run_in_background\": false}");
    assert_string_equal(call.request.tool, "Bash");
    assert_string_equal(call.request.command, "ls -l");
    assert_valid("Read", "{\"file_path\": \"/x\", \"offset\": 1, \"limit\": null}");
    assert_string_equal(call.request.path, "/x");
    assert_valid("Read", "{\"path\": \"y\"}");
    assert_string_equal(call.request.path, "y");
    assert_valid("Grep", "{\"pattern\": \"a\", \"path\": \"b\", \"-A\": 3, \"-i\": true, "
                         "\"output_mode\": \"content\", \"glob\": \"*.c\"}");
    assert_string_equal(call.request.pattern, "a");
    assert_string_equal(call.request.path, "b");
    assert_valid("WebFetch", "{\"url\": \"https://x/\", \"prompt\": \"p\"}");
    assert_string_equal(call.request.url, "https://x/");
    assert_string_equal(call.request.arguments, "{\"url\":\"https://x/\",\"prompt\":\"p\"}");
}

static void test_every_tool(void **state)
{
    (void)state;
    assert_valid("Write", "{\"file_path\": \"a\", \"content\": \"\"}");
    assert_valid("Edit", "{\"file_path\": \"a\", \"old_string\": \"b\", \"new_string\": \"\", "
                         "\"replace_all\": true}");
    assert_valid("MultiEdit", "{\"file_path\": \"a\", \"edits\": [{\"old_string\": \"b\", "
                              "\"new_string\": \"c\"}]}");
    assert_valid("NotebookEdit", "{\"notebook_path\": \"a\", \"new_source\": \"b\", "
                                 "\"cell_type\": \"code\", \"edit_mode\": \"insert\"}");
    assert_valid("Glob", "{\"pattern\": \"*\"}");
    assert_valid("LS", "{\"path\": \"/\", \"ignore\": [\"a\", \"b\"]}");
    assert_valid("Search", "{\"pattern\": \"a\", \"path\": \".\"}");
    assert_valid("WebSearch", "{\"query\": \"q\", \"allowed_domains\": [\"a\"]}");
    assert_valid("Task", "{\"description\": \"d\", \"prompt\": \"p\", \"subagent_type\": \"s\", "
                         "\"something_new\": 1}");
    assert_valid("TodoWrite", "{\"todos\": [{\"content\": \"a\", \"status\": \"pending\"}]}");
    assert_valid("mcp__server__tool", "{\"path\": 1, \"anything\": {\"goes\": []}}");
    assert_null(call.request.path);
}

static void test_wrong_arguments(void **state)
{
    (void)state;
    assert_invalid("Bash", "{}", "\"command\" is missing");
    assert_invalid("Bash", "{\"command\": \"\"}", "\"command\": expected a text that is not empty");
    assert_invalid("Bash", "{\"command\": null}", "\"command\" is missing");
    assert_invalid("Bash", "{\"command\": [\"ls\"]}", "expected a text; found a list");
    assert_invalid("Bash", "{\"command\": \"ls\", \"timeout\": \"5\"}", "\"timeout\"");
    assert_invalid("Bash", "{\"command\": \"ls\", \"timeout\": -1}", "found -1");
    assert_invalid("Bash", "{\"command\": \"ls\", \"timeout\": 1.5}", "a whole number");
    assert_invalid("Bash", "{\"command\": \"ls\", \"comand\": \"rm\"}", "did you mean command?");
    assert_invalid("Bash", "{\"command\": \"ls\", \"run_in_background\": 1}", "true or false");
    assert_invalid("Read", "{}", "is missing");
    assert_invalid("Read", "{\"path\": \"a\", \"file_path\": \"b\"}", "the same thing");
    assert_invalid("Write", "{\"path\": \"a\"}", "\"content\" is missing");
    assert_invalid("Grep", "{\"pattern\": \"a\", \"output_mode\": \"all\"}", "\"output_mode\"");
    assert_invalid("LS", "{\"path\": \"/\", \"ignore\": [1]}", "\"ignore\"");
    assert_invalid("MultiEdit", "{\"path\": \"a\", \"edits\": []}", "at least one entry");
    assert_invalid("MultiEdit", "{\"path\": \"a\", \"edits\": [1]}", "a list of objects");
    assert_invalid("MultiEdit",
                   "{\"path\": \"a\", \"edits\": [{\"old_string\": \"a\", \"new_string\": \"b\"}, "
                   "{\"old_string\": \"a\"}]}",
                   "edits, entry 2: argument \"new_string\" is missing");
    assert_invalid("Glob", "{\"pattern\": \"*\", \"\\u001b[31m\": 1}", "unknown argument");
    assert_lacks(call.request.invalid, "\x1b");
}

static void test_too_long(void **state)
{
    static char text[6000];

    (void)state;
    strcpy(text, "{\"path\": \"");
    memset(text + strlen(text), 'a', 5000);
    strcpy(text + 5010, "\"}");
    assert_invalid("Read", text, "at most 4095 bytes; found 5000");
}

static void test_refused(void **state)
{
    (void)state;
    assert_int_equal(parse("Bash", "[]"), -BJ_E_INVALID);
    assert_int_equal(parse("Bash", "{\"command\": \"a\", \"command\": \"b\"}"), -BJ_E_INVALID);
    assert_contains(err.message, "duplicate key");
    assert_int_equal(parse("Bash", "{\"command\": \"a\\u0000b\"}"), -BJ_E_INVALID);
    assert_int_equal(parse("Bash", "{\"command\": secret"), -BJ_E_INVALID);
    assert_lacks(err.message, "secret");
    assert_int_equal(parse("Ba\nsh", "{}"), -BJ_E_INVALID);
    assert_int_equal(parse("", "{}"), -BJ_E_INVALID);
    bj_request_json_release(&call);
    assert_int_equal(bj_request_json_parse(&call, "Bash", "", (20 << 20) + 1, &err), -BJ_E_LIMIT);
}

static void test_whole_call(void **state)
{
    static const char hook[] = "{\"session_id\": \"s\", \"cwd\": \"/w\", \"tool_name\": \"Read\", "
                               "\"tool_input\": {\"file_path\": \"/x\"}}";
    static const char own[] = "{\"tool\": \"Bash\", \"arguments\": {\"command\": \"ls\"}}";

    (void)state;
    assert_int_equal(bj_request_json_parse_call(&call, hook, strlen(hook), &err), 0);
    assert_string_equal(call.request.path, "/x");
    assert_string_equal(call.request.directory, "/w");
    bj_request_json_release(&call);
    assert_int_equal(bj_request_json_parse_call(&call, own, strlen(own), &err), 0);
    assert_string_equal(call.request.command, "ls");
    assert_null(call.request.directory);
    bj_request_json_release(&call);
    assert_int_equal(bj_request_json_parse_call(&call, "{}", 2, &err), -BJ_E_INVALID);
    assert_contains(err.message, "\"tool\"");
}

static void test_nearest_name(void **state)
{
    (void)state;
    assert_string_equal(bj_tool_nearest("bash"), "Bash");
    assert_string_equal(bj_tool_nearest("webfetch"), "WebFetch");
    assert_null(bj_tool_nearest("Bash"));
    assert_null(bj_tool_nearest("Dash"));
    assert_null(bj_tool_nearest("mcp__x__y"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_roles, teardown),
        cmocka_unit_test_teardown(test_every_tool, teardown),
        cmocka_unit_test_teardown(test_wrong_arguments, teardown),
        cmocka_unit_test_teardown(test_too_long, teardown),
        cmocka_unit_test_teardown(test_refused, teardown),
        cmocka_unit_test_teardown(test_whole_call, teardown),
        cmocka_unit_test(test_nearest_name),
    };

    return cmocka_run_group_tests_name("request_json", tests, NULL, NULL);
}
