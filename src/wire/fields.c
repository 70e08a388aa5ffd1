/* Packing and unpacking structs by their tables. */
#include "wire/fields.h"

#include <math.h>
#include <string.h>

#include "base/str.h"

_Static_assert(sizeof(enum bj_wire_field_type) == sizeof(uint32_t),
               "an enum is as wide as a number");

static int64_t bits_of(double value)
{
    int64_t bits;

    memcpy(&bits, &value, sizeof bits);
    return bits;
}

void bj_wire_field_put(struct bj_buf *out, const struct bj_wire_field *field, const void *value)
{
    const char *at = (const char *)value + field->offset;

    switch (field->type) {
    case BJ_FIELD_BOOL:
        bj_pack_u32(out, *(const bool *)at);
        break;
    case BJ_FIELD_U16:
        bj_pack_u32(out, *(const uint16_t *)at);
        break;
    case BJ_FIELD_U32:
    case BJ_FIELD_I32:
    case BJ_FIELD_ENUM:
        bj_buf_append(out, at, sizeof(uint32_t));
        break;
    case BJ_FIELD_I64:
        bj_pack_i64(out, *(const int64_t *)at);
        break;
    case BJ_FIELD_REAL:
        bj_pack_i64(out, bits_of(*(const double *)at));
        break;
    case BJ_FIELD_TEXT:
    case BJ_FIELD_STRING:
        bj_pack_text(out, *(const char *const *)at);
        break;
    case BJ_FIELD_CHARS:
        bj_pack_text(out, at);
        break;
    case BJ_FIELD_LIST:
        bj_pack_list(out, *(const char *const *const *)at);
        break;
    case BJ_FIELD_BYTES:
        bj_pack_bytes(out, *(const void *const *)at,
                      *(const size_t *)((const char *)value + field->extra));
        break;
    }
}

/* A number that must be less than `end`. */
static uint32_t get_below(struct bj_unpack *in, uint32_t end)
{
    uint32_t value = bj_unpack_u32(in);

    if (value < end)
        return value;
    in->failed = true;
    return 0;
}

static double get_real(struct bj_unpack *in)
{
    int64_t bits = bj_unpack_i64(in);
    double value;

    memcpy(&value, &bits, sizeof value);
    if (isfinite(value))
        return value;
    in->failed = true;
    return 0;
}

void bj_wire_field_get(struct bj_unpack *in, const struct bj_wire_field *field,
                       struct bj_wire_field_lists *lists, void *ret)
{
    char *at = (char *)ret + field->offset;

    switch (field->type) {
    case BJ_FIELD_BOOL:
        *(bool *)at = get_below(in, 2) != 0;
        break;
    case BJ_FIELD_U16:
        *(uint16_t *)at = (uint16_t)get_below(in, UINT16_MAX + 1u);
        break;
    case BJ_FIELD_U32:
    case BJ_FIELD_I32:
        *(uint32_t *)at = bj_unpack_u32(in);
        break;
    case BJ_FIELD_ENUM:
        *(uint32_t *)at = get_below(in, field->extra);
        break;
    case BJ_FIELD_I64:
        *(int64_t *)at = bj_unpack_i64(in);
        break;
    case BJ_FIELD_REAL:
        *(double *)at = get_real(in);
        break;
    case BJ_FIELD_TEXT:
        *(const char **)at = bj_unpack_text(in);
        break;
    case BJ_FIELD_STRING:
        *(const char **)at = bj_unpack_string(in);
        break;
    case BJ_FIELD_CHARS:
        if (!bj_str_copy(at, field->extra, bj_unpack_string(in)))
            in->failed = true;
        break;
    case BJ_FIELD_LIST:
        *(const char *const **)at =
            bj_unpack_list(in, lists->strings, lists->capacity, &lists->used);
        break;
    case BJ_FIELD_BYTES:
        *(const void **)at = bj_unpack_bytes(in, (size_t *)((char *)ret + field->extra));
        break;
    }
}

void bj_wire_fields_put(struct bj_buf *out, const struct bj_wire_field *fields, size_t count,
                        const void *value)
{
    for (size_t i = 0; i < count; i++)
        bj_wire_field_put(out, &fields[i], value);
}

void bj_wire_fields_get(struct bj_unpack *in, const struct bj_wire_field *fields, size_t count,
                        struct bj_wire_field_lists *lists, void *ret)
{
    for (size_t i = 0; i < count; i++)
        bj_wire_field_get(in, &fields[i], lists, ret);
}
