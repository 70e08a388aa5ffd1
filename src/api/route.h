/*
 * The one table of routes. Each row says what a request looks like, who may make it and what is
 * answered; routing, validation, the OpenAPI document (/openapi.json), docs/API.md and the client's
 * help are all made of it.
 */
#ifndef BJ_API_ROUTE_H
#define BJ_API_ROUTE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "api/exchange.h"
#include "base/buf.h"
#include "base/error.h"

struct bj_schema;
struct bj_service;

enum bj_type {
    BJ_TYPE_STRING,  /* minimum, maximum: bytes */
    BJ_TYPE_INTEGER, /* minimum, maximum: value */
    BJ_TYPE_NUMBER,
    BJ_TYPE_BOOLEAN,
    BJ_TYPE_OBJECT, /* of `schema` */
    BJ_TYPE_LIST,   /* of `items`, or of objects of `schema`; minimum, maximum: entries */
    BJ_TYPE_MAP,    /* of strings to strings; likewise */
    BJ_TYPE_ANY,    /* any JSON value */
};

struct bj_field {
    const char *name;
    enum bj_type type, items;
    bool required;
    double minimum, maximum; /* both 0 = no bounds of its own */
    const struct bj_schema *schema;
    const char *const *choices; /* of a string; NULL-terminated */
    const char *help;           /* a sentence */
    bool nullable;              /* in answers: may be null */
};

struct bj_schema {
    const char *name, *help;
    const struct bj_field *fields; /* ends with name NULL */
};

/*
 * Checks a value. What is missing, too much, of a wrong type or out of bounds is BJ_E_INVALID, and
 * the message names the field and what it may be. Unknown fields are an error, "did you mean"
 * included. A null is as if the field were not there, and taken out.
 */
int bj_schema_check(const struct bj_schema *schema, json_t *value, struct bj_error *err);

/* The same for the parameters of a query string: an object of texts, which become the numbers and
 * truth values that the schema says. A parameter without a value is true, where that is one. */
int bj_schema_check_query(const struct bj_schema *schema, json_t *query, struct bj_error *err);

enum bj_body { BJ_BODY_NONE, BJ_BODY_JSON, BJ_BODY_RAW /* the handler streams it */ };

struct bj_answer_row {
    int status;
    const char *type; /* media type; NULL = no body */
    const struct bj_schema *schema;
    const char *help;
};

typedef void (*bj_handler)(struct bj_exchange *exchange, struct bj_service *service);

struct bj_route {
    const char *method; /* "GET" … ; GET answers HEAD too */
    const char *path;   /* "/v1/sandboxes/{sandbox}" */
    const char *id;     /* operationId, a verb first: "create_sandbox" */
    const char *group;  /* of the documents */
    const char *summary, *help;
    bj_handler handler;
    uint32_t scope; /* enum bj_scope that the key needs; 0 = no key */
    bool acts;      /* changes something or reads from a sandbox: is judged and recorded */
    enum bj_body body;
    const struct bj_schema *request; /* of a JSON body */
    const struct bj_schema *query;
    const struct bj_schema *headers;     /* that it heeds, for the documents */
    const struct bj_answer_row *answers; /* ends with status 0; what every route may answer (400,
                                            401, 403, 429 …) is not repeated */
};

extern const struct bj_route bj_routes[];
extern const size_t bj_route_count;

/* A request for a port of a sandbox, whatever its method and path: parameters[0] is the port,
 * parameters[1] the sandbox. */
extern const struct bj_route bj_port_route;

/* The route; its path's parameters, decoded, go to the exchange. NULL: none. *ret_allow, a static
 * text, is what else the path takes (for 405); NULL: there is no such path. */
const struct bj_route *bj_route_find(const char *method, const char *path,
                                     struct bj_exchange *exchange, const char **ret_allow);

/* The schema of every error's body. */
extern const struct bj_schema bj_error_schema;

/* The OpenAPI 3.1 document; the caller's. NULL: no memory. */
json_t *bj_routes_openapi(void);
/* docs/API.md. */
void bj_routes_markdown(struct bj_buf *out);

/* `belljar-serve print WHAT`: writes the one or the other to standard output; argv[0] is "print".
 * Returns the exit status. */
int bj_routes_print(int argc, char **argv);

#endif
