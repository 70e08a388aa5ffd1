/*
 * What the tests of the reader of argument lists share: command lines and answers as text.
 *
 * A command line is split at blanks; '…' quotes. ~ is a hole (\\~ is a tilde), and a word that is ^
 * alone a hole that splits. An answer is the effects one after the other, "runs rm -rf /; writes
 * /x": words that hold blanks or nothing in quotes, holes as ~, and behind the words the marks
 * +input +privileged +default +option and @DIRECTORY.
 */
#ifndef BJ_TESTS_PROGRAM_TEST_H
#define BJ_TESTS_PROGRAM_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/buf.h"
#include "policy/program.h"

#define WORDS_MAX 64

struct line {
    char text[2048];
    struct bj_word words[WORDS_MAX];
    size_t count;
};

static inline void split_line(struct line *line, const char *text)
{
    char *out = line->text;

    memset(line, 0, sizeof *line);
    for (const char *at = text; *at != '\0';) {
        struct bj_word *word = &line->words[line->count];
        bool quoted = false;

        while (*at == ' ')
            at++;
        if (*at == '\0')
            break;
        assert_true(line->count < WORDS_MAX);
        word->text = out;
        word->splits = at[0] == '^' && (at[1] == ' ' || at[1] == '\0');
        for (; *at != '\0' && (quoted || *at != ' '); at++) {
            if (*at == '\'') {
                quoted = !quoted;
                continue;
            }
            if (at[0] == '\\' && at[1] == '~') {
                *out++ = *++at;
                continue;
            }
            word->holes |= *at == '~' || word->splits;
            *out++ = *at == '~' || word->splits ? BJ_HOLE : *at;
        }
        word->length = (uint32_t)(out - word->text);
        *out++ = '\0';
        line->count++;
    }
}

static inline void put_word(struct bj_buf *buf, const struct bj_word *word)
{
    bool quotes = word->length == 0 || memchr(word->text, ' ', word->length) != NULL;

    /* What is said of a word must be true of it. */
    assert_true(word->holes == (memchr(word->text, BJ_HOLE, word->length) != NULL));
    assert_int_equal(word->text[word->length], 0);
    bj_buf_puts(buf, quotes ? " '" : " ");
    for (size_t i = 0; i < word->length; i++)
        bj_buf_printf(buf, "%c", word->text[i] == BJ_HOLE ? '~' : word->text[i]);
    bj_buf_puts(buf, quotes ? "'" : "");
}

static inline void put_effect(struct bj_buf *buf, const struct bj_effect *effect)
{
    static const char *const names[] = {"runs",   "shell",   "code",     "script",
                                        "stdin",  "loads",   "sets",     "reads",
                                        "writes", "removes", "connects", "unknown"};

    bj_buf_printf(buf, "%s%s", buf->length > 0 ? "; " : "", names[effect->kind]);
    if (effect->language[0] != '\0' && effect->kind != BJ_EFFECT_SHELL)
        bj_buf_printf(buf, ":%s", effect->language);
    if (effect->kind != BJ_EFFECT_STDIN_SCRIPT && effect->kind != BJ_EFFECT_UNKNOWN) {
        for (size_t i = 0; i < effect->count; i++)
            put_word(buf, &effect->words[i]);
    }
    bj_buf_puts(buf, effect->appends_input ? " +input" : "");
    bj_buf_puts(buf, effect->privileged ? " +privileged" : "");
    bj_buf_puts(buf, effect->by_default ? " +default" : "");
    bj_buf_puts(buf, effect->as_option ? " +option" : "");
    if (effect->has_directory)
        bj_buf_printf(buf, " @%s", effect->directory.text);
}

/* The effects of a command line as text; the caller releases it. */
static inline struct bj_buf effects_of(const char *text)
{
    struct bj_program program;
    struct bj_arena arena;
    struct line line;
    struct bj_buf buf;

    split_line(&line, text);
    bj_arena_init(&arena, 1 << 20);
    assert_true(bj_program_read(&arena, line.words, line.count, &program));
    bj_buf_init(&buf, 1 << 20);
    for (size_t i = 0; i < program.effect_count; i++) {
        assert_non_null(program.effects[i].via);
        put_effect(&buf, &program.effects[i]);
    }
    bj_arena_release(&arena);
    return buf;
}

struct effect_case {
    const char *command;
    const char *effects;
};

static inline void check_effects(const struct effect_case *cases, size_t count)
{
    int wrong = 0;

    for (size_t i = 0; i < count; i++) {
        struct bj_buf buf = effects_of(cases[i].command);
        const char *got = buf.length > 0 ? buf.data : "";

        if (strcmp(got, cases[i].effects) != 0) {
            print_error("%s\n  wanted: %s\n  got:    %s\n", cases[i].command, cases[i].effects,
                        got);
            wrong++;
        }
        bj_buf_release(&buf);
    }
    assert_int_equal(wrong, 0);
}

#define CHECK_EFFECTS(cases) check_effects(cases, sizeof(cases) / sizeof *(cases))

#endif
