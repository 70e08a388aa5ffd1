/* Tests of src/policy/tools.c and src/policy/glob.c. */
#include "policy_test.h"

#include "policy/glob.h"
#include "policy/stats.h"
#include "policy/tools.h"

static bool matches(const char *pattern, const char *text)
{
    return bj_glob_matches(pattern, strlen(pattern), text, strlen(text));
}

static void test_glob(void **state)
{
    (void)state;
    assert_true(matches("", ""));
    assert_true(matches("*", ""));
    assert_true(matches("a*c", "abbc"));
    assert_true(matches("a*c", "ac"));
    assert_true(matches("*a*b*", "xxaxxbxx"));
    assert_true(matches("?", "\xc3\xa9"));
    assert_true(matches("\\*", "*"));
    assert_true(matches("a**b", "a-b"));
    assert_true(matches("*ab", "aab"));
    assert_false(matches("?", ""));
    assert_false(matches("\\*", "x"));
    assert_false(matches("a*c", "abcd"));
    assert_false(matches("a", "A"));
    assert_false(matches("*?x", "x"));
}

static void test_glob_takes_no_time(void **state)
{
    char pattern[2001], text[4001];

    (void)state;
    for (int i = 0; i < 1000; i++)
        memcpy(pattern + 2 * i, "*a", 2);
    pattern[2000] = '\0';
    memset(text, 'a', 3999);
    text[3999] = 'b';
    text[4000] = '\0';
    assert_false(matches(pattern, text));
}

/* Every tool and an argument list that is in form. */
static const struct {
    const char *tool, *arguments;
} calls[] = {
    {"TodoWrite", "{\"todos\": []}"},
    {"WebFetch", "{\"url\": \"https://example.com/\"}"},
    {"mcp__github__list", "{\"anything\": 1}"},
    {"SomethingNew", "{}"},
};

static void test_empty_lists_allow_all(void **state)
{
    struct judged judged;

    (void)state;
    judge_start(&judged, "{\"security\": {\"allowed_tools\": [], \"blocked_tools\": []}}");
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        assert_int_equal(judge(&judged, calls[i].tool, calls[i].arguments), BJ_ALLOW);
    judge_stop(&judged);
}

static void test_allowed(void **state)
{
    struct judged judged;

    (void)state;
    judge_start(&judged,
                "{\"security\": {\"allowed_tools\": [\"TodoWrite\", \"mcp__github__*\"]}}");
    assert_int_equal(judge(&judged, "TodoWrite", "{\"todos\": []}"), BJ_ALLOW);
    assert_int_equal(judge(&judged, "mcp__github__list", "{}"), BJ_ALLOW);
    assert_int_equal(judge(&judged, "mcp__githubx__list", "{}"), BJ_DENY);
    assert_int_equal(judge(&judged, "todowrite", "{}"), BJ_DENY);
    assert_int_equal(judge(&judged, "WebFetch", "{\"url\": \"https://a/\"}"), BJ_DENY);
    assert_true(has_rule(&judged, "tool.allowed"));
    judge_stop(&judged);
}

/* A name that is nearly a known one would pass unjudged. */
static void test_nearly_known(void **state)
{
    struct judged judged;

    (void)state;
    judge_start(&judged, "{}");
    assert_int_equal(judge(&judged, "bash", "{\"command\": \"rm -rf /\"}"), BJ_ASK);
    assert_true(has_rule(&judged, "tool.unknown"));
    judge_stop(&judged);
    judge_start(&judged, "{\"security\": {\"allowed_tools\": [\"bash\"]}}");
    assert_int_equal(judge(&judged, "bash", "{\"command\": \"ls\"}"), BJ_ALLOW);
    judge_stop(&judged);
}

/* The built-in rules see what the file tools do as they see what commands do. */
static void test_rules_judge_file_tools(void **state)
{
    static const struct {
        const char *tool, *arguments, *rule;
    } rows[] = {
        {"Read", "{\"file_path\": \"/home/u/.ssh/id_rsa\"}", "credentials.ssh"},
        {"Read", "{\"file_path\": \"/home/u/.ssh/id_rsa.pub\"}", NULL},
        {"Read", "{\"file_path\": \"/etc/x/../shadow\"}", "credentials.passwords"},
        {"Read", "{\"file_path\": \"/etc/passwd\"}", NULL},
        {"Grep", "{\"pattern\": \"x\", \"path\": \"/home/u/.netrc\"}", "credentials.tokens"},
        {"Write", "{\"file_path\": \"/home/u/.bashrc\", \"content\": \"x\"}", "persist.startup"},
        {"Write", "{\"file_path\": \"/etc/passwd\", \"content\": \"x\"}", "privilege.accounts"},
        {"Write", "{\"file_path\": \"/work/a.c\", \"content\": \"x\"}", NULL},
        {"LS", "{\"path\": \"/home/u/.ssh\"}", NULL},
    };
    struct judged judged;

    (void)state;
    judge_start(&judged, "{}");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        enum bj_decision decision = judge(&judged, rows[i].tool, rows[i].arguments);

        if (rows[i].rule == NULL ? decision != BJ_ALLOW
                                 : decision != BJ_DENY || !has_rule(&judged, rows[i].rule))
            fail_msg("%s %s: %s", rows[i].tool, rows[i].arguments,
                     bj_verdict_reason(&judged.verdict));
    }
    judge_stop(&judged);
}

static void test_blocked_wins(void **state)
{
    struct judged judged;

    (void)state;
    judge_start(&judged, "{\"security\": {\"allowed_tools\": [\"*\"], "
                         "\"blocked_tools\": [\"WebFetch\", \"mcp__*__delete*\"]}}");
    assert_int_equal(judge(&judged, "TodoWrite", "{\"todos\": []}"), BJ_ALLOW);
    assert_int_equal(judge(&judged, "mcp__a__list", "{}"), BJ_ALLOW);
    assert_int_equal(judge(&judged, "mcp__a__delete_all", "{}"), BJ_DENY);
    assert_int_equal(judge(&judged, "mcp__a/b__delete", "{}"), BJ_DENY);
    assert_int_equal(judge(&judged, "WebFetch", "{\"url\": \"https://a/\"}"), BJ_DENY);
    assert_true(has_rule(&judged, "tool.blocked"));
    judge_stop(&judged);
}

static void test_arguments_are_judged(void **state)
{
    struct judged judged;

    (void)state;
    judge_start(&judged, "{}");
    assert_int_equal(judge(&judged, "Read", "{\"file\": \"/x\"}"), BJ_DENY);
    assert_true(has_rule(&judged, "tool.arguments"));
    assert_int_equal(judge(&judged, "Bash", "{\"command\": 1}"), BJ_DENY);
    assert_int_equal(judge(&judged, "Read", "{\"file_path\": \"/x\"}"), BJ_ALLOW);
    judge_stop(&judged);
}

static void test_urls(void **state)
{
    static const struct {
        const char *url, *rule; /* NULL = allowed */
    } urls[] = {
        {"https://example.com", NULL},
        {"http://example.com:8080/a?b=c@d#e", NULL},
        {"HTTPS://example.com/", NULL},
        {"http://[2001:db8::1]/", NULL},
        {"file:///etc/passwd", "url.scheme"},
        {"ftp://example.com/", "url.scheme"},
        {"gopher://x", "url.scheme"},
        {"javascript:alert(1)", "url.scheme"},
        {"example.com", "url.scheme"},
        {"//example.com", "url.scheme"},
        {"httpss://x", "url.scheme"},
        {"https://user@example.com/", "url.credentials"},
        {"https://user:pass@example.com/", "url.credentials"},
        {"https://example.com\\\\@evil.example/", "url.invalid"},
        {"https://example.com/\\r\\nHost: x", "url.invalid"},
        {"https://exa mple.com/", "url.invalid"},
        {" https://example.com/", "url.invalid"},
        {"https:///path", "url.invalid"},
        {"https://:80/", "url.invalid"},
    };
    struct judged judged;
    char arguments[256];

    (void)state;
    judge_start(&judged, "{}");
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        snprintf(arguments, sizeof arguments, "{\"url\": \"%s\"}", urls[i].url);
        if (judge(&judged, "WebFetch", arguments) != (urls[i].rule != NULL ? BJ_DENY : BJ_ALLOW) ||
            (urls[i].rule != NULL && !has_rule(&judged, urls[i].rule)))
            fail_msg("%s: %s", urls[i].url, bj_verdict_reason(&judged.verdict));
    }
    judge_stop(&judged);
}

static void test_alert_url(void **state)
{
    static const char *const wrong[] = {"file:///x", "example.com", "https://a:b@c/",
                                        "https://a b/"};
    struct bj_policy *policy;
    struct bj_config config;
    struct bj_error err;

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(bj_config_init(&config, NULL), 0);
        assert_int_equal(bj_config_set(&config, BJ_OPT_ALERT_URL, wrong[i], NULL, NULL), 0);
        assert_int_equal(bj_policy_new(&config, &policy, &err), -BJ_E_CONFIG);
        assert_non_null(strstr(err.message, "security.alert_url: the URL"));
        bj_config_release(&config);
    }
}

static int warnings_of(const char *json)
{
    struct bj_warnings warnings = {0};
    struct bj_config config;

    assert_int_equal(bj_config_init(&config, NULL), 0);
    assert_int_equal(bj_config_load_json(&config, json, strlen(json), "/", NULL), 0);
    bj_tools_warn(&config, &warnings);
    bj_config_release(&config);
    return warnings.count;
}

static void test_near_misses_warn(void **state)
{
    (void)state;
    assert_int_equal(warnings_of("{\"security\": {\"blocked_tools\": [\"bash\"]}}"), 1);
    assert_int_equal(warnings_of("{\"security\": {\"blocked_tools\": [\"WebFetsh\"]}}"), 1);
    assert_int_equal(warnings_of("{\"security\": {\"blocked_tools\": [\"Bash(rm *)\"]}}"), 1);
    assert_int_equal(warnings_of("{\"security\": {\"blocked_tools\": [\"WebFetch\", \"mcp__a__b\", "
                                 "\"Agent\", \"mcp__*\"]}}"),
                     0);
}

static void test_statistics(void **state)
{
    struct bj_stats_violation kept[4];
    const struct bj_stats *stats;
    struct bj_stats_named named;
    struct judged judged;

    (void)state;
    judge_start(&judged, "{\"security\": {\"blocked_tools\": [\"WebFetch\"]}}");
    judge(&judged, "WebFetch", "{\"url\": \"https://a/\"}");
    judge(&judged, "TodoWrite", "{}");
    judge(&judged, "TodoWrite", "{\"todos\": []}");
    stats = bj_policy_stats(judged.policy);
    assert_int_equal(bj_stats_totals(stats)->calls, 3);
    assert_int_equal(bj_stats_totals(stats)->by_decision[BJ_DENY], 2);
    assert_int_equal(bj_stats_totals(stats)->by_decision[BJ_ALLOW], 1);
    assert_int_equal(bj_stats_totals(stats)->by_risk[BJ_RISK_MEDIUM], 1);
    assert_true(bj_stats_tool(stats, 1, &named));
    assert_string_equal(named.name, "TodoWrite");
    assert_int_equal(named.count, 2);
    assert_true(bj_stats_rule(stats, 0, &named));
    assert_string_equal(named.name, "tool.blocked");
    assert_false(bj_stats_rule(stats, 2, &named));
    assert_int_equal(bj_stats_violations(stats, BJ_RISK_LOW, BJ_RISK_CRITICAL, kept, 4), 2);
    assert_string_equal(kept[0].rule, "tool.arguments");
    assert_string_equal(kept[0].tool, "TodoWrite");
    assert_int_equal(bj_stats_violations(stats, BJ_RISK_MEDIUM, BJ_RISK_MEDIUM, kept, 4), 1);
    assert_string_equal(kept[0].rule, "tool.blocked");
    judge_stop(&judged);
}

static void test_statistics_are_bounded(void **state)
{
    struct bj_request request = {.tool = "x"};
    struct bj_verdict verdict;
    struct bj_stats_named named;
    struct bj_stats *stats;
    char name[32];

    (void)state;
    assert_int_equal(bj_stats_new(&stats, NULL), 0);
    for (int i = 0; i < 3000; i++) {
        snprintf(name, sizeof name, "rule-%d", i);
        request.tool = name;
        bj_verdict_init(&verdict);
        bj_verdict_add(&verdict, &(struct bj_violation){.rule = name, .risk = BJ_RISK_HIGH});
        bj_stats_count(stats, &request, &verdict, i);
        bj_verdict_release(&verdict);
    }
    assert_int_equal(bj_stats_violations(stats, BJ_RISK_NONE, BJ_RISK_CRITICAL, NULL, 0),
                     BJ_STATS_VIOLATIONS);
    assert_int_equal(bj_stats_totals(stats)->forgotten, 3000 - BJ_STATS_VIOLATIONS);
    assert_true(bj_stats_tool(stats, BJ_STATS_NAMES - 1, &named));
    assert_int_equal(named.count, 3000 - (BJ_STATS_NAMES - 1));
    assert_false(bj_stats_tool(stats, BJ_STATS_NAMES, &named));
    bj_stats_free(stats);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_glob),
        cmocka_unit_test(test_glob_takes_no_time),
        cmocka_unit_test(test_empty_lists_allow_all),
        cmocka_unit_test(test_allowed),
        cmocka_unit_test(test_nearly_known),
        cmocka_unit_test(test_rules_judge_file_tools),
        cmocka_unit_test(test_blocked_wins),
        cmocka_unit_test(test_arguments_are_judged),
        cmocka_unit_test(test_urls),
        cmocka_unit_test(test_alert_url),
        cmocka_unit_test(test_near_misses_warn),
        cmocka_unit_test(test_statistics),
        cmocka_unit_test(test_statistics_are_bounded),
    };

    return cmocka_run_group_tests_name("tools", tests, NULL, NULL);
}
