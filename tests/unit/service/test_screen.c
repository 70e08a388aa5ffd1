/*
 * Tests of src/service/screen*.c: what is painted on a fresh terminal looks the same as the
 * original, and stays so whatever comes next.
 */
#include "service/screen_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"

#define ALL (int64_t)1000000000 /* microseconds: enough for anything */

static struct bj_screen *new_screen(uint16_t rows, uint16_t columns, uint32_t history)
{
    struct bj_screen *screen;

    assert_int_equal(bj_screen_new(rows, columns, history, &screen, NULL), 0);
    return screen;
}

static void feed(struct bj_screen *screen, const char *text)
{
    assert_int_equal(bj_screen_feed(screen, text, strlen(text), ALL), strlen(text));
}

/* The screen, painted on a fresh one. */
static struct bj_screen *painted(struct bj_screen *screen, struct bj_buf *bytes)
{
    struct bj_screen *other = new_screen((uint16_t)screen->rows, (uint16_t)screen->columns, 10);

    bj_buf_init(bytes, 16 << 20);
    bj_screen_paint(screen, bytes);
    assert_false(bytes->failed);
    assert_int_equal(bj_screen_feed(other, bytes->data, bytes->length, ALL), bytes->length);
    return other;
}

static bool same_colour(const VTermColor *a, const VTermColor *b)
{
    return a->type == b->type && vterm_color_is_equal(a, b);
}

static bool same_attributes(const VTermScreenCellAttrs *a, const VTermScreenCellAttrs *b)
{
    return a->bold == b->bold && a->underline == b->underline && a->italic == b->italic &&
           a->blink == b->blink && a->reverse == b->reverse && a->strike == b->strike &&
           a->font == b->font && a->dwl == b->dwl && a->dhl == b->dhl;
}

static bool same_cell(const VTermScreenCell *a, const VTermScreenCell *b)
{
    /* Half of a wide character whose other half was erased is as good as erased. */
    if ((bj_cell_is_half(a) || a->chars[0] == 0) && (bj_cell_is_half(b) || b->chars[0] == 0) &&
        (bj_cell_is_half(a) || bj_cell_is_half(b)))
        return true;
    for (int i = 0; i < VTERM_MAX_CHARS_PER_CELL; i++) {
        if (a->chars[i] != b->chars[i])
            return false;
        if (a->chars[i] == 0)
            break;
    }
    return (a->width == b->width || a->chars[0] == 0) && same_attributes(&a->attrs, &b->attrs) &&
           same_colour(&a->fg, &b->fg) && same_colour(&a->bg, &b->bg);
}

static bool same_place(const struct bj_place *a, const struct bj_place *b)
{
    return a->row == b->row && a->column == b->column &&
           same_attributes(&a->pen.attrs, &b->pen.attrs) && same_colour(&a->pen.fg, &b->pen.fg) &&
           same_colour(&a->pen.bg, &b->pen.bg);
}

/* What differs; NULL when nothing does. */
static const char *difference(const struct bj_screen *a, const struct bj_screen *b)
{
    static char text[100];
    struct bj_place first = bj_screen_cursor(a), second = bj_screen_cursor(b);

    for (int row = 0; row < a->rows; row++) {
        for (int column = 0; column < a->columns; column++) {
            VTermScreenCell one = bj_screen_cell(a, row, column);
            VTermScreenCell other = bj_screen_cell(b, row, column);

            if (!same_cell(&one, &other)) {
                snprintf(text, sizeof text, "cell %d,%d: %x %x %d, %x %x %d, types %x %x %x %x",
                         row, column, one.chars[0], one.chars[1], one.width, other.chars[0],
                         other.chars[1], other.width, one.fg.type, other.fg.type, one.bg.type,
                         other.bg.type);
                return text;
            }
        }
    }
    if (!same_place(&first, &second)) {
        snprintf(text, sizeof text, "cursor %d,%d and %d,%d, or the pen", first.row, first.column,
                 second.row, second.column);
        return text;
    }
    if (a->modes != b->modes)
        return "modes";
    if (a->alternate != b->alternate)
        return "buffer";
    if (memcmp(&a->look, &b->look, sizeof a->look) != 0)
        return "cursor's shape";
    if (a->reverse != b->reverse)
        return "reverse";
    if (a->top != b->top || a->bottom != b->bottom)
        return "region";
    if (memcmp(a->charsets, b->charsets, 4) != 0 || a->shifted != b->shifted)
        return "character sets";
    if (a->wraps != b->wraps)
        return "wrapping";
    return strcmp(a->title, b->title) != 0 ? "title" : NULL;
}

static void expect_same(const struct bj_screen *a, const struct bj_screen *b, const char *when)
{
    const char *found = difference(a, b);

    if (found != NULL)
        fail_msg("%s: %s", when, found);
}

/* Painted it is the same, and so it is after what comes next. */
static void check(uint16_t rows, uint16_t columns, const char *first, const char *next)
{
    struct bj_screen *screen = new_screen(rows, columns, 10), *other;
    struct bj_buf bytes;

    feed(screen, first);
    other = painted(screen, &bytes);
    expect_same(screen, other, "painted");
    feed(screen, next);
    feed(other, next);
    expect_same(screen, other, "continued");
    bj_buf_release(&bytes);
    bj_screen_free(screen);
    bj_screen_free(other);
}

/* ---- tests ---- */

static void test_paint(void **state)
{
    (void)state;
    check(5, 20, "", "hello");
    check(5, 20, "hello\r\nworld\r\n$ ", "ls");
    check(5, 20, "\033[1;31mred\033[0m \033[4:3mcurly\033[24;48;5;200mviolet", "x");
    check(5, 20, "\033[38;2;1;2;3mrgb\033[93mbright", "x");
    check(5, 20, "\033[44m\033[2J\033[H\033[Kblue", "x");
    check(5, 20, "\xe6\x97\xa5\xe6\x9c\xac wide e\xcc\x81 combined", "x");
    check(5, 20, "\033[2;4r\033[3;1Hin region\n\n\n", "a\nb\nc\nd");
    check(5, 20, "\033[2;4r\033[?6h\033[2;2Horigin", "\033[1;1Hx");
    check(5, 20, "\033)0\016lqqk\017", "\016x");
    check(5, 20, "\033(0lqk", "x");
    check(5, 20, "abc\0337\r\n\ndef", "\0338ghi");
    check(5, 20, "\033]2;a title\007\033[?25l\033[4 q\033[?2004h\033[?1002h\033[?1006h", "x");
    check(5, 20, "\033[?1h\033=\033[?7l\033[4h\033[?5h", "x");
    check(5, 20, "\033#6double", "x");
    check(3, 5, "\033[31mabcde", "f");    /* the next one wraps */
    check(3, 5, "abcde\033[3;5Hx", "yz"); /* and scrolls */
    check(3, 5, "abcde\033[5G", "f");
    check(3, 5, "abc\xe6\x97\xa5", "f");
    check(1, 1, "x", "y");
    check(2, 1, "x", "yz");
}

static void test_alternate(void **state)
{
    (void)state;
    check(5, 20, "shell$ vi\033[?1049h\033[2J\033[H~\r\n~", "\033[?1049l$");
    check(5, 20, "\033[32mprimary\033[?1049hother\033[31m", "\033[?1049l after");
    check(5, 20, "one\033[?1047htwo\033[?1047l three", "four");
    check(5, 20, "\033[?1049hfull\033c", "x");
}

/* Output that stops anywhere goes on behind the painted screen. */
static void test_cut(void **state)
{
    static const char text[] = "a\033[31mb\xe6\x97\xa5\033]2;title\007c\033[?1049hd\033[2;3H"
                               "\033Pq#0;2\033\\e\033]0;other\033\\\033(0q\033(B\xc3\xa9"
                               "f\033[38;5;99mg\033[?2004hh";
    char first[sizeof text];

    (void)state;
    for (size_t i = 0; i < sizeof text; i++) {
        memcpy(first, text, i);
        first[i] = '\0';
        check(5, 20, first, text + i);
    }
}

/* A string without an end costs no memory, and is no text on anybody's screen. */
static void test_endless(void **state)
{
    struct bj_screen *screen = new_screen(5, 20, 10), *other;
    struct bj_buf bytes;

    (void)state;
    feed(screen, "before\033]52;c;");
    for (int i = 0; i < 100000; i++)
        feed(screen, "QUJD");
    other = painted(screen, &bytes);
    assert_true(bytes.length < 1000);
    feed(screen, "QUJD\007after");
    feed(other, "QUJD\007after");
    expect_same(screen, other, "endless");
    bj_buf_release(&bytes);
    bj_buf_init(&bytes, 1000);
    bj_screen_text(other, 0, &bytes);
    assert_string_equal(bj_buf_text(&bytes), "beforeafter\n");
    bj_buf_release(&bytes);
    bj_screen_free(screen);
    bj_screen_free(other);
}

static void expect_text(struct bj_screen *screen, uint32_t history, const char *expected)
{
    struct bj_buf text;

    bj_buf_init(&text, 1 << 20);
    bj_screen_text(screen, history, &text);
    assert_false(text.failed);
    assert_string_equal(bj_buf_text(&text), expected);
    bj_buf_release(&text);
}

static void test_text(void **state)
{
    struct bj_screen *screen = new_screen(3, 10, 4);

    (void)state;
    expect_text(screen, 10, "");
    feed(screen, "one  \r\n\033[31mtwo\xc3\xa9\r\n");
    expect_text(screen, 10, "one\ntwo\xc3\xa9\n");
    feed(screen, "\r\n4\r\n5\r\n6\r\n7\r\n\xe6\x97\xa5 8");
    expect_text(screen, 0, "6\n7\n\xe6\x97\xa5 8\n");
    expect_text(screen, 1, "5\n6\n7\n\xe6\x97\xa5 8\n");
    expect_text(screen, 10, "two\xc3\xa9\n\n4\n5\n6\n7\n\xe6\x97\xa5 8\n");
    feed(screen, "\033[?1049halt\r\n\n\n\n\n\n\n");
    expect_text(screen, 1, "5\n");
    bj_screen_free(screen);
}

static void test_resize(void **state)
{
    struct bj_screen *screen = new_screen(5, 20, 10), *other;
    struct bj_buf bytes;
    uint16_t rows, columns;

    (void)state;
    feed(screen, "\033[2;4rone\r\ntwo\033[?1049hfull screen");
    assert_int_equal(bj_screen_resize(screen, 8, 9, NULL), 0);
    bj_screen_size(screen, &rows, &columns);
    assert_int_equal(rows, 8);
    assert_int_equal(columns, 9);
    other = painted(screen, &bytes);
    expect_same(screen, other, "resized");
    feed(screen, "\033[8;9Hx\033[?1049l");
    feed(other, "\033[8;9Hx\033[?1049l");
    expect_same(screen, other, "continued");
    bj_buf_release(&bytes);
    bj_screen_free(other);

    assert_int_equal(bj_screen_resize(screen, 0, 65535, NULL), 0);
    bj_screen_size(screen, &rows, &columns);
    assert_int_equal(rows, 1);
    assert_int_equal(columns, BJ_SCREEN_COLUMNS_MAX);
    bj_screen_free(screen);
}

/* What stands above a cursor that has rows below it: libvterm alone takes it out of the screen. */
static void test_resize_above_the_cursor(void **state)
{
    struct bj_screen *screen = new_screen(8, 4, 10), *other;
    struct bj_buf bytes;

    (void)state;
    feed(screen, "a\r\nb\r\nc\r\nd\r\ne\r\nf\r\ng\r\nh\033[1;1H");
    assert_int_equal(bj_screen_resize(screen, 1, 8, NULL), 0);
    assert_int_equal(bj_screen_cursor(screen).row, 0);
    feed(screen, "x");
    other = painted(screen, &bytes);
    expect_same(screen, other, "smaller");
    bj_buf_release(&bytes);
    bj_screen_free(other);
    bj_screen_free(screen);
}

/* Half of one column is none: a line of double width would be drawn before the screen. */
static void test_double_width_on_one_column(void **state)
{
    struct bj_screen *wide = new_screen(1, 8, 10), *screen = new_screen(8, 1, 10);
    struct bj_buf bytes;

    (void)state;
    feed(wide, "\033#6");
    bj_buf_init(&bytes, 1 << 20);
    bj_screen_paint(wide, &bytes);
    assert_int_equal(bj_screen_feed(screen, bytes.data, bytes.length, ALL), bytes.length);
    assert_true(bj_screen_cursor(screen).column >= 0);
    bj_buf_release(&bytes);
    bj_screen_free(wide);
    bj_screen_free(screen);
}

/* More numbers than libvterm has room for: it writes them all the same. */
static void test_many_numbers(void **state)
{
    struct bj_screen *screen = new_screen(4, 20, 10);
    const char separators[] = ";:";

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        char sequence[512] = "\033[";

        memset(sequence + 2, separators[i], 400);
        strcpy(sequence + 402, "7mx");
        feed(screen, sequence);
        /* The last that it has room for is heeded. */
        memset(sequence + 2, ';', 15);
        strcpy(sequence + 17, "4mu\033[m");
        feed(screen, sequence);
        assert_int_equal(bj_screen_cell(screen, 0, (int)i * 2).attrs.reverse, 0);
        assert_int_equal(bj_screen_cell(screen, 0, (int)i * 2 + 1).attrs.underline, 1);
    }
    expect_text(screen, 0, "xuxu\n");
    bj_screen_free(screen);
}

/* A scrolling region of which nothing is left. */
static void test_resize_above_the_region(void **state)
{
    struct bj_screen *screen = new_screen(20, 10, 10);

    (void)state;
    feed(screen, "\033[15;18r\033[17;1Hx");
    assert_int_equal(bj_screen_resize(screen, 4, 10, NULL), 0);
    for (int i = 0; i < 30; i++)
        feed(screen, "line\r\n\033[L\033[M\033M\033[2S\033[2T");
    feed(screen, "\033[?6h\033[1;1Hz");
    assert_int_equal(bj_screen_cursor(screen).row, 0);
    bj_screen_free(screen);
}

/* Scrolling all of a large screen with every second byte: time is up long before the bytes are. */
/* Sequences that libvterm does not survive, or takes forever for. */
static void test_absurd(void **state)
{
    struct bj_screen *screen = new_screen(3, 10, 4);

    (void)state;
    feed(screen, "\033[5b\033[99999999999999999999C\033[2147483647@\033[b\033[>3b");
    feed(screen, "a\033[99999b");
    expect_text(screen, 0, "aaaaaaaaaa\na\n");
    feed(screen, "\033[?7l\033[H\033[10G\xe6\x97\xa5\xe6\x97\xa5");
    expect_text(screen, 0, "aaaaaaaaaa\na\n");
    bj_screen_free(screen);
    screen = new_screen(2, 1, 0);
    feed(screen, "\xe6\x97\xa5x\xe6\x97\xa5");
    expect_text(screen, 0, "x\n\xe6\x97\xa5\n"); /* two columns are the least */
    bj_screen_free(screen);
}

static void test_time(void **state)
{
    static char hostile[64 << 10];
    struct bj_screen *screen = new_screen(BJ_SCREEN_ROWS_MAX, BJ_SCREEN_COLUMNS_MAX, 1000);
    int64_t began = bj_clock_us(), longest = 0;
    size_t taken = 0;

    (void)state;
    for (size_t i = 0; i < sizeof hostile; i += 2)
        memcpy(hostile + i, "\033M", 2);
    for (int i = 0; i < 20; i++) {
        int64_t from = bj_clock_us();
        size_t some = bj_screen_feed(screen, hostile + taken, sizeof hostile - taken, 1000);

        assert_true(some > 0);
        taken += some;
        if (bj_clock_us() - from > longest)
            longest = bj_clock_us() - from;
    }
    assert_true(taken < sizeof hostile);
    assert_true(bj_clock_us() - began < 2000000);
    printf("           20 x 1 ms: %zu bytes, the longest %lld us\n", taken, (long long)longest);
    bj_screen_free(screen);
}

/* ---- random output ---- */

static uint64_t seed;

static uint32_t random_below(uint32_t bound)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(seed >> 33) % bound;
}

/* Without wide and combining characters: halves of them that are overwritten and accents without a
 * letter are nobody's to paint. */
static const char *const pieces[] = {
    "a",
    "hello",
    "\xc3\xa9",
    " ",
    "~",
    "x y z",
    "|",
    "\r\n",
    "\n",
    "\r",
    "\b",
    "\t",
    "\007",
    "\033[A",
    "\033[3B",
    "\033[C",
    "\033[2D",
    "\033[H",
    "\033[3;4H",
    "\033[9;9H",
    "\033[2;20H",
    "\033[J",
    "\033[1J",
    "\033[2J",
    "\033[K",
    "\033[1K",
    "\033[2K",
    "\033[L",
    "\033[2M",
    "\033[P",
    "\033[2@",
    "\033[3X",
    "\033[S",
    "\033[T",
    "\033M",
    "\033D",
    "\033E",
    "\033[m",
    "\033[1m",
    "\033[4m",
    "\033[7m",
    "\033[31m",
    "\033[42m",
    "\033[38;5;77m",
    "\033[48;2;9;8;7m",
    "\033[39;49m",
    "\033[22;27m",
    "\033[2;4r",
    "\033[r",
    "\033[1;3r",
    "\033[?6h",
    "\033[?6l",
    "\033[?7l",
    "\033[?7h",
    "\033[4h",
    "\033[4l",
    "\033[?25l",
    "\033[?25h",
    "\033[?1049h",
    "\033[?1049l",
    "\033[?1h",
    "\033[?2004h",
    "\033[?1000h",
    "\033[?1003h",
    "\033[?1006h",
    "\033[?1002l",
    "\0337",
    "\0338",
    "\033(0",
    "\033(B",
    "\033)0",
    "\016",
    "\017",
    "\033=",
    "\033>",
    "\033]2;t\007",
    "\033]0;u\033\\",
    "\033[5 q",
    "\033[2 q",
    "\033[?5h",
    "\033[?5l",
    "\033[G",
    "\033[20G",
    "\033[d",
    "=\033[3b",
    "\033[!p",
    "\033[9m",
    "\033[3m",
    "abcdefghijklmnopqrstuvwxyz",
    "\033[21m",
    "\033[5m",
};
#define PIECES (sizeof pieces / sizeof *pieces)

static void random_output(char *text, size_t size, int count)
{
    size_t length = 0;

    text[0] = '\0';
    while (count-- > 0) {
        const char *piece = pieces[random_below(PIECES)];

        if (length + strlen(piece) + 1 > size)
            return;
        strcpy(text + length, piece);
        length += strlen(piece);
    }
}

static void print_escaped(const char *name, const char *text)
{
    printf("%s: ", name);
    for (; *text != '\0'; text++) {
        if (*text >= ' ' && *text < 0x7f && *text != '\\')
            putchar(*text);
        else
            printf("\\%03o", (unsigned char)*text);
    }
    putchar('\n');
}

static void test_random(void **state)
{
    char first[4096], next[512];
    const char *rounds = getenv("SCREEN_ROUNDS");
    uint64_t count = rounds != NULL ? (uint64_t)atol(rounds) : 3000;

    (void)state;
    for (uint64_t round = 1; round <= count; round++) {
        struct bj_screen *screen, *other;
        struct bj_buf bytes;
        uint16_t rows, columns;
        const char *found;

        seed = round * 7919;
        rows = (uint16_t)(1 + random_below(6));
        columns = (uint16_t)(4 + random_below(24));
        random_output(first, sizeof first, 1 + (int)random_below(60));
        random_output(next, sizeof next, 1 + (int)random_below(6));
        screen = new_screen(rows, columns, 5);
        feed(screen, first);
        other = painted(screen, &bytes);
        /* Above the scroll region, where DECRC has put it but no other sequence can. */
        found = (screen->modes & 1u << BJ_MODE_ORIGIN) && bj_screen_cursor(screen).row < screen->top
                    ? NULL
                    : difference(screen, other);
        /* Where characters are inserted, libvterm wraps in a way of its own; with an origin see
         * above. */
        if (found == NULL && !(screen->modes & (1u << BJ_MODE_INSERT | 1u << BJ_MODE_ORIGIN))) {
            feed(screen, next);
            feed(other, next);
            found = difference(screen, other);
            if (found != NULL)
                print_escaped("then", next);
        }
        if (found != NULL) {
            print_escaped("first", first);
            print_escaped("painted", bytes.data);
            fail_msg("round %d, %d x %d: %s", (int)round, rows, columns, found);
        }
        bj_buf_release(&bytes);
        bj_screen_free(screen);
        bj_screen_free(other);
    }
}

/* Any bytes at all. */
static void test_noise(void **state)
{
    static char noise[4096];

    (void)state;
    for (uint64_t round = 1; round <= 300; round++) {
        struct bj_screen *screen = new_screen(6, 30, 5), *other;
        struct bj_buf bytes;

        seed = round;
        for (size_t i = 0; i < sizeof noise; i++)
            noise[i] =
                (char)(random_below(4) ? random_below(256)
                                       : (uint32_t) "\033\033[[]P;?0129hlmrHJKb"[random_below(20)]);
        assert_int_equal(bj_screen_feed(screen, noise, sizeof noise, ALL), sizeof noise);
        other = painted(screen, &bytes);
        bj_buf_release(&bytes);
        bj_screen_free(screen);
        bj_screen_free(other);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paint),
        cmocka_unit_test(test_alternate),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_endless),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_resize),
        cmocka_unit_test(test_resize_above_the_cursor),
        cmocka_unit_test(test_resize_above_the_region),
        cmocka_unit_test(test_double_width_on_one_column),
        cmocka_unit_test(test_many_numbers),
        cmocka_unit_test(test_absurd),
        cmocka_unit_test(test_time),
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_noise),
    };

    return cmocka_run_group_tests_name("screen", tests, NULL, NULL);
}
