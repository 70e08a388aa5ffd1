/* What the keeper's files share. */
#ifndef BJ_KEEPER_INTERNAL_H
#define BJ_KEEPER_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "backend/launcher.h"
#include "keeper/deadline.h"
#include "keeper/keeper.h"
#include "loop/link.h"
#include "keeper/log.h"
#include "loop/poll.h"
#include "linux/image.h"
#include "model/host.h"
#include "model/programs.h"
#include "plan/plan.h"
#include "loop/alive.h"
#include "wire/frame.h"
#include "wire/keeper.h"

struct bj_keeper;
struct bj_sandbox;
struct bj_process;

/*
 * Begins a message in space that all messages of the keeper share, so that none fails for want of
 * memory: one is sent before the next is begun, and never released.
 */
void bj_say_begin(struct bj_buf *out, enum bj_message_type type, uint64_t id);
/*
 * Ends a message and sends it; in keeper.c. A peer that takes none any more is
 * cut off; one that is gone still has to be heard out, so that is not noticed here.
 */
void bj_say_to_front(struct bj_keeper *keeper, struct bj_buf *out);

/* ---- outcome.c: what became of recorded acts ---- */

/* Made with the act, so that there is always one to tell its outcome with. */
struct bj_kept_outcome {
    struct bj_kept_outcome *next;
    uint64_t id;
    int64_t number;
    bool sent;
    struct bj_outcome_note note;
    char reason[160];
};

struct bj_outcomes {
    struct bj_kept_outcome *first, *last; /* told and not yet RECORDED */
    struct bj_kept_outcome *spare;        /* for when memory has ended */
    uint32_t spares;
    struct bj_deadline again; /* when what could not be sent is tried again */
    uint64_t last_id;
};

/*
 * An act that is being carried out. A value that whoever carries it out keeps; it ends with
 * bj_task_done(), or bj_task_answer() and bj_task_tell().
 */
struct bj_task {
    uint64_t id;                     /* of the entry */
    int64_t number;                  /* of the audit record; 0 = it has none, and no outcome */
    int64_t began;                   /* bj_clock_us() */
    struct bj_kept_outcome *outcome; /* NULL = told, or there is none to tell */
    bool answered;
};

/* BJ_E_NO_MEMORY when no outcome could be told. */
int bj_task_begin(struct bj_keeper *keeper, struct bj_task *task, uint64_t id, int64_t number,
                  struct bj_error *err);
/* The answer; `failed` NULL: it has worked. Not more than one goes out. */
void bj_task_answer(struct bj_keeper *keeper, struct bj_task *task, const struct bj_error *failed);
/* The same with a body: begin, append to *out, and send. */
void bj_task_answer_begin(const struct bj_task *task, struct bj_buf *out);
void bj_task_answer_send(struct bj_keeper *keeper, struct bj_task *task, struct bj_buf *out,
                         const struct bj_fds *fds);
/* Tells the outcome, of which duration_us is filled in here. Once. */
void bj_task_tell(struct bj_keeper *keeper, struct bj_task *task,
                  const struct bj_outcome_note *note);
/* Both, for an act that has nothing to answer but whether it worked. */
void bj_task_done(struct bj_keeper *keeper, struct bj_task *task, const struct bj_error *failed);

/* Answers to the front that belong to no act. */
void bj_answer_begin(struct bj_buf *out, uint64_t id);
void bj_answer_send(struct bj_keeper *keeper, struct bj_buf *out, uint64_t id,
                    const struct bj_fds *fds);
void bj_answer_error(struct bj_keeper *keeper, uint64_t id, int64_t number,
                     const struct bj_error *failed);

void bj_outcomes_init(struct bj_keeper *keeper);
void bj_outcomes_release(struct bj_keeper *keeper);
void bj_outcomes_send_again(struct bj_keeper *keeper); /* all, to a new audit process */
void bj_outcomes_send_rest(struct bj_keeper *keeper);  /* what could not be sent before */
void bj_outcome_recorded(struct bj_keeper *keeper, uint64_t id);

/* ---- starter.c: the launcher, without waiting for it ---- */

struct bj_start {
    struct bj_start *next;
    uint32_t id; /* 0 = nothing is under way */
    /* `fds` as with a link; `answer` NULL: the launcher has ended, and so does the keeper. */
    void (*done)(void *context, const struct bj_launcher_answer *answer, struct bj_fds *fds);
    void *context;
};

struct bj_starter {
    struct bj_launcher launcher;
    struct bj_link link;
    struct bj_start *first;
    uint32_t last_id;
};

int bj_starter_init(struct bj_keeper *keeper, struct bj_error *err);
void bj_starter_release(struct bj_keeper *keeper);
/* `start` is the caller's until its call back. The plan is keeper->request.plan. */
/* `workspace_fd` (-1 = none) stays the caller's. */
int bj_starter_launch(struct bj_keeper *keeper, struct bj_start *start, int workspace_fd,
                      struct bj_error *err);
int bj_starter_end(struct bj_keeper *keeper, struct bj_start *start, uint32_t number,
                   struct bj_error *err);

/* ---- init_link.c: a sandbox's init, without waiting for it ---- */

/* What init replied. Neither its word nor its numbers are to be trusted. */
struct bj_init_reply {
    const struct bj_error *failed; /* NULL = it worked */
    int32_t value;
    const char *body;
    uint32_t length;
    struct bj_fds *fds;
};
typedef void (*bj_init_fn)(void *context, const struct bj_init_reply *reply);

struct bj_init_request;
struct bj_init_link {
    struct bj_link link;
    struct bj_sandbox *sandbox;
    uint32_t last_id;
    struct bj_init_request *first, *last; /* unanswered, the oldest first */
    uint32_t count;                       /* of them */
    struct bj_deadline deadline;          /* of the first */
    struct bj_error failure;              /* that init ended with, if it said */
};

/* Takes the socket. */
int bj_init_link_open(struct bj_sandbox *sandbox, int fd, struct bj_error *err);
/* Fails what is unanswered with BJ_E_ENDED, or what init said. */
void bj_init_link_close(struct bj_sandbox *sandbox);

/*
 * Sends a request made by bj_frame_put_…() with the id bj_init_next_id(), and releases it. The call
 * back comes once, never before this returns; not when this fails.
 */
uint32_t bj_init_next_id(struct bj_sandbox *sandbox);
int bj_init_ask(struct bj_sandbox *sandbox, struct bj_buf *packet, const struct bj_fds *fds,
                bj_init_fn fn, void *context, struct bj_error *err);

/* ---- plans.c: from a preset and what a client chose to a plan ---- */

struct bj_preset_facts {
    struct bj_host *host; /* read once; NULL = not yet */
    struct bj_programs programs;
    bool programs_known;
};

/* The preset of that name; -1. */
int bj_preset_index(const struct bj_keeper *keeper, const char *name);
/* Reads what the host is for each preset. */
int bj_plans_init(struct bj_keeper *keeper, struct bj_error *err);
void bj_plans_release(struct bj_keeper *keeper);
/* The preset's configuration with the options over it; release it, also after a failure. */
int bj_plans_configure(struct bj_keeper *keeper, uint32_t preset, const char *const *options,
                       struct bj_config *ret, struct bj_error *err);
/* Are there programs to be looked for first? That takes time. */
bool bj_plans_searches(const struct bj_keeper *keeper, uint32_t preset,
                       const struct bj_config *config);
/* Makes the plan of a sandbox of its own in keeper->request; `workspace_given`: a file system for
 * its workspace comes with it. */
int bj_plans_make(struct bj_keeper *keeper, uint32_t preset, const struct bj_config *config,
                  bool workspace_given, struct bj_degradations *degraded, struct bj_error *err);

/* ---- budget.c: how much memory output takes ---- */

/* Whose sandboxes are, as the acts that made them said: output is shared out between owners. */
struct bj_owner {
    struct bj_owner *next;
    char *name;
    uint32_t sandboxes; /* it is there as long as it has one */
    int64_t output_bytes;
    struct bj_process *ended_first, *ended_last; /* that have output yet, the oldest first */
    int64_t refused_until;                       /* within what the owner may have */
    int64_t refused_of_all_until;                /* within what all may have */
};

struct bj_budget {
    struct bj_owner *owners;
    int64_t output_bytes; /* of all processes there are */
};

/* Finds the sandbox its owner; it leaves him when its processes are forgotten. */
int bj_budget_join(struct bj_sandbox *sandbox, const char *owner, struct bj_error *err);
void bj_budget_leave(struct bj_sandbox *sandbox);
/* A process of the sandbox has output from now on; has ended; has none any more. */
void bj_budget_open(struct bj_process *process);
void bj_budget_ended(struct bj_process *process);
void bj_budget_close(struct bj_process *process);

/* ---- maker.c: mounts and unmounts workspaces in other processes ---- */

/* One that is being mounted. */
struct bj_making {
    struct bj_making *next;
    struct bj_maker *maker;
    uint32_t id; /* 0 = nothing is under way */
    struct bj_deadline deadline;
    void (*done)(void *context, int fd, const struct bj_error *failed); /* fd -1: failed */
    void *context;
};

struct bj_maker {
    struct bj_keeper *keeper; /* NULL = there is none, nor need for one */
    struct bj_link link;
    pid_t pid; /* 0 = none runs */
    int pidfd;
    struct bj_poll *watch; /* of it */
    uint32_t last_id;
    struct bj_making *first;
};

/* Where workspaces lie on the disk. */
int bj_maker_init(struct bj_keeper *keeper, struct bj_error *err);
void bj_maker_release(struct bj_keeper *keeper);
/* `making`, of which `done` and `context` are set, is the caller's until its call back. */
int bj_maker_mount(struct bj_keeper *keeper, struct bj_making *making, int template_fd,
                   struct bj_error *err);
/* Closes the descriptor of a mount, if there is one: the last one of it not here. */
void bj_maker_close(struct bj_keeper *keeper, int *fd);

/* ---- sandbox.c ---- */

enum bj_sandbox_stage {
    BJ_STAGE_LAUNCHING,  /* the launcher has been asked */
    BJ_STAGE_SETTING_UP, /* init works on its side of the plan */
    BJ_STAGE_RUNNING,
    BJ_STAGE_ENDING, /* the launcher has been asked to end it */
};

struct bj_sandbox {
    struct bj_keeper *keeper;
    struct bj_sandbox *same_place;      /* in the table */
    struct bj_sandbox *next, *previous; /* in the order they were made */
    char id[BJ_SANDBOX_ID_MAX];
    enum bj_sandbox_stage stage;
    bool pausing, paused;
    bool parked; /* in the pool: see pool.c */
    bool from_pool, degraded_pause;
    bool launched; /* the launcher has it: launch_number */
    uint32_t preset;
    uint32_t isolation;
    uint32_t launch_number;
    int pidfd;
    struct bj_start start;
    struct bj_init_link init;
    struct bj_task task;     /* CREATE */
    struct bj_task end_task; /* DESTROY */
    struct bj_task pause_task;
    struct bj_deadline pause_deadline;
    int64_t paused_at;
    char cgroups[BJ_CONTROLLER_COUNT][320]; /* directories; "" = it has none of this kind */
    char freezer[320];
    bool waits;                      /* for workspace or programs, and then goes on with `config` */
    struct bj_config config;         /* what it is made from, while it waits */
    struct bj_sandbox *next_waiting; /* for the same */
    struct bj_making making;         /* its own */
    int64_t disk_mb;                 /* promised to its workspace, of the host's disk */
    int disk_fd; /* of its workspace, for figures; -1 = it has no file system of its own */
    struct bj_deadline deadline;
    int64_t began;
    int64_t ends_at; /* 0 = never */
    int64_t idle_us; /* 0 = never */
    int64_t used_at;
    int64_t held_until; /* somebody is at it: until then, if nothing more is said; 0 = nobody is */
    const char *reason; /* why it ends; static */
    struct bj_error failure; /* why it could not be made */
    struct bj_owner *owner;  /* as CREATE said it, and nothing changes it; NULL in the pool */
    int64_t output_bytes;    /* that output of its processes takes */
    int64_t refused_until;   /* within what it may have */
    int64_t oom_told; /* of the kernel's kills for want of memory, those that explain no end more */
    int64_t oom_doubted; /* and those that explain none but one by SIGKILL */
    char *label;
    char *user, *home, *workspace;
    char **environment;
    char **degraded;
    int64_t memory_bytes, disk_bytes, max_processes;
    double cpu_cores;
    struct bj_process *processes; /* the newest first */
    uint32_t process_count, running_count;
    uint32_t last_process; /* the highest number that one had: none is used again */
};

struct bj_sandboxes {
    struct bj_sandbox **places; /* by a keyed hash of the id */
    uint32_t place_count;       /* a power of two */
    uint32_t count;
    uint8_t key[16];
    struct bj_sandbox *first, *last;
};

int bj_sandboxes_init(struct bj_keeper *keeper, struct bj_error *err);
void bj_sandboxes_release(struct bj_keeper *keeper);
/* One that runs, or BJ_E_NOT_FOUND, BJ_E_CONFLICT while it is made, BJ_E_ENDED. Counts as a use. */
int bj_sandbox_find(struct bj_keeper *keeper, const char *id, struct bj_sandbox **ret,
                    struct bj_error *err);
/* The same of an act, which must say whose it is: BJ_E_DENIED where it does not. */
int bj_sandbox_of_act(struct bj_keeper *keeper, const struct bj_act *act, struct bj_sandbox **ret,
                      struct bj_error *err);
void bj_sandbox_use(struct bj_sandbox *sandbox);
/* Somebody is at it now, or nobody is any more: the idle time-out stands still, or begins. */
void bj_sandbox_hold(struct bj_sandbox *sandbox, bool hold);
/* Whoever was at one came by a front that is gone. */
void bj_sandboxes_front_gone(struct bj_keeper *keeper);
void bj_sandbox_create(struct bj_keeper *keeper, struct bj_task *task, const struct bj_act *act);
/* Begins one for the pool; NULL when that cannot be. */
struct bj_sandbox *bj_sandbox_park(struct bj_keeper *keeper, uint32_t preset, struct bj_error *err);
/* There is one now, or there will be none. */
void bj_sandbox_workspace_ready(struct bj_sandbox *sandbox, const struct bj_error *failed);
/* Ends it; `reason` is static. What follows happens when the launcher says that it has ended. */
void bj_sandbox_end(struct bj_sandbox *sandbox, const char *reason);
/* Sets the deadline anew after ends_at, idle_us or used_at changed. */
void bj_sandbox_set_deadline(struct bj_sandbox *sandbox);
/* Tells the front of it. */
void bj_sandbox_say(struct bj_sandbox *sandbox);
void bj_sandbox_state(const struct bj_sandbox *sandbox, struct bj_sandbox_state *ret);
/* init_link.c tells: init is gone, or has not answered. */
void bj_sandbox_init_gone(struct bj_sandbox *sandbox);
void bj_sandbox_note(struct bj_sandbox *sandbox, enum bj_layer layer, const char *text,
                     size_t length);

/* ---- process.c ---- */

enum bj_process_stage {
    BJ_PROCESS_STARTING, /* init has been asked */
    BJ_PROCESS_RUNNING,
    BJ_PROCESS_DRAINING, /* it has ended; what it wrote is still to be read */
    BJ_PROCESS_ENDED,
};

/* The keeper's end of a stream that a process writes to. */
struct bj_stream {
    struct bj_process *process;
    uint32_t number; /* 1, 2, 3; 1 of a terminal */
    int fd;          /* -1 = closed */
    struct bj_poll *watch;
    int64_t left; /* bytes to be read yet once the process has ended; -1 = until it is closed */
    bool full;    /* the log takes nothing until its hold moves on */
};

/* A READ that waits. */
struct bj_reader {
    struct bj_reader *next;
    uint64_t id;
    int64_t offset;
    uint32_t maximum;
};

/* Bytes on their way to a process; who is told when they are written. */
struct bj_input {
    struct bj_input *next;
    struct bj_task task;
    size_t length, written;
    bool close;
    char data[];
};

/* The front may write without a record of each. */
struct bj_attachment {
    struct bj_attachment *next;
    struct bj_task task;
    int64_t bytes; /* that went through */
};

struct bj_process {
    struct bj_process *next;
    struct bj_sandbox *sandbox;
    enum bj_process_stage stage;
    uint32_t number, flags;
    int32_t pid; /* inside */
    uint16_t rows, columns;
    char *label;
    int64_t began;
    struct bj_task task; /* START */
    struct bj_stream streams[BJ_OUTPUT_STREAMS];
    int input_fd; /* -1 = closed; of a terminal that of streams[0], with its watch */
    struct bj_poll *input_watch;
    struct bj_input *inputs, *last_input;
    size_t input_bytes;
    struct bj_output output;
    bool in_ended; /* among its owner's that have ended and have output yet */
    struct bj_process *ended_before, *ended_after;
    struct bj_ending ending;
    bool timed_out;
    bool killed;                 /* by the service, for whatever reason */
    int64_t oom_before;          /* what the kernel had killed for want of memory when it began */
    bool clock_stopped;          /* while the sandbox is paused */
    struct bj_fds handed;        /* BJ_START_PIPES: the front's, until they are sent */
    struct bj_deadline deadline; /* its time-out; the end of draining; when it is forgotten */
    int64_t timeout_us;
    struct bj_reader *readers;
    uint32_t reader_count;
    uint64_t holder; /* id of the READ that holds; 0 = none */
    struct bj_deadline hold_deadline;
    struct bj_attachment *attaches;
    uint32_t attach_count;
};

struct bj_process *bj_process_find(struct bj_sandbox *sandbox, uint32_t number);
void bj_process_start(struct bj_sandbox *sandbox, struct bj_task *task, const struct bj_act *act);
/* Init says that a process has ended. */
void bj_process_exited(struct bj_sandbox *sandbox, const struct bj_exited *exited);
/* All of the sandbox's have ended with it, and are forgotten. */
void bj_processes_end(struct bj_sandbox *sandbox, const struct bj_usage *usage);
void bj_process_say(struct bj_process *process);
void bj_process_state(const struct bj_process *process, struct bj_process_state *ret);
/* What was ended is forgotten. */
void bj_process_forget(struct bj_process *process);
/* Has SIGKILL sent to its group. */
void bj_process_kill(struct bj_process *process);

/* oom.c: whether memory ended it. */
void bj_oom_begin(struct bj_process *process);
bool bj_oom_ended(struct bj_process *process); /* once its ending is known */

/* stream.c: what processes write. */
/* Takes the descriptor; watches it. */
int bj_stream_open(struct bj_stream *stream, int fd, struct bj_error *err);
void bj_stream_close(struct bj_stream *stream);
/* Watches for what there is to wait for now. */
void bj_stream_watch(struct bj_stream *stream);
/* The process has ended: reads what is there and no more. */
void bj_streams_finish(struct bj_process *process);
bool bj_streams_closed(const struct bj_process *process);
/* The hold has moved on: there is room again. */
void bj_streams_resume(struct bj_process *process);
/* process.c: all streams of an ended process are read. */
void bj_process_drained(struct bj_process *process);

/* read.c: READ and its hold. */
void bj_read_ask(struct bj_keeper *keeper, uint64_t id, const struct bj_read *read);
void bj_read_wake(struct bj_process *process);    /* there are more bytes, or the end */
void bj_read_end_all(struct bj_process *process); /* it is forgotten */
void bj_read_hold_passed(struct bj_deadline *deadline);
void bj_read_front_gone(struct bj_keeper *keeper); /* its READs are void, its holds have a grace */
void bj_read_unhold(struct bj_keeper *keeper, uint64_t id);

/* input.c: INPUT, ATTACH and what comes under it. */
void bj_input_act(struct bj_sandbox *sandbox, struct bj_task *task, const struct bj_act *act);
int bj_input_open(struct bj_process *process, struct bj_error *err); /* watches input_fd */
void bj_input_end(struct bj_process *process); /* nothing can be written any more */
void bj_input_ready(struct bj_process *process);
void bj_attach_act(struct bj_sandbox *sandbox, struct bj_task *task, const struct bj_act *act);
void bj_attach_message(struct bj_keeper *keeper, const struct bj_message *message);
bool bj_attach_end(struct bj_keeper *keeper, uint64_t id); /* DETACH */
void bj_attach_front_gone(struct bj_keeper *keeper);
void bj_attach_end_all(struct bj_process *process);
void bj_resize_act(struct bj_sandbox *sandbox, struct bj_task *task, const struct bj_act *act);

/* ---- act.c: the table of acts ---- */

void bj_act_do(struct bj_keeper *keeper, const struct bj_message *message);

/* descriptor.c: OPEN, CONNECT, SIGNAL: what init is asked on behalf of one act. */
void bj_open_act(struct bj_sandbox *sandbox, struct bj_task *task, const struct bj_act *act);
void bj_connect_act(struct bj_sandbox *sandbox, struct bj_task *task, const struct bj_act *act);
void bj_signal_act(struct bj_sandbox *sandbox, struct bj_task *task, const struct bj_act *act);

/* ---- seams for what grows beside this: pool, freezer, figures, disk ---- */

/* pause.c */
void bj_pause_act(struct bj_sandbox *sandbox, struct bj_task *task, bool pause);
/* BJ_E_CONFLICT while it is paused. */
int bj_pause_check(const struct bj_sandbox *sandbox, struct bj_error *err);
/* It ends: what is frozen could not. */
void bj_pause_end(struct bj_sandbox *sandbox);
/* usage.c: the cgroup's figures, of a sandbox or (NULL) of the service. */
void bj_usage_fill(struct bj_keeper *keeper, const struct bj_sandbox *sandbox,
                   struct bj_usage_answer *ret);

/* ---- workspace.c: the file systems of workspaces ---- */

/* Formatted once, to be copied. */
struct bj_workspace_template {
    int64_t megabytes;
    uint64_t used;           /* the last time */
    int fd;                  /* -1 = none */
    int spare_fd;            /* a copy that is mounted already; -1 = none */
    struct bj_making making; /* the next such copy */
    /* While it is being formatted: mke2fs, and the sandboxes that wait for it. */
    struct bj_keeper *keeper;
    struct bj_image_maker maker; /* pid 0 = it is not */
    struct bj_poll *watch;
    struct bj_deadline deadline;
    struct bj_sandbox *waiting; /* by next_waiting */
};
#define BJ_WORKSPACE_TEMPLATES 16

struct bj_workspaces {
    bool on_disk;
    struct bj_error why_not; /* where they are not */
    int directory_fd;
    int64_t promised_mb; /* to sandboxes that are, those of the pool among them */
    struct bj_workspace_template templates[BJ_WORKSPACE_TEMPLATES];
    uint64_t uses;
    struct bj_deadline deadline; /* when a spare one is made */
};

/* Finds out what can be had. */
void bj_workspaces_init(struct bj_keeper *keeper);
/* Formats one for each preset's size, so that the first sandbox is as fast as others. */
void bj_workspaces_warm(struct bj_keeper *keeper);
void bj_workspaces_release(struct bj_keeper *keeper);
/* A file system for the sandbox, as disk_fd; none where workspaces lie in memory. BJ_E_FULL: no
 * room. Where it is yet to be made sandbox->waits becomes true, and
 * bj_sandbox_workspace_ready() goes on with it. */
int bj_workspace_make(struct bj_sandbox *sandbox, int64_t disk_mb, struct bj_error *err);
/* The sandbox is gone, and so is what its workspace had. */
void bj_workspace_release(struct bj_sandbox *sandbox);

/* ---- sweep.c: what an earlier keeper has left ---- */

/* Removes it, and writes down what this one may leave. */
int bj_sweep(struct bj_keeper *keeper, struct bj_error *err);
/* This one ends in good order, and with it everything it has made. */
void bj_sweep_own(struct bj_keeper *keeper);

/* ---- pool.c: sandboxes that are ready before anybody asks ---- */

struct bj_pool {
    struct bj_sandbox *ready[BJ_PRESETS_MAX]; /* by `next` */
    uint32_t ready_count[BJ_PRESETS_MAX];
    struct bj_sandbox *making; /* NULL = none */
    uint32_t count;            /* of all, the one that is made and those that end included */
    struct bj_deadline deadline;
    int64_t acted_at, waited_since;
    int64_t delay_us; /* after failures in a row */
};

void bj_pool_init(struct bj_keeper *keeper);
void bj_pool_acted(struct bj_keeper *keeper); /* an act has come */
/* A ready one, which is the caller's; NULL when there is none. */
struct bj_sandbox *bj_pool_take(struct bj_keeper *keeper, uint32_t preset);
/* sandbox.c tells of a parked one: init has answered; it is to end; it has ended. */
void bj_pool_ready(struct bj_sandbox *sandbox);
void bj_pool_ending(struct bj_sandbox *sandbox);
void bj_pool_lost(struct bj_keeper *keeper);
/* Ends them all. */
void bj_pool_end(struct bj_keeper *keeper);

/* Sandboxes whose clients listed programs, which are looked for in turns. */
struct bj_searches {
    struct bj_sandbox *first;    /* by next_waiting */
    const struct bj_owner *last; /* whose turn it was; only compared */
    struct bj_deadline deadline; /* the next turn */
};

/* ---- the keeper ---- */

struct bj_keeper {
    uv_loop_t loop;
    const struct bj_keeper_options *options;
    struct bj_deadlines deadlines;
    struct bj_link control, front, audit;
    struct bj_alive alive;
    uint64_t highest;                  /* id of what came through the audit process */
    int64_t first_number, last_number; /* of the records that acts came with */
    int64_t audit_number;              /* of the audit process, as the supervisor counts them */
    struct bj_outcomes outcomes;
    struct bj_starter starter;
    struct bj_preset_facts facts[BJ_PRESETS_MAX];
    struct bj_workspaces workspaces;
    struct bj_maker maker;
    struct bj_pool pool;
    struct bj_budget budget;
    struct bj_sandboxes sandboxes;
    struct bj_searches searches;
    struct bj_deadline front_lost; /* set: what the last front had asked for is to be ended */
    struct bj_sandbox *hello;      /* the next one that a new front is to hear of */
    bool saying_hello;
    uint32_t serial; /* of the last sandbox planned */
    int null_fd;
    int reserve_fd; /* so that a new peer can always come */
    int files_fd;   /* the program for files, sealed; -1 = there is none */
    bool stopping;
    int status;
    struct bj_launcher_request request; /* large: the plan that is being made */
    const char *strings[BJ_ACT_STRINGS];
    char chunk[64 << 10]; /* of output, on its way from a pipe to a log */
};

/* Ends the keeper with this exit status: first its sandboxes, then the loop. */
void bj_keeper_stop(struct bj_keeper *keeper, int status);
/* Cuts the front off: it does not read, or sends what it must not. */
void bj_keeper_drop_front(struct bj_keeper *keeper);
/* The audit process is gone: says GAP. */
void bj_keeper_audit_gone(struct bj_keeper *keeper);
void bj_keeper_say_gap(struct bj_keeper *keeper);
void bj_keeper_sandbox_gone(struct bj_keeper *keeper);

/* sealed.c: a copy of a program in memory that nobody can change. */
int bj_sealed_copy(const char *path, int *ret_fd, struct bj_error *err);

/* hello.c */
void bj_hello(struct bj_keeper *keeper);
void bj_hello_go_on(struct bj_keeper *keeper);
void bj_hello_skip(struct bj_keeper *keeper, const struct bj_sandbox *sandbox);

#endif
