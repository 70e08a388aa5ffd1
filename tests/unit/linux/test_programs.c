/*
 * Tests of what finds out about programs: src/linux/elf.c, libraries.c, view.c and programs.c. The
 * system's own programs serve as examples, and a directory of the test's own as the workspace.
 */
#include "linux/programs.h"

#include <elf.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/str.h"
#include "linux/elf.h"
#include "linux/host.h"
#include "linux/libraries.h"
#include "linux/view.h"

static struct bj_config config;
static struct bj_host host;
static struct bj_programs programs;
static struct bj_error err;
static char top[64];

static void in_top(const char *name, char ret[static BJ_PATH_MAX])
{
    snprintf(ret, BJ_PATH_MAX, "%s/%s", top, name);
}

static void write_file(const char *name, const char *text, mode_t mode)
{
    char path[BJ_PATH_MAX];
    FILE *file;

    in_top(name, path);
    file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    assert_int_equal(chmod(path, mode), 0);
}

static void say(enum bj_option_id id, const char *text)
{
    assert_int_equal(bj_config_set(&config, id, text, top, &err), 0);
}

static int setup(void **state)
{
    char real[BJ_PATH_MAX];

    (void)state;
    memset(&programs, 0, sizeof programs);
    snprintf(top, sizeof top, "/tmp/test-programs-XXXXXX");
    if (mkdtemp(top) == NULL || realpath(top, real) == NULL || bj_config_init(&config, &err) < 0)
        return -1;
    say(BJ_OPT_WORKSPACE, top);
    return 0;
}

static int teardown(void **state)
{
    char command[128];

    (void)state;
    bj_arena_release(&programs.arena);
    bj_config_release(&config);
    snprintf(command, sizeof command, "rm -rf %s", top);
    return system(command);
}

static void append(char *text, size_t size, const char *more)
{
    size_t length = strlen(text);

    assert_true(length + strlen(more) < size);
    snprintf(text + length, size - length, "%s", more);
}

static int find_for(enum bj_programs_chooser chooser)
{
    bj_arena_release(&programs.arena);
    assert_int_equal(bj_host_read(&config, &host, &err), 0);
    return bj_programs_find(&config, &host, chooser, &programs, &err);
}

static int find(void)
{
    return find_for(BJ_PROGRAMS_OF_OPERATOR);
}

static void find_well(void)
{
    if (find() != 0)
        fail_msg("%s", err.message);
}

static const struct bj_program_file *file_named(const char *name)
{
    for (size_t i = 0; i < programs.file_count; i++) {
        const char *slash = strrchr(programs.files[i].path, '/');

        if (bj_streq(slash + 1, name))
            return &programs.files[i];
    }
    return NULL;
}

static void a_program_with_what_it_is_linked_with(void **state)
{
    (void)state;
    say(BJ_OPT_COMMAND_WHITELIST, "ls");
    find_well();
    assert_non_null(file_named("ls"));
    assert_true(file_named("ls")->listed && file_named("ls")->kind == BJ_PROGRAM_RUN);
    assert_non_null(file_named("libc.so.6"));
    assert_int_equal(file_named("libc.so.6")->kind, BJ_PROGRAM_LOAD);
    assert_null(file_named("rm"));
    assert_null(file_named("bash"));
    for (size_t i = 0; i < programs.file_count; i++)
        assert_true(programs.files[i].path[0] == '/');
    assert_true(programs.directory_count > 0);
}

static void words_of_the_shell_are_ignored(void **state)
{
    (void)state;
    say(BJ_OPT_COMMAND_WHITELIST, "if");
    say(BJ_OPT_COMMAND_WHITELIST, "[[");
    assert_int_equal(find(), -BJ_E_INVALID);
    say(BJ_OPT_COMMAND_WHITELIST, "ls -l");
    find_well();
    assert_int_equal(programs.ignored_count, 2);
    assert_string_equal(programs.ignored[0], "if");
}

static void the_command_must_be_listed(void **state)
{
    (void)state;
    say(BJ_OPT_COMMAND_WHITELIST, "ls");
    config.program = "rm";
    assert_int_equal(find(), -BJ_E_DENIED);
    config.program = "nothing-of-that-name";
    assert_int_equal(find(), -BJ_E_DENIED);
    config.program = "/bin/../bin/ls";
    find_well();
    config.program = "/bin/sh";
    assert_int_equal(find(), -BJ_E_DENIED);
    config.program_is_shell = true;
    find_well();
}

static void scripts_bring_their_interpreter(void **state)
{
    char path[BJ_PATH_MAX];

    (void)state;
    write_file("a", "#! /bin/sh -e\n", 0755);
    write_file("b", "#!/usr/bin/env -S FOO=1 cat -n\n", 0755);
    write_file("c", "#!/no/such/thing\n", 0755);
    in_top("a", path);
    say(BJ_OPT_COMMAND_WHITELIST, path);
    find_well();
    assert_true(file_named("a")->listed);
    assert_null(file_named("cat"));
    config.program = "./a";
    find_well();
    config.program = NULL;
    in_top("b", path);
    say(BJ_OPT_COMMAND_WHITELIST, path);
    in_top("c", path);
    say(BJ_OPT_COMMAND_WHITELIST, path);
    find_well();
    assert_non_null(file_named("env"));
    assert_non_null(file_named("cat"));
    assert_false(file_named("cat")->listed);
}

static void what_could_be_changed_is_refused(void **state)
{
    char path[BJ_PATH_MAX], second[BJ_PATH_MAX], volume[2 * BJ_PATH_MAX];

    (void)state;
    write_file("a", "#!/bin/sh\n", 0755);
    in_top("a", path);
    in_top("second", second);
    assert_int_equal(link(path, second), 0);
    say(BJ_OPT_COMMAND_WHITELIST, path);
    assert_int_equal(find(), -BJ_E_DENIED);
    assert_int_equal(unlink(second), 0);
    find_well();
    snprintf(volume, sizeof volume, "%s:/v", top);
    say(BJ_OPT_VOLUMES, volume);
    assert_int_equal(find(), -BJ_E_DENIED);
}

static void names_with_newlines_are_refused(void **state)
{
    char path[BJ_PATH_MAX];

    (void)state;
    write_file("a\nb", "#!/bin/sh\n", 0755);
    in_top("l", path);
    assert_int_equal(symlink("a\nb", path), 0);
    say(BJ_OPT_COMMAND_WHITELIST, path);
    assert_int_equal(find(), -BJ_E_INVALID);
}

static void the_workload_s_own_path(void **state)
{
    char variable[128];

    (void)state;
    write_file("mine", "#!/bin/sh\n", 0755);
    write_file("text", "no program", 0644);
    say(BJ_OPT_COMMAND_WHITELIST, "mine");
    assert_int_equal(find(), -BJ_E_INVALID);
    snprintf(variable, sizeof variable, "PATH=%s:/usr/bin", top);
    say(BJ_OPT_ENVIRONMENT, variable);
    say(BJ_OPT_COMMAND_WHITELIST, "text");
    find_well();
    assert_non_null(file_named("mine"));
    assert_int_equal(programs.ignored_count, 1);
}

/* ---- Paths inside ---- */

static void count_link(void *data, const char *link)
{
    (void)link;
    ++*(int *)data;
}

static void links_lead_as_inside(void **state)
{
    char path[BJ_PATH_MAX], real[BJ_PATH_MAX], space[BJ_PATH_MAX];
    struct bj_view view;
    struct stat status;
    int links = 0;

    (void)state;
    write_file("a", "x", 0644);
    in_top("l", path);
    assert_int_equal(symlink("/inside/./m/../m", path), 0);
    in_top("m", path);
    assert_int_equal(symlink("a", path), 0);
    in_top("loop", path);
    assert_int_equal(symlink("loop", path), 0);
    in_top("out", path);
    assert_int_equal(symlink("/root/../proc/self/exe", path), 0);
    say(BJ_OPT_WORKING_DIRECTORY, "/inside");
    assert_int_equal(bj_host_read(&config, &host, &err), 0);
    bj_view_init(&view, &config, &host);
    assert_true(bj_view_resolve(&view, "/inside/l", count_link, &links, real, &status));
    assert_string_equal(real, "/inside/a");
    assert_int_equal(links, 3); /* m/.. leads through m once more */
    assert_true(bj_view_resolve(&view, "l", NULL, NULL, real, &status));
    assert_true(bj_view_is_writable(&view, real));
    in_top("a", path);
    assert_string_equal(bj_view_host(&view, real, space, sizeof space), path);
    assert_false(bj_view_resolve(&view, path, NULL, NULL, real, &status)); /* not inside */
    assert_false(bj_view_resolve(&view, "loop", NULL, NULL, real, &status));
    assert_false(bj_view_resolve(&view, "out", NULL, NULL, real, &status));
    assert_true(bj_view_resolve(&view, "/bin/sh", NULL, NULL, real, &status));
    assert_false(bj_view_is_writable(&view, real));
    assert_false(bj_view_resolve(&view, "/", NULL, NULL, real, &status));
}

/* ---- Files ---- */

static void a_client_lists_files_only(void **state)
{
    static const struct {
        const char *entry;
        int result;
    } rows[] = {
        {"/usr", -BJ_E_INVALID},
        {"/usr/bin/", -BJ_E_INVALID},
        {"./ls", -BJ_E_INVALID},
        {"../bin/ls", -BJ_E_INVALID},
        {"usr/bin/ls", -BJ_E_INVALID},
        {"ls", 0},
        {"/bin/ls", 0},
        {"no-such-program", 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        bj_config_release(&config);
        assert_int_equal(bj_config_init(&config, &err), 0);
        say(BJ_OPT_WORKSPACE, "empty");
        say(BJ_OPT_COMMAND_WHITELIST, "cat");
        say(BJ_OPT_COMMAND_WHITELIST, rows[i].entry);
        assert_int_equal(find_for(BJ_PROGRAMS_OF_CLIENT), rows[i].result);
    }
}

/* However it is brought about: here by a search path that is a thousand directories long. */
static void a_client_s_search_is_bounded(void **state)
{
    char path[BJ_PATH_MAX] = "PATH=";

    (void)state;
    for (size_t i = 0; i < 1000; i++)
        append(path, sizeof path, "/x:");
    append(path, sizeof path, "/usr/bin");
    say(BJ_OPT_ENVIRONMENT, path);
    for (int i = 0; i < BJ_CLIENT_PROGRAMS; i++)
        say(BJ_OPT_COMMAND_WHITELIST, "cat");
    assert_int_equal(find_for(BJ_PROGRAMS_OF_OPERATOR), 0);
    assert_int_equal(find_for(BJ_PROGRAMS_OF_CLIENT), -BJ_E_LIMIT);
}

static void own_program_is_read(void **state)
{
    static struct bj_image image;
    int fd = open("/bin/ls", O_RDONLY | O_CLOEXEC);
    bool found = false;

    (void)state;
    assert_true(fd >= 0 && bj_image_read(fd, &image));
    close(fd);
    assert_int_equal(image.kind, BJ_IMAGE_ELF);
    assert_int_equal(image.class, ELFCLASS64);
    assert_true(image.text[image.loader] == '/');
    for (int i = 0; i < image.needed_count; i++)
        found |= bj_streq(image.text + image.needed[i], "libc.so.6");
    assert_true(found);
}

static void script_lines(void **state)
{
    static const struct {
        const char *text, *line;
    } rows[] = {
        {"#!/bin/sh\n", "/bin/sh"},     {"#! \t/bin/sh -e \n", "/bin/sh -e"},
        {"#!/bin/sh", "/bin/sh"},       {"#!\n", ""},
        {"#!/a b\tc\nrest", "/a b\tc"},
    };
    static struct bj_image image;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char path[BJ_PATH_MAX];
        int fd;

        write_file("s", rows[i].text, 0755);
        in_top("s", path);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        assert_true(bj_image_read(fd, &image));
        close(fd);
        assert_int_equal(image.kind, BJ_IMAGE_SCRIPT);
        assert_string_equal(image.text + image.line, rows[i].line);
    }
}

static void the_loader_s_cache(void **state)
{
    struct bj_library_cache cache;
    uint32_t index = 0;
    const char *path;

    (void)state;
    assert_int_equal(bj_library_cache_read(&cache, "/no/such/file", &err), 0);
    assert_null(bj_library_cache_next(&cache, "libc.so.6", &index));
    bj_library_cache_release(&cache);
    assert_int_equal(bj_library_cache_read(&cache, "/etc/ld.so.cache", &err), 0);
    path = bj_library_cache_next(&cache, "libc.so.6", &index);
    if (cache.count > 0)
        assert_true(path != NULL && path[0] == '/' && access(path, R_OK) == 0);
    bj_library_cache_release(&cache);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(a_program_with_what_it_is_linked_with),
        CASE(words_of_the_shell_are_ignored),
        CASE(the_command_must_be_listed),
        CASE(scripts_bring_their_interpreter),
        CASE(what_could_be_changed_is_refused),
        CASE(names_with_newlines_are_refused),
        CASE(the_workload_s_own_path),
        CASE(links_lead_as_inside),
        CASE(a_client_lists_files_only),
        CASE(a_client_s_search_is_bounded),
        CASE(own_program_is_read),
        CASE(script_lines),
        CASE(the_loader_s_cache),
    };
#undef CASE

    return cmocka_run_group_tests(tests, NULL, NULL);
}
