/*
 * The command line's client of a running service: the program belljar-client, which the commands of
 * model/client_commands.def turn into. It has libraries that no other command needs (libcurl,
 * wslay).
 *
 * What the service sends comes, in the end, from sandboxes: where it goes to a terminal as text it
 * is escaped, and only a process's own output goes out as it is.
 */
#ifndef BJ_CLIENT_CLIENT_H
#define BJ_CLIENT_CLIENT_H

#include <curl/curl.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/limits.h"

struct bj_client_list {
    const char *items[BJ_CLIENT_LISTED_MAX];
    size_t count;
};
struct bj_client_number {
    bool given;
    double value;
};

#define BJ_CLIENT_TYPE_FLAG     bool
#define BJ_CLIENT_TYPE_TEXT     const char *
#define BJ_CLIENT_TYPE_LIST     struct bj_client_list
#define BJ_CLIENT_TYPE_NUMBER   struct bj_client_number
#define BJ_CLIENT_TYPE_DURATION struct bj_client_number /* seconds */
struct bj_client_options {
#define BJ_CLIENT_OPTION(kind, field, name, short, argument, commands, help)                       \
    BJ_CLIENT_TYPE_##kind field;
#define BJ_CLIENT_OPTION_TOO(...)
#include "model/client_options.def"
#undef BJ_CLIENT_OPTION
};

/* Where the service is. */
struct bj_client_place {
    char base[1024];     /* "https://host:port", or "http://localhost" behind a Unix socket */
    char socket[128];    /* "" = none */
    const char *shown;   /* as messages name it; borrowed */
    const char *key;     /* NULL = none; borrowed from the environment */
    const char *ca_file; /* NULL = the system's */
};

#define BJ_CLIENT_FAILED 125 /* exit status of what went wrong here or at the service */

struct bj_client {
    const char *name; /* of the command */
    struct bj_client_options options;
    char **arguments; /* ends with NULL */
    int argument_count;
    struct bj_client_place place;
    bool not_started; /* the error is that of a command which could not be started inside */
};

/* The program: argv[0] is the name of the command. */
int bj_client_main(int argc, char **argv);

/* A command. 0 or the exit status in *ret_status, or -code. */
#define BJ_CLIENT_COMMAND(name, function, usage, least, most, route, help)                         \
    int bj_client_##function(struct bj_client *client, int *ret_status, struct bj_error *err);
#include "model/client_commands.def"
#undef BJ_CLIENT_COMMAND

/* ---- main.c ---- */

/* One line on standard error. */
void bj_client_complain(const struct bj_client *client, const struct bj_error *err);

/* ---- options.c ---- */

/* Reads the command line. *ret_help: help was printed and that is all. */
int bj_client_parse(struct bj_client *client, int argc, char **argv, bool *ret_help,
                    struct bj_error *err);

/* ---- place.c ---- */

int bj_client_find_place(struct bj_client *client, struct bj_error *err);
/* What a failed connection means and what to do about it. */
int bj_client_unreachable(const struct bj_client *client, const char *why, struct bj_error *err);

/* ---- http.c ---- */

typedef size_t (*bj_client_take)(void *context, const char *data, size_t length);
typedef size_t (*bj_client_give)(char *data, size_t length, size_t count, void *context);

struct bj_client_call {
    const char *method; /* NULL = GET */
    const json_t *body; /* JSON; borrowed */
    const char *accept, *extra_header;
    bj_client_take take; /* of a good answer's body, piece by piece; NULL = it is gathered */
    void *take_context;
    bj_client_give give; /* a raw body */
    void *give_context;
    int64_t give_length; /* -1 = unknown */

    long status; /* of the answer */
    struct bj_buf answer;
    bool broken; /* the connection ended before the answer did */
};

/* A path below the service's root; its parts are percent-encoded. Ends with NULL; the caller's. */
char *bj_client_path(const char *first, ...) __attribute__((sentinel));

/*
 * Asks. An answer of 400 or more is an error, with the service's words. The answer stays in `call`
 * until bj_client_release().
 */
int bj_client_ask(struct bj_client *client, const char *path, struct bj_client_call *call,
                  struct bj_error *err);
void bj_client_release(struct bj_client_call *call);
/* The same where both sides are JSON. *ret_answer (may be NULL) is the caller's, or NULL. */
int bj_client_json(struct bj_client *client, const char *method, const char *path,
                   const json_t *body, json_t **ret_answer, struct bj_error *err);
/* The service's error in a body, told as ours; its step is "command" if there is no such command in
 * the sandbox, else "service". */
int bj_client_refused(const struct bj_client *client, long status, const char *body, size_t length,
                      struct bj_error *err);
/* A handle with what every request has: socket, key, TLS. *ret_headers is the caller's. */
CURL *bj_client_handle(struct bj_client *client, const char *path, struct curl_slist **ret_headers,
                       struct bj_error *err);

/* ---- sse.c ---- */

struct bj_client_event {
    const char *type, *id; /* id NULL = none */
    json_t *data;          /* borrowed; NULL if it was no JSON */
};
/* 0, 1 = enough, or -code. */
typedef int (*bj_client_event_fn)(void *context, const struct bj_client_event *event,
                                  struct bj_error *err);
/*
 * Takes events from a path until they end; comes back with the last id when the connection breaks,
 * as long as it goes on within a time. `query` follows "?".
 */
int bj_client_stream(struct bj_client *client, const char *path, bj_client_event_fn event,
                     void *context, struct bj_error *err);

/* ---- print.c ---- */

/* All of it or nothing: BJ_E_NO_MEMORY. NULL is nothing. */
int bj_client_print_json(const json_t *value, struct bj_error *err);
int bj_client_print_json_line(const json_t *value, struct bj_error *err); /* without blanks */
/* Text of the service's fit for a terminal, then `width` columns of blanks or at least one. */
void bj_client_print_cell(const char *text, int width);
const char *bj_client_text(const json_t *object, const char *name); /* "" when there is none */
double bj_client_number(const json_t *object, const char *name);
/* "3 minutes", "2.5 GiB": short forms. */
void bj_client_print_age(double seconds, int width);
void bj_client_size_text(double bytes, char ret[24]);
int bj_client_write(int fd, const void *data, size_t length);

/* ---- sandboxes.c, for other commands ---- */

int bj_client_put_pairs(json_t *body, const char *member, const struct bj_client_list *list,
                        bool from_environment, struct bj_error *err);
/* Arrays; the caller's. */
int bj_client_list_sandboxes(struct bj_client *client, json_t **ret, struct bj_error *err);
int bj_client_list_processes(struct bj_client *client, const char *sandbox, json_t **ret,
                             struct bj_error *err);
int bj_client_signal(struct bj_client *client, const char *sandbox, const char *process,
                     const char *signal, struct bj_error *err);

/* ---- session.c ---- */

struct bj_client_session {
    const char *sandbox;
    uint32_t process;
    bool terminal;  /* the process has one */
    bool input;     /* pass standard input on */
    int64_t offset; /* of the output wanted; -1 = a terminal's screen, then what comes */
    const char *detach_keys;
};
/* Until the process has ended, or the user leaves it: *ret_status is what this program ends with.
 */
int bj_client_session_run(struct bj_client *client, struct bj_client_session *session,
                          int *ret_status, struct bj_error *err);

#endif
