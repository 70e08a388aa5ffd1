/*
 * Holds the tables against the programs themselves: each line is run in a small directory, and
 * whether a file named `made` appears must be what the reader says. Programs that are not
 * installed are passed over and named.
 */
#include "program_test.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* Files in the directory: in (two lines), in.tar (with in), prog (touches made), x.c. */
static const char setup[] =
    "printf 'a/b\\nw made\\n' > in; cp in other; tar cf in.tar in; "
    "printf '#!/bin/sh\\ntouch made\\n' > prog; chmod +x prog; echo 'int x;' > x.c; "
    "GIT_CONFIG_GLOBAL=/dev/null git init -q . 2>/dev/null; git add in 2>/dev/null; true";

/* These make the file, by an effect that the reader tells. */
static const char *const makes[] = {
    "sort --outp=made in",
    "sort -uomade in",
    "sort in -o made",
    "sort --o made in",
    "sort -S 1k -T . --batch-size=2 --compress-program=./prog -o made in",
    "uniq in made",
    "uniq -f 1 in made",
    "shuf -o made in",
    "iconv -o made in",
    "xxd in made",
    "split --filter='touch made' in",
    "tee made",
    "dd if=in of=made status=none",
    "cp in made",
    "install -m 755 in made",
    "ln -s in made",
    "touch made",
    "truncate -s 0 made",
    "mkdir -p made",
    "sed 'w made' in",
    "sed -n 's/a/b/w made' in",
    "sed 's/[/]/x/w made' in",
    "sed 's/[]/]/x/w made' in",
    "sed 's/[[:punct:]/]/x/w made' in",
    "sed '1{w made\n}' in",
    "sed ':a;w made' in",
    "sed ':a w made' in",
    "sed '1\\~1w made' in",
    "sed '0,/a/w made' in",
    "sed 'sxaxbxw made' in",
    "sed '\\,a,w made' in",
    "sed 'y/a/b/;W made' in",
    "sed 'l 5;w made' in",
    "sed '$!N;w made' in",
    "sed '1e touch made' in",
    "sed 's/.*/touch made/e' in",
    "sed -e '1{' -e 'w made' -e '}' in",
    "sed 's/a/b\\\n/;w made' in",
    "sed --expr='w made' in",
    "sed -nEe 'w made' in",
    "sed -n -z -s -- 'w made' in",
    "awk 'BEGIN{system(\"touch made\")}'",
    "awk 'BEGIN{system (\"touch \" \"made\")}'",
    "awk '{print > \"made\"}' in",
    "awk '{print $1 > \"ma\" \"de\"}' in",
    "awk '{print(1)>>\"made\"}' in",
    "awk '{print (1 > 2) > \"made\"}' in",
    "awk '{print | \"cat > made\"}' in",
    "awk 'BEGIN{\"touch made\" | getline}'",
    "awk 'BEGIN{while ((\"touch made\" | getline l) > 0);}'",
    "awk '{x = (1) / 2; system(\"touch made\"); y = 1 / 2}' in",
    "awk '/[/]b/ {system(\"touch made\")}' in",
    "awk 'BEGIN{printf \"x\" > \"made\"; close(\"made\")}'",
    "tar cf made in",
    "tar -cvf made in",
    "tar cfI /dev/null 'touch made' in",
    "tar cf /dev/null -I 'touch made' in",
    "tar --use-comp='touch made' -cf /dev/null in",
    "tar cf /dev/null in --checkpoint=1 --checkpoint-action=exec='touch made'",
    "tar xf in.tar --to-command='touch made'",
    "tar xf in.tar --to-c 'touch made'",
    "find . -maxdepth 0 -exec touch made ;",
    "find . -maxdepth 0 -exec touch made {} +",
    "find . -maxdepth 0 -fprint made",
    "find -maxdepth 0 -fprintf made %p",
    "find . -name in -execdir touch made ;",
    "xargs -a in touch made",
    "xargs -a in -I X touch made",
    "xargs --arg-f in -n1 touch made",
    "env -S 'touch made'",
    "env '-Stouch made'",
    "env -vS 'touch made'",
    "env -S '-u X touch' made",
    "env -S 'touch\\_made'",
    "env -iu X touch made",
    "env -C . touch made",
    "env --chd=. touch made",
    "env - A=1 touch made",
    "timeout 5 touch made",
    "timeout -s KILL -k 1 5 touch made",
    "timeout --sig=KILL 5 touch made",
    "nice -5 touch made",
    "nice -n 5 touch made",
    "nohup touch made",
    "setsid -w touch made",
    "stdbuf -oL touch made",
    "flock in touch made",
    "flock -n in -c 'touch made'",
    "flock --exclusive in --command 'touch made'",
    "bash -xec 'touch made'",
    "bash -c -e 'touch made'",
    "bash --norc -o pipefail -c 'touch made'",
    "bash +x -O extglob -c 'touch made'",
    "bash - prog",
    "sh -ec 'touch made' x",
    "busybox touch made",
    "busybox sh -c 'touch made'",
    "/lib64/ld-linux-x86-64.so.2 /usr/bin/touch made",
    "/lib64/ld-linux-x86-64.so.2 --argv0 touch /usr/bin/touch made",
    "perl -e 'system(\"touch made\")'",
    "perl -e 'system q(touch made)'",
    "perl -we '`touch made`'",
    "perl -e 'exec \"touch\", \"made\"'",
    "perl -e 'open(F, \"|touch made\")'",
    "perl -ne 's/\"/x/; system(\"touch made\")' in",
    "python3 -c '__import__(\"os\").system(\"touch made\")'",
    "python3 -Bc 'import subprocess; subprocess.run([\"touch\", \"made\"])'",
    "python3 -c 'import subprocess; subprocess.run(\"touch made\", shell=True)'",
    "python3 -c 'import os; os.execlp(\"touch\", \"touch\", \"made\")'",
    "node -e 'require(\"child_process\").execSync(\"touch made\")'",
    "gdb -nx -batch -ex 'shell touch made'",
    "gdb -nx -batch -ex '!touch made'",
    "vim -es -u NONE -c '!touch made' -c q! in",
    "strace -f -o /dev/null touch made",
    "strace -o made true",
    "script -qc 'touch made' /dev/null",
    "zip -q t.zip in -T -TT 'touch made'",
    "curl -so made file:///etc/hostname",
    "openssl rand -out made 4",
    "make --eval='$(shell touch made)'",
    "gcc -wrapper ./prog,made -c x.c",
    "gcc -c -o made x.c",
    "cmake -E touch made",
    "git -c core.fsmonitor='touch made;false' status",
    "git -c alias.x='!touch made' x",
    "git diff --no-index --output=made in x.c",
    "git grep -O'touch made;:' a",
    "git grep --open-files='touch made;:' a",
    "git ls-remote --upload-pack='touch made;false' .",
    "git ls-remote --exec='touch made;false' .",
    "git archive --remote=. --exec='touch made;false' HEAD",
    "git -c diff.external='touch made;:' diff --no-index --ext-diff in x.c",
    "rg --pre=./prog a in",
    "socat -u OPEN:in SYSTEM:'touch made'",
    "socat -u OPEN:in CREATE:made",
};

/* These do not make it, and the reader says nothing of running or writing. */
static const char *const do_not_make[] = {
    "sort in",
    "sort -k 1 -t o in",
    "uniq -c in",
    "uniq -w 3 in",
    "sed 's/a/w made/' in",
    "sed 'a w made' in",
    "sed 'a\\\nw made' in",
    "sed 's/w made/x/' in",
    "sed '# w made' in",
    "sed --sandbox -n p in",
    "sed -n '/w made/p' in",
    "awk '{print \"system(touch made)\"}' in",
    "awk '{print (1 > 2)}' in",
    "awk '$1 > \"made\"' in",
    "awk '/print > \"made\"/ {print}' in",
    "awk '{print} # print > \"made\"' in",
    "find . -name made",
    "find . -name -exec -o -name made",
    "tar tf in.tar",
    "grep -e -o in",
    "head -n 1 in",
    "echo -o made",
    "cat -- in",
    "rg -e --pre=./prog in",
    "git status",
    "git log --format=made",
    "diff in other",
};

static char directory[] = "/tmp/belljar-programs-XXXXXX";

/* Runs a line as it stands, within bounds. Gives its exit status; -1 if it was not found. */
static int run(const struct line *line)
{
    const char *argv[WORDS_MAX + 1] = {NULL};
    int status;
    pid_t child = fork();

    for (size_t i = 0; i < line->count; i++)
        argv[i] = line->words[i].text;
    if (child == 0) {
        struct rlimit cpu = {10, 10}, file = {1 << 20, 1 << 20};
        int null = open("/dev/null", O_RDWR);

        dup2(null, 0);
        dup2(null, 1);
        dup2(null, 2);
        setrlimit(RLIMIT_CPU, &cpu);
        setrlimit(RLIMIT_FSIZE, &file);
        alarm(20);
        setenv("GIT_CONFIG_GLOBAL", "/dev/null", 1);
        setenv("TERM", "dumb", 1);
        execvp(argv[0], (char *const *)argv);
        _exit(127);
    }
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) && WEXITSTATUS(status) == 127 ? -1 : status;
}

static void run_shell(const char *text)
{
    struct line line = {.count = 3};

    line.words[0].text = "sh";
    line.words[1].text = "-c";
    line.words[2].text = text;
    run(&line);
}

static bool tells(const char *text)
{
    struct bj_program program;
    struct bj_arena arena;
    struct line line;
    bool told = false;

    split_line(&line, text);
    bj_arena_init(&arena, 1 << 20);
    assert_true(bj_program_read(&arena, line.words, line.count, &program));
    for (size_t i = 0; i < program.effect_count; i++)
        told |=
            program.effects[i].kind != BJ_EFFECT_READS && program.effects[i].kind != BJ_EFFECT_SETS;
    bj_arena_release(&arena);
    return told;
}

/* Counts what is not as it should be. */
static int check_line(const char *text, bool wanted)
{
    struct line line;
    bool made;

    if (unlink("made") != 0)
        rmdir("made");
    split_line(&line, text);
    if (run(&line) == -1) {
        print_message("not here: %s\n", line.words[0].text);
        return 0;
    }
    made = access("made", F_OK) == 0 || readlink("made", (char[2]){0}, 1) > 0;
    if (made == wanted && tells(text) == wanted)
        return 0;
    print_error("%s\n  makes the file: %d, is told: %d, wanted: %d\n", text, made, tells(text),
                wanted);
    return 1;
}

static void what_is_told_happens(void **state)
{
    int wrong = 0;

    (void)state;
    for (size_t i = 0; i < sizeof makes / sizeof *makes; i++)
        wrong += check_line(makes[i], true);
    assert_int_equal(wrong, 0);
}

static void what_is_not_told_does_not(void **state)
{
    int wrong = 0;

    (void)state;
    for (size_t i = 0; i < sizeof do_not_make / sizeof *do_not_make; i++)
        wrong += check_line(do_not_make[i], false);
    assert_int_equal(wrong, 0);
}

static int make_directory(void **state)
{
    (void)state;
    if (mkdtemp(directory) == NULL || chdir(directory) != 0)
        return -1;
    run_shell(setup);
    return 0;
}

static int remove_directory(void **state)
{
    (void)state;
    run_shell("rm -rf ./* .git");
    return chdir("/") != 0 || rmdir(directory) != 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_told_happens),
        cmocka_unit_test(what_is_not_told_does_not),
    };

    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
