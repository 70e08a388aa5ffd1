/* Tests of src/policy/paths_command.c: commands by their text, through the whole policy. */
#include "policy_test.h"

static const char *const path_rules[] = {"path.denied", "path.outside", "path.unknown",
                                         "path.holds", "path.invalid"};

/* The strictest that the lists of paths say; other rules are not looked at. */
static enum bj_decision path_decision(const struct judged *judged)
{
    enum bj_decision decision = BJ_ALLOW;

    for (int i = 0; i < judged->verdict.count; i++) {
        const struct bj_violation *violation = &judged->verdict.violations[i];

        for (size_t k = 0; k < sizeof path_rules / sizeof *path_rules; k++) {
            if (bj_streq(violation->rule, path_rules[k]) && violation->decision > decision)
                decision = violation->decision;
        }
    }
    return decision;
}

static void judge_text(struct judged *judged, const char *text)
{
    struct bj_request request = {
        .tool = "Bash", .command = text, .directory = "/work", .home = "/home/u"};

    bj_verdict_release(&judged->verdict);
    assert_int_equal(bj_policy_judge(judged->policy, &request, 0, &judged->verdict, NULL), 0);
}

struct expected {
    const char *text;
    enum bj_decision decision;
};

static void check(const char *config, const struct expected *cases, size_t count)
{
    struct judged judged;
    int failures = 0;

    judge_start(&judged, config);
    for (size_t i = 0; i < count; i++) {
        judge_text(&judged, cases[i].text);
        if (path_decision(&judged) == cases[i].decision)
            continue;
        failures++;
        print_error("%s: %s, expected %s\n", cases[i].text,
                    bj_decision_name(path_decision(&judged)), bj_decision_name(cases[i].decision));
        for (int k = 0; k < judged.verdict.count; k++)
            print_error("    %s: %s\n", judged.verdict.violations[k].rule,
                        judged.verdict.violations[k].description);
    }
    judge_stop(&judged);
    assert_int_equal(failures, 0);
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
          {"cat ~/.ssh/id_rsa", BJ_DENY}, {"cat /etc/../etc/shadow", BJ_DENY},
          {"cat //etc/./shadow", BJ_DENY}, {"cd ~/.ssh && cat id_rsa", BJ_DENY},
          {"cd ~; cd .ssh; cat id_rsa", BJ_DENY}, {"cat \"$HOME/.ssh/id_rsa\"", BJ_DENY},
          {"cat /etc/sha\"\"dow", BJ_DENY}, {"x=/etc/shadow; cat $x", BJ_DENY},
          {"cat /etc/{passwd,shadow}", BJ_DENY}, {"cat < /etc/shadow", BJ_DENY},
          {"echo x > ~/.ssh/authorized_keys", BJ_DENY},
          {"echo x >> ~/.ssh/authorized_keys", BJ_DENY}, {"tar cf - ~/.ssh", BJ_DENY},
          {"tar -cf /tmp/x.tar -C /home/u .ssh", BJ_DENY},
          {"tar -cf /tmp/x.tar --directory=/home/u .ssh", BJ_DENY},
          {"tar -cf /tmp/x.tar -C /home u/src", BJ_ALLOW}, {"cp /etc/shadow /tmp/x", BJ_DENY},
          {"cp /tmp/x ~/.ssh/config", BJ_DENY}, {"sudo cat /etc/shadow", BJ_DENY},
          {"sh -c 'cat /etc/shadow'", BJ_DENY}, {"echo /etc/shadow | xargs cat", BJ_DENY},
          {"cat /proc/self/root/etc/shadow", BJ_DENY}, {"dd if=/etc/shadow of=/tmp/x", BJ_DENY},
          {"rm -rf ~/.ssh", BJ_DENY}, {"mytool /etc/shadow", BJ_DENY},
          {"mytool --key=/etc/shadow", BJ_DENY}, {"cd ~/.ssh && mytool id_rsa", BJ_DENY},
          {"grep root /etc/shadow", BJ_DENY}, {"grep -rn /etc/shadow src", BJ_ALLOW},
          {"grep -e x /etc/shadow", BJ_DENY}, {"rg --files ~/.ssh", BJ_DENY},
          {"sed -n p /etc/shadow", BJ_DENY}, {"find ~/.ssh -type f", BJ_DENY},
          {"cat /etc/passwd", BJ_ALLOW}, {"cat ~/.sshx", BJ_ALLOW}, {"echo /etc/shadow", BJ_ALLOW},
          {"ls -la", BJ_ALLOW}, {"ls ~", BJ_ALLOW}, {"git status", BJ_ALLOW},
          {"make -j2 all", BJ_ALLOW}, {"grep -r x src", BJ_ALLOW}, {"mytool build src", BJ_ALLOW});
}

static void test_parents_and_patterns(void **state)
{
    (void)state;
    CHECK("{\"security\": {\"denied_paths\": [\"/etc/shadow\", \"~/.ssh\"]}}",
          {"cp -r ~ /tmp/x", BJ_ASK}, {"cp --recursive /home /tmp/x", BJ_ASK},
          {"tar czf /tmp/x.tgz /", BJ_ASK}, {"grep -r secret /home/u", BJ_ASK},
          {"rsync -a ~/ host:/x", BJ_ASK}, {"mytool /home/u", BJ_ASK}, {"mv ~ /tmp/x", BJ_ASK},
          {"rm -r ~", BJ_ASK}, {"chmod -R 777 /etc", BJ_ASK}, {"cat /etc/sh*", BJ_ASK},
          {"cat /etc/s?adow", BJ_ASK}, {"cat /e*/shadow", BJ_ASK}, {"cat ~/.s*/id_rsa", BJ_ASK},
          {"cat \"$1\"", BJ_ASK}, {"cat /etc/pass*", BJ_ALLOW}, {"cat *.c", BJ_ALLOW},
          {"ls /etc/*.conf", BJ_ALLOW}, {"cp -r src /tmp/x", BJ_ALLOW},
          {"cp ~/a /tmp/x", BJ_ALLOW});
}

static void test_allowed(void **state)
{
    (void)state;
    CHECK("{\"security\": {\"allowed_paths\": [\"/work\", \"/usr:ro\", \"/tmp\"]}}",
          {"cat a.txt", BJ_ALLOW}, {"echo x > a.txt", BJ_ALLOW},
          {"cat /usr/include/stdio.h", BJ_ALLOW}, {"make > /dev/null 2>&1", BJ_ALLOW},
          {"cp /usr/include/stdio.h .", BJ_ALLOW}, {"cat /etc/passwd", BJ_DENY},
          {"cat ../etc/passwd", BJ_DENY}, {"echo x > /usr/y", BJ_DENY},
          {"cp a.txt /usr/y", BJ_DENY}, {"tee /usr/y", BJ_DENY},
          {"cd / && cat etc/passwd", BJ_DENY}, {"mytool /usr/y", BJ_ASK},
          {"mytool /etc/passwd", BJ_DENY}, {"mytool subcommand", BJ_ALLOW});
}

static void test_names_anywhere(void **state)
{
    (void)state;
    CHECK("{\"security\": {\"denied_paths\": [\".env\", \"*.pem\"]}}", {"cat .env", BJ_DENY},
          {"cat a/b/.env", BJ_DENY}, {"cat key.pem", BJ_DENY}, {"source .env", BJ_DENY},
          {". ./.env", BJ_DENY}, {"grep -r x .", BJ_ASK}, {"cat *", BJ_ASK}, {"cat *.c", BJ_ASK},
          {"mytool src", BJ_ALLOW}, {"find . -name '*.c'", BJ_ALLOW}, {"cat a.txt", BJ_ALLOW});
}

static void test_other_words_for_a_path(void **state)
{
    (void)state;
    CHECK("{\"security\": {\"denied_paths\": [\"/etc/shadow\", \"/srv/**/keys\", \"/ro:ro\"]}}",
          {"git -C /etc diff --no-index /dev/null shadow", BJ_DENY},
          {"CDPATH=/ cd etc; cat shadow", BJ_ASK}, {"export CDPATH=/; cd etc", BJ_ASK},
          {"ln -s /etc e; cat e/shadow", BJ_ASK}, {"curl 'file://localhost/etc/shadow'", BJ_DENY},
          {"curl FILE:///etc/%73hadow", BJ_DENY}, {"curl 'file:///etc/{shadow,x}'", BJ_ASK},
          {"git clone file:///srv/a/keys", BJ_DENY}, {"printf /etc/shadow | tar c -T -", BJ_ASK},
          {"echo /etc/shadow | cpio -o", BJ_ASK},
          {"sqlite3 x \"attach '/etc/shadow' as a\"", BJ_DENY},
          {"ed -s x <<< 'r /etc/shadow'", BJ_ASK}, {"vim -c 'r /etc/shadow'", BJ_DENY},
          {"unknownprog -f/etc/shadow", BJ_DENY}, {"git -C /ro pull", BJ_DENY},
          {"cd /ro && git pull", BJ_DENY}, {"csplit -f /ro/x f 1", BJ_DENY},
          {"git -C src diff", BJ_ALLOW}, {"ln -s ../x y", BJ_ALLOW}, {"vim f", BJ_ALLOW},
          {"curl https://x/etc/shadow", BJ_ALLOW}, {"sqlite3 db 'select 1'", BJ_ALLOW},
          {"git add -A && git commit -m x", BJ_ALLOW}, {"make -C src all", BJ_ALLOW},
          {"git -C /ro status", BJ_ALLOW}, {"unknownprog -I/usr/include x", BJ_ALLOW});
}

static void test_nothing_is_said_without_lists(void **state)
{
    (void)state;
    CHECK("{}", {"cat /etc/shadow", BJ_ALLOW}, {"cat \"$1\"", BJ_ALLOW});
}

static void test_violation_names_the_command(void **state)
{
    struct judged judged;

    (void)state;
    judge_start(&judged, "{\"security\": {\"denied_paths\": [\"/secret\"]}}");
    judge_text(&judged, "ls; cat '/sec'ret");
    for (int i = 0; i < judged.verdict.count; i++) {
        if (!bj_streq(judged.verdict.violations[i].rule, "path.denied"))
            continue;
        assert_string_equal(judged.verdict.violations[i].command, "cat /secret");
        assert_int_equal(judged.verdict.violations[i].from, 4);
        judge_stop(&judged);
        return;
    }
    fail();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_denied),
        cmocka_unit_test(test_parents_and_patterns),
        cmocka_unit_test(test_allowed),
        cmocka_unit_test(test_names_anywhere),
        cmocka_unit_test(test_other_words_for_a_path),
        cmocka_unit_test(test_nothing_is_said_without_lists),
        cmocka_unit_test(test_violation_names_the_command),
    };

    return cmocka_run_group_tests_name("paths_command", tests, NULL, NULL);
}
