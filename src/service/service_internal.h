/*
 * What the files of this folder share: the front's copy of what the keeper has, who owns it, and
 * the one way an operation takes to it.
 */
#ifndef BJ_SERVICE_SERVICE_INTERNAL_H
#define BJ_SERVICE_SERVICE_INTERNAL_H

#include "policy/policy.h"
#include "policy/rate.h"
#include "service/service.h"

#define BJ_SANDBOX_BUCKETS 1024 /* powers of two */
#define BJ_OWNER_BUCKETS   256

static inline int no_memory(struct bj_error *err)
{
    return bj_fail(err, BJ_E_NO_MEMORY, "service", "out of memory");
}

/* ---- who owns it ---- */

/* An owner of sandboxes. Lives as long as it has any, waits for any, or has made requests of late.
 */
struct owner {
    struct owner *chain;
    char *name;
    struct {            /* requests of all its keys that have a bound */
        int64_t *times; /* of the newest, the oldest first, from `first` on */
        size_t first, count, room;
        int64_t most, longest_us; /* of the bounds that its keys came with */
    } requests;
    struct sandbox *defaults; /* of its keys */
    uint32_t waiting;         /* entries without an answer */
    uint32_t sandboxes, waiting_sandboxes;
    uint32_t ended;                        /* sandboxes that are remembered */
    uint32_t processes, waiting_processes; /* running */
    uint32_t turns, turns_working;
    uint32_t paced;                   /* pieces of work that wait */
    int64_t paced_us;                 /* that such work took */
    int64_t memory_bytes, disk_bytes; /* of the limits of its sandboxes, those waiting too */
    uint64_t calls, allowed, denied, limited, failed;
    uint64_t by_risk[BJ_RISK_CRITICAL + 1]; /* violations */
    uint64_t by_operation[64];
};

struct owner *bj_owner_find(const struct bj_service *service, const char *name);
/* Made if there is none; NULL without memory. */
struct owner *bj_owner_get(struct bj_service *service, const char *name);
void bj_owners_release(struct bj_service *service);

/* ---- sandboxes and processes ---- */

struct waiter {
    struct waiter *next;
    bj_process_fn done;
    void *context;
};

struct process {
    struct process *next; /* the newest first */
    uint32_t id;
    int32_t pid;
    uint32_t flags;
    uint16_t rows, columns;
    int64_t created_us; /* by this process's monotonic clock */
    int64_t written, dropped;
    bool ended;
    struct bj_ending ending;
    json_t *label;
    struct waiter *waiters;
};

/* Policy that a sandbox's maker added to that of its preset. Shared by those with the same text. */
struct rules {
    struct rules *next;
    char *text;
    uint32_t users;
    struct bj_policy *policy;
    bool refuses; /* what asks, whatever the preset says */
};

struct sandbox {
    struct sandbox *chain;
    struct sandbox *older, *newer; /* by when the front learnt of it */
    char id[BJ_SANDBOX_ID_MAX];
    const struct preset *preset; /* NULL: one that is no longer configured */
    char *preset_name;
    struct owner *owner;          /* never NULL, and never another */
    struct sandbox *next_default; /* of its owner's */
    json_t *label;                /* src/service/label.c */
    json_t *label_sent;           /* the last one that the keeper has not answered yet; NULL */
    uint32_t labels_waiting;
    struct rules *rules; /* NULL = none */
    enum bj_sandbox_phase phase;
    int64_t created_us, ends_us, idle_ends_us; /* by this process's monotonic clock; -1 = never */
    int64_t memory_bytes, disk_bytes, max_processes;
    double cpu_cores;
    bool from_pool, degraded_pause;
    char **degraded;
    char *workspace, *home, *user;
    uint32_t next_process;
    struct process *processes;
    uint32_t process_count, running;
    char *reason;               /* why it ended */
    int64_t ended_us, ended_ms; /* when: monotonic, wall clock */
    uint32_t uses;              /* by whom it is in use now: src/service/use.c */
    struct shell *shells;       /* src/service/shell.c */
};

struct preset {
    const struct bj_service_preset *source;
    struct bj_policy *policy; /* without its rate, which is counted here: */
    struct bj_rate *rate;     /* security.max_requests, over all sandboxes of it; NULL = none */
};

struct sandbox *bj_registry_find(const struct bj_service *service, const char *id);
/*
 * Checks the identifier against its owner. `any` permits who holds BJ_SCOPE_ADMIN to reach
 * everyone's. BJ_E_NOT_FOUND, BJ_E_BUSY; BJ_E_ENDED while it is remembered.
 */
int bj_registry_resolve(const struct bj_service *service, const struct bj_caller *caller, bool any,
                        struct sandbox **ret, struct bj_error *err);
struct sandbox *bj_registry_default(const struct bj_service *service,
                                    const struct bj_identity *who);
/* What the keeper says; NULL without memory or when its label is none of ours. */
struct sandbox *bj_registry_learn(struct bj_service *service, const struct bj_sandbox_state *state);
struct process *bj_registry_learn_process(struct bj_service *service,
                                          const struct bj_process_state *state);
struct process *bj_registry_process(const struct sandbox *sandbox, uint32_t id);
/* The keeper forgets it too. */
void bj_registry_forget_process(struct bj_service *service, struct sandbox *sandbox, uint32_t id);
/* Takes it out, telling whoever waits. `reason` may be NULL. */
void bj_registry_end(struct bj_service *service, struct sandbox *sandbox, const char *reason);
void bj_registry_release(struct bj_service *service);
/* One that is in no list any more. */
void bj_registry_free(struct bj_service *service, struct sandbox *sandbox);
/* As bj_registry_resolve(), and those that have ended too. */
int bj_registry_look_up(const struct bj_service *service, const struct bj_caller *caller,
                        struct sandbox **ret, struct bj_error *err);

/* ---- what has ended (src/service/ended.c) ---- */

/* Takes it over, out of all lists and with nothing left to end. `reason` may be NULL. */
void bj_ended_keep(struct bj_service *service, struct sandbox *sandbox, const char *reason);
/* Whosever it is; NULL. */
struct sandbox *bj_ended_find(const struct bj_service *service, const char *id);
/* The first of them; the others by `newer`. */
struct sandbox *bj_ended_oldest(struct bj_service *service);
void bj_ended_release(struct bj_service *service);

void bj_sandbox_view(const struct sandbox *sandbox, struct bj_sandbox_view *ret);
/* A process that a client may name: none of the service's own. As bj_registry_resolve() with `any`
 * false. */
int bj_process_resolve(const struct bj_service *service, const struct bj_caller *caller,
                       uint32_t id, struct sandbox **ret_sandbox, struct process **ret,
                       struct bj_error *err);

void bj_process_view(const struct sandbox *sandbox, const struct process *process,
                     struct bj_process_view *ret);

/* ---- labels: what the front keeps with the keeper (src/service/label.c) ---- */

/* Packs an object; BJ_E_LIMIT when it is larger than BJ_LABEL_MAX. */
int bj_label_write(const json_t *label, struct bj_buf *out, struct bj_error *err);
/* NULL: it is none. Its members are checked: what is not as it should be is left out. */
json_t *bj_label_read_sandbox(const char *text);
json_t *bj_label_read_process(const char *text);
/* Texts and numbers of a label; "" or NULL, or 0, when absent. */
const char *bj_label_text(const json_t *label, const char *name);
int64_t bj_label_number(const json_t *label, const char *name);

/* ---- operations: judge, record, act (src/service/submit.c) ---- */

/*    operation, its name, the tool it counts as for the policy; NULL: no rule is about it */
#define BJ_OPERATIONS(X)                                                                           \
    X(CREATE, "sandbox.create", NULL)                                                              \
    X(UPDATE, "sandbox.update", NULL)                                                              \
    X(PAUSE, "sandbox.pause", NULL)                                                                \
    X(RESUME, "sandbox.resume", NULL)                                                              \
    X(KILL, "sandbox.kill", NULL)                                                                  \
    X(START, "process.start", "Bash")                                                              \
    X(INPUT, "process.input", "Bash")                                                              \
    X(ATTACH, "process.attach", "Bash")                                                            \
    X(RESIZE, "process.resize", "Bash")                                                            \
    X(SIGNAL, "process.signal", NULL)                                                              \
    X(READ, "file.read", "Read")                                                                   \
    X(WRITE, "file.write", "Write")                                                                \
    X(LIST, "files.list", "LS")                                                                    \
    X(STAT, "files.stat", "LS")                                                                    \
    X(GLOB, "files.glob", "Glob")                                                                  \
    X(SEARCH, "files.search", "Grep")                                                              \
    X(MKDIR, "files.mkdir", "Write")                                                               \
    X(MOVE, "files.move", "Write")                                                                 \
    X(REMOVE, "files.remove", "Write")                                                             \
    X(CHMOD, "files.chmod", "Write")                                                               \
    X(EDIT, "files.edit", "Edit")                                                                  \
    X(DOWNLOAD, "files.download", "Read")                                                          \
    X(UPLOAD, "files.upload", "Write")                                                             \
    X(WATCH, "files.watch", "LS")                                                                  \
    X(PORT, "port.connect", "Port")                                                                \
    X(TOOL, "tool", NULL)

enum bj_operation {
#define BJ_OPERATION_ENUM(id, name, tool) BJ_OPERATION_##id,
    BJ_OPERATIONS(BJ_OPERATION_ENUM)
#undef BJ_OPERATION_ENUM
        BJ_OPERATION_COUNT
};

struct submission {
    enum bj_operation operation;
    const struct bj_identity *who;
    struct sandbox *sandbox;   /* NULL: CREATE, or a refusal that names none */
    struct bj_request request; /* tool NULL = as the table says. Directory, home and sandbox are
                                  filled in */
    const char *judged;        /* shell text that stands for request.command or .argv; NULL */
    size_t judged_prefix;      /* bytes of it that are not the caller's */
    const char *refusal;       /* it is refused, whatever the policy says, for this reason */
    bool helper;               /* goes on with what was judged when it began */
    const char *second_path;   /* is judged too, with the same tool; NULL */
    struct bj_act act;         /* kind NONE: refuses nothing and does nothing */

    /* What is counted against the owner's quota: until the call back, by `bj_submit`; then whoever
     * learns of the sandbox or process counts it. */
    bool counts_sandbox, counts_process;
    int64_t memory_bytes, disk_bytes;
};

/* `base` may be passed on as it is. `answer` is NULL when nothing was done. */
typedef void (*bj_submit_fn)(void *context, struct bj_answer *base,
                             const struct bj_keeper_answer *answer);

int bj_submit(struct bj_service *service, const struct submission *submission, bj_submit_fn done,
              void *context, uint64_t *ret_id, struct bj_error *err);

const char *bj_operation_name(enum bj_operation operation);

/* ---- policy (src/service/judge.c) ---- */

int bj_judge_presets(struct bj_service *service, struct bj_error *err);
void bj_judge_release(struct bj_service *service);
struct preset *bj_judge_preset(const struct bj_service *service, const char *name);
/* Rules of the security section that a client gave; to be left with bj_rules_leave(). */
int bj_rules_get(struct bj_service *service, const char *text, struct rules **ret,
                 struct bj_error *err);
void bj_rules_leave(struct bj_service *service, struct rules *rules);
/* Fills *verdict: decision is ALLOW or DENY. */
void bj_judge(struct bj_service *service, const struct submission *submission,
              struct bj_verdict *verdict);

/* ---- starting processes (src/service/start.c) ---- */

/* A START that is being put together; release it after it was submitted. */
struct launch {
    struct submission submission;
    const char *words[8];
    char **environment;
    struct bj_buf judged, label, shown;
    char *arguments;
    char directory[BJ_PATH_MAX];
};

/* What the caller asked for, checked; `label_more` (may be NULL) is taken over, its members go into
 * the label. The process's identifier is in launch->submission.act.process. */
int bj_launch_prepare(struct bj_service *service, const struct bj_caller *caller,
                      const struct bj_process_request *request, json_t *label_more,
                      struct launch *launch, struct bj_error *err);
void bj_launch_release(struct launch *launch);
/* The process that a START's answer tells of; NULL, and why, if it is none. */
struct process *bj_launch_answer(struct bj_service *service, const char *sandbox,
                                 struct bj_answer *base, const struct bj_keeper_answer *answer,
                                 struct sandbox **ret_sandbox);

/* Absolute, below the workspace if it is relative, and tidy. BJ_E_INVALID. */
int bj_path_inside(const struct sandbox *sandbox, const char *path, char ret[BJ_PATH_MAX],
                   struct bj_error *err);
/* Drops from an absolute path what means nothing: empty names, ".", and ".." of the root. */
void bj_path_tidy(char *path);
/* Where `given` ends in a slash or in "/.", so does the path it became: then it is a directory, or
 * the one that a link leads to, or an error. */
void bj_path_keep_end(char path[BJ_PATH_MAX], const char *given);
/* The caller's sandbox, and a path in it; NULL is the workspace. */
int bj_path_find(const struct bj_service *service, const struct bj_caller *caller, const char *path,
                 struct sandbox **ret_sandbox, char ret[BJ_PATH_MAX], struct bj_error *err);

/* ---- who is at a sandbox (src/service/use.c) ---- */

int bj_uses_begin(struct bj_service *service, struct bj_error *err);
void bj_uses_release(struct bj_service *service);

/* ---- later ---- */

/* Calls `fn` when the loop runs on; BJ_E_NO_MEMORY. */
int bj_later(struct bj_service *service, void (*fn)(void *context), void *context,
             struct bj_error *err);

/* Lets the loop run on, and then what waits for that. */
void bj_wake(struct bj_service *service);
/* Work that waits (service.h), for as long as one turn has; and all of it. */
void bj_pace_turn(struct bj_service *service);
void bj_pace_release(struct bj_service *service);

/* ---- events ---- */

/* `details` is taken over; NULL. */
void bj_event_add(struct bj_service *service, enum bj_event_kind kind, const char *owner,
                  const char *sandbox, uint32_t process, json_t *details);
int bj_events_begin(struct bj_service *service, struct bj_error *err);
void bj_events_release(struct bj_service *service);

/* ---- identities ---- */

/* One that outlives the call; not to be moved. */
struct identity_copy {
    struct bj_identity identity;
    char owner[300], key[300];
};
int bj_identity_copy(const struct bj_identity *who, struct identity_copy *ret,
                     struct bj_error *err);

/* ---- the whole ---- */

struct later {
    struct later *next;
    void (*fn)(void *context);
    void *context;
};

struct events {
    struct kept *ring;   /* src/service/event.c */
    int64_t first, next; /* identifiers */
    struct bj_event_feed *feeds;
};

/* src/service/pace.c */
struct pace {
    struct paced *first;
    int64_t least_us; /* of owners' paced_us, when one was last chosen */
};

/* Expensive questions (src/service/turns.c): `count` in hand, in the list those that wait. */
struct turns {
    struct bj_turn *first, *last;
    uint32_t count, working;
    bool choosing;
};

struct bj_service {
    uv_loop_t *loop;
    struct bj_service_options options;
    struct bj_keeper_client *keeper;
    const char *bash; /* the shell of commands */
    bool ready, ending;
    struct preset *presets;
    struct rules *rules;
    struct sandbox *buckets[BJ_SANDBOX_BUCKETS];
    struct sandbox *oldest, *newest;
    struct ended {
        struct sandbox *oldest, *newest;
        uint32_t count;
    } ended;
    uint32_t sandbox_count;
    struct owner *owners[BJ_OWNER_BUCKETS];
    uint32_t owner_count;
    struct turns turns;
    struct pace pace;
    struct creation *creations; /* src/service/sandbox.c */
    struct later *later_first, **later_last;
    uv_idle_t *idle;
    uv_timer_t *uses;
    struct events events;
    struct bj_service_figures figures;
};

/* An answer that says why not. */
static inline struct bj_answer bj_answer_of(int result, const struct bj_error *err)
{
    struct bj_answer answer = {.result = result};

    if (result < 0 && err != NULL)
        answer.error = *err;
    return answer;
}

#endif
