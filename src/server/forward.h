/*
 * What of a head goes on from one connection to another. RFC 9110, 7.6.1: some headers are about
 * one connection, by their nature or because the header Connection names them, and whoever stands
 * between two says its own on each. Framing counts to them here: it is always written anew.
 */
#ifndef BJ_SERVER_FORWARD_H
#define BJ_SERVER_FORWARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bj_header;

/* Places in `text`; borrowed. */
struct bj_forward {
    const char *text;
    const struct bj_header *headers;
    uint32_t count;
};

bool bj_forward_goes_on(const struct bj_forward *head, const struct bj_header *header);

/* Is the header of this name, in any case? */
bool bj_forward_is(const struct bj_forward *head, const struct bj_header *header, const char *name);

/* Does a list with commas have this word, in any case? */
bool bj_forward_lists(const char *list, size_t list_length, const char *word, size_t word_length);

#endif
