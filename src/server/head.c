/*
 * What a request's head must be, whatever the parser let pass: looked at over the bytes themselves,
 * so that no other server in front of this one can have read it differently. Then who asks, for
 * what, and with which body.
 */
#include "server/server_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/str.h"

void bj_refuse(struct bj_connection *connection, enum bj_code code, enum bj_api_error which,
               const char *format, ...)
{
    struct bj_refusal *refusal = &connection->refusal;
    char message[BJ_ERROR_MESSAGE_MAX];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    *refusal = (struct bj_refusal){.which = which};
    bj_fail(&refusal->error, code, "request", "%s", message);
    connection->refused = true;
}

static bool refuse_malformed(struct bj_connection *connection, const char *message)
{
    bj_refuse(connection, BJ_E_INVALID, BJ_API_PLAIN, "%s", message);
    connection->keep_alive = false;
    return false;
}

/* ---- The bytes ---- */

/* Up to the empty line lines end in CR LF and in nothing else, none begins with a blank, and there
 * is no NUL. */
static bool check_lines(struct bj_connection *connection)
{
    const char *at = connection->in, *end = at + connection->in_end;
    bool begun = false;

    while (at < end) {
        const char *line_feed = memchr(at, '\n', (size_t)(end - at));
        size_t length = line_feed != NULL ? (size_t)(line_feed - at) : 0;

        if (length == 0 || memchr(at, '\r', length) != line_feed - 1)
            return refuse_malformed(connection, "lines of a request must end with CR LF");
        if (memchr(at, '\0', length) != NULL)
            return refuse_malformed(connection, "the head of the request has a NUL byte");
        if (*at == ' ' || *at == '\t')
            return refuse_malformed(connection, "headers must not be folded");
        at = line_feed + 1;
        if (length == 1 && begun) {
            connection->head_length = (size_t)(at - connection->in);
            return true;
        }
        begun = begun || length > 1;
    }
    return refuse_malformed(connection, "the head of the request does not end");
}

/* "METHOD target HTTP/1.x", with one blank each. */
static bool check_request_line(struct bj_connection *connection)
{
    const struct bj_header *target = &connection->target;
    size_t start = strspn(connection->in, "\r\n");
    const char *end = connection->in + target->value_at + target->value_length;

    if (target->value_length > 0 &&
        start + strlen(connection->exchange.method) + 1 == target->value_at &&
        strncmp(end, " HTTP/1.", 8) == 0 && end[9] == '\r')
        return true;
    return refuse_malformed(connection, "the first line must be a method, an address and HTTP/1.1");
}

/* ---- Headers ---- */

static const struct {
    const char *name;
    size_t length;
} known_names[] = {
#define KNOWN_NAME(id, name) {name, sizeof(name) - 1},
    BJ_HEADERS(KNOWN_NAME)
#undef KNOWN_NAME
};

struct bj_text bj_head_text(const struct bj_connection *connection, enum bj_known_header header)
{
    const struct bj_header *found;

    if (connection->known[header] == 0)
        return (struct bj_text){0};
    found = &connection->headers[connection->known[header] - 1];
    return (struct bj_text){connection->in + found->value_at, found->value_length};
}

/* The parser leaves blanks behind a value to its caller. */
static void trim(const struct bj_connection *connection, struct bj_header *header)
{
    const char *value = connection->in + header->value_at;

    while (header->value_length > 0 &&
           (value[header->value_length - 1] == ' ' || value[header->value_length - 1] == '\t'))
        header->value_length--;
}

static bool index_headers(struct bj_connection *connection)
{
    for (uint32_t i = 0; i < connection->header_count; i++) {
        struct bj_header *header = &connection->headers[i];
        const char *name = connection->in + header->name_at;

        trim(connection, header);
        for (int known = 0; known < BJ_HEADER_COUNT; known++) {
            if (known_names[known].length != header->name_length ||
                strncasecmp(name, known_names[known].name, header->name_length) != 0)
                continue;
            if (connection->known[known] != 0) {
                bj_refuse(connection, BJ_E_INVALID, BJ_API_PLAIN, "the header %s was sent twice",
                          known_names[known].name);
                connection->keep_alive = false;
                return false;
            }
            connection->known[known] = (uint8_t)(i + 1);
            break;
        }
    }
    return true;
}

static bool text_is(struct bj_text text, const char *other)
{
    return text.length == strlen(other) && strncasecmp(text.at, other, text.length) == 0;
}

bool bj_head_has_body(const struct bj_connection *connection)
{
    return connection->known[BJ_HEADER_TRANSFER_ENCODING] != 0 ||
           (connection->known[BJ_HEADER_CONTENT_LENGTH] != 0 &&
            connection->parser.content_length > 0);
}

/* How long the body is must be said once, and in one way. */
static bool check_framing(struct bj_connection *connection)
{
    struct bj_text coding = bj_head_text(connection, BJ_HEADER_TRANSFER_ENCODING);
    struct bj_text length = bj_head_text(connection, BJ_HEADER_CONTENT_LENGTH);
    int major = connection->parser.http_major, minor = connection->parser.http_minor;

    if (major != 1 || minor > 1)
        return refuse_malformed(connection, "only HTTP/1.0 and 1.1 are spoken here");
    if (coding.at != NULL && length.at != NULL)
        return refuse_malformed(connection,
                                "Content-Length and Transfer-Encoding exclude each other");
    if (coding.at != NULL && (minor == 0 || !text_is(coding, "chunked")))
        return refuse_malformed(connection, "Transfer-Encoding may only be chunked, in HTTP/1.1");
    for (size_t i = 0; i < length.length; i++) {
        if (length.at[i] < '0' || length.at[i] > '9')
            return refuse_malformed(connection, "Content-Length must be a number");
    }
    if (bj_head_has_body(connection) && connection->parser.upgrade)
        return refuse_malformed(connection, "a request for another protocol has no body");
    if (bj_head_text(connection, BJ_HEADER_EXPECT).at != NULL &&
        !text_is(bj_head_text(connection, BJ_HEADER_EXPECT), "100-continue"))
        return refuse_malformed(connection, "Expect may only be 100-continue");
    return true;
}

/* ---- What is asked for ---- */

/* The path and query of an address in either form; a whole address must be of the Host itself. */
static bool take_target(struct bj_connection *connection, struct bj_text *ret)
{
    struct bj_text target = {connection->in + connection->target.value_at,
                             connection->target.value_length};
    struct bj_text host = bj_head_text(connection, BJ_HEADER_HOST);
    size_t scheme = 0;

    if (target.length > BJ_HTTP_TARGET_MAX) {
        bj_refuse(connection, BJ_E_LIMIT, BJ_API_TARGET_TOO_LONG,
                  "the address of a request may have %d bytes", BJ_HTTP_TARGET_MAX);
        return false;
    }
    for (size_t i = 0; i < target.length; i++) {
        if ((unsigned char)target.at[i] <= ' ' || (unsigned char)target.at[i] >= 0x7f ||
            target.at[i] == '#')
            return refuse_malformed(connection,
                                    "the address of the request must be percent-encoded");
    }
    if (target.length > 0 && target.at[0] == '/') {
        *ret = target;
        return true;
    }
    if (target.length > 7 && strncasecmp(target.at, "http://", 7) == 0)
        scheme = 7;
    else if (target.length > 8 && strncasecmp(target.at, "https://", 8) == 0)
        scheme = 8;
    if (scheme == 0 || target.length <= scheme + host.length ||
        strncasecmp(target.at + scheme, host.at, host.length) != 0 ||
        target.at[scheme + host.length] != '/')
        return refuse_malformed(connection,
                                "the address of the request must be a path of this host");
    *ret = (struct bj_text){target.at + scheme + host.length, target.length - scheme - host.length};
    return true;
}

static bool find_route(struct bj_connection *connection)
{
    struct bj_exchange *exchange = &connection->exchange;
    const struct bj_server_options *options = &connection->server->options;
    const char *allow = NULL;

    exchange->route = options->find(exchange->method, exchange->path, exchange, &allow);
    if (exchange->route != NULL)
        return true;
    if (allow == NULL) {
        bj_refuse(connection, BJ_E_NOT_FOUND, BJ_API_PLAIN, "there is no such address here");
    } else {
        bj_refuse(connection, BJ_E_INVALID, BJ_API_METHOD_NOT_ALLOWED,
                  "this address takes other methods: %s", allow);
        connection->refusal.allow = allow;
    }
    return false;
}

/* ---- The body ---- */

static bool is_json(struct bj_text type)
{
    static const char json[] = "application/json";
    size_t length = sizeof json - 1;

    if (type.length < length || strncasecmp(type.at, json, length) != 0)
        return false;
    return type.length == length || type.at[length] == ';' || type.at[length] == ' ' ||
           type.at[length] == '\t';
}

static bool check_body(struct bj_connection *connection)
{
    struct bj_exchange *exchange = &connection->exchange;
    bool chunked = connection->known[BJ_HEADER_TRANSFER_ENCODING] != 0;
    bool said = connection->known[BJ_HEADER_CONTENT_LENGTH] != 0;
    uint64_t length = connection->parser.content_length;

    if (said && length > INT64_MAX)
        return refuse_malformed(connection, "Content-Length is too large");
    exchange->body_length = chunked ? -1 : said ? (int64_t)length : 0;
    if (!bj_head_has_body(connection))
        return true;
    if (connection->known[BJ_HEADER_CONTENT_ENCODING] != 0 &&
        !text_is(bj_head_text(connection, BJ_HEADER_CONTENT_ENCODING), "identity")) {
        bj_refuse(connection, BJ_E_INVALID, BJ_API_UNSUPPORTED_MEDIA_TYPE,
                  "bodies are taken as they are, without Content-Encoding");
        return false;
    }
    if (exchange->route->body == BJ_BODY_NONE)
        return refuse_malformed(connection, "this request takes no body");
    if (exchange->route->body == BJ_BODY_RAW)
        return true;
    if (!is_json(bj_head_text(connection, BJ_HEADER_CONTENT_TYPE))) {
        bj_refuse(connection, BJ_E_INVALID, BJ_API_UNSUPPORTED_MEDIA_TYPE,
                  "the body must be JSON: send Content-Type: application/json");
        return false;
    }
    if (said && length > BJ_REQUEST_MAX) {
        bj_refuse(connection, BJ_E_LIMIT, BJ_API_PLAIN, "a request's body may have %d bytes",
                  BJ_REQUEST_MAX);
        return false;
    }
    return !said || bj_share_body(connection, (size_t)length);
}

bool bj_head_check(struct bj_connection *connection)
{
    struct bj_exchange *exchange = &connection->exchange;
    llhttp_t *parser = &connection->parser;
    struct bj_text target;

    exchange->method = llhttp_method_name((llhttp_method_t)parser->method);
    connection->head_only = parser->method == HTTP_HEAD;
    connection->keep_alive = llhttp_should_keep_alive(parser) && !connection->server->stopping;
    if (!check_lines(connection) || !check_request_line(connection) || !index_headers(connection) ||
        !check_framing(connection) || !bj_gate_host(connection) ||
        !take_target(connection, &target) || !bj_gate_origin(connection))
        return false;
    if (connection->is_port) {
        /* Its answer has no end that others would see where this server does. */
        if (parser->method == HTTP_CONNECT)
            return refuse_malformed(connection, "CONNECT is for proxies, and a port is none");
        exchange->route = connection->server->options.port_route;
        exchange->path = bj_arena_copy(&connection->arena, target.at, target.length);
        if (exchange->path == NULL) {
            bj_refuse(connection, BJ_E_NO_MEMORY, BJ_API_PLAIN, "no memory for the request");
            return false;
        }
        exchange->body_length = -1;
        return bj_gate_key(connection);
    }
    return bj_address_path(connection, target) && find_route(connection) &&
           bj_gate_key(connection) && check_body(connection) &&
           bj_address_query(connection, target);
}
