/* Headers of one connection, and headers of a message. */
#include "server/forward.h"

#include <string.h>
#include <strings.h>

#include "server/server_internal.h"

bool bj_forward_is(const struct bj_forward *head, const struct bj_header *header, const char *name)
{
    return header->name_length == strlen(name) &&
           strncasecmp(head->text + header->name_at, name, header->name_length) == 0;
}

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t';
}

bool bj_forward_lists(const char *list, size_t list_length, const char *word, size_t word_length)
{
    const char *end = list + list_length, *next;

    for (const char *at = list; at < end; at = next + 1) {
        const char *stop;

        next = memchr(at, ',', (size_t)(end - at));
        next = next != NULL ? next : end;
        stop = next;
        while (at < stop && is_blank(*at))
            at++;
        while (stop > at && is_blank(stop[-1]))
            stop--;
        if ((size_t)(stop - at) == word_length && strncasecmp(at, word, word_length) == 0)
            return true;
    }
    return false;
}

bool bj_forward_goes_on(const struct bj_forward *head, const struct bj_header *header)
{
    static const char *const own[] = {
        "connection",         "keep-alive", "proxy-connection", "proxy-authorization",
        "proxy-authenticate", "te",         "trailer",          "transfer-encoding",
        "content-length",     "upgrade"};

    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        if (bj_forward_is(head, header, own[i]))
            return false;
    }
    /* Whom a request is for cannot be taken from it. */
    if (bj_forward_is(head, header, "host"))
        return true;
    for (uint32_t i = 0; i < head->count; i++) {
        const struct bj_header *other = &head->headers[i];

        if (bj_forward_is(head, other, "connection") &&
            bj_forward_lists(head->text + other->value_at, other->value_length,
                             head->text + header->name_at, header->name_length))
            return false;
    }
    return true;
}
