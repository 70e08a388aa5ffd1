/*
 * Structs in messages by tables: a row for each member says where it is and what it is, and one
 * loop packs or unpacks all of them. So what is sent and what is read cannot come to differ, and a
 * new member is a new row.
 */
#ifndef BJ_WIRE_FIELDS_H
#define BJ_WIRE_FIELDS_H

#include <stddef.h>
#include <stdint.h>

#include "wire/pack.h"

/* Of the struct's member. */
enum bj_wire_field_type {
    BJ_FIELD_BOOL,
    BJ_FIELD_U16,
    BJ_FIELD_U32,
    BJ_FIELD_I32,
    BJ_FIELD_I64,
    BJ_FIELD_REAL,   /* double; finite */
    BJ_FIELD_ENUM,   /* `extra` values, from 0 on */
    BJ_FIELD_TEXT,   /* const char *, may be NULL */
    BJ_FIELD_STRING, /* const char *, is there */
    BJ_FIELD_CHARS,  /* char[extra] */
    BJ_FIELD_LIST,   /* const char *const *; unpacked never NULL */
    BJ_FIELD_BYTES,  /* const void *; its size_t length is at offset `extra` */
};

struct bj_wire_field {
    const char *name;
    enum bj_wire_field_type type;
    uint32_t offset;
    uint32_t extra;
};
#define BJ_FIELD(type, what, member)                                                               \
    {                                                                                              \
#member, BJ_FIELD_##what, offsetof(type, member), 0                                        \
    }
#define BJ_FIELD_ARRAY(type, member)                                                               \
    {                                                                                              \
#member, BJ_FIELD_CHARS, offsetof(type, member), sizeof(((type *)NULL)->member)            \
    }
#define BJ_FIELD_CHOICE(type, member, count)                                                       \
    {                                                                                              \
#member, BJ_FIELD_ENUM, offsetof(type, member), count                                      \
    }
#define BJ_FIELD_DATA(type, member, length)                                                        \
    {                                                                                              \
#member, BJ_FIELD_BYTES, offsetof(type, member), offsetof(type, length)                    \
    }

/* Where the pointers of lists are laid out. */
struct bj_wire_field_lists {
    const char **strings;
    size_t capacity;
    size_t used;
};

void bj_wire_field_put(struct bj_buf *out, const struct bj_wire_field *field, const void *value);
/* A member that is wrong fails `in`. Texts and bytes point into the message. */
void bj_wire_field_get(struct bj_unpack *in, const struct bj_wire_field *field,
                       struct bj_wire_field_lists *lists, void *ret);

void bj_wire_fields_put(struct bj_buf *out, const struct bj_wire_field *fields, size_t count,
                        const void *value);
/* `lists` may be NULL where there are none. */
void bj_wire_fields_get(struct bj_unpack *in, const struct bj_wire_field *fields, size_t count,
                        struct bj_wire_field_lists *lists, void *ret);
/* How many rows a table has. */
#define BJ_FIELDS(table) (table), sizeof(table) / sizeof *(table)

#endif
