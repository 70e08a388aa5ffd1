/* Tests of src/audit/open.c: where a database may be, who may own it, and what else is refused. */
#include "audit_test.h"

#include <fcntl.h>

static int try_open(const char *path, enum bj_audit_access access, struct bj_error *err)
{
    struct bj_audit_options options = {.path = path, .access = access, .busy_ms = 100};
    struct bj_audit *audit = NULL;
    int result;

    *err = (struct bj_error){0};
    result = bj_audit_open(&options, &audit, err);
    bj_audit_close(audit);
    assert_int_equal(result, -err->code);
    assert_true(result == 0 || err->message[0] != '\0');
    return result;
}

static void refused(const char *path, enum bj_audit_access access, int code, const char *says)
{
    struct bj_error err;
    int result = try_open(path, access, &err);

    if (result != -code || strstr(err.message, says) == NULL)
        fail_msg("%d: %s", result, err.message);
}

static void makes_private_places(void **state)
{
    struct place *place = *state;
    struct bj_error err;
    struct stat status;
    char path[160];

    snprintf(path, sizeof path, "%s/a/b/audit.db", place->directory);
    assert_int_equal(try_open(path, BJ_AUDIT_WRITE, &err), 0);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    snprintf(path, sizeof path, "%s/a", place->directory);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0700);
}

static void reading_makes_nothing(void **state)
{
    struct place *place = *state;
    char path[160];

    refused(place->path, BJ_AUDIT_READ, BJ_E_NOT_FOUND, "not there");
    assert_int_equal(access(place->path, F_OK), -1);
    snprintf(path, sizeof path, "%s/x/audit.db", place->directory);
    refused(path, BJ_AUDIT_READ, BJ_E_SYSTEM, "cannot open the directory");
}

static void links_are_refused(void **state)
{
    struct place *place = *state;
    struct bj_error err;
    char other[160];

    snprintf(other, sizeof other, "%s/other.db", place->directory);
    assert_int_equal(try_open(other, BJ_AUDIT_WRITE, &err), 0);
    assert_int_equal(symlink(other, place->path), 0);
    refused(place->path, BJ_AUDIT_WRITE, BJ_E_DENIED, "symbolic link");
    refused(place->path, BJ_AUDIT_READ, BJ_E_DENIED, "symbolic link");
    unlink(place->path);
    snprintf(other, sizeof other, "%s-wal", place->path);
    assert_int_equal(try_open(place->path, BJ_AUDIT_WRITE, &err), 0);
    unlink(other);
    assert_int_equal(symlink("/etc/passwd", other), 0);
    refused(place->path, BJ_AUDIT_WRITE, BJ_E_DENIED, "symbolic link");
}

static void places_of_others_are_refused(void **state)
{
    struct place *place = *state;
    struct bj_error err;

    assert_int_equal(try_open(place->path, BJ_AUDIT_WRITE, &err), 0);
    chmod(place->path, 0622);
    refused(place->path, BJ_AUDIT_WRITE, BJ_E_DENIED, "others can write");
    chmod(place->path, 0600);
    chmod(place->directory, 01777);
    refused(place->path, BJ_AUDIT_WRITE, BJ_E_DENIED, "others can write to its directory");
    chmod(place->directory, 0700);
    assert_int_equal(try_open(place->path, BJ_AUDIT_WRITE, &err), 0);
    if (geteuid() != 0)
        return;
    assert_int_equal(chown(place->path, 12345, 12345), 0);
    refused(place->path, BJ_AUDIT_WRITE, BJ_E_DENIED, "belongs to user 12345");
    assert_int_equal(chown(place->path, 0, 0), 0);
    assert_int_equal(chown(place->directory, 12345, 12345), 0);
    refused(place->path, BJ_AUDIT_WRITE, BJ_E_DENIED, "belongs to user 12345");
}

static void write_file(const char *path, const void *data, size_t length)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, length), length);
    close(fd);
}

/* What is there and no database is not made into one. */
static void strange_files_stay(void **state)
{
    struct place *place = *state;
    struct stat status;
    char text[8192];

    memset(text, 'x', sizeof text);
    write_file(place->path, "", 0);
    refused(place->path, BJ_AUDIT_WRITE, BJ_E_SYSTEM, "left as it is");
    assert_int_equal(stat(place->path, &status), 0);
    assert_int_equal(status.st_size, 0);
    write_file(place->path, text, sizeof text);
    refused(place->path, BJ_AUDIT_WRITE, BJ_E_SYSTEM, "choose another file");
    refused(place->path, BJ_AUDIT_READ, BJ_E_SYSTEM, "not an audit database");
    unlink(place->path);
    tamper(place, "CREATE TABLE t(a)");
    refused(place->path, BJ_AUDIT_WRITE, BJ_E_SYSTEM, "not an audit database");
    tamper(place, "PRAGMA user_version=1112145923");
    refused(place->path, BJ_AUDIT_WRITE, BJ_E_UNSUPPORTED, "another version");
}

/* What a creator that was killed left goes with the next one, once it is old enough. */
static void leftovers_are_swept(void **state)
{
    static const struct {
        const char *name;
        bool old, stays;
    } files[] = {{".audit.db.0123456789abcdef", true, false},
                 {".audit.db.0123456789abcdef-wal", true, false},
                 {".audit.db.fedcba9876543210", false, true},
                 {".audit.db.0123456789abcdefg", true, true},
                 {".other.db.0123456789abcdef", true, true}};
    const struct timespec past[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};
    struct place *place = *state;
    struct bj_error err;
    char path[160];

    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(path, sizeof path, "%s/%s", place->directory, files[i].name);
        write_file(path, "x", 1);
        if (files[i].old)
            assert_int_equal(utimensat(AT_FDCWD, path, past, 0), 0);
    }
    assert_int_equal(try_open(place->path, BJ_AUDIT_WRITE, &err), 0);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(path, sizeof path, "%s/%s", place->directory, files[i].name);
        if ((access(path, F_OK) == 0) != files[i].stays)
            fail_msg("%s", path);
    }
}

static void log_without_database(void **state)
{
    struct place *place = *state;

    put_calls(place, 1);
    unlink(place->path);
    refused(place->path, BJ_AUDIT_WRITE, BJ_E_DENIED, "is gone but its log");
}

static void locked_by_another(void **state)
{
    struct place *place = *state;
    struct bj_audit_options options = {
        .path = place->path, .access = BJ_AUDIT_WRITE, .busy_ms = 50};
    struct bj_audit *audit = NULL;
    struct bj_error err = {0};
    sqlite3 *other = NULL;

    assert_int_equal(bj_audit_open(&options, &audit, &err), 0);
    assert_int_equal(sqlite3_open(place->path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(bj_audit_begin(audit, &err), -BJ_E_BUSY);
    assert_non_null(strstr(err.message, "another process"));
    assert_int_equal(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(other);
    put_call(audit, "true", BJ_ALLOW, BJ_RISK_NONE);
    bj_audit_close(audit);
    assert_true(verify(place, NULL).sound);
}

static void default_place(void **state)
{
    char *path = NULL;

    (void)state;
    assert_int_equal(bj_audit_default_path(&path, NULL), 0);
    if (geteuid() == 0) {
        assert_string_equal(path, "/var/lib/belljar/audit.db");
        bj_free(path);
        return;
    }
    bj_free(path);
    setenv("XDG_STATE_HOME", "/x", 1);
    assert_int_equal(bj_audit_default_path(&path, NULL), 0);
    assert_string_equal(path, "/x/belljar/audit.db");
    bj_free(path);
    setenv("XDG_STATE_HOME", "relative", 1);
    setenv("HOME", "/h", 1);
    assert_int_equal(bj_audit_default_path(&path, NULL), 0);
    assert_string_equal(path, "/h/.local/state/belljar/audit.db");
    bj_free(path);
    unsetenv("HOME");
    assert_int_equal(bj_audit_default_path(&path, NULL), -BJ_E_CONFIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(makes_private_places, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(reading_makes_nothing, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(links_are_refused, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(places_of_others_are_refused, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(strange_files_stay, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(leftovers_are_swept, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(log_without_database, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(locked_by_another, place_setup, place_teardown),
        cmocka_unit_test(default_place),
    };

    return cmocka_run_group_tests_name("audit/open", tests, NULL, NULL);
}
