/* What an analysis found, as text that a test can compare: a line for each command. */
#ifndef TESTS_POLICY_SHELL_LISTING_H
#define TESTS_POLICY_SHELL_LISTING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "policy/command.h"

#define LISTING_MAX 65536

struct listing {
    struct bj_shell *shell;
    struct bj_arena arena;
    struct bj_commands commands;
    char text[LISTING_MAX];
};

/* One case of a table. */
struct shell_case {
    const char *text, *listing;
};

static inline void put_listed(struct listing *listing, const char *text, size_t length)
{
    size_t at = strlen(listing->text);

    for (size_t i = 0; i < length && at + 1 < LISTING_MAX; i++)
        listing->text[at++] = text[i] == BJ_HOLE ? '?' : text[i];
    listing->text[at] = '\0';
}

/*
 * Each command is `word word…;`, holes are ?, a word with a blank in it is in <>. A command that is
 * not known ends with ! and a text that is not complete with INCOMPLETE.
 */
static inline const char *list_shell(struct listing *listing, const char *text, size_t length)
{
    static const struct bj_shell_context context = {.directory = "/work", .home = "/home/me"};
    struct bj_error err = {0};

    bj_arena_reset(&listing->arena);
    listing->text[0] = '\0';
    assert_int_equal(bj_shell_analyse(listing->shell, &context, text, length, &listing->arena,
                                      &listing->commands, &err),
                     0);
    for (size_t i = 0; i < listing->commands.count; i++) {
        const struct bj_simple_command *command = &listing->commands.list[i];

        for (size_t k = 0; k < command->word_count; k++) {
            const struct bj_word *word = &command->words[k];
            bool odd = word->length == 0 || memchr(word->text, ' ', word->length) != NULL;

            put_listed(listing, k > 0 ? " " : "", k > 0);
            put_listed(listing, "<", odd);
            put_listed(listing, word->text, word->length);
            put_listed(listing, ">", odd);
        }
        put_listed(listing, "!", command->unknown != BJ_KNOWN);
        put_listed(listing, ";", 1);
    }
    if (listing->commands.incomplete != BJ_COMPLETE)
        put_listed(listing, "INCOMPLETE", 10);
    return listing->text;
}

static inline int listing_setup(void **state)
{
    struct listing *listing = calloc(1, sizeof *listing);

    listing->shell = bj_shell_new(NULL);
    bj_arena_init(&listing->arena, 16 << 20);
    *state = listing;
    return listing->shell == NULL;
}

static inline int listing_teardown(void **state)
{
    struct listing *listing = *state;

    bj_shell_free(listing->shell);
    bj_arena_release(&listing->arena);
    free(listing);
    return 0;
}

/* Checks all rows and says which one differs. */
static inline void check_table(struct listing *listing, const struct shell_case *table,
                               size_t count)
{
    int wrong = 0;

    for (size_t i = 0; i < count; i++) {
        const char *got = list_shell(listing, table[i].text, strlen(table[i].text));

        if (strcmp(got, table[i].listing) == 0)
            continue;
        print_error("%s\n    expected %s\n    got      %s\n", table[i].text, table[i].listing, got);
        wrong++;
    }
    assert_int_equal(wrong, 0);
}

#define CHECK_TABLE(state, table) check_table(*(state), (table), sizeof(table) / sizeof *(table))

#endif
