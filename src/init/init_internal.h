/* What init's files share. */
#ifndef BJ_INIT_INTERNAL_H
#define BJ_INIT_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "init/init.h"
#include "linux/network.h"
#include "linux/socket.h"
#include "wire/frame.h"

/* A process that init started for its host. */
struct bj_init_process {
    pid_t pid;            /* 0 = a free entry */
    bool memory_exceeded; /* it was ended for that */
    bool keep;            /* its end waits for a WAIT */
    bool ended;
    struct bj_exited exited; /* once it has ended */
    uint32_t waiter;         /* id of the WAIT request to answer; 0 = none */
};

/* Room for one request and its reply; nothing in it outlives them. */
struct bj_init_room {
    char packet[BJ_FRAME_MAX];
    const char *strings[BJ_ARGC_MAX];
    struct bj_process_entry entries[BJ_PROCESSES_MAX];
    struct {
        struct bj_frame_head head;
        char body[BJ_PROCESSES_MAX * sizeof(struct bj_process_entry)];
    } reply;
};

struct bj_init {
    const struct bj_plan *plan;
    int socket_fd;
    int signal_fd;
    int slots[BJ_TREES_MAX]; /* opened trees while setting up */
    int scratch_fd;          /* top of the scratch, while setting up */
    int root_fd;             /* the new root, while setting up */
    struct bj_netns netns;   /* being made, while setting up */
    int landlock_abi;
    int ruleset_fd; /* while setting up */
    int proc_fd;    /* /proc inside, for the list and the watch; -1 if there is none */
    int oom_fd;     /* init's own oom_score_adj; -1 if there is none */
    int oom_score;  /* what it was */
    pid_t main_pid; /* of the process whose end is the sandbox's; 0 = none */
    bool memory_exceeded;
    struct bj_init_process processes[BJ_PROCESSES_MAX];
    struct bj_init_room room;
};

/* setup.c: executes init's operations. */
int bj_init_setup(struct bj_init *init, struct bj_error *err);

/* Executes one operation of a plan. */
typedef int (*bj_init_operation)(struct bj_init *init, const struct bj_op *op,
                                 struct bj_error *err);

/* mounts.c: the operation that builds part of the file tree; never NULL for a kind of init's. */
bj_init_operation bj_init_mount_operation(enum bj_op_kind kind);

/* system.c: one overlay for the system directories. */
int bj_init_mount_system(struct bj_init *init, const struct bj_op *op, struct bj_error *err);

/* mounts.c: what is made where a mount point, or a place for something else, is missing. */
struct bj_new {
    bool anywhere; /* also in the host's directories */
    bool directory;
    mode_t mode, parents; /* of itself, and of missing directories above it */
};

/* mounts.c: makes what is missing of `target`, a path below the new root. */
int bj_init_make_place(struct bj_init *init, const char *target, const struct bj_new *last,
                       struct bj_error *err);

/* mounts.c: attaches a detached tree where the operation says, making the mount point. */
int bj_init_attach(struct bj_init *init, const struct bj_op *op, int tree_fd, bool directory,
                   struct bj_error *err);

/* mounts.c: MOUNT_ATTR_… for the flags of an operation. */
uint64_t bj_init_mount_attributes(uint32_t flags);

/* places.c: the operation that places something in the new root; NULL for any other kind. */
bj_init_operation bj_init_place_operation(enum bj_op_kind kind);

/* programs.c: where only listed programs run. */
int bj_init_keep_only(struct bj_init *init, const struct bj_op *op, struct bj_error *err);
int bj_init_let_execute(struct bj_init *init, const struct bj_op *op, struct bj_error *err);

/* programs.c: takes the next line off a list of an operation's; false at its end. */
bool bj_init_next_line(const char **list, char ret_line[BJ_PATH_MAX]);

/* spawn.c: takes over a further filter, which every process started from then on loads. */
int bj_init_add_filter(int fd, struct bj_error *err);

/* spawn.c: every process started from then on finds a copy of `fd` as descriptor `number`. */
int bj_init_add_passed(int fd, int number, struct bj_error *err);

/* Tells the host that a layer is less than planned. */
void bj_init_note(struct bj_init *init, enum bj_layer layer, const char *text);

/* spawn.c: starts a process. `streams`: its three, none with TERMINAL. On success *ret_fds are to
 * be sent with the reply, and closed. */
int bj_init_spawn(struct bj_init *init, const struct bj_spawn *spawn, const struct bj_fds *streams,
                  pid_t *ret_pid, struct bj_fds *ret_fds, struct bj_error *err);

/* oom.c: finds init's own score, while its /proc entry is still its user's. */
void bj_init_oom_open(struct bj_init *init);

/* What is started between the two calls goes before init when memory ends. */
void bj_init_oom_offer(const struct bj_init *init, bool begin);

/* broker.c: answers one packet. */
int bj_init_serve(struct bj_init *init, const struct bj_frame *frame, const struct bj_fds *fds,
                  struct bj_error *err);

/* open.c: file accesses between the two calls are judged as the workload's. */
void bj_init_act_as_workload(const struct bj_init *init, bool begin);

/* open.c: the requests that hand out descriptors. Return a descriptor or a negative code. */
int bj_init_open(struct bj_init *init, const struct bj_open *request, struct bj_error *err);
int bj_init_connect(struct bj_init *init, const struct bj_endpoint *endpoint, struct bj_error *err);
int bj_init_listen(struct bj_init *init, const struct bj_endpoint *endpoint, struct bj_error *err);

/* processes.c: what runs inside. */
int bj_init_list(struct bj_init *init, struct bj_process_entry *ret, size_t capacity);
void bj_init_end_all(struct bj_init *init);

/* watch.c: is more memory in use than the plan allows? Called every few milliseconds. */
bool bj_init_memory_exceeded(struct bj_init *init);
/* Do the files alone, with nothing running, exceed it? */
bool bj_init_files_exceed(const struct bj_init *init);

/* Sends a message; failing to is the end of the sandbox. Of `head`, type, id, value and length are
 * the caller's to set. `fds` may be NULL. */
void bj_init_send(struct bj_init *init, struct bj_frame_head head, const void *body,
                  const struct bj_fds *fds);

#endif
