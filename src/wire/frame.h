/*
 * Messages between init and its host, over one SOCK_SEQPACKET pair per sandbox.
 *
 * Theory of operation. The host side asks; init answers each request with a REPLY of the same id,
 * in any order, and sends EVENT messages of its own accord. One message is one packet: a head, then
 * a body whose form depends on the type, then up to BJ_FRAME_FDS_MAX descriptors as ancillary data.
 * Numbers are the machine's own: both ends are one program on one machine.
 *
 *     host → init   GO (the host side of the plan is done; slots travel in order, several messages
 * if need be, the last with `value` 1), SPAWN, OPEN, CONNECT, LISTEN, SIGNAL, WAIT, LIST init →
 * host   REPLY (value, or an error), EXITED (a process ended: said once, unasked, unless its end is
 *                   kept for WAIT), FAILED (set-up failed),
 *                   NOTE (a layer was degraded while being set up)
 *
 * Init closes its end, and ends the sandbox, when it receives something that is not one of these.
 * The codec is pure: it turns structs into bytes and back and trusts no length.
 */
#ifndef BJ_WIRE_FRAME_H
#define BJ_WIRE_FRAME_H

#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/limits.h"

enum bj_frame_type {
    BJ_FRAME_GO = 1,
    BJ_FRAME_SPAWN,
    BJ_FRAME_OPEN,
    BJ_FRAME_CONNECT,
    BJ_FRAME_LISTEN,
    BJ_FRAME_SIGNAL,
    BJ_FRAME_WAIT,
    BJ_FRAME_LIST,
    BJ_FRAME_REPLY,
    BJ_FRAME_EXITED,
    BJ_FRAME_FAILED,
    BJ_FRAME_NOTE,
    BJ_FRAME_TYPE_COUNT
};

struct bj_frame_head {
    uint32_t magic;  /* BJ_FRAME_MAGIC */
    uint16_t type;   /* enum bj_frame_type */
    uint16_t fds;    /* descriptors that travel with it */
    uint32_t id;     /* of the request; 0 in what init sends unasked */
    int32_t value;   /* its meaning depends on the type */
    uint32_t length; /* of the body */
};
#define BJ_FRAME_MAGIC 0x314a4c42u /* "BLJ1" */

/* A message as it was received: the head and a body within the receiver's buffer. */
struct bj_frame {
    struct bj_frame_head head;
    const char *body; /* borrowed */
};

/*
 * SPAWN: start a process. Descriptors: standard input, output and error, unless TERMINAL, when init
 * opens a terminal of the sandbox's and the REPLY carries its master end; then
 * those that the process gets as 3, 4 … . REPLY: value = process id
 * inside, descriptors: [terminal master,] pidfd if asked for.
 */
struct bj_spawn {
    uint32_t flags;
    uint16_t rows, columns;  /* of the terminal */
    const char *directory;   /* absolute, inside; "" = the plan's */
    const char *const *argv; /* NULL-terminated, at least one */
    const char *const *env;  /* NULL-terminated */
    /* Further descriptors, which become 3, 4 … of the process. They travel with the message and are
     * not part of its body. */
    const int *extra;
    uint16_t extra_count; /* at most BJ_SPAWN_EXTRA_MAX */
};
#define BJ_SPAWN_EXTRA_MAX (BJ_FRAME_FDS_MAX - 3)

#define BJ_SPAWN_TERMINAL (1u << 0)
#define BJ_SPAWN_MAIN     (1u << 1) /* the sandbox ends with it; a REPLY comes only on failure */
#define BJ_SPAWN_PIDFD    (1u << 2) /* the REPLY carries a pidfd */
#define BJ_SPAWN_REPLY    (1u << 3) /* MAIN, but reply all the same */
#define BJ_SPAWN_KEEP     (1u << 4) /* its end is kept for WAIT instead of being said unasked */
#define BJ_SPAWN_NAMED    (1u << 5) /* argv[0] is the file, its arguments begin at argv[1] */
#define BJ_SPAWN_FILE     (1u << 6) /* the last descriptor is the program, whatever argv[0] says */

/* OPEN: open(2) inside, as the workload's user. REPLY: one descriptor. */
struct bj_open {
    int32_t flags;     /* O_…; O_CLOEXEC and O_NOCTTY are added */
    uint32_t mode;     /* for O_CREAT; set-id bits are refused */
    uint32_t any_kind; /* not 0: other than regular files and directories are wanted too */
    const char *path;  /* absolute, inside */
};

/* CONNECT and LISTEN: a stream socket in the sandbox's network. REPLY: one descriptor. */
struct bj_endpoint {
    int32_t family;      /* AF_INET, AF_INET6 or AF_UNIX */
    uint16_t port;       /* host byte order; 0 in LISTEN = any */
    const char *address; /* numeric address or path; "" = loopback */
};

/* SIGNAL: head.value = signal; body: the process. */
struct bj_signal {
    int32_t pid;   /* inside; 0 = the main process */
    int32_t group; /* not 0: its whole process group */
};

/* EXITED, and the REPLY to WAIT: how a process ended. */
struct bj_exited {
    int32_t pid;
    int32_t status;          /* as of waitpid(2) */
    int32_t memory_exceeded; /* not 0: init's watch ended the sandbox */
    uint32_t reserved;
    int64_t cpu_us;  /* of it and all that it and init reaped, when MAIN; else of it alone */
    int64_t peak_kb; /* largest resident size of one process */
};

/* LIST: REPLY value = how many; body: that many of these. */
struct bj_process_entry {
    int32_t pid;
    int32_t parent;
    char state;    /* as in /proc/PID/stat */
    char name[19]; /* comm */
};

/* NOTE: head.value = enum bj_layer; body = text. FAILED and failing REPLY: body =
 * struct bj_error. */

/*
 * Appends a whole message to `out`: type, id, value, fds and length of `head` are the caller's, and
 * so many bytes of `body` follow.
 */
void bj_frame_put(struct bj_buf *out, struct bj_frame_head head, const void *body);
void bj_frame_put_spawn(struct bj_buf *out, uint32_t id, const struct bj_spawn *spawn,
                        uint16_t fds);
void bj_frame_put_open(struct bj_buf *out, uint32_t id, const struct bj_open *request);
void bj_frame_put_endpoint(struct bj_buf *out, enum bj_frame_type type, uint32_t id,
                           const struct bj_endpoint *endpoint);

/* Checks the head of a received packet and points into it. */
int bj_frame_get(const void *packet, size_t size, struct bj_frame *ret, struct bj_error *err);

/*
 * Bodies. Strings point into the packet. For SPAWN the caller gives an array of `capacity` pointers
 * that argv and env are laid out in.
 */
int bj_frame_get_spawn(const struct bj_frame *frame, const char **strings, size_t capacity,
                       struct bj_spawn *ret, struct bj_error *err);
int bj_frame_get_open(const struct bj_frame *frame, struct bj_open *ret, struct bj_error *err);
int bj_frame_get_endpoint(const struct bj_frame *frame, struct bj_endpoint *ret,
                          struct bj_error *err);

/* A body of one plain struct: copies it if the length is exactly `size`. */
int bj_frame_get_struct(const struct bj_frame *frame, void *ret, size_t size, struct bj_error *err);

#endif
