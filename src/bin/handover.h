/* The small program's way to the full one; see handover.c. */
#ifndef BJ_BIN_HANDOVER_H
#define BJ_BIN_HANDOVER_H

/* Remembers the arguments that the other program will get. Borrowed for the program's life. */
void bj_handover_init(char **argv);

#endif
