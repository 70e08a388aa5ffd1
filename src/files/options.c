/* The command line, by the tables of files.h. */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "files/internal.h"

enum kind { FLAG, NUMBER, OCTAL, CHOICE, TEXT, LIST };

static const struct option {
    const char *name;
    enum kind kind;
    int64_t minimum, maximum;
    const char *choices; /* each ends with NUL, and another one ends them */
    size_t place;        /* in struct bj_files_options */
} options[] = {
#define OPTION(name, field, kind, minimum, maximum, choices, help)                                 \
    {name, kind, minimum, maximum, choices, offsetof(struct bj_files_options, field)},
    BJ_FILES_OPTIONS(OPTION)
#undef OPTION
};

static const struct operation {
    const char *name;
    bj_files_fn function;
    int least, most;
} operations[] = {
#define OPERATION(name, function, least, most, help) {name, bj_files_run_##function, least, most},
    BJ_FILES_OPERATIONS(OPERATION)
#undef OPERATION
};

bool bj_files_parse_octal(const char *text, int64_t maximum, int64_t *ret)
{
    int64_t value = 0;

    if (*text == '\0')
        return false;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '7' || value > maximum)
            return false;
        value = value * 8 + (*text - '0');
    }
    if (value > maximum)
        return false;
    *ret = value;
    return true;
}

static bool parse_choice(const char *choices, const char *text, int64_t *ret)
{
    int64_t place = 0;

    for (const char *word = choices; *word != '\0'; word += strlen(word) + 1, place++) {
        if (bj_streq(word, text)) {
            *ret = place;
            return true;
        }
    }
    return false;
}

static bool set_value(const struct option *option, void *field, const char *value)
{
    struct bj_files_list *list = field;
    int64_t *number = field;

    switch (option->kind) {
    case FLAG:
        *(bool *)field = true;
        return value == NULL;
    case NUMBER:
        return value != NULL && bj_parse_int64(value, number) && *number >= option->minimum &&
               *number <= option->maximum;
    case OCTAL:
        return value != NULL && bj_files_parse_octal(value, option->maximum, number);
    case CHOICE:
        return value != NULL && parse_choice(option->choices, value, number);
    case TEXT:
        *(const char **)field = value;
        return value != NULL;
    case LIST:
        if (value == NULL || list->count == BJ_FILES_LISTED_MAX)
            return false;
        list->items[list->count++] = value;
        return true;
    }
    return false;
}

static int parse_option(struct bj_files *files, const char *text, struct bj_error *err)
{
    size_t length = strcspn(text, "=");

    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        const struct option *option = &options[i];

        if (strncmp(option->name, text, length) != 0 || option->name[length] != '\0')
            continue;
        if (set_value(option, (char *)&files->options + option->place,
                      text[length] == '=' ? text + length + 1 : NULL))
            return 0;
        return bj_fail(err, BJ_E_INVALID, "options", "--%s is not a valid value of this option",
                       text);
    }
    return bj_fail(err, BJ_E_INVALID, "options", "there is no option --%s", text);
}

static int find_operation(struct bj_files *files, const char *name, const struct operation **ret,
                          struct bj_error *err)
{
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++) {
        if (bj_streq(operations[i].name, name)) {
            files->operation = operations[i].function;
            files->records_on_stderr = files->operation == bj_files_run_tar_out;
            *ret = &operations[i];
            return 0;
        }
    }
    return bj_fail(err, BJ_E_INVALID, "options", "there is no operation %s", name);
}

static void set_defaults(struct bj_files *files)
{
    struct bj_files_options *given = &files->options;

    if (given->limit == 0)
        given->limit = 10000;
    if (given->entries == 0)
        given->entries = 2000000;
    if (given->line_bytes == 0)
        given->line_bytes = 2000;
    files->limit_left = given->limit;
    files->entries_left = given->entries;
}

int bj_files_parse(struct bj_files *files, int argc, char **argv, struct bj_error *err)
{
    const struct operation *operation = NULL;
    int at = 2, result;

    files->options.mode = -1;
    if (argc < 2)
        return bj_fail(err, BJ_E_INVALID, "options", "an operation must be named");
    result = find_operation(files, argv[1], &operation, err);
    for (; result == 0 && at < argc && bj_starts_with(argv[at], "--"); at++) {
        if (argv[at][2] == '\0') {
            at++;
            break;
        }
        result = parse_option(files, argv[at] + 2, err);
    }
    if (result < 0)
        return result;
    set_defaults(files);
    files->arguments = argv + at;
    files->argument_count = argc - at;
    if (files->argument_count < operation->least || files->argument_count > operation->most)
        return bj_fail(err, BJ_E_INVALID, "options", "%s takes %d to %d arguments, not %d",
                       operation->name, operation->least, operation->most, files->argument_count);
    for (int i = 0; i < files->argument_count; i++) {
        if (strlen(files->arguments[i]) >= BJ_FILES_PATH_MAX)
            return bj_fail(err, BJ_E_LIMIT, "options", "an argument is too long");
    }
    return 0;
}
