/* The shapes of requests and answers, by file; this folder's own. */
#ifndef BJ_API_SCHEMAS_H
#define BJ_API_SCHEMAS_H

#include "api/route.h"

/* Rows of fields. The last of a schema's is BJ_END. */
#define BJ_TEXT(field, max, ...)                                                                   \
    {                                                                                              \
        .name = (field), .type = BJ_TYPE_STRING, .maximum = (max), __VA_ARGS__                     \
    }
#define BJ_WHOLE(field, least, most, ...)                                                          \
    {                                                                                              \
        .name = (field), .type = BJ_TYPE_INTEGER, .minimum = (least), .maximum = (most),           \
        __VA_ARGS__                                                                                \
    }
#define BJ_NUMBER(field, least, most, ...)                                                         \
    {                                                                                              \
        .name = (field), .type = BJ_TYPE_NUMBER, .minimum = (least), .maximum = (most),            \
        __VA_ARGS__                                                                                \
    }
#define BJ_SWITCH(field, ...)                                                                      \
    {                                                                                              \
        .name = (field), .type = BJ_TYPE_BOOLEAN, __VA_ARGS__                                      \
    }
#define BJ_TEXTS(field, most, ...)                                                                 \
    {                                                                                              \
        .name = (field), .type = BJ_TYPE_LIST, .maximum = (most), __VA_ARGS__                      \
    }
#define BJ_OBJECTS(field, of, ...)                                                                 \
    {                                                                                              \
        .name = (field), .type = BJ_TYPE_LIST, .schema = (of), __VA_ARGS__                         \
    }
#define BJ_OBJECT(field, of, ...)                                                                  \
    {                                                                                              \
        .name = (field), .type = BJ_TYPE_OBJECT, .schema = (of), __VA_ARGS__                       \
    }
#define BJ_MAP(field, most, ...)                                                                   \
    {                                                                                              \
        .name = (field), .type = BJ_TYPE_MAP, .maximum = (most), __VA_ARGS__                       \
    }
#define BJ_ANY(field, ...)                                                                         \
    {                                                                                              \
        .name = (field), .type = BJ_TYPE_ANY, __VA_ARGS__                                          \
    }
#define BJ_NEEDED .required = true
#define BJ_MAYBE  .nullable = true
#define BJ_SAYS   .help =
#define BJ_END                                                                                     \
    {                                                                                              \
        .name = NULL                                                                               \
    }

/* schemas_root.c */
extern const struct bj_schema bj_root_schema, bj_health_schema, bj_alive_schema;

#endif
