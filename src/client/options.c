/* The client's command line, by the tables model/client_options.def and model/client_commands.def.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "client/client.h"

enum kind { FLAG, TEXT, LIST, NUMBER };

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
static void fill(const char *command, struct option *longs, char *shorts)
{
    size_t count = 0, used = 0;

    shorts[used++] = '+'; /* options end at the first argument: exec's belong to its command */
    shorts[used++] = ':';
    for (size_t i = 0; i < ROWS; i++) {
        if (!takes(command, &rows[i]))
            continue;
        longs[count++] =
            (struct option){rows[i].name, rows[i].argument != NULL, NULL, 1000 + (int)i};
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
        if (takes(command, &rows[i]) && (found == 1000 + (int)i || found == rows[i].letter))
            return &rows[i];
    }
    return NULL;
}

static int set(struct bj_client_options *options, const struct option_row *row, const char *value,
               struct bj_error *err)
{
    void *field = (char *)options + row->place;
    struct bj_client_list *list = field;
    struct bj_client_number *number = field;
    char *end;

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
        number->given = true;
        number->value = strtod(value, &end);
        if (*value == '\0' || *end != '\0' || number->value != number->value ||
            number->value < -1 || number->value > 1e15)
            return bj_fail(err, BJ_E_INVALID, "options", "--%s takes a number, not %s", row->name,
                           value);
        return 0;
    }
    return 0;
}

static int complain(const char *command, int argc, char **argv, int found, struct bj_error *err)
{
    const char *word = optind > 0 && optind <= argc ? argv[optind - 1] : "";

    return bj_fail(err, BJ_E_INVALID, "options",
                   found == ':' ? "%s needs a value; see belljar %s --help"
                                : "%s is not an option; see belljar %s --help",
                   word, command);
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
    fill(command->name, longs, shorts);
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
    return 0;
}
