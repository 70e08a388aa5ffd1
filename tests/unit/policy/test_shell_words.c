/*
 * Expansion compared with bash itself: each text is run by the bash of this machine and analysed,
 * and the words that its last command `probe` got must be the same.
 */
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shell_listing.h"

static const char *const texts[] = {
    /* quotes */
    "probe r\"\"m 'a b' \"c d\" e\\ f \\\\ \\' \\\"",
    "probe \"a\\$b\\`c\\\"d\\\\e\\f\" 'a\\b' \"a\\\nb\" c\\\nd",
    "probe $'\\x72\\x6d' $'\\162m' $'\\u0072m' $'a\\tb\\n' $'\\'' $'\\cA' $'a\\0b' $'\\e' $'\\q'",
    "probe $\"text\" a$'b'c \"$'x'\" $ \"$\" a$ '' \"\" \"\"''",
    "probe a#b #c\nprobe 'x'#y",
    /* continued lines */
    "probe \"$\\\n(echo a)\" $\\\n(echo b) \"a\\\n$(echo c)\" $(\\\n(1+1)) a\\\n#b c\\\n \\\nd",
    "xy=1 x=2; probe $x\\\ny \"$x\\\ny\" ${\\\nx} \"${x\\\ny}\" \"${x:\\\n-y}\" '$x\\\ny'",
    "x=\"$\\\n(echo a)\"; i\\\nf true; th\\\nen probe \"$x\" \"${u:-$\\\n(echo b)}\"; f\\\ni",
    "cat >/dev/null <<E\na\nE\\\nND\nE\nprobe a; cat <\\\n<\\\nF >/dev/null\nprobe b\n\\\nF\nprobe "
    "c",
    "probe \"$(cat <<E\n$\\\n(echo a)'$\\\n(echo b)\nE\n)\" \"$(cat <<'E'\n$\\\n(echo a)\nE\n)\"",
    "true \\\n &\\\n& probe \"b\\\n'c\" '\"' $'$x\\\ny' `echo \\\nc` # '\\\n:",
    /* parameters */
    "x=abc; probe $x ${x} \"$x\"d ${x}d $xd ${#x}",
    "x='a  b'; probe $x \"$x\" -$x- \"-$x-\"",
    "x=; probe $x \"$x\" a$x ${x:-d} ${x-d} ${x:+e} ${x+e}",
    "probe ${u:-d} ${u-'d e'} \"${u:-'d e'}\" ${u:+e} ${u:=f} $u",
    "x=mam p='&'; probe ${x/m/r&} ${x/m/\"r&\"} ${x/m/r\\&} ${x/m/'&'} \"${x/m/r&}\" ${x/m/$'&'}",
    "x=mam p='&'; probe \"${x/m/\"r&\"}\" \"${x/m/r\\&}\" \"${x/m/r\\\\&}\" ${x/m/r\\\\&} "
    "${x/m/r$p}",
    "x=mam p='&'; probe ${x/m/r\"$p\"} \"${x/m/r$p}\" ${x//m/<&>}",
    "x=mam; probe ${x/#m/&&} ${x/%m/&x} \"${x/z/&}\"",
    "x=mam p='&'; probe ${x/m/\\\\} ${x/m/${u:-&}} ${x/m/\"${u:-&}\"} \"${x/m/a\"b&$p\"c}\" "
    "${x//m}",
    "x=RM; probe ${x,,} ${x,} ${x^^} ${x,,R}",
    "x=a.b.c; probe ${x#*.} ${x##*.} ${x%.*} ${x%%.*} ${x#z} ${x%%} ${x#\"*.\"}",
    "x=a.b.c; probe ${x/./-} ${x//./-} ${x/#a/z} ${x/%c/z} ${x//.} ${x/b*/-} ${x//[ab]/_}",
    "x=abcdef; probe ${x:2} ${x:1:3} ${x: -2} ${x:1:-1} ${x:0:1}${x:5} ${x:(-3):2} ${x:9}",
    "x=y; y=z; probe ${!x} ${!x:-w}",
    "x='a b'; y=\"'&\\\\\"; probe ${y@Q} ${x@Q} ${x@U} ${x@u} \"${x@L}\"",
    "x='\\x41'; probe ${x@E}",
    "x=1 y=2; probe \"$x$y\" ${x}${y} \"${x:-${y}}\" \"${u:-${y:+\"$x\"}}\"",
    "x=/usr/bin/rm; probe ${x##*/} ${x%/*} \"${x/bin/sbin}\" \"${x:9}\"",
    "x=aXbXc; IFS=X; probe $x \"$x\" ${x//X/ }",
    "x='}'; probe \"${u:-'a'}\" \"${x%'}'}\" ${u:-\"}\"}",
    /* positional */
    "set -- a 'b c' d; probe \"$@\"; probe $@ $# $2 \"$*\" x\"$@\"y",
    "set --; probe \"$@\" a\"$@\" \"$*\"",
    "set -- a b c d; shift 2; probe $1 \"${@:1:1}\" ${@:2} ${#@} \"${@: -1}\"",
    "set -- a b c; IFS=,; probe \"$*\" $* \"${*}\"",
    "f() { probe \"$2\" $# \"$@\"; }; f x 'y z'",
    "f() { local v=1; g; }; g() { probe $v; }; v=2; f",
    "f() { local v=1; v=3; }; v=2; f; probe $v",
    /* arrays */
    "a=(x 'y z' w); probe ${a[0]} \"${a[1]}\" \"${a[@]}\" ${#a[@]} ${a[-1]} \"${a[*]}\" $a",
    "a=(x y); a+=(z); a[5]=q; probe \"${a[@]}\" \"${!a[@]}\"",
    "a=([2]=c [0]=a); probe \"${a[0]}\" ${a[2]}",
    "declare -A m=([k]=v ['a b']=w); probe \"${m[k]}\" \"${m[a b]}\"",
    "declare -A m; m[x]=1; k=x; probe ${m[$k]} ${m[x]}",
    "a=(a b c d); probe \"${a[@]:1:2}\" \"${a[@]#b}\" ${a[@]/c/C}",
    "i=1; a=(p q r); probe ${a[i]} ${a[i+1]} ${a[$i]}",
    "n=v; declare -n r=n; r=w; probe $n $r",
    "printf -v x '%s-%s' a b; probe $x",
    "printf -v x '%d %x %o' 10 255 8; probe $x",
    /* splitting */
    "IFS=,; x=rm,-rf,/; probe $x",
    "IFS=', '; x='a , b,c,,d '; probe $x",
    "IFS=; x='a b'; probe $x",
    "IFS=:; x=:a::b:; probe $x",
    "x=' a  b '; probe $x\"y\"$x",
    "x='a b'; y=$x; probe $y \"$y\"",
    /* braces and tilde */
    "probe {a,b}c a{b,c}d {a,b}{1,2} {a,{b,c}} {a} {,x} a{} {1..3} {c..a} {1..7..3} \\{a,b}",
    "probe {a,'b c'} \"{a,b}\" {a,$'b'} ${u}{x,y} {rm,-rf,/}",
    "probe ~/x ~ \"~\" a~ ~/'y z' \\~",
    "x=~/y; probe $x",
    /* substitution */
    "probe $(echo a b) \"$(echo a b)\" `echo c` $(printf '%s' d) \"$(printf 'a\\nb\\n\\n')\"",
    "probe `echo \\`echo x\\`` \"`echo \\\"y z\\\"`\" $(echo $(echo n))",
    "probe $(echo cm0= | base64 -d) $(echo mr | rev) $(echo 726d | xxd -r -p) $(echo sn | tr sn "
    "rm)",
    "probe $(cat <<< 'a b') $(cat <<E\nc\nE\n) $(echo xay | sed s/a/b/)",
    "probe $(echo -n a; echo b) $(echo -e 'a\\tb') $(printf '%s,' 1 2 3) $(printf a%%b)",
    "x=$(echo a; echo b); probe $x \"$x\"",
    "case x in x) probe in;; esac",
    "probe $( (echo a) ) $({ echo b; }) \"$(echo \"$(echo \"q r\")\")\"",
    "probe $(printf '\\162\\155') $(printf '\\x72%s' m) $(printf '%b' '\\0162m') $(printf %c xyz)",
    /* arithmetic */
    "probe $((1 + 2 * 3)) $((2 ** 10)) $((7 / 2)) $((-7 % 3)) $((1 << 4 | 1)) $((5 > 3 ? 1 : 2))",
    "x=5; probe $((x + 1)) $((x++)) $x $((++x)) $((x += 2)) $x $((x = 1, x + 1)) $[x + 4]",
    "x=y; y=3; probe $((x * 2)) $((!0)) $((~0)) $((16#ff)) $((0x1f)) $((017)) $((2#101))",
    "a=(4 5); probe $((a[1] + 1)) $((a[0]++)) ${a[0]} $(( (1 + 2) * 3 ))",
    "let x=3+4; ((y = x * 2)); probe $x $y",
    /* state */
    "x=1; (x=2); probe $x; { x=3; }; probe $x",
    "x=1; x=2 true; probe $x",
    "x=a; x+=b; probe $x",
    "read a b <<< 'x y z'; probe $a \"$b\"",
    "IFS=: read a b <<< 'x:y:z'; probe $a $b",
    "mapfile -t a <<< $'p q\\nr'; probe \"${a[@]}\"",
    "for i in 1 2 3; do x=$x$i; done; probe $x",
    "for ((i = 0; i < 1; i++)); do :; done; probe x",
    "unset x; x=${x-q}; probe $x",
    "x='$(rm)'; probe $x \"$x\"",
    "eval 'x=5; probe $x'",
    "eval \"probe \\\"a b\\\"\"",
    "cat <<A >/dev/null\n$(echo x)\nA\nprobe y",
    "probe a \\\n  b \\\nc",
    "if true; then probe $((1)); fi",
    "probe \"a'b'c\" 'a\"b\"c' a'b\"c'\"d'e\"",
    "probe <<< x a; probe 2>/dev/null b; >/dev/null true; probe 3>&1 c",
    "x=a; probe ${x/a/'b c'} \"${x/a/'b c'}\" ${x:+\"p q\"}",
    "export A=1 B='2 3'; probe $A \"$B\"",
    "declare -i n=2+3; probe $n; declare -u c=abc; probe $c",
    "set -f; x='*'; probe \"$x\"",
    "probe [[ ! } { a=b =",
    "function f { probe in; }; f",
};

/* Runs a text in bash; what it printed, words ended by NUL. */
static size_t run_bash(const char *text, char *output, size_t size)
{
    static const char prelude[] = "probe() { last=(\"$@\"); }\ntrap 'printf \"%s\\0\" "
                                  "\"${#last[@]}\" \"${last[@]}\"' EXIT\n";
    char script[8192];
    char *argv[] = {"bash", "--norc", "-c", script, NULL};
    char *environment[] = {"HOME=/home/me", "PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8", NULL};
    posix_spawn_file_actions_t actions;
    size_t length = 0;
    ssize_t got;
    int ends[2], status;
    pid_t pid;

    assert_true(snprintf(script, sizeof script, "%s%s", prelude, text) < (int)sizeof script);
    assert_int_equal(pipe(ends), 0);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
    posix_spawn_file_actions_addclose(&actions, ends[0]);
    assert_int_equal(posix_spawnp(&pid, "bash", &actions, NULL, argv, environment), 0);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    while ((got = read(ends[0], output + length, size - length)) > 0)
        length += (size_t)got;
    close(ends[0]);
    waitpid(pid, &status, 0);
    return length;
}

/* The last `probe` of the analysis in the same form. */
static size_t run_analysis(struct listing *listing, const char *text, char *output, size_t size)
{
    static const char *const empty[] = {NULL};
    struct bj_shell_context context = {
        .directory = "/work", .home = "/home/me", .environment = empty};
    const struct bj_simple_command *last = NULL;
    size_t at;

    bj_arena_reset(&listing->arena);
    assert_int_equal(bj_shell_analyse(listing->shell, &context, text, strlen(text), &listing->arena,
                                      &listing->commands, NULL),
                     0);
    for (size_t i = 0; i < listing->commands.count; i++)
        if (bj_word_is(&listing->commands.list[i].words[0], "probe"))
            last = &listing->commands.list[i];
    if (last == NULL || listing->commands.incomplete != BJ_COMPLETE)
        return 0;
    at = (size_t)snprintf(output, size, "%zu", last->word_count - 1) + 1;
    for (size_t i = 1; i < last->word_count && at + last->words[i].length + 1 < size; i++) {
        memcpy(output + at, last->words[i].text, last->words[i].length);
        for (size_t k = 0; k < last->words[i].length; k++)
            if (output[at + k] == BJ_HOLE)
                output[at + k] = 26;
        at += last->words[i].length;
        output[at++] = '\0';
    }
    return at;
}

static void show(const char *what, const char *output, size_t length)
{
    print_error("    %s", what);
    for (size_t i = 0; i < length; i++)
        print_error("%c", output[i] == '\0' ? '|' : output[i]);
    print_error("\n");
}

static void test_like_bash(void **state)
{
    static char by_bash[8192], by_analysis[8192];
    int wrong = 0;

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        size_t a = run_bash(texts[i], by_bash, sizeof by_bash);
        size_t b = run_analysis(*state, texts[i], by_analysis, sizeof by_analysis);

        if (a == b && a > 0 && memcmp(by_bash, by_analysis, a) == 0)
            continue;
        print_error("%s\n", texts[i]);
        show("bash:     ", by_bash, a);
        show("analysis: ", by_analysis, b);
        wrong++;
    }
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_like_bash, listing_setup, listing_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
