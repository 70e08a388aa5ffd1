/*
 * What harmless programs write when all they read is known: echo, printf, and a table of filters.
 * So `echo cm0gLXJmIC8= | base64 -d | sh` is read as what it is. Anything else writes a hole.
 */
#include <ctype.h>

#include "policy/shell_internal.h"

/* Text being made; one byte after the other. */
struct made {
    struct walk *walk;
    struct sink sink;
};

static void add(struct made *made, char byte)
{
    bj_sh_write(made->walk, &made->sink, (struct text){&byte, 1});
}

static struct text finish(const struct made *made)
{
    return made->sink.text.bytes == NULL ? (struct text){"", 0} : made->sink.text;
}

static int digit_of(int byte)
{
    if (isdigit(byte))
        return byte - '0';
    return isxdigit(byte) ? (byte | 32) - 'a' + 10 : 99;
}

/* Up to `most` digits at *at. */
static uint32_t digits(struct text text, uint32_t *at, int base, int most)
{
    uint32_t value = 0;

    while (most-- > 0 && *at < text.length && digit_of((unsigned char)text.bytes[*at]) < base)
        value = value * (uint32_t)base + (uint32_t)digit_of((unsigned char)text.bytes[(*at)++]);
    return value;
}

static void add_character(struct made *made, uint32_t code)
{
    if (code < 0x80) {
        add(made, (char)code);
    } else if (code < 0x800) {
        add(made, (char)(0xc0 | code >> 6));
        add(made, (char)(0x80 | (code & 63)));
    } else if (code < 0x10000) {
        add(made, (char)(0xe0 | code >> 12));
        add(made, (char)(0x80 | (code >> 6 & 63)));
        add(made, (char)(0x80 | (code & 63)));
    } else {
        add(made, (char)(0xf0 | (code >> 18 & 7)));
        add(made, (char)(0x80 | (code >> 12 & 63)));
        add(made, (char)(0x80 | (code >> 6 & 63)));
        add(made, (char)(0x80 | (code & 63)));
    }
}

/*
 * One escape behind its backslash, as $'…' or, with `echo`, as echo -e has it. False: the text ends
 * here (\c of echo, a NUL in $'…').
 */
static bool escape(struct made *made, struct text text, uint32_t *at, bool echo)
{
    static const char plain[] = "abefnrtv", values[] = "\a\b\033\f\n\r\t\v";
    char byte = text.bytes[(*at)++];
    const char *found = byte == BJ_HOLE ? NULL : strchr(plain, byte);
    uint32_t start = *at, code;

    if (found != NULL) {
        add(made, values[found - plain]);
        return true;
    }
    switch (byte) {
    case 'E':
        add(made, '\033');
        return true;
    case '\\':
        add(made, '\\');
        return true;
    case '\'':
    case '"':
    case '?':
        if (echo)
            add(made, '\\');
        add(made, byte);
        return true;
    case 'x':
        code = digits(text, at, 16, 2);
        break;
    case 'u':
    case 'U':
        code = digits(text, at, 16, byte == 'u' ? 4 : 8);
        if (*at > start) {
            add_character(made, code);
            return true;
        }
        break;
    case 'c':
        if (echo)
            return false;
        if (*at < text.length)
            add(made, (char)(text.bytes[(*at)++] & 31));
        return true;
    case '0':
    case '1':
    case '2':
    case '3':
    case '4':
    case '5':
    case '6':
    case '7':
        if (!echo || byte != '0')
            --*at;
        code = digits(text, at, 8, 3) & 255;
        if (code == 0 && !echo)
            return false;
        add(made, (char)code);
        return true;
    default:
        add(made, '\\');
        add(made, byte);
        return true;
    }
    if (*at == start) {
        add(made, '\\');
        add(made, byte);
    } else if (code == 0 && !echo) {
        return false;
    } else {
        add(made, (char)code);
    }
    return true;
}

struct text bj_sh_decode(struct walk *walk, struct text text, bool echo, bool *ret_stop)
{
    struct made made = {.walk = walk};

    *ret_stop = false;
    if (text.length == 0 || memchr(text.bytes, '\\', text.length) == NULL)
        return text;
    for (uint32_t at = 0; at < text.length && !*ret_stop;) {
        if (text.bytes[at] == '\\' && at + 1 < text.length) {
            at++;
            *ret_stop = !escape(&made, text, &at, echo);
        } else {
            add(&made, text.bytes[at++]);
        }
    }
    return finish(&made);
}

/* ---- echo and printf ---- */

static struct text output_echo(struct walk *walk, const struct bj_simple_command *command)
{
    struct made made = {.walk = walk};
    size_t first = 1;
    bool newline = true, escapes = false, stop = false;

    for (; first < command->word_count; first++) {
        const struct bj_word *word = &command->words[first];

        if (word->length < 2 || word->text[0] != '-' ||
            strspn(word->text + 1, "neE") != word->length - 1)
            break;
        newline = newline && memchr(word->text, 'n', word->length) == NULL;
        for (uint32_t i = 1; i < word->length; i++)
            escapes = word->text[i] == 'e' || (escapes && word->text[i] != 'E');
    }
    for (size_t i = first; i < command->word_count && !stop; i++) {
        const struct bj_word *word = &command->words[i];
        struct text text = {word->text, word->length};

        if (i > first)
            add(&made, ' ');
        if (word->glob || word->splits)
            text = HOLE_TEXT;
        else if (escapes)
            text = bj_sh_decode(walk, text, true, &stop);
        else if (memchr(word->text, '\\', word->length) != NULL)
            text = HOLE_TEXT; /* some shells decode it, some do not */
        bj_sh_write(walk, &made.sink, text);
    }
    if (newline && !stop)
        add(&made, '\n');
    return finish(&made);
}

struct printing {
    struct walk *walk;
    struct made made;
    const struct bj_word *words;
    size_t count, next;
    bool stop, failed;
};

static struct text next_argument(struct printing *printing)
{
    const struct bj_word *word;

    if (printing->next >= printing->count) {
        printing->next++;
        return (struct text){"", 0};
    }
    word = &printing->words[printing->next++];
    if (word->splits || word->glob)
        printing->failed = true;
    return (struct text){word->text, word->length};
}

/* A number as printf takes it: 'A is 65, 0x41 too. */
static bool printf_number(struct walk *walk, struct text text, int64_t *ret)
{
    *ret = 0;
    if (text.length == 0)
        return true;
    if (text.length >= 2 && (text.bytes[0] == '\'' || text.bytes[0] == '"')) {
        *ret = (unsigned char)text.bytes[1];
        return true;
    }
    for (uint32_t i = 0; i < text.length; i++)
        if (!isxdigit((unsigned char)text.bytes[i]) && strchr("+-xX", text.bytes[i]) == NULL)
            return false;
    return text.bytes[0] != BJ_HOLE && bj_sh_math(walk, text, ret);
}

static void print_number(struct printing *printing, char how, struct text text)
{
    int64_t number;
    uint64_t left;
    char digits_of[24];
    uint32_t at = sizeof digits_of;
    unsigned base = how == 'o' ? 8 : how == 'x' || how == 'X' ? 16 : 10;

    if (!printf_number(printing->walk, text, &number)) {
        bj_sh_write(printing->walk, &printing->made.sink, HOLE_TEXT);
        return;
    }
    if (base == 10) {
        bj_sh_write(printing->walk, &printing->made.sink, bj_sh_number(printing->walk, number));
        return;
    }
    left = (uint64_t)number;
    do
        digits_of[--at] = (how == 'X' ? "0123456789ABCDEF" : "0123456789abcdef")[left % base];
    while ((left /= base) > 0);
    bj_sh_write(printing->walk, &printing->made.sink,
                (struct text){digits_of + at, (uint32_t)sizeof digits_of - at});
}

/* One % of the format; `at` is behind it. Widths and precisions are not followed. */
static uint32_t print_one(struct printing *printing, struct text format, uint32_t at)
{
    struct sink *sink = &printing->made.sink;
    uint32_t from = at;
    struct text text;

    while (at < format.length && strchr("-+ #0123456789.*", format.bytes[at]) != NULL &&
           format.bytes[at] != BJ_HOLE)
        at++;
    if (at >= format.length)
        return at;
    if (at > from)
        printing->failed = true;
    switch (format.bytes[at]) {
    case '%':
        add(&printing->made, '%');
        break;
    case 's':
        bj_sh_write(printing->walk, sink, next_argument(printing));
        break;
    case 'b':
        text = bj_sh_decode(printing->walk, next_argument(printing), true, &printing->stop);
        bj_sh_write(printing->walk, sink, text);
        break;
    case 'c':
        text = next_argument(printing);
        text.length = text.length > 0;
        bj_sh_write(printing->walk, sink, text);
        break;
    case 'd':
    case 'i':
    case 'u':
    case 'x':
    case 'X':
    case 'o':
        print_number(printing, format.bytes[at], next_argument(printing));
        break;
    default:
        printing->failed = true;
        next_argument(printing);
        break;
    }
    return at + 1;
}

bool bj_sh_printf(struct walk *walk, const struct bj_word *words, size_t count, struct text *ret)
{
    struct printing printing = {
        .walk = walk, .made = {.walk = walk}, .words = words + 1, .count = count - 1};
    struct text format = {words[0].text, words[0].length};

    *ret = HOLE_TEXT;
    if (words[0].splits || words[0].glob)
        return false;
    /* The format is used again while arguments are left and it takes some. */
    do {
        size_t before = printing.next;

        for (uint32_t at = 0; at < format.length && !printing.stop;) {
            if (format.bytes[at] == '%') {
                at = print_one(&printing, format, at + 1);
            } else if (format.bytes[at] == '\\' && at + 1 < format.length) {
                at++;
                printing.stop =
                    format.bytes[at] == 'c' || !escape(&printing.made, format, &at, false);
            } else {
                add(&printing.made, format.bytes[at++]);
            }
        }
        if (printing.next == before)
            break;
    } while (printing.next < printing.count && !printing.stop && bj_sh_step(walk));
    if (printing.failed)
        return false;
    *ret = finish(&printing.made);
    return true;
}

static struct text output_printf(struct walk *walk, const struct bj_simple_command *command)
{
    struct text text = HOLE_TEXT;
    size_t first = command->word_count > 1 && bj_word_is(&command->words[1], "--") ? 2 : 1;

    if (command->word_count > first)
        bj_sh_printf(walk, command->words + first, command->word_count - first, &text);
    return text;
}

/* ---- filters ---- */

static bool has_flag(const struct bj_simple_command *command, char letter, const char *name)
{
    for (size_t i = 0; i < command->program.flag_count; i++) {
        const struct bj_flag *flag = &command->program.flags[i];

        if ((letter != 0 && flag->letter == letter) ||
            (*name != 0 && strcmp(flag->name, name) == 0))
            return true;
    }
    return false;
}

/* All that the operands from `first` name, or standard input if there is none. */
static struct text input_of(struct walk *walk, const struct bj_simple_command *command,
                            size_t first)
{
    struct text all = {"", 0}, one;

    if (command->program.operand_count <= first)
        return walk->input == NULL ? HOLE_TEXT : walk->input->text;
    for (size_t i = first; i < command->program.operand_count; i++) {
        const struct bj_word *operand = &command->program.operands[i];

        if (bj_word_is(operand, "-"))
            one = walk->input == NULL ? HOLE_TEXT : walk->input->text;
        else if (!bj_sh_file_text(walk, operand, &one))
            one = HOLE_TEXT;
        all = bj_sh_concat(walk, all, one);
    }
    return all;
}

static struct text output_cat(struct walk *walk, const struct bj_simple_command *command)
{
    return command->program.flag_count == 0 ? input_of(walk, command, 0) : HOLE_TEXT;
}

static struct text output_tee(struct walk *walk, const struct bj_simple_command *command)
{
    (void)command;
    return walk->input == NULL ? HOLE_TEXT : walk->input->text;
}

static int base64_digit(char byte)
{
    if (byte >= 'A' && byte <= 'Z')
        return byte - 'A';
    if (byte >= 'a' && byte <= 'z')
        return byte - 'a' + 26;
    if (byte >= '0' && byte <= '9')
        return byte - '0' + 52;
    if (byte == '+' || byte == '-')
        return 62;
    return byte == '/' || byte == '_' ? 63 : -1;
}

static struct text output_base64(struct walk *walk, const struct bj_simple_command *command)
{
    struct text text = input_of(walk, command, 0);
    struct made made = {.walk = walk};
    uint32_t bits = 0;
    int have = 0;

    if (!has_flag(command, 'd', "decode") && !has_flag(command, 'D', ""))
        return HOLE_TEXT;
    for (uint32_t i = 0; i < text.length && bj_sh_step(walk); i++) {
        int value = base64_digit(text.bytes[i]);

        if (text.bytes[i] == BJ_HOLE)
            return HOLE_TEXT;
        if (value < 0)
            continue;
        bits = bits << 6 | (uint32_t)value;
        have += 6;
        if (have >= 8) {
            have -= 8;
            add(&made, (char)(bits >> have & 255));
        }
    }
    return finish(&made);
}

static struct text output_xxd(struct walk *walk, const struct bj_simple_command *command)
{
    struct text text = input_of(walk, command, 0);
    struct made made = {.walk = walk};
    int high = -1;

    if (!has_flag(command, 'r', "") || !has_flag(command, 'p', ""))
        return HOLE_TEXT;
    for (uint32_t i = 0; i < text.length && bj_sh_step(walk); i++) {
        int digit = digit_of((unsigned char)text.bytes[i]);

        if (text.bytes[i] == BJ_HOLE)
            return HOLE_TEXT;
        if (digit > 15)
            continue;
        if (high >= 0)
            add(&made, (char)(high << 4 | digit));
        high = high >= 0 ? -1 : digit;
    }
    return finish(&made);
}

/* Each line from its end. */
static struct text output_rev(struct walk *walk, const struct bj_simple_command *command)
{
    struct text text = bj_sh_copy(walk, input_of(walk, command, 0));
    char *bytes = (char *)text.bytes;
    uint32_t from = 0;

    for (uint32_t i = 0; i <= text.length; i++) {
        if (i < text.length && bytes[i] != '\n')
            continue;
        for (uint32_t a = from, b = i; b > a + 1; a++) {
            char byte = bytes[a];

            bytes[a] = bytes[--b];
            bytes[b] = byte;
        }
        from = i + 1;
    }
    return text;
}

static struct text output_tac(struct walk *walk, const struct bj_simple_command *command)
{
    struct text text = input_of(walk, command, 0);
    struct made made = {.walk = walk};
    uint32_t end = text.length;

    if (command->program.flag_count > 0)
        return HOLE_TEXT;
    for (uint32_t i = text.length; i-- > 0;) {
        if (i > 0 && text.bytes[i - 1] != '\n')
            continue;
        bj_sh_write(walk, &made.sink, (struct text){text.bytes + i, end - i});
        end = i;
    }
    return finish(&made);
}

/* A set of tr in full: ranges and escapes; false for what is not followed. */
static bool tr_set(const struct bj_word *word, unsigned char *set, uint32_t *ret_length)
{
    uint32_t length = 0;

    if (word->holes || memchr(word->text, '[', word->length) != NULL)
        return false;
    for (uint32_t i = 0; i < word->length; i++) {
        unsigned first = (unsigned char)word->text[i], last;

        if (first == '\\' && i + 1 < word->length) {
            char next = word->text[++i];

            if (next != 'n' && next != 't' && next != '\\')
                return false;
            first = next == 'n' ? '\n' : next == 't' ? '\t' : '\\';
        }
        last = first;
        if (i + 2 < word->length && word->text[i + 1] == '-') {
            last = (unsigned char)word->text[i + 2];
            i += 2;
        }
        for (; first <= last && length < 256; first++)
            set[length++] = (unsigned char)first;
    }
    *ret_length = length;
    return true;
}

static struct text output_tr(struct walk *walk, const struct bj_simple_command *command)
{
    unsigned char from[256], to[256];
    uint32_t from_count = 0, to_count = 0;
    bool deletes = has_flag(command, 'd', "delete");
    struct text text = walk->input == NULL ? HOLE_TEXT : walk->input->text;
    struct made made = {.walk = walk};

    if (command->program.operand_count != (deletes ? 1U : 2U) ||
        command->program.flag_count != deletes ||
        !tr_set(&command->program.operands[0], from, &from_count) ||
        (!deletes && (!tr_set(&command->program.operands[1], to, &to_count) || to_count == 0)))
        return HOLE_TEXT;
    for (uint32_t i = 0; i < text.length && bj_sh_step(walk); i++) {
        char byte = text.bytes[i];
        uint32_t at = from_count;

        /* The last one counts when a byte stands in the set twice. */
        while (byte != BJ_HOLE && at > 0 && from[at - 1] != (unsigned char)byte)
            at--;
        if (byte == BJ_HOLE || at == 0)
            add(&made, byte);
        else if (!deletes)
            add(&made, (char)to[at - 1 < to_count ? at - 1 : to_count - 1]);
    }
    return finish(&made);
}

/* s/x/y/ with plain text only: no regular expression is followed. */
static struct text output_sed(struct walk *walk, const struct bj_simple_command *command)
{
    static const char special[] = ".*[]^$\\&";
    const struct bj_word *script;
    struct text text, from, to;
    const char *middle, *end;
    char mark;
    bool all;

    if (command->program.operand_count == 0 || command->program.flag_count > 0)
        return HOLE_TEXT;
    script = &command->program.operands[0];
    if (script->length < 4 || script->text[0] != 's' || script->holes)
        return HOLE_TEXT;
    mark = script->text[1];
    middle = memchr(script->text + 2, mark, script->length - 2);
    end = middle == NULL
              ? NULL
              : memchr(middle + 1, mark, (size_t)(script->text + script->length - middle - 1));
    if (end == NULL || isalnum((unsigned char)mark))
        return HOLE_TEXT;
    from = (struct text){script->text + 2, (uint32_t)(middle - script->text - 2)};
    to = (struct text){middle + 1, (uint32_t)(end - middle - 1)};
    all = strcmp(end + 1, "g") == 0;
    text = input_of(walk, command, 1);
    if ((!all && end[1] != '\0') || from.length == 0 || bj_sh_has_hole(text) ||
        strcspn(script->text + 2, special) < (size_t)(end - script->text - 2))
        return HOLE_TEXT;
    /* Without g only the first of each line: one line is followed. */
    if (!all && text.length > 0 && memchr(text.bytes, '\n', text.length - 1) != NULL)
        return HOLE_TEXT;
    return bj_sh_replace(walk, text, from, to, all ? '/' : 0);
}

/* Without options, one line only: there is nothing to sort, count or cut then. */
static struct text output_line(struct walk *walk, const struct bj_simple_command *command)
{
    struct text text = input_of(walk, command, 0);
    bool several = text.length > 1 && memchr(text.bytes, '\n', text.length - 1) != NULL;

    return command->program.flag_count > 0 || several ? HOLE_TEXT : text;
}

static struct text output_pwd(struct walk *walk, const struct bj_simple_command *command)
{
    return command->directory == NULL
               ? HOLE_TEXT
               : bj_sh_concat(walk, bj_sh_string(command->directory), TEXT("\n"));
}

static struct text output_nothing(struct walk *walk, const struct bj_simple_command *command)
{
    (void)walk;
    (void)command;
    return (struct text){"", 0};
}

static const struct {
    const char *name;
    struct text (*output)(struct walk *walk, const struct bj_simple_command *command);
} filters[] = {
    {"echo", output_echo},      {"printf", output_printf},   {"cat", output_cat},
    {"tee", output_tee},        {"base64", output_base64},   {"xxd", output_xxd},
    {"rev", output_rev},        {"tac", output_tac},         {"tr", output_tr},
    {"sed", output_sed},        {"sort", output_line},       {"uniq", output_line},
    {"head", output_line},      {"tail", output_line},       {"pwd", output_pwd},
    {"true", output_nothing},   {"false", output_nothing},   {"mkdir", output_nothing},
    {"touch", output_nothing},  {"sleep", output_nothing},   {"chmod", output_nothing},
    {"export", output_nothing}, {"declare", output_nothing}, {"local", output_nothing},
    {"set", output_nothing},    {"shopt", output_nothing},   {"alias", output_nothing},
    {"trap", output_nothing},
};

struct text bj_sh_output(struct walk *walk, const struct bj_simple_command *command)
{
    /* By the name that was called: a row of the table of programs may stand for several. */
    const char *slash = memrchr(command->words[0].text, '/', command->words[0].length);
    const char *name = slash == NULL ? command->words[0].text : slash + 1;

    for (size_t i = 0; i < sizeof filters / sizeof *filters; i++)
        if (strcmp(filters[i].name, name) == 0)
            return filters[i].output(walk, command);
    return HOLE_TEXT;
}
