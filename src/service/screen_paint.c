/*
 * Painting a screen anew. The order matters: what moves the cursor comes before the cursor is put
 * in its place, what changes how characters are drawn after the last one was drawn.
 */
#include "service/screen_internal.h"

#include <string.h>

/* ---- how text is drawn ---- */

static bool same_pen(const struct bj_pen *a, const struct bj_pen *b)
{
    return a->attrs.bold == b->attrs.bold && a->attrs.underline == b->attrs.underline &&
           a->attrs.italic == b->attrs.italic && a->attrs.blink == b->attrs.blink &&
           a->attrs.reverse == b->attrs.reverse && a->attrs.strike == b->attrs.strike &&
           a->attrs.font == b->attrs.font && vterm_color_is_equal(&a->fg, &b->fg) &&
           a->fg.type == b->fg.type && vterm_color_is_equal(&a->bg, &b->bg) &&
           a->bg.type == b->bg.type;
}

/* `base` 30 or 40. */
static void put_colour(struct bj_buf *out, const VTermColor *colour, int base)
{
    if (VTERM_COLOR_IS_DEFAULT_FG(colour) || VTERM_COLOR_IS_DEFAULT_BG(colour))
        return;
    if (VTERM_COLOR_IS_RGB(colour))
        bj_buf_printf(out, ";%d;2;%d;%d;%d", base + 8, colour->rgb.red, colour->rgb.green,
                      colour->rgb.blue);
    else if (colour->indexed.idx < 8)
        bj_buf_printf(out, ";%d", base + colour->indexed.idx);
    else if (colour->indexed.idx < 16)
        bj_buf_printf(out, ";%d", base + 60 + colour->indexed.idx - 8);
    else
        bj_buf_printf(out, ";%d;5;%d", base + 8, colour->indexed.idx);
}

static void put_pen(struct bj_buf *out, const struct bj_pen *pen)
{
    static const char *const underlines[] = {"", ";4", ";21", ";4:3"};

    bj_buf_puts(out, "\033[0");
    bj_buf_puts(out, pen->attrs.bold ? ";1" : "");
    bj_buf_puts(out, pen->attrs.italic ? ";3" : "");
    bj_buf_puts(out, underlines[pen->attrs.underline]);
    bj_buf_puts(out, pen->attrs.blink ? ";5" : "");
    bj_buf_puts(out, pen->attrs.reverse ? ";7" : "");
    bj_buf_puts(out, pen->attrs.strike ? ";9" : "");
    if (pen->attrs.font != 0)
        bj_buf_printf(out, ";%d", 10 + pen->attrs.font);
    put_colour(out, &pen->fg, 30);
    put_colour(out, &pen->bg, 40);
    bj_buf_puts(out, "m");
}

/* ---- cells ---- */

struct painter {
    struct bj_screen *screen;
    struct bj_buf *out;
    const VTermScreenCell *under; /* draws these; NULL = what is shown */
    int rows, columns;
    struct bj_pen pen; /* of the terminal that is painted on */
};

static VTermScreenCell cell_at(const struct painter *painter, int row, int column)
{
    VTermScreenCell cell;

    if (painter->under != NULL)
        return painter
            ->under[(size_t)row * (size_t)painter->screen->under_columns + (size_t)column];
    cell = bj_screen_cell(painter->screen, row, column);
    /* A screen in reverse is made so as a whole. */
    cell.attrs.reverse ^= painter->screen->reverse;
    return cell;
}

static struct bj_pen pen_of(const VTermScreenCell *cell)
{
    return (struct bj_pen){.attrs = cell->attrs, .fg = cell->fg, .bg = cell->bg};
}

static void use_pen(struct painter *painter, const VTermScreenCell *cell)
{
    struct bj_pen pen = pen_of(cell);

    if (same_pen(&pen, &painter->pen))
        return;
    put_pen(painter->out, &pen);
    painter->pen = pen;
}

static bool is_blank(const VTermScreenCell *cell)
{
    struct bj_pen pen = pen_of(cell), plain = {.fg = cell->fg, .bg = cell->bg};

    return cell->chars[0] == 0 && VTERM_COLOR_IS_DEFAULT_BG(&cell->bg) &&
           VTERM_COLOR_IS_DEFAULT_FG(&cell->fg) && same_pen(&pen, &plain);
}

/* Erased cells that look the same, from a column on. */
static int erased_run(const struct painter *painter, int row, int column,
                      const VTermScreenCell *first)
{
    struct bj_pen pen = pen_of(first);
    int end = column;

    while (++end < painter->columns) {
        VTermScreenCell cell = cell_at(painter, row, end);
        struct bj_pen other = pen_of(&cell);

        if (cell.chars[0] != 0 || !same_pen(&pen, &other))
            break;
    }
    return end - column;
}

static void put_row(struct painter *painter, int row)
{
    int at = -1; /* where the terminal's cursor is; -1 = elsewhere */

    for (int column = 0; column < painter->columns && !painter->out->failed;) {
        VTermScreenCell cell = cell_at(painter, row, column);
        int length = 1;

        if (bj_cell_is_half(&cell)) {
            column++;
            continue;
        }
        if (cell.chars[0] == 0)
            length = erased_run(painter, row, column, &cell);
        if (is_blank(&cell)) {
            column += length;
            continue;
        }
        if (at != column)
            bj_buf_printf(painter->out, "\033[%d;%dH", row + 1, column + 1);
        use_pen(painter, &cell);
        if (cell.chars[0] == 0) {
            bj_buf_printf(painter->out, "\033[%dX", length);
            at = -1;
        } else {
            bj_screen_put_cell(&cell, painter->out);
            at = column + cell.width;
        }
        column += length;
    }
}

static void put_buffer(struct painter *painter)
{
    static const char *const heights[] = {"6", "3", "4", "6"};

    for (int row = 0; row < painter->rows; row++) {
        VTermScreenCell first = cell_at(painter, row, 0);

        if (first.attrs.dwl)
            bj_buf_printf(painter->out, "\033[%dH\033#%s", row + 1, heights[first.attrs.dhl]);
        put_row(painter, row);
    }
}

static void put_look(struct bj_buf *out, const struct bj_look *look)
{
    bj_buf_printf(out, "\033[%d q\033[?25%c", 2 * look->shape - look->blink,
                  look->visible ? 'h' : 'l');
}

/* What DECRC is to bring back. */
static void put_kept(struct painter *painter)
{
    const struct bj_place *place = &painter->screen->kept;

    bj_buf_printf(painter->out, "\033[%d;%dH", place->row + 1, place->column + 1);
    put_pen(painter->out, &place->pen);
    put_look(painter->out, &place->look);
    bj_buf_puts(painter->out, "\0337");
    painter->pen = place->pen;
}

/* The buffer that is not shown, then the one that is. */
static void put_buffers(struct painter *painter)
{
    struct bj_screen *screen = painter->screen;

    if (screen->alternate) {
        if (screen->under != NULL) {
            painter->under = screen->under;
            if (screen->under_rows < painter->rows)
                painter->rows = screen->under_rows;
            if (screen->under_columns < painter->columns)
                painter->columns = screen->under_columns;
            put_buffer(painter);
            painter->under = NULL;
            painter->rows = screen->rows;
            painter->columns = screen->columns;
        }
        bj_buf_puts(painter->out, "\033[m\033[?1047h\033[2J");
        painter->pen = (struct bj_pen){0};
    }
    put_buffer(painter);
}

/* The scroll region, and the cursor where it is: for a character that fills the last column, by
 * drawing that again. */
static void put_cursor(struct painter *painter)
{
    struct bj_screen *screen = painter->screen;
    struct bj_place cursor = bj_screen_cursor(screen);
    bool origin = screen->modes & 1u << BJ_MODE_ORIGIN;
    int above = origin && cursor.row >= screen->top ? screen->top : 0;

    if (screen->top != 0 || screen->bottom != screen->rows - 1)
        bj_buf_printf(painter->out, "\033[%d;%dr", screen->top + 1, screen->bottom + 1);
    bj_buf_puts(painter->out, origin ? "\033[?6h\033[H" : "\033[H");
    bj_buf_printf(painter->out, "\033[%d;%dH", cursor.row + 1 - above, cursor.column + 1);
    if (screen->wraps) {
        VTermScreenCell cell = cell_at(painter, cursor.row, cursor.column);

        use_pen(painter, &cell);
        bj_screen_put_cell(&cell, painter->out);
        bj_buf_puts(painter->out, cell.chars[0] == 0 ? "\033[X" : "");
    }
    put_pen(painter->out, &cursor.pen);
}

/* ---- the rest ---- */

static void put_charsets(const struct bj_screen *screen, struct bj_buf *out)
{
    static const char *const shifts[] = {"", "\016", "\033n", "\033o"};

    for (int i = 0; i < 4; i++) {
        if (screen->charsets[i] != 0)
            bj_buf_printf(out, "\033%c%c", "()*+"[i], screen -> charsets[i]);
    }
    bj_buf_puts(out, shifts[screen->shifted & 3]);
}

static void put_modes(const struct bj_screen *screen, struct bj_buf *out)
{
    for (int i = 0; i < BJ_SCREEN_MODE_COUNT; i++) {
        const struct bj_screen_mode_row *row = &bj_screen_modes[i];
        bool on = screen->modes >> i & 1;

        if (on == row->first || i == BJ_MODE_ORIGIN)
            continue;
        if (i == BJ_MODE_KEYPAD)
            bj_buf_puts(out, "\033=");
        else
            bj_buf_printf(out, "\033[%s%d%c", row->is_private ? "?" : "", row->number,
                          on ? 'h' : 'l');
    }
    if (screen->reverse)
        bj_buf_puts(out, "\033[?5h");
    put_look(out, &screen->look);
    if (screen->title[0] != '\0')
        bj_buf_printf(out, "\033]2;%s\033\\", screen->title);
}

/* What has begun and not ended. Of a string that is too long to keep, the rest must be no text. */
static void put_pending(const struct bj_screen *screen, struct bj_buf *out)
{
    if (!screen->swallowing)
        bj_buf_append(out, screen->pending, screen->pending_length);
    else if (screen->lexing == BJ_LEX_CONTROL || screen->lexing == BJ_LEX_ESCAPE)
        bj_buf_puts(out, "\033[");
    else
        bj_buf_printf(out, "\033%c9999;%s", screen->pending[1],
                      screen->lexing == BJ_LEX_STRING_END ? "\033" : "");
}

void bj_screen_paint(struct bj_screen *screen, struct bj_buf *out)
{
    struct painter painter = {
        .screen = screen, .out = out, .rows = screen->rows, .columns = screen->columns};

    bj_buf_puts(out, "\033[!p\033[?1047l\033[m\033[2J\033[H");
    put_buffers(&painter);
    put_kept(&painter);
    put_cursor(&painter);
    put_charsets(screen, out);
    put_modes(screen, out);
    put_pending(screen, out);
}
