/* Tests of src/service/keys.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/str.h"
#include "service/keys.h"

static char directory[64];
static char path[128];

static int make_place(void **state)
{
    (void)state;
    strcpy(directory, "/tmp/bj-keys-XXXXXX");
    if (mkdtemp(directory) == NULL)
        return -1;
    snprintf(path, sizeof path, "%s/keys.json", directory);
    return 0;
}

static int remove_place(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(directory);
}

static void add(struct bj_keys *keys, const char *name, const char *owner, const char *text)
{
    const struct bj_key_options options = {
        .name = name, .owner = owner, .scopes = BJ_SCOPE_READ, .text = text, .uid = 1234};
    struct bj_error error = {0};

    if (bj_keys_add(keys, &options, &error) < 0)
        fail_msg("%s", error.message);
}

static void test_form(void **state)
{
    char a[BJ_KEY_TEXT], b[BJ_KEY_TEXT];

    (void)state;
    assert_int_equal(bj_key_make(a, NULL), 0);
    assert_int_equal(bj_key_make(b, NULL), 0);
    assert_string_not_equal(a, b);
    assert_int_equal(strlen(a), 44);
    assert_memory_equal(a, "e2b_", 4);
    assert_int_equal(strspn(a + 4, "0123456789abcdef"), 40);
    assert_true(bj_key_valid(a));
    assert_false(bj_key_valid("short"));
    assert_false(bj_key_valid("with a blank in between it"));
    assert_false(bj_key_valid("with\x7f\x01 control characters"));
}

static void test_find(void **state)
{
    struct bj_keys keys = {0};
    const struct bj_identity *who;

    (void)state;
    assert_null(bj_keys_find(&keys, "aaaaaaaaaaaaaaaaaaaa"));
    add(&keys, "a", NULL, "aaaaaaaaaaaaaaaaaaaa");
    add(&keys, "b", "team", "bbbbbbbbbbbbbbbbbbbb");
    add(&keys, "unix:1234", "team", NULL);
    who = bj_keys_find(&keys, "aaaaaaaaaaaaaaaaaaaa");
    assert_non_null(who);
    assert_string_equal(who->owner, "a");
    assert_int_equal(who->uid, -1);
    who = bj_keys_find(&keys, "bbbbbbbbbbbbbbbbbbbb");
    assert_non_null(who);
    assert_string_equal(who->key, "b");
    assert_string_equal(who->owner, "team");
    assert_null(bj_keys_find(&keys, "bbbbbbbbbbbbbbbbbbbc"));
    assert_null(bj_keys_find(&keys, ""));
    assert_non_null(bj_keys_find_peer(&keys, 1234));
    assert_null(bj_keys_find_peer(&keys, 1235));
    assert_null(bj_keys_find_peer(&keys, (uid_t)-1)); /* what keys have for a uid is no peer */
    assert_int_equal(bj_keys_remove(&keys, "a", NULL), 0);
    assert_null(bj_keys_find(&keys, "aaaaaaaaaaaaaaaaaaaa"));
    assert_non_null(bj_keys_find(&keys, "bbbbbbbbbbbbbbbbbbbb"));
    assert_int_equal(bj_keys_remove(&keys, "a", NULL), -BJ_E_NOT_FOUND);
    bj_keys_release(&keys);
}

/* An entry whose digest is all zeros, as a peer's is, is found by no key. */
static void test_peer_has_no_key(void **state)
{
    struct bj_keys keys = {0};

    (void)state;
    add(&keys, "peer", NULL, NULL);
    for (int i = 0; i < 1000; i++) {
        char text[32];

        snprintf(text, sizeof text, "%020d", i);
        assert_null(bj_keys_find(&keys, text));
    }
    bj_keys_release(&keys);
}

static void test_names(void **state)
{
    static const char *const bad[] = {
        "",   "a b", "a\nb",
        "\"", "ä",   "01234567890123456789012345678901234567890123456789012345678901234"};
    struct bj_keys keys = {0};
    struct bj_key_options options = {.name = "a", .text = "aaaaaaaaaaaaaaaaaaaa"};

    (void)state;
    assert_int_equal(bj_keys_add(&keys, &options, NULL), 0);
    assert_int_equal(bj_keys_add(&keys, &options, NULL), -BJ_E_CONFLICT);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        options.name = bad[i];
        assert_int_equal(bj_keys_add(&keys, &options, NULL), -BJ_E_INVALID);
    }
    options = (struct bj_key_options){.name = "b", .text = "short"};
    assert_int_equal(bj_keys_add(&keys, &options, NULL), -BJ_E_INVALID);
    bj_keys_release(&keys);
}

/* What the service calls somebody else, or itself, is nobody's name in the file. */
static void test_reserved(void **state)
{
    static const struct {
        const char *name, *text;
        int result;
    } cases[] = {
        {"default", "aaaaaaaaaaaaaaaaaaaa", -BJ_E_CONFLICT},
        {"local", "aaaaaaaaaaaaaaaaaaaa", -BJ_E_CONFLICT},
        {"unix:1234", "aaaaaaaaaaaaaaaaaaaa", -BJ_E_CONFLICT},
        {"unix:", "aaaaaaaaaaaaaaaaaaaa", -BJ_E_CONFLICT},
        {"default", NULL, -BJ_E_CONFLICT},
        {"unix:1235", NULL, -BJ_E_CONFLICT},
        {"unix:1234", NULL, 0},
        {"unix", "aaaaaaaaaaaaaaaaaaaa", 0},
        {"defaults", "aaaaaaaaaaaaaaaaaaaa", 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bj_keys keys = {0};
        struct bj_error error = {0};

        add(&keys, "other", NULL, "bbbbbbbbbbbbbbbbbbbb");
        add(&keys, cases[i].name, NULL, cases[i].text);
        assert_int_equal(bj_keys_check(&keys, &error), cases[i].result);
        if (cases[i].result < 0)
            assert_non_null(strstr(error.message, cases[i].name));
        keys.entry[1].is_admin = true;
        assert_int_equal(bj_keys_check(&keys, NULL), 0);
        bj_keys_release(&keys);
    }
}

static void test_file(void **state)
{
    struct bj_key_options options = {.name = "ci",
                                     .owner = "team",
                                     .scopes = BJ_SCOPE_READ | BJ_SCOPE_AUDIT,
                                     .text = "cccccccccccccccccccc"};
    struct bj_keys keys = {0}, read;
    const struct bj_identity *who;
    struct bj_error error = {0};
    struct stat status;
    char text[4096] = "";
    FILE *file;

    (void)state;
    assert_int_equal(bj_keys_load(path, &read, NULL), 0);
    assert_int_equal(read.count, 0);
    assert_true(bj_quota_set(&options.quota, "sandboxes", 7));
    assert_true(bj_quota_set(&options.quota, "requests", 100));
    assert_true(bj_quota_set(&options.quota, "window_seconds", 10));
    assert_false(bj_quota_set(&options.quota, "cookies", 1));
    assert_false(bj_quota_set(&options.quota, "disk_mb", -1));
    assert_int_equal(bj_keys_add(&keys, &options, NULL), 0);
    add(&keys, "unix:1234", "team", NULL);
    if (bj_keys_save(path, &keys, &error) < 0)
        fail_msg("%s", error.message);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    file = fopen(path, "r");
    assert_non_null(file);
    assert_true(fread(text, 1, sizeof text - 1, file) > 0);
    fclose(file);
    assert_null(strstr(text, "cccccccccccccccccccc"));
    if (bj_keys_load(path, &read, &error) < 0)
        fail_msg("%s", error.message);
    who = bj_keys_find(&read, "cccccccccccccccccccc");
    assert_non_null(who);
    assert_string_equal(who->owner, "team");
    assert_int_equal(who->scopes, BJ_SCOPE_READ | BJ_SCOPE_AUDIT);
    assert_int_equal(who->quota.sandboxes, 7);
    assert_int_equal(who->quota.requests, 100);
    assert_int_equal(who->quota.window_us, 10000000);
    assert_non_null(bj_keys_find_peer(&read, 1234));
    bj_keys_release(&keys);
    bj_keys_release(&read);
}

static void refuse(const char *text, const char *why)
{
    struct bj_keys keys;
    struct bj_error error = {0};
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    assert_int_equal(bj_keys_load(path, &keys, &error), -BJ_E_CONFIG);
    if (strstr(error.message, why) == NULL)
        fail_msg("\"%s\" lacks \"%s\"", error.message, why);
    bj_keys_release(&keys);
}

static void test_bad_files(void **state)
{
    (void)state;
    refuse("{", "expected");
    refuse("{\"keys\": 1}", "expected a list");
    refuse("{\"keys\": [1]}", "expected an object");
    refuse("{\"keys\": [{\"name\": \"a\"}]}", "scopes");
    refuse("{\"keys\": [{\"name\": \"a\", \"scopes\": [\"all\"]}]}", "scopes");
    refuse("{\"keys\": [{\"name\": \"a\", \"scopes\": []}]}", "sha256");
    refuse("{\"keys\": [{\"name\": \"a\", \"scopes\": [], \"sha256\": \"00\"}]}", "sha256");
    refuse("{\"keys\": [{\"name\": \"a\", \"scopes\": [], \"quota\": {\"x\": 1}}]}", "quota");
    refuse("{\"peers\": [{\"scopes\": []}]}", "uid");
    refuse("{\"peers\": [{\"scopes\": [], \"user\": \"nobody-of-that-name\"}]}", "no user");
}

static void test_keys_in_headers(void **state)
{
    static const char *const with[] = {
        "Bearer chosen,key=of;mine",
        "chosen,key=of;mine",
        "Token token=\"another-chosen-key\"",
        "another-chosen-key:",
        "a=1; session=another-chosen-key",
        "Bearer e2b_0123456789abcdef0123456789abcdef01234567",
        "x=E2B_0123456789ABCDEF0123456789ABCDEF01234567&y",
        "e2b_e2b_0123456789abcdef0123456789abcdef01234567",
    };
    static const char *const without[] = {
        "",
        "Bearer",
        "Bearer another-chosen",
        "Bearer another-chosen-key-but-longer",
        "Bearer e2b_0123456789abcdef0123456789abcdef0123456",
        "e2b_",
    };
    struct bj_keys keys = {0};

    (void)state;
    add(&keys, "one", NULL, "chosen,key=of;mine");
    add(&keys, "two", NULL, "another-chosen-key");
    add(&keys, "peer", NULL, NULL);
    for (size_t i = 0; i < sizeof with / sizeof *with; i++) {
        if (!bj_keys_in(&keys, with[i], strlen(with[i])))
            fail_msg("%s", with[i]);
    }
    for (size_t i = 0; i < sizeof without / sizeof *without; i++) {
        if (bj_keys_in(&keys, without[i], strlen(without[i])))
            fail_msg("%s", without[i]);
    }
    assert_false(bj_keys_in(&keys, "another\0chosen-key", 18));
    bj_keys_release(&keys);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_form),     cmocka_unit_test(test_keys_in_headers),
        cmocka_unit_test(test_find),     cmocka_unit_test(test_names),
        cmocka_unit_test(test_reserved), cmocka_unit_test(test_peer_has_no_key),
        cmocka_unit_test(test_file),     cmocka_unit_test(test_bad_files),
    };

    return cmocka_run_group_tests(tests, make_place, remove_place);
}
