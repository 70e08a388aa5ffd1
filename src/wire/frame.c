/* The codec of init's messages. */
#include "wire/frame.h"

#include <string.h>

struct spawn_fixed {
    uint32_t flags, argc, envc;
    uint16_t rows, columns;
};

struct open_fixed {
    int32_t flags;
    uint32_t mode, any_kind;
};

struct endpoint_fixed {
    int32_t family;
    uint16_t port, reserved;
};

void bj_frame_put(struct bj_buf *out, struct bj_frame_head head, const void *body)
{
    head.magic = BJ_FRAME_MAGIC;
    bj_buf_append(out, &head, sizeof head);
    if (head.length > 0)
        bj_buf_append(out, body, head.length);
}

/* Writes the length into the head that starts at `start`, once the body is there. */
static void finish(struct bj_buf *out, size_t start)
{
    struct bj_frame_head head;

    if (out->failed)
        return;
    memcpy(&head, out->data + start, sizeof head);
    head.length = (uint32_t)(out->length - start - sizeof head);
    memcpy(out->data + start, &head, sizeof head);
}

static void put_string(struct bj_buf *out, const char *text)
{
    bj_buf_append(out, text, strlen(text) + 1);
}

void bj_frame_put_spawn(struct bj_buf *out, uint32_t id, const struct bj_spawn *spawn, uint16_t fds)
{
    struct spawn_fixed fixed = {
        .flags = spawn->flags, .rows = spawn->rows, .columns = spawn->columns};
    size_t start = out->length;

    while (spawn->argv[fixed.argc] != NULL)
        fixed.argc++;
    while (spawn->env[fixed.envc] != NULL)
        fixed.envc++;
    bj_frame_put(out, (struct bj_frame_head){.type = BJ_FRAME_SPAWN, .id = id, .fds = fds}, NULL);
    bj_buf_append(out, &fixed, sizeof fixed);
    put_string(out, spawn->directory);
    for (uint32_t i = 0; i < fixed.argc; i++)
        put_string(out, spawn->argv[i]);
    for (uint32_t i = 0; i < fixed.envc; i++)
        put_string(out, spawn->env[i]);
    finish(out, start);
}

void bj_frame_put_open(struct bj_buf *out, uint32_t id, const struct bj_open *request)
{
    struct open_fixed fixed = {
        .flags = request->flags, .mode = request->mode, .any_kind = request->any_kind};
    size_t start = out->length;

    bj_frame_put(out, (struct bj_frame_head){.type = BJ_FRAME_OPEN, .id = id}, NULL);
    bj_buf_append(out, &fixed, sizeof fixed);
    put_string(out, request->path);
    finish(out, start);
}

void bj_frame_put_endpoint(struct bj_buf *out, enum bj_frame_type type, uint32_t id,
                           const struct bj_endpoint *endpoint)
{
    struct endpoint_fixed fixed = {.family = endpoint->family, .port = endpoint->port};
    size_t start = out->length;

    bj_frame_put(out, (struct bj_frame_head){.type = (uint16_t)type, .id = id}, NULL);
    bj_buf_append(out, &fixed, sizeof fixed);
    put_string(out, endpoint->address);
    finish(out, start);
}

int bj_frame_get(const void *packet, size_t size, struct bj_frame *ret, struct bj_error *err)
{
    if (size < sizeof ret->head)
        return bj_fail(err, BJ_E_PROTOCOL, "frame", "a message of %zu bytes is too short", size);
    memcpy(&ret->head, packet, sizeof ret->head);
    if (ret->head.magic != BJ_FRAME_MAGIC || ret->head.type == 0 ||
        ret->head.type >= BJ_FRAME_TYPE_COUNT)
        return bj_fail(err, BJ_E_PROTOCOL, "frame", "not a message of this protocol");
    if (ret->head.length != size - sizeof ret->head || ret->head.fds > BJ_FRAME_FDS_MAX)
        return bj_fail(err, BJ_E_PROTOCOL, "frame", "the message's length or count is wrong");
    ret->body = (const char *)packet + sizeof ret->head;
    return 0;
}

/* Reading a body from front to back. */
struct cursor {
    const char *at, *end;
};

static int take(struct cursor *cursor, void *ret, size_t size, struct bj_error *err)
{
    if ((size_t)(cursor->end - cursor->at) < size)
        return bj_fail(err, BJ_E_PROTOCOL, "frame", "the message's body is cut short");
    memcpy(ret, cursor->at, size);
    cursor->at += size;
    return 0;
}

static int take_string(struct cursor *cursor, const char **ret, struct bj_error *err)
{
    const char *nul = memchr(cursor->at, '\0', (size_t)(cursor->end - cursor->at));

    if (nul == NULL)
        return bj_fail(err, BJ_E_PROTOCOL, "frame", "a string in the message has no end");
    *ret = cursor->at;
    cursor->at = nul + 1;
    return 0;
}

static int at_end(const struct cursor *cursor, struct bj_error *err)
{
    if (cursor->at != cursor->end)
        return bj_fail(err, BJ_E_PROTOCOL, "frame", "the message has bytes left over");
    return 0;
}

static struct cursor cursor_of(const struct bj_frame *frame)
{
    return (struct cursor){frame->body, frame->body + frame->head.length};
}

static int take_strings(struct cursor *cursor, const char **strings, uint32_t count,
                        struct bj_error *err)
{
    for (uint32_t i = 0; i < count; i++) {
        int result = take_string(cursor, &strings[i], err);

        if (result < 0)
            return result;
    }
    strings[count] = NULL;
    return 0;
}

int bj_frame_get_spawn(const struct bj_frame *frame, const char **strings, size_t capacity,
                       struct bj_spawn *ret, struct bj_error *err)
{
    struct cursor cursor = cursor_of(frame);
    struct bj_spawn spawn = {0};
    struct spawn_fixed fixed;
    int result = take(&cursor, &fixed, sizeof fixed, err);

    if (result < 0)
        return result;
    if (fixed.argc < (fixed.flags & BJ_SPAWN_NAMED ? 2 : 1) ||
        (uint64_t)fixed.argc + fixed.envc + 2 > capacity)
        return bj_fail(err, BJ_E_PROTOCOL, "frame",
                       "%u arguments and %u variables are out of range", fixed.argc, fixed.envc);
    result = take_string(&cursor, &spawn.directory, err);
    if (result == 0)
        result = take_strings(&cursor, strings, fixed.argc, err);
    if (result == 0)
        result = take_strings(&cursor, strings + fixed.argc + 1, fixed.envc, err);
    if (result == 0)
        result = at_end(&cursor, err);
    if (result < 0)
        return result;
    spawn.flags = fixed.flags;
    spawn.rows = fixed.rows;
    spawn.columns = fixed.columns;
    spawn.argv = strings;
    spawn.env = strings + fixed.argc + 1;
    *ret = spawn;
    return 0;
}

int bj_frame_get_open(const struct bj_frame *frame, struct bj_open *ret, struct bj_error *err)
{
    struct cursor cursor = cursor_of(frame);
    struct open_fixed fixed;
    const char *path = NULL;
    int result = take(&cursor, &fixed, sizeof fixed, err);

    if (result == 0)
        result = take_string(&cursor, &path, err);
    if (result == 0)
        result = at_end(&cursor, err);
    if (result < 0)
        return result;
    *ret = (struct bj_open){
        .flags = fixed.flags, .mode = fixed.mode, .any_kind = fixed.any_kind, .path = path};
    return 0;
}

int bj_frame_get_endpoint(const struct bj_frame *frame, struct bj_endpoint *ret,
                          struct bj_error *err)
{
    struct cursor cursor = cursor_of(frame);
    struct endpoint_fixed fixed;
    const char *address = NULL;
    int result = take(&cursor, &fixed, sizeof fixed, err);

    if (result == 0)
        result = take_string(&cursor, &address, err);
    if (result == 0)
        result = at_end(&cursor, err);
    if (result < 0)
        return result;
    *ret = (struct bj_endpoint){.family = fixed.family, .port = fixed.port, .address = address};
    return 0;
}

int bj_frame_get_struct(const struct bj_frame *frame, void *ret, size_t size, struct bj_error *err)
{
    if (frame->head.length != size)
        return bj_fail(err, BJ_E_PROTOCOL, "frame", "the message's body has the wrong size");
    memcpy(ret, frame->body, size);
    return 0;
}
