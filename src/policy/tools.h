/* Which tools may be used (allowed_tools, blocked_tools), and whether a call of one is in form. */
#ifndef BJ_POLICY_TOOLS_H
#define BJ_POLICY_TOOLS_H

#include "base/error.h"
#include "model/config.h"
#include "model/request.h"
#include "model/verdict.h"

struct bj_tools;

/* The lists of a configuration, copied. */
int bj_tools_new(const struct bj_config *config, struct bj_tools **ret, struct bj_error *err);
void bj_tools_free(struct bj_tools *tools);

/* Warns of entries that are nearly the name of a tool: such a rule would do nothing. */
void bj_tools_warn(const struct bj_config *config, struct bj_warnings *warnings);

/*
 * What is wrong with a URL that is to be fetched, one line; NULL for nothing. *ret_rule and
 * *ret_advice are then the rule's id and what can be done.
 */
const char *bj_url_problem(const char *url, const char **ret_rule, const char **ret_advice);

/*
 * Adds what speaks against a request: tool.blocked (in blocked_tools), tool.allowed (not in
 * allowed_tools), tool.arguments (request.invalid), url.scheme, url.credentials, url.invalid.
 */
void bj_tools_judge(const struct bj_tools *tools, const struct bj_request *request,
                    struct bj_verdict *verdict);

#endif
