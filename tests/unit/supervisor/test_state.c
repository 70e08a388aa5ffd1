/* The state directory: made where there is none, and reached over nobody else's links. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "supervisor/state.h"

#define SOMEBODY 12345

static char top[64], path[128];
static struct bj_error err;

static const char *place(const char *name)
{
    snprintf(path, sizeof path, "%s/%s", top, name);
    return path;
}

static int set_up(void **state)
{
    (void)state;
    snprintf(top, sizeof top, "/tmp/belljar-state.XXXXXX");
    return mkdtemp(top) != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    static const char *const names[] = {"a/b/c", "a/b", "a", "link", "own"};

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        remove(place(names[i]));
    return rmdir(top);
}

static unsigned mode_of(const char *name)
{
    struct stat status;

    assert_int_equal(stat(place(name), &status), 0);
    return status.st_mode & 07777;
}

static void is_made(void **state)
{
    (void)state;
    umask(022);
    if (bj_state_make(place("a//b/c/"), &err) < 0)
        fail_msg("%s", err.message);
    assert_int_equal(mode_of("a"), 0755);
    assert_int_equal(mode_of("a/b/c"), 0700);
    assert_int_equal(bj_state_make(place("a/b/c"), &err), 0);
    assert_int_equal(symlink("a", place("link")), 0);
    assert_int_equal(bj_state_make(place("link/b/c"), &err), 0);
}

static void others_are_not_kept_out_by_force(void **state)
{
    (void)state;
    assert_int_equal(mkdir(place("own"), 0755), 0);
    assert_int_equal(bj_state_make(place("own"), &err), -BJ_E_DENIED);
    assert_int_equal(mode_of("own"), 0755);
}

/* A user plants a link in a directory of his that leads to one of root's. */
static void links_of_others(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    assert_int_equal(mkdir(place("own"), 0755), 0);
    assert_int_equal(symlink("own", place("link")), 0);
    assert_int_equal(lchown(place("link"), SOMEBODY, SOMEBODY), 0);
    assert_int_equal(bj_state_make(place("link"), &err), -BJ_E_DENIED);
    assert_int_equal(bj_state_make(place("link/x"), &err), -BJ_E_DENIED);
    assert_int_equal(mode_of("own"), 0755);
    assert_int_equal(mkdir(place("a"), 0755), 0);
    assert_int_equal(chown(place("a"), SOMEBODY, SOMEBODY), 0);
    assert_int_equal(bj_state_make(place("a/b"), &err), -BJ_E_DENIED);
}

/* Where everybody may rename what is there, everybody says what the path leads to. */
static void directories_of_everybody(void **state)
{
    (void)state;
    assert_int_equal(mkdir(place("a"), 0755), 0);
    assert_int_equal(chmod(place("a"), 0777), 0);
    assert_int_equal(bj_state_make(place("a/b"), &err), -BJ_E_DENIED);
    assert_non_null(strstr(err.message, "chmod o-w"));
    /* Nor by a link that leads through it. */
    assert_int_equal(mkdir(place("a/b"), 0700), 0);
    assert_int_equal(mkdir(place("a/b/c"), 0700), 0);
    assert_int_equal(symlink("a/b/c", place("link")), 0);
    assert_int_equal(bj_state_make(place("link"), &err), -BJ_E_DENIED);
    /* The sticky bit keeps them from it. */
    assert_int_equal(chmod(place("a"), 01777), 0);
    assert_int_equal(bj_state_make(place("a/b"), &err), 0);
    assert_int_equal(bj_state_make(place("link"), &err), 0);
    assert_int_equal(chdir(place("a")), 0);
    assert_int_equal(bj_state_make("b", &err), 0);
    assert_int_equal(chmod(".", 0777), 0);
    assert_int_equal(bj_state_make("b", &err), -BJ_E_DENIED);
    assert_int_equal(chdir("/"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(is_made, set_up, tear_down),
        cmocka_unit_test_setup_teardown(others_are_not_kept_out_by_force, set_up, tear_down),
        cmocka_unit_test_setup_teardown(links_of_others, set_up, tear_down),
        cmocka_unit_test_setup_teardown(directories_of_everybody, set_up, tear_down),
    };

    return cmocka_run_group_tests_name("supervisor/state", tests, NULL, NULL);
}
