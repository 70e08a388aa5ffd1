/* Messages between the service's processes: their head, and what they have in common. */
#include "wire/keeper.h"

#include <string.h>

static const char *const names[] = {"",
#define MESSAGE_NAME(type) #type,
                                    BJ_MESSAGES(MESSAGE_NAME)
#undef MESSAGE_NAME
};

const char *bj_message_name(enum bj_message_type type)
{
    return type > BJ_MESSAGE_NONE && type < BJ_MESSAGE_COUNT ? names[type] : "";
}

void bj_message_begin(struct bj_buf *out, enum bj_message_type type, uint64_t id)
{
    const struct bj_message_head head = {
        .magic = BJ_MESSAGE_MAGIC, .type = (uint16_t)type, .id = id};

    bj_buf_append(out, &head, sizeof head);
}

struct bj_message_head *bj_message_head(struct bj_buf *out)
{
    return out->failed || out->length < sizeof(struct bj_message_head)
               ? NULL
               : (struct bj_message_head *)(void *)out->data;
}

bool bj_message_end(struct bj_buf *out)
{
    struct bj_message_head *head = bj_message_head(out);

    if (head == NULL || out->length > BJ_MESSAGE_MAX)
        return false;
    head->length = (uint32_t)(out->length - sizeof *head);
    return true;
}

int bj_message_get(const void *packet, size_t size, struct bj_message *ret, struct bj_error *err)
{
    struct bj_message_head head;

    if (size < sizeof head || size > BJ_MESSAGE_MAX)
        return bj_fail(err, BJ_E_PROTOCOL, "message", "a message of %zu bytes is no message", size);
    memcpy(&head, packet, sizeof head);
    if (head.magic != BJ_MESSAGE_MAGIC || bj_message_name(head.type)[0] == '\0')
        return bj_fail(err, BJ_E_PROTOCOL, "message",
                       "a message is not one of this version of the protocol");
    if (head.length != size - sizeof head || head.fds > BJ_FRAME_FDS_MAX)
        return bj_fail(err, BJ_E_PROTOCOL, "message", "a message %s has a wrong length or count",
                       bj_message_name(head.type));
    *ret = (struct bj_message){.head = head, .body = (const char *)packet + sizeof head};
    return 0;
}

int bj_message_fail(const struct bj_message *message, struct bj_error *err)
{
    return bj_fail(err, BJ_E_PROTOCOL, "message", "a message %s is malformed",
                   bj_message_name(message->head.type));
}

void bj_message_put_error(struct bj_buf *out, const struct bj_error *error)
{
    bj_buf_append(out, error, sizeof *error);
}

int bj_message_get_error(const struct bj_message *message, struct bj_error *ret,
                         struct bj_error *err)
{
    struct bj_error error;

    if (message->head.length != sizeof error)
        return bj_message_fail(message, err);
    memcpy(&error, message->body, sizeof error);
    if (error.code <= BJ_E_OK || error.code >= BJ_CODE_COUNT ||
        memchr(error.step, '\0', sizeof error.step) == NULL ||
        memchr(error.message, '\0', sizeof error.message) == NULL)
        return bj_message_fail(message, err);
    *ret = error;
    return 0;
}
