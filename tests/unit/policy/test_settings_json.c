/* Tests of reading sandbox settings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "policy/settings.h"

static int load(struct bj_settings *settings, const char *text, struct bj_warnings *warnings,
                struct bj_error *err)
{
    bj_settings_init(settings);
    *warnings = (struct bj_warnings){0};
    *err = (struct bj_error){0};
    return bj_settings_load_json(settings, text, strlen(text), warnings, err);
}

static void has_the_defaults_of_the_type(void **state)
{
    struct bj_settings settings, zero = {0};
    struct bj_warnings warnings;
    struct bj_error err;

    (void)state;
    assert_int_equal(load(&settings, "{}", &warnings, &err), 0);
    assert_memory_equal(&settings, &zero, sizeof zero);
    assert_int_equal(warnings.count, 0);
}

static void reads_every_field(void **state)
{
    static const char text[] =
        "{\"enabled\": true, \"autoAllowBashIfSandboxed\": true,"
        " \"allowUnsandboxedCommands\": [\"git\", \"npm\"], \"excludedCommands\": [\"sudo\"],"
        " \"network\": {\"allowLocalBinding\": true, \"allowAllUnixSockets\": true,"
        "   \"allowedUnixSockets\": [\"/var/run/docker.sock\"]},"
        " \"ignoreFileViolations\": [\"/tmp/*\", \"*.log\"],"
        " \"ignoreNetworkViolations\": [\"localhost:*\"]}";
    struct bj_settings settings;
    struct bj_warnings warnings;
    struct bj_error err;

    (void)state;
    assert_int_equal(load(&settings, text, &warnings, &err), 0);
    assert_int_equal(warnings.count, 0);
    assert_true(settings.enabled && settings.auto_allow_bash_if_sandboxed);
    assert_false(settings.allow_any_unsandboxed);
    assert_string_equal(settings.allow_unsandboxed_commands[1], "npm");
    assert_null(settings.allow_unsandboxed_commands[2]);
    assert_string_equal(settings.excluded_commands[0], "sudo");
    assert_true(settings.network.allow_local_binding && settings.network.allow_all_unix_sockets);
    assert_string_equal(settings.network.allowed_unix_sockets[0], "/var/run/docker.sock");
    assert_string_equal(settings.ignore_file_violations[1], "*.log");
    assert_string_equal(settings.ignore_network_violations[0], "localhost:*");
    bj_settings_release(&settings);
}

static void takes_other_names_for_the_same(void **state)
{
    static const char text[] =
        "{\"model\": \"x\", \"permissions\": {\"deny\": []}, \"sandbox\": {\"enabled\": true,"
        " \"allowUnsandboxedCommands\": true, \"enableWeakerNestedSandbox\": true,"
        " \"network\": {\"allowUnixSockets\": [\"/a\"], \"httpProxyPort\": 8080,"
        "   \"socksProxyPort\": 1080},"
        " \"ignoreViolations\": {\"file\": [\"/f\"], \"network\": [\"n\"]}}}";
    struct bj_settings settings;
    struct bj_warnings warnings;
    struct bj_error err;

    (void)state;
    assert_int_equal(load(&settings, text, &warnings, &err), 0);
    assert_int_equal(warnings.count, 0);
    assert_true(settings.enabled && settings.allow_any_unsandboxed);
    assert_true(settings.enable_weaker_nested_sandbox);
    assert_string_equal(settings.network.allowed_unix_sockets[0], "/a");
    assert_int_equal(settings.network.http_proxy_port, 8080);
    assert_int_equal(settings.network.socks_proxy_port, 1080);
    assert_string_equal(settings.ignore_file_violations[0], "/f");
    assert_string_equal(settings.ignore_network_violations[0], "n");
    bj_settings_release(&settings);
}

static void warns_of_what_it_does_not_know(void **state)
{
    static const struct {
        const char *text, *warning;
    } rows[] = {
        {"{\"enable\": true}", "enable: unknown field, without effect; did you mean enabled?"},
        {"{\"network\": {\"allowLocalBindings\": true}}",
         "network.allowLocalBindings: unknown field, without effect; did you mean "
         "network.allowLocalBinding?"},
        {"{\"sandbox\": {\"excludedCommand\": []}}",
         "sandbox.excludedCommand: unknown field, without effect; did you mean "
         "sandbox.excludedCommands?"},
        {"{\"filesystem\": {\"denyRead\": [\"/\"]}}", "filesystem: unknown field, without effect"},
        {"{\"a\\u001b[2J\": 1}", "a?[2J: unknown field, without effect"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct bj_settings settings;
        struct bj_warnings warnings;
        struct bj_error err;

        assert_int_equal(load(&settings, rows[i].text, &warnings, &err), 0);
        assert_int_equal(warnings.count, 1);
        assert_string_equal(warnings.texts[0], rows[i].warning);
        bj_settings_release(&settings);
    }
}

static void refuses_wrong_types_by_their_path(void **state)
{
    static const struct {
        const char *text, *message;
    } rows[] = {
        {"[]", "expected an object; found a list"},
        {"{\"enabled\": \"yes\"}", "enabled: expected true or false; found a text"},
        {"{\"enabled\": null}", "enabled: expected true or false; found null"},
        {"{\"excludedCommands\": \"git\"}",
         "excludedCommands: expected a list of texts; found a text"},
        {"{\"excludedCommands\": [\"a\", 3]}",
         "excludedCommands: entry 2: expected a text; found a whole number"},
        {"{\"excludedCommands\": [\" \"]}",
         "excludedCommands: entry 1: expected a text that is not empty"},
        {"{\"allowUnsandboxedCommands\": 1}",
         "allowUnsandboxedCommands: expected a list of texts, or true or false; found a whole "
         "number"},
        {"{\"network\": true}", "network: expected an object; found true"},
        {"{\"network\": {\"allowedUnixSockets\": [\"docker.sock\"]}}",
         "network.allowedUnixSockets: entry 1: expected an absolute path"},
        {"{\"network\": {\"httpProxyPort\": 70000}}",
         "network.httpProxyPort: expected a port from 1 to 65535"},
        {"{\"sandbox\": {\"network\": {\"httpProxyPort\": \"80\"}}}",
         "sandbox.network.httpProxyPort: expected a port; found a text"},
        {"{\"sandbox\": []}", "sandbox: expected an object; found a list"},
        {"{\"enabled\": true, \"sandbox\": {}}",
         "enabled stands beside \"sandbox\"; it belongs inside"},
        {"{\"enabled\": true, \"enabled\": false}", "line 1, column 27: duplicate key"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct bj_settings settings;
        struct bj_warnings warnings;
        struct bj_error err;

        assert_int_equal(load(&settings, rows[i].text, &warnings, &err), -BJ_E_CONFIG);
        assert_string_equal(err.message, rows[i].message);
        bj_settings_release(&settings);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_the_defaults_of_the_type),
        cmocka_unit_test(reads_every_field),
        cmocka_unit_test(takes_other_names_for_the_same),
        cmocka_unit_test(warns_of_what_it_does_not_know),
        cmocka_unit_test(refuses_wrong_types_by_their_path),
    };

    return cmocka_run_group_tests_name("policy/settings_json", tests, NULL, NULL);
}
