/*
 * The screen of a terminal as it is now: fed with what the terminal's processes write, it gives
 * the bytes that paint the same on a fresh terminal, so that whoever connects again sees a screen
 * and not a blank. libvterm does the work; what it keeps to itself is watched on the way in.
 *
 * The output is a workload's and may be made to cost much: feeding stops when its time is over and
 * goes on from there, and memory is bounded by the size of the screen.
 */
#ifndef BJ_SERVICE_SCREEN_H
#define BJ_SERVICE_SCREEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"

struct bj_screen;

/*
 * Sizes are brought within 1 row, 2 columns and BJ_SCREEN_ROWS_MAX, BJ_SCREEN_COLUMNS_MAX. Of what
 * scrolls off, `history` lines are kept, BJ_SCREEN_HISTORY_MAX bytes at most.
 */
int bj_screen_new(uint16_t rows, uint16_t columns, uint32_t history, struct bj_screen **ret,
                  struct bj_error *err);
void bj_screen_free(struct bj_screen *screen);

/*
 * Takes output for about `budget_us`, and at least some. Returns how many bytes it has taken: the
 * rest is to be fed later.
 */
size_t bj_screen_feed(struct bj_screen *screen, const void *data, size_t length, int64_t budget_us);

/* BJ_E_NO_MEMORY: it is as large as before. */
int bj_screen_resize(struct bj_screen *screen, uint16_t rows, uint16_t columns,
                     struct bj_error *err);
void bj_screen_size(const struct bj_screen *screen, uint16_t *ret_rows, uint16_t *ret_columns);

/*
 * Appends the bytes that paint the screen on a fresh terminal of the same size: text, colours and
 * attributes, both buffers, title, modes, cursor. What the process wrote after the last byte that
 * was fed continues behind them, also where that was in the middle of a sequence.
 */
void bj_screen_paint(struct bj_screen *screen, struct bj_buf *out);

/* Appends the text: up to `history` lines that have scrolled off, then the screen; spaces at the
 * ends of lines and empty lines at the end are left out. */
void bj_screen_text(const struct bj_screen *screen, uint32_t history, struct bj_buf *out);

#endif
