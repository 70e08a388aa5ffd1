/*
 * What a process has done to the user's terminal, to be undone when the user leaves it or the
 * process ends without having done so: the modes of ECMA-48 and xterm (ctlseqs) that outlast a
 * program. Only what was seen is undone, since some of it moves the cursor. Output passes by in
 * pieces; sequences may be cut anywhere.
 */
#include "client/modes.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

enum { GROUND, ESCAPE, DESIGNATE, CONTROL, TEXT, TEXT_ESCAPE };

/* Private modes (CSI ? number h, or l), in the order in which they are put back. */
static const struct {
    int number;
    bool usual;
} modes[] = {
    {1, false},    {5, false},    {6, false},    {7, true},     {9, false},    {66, false},
    {1000, false}, {1001, false}, {1002, false}, {1003, false}, {1004, false}, {1005, false},
    {1006, false}, {1015, false}, {1016, false}, {2004, false}, {2026, false}, {47, false},
    {1047, false}, {1049, false}, {25, true},
};
#define MODE_COUNT (sizeof modes / sizeof *modes)

static void set_mode(struct bj_client_modes *terminal, int number, bool on)
{
    for (size_t i = 0; i < MODE_COUNT; i++) {
        uint32_t bit = (uint32_t)1 << i;

        if (modes[i].number == number)
            terminal->changed =
                on == modes[i].usual ? terminal->changed & ~bit : terminal->changed | bit;
    }
}

static void set_modes(struct bj_client_modes *terminal, bool on)
{
    const char *at = terminal->parameters + 1;

    for (;;) {
        char *end;
        long number = strtol(at, &end, 10);

        if (end > at)
            set_mode(terminal, number < 100000 ? (int)number : 0, on);
        if (*end != ';')
            return;
        at = end + 1;
    }
}

/* All of CSI is here but its last byte. */
static void end_control(struct bj_client_modes *terminal, char final)
{
    const char *parameters = terminal->parameters;
    size_t length = strlen(parameters);

    if (terminal->too_long)
        return;
    if (*parameters == '?' && (final == 'h' || final == 'l'))
        set_modes(terminal, final == 'h');
    else if (final == 'r' && *parameters != '?')
        terminal->region = length > 0;
    else if (final == 'm' && *parameters == '>')
        terminal->keys = true;
    else if (final == 'm')
        terminal->colours = true;
    else if (final == 'q' && length > 0 && parameters[length - 1] == ' ')
        terminal->cursor = true;
    else if (final == 'p' && length > 0 && parameters[length - 1] == '!')
        *terminal = (struct bj_client_modes){.changed = terminal->changed};
}

static int take_escape(struct bj_client_modes *terminal, char byte)
{
    terminal->parameters[0] = '\0';
    terminal->too_long = false;
    switch (byte) {
    case '[':
        return CONTROL;
    case ']':
    case 'P':
    case 'X':
    case '^':
    case '_':
        return TEXT;
    case '(':
    case ')':
    case '*':
    case '+':
        terminal->characters = true;
        return DESIGNATE;
    case '=':
        terminal->keypad = true;
        return GROUND;
    case '>':
        terminal->keypad = false;
        return GROUND;
    case 'c':
        *terminal = (struct bj_client_modes){.state = GROUND};
        return GROUND;
    case '\033':
        return ESCAPE;
    default:
        return byte >= ' ' && byte <= '/' ? DESIGNATE : GROUND;
    }
}

static int take_control(struct bj_client_modes *terminal, char byte)
{
    size_t length = strlen(terminal->parameters);

    if (byte >= '@' && byte <= '~') {
        end_control(terminal, byte);
        return GROUND;
    }
    if (byte < ' ' || byte == 127) /* acts in between, or ends it: CAN, SUB, ESC */
        return byte == '\033' ? ESCAPE : byte == 0x18 || byte == 0x1a ? GROUND : CONTROL;
    if (length + 1 < sizeof terminal->parameters) {
        terminal->parameters[length] = byte;
        terminal->parameters[length + 1] = '\0';
    } else {
        terminal->too_long = true;
    }
    return CONTROL;
}

static int take(struct bj_client_modes *terminal, char byte)
{
    switch (terminal->state) {
    case ESCAPE:
        return take_escape(terminal, byte);
    case DESIGNATE:
        return byte >= ' ' && byte <= '/' ? DESIGNATE : byte == '\033' ? ESCAPE : GROUND;
    case CONTROL:
        return take_control(terminal, byte);
    case TEXT:
        return byte == '\a' || byte == 0x18 || byte == 0x1a ? GROUND
               : byte == '\033'                             ? TEXT_ESCAPE
                                                            : TEXT;
    case TEXT_ESCAPE:
        return byte == '\\' ? GROUND : take_escape(terminal, byte);
    default:
        if (byte == '\016')
            terminal->characters = true;
        return byte == '\033' ? ESCAPE : GROUND;
    }
}

void bj_client_modes_follow(struct bj_client_modes *terminal, const char *data, size_t length)
{
    for (size_t i = 0; i < length; i++)
        terminal->state = take(terminal, data[i]);
}

void bj_client_modes_undo(const struct bj_client_modes *terminal, struct bj_buf *out)
{
    if (terminal->state != GROUND)
        bj_buf_puts(out, "\x18"); /* CAN: what was begun is none */
    if (terminal->state == TEXT || terminal->state == TEXT_ESCAPE)
        bj_buf_puts(out, "\033\\");
    if (terminal->region)
        bj_buf_puts(out, "\0337\033[r\0338"); /* it moves the cursor */
    if (terminal->keypad)
        bj_buf_puts(out, "\033>");
    if (terminal->keys)
        bj_buf_puts(out, "\033[>4m");
    if (terminal->characters)
        bj_buf_puts(out, "\033(B\033)B\017");
    if (terminal->colours)
        bj_buf_puts(out, "\033[0m");
    if (terminal->cursor)
        bj_buf_puts(out, "\033[0 q");
    for (size_t i = 0; i < MODE_COUNT; i++) {
        if (terminal->changed & (uint32_t)1 << i)
            bj_buf_printf(out, "\033[?%d%c", modes[i].number, modes[i].usual ? 'h' : 'l');
    }
}
