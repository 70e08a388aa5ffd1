/*
 * Opening and making the database. What SQLite would be too trusting about is decided here: who
 * owns the file and its directory, that it is no link, and that an empty or strange file is never
 * taken for a new database.
 *
 * A new database is made under another name and moved into place when it is whole, so that a file
 * at its place always has been whole once, and an empty one is damage.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "audit/audit_internal.h"
#include "base/fault.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"

#define PLACING_MS       100 /* longer than it takes to put a new database in its place */
#define BUSY_MS          5000
#define LEFTOVER_SECONDS 60
#define LOG_PAGES                                                                                  \
    128 /* a balance: reading a page takes the next process 2 µs, and carrying them               \
           over waits for the disk */
#define APPLICATION_ID 0x424a4155 /* "BJAU", for file(1) */
#define DAMAGED_ADVICE                                                                             \
    "; what can be read is shown by belljar audit; to begin a new history keep the old one "       \
    "under another name, with its -wal and -shm: mv %s %s.damaged"

#define RECORD                                                                                     \
    "CREATE TABLE record(number INTEGER PRIMARY KEY,time INTEGER NOT NULL,kind INTEGER NOT NULL,"  \
    "verdict INTEGER,uid INTEGER,key TEXT,sandbox TEXT,tool TEXT,decision INTEGER,risk INTEGER,"   \
    "exit_code INTEGER,duration_us INTEGER,body TEXT NOT NULL,hash BLOB NOT NULL"
/* As SQLite writes them behind what was there. */
#define RECORD_OWNERS ", owner TEXT, sandbox_owner TEXT"

const char *bj_audit_schema(int version, int index)
{
    static const char *const texts[BJ_AUDIT_SCHEMA_COUNT] = {
        "CREATE TABLE base(id BLOB NOT NULL,number INTEGER NOT NULL,hash BLOB NOT NULL)",
        RECORD RECORD_OWNERS ")",
        "CREATE UNIQUE INDEX outcome ON record(verdict) WHERE verdict IS NOT NULL",
    };

    return version == BJ_AUDIT_VERSION_FIRST && index == 1 ? RECORD ")" : texts[index];
}

static const char *const sql_texts[BJ_SQL_COUNT] = {
    [BJ_SQL_BEGIN] = "BEGIN IMMEDIATE",
    [BJ_SQL_COMMIT] = "COMMIT",
    [BJ_SQL_ROLLBACK] = "ROLLBACK",
    [BJ_SQL_HEAD] = "SELECT number,hash FROM record ORDER BY number DESC LIMIT 1",
    [BJ_SQL_END] = "SELECT number,hash,body FROM record ORDER BY number DESC LIMIT 2",
    [BJ_SQL_BASE] = "SELECT id,number,hash FROM base",
    [BJ_SQL_INSERT] = "INSERT INTO record VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
    [BJ_SQL_FIND] = "SELECT kind FROM record WHERE number=?",
    [BJ_SQL_OUTCOME] = "SELECT number FROM record WHERE verdict=?",
};

int bj_audit_fail_damaged(struct bj_audit *audit, const char *what, struct bj_error *err)
{
    bj_fail(err, BJ_E_SYSTEM, "audit", "%s is damaged: %s", audit->path, what);
    bj_error_append(err, DAMAGED_ADVICE, audit->path, audit->path);
    return -BJ_E_SYSTEM;
}

bool bj_audit_is_damage(int sqlite_code)
{
    int primary = sqlite_code & 0xff;

    return primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB;
}

int bj_audit_fail(struct bj_audit *audit, const char *doing, struct bj_error *err)
{
    int full = audit->db != NULL ? sqlite3_extended_errcode(audit->db) : SQLITE_NOMEM;
    int refused = audit->db != NULL ? sqlite3_system_errno(audit->db) : 0, code = full & 0xff;
    const char *path = audit->path;

    if (code == SQLITE_NOMEM)
        return bj_fail(err, BJ_E_NO_MEMORY, "audit", "cannot %s %s: out of memory", doing, path);
    if (code == SQLITE_BUSY || code == SQLITE_LOCKED)
        return bj_fail(err, BJ_E_BUSY, "audit",
                       "cannot %s %s: another process has kept it locked for %d ms; fuser -v %s "
                       "tells which",
                       doing, path, audit->busy_ms, path);
    if (bj_audit_is_damage(full)) {
        bj_fail(err, BJ_E_SYSTEM, "audit", "cannot %s %s: it is damaged", doing, path);
        bj_error_append(err, DAMAGED_ADVICE, path, path);
        return -BJ_E_SYSTEM;
    }
    if (code == SQLITE_FULL ||
        (code == SQLITE_IOERR && (refused == ENOSPC || refused == EDQUOT || refused == EFBIG)))
        return bj_fail(err, BJ_E_FULL, "audit",
                       "cannot %s %s: no room on its file system; free some, or let belljar audit "
                       "prune remove old records",
                       doing, path);
    if ((code == SQLITE_IOERR || code == SQLITE_CANTOPEN) && refused != 0) {
        errno = refused;
        return bj_fail_errno(err, "audit", "cannot %s %s", doing, path);
    }
    return bj_fail(err, BJ_E_SYSTEM, "audit", "cannot %s %s: %s", doing, path,
                   audit->db != NULL ? sqlite3_errmsg(audit->db) : "out of memory");
}

sqlite3_stmt *bj_audit_statement(struct bj_audit *audit, enum bj_audit_sql which)
{
    sqlite3_stmt **slot = &audit->statements[which];

    if (*slot == NULL)
        sqlite3_prepare_v3(audit->db, sql_texts[which], -1, SQLITE_PREPARE_PERSISTENT, slot, NULL);
    else
        sqlite3_reset(*slot);
    return *slot;
}

/* ---- places ---- */

int bj_audit_default_path(char **ret_path, struct bj_error *err)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    struct bj_buf path;

    bj_buf_init(&path, BJ_PATH_MAX);
    if (geteuid() == 0)
        bj_buf_puts(&path, "/var/lib/belljar/audit.db");
    else if (state != NULL && state[0] == '/')
        bj_buf_printf(&path, "%s/belljar/audit.db", state);
    else if (home != NULL && home[0] == '/')
        bj_buf_printf(&path, "%s/.local/state/belljar/audit.db", home);
    else
        return bj_fail(err, BJ_E_CONFIG, "audit",
                       "no place for the audit records: HOME is not set; name a file");
    if (path.failed) {
        int code = path.no_memory ? BJ_E_NO_MEMORY : BJ_E_LIMIT;

        bj_buf_release(&path);
        return bj_fail(err, code, "audit", "cannot make the name of the audit database: %s",
                       bj_code_text(code));
    }
    *ret_path = path.data;
    return 0;
}

/* "dir/name" → descriptor of dir; `make` creates what is missing of it, for the caller alone. */
static int open_directory(const char *path, bool make, int *ret_fd, struct bj_error *err)
{
    char directory[BJ_PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t length = slash == NULL ? 0 : slash == path ? 1 : (size_t)(slash - path);

    if (length >= sizeof directory || strlen(path) >= BJ_PATH_MAX - 32)
        return bj_fail(err, BJ_E_LIMIT, "audit", "the path of the audit database is too long");
    memcpy(directory, length > 0 ? path : ".", length > 0 ? length : 1);
    directory[length > 0 ? length : 1] = '\0';
    *ret_fd = BJ_SYS(open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (*ret_fd >= 0)
        return 0;
    if (errno != ENOENT || !make)
        return bj_fail_errno(err, "audit", "cannot open the directory of %s", path);
    for (char *at = directory + 1;; at++) {
        char kept = *at;

        if (kept != '/' && kept != '\0')
            continue;
        *at = '\0';
        if (BJ_SYS(mkdir(directory, 0700)) < 0 && errno != EEXIST)
            return bj_fail_errno(err, "audit", "cannot create the directory %s", directory);
        *at = kept;
        if (kept == '\0')
            break;
    }
    *ret_fd = BJ_SYS(open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC));
    return *ret_fd >= 0 ? 0 : bj_fail_errno(err, "audit", "cannot open %s", directory);
}

/* Nobody else may be able to put a file of their own where ours are. */
static int check_directory(int dir_fd, const char *path, struct bj_error *err)
{
    struct stat status;

    if (BJ_SYS(fstat(dir_fd, &status)) < 0)
        return bj_fail_errno(err, "audit", "cannot look at the directory of %s", path);
    if (status.st_uid != geteuid() && status.st_uid != 0)
        return bj_fail(err, BJ_E_DENIED, "audit",
                       "%s: its directory belongs to user %u; records are kept in a directory of "
                       "one's own only",
                       path, status.st_uid);
    if (status.st_mode & 022)
        return bj_fail(err, BJ_E_DENIED, "audit",
                       "%s: others can write to its directory; chmod go-w it, or name another "
                       "place",
                       path);
    return 0;
}

/* Where a file system cannot move without replacing, a new database has two names for a moment. */
static int look_at(int dir_fd, const char *name, struct stat *ret)
{
    const struct timespec moment = {.tv_nsec = 1000000};
    int result;

    for (int tries = 0; tries < PLACING_MS; tries++) {
        result = BJ_SYS(fstatat(dir_fd, name, ret, AT_SYMLINK_NOFOLLOW));
        if (result < 0 || !S_ISREG(ret->st_mode) || ret->st_nlink == 1)
            return result;
        nanosleep(&moment, NULL);
    }
    return result;
}

/* *ret_there: the file is. Links are refused always, another's file for writing. */
static int check_file(int dir_fd, const char *path, const char *name, bool write, bool *ret_there,
                      struct bj_error *err)
{
    struct stat status;

    *ret_there = false;
    if (look_at(dir_fd, name, &status) < 0)
        return errno == ENOENT ? 0 : bj_fail_errno(err, "audit", "cannot look at %s", path);
    if (!S_ISREG(status.st_mode))
        return bj_fail(err, BJ_E_DENIED, "audit", "%s: %s is %s; name the file itself", path, name,
                       S_ISLNK(status.st_mode) ? "a symbolic link" : "not a regular file");
    if (write && status.st_uid != geteuid())
        return bj_fail(err, BJ_E_DENIED, "audit",
                       "%s: %s belongs to user %u; each user keeps records in a file of their own",
                       path, name, status.st_uid);
    if (write && status.st_mode & 022)
        return bj_fail(err, BJ_E_DENIED, "audit", "%s: others can write to %s; chmod go-w it", path,
                       name);
    if (status.st_nlink > 1)
        return bj_fail(err, BJ_E_DENIED, "audit", "%s: %s has other names", path, name);
    *ret_there = true;
    return 0;
}

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? slash + 1 : path;
}

/* Checks the database and the files that SQLite keeps beside it. */
static int check_place(struct bj_audit *audit, int dir_fd, bool *ret_there, struct bj_error *err)
{
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    bool write = audit->access == BJ_AUDIT_WRITE, there[3] = {false};
    const char *name = last_part(audit->path);
    char full[NAME_MAX + 1];

    if (name[0] == '\0' || strlen(name) > NAME_MAX - 32)
        return bj_fail(err, BJ_E_INVALID, "audit", "%s is not the name of a file", audit->path);
    if (write && check_directory(dir_fd, audit->path, err) < 0)
        return -err->code;
    for (int i = 0; i < 3; i++) {
        int result;

        snprintf(full, sizeof full, "%s%s", name, suffixes[i]);
        result = check_file(dir_fd, audit->path, full, write, &there[i], err);
        if (result < 0)
            return result;
    }
    if (!there[0] && there[1])
        return bj_fail(err, BJ_E_DENIED, "audit",
                       "%s is gone but its log %s-wal is there; put the database back, or move the "
                       "log away",
                       audit->path, audit->path);
    *ret_there = there[0];
    return 0;
}

/* ---- making one ---- */

static int execute(struct bj_audit *audit, const char *sql)
{
    return sqlite3_exec(audit->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : -1;
}

static int write_base(struct bj_audit *audit)
{
    unsigned char id[16], hash[BJ_AUDIT_HASH_SIZE];
    sqlite3_stmt *insert = NULL;
    int result;

    if (BJ_SYS(getrandom(id, sizeof id, 0)) != sizeof id)
        return -1;
    bj_audit_hash_first(id, hash);
    if (sqlite3_prepare_v2(audit->db, "INSERT INTO base VALUES(?,0,?)", -1, &insert, NULL) != 0)
        return -1;
    sqlite3_bind_blob(insert, 1, id, sizeof id, SQLITE_STATIC);
    sqlite3_bind_blob(insert, 2, hash, sizeof hash, SQLITE_STATIC);
    result = sqlite3_step(insert);
    sqlite3_finalize(insert);
    return result == SQLITE_DONE ? 0 : -1;
}

static int write_schema(struct bj_audit *audit)
{
    char version[192];

    snprintf(version, sizeof version,
             "PRAGMA auto_vacuum=INCREMENTAL;PRAGMA journal_mode=MEMORY;BEGIN;"
             "PRAGMA application_id=%d;PRAGMA user_version=%d",
             APPLICATION_ID, BJ_AUDIT_VERSION);
    if (execute(audit, version) < 0)
        return -1;
    for (int i = 0; i < BJ_AUDIT_SCHEMA_COUNT; i++) {
        if (execute(audit, bj_audit_schema(BJ_AUDIT_VERSION, i)) < 0)
            return -1;
    }
    return write_base(audit) < 0 || execute(audit, "COMMIT") < 0
               ? -1
               : execute(audit, "PRAGMA journal_mode=WAL");
}

/* Fills the new file at `path`, which is empty. */
static int fill(struct bj_audit *audit, const char *path, struct bj_error *err)
{
    int result =
        sqlite3_open_v2(path, &audit->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);

    if (result == SQLITE_OK)
        result = write_schema(audit);
    if (result != 0)
        result = bj_audit_fail(audit, "create", err);
    sqlite3_close(audit->db);
    audit->db = NULL;
    return result;
}

/* Puts it in its place; another process that was quicker is fine. */
static int place(int dir_fd, const char *new_name, const char *name, const char *path,
                 struct bj_error *err)
{
    BJ_CLEANUP_CLOSE int fd = BJ_SYS(openat(dir_fd, new_name, O_RDONLY | O_CLOEXEC));
    BJ_CLEANUP_CLOSE int dir = -1;
    int result;

    if (fd < 0 || BJ_SYS(fsync(fd)) < 0)
        return bj_fail_errno(err, "audit", "cannot create %s", path);
    result = BJ_SYS(renameat2(dir_fd, new_name, dir_fd, name, RENAME_NOREPLACE));
    if (result < 0 && (errno == EINVAL || errno == ENOSYS)) /* not on this file system */
        result = BJ_SYS(linkat(dir_fd, new_name, dir_fd, name, 0));
    if (result < 0 && errno != EEXIST)
        return bj_fail_errno(err, "audit", "cannot create %s", path);
    dir = BJ_SYS(openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    /* EINVAL: a file system that has nothing to write for a directory. */
    if (dir < 0 || (BJ_SYS(fsync(dir)) < 0 && errno != EINVAL))
        return bj_fail_errno(err, "audit", "cannot write the directory of %s", path);
    return 0;
}

/* Is it what a creator of `name` that was killed left: `.name.` and 16 digits, or a log of that? */
static bool is_leftover(const char *entry, const char *name)
{
    char prefix[80];
    size_t length;

    snprintf(prefix, sizeof prefix, ".%.64s.", name);
    length = strlen(prefix);
    if (strncmp(entry, prefix, length) != 0 || strspn(entry + length, "0123456789abcdef") != 16)
        return false;
    entry += length + 16;
    return entry[0] == '\0' || bj_streq(entry, "-wal") || bj_streq(entry, "-shm");
}

/* Removes what was left long enough ago that nobody is at it any more. As far as it goes. */
static void sweep(int dir_fd, const char *name)
{
    int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    const struct dirent *entry;
    struct stat status;

    if (dir == NULL) {
        if (fd >= 0)
            close(fd);
        return;
    }
    while ((entry = readdir(dir)) != NULL) {
        if (is_leftover(entry->d_name, name) &&
            fstatat(dir_fd, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISREG(status.st_mode) && status.st_mtime < time(NULL) - LEFTOVER_SECONDS)
            unlinkat(dir_fd, entry->d_name, 0);
    }
    closedir(dir);
}

static int create(struct bj_audit *audit, int dir_fd, struct bj_error *err)
{
    const char *name = last_part(audit->path);
    char path[BJ_PATH_MAX];
    const char *new_name;
    unsigned long long random;
    int fd, result;

    sweep(dir_fd, name);
    if (BJ_SYS(getrandom(&random, sizeof random, 0)) != sizeof random)
        return bj_fail_errno(err, "audit", "cannot create %s", audit->path);
    snprintf(path, sizeof path, "%.*s.%.64s.%016llx", (int)(name - audit->path), audit->path, name,
             random);
    new_name = last_part(path);
    fd = BJ_SYS(openat(dir_fd, new_name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (fd < 0)
        return bj_fail_errno(err, "audit", "cannot create %s", audit->path);
    close(fd);
    result = fill(audit, path, err);
    if (result == 0)
        result = place(dir_fd, new_name, name, audit->path, err);
    unlinkat(dir_fd, new_name, 0);
    return result;
}

/* ---- opening ---- */

/* Tells how long the log is after a commit. */
static int count_log(void *context, sqlite3 *db, const char *name, int pages)
{
    struct bj_audit *audit = context;

    (void)db;
    (void)name;
    audit->log_pages = pages;
    return SQLITE_OK;
}

/* What costs nothing: no statement is run. */
static void configure(struct bj_audit *audit)
{
    sqlite3_extended_result_codes(audit->db, 1);
    sqlite3_busy_timeout(audit->db, audit->busy_ms);
    sqlite3_wal_hook(audit->db, count_log, audit);
    sqlite3_db_config(audit->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    sqlite3_db_config(audit->db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    sqlite3_db_config(audit->db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
    sqlite3_db_config(audit->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    /* A reader is let into a file that was cut off: what is left of it can be read. */
    if (audit->access == BJ_AUDIT_READ)
        sqlite3_db_config(audit->db, SQLITE_DBCONFIG_WRITABLE_SCHEMA, 1, NULL);
}

int bj_audit_read_version(struct bj_audit *audit, int *ret)
{
    sqlite3_stmt *ask = NULL;
    int result = sqlite3_prepare_v2(audit->db, "PRAGMA user_version", -1, &ask, NULL);

    *ret = 0;
    if (result == SQLITE_OK && (result = sqlite3_step(ask)) == SQLITE_ROW)
        *ret = sqlite3_column_int(ask, 0);
    sqlite3_finalize(ask);
    return result == SQLITE_ROW ? SQLITE_OK : result;
}

/* Another process may have been quicker. What was begun and is rolled back is begun again. */
int bj_audit_upgrade(struct bj_audit *audit, struct bj_error *err)
{
    char sql[192];
    int version;

    if (bj_audit_read_version(audit, &version) != SQLITE_OK)
        return bj_audit_fail(audit, "read", err);
    if (version == BJ_AUDIT_VERSION)
        return 0;
    if (version != BJ_AUDIT_VERSION_FIRST)
        return bj_audit_fail_damaged(audit, "the number of its format was changed", err);
    snprintf(sql, sizeof sql,
             "ALTER TABLE record ADD COLUMN owner TEXT;"
             "ALTER TABLE record ADD COLUMN sandbox_owner TEXT;PRAGMA user_version=%d",
             BJ_AUDIT_VERSION);
    return execute(audit, sql) < 0 ? bj_audit_fail(audit, "write to", err) : 0;
}

/*
 * Does the file begin as ours do, whatever follows? Read through SQLite's own descriptor, since to
 * close another one would let go of this process's locks.
 */
static bool begins_as_ours(struct bj_audit *audit)
{
    static const unsigned char id[4] = {'B', 'J', 'A', 'U'};
    unsigned char header[72];
    sqlite3_file *file = NULL;

    return sqlite3_file_control(audit->db, "main", SQLITE_FCNTL_FILE_POINTER, &file) == SQLITE_OK &&
           file->pMethods != NULL &&
           file->pMethods->xRead(file, header, sizeof header, 0) == SQLITE_OK &&
           memcmp(header, "SQLite format 3", 16) == 0 && memcmp(header + 68, id, sizeof id) == 0;
}

/* A reader is let in where the file was ours: it says what can be read of it, and verify more. */
static int check_version(struct bj_audit *audit, struct bj_error *err)
{
    int version, result = bj_audit_read_version(audit, &version);

    if (result != SQLITE_OK && !bj_audit_is_damage(result))
        return bj_audit_fail(audit, "open", err);
    audit->version = version == BJ_AUDIT_VERSION_FIRST ? version : BJ_AUDIT_VERSION;
    if (version == audit->version)
        return 0;
    if (version >> 16 == BJ_AUDIT_VERSION >> 16)
        return bj_fail(err, BJ_E_UNSUPPORTED, "audit",
                       "%s was made by another version of belljar (format %d, this one knows %d)",
                       audit->path, version & 0xffff, BJ_AUDIT_VERSION & 0xffff);
    if (!begins_as_ours(audit))
        return bj_fail(err, BJ_E_SYSTEM, "audit",
                       "%s is not an audit database; it is left as it is: choose another file",
                       audit->path);
    return audit->access == BJ_AUDIT_READ
               ? 0
               : bj_audit_fail_damaged(audit, "its beginning was changed", err);
}

static int connect_database(struct bj_audit *audit, struct bj_error *err)
{
    bool write = audit->access == BJ_AUDIT_WRITE;
    int flags = SQLITE_OPEN_NOMUTEX | (write ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY);

    if (sqlite3_open_v2(audit->path, &audit->db, flags, NULL) != SQLITE_OK)
        return bj_audit_fail(audit, "open", err);
    configure(audit);
    if (check_version(audit, err) < 0)
        return -err->code;
    if (write && execute(audit, audit->durable ? "PRAGMA synchronous=FULL"
                                               : "PRAGMA synchronous=NORMAL") < 0)
        return bj_audit_fail(audit, "open", err);
    return 0;
}

static int64_t system_now(void *context)
{
    struct timespec now;

    (void)context;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t bj_audit_now(const struct bj_audit *audit)
{
    int64_t now = audit->now_ns(audit->now_context);

    return now > 0 ? now : 0; /* a clock before 1970 is not set */
}

static int open_at(struct bj_audit *audit, struct bj_error *err)
{
    BJ_CLEANUP_CLOSE int dir_fd = -1;
    bool write = audit->access == BJ_AUDIT_WRITE, there = false;
    int result = open_directory(audit->path, write, &dir_fd, err);

    if (result == 0)
        result = check_place(audit, dir_fd, &there, err);
    if (result == 0 && !there)
        result = write ? create(audit, dir_fd, err)
                       : bj_fail(err, BJ_E_NOT_FOUND, "audit",
                                 "%s is not there: nothing was recorded yet, or it is elsewhere",
                                 audit->path);
    return result < 0 ? result : connect_database(audit, err);
}

int bj_audit_open(const struct bj_audit_options *options, struct bj_audit **ret,
                  struct bj_error *err)
{
    struct bj_error own = {0};
    struct bj_audit *audit = bj_alloc(sizeof *audit);
    int result = 0;

    err = err != NULL ? err : &own;
    if (audit == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "audit", "cannot open the audit: out of memory");
    audit->access = options->access;
    audit->durable = options->durable;
    audit->busy_ms = options->busy_ms > 0 ? options->busy_ms : BUSY_MS;
    audit->log_most = options->log_pages > 0 ? options->log_pages : LOG_PAGES;
    audit->now_ns = options->now_ns != NULL ? options->now_ns : system_now;
    audit->now_context = options->now_context;
    audit->mask = options->mask != NULL ? options->mask : &audit->nothing;
    bj_buf_init(&audit->body, BJ_AUDIT_RECORD_MAX);
    bj_buf_init(&audit->scratch, BJ_AUDIT_RECORD_MAX);
    for (int i = 0; i < 3; i++)
        bj_buf_init(&audit->names[i], BJ_AUDIT_RECORD_MAX);
    if (options->path == NULL)
        result = bj_audit_default_path(&audit->path, err);
    else if ((audit->path = bj_strdup(options->path)) == NULL)
        result = bj_fail(err, BJ_E_NO_MEMORY, "audit", "cannot open the audit: out of memory");
    if (result == 0)
        result = open_at(audit, err);
    if (result < 0) {
        bj_audit_close(audit);
        return result;
    }
    *ret = audit;
    return 0;
}

void bj_audit_close(struct bj_audit *audit)
{
    if (audit == NULL)
        return;
    bj_audit_abandon(audit);
    for (int i = 0; i < BJ_SQL_COUNT; i++)
        sqlite3_finalize(audit->statements[i]);
    sqlite3_close(audit->db);
    bj_buf_release(&audit->body);
    bj_buf_release(&audit->scratch);
    for (int i = 0; i < 3; i++)
        bj_buf_release(&audit->names[i]);
    bj_free(audit->path);
    bj_free(audit);
}
