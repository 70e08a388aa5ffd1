/* Requests to the service, by libcurl. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "client/client.h"
#include "version.h"

#define CONNECT_SECONDS 10L

static void put_encoded(struct bj_buf *out, const char *text)
{
    for (; *text != '\0'; text++) {
        unsigned char byte = (unsigned char)*text;

        if ((byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
            (byte >= '0' && byte <= '9') || strchr("-._~", byte) != NULL)
            bj_buf_append(out, text, 1);
        else
            bj_buf_printf(out, "%%%02X", byte);
    }
}

/* Every second part is as it is, those between are encoded. */
char *bj_client_path(const char *first, ...)
{
    struct bj_buf out;
    va_list parts;
    const char *part;
    bool plain = false;

    bj_buf_init(&out, 8 * BJ_PATH_MAX);
    bj_buf_puts(&out, first);
    va_start(parts, first);
    while ((part = va_arg(parts, const char *)) != NULL) {
        if (plain)
            bj_buf_puts(&out, part);
        else
            put_encoded(&out, part);
        plain = !plain;
    }
    va_end(parts);
    if (out.failed) {
        bj_buf_release(&out);
        return NULL;
    }
    return out.data;
}

static struct curl_slist *add_header(struct curl_slist *headers, const char *name,
                                     const char *value)
{
    struct bj_buf line;
    struct curl_slist *longer = headers;

    bj_buf_init(&line, 64 << 10);
    bj_buf_printf(&line, "%s: %s", name, value);
    if (!line.failed)
        longer = curl_slist_append(headers, line.data);
    bj_buf_release(&line);
    return longer != NULL ? longer : headers;
}

/* A header must be one line. */
static bool is_key(const char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text <= ' ' || *text == 127)
            return false;
    }
    return true;
}

CURL *bj_client_handle(struct bj_client *client, const char *path, struct curl_slist **ret_headers,
                       struct bj_error *err)
{
    const struct bj_client_place *place = &client->place;
    struct bj_buf url;
    CURL *curl = NULL;

    bj_buf_init(&url, 16 * BJ_PATH_MAX);
    bj_buf_printf(&url, "%s%s", place->base, path != NULL ? path : "");
    *ret_headers = NULL;
    if (place->key != NULL && !is_key(place->key))
        bj_fail(err, BJ_E_INVALID, "key", "BELLJAR_API_KEY is not a key: it has blanks in it");
    else if (path == NULL || url.failed || (curl = curl_easy_init()) == NULL)
        bj_fail(err, BJ_E_NO_MEMORY, "request", "out of memory");
    else {
        curl_easy_setopt(curl, CURLOPT_URL, url.data);
        curl_easy_setopt(curl, CURLOPT_USERAGENT, "belljar/" BJ_VERSION);
        curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, CONNECT_SECONDS);
        curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
        curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
        curl_easy_setopt(curl, CURLOPT_NOPROXY, "localhost,127.0.0.1,::1");
        if (place->socket[0] != '\0') {
            curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, place->socket);
            curl_easy_setopt(curl, CURLOPT_PROXY, "");
        }
        if (place->ca_file != NULL)
            curl_easy_setopt(curl, CURLOPT_CAINFO, place->ca_file);
        if (place->key != NULL)
            *ret_headers = add_header(*ret_headers, "X-API-Key", place->key);
    }
    bj_buf_release(&url);
    return curl;
}

/* ---- errors ---- */

static enum bj_code code_of(const char *name, long status)
{
    static const enum bj_code by_hundred[] = {BJ_E_INVALID, BJ_E_INTERNAL};

    for (int code = 1; name != NULL && code < BJ_CODE_COUNT; code++) {
        if (bj_streq(bj_code_name(code), name))
            return (enum bj_code)code;
    }
    for (int code = 1; code < BJ_CODE_COUNT; code++) {
        if (bj_code_http_status(code) == status)
            return (enum bj_code)code;
    }
    return by_hundred[status >= 500];
}

/* Who typed a command line sees no request to be corrected. */
static bool says_more(const char *message, const char *advice)
{
    return advice != NULL && *advice != '\0' && !bj_streq(advice, bj_code_advice(BJ_E_INVALID)) &&
           strstr(message, advice) == NULL;
}

int bj_client_refused(const struct bj_client *client, long status, const char *body, size_t length,
                      struct bj_error *err)
{
    json_t *answer = json_loadb(body, length, 0, NULL);
    const json_t *error = json_object_get(answer, "error");
    const char *message = json_string_value(json_object_get(error, "message"));
    const char *advice = json_string_value(json_object_get(error, "advice"));
    const char *name = json_string_value(json_object_get(error, "code"));
    const char *step = name != NULL && bj_streq(name, "COMMAND_NOT_FOUND") ? "command" : "service";
    enum bj_code code = code_of(name, status);

    if (message == NULL)
        bj_fail(err, code, step, "%s answers %ld, which is not as this service answers",
                client->place.shown, status);
    else if (code == BJ_E_UNAUTHENTICATED)
        bj_fail(
            err, code, step,
            "%s: put the key into BELLJAR_API_KEY (the service said where it is when it started)",
            message);
    else
        bj_fail(err, code, step, "%s%s%s", message, says_more(message, advice) ? "; " : "",
                says_more(message, advice) ? advice : "");
    json_decref(answer);
    return -(int)code;
}

/* ---- one request ---- */

struct transfer {
    struct bj_client_call *call;
    CURL *curl;
};

static size_t take_body(char *data, size_t size, size_t count, void *context)
{
    struct transfer *transfer = context;
    struct bj_client_call *call = transfer->call;

    curl_easy_getinfo(transfer->curl, CURLINFO_RESPONSE_CODE, &call->status);
    if (call->take != NULL && call->status < 400)
        return call->take(call->take_context, data, size * count);
    bj_buf_append(&call->answer, data, size * count);
    return call->answer.failed ? 0 : size * count;
}

static int collect(const char *text, size_t length, void *context)
{
    bj_buf_append(context, text, length);
    return 0;
}

static bool set_body(CURL *curl, struct curl_slist **headers, const struct bj_client_call *call,
                     struct bj_buf *body)
{
    if (call->method != NULL)
        curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, call->method);
    if (call->give != NULL) {
        curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
        curl_easy_setopt(curl, CURLOPT_READFUNCTION, call->give);
        curl_easy_setopt(curl, CURLOPT_READDATA, call->give_context);
        curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)call->give_length);
        curl_easy_setopt(curl, CURLOPT_UPLOAD_BUFFERSIZE, 512L << 10);
        *headers = curl_slist_append(*headers, "Content-Type: application/octet-stream");
        *headers = curl_slist_append(*headers, "Expect: 100-continue");
    } else if (call->body != NULL) {
        if (json_dump_callback(call->body, collect, body, JSON_COMPACT) < 0 || body->failed)
            return false;
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body->data);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body->length);
        *headers = curl_slist_append(*headers, "Content-Type: application/json");
    } else if (call->method != NULL && bj_streq(call->method, "POST")) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, "");
        *headers = curl_slist_append(*headers, "Content-Type:");
    }
    if (call->accept != NULL)
        *headers = add_header(*headers, "Accept", call->accept);
    if (call->extra_header != NULL)
        *headers = curl_slist_append(*headers, call->extra_header);
    return true;
}

/* TLS spoken to where none is, or none to where it is: neither side has understood a byte. */
static bool is_other_scheme(const struct bj_client *client, CURLcode done)
{
    if (client->place.socket[0] != '\0')
        return false;
    return bj_starts_with(client->place.base, "https:")
               ? done == CURLE_SSL_CONNECT_ERROR
               : done == CURLE_GOT_NOTHING || done == CURLE_RECV_ERROR ||
                     done == CURLE_WEIRD_SERVER_REPLY || done == CURLE_UNSUPPORTED_PROTOCOL;
}

/* libcurl speaks of a host and a port where there is a Unix socket. */
static void say_socket_error(const struct bj_client *client, CURL *curl, CURLcode done,
                             char text[CURL_ERROR_SIZE])
{
    long number = 0;

    if (client->place.socket[0] == '\0' || done != CURLE_COULDNT_CONNECT)
        return;
    curl_easy_getinfo(curl, CURLINFO_OS_ERRNO, &number);
    snprintf(text, CURL_ERROR_SIZE, "%s", number != 0 ? strerror((int)number) : "nobody listens");
}

/* What libcurl's verdict means. */
static int conclude(struct bj_client *client, struct bj_client_call *call, CURLcode done,
                    const char *text, struct bj_error *err)
{
    const char *why = text[0] != '\0' ? text : curl_easy_strerror(done);

    switch (done) {
    case CURLE_OK:
        break;
    case CURLE_COULDNT_CONNECT:
    case CURLE_COULDNT_RESOLVE_HOST:
        return bj_client_unreachable(client, why, err);
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
        return bj_fail(err, BJ_E_DENIED, "tls",
                       "%s is not trusted: %s; --tls-ca or BELLJAR_TLS_CA names who signs for it",
                       client->place.shown, why);
    case CURLE_OUT_OF_MEMORY:
        return bj_fail(err, BJ_E_NO_MEMORY, "request", "out of memory");
    default:
        /* An answer of an error may come while the request's body is still on its way. */
        if (call->status >= 400 && call->answer.length > 0)
            break;
        call->broken = true;
        if (call->status == 0 && is_other_scheme(client, done))
            return bj_fail(
                err, BJ_E_BUSY, "request", "%s does not answer (%s): if it %s, say %s:// instead",
                client->place.shown, why,
                bj_starts_with(client->place.base, "https:") ? "has no TLS" : "wants TLS",
                bj_starts_with(client->place.base, "https:") ? "http" : "https");
        return bj_fail(err, BJ_E_BUSY, "request", "the connection to %s broke: %s",
                       client->place.shown, why);
    }
    if (call->status >= 400)
        return bj_client_refused(client, call->status, bj_buf_text(&call->answer),
                                 call->answer.length, err);
    return 0;
}

int bj_client_ask(struct bj_client *client, const char *path, struct bj_client_call *call,
                  struct bj_error *err)
{
    char text[CURL_ERROR_SIZE] = "";
    struct curl_slist *headers = NULL;
    struct bj_buf body;
    CURL *curl = bj_client_handle(client, path, &headers, err);
    struct transfer transfer = {call, curl};
    CURLcode done = CURLE_OUT_OF_MEMORY;
    int result;

    bj_buf_init(&call->answer, BJ_CLIENT_ANSWER_MAX);
    if (curl == NULL)
        return -err->code;
    bj_buf_init(&body, 2 * BJ_REQUEST_MAX);
    if (set_body(curl, &headers, call, &body)) {
        curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
        curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, text);
        curl_easy_setopt(curl, CURLOPT_BUFFERSIZE, 256L << 10);
        curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
        curl_easy_setopt(curl, CURLOPT_WRITEDATA, &transfer);
        done = curl_easy_perform(curl);
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &call->status);
        say_socket_error(client, curl, done, text);
    }
    result = conclude(client, call, done, text, err);
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    bj_buf_release(&body);
    return result;
}

void bj_client_release(struct bj_client_call *call)
{
    bj_buf_release(&call->answer);
}

int bj_client_json(struct bj_client *client, const char *method, const char *path,
                   const json_t *body, json_t **ret_answer, struct bj_error *err)
{
    struct bj_client_call call = {.method = method, .body = body};
    int result = bj_client_ask(client, path, &call, err);

    if (ret_answer != NULL)
        *ret_answer = NULL;
    if (result == 0 && ret_answer != NULL && call.answer.length > 0) {
        *ret_answer = json_loadb(call.answer.data, call.answer.length, 0, NULL);
        if (*ret_answer == NULL)
            result = bj_fail(err, BJ_E_PROTOCOL, "service", "%s did not answer JSON",
                             client->place.shown);
    }
    bj_client_release(&call);
    return result;
}
