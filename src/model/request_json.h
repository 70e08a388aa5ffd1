/* A request made from what front doors receive: a tool's name and a JSON object of arguments. */
#ifndef BJ_MODEL_REQUEST_JSON_H
#define BJ_MODEL_REQUEST_JSON_H

#include "base/buf.h"
#include "base/error.h"
#include "model/request.h"

/* A request and the texts it points to. */
struct bj_request_json {
    struct bj_request request; /* tool, command, path …, arguments, invalid; the rest is NULL */
    void *json;                /* owned */
    char *tool;                /* owned */
    char *arguments;           /* owned */
    char *invalid;             /* owned */
};

/*
 * Reads the arguments of a call by the table of tools. Arguments that are wrong (missing, of
 * another type, too long, unknown …) are no failure: request.invalid then names the first of them
 * and says what was expected, and the policy denies. Fails with BJ_E_INVALID for what is no JSON
 * object, BJ_E_LIMIT for what is too large. Release *ret afterwards, also after a failure.
 */
int bj_request_json_parse(struct bj_request_json *ret, const char *tool, const char *text,
                          size_t length, struct bj_error *err);

/*
 * The same from one object {"tool": NAME, "arguments": {…}}; the names that agents' hooks and seeds
 * give them, tool_name and tool_input, are taken too, and other members are passed over. A text
 * "cwd" becomes the directory.
 */
int bj_request_json_parse_call(struct bj_request_json *ret, const char *text, size_t length,
                               struct bj_error *err);

void bj_request_json_release(struct bj_request_json *request);

#endif
