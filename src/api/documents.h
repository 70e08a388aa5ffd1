/* What the OpenAPI document and the reference say alike of a route, beside its row. */
#ifndef BJ_API_DOCUMENTS_H
#define BJ_API_DOCUMENTS_H

#include "api/route.h"
#include "base/buf.h"

/* A variable part of a path, "{sandbox}"; they mean the same in every path. */
struct bj_path_parameter {
    const char *name, *help;
    const char *pattern; /* a regular expression */
};
/* Of the name that `text` begins with, up to its "}". There is one for each in the table. */
const struct bj_path_parameter *bj_path_parameter(const char *text);

/* What any route with these features may answer, one after the other; false behind the last. */
bool bj_common_answer(const struct bj_route *route, int index, struct bj_answer_row *ret);

/* Summary and help, what key it needs, whether it is recorded; Markdown. */
void bj_route_describe(const struct bj_route *route, struct bj_buf *out);

/* The one scope that a route needs, as keys have it. */
const char *bj_route_scope(const struct bj_route *route);

/* Three digits. */
void bj_status_text(int status, char ret[4]);

extern const char bj_api_introduction[];

#endif
