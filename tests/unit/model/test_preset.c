/* Tests of src/model/preset.c: the figures that users are promised. */
#include "model_test.h"

#include "model/preset.h"

static void assert_limits(const char *name, double cpus, int64_t memory, int64_t disk,
                          int64_t seconds, int64_t processes, bool network)
{
    struct bj_config config;

    assert_int_equal(bj_config_init(&config, NULL), 0);
    assert_int_equal(bj_preset_apply(bj_preset_find(name), &config, NULL), 0);
    assert_string_equal(config.preset, name);
    assert_true(config.cpu_cores == cpus);
    assert_int_equal(config.memory_mb, memory);
    assert_int_equal(config.disk_mb, disk);
    assert_int_equal(config.timeout_seconds, seconds);
    assert_int_equal(config.max_processes, processes);
    assert_int_equal(config.network_enabled, network);
    assert_int_equal(config.network, network ? BJ_NETWORK_DOMAINS : BJ_NETWORK_NONE);
    if (network) {
        assert_string_equal(config.allowed_domains[0], "*");
        assert_null(config.allowed_domains[1]);
    } else {
        assert_null(config.allowed_domains);
    }
    for (int i = 0; i < BJ_OPT_COUNT; i++)
        assert_false(bj_config_said(&config, (enum bj_option_id)i));
    bj_config_release(&config);
}

static void figures(void **state)
{
    (void)state;
    assert_limits("minimal", 1, 256, 512, 30, 20, false);
    assert_limits("standard", 2, 512, 1024, 60, 50, false);
    assert_limits("development", 4, 2048, 4096, 300, 200, true);
    assert_null(bj_preset_find("nothing"));
    for (int i = 0; i < BJ_PRESET_COUNT; i++)
        assert_string_equal(bj_preset_names[i], bj_presets[i].name);
    assert_null(bj_preset_names[BJ_PRESET_COUNT]);
}

static void leaves_what_was_said(void **state)
{
    struct bj_config config;

    (void)state;
    assert_int_equal(bj_config_init(&config, NULL), 0);
    assert_int_equal(bj_config_set(&config, BJ_OPT_MEMORY_MB, "100", NULL, NULL), 0);
    assert_int_equal(bj_config_set(&config, BJ_OPT_ALLOWED_DOMAINS, "a.b", NULL, NULL), 0);
    assert_int_equal(bj_preset_apply(bj_preset_find("development"), &config, NULL), 0);
    assert_int_equal(config.memory_mb, 100);
    assert_int_equal(config.disk_mb, 4096);
    assert_string_equal(config.allowed_domains[0], "a.b");
    bj_config_release(&config);
}

/* Where a preset put a list, the first entry that is said takes its place. */
static void a_said_list_replaces(void **state)
{
    struct bj_config config;

    (void)state;
    assert_int_equal(bj_config_init(&config, NULL), 0);
    assert_int_equal(bj_preset_apply(bj_preset_find("development"), &config, NULL), 0);
    assert_int_equal(bj_config_set(&config, BJ_OPT_ALLOWED_DOMAINS, "a.b", NULL, NULL), 0);
    assert_int_equal(bj_config_set(&config, BJ_OPT_ALLOWED_DOMAINS, "c.d", NULL, NULL), 0);
    assert_string_equal(config.allowed_domains[0], "a.b");
    assert_string_equal(config.allowed_domains[1], "c.d");
    assert_null(config.allowed_domains[2]);
    bj_config_release(&config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures),
        cmocka_unit_test(leaves_what_was_said),
        cmocka_unit_test(a_said_list_replaces),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
