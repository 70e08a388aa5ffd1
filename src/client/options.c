/* The client's command line, by the tables model/client_options.def and model/client_commands.def.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "client/client.h"
#include "model/options.h"

enum kind { FLAG, TEXT, LIST, NUMBER, DURATION };

static const struct option_row {
    enum kind kind;
    const char *name;
    char letter;
    const char *argument, *commands, *help;
    size_t place;
} rows[] = {
#define BJ_CLIENT_OPTION(kind, field, name, short, argument, commands, help)                       \
    {kind, name, short, argument, commands, help, offsetof(struct bj_client_options, field)},
#include "model/client_options.def"
#undef BJ_CLIENT_OPTION
};
#define ROWS (sizeof rows / sizeof *rows)
#define LONG_FIRST                                                                                 \
    1000 /* what getopt_long(3) calls long options, by their rows; letters are less */

static const struct command_row {
    const char *name, *usage;
    int least, most;
    const char *help;
} commands[] = {
#define BJ_CLIENT_COMMAND(name, function, usage, least, most, route, help)                         \
    {name, usage, least, most, help},
#include "model/client_commands.def"
#undef BJ_CLIENT_COMMAND
};

static bool takes(const char *command, const struct option_row *row)
{
    char between[32];

    if (*row->commands == '\0')
        return true;
    snprintf(between, sizeof between, " %s ", command);
    return strstr(row->commands, between) != NULL;
}

static const struct command_row *find_command(const char *name)
{
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (bj_streq(commands[i].name, name))
            return &commands[i];
    }
    return NULL;
}

static void print_help(const struct command_row *command)
{
    printf("usage: belljar %s %s\n\n%s%s.\n\n", command->name, command->usage,
           (char[]){(char)(command->help[0] - 32), '\0'}, command->help + 1);
    for (size_t i = 0; i < ROWS; i++) {
        char left[64];

        if (!takes(command->name, &rows[i]))
            continue;
        snprintf(left, sizeof left, "%s%c%s--%s%s%s", rows[i].letter != '\0' ? "-" : " ",
                 rows[i].letter != '\0' ? rows[i].letter : ' ',
                 rows[i].letter != '\0' ? ", " : "  ", rows[i].name,
                 rows[i].argument != NULL ? " " : "",
                 rows[i].argument != NULL ? rows[i].argument : "");
        printf("  %-28s  %s\n", left, rows[i].help);
    }
    printf(
        "\nThe service is the one that BELLJAR_HOST names, or the one of this user or the system;\n"
        "BELLJAR_API_KEY is the key, if it wants one. See belljar-client(1).\n");
}

/* Only those of the command, so that the library's own messages are right. */
static void fill(const struct command_row *row, struct option *longs, char *shorts)
{
    const char *command = row->name;
    size_t count = 0, used = 0;

    if (strstr(row->usage, "COMMAND") != NULL) /* what is behind the first argument is its own */
        shorts[used++] = '+';
    shorts[used++] = ':';
    for (size_t i = 0; i < ROWS; i++) {
        if (!takes(command, &rows[i]))
            continue;
        longs[count++] =
            (struct option){rows[i].name, rows[i].argument != NULL, NULL, LONG_FIRST + (int)i};
        if (rows[i].letter == '\0')
            continue;
        shorts[used++] = rows[i].letter;
        if (rows[i].argument != NULL)
            shorts[used++] = ':';
    }
    longs[count] = (struct option){0};
    shorts[used] = '\0';
}

static const struct option_row *row_of(const char *command, int found)
{
    for (size_t i = 0; i < ROWS; i++) {
        if (takes(command, &rows[i]) && (found == LONG_FIRST + (int)i || found == rows[i].letter))
            return &rows[i];
    }
    return NULL;
}

static int set_number(const struct option_row *row, struct bj_client_number *number,
                      const char *value, struct bj_error *err)
{
    int64_t whole;

    number->given = true;
    if (row->kind == DURATION && bj_parse_decimal(value, &number->value))
        return 0;
    if (row->kind == DURATION ? !bj_parse_seconds(value, &whole) : !bj_parse_int64(value, &whole))
        return bj_fail(
            err, BJ_E_INVALID, "options", "--%s takes %s, not %s", row->name,
            row->kind == DURATION ? "a time such as 90, 90s, 5m or 1h" : "a whole number", value);
    number->value = (double)whole;
    return 0;
}

static int set(struct bj_client_options *options, const struct option_row *row, const char *value,
               struct bj_error *err)
{
    void *field = (char *)options + row->place;
    struct bj_client_list *list = field;

    switch (row->kind) {
    case FLAG:
        *(bool *)field = true;
        return 0;
    case TEXT:
        *(const char **)field = value;
        return 0;
    case LIST:
        if (list->count == BJ_CLIENT_LISTED_MAX)
            return bj_fail(err, BJ_E_LIMIT, "options", "--%s is given more than %d times",
                           row->name, BJ_CLIENT_LISTED_MAX);
        list->items[list->count++] = value;
        return 0;
    case NUMBER:
    case DURATION:
        return set_number(row, field, value, err);
    }
    return 0;
}

/* The command's option that a word like --optoin may have meant; NULL if there is none. */
static const char *nearest(const char *command, const char *word)
{
    const char *names[ROWS + 1];
    size_t count = 0;

    for (size_t i = 0; i < ROWS; i++) {
        if (takes(command, &rows[i]))
            names[count++] = rows[i].name;
    }
    names[count] = NULL;
    return bj_starts_with(word, "--") ? bj_choice_nearest(names, word + 2) : NULL;
}

/* What getopt_long(3) did not take: `found` is ':' where a value is missing. */
static int complain(const char *command, int argc, char **argv, int found, struct bj_error *err)
{
    const char *word = optind > 0 && optind <= argc ? argv[optind - 1] : "";
    char option[80];
    const char *meant;

    if (optopt > 0 && optopt < LONG_FIRST) /* of a word that may have more letters */
        snprintf(option, sizeof option, "-%c", optopt);
    else
        snprintf(option, sizeof option, "%.*s", (int)strcspn(word, "="), word);
    if (found == ':')
        return bj_fail(err, BJ_E_INVALID, "options", "%s needs a value; see belljar %s --help",
                       option, command);
    if (optopt >= LONG_FIRST)
        return bj_fail(err, BJ_E_INVALID, "options", "%s takes no value", option);
    meant = nearest(command, option);
    return meant != NULL ? bj_fail(err, BJ_E_INVALID, "options",
                                   "%s is not an option; did you mean --%s?", option, meant)
                         : bj_fail(err, BJ_E_INVALID, "options",
                                   "%s is not an option; see belljar %s --help", option, command);
}

int bj_client_parse(struct bj_client *client, int argc, char **argv, bool *ret_help,
                    struct bj_error *err)
{
    const struct command_row *command = find_command(argv[0]);
    struct option longs[ROWS + 1];
    char shorts[2 * ROWS + 3];
    int found, result = 0;

    if (command == NULL)
        return bj_fail(err, BJ_E_INVALID, "options", "%s is not a command of the client", argv[0]);
    client->name = command->name;
    fill(command, longs, shorts);
    opterr = 0;
    while (result == 0 && (found = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
        const struct option_row *row =
            found == '?' || found == ':' ? NULL : row_of(command->name, found);

        result = row == NULL ? complain(command->name, argc, argv, found, err)
                             : set(&client->options, row, optarg, err);
    }
    if (result < 0)
        return result;
    *ret_help = client->options.help;
    if (*ret_help) {
        print_help(command);
        return 0;
    }
    client->arguments = argv + optind;
    client->argument_count = argc - optind;
    if (client->argument_count < command->least ||
        (command->most >= 0 && client->argument_count > command->most))
        return bj_fail(err, BJ_E_INVALID, "options", "usage: belljar %s %s", command->name,
                       command->usage);
    /* An unset variable of a script's. What is behind a sandbox's name may be a command's own. */
    if (client->argument_count > 0 && *client->arguments[0] == '\0')
        return bj_fail(err, BJ_E_INVALID, "options",
                       "the first argument is empty; usage: belljar %s %s", command->name,
                       command->usage);
    return 0;
}
