/*
 * The screen of a terminal: taking output, and what libvterm tells of it.
 *
 * Output is cut where a sequence ends, and libvterm is given whole sequences only. So what is still
 * to come of one can be handed to whoever connects, behind a painted screen; and a sequence can be
 * looked at before and after it has its effect (screen_lex.c).
 */
#include "service/screen_internal.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

#define CELL_BYTES  64             /* at most, of one cell of one buffer in libvterm */
#define REPLACEMENT "\xef\xbf\xbd" /* for what is no character */
#define LOOK_EVERY  512u           /* bytes of plain text between looks at the clock */

/* ---- what libvterm calls ---- */

static void *allocate(size_t size, void *context)
{
    (void)context;
    return bj_alloc(size);
}

static void release(void *memory, void *context)
{
    (void)context;
    bj_free(memory);
}

static VTermAllocatorFunctions allocator = {.malloc = allocate, .free = release};

/* Replies to what the process asks its terminal: those of the clients' terminals count. */
static void ignore_reply(const char *text, size_t length, void *context)
{
    (void)text;
    (void)length;
    (void)context;
}

static void set_title(struct bj_screen *screen, const char *title)
{
    size_t length = 0;

    for (; *title != '\0' && length < BJ_SCREEN_TITLE; title++) {
        if ((unsigned char)*title >= ' ' && *title != 0x7f)
            screen->title[length++] = *title;
    }
    /* Not in the middle of a character. */
    while (*title != '\0' && length > 0 &&
           ((unsigned char)screen->title[length - 1] & 0xc0) == 0x80)
        length--;
    screen->title[length] = '\0';
}

static int on_property(VTermProp property, VTermValue *value, void *context)
{
    struct bj_screen *screen = context;

    switch (property) {
    case VTERM_PROP_ALTSCREEN:
        screen->alternate = value->boolean;
        break;
    case VTERM_PROP_CURSORVISIBLE:
        screen->look.visible = value->boolean;
        break;
    case VTERM_PROP_CURSORBLINK:
        screen->look.blink = value->boolean;
        break;
    case VTERM_PROP_CURSORSHAPE:
        screen->look.shape = value->number;
        break;
    case VTERM_PROP_REVERSE:
        screen->reverse = value->boolean;
        break;
    case VTERM_PROP_TITLE:
        set_title(screen, value->string);
        break;
    default:
        break;
    }
    return 1;
}

/* ---- what has scrolled off ---- */

static void history_drop(struct bj_history *history)
{
    char **line = &history->lines[history->first];

    history->bytes -= strlen(*line) + 1;
    bj_free(*line);
    *line = NULL;
    history->first = (history->first + 1) % history->maximum;
    history->count--;
}

void bj_screen_put_cell(const VTermScreenCell *cell, struct bj_buf *out)
{
    if (cell->chars[0] == 0)
        bj_buf_append(out, " ", 1);
    for (int i = 0; i < VTERM_MAX_CHARS_PER_CELL && cell->chars[i] != 0; i++) {
        uint32_t c = cell->chars[i];
        char text[4];
        size_t length = 0;

        if (c < 0x80) {
            text[length++] = (char)c;
        } else if (c < 0x800) {
            text[length++] = (char)(0xc0 | c >> 6);
        } else if (c < 0x10000) {
            text[length++] = (char)(0xe0 | c >> 12);
            text[length++] = (char)(0x80 | (c >> 6 & 0x3f));
        } else {
            text[length++] = (char)(0xf0 | (c >> 18 & 7));
            text[length++] = (char)(0x80 | (c >> 12 & 0x3f));
            text[length++] = (char)(0x80 | (c >> 6 & 0x3f));
        }
        if (c >= 0x80)
            text[length++] = (char)(0x80 | (c & 0x3f));
        bj_buf_append(out, text, length);
    }
}

/* A row's text without the spaces at its end. */
static void put_line(const VTermScreenCell *cells, int columns, struct bj_buf *out)
{
    size_t end = out->length;

    for (int column = 0; column < columns && !out->failed; column++) {
        if (bj_cell_is_half(&cells[column]))
            continue;
        bj_screen_put_cell(&cells[column], out);
        if (cells[column].chars[0] != 0 && cells[column].chars[0] != ' ')
            end = out->length;
    }
    if (!out->failed && out->data != NULL) {
        out->length = end;
        out->data[end] = '\0';
    }
}

/* A line that finds no memory is forgotten: it is gone from the screen. */
static int on_line(int columns, const VTermScreenCell *cells, void *context)
{
    struct bj_screen *screen = context;
    struct bj_history *history = &screen->history;
    struct bj_buf text;
    char *line;

    if (history->maximum == 0)
        return 0;
    bj_buf_init(&text, BJ_SCREEN_HISTORY_MAX / 4);
    put_line(cells, columns, &text);
    line = text.failed ? NULL : bj_strdup(bj_buf_text(&text));
    bj_buf_release(&text);
    if (line == NULL)
        return 0;
    history->bytes += strlen(line) + 1;
    while (history->count > 0 &&
           (history->count == history->maximum || history->bytes > BJ_SCREEN_HISTORY_MAX))
        history_drop(history);
    history->lines[(history->first + history->count++) % history->maximum] = line;
    return 1;
}

static const VTermScreenCallbacks callbacks = {.settermprop = on_property, .sb_pushline = on_line};

/* ---- reading it ---- */

VTermScreenCell bj_screen_cell(const struct bj_screen *screen, int row, int column)
{
    VTermScreenCell cell = {0};

    vterm_screen_get_cell(screen->cells, (VTermPos){.row = row, .col = column}, &cell);
    return cell;
}

void bj_screen_pen(const struct bj_screen *screen, struct bj_pen *ret)
{
    VTermValue value;
    const VTermState *state = screen->state;

    *ret = (struct bj_pen){0};
#define ATTRIBUTE(id, member, from)                                                                \
    if (vterm_state_get_penattr(state, id, &value))                                                \
        ret->member = value.from;
    ATTRIBUTE(VTERM_ATTR_BOLD, attrs.bold, boolean != 0)
    ATTRIBUTE(VTERM_ATTR_UNDERLINE, attrs.underline, number & 3)
    ATTRIBUTE(VTERM_ATTR_ITALIC, attrs.italic, boolean != 0)
    ATTRIBUTE(VTERM_ATTR_BLINK, attrs.blink, boolean != 0)
    ATTRIBUTE(VTERM_ATTR_REVERSE, attrs.reverse, boolean != 0)
    ATTRIBUTE(VTERM_ATTR_STRIKE, attrs.strike, boolean != 0)
    ATTRIBUTE(VTERM_ATTR_FONT, attrs.font, number & 15)
    ATTRIBUTE(VTERM_ATTR_FOREGROUND, fg, color)
    ATTRIBUTE(VTERM_ATTR_BACKGROUND, bg, color)
#undef ATTRIBUTE
}

struct bj_place bj_screen_cursor(const struct bj_screen *screen)
{
    struct bj_place place;
    VTermPos position;

    vterm_state_get_cursorpos(screen->state, &position);
    place.row = position.row;
    place.column = position.col;
    place.look = screen->look;
    bj_screen_pen(screen, &place.pen);
    return place;
}

void bj_screen_text(const struct bj_screen *screen, uint32_t history, struct bj_buf *out)
{
    uint32_t count = screen->history.count, skipped = count > history ? count - history : 0;
    VTermScreenCell *row = bj_alloc((size_t)screen->columns * sizeof *row);
    size_t end = out->length;

    if (row == NULL)
        out->failed = out->no_memory = true;
    for (uint32_t i = skipped; i < count; i++) {
        bj_buf_puts(out,
                    screen->history.lines[(screen->history.first + i) % screen->history.maximum]);
        bj_buf_puts(out, "\n");
        end = out->length;
    }
    for (int y = 0; y < screen->rows && row != NULL && !out->failed; y++) {
        size_t begin = out->length;

        for (int x = 0; x < screen->columns; x++)
            row[x] = bj_screen_cell(screen, y, x);
        put_line(row, screen->columns, out);
        if (out->length > begin)
            end = out->length + 1;
        bj_buf_puts(out, "\n");
    }
    if (!out->failed && out->data != NULL) {
        out->length = end;
        out->data[end] = '\0';
    }
    bj_free(row);
}

/* ---- taking output ---- */

static bool same_position(VTermPos a, VTermPos b)
{
    return a.row == b.row && a.col == b.col;
}

/* Characters that are drawn over the one before. What is not in here is only taken for a character
 * that stands alone. */
static bool is_combining(const unsigned char *text, size_t length)
{
    static const struct {
        uint32_t first, end;
    } marks[] = {{0x300, 0x370},   {0x483, 0x48a},   {0x591, 0x5be},   {0x64b, 0x660},
                 {0x1ab0, 0x1b00}, {0x1dc0, 0x1e00}, {0x200b, 0x2010}, {0x20d0, 0x2100},
                 {0xfe00, 0xfe10}, {0xfe20, 0xfe30}};
    uint32_t c = length == 2   ? (uint32_t)(text[0] & 0x1f) << 6 | (text[1] & 0x3f)
                 : length == 3 ? (uint32_t)(text[0] & 0xf) << 12 | (uint32_t)(text[1] & 0x3f) << 6 |
                                     (text[2] & 0x3f)
                               : 0;

    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        if (c >= marks[i].first && c < marks[i].end)
            return true;
    }
    return false;
}

/* A whole character of several bytes that libvterm knows what to do with: not one of the control
 * characters that UTF-8 has too, and in its shortest form. */
static bool is_sound(const unsigned char *text, size_t length)
{
    uint32_t c = text[0] & (0xffu >> (length + 1));

    for (size_t i = 1; i < length; i++)
        c = c << 6 | (text[i] & 0x3f);
    return c >= 0xa0 && (length < 3 || c >= 0x800) && (length < 4 || c >= 0x10000) &&
           c <= 0x10ffff && (c < 0xd800 || c > 0xdfff);
}

/* Where the last character begins, with what is drawn over it. False: it is all drawn over what
 * was before. */
static bool last_character(const char *text, size_t length, size_t *ret)
{
    size_t end = length, begin;

    for (;;) {
        begin = end;
        do
            begin--;
        while (begin > 0 && ((unsigned char)text[begin] & 0xc0) == 0x80 && end - begin < 4);
        *ret = begin;
        if (!is_combining((const unsigned char *)text + begin, end - begin))
            return true;
        if (begin == 0)
            return false;
        end = begin;
    }
}

static bool wrapping(const struct bj_screen *screen)
{
    return screen->modes & 1u << BJ_MODE_WRAP;
}

/*
 * A character that may be two columns wide, and stands where libvterm would write its second half
 * beyond the screen: the last column where nothing wraps, or the only one. Nothing below U+1000
 * is wide, to any library.
 */
static bool would_spill(const struct bj_screen *screen, unsigned char first)
{
    VTermPos position;

    if (first < 0xe1)
        return false;
    vterm_state_get_cursorpos(screen->state, &position);
    return position.col >= screen->columns - 1 && !wrapping(screen);
}

/* Gives libvterm whole characters, but for those that it cannot place; false when the last is such
 * a one. */
static bool write_text(struct bj_screen *screen, const char *text, size_t length)
{
    size_t from = 0, at = 0;

    while (at < length) {
        unsigned char first = (unsigned char)text[at];
        size_t size = first < 0xc0 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;

        if (first >= 0xe1) {
            vterm_input_write(screen->vterm, text + from, at - from);
            from = would_spill(screen, first) ? at + size : at;
        }
        at += size;
    }
    if (from < length)
        vterm_input_write(screen->vterm, text + from, length - from);
    return from < length;
}

/*
 * Gives libvterm a run of whole characters. The last one is given alone: if the cursor stays where
 * it was, it was drawn in the last column and the next one will wrap, which libvterm does not tell.
 */
static void put_text(struct bj_screen *screen, const char *text, size_t length)
{
    VTermPos before, after;
    size_t begin;
    bool alone = last_character(text, length, &begin), drawn;

    write_text(screen, text, begin);
    vterm_state_get_cursorpos(screen->state, &before);
    drawn = write_text(screen, text + begin, length - begin);
    vterm_state_get_cursorpos(screen->state, &after);
    screen->wraps =
        same_position(before, after) && ((alone && drawn && wrapping(screen)) || screen->wraps);
    screen->last_length = alone && length - begin <= sizeof screen->last ? length - begin : 0;
    memcpy(screen->last, text + begin, screen->last_length);
}

/* The last character again, which libvterm does without end where there was none. */
static void repeat(struct bj_screen *screen, int count)
{
    char last[sizeof screen->last];
    size_t length = screen->last_length;

    memcpy(last, screen->last, length);
    while (length > 0 && count-- > 0)
        put_text(screen, last, length);
    screen->last_length = 0;
}

/* DECSTR, which libvterm does in part only: said in full, with the cursor where it was. */
static void reset_softly(struct bj_screen *screen)
{
    struct bj_place cursor = bj_screen_cursor(screen);
    struct bj_buf bytes;

    bj_buf_init(&bytes, 128);
    bj_buf_puts(&bytes, "\033[?6l\033[r\033[4l\033[?7h\033[?1l\033>\033[?25h\033[m\017");
    for (int i = 0; i < 4; i++) {
        if (screen->charsets[i] != 0)
            bj_buf_printf(&bytes, "\033%cB", "()*+"[i]);
    }
    bj_buf_printf(&bytes, "\033[%d;%dH", cursor.row + 1, cursor.column + 1);
    vterm_input_write(screen->vterm, bj_buf_text(&bytes), bytes.length);
    bj_buf_release(&bytes);
    bj_screen_reset_modes(screen, true);
    screen->wraps = false;
}

/* Gives libvterm what was pending: one control character or one whole sequence. */
static void put_sequence(struct bj_screen *screen)
{
    VTermPos before, after;
    int count = bj_screen_repeats(screen->pending, screen->pending_length);

    if (count > 0) {
        repeat(screen, count < screen->columns ? count : screen->columns);
        screen->pending_length = 0;
        return;
    }
    screen->last_length = 0;
    if (screen->pending_length == 4 && memcmp(screen->pending, "\033[!p", 4) == 0) {
        reset_softly(screen);
        screen->pending_length = 0;
        return;
    }
    if (!bj_screen_is_fit(screen->pending, screen->pending_length)) {
        screen->pending_length = 0;
        return;
    }
    vterm_state_get_cursorpos(screen->state, &before);
    bj_screen_before(screen, screen->pending, screen->pending_length);
    vterm_input_write(screen->vterm, screen->pending, screen->pending_length);
    bj_screen_after(screen, screen->pending, screen->pending_length);
    vterm_state_get_cursorpos(screen->state, &after);
    if (!same_position(before, after))
        screen->wraps = false;
    screen->pending_length = 0;
}

/* The state that a byte leads to. */
static enum bj_lexing next_state(struct bj_screen *screen, unsigned char c)
{
    switch (screen->lexing) {
    case BJ_LEX_TEXT:
        return --screen->text_left > 0 ? BJ_LEX_TEXT : BJ_LEX_GROUND;
    case BJ_LEX_ESCAPE:
        if (c == '[' && screen->pending_length == 1)
            return BJ_LEX_CONTROL;
        if (strchr("]PX^_", c) != NULL && c != '\0' && screen->pending_length == 1)
            return BJ_LEX_STRING;
        return c < 0x30 && c != '\0' ? BJ_LEX_ESCAPE : BJ_LEX_GROUND;
    case BJ_LEX_CONTROL:
        return c >= 0x40 ? BJ_LEX_GROUND : BJ_LEX_CONTROL;
    case BJ_LEX_STRING:
        return c == 0x1b ? BJ_LEX_STRING_END : c == 0x07 ? BJ_LEX_GROUND : BJ_LEX_STRING;
    case BJ_LEX_STRING_END:
        return BJ_LEX_GROUND;
    default:
        return BJ_LEX_GROUND;
    }
}

/* A character of several bytes, an escape, or a control character. */
static void begin_sequence(struct bj_screen *screen, unsigned char c)
{
    if (c >= 0x80 && (c < 0xc2 || c > 0xf4)) {
        put_text(screen, REPLACEMENT, strlen(REPLACEMENT));
        return;
    }
    screen->lexing = c == 0x1b ? BJ_LEX_ESCAPE : c >= 0xc0 ? BJ_LEX_TEXT : BJ_LEX_GROUND;
    screen->text_left = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;
    screen->pending[0] = (char)c;
    screen->pending_length = 1;
    screen->swallowing = false;
}

static void end_sequence(struct bj_screen *screen, bool text)
{
    if (screen->swallowing)
        screen->pending_length = 0;
    else if (text && !is_sound((const unsigned char *)screen->pending, screen->pending_length))
        put_text(screen, REPLACEMENT, strlen(REPLACEMENT));
    else if (text)
        put_text(screen, screen->pending, screen->pending_length);
    else
        put_sequence(screen);
    screen->pending_length = 0;
    screen->swallowing = false;
}

/* One byte inside a sequence. False: it does not belong to it, and was not taken. */
static bool continue_sequence(struct bj_screen *screen, unsigned char c)
{
    bool text = screen->lexing == BJ_LEX_TEXT;

    if (text && (c & 0xc0) != 0x80) {
        screen->lexing = BJ_LEX_GROUND; /* it was none */
        screen->pending_length = 0;
        put_text(screen, REPLACEMENT, strlen(REPLACEMENT));
        return false;
    }
    if (c == 0x18 || c == 0x1a || (c == 0x1b && screen->lexing < BJ_LEX_STRING)) {
        screen->lexing = BJ_LEX_GROUND; /* broken off */
        screen->pending_length = 0;
        screen->swallowing = false;
        return c != 0x1b;
    }
    if (screen->lexing == BJ_LEX_STRING_END && c != '\\') {
        /* Another sequence begins, and the string came to nothing. */
        begin_sequence(screen, 0x1b);
        return false;
    }
    if (c < ' ' && screen->lexing < BJ_LEX_STRING && !text) {
        char control = (char)c;

        /* It has its effect at once, in the middle of the sequence. */
        vterm_input_write(screen->vterm, &control, 1);
        screen->wraps = false;
        return true;
    }
    screen->lexing = next_state(screen, c);
    if (screen->pending_length < sizeof screen->pending)
        screen->pending[screen->pending_length++] = (char)c;
    else
        screen->swallowing = true;
    if (screen->lexing == BJ_LEX_GROUND)
        end_sequence(screen, text);
    return true;
}

static bool is_plain(char c)
{
    return (unsigned char)c >= ' ' && (unsigned char)c < 0x7f;
}

/* Plain text and whole characters of several bytes from here on; at most LOOK_EVERY bytes. */
static size_t plain_run(const char *text, size_t length)
{
    size_t at = 0, size;

    while (at < length && at < LOOK_EVERY) {
        unsigned char c = (unsigned char)text[at];

        size = c < 0x80 ? 1 : c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
        if (size == 1 ? !is_plain(text[at]) : (c < 0xc2 || c > 0xf4 || at + size > length))
            return at;
        for (size_t i = 1; i < size; i++) {
            if (((unsigned char)text[at + i] & 0xc0) != 0x80)
                return at;
        }
        if (size > 1 && !is_sound((const unsigned char *)text + at, size))
            return at;
        at += size;
    }
    return at;
}

size_t bj_screen_feed(struct bj_screen *screen, const void *data, size_t length, int64_t budget_us)
{
    const char *text = data;
    int64_t until = bj_clock_us() + budget_us;
    size_t at = 0, looked = 0;

    while (at < length) {
        if (screen->lexing == BJ_LEX_GROUND) {
            size_t run = plain_run(text + at, length - at);

            /* The clock is cheap beside what a sequence may cost. */
            if (at > looked && bj_clock_us() > until)
                break;
            looked = at;
            if (run > 0) {
                put_text(screen, text + at, run);
                at += run;
                continue;
            }
            begin_sequence(screen, (unsigned char)text[at++]);
            if (screen->lexing == BJ_LEX_GROUND && screen->pending_length > 0)
                end_sequence(screen, false);
        } else {
            at += continue_sequence(screen, (unsigned char)text[at]);
        }
    }
    return at;
}

/* ---- making it ---- */

/* Two columns at least: a line of double width has half of them, and with none of them libvterm
 * draws outside its memory. */
#define COLUMNS_MIN 2

static int bound(uint16_t value, int minimum, int maximum)
{
    return value < minimum ? minimum : value > maximum ? maximum : value;
}

/*
 * libvterm does not expect memory to end. So that there is enough is seen beforehand; on Linux what
 * was had once can be had again.
 */
static int check_memory(int rows, int columns, struct bj_error *err)
{
    void *probe = bj_alloc((size_t)rows * (size_t)columns * 2 * CELL_BYTES + 65536);

    bj_free(probe);
    if (probe == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "screen", "no memory for the screen of a terminal");
    return 0;
}

int bj_screen_new(uint16_t rows, uint16_t columns, uint32_t history, struct bj_screen **ret,
                  struct bj_error *err)
{
    int height = bound(rows, 1, BJ_SCREEN_ROWS_MAX);
    int width = bound(columns, COLUMNS_MIN, BJ_SCREEN_COLUMNS_MAX);
    struct bj_screen *screen;
    int result = check_memory(height, width, err);

    if (result < 0)
        return result;
    screen = bj_alloc(sizeof *screen);
    if (screen != NULL && history > 0)
        screen->history.lines = bj_alloc((size_t)history * sizeof *screen->history.lines);
    if (screen == NULL || (history > 0 && screen->history.lines == NULL)) {
        bj_free(screen);
        return bj_fail(err, BJ_E_NO_MEMORY, "screen", "no memory for the screen of a terminal");
    }
    screen->history.maximum = history;
    screen->rows = height;
    screen->columns = width;
    screen->vterm = vterm_new_with_allocator(height, width, &allocator, NULL);
    vterm_set_utf8(screen->vterm, 1);
    vterm_output_set_callback(screen->vterm, ignore_reply, NULL);
    screen->state = vterm_obtain_state(screen->vterm);
    screen->cells = vterm_obtain_screen(screen->vterm);
    vterm_screen_enable_altscreen(screen->cells, 1);
    vterm_screen_set_callbacks(screen->cells, &callbacks, screen);
    vterm_screen_set_damage_merge(screen->cells, VTERM_DAMAGE_SCREEN);
    vterm_screen_reset(screen->cells, 1);
    bj_screen_reset_modes(screen, false);
    /* libvterm restores what was never saved as nonsense. */
    bj_screen_feed(screen, "\0337", 2, 0);
    *ret = screen;
    return 0;
}

void bj_screen_free(struct bj_screen *screen)
{
    if (screen == NULL)
        return;
    vterm_free(screen->vterm);
    while (screen->history.count > 0)
        history_drop(&screen->history);
    bj_free(screen->history.lines);
    bj_free(screen->under);
    bj_free(screen);
}

/* libvterm scrolls the rows that it has no room for off the top, and takes the cursor along, out of
 * the screen if it stood in one of them; and it leaves the top of the scrolling region where it may
 * be no more. It would then read and write outside its memory. */
static void settle(struct bj_screen *screen)
{
    char sequence[64];
    VTermPos at;

    vterm_state_get_cursorpos(screen->state, &at);
    at.row = at.row < 0 ? 0 : at.row < screen->rows ? at.row : screen->rows - 1;
    at.col = at.col < 0 ? 0 : at.col < screen->columns ? at.col : screen->columns - 1;
    snprintf(sequence, sizeof sequence, "\033[r\033[%d;%dH", at.row + 1, at.col + 1);
    vterm_input_write(screen->vterm, sequence, strlen(sequence));
}

int bj_screen_resize(struct bj_screen *screen, uint16_t rows, uint16_t columns,
                     struct bj_error *err)
{
    int height = bound(rows, 1, BJ_SCREEN_ROWS_MAX);
    int width = bound(columns, COLUMNS_MIN, BJ_SCREEN_COLUMNS_MAX);
    int result;

    if (height == screen->rows && width == screen->columns)
        return 0;
    result = check_memory(height, width, err);
    if (result < 0)
        return result;
    vterm_set_size(screen->vterm, height, width);
    screen->rows = height;
    screen->columns = width;
    screen->top = 0;
    screen->bottom = height - 1;
    screen->wraps = false;
    settle(screen);
    return 0;
}

void bj_screen_size(const struct bj_screen *screen, uint16_t *ret_rows, uint16_t *ret_columns)
{
    *ret_rows = (uint16_t)screen->rows;
    *ret_columns = (uint16_t)screen->columns;
}
