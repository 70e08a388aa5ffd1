/* See documents.h. */
#include "api/documents.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "service/keys.h"

const char bj_api_introduction[] =
    "Sandboxes for the tools of AI agents. Requests carry a key of the service, as "
    "`X-API-Key: KEY` or `Authorization: Bearer KEY`; on the Unix socket the peer's credentials "
    "count. Bodies are JSON unless said otherwise. An error has a status of 400 or more and always "
    "the same shape: `{\"error\": {\"code\", \"message\", \"advice\", \"request_id\", "
    "\"details\"}}`. No part of a path can hold a slash, so an encoded one (`%2F`) there is an "
    "error "
    "(400); in a query's values it is data. An identifier that belongs to somebody else is "
    "answered as one that does not "
    "exist. Everything that acts is judged by the policy and recorded before it is done.";

static const struct bj_path_parameter path_parameters[] = {
    {"sandbox", "Identifier of a sandbox, or `default`: the caller's own, made when first used.",
     "^[a-z0-9]{1,32}$"},
    {"process", "Identifier of a process in its sandbox.", "^[1-9][0-9]{0,9}$"},
    {"shell", "Name of a shell session in its sandbox.", "^[A-Za-z0-9._-]{1,64}$"},
    {"port", "Number of a port inside.", "^[1-9][0-9]{0,4}$"},
};

const struct bj_path_parameter *bj_path_parameter(const char *text)
{
    static const struct bj_path_parameter none = {"", "", ""};
    size_t length = strcspn(text, "}");

    for (size_t i = 0; i < sizeof path_parameters / sizeof *path_parameters; i++) {
        const char *name = path_parameters[i].name;

        if (strlen(name) == length && memcmp(name, text, length) == 0)
            return &path_parameters[i];
    }
    return &none;
}

static bool has_key(const struct bj_route *route)
{
    return route->scope != 0;
}
/* Can it be about something that is not there? */
static bool has_target(const struct bj_route *route)
{
    return strchr(route->path, '{') != NULL || route->acts || route->query != NULL;
}
static bool has_json(const struct bj_route *route)
{
    return route->body == BJ_BODY_JSON;
}
static bool is_act(const struct bj_route *route)
{
    return route->acts;
}
static bool is_of_a_sandbox(const struct bj_route *route)
{
    return route->acts || strstr(route->path, "{sandbox}/") != NULL;
}
static bool is_any(const struct bj_route *route)
{
    (void)route;
    return true;
}

static const struct {
    bool (*of)(const struct bj_route *route);
    int status;
    const char *help;
} common_answers[] = {
    {is_any, 400, "The request is not valid; the message says what and where."},
    {has_key, 401, "The key is missing or not known."},
    {has_key, 403, "The key may not do this, or the policy refuses it: `details` has the verdict."},
    {has_target, 404, "There is none, or it belongs to somebody else."},
    {is_any, 408, "The request did not come in time."},
    {is_act, 409, "It is not in the state that this needs."},
    {is_of_a_sandbox, 410, "The sandbox has ended."},
    {is_act, 413, "The body, or what is asked for, is larger than may be."},
    {is_any, 414, "The address is longer than may be."},
    {has_json, 415, "The body is not JSON: `Content-Type: application/json`."},
    {is_any, 431, "The head is larger than may be."},
    {is_any, 429,
     "Too many requests, or a quota is used up; `Retry-After` says when to try again."},
    {is_any, 503, "Not now; `Retry-After` says when to try again."},
};

bool bj_common_answer(const struct bj_route *route, int index, struct bj_answer_row *ret)
{
    for (size_t i = 0; i < sizeof common_answers / sizeof *common_answers; i++) {
        if (!common_answers[i].of(route) || index-- > 0)
            continue;
        *ret = (struct bj_answer_row){
            .status = common_answers[i].status,
            .type = "application/json",
            .schema = &bj_error_schema,
            .help = common_answers[i].help,
        };
        return true;
    }
    return false;
}

const char *bj_route_scope(const struct bj_route *route)
{
    unsigned bit = 0;

    while (bj_key_scope_name(bit) != NULL && (route->scope & (1u << bit)) == 0)
        bit++;
    return bj_key_scope_name(bit);
}

void bj_route_describe(const struct bj_route *route, struct bj_buf *out)
{
    bj_buf_puts(out, route->help != NULL ? route->help : route->summary);
    if (route->scope == 0)
        bj_buf_puts(out, " Needs no key.");
    else
        bj_buf_printf(out, " Needs the scope `%s`.", bj_route_scope(route));
    if (route->acts)
        bj_buf_puts(out, " Judged and recorded.");
}

void bj_status_text(int status, char ret[4])
{
    ret[0] = (char)('0' + status / 100 % 10);
    ret[1] = (char)('0' + status / 10 % 10);
    ret[2] = (char)('0' + status % 10);
    ret[3] = '\0';
}
