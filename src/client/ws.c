/* See ws.h. */
#include "client/ws.h"

#include <nettle/sha1.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <wslay/wslay.h>

#include "base/base64.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"

#define HANDSHAKE_US 30000000
#define GUID         "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

struct bj_client_ws {
    struct bj_client *client;
    CURL *curl;
    curl_socket_t fd;
    wslay_event_context_ptr wslay;
    const struct bj_client_ws_events *events;
    void *context;
    struct bj_buf head; /* the answer's, and what came behind it */
    size_t taken;       /* of it */
    char key[32];
};

/* ---- the connection ---- */

static bool wait_for(const struct bj_client_ws *ws, short what, int64_t until_us)
{
    int64_t left = until_us - bj_clock_us();
    struct pollfd ready = {.fd = ws->fd, .events = what};

    return left > 0 && poll(&ready, 1, (int)(left / 1000) + 1) >= 0;
}

static int connect_service(struct bj_client_ws *ws, struct bj_error *err)
{
    char text[CURL_ERROR_SIZE] = "";
    struct curl_slist *headers;
    CURLcode done;

    ws->curl = bj_client_handle(ws->client, "", &headers, err);
    curl_slist_free_all(headers);
    if (ws->curl == NULL)
        return -err->code;
    curl_easy_setopt(ws->curl, CURLOPT_CONNECT_ONLY, 1L);
    curl_easy_setopt(ws->curl, CURLOPT_HTTPPROXYTUNNEL, 1L);
    curl_easy_setopt(ws->curl, CURLOPT_SSL_ENABLE_ALPN, 0L);
    curl_easy_setopt(ws->curl, CURLOPT_ERRORBUFFER, text);
    done = curl_easy_perform(ws->curl);
    if (done != CURLE_OK ||
        curl_easy_getinfo(ws->curl, CURLINFO_ACTIVESOCKET, &ws->fd) != CURLE_OK ||
        ws->fd == CURL_SOCKET_BAD)
        return bj_client_unreachable(ws->client, text[0] != '\0' ? text : curl_easy_strerror(done),
                                     err);
    return 0;
}

static int send_all(struct bj_client_ws *ws, const char *data, size_t length, struct bj_error *err)
{
    int64_t until = bj_clock_us() + HANDSHAKE_US;

    while (length > 0) {
        size_t sent = 0;
        CURLcode done = curl_easy_send(ws->curl, data, length, &sent);

        if (done == CURLE_AGAIN && wait_for(ws, POLLOUT, until))
            continue;
        if (done != CURLE_OK)
            return bj_fail(err, BJ_E_BUSY, "connect", "the connection to %s broke",
                           ws->client->place.shown);
        data += sent;
        length -= sent;
    }
    return 0;
}

static int send_request(struct bj_client_ws *ws, const char *path, struct bj_error *err)
{
    const struct bj_client_place *place = &ws->client->place;
    const char *host = strstr(place->base, "://") + 3;
    unsigned char random[16];
    struct bj_buf out, key;
    int result;

    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
        return bj_fail_errno(err, "connect", "cannot get random bytes");
    bj_buf_init(&key, sizeof ws->key - 1);
    bj_base64_put(&key, random, sizeof random);
    bj_str_copy(ws->key, sizeof ws->key, bj_buf_text(&key));
    bj_buf_release(&key);
    bj_buf_init(&out, BJ_CLIENT_HEAD_MAX);
    bj_buf_printf(&out,
                  "GET %s HTTP/1.1\r\nHost: %.*s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                  "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n",
                  path, (int)strcspn(host, "/"), host, ws->key);
    if (place->key != NULL)
        bj_buf_printf(&out, "X-API-Key: %s\r\n", place->key);
    bj_buf_puts(&out, "\r\n");
    result = out.failed ? bj_fail(err, BJ_E_NO_MEMORY, "connect", "out of memory")
                        : send_all(ws, out.data, out.length, err);
    bj_buf_release(&out);
    return result;
}

/* ---- the answer ---- */

/* Until `enough` says so; what is behind stays in the buffer. */
static int read_until(struct bj_client_ws *ws, size_t *ret_end, struct bj_error *err)
{
    int64_t until = bj_clock_us() + HANDSHAKE_US;

    for (;;) {
        char *found =
            ws->head.length > 0 ? memmem(ws->head.data, ws->head.length, "\r\n\r\n", 4) : NULL;
        char block[4096];
        size_t length = 0;
        CURLcode done;

        if (found != NULL) {
            *ret_end = (size_t)(found - ws->head.data) + 4;
            return 0;
        }
        done = curl_easy_recv(ws->curl, block, sizeof block, &length);
        if (done == CURLE_AGAIN && wait_for(ws, POLLIN, until))
            continue;
        if (done != CURLE_OK || length == 0)
            return bj_fail(err, BJ_E_BUSY, "connect", "the connection to %s broke",
                           ws->client->place.shown);
        bj_buf_append(&ws->head, block, length);
        if (ws->head.failed)
            return bj_fail(err, BJ_E_PROTOCOL, "connect", "%s does not answer as HTTP does",
                           ws->client->place.shown);
    }
}

/* A header's value within the head; NULL if there is none. */
static const char *header_of(const char *head, const char *name, size_t *ret_length)
{
    size_t size = strlen(name);

    for (const char *line = strstr(head, "\r\n"); line != NULL; line = strstr(line, "\r\n")) {
        line += 2;
        if (strncasecmp(line, name, size) == 0 && line[size] == ':') {
            line += size + 1;
            line += strspn(line, " \t");
            *ret_length = strcspn(line, "\r");
            return line;
        }
    }
    return NULL;
}

/* The rest of a body that says how long it is, for the words in it. */
static void read_body(struct bj_client_ws *ws, size_t end)
{
    int64_t until = bj_clock_us() + HANDSHAKE_US, size = 0;
    size_t length = 0;
    char number[24];
    const char *value = header_of(ws->head.data, "Content-Length", &length);

    if (value == NULL || length >= sizeof number)
        return;
    memcpy(number, value, length);
    number[length] = '\0';
    if (!bj_parse_int64(number, &size) || size < 0 || size > BJ_CLIENT_HEAD_MAX)
        return;
    while (ws->head.length < end + (size_t)size && !ws->head.failed) {
        char block[4096];
        CURLcode done = curl_easy_recv(ws->curl, block, sizeof block, &length);

        if (done == CURLE_AGAIN && wait_for(ws, POLLIN, until))
            continue;
        if (done != CURLE_OK || length == 0)
            return;
        bj_buf_append(&ws->head, block, length);
    }
}

static bool is_accepted(const struct bj_client_ws *ws)
{
    uint8_t digest[SHA1_DIGEST_SIZE];
    struct sha1_ctx sha1;
    struct bj_buf wanted;
    size_t length = 0;
    const char *given = header_of(ws->head.data, "Sec-WebSocket-Accept", &length);
    bool same;

    sha1_init(&sha1);
    sha1_update(&sha1, strlen(ws->key), (const uint8_t *)ws->key);
    sha1_update(&sha1, strlen(GUID), (const uint8_t *)GUID);
    sha1_digest(&sha1, sizeof digest, digest);
    bj_buf_init(&wanted, 64);
    bj_base64_put(&wanted, digest, sizeof digest);
    same = given != NULL && length == wanted.length &&
           memcmp(given, bj_buf_text(&wanted), length) == 0;
    bj_buf_release(&wanted);
    return same;
}

static int read_answer(struct bj_client_ws *ws, struct bj_error *err)
{
    size_t end = 0;
    int status = 0, result = read_until(ws, &end, err);

    if (result < 0)
        return result;
    if (sscanf(ws->head.data, "HTTP/1.%*1d %3d", &status) != 1)
        return bj_fail(err, BJ_E_PROTOCOL, "connect", "%s does not answer as HTTP does",
                       ws->client->place.shown);
    if (status != 101) {
        read_body(ws, end);
        return bj_client_refused(ws->client, status, ws->head.data + end, ws->head.length - end,
                                 err);
    }
    if (!is_accepted(ws))
        return bj_fail(err, BJ_E_PROTOCOL, "connect", "%s does not take this for a WebSocket",
                       ws->client->place.shown);
    ws->taken = end;
    return 0;
}

/* ---- frames ---- */

static ssize_t receive(wslay_event_context_ptr wslay, uint8_t *data, size_t length, int flags,
                       void *context)
{
    struct bj_client_ws *ws = context;
    size_t got = ws->head.length - ws->taken;
    CURLcode done;

    (void)flags;
    if (got > 0) { /* it came with the answer */
        if (got > length)
            got = length;
        memcpy(data, ws->head.data + ws->taken, got);
        ws->taken += got;
        return (ssize_t)got;
    }
    done = curl_easy_recv(ws->curl, data, length, &got);
    if (done == CURLE_OK && got > 0)
        return (ssize_t)got;
    wslay_event_set_error(wslay,
                          done == CURLE_AGAIN ? WSLAY_ERR_WOULDBLOCK : WSLAY_ERR_CALLBACK_FAILURE);
    return -1;
}

static ssize_t transmit(wslay_event_context_ptr wslay, const uint8_t *data, size_t length,
                        int flags, void *context)
{
    struct bj_client_ws *ws = context;
    size_t sent = 0;
    CURLcode done = curl_easy_send(ws->curl, data, length, &sent);

    (void)flags;
    if (done == CURLE_OK)
        return (ssize_t)sent;
    wslay_event_set_error(wslay,
                          done == CURLE_AGAIN ? WSLAY_ERR_WOULDBLOCK : WSLAY_ERR_CALLBACK_FAILURE);
    return -1;
}

static int mask(wslay_event_context_ptr wslay, uint8_t *data, size_t length, void *context)
{
    (void)wslay;
    (void)context;
    return getrandom(data, length, 0) == (ssize_t)length ? 0 : -1;
}

static void message(wslay_event_context_ptr wslay, const struct wslay_event_on_msg_recv_arg *what,
                    void *context)
{
    struct bj_client_ws *ws = context;

    (void)wslay;
    if (what->opcode == WSLAY_TEXT_FRAME)
        ws->events->text(ws->context, (const char *)what->msg, what->msg_length);
    else if (what->opcode == WSLAY_BINARY_FRAME)
        ws->events->binary(ws->context, what->msg, what->msg_length);
}

int bj_client_ws_open(struct bj_client *client, const char *path,
                      const struct bj_client_ws_events *events, void *context,
                      struct bj_client_ws **ret, struct bj_error *err)
{
    static const struct wslay_event_callbacks callbacks = {.recv_callback = receive,
                                                           .send_callback = transmit,
                                                           .genmask_callback = mask,
                                                           .on_msg_recv_callback = message};
    struct bj_client_ws *ws = bj_alloc(sizeof *ws);
    int result;

    if (ws == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "connect", "out of memory");
    ws->client = client;
    ws->events = events;
    ws->context = context;
    bj_buf_init(&ws->head, 2 * BJ_CLIENT_HEAD_MAX);
    result = connect_service(ws, err);
    if (result == 0)
        result = send_request(ws, path, err);
    if (result == 0)
        result = read_answer(ws, err);
    if (result == 0 && wslay_event_context_client_init(&ws->wslay, &callbacks, ws) != 0)
        result = bj_fail(err, BJ_E_NO_MEMORY, "connect", "out of memory");
    if (result < 0) {
        bj_client_ws_free(ws);
        return result;
    }
    wslay_event_config_set_max_recv_msg_length(ws->wslay, BJ_CLIENT_MESSAGE_MAX);
    *ret = ws;
    return 0;
}

void bj_client_ws_free(struct bj_client_ws *ws)
{
    if (ws == NULL)
        return;
    if (ws->wslay != NULL)
        wslay_event_context_free(ws->wslay);
    if (ws->curl != NULL)
        curl_easy_cleanup(ws->curl);
    bj_buf_release(&ws->head);
    bj_free(ws);
}

int bj_client_ws_fd(const struct bj_client_ws *ws)
{
    return (int)ws->fd;
}

bool bj_client_ws_wants_write(const struct bj_client_ws *ws)
{
    return wslay_event_want_write(ws->wslay) != 0;
}

size_t bj_client_ws_waiting(const struct bj_client_ws *ws)
{
    return wslay_event_get_queued_msg_length(ws->wslay);
}

bool bj_client_ws_send(struct bj_client_ws *ws, bool binary, const void *data, size_t length)
{
    struct wslay_event_msg out = {binary ? WSLAY_BINARY_FRAME : WSLAY_TEXT_FRAME, data, length};

    return wslay_event_queue_msg(ws->wslay, &out) == 0;
}

bool bj_client_ws_pump(struct bj_client_ws *ws)
{
    if (wslay_event_recv(ws->wslay) != 0 || wslay_event_send(ws->wslay) != 0)
        return false;
    return wslay_event_want_read(ws->wslay) || wslay_event_want_write(ws->wslay);
}
