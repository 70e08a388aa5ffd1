/*
 * program_read: what reading one argument list costs, in ns, the lowest of several rounds.
 *   ninja -C build bench-program-read && build/bench-program-read
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "policy/program.h"

#define ROUNDS 20
#define TURNS  5000

static const char *const lines[] = {
    "ls -la",
    "rm -rf /tmp/x",
    "git commit -m message",
    "git diff HEAD\x1f--\x1fsrc",
    "grep -rn --include=*.c foo .",
    "find . -name *.c -exec grep -l foo {} ;",
    "curl -sSfL --output /tmp/x https://example.org/x",
    "tar xzf a.tgz -C /tmp",
    "env A=1 timeout 5 make -j4",
    "sed -n 1,5p f",
    "awk {print\x1f$1} f",
    "python3 -c import\x1fos;\x1fos.system('x')",
    "gcc -O2 -Wall -o x x.c -lm",
    "docker run --rm -v /:/h -w /h alpine ls",
};

/* Words part at blanks; \x1f stands for a blank in a word. */
static size_t split(const char *line, char *text, struct bj_word *words)
{
    size_t count = 0;

    for (; *line != '\0'; line += *line == ' ') {
        words[count].text = text;
        for (; *line != '\0' && *line != ' '; line++)
            *text++ = *line == '\x1f' ? ' ' : *line;
        words[count].length = (uint32_t)(text - words[count].text);
        *text++ = '\0';
        count++;
    }
    return count;
}

static double now_ns(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static double measure(struct bj_arena *arena, const struct bj_word *words, size_t count)
{
    struct bj_program program;
    double best = 1e18;

    for (int round = 0; round < ROUNDS; round++) {
        double start = now_ns();

        for (int i = 0; i < TURNS; i++) {
            bj_arena_reset(arena);
            if (!bj_program_read(arena, words, count, &program))
                return -1;
        }
        double each = (now_ns() - start) / TURNS;
        best = each < best ? each : best;
    }
    return best;
}

int main(void)
{
    struct bj_arena arena;

    bj_arena_init(&arena, 1 << 20);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct bj_word words[32] = {0};
        char text[512];
        size_t count = split(lines[i], text, words);

        printf("%6.0f ns  %s\n", measure(&arena, words, count), lines[i]);
    }
    bj_arena_release(&arena);
    return 0;
}
