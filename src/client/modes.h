/* What output has changed about a terminal, and how to undo it; see modes.c. */
#ifndef BJ_CLIENT_MODES_H
#define BJ_CLIENT_MODES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bj_buf;

/* All zero in the beginning. */
struct bj_client_modes {
    int state;
    char parameters[64]; /* of the sequence that is being read */
    bool too_long;
    uint32_t changed; /* private modes, by their rows */
    bool keypad, region, colours, characters, cursor, keys;
};

void bj_client_modes_follow(struct bj_client_modes *terminal, const char *data, size_t length);
/* Appends what undoes it; nothing if there is nothing. */
void bj_client_modes_undo(const struct bj_client_modes *terminal, struct bj_buf *out);

#endif
