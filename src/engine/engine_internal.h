/* What the engine's files share. */
#ifndef BJ_ENGINE_INTERNAL_H
#define BJ_ENGINE_INTERNAL_H

#include "base/limits.h"
#include "engine/engine.h"

/* A request to run as a call of the tool Bash, for the guard. */
struct bj_call {
    struct bj_request request; /* points into this struct and into the run request */
    char directory[BJ_PATH_MAX];
    char **environment;
};

int bj_call_describe(const struct bj_engine_request *request, struct bj_call *ret,
                     struct bj_error *err);
void bj_call_release(struct bj_call *call);

/* How one of the three streams travels. */
enum bj_relay_route {
    BJ_ROUTE_NONE,   /* /dev/null inside */
    BJ_ROUTE_HANDED, /* the caller's pipe itself */
    BJ_ROUTE_RELAY,  /* through a pipe of ours */
    BJ_ROUTE_JOINED, /* standard error goes where standard output goes */
};

struct bj_relay_stream {
    enum bj_relay_route route;
    int outer;      /* the caller's descriptor, borrowed */
    int reopened;   /* the caller's terminal, opened anew so that writing need not wait; or -1 */
    int inner;      /* our end of the pipe or terminal; -1 once it is over */
    int given;      /* what the process gets; ours to close */
    bool regular;   /* outer is a regular file: always ready */
    bool socket;    /* outer is a socket */
    int64_t passed; /* bytes so far */
    char *held;     /* what is on its way, owned */
    size_t held_from, held_to;
};

struct bj_relay {
    const struct bj_engine_request *request;
    struct bj_relay_stream streams[3];
    int terminal_fd; /* master end; -1 without a terminal */
    int64_t limit;   /* bytes of output per stream; 0 = none */
};

/* Decides the routes and makes the pipes. */
int bj_relay_open(struct bj_relay *relay, const struct bj_engine_request *request,
                  struct bj_error *err);
void bj_relay_close(struct bj_relay *relay);

/* The process has its ends: close ours of them. */
void bj_relay_given(struct bj_relay *relay);

/* The process has a terminal instead: all streams go through its master end, now the relay's. */
void bj_relay_use_terminal(struct bj_relay *relay, int master_fd);

struct pollfd;
#define BJ_RELAY_POLLS 6

/* Fills in what to wait for; returns how many entries. */
int bj_relay_polls(const struct bj_relay *relay, struct pollfd *polls);

/* Moves what is ready, without waiting for anybody. */
int bj_relay_move(struct bj_relay *relay, const struct pollfd *polls, struct bj_result *result,
                  struct bj_error *err);

/* The process is gone and reads no more. */
void bj_relay_end_input(struct bj_relay *relay);

/* Is there output that the caller has not taken yet? */
bool bj_relay_holds(const struct bj_relay *relay);

/* Tell the log of a sandbox that is made, and of a run that is over; err NULL = it did not fail. */
void bj_log_made(const struct bj_log *log, const struct bj_backend *backend,
                 const struct bj_result *result, int64_t started_us);
void bj_log_ended(const struct bj_log *log, const struct bj_result *result,
                  const struct bj_error *err);

#endif
