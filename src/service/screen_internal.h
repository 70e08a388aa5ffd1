/* What the files of the screen share. */
#ifndef BJ_SERVICE_SCREEN_INTERNAL_H
#define BJ_SERVICE_SCREEN_INTERNAL_H

#include <vterm.h>

#include "base/limits.h"
#include "service/screen.h"

/* Modes that a program sets and a terminal must be told again. Bits, and how they are set and
 * reset. Cursor and buffers are libvterm's to know.
 *
 *    name, number after "CSI" or "CSI ?", private, on at first, kept by a soft reset, painted late
 */
#define BJ_SCREEN_MODES(X)                                                                         \
    X(INSERT, 4, false, false, false)                                                              \
    X(NEWLINE, 20, false, false, true)                                                             \
    X(CURSOR_KEYS, 1, true, false, false)                                                          \
    X(ORIGIN, 6, true, false, false)                                                               \
    X(WRAP, 7, true, true, false)                                                                  \
    X(KEYPAD, 66, true, false, false)                                                              \
    X(MOUSE_CLICK, 1000, true, false, true)                                                        \
    X(MOUSE_DRAG, 1002, true, false, true)                                                         \
    X(MOUSE_MOVE, 1003, true, false, true)                                                         \
    X(FOCUS, 1004, true, false, true)                                                              \
    X(MOUSE_UTF8, 1005, true, false, true)                                                         \
    X(MOUSE_SGR, 1006, true, false, true)                                                          \
    X(MOUSE_URXVT, 1015, true, false, true)                                                        \
    X(MOUSE_PIXELS, 1016, true, false, true)                                                       \
    X(PASTE, 2004, true, false, true)

enum bj_screen_mode {
#define BJ_SCREEN_MODE_ENUM(name, number, is_private, first, kept) BJ_MODE_##name,
    BJ_SCREEN_MODES(BJ_SCREEN_MODE_ENUM)
#undef BJ_SCREEN_MODE_ENUM
        BJ_SCREEN_MODE_COUNT
};
struct bj_screen_mode_row {
    uint16_t number;
    bool is_private, first, kept;
};
extern const struct bj_screen_mode_row bj_screen_modes[BJ_SCREEN_MODE_COUNT];

/* How far the output is in a sequence. */
enum bj_lexing {
    BJ_LEX_GROUND,
    BJ_LEX_TEXT, /* inside a character of several bytes */
    BJ_LEX_ESCAPE,
    BJ_LEX_CONTROL,    /* CSI */
    BJ_LEX_STRING,     /* OSC, DCS and the like */
    BJ_LEX_STRING_END, /* ESC was seen in one */
};

/* How text is drawn from now on. */
struct bj_pen {
    VTermScreenCellAttrs attrs;
    VTermColor fg, bg;
};

struct bj_look {
    bool visible, blink;
    int shape;
};

struct bj_place {
    int row, column;
    struct bj_pen pen;
    struct bj_look look; /* libvterm keeps it with the rest */
};

/* Lines that scrolled off, as text: a ring. */
struct bj_history {
    char **lines; /* owned */
    uint32_t maximum, first, count;
    size_t bytes;
};

struct bj_screen {
    VTerm *vterm;
    VTermState *state;
    VTermScreen *cells;
    int rows, columns;

    enum bj_lexing lexing;
    unsigned text_left;              /* bytes that the character still needs */
    char pending[BJ_SCREEN_PENDING]; /* the sequence so far; not fed yet */
    size_t pending_length;
    bool swallowing; /* a string that is too long: up to its end nothing is kept */

    bool alternate, reverse;
    struct bj_look look; /* of the cursor */
    char title[BJ_SCREEN_TITLE + 1];
    uint32_t modes;   /* bit n: enum bj_screen_mode n is on */
    int top, bottom;  /* of the scroll region, from 0, inclusive */
    char charsets[4]; /* final bytes of the designations of G0 to G3; 0 = as at first */
    uint32_t shifted; /* which of them is in use */
    char last[16];    /* the character just drawn; for REP */
    size_t last_length;
    bool wraps;             /* the last character stands in the last column: the next one wraps */
    struct bj_place kept;   /* by DECSC */
    VTermScreenCell *under; /* the primary buffer as it was when the alternate one came; owned */
    int under_rows, under_columns;
    struct bj_place under_cursor;
    struct bj_history history;
};

/* screen_lex.c: what is watched. A whole sequence, about to be fed or just fed. */
void bj_screen_before(struct bj_screen *screen, const char *sequence, size_t length);
void bj_screen_after(struct bj_screen *screen, const char *sequence, size_t length);
/* How often the last character is to be drawn again (REP); 0 = it is another sequence. */
int bj_screen_repeats(const char *sequence, size_t length);
/* One control character or a well-formed sequence, which leaves libvterm where text comes next. No
 * number in it is larger than any screen. */
bool bj_screen_is_fit(const char *sequence, size_t length);
void bj_screen_reset_modes(struct bj_screen *screen, bool soft);

void bj_screen_pen(const struct bj_screen *screen, struct bj_pen *ret);
struct bj_place bj_screen_cursor(const struct bj_screen *screen);
VTermScreenCell bj_screen_cell(const struct bj_screen *screen, int row, int column);

/* Appends the characters of a cell as UTF-8; a cell without any is a space. */
void bj_screen_put_cell(const VTermScreenCell *cell, struct bj_buf *out);

/* The second half of a wide character. */
static inline bool bj_cell_is_half(const VTermScreenCell *cell)
{
    return cell->chars[0] == (uint32_t)-1;
}

#endif
