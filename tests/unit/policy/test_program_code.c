/* Tests of src/policy/program_sed.c and program_awk.c: what scripts run, read and write. */
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
        {"awk 'BEGIN{while ((\"rm \" \"x\" | getline l) > 0) print l}'", "shell 'rm x'"},
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sed_scripts),
        cmocka_unit_test(awk_programs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
