/* Workspaces with a file system of their own, driven as the front drives the keeper. */
#include "service.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "linux/image.h"
#include "linux/mount.h"

static struct service service;
static struct output output;
static char state_directory[64];

static int set_up(void **state)
{
    (void)state;
    strcpy(state_directory, "/var/tmp/belljar-workspace-XXXXXX");
    assert_non_null(mkdtemp(state_directory));
    service_start(&service, (struct bj_keeper_options){.state = state_directory});
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    assert_int_equal(service_stop(&service), 0);
    /* Nothing with a name was left in it. */
    assert_int_equal(rmdir(state_directory), 0);
    return 0;
}

static int create_with(const char *id, const char *disk, const char *memory)
{
    static struct heard heard;
    const char *const options[] = {"resource_limits.disk_mb", disk,
                                   geteuid() == 0 ? "resource_limits.memory_mb" : NULL, memory,
                                   NULL};
    struct bj_error failed = {0};
    int result =
        do_act(&service,
               &(struct bj_act){
                   .kind = BJ_ACT_CREATE, .sandbox = id, .preset = "standard", .options = options},
               &heard, &failed);

    if (result < 0)
        printf("%s\n", failed.message);
    return result;
}

static const char *says(const char *id, const char *text)
{
    static uint32_t number;

    assert_int_equal(start(&service, id, ++number, 0, text), 0);
    read_all(&service, id, number, 1, &output);
    return output.text;
}

/* Loop devices on files of our state directory; others may have theirs. */
static int attached_loops(void)
{
    DIR *directory = opendir("/sys/block");
    struct dirent *entry;
    int count = 0;

    while ((entry = readdir(directory)) != NULL) {
        char path[300], backing[300] = "";
        FILE *file;

        snprintf(path, sizeof path, "/sys/block/%s/loop/backing_file", entry->d_name);
        file = fopen(path, "r");
        if (file == NULL)
            continue;
        if (fgets(backing, sizeof backing, file) != NULL)
            count += strncmp(backing, state_directory, strlen(state_directory)) == 0;
        fclose(file);
    }
    closedir(directory);
    return count;
}

static void expect_no_loops(void)
{
    for (int i = 0; i < 200 && attached_loops() > 0; i++)
        usleep(50000);
    assert_int_equal(attached_loops(), 0);
}

static bool on_disk(const char *id)
{
    return strcmp(says(id, "stat -f -c %T /workspace"), "ext2/ext3\n") == 0;
}

/* More than there is memory, but not more than was said; files too. */
static void a_workspace_has_its_limits(void **state)
{
    (void)state;
    assert_int_equal(create_with("one", "200", "64"), 0);
    if (!on_disk("one")) {
        if (geteuid() == 0 && getenv("BJ_MUST_WORK") != NULL)
            fail_msg("no loop devices");
        skip();
    }
    assert_string_equal(says("one", "[ -z \"$(ls -A)\" ] && [ -O . ] && echo own"), "own\n");
    assert_string_equal(says("one", "head -c 150000000 /dev/zero > large && stat -c %s large"),
                        "150000000\n");
    assert_string_equal(says("one", "cat large large 2>&1 > larger | grep -o 'No space.*' | uniq"),
                        "No space left on device\n");
    assert_string_equal(says("one", "rm -f large larger; mkdir d; cd d; i=0; "
                                    "while true > $i; do i=$((i+1)); done 2>/dev/null; "
                                    "[ $i -gt 10000 ] && [ $i -lt 20000 ] && echo files"),
                        "files\n");
    assert_string_equal(says("one", "cd /; rm -rf /workspace/d; echo still > /workspace/x; "
                                    "cat /workspace/x"),
                        "still\n");
}

/* What a program of one sandbox writes is in no other, and is gone with it. */
static void everything_goes_with_it(void **state)
{
    (void)state;
    assert_int_equal(create_with("one", "50", "128"), 0);
    assert_int_equal(create_with("two", "50", "128"), 0);
    if (!on_disk("one"))
        skip();
    assert_true(attached_loops() >= 2);
    assert_string_equal(says("one", "echo secret > mine; ls"), "mine\n");
    assert_string_equal(says("two", "ls"), "");
    assert_int_equal(destroy(&service, "one"), 0);
    assert_int_equal(destroy(&service, "two"), 0);
    for (int i = 0; i < 200 && attached_loops() > 2; i++)
        usleep(50000);
    assert_true(attached_loops() <= 2); /* one is ready of each size */
    assert_int_equal(service_stop(&service), 0);
    expect_no_loops();
    service_start(&service, (struct bj_keeper_options){.state = state_directory});
}

/* What is promised to all is bounded, whatever of it is used, and comes back with each end. */
static void the_total_has_its_limit(void **state)
{
    (void)state;
    assert_int_equal(create_with("one", "50", "128"), 0);
    if (!on_disk("one"))
        skip();
    assert_int_equal(service_stop(&service), 0);
    service_start(&service,
                  (struct bj_keeper_options){.state = state_directory, .max_total_disk_mb = 120});
    assert_int_equal(create_with("one", "50", "128"), 0);
    assert_int_equal(create_with("two", "71", "128"), -BJ_E_FULL);
    assert_int_equal(create_with("two", "50", "128"), 0);
    assert_int_equal(create_with("three", "30", "128"), -BJ_E_FULL);
    assert_int_equal(create_with("three", "20", "128"), 0);
    assert_int_equal(create_with("four", "2", "128"), -BJ_E_FULL);
    assert_int_equal(destroy(&service, "two"), 0);
    assert_int_equal(create_with("four", "50", "128"), 0);
    assert_int_equal(service_stop(&service), 0);
    service_start(&service, (struct bj_keeper_options){.state = state_directory});
}

/* Also when the keeper is killed, and nobody is left to clean up. */
static void nothing_is_left_of_a_killed_keeper(void **state)
{
    (void)state;
    assert_int_equal(create_with("one", "50", "128"), 0);
    if (!on_disk("one"))
        skip();
    kill(service.pid, SIGKILL);
    expect_no_loops();
    service_close(&service);
    service_start(&service, (struct bj_keeper_options){.state = state_directory});
}

/* Where mke2fs does not end, who asked for a new size is told so, and nobody else waits. */
static void a_formatter_that_hangs_holds_nobody_up(void **state)
{
    static const char slow[] = "#!/bin/sh\nexec sleep 1000\n";
    const char *maker = access("/usr/sbin/mke2fs", X_OK) == 0 ? "/usr/sbin/mke2fs" : "/sbin/mke2fs";
    const char *const options[] = {"resource_limits.disk_mb", "77", NULL};
    const struct bj_act create = {
        .kind = BJ_ACT_CREATE, .sandbox = "slow", .preset = "standard", .options = options};
    static struct heard heard;
    struct bj_error failed = {0};
    int64_t begun;
    uint64_t id;
    char path[128];
    int fd;

    (void)state;
    assert_int_equal(create_with("one", "50", "128"), 0);
    if (!on_disk("one"))
        skip();
    assert_int_equal(service_stop(&service), 0);
    assert_int_equal(unshare(CLONE_NEWNS), 0);
    assert_int_equal(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
    service_start(&service, (struct bj_keeper_options){.state = state_directory});
    assert_int_equal(create_with("one", "50", "128"), 0);
    snprintf(path, sizeof path, "%s/slow", state_directory);
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0700);
    assert_int_equal(write(fd, slow, sizeof slow - 1), sizeof slow - 1);
    close(fd);
    assert_int_equal(mount(path, maker, NULL, MS_BIND, NULL), 0);
    begun = bj_clock_us();
    id = act(&service, &create);
    for (int i = 0; i < 3; i++)
        assert_string_equal(says("one", "echo goes on"), "goes on\n");
    assert_int_equal(create_with("two", "50", "128"), 0);
    assert_true(bj_clock_us() - begun < BJ_IMAGE_FORMAT_US / 2);
    assert_int_equal(answer(&service, id, &heard, &failed), -BJ_E_TIMEOUT);
    assert_true(bj_clock_us() - begun >= BJ_IMAGE_FORMAT_US);
    /* One that is ended while it waits, and the service's end meanwhile. */
    id = act(&service, &create);
    assert_int_equal(umount2(maker, MNT_DETACH), 0);
    unlink(path);
    assert_int_equal(service_stop(&service), 0);
    service_start(&service, (struct bj_keeper_options){.state = state_directory});
    assert_int_equal(create_with("slow", "77", "128"), 0);
}

/* The process that mounts workspaces. */
static pid_t maker(void)
{
    pid_t all[64];
    int count = children_of(service.pid, all, 64);

    for (int i = count - 1; i >= 0; i--) {
        if (is_named(all[i], "belljar-maker"))
            return all[i];
    }
    fail_msg("there is no belljar-maker");
    return -1;
}

static uint64_t create_later(const char *id, const char *disk)
{
    const char *const options[] = {"resource_limits.disk_mb", disk, NULL};

    return act(&service,
               &(struct bj_act){
                   .kind = BJ_ACT_CREATE, .sandbox = id, .preset = "standard", .options = options});
}

/* Its stop is a disk's that does not answer: whoever needs a workspace waits, and nobody else. */
static void a_disk_that_stalls_holds_nobody_else_up(void **state)
{
    static struct heard heard;
    struct bj_error failed = {0};
    uint64_t slow, never;
    int64_t begun;
    pid_t stopped;

    (void)state;
    assert_int_equal(create_with("one", "50", "128"), 0);
    if (!on_disk("one"))
        skip();
    assert_int_equal(create_with("two", "50", "128"), 0);
    stopped = maker();
    assert_int_equal(kill(stopped, SIGSTOP), 0);
    begun = bj_clock_us();
    for (int i = 0; i < 3; i++)
        slow = create_later((const char *[]){"a", "b", "c"}[i], "50"); /* one was ready, perhaps */
    assert_string_equal(says("one", "echo goes on > x; cat x"), "goes on\n");
    assert_int_equal(destroy(&service, "two"), 0); /* nor is its end anybody's business */
    assert_string_equal(says("one", "cat x"), "goes on\n");
    assert_true(bj_clock_us() - begun < BJ_IMAGE_MOUNT_US);
    assert_int_equal(kill(stopped, SIGCONT), 0);
    assert_int_equal(answer(&service, slow, &heard, NULL), 0);
    assert_true(on_disk("c"));
    /* Who waited too long is told; what is mounted too late is of no use, and is gone. */
    assert_int_equal(kill(stopped, SIGSTOP), 0);
    create_later("d", "50");
    never = create_later("e", "50");
    assert_int_equal(answer(&service, never, &heard, &failed), -BJ_E_TIMEOUT);
    assert_non_null(strstr(failed.message, "disk"));
    assert_int_equal(kill(stopped, SIGCONT), 0);
    assert_int_equal(create_with("e", "50", "128"), 0);
    assert_int_equal(service_stop(&service), 0);
    expect_no_loops();
    service_start(&service, (struct bj_keeper_options){.state = state_directory});
}

/* Many take a loop device at once, and each gets one. */
static void many_workspaces_are_made_at_once(void **state)
{
    enum { AT_ONCE = 32, EACH = 4 };
    int template = -1, place, begin[2], status, failures = 0;
    pid_t children[AT_ONCE];

    (void)state;
    assert_int_equal(create_with("one", "50", "128"), 0);
    if (!on_disk("one"))
        skip();
    place = open(state_directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(bj_image_format(16 << 20, 4096, &template, NULL), 0);
    assert_int_equal(pipe(begin), 0);
    for (int i = 0; i < AT_ONCE; i++) {
        pid_t pid = fork();
        struct bj_error error;
        int failed = 0, disk;
        char nothing;

        assert_true(pid >= 0);
        children[i] = pid;
        if (pid > 0)
            continue;
        close(begin[1]);
        (void)!read(begin[0], &nothing, 1);
        for (int j = 0; j < EACH; j++)
            if (bj_image_mount(place, template, &disk, &error) < 0)
                failed += fprintf(stderr, "%s\n", error.message) > 0;
        _exit(failed);
    }
    close(begin[0]);
    close(begin[1]);
    for (int i = 0; i < AT_ONCE; i++) {
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        failures += WIFEXITED(status) ? WEXITSTATUS(status) : EACH;
    }
    assert_int_equal(failures, 0);
    close(template);
    close(place);
}

/* Returns who thaws it, whatever becomes of the test. */
static pid_t freeze(int frozen)
{
    pid_t thaws;

    assert_int_equal(ioctl(frozen, FIFREEZE, 0), 0);
    thaws = fork();
    if (thaws == 0) {
        sleep(3 * PATIENCE_MS / 1000);
        _exit(ioctl(frozen, FITHAW, 0) < 0);
    }
    return thaws;
}

static void thaw(int frozen, pid_t thaws)
{
    assert_int_equal(ioctl(frozen, FITHAW, 0), 0);
    kill(thaws, SIGKILL);
    waitpid(thaws, NULL, 0);
}

static bool hangs(pid_t pid)
{
    char path[64], state = '?';
    FILE *file;

    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    file = fopen(path, "re");
    if (file == NULL)
        return false;
    (void)!fscanf(file, "%*d (belljar-maker) %c", &state);
    fclose(file);
    return state == 'D';
}

/* Once it has a child that hangs, and that has the maker's socket. */
static void kill_maker_at_work(void)
{
    pid_t killed = maker(), children[64];
    bool found = false;

    for (int tries = 0; !found && tries < 2000; tries++) {
        usleep(1000);
        for (int i = children_of(killed, children, 64) - 1; i >= 0; i--)
            found = found || hangs(children[i]);
    }
    assert_int_equal(kill(killed, SIGKILL), 0);
}

/* A disk that takes no writes while it is frozen: whoever writes to it cannot even be killed. */
static void a_frozen_disk_holds_nobody_else_up(void **state)
{
    static struct heard heard;
    int template = -1, disk = -1, place, frozen;
    uint64_t waits;
    pid_t thaws;

    (void)state;
    assert_int_equal(create_with("one", "50", "128"), 0);
    if (!on_disk("one"))
        skip();
    assert_int_equal(service_stop(&service), 0);
    assert_int_equal(unshare(CLONE_NEWNS), 0);
    assert_int_equal(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
    place = open(state_directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(bj_image_format(256 << 20, 4096, &template, NULL), 0);
    assert_int_equal(bj_image_mount(place, template, &disk, NULL), 0);
    assert_int_equal(bj_mount_attach(disk, place), 0);
    close(place);
    close(template);
    service_start(&service, (struct bj_keeper_options){.state = state_directory});
    assert_int_equal(create_with("one", "50", "128"), 0);
    frozen = open(state_directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    thaws = freeze(frozen);
    create_later("a", "50"); /* one was ready, perhaps */
    waits = create_later("b", "50");
    assert_string_equal(says("one", "echo goes on"), "goes on\n");
    assert_string_equal(says("one", "echo still"), "still\n");
    thaw(frozen, thaws);
    if (answer(&service, waits, &heard, NULL) < 0) /* on a slow machine */
        assert_int_equal(create_with("b", "50", "128"), 0);
    assert_true(on_disk("b"));
    /* Whoever waits is told at once when the maker is gone, and not when the disk answers. */
    thaws = freeze(frozen);
    create_later("c", "50");
    waits = create_later("d", "50");
    kill_maker_at_work();
    assert_int_equal(answer(&service, waits, &heard, NULL), -BJ_E_BUSY);
    thaw(frozen, thaws);
    assert_int_equal(create_with("d", "50", "128"), 0);
    assert_true(on_disk("d"));
    assert_int_equal(service_stop(&service), 0);
    close(frozen);
    close(disk);
    assert_int_equal(umount2(state_directory, MNT_DETACH), 0);
    expect_no_loops(); /* not even this disk's own */
    service_start(&service, (struct bj_keeper_options){.state = state_directory});
}

static void a_maker_that_is_killed_is_replaced(void **state)
{
    static struct heard heard;
    uint64_t waits;
    pid_t killed;

    (void)state;
    assert_int_equal(create_with("one", "50", "128"), 0);
    if (!on_disk("one"))
        skip();
    killed = maker();
    assert_int_equal(kill(killed, SIGSTOP), 0);
    create_later("two", "50");
    waits = create_later("three", "50");
    assert_string_equal(says("one", "echo goes on"), "goes on\n"); /* they have been asked for */
    assert_int_equal(kill(killed, SIGKILL), 0);
    assert_int_equal(answer(&service, waits, &heard, NULL), -BJ_E_BUSY);
    assert_int_equal(create_with("three", "50", "128"), 0);
    assert_true(on_disk("three"));
    assert_true(maker() != killed);
    assert_int_equal(destroy(&service, "three"), 0);
}

/* Nothing is promised away, but what is left of a disk is not for new sandboxes. */
static void a_full_disk_takes_no_new_ones(void **state)
{
    char path[128];
    int fd, result = 0;

    (void)state;
    assert_int_equal(create_with("one", "50", "128"), 0);
    if (!on_disk("one"))
        skip();
    assert_int_equal(service_stop(&service), 0);
    assert_int_equal(unshare(CLONE_NEWNS), 0);
    assert_int_equal(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
    assert_int_equal(mount("tmpfs", state_directory, "tmpfs", 0, "size=64m"), 0);
    service_start(&service, (struct bj_keeper_options){.state = state_directory});
    assert_int_equal(create_with("one", "50", "128"), 0);
    snprintf(path, sizeof path, "%s/filler", state_directory);
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(posix_fallocate(fd, 0, 61 << 20), 0);
    for (char id[] = "a"; result == 0 && id[0] < 'e'; id[0]++) /* some may be ready already */
        result = create_with(id, "50", "128");
    assert_int_equal(result, -BJ_E_FULL);
    assert_string_equal(says("one", "echo goes on"), "goes on\n");
    assert_int_equal(unlink(path), 0);
    close(fd);
    assert_int_equal(create_with("last", "50", "128"), 0);
    assert_true(on_disk("last"));
    assert_int_equal(service_stop(&service), 0);
    assert_int_equal(umount2(state_directory, MNT_DETACH), 0);
    service_start(&service, (struct bj_keeper_options){.state = state_directory});
}

/* A keeper that ends while workspaces are being made waits for none of them for long. */
static void its_end_does_not_wait_for_the_disk(void **state)
{
    (void)state;
    assert_int_equal(create_with("one", "50", "128"), 0);
    if (!on_disk("one"))
        skip();
    assert_int_equal(kill(maker(), SIGSTOP), 0);
    create_later("two", "50");
    create_later("three", "50");
    assert_string_equal(says("one", "echo goes on"), "goes on\n");
    assert_int_equal(service_stop(&service), 0);
    expect_no_loops();
    service_start(&service, (struct bj_keeper_options){.state = state_directory});
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_workspace_has_its_limits),
        TEST(everything_goes_with_it),
        TEST(the_total_has_its_limit),
        TEST(nothing_is_left_of_a_killed_keeper),
        TEST(a_formatter_that_hangs_holds_nobody_up),
        TEST(a_disk_that_stalls_holds_nobody_else_up),
        TEST(many_workspaces_are_made_at_once),
        TEST(a_frozen_disk_holds_nobody_else_up),
        TEST(a_maker_that_is_killed_is_replaced),
        TEST(a_full_disk_takes_no_new_ones),
        TEST(its_end_does_not_wait_for_the_disk),
    };

    return cmocka_run_group_tests_name("workspace", tests, NULL, NULL);
}
