/* Tests of src/supervisor/settings.c and of src/model/rows.c through it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "supervisor/settings.h"

static char file[64];

static int make_file(void **state)
{
    int fd;

    (void)state;
    setenv("HOME", "/nonexistent", 1);
    unsetenv("BELLJAR_API_KEY");
    strcpy(file, "/tmp/bj-settings-XXXXXX");
    fd = mkstemp(file);
    return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(file);
}

/* With the file's text, NULL for none, and up to four arguments. */
static int load(struct bj_service_settings *settings, const char *text,
                const char *const *arguments, struct bj_error *err)
{
    char *argv[8] = {(char *)"serve"};
    int argc = 1;

    if (text != NULL) {
        FILE *stream = fopen(file, "w");

        assert_non_null(stream);
        fputs(text, stream);
        fclose(stream);
        argv[argc++] = (char *)"--config";
        argv[argc++] = file;
    }
    while (arguments != NULL && *arguments != NULL)
        argv[argc++] = (char *)*arguments++;
    return bj_service_settings_load(settings, argc, argv, -1, err);
}
#define ARGUMENTS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void accept(struct bj_service_settings *settings, const char *text,
                   const char *const *arguments)
{
    struct bj_error error = {0};

    if (load(settings, text, arguments, &error) < 0)
        fail_msg("%s", error.message);
}

static void refuse(const char *text, const char *const *arguments, const char *why)
{
    struct bj_service_settings settings;
    struct bj_error error = {0};

    assert_true(load(&settings, text, arguments, &error) < 0);
    if (strstr(error.message, why) == NULL)
        fail_msg("\"%s\" lacks \"%s\"", error.message, why);
    bj_service_settings_release(&settings);
}

static void test_defaults(void **state)
{
    const struct bj_service_preset *preset;
    struct bj_service_settings settings;

    (void)state;
    accept(&settings, NULL, NULL);
    assert_null(settings.listen);
    assert_non_null(settings.state);
    preset = bj_service_settings_preset(&settings, "standard");
    assert_non_null(preset);
    assert_int_equal(preset->config.workspace, BJ_WORKSPACE_EMPTY);
    assert_string_equal(preset->config.working_directory, "/workspace");
    assert_int_equal(preset->config.on_ask, BJ_ON_ASK_REFUSE);
    assert_non_null(bj_service_settings_preset(&settings, "minimal"));
    bj_service_settings_release(&settings);
}

static void test_order(void **state)
{
    static const char text[] =
        "{\"listen\": [\"1.1.1.1:1\", \"/a\"], \"hosts\": [\"x\"], \"no_key\": true,"
        " \"limits\": {\"sandboxes\": 5, \"cpu_cores\": 1.5}, \"tls\": {\"certificate\": \"c\", "
        "\"key\": \"k\"}}";
    struct bj_service_settings settings;

    (void)state;
    accept(&settings, text, ARGUMENTS("--listen", "2.2.2.2:2", "--max-sandboxes=7"));
    assert_string_equal(settings.listen[0], "2.2.2.2:2"); /* instead of the file's, not beside */
    assert_null(settings.listen[1]);
    assert_string_equal(settings.hosts[0], "x");
    assert_int_equal(settings.max_sandboxes, 7);
    assert_true(settings.max_cpu_cores > 1.4 && settings.max_cpu_cores < 1.6);
    assert_true(settings.no_key);
    assert_string_equal(settings.tls_certificate, "/tmp/c"); /* beside the file */
    bj_service_settings_release(&settings);
    accept(&settings, NULL, ARGUMENTS("--listen=/a", "--listen=/b"));
    assert_string_equal(settings.listen[1], "/b");
    bj_service_settings_release(&settings);
}

static void test_presets(void **state)
{
    static const char text[] =
        "{\"default_preset\": \"small\", \"presets\": {\"small\": {\"pool\": 3, \"config\": "
        "{\"preset\": \"minimal\", \"resource_limits\": {\"memory_mb\": 64}}}, \"standard\": {}}}";
    struct bj_service_settings settings;
    const struct bj_service_preset *small;

    (void)state;
    accept(&settings, text, NULL);
    small = bj_service_settings_preset(&settings, "small");
    assert_non_null(small);
    assert_int_equal(small->pool, 3);
    assert_int_equal(small->config.memory_mb, 64);
    assert_int_equal(small->config.workspace, BJ_WORKSPACE_EMPTY);
    bj_service_settings_release(&settings);
}

static void test_bad(void **state)
{
    (void)state;
    refuse("{\"lisen\": []}", NULL, "did you mean listen");
    refuse("{\"listen\": \"x\"}", NULL, "listen: expected a list");
    refuse("{\"listen\": [1]}", NULL, "entry 1");
    refuse("{\"limits\": {\"sandboxes\": 0}}", NULL, "limits.sandboxes");
    refuse("{\"limits\": {\"sandboxes\": \"5\"}}", NULL, "limits.sandboxes");
    refuse("{\"limits\": 5}", NULL, "expected an object");
    refuse("{\"limits.sandboxes\": 5}", NULL, "unknown key");
    refuse("{\"presets\": {\"a\": {\"confg\": {}}}}", NULL, "presets.a");
    refuse("{\"presets\": {\"a\": {\"config\": {\"nope\": 1}}}}", NULL, "presets.a: config");
    refuse("{\"presets\": {\"a\": {\"pool\": -1}}}", NULL, "pool");
    refuse("{\"default_preset\": \"x\"}", NULL, "no preset");
    refuse("{\"no_key\": true, \"no_key\": true}", NULL, "duplicate key");
    refuse(NULL, ARGUMENTS("--tls-cert", "x"), "go together");
    refuse(NULL, ARGUMENTS("--no-key", "--key-file=/x"), "--no-key");
    refuse(NULL, ARGUMENTS("--lsiten=x"), "did you mean --listen?");
    refuse(NULL, ARGUMENTS("--listen"), "nothing after it");
    refuse(NULL, ARGUMENTS("word"), "unexpected argument");
    refuse(NULL, ARGUMENTS("--max-sandboxes=many"), "a whole number");
    refuse(NULL, ARGUMENTS("--no-key=perhaps"), "true or false");
    refuse(NULL, ARGUMENTS("--log-format=xml"), "text or json");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_presets),
        cmocka_unit_test(test_bad),
    };

    return cmocka_run_group_tests(tests, make_file, remove_file);
}
