/* Tests of src/model/config.c and option_set.c: every row set from texts, and what is settled. */
#include "model_test.h"

#include <unistd.h>

#include "base/limits.h"
#include "model/options_internal.h"

static struct bj_config config;

static int setup(void **state)
{
    (void)state;
    return bj_config_init(&config, NULL);
}

static int teardown(void **state)
{
    (void)state;
    bj_config_release(&config);
    return 0;
}

static void set(enum bj_option_id id, const char *text)
{
    struct bj_error err = {0};

    if (bj_config_set(&config, id, text, NULL, &err) < 0)
        fail_msg("%s: %s", bj_option_get(id)->id, err.message);
    assert_true(bj_config_said(&config, id));
}

static void refuse(enum bj_option_id id, const char *text)
{
    struct bj_error err = {0};
    int result = bj_config_set(&config, id, text, NULL, &err);

    if (result != -BJ_E_INVALID)
        fail_msg("%s: %s was not refused", bj_option_get(id)->id, text);
    assert_int_equal(err.code, BJ_E_INVALID);
    assert_contains(err.message, "expected ");
    assert_contains(err.message, "found ");
}

static void defaults(void **state)
{
    (void)state;
    assert_string_equal(config.preset, "standard");
    assert_int_equal(config.output_limit_mb, 32);
    assert_int_equal(config.max_open_files, 1024);
    assert_string_equal(config.hostname, "belljar");
    assert_int_equal(config.session_timeout_minutes, 60);
    assert_true(config.auto_cleanup);
    assert_int_equal(config.sandbox_type, BJ_SANDBOX_NATIVE);
    assert_int_equal(config.network, BJ_NETWORK_NONE);
    assert_int_equal(config.workspace, BJ_WORKSPACE_DIRECTORY);
    assert_null(config.workspace_path);
    assert_null(config.working_directory);
    assert_false(config.allow_root);
    assert_int_equal(bj_config_settle(&config, NULL, NULL), 0);
    assert_int_equal(bj_config_check_enforced(&config, NULL), 0);
}

/* Below, at and above both ends of a number's range. */
static void number_ranges(enum bj_option_id id)
{
    const struct bj_option *option = bj_option_get(id);
    bool whole = option->kind != BJ_KIND_DECIMAL;
    char text[32];

    snprintf(text, sizeof text, "%.10g", option->minimum);
    set(id, text);
    snprintf(text, sizeof text, "%.10g", option->maximum);
    set(id, text);
    snprintf(text, sizeof text, "%.10g", option->maximum + 1);
    refuse(id, text);
    if (option->or_zero)
        set(id, "0");
    if (!whole || option->minimum > 1) {
        snprintf(text, sizeof text, "%.10g", whole ? option->minimum - 1 : option->minimum / 2);
        refuse(id, text);
    }
    if (!option->or_zero)
        refuse(id, "0");
    refuse(id, "-1");
    refuse(id, "many");
    refuse(id, "");
    refuse(id, "99999999999999999999");
}

static void text_lengths(enum bj_option_id id)
{
    const struct bj_option *option = bj_option_get(id);
    size_t most = (size_t)option->maximum;
    char *text = bj_alloc(most + 2);

    assert_non_null(text);
    memset(text, 'a', most);
    set(id, text);
    text[most] = 'a';
    refuse(id, text);
    refuse(id, "");
    refuse(id, "a\nb");
    refuse(id, "a\x7f");
    bj_free(text);
}

static void choices(enum bj_option_id id)
{
    const struct bj_option *option = bj_option_get(id);
    const void *field = (const char *)&config + option->offset;

    for (int i = 0; option->choices[i] != NULL; i++) {
        set(id, option->choices[i]);
        if (option->kind == BJ_KIND_ENUM)
            assert_int_equal(*(const unsigned *)field, i);
        else
            assert_string_equal(*(char *const *)field, option->choices[i]);
    }
    refuse(id, "");
    refuse(id, "NONE OF THEM");
}

static void every_row(void **state)
{
    (void)state;
    for (int i = 0; i < BJ_OPT_COUNT; i++) {
        enum bj_option_id id = (enum bj_option_id)i;
        const struct bj_option *option = bj_option_get(id);

        if (option->run_only)
            continue;
        switch (option->kind) {
        case BJ_KIND_BOOL:
            set(id, "true");
            assert_true(*(const bool *)((const char *)&config + option->offset));
            set(id, "false");
            assert_false(*(const bool *)((const char *)&config + option->offset));
            refuse(id, "yes");
            refuse(id, "");
            break;
        case BJ_KIND_COUNT:
        case BJ_KIND_SIZE:
        case BJ_KIND_DURATION:
        case BJ_KIND_DECIMAL:
            number_ranges(id);
            break;
        case BJ_KIND_ENUM:
        case BJ_KIND_PRESET:
            choices(id);
            break;
        case BJ_KIND_STRING:
        case BJ_KIND_STRING_LIST:
        case BJ_KIND_SECRET:
        case BJ_KIND_HOSTNAME:
            text_lengths(id);
            break;
        default:
            refuse(id, "");
            break;
        }
    }
}

/* A row without help, or a flag or key that two rows share, is our own mistake. */
static void the_table_is_sound(void **state)
{
    (void)state;
    for (int i = 0; i < BJ_OPT_COUNT; i++) {
        const struct bj_option *option = bj_option_get((enum bj_option_id)i);

        assert_true(option->help != NULL && option->help[0] != '\0');
        assert_true(option->help[strlen(option->help) - 1] != '.');
        assert_true(option->flag != NULL || option->key != NULL);
        assert_true(!option->run_only || option->key == NULL);
        if (option->flag != NULL)
            assert_int_equal(bj_option_find_flag(option->flag, strlen(option->flag)), i);
        if (option->short_flag != '\0')
            assert_int_equal(bj_option_find_short(option->short_flag), i);
        if (option->key != NULL)
            assert_int_equal(bj_option_find_key(option->key), i);
    }
}

static void paths(void **state)
{
    char here[BJ_PATH_MAX];

    (void)state;
    assert_non_null(getcwd(here, sizeof here));
    set(BJ_OPT_WORKSPACE, ".");
    assert_string_equal(config.workspace_path, here);
    set(BJ_OPT_WORKSPACE, "empty");
    assert_int_equal(config.workspace, BJ_WORKSPACE_EMPTY);
    assert_null(config.workspace_path);
    set(BJ_OPT_WORKSPACE, "/a/");
    assert_int_equal(config.workspace, BJ_WORKSPACE_DIRECTORY);
    assert_string_equal(config.workspace_path, "/a");
    set(BJ_OPT_WORKING_DIRECTORY, "/srv//space");
    assert_string_equal(config.working_directory, "/srv/space");
    refuse(BJ_OPT_WORKING_DIRECTORY, "work");
    refuse(BJ_OPT_WORKING_DIRECTORY, "/srv/..");
    refuse(BJ_OPT_WORKING_DIRECTORY, "/");
}

static void volumes(void **state)
{
    static const char *const bad[] = {"a",       "a:",    ":/b",      "a:b",     "a:/",
                                      "a:/b:rx", "a:/b:", "a:/b:ro:", "a:/../b", "a:/b/./c"};
    char text[32];

    (void)state;
    set(BJ_OPT_VOLUMES, "/a:/b");
    set(BJ_OPT_VOLUMES, "/c/:/d/:ro");
    set(BJ_OPT_VOLUMES, "/e:/f:rw");
    assert_int_equal(config.volume_count, 3);
    assert_string_equal(config.volumes[1].source, "/c");
    assert_string_equal(config.volumes[1].target, "/d");
    assert_false(config.volumes[0].read_only);
    assert_true(config.volumes[1].read_only);
    assert_false(config.volumes[2].read_only);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        refuse(BJ_OPT_VOLUMES, bad[i]);
    for (int i = 3; i < BJ_VOLUMES_MAX; i++) {
        snprintf(text, sizeof text, "/a:/v%d", i);
        set(BJ_OPT_VOLUMES, text);
    }
    assert_int_equal(bj_config_set(&config, BJ_OPT_VOLUMES, "/a:/z", NULL, NULL), -BJ_E_INVALID);
}

static void variables(void **state)
{
    (void)state;
    set(BJ_OPT_ENVIRONMENT, "A=b");
    set(BJ_OPT_ENVIRONMENT, "AB=c");
    set(BJ_OPT_ENVIRONMENT, "A=d=e");
    setenv("BELLJAR_TEST_COPIED", "here", 1);
    unsetenv("BELLJAR_TEST_MISSING");
    set(BJ_OPT_ENVIRONMENT, "BELLJAR_TEST_COPIED");
    set(BJ_OPT_ENVIRONMENT, "BELLJAR_TEST_MISSING");
    assert_string_equal(config.environment[0], "A=d=e");
    assert_string_equal(config.environment[1], "AB=c");
    assert_string_equal(config.environment[2], "BELLJAR_TEST_COPIED=here");
    assert_null(config.environment[3]);
    refuse(BJ_OPT_ENVIRONMENT, "=x");
    refuse(BJ_OPT_ENVIRONMENT, "a b=x");
}

static void lists_are_bounded(void **state)
{
    (void)state;
    for (int i = 0; i < BJ_LIST_MAX; i++)
        set(BJ_OPT_BLOCKED_TOOLS, "a");
    assert_int_equal(bj_config_set(&config, BJ_OPT_BLOCKED_TOOLS, "a", NULL, NULL), -BJ_E_INVALID);
}

static void layers_and_domains(void **state)
{
    struct bj_error err = {0};

    (void)state;
    set(BJ_OPT_REQUIRED_LAYERS, "memory");
    refuse(BJ_OPT_REQUIRED_LAYERS, "nothing");
    assert_int_equal(bj_config_set(&config, BJ_OPT_REQUIRED_LAYERS, "memry", NULL, &err),
                     -BJ_E_INVALID);
    assert_contains(err.message, "did you mean memory?");
    set(BJ_OPT_DISABLED_LAYERS, "memory");
    assert_int_equal(bj_config_settle(&config, NULL, &err), -BJ_E_INVALID);
    assert_contains(err.message, "layer memory is both required and left out");
    refuse(BJ_OPT_ALLOWED_DOMAINS, "no domain");
}

static void network(void **state)
{
    struct bj_warnings warnings = {0};

    (void)state;
    set(BJ_OPT_NETWORK_ENABLED, "true");
    assert_int_equal(bj_config_settle(&config, &warnings, NULL), 0);
    assert_int_equal(config.network, BJ_NETWORK_NONE);
    assert_int_equal(warnings.count, 1);
    assert_contains(warnings.texts[0], "nothing can be reached");

    set(BJ_OPT_NETWORK_ENABLED, "true");
    set(BJ_OPT_ALLOWED_DOMAINS, "example.com");
    assert_int_equal(bj_config_settle(&config, &warnings, NULL), 0);
    assert_int_equal(config.network, BJ_NETWORK_DOMAINS);
    assert_int_equal(warnings.count, 1);

    set(BJ_OPT_NETWORK, "host");
    assert_int_equal(bj_config_settle(&config, &warnings, NULL), 0);
    assert_int_equal(config.network, BJ_NETWORK_HOST);
    assert_int_equal(warnings.count, 2);
    assert_contains(warnings.texts[1], "no effect");

    set(BJ_OPT_NETWORK, "none");
    assert_int_equal(bj_config_settle(&config, &warnings, NULL), 0);
    assert_int_equal(config.network, BJ_NETWORK_NONE);
    assert_false(config.network_enabled);
}

static void root_inside(void **state)
{
    struct bj_error err = {0};

    (void)state;
    set(BJ_OPT_USER, "root");
    assert_int_equal(bj_config_settle(&config, NULL, &err), -BJ_E_INVALID);
    assert_contains(err.message, "security.allow_root");
    set(BJ_OPT_ALLOW_ROOT, "true");
    assert_int_equal(bj_config_settle(&config, NULL, NULL), 0);
}

static void reserved_targets(void **state)
{
    struct bj_error err = {0};

    (void)state;
    set(BJ_OPT_VOLUMES, "/a:/processes");
    assert_int_equal(bj_config_settle(&config, NULL, NULL), 0);
    set(BJ_OPT_VOLUMES, "/b:/processes");
    assert_int_equal(bj_config_settle(&config, NULL, &err), -BJ_E_INVALID);
    assert_contains(err.message, "given twice");
    bj_config_release(&config);
    assert_int_equal(bj_config_init(&config, NULL), 0);
    set(BJ_OPT_VOLUMES, "/a:/proc/sys");
    assert_int_equal(bj_config_settle(&config, NULL, &err), -BJ_E_INVALID);
    assert_contains(err.message, "below /proc");
    bj_config_release(&config);
    assert_int_equal(bj_config_init(&config, NULL), 0);
    set(BJ_OPT_WORKING_DIRECTORY, "/dev");
    assert_int_equal(bj_config_settle(&config, NULL, &err), -BJ_E_INVALID);
    assert_contains(err.message, "working_directory: \"/dev\" is below /dev");
}

/* Each rule that is read but not enforced refuses the run by its key. */
static void unenforced(void **state)
{
    int seen = 0;

    (void)state;
    for (int i = 0; i < BJ_OPT_COUNT; i++) {
        const struct bj_option *option = bj_option_get((enum bj_option_id)i);
        struct bj_error err = {0};

        if (!option->later)
            continue;
        seen++;
        bj_config_release(&config);
        assert_int_equal(bj_config_init(&config, NULL), 0);
        set((enum bj_option_id)i, option->kind == BJ_KIND_ENUM   ? option->choices[0]
                                  : i == BJ_OPT_AUTO_CLEANUP     ? "false"
                                  : option->kind == BJ_KIND_BOOL ? "true"
                                                                 : "1");
        assert_int_equal(bj_config_check_enforced(&config, &err), -BJ_E_UNSUPPORTED);
        assert_contains(err.message, option->key);
    }
    assert_true(seen > 0);
    bj_config_release(&config);
    assert_int_equal(bj_config_init(&config, NULL), 0);
    set(BJ_OPT_PRESET, "development");
    assert_int_equal(bj_config_settle(&config, NULL, NULL), 0);
    assert_int_equal(bj_config_check_enforced(&config, NULL), -BJ_E_UNSUPPORTED);
}

static void run_seconds(void **state)
{
    (void)state;
    assert_int_equal(bj_config_run_seconds(&config), 60);
    set(BJ_OPT_TIMEOUT_SECONDS, "2h");
    assert_int_equal(bj_config_run_seconds(&config), 7200);
    set(BJ_OPT_SESSION_TIMEOUT, "1");
    assert_int_equal(bj_config_run_seconds(&config), 60);
    set(BJ_OPT_TIMEOUT_SECONDS, "5");
    assert_int_equal(bj_config_run_seconds(&config), 5);
    set(BJ_OPT_TIMEOUT_SECONDS, "0");
    assert_int_equal(bj_config_run_seconds(&config), 60);
}

static void run_options_are_no_config(void **state)
{
    (void)state;
    assert_int_equal(bj_config_set(&config, BJ_OPT_TTY, "true", NULL, NULL), -BJ_E_INVALID);
    assert_int_equal(bj_config_set(&config, BJ_OPT_CONFIG_FILE, "x", NULL, NULL), -BJ_E_INVALID);
}

static void warnings_are_bounded(void **state)
{
    struct bj_warnings warnings = {0};

    (void)state;
    for (int i = 0; i < BJ_WARNINGS_MAX + 3; i++)
        bj_warnings_add(&warnings, "%0500d", i);
    assert_int_equal(warnings.count, BJ_WARNINGS_MAX);
    assert_int_equal(warnings.dropped, 3);
    assert_int_equal(strlen(warnings.texts[0]), BJ_WARNING_TEXT_MAX - 1);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(defaults),
        TEST(every_row),
        TEST(the_table_is_sound),
        TEST(paths),
        TEST(volumes),
        TEST(variables),
        TEST(lists_are_bounded),
        TEST(layers_and_domains),
        TEST(network),
        TEST(root_inside),
        TEST(reserved_targets),
        TEST(unenforced),
        TEST(run_seconds),
        TEST(run_options_are_no_config),
        TEST(warnings_are_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
