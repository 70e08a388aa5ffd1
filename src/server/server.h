/*
 * HTTP/1.1 for handlers that see exchanges (api/exchange.h): a library, without routes or keys of
 * its own. It takes listening sockets, lets in what rule 12 of docs/THREATS.md lets in, finds the
 * route, checks the request against it and calls its handler. One thread, one libuv loop; only file
 * contents are read and written by libuv's pool.
 *
 * src/server: server.c (this: listening, time-outs, counts), connection.c (bytes in and out),
 * request.c (the parser), head.c (what a head must be), gate.c (who may ask from where), address.c
 * (targets), response.c, body.c, share.c (memory), transfer.c (files), websocket.c, tls.c; for
 * ports splice.c, forward.c (what of a head goes on) and answer.c (what a program answers).
 */
#ifndef BJ_SERVER_SERVER_H
#define BJ_SERVER_SERVER_H

#include <sys/types.h>
#include <uv.h>

#include "api/exchange.h"
#include "api/route.h"
#include "base/error.h"
#include "base/log.h"

struct bj_server;
struct bj_tls;

/* Who is let in. */
struct bj_server_gate {
    /* Of a key; 0, or BJ_E_UNAUTHENTICATED. Must compare in constant time. */
    int (*key)(void *context, const char *presented, const struct bj_identity **ret);
    /* Of the peer of a Unix socket. Likewise; NULL: peers need a key too. */
    int (*peer)(void *context, uid_t uid, gid_t gid, const struct bj_identity **ret);
    /* Is there a key in this value of a header, one that opens or one that looks so? Such a header
     * does not go to a program behind a port. NULL: there are no keys. */
    bool (*has_key)(void *context, const char *text, size_t length);
    /* May this one make a request now? 0, or BJ_E_RATE and for how long not. NULL: always. */
    int (*admit)(void *context, const struct bj_identity *who, int64_t *ret_after_us,
                 struct bj_error *err);
    void *context;
    const struct bj_identity *anyone; /* who comes without a key; NULL: nobody does */
};

struct bj_server_options {
    const struct bj_route *(*find)(const char *method, const char *path,
                                   struct bj_exchange *exchange, const char **ret_allow);
    struct bj_service *service; /* for handlers */
    struct bj_server_gate gate;
    const char *const *hosts; /* names and addresses that Host may have, beside this machine's own;
                                 NULL-terminated */
    const char *const *trusted_proxies; /* addresses, or "unix", whose X-Forwarded-For says where a
                                           request comes from; NULL-terminated */
    const char *domain; /* of ports: "<port>-<sandbox>.<domain>"; NULL: there are none */
    /* What such a Host, or X-Belljar-Port: <port>-<sandbox>, leads to, whatever the path: its
     * parameters are the two. For bj_exchange_splice(). */
    const struct bj_route *port_route;
    const struct bj_log *log;
    /* 0 = the default */
    uint32_t max_connections; /* 1024; half of the descriptors at most */
    uint32_t max_per_address; /* 256; without a key, of one IPv4 address, IPv6 /64, or local user */
    uint32_t max_per_owner;   /* 256; of the keys of one owner, the administrator's aside */
    uint32_t head_ms;         /* 10000: for a request's head, and for TLS's handshake */
    uint32_t idle_ms;         /* 75000: between requests */
    uint32_t progress_ms;     /* 30000: within which a body or a response must get on by */
    uint32_t progress_bytes;  /* 16384 bytes, or to its end; more by who holds much: share.c */
    uint32_t shared_bytes;    /* BJ_HTTP_SHARED: of memory for large bodies and answers */
    uint32_t own_bytes;       /* BJ_HTTP_OWN: of it that a connection has for itself */
    uint32_t abandon_ms;      /* 60000: within which a handler whose client is gone must end */
    uint32_t keepalive_s; /* 60: of silence, before a client's machine is asked whether it lives;
                         four unanswered questions end the connection */
};

/* What went on so far, and what is. */
struct bj_server_counts {
    uint64_t accepted, refused, timed_out; /* connections; refused: too many */
    uint64_t stranded;                     /* whose handlers did not end behind their clients */
    uint64_t requests, answers[6];         /* answers[4]: of 4xx */
    uint64_t received, sent;               /* bytes */
    uint32_t connections, active;          /* now; active: with a request being handled */
};

/* The options' texts are borrowed for the server's life. SIGPIPE is ignored from then on. */
int bj_server_new(uv_loop_t *loop, const struct bj_server_options *options, struct bj_server **ret,
                  struct bj_error *err);

/* Takes connections from a listening TCP or Unix socket, which is the server's from then on. `tls`
 * (NULL: none) is borrowed. */
int bj_server_listen(struct bj_server *server, int fd, struct bj_tls *tls, struct bj_error *err);

/*
 * Has a request been under way for longer than this? Streams that a client resumes do not count,
 * nor what has become another protocol.
 */
bool bj_server_busy(const struct bj_server *server, uint32_t longer_than_ms);

/*
 * Takes no more connections, ends idle ones, lets running requests finish for `grace_ms`, then
 * breaks the rest; calls back when none is left.
 */
void bj_server_stop(struct bj_server *server, uint32_t grace_ms, void (*stopped)(void *context),
                    void *context);

/* After `stopped`; its handles close while the loop runs on. */
void bj_server_free(struct bj_server *server);

void bj_server_counts(const struct bj_server *server, struct bj_server_counts *ret);

/*
 * TLS 1.2 and 1.3 with a certificate chain and its key (PEM). Read here and now, so that whoever
 * listens needs no files later.
 */
int bj_tls_new(const char *certificate_path, const char *key_path, struct bj_tls **ret,
               struct bj_error *err);
void bj_tls_free(struct bj_tls *tls);

#endif
