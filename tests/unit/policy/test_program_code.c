/*
 * Tests of src/policy/program_sed.c, program_awk.c, program_code.c and program_calls.c: what
 * scripts run, read and write.
 */
#include "program_test.h"

static void sed_scripts(void **state)
{
    static const struct effect_case cases[] = {
        {"sed s/a/b/", ""},
        {"sed -n '1,5p'", ""},
        {"sed s/a/b/ f g", "reads f +default; reads g +default"},
        {"sed -i s/a/b/ f", "writes f"},
        {"sed -i.bak s/a/b/ f", "writes f"},
        {"sed --in-pl=.bak -e s/a/b/ f", "writes f"},
        {"sed -n -i -e p -e d f", "writes f"},
        {"sed 'w /tmp/x'", "writes /tmp/x"},
        {"sed -n '/a/w x'", "writes x"},
        {"sed '$!{w x;y\n}'", "writes x;y"},
        {"sed 's/a/b/w x y'", "writes 'x y'"},
        {"sed 's/a/b/gIw x'", "writes x"},
        {"sed 's,a\\,b,c,w x'", "writes x"},
        {"sed 's/[/]/x/w y'", "writes y"},
        {"sed 's/[]/]/x/w y'", "writes y"},
        {"sed 's/[[:alpha:]/]/x/w y'", "writes y"},
        {"sed 'sxaxbxw y'", "writes y"},
        {"sed '\\,a,w y'", "writes y"},
        {"sed '/[/]/w y'", "writes y"},
        {"sed '0,/a/I w y'", "writes y"},
        {"sed '1\\~2!w y'", "writes y"},
        {"sed 'y/ab/cd/;W y'", "writes y"},
        {"sed ':a;w y'", "writes y"},
        {"sed 'ba;w y'", "writes y"},
        {"sed 'l 5;w y'", "writes y"},
        {"sed 'q;w y'", "writes y"},
        {"sed 'a w x'", ""},
        {"sed 'a\\\nw x'", ""},
        {"sed 'a\\\none\\\ntwo\nw x'", "writes x"},
        {"sed 'a\\\none\\\nw x'", ""},
        {"sed 's/w x/e/'", ""},
        {"sed 's/a/w x/'", ""},
        {"sed -e 's/a\\' -e 'b/c/w x'", "writes x"},
        {"sed -e 'a\\' -e 'w x'", ""},
        {"sed '# w x'", ""},
        {"sed 'w /dev/stdout'", ""},
        {"sed 'r /etc/passwd'", "reads /etc/passwd"},
        {"sed '$e rm -rf /'", "shell 'rm -rf /'"},
        {"sed '1e rm x;p'", "shell 'rm x;p'"},
        {"sed e", "unknown"},
        {"sed 's/.*/rm x/e'", "shell 'rm x'"},
        {"sed 's/^.*$/rm \\/x/ge'", "shell 'rm /x'"},
        {"sed 's/a/rm &/e'", "shell '~rm ~~'"},
        {"sed 's/a/\\1/e'", "shell ~~~"},
        {"sed --sandbox 'w x'", ""},
        {"sed 's/a/~/'", "code:sed s/a/~/"},
        {"sed 's/a'", "code:sed s/a"},
        {"sed 'k'", "code:sed k"},
        {"sed -f x y", "script:sed x; reads y +default"},
        {"sed -s -n -- '1e rm' x", "shell rm; reads x +default"},
        {"sed --expression='w x'", "writes x"},
        {"sed -nE 'w x'", "writes x"},
        {"sed -ne 'w x'", "writes x"},
    };

    (void)state;
    CHECK_EFFECTS(cases);
}

static void awk_programs(void **state)
{
    static const struct effect_case cases[] = {
        {"awk '{print $1}' f", "reads f +default"},
        {"awk -F: '$3 > 1000 {print}'", ""},
        {"awk '$1 > 5 && $2 < 3 || /x>y/'", ""},
        {"awk 'BEGIN{system(\"rm -rf /\")}'", "shell 'rm -rf /'"},
        {"awk 'BEGIN{system (\"rm \" \"x\")}'", "shell 'rm x'"},
        {"awk '{system(\"rm \" $1)}'", "shell 'rm ~'"},
        {"awk 'BEGIN{c=\"rm\"; system(c)}'", "shell ~"},
        {"awk '{system(\"a\" f(\"b\") \"c\")}'", "shell a~c"},
        {"awk '{print | \"sort\"}'", "shell sort"},
        {"awk '{print $1, $2 |& \"sort\"}'", "shell sort"},
        {"awk '{print > \"x\"}'", "writes x"},
        {"awk '{printf(\"%s\", $1) >> \"x\" \"y\"; print}'", "writes xy"},
        {"awk '{print > $1 \".txt\"}'", "writes ~.txt"},
        {"awk '{print(\"a\")>\"/dev/stderr\"}'", ""},
        {"awk '{print (1 > 2)}'", ""},
        {"awk '{print (1 > 2) > \"x\"}'", "writes x"},
        {"awk '{ if ($1 > \"x\") print }'", ""},
        {"awk '{x = $1 > \"x\"}'", ""},
        {"awk 'BEGIN{\"date\" | getline d; print d}'", "shell date"},
        {"awk 'BEGIN{while ((\"rm \" \"x\" | getline l) > 0) print l}'", "shell 'rm x'; shell x"},
        {"awk 'BEGIN{while ((getline l < \"/etc/passwd\") > 0) print l}'", "reads /etc/passwd"},
        {"awk '{print \"system(rm)\"}'", ""},
        {"awk '/system\\(\"rm\"\\)/ {print}'", ""},
        {"awk '{print} # system(\"rm\")'", ""},
        {"awk '{x = 4 / 2; y = \"a/\"; system(\"rm\")}'", "shell rm"},
        {"awk '{if (x) /\"/; system(\"rm\") ; y = \"\"}'", "shell rm"},
        {"awk '{x = (1) / 2; y = \"/\"; system(\"rm\")}'", "shell rm"},
        {"awk '{a[1] / 2; system(\"rm\") / 1}'", "shell rm"},
        {"awk '$1 \\~ /[/\"]/ {system(\"rm\")}'", "shell rm"},
        {"awk '{print \"a\\\"b\"; system(\"rm\")}'", "shell rm"},
        {"awk '@load \"x\"'", "loads x"},
        {"awk '{f = \"system\"; @f(\"rm\")}'", "unknown"},
        {"awk 'BEGIN{print \"x\" |& \"/inet/tcp/0/host/80\"}'", "shell /inet/tcp/0/host/80"},
        {"awk '{system(\"\\162m\")}'", "shell ~m"},
        {"awk '{print \"a\\nb\" > \"x\\ty\"}'", "writes x\ty"},
        {"awk -f x y", "script:awk x; reads y +default"},
        {"awk -v c=rm 'BEGIN{system(c)}'", "shell ~"},
        {"awk '{print $~}'", "code:awk '{print $~}'"},
        {"awk '{print \"a'", "code:awk '{print \"a'"},
        {"awk '{print ) }'", "code:awk '{print ) }'"},
        {"gawk -i inplace '{print}' f", "loads inplace; writes f"},
        {"gawk -e 'BEGIN{system(\"rm\")}' f", "shell rm; reads f +default"},
        {"gawk --source 'BEGIN{system(\"rm\")}'", "shell rm"},
        {"gawk -S 'BEGIN{system(\"rm\")}'", ""},
        {"gawk -o/x '{print}'", "writes /x"},
        {"awk 'BEGIN { printf \"%d\\n\", 1 > 2 ? 3 : 4 }'", "writes ~"},
        {"awk 'function f(a,  b) { return a \"x\" }\nBEGIN { print f(1) }'", ""},
        {"awk 'NR==FNR{a[$1]=$2;next} $1 in a{print $0, a[$1]}' x y",
         "reads x +default; reads y +default"},
        {"awk 'BEGIN{FS=\",\"; OFS=\"|\"} {for(i=1;i<=NF;i++) s+=$i; print s}'", ""},
        {"awk 'length > 80'", ""},
        {"awk '!seen[$0]++'", ""},
        {"awk '{print NR \": \" $0}'", ""},
        {"awk '{gsub(/foo|bar/, \"|\"); print}'", ""},
    };

    (void)state;
    CHECK_EFFECTS(cases);
}

/* What comes behind the code itself, which is always there. */
struct call_case {
    const char *program;
    const char *code;
    const char *effects;
};

static void check_calls(const struct call_case *cases, size_t count)
{
    int wrong = 0;

    for (size_t i = 0; i < count; i++) {
        bool dash_c = strcmp(cases[i].program, "python3") == 0;
        const char *option = dash_c ? "-c" : strcmp(cases[i].program, "php") == 0 ? "-r" : "-e";
        struct bj_word words[3] = {
            {.text = cases[i].program, .length = (uint32_t)strlen(cases[i].program)},
            {.text = option, .length = 2},
            {.text = cases[i].code, .length = (uint32_t)strlen(cases[i].code)},
        };
        struct bj_program program;
        struct bj_arena arena;
        struct bj_buf buf;

        bj_arena_init(&arena, 1 << 20);
        bj_buf_init(&buf, 1 << 20);
        assert_true(bj_program_read(&arena, words, 3, &program));
        assert_true(program.effect_count > 0);
        assert_int_equal(program.effects[0].kind, BJ_EFFECT_CODE);
        for (size_t j = 1; j < program.effect_count; j++)
            put_effect(&buf, &program.effects[j]);
        if (strcmp(bj_buf_text(&buf), cases[i].effects) != 0) {
            print_error("%s: %s\n  wanted: %s\n  got:    %s\n", cases[i].program, cases[i].code,
                        cases[i].effects, bj_buf_text(&buf));
            wrong++;
        }
        bj_buf_release(&buf);
        bj_arena_release(&arena);
    }
    assert_int_equal(wrong, 0);
}

static void calls_in_code(void **state)
{
    static const struct call_case cases[] = {
        {"python3", "import os; os.system('rm -rf /')", "shell 'rm -rf /'"},
        {"python3", "__import__('os').system(\"rm -rf /\")", "shell 'rm -rf /'"},
        {"python3", "import os\nos.system('rm ' + '-rf' ' /')", "shell 'rm -rf /'"},
        {"python3", "import os; os.system('''rm\n-rf /''')", "shell 'rm\n-rf /'"},
        {"python3", "os.system('\\x72\\155 -rf /')", "shell 'rm -rf /'"},
        {"python3", "os.system(r'a\\b')", "shell a\\b"},
        {"python3", "os.system(f'rm {x} /')", "shell 'rm ~ /'"},
        {"python3", "os.system('rm ' + x)", "shell 'rm ~'"},
        {"python3", "os.system(x)", "shell ~"},
        {"python3", "os.popen('rm x').read()", "shell 'rm x'"},
        {"python3", "import subprocess; subprocess.run(['rm', '-rf', '/'])", "runs rm -rf /"},
        {"python3", "from subprocess import *; call(('rm', x, '/'), check=True)", "runs rm ~ /"},
        {"python3", "import subprocess as s; s.run('rm -rf /', shell=True)", "shell 'rm -rf /'"},
        {"python3", "import subprocess; subprocess.run(args=['rm', '/'])", "runs rm /"},
        {"python3", "import subprocess; subprocess.run('rm -rf /'.split())", "runs rm -rf /"},
        {"python3", "import subprocess, shlex; subprocess.run(shlex.split('rm -rf /'))",
         "runs rm -rf /"},
        {"python3", "import subprocess; subprocess.check_output('ls')", "runs ls"},
        {"python3", "os.execvp('rm', ['rm', '-rf', '/'])", "runs rm -rf /"},
        {"python3", "os.execlp('rm', 'rm', '-rf', '/')", "runs rm -rf /"},
        {"python3", "exec('import os; os.system(\"rm\")')", "shell rm"},
        {"python3", "print('os.system(\"rm\")')", ""},
        {"python3", "# os.system('rm')\nx = 1", ""},
        {"python3", "app.run('0.0.0.0')", ""},
        {"python3", "system = 1; print(system)", ""},
        {"python3", "open('/etc/shadow').read()", "reads /etc/shadow"},
        {"python3", "open('/x', 'w')", "writes /x"},
        {"python3", "import shutil; shutil.rmtree('/')", "removes /"},
        {"python3", "f'{os.system(\"rm\")}'", "shell rm"},
        {"perl", "system(\"rm -rf /\")", "shell 'rm -rf /'"},
        {"perl", "system 'rm', '-rf', '/';", "runs rm -rf /"},
        {"perl", "system('rm', '-rf', $x)", "runs rm -rf ~"},
        {"perl", "exec qq{rm -rf /}", "shell 'rm -rf /'"},
        {"perl", "print `rm -rf /`", "shell 'rm -rf /'"},
        {"perl", "print qx(rm -rf /)", "shell 'rm -rf /'"},
        {"perl", "print qx{rm {x} y}", "shell 'rm {x} y'"},
        {"perl", "system(\"rm $x\")", "shell 'rm ~'"},
        {"perl", "system('rm $x')", "shell 'rm $x'"},
        {"perl", "$x =~ m/\"/; system('rm')", "shell rm"},
        {"perl", "s/\"/'/g; system('rm')", "shell rm"},
        {"perl", "s{\"}{'}; system('rm')", "shell rm"},
        {"perl", "$x = 1 / 2; system('rm'); $y = 1 / 2", "shell rm"},
        {"perl", "y/'/\"/; system('rm')", "shell rm"},
        {"perl", "open(F, 'rm x|')", "shell 'rm x'"},
        {"perl", "open(F, '|rm x')", "shell 'rm x'"},
        {"perl", "open(my $f, '-|', 'rm', 'x')", "runs rm x"},
        {"perl", "open(my $f, '-|', 'rm x')", "shell 'rm x'"},
        {"perl", "open(my $f, '>', '/x')", "writes /x"},
        {"perl", "open(my $f, '<', '/x')", "reads /x"},
        {"perl", "unlink '/x'", "removes /x"},
        {"perl", "print \"it's\"; system('rm')", "shell rm"},
        {"perl", "print 'system(rm)'", ""},
        {"perl", "eval 'system(\"rm\")'", "shell rm"},
        {"perl", "print \"@{[system('rm')]}\"", "shell rm"},
        {"ruby", "system 'rm -rf /'", "shell 'rm -rf /'"},
        {"ruby", "system('rm', '-rf', '/')", "runs rm -rf /"},
        {"ruby", "`rm -rf /`", "shell 'rm -rf /'"},
        {"ruby", "puts %x(rm -rf /)", "shell 'rm -rf /'"},
        {"ruby", "x = %x{rm}", "shell rm"},
        {"ruby", "puts \"#{`rm x`}\"", "shell 'rm x'"},
        {"ruby", "IO.popen(['rm', 'x'])", "runs rm x"},
        {"ruby", "exec \"rm #{x}\"", "shell 'rm ~'"},
        {"ruby", "puts x % y; system('rm')", "shell rm"},
        {"ruby", "FileUtils.rm_rf('/')", "removes /"},
        {"ruby", "open('|rm x')", "shell 'rm x'"},
        {"node", "require('child_process').execSync('rm -rf /')", "shell 'rm -rf /'"},
        {"node", "require('child_process').exec(`rm ${x} /`)", "shell 'rm ~ /'"},
        {"node", "require('child_process').spawnSync('rm', ['-rf', '/'])", "runs rm -rf /"},
        {"node", "require('child_process').spawn('rm', ['-rf', '/'], {shell: true})",
         "shell 'rm -rf /'"},
        {"node", "/a'b/.exec('x'); require('fs').rmSync('/x')", "removes /x"},
        {"node", "x = a / b; y = 'a/'; execSync('rm')", "shell rm"},
        {"node", "// execSync('rm')\n/* execSync('rm') */ 1", ""},
        {"node", "fs.readFileSync('/etc/shadow', 'utf8')", "reads /etc/shadow"},
        {"node", "console.log(\"execSync('rm')\")", ""},
        {"node", "`${execSync('rm')}`", "shell rm"},
        {"node", "eval('execSync(\"rm\")')", "shell rm"},
        {"php", "system('rm -rf /');", "shell 'rm -rf /'"},
        {"php", "echo `rm -rf /`;", "shell 'rm -rf /'"},
        {"php", "echo shell_exec(\"rm $x\");", "shell 'rm ~'"},
        {"php", "system('rm ' . '-rf /');", "shell 'rm -rf /'"},
        {"php", "# system('rm')\necho 1;", ""},
        {"php", "include '/x.php';", "loads /x.php"},
        {"lua", "os.execute('rm -rf /')", "shell 'rm -rf /'"},
        {"lua", "os.execute [[rm -rf /]]", "shell 'rm -rf /'"},
        {"lua", "io.popen 'rm x'", "shell 'rm x'"},
        {"lua", "-- os.execute('rm')\nx = 1", ""},
        {"lua", "os.execute('rm ' .. '-rf /')", "shell 'rm -rf /'"},
    };

    (void)state;
    check_calls(cases, sizeof cases / sizeof *cases);
}

/* What would take time without bound ends soon, whatever it is made of. */
static void much_code(void **state)
{
    static const char *const units[] = {"q(", "open(", "system(x)", "`", "'", "\"#{", "run(", "/"};
    static char text[65536];
    struct bj_word words[3] = {{.text = "perl", .length = 4},
                               {.text = "-e", .length = 2},
                               {.text = text, .length = sizeof text - 1}};
    struct bj_program program;
    struct bj_arena arena;

    (void)state;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        for (size_t at = 0; at < sizeof text - 1; at++)
            text[at] = units[i][at % strlen(units[i])];
        bj_arena_init(&arena, 64 << 20);
        assert_true(bj_program_read(&arena, words, 3, &program));
        bj_arena_release(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sed_scripts),
        cmocka_unit_test(awk_programs),
        cmocka_unit_test(calls_in_code),
        cmocka_unit_test(much_code),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
