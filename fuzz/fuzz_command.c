/*
 * Fuzzes the analysis of shell text. Beside memory errors it looks for broken promises: a failure
 * that is not about memory, a place outside of the text, a parent that is not listed before its
 * child, a word that does not end, and an analysis that takes far longer than its time.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "policy/command.h"

static int64_t now(void)
{
    struct timespec at;

    clock_gettime(CLOCK_MONOTONIC, &at);
    return at.tv_sec * 1000000LL + at.tv_nsec / 1000;
}

static void check_words(const struct bj_word *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (words[i].text == NULL || words[i].text[words[i].length] != '\0' ||
            words[i].holes != (memchr(words[i].text, BJ_HOLE, words[i].length) != NULL))
            abort();
}

static void check(const struct bj_commands *commands, size_t size)
{
    for (size_t i = 0; i < commands->count; i++) {
        const struct bj_simple_command *command = &commands->list[i];

        if (command->word_count == 0 || command->from > command->to || command->to > size ||
            command->parent >= (int)i || command->why == NULL)
            abort();
        if ((command->unknown == BJ_KNOWN) != (command->why[0] == '\0'))
            abort();
        check_words(command->words, command->word_count);
        if (command->program.operand_count > 0 && command->paths == NULL)
            abort();
        check_words(command->paths, command->program.operand_count);
        for (size_t k = 0; k < command->redirect_count; k++)
            check_words(&command->redirects[k].path, 1);
    }
    for (size_t i = 0; i < commands->assignment_count; i++)
        check_words(&commands->assignments[i].value, 1);
    if (commands->incomplete_at > size)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const environment[] = {"HOME=/home/me", "A=b c", NULL};
    static struct bj_shell *shell;
    static struct bj_arena arena;
    struct bj_shell_context context = {.directory = "/work", .home = "/home/me", .clock = now};
    struct bj_commands commands;
    int64_t begin = now();

    if (shell == NULL) {
        shell = bj_shell_new(NULL);
        bj_arena_init(&arena, 16 << 20);
    }
    if (shell == NULL || size > 32768)
        return 0;
    context.environment = size > 0 && (data[0] & 1) ? environment : NULL;
    context.deadline_us = begin + 20000;
    if (bj_shell_analyse(shell, &context, (const char *)data, size, &arena, &commands, NULL) != 0)
        abort();
    check(&commands, size);
    bj_arena_reset(&arena);
    if (now() - begin > 2000000)
        abort(); /* sanitizers slow it down, but not a hundredfold */
    return 0;
}
