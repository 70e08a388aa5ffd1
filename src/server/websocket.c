/*
 * WebSockets: wslay takes the frames apart and answers pings and closes; messages are whole and
 * bounded. A client that says nothing is asked for a sign of life, so that one that went without a
 * word does not hold its terminal for ever.
 */
#include "server/websocket.h"

#include <errno.h>
#include <openssl/evp.h>
#include <string.h>
#include <strings.h>
#include <wslay/wslay.h>

#include "base/mem.h"

#define ACCEPT_GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
#define KEY_LENGTH  24          /* 16 bytes in base64 */
#define TURN_MAX    (256 << 10) /* bytes taken from one client at one turn of the loop */

struct bj_websocket {
    struct bj_connection *connection;
    wslay_event_context_ptr context;
    bj_frame_fn frame;
    void *frame_context;
    size_t taken;
    bool paused, pinged, told, receiving, over;
};

/* ---- What wslay calls ---- */

static ssize_t on_receive(wslay_event_context_ptr context, uint8_t *data, size_t size, int flags,
                          void *user)
{
    struct bj_websocket *websocket = user;
    struct bj_connection *connection = websocket->connection;
    size_t ahead = connection->in_end - connection->parsed;
    ssize_t got;

    (void)flags;
    if (websocket->paused || websocket->over || websocket->taken >= TURN_MAX ||
        connection->phase != BJ_PHASE_WEBSOCKET) {
        wslay_event_set_error(context, WSLAY_ERR_WOULDBLOCK);
        return -1;
    }
    if (ahead > 0) {
        size = size < ahead ? size : ahead;
        memcpy(data, connection->in + connection->parsed, size);
        connection->parsed += size;
        websocket->taken += size;
        return (ssize_t)size;
    }
    got = bj_connection_receive(connection, data, size);
    if (got > 0) {
        websocket->taken += (size_t)got;
        return got;
    }
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
        wslay_event_set_error(context, WSLAY_ERR_WOULDBLOCK);
        return -1;
    }
    bj_connection_close(connection);
    wslay_event_set_error(context, WSLAY_ERR_CALLBACK_FAILURE);
    return -1;
}

static ssize_t on_send(wslay_event_context_ptr context, const uint8_t *data, size_t length,
                       int flags, void *user)
{
    struct bj_websocket *websocket = user;

    (void)context;
    (void)flags;
    bj_connection_put(websocket->connection, data, length);
    return (ssize_t)length;
}

static void on_message(wslay_event_context_ptr context,
                       const struct wslay_event_on_msg_recv_arg *message, void *user)
{
    struct bj_websocket *websocket = user;

    (void)context;
    if (websocket->over || websocket->told)
        return;
    if (message->opcode == WSLAY_TEXT_FRAME || message->opcode == WSLAY_BINARY_FRAME)
        websocket->frame(websocket->frame_context, message->opcode == WSLAY_BINARY_FRAME,
                         message->msg != NULL ? (const char *)message->msg : "",
                         message->msg_length);
}

/* ---- The handshake ---- */

static bool refuse(struct bj_connection *connection, enum bj_api_error which, const char *message)
{
    bj_refuse(connection, BJ_E_INVALID, which, "%s", message);
    if (which == BJ_API_UPGRADE_REQUIRED) {
        bj_exchange_set_header(&connection->exchange, "Upgrade", "websocket");
        bj_exchange_set_header(&connection->exchange, "Sec-WebSocket-Version", "13");
    }
    bj_response_refuse(connection);
    return false;
}

static bool check_handshake(struct bj_connection *connection)
{
    struct bj_text upgrade = bj_head_text(connection, BJ_HEADER_UPGRADE);
    struct bj_text version = bj_head_text(connection, BJ_HEADER_SEC_WEBSOCKET_VERSION);
    struct bj_text key = bj_head_text(connection, BJ_HEADER_SEC_WEBSOCKET_KEY);
    unsigned char bytes[KEY_LENGTH];

    if (!connection->parser.upgrade || upgrade.length != 9 ||
        strncasecmp(upgrade.at, "websocket", 9) != 0 || connection->parser.http_minor < 1 ||
        connection->parser.method != HTTP_GET)
        return refuse(connection, BJ_API_UPGRADE_REQUIRED,
                      "this address speaks WebSocket: ask for it with Upgrade");
    if (version.length != 2 || memcmp(version.at, "13", 2) != 0)
        return refuse(connection, BJ_API_UPGRADE_REQUIRED,
                      "only version 13 of WebSocket is spoken here");
    if (key.length != KEY_LENGTH ||
        EVP_DecodeBlock(bytes, (const unsigned char *)key.at, KEY_LENGTH) != 18 ||
        key.at[KEY_LENGTH - 1] != '=' || key.at[KEY_LENGTH - 2] != '=')
        return refuse(connection, BJ_API_PLAIN, "Sec-WebSocket-Key must be 16 bytes in base64");
    return true;
}

static void accept_key(struct bj_connection *connection)
{
    struct bj_text key = bj_head_text(connection, BJ_HEADER_SEC_WEBSOCKET_KEY);
    char text[KEY_LENGTH + sizeof ACCEPT_GUID], accept[32];
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;

    memcpy(text, key.at, KEY_LENGTH);
    memcpy(text + KEY_LENGTH, ACCEPT_GUID, sizeof ACCEPT_GUID);
    EVP_Digest(text, sizeof text - 1, digest, &length, EVP_sha1(), NULL);
    EVP_EncodeBlock((unsigned char *)accept, digest, (int)length);
    bj_exchange_set_header(&connection->exchange, "Upgrade", "websocket");
    bj_exchange_set_header(&connection->exchange, "Connection", "Upgrade");
    bj_exchange_set_header(&connection->exchange, "Sec-WebSocket-Accept", accept);
}

bool bj_websocket_upgrade(struct bj_exchange *exchange, bj_frame_fn frame, void *context)
{
    static const struct wslay_event_callbacks callbacks = {
        .recv_callback = on_receive,
        .send_callback = on_send,
        .on_msg_recv_callback = on_message,
    };
    struct bj_connection *connection = bj_connection_of(exchange);
    struct bj_websocket *websocket;

    if (!check_handshake(connection))
        return false;
    websocket = bj_alloc(sizeof *websocket);
    if (websocket == NULL ||
        wslay_event_context_server_init(&websocket->context, &callbacks, websocket) != 0) {
        bj_free(websocket);
        bj_refuse(connection, BJ_E_NO_MEMORY, BJ_API_PLAIN, "no memory for the WebSocket");
        bj_response_refuse(connection);
        return false;
    }
    wslay_event_config_set_max_recv_msg_length(websocket->context, BJ_HTTP_MESSAGE_MAX);
    websocket->connection = connection;
    websocket->frame = frame;
    websocket->frame_context = context;
    connection->websocket = websocket;
    accept_key(connection);
    bj_exchange_begin(exchange, 101, NULL);
    if (connection->phase != BJ_PHASE_CLOSED) {
        bj_connection_set_phase(connection, BJ_PHASE_WEBSOCKET);
        /* Frames may stand behind the head already; they are looked at when the loop turns. */
        bj_connection_watch(connection);
    }
    return true;
}

/* ---- Messages ---- */

static bool flush(struct bj_websocket *websocket)
{
    struct bj_connection *connection = websocket->connection;

    wslay_event_send(websocket->context);
    connection->draining = bj_connection_pending(connection) >= BJ_HTTP_PENDING;
    return !connection->draining;
}

bool bj_websocket_send(struct bj_exchange *exchange, bool binary, const void *data, size_t length)
{
    struct bj_connection *connection = bj_connection_of(exchange);
    struct bj_websocket *websocket = connection->websocket;
    struct wslay_event_msg message = {.opcode = binary ? WSLAY_BINARY_FRAME : WSLAY_TEXT_FRAME,
                                      .msg = data,
                                      .msg_length = length};

    if (websocket == NULL || connection->phase != BJ_PHASE_WEBSOCKET)
        return true;
    connection->body_bytes += (int64_t)length;
    /* Refused only when it is closing, or without memory, which the client must not miss. */
    if (wslay_event_queue_msg(websocket->context, &message) == WSLAY_ERR_NOMEM) {
        bj_connection_close(connection);
        return true;
    }
    return flush(websocket);
}

void bj_websocket_pause(struct bj_exchange *exchange, bool pause)
{
    struct bj_connection *connection = bj_connection_of(exchange);

    if (connection->websocket == NULL)
        return;
    connection->websocket->paused = pause;
    bj_connection_renew(connection);
    bj_connection_watch(connection);
}

void bj_websocket_close(struct bj_exchange *exchange, int code, const char *reason)
{
    struct bj_connection *connection = bj_connection_of(exchange);
    struct bj_websocket *websocket = connection->websocket;
    size_t length = reason != NULL ? strlen(reason) : 0;

    if (websocket == NULL || connection->phase != BJ_PHASE_WEBSOCKET)
        return;
    wslay_event_queue_close(websocket->context, (uint16_t)code, (const uint8_t *)reason,
                            length < 123 ? length : 123);
    flush(websocket);
}

void bj_websocket_gone(struct bj_connection *connection)
{
    struct bj_websocket *websocket = connection->websocket;

    if (websocket == NULL || websocket->told || websocket->over)
        return;
    websocket->told = true;
    websocket->frame(websocket->frame_context, false, NULL, 0);
}

void bj_websocket_readable(struct bj_connection *connection)
{
    struct bj_websocket *websocket = connection->websocket;

    if (websocket == NULL || websocket->receiving)
        return;
    websocket->receiving = true;
    websocket->taken = 0;
    websocket->pinged = false;
    if (wslay_event_recv(websocket->context) != 0 && connection->phase == BJ_PHASE_WEBSOCKET)
        bj_connection_close(connection);
    websocket->receiving = false;
    if (websocket->over) {
        bj_websocket_free(connection);
        return;
    }
    if (connection->phase != BJ_PHASE_WEBSOCKET)
        return;
    flush(websocket);
    if (!wslay_event_want_read(websocket->context))
        bj_websocket_gone(connection);
}

bool bj_websocket_reads(const struct bj_connection *connection)
{
    const struct bj_websocket *websocket = connection->websocket;

    return websocket != NULL && !websocket->paused && !websocket->told &&
           bj_connection_pending(connection) < BJ_HTTP_PENDING;
}

bool bj_websocket_waits(const struct bj_connection *connection)
{
    return bj_websocket_reads(connection) && connection->in_end > connection->parsed;
}

bool bj_websocket_ping(struct bj_connection *connection)
{
    struct bj_websocket *websocket = connection->websocket;
    const struct wslay_event_msg ping = {.opcode = WSLAY_PING};

    if (websocket->paused)
        return true;
    if (websocket->pinged)
        return false;
    websocket->pinged = true;
    wslay_event_queue_msg(websocket->context, &ping);
    flush(websocket);
    return true;
}

void bj_websocket_free(struct bj_connection *connection)
{
    struct bj_websocket *websocket = connection->websocket;

    if (websocket == NULL)
        return;
    websocket->over = true;
    if (websocket->receiving)
        return; /* it is on the stack, and goes when it is left */
    connection->websocket = NULL;
    wslay_event_context_free(websocket->context);
    bj_free(websocket);
}
