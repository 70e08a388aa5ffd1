/* Tests of src/policy/path.c, paths.c and paths_judge.c. */
#include "policy_test.h"

#include "policy/path.h"
#include "policy/paths.h"

static void test_canonical(void **state)
{
    static const struct {
        const char *text, *canonical; /* NULL = unknown, "" = invalid */
    } paths[] = {
        {"/", "/"},
        {"/..", "/"},
        {"//etc///shadow/", "/etc/shadow"},
        {"/etc/../etc/./shadow", "/etc/shadow"},
        {"x", "/work/x"},
        {"./x/..", "/work"},
        {"../../..", "/"},
        {"../etc", "/etc"},
        {"~", "/home/u"},
        {"~/.ssh/id_rsa", "/home/u/.ssh/id_rsa"},
        {"a~", "/work/a~"},
        {"~root/x", NULL},
        {"/proc/self/root/etc/shadow", "/etc/shadow"},
        {"/proc/self/root", "/"},
        {"/proc/1/root/etc/shadow", "/etc/shadow"},
        {"/proc/thread-self/root/x", "/x"},
        {"/proc/self/task/7/root/x", "/x"},
        {"/proc/self/cwd/x", "/work/x"},
        {"/proc/self/cwd/../root/x", "/root/x"},
        {"/proc/7/cwd/x", NULL},
        {"/proc/self/root/proc/self/root/x", "/x"},
        {"/proc/self/rootx", "/proc/self/rootx"},
        {"/proc/self/status", "/proc/self/status"},
        {"", ""},
        {"/a\nb", ""},
        {"/a\x7f", ""},
    };
    struct bj_path_base base = {"/work", "/home/u"};
    char out[BJ_PATH_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        enum bj_path_form form = bj_path_canonical(paths[i].text, &base, out);

        if (paths[i].canonical == NULL)
            assert_int_equal(form, BJ_PATH_UNKNOWN);
        else if (paths[i].canonical[0] == '\0')
            assert_int_equal(form, BJ_PATH_INVALID);
        else if (form != BJ_PATH_CANONICAL || !bj_streq(out, paths[i].canonical))
            fail_msg("%s: %s", paths[i].text, out);
    }
}

static void test_canonical_limits(void **state)
{
    struct bj_path_base base = {"/work", NULL}, bad = {"work", "home"};
    char out[BJ_PATH_MAX], text[BJ_PATH_MAX + 1];

    (void)state;
    memset(text, 'a', sizeof text);
    text[BJ_PATH_MAX] = '\0';
    assert_int_equal(bj_path_canonical(text, &base, out), BJ_PATH_INVALID);
    text[BJ_PATH_MAX - 1] = '\0';
    assert_int_equal(bj_path_canonical(text, &base, out), BJ_PATH_INVALID);
    text[0] = '/';
    assert_int_equal(bj_path_canonical(text, &base, out), BJ_PATH_CANONICAL);
    assert_int_equal(bj_path_canonical("~/x", &base, out), BJ_PATH_UNKNOWN);
    assert_int_equal(bj_path_canonical("x", &bad, out), BJ_PATH_UNKNOWN);
    base.directory = "/proc/self/cwd";
    assert_int_equal(bj_path_canonical("/proc/self/cwd", &base, out), BJ_PATH_UNKNOWN);
}

/* Calls of tools under one configuration: what each must come to. */
struct expected {
    const char *tool, *arguments;
    enum bj_decision decision;
    const char *rule;
};

static void check(const char *config, const struct expected *cases, size_t count)
{
    struct judged judged;

    judge_start(&judged, config);
    for (size_t i = 0; i < count; i++) {
        if (judge(&judged, cases[i].tool, cases[i].arguments) != cases[i].decision ||
            (cases[i].rule != NULL && !has_rule(&judged, cases[i].rule)))
            fail_msg("%s %s: %s: %s", cases[i].tool, cases[i].arguments,
                     bj_decision_name(judged.verdict.decision), bj_verdict_reason(&judged.verdict));
    }
    judge_stop(&judged);
}
#define CHECK(config, ...)                                                                         \
    do {                                                                                           \
        static const struct expected cases[] = {__VA_ARGS__};                                      \
        check(config, cases, sizeof cases / sizeof *cases);                                        \
    } while (0)

static void test_denied(void **state)
{
    (void)state;
    CHECK("{\"security\": {\"denied_paths\": [\"/etc/shadow\", \"~/.ssh\"]}}",
          {"Read", "{\"file_path\": \"/etc/shadow\"}", BJ_DENY, "path.denied"},
          {"Read", "{\"path\": \"/etc/../etc//shadow\"}", BJ_DENY, "path.denied"},
          {"Read", "{\"path\": \"../etc/shadow\"}", BJ_DENY, "path.denied"},
          {"Read", "{\"path\": \"/proc/self/root/etc/shadow\"}", BJ_DENY, "path.denied"},
          {"Read", "{\"path\": \"~/.ssh/id_rsa\"}", BJ_DENY, "path.denied"},
          {"Read", "{\"path\": \"/home/u/.ssh\"}", BJ_DENY, "path.denied"},
          {"Write", "{\"path\": \"/home/u/.ssh/authorized_keys\", \"content\": \"\"}", BJ_DENY,
           "path.denied"},
          {"NotebookEdit", "{\"notebook_path\": \"~/.ssh/n\", \"new_source\": \"\"}", BJ_DENY,
           "path.denied"},
          {"Read", "{\"path\": \"~root/.ssh\"}", BJ_ASK, "path.unknown"},
          {"Read", "{\"path\": \"/etc/a\\nb\"}", BJ_DENY, "path.invalid"},
          {"Read", "{\"path\": \"/etc/shadows\"}", BJ_ALLOW, NULL},
          {"Read", "{\"path\": \"/home/u/.sshx\"}", BJ_ALLOW, NULL},
          {"Read", "{\"path\": \"/srv/v/.ssh\"}", BJ_ALLOW, NULL},
          {"LS", "{\"path\": \"/etc\"}", BJ_ALLOW, NULL},
          {"LS", "{\"path\": \"/home/u\"}", BJ_ALLOW, NULL});
}

static void test_recursive(void **state)
{
    (void)state;
    CHECK("{\"security\": {\"denied_paths\": [\"~/.ssh\", \"/srv/*/keys\"]}}",
          {"Grep", "{\"pattern\": \"x\", \"path\": \"/home/u\"}", BJ_ASK, "path.holds"},
          {"Grep", "{\"pattern\": \"x\", \"path\": \"/\"}", BJ_ASK, "path.holds"},
          {"Grep", "{\"pattern\": \"x\", \"path\": \"/home/u/.ssh\"}", BJ_DENY, "path.denied"},
          {"Grep", "{\"pattern\": \"x\", \"path\": \"/srv/a\"}", BJ_ASK, "path.holds"},
          {"Grep", "{\"pattern\": \"x\", \"path\": \"/srv/a/keys/b\"}", BJ_DENY, "path.denied"},
          {"Grep", "{\"pattern\": \"x\", \"path\": \"/srv/a/b\"}", BJ_ALLOW, NULL},
          {"Grep", "{\"pattern\": \"x\", \"path\": \"/home/u/src\"}", BJ_ALLOW, NULL},
          {"Grep", "{\"pattern\": \"x\"}", BJ_ALLOW, NULL},
          {"Search", "{\"pattern\": \"x\", \"path\": \"..\"}", BJ_ASK, "path.holds"});
}

static void test_glob_tool(void **state)
{
    (void)state;
    CHECK("{\"security\": {\"denied_paths\": [\"~/.ssh\"]}}",
          {"Glob", "{\"pattern\": \"*.c\"}", BJ_ALLOW, NULL},
          {"Glob", "{\"pattern\": \"**/*.c\"}", BJ_ALLOW, NULL},
          {"Glob", "{\"pattern\": \"~/.ssh/*\"}", BJ_DENY, "path.denied"},
          {"Glob", "{\"pattern\": \".s*/id\", \"path\": \"/home/u\"}", BJ_ASK, "path.unknown"},
          {"Glob", "{\"pattern\": \"*/.ssh/id\", \"path\": \"/home\"}", BJ_ASK, "path.unknown"},
          {"Glob", "{\"pattern\": \".[s]sh/*\", \"path\": \"/home/u\"}", BJ_ASK, "path.unknown"},
          {"Glob", "{\"pattern\": \"{.ssh,x}/*\", \"path\": \"/home/u\"}", BJ_ASK, "path.holds"},
          {"Glob", "{\"pattern\": \"**/id_rsa\", \"path\": \"/home\"}", BJ_ASK, "path.holds"},
          {"Glob", "{\"pattern\": \"{../x,/home/u/.ssh/*}\"}", BJ_ASK, "path.unknown"},
          {"Glob", "{\"pattern\": \"*.c\", \"path\": \"/home/u/.ssh\"}", BJ_DENY, "path.denied"},
          {"Glob", "{\"pattern\": \"*.c\", \"path\": \"/home/u\"}", BJ_ALLOW, NULL},
          {"Glob", "{\"pattern\": \"../../home/u/.ssh/id\"}", BJ_DENY, "path.denied"});
}

static void test_allowed(void **state)
{
    (void)state;
    CHECK("{\"security\": {\"allowed_paths\": [\"/work\", \"/usr:ro\", \"/data/*.csv\"], "
          "\"denied_paths\": [\"secrets/\", \".env\"]}, \"working_directory\": \"/work\"}",
          {"Read", "{\"path\": \"a.txt\"}", BJ_ALLOW, NULL},
          {"Write", "{\"path\": \"a.txt\", \"content\": \"x\"}", BJ_ALLOW, NULL},
          {"Read", "{\"path\": \"/usr/include/stdio.h\"}", BJ_ALLOW, NULL},
          {"Edit", "{\"path\": \"/usr/x\", \"old_string\": \"a\", \"new_string\": \"b\"}", BJ_DENY,
           "path.outside"},
          {"Read", "{\"path\": \"/data/a.csv\"}", BJ_ALLOW, NULL},
          {"Read", "{\"path\": \"/data/a/b.csv\"}", BJ_DENY, "path.outside"},
          {"Read", "{\"path\": \"/workx\"}", BJ_DENY, "path.outside"},
          {"Read", "{\"path\": \"../etc/passwd\"}", BJ_DENY, "path.outside"},
          {"Read", "{\"path\": \"/dev/null\"}", BJ_ALLOW, NULL},
          {"Read", "{\"path\": \"/dev/fd/3\"}", BJ_ALLOW, NULL},
          {"Read", "{\"path\": \"/dev/fd/3/etc/shadow\"}", BJ_DENY, "path.outside"},
          {"Read", "{\"path\": \"secrets/a\"}", BJ_DENY, "path.denied"},
          {"Read", "{\"path\": \"x/secrets/a\"}", BJ_ALLOW, NULL},
          {"Read", "{\"path\": \"x/y/.env\"}", BJ_DENY, "path.denied"},
          {"Grep", "{\"pattern\": \"x\"}", BJ_ASK, "path.holds"},
          {"Glob", "{\"pattern\": \"*.c\"}", BJ_ALLOW, NULL},
          {"Glob", "{\"pattern\": \"*\"}", BJ_ASK, "path.unknown"});
}

static void test_read_only_entries_of_denied(void **state)
{
    (void)state;
    CHECK("{\"security\": {\"denied_paths\": [\"/etc:ro\", \"*.lock:ro\"]}}",
          {"Read", "{\"path\": \"/etc/passwd\"}", BJ_ALLOW, NULL},
          {"Write", "{\"path\": \"/etc/passwd\", \"content\": \"x\"}", BJ_DENY, "path.denied"},
          {"Read", "{\"path\": \"a/b.lock\"}", BJ_ALLOW, NULL},
          {"Write", "{\"path\": \"a/b.lock\", \"content\": \"x\"}", BJ_DENY, "path.denied"});
}

static void test_any_number_of_components(void **state)
{
    (void)state;
    CHECK("{\"security\": {\"denied_paths\": [\"/srv/**/keys\", \"**/a/?.pem\"]}}",
          {"Read", "{\"path\": \"/srv/keys\"}", BJ_DENY, NULL},
          {"Read", "{\"path\": \"/srv/a/b/keys/c\"}", BJ_DENY, NULL},
          {"Read", "{\"path\": \"/srv/xkeys\"}", BJ_ALLOW, NULL},
          {"Read", "{\"path\": \"/x/y/a/1.pem\"}", BJ_DENY, NULL},
          {"Read", "{\"path\": \"/a/1.pem\"}", BJ_DENY, NULL},
          {"Read", "{\"path\": \"/a/12.pem\"}", BJ_ALLOW, NULL});
}

static void test_unknown_setting(void **state)
{
    (void)state;
    CHECK("{\"security\": {\"denied_paths\": [\"~/.ssh\"], \"unknown_commands\": \"deny\"}}",
          {"Grep", "{\"pattern\": \"x\", \"path\": \"/home\"}", BJ_DENY, "path.holds"});
    CHECK("{\"security\": {\"denied_paths\": [\"~/.ssh\"], \"unknown_commands\": \"allow\"}}",
          {"Grep", "{\"pattern\": \"x\", \"path\": \"/home\"}", BJ_ALLOW, NULL},
          {"Read", "{\"path\": \"~/.ssh/x\"}", BJ_DENY, NULL});
}

static void assert_refused(const char *json, const char *words)
{
    struct bj_policy *policy = NULL;
    struct bj_config config;
    struct bj_error err = {0};

    assert_int_equal(bj_config_init(&config, NULL), 0);
    assert_int_equal(bj_config_load_json(&config, json, strlen(json), "/", &err), 0);
    assert_int_equal(bj_policy_new(&config, &policy, &err), -BJ_E_CONFIG);
    if (strstr(err.message, words) == NULL)
        fail_msg("%s: %s", json, err.message);
    bj_config_release(&config);
}

static void test_entries_that_cannot_be_meant(void **state)
{
    (void)state;
    assert_refused("{\"security\": {\"denied_paths\": [\"/a/../b\"]}}", "security.denied_paths");
    assert_refused("{\"security\": {\"allowed_paths\": [\"~root/x\"]}}", "absolute path");
    assert_refused("{\"security\": {\"allowed_paths\": [\":ro\"]}}", "no path");
}

/* With links resolved by whoever can, the same lists decide. */
static void test_resolved_paths(void **state)
{
    char *denied[] = {"/etc/shadow", NULL};
    struct bj_paths *paths;
    struct bj_config config;
    struct bj_path_use use = {.path = "/etc/shadow", .access = BJ_ACCESS_READ};
    const char *entry;

    (void)state;
    assert_int_equal(bj_config_init(&config, NULL), 0);
    config.denied_paths = denied;
    assert_int_equal(bj_paths_new(&config, &paths, NULL), 0);
    config.denied_paths = NULL;
    bj_config_release(&config);
    assert_int_equal(bj_paths_decide(paths, &use, &entry), BJ_PATH_DENIED);
    assert_string_equal(entry, "/etc/shadow");
    use.path = "/etc/passwd";
    assert_int_equal(bj_paths_decide(paths, &use, &entry), BJ_PATH_FREE);
    bj_paths_free(paths);
}

/* However a denied path is written, it stays denied. */
static void test_spellings(void **state)
{
    static const char *const noise[] = {"/", "/./", "//", "/x/../", "/./x/y/../../"};
    struct judged judged;
    char arguments[512];
    unsigned seed = 7;

    (void)state;
    judge_start(&judged, "{\"security\": {\"denied_paths\": [\"/a/b/c\"]}}");
    for (int i = 0; i < 2000; i++) {
        const char *n[5];

        for (size_t k = 0; k < 5; k++)
            n[k] = noise[(unsigned)rand_r(&seed) % 5];
        snprintf(arguments, sizeof arguments, "{\"path\": \"%s%sa%sb%sc%sd\"}",
                 rand_r(&seed) % 2 ? "" : "..", n[0], n[1], n[2], n[3]);
        if (judge(&judged, "Read", arguments) != BJ_DENY)
            fail_msg("%s", arguments);
    }
    judge_stop(&judged);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_canonical),
        cmocka_unit_test(test_canonical_limits),
        cmocka_unit_test(test_denied),
        cmocka_unit_test(test_recursive),
        cmocka_unit_test(test_glob_tool),
        cmocka_unit_test(test_allowed),
        cmocka_unit_test(test_read_only_entries_of_denied),
        cmocka_unit_test(test_any_number_of_components),
        cmocka_unit_test(test_unknown_setting),
        cmocka_unit_test(test_entries_that_cannot_be_meant),
        cmocka_unit_test(test_resolved_paths),
        cmocka_unit_test(test_spellings),
    };

    return cmocka_run_group_tests_name("paths", tests, NULL, NULL);
}
