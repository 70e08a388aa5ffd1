/*
 * Tests of damage: bytes flipped, files cut, disks full, calls that fail, memory that ends. An
 * accepted record is never lost, nothing damaged is written over, what can be read is given.
 */
#include "audit_test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>

#define PAGE 4096

static int count_record(void *context, const struct bj_audit_record *record)
{
    (void)record;
    ++*(int *)context;
    return 0;
}

/* How many records can be read; *err tells of the others. */
static int count_all(struct place *place, struct bj_error *err)
{
    struct bj_audit *audit = open_as(place, BJ_AUDIT_READ);
    struct bj_audit_filter all = BJ_AUDIT_FILTER_ALL;
    int count = 0;

    *err = (struct bj_error){0};
    bj_audit_each(audit, &all, count_record, &count, err);
    bj_audit_close(audit);
    return count;
}

/* Everything in the database itself, the log empty. */
static void settle(struct place *place)
{
    tamper(place, "PRAGMA wal_checkpoint(TRUNCATE)");
}

static void change_bytes(const char *path, off_t at, const void *data, size_t length)
{
    int fd = open(path, O_WRONLY);

    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, data, length, at), length);
    close(fd);
}

static off_t size_of(const char *path)
{
    struct stat status;

    return stat(path, &status) == 0 ? status.st_size : -1;
}

/* ---- the database ---- */

static void damaged_page(void **state)
{
    struct place *place = *state;
    static char noise[PAGE];
    struct bj_audit_check check;
    struct bj_error err;
    int count;

    memset(noise, 0xa5, sizeof noise);
    put_calls(place, 500);
    settle(place);
    change_bytes(place->path, (off_t)PAGE * 30, noise, sizeof noise);
    count = count_all(place, &err);
    assert_int_equal(err.code, BJ_E_SYSTEM);
    assert_non_null(strstr(err.message, "is damaged"));
    assert_true(count > 900 && count < 1000); /* all but those of one page */
    check = verify(place, NULL);
    assert_false(check.sound);
    assert_true(check.bad > 1 && check.bad < 1000);
}

static void cut_off(void **state)
{
    struct place *place = *state;
    struct bj_error err;
    int count;

    put_calls(place, 500);
    settle(place);
    assert_int_equal(truncate(place->path, (off_t)PAGE * 40), 0);
    count = count_all(place, &err);
    assert_int_equal(err.code, BJ_E_SYSTEM);
    assert_true(count > 100 && count < 1000);
    assert_false(verify(place, NULL).sound);
}

/* Writing to what is damaged fails, says what to do, and leaves it as it was. */
static void writer_leaves_it(void **state)
{
    struct place *place = *state;
    struct bj_audit_options options = {.path = place->path, .access = BJ_AUDIT_WRITE};
    struct bj_request request = {.tool = "Bash", .command = "true"};
    struct bj_audit_who who = {.uid = 1};
    static char noise[PAGE];
    struct bj_audit *audit = NULL;
    struct bj_verdict verdict;
    struct bj_error err = {0};
    int result;

    put_calls(place, 500);
    settle(place);
    memset(noise, 0xa5, sizeof noise);
    for (off_t page = 3; page * PAGE < size_of(place->path); page++)
        change_bytes(place->path, page * PAGE, noise, sizeof noise);
    result = bj_audit_open(&options, &audit, &err);
    bj_verdict_init(&verdict);
    if (result == 0)
        result = bj_audit_append_verdict(audit, &request, &verdict, &who, NULL, &err);
    assert_int_equal(result, -BJ_E_SYSTEM);
    assert_non_null(strstr(err.message, "damaged"));
    assert_non_null(strstr(err.message, "mv "));
    bj_audit_close(audit);
}

/* Nothing joins a chain whose end or base is visibly not as it was left. */
static void writer_looks_at_the_end(void **state)
{
    static const char *const attacks[] = {
        "DELETE FROM base",
        "UPDATE base SET hash=zeroblob(3)",
        "UPDATE record SET body=replace(body,'1500','1501') WHERE number=6",
        "UPDATE record SET hash=zeroblob(32) WHERE number=6",
        "UPDATE record SET hash=zeroblob(32) WHERE number=5",
        "DELETE FROM record WHERE number=5",
        "DELETE FROM record WHERE number<6",
        "UPDATE record SET number=9 WHERE number=6",
        "INSERT INTO record SELECT 7,time,kind,NULL,uid,key,sandbox,tool,decision,risk,exit_code,"
        "duration_us,body,hash,owner,sandbox_owner FROM record WHERE number=6",
        "DELETE FROM record; UPDATE base SET number=3",
    };

    (void)state;
    for (size_t i = 0; i < sizeof attacks / sizeof *attacks; i++) {
        void *slot = NULL;
        struct place *place;
        struct bj_audit *audit;
        struct bj_error err = {0};

        assert_int_equal(place_setup(&slot), 0);
        place = slot;
        put_calls(place, 3);
        tamper(place, attacks[i]);
        audit = open_as(place, BJ_AUDIT_WRITE);
        if (bj_audit_begin(audit, &err) != -BJ_E_SYSTEM || !strstr(err.message, " is damaged: "))
            fail_msg("%s: %s", attacks[i], err.message);
        bj_audit_close(audit);
        place_teardown(&slot);
    }
}

/* ---- the log ---- */

/* Bytes of a frame of the log, from 0. */
static off_t frame_at(int number)
{
    return 32 + (off_t)number * (24 + PAGE);
}

static void put_singly(struct place *place, int count)
{
    struct bj_audit *audit = open_as(place, BJ_AUDIT_WRITE);

    for (int i = 0; i < count; i++)
        put_call(audit, "echo", BJ_ALLOW, BJ_RISK_NONE);
    bj_audit_close(audit);
}

static void damaged_log(void **state)
{
    struct place *place = *state;
    struct bj_audit *audit;
    struct bj_error err = {0};
    struct bj_audit_check check;
    char log[128];

    snprintf(log, sizeof log, "%s-wal", place->path);
    put_singly(place, 20);
    assert_true(size_of(log) > frame_at(20));
    change_bytes(log, frame_at(10) + 100, "damage", 6);
    audit = open_as(place, BJ_AUDIT_WRITE);
    assert_int_equal(bj_audit_begin(audit, &err), -BJ_E_SYSTEM);
    assert_non_null(strstr(err.message, "has lost records"));
    bj_audit_close(audit);
    assert_true(count_all(place, &err) > 4); /* reading goes on */
    check = verify(place, NULL);
    assert_false(check.sound);
    assert_non_null(strstr(check.problem, "has lost records"));
}

/* What a process left half written is no damage: nothing of it was accepted. */
static void torn_log(void **state)
{
    struct place *place = *state;
    char log[128];

    snprintf(log, sizeof log, "%s-wal", place->path);
    put_singly(place, 20);
    assert_int_equal(truncate(log, size_of(log) - 100), 0);
    put_singly(place, 1);
    assert_true(verify(place, NULL).sound);
}

/* ---- a full disk ---- */

static void full_disk(void **state)
{
    struct place *place = *state;
    struct rlimit old, little;
    struct bj_audit *audit;
    struct bj_request request = {.tool = "Bash", .command = "true"};
    struct bj_audit_who who = {.uid = 1};
    struct bj_verdict verdict;
    struct bj_error err = {0};
    int64_t number = 0, last = 0;
    int count;

    put_calls(place, 1);
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old);
    little = (struct rlimit){300000, old.rlim_max};
    audit = open_as(place, BJ_AUDIT_WRITE);
    setrlimit(RLIMIT_FSIZE, &little);
    bj_verdict_init(&verdict);
    while (bj_audit_append_verdict(audit, &request, &verdict, &who, &number, &err) == 0)
        last = number;
    assert_true(last > 10);
    assert_int_equal(err.code, BJ_E_SYSTEM);
    assert_non_null(strstr(err.message, place->path));
    count = count_all(place, &err); /* reading goes on */
    assert_int_equal(err.code, 0);
    assert_int_equal(count, last);
    setrlimit(RLIMIT_FSIZE, &old);
    put_call(audit, "true", BJ_ALLOW, BJ_RISK_NONE); /* and so does writing when there is room */
    bj_audit_close(audit);
    assert_true(verify(place, NULL).sound);
}

/* ---- every system call that SQLite makes, failing one after the other ---- */

static sqlite3_syscall_ptr real_pwrite, real_pread, real_ftruncate, real_fcntl, real_mmap,
    real_open;
static int calls, fail_at, fail_with;

static bool fails(void)
{
    if (++calls != fail_at)
        return false;
    errno = fail_with;
    return true;
}

static ssize_t try_pwrite(int fd, const void *data, size_t length, off_t at)
{
    return fails()
               ? -1
               : ((ssize_t(*)(int, const void *, size_t, off_t))real_pwrite)(fd, data, length, at);
}

static ssize_t try_pread(int fd, void *data, size_t length, off_t at)
{
    return fails() ? -1
                   : ((ssize_t(*)(int, void *, size_t, off_t))real_pread)(fd, data, length, at);
}

static int try_ftruncate(int fd, off_t length)
{
    return fails() ? -1 : ((int (*)(int, off_t))real_ftruncate)(fd, length);
}

static int try_fcntl(int fd, int what, void *argument)
{
    return fails() ? -1 : ((int (*)(int, int, ...))real_fcntl)(fd, what, argument);
}

static void *try_mmap(void *at, size_t length, int protection, int flags, int fd, off_t offset)
{
    return fails() ? MAP_FAILED
                   : ((void *(*)(void *, size_t, int, int, int, off_t))real_mmap)(
                         at, length, protection, flags, fd, offset);
}

static int try_open(const char *path, int flags, int mode)
{
    return fails() ? -1 : ((int (*)(const char *, int, int))real_open)(path, flags, mode);
}

static const struct hook {
    const char *name;
    sqlite3_syscall_ptr *real, instead;
} hooks[] = {
    {"pwrite64", &real_pwrite, (sqlite3_syscall_ptr)try_pwrite},
    {"pwrite", &real_pwrite, (sqlite3_syscall_ptr)try_pwrite},
    {"pread64", &real_pread, (sqlite3_syscall_ptr)try_pread},
    {"pread", &real_pread, (sqlite3_syscall_ptr)try_pread},
    {"ftruncate", &real_ftruncate, (sqlite3_syscall_ptr)try_ftruncate},
    {"fcntl", &real_fcntl, (sqlite3_syscall_ptr)try_fcntl},
    {"mmap", &real_mmap, (sqlite3_syscall_ptr)try_mmap},
    {"open", &real_open, (sqlite3_syscall_ptr)try_open},
};
#define HOOKS (sizeof hooks / sizeof *hooks)

static void set_hooks(bool on)
{
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);

    for (size_t i = 0; i < HOOKS; i++) {
        if (on)
            *hooks[i].real = vfs->xGetSystemCall(vfs, hooks[i].name);
    }
    for (size_t i = 0; i < HOOKS; i++) {
        if (*hooks[i].real != NULL)
            vfs->xSetSystemCall(vfs, hooks[i].name, on ? hooks[i].instead : NULL);
    }
}

/* As much as a run does. Returns how many records were accepted. */
static int one_run(struct place *place)
{
    struct bj_audit_options options = {
        .path = place->path, .access = BJ_AUDIT_WRITE, .busy_ms = 1, .log_pages = 1};
    struct bj_request request = {.tool = "Bash", .command = "true"};
    struct bj_audit_who who = {.uid = 1};
    struct bj_audit_outcome outcome = {.ran = true};
    struct bj_audit *audit = NULL;
    struct bj_verdict verdict;
    struct bj_error err = {0};
    int64_t number = 0;
    int accepted = 0, result = bj_audit_open(&options, &audit, &err);

    bj_verdict_init(&verdict);
    if (result == 0)
        result = bj_audit_append_verdict(audit, &request, &verdict, &who, &number, &err);
    accepted += result == 0 && audit != NULL;
    if (result == 0)
        result = bj_audit_append_outcome(audit, number, &outcome, &err);
    accepted += accepted == 1 && result == 0;
    if (result == 0)
        result = bj_audit_maintain(audit, NULL, NULL, &err);
    if (result < 0 && err.message[0] == '\0')
        fail_msg("an error without a message");
    bj_audit_close(audit);
    return accepted;
}

static void every_call_fails_once(void **state)
{
    struct place *place = *state;
    static const int codes[] = {EIO, ENOSPC, ENOMEM};
    int accepted = 4;

    put_calls(place, 2);
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        fail_with = codes[i];
        for (fail_at = 1;; fail_at++) {
            struct bj_audit_check check;

            calls = 0;
            set_hooks(true);
            accepted += one_run(place);
            set_hooks(false);
            check = verify(place, NULL);
            if (!check.sound)
                fail_msg("call %d: %s", fail_at, check.problem);
            /* One more may be there: the call that failed came after it was kept. */
            if (check.records < accepted || check.records > accepted + 1)
                fail_msg("call %d: %d accepted, %lld there", fail_at, accepted,
                         (long long)check.records);
            accepted = (int)check.records;
            if (calls < fail_at)
                break;
        }
        assert_true(fail_at > 40);
    }
}

/* ---- memory ---- */

static sqlite3_mem_methods heap;
static int allocations, refuse_at;

static void *refusing_malloc(int size)
{
    return ++allocations == refuse_at ? NULL : heap.xMalloc(size);
}

static void *refusing_realloc(void *old, int size)
{
    return ++allocations == refuse_at ? NULL : heap.xRealloc(old, size);
}

static void every_allocation_fails_once(void **state)
{
    struct place *place = *state;
    int accepted = 4;

    put_calls(place, 2);
    for (refuse_at = 1;; refuse_at++) {
        struct bj_audit_check check;
        int failing = refuse_at;

        allocations = 0;
        accepted += one_run(place);
        failing = allocations;
        allocations = INT32_MIN;
        check = verify(place, NULL);
        if (!check.sound || check.records < accepted || check.records > accepted + 1)
            fail_msg("allocation %d: %s; %d accepted, %lld there", refuse_at, check.problem,
                     accepted, (long long)check.records);
        accepted = (int)check.records;
        if (failing < refuse_at)
            break;
    }
    assert_true(refuse_at > 40);
    refuse_at = 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(damaged_page, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(cut_off, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(writer_leaves_it, place_setup, place_teardown),
        cmocka_unit_test(writer_looks_at_the_end),
        cmocka_unit_test_setup_teardown(damaged_log, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(torn_log, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(full_disk, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(every_call_fails_once, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(every_allocation_fails_once, place_setup, place_teardown),
    };
    sqlite3_mem_methods refusing;

    sqlite3_config(SQLITE_CONFIG_GETMALLOC, &heap);
    refusing = heap;
    refusing.xMalloc = refusing_malloc;
    refusing.xRealloc = refusing_realloc;
    sqlite3_config(SQLITE_CONFIG_MALLOC, &refusing);
    return cmocka_run_group_tests_name("audit/damage", tests, NULL, NULL);
}
