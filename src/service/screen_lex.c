/*
 * What libvterm does not tell of the sequences that it is given: modes, scroll region, character
 * sets, the saved cursor, and the primary buffer while the alternate one is shown.
 */
#include "service/screen_internal.h"

#include <string.h>

#include "base/limits.h"
#include "base/mem.h"

#define PARAMETER_MAX 65535
#define DIGITS_MAX    6
#define MARKS_MAX     8 /* bytes in front of and behind the numbers; sequences in use have two */

const struct bj_screen_mode_row bj_screen_modes[BJ_SCREEN_MODE_COUNT] = {
#define BJ_SCREEN_MODE_ROW(name, number, is_private, first, kept) {number, is_private, first, kept},
    BJ_SCREEN_MODES(BJ_SCREEN_MODE_ROW)
#undef BJ_SCREEN_MODE_ROW
};

#define BIT(name) (1u << BJ_MODE_##name)
#define TRACKING  (BIT(MOUSE_CLICK) | BIT(MOUSE_DRAG) | BIT(MOUSE_MOVE))
#define ENCODINGS (BIT(MOUSE_UTF8) | BIT(MOUSE_SGR) | BIT(MOUSE_URXVT) | BIT(MOUSE_PIXELS))

/* A sequence that begins with CSI, taken apart. */
struct control {
    char leader; /* '?', '>' …; 0 = none */
    char middle; /* the last intermediate byte; 0 = none */
    char final;
    int count;
    int parameters[BJ_SCREEN_PARAMETERS_MAX]; /* -1 = left out */
};

static bool parse_control(const char *sequence, size_t length, struct control *ret)
{
    size_t at = 2;

    *ret = (struct control){.count = 1, .parameters = {-1}};
    if (length < 3 || sequence[0] != 0x1b || sequence[1] != '[')
        return false;
    if (sequence[at] >= '<' && sequence[at] <= '?')
        ret->leader = sequence[at++];
    for (; at < length && ((sequence[at] >= '0' && sequence[at] <= '9') || sequence[at] == ';');
         at++) {
        int *last = &ret->parameters[ret->count - 1];

        if (sequence[at] == ';') {
            if (ret->count == BJ_SCREEN_PARAMETERS_MAX)
                return false;
            ret->parameters[ret->count++] = -1;
        } else {
            *last = (*last < 0 ? 0 : *last) * 10 + (sequence[at] - '0');
            if (*last > PARAMETER_MAX)
                *last = PARAMETER_MAX;
        }
    }
    for (; at < length && sequence[at] >= ' ' && sequence[at] <= '/'; at++)
        ret->middle = sequence[at];
    ret->final = sequence[at < length ? at : length - 1];
    return at + 1 == length;
}

static bool has_parameter(const struct control *control, int number)
{
    for (int i = 0; i < control->count; i++) {
        if (control->parameters[i] == number)
            return true;
    }
    return false;
}

static bool sets_mode(const struct control *control, bool is_private, char final)
{
    return control->final == final && control->middle == 0 &&
           control->leader == (is_private ? '?' : 0);
}

int bj_screen_repeats(const char *sequence, size_t length)
{
    struct control control;

    if (!parse_control(sequence, length, &control) || control.final != 'b' || control.leader != 0 ||
        control.middle != 0)
        return 0;
    return control.parameters[0] < 1 ? 1 : control.parameters[0];
}

/* Bytes from `at` on that lie between two others. */
static size_t span(const char *text, size_t length, size_t at, char first, char last)
{
    while (at < length && text[at] >= first && text[at] <= last)
        at++;
    return at;
}

/* libvterm has room for BJ_SCREEN_PARAMETERS_MAX numbers and does not look whether there are more.
 */
static bool is_fit_control(const char *sequence, size_t length)
{
    size_t begin = span(sequence, length, 2, '<', '?'), numbers;
    size_t at = begin, digits = 0, parameters = 1;

    for (; at < length && sequence[at] >= '0' && sequence[at] <= ';'; at++) {
        digits = sequence[at] <= '9' ? digits + 1 : 0;
        parameters += sequence[at] > '9';
        if (digits > DIGITS_MAX || parameters > BJ_SCREEN_PARAMETERS_MAX)
            return false;
    }
    numbers = at;
    at = span(sequence, length, at, ' ', '/');
    return begin <= 2 + MARKS_MAX && at - numbers <= MARKS_MAX && at + 1 == length &&
           sequence[at] >= '@' && sequence[at] <= '~' && sequence[at] != 'b';
}

bool bj_screen_is_fit(const char *sequence, size_t length)
{
    if (sequence[0] != 0x1b)
        return length == 1;
    if (length < 2)
        return false;
    if (sequence[1] == '[')
        return is_fit_control(sequence, length);
    if (strchr("]PX^_", sequence[1]) != NULL)
        return sequence[length - 1] == 0x07 ||
               (sequence[length - 2] == 0x1b && sequence[length - 1] == '\\');
    length -= sequence[length - 1] >= '0' && sequence[length - 1] <= '~';
    return span(sequence, length, 1, ' ', '/') == length && length <= 1 + MARKS_MAX;
}

void bj_screen_reset_modes(struct bj_screen *screen, bool soft)
{
    for (int i = 0; i < BJ_SCREEN_MODE_COUNT; i++) {
        if (soft && bj_screen_modes[i].kept)
            continue;
        screen->modes &= ~(1u << i);
        screen->modes |= (uint32_t)bj_screen_modes[i].first << i;
    }
    screen->top = 0;
    screen->bottom = screen->rows - 1;
    for (int i = 0; i < 4; i++)
        screen->charsets[i] = soft && screen->charsets[i] != 0 ? 'B' : 0;
    screen->shifted = 0;
}

/* ---- before ---- */

/* Keeps the buffer that is about to be covered. Without memory it is shown as empty later. */
static void keep_under(struct bj_screen *screen)
{
    size_t cells = (size_t)screen->rows * (size_t)screen->columns;

    bj_free(screen->under);
    screen->under = bj_realloc_array(NULL, cells, sizeof *screen->under);
    screen->under_rows = screen->rows;
    screen->under_columns = screen->columns;
    screen->under_cursor = bj_screen_cursor(screen);
    for (size_t i = 0; screen->under != NULL && i < cells; i++) {
        screen->under[i] =
            bj_screen_cell(screen, (int)i / screen->columns, (int)i % screen->columns);
        screen->under[i].attrs.reverse ^= screen->reverse;
    }
}

void bj_screen_before(struct bj_screen *screen, const char *sequence, size_t length)
{
    struct control control;

    if (!parse_control(sequence, length, &control) || !sets_mode(&control, true, 'h'))
        return;
    if (!screen->alternate && (has_parameter(&control, 47) || has_parameter(&control, 1047) ||
                               has_parameter(&control, 1049)))
        keep_under(screen);
    if (has_parameter(&control, 1048) || has_parameter(&control, 1049))
        screen->kept = bj_screen_cursor(screen);
}

/* ---- after ---- */

static void set_mode(struct bj_screen *screen, bool is_private, int number, bool on)
{
    for (int i = 0; i < BJ_SCREEN_MODE_COUNT; i++) {
        uint32_t bit = 1u << i;

        if (bj_screen_modes[i].number != number || bj_screen_modes[i].is_private != is_private)
            continue;
        /* Of these only one is ever on. */
        if (bit & TRACKING)
            screen->modes &= ~TRACKING;
        if (on && (bit & ENCODINGS))
            screen->modes &= ~ENCODINGS;
        screen->modes = on ? screen->modes | bit : screen->modes & ~bit;
    }
}

/* DECSTBM: what is no region is all of the screen. */
static void set_region(struct bj_screen *screen, const struct control *control)
{
    int top = control->parameters[0], bottom = control->count > 1 ? control->parameters[1] : -1;

    top = top < 1 ? 0 : top - 1;
    bottom = bottom < 1 || bottom > screen->rows ? screen->rows - 1 : bottom - 1;
    if (top > bottom) {
        top = 0;
        bottom = screen->rows - 1;
    }
    screen->top = top;
    screen->bottom = bottom;
}

static void after_control(struct bj_screen *screen, const struct control *control)
{
    bool is_private = control->leader == '?';

    if (sets_mode(control, is_private, 'h') || sets_mode(control, is_private, 'l')) {
        for (int i = 0; i < control->count; i++)
            set_mode(screen, is_private, control->parameters[i], control->final == 'h');
    } else if (control->final == 'r' && control->leader == 0 && control->middle == 0) {
        set_region(screen, control);
    } else if (control->leader == 0 && control->middle == 0 &&
               strchr("ABCDEFGH`adefjk", control->final) != NULL) {
        screen->wraps = false;
    }
}

static void after_escape(struct bj_screen *screen, const char *sequence, size_t length)
{
    static const char designators[] = "()*+";
    const char *place = strchr(designators, sequence[1]);

    if (length == 3 && place != NULL) {
        screen->charsets[place - designators] = sequence[2];
        return;
    }
    if (length != 2)
        return;
    switch (sequence[1]) {
    case '7':
        screen->kept = bj_screen_cursor(screen);
        break;
    case '=':
        screen->modes |= BIT(KEYPAD);
        break;
    case '>':
        screen->modes &= ~BIT(KEYPAD);
        break;
    case 'c':
        bj_screen_reset_modes(screen, false);
        break;
    case 'n':
        screen->shifted = 2;
        break;
    case 'o':
        screen->shifted = 3;
        break;
    }
}

void bj_screen_after(struct bj_screen *screen, const char *sequence, size_t length)
{
    struct control control;

    if (length == 1 && (sequence[0] == 0x0e || sequence[0] == 0x0f))
        screen->shifted = sequence[0] == 0x0e;
    else if (parse_control(sequence, length, &control))
        after_control(screen, &control);
    else if (length >= 2 && sequence[0] == 0x1b && sequence[1] != '[')
        after_escape(screen, sequence, length);
    if (!screen->alternate) {
        bj_free(screen->under);
        screen->under = NULL;
    }
}
