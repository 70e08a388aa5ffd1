/*
 * The service: what the front knows and decides. Every front door (src/api) calls these functions
 * and turns their answers into its protocol; none has logic of its own.
 *
 * Theory of operation. The keeper owns the sandboxes; the front has a copy of what it says of them.
 * What a caller asks for goes one way: the identifier is checked against its owner, quotas are
 * counted, the policy judges, the verdict and the act become one entry, and the keeper carries out
 * what was recorded (wire/keeper.h). Refusals become entries too. What the front would have to
 * remember (owner, metadata, time of creation, policy, idempotency key) is in the label that the
 * keeper keeps with a sandbox or process, so that a front that is started anew knows it again. Only
 * windows of rates and quotas of requests begin anew with it, and the events' history.
 *
 * Calls. A function with a call back returns 0 and then calls back exactly once, later, never
 * before it has returned; or it returns -code, *err says why, and there is no call back. What is
 * passed in is borrowed for the call alone, what a call back is given for its duration. Times are
 * in microseconds, lengths of time unless said. All of it runs on the loop's thread.
 */
#ifndef BJ_SERVICE_SERVICE_H
#define BJ_SERVICE_SERVICE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/error.h"
#include "base/log.h"
#include "keeper/client.h"
#include "keeper/keeper.h"
#include "model/verdict.h"
#include "service/identity.h"
#include "wire/keeper.h"

struct bj_service;

struct bj_service_options {
    const struct bj_service_preset *presets; /* as the keeper has them; borrowed, as is what is
                                                below, as long as the service lives */
    uint32_t preset_count;
    const char *default_preset;   /* of sandboxes that name none; NULL = the first */
    int64_t max_timeout_us;       /* of a sandbox; 0 = no limit */
    const char *const *isolation; /* what of it is less than it could be, for /health; ends with
                                     NULL; NULL = nothing */
    const char *domain;           /* ports are at PORT-ID.domain; NULL = by header alone */
    const struct bj_log *log;     /* NULL = none */
};

int bj_service_new(uv_loop_t *loop, const struct bj_service_options *options,
                   struct bj_service **ret, struct bj_error *err);
/* Calls back whoever waits, with BJ_E_ENDED. The loop must run once more before it ends. */
void bj_service_free(struct bj_service *service);

/* Its client of the keeper, for bj_keeper_client_set_keeper() and _set_audit(). */
struct bj_keeper_client *bj_service_keeper(struct bj_service *service);

/* The loop that it was made on, for timers of those who stand on it. */
uv_loop_t *bj_service_loop(const struct bj_service *service);

/* The keeper has said what there is; until then everything else is BJ_E_BUSY. (/readyz) */
bool bj_service_ready(const struct bj_service *service);

/* ---- answers ---- */

/* The first member of what every call back is given. */
struct bj_answer {
    int result;                       /* 0 or -code */
    struct bj_error error;            /* when result < 0 */
    const struct bj_verdict *verdict; /* DENIED, RATE, QUOTA: the reasons; else NULL */
    int64_t retry_after_us;           /* RATE, QUOTA, BUSY: when it may pass; 0 = unknown */
    int64_t record;                   /* number of the audit record; 0 = none */
};
typedef void (*bj_answer_fn)(void *context, const struct bj_answer *answer);

/*
 * Who asks, and about which sandbox. NULL is the caller's own default sandbox, which must be there:
 * a front door that takes calls without an identifier makes sure of it by bj_sandbox_default(),
 * each time, and goes on in its call back. NOT_FOUND when it has ended in between.
 */
struct bj_caller {
    const struct bj_identity *who;
    const char *sandbox;
    /* The call of an agent's tool that it carries out, for the policy and the record; NULL = the
     * operation itself is what is judged. */
    const char *tool;
    const char *arguments; /* JSON object */
};

/* ---- requests per owner ---- */

/*
 * Counts a request of who->owner; to be called once for each HTTP request that has an identity. 0,
 * or BJ_E_RATE with *ret_retry_us. (Calls that act are also counted by their preset's
 * security.max_requests, per key.)
 */
int bj_service_count_request(struct bj_service *service, const struct bj_identity *who,
                             int64_t *ret_retry_us, struct bj_error *err);

/* ---- sandboxes ---- */

struct bj_sandbox_view {
    const char *id, *preset, *owner, *key; /* key: the name of the one that made it */
    const json_t *metadata;                /* object of texts */
    enum bj_sandbox_phase phase;
    int64_t created_ms;                              /* wall clock, since 1970 */
    int64_t age_us;                                  /* by the monotonic clock */
    int64_t left_us, idle_left_us;                   /* until it ends by itself; -1 = never */
    int64_t timeout_us, idle_us;                     /* as they were set; 0 = never */
    int64_t memory_bytes, disk_bytes, max_processes; /* limits; 0 = none */
    double cpu_cores;
    bool is_default; /* its owner's own */
    bool from_pool, degraded_pause;
    const char *reason;          /* why it ended; NULL */
    int64_t ended_ms;            /* when, wall clock; 0 = it has not */
    const char *const *degraded; /* ends with NULL */
    const char *workspace, *home, *user;
    uint32_t running; /* of its processes */
};

struct bj_sandbox_request {
    const char *preset;          /* NULL = the service's default */
    const json_t *config;        /* object as in a configuration file, of what clients may set
                                    (client_options.c); NULL */
    const json_t *metadata;      /* object of texts; NULL */
    const json_t *environment;   /* object NAME: text; NULL */
    int64_t timeout_us, idle_us; /* 0 = never, where the service permits it; -1 = the preset's */
    const char *idempotency_key; /* the same owner's same key gives the same sandbox; NULL */
};

struct bj_sandbox_answer {
    struct bj_answer base;
    const struct bj_sandbox_view *sandbox; /* NULL when it failed */
    bool existed;                          /* by its idempotency key */
};
typedef void (*bj_sandbox_fn)(void *context, const struct bj_sandbox_answer *answer);

int bj_sandbox_make(struct bj_service *service, const struct bj_identity *who,
                    const struct bj_sandbox_request *request, bj_sandbox_fn done, void *context,
                    struct bj_error *err);

/* The caller's default sandbox, made if there is none. */
int bj_sandbox_default(struct bj_service *service, const struct bj_identity *who,
                       bj_sandbox_fn done, void *context, struct bj_error *err);

/* BJ_E_NOT_FOUND when there is none or it is somebody else's. *ret is valid until the loop runs
 * on. caller->sandbox NULL: the default one, if it is there. */
int bj_sandbox_get(struct bj_service *service, const struct bj_caller *caller,
                   struct bj_sandbox_view *ret, struct bj_error *err);
/* Likewise, of one that has ended too while it is remembered. */
int bj_sandbox_look_up(struct bj_service *service, const struct bj_caller *caller,
                       struct bj_sandbox_view *ret, struct bj_error *err);

struct bj_sandbox_list {
    /* Filters; NULL or -1 = any. */
    const json_t *metadata; /* all of these pairs */
    const char *preset;
    int phase;         /* enum bj_sandbox_phase */
    bool everyone;     /* not only the caller's; needs BJ_SCOPE_ADMIN */
    int64_t since_ms;  /* created then or later; 0 */
    bool oldest_first; /* else the newest */
    uint32_t limit;    /* 0 = 100; at most 1000 */
    const char *after; /* `next` of the page before; NULL */

    /* Set by the call. */
    uint32_t total; /* that match, on all pages */
    char next[64];  /* "" = this was the last page */
};
/* Calls `each` for every sandbox of the page, before it returns. */
int bj_sandbox_list(struct bj_service *service, const struct bj_identity *who,
                    struct bj_sandbox_list *list,
                    void (*each)(void *context, const struct bj_sandbox_view *sandbox),
                    void *context, struct bj_error *err);

struct bj_sandbox_change {
    int64_t timeout_us, idle_us; /* from now on; 0 = never; BJ_KEEP_TIME */
    const json_t *metadata;      /* the whole; NULL = as it is */
};
int bj_sandbox_update(struct bj_service *service, const struct bj_caller *caller,
                      const struct bj_sandbox_change *change, bj_sandbox_fn done, void *context,
                      struct bj_error *err);

/* Pausing what is paused, or resuming what is not, is BJ_E_CONFLICT. */
int bj_sandbox_pause(struct bj_service *service, const struct bj_caller *caller, bj_sandbox_fn done,
                     void *context, struct bj_error *err);
int bj_sandbox_resume(struct bj_service *service, const struct bj_caller *caller,
                      bj_sandbox_fn done, void *context, struct bj_error *err);
/* The sandbox of a successful answer has phase ENDED. */
int bj_sandbox_kill(struct bj_service *service, const struct bj_caller *caller, bj_sandbox_fn done,
                    void *context, struct bj_error *err);

struct bj_usage_report {
    struct bj_answer base;
    struct bj_usage_answer usage;
    int64_t memory_limit, disk_limit; /* bytes; 0 = none */
    double cpu_cores;
    int64_t at_ms; /* wall clock */
};
typedef void (*bj_usage_fn)(void *context, const struct bj_usage_report *report);
int bj_sandbox_usage(struct bj_service *service, const struct bj_caller *caller, bj_usage_fn done,
                     void *context, struct bj_error *err);
/* Of the whole service; needs BJ_SCOPE_ADMIN. */
int bj_service_usage(struct bj_service *service, const struct bj_identity *who, bj_usage_fn done,
                     void *context, struct bj_error *err);

/* ---- processes ---- */

struct bj_process_view {
    const char *sandbox;
    uint32_t process;      /* its identifier in the sandbox; never used again */
    int32_t pid;           /* inside */
    const char *tag;       /* chosen by whoever started it; NULL */
    const char *command;   /* shell text, or the arguments quoted; cut after 1 KiB */
    const char *directory; /* where it was started */
    bool terminal, takes_input;
    uint16_t rows, columns;
    int64_t started_ms; /* wall clock */
    int64_t age_us;
    int64_t written, dropped; /* bytes of output so far */
    bool ended;
    struct bj_ending ending;
};

/* What is started. Either a command, which is shell text, or arguments. */
struct bj_process_request {
    const char *command;
    const char *const *argv;   /* ends with NULL */
    const json_t *environment; /* object NAME: text, over the sandbox's own; NULL */
    const char *directory;     /* NULL = the workspace; relative paths are below it */
    const char *tag;           /* at most 128 bytes; NULL */
    int64_t timeout_us;        /* 0 = none of its own; -1 = the preset's timeout_seconds */
    bool terminal, stdin_open;
    bool hold;              /* its output waits for the first subscriber that holds, for 10 s */
    uint16_t rows, columns; /* 0 = 24 by 80 */
};

struct bj_process_answer {
    struct bj_answer base;
    const struct bj_process_view *process; /* NULL when it failed */
};
typedef void (*bj_process_fn)(void *context, const struct bj_process_answer *answer);

/* Somebody waits for what is asked of the sandbox, or is attached to something in it: as long as
 * that lasts it is not idle. Each begin has one end; a sandbox that is gone is no error. */
void bj_use_begin(struct bj_service *service, const char *sandbox);
void bj_use_end(struct bj_service *service, const char *sandbox);

int bj_process_launch(struct bj_service *service, const struct bj_caller *caller,
                      const struct bj_process_request *request, bj_process_fn done, void *context,
                      struct bj_error *err);

/* As bj_sandbox_get(). */
int bj_process_get(struct bj_service *service, const struct bj_caller *caller, uint32_t process,
                   struct bj_process_view *ret, struct bj_error *err);
int bj_process_list(struct bj_service *service, const struct bj_caller *caller,
                    void (*each)(void *context, const struct bj_process_view *process),
                    void *context, struct bj_error *err);

/* When it has ended; at once if it has. */
int bj_process_wait(struct bj_service *service, const struct bj_caller *caller, uint32_t process,
                    bj_process_fn done, void *context, struct bj_error *err);
/* No call back any more. False: it is too late, the call back is on its way. */
bool bj_process_wait_cancel(struct bj_service *service, const struct bj_caller *caller,
                            uint32_t process, bj_process_fn done, void *context);

/* process 0 = every process of the sandbox. */
struct bj_signal_request {
    uint32_t process;
    int signal;
    bool group; /* its process group too */
};
int bj_process_signal(struct bj_service *service, const struct bj_caller *caller,
                      const struct bj_signal_request *request, bj_answer_fn done, void *context,
                      struct bj_error *err);

/* One recorded act each; for a stream of them use bj_attach_open(). At most BJ_INPUT_MAX bytes. */
struct bj_input_request {
    uint32_t process;
    const void *data;
    size_t length;
    bool close; /* its standard input ends behind these bytes */
};
int bj_process_input(struct bj_service *service, const struct bj_caller *caller,
                     const struct bj_input_request *request, bj_answer_fn done, void *context,
                     struct bj_error *err);
int bj_process_resize(struct bj_service *service, const struct bj_caller *caller, uint32_t process,
                      const uint16_t rows_columns[2], bj_answer_fn done, void *context,
                      struct bj_error *err);

/* ---- output ---- */

/* A subscription to a process's output from an offset on, counted over all its streams. Any number
 * of them read the same process. */
struct bj_output_reader;

struct bj_output_events {
    /* Bytes of stream 1 or 2 (a terminal: 1); `offset` is that of the first. False: no more until
     * bj_output_reader_resume(). */
    bool (*chunk)(void *context, int stream, int64_t offset, const void *data, size_t length);
    /* Bytes that came too early or too fast are lost: the next chunk begins at `next`. */
    void (*lost)(void *context, int64_t from, int64_t next);
    /* Nothing follows: the process has ended and all was said, or answer->base.result says what
     * went wrong. The subscription is still to be closed. */
    void (*end)(void *context, const struct bj_process_answer *answer);
};

struct bj_output_request {
    uint32_t process;
    int64_t offset; /* -1 = only what comes from now on */
    bool now;       /* no more than there is; then the end, with a process that goes on */
    bool hold;      /* lose nothing: the process waits for this subscriber instead */
    const struct bj_output_events *events;
    void *context;
};
/* Nothing is called back before it has returned. */
int bj_output_open(struct bj_service *service, const struct bj_caller *caller,
                   const struct bj_output_request *request, struct bj_output_reader **ret,
                   struct bj_error *err);
void bj_output_reader_resume(struct bj_output_reader *output);
/* Nothing is called back any more. */
void bj_output_reader_close(struct bj_output_reader *output);

/* ---- run to the end (/bash) ---- */

struct bj_run_request {
    struct bj_process_request process; /* terminal and stdin_open are for others */
    const char *shell;     /* in this shell session, with its directory and environment; NULL */
    const void *input;     /* its standard input; NULL = none */
    size_t input_length;   /* at most BJ_INPUT_MAX */
    size_t output_maximum; /* bytes kept of each stream; 0 = the preset's output_limit_mb, at most
                              BJ_CAPTURE_MAX */
};

struct bj_run_answer {
    struct bj_answer base; /* 0: it was run to its end, whatever that was */
    const char *sandbox;
    uint32_t process;
    const char *output, *error; /* bytes; a NUL follows */
    size_t output_length, error_length;
    int64_t output_dropped, error_dropped; /* bytes that found no room */
    bool truncated;
    const char *directory; /* of a shell session: where it is now; else NULL */
    struct bj_ending ending;
};
typedef void (*bj_run_fn)(void *context, const struct bj_run_answer *answer);

struct bj_run;
/* *ret (may be NULL) is valid until the call back. */
int bj_run_start(struct bj_service *service, const struct bj_caller *caller,
                 const struct bj_run_request *request, bj_run_fn done, void *context,
                 struct bj_run **ret, struct bj_error *err);
/* Whoever asked has gone: the process is killed and forgotten, and nobody is called back. */
void bj_run_cancel(struct bj_run *run);

/* ---- shell sessions: directory and environment are kept between commands ---- */

struct bj_shell_view {
    const char *name, *sandbox, *directory;
    bool busy; /* runs a command; another one waits for its turn */
    int64_t commands;
};
struct bj_shell_answer {
    struct bj_answer base;
    const struct bj_shell_view *shell;
};
typedef void (*bj_shell_fn)(void *context, const struct bj_shell_answer *answer);

struct bj_shell_request {
    const char *name;      /* 1 to 64 letters, digits, '-', '_', '.'; NULL = one is chosen */
    const char *directory; /* NULL = the workspace */
    const json_t *environment;
};
/* BJ_E_CONFLICT when the name is taken. */
int bj_shell_create(struct bj_service *service, const struct bj_caller *caller,
                    const struct bj_shell_request *request, bj_shell_fn done, void *context,
                    struct bj_error *err);
int bj_shell_find(struct bj_service *service, const struct bj_caller *caller, const char *name,
                  struct bj_shell_view *ret, struct bj_error *err);
int bj_shell_list(struct bj_service *service, const struct bj_caller *caller,
                  void (*each)(void *context, const struct bj_shell_view *shell), void *context,
                  struct bj_error *err);
int bj_shell_remove(struct bj_service *service, const struct bj_caller *caller, const char *name,
                    bj_answer_fn done, void *context, struct bj_error *err);

/* ---- attached clients: a WebSocket at a process's terminal or pipes ---- */

struct bj_attach;

struct bj_attach_events {
    /* Permitted and recorded; from here on there is output, and input is taken. */
    void (*ready)(void *context, const struct bj_process_view *process);
    /* Of a terminal: bytes that paint its screen as it is now, before any chunk. */
    void (*screen)(void *context, const void *data, size_t length);
    /* As of bj_output_events. */
    bool (*chunk)(void *context, int stream, int64_t offset, const void *data, size_t length);
    void (*lost)(void *context, int64_t from, int64_t next);
    /* There is room for more input. */
    void (*drain)(void *context);
    /* The process has ended, or something went wrong, a refusal included. Still to be closed. */
    void (*end)(void *context, const struct bj_process_answer *answer);
};
struct bj_attach_request {
    uint32_t process;
    int64_t offset; /* of the first byte wanted; -1 = a terminal: its screen, then what comes; else
                       only what comes */
    bool read_only; /* no input */
    const struct bj_attach_events *events;
    void *context;
};
int bj_attach_open(struct bj_service *service, const struct bj_caller *caller,
                   const struct bj_attach_request *request, struct bj_attach **ret,
                   struct bj_error *err);
/* *ret_wait (may be NULL): stop until drain. Any length. */
int bj_attach_input(struct bj_attach *attach, const void *data, size_t length, bool close,
                    bool *ret_wait, struct bj_error *err);
int bj_attach_resize(struct bj_attach *attach, uint16_t rows, uint16_t columns,
                     struct bj_error *err);
void bj_attach_resume(struct bj_attach *attach);
void bj_attach_close(struct bj_attach *attach);

/* ---- files ---- */

/* Paths that are not absolute are below the workspace. */

struct bj_file_info {
    const char *path; /* absolute */
    const char *name; /* its last part */
    const char *link; /* where a symbolic link leads; NULL */
    char type;        /* 'f' file, 'd' directory, 'l' link, 'p' 's' 'b' 'c', '?' */
    uint32_t mode;    /* permission bits */
    int64_t size, modified_ms;
    uint32_t uid, gid;
    const char *user, *group; /* names inside; the number where there is none */
};

/* Content of any size, by a descriptor of a regular file. */
struct bj_file_open_request {
    const char *path;
    bool write;             /* else it is read */
    bool append, exclusive; /* write: else it is emptied; fail if it is there */
    bool parents;           /* write: make the directories above */
    uint32_t mode;          /* write: of a new file; 0 = 0644 */
};
struct bj_file_answer {
    struct bj_answer base;
    int fd; /* set to -1 to keep it */
    int64_t size;
    const char *path; /* absolute */
};
typedef void (*bj_file_fn)(void *context, struct bj_file_answer *answer);
int bj_file_open(struct bj_service *service, const struct bj_caller *caller,
                 const struct bj_file_open_request *request, bj_file_fn done, void *context,
                 struct bj_error *err);

/* The whole content at once, at most BJ_CONTENT_MAX bytes: larger is BJ_E_LIMIT. */
struct bj_content_answer {
    struct bj_answer base;
    const char *path; /* absolute */
    const char *data; /* read; a NUL follows */
    size_t length;    /* that were read or written */
};
typedef void (*bj_content_fn)(void *context, const struct bj_content_answer *answer);
int bj_file_read(struct bj_service *service, const struct bj_caller *caller, const char *path,
                 bj_content_fn done, void *context, struct bj_error *err);
struct bj_file_write_request {
    const char *path;
    const void *data;
    size_t length;
    bool append;
    uint32_t mode; /* of a new file; 0 = 0644 */
};
/* Directories above it are made. */
int bj_file_write(struct bj_service *service, const struct bj_caller *caller,
                  const struct bj_file_write_request *request, bj_content_fn done, void *context,
                  struct bj_error *err);

/* list, stat, glob: files in the order of their names. */
struct bj_files_answer {
    struct bj_answer base;
    const struct bj_file_info *files;
    size_t count;
    bool truncated; /* there were more */
};
typedef void (*bj_files_fn)(void *context, const struct bj_files_answer *answer);

/*
 * Entries one by one, as they come: `done` has none then. False: no more until bj_flow_resume().
 * The struct is the caller's until `done`.
 */
struct bj_files_flow {
    bool (*each)(void *context, const struct bj_file_info *file);
    void *context;
    struct helper *helper; /* whom it comes from; NULL */
};
void bj_flow_resume(struct bj_files_flow *flow);
/* Nobody wants the rest; `done` is called before this returns, if it has not been. */
void bj_flow_stop(struct bj_files_flow *flow);

struct bj_files_list_request {
    const char *path;
    uint32_t depth;             /* 1 = the directory's own entries; 0 = 1 */
    uint32_t limit;             /* 0 = 10000 */
    const char *const *ignore;  /* globs of names to leave out; NULL */
    struct bj_files_flow *flow; /* NULL: all at once */
};
int bj_files_list(struct bj_service *service, const struct bj_caller *caller,
                  const struct bj_files_list_request *request, bj_files_fn done, void *context,
                  struct bj_error *err);
/* One entry, of the link itself where it is one. */
int bj_files_stat(struct bj_service *service, const struct bj_caller *caller, const char *path,
                  bj_files_fn done, void *context, struct bj_error *err);
struct bj_files_glob_request {
    const char *pattern, *path; /* path NULL = the workspace */
    uint32_t limit;
    struct bj_files_flow *flow;
};
int bj_files_glob(struct bj_service *service, const struct bj_caller *caller,
                  const struct bj_files_glob_request *request, bj_files_fn done, void *context,
                  struct bj_error *err);

/* What changes one thing; the answer has the entry as it is then, none after remove. */
struct bj_files_change {
    enum bj_files_verb {
        BJ_FILES_MKDIR,  /* with those above it; no error if it is there */
        BJ_FILES_MOVE,   /* path to target */
        BJ_FILES_REMOVE, /* recursive: with all below it */
        BJ_FILES_CHMOD,
    } verb;
    const char *path, *target;
    uint32_t mode; /* MKDIR: 0 = 0755 */
    bool recursive;
    bool overwrite; /* MOVE: what is at target */
};
int bj_files_change(struct bj_service *service, const struct bj_caller *caller,
                    const struct bj_files_change *change, bj_files_fn done, void *context,
                    struct bj_error *err);

struct bj_files_edit_request {
    const char *path;
    const char *old_text, *new_text; /* old_text must be there; once, unless `all` */
    bool all;
};
struct bj_files_edit_answer {
    struct bj_answer base;
    const char *path;
    int64_t replaced;
};
typedef void (*bj_files_edit_fn)(void *context, const struct bj_files_edit_answer *answer);
int bj_files_edit(struct bj_service *service, const struct bj_caller *caller,
                  const struct bj_files_edit_request *request, bj_files_edit_fn done, void *context,
                  struct bj_error *err);

struct bj_files_search_request {
    const char *pattern, *path; /* path NULL = the workspace */
    const char *glob;           /* only files whose names match; NULL */
    const char *const *globs;   /* or any of these, NULL-terminated; NULL */
    bool literal, ignore_case, multiline;
    uint32_t before, after; /* lines of context */
    uint32_t limit;         /* matches; 0 = 1000 */
};
struct bj_files_match {
    const char *path;
    int64_t line;
    const char *text; /* cut where it is long */
    size_t length;
    bool context; /* a line around a match */
};
struct bj_files_search_answer {
    struct bj_answer base;
    const struct bj_files_match *matches;
    size_t count;
    bool truncated;
};
typedef void (*bj_files_search_fn)(void *context, const struct bj_files_search_answer *answer);
int bj_files_search(struct bj_service *service, const struct bj_caller *caller,
                    const struct bj_files_search_request *request, bj_files_search_fn done,
                    void *context, struct bj_error *err);

/*
 * A directory as tar. `ready` has the descriptor of a pipe: to be read to its end (down), or to be
 * written and closed (up); setting it to -1 takes it. `done` follows when the helper has ended, and
 * says whether all of it went well. When it was not ready, there is only done.
 */
struct bj_files_tar_request {
    const char *path;
    bool up;   /* into the sandbox */
    bool gzip; /* down: compressed; up: found out by itself */
    void (*ready)(void *context, int *fd);
    bj_answer_fn done;
    void *context;
};
int bj_files_tar(struct bj_service *service, const struct bj_caller *caller,
                 const struct bj_files_tar_request *request, struct bj_error *err);

/* Watching a directory. */
struct bj_watch;
struct bj_watch_event {
    const char *type; /* "create", "write", "remove", "rename", "chmod", "overflow" */
    const char *path; /* relative to the directory */
};
struct bj_watch_events {
    void (*ready)(void *context);
    void (*event)(void *context, const struct bj_watch_event *event);
    void (*end)(void *context, const struct bj_answer *answer); /* still to be closed */
};
struct bj_watch_request {
    const char *path;
    bool recursive;
    const struct bj_watch_events *events;
    void *context;
};
int bj_watch_open(struct bj_service *service, const struct bj_caller *caller,
                  const struct bj_watch_request *request, struct bj_watch **ret,
                  struct bj_error *err);
void bj_watch_close(struct bj_watch *watch);

/* ---- ports ---- */

struct bj_port_answer {
    struct bj_answer base; /* NOT_FOUND: nobody listens there */
    int fd;                /* a connected socket; set to -1 to keep it */
};
typedef void (*bj_port_fn)(void *context, struct bj_port_answer *answer);
int bj_port_connect(struct bj_service *service, const struct bj_caller *caller, uint16_t port,
                    bj_port_fn done, void *context, struct bj_error *err);

/* ---- tools (/execute) ---- */

struct bj_tool_answer {
    struct bj_answer base; /* not 0: it was not carried out at all */
    const char *sandbox;
    bool success;       /* Bash: exit code 0 */
    const char *output; /* text for an agent */
    size_t output_length;
    const char *error; /* what went wrong, or standard error; NULL */
    size_t error_length;
    bool ran; /* there is an exit code: `ending` */
    bool truncated;
    struct bj_ending ending;
    int64_t duration_us;
};
typedef void (*bj_tool_fn)(void *context, const struct bj_tool_answer *answer);
/* Bash, Read, Write, Edit, Glob, Grep, LS, Search. `arguments` is a JSON object. */
int bj_tool_execute(struct bj_service *service, const struct bj_caller *caller, const char *tool,
                    const json_t *arguments, bj_tool_fn done, void *context, struct bj_error *err);

/* ---- events ---- */

/*    kind             name */
#define BJ_EVENTS(X)                                                                               \
    X(SANDBOX_CREATED, "sandbox.created")                                                          \
    X(SANDBOX_UPDATED, "sandbox.updated")                                                          \
    X(SANDBOX_PAUSED, "sandbox.paused")                                                            \
    X(SANDBOX_RESUMED, "sandbox.resumed")                                                          \
    X(SANDBOX_ENDED, "sandbox.ended")                                                              \
    X(PROCESS_STARTED, "process.started")                                                          \
    X(PROCESS_ENDED, "process.ended")                                                              \
    X(DENIED, "denied")    /* by policy */                                                         \
    X(LIMITED, "limited")  /* by a rate or quota */                                                \
    X(LOST, "events.lost") /* older ones than the history has, or of before a restart */

enum bj_event_kind {
#define BJ_EVENT_ENUM(kind, name) BJ_EVENT_##kind,
    BJ_EVENTS(BJ_EVENT_ENUM)
#undef BJ_EVENT_ENUM
};
const char *bj_event_name(enum bj_event_kind kind);

struct bj_event {
    int64_t id; /* rises, also over restarts */
    enum bj_event_kind kind;
    int64_t time_ms;     /* wall clock */
    const char *sandbox; /* NULL */
    const char *owner;
    uint32_t process;      /* 0 */
    const json_t *details; /* object: reason, exit_code, tool, record …; NULL */
};

struct bj_event_feed;
struct bj_event_request {
    int64_t after;       /* the id of the last one seen; 0 = only new ones; -1 = all kept */
    const char *sandbox; /* of this one alone; NULL */
    bool everyone;       /* needs BJ_SCOPE_ADMIN */
    /* False: no more until bj_event_resume(). */
    bool (*event)(void *context, const struct bj_event *event);
    void *context;
};
int bj_event_open(struct bj_service *service, const struct bj_identity *who,
                  const struct bj_event_request *request, struct bj_event_feed **ret,
                  struct bj_error *err);
void bj_event_resume(struct bj_event_feed *feed);
void bj_event_close(struct bj_event_feed *feed);
/* Those that are kept, at once. */
int bj_event_list(struct bj_service *service, const struct bj_identity *who,
                  const struct bj_event_request *request, uint32_t limit, struct bj_error *err);

/* ---- audit, figures, what there is ---- */

/* A regular file of JSON text, `size` bytes, which nobody in the front reads into memory: setting
 * fd to -1 takes it. */
struct bj_text_answer {
    struct bj_answer base;
    int fd;
    int64_t size;
};
typedef void (*bj_text_fn)(void *context, struct bj_text_answer *answer);

/*
 * A turn at work that costs much; of the service as a whole, and of one owner, few are worked on
 * and few wait. `go` is called when it is this one's, which may be at once; bj_turn_rest() says
 * that what is left is to send the answer, bj_turn_give() that it is over. BJ_E_RATE: this owner
 * has too many in hand, BJ_E_BUSY: all have.
 */
struct bj_turn;
int bj_turn_take(struct bj_service *service, const struct bj_identity *who,
                 void (*go)(void *context), void *context, struct bj_turn **ret,
                 struct bj_error *err);
bool bj_turn_waits(const struct bj_turn *turn); /* NULL does not */
void bj_turn_rest(struct bj_turn *turn);
void bj_turn_give(struct bj_turn *turn); /* NULL is fine */

/*
 * Calls `fn` once, later, when it is the owner's turn: for work that takes the loop long, of which
 * there is a little at each of its turns, of one owner after the other. BJ_E_NO_MEMORY.
 */
int bj_paced(struct bj_service *service, const struct bj_identity *who, void (*fn)(void *context),
             void *context, struct bj_error *err);

/* The records of what the caller's owner asked for or was done in its sandboxes; of everyone's with
 * BJ_SCOPE_ADMIN and question->owner NULL. As struct bj_audit_question has them. */
int bj_service_audit(struct bj_service *service, const struct bj_identity *who,
                     const struct bj_audit_question *question, bj_text_fn done, void *context,
                     struct bj_error *err);

/* The figures of the caller's owner since this front was started; everyone's for ADMIN. The
 * caller's to json_decref(); NULL without memory. */
json_t *bj_service_stats(struct bj_service *service, const struct bj_identity *who);

/* For /metrics: called with each figure. */
struct bj_service_figures {
    uint64_t calls, allowed, denied, limited, failed; /* since this front was started */
    uint32_t sandboxes, paused, processes;            /* now */
    uint32_t waiting;                                 /* calls without an answer yet */
    uint32_t subscribers;
    int64_t started_us; /* by bj_clock_us() */
};
/* As the options have it, never NULL: what /health says of it. */
const char *const *bj_service_isolation(const struct bj_service *service);

void bj_service_figures(const struct bj_service *service, struct bj_service_figures *ret);

/* The presets that sandboxes can be made of (/v1/templates): a list of objects. Likewise. */
json_t *bj_service_presets(struct bj_service *service);

#endif
