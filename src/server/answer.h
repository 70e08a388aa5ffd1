/*
 * The answer of a program behind a port: read as far as it is one answer to one request, and
 * written anew for the client.
 *
 * A program in a sandbox is nobody's to trust, and its client may come through a proxy that keeps
 * connections for many. So nothing that could be taken for another message's beginning goes on: the
 * framing is our own, the end is where the parser sees it, and what follows is thrown away. 101
 * opens the way only to a protocol that the client has asked for.
 */
#ifndef BJ_SERVER_ANSWER_H
#define BJ_SERVER_ANSWER_H

#include "server/server_internal.h"

struct bj_program_answer {
    struct bj_connection *connection; /* of the client */
    llhttp_t parser;
    struct bj_buf text; /* of the head: the reason, names and values */
    struct bj_header headers[BJ_HTTP_ANSWER_LINES];
    uint32_t count;
    size_t head_bytes; /* that have come of it */
    bool in_field, head_done, chunked;
    bool begun; /* the client has seen something of the final answer */
    bool done;  /* all of it is there */
    bool open;  /* it was 101, and what follows is another protocol */
};

void bj_program_answer_init(struct bj_program_answer *answer, struct bj_connection *connection);
void bj_program_answer_release(struct bj_program_answer *answer);

/*
 * Takes what came and sends what of it is the answer's; returns how many bytes were taken, all
 * unless the answer is `done` or the way `open`, or -1: this is no answer to the request.
 */
ssize_t bj_program_answer_take(struct bj_program_answer *answer, const char *data, size_t length);

/* The program says no more. False: the answer is not whole. */
bool bj_program_answer_finish(struct bj_program_answer *answer);

#endif
