/* Tests of src/policy/program.c: wrappers, and how options are told from values and operands. */
#include "program_test.h"

static void wrappers_run_what_follows(void **state)
{
    static const struct effect_case cases[] = {
        {"env rm -rf /", "runs rm -rf /"},
        {"env A=1 B=2 rm x", "sets A=1; sets B=2; runs rm x"},
        {"env -i -u X --unset=Y - rm x", "runs rm x"},
        {"env -iu X -- rm -rf /", "runs rm -rf /"},
        {"env --chdir=/ rm -rf .", "runs rm -rf . @/"},
        {"env -C / rm -rf .", "runs rm -rf . @/"},
        {"env -S 'rm -rf /'", "runs rm -rf /"},
        {"env '-Srm -rf' /", "runs rm -rf /"},
        {"env -S '-i A=1 rm' -rf /", "sets A=1; runs rm -rf /"},
        {"env --split-string='rm\\_-rf /'", "runs rm -rf /"},
        {"env -S '\"a b\" c'", "runs 'a b' c"},
        {"env -S '${HOME}/x y'", "unknown +option; runs ~/x y"},
        {"env", ""},
        {"env A=1", "sets A=1"},
        {"/usr/bin/env ls", "runs ls"},
        {"sudo rm x", "runs rm x +privileged"},
        {"sudo -u root -E rm -rf /", "runs rm -rf / +privileged"},
        {"sudo -uroot -- rm x", "runs rm x +privileged"},
        {"sudo A=1 rm x", "sets A=1; runs rm x +privileged"},
        {"sudo -i rm -rf /", "shell 'rm -rf /' +privileged"},
        {"sudo -D / rm .", "runs rm . +privileged @/"},
        {"sudo --user=root rm x", "runs rm x +privileged"},
        {"sudo --what rm x", "unknown; runs rm x +privileged"},
        {"sudo -l", ""},
        {"doas -u root rm x", "runs rm x +privileged"},
        {"su -c 'rm x' root", "shell 'rm x' +privileged"},
        {"su root -c 'rm x'", "shell 'rm x' +privileged"},
        {"runuser -u bob -- rm x", "runs rm x +privileged"},
        {"runuser bob -c 'rm x'", "shell 'rm x' +privileged"},
        {"su bob", "stdin:sh +privileged"},
        {"sudo -s", "stdin:sh +privileged"},
        {"pkexec --user root rm x", "runs rm x +privileged"},
        {"timeout 5 rm -rf /", "runs rm -rf /"},
        {"timeout -s KILL 5 rm -rf /", "runs rm -rf /"},
        {"timeout --sig=KILL -k 9 5 rm x", "runs rm x"},
        {"nice -n 5 rm x", "runs rm x"},
        {"nice -5 rm x", "runs rm x"},
        {"nice -n5 rm x", "runs rm x"},
        {"ionice -c 3 rm -rf /", "runs rm -rf /"},
        {"ionice -p 1", ""},
        {"nohup rm x", "runs rm x"},
        {"setsid -w rm x", "runs rm x"},
        {"stdbuf -oL rm x", "runs rm x"},
        {"time -o /log rm x", "writes /log; runs rm x"},
        {"chroot /new rm x", "runs rm x"},
        {"command -p rm x", "runs rm x"},
        {"command -v rm", ""},
        {"xargs rm -rf", "runs rm -rf +input"},
        {"xargs -0 -n 1 -P4 rm", "runs rm +input"},
        {"xargs -I X sh -c 'rm X'", "runs sh -c 'rm ~'"},
        {"xargs -IX rm aXbX", "runs rm a~b~"},
        {"xargs -i rm {}", "runs rm ~"},
        {"xargs --replace=% rm %", "runs rm ~"},
        {"xargs -a /list rm", "reads /list; runs rm +input"},
    };

    (void)state;
    CHECK_EFFECTS(cases);
}

static void shells(void **state)
{
    static const struct effect_case cases[] = {
        {"sh -c 'rm x'", "shell 'rm x'"},
        {"bash -xec 'rm x' a b", "shell 'rm x'"},
        {"bash -c -e 'rm x'", "shell 'rm x'"},
        {"bash --norc -o pipefail -c 'rm x'", "shell 'rm x'"},
        {"bash +x -O extglob -c 'rm x'", "shell 'rm x'"},
        {"bash +O extglob -c 'rm x'", "shell 'rm x'"},
        {"dash +o errexit -c 'rm x'", "shell 'rm x'"},
        {"bash -oc posix 'rm x'", "shell 'rm x'"},
        {"bash +c 'rm x'", "shell 'rm x'"},
        {"zsh -oextendedglob -c 'rm x'", "shell 'rm x'"},
        {"bash --rcfile /rc -i", "loads /rc; script:sh /rc; stdin:sh"},
        {"bash -s a b", "stdin:sh"},
        {"bash", "stdin:sh"},
        {"bash -", "stdin:sh"},
        {"sh /dev/stdin", "stdin:sh"},
        {"sh script a", "script:sh script"},
        {"bash - script", "script:sh script"},
        {"bash --version", ""},
        {"sh -c ~", "unknown +option; shell ~"},
        {"eval rm '-rf /'", "shell 'rm -rf /'"},
        {". ./x", "script:sh ./x"},
    };

    (void)state;
    CHECK_EFFECTS(cases);
}

static void find_runs_and_removes(void **state)
{
    static const struct effect_case cases[] = {
        {"find . -name '*.c'", ""},
        {"find . -maxdepth 0 -exec rm -rf / ;", "runs rm -rf /"},
        {"find / -exec rm -rf {} +", "runs rm -rf /~"},
        {"find a b -type f -exec rm {} ; -exec ls {} ;",
         "runs rm a~; runs rm b~; runs ls a~; runs ls b~"},
        {"find . -exec echo + {} + -exec rm {} ;", "runs echo + .~; runs rm .~"},
        {"find -execdir rm {} ;", "runs rm ./~"},
        {"find -L -O3 -D tree /x -delete", "removes /x"},
        {"find -delete", "removes ."},
        {"find . -ok rm {} ;", "runs rm .~"},
        {"find . -fprint /x -fprintf /y '%p' -fls /z", "writes /x; writes /y; writes /z"},
        {"find . -name -delete -newer /x -newermt -exec", "reads /x"},
        {"find . ( -name a -o -delete )", "removes ."},
        {"find . ~", ""},
        {"find . -type f ~", "unknown +option"},
        {"find . -~", "unknown"},
    };

    (void)state;
    CHECK_EFFECTS(cases);
}

static void files(void **state)
{
    static const struct effect_case cases[] = {
        {"rm -rf a b", "removes a +default; removes b +default"},
        {"rm -- -x", "removes -x +default"},
        {"rm a -rf", "removes a +default"},
        {"cp a b c", "reads a +default; reads b +default; writes c +default"},
        {"cp -t d a", "writes d; reads a +default"},
        {"cp --target=d a", "writes d; reads a +default"},
        {"mv a b", "removes a +default; writes b +default"},
        {"dd if=/a of=/b bs=1M", "reads /a +default; writes /b +default"},
        {"tee -a x", "writes x +default"},
        {"split --filter='rm x' a", "shell 'rm x'; reads a +default"},
        {"chmod -R 777 /x", "writes /x +default"},
        {"chmod --reference=/a /x", "reads /a; writes /x +default"},
        {"install -m 755 a b", "reads a +default; writes b +default"},
        {"install -d a b", "writes a +default; writes b +default"},
    };

    (void)state;
    CHECK_EFFECTS(cases);
}

static void flags_have_one_name(void **state)
{
    static const char *const same[] = {"rm -rf /", "rm -fr /", "rm --recursive -f /",
                                       "rm / -R --forc", "/bin/rm -r -f -- /"};
    struct bj_program program;
    struct bj_arena arena;
    struct line line;

    (void)state;
    bj_arena_init(&arena, 1 << 20);
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        bool r = false, f = false;

        split_line(&line, same[i]);
        assert_true(bj_program_read(&arena, line.words, line.count, &program));
        assert_string_equal(program.name, "rm");
        assert_true(program.known && program.paths);
        assert_int_equal(program.operand_count, 1);
        assert_int_equal(program.flag_count, 2);
        for (size_t j = 0; j < program.flag_count; j++) {
            r |= program.flags[j].letter == 'r' && strcmp(program.flags[j].name, "recursive") == 0;
            f |= program.flags[j].letter == 'f' && strcmp(program.flags[j].name, "force") == 0;
        }
        assert_true(r && f);
    }
    bj_arena_release(&arena);
}

static void names(void **state)
{
    static const struct {
        const char *word, *name;
        bool known;
    } cases[] = {
        {"/usr/bin/python3.11", "python", true},
        {"python", "python", true},
        {"pypy3", "python", true},
        {"./rm", "rm", true},
        {"~/rm", "rm", true},
        {"r~m", "", false},
        {"~", "", false},
        {"charm", "charm", false},
        {"rm\302\240-rf", "rm\302\240-rf", false},
        {"/", "", false},
        {"", "", false},
    };
    struct bj_program program;
    struct bj_arena arena;
    struct line line;

    (void)state;
    bj_arena_init(&arena, 1 << 20);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        split_line(&line, cases[i].word);
        if (line.count == 0)
            line.words[0].text = "";
        assert_true(bj_program_read(&arena, line.words, 1, &program));
        assert_string_equal(program.name, cases[i].name);
        assert_int_equal(program.known, cases[i].known);
    }
    bj_arena_release(&arena);
}

static void variables(void **state)
{
    static const char *const choose[] = {
        "PATH",           "LD_PRELOAD",      "LD_LIBRARY_PATH",  "BASH_ENV",
        "BASH_FUNC_ls%%", "GIT_SSH_COMMAND", "GIT_CONFIG_KEY_0", "GIT_CONFIG",
        "PAGER",          "PYTHONPATH",      "LESSOPEN",         "ENV",
        "_JAVA_OPTIONS",  "ANSIBLE_CONFIG",  "npm_config_x"};
    static const char *const do_not[] = {"LANG",  "FOO",    "A",          "",
                                         "PATHS", "LD",     "ld_preload", "GIT_AUTHOR_NAME",
                                         "zzz",   "LC_ALL", "_"};
    struct bj_word value = {.text = "x", .length = 1};
    struct bj_effect effect;

    (void)state;
    for (size_t i = 0; i < sizeof choose / sizeof *choose; i++) {
        assert_true(bj_variable_chooses_code(choose[i], &value, &effect));
        assert_ptr_equal(effect.words, &value);
        assert_non_null(effect.via);
    }
    for (size_t i = 0; i < sizeof do_not / sizeof *do_not; i++)
        assert_false(bj_variable_chooses_code(do_not[i], &value, &effect));
    assert_true(bj_variable_chooses_code("GIT_EXTERNAL_DIFF", &value, &effect));
    assert_int_equal(effect.kind, BJ_EFFECT_SHELL);
    assert_string_equal(effect.language, "sh");
}

static void holes(void **state)
{
    static const struct effect_case cases[] = {
        {"env ^ rm x", "unknown +option; runs ~ rm x; runs rm x"},
        {"timeout ~ rm x", "runs rm x"},
        {"timeout -~ 5 rm x", "unknown; runs rm x"},
        {"env ~ rm x", "unknown +option; runs ~ rm x"},
        {"env -~ rm x", "unknown; runs rm x"},
        {"env --~ rm x", "unknown; runs rm x"},
        {"env -u ~ rm x", "runs rm x"},
        {"env -C ~ rm x", "runs rm x @"},
        {"~/env rm x", "runs rm x"},
        {"~ rm x", ""},
        {"e~v rm x", ""},
    };

    (void)state;
    CHECK_EFFECTS(cases);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrappers_run_what_follows),
        cmocka_unit_test(shells),
        cmocka_unit_test(find_runs_and_removes),
        cmocka_unit_test(files),
        cmocka_unit_test(flags_have_one_name),
        cmocka_unit_test(names),
        cmocka_unit_test(variables),
        cmocka_unit_test(holes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
