/* Tests of src/model/config_json.c, config_print.c and config_schema.c. */
#include "model_test.h"

#include <unistd.h>

#include "base/limits.h"
#include "model/options_internal.h"

static struct bj_config config;
static struct bj_error err;

static int setup(void **state)
{
    (void)state;
    err = (struct bj_error){0};
    return bj_config_init(&config, NULL);
}

static int teardown(void **state)
{
    (void)state;
    bj_config_release(&config);
    return 0;
}

static int load(const char *text)
{
    return bj_config_load_json(&config, text, strlen(text), "/base", &err);
}

static void assert_loads(const char *text)
{
    if (load(text) < 0)
        fail_msg("%s: %s", text, err.message);
}

/* The document must be refused with these words, and loading start anew. */
static void assert_refuses(const char *text, const char *words)
{
    if (load(text) != -BJ_E_CONFIG)
        fail_msg("was not refused: %s", text);
    assert_int_equal(err.code, BJ_E_CONFIG);
    assert_contains(err.message, words);
    bj_config_release(&config);
    assert_int_equal(bj_config_init(&config, NULL), 0);
}

/* {"section": {"key": VALUE}} for a row. */
static const char *document(const struct bj_option *option, const char *value)
{
    static char text[8192];
    const char *dot = strchr(option->key, '.');

    if (dot == NULL)
        snprintf(text, sizeof text, "{\"%s\": %s}", option->key, value);
    else
        snprintf(text, sizeof text, "{\"%.*s\": {\"%s\": %s}}", (int)(dot - option->key),
                 option->key, dot + 1, value);
    return text;
}

static void the_documented_example(void **state)
{
    (void)state;
    assert_loads("{\"sandbox_type\": \"e2b\", \"e2b_api_key\": \"k\", \"e2b_template\": \"base\","
                 "\"resource_limits\": {\"cpu_cores\": 2, \"memory_mb\": 512, \"disk_mb\": 1024,"
                 " \"timeout_seconds\": 60, \"max_processes\": 50},"
                 "\"network\": {\"enabled\": false, \"allowed_domains\": []},"
                 "\"security\": {\"allowed_tools\": [], \"blocked_tools\": [],"
                 " \"command_blacklist\": [\"rm\\\\s+-rf\\\\s+/\", \"sudo\"],"
                 " \"enable_audit_log\": true, \"allow_root\": false},"
                 "\"session_timeout_minutes\": 60, \"auto_cleanup\": true,"
                 "\"working_directory\": \"/workspace\"}");
    assert_int_equal(config.sandbox_type, BJ_SANDBOX_E2B);
    assert_string_equal(config.e2b_api_key, "k");
    assert_string_equal(config.e2b_template, "base");
    assert_string_equal(config.command_blacklist[0], "rm\\s+-rf\\s+/");
    assert_string_equal(config.command_blacklist[1], "sudo");
    assert_null(config.command_blacklist[2]);
    assert_string_equal(config.working_directory, "/workspace");
    assert_true(bj_config_said(&config, BJ_OPT_ALLOWED_TOOLS));
    assert_false(bj_config_said(&config, BJ_OPT_COMMAND_WHITELIST));
}

static bool is_number(const struct bj_option *option)
{
    return option->kind == BJ_KIND_COUNT || option->kind == BJ_KIND_SIZE ||
           option->kind == BJ_KIND_DURATION || option->kind == BJ_KIND_DECIMAL;
}

/* Every key with every type of value that is not its own. */
static void wrong_types(void **state)
{
    static const struct {
        const char *value, *name;
    } values[] = {{"null", "null"},      {"true", "true"},         {"\"\\u0001\"", "text"},
                  {"[true]", "[true]"},  {"{\"=\": 1}", "object"}, {"-7", "-7"},
                  {"1.5e300", "1.5e300"}};

    (void)state;
    for (int i = 0; i < BJ_OPT_COUNT; i++) {
        const struct bj_option *option = bj_option_get((enum bj_option_id)i);

        for (size_t j = 0; option->key != NULL && j < sizeof values / sizeof values[0]; j++) {
            bool host_path =
                (option->kind == BJ_KIND_WORKSPACE || option->kind == BJ_KIND_HOST_PATH) &&
                values[j].value[0] == '"';

            if ((option->kind == BJ_KIND_BOOL && bj_streq(values[j].value, "true")) || host_path)
                continue;
            assert_refuses(document(option, values[j].value), option->key);
        }
    }
}

static void numbers(void **state)
{
    (void)state;
    for (int i = 0; i < BJ_OPT_COUNT; i++) {
        const struct bj_option *option = bj_option_get((enum bj_option_id)i);
        char value[64];

        if (option->key == NULL || !is_number(option))
            continue;
        snprintf(value, sizeof value, "%.10g", option->maximum);
        assert_loads(document(option, value));
        snprintf(value, sizeof value, "%.10g", option->minimum);
        assert_loads(document(option, value));
        snprintf(value, sizeof value, "%.10g", option->maximum + 1);
        assert_refuses(document(option, value), "expected ");
        assert_refuses(document(option, "\"5\""), "found a text");
        if (option->kind != BJ_KIND_DECIMAL)
            assert_refuses(document(option, "20.0"), "found a number with a fraction");
        if (option->or_zero)
            assert_loads(document(option, "0"));
        else
            assert_refuses(document(option, "0"), "found 0");
        assert_refuses(document(option, "99999999999999999999"), "line 1, column ");
    }
}

static void mistakes(void **state)
{
    (void)state;
    assert_refuses("{\"resource_limits\": {\"memroy_mb\": 1}}",
                   "unknown key resource_limits.memroy_mb; did you mean "
                   "resource_limits.memory_mb?");
    assert_refuses("{\"memory_mb\": 1}", "did you mean resource_limits.memory_mb?");
    assert_refuses("{\"resource_limits.memory_mb\": 64}", "unknown key resource_limits.memory_mb");
    assert_refuses("{\"sandbox_typ\": \"native\"}", "did you mean sandbox_type?");
    assert_refuses("{\"zzzzzzzzz\": 1}", "unknown key zzzzzzzzz");
    assert_refuses("{\"a\\u001b[2J\": 1}", "unknown key a\\x1b[2J");
    assert_refuses("{\"network\": null}", "network: expected an object; found null");
    assert_refuses("[]", "expected an object; found a list");
    assert_refuses("", "line ");
    assert_refuses("{\"user\": \"root\"", "line 1, column ");
    assert_refuses("{}\n\n}", "line 3, column 1: ");
    assert_refuses("{\"sysfs\": true,\n \"sysfs\": true}", "line 2, column 8: duplicate key");
    assert_refuses("{\"hostname\": \"a\\u0000b\"}", "line 1, column ");
    assert_refuses("{\"hostname\": \"\xff\"}", "line 1, column ");
    assert_refuses("{\"security\": {\"blocked_tools\": [\"a\", 1]}}",
                   "security.blocked_tools: entry 2: expected a text");
    assert_refuses("{\"layers\": {\"required\": [\"memry\"]}}", "did you mean memory?");
    assert_refuses("{\"environment\": {\"A\": 1}}",
                   "environment: \"A\": expected a text; found a whole number");
    assert_refuses("{\"environment\": {\"A=B\": \"c\"}}", "expected names of variables");
    assert_refuses("{\"network\": {\"enabled\": true, \"mode\": \"none\"}}", "network.mode");
    assert_refuses("{\"network\": {\"enabled\": false, \"mode\": \"host\"}}", "network.mode");
}

static void sizes(void **state)
{
    char deep[BJ_JSON_DEPTH_MAX + 2] = {0};
    char *large = bj_alloc(BJ_CONFIG_FILE_MAX + 2);

    (void)state;
    memset(deep, '[', sizeof deep - 1);
    assert_refuses(deep, "nested deeper than 64");
    /* Brackets inside a text are no depth. */
    memcpy(deep, "\"\\\"[", 4);
    assert_refuses(deep, "line 1, column ");
    assert_non_null(large);
    memset(large, ' ', BJ_CONFIG_FILE_MAX + 1);
    assert_refuses(large, "larger than");
    bj_free(large);
}

static void host_paths_are_below_the_file(void **state)
{
    (void)state;
    assert_loads("{\"workspace\": \"w\", \"volumes\": [\"./x:/y:ro\", \"/z:/z\"]}");
    assert_string_equal(config.workspace_path, "/base/w");
    assert_string_equal(config.volumes[0].source, "/base/x");
    assert_true(config.volumes[0].read_only);
    assert_string_equal(config.volumes[1].source, "/z");
}

static void files(void **state)
{
    char path[] = "/tmp/belljar-test-XXXXXX";
    char expected[128];
    int fd = mkstemp(path);
    static const char text[] = "{\"workspace\": \"x\", \"sysfs\": 1}";

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, sizeof text - 1), sizeof text - 1);
    close(fd);
    assert_int_equal(bj_config_load_file(&config, path, &err), -BJ_E_CONFIG);
    assert_string_equal(config.workspace_path, "/tmp/x");
    snprintf(expected, sizeof expected, "%s: sysfs: expected true or false; found a whole number",
             path);
    assert_string_equal(err.message, expected);
    unlink(path);
    assert_int_equal(bj_config_load_file(&config, path, &err), -BJ_E_SYSTEM);
}

/* Neither a message nor the printed config has the value. */
static void secrets(void **state)
{
    static const char *const broken[] = {
        "{\"e2b_api_key\": \"geheim\" \"geheim\"}",
        "{\"e2b_api_key\": geheim}",
        "{\"e2b_api_key\": [\"geheim\"]}",
        "{\"daytona_api_key\": \"geheim\\n\"}",
        "{\"e2b_api_key\": \"geheim",
        "{\"environment\": {\"A\": [\"geheim\"]}}",
    };
    struct bj_buf text;

    (void)state;
    bj_buf_init(&text, 1 << 20);
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        assert_int_equal(load(broken[i]), -BJ_E_CONFIG);
        assert_lacks(err.message, "geheim");
    }
    assert_loads("{\"e2b_api_key\": \"geheim\", \"daytona_api_key\": \"geheim\","
                 " \"environment\": {\"TOKEN\": \"geheim\"}}");
    assert_int_equal(bj_config_to_json(&config, &text, &err), 0);
    assert_lacks(bj_buf_text(&text), "geheim");
    assert_lacks(bj_buf_text(&text), "api_key");
    bj_buf_release(&text);
}

/* What is printed loads again and then prints the same. */
static void round_trip(void **state)
{
    struct bj_buf first, second;

    (void)state;
    bj_buf_init(&first, 1 << 20);
    bj_buf_init(&second, 1 << 20);
    assert_loads("{\"preset\": \"development\", \"workspace\": \"empty\","
                 " \"volumes\": [\"/a:/b:ro\"], \"layers\": {\"required\": [\"memory\"]},"
                 " \"resource_limits\": {\"cpu_cores\": 0.1}, \"hostname\": \"h\"}");
    assert_int_equal(bj_config_settle(&config, NULL, &err), 0);
    assert_int_equal(bj_config_to_json(&config, &first, &err), 0);
    bj_config_release(&config);
    assert_int_equal(bj_config_init(&config, NULL), 0);
    assert_loads(bj_buf_text(&first));
    assert_int_equal(config.network, BJ_NETWORK_DOMAINS);
    assert_int_equal(bj_config_settle(&config, NULL, &err), 0);
    assert_int_equal(bj_config_to_json(&config, &second, &err), 0);
    assert_string_equal(bj_buf_text(&first), bj_buf_text(&second));
    assert_contains(bj_buf_text(&first), "\"cpu_cores\": 0.1");
    bj_buf_release(&first);
    bj_buf_release(&second);
}

static void what_json_cannot_hold(void **state)
{
    struct bj_buf text;

    (void)state;
    bj_buf_init(&text, 1 << 20);
    assert_int_equal(bj_config_set(&config, BJ_OPT_VOLUMES, "/\xff:/x", NULL, NULL), 0);
    assert_int_equal(bj_config_to_json(&config, &text, &err), -BJ_E_INVALID);
    assert_contains(err.message, "volumes cannot be written as JSON");
    assert_int_equal(text.length, 0);
    bj_buf_release(&text);
}

static void schema_names_every_key(void **state)
{
    struct bj_buf out;

    (void)state;
    bj_buf_init(&out, 1 << 20);
    bj_config_schema(&out);
    assert_false(out.failed);
    for (int i = 0; i < BJ_OPT_COUNT; i++) {
        const struct bj_option *option = bj_option_get((enum bj_option_id)i);
        const char *dot = option->key != NULL ? strrchr(option->key, '.') : NULL;
        char name[64];

        if (option->key == NULL)
            continue;
        snprintf(name, sizeof name, "\"%s\": {", dot != NULL ? dot + 1 : option->key);
        assert_contains(bj_buf_text(&out), name);
    }
    bj_buf_release(&out);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_documented_example),
        TEST(wrong_types),
        TEST(numbers),
        TEST(mistakes),
        TEST(sizes),
        TEST(host_paths_are_below_the_file),
        TEST(files),
        TEST(secrets),
        TEST(round_trip),
        TEST(what_json_cannot_hold),
        TEST(schema_names_every_key),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
