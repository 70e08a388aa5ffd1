/* Tests of src/service/label.c: what comes back from the keeper is believed only as far as the
 * table says. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/fault.h"
#include "service/service_internal.h"

static size_t members_of(const char *text)
{
    json_t *label = bj_label_read_sandbox(text);
    size_t count = json_object_size(label);

    assert_non_null(label);
    json_decref(label);
    return count;
}

static void test_what_was_written_comes_back(void **state)
{
    json_t *label = json_pack("{s:s, s:I, s:{s:s}, s:b}", "key", "k1", "created_ms",
                              (json_int_t)1234567890123, "metadata", "a", "b", "default", 1);
    json_t *read;
    struct bj_buf out;

    (void)state;
    assert_int_equal(bj_label_write(label, &out, NULL), 0);
    read = bj_label_read_sandbox(bj_buf_text(&out));
    assert_true(json_equal(label, read));
    assert_string_equal(bj_label_text(read, "key"), "k1");
    assert_true(bj_label_number(read, "created_ms") == 1234567890123);
    assert_null(bj_label_text(read, "created_ms"));
    assert_int_equal(bj_label_number(read, "key"), 0);
    json_decref(read);
    json_decref(label);
    bj_buf_release(&out);
}

/* Each of these leaves the member out. An owner is none: the keeper keeps it apart. */
static void test_wrong_members_are_left_out(void **state)
{
    static const char *const wrong[] = {
        "",
        "no JSON",
        "[]",
        "\"key\"",
        "{\"key\": \"alice\"",
        "{\"key\": \"alice\"} {}",
        "{\"key\": 1}",
        "{\"key\": null}",
        "{\"key\": [\"alice\"]}",
        "{\"key\": \"ali\\u0000ce\"}",
        "{\"created_ms\": -1}",
        "{\"created_ms\": 1.5}",
        "{\"created_ms\": \"1\"}",
        "{\"default\": false}",
        "{\"default\": 1}",
        "{\"metadata\": {\"a\": 1}}",
        "{\"metadata\": {\"a\": {}}}",
        "{\"metadata\": [\"a\"]}",
        "{\"environment\": \"PATH=/\"}",
        "{\"owner\": \"alice\"}",
        "{\"unknown\": \"x\"}",
        "{\"tag\": \"of a process\"}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        if (members_of(wrong[i]) != 0)
            fail_msg("%s", wrong[i]);
    }
    assert_int_equal(members_of(NULL), 0);
    assert_int_equal(members_of("{\"created_ms\": \"1\", \"key\": \"k\", \"unknown\": {}}"), 1);
}

/* `count` entries, or a text of so many bytes. */
static char *with_size(const char *member, size_t count, bool object)
{
    char name[32];
    json_t *value = object ? json_object() : NULL;
    char *text = malloc(count + 1), *label;
    json_t *root;

    memset(text, 'x', count);
    text[count] = '\0';
    for (size_t i = 0; object && i < count; i++) {
        snprintf(name, sizeof name, "%zu", i);
        json_object_set_new(value, name, json_string(""));
    }
    root = json_pack("{s:o}", member, object ? value : json_string(text));
    label = json_dumps(root, JSON_COMPACT);
    json_decref(root);
    free(text);
    return label;
}

static void assert_bound(const char *member, size_t most, bool object)
{
    char *text = with_size(member, most, object);

    if (members_of(text) != 1)
        fail_msg("%s of %zu is refused", member, most);
    free(text);
    text = with_size(member, most + 1, object);
    if (members_of(text) != 0)
        fail_msg("%s of %zu is believed", member, most + 1);
    free(text);
}

static void test_bounds(void **state)
{
    char *text = with_size("rules", BJ_LABEL_MAX, false);

    (void)state;
    assert_bound("key", BJ_LABEL_NAME_MAX, false);
    assert_bound("idempotency", BJ_IDEMPOTENCY_MAX, false);
    assert_bound("metadata", BJ_METADATA_MAX, true);
    assert_bound("shells", BJ_SHELLS_MAX, true);
    assert_int_equal(members_of(text), 0); /* the whole is too long */
    free(text);
}

static void test_too_large_to_be_written(void **state)
{
    char *text = malloc(BJ_LABEL_MAX + 1);
    struct bj_error err = {0};
    struct bj_buf out;
    json_t *label;

    (void)state;
    memset(text, 'x', BJ_LABEL_MAX);
    text[BJ_LABEL_MAX] = '\0';
    label = json_pack("{s:s}", "rules", text);
    assert_int_equal(bj_label_write(label, &out, &err), -BJ_E_LIMIT);
    assert_non_null(strstr(err.message, "metadata, rules and shells"));
    assert_int_equal(bj_label_write(NULL, &out, &err), -BJ_E_NO_MEMORY);
    json_decref(label);
    free(text);
}

#ifdef BJ_FAULTS
static void test_no_memory(void **state)
{
    json_t *label = json_pack("{s:s}", "key", "k1");
    struct bj_buf out;

    (void)state;
    assert_true(bj_fault_prepare());
    bj_fault_at(1, ENOMEM);
    assert_int_equal(bj_label_write(label, &out, NULL), -BJ_E_NO_MEMORY);
    bj_fault_at(0, 0);
    json_decref(label);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_was_written_comes_back),
        cmocka_unit_test(test_wrong_members_are_left_out),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_too_large_to_be_written),
#ifdef BJ_FAULTS
        cmocka_unit_test(test_no_memory),
#endif
    };

    return cmocka_run_group_tests_name("label", tests, NULL, NULL);
}
