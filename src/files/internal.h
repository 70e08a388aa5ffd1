/*
 * What the operations of belljar-files share: the request, its budget, output, walking. One request
 * a process, so one struct holds it all.
 */
#ifndef BJ_FILES_INTERNAL_H
#define BJ_FILES_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/limits.h"
#include "files/files.h"

struct bj_files_list {
    const char *items[BJ_FILES_LISTED_MAX];
    size_t count;
};

#define BJ_FILES_TYPE_FLAG   bool
#define BJ_FILES_TYPE_NUMBER int64_t
#define BJ_FILES_TYPE_OCTAL  int64_t
#define BJ_FILES_TYPE_CHOICE int64_t
#define BJ_FILES_TYPE_TEXT   const char *
#define BJ_FILES_TYPE_LIST   struct bj_files_list
struct bj_files_options {
#define BJ_FILES_FIELD(name, field, kind, minimum, maximum, choices, help)                         \
    BJ_FILES_TYPE_##kind field;
    BJ_FILES_OPTIONS(BJ_FILES_FIELD)
#undef BJ_FILES_FIELD
};

/* The places of the words in the options' choices. */
enum bj_files_show { BJ_SHOW_CONTENT, BJ_SHOW_FILES, BJ_SHOW_COUNT };
enum bj_files_algorithm { BJ_HASH_SHA256, BJ_HASH_SHA1, BJ_HASH_SHA512, BJ_HASH_MD5 };
enum bj_files_order { BJ_ORDER_DEFAULT, BJ_ORDER_NEWEST, BJ_ORDER_NAME };
enum bj_files_type { BJ_ANY_TYPE, BJ_FILES_ONLY, BJ_DIRECTORIES_ONLY };

struct bj_files;
typedef int (*bj_files_fn)(struct bj_files *files, struct bj_error *err);

struct bj_files {
    bj_files_fn operation;
    bool records_on_stderr;
    struct bj_files_options options;
    char **arguments; /* ends with NULL */
    int argument_count;

    struct bj_buf out; /* records not yet written */
    struct bj_buf end; /* what the operation adds to the last line */

    int64_t deadline_us; /* 0 = none */
    int64_t entries_left;
    int64_t limit_left;
    size_t names_left;     /* bytes of BJ_FILES_NAMES_MAX */
    const char *truncated; /* why there would be more; NULL = that was all */
};

#define BJ_FILES_DECLARE(name, function, least, most, help)                                        \
    int bj_files_run_##function(struct bj_files *files, struct bj_error *err);
BJ_FILES_OPERATIONS(BJ_FILES_DECLARE)
#undef BJ_FILES_DECLARE

/* ---- options.c ---- */

int bj_files_parse(struct bj_files *files, int argc, char **argv, struct bj_error *err);
/* "0755" and the like, up to `maximum`. */
bool bj_files_parse_octal(const char *text, int64_t maximum, int64_t *ret);

/* ---- output.c ---- */

/* One member of an object: a comma where one belongs, the name, the value. */
void bj_files_put_name(struct bj_buf *out, const char *name);
void bj_files_put_int(struct bj_buf *out, const char *name, int64_t value);
void bj_files_put_bool(struct bj_buf *out, const char *name, bool value);
void bj_files_put_text(struct bj_buf *out, const char *name, const char *text); /* NULL = null */
/* Bytes, and where they are not UTF-8 also "NAME_encoded". */
void bj_files_put_bytes(struct bj_buf *out, const char *name, const char *bytes, size_t length);

/* {"value": …} of an attribute that any text may name. */
void bj_files_put_attribute(struct bj_buf *out, const char *name, const char *value, size_t length);

/* A record: begin, put members into files->out, end. Written at once or with later ones. */
void bj_files_record_begin(struct bj_files *files);
int bj_files_record_end(struct bj_files *files, struct bj_error *err);
int bj_files_flush(struct bj_files *files, struct bj_error *err);

/* Writes all, also to what does not block. 0, or -1 with errno. */
int bj_files_write(int fd, const void *data, size_t length);

/* ---- budget.c ---- */

/* Sets the time that the operation has, unless the request says another; 0 = no limit. */
void bj_files_set_time(struct bj_files *files, int64_t milliseconds);
/* One more entry is looked at. False when the budget is used up, and `truncated` says why. */
bool bj_files_spend(struct bj_files *files);
/* As errno has it, with the code that fits: NOT_FOUND, DENIED, CONFLICT, INVALID, FULL … */
int bj_files_fail(struct bj_error *err, const char *step, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same without a message: what errno means. */
enum bj_code bj_files_code(int number);

/* An absolute path without a slash at its end, by the text alone; the caller's. */
int bj_files_absolute(const char *path, char **ret, struct bj_error *err);
/* The part behind the last slash; "/" for the root. Points into it. */
const char *bj_files_name(const char *path);
/* A regular file for reading, whatever the path turns into meanwhile; never waits. */
int bj_files_open(int dir_fd, const char *name, int flags, int *ret_fd, struct stat *ret_status,
                  struct bj_error *err);

/* ---- entry.c, users.c ---- */

/* Adds the members of an entry to a record. `path` is absolute. */
void bj_files_put_entry(struct bj_files *files, struct bj_buf *out, int dir_fd, const char *name,
                        const char *path, const struct stat *status);
/* A record for one path as it is now, with one more member unless `member` is NULL. */
int bj_files_put_path(struct bj_files *files, const char *path, const char *member, bool value,
                      struct bj_error *err);
const char *bj_files_type_name(mode_t mode);
void bj_files_permissions(mode_t mode, char ret[11]);

/* The name by the sandbox's own files, or the number; borrowed until the next call. */
const char *bj_files_user_name(uid_t uid);
const char *bj_files_group_name(gid_t gid);
/* A name or a number; false if there is no such name. */
bool bj_files_user_id(const char *name, uint32_t *ret);
bool bj_files_group_id(const char *name, uint32_t *ret);

/* ---- names.c ---- */

/* Names in a directory, sorted by their bytes. */
struct bj_files_names {
    char *text;
    uint32_t *at; /* where in `text` each begins */
    size_t count, used, text_capacity, at_capacity;
};

/*
 * Reads a directory. Keeps the first `keep` names in order; *ret_more says if there were others.
 * Memory comes out of files->names_left and goes back with release.
 */
int bj_files_names_read(struct bj_files *files, int fd, size_t keep, struct bj_files_names *ret,
                        bool *ret_more, struct bj_error *err);
void bj_files_names_release(struct bj_files *files, struct bj_files_names *names);

/* ---- walk.c ---- */

struct bj_files_entry {
    int dir_fd;
    const char *name;
    const char *path; /* absolute, NUL behind it */
    size_t path_length;
    const char *relative; /* to where the walk began; within `path` */
    struct stat status;
    unsigned depth; /* 1 = directly below */
};

enum bj_files_step {
    BJ_STEP_ON,   /* into it, if it is a directory */
    BJ_STEP_OVER, /* not into it */
    BJ_STEP_STOP, /* that was enough: not an error */
};

struct bj_files_walk {
    /* Called for each entry before what is in it. 0 with *ret_step, or -code. */
    int (*visit)(void *context, const struct bj_files_entry *entry, enum bj_files_step *ret_step,
                 struct bj_error *err);
    /* Called when all in a directory was visited; may be NULL. */
    int (*leave)(void *context, const struct bj_files_entry *entry, struct bj_error *err);
    void *context;
    unsigned depth; /* levels at most; 0 = BJ_FILES_DEPTH_MAX */
    bool by_limit;  /* files->limit_left, which `visit` counts down, bounds what is read too */
};

/*
 * Everything below a directory in the order of names, without following links. Directories that
 * cannot be read are passed over. The root may be a link to a directory.
 */
int bj_files_walk(struct bj_files *files, const struct bj_files_walk *walk, const char *root,
                  struct bj_error *err);

/* A directory that --exclude names. */
bool bj_files_is_excluded(const struct bj_files *files, const struct bj_files_entry *entry);

/* ---- kept.c ---- */

/* The newest, or the first by name, of many paths. */
struct bj_files_kept_item {
    int64_t mtime_ns;
    char *path; /* owned */
};
struct bj_files_kept {
    struct bj_files_kept_item *items;
    size_t count, capacity, limit;
    size_t bytes;
    bool by_name;
    bool more;      /* some did not fit in `limit` */
    bool no_memory; /* or in BJ_FILES_KEPT_MAX */
};

void bj_files_kept_init(struct bj_files_kept *kept, size_t limit, bool by_name);
void bj_files_kept_release(struct bj_files_kept *kept);
int bj_files_kept_add(struct bj_files_kept *kept, const char *path, int64_t mtime_ns,
                      struct bj_error *err);
/* In order, and no more than `limit`. */
void bj_files_kept_finish(struct bj_files_kept *kept);

/* ---- seen.c ---- */

/* Files with several names, by the first name that was met. */
struct bj_files_seen_row;
struct bj_files_seen {
    struct bj_files_seen_row *rows;
    size_t count, bytes;
};
/* The path that was added with it; NULL: none. */
const char *bj_files_seen_find(const struct bj_files_seen *seen, const struct stat *status);
void bj_files_seen_add(struct bj_files_seen *seen, const struct stat *status, const char *path);
void bj_files_seen_release(struct bj_files_seen *seen);

/* ---- what several operations that change things do ---- */

/* The directory that `path` is in, made with all above it if need be. */
int bj_files_make_parents(const char *path, struct bj_error *err);
/* remove.c: what is called `name`, and everything below it. Adds to *removed. */
int bj_files_remove_tree(struct bj_files *files, int dir_fd, const char *name, int64_t *removed,
                         struct bj_error *err);
/* copy.c: a file or a tree to a place where there is nothing, or something to be replaced. */
int bj_files_copy_tree(struct bj_files *files, const char *from, const char *to,
                       struct bj_error *err);

static inline int64_t bj_files_time(struct timespec when)
{
    return (int64_t)when.tv_sec * 1000000000 + when.tv_nsec;
}

#endif
