/*
 * The command line: reading flags by the table, and the order in which presets, files, variables
 * and flags speak.
 *
 * The arguments are walked more than once instead of being kept: first to find mistakes, --help,
 * --preset and --config, then for --env-file, then for everything else. So nothing is allocated for
 * them, and a flag's place on the line does not change what it overrides.
 */
#include "model/options.h"

#include <stdlib.h>

#include "base/str.h"
#include "model/options_internal.h"

/* A walk over the arguments. */
struct flag_walk {
    int argc;
    char **argv;
    int index;         /* the argument to look at next; at the end, the first that is no option */
    const char *group; /* what is left of a group of short flags such as -it, or NULL */
};

/* One flag and its value. */
struct flag {
    enum bj_option_id id; /* BJ_OPT_COUNT when the walk is over */
    const char *value;    /* NULL for a switch without =true or =false */
};

static int take_value(struct flag_walk *walk, enum bj_option_id id, const char **ret_value,
                      struct bj_error *err)
{
    const struct bj_option *option = bj_option_get(id);

    if (walk->index >= walk->argc)
        return bj_fail(err, BJ_E_INVALID, "options", "--%s: expected %s; found nothing after it",
                       option->flag, option->argument);
    *ret_value = walk->argv[walk->index++];
    return 0;
}

static int read_long(struct flag_walk *walk, struct flag *ret, struct bj_error *err)
{
    const char *name = walk->argv[walk->index++] + 2;
    size_t length = strcspn(name, "=");
    enum bj_option_id id = bj_option_find_flag(name, length);

    if (id == BJ_OPT_COUNT) {
        struct bj_quoted quoted = bj_quote(name);

        bj_fail(err, BJ_E_INVALID, "options", "unknown option --%.*s",
                (int)strcspn(quoted.text + 1, "=\""), quoted.text + 1);
        bj_error_suggest(err, "--", bj_option_nearest_flag(name, length));
        return -BJ_E_INVALID;
    }
    *ret = (struct flag){.id = id};
    if (name[length] == '=')
        ret->value = name + length + 1;
    else if (bj_option_get(id)->argument != NULL)
        return take_value(walk, id, &ret->value, err);
    return 0;
}

/* One letter of -x, -xVALUE or -xyz; what follows a letter that takes a value is its value. */
static int read_short(struct flag_walk *walk, struct flag *ret, struct bj_error *err)
{
    char letter = *walk->group++;
    enum bj_option_id id = bj_option_find_short(letter);
    const char *rest = walk->group;

    if (id == BJ_OPT_COUNT) {
        char text[2] = {letter, '\0'};

        return bj_fail(err, BJ_E_INVALID, "options",
                       "unknown option %s; -- ends the options, --help lists them",
                       bj_quote(text).text);
    }
    *ret = (struct flag){.id = id};
    if (bj_option_get(id)->argument == NULL) {
        walk->group = *rest != '\0' ? rest : NULL;
        return 0;
    }
    walk->group = NULL;
    if (*rest == '\0')
        return take_value(walk, id, &ret->value, err);
    ret->value = rest;
    return 0;
}

/* The next flag; ret->id is BJ_OPT_COUNT behind the last one. */
static int read_flag(struct flag_walk *walk, struct flag *ret, struct bj_error *err)
{
    const char *argument;

    if (walk->group != NULL)
        return read_short(walk, ret, err);
    *ret = (struct flag){.id = BJ_OPT_COUNT};
    argument = walk->index < walk->argc ? walk->argv[walk->index] : "";
    if (argument[0] != '-' || argument[1] == '\0')
        return 0;
    if (bj_streq(argument, "--")) {
        walk->index++;
        return 0;
    }
    if (argument[1] == '-')
        return read_long(walk, ret, err);
    walk->group = argument + 1;
    walk->index++;
    return read_short(walk, ret, err);
}

static struct flag_walk walk_start(int argc, char **argv)
{
    return (struct flag_walk){.argc = argc, .argv = argv, .index = argc > 0 ? 1 : 0};
}

/* What the first walk finds. */
struct first_walk {
    const char *preset; /* the last --preset, or NULL */
    const char *config; /* the last --config, or NULL */
    bool env_file;
    int command;
};

static int walk_first(int argc, char **argv, struct first_walk *ret, struct bj_run_options *run,
                      struct bj_error *err)
{
    struct flag_walk walk = walk_start(argc, argv);
    struct flag flag;

    *ret = (struct first_walk){0};
    for (;;) {
        int result = read_flag(&walk, &flag, err);

        if (result < 0)
            return result;
        if (flag.id == BJ_OPT_COUNT)
            break;
        if (flag.id == BJ_OPT_PRESET)
            ret->preset = flag.value;
        if (flag.id == BJ_OPT_CONFIG_FILE)
            ret->config = flag.value;
        if (flag.id == BJ_OPT_ENV_FILE)
            ret->env_file = true;
        if (flag.id == BJ_OPT_HELP) {
            run->help = true;
            break;
        }
    }
    ret->command = walk.index;
    return 0;
}

static int set_flag(struct bj_config *config, struct bj_run_options *run, enum bj_option_id id,
                    const char *value, struct bj_error *err)
{
    int result = bj_option_set(config, run, id, value, NULL, err);

    if (result < 0)
        bj_error_prefix(err, "--%s: ", bj_option_get(id)->flag);
    return result;
}

/* Applies either the environment files or everything else but them and what came first. */
static int walk_again(int argc, char **argv, bool env_files, struct bj_config *config,
                      struct bj_run_options *run, struct bj_error *err)
{
    struct flag_walk walk = walk_start(argc, argv);
    struct flag flag;

    for (;;) {
        int result = read_flag(&walk, &flag, err);

        if (result < 0 || flag.id == BJ_OPT_COUNT)
            return result;
        if (flag.id == BJ_OPT_PRESET || flag.id == BJ_OPT_CONFIG_FILE ||
            (flag.id == BJ_OPT_ENV_FILE) != env_files)
            continue;
        result = set_flag(config, run, flag.id, flag.value, err);
        if (result < 0)
            return result;
        /* Whoever asks for root on the command line permits it, unless a file forbids it. */
        if (flag.id == BJ_OPT_USER && !bj_config_said(config, BJ_OPT_ALLOW_ROOT))
            config->allow_root = config->user == BJ_USER_ROOT;
    }
}

/* The caller's variable of a row; NULL when it has none or it is empty. */
static const char *variable_of(enum bj_option_id id)
{
    const char *name = bj_option_get(id)->environment;
    const char *value = name != NULL ? getenv(name) : NULL;

    return value != NULL && value[0] != '\0' ? value : NULL;
}

static int set_variable(struct bj_config *config, struct bj_run_options *run, enum bj_option_id id,
                        const char *value, struct bj_error *err)
{
    int result = bj_option_set(config, run, id, value, NULL, err);

    if (result < 0)
        bj_error_prefix(err, "environment variable %s: ", bj_option_get(id)->environment);
    return result;
}

/* The preset and the file come before everything else, whoever named them. */
static int apply_bases(const struct first_walk *first, struct bj_config *config,
                       struct bj_run_options *run, struct bj_error *err)
{
    const char *preset = variable_of(BJ_OPT_PRESET), *file = variable_of(BJ_OPT_CONFIG_FILE);
    int result = 0;

    if (first->preset != NULL)
        result = set_flag(config, run, BJ_OPT_PRESET, first->preset, err);
    else if (preset != NULL)
        result = set_variable(config, run, BJ_OPT_PRESET, preset, err);
    if (result < 0)
        return result;
    if (first->config != NULL)
        result = set_flag(config, run, BJ_OPT_CONFIG_FILE, first->config, err);
    else if (file != NULL)
        result = set_variable(config, run, BJ_OPT_CONFIG_FILE, file, err);
    if (result < 0 || run->config_path == NULL)
        return result;
    return bj_config_load_file(config, run->config_path, err);
}

static int apply_variables(struct bj_config *config, struct bj_run_options *run,
                           struct bj_error *err)
{
    for (int i = 0; i < BJ_OPT_COUNT; i++) {
        enum bj_option_id id = (enum bj_option_id)i;
        const char *value = variable_of(id);
        int result;

        if (value == NULL || id == BJ_OPT_PRESET || id == BJ_OPT_CONFIG_FILE)
            continue;
        result = set_variable(config, run, id, value, err);
        if (result < 0)
            return result;
    }
    return 0;
}

static int apply_all(int argc, char **argv, const struct first_walk *first,
                     struct bj_config *config, struct bj_run_options *run, struct bj_error *err)
{
    int result = apply_bases(first, config, run, err);

    if (result == 0)
        result = apply_variables(config, run, err);
    if (result == 0 && first->env_file)
        result = walk_again(argc, argv, true, config, run, err);
    if (result == 0)
        result = walk_again(argc, argv, false, config, run, err);
    if (result == 0)
        result = bj_config_load_dotenv(config, err);
    return result == 0 ? bj_config_settle(config, &run->warnings, err) : result;
}

int bj_options_parse(int argc, char **argv, struct bj_config *config, struct bj_run_options *run,
                     int *ret_command, struct bj_error *err)
{
    struct first_walk first;
    int result = bj_config_init(config, err);

    *run = (struct bj_run_options){0};
    if (result == 0)
        result = walk_first(argc, argv, &first, run, err);
    if (result == 0 && !run->help)
        result = apply_all(argc, argv, &first, config, run, err);
    if (result == 0)
        *ret_command = first.command;
    return result;
}
