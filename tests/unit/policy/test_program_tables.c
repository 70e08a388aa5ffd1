/* Tests of the tables in src/policy/programs: what usual programs do by which option. */
#include "program_test.h"

static void text_tools(void **state)
{
    static const struct effect_case cases[] = {
        {"sort f", "reads f +default"},
        {"sort -o /x f", "writes /x; reads f +default"},
        {"sort -uo/x f", "writes /x; reads f +default"},
        {"sort f -o /x", "writes /x; reads f +default"},
        {"sort --outp=/x f", "writes /x; reads f +default"},
        {"sort --compress-program=/x f", "runs /x; reads f +default"},
        {"sort --compress-prog /x f", "runs /x; reads f +default"},
        {"sort -k 2 -t , -S 1M f", "reads f +default"},
        {"sort ~", "unknown +option; reads ~ +default"},
        {"uniq -c f", "reads f +default"},
        {"uniq f /x", "reads f +default; writes /x"},
        {"uniq -f 1 f", "reads f +default"},
        {"rg foo .", "reads . +default"},
        {"rg -nz foo .", "runs gzip; reads . +default"},
        {"rg --pre=/x foo", "runs /x"},
        {"rg -e foo .", "reads . +default"},
        {"rg --hostname-bin /x foo", "runs /x"},
        {"rg -A 3 'rm -rf /' src", "reads src +default"},
        {"grep -rn foo .", "reads . +default"},
        {"grep -f p x", "reads p; reads x +default"},
        {"cat ~", "reads ~ +default"},
        {"fd -e c -x rm {}", "runs rm ~"},
        {"fd . /x -X rm -rf", "runs rm -rf +input; reads /x +default"},
        {"fd -x rm {} ; -e c", "runs rm ~"},
        {"less +!rm f", "shell rm; code:vim !rm; reads f +default"},
        {"less +G f", "reads f +default"},
        {"vim -c '!rm x' f", "shell 'rm x'; code:vim '!rm x'; writes f +default"},
        {"vim +10 f", "writes f +default"},
        {"man -P 'rm x' ls", "shell 'rm x'"},
        {"compgen -C 'rm -rf /' x", "shell 'rm -rf /'"},
        {"compgen -W '$(rm x)' y", "shell ': $(rm x)'"},
        {"jq '.a' f", "reads f +default"},
        {"xxd -r a b", "reads a +default; writes b"},
        {"which rm", ""},
        {"echo -o rm", ""},
        {"trap 'rm x' EXIT", "shell 'rm x'"},
    };

    (void)state;
    CHECK_EFFECTS(cases);
}

static void git(void **state)
{
    static const struct effect_case cases[] = {
        {"git status", ""},
        {"git diff HEAD~1 -- src", ""},
        {"git commit -m 'drop rm -rf /'", ""},
        {"git rm -rf --cached .", ""},
        {"git -c core.fsmonitor='touch x;false' status", "shell 'touch x;false'"},
        {"git -c core.fsmonitor=true status", ""},
        {"git -c CORE.PAGER=x log", "shell x"},
        {"git -c alias.x='!rm x' x", "shell 'rm x'; unknown"},
        {"git -c alias.x='-c core.pager=rm log' x", "runs git -c core.pager=rm log; unknown"},
        {"git -c diff.foo.textconv=rm diff", "shell rm"},
        {"git -c protocol.ext.allow=always clone 'ext::rm x' y",
         "unknown; runs rm x +default; writes y +default"},
        {"git -c user.name=x commit", ""},
        {"git -c ~ commit", "unknown"},
        {"git -c core.pager=~ log", "shell ~"},
        {"git diff --no-index --output=/x a b", "writes /x"},
        {"git diff --outp /x", "writes /x"},
        {"git log --format='%h' -n 5", ""},
        {"git grep -O'touch x;:' root", "shell 'touch x;:'"},
        {"git grep --open-files-in-pager=rm root", "shell rm"},
        {"git grep -c foo", ""},
        {"git ls-remote --upload-pack='touch x;false' /tmp", "shell 'touch x;false'; reads /tmp"},
        {"git fetch --upload-pack rm origin", "shell rm; reads origin"},
        {"git push --receive-pack=rm host:x", "shell rm; connects host:x"},
        {"git push --exec=rm host:x", "shell rm; connects host:x"},
        {"git clone -u rm /a", "shell rm; reads /a +default"},
        {"git clone -c core.sshCommand=rm https://x/y", "shell rm; connects https://x/y +default"},
        {"git clone --template=/t x", "loads /t; reads x +default"},
        {"git archive --exec=rm --remote=x HEAD", "shell rm; reads x"},
        {"git archive -o /x HEAD", "writes /x"},
        {"git bisect run rm -rf /", "shell 'rm -rf /'"},
        {"git rebase -x 'rm x' main", "shell 'rm x'"},
        {"git rebase --exec='rm x' main", "shell 'rm x'"},
        {"git submodule foreach 'rm x'", "shell 'rm x'"},
        {"git submodule foreach --recursive rm x", "shell 'rm x'"},
        {"git difftool -x rm HEAD", "shell rm; unknown"},
        {"git filter-branch --tree-filter 'rm x' HEAD", "shell 'rm x'"},
        {"git config core.pager 'rm x'", "shell 'rm x'"},
        {"git config --global alias.x '!rm x'", "shell 'rm x'"},
        {"git config core.pager", ""},
        {"git config --get core.pager", ""},
        {"git config set core.editor rm", "shell rm"},
        {"git config user.name x", ""},
        {"git --exec-path=/x status", "loads /x"},
        {"git -C /x --no-pager log", ""},
        {"git unknown-thing", "unknown"},
        {"git ~ x", "unknown +option; unknown"},
    };

    (void)state;
    CHECK_EFFECTS(cases);
}

static void archives(void **state)
{
    static const struct effect_case cases[] = {
        {"tar xf a.tar", "reads a.tar +default"},
        {"tar czf a.tgz x y", "writes a.tgz +default; reads x +default; reads y +default"},
        {"tar xf /f -I /x", "runs /x; reads /f +default"},
        {"tar xfI /f '/x -d'", "runs /x -d; reads /f +default"},
        {"tar -xf /f --use-compress-program='/x -d'", "runs /x -d; reads /f +default"},
        {"tar --use-comp /x -xf /f", "runs /x; reads /f +default"},
        {"tar cf /dev/null /a --checkpoint=1 --checkpoint-action=exec='touch x'",
         "shell 'touch x'; writes /dev/null +default; reads /a +default"},
        {"tar cf /x /a --checkpoint-action=dot", "writes /x +default; reads /a +default"},
        {"tar xf - --to-command='touch x'", "shell 'touch x'"},
        {"tar xf - --to-c rm", "shell rm"},
        {"tar -F rm -xf x", "shell rm; reads x +default"},
        {"tar cf x --rsh-command=rm y", "shell rm; writes x +default; reads y +default"},
        {"tar cf host:x --rmt-command=rm y",
         "connects host:x; shell rm; writes host:x +default; reads y +default"},
        {"tar --remove-files -cf x y", "writes x +default; removes y"},
        {"zip -T -TT 'rm x' a b", "shell 'rm x'; writes a +default; reads b +default"},
        {"zip -r a b", "writes a +default; reads b +default"},
        {"unzip a -d /x", "writes /x; reads a +default"},
        {"rsync -e 'ssh -p 1' a h:b", "runs ssh -p 1; reads a +default; connects h:b +default"},
        {"rsync --rsync-path='rm x' a h:b",
         "shell 'rm x'; reads a +default; connects h:b +default"},
        {"rsync -av a/ b/", "reads a/ +default; writes b/ +default"},
        {"scp -S rm a h:b", "runs rm; reads a +default; connects h:b +default"},
        {"scp -o ProxyCommand='rm x' a h:b",
         "shell 'rm x'; reads a +default; connects h:b +default"},
        {"scp a b", "reads a +default; writes b +default"},
        {"gzip f", "writes f +default"},
        {"gzip -c f", "reads f +default"},
    };

    (void)state;
    CHECK_EFFECTS(cases);
}

static void network(void **state)
{
    static const struct effect_case cases[] = {
        {"ssh h rm -rf /", "connects h +default; shell 'rm -rf /'"},
        {"ssh -p 22 -i k u@h", "reads k; connects u@h +default; stdin:sh"},
        {"ssh h -o ProxyCommand=rm ls -la", "shell rm; connects h +default; shell 'ls -la'"},
        {"ssh -o ProxyCommand='rm x' h", "shell 'rm x'; connects h +default; stdin:sh"},
        {"ssh -oproxycommand=rm h", "shell rm; connects h +default; stdin:sh"},
        {"ssh -o 'ProxyCommand rm x' h", "shell 'rm x'; connects h +default; stdin:sh"},
        {"ssh -o ProxyCommand=none h", "connects h +default; stdin:sh"},
        {"ssh -o StrictHostKeyChecking=no h ls", "connects h +default; shell ls"},
        {"ssh -o ~ h ls", "unknown; connects h +default; shell ls"},
        {"ssh -NJ a b", "connects a; connects b +default"},
        {"curl -o /x u", "writes /x; connects u +default"},
        {"curl -sSfLo /x u", "writes /x; connects u +default"},
        {"curl -K /x u", "loads /x; connects u +default"},
        {"curl -T /x u", "reads /x; connects u +default"},
        {"curl --data @/x u", "reads /x; connects u +default"},
        {"curl -d a=b u", "connects u +default"},
        {"curl -F f=@/x u", "reads /x; connects u +default"},
        {"wget -O /x u", "writes /x; connects u +default"},
        {"wget -qO- u", "connects u +default"},
        {"wget --post-file=/x u", "reads /x; connects u +default"},
        {"wget --use-askpass=/x u", "runs /x; connects u +default"},
        {"wget -e use_askpass=/x u", "runs /x; connects u +default"},
        {"nc -e /bin/sh h 1", "runs /bin/sh; connects h +default"},
        {"nc -c 'rm x' h 1", "shell 'rm x'; connects h +default"},
        {"ncat --sh-exec 'rm x' h 1", "shell 'rm x'; connects h +default"},
        {"ncat -e '/bin/sh -i' h 1", "runs /bin/sh -i; connects h +default"},
        {"socat TCP:h:1 EXEC:/bin/sh,pty", "connects TCP:h:1; runs /bin/sh,pty"},
        {"socat - SYSTEM:'rm x'", "shell 'rm x'"},
        {"socat -d -d TCP-LISTEN:1,fork EXEC:'rm x'", "connects TCP-LISTEN:1,fork; runs rm x"},
        {"tcpdump -i any -z /x -w f", "runs /x; writes f"},
        {"openssl req -engine /x", "loads /x"},
        {"openssl s_client -connect h:1", "connects h:1"},
        {"ip netns exec x rm y", "runs rm y"},
        {"ip -n a netns exec x rm y", "runs rm y"},
    };

    (void)state;
    CHECK_EFFECTS(cases);
}

static void system_tools(void **state)
{
    static const struct effect_case cases[] = {
        {"/lib64/ld-linux-x86-64.so.2 /bin/rm -rf /", "runs /bin/rm -rf /"},
        {"/lib/ld-musl-x86_64.so.1 --preload x --argv0 a /bin/rm y", "loads x; runs /bin/rm y"},
        {"flock /l rm -rf /", "runs rm -rf /"},
        {"flock -n /l -c 'rm x'", "shell 'rm x'"},
        {"watch -n 1 rm x", "shell 'rm x'"},
        {"watch -x rm x", "runs rm x"},
        {"script -c 'rm x' /dev/null", "shell 'rm x'; writes /dev/null +default"},
        {"script -qc 'rm x'", "shell 'rm x'"},
        {"script /dev/null -c 'rm x'", "shell 'rm x'; writes /dev/null +default"},
        {"unshare -r", "stdin:sh"},
        {"chroot /x", "stdin:sh"},
        {"strace -f -o /l rm x", "writes /l; runs rm x"},
        {"strace -ff -e trace=open rm x", "runs rm x"},
        {"gdb -batch -ex 'shell rm x' f", "shell 'rm x'; runs f"},
        {"gdb --args rm x", "runs rm x"},
        {"gdb -ex '!rm x'", "shell 'rm x'"},
        {"gdb -ex run --args rm x", "runs rm x"},
        {"valgrind --leak-check=full rm x", "runs rm x"},
        {"unshare -r -m rm x", "runs rm x"},
        {"unshare --mount-proc=/x rm x", "runs rm x"},
        {"nsenter -t 1 -m -u rm x", "runs rm x"},
        {"nsenter --target 1 --all -- rm x", "runs rm x"},
        {"busybox rm x", "runs rm x"},
        {"busybox", ""},
        {"parallel rm ::: a b", "shell 'rm ~'"},
        {"parallel -j4 'rm {}' ::: a b", "shell 'rm ~'"},
        {"parallel ::: 'rm x' 'rm y'", "shell 'rm x'; shell 'rm y'"},
        {"parallel", "stdin:sh"},
        {"systemd-run --user -p ExecStartPre=rm x y", "runs rm; runs x y"},
        {"at now", "stdin:sh"},
        {"at -f s now", "script:sh s"},
        {"crontab f", "script:crontab f"},
        {"crontab -l", ""},
        {"crontab -", "stdin:crontab"},
        {"docker run --rm -v /:/h alpine rm -rf /h", "runs rm -rf /h"},
        {"docker exec -it c rm x", "runs rm x"},
        {"docker rm -f web", ""},
        {"docker compose -f x exec -T web rm y", "loads x; runs rm y"},
        {"kubectl exec -it pod -- rm x", "runs rm x"},
        {"kubectl exec pod -c web -- rm -rf x", "runs rm -rf x"},
        {"kubectl get pods", ""},
        {"tmux new -d 'rm x'", "shell 'rm x'"},
        {"tmux send-keys -t a 'rm x' Enter", "shell 'rm x\n'"},
        {"tmux run-shell 'rm x'", "shell 'rm x'"},
        {"screen -dm rm x", "runs rm x"},
        {"expect -c 'spawn rm'", "code:tcl 'spawn rm'"},
        {"taskset -c 0 rm x", "runs rm x"},
        {"taskset 1 rm x", "runs rm x"},
        {"chrt -f 1 rm x", "runs rm x"},
        {"setarch x86_64 -R rm x", "runs x86_64 -R rm x; runs -R rm x"},
        {"insmod x.ko", "loads x.ko +default"},
        {"hyperfine 'rm x' -p 'rm y'", "shell 'rm y'; shell 'rm x'"},
        {"uv run --with x rm y", "loads x; runs rm y"},
        {"bundle exec rm x", "runs rm x"},
        {"poetry run rm x", "runs rm x"},
        {"mise exec node@20 -- rm x", "runs rm x"},
        {"conda run -n e rm x", "runs rm x"},
        {"xterm -e rm x", "runs rm x"},
    };

    (void)state;
    CHECK_EFFECTS(cases);
}

static void interpreters_and_builds(void **state)
{
    static const struct effect_case cases[] = {
        {"python3 x.py a", "script:python x.py"},
        {"python3 -m http.server", "script:python-module http.server"},
        {"python3 -", "stdin:python"},
        {"python3", "stdin:python"},
        {"python3 --version", ""},
        {"python3 -Bc 'x' -m y", "code:python x"},
        {"perl -ne 'print' f", "code:perl print; reads f +default"},
        {"perl -pi -e s/a/b/ f", "code:perl s/a/b/; writes f"},
        {"perl x", "script:perl x"},
        {"ruby -rjson -e 'p 1'", "loads json; code:ruby 'p 1'"},
        {"node -e 1", "code:node 1"},
        {"node -r ./x y", "loads ./x; script:node y"},
        {"php -r 'x'", "code:php x"},
        {"php -d auto_prepend_file=/x y", "loads /x; script:php y"},
        {"make -f /x all", "script:make /x"},
        {"make SHELL=/x", "shell /x"},
        {"make CC=gcc all", "shell gcc"},
        {"make X='$(shell rm x)'", "code:make '$(shell rm x)'"},
        {"make --eval='x:;rm y'", "code:make 'x:;rm y'"},
        {"make -j4 V=1", ""},
        {"gcc -o x y.c", "writes x; reads y.c"},
        {"gcc -wrapper rm,-rf,/ y.c", "runs rm -rf /; reads y.c"},
        {"gcc -fplugin=/x y.c", "loads /x; reads y.c"},
        {"gcc -specs=/x y.c", "loads /x; reads y.c"},
        {"gcc-12 -B/x y.c", "loads /x; reads y.c"},
        {"gcc @/x", "reads /x; unknown"},
        {"cmake -E rm x", "runs rm x"},
        {"cmake -E env A=1 rm x", "runs env A=1 rm x"},
        {"cmake -P x.cmake", "script:cmake x.cmake"},
        {"cmake -DCMAKE_C_COMPILER=/x .", "runs /x"},
        {"go test -exec 'rm x' ./...", "runs rm x"},
        {"go build -toolexec=/x ./...", "runs /x"},
        {"go run x.go", "script:go x.go"},
        {"cargo build --release", ""},
        {"cargo foo", "unknown"},
        {"npm test", ""},
        {"npm exec -- rm x", "runs rm x"},
        {"npx -y rm x", "runs rm x"},
        {"npx -c 'rm x'", "shell 'rm x'"},
        {"npm install --script-shell=/x y", "runs /x; loads y"},
        {"pip install -r x", "loads x"},
        {"apt-get -o APT::Update::Pre-Invoke::='rm x' update", "shell 'rm x'"},
        {"java -jar x.jar", "script:java x.jar"},
        {"java -javaagent:/x y", "loads /x; script:java y"},
        {"java -cp /x Y", "loads /x; script:java Y"},
    };

    (void)state;
    CHECK_EFFECTS(cases);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_tools),   cmocka_unit_test(git),
        cmocka_unit_test(archives),     cmocka_unit_test(network),
        cmocka_unit_test(system_tools), cmocka_unit_test(interpreters_and_builds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
