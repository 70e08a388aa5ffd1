/* Answers of programs behind ports. */
#include "server/answer.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "server/forward.h"

#define TEXT_MAX 64

static struct bj_program_answer *of_parser(llhttp_t *parser)
{
    return parser->data;
}

/* ---- The head, gathered ---- */

/* Bytes of the head, which lie one behind the other; returns where. */
static int gather(struct bj_program_answer *answer, uint16_t *at, uint16_t *length,
                  const char *data, size_t size)
{
    if (*length == 0)
        *at = (uint16_t)answer->text.length;
    bj_buf_append(&answer->text, data, size);
    *length = (uint16_t)(*length + size);
    return answer->text.failed ? -1 : 0;
}

static int on_field(llhttp_t *parser, const char *at, size_t length)
{
    struct bj_program_answer *answer = of_parser(parser);

    if (answer->head_done)
        return 0; /* trailers end here */
    if (!answer->in_field) {
        if (answer->count == BJ_HTTP_ANSWER_LINES)
            return -1;
        answer->headers[answer->count++] = (struct bj_header){0};
        answer->in_field = true;
    }
    return gather(answer, &answer->headers[answer->count - 1].name_at,
                  &answer->headers[answer->count - 1].name_length, at, length);
}

static int on_field_complete(llhttp_t *parser)
{
    of_parser(parser)->in_field = false;
    return 0;
}

static int on_value(llhttp_t *parser, const char *at, size_t length)
{
    struct bj_program_answer *answer = of_parser(parser);

    if (answer->head_done)
        return 0;
    if (answer->count == 0)
        return -1;
    return gather(answer, &answer->headers[answer->count - 1].value_at,
                  &answer->headers[answer->count - 1].value_length, at, length);
}

/* The parser leaves blanks behind a value to its caller. */
static void trim(const struct bj_program_answer *answer, struct bj_header *header)
{
    const char *value = answer->text.data + header->value_at;

    while (header->value_length > 0 &&
           (value[header->value_length - 1] == ' ' || value[header->value_length - 1] == '\t'))
        header->value_length--;
}

static const struct bj_header *find(const struct bj_program_answer *answer,
                                    const struct bj_forward *head, const char *name)
{
    for (uint32_t i = 0; i < answer->count; i++) {
        if (bj_forward_is(head, &answer->headers[i], name))
            return &answer->headers[i];
    }
    return NULL;
}

/* ---- The head, checked ---- */

/* Of the codings only chunked, and a length in one way: what several readers may take differently
 * is nobody's. */
static bool check_framing(const struct bj_program_answer *answer, const struct bj_forward *head)
{
    const llhttp_t *parser = &answer->parser;
    const struct bj_header *coding = find(answer, head, "transfer-encoding");

    if (parser->http_major != 1 || parser->http_minor > 1)
        return false;
    if (coding == NULL)
        return true;
    return find(answer, head, "content-length") == NULL && parser->http_minor == 1 &&
           coding->value_length == 7 &&
           strncasecmp(head->text + coding->value_at, "chunked", 7) == 0 &&
           parser->flags & F_CHUNKED;
}

/* 101 goes to who asked for another protocol, and for this one. */
static bool check_upgrade(const struct bj_program_answer *answer, const struct bj_forward *head)
{
    const struct bj_connection *connection = answer->connection;
    struct bj_text asked = bj_head_text(connection, BJ_HEADER_UPGRADE);
    const struct bj_header *got = find(answer, head, "upgrade");

    return connection->parser.upgrade && asked.at != NULL && got != NULL &&
           bj_forward_lists(asked.at, asked.length, head->text + got->value_at, got->value_length);
}

/* ---- The head, written ---- */

static bool has_no_body(const struct bj_program_answer *answer)
{
    int status = answer->parser.status_code;

    return answer->connection->head_only || status < 200 || status == 204 || status == 304;
}

static void put_framing(struct bj_program_answer *answer)
{
    struct bj_connection *connection = answer->connection;
    const llhttp_t *parser = &answer->parser;
    char line[TEXT_MAX];

    if (parser->status_code < 200 || parser->status_code == 204)
        return;
    if (parser->flags & F_CONTENT_LENGTH) {
        snprintf(line, sizeof line, "Content-Length: %llu\r\n",
                 (unsigned long long)parser->content_length);
        bj_connection_puts(connection, line);
    } else if (!has_no_body(answer) && connection->parser.http_minor >= 1) {
        answer->chunked = true;
        bj_connection_puts(connection, "Transfer-Encoding: chunked\r\n");
    }
}

static void put_upgrade(struct bj_program_answer *answer, const struct bj_forward *head)
{
    struct bj_connection *connection = answer->connection;
    const struct bj_header *upgrade = find(answer, head, "upgrade");

    bj_connection_puts(connection, "Connection: Upgrade\r\nUpgrade: ");
    bj_connection_put(connection, head->text + upgrade->value_at, upgrade->value_length);
    bj_connection_puts(connection, "\r\n");
}

static void put_head(struct bj_program_answer *answer, const struct bj_forward *head)
{
    struct bj_connection *connection = answer->connection;
    int status = answer->parser.status_code;
    char line[TEXT_MAX];

    snprintf(line, sizeof line, "HTTP/1.1 %d %s\r\n", status, bj_response_reason(status));
    bj_connection_puts(connection, line);
    for (uint32_t i = 0; i < answer->count; i++) {
        const struct bj_header *header = &answer->headers[i];

        if (!bj_forward_goes_on(head, header))
            continue;
        bj_connection_put(connection, head->text + header->name_at, header->name_length);
        bj_connection_puts(connection, ": ");
        bj_connection_put(connection, head->text + header->value_at, header->value_length);
        bj_connection_puts(connection, "\r\n");
    }
    put_framing(answer);
    if (status == 101)
        put_upgrade(answer, head);
    else if (status >= 200)
        bj_connection_puts(connection, "Connection: close\r\n");
    bj_connection_puts(connection, "\r\n");
}

/* The next one: a final answer behind one that was not. */
static void begin_head(struct bj_program_answer *answer)
{
    answer->text.length = 0;
    answer->count = 0;
    answer->head_bytes = 0;
    answer->in_field = answer->head_done = false;
}

static int on_head(llhttp_t *parser)
{
    struct bj_program_answer *answer = of_parser(parser);
    struct bj_forward head = {bj_buf_text(&answer->text), answer->headers, answer->count};
    int status = parser->status_code;

    answer->head_done = true;
    for (uint32_t i = 0; i < answer->count; i++)
        trim(answer, &answer->headers[i]);
    if (status < 100 || status > 599 || !check_framing(answer, &head) ||
        (status == 101 && !check_upgrade(answer, &head)))
        return -1;
    answer->open = status == 101;
    /* A client of HTTP/1.0 knows of one answer alone. */
    if (status < 200 && !answer->open && answer->connection->parser.http_minor == 0)
        return 1;
    answer->begun = answer->open || status >= 200;
    if (answer->begun)
        answer->connection->status = status;
    put_head(answer, &head);
    return answer->open ? 2 : has_no_body(answer) ? 1 : 0;
}

/* ---- The body ---- */

static int on_body(llhttp_t *parser, const char *at, size_t length)
{
    struct bj_program_answer *answer = of_parser(parser);
    struct bj_connection *connection = answer->connection;
    char line[TEXT_MAX];

    connection->body_bytes += (int64_t)length;
    if (answer->chunked) {
        snprintf(line, sizeof line, "%zx\r\n", length);
        bj_connection_puts(connection, line);
    }
    bj_connection_send(connection, at, length);
    if (answer->chunked)
        bj_connection_puts(connection, "\r\n");
    return 0;
}

static int on_end(llhttp_t *parser)
{
    struct bj_program_answer *answer = of_parser(parser);

    if (answer->open)
        return 0;
    if (parser->status_code < 200) {
        begin_head(answer);
        return 0;
    }
    if (answer->chunked)
        bj_connection_puts(answer->connection, "0\r\n\r\n");
    answer->done = true;
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_header_field = on_field,
    .on_header_field_complete = on_field_complete,
    .on_header_value = on_value,
    .on_headers_complete = on_head,
    .on_body = on_body,
    .on_message_complete = on_end,
};

/* ---- All of it ---- */

void bj_program_answer_init(struct bj_program_answer *answer, struct bj_connection *connection)
{
    *answer = (struct bj_program_answer){.connection = connection};
    bj_buf_init(&answer->text, BJ_HTTP_ANSWER_MAX);
    llhttp_init(&answer->parser, HTTP_RESPONSE, &settings);
    answer->parser.data = answer;
}

void bj_program_answer_release(struct bj_program_answer *answer)
{
    bj_buf_release(&answer->text);
}

ssize_t bj_program_answer_take(struct bj_program_answer *answer, const char *data, size_t length)
{
    llhttp_errno_t result = llhttp_execute(&answer->parser, data, length);

    if (answer->done || (answer->open && result == HPE_PAUSED_UPGRADE))
        return llhttp_get_error_pos(&answer->parser) - data;
    if (result != HPE_OK)
        return -1;
    if (!answer->head_done)
        answer->head_bytes += length;
    return answer->head_bytes > BJ_HTTP_ANSWER_MAX ? -1 : (ssize_t)length;
}

bool bj_program_answer_finish(struct bj_program_answer *answer)
{
    llhttp_finish(&answer->parser);
    return answer->done;
}
