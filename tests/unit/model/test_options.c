/* Tests of src/model/options.c: reading flags, and who overrides whom. */
#include "model_test.h"

#include <unistd.h>

#include "model/options_internal.h"

static void assert_parsed(const struct parsed *parsed)
{
    if (parsed->result < 0)
        fail_msg("refused: %s", parsed->err.message);
}

static void nothing_given(void **state)
{
    struct parsed parsed;

    (void)state;
    PARSE(&parsed, "true", "--memory", "1");
    assert_parsed(&parsed);
    assert_int_equal(parsed.command, 1);
    assert_int_equal(parsed.config.memory_mb, 512);
    assert_null(parsed.run.command_text);
    for (int i = 0; i < BJ_OPT_COUNT; i++)
        assert_false(bj_config_said(&parsed.config, (enum bj_option_id)i));
    bj_config_release(&parsed.config);
}

static void forms_of_flags(void **state)
{
    struct parsed parsed;

    (void)state;
    PARSE(&parsed, "-it", "-m1g", "--cpus=0.5", "--disk", "2g", "-eA=b", "-e", "C=d=e", "-c",
          "echo -n", "--sysfs=true", "--allow-home=false", "-q", "--", "--memory");
    assert_parsed(&parsed);
    assert_int_equal(parsed.command, 15);
    assert_true(parsed.run.interactive && parsed.run.tty && parsed.run.quiet);
    assert_false(parsed.run.json || parsed.run.dry_run || parsed.run.help);
    assert_string_equal(parsed.run.command_text, "echo -n");
    assert_int_equal(parsed.config.memory_mb, 1024);
    assert_true(parsed.config.cpu_cores == 0.5);
    assert_int_equal(parsed.config.disk_mb, 2048);
    assert_string_equal(parsed.config.environment[0], "A=b");
    assert_string_equal(parsed.config.environment[1], "C=d=e");
    assert_true(parsed.config.sysfs);
    assert_false(parsed.config.allow_home);
    assert_true(bj_config_said(&parsed.config, BJ_OPT_ALLOW_HOME));
    bj_config_release(&parsed.config);
}

static void where_options_end(void **state)
{
    struct parsed parsed;

    (void)state;
    PARSE(&parsed, "-t", "-", "-i");
    assert_parsed(&parsed);
    assert_int_equal(parsed.command, 2);
    assert_false(parsed.run.interactive);
    bj_config_release(&parsed.config);

    PARSE(&parsed, "-t", "", "-i");
    assert_parsed(&parsed);
    assert_int_equal(parsed.command, 2);
    bj_config_release(&parsed.config);

    PARSE(&parsed, "-t");
    assert_parsed(&parsed);
    assert_int_equal(parsed.command, 2);
    bj_config_release(&parsed.config);

    PARSE(&parsed, "-t", "--");
    assert_parsed(&parsed);
    assert_int_equal(parsed.command, 3);
    bj_config_release(&parsed.config);
}

static void help_comes_first(void **state)
{
    struct parsed parsed;

    (void)state;
    PARSE(&parsed, "--memory", "nonsense", "-th", "--unknown");
    assert_parsed(&parsed);
    assert_true(parsed.run.help);
    bj_config_release(&parsed.config);
}

static void mistakes(void **state)
{
    (void)state;
    ASSERT_REFUSED(BJ_E_INVALID, "unknown option --memroy; did you mean --memory?", "--memroy",
                   "1");
    ASSERT_REFUSED(BJ_E_INVALID, "unknown option --mem; did you mean --memory?", "--mem=1");
    ASSERT_REFUSED(BJ_E_INVALID, "unknown option --zzzzzz", "--zzzzzz");
    ASSERT_REFUSED(BJ_E_INVALID, "unknown option --a\\x1bb",
                   "--a\x1b"
                   "b");
    ASSERT_REFUSED(BJ_E_INVALID, "unknown option \"Z\"", "-tZ");
    ASSERT_REFUSED(BJ_E_INVALID, "--memory: expected SIZE; found nothing", "--memory");
    ASSERT_REFUSED(BJ_E_INVALID, "--memory: expected SIZE; found nothing", "-tm");
    ASSERT_REFUSED(BJ_E_INVALID, "found \"\"", "--memory=");
    ASSERT_REFUSED(BJ_E_INVALID, "--tty: expected true or false; found \"maybe\"", "--tty=maybe");
    ASSERT_REFUSED(BJ_E_INVALID, "--preset: expected minimal, standard or development", "--preset",
                   "tiny");
    ASSERT_REFUSED(BJ_E_INVALID, "did you mean host?", "--network", "hsot");
    ASSERT_REFUSED(BJ_E_SYSTEM, "cannot open absent.json", "--config", "absent.json");
    ASSERT_REFUSED(BJ_E_SYSTEM, "cannot open absent.env", "--env-file", "absent.env");
    ASSERT_REFUSED(BJ_E_INVALID, "/ is not a regular file", "--config", "/");
}

/* Every flag of the table: with a value that no kind accepts, and without the value it needs. */
static void every_flag_refuses(void **state)
{
    (void)state;
    for (int i = 0; i < BJ_OPT_COUNT; i++) {
        const struct bj_option *option = bj_option_get((enum bj_option_id)i);
        char flag[64], with_value[64];

        if (option->flag == NULL || i == BJ_OPT_HELP)
            continue;
        snprintf(flag, sizeof flag, "--%s", option->flag);
        snprintf(with_value, sizeof with_value, "--%s=", option->flag);
        ASSERT_REFUSED(BJ_E_INVALID, flag, with_value);
        if (option->argument != NULL)
            ASSERT_REFUSED(BJ_E_INVALID, "found nothing after it", flag);
    }
}

static void precedence(void **state)
{
    struct parsed parsed;

    (void)state;
    put_file("c.json", "{\"preset\": \"minimal\", \"e2b_domain\": \"file.example\","
                       " \"resource_limits\": {\"memory_mb\": 100, \"disk_mb\": 200},"
                       " \"environment\": {\"A\": \"file\", \"B\": \"file\"}}");
    setenv("E2B_DOMAIN", "variable.example", 1);
    PARSE(&parsed, "--memory", "300", "--config", "c.json", "-e", "A=flag");
    assert_parsed(&parsed);
    assert_int_equal(parsed.config.max_processes, 20); /* preset */
    assert_int_equal(parsed.config.disk_mb, 200);      /* file */
    assert_string_equal(parsed.config.e2b_domain, "variable.example");
    assert_int_equal(parsed.config.memory_mb, 300); /* flag */
    assert_string_equal(parsed.config.environment[0], "A=flag");
    assert_string_equal(parsed.config.environment[1], "B=file");
    assert_false(bj_config_said(&parsed.config, BJ_OPT_MAX_PROCESSES));
    assert_true(bj_config_said(&parsed.config, BJ_OPT_DISK_MB));
    assert_true(bj_config_said(&parsed.config, BJ_OPT_E2B_DOMAIN));
    assert_true(bj_config_said(&parsed.config, BJ_OPT_MEMORY_MB));
    bj_config_release(&parsed.config);
    unsetenv("E2B_DOMAIN");
}

/* A preset of a flag beats that of a variable, which beats that of the file; values stay above. */
static void who_names_the_preset(void **state)
{
    struct parsed parsed;

    (void)state;
    put_file("p.json", "{\"resource_limits\": {\"memory_mb\": 100}, \"preset\": \"minimal\"}");
    PARSE(&parsed, "--config", "p.json");
    assert_parsed(&parsed);
    assert_string_equal(parsed.config.preset, "minimal");
    assert_int_equal(parsed.config.memory_mb, 100);
    bj_config_release(&parsed.config);

    setenv("BELLJAR_PRESET", "development", 1);
    setenv("BELLJAR_CONFIG", "p.json", 1);
    PARSE(&parsed, "true");
    assert_parsed(&parsed);
    assert_string_equal(parsed.config.preset, "development");
    assert_int_equal(parsed.config.memory_mb, 100);
    assert_int_equal(parsed.config.max_processes, 200);
    bj_config_release(&parsed.config);

    PARSE(&parsed, "--preset", "standard");
    assert_parsed(&parsed);
    assert_string_equal(parsed.config.preset, "standard");
    assert_int_equal(parsed.config.max_processes, 50);
    bj_config_release(&parsed.config);

    setenv("BELLJAR_PRESET", "tiny", 1);
    ASSERT_REFUSED(BJ_E_INVALID, "environment variable BELLJAR_PRESET: expected minimal", "true");
    setenv("BELLJAR_PRESET", "", 1);
    setenv("BELLJAR_CONFIG", "", 1);
    PARSE(&parsed, "true");
    assert_parsed(&parsed);
    assert_string_equal(parsed.config.preset, "standard");
    bj_config_release(&parsed.config);
    unsetenv("BELLJAR_PRESET");
    unsetenv("BELLJAR_CONFIG");
}

static void environment_files(void **state)
{
    struct parsed parsed;

    (void)state;
    put_file("v.env", "A=file\nB='x y'\n");
    PARSE(&parsed, "-e", "A=flag", "--env-file", "v.env");
    assert_parsed(&parsed);
    assert_string_equal(parsed.config.environment[0], "A=flag"); /* wherever it stands */
    assert_string_equal(parsed.config.environment[1], "B=x y");
    bj_config_release(&parsed.config);
    put_file("v.env", "A=1\nB=\"geheim\n");
    ASSERT_REFUSED(BJ_E_CONFIG, "--env-file: \"v.env\": line 2: the closing quote is missing",
                   "--env-file", "v.env");
}

static void root_needs_permission(void **state)
{
    struct parsed parsed;

    (void)state;
    PARSE(&parsed, "-u", "root");
    assert_parsed(&parsed);
    assert_true(parsed.config.allow_root);
    assert_int_equal(parsed.config.user, BJ_USER_ROOT);
    bj_config_release(&parsed.config);
    put_file("r.json", "{\"security\": {\"allow_root\": false}}");
    ASSERT_REFUSED(BJ_E_INVALID, "security.allow_root", "-u", "root", "--config", "r.json");
    put_file("r.json", "{\"user\": \"root\"}");
    ASSERT_REFUSED(BJ_E_INVALID, "security.allow_root", "--config", "r.json");
    PARSE(&parsed, "-u", "ordinary", "--config", "r.json");
    assert_parsed(&parsed);
    assert_int_equal(parsed.config.user, BJ_USER_ORDINARY);
    bj_config_release(&parsed.config);
}

static void the_flag_decides_the_network(void **state)
{
    struct parsed parsed;

    (void)state;
    put_file("n.json", "{\"network\": {\"enabled\": false}}");
    PARSE(&parsed, "--config", "n.json", "--network", "host");
    assert_parsed(&parsed);
    assert_int_equal(parsed.config.network, BJ_NETWORK_HOST);
    bj_config_release(&parsed.config);
    put_file("n.json", "{\"network\": {\"enabled\": true, \"allowed_domains\": [\"a.b\"]}}");
    PARSE(&parsed, "--config", "n.json", "--network", "none");
    assert_parsed(&parsed);
    assert_int_equal(parsed.config.network, BJ_NETWORK_NONE);
    assert_int_equal(bj_config_check_enforced(&parsed.config, NULL), 0);
    bj_config_release(&parsed.config);
}

static void warnings(void **state)
{
    struct parsed parsed;

    (void)state;
    PARSE(&parsed, "--sandbox-type", "none");
    assert_parsed(&parsed);
    assert_int_equal(parsed.run.warnings.count, 1);
    assert_contains(parsed.run.warnings.texts[0], "without any protection");
    bj_config_release(&parsed.config);
}

/* A value that may be a secret shows up in no message. */
static void secrets_stay_out_of_messages(void **state)
{
    struct parsed parsed;

    (void)state;
    setenv("E2B_API_KEY", "geheim\n", 1);
    PARSE(&parsed, "true");
    assert_int_equal(parsed.result, -BJ_E_INVALID);
    assert_contains(parsed.err.message, "environment variable E2B_API_KEY: expected ");
    assert_lacks(parsed.err.message, "geheim");
    bj_config_release(&parsed.config);
    unsetenv("E2B_API_KEY");
    PARSE(&parsed, "-e", "A B=geheim");
    assert_int_equal(parsed.result, -BJ_E_INVALID);
    assert_lacks(parsed.err.message, "geheim");
    bj_config_release(&parsed.config);
}

static void nearest(void **state)
{
    (void)state;
    assert_string_equal(bj_option_nearest_flag("memroy", 6), "memory");
    assert_string_equal(bj_option_nearest_flag("net", 3), "network");
    assert_null(bj_option_nearest_flag("zzzzzz", 6));
    assert_string_equal(bj_option_nearest_key("resource_limits.memroy_mb"),
                        "resource_limits.memory_mb");
    assert_string_equal(bj_option_nearest_key("memory_mb"), "resource_limits.memory_mb");
    assert_string_equal(bj_option_nearest_key("resource_limit.cpu_cores"),
                        "resource_limits.cpu_cores");
    assert_null(bj_option_nearest_key("completely_different"));
}

static int fresh_directory(void **state)
{
    static char directory[] = "/tmp/belljar-test-XXXXXX";

    *state = directory;
    return mkdtemp(directory) != NULL && chdir(directory) == 0 ? 0 : -1;
}

static int remove_directory(void **state)
{
    static const char *const files[] = {"c.json", "p.json", "v.env", "r.json", "n.json"};

    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        unlink(files[i]);
    return rmdir(*state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_given),
        cmocka_unit_test(forms_of_flags),
        cmocka_unit_test(where_options_end),
        cmocka_unit_test(help_comes_first),
        cmocka_unit_test(mistakes),
        cmocka_unit_test(every_flag_refuses),
        cmocka_unit_test(precedence),
        cmocka_unit_test(who_names_the_preset),
        cmocka_unit_test(environment_files),
        cmocka_unit_test(root_needs_permission),
        cmocka_unit_test(the_flag_decides_the_network),
        cmocka_unit_test(warnings),
        cmocka_unit_test(secrets_stay_out_of_messages),
        cmocka_unit_test(nearest),
    };

    return cmocka_run_group_tests(tests, fresh_directory, remove_directory);
}
