/*
 * Fuzzes the reader of argument lists, with the readers of sed, awk and other code behind it. The
 * bytes are arguments between newlines; \1 is a hole, and \2 one that splits. Beside memory errors
 * it looks for broken promises: words that say no holes and have some, texts without their NUL,
 * operands and values that were not among the arguments, effects without what they need.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "policy/program.h"

#define WORDS_MAX   256
#define ARENA_BYTES (16 << 20)

static void expect(bool holds)
{
    if (!holds)
        abort();
}

static void expect_word(const struct bj_word *word)
{
    expect(word->text != NULL && word->text[word->length] == '\0');
    expect(word->holes == (memchr(word->text, BJ_HOLE, word->length) != NULL));
    expect(!word->splits || word->holes);
}

static void expect_text(const char *text)
{
    expect(text != NULL);
    expect(strlen(text) < 1 << 20);
}

static void expect_effect(const struct bj_effect *effect)
{
    expect(effect->kind >= BJ_EFFECT_RUNS && effect->kind <= BJ_EFFECT_UNKNOWN);
    expect_text(effect->via);
    expect_text(effect->language);
    for (size_t i = 0; i < effect->count; i++)
        expect_word(&effect->words[i]);
    if (effect->kind != BJ_EFFECT_STDIN_SCRIPT && effect->kind != BJ_EFFECT_UNKNOWN)
        expect(effect->count > 0);
    if (effect->kind == BJ_EFFECT_CODE || effect->kind == BJ_EFFECT_SCRIPT ||
        effect->kind == BJ_EFFECT_STDIN_SCRIPT)
        expect(effect->language[0] != '\0');
}

static void expect_program(const struct bj_program *program)
{
    expect_text(program->name);
    for (size_t i = 0; i < program->flag_count; i++) {
        expect(program->flags[i].name != NULL && program->flags[i].word != NULL);
        if (program->flags[i].value != NULL)
            expect_word(program->flags[i].value);
    }
    for (size_t i = 0; i < program->operand_count; i++)
        expect_word(&program->operands[i]);
    for (size_t i = 0; i < program->effect_count; i++)
        expect_effect(&program->effects[i]);
}

/* Each argument in memory of its own, so that reading beyond it is seen. */
static size_t make_words(struct bj_word *words, const uint8_t *data, size_t size)
{
    size_t count = 0;

    for (size_t at = 0; at <= size && count < WORDS_MAX; count++) {
        const uint8_t *end = at < size ? memchr(data + at, '\n', size - at) : NULL;
        size_t length = end == NULL ? size - at : (size_t)(end - (data + at));
        char *text = bj_alloc(length + 1);
        struct bj_word *word = &words[count];

        expect(text != NULL);
        for (size_t i = 0; i < length; i++) {
            uint8_t c = data[at + i];

            word->splits |= c == 2;
            word->holes |= c <= 2;
            text[i] = c <= 2 ? BJ_HOLE : (char)c;
        }
        word->text = text;
        word->length = (uint32_t)length;
        at += length + 1;
    }
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bj_word words[WORDS_MAX] = {0};
    size_t count = make_words(words, data, size);
    struct bj_program program;
    struct bj_arena arena;
    struct bj_effect effect;

    bj_arena_init(&arena, ARENA_BYTES);
    if (bj_program_read(&arena, words, count, &program))
        expect_program(&program);
    else
        expect(arena.failed);
    if (bj_variable_chooses_code(words[0].text, &words[count - 1], &effect))
        expect_effect(&effect);
    bj_arena_release(&arena);
    for (size_t i = 0; i < count; i++)
        bj_free((char *)words[i].text);
    return 0;
}
