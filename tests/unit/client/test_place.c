/* Tests of src/client/place.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/client.h"

static struct bj_client client;

static int begin(void **state)
{
    (void)state;
    memset(&client, 0, sizeof client);
    return unsetenv("BELLJAR_HOST") + unsetenv("BELLJAR_API_KEY") + unsetenv("BELLJAR_TLS_CA") +
           unsetenv("XDG_RUNTIME_DIR");
}

static int find(const char *host)
{
    client.options.host = host;
    return bj_client_find_place(&client, NULL);
}

static void test_forms(void **state)
{
    (void)state;
    assert_int_equal(find("unix:///run/x.sock"), 0);
    assert_string_equal(client.place.socket, "/run/x.sock");
    assert_string_equal(client.place.base, "http://localhost");
    assert_int_equal(find("/run/y.sock"), 0);
    assert_string_equal(client.place.socket, "/run/y.sock");
    begin(NULL);
    assert_int_equal(find("https://host:1//"), 0);
    assert_string_equal(client.place.base, "https://host:1");
    assert_string_equal(client.place.socket, "");
}

static void test_what_is_said_goes_before_the_environment(void **state)
{
    (void)state;
    assert_int_equal(setenv("BELLJAR_HOST", "http://a", 1) + setenv("BELLJAR_API_KEY", "k", 1), 0);
    assert_int_equal(find(NULL), 0);
    assert_string_equal(client.place.base, "http://a");
    assert_string_equal(client.place.key, "k");
    assert_int_equal(find("http://b"), 0);
    assert_string_equal(client.place.base, "http://b");
    assert_int_equal(setenv("BELLJAR_API_KEY", "", 1), 0);
    assert_int_equal(find(NULL), 0);
    assert_null(client.place.key);
}

/* A socket that a killed service left behind hides no other; of nothing but such ones, the first.
 */
static void test_a_stale_socket_hides_nothing(void **state)
{
    char runtime[] = "/tmp/belljar-place.XXXXXX", own[] = "/tmp/belljar-place.XXXXXX";
    struct sockaddr_un stale = {.sun_family = AF_UNIX}, live = {.sun_family = AF_UNIX};
    int fd;

    (void)state;
    assert_true(mkdtemp(runtime) != NULL && mkdtemp(own) != NULL);
    assert_int_equal(setenv("XDG_RUNTIME_DIR", runtime, 1) + setenv("BELLJAR_STATE", own, 1), 0);
    snprintf(stale.sun_path, sizeof stale.sun_path, "%s/belljar.sock", runtime);
    snprintf(live.sun_path, sizeof live.sun_path, "%s/belljar.sock", own);
    fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&stale, sizeof stale), 0);
    close(fd);
    fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&live, sizeof live) + listen(fd, 1), 0);
    assert_int_equal(find(NULL), 0);
    assert_string_equal(client.place.socket, live.sun_path);
    close(fd);
    assert_int_equal(find(NULL), 0);
    assert_string_not_equal(client.place.socket, live.sun_path);
    unsetenv("BELLJAR_STATE");
    remove(stale.sun_path);
    remove(live.sun_path);
    rmdir(runtime);
    rmdir(own);
}

/* What is no place is said to be none, instead of asking a service somewhere else. */
static void test_what_is_refused(void **state)
{
    static const char *const wrong[] = {"host",    "host:80",    "ftp://host", "unix://relative",
                                        "unix:/x", "HTTP://host"};
    char path[200] = "/", url[2048] = "http://";

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        if (find(wrong[i]) != -BJ_E_INVALID)
            fail_msg("%s", wrong[i]);
    }
    memset(path + 1, 'x', 106);
    assert_int_equal(find(path), 0); /* as much as sun_path takes */
    path[107] = 'x';
    assert_int_equal(find(path), -BJ_E_INVALID);
    memset(url + strlen("http://"), 'x', 1500);
    assert_int_equal(find(url), -BJ_E_INVALID);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, begin)
    const struct CMUnitTest tests[] = {
        TEST(test_forms),
        TEST(test_a_stale_socket_hides_nothing),
        TEST(test_what_is_said_goes_before_the_environment),
        TEST(test_what_is_refused),
    };

    return cmocka_run_group_tests_name("place", tests, NULL, NULL);
}
