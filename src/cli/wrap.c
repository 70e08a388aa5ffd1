/* belljar wrap: a shell command as the text of another one that runs it in a sandbox. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/wrap.h"
#include "base/escape.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/completion.h"
#include "linux/beside.h"
#include "wire/json.h"

#define EXIT_FAILED 125
#define TEXT_MAX    (4 << 20) /* bytes of the wrapped command */
#define JSON_MAX    (6 * TEXT_MAX + 4096)

static const char usage[] =
    "Usage: belljar wrap [OPTIONS] 'COMMAND'\n"
    "\n"
    "Prints a shell command that runs COMMAND in a sandbox, and runs nothing.\n"
    "\n"
    "      --backend NAME   native (the default), bubblewrap or seatbelt\n"
    "      --workdir DIR    where it starts and may write (default: the current directory)\n"
    "      --network        give it the host's network\n"
    "      --read PATH      let it read this as well; repeatable\n"
    "      --write PATH     let it write this as well; repeatable\n"
    "      --settings FILE  take sockets and proxies from sandbox settings (JSON)\n"
    "      --json           print one JSON object\n"
    "\n"
    "Exit status: 0; 125 failure.\n";

enum { BACKEND = 1, WORKDIR, NETWORK, READ, WRITE, SETTINGS, JSON, HELP };

static const struct option long_options[] = {
    {"backend", required_argument, NULL, BACKEND},
    {"workdir", required_argument, NULL, WORKDIR},
    {"network", no_argument, NULL, NETWORK},
    {"read", required_argument, NULL, READ},
    {"write", required_argument, NULL, WRITE},
    {"settings", required_argument, NULL, SETTINGS},
    {"json", no_argument, NULL, JSON},
    {"help", no_argument, NULL, HELP},
    {NULL, 0, NULL, 0},
};

void bj_wrap_put_options(const char *action, struct bj_buf *out)
{
    (void)action;
    for (const struct option *option = long_options; option->name != NULL; option++)
        bj_buf_printf(out, " --%s", option->name);
}

/* The command line, read. Lists and texts in them are owned. */
struct arguments {
    enum bj_wrap_backend backend;
    const char *directory, *settings, *command;
    char **read_paths, **write_paths;
    size_t read_count, write_count;
    bool network, json, help;
};

static int fail(const struct bj_error *err)
{
    fprintf(stderr, "belljar: %s\n", err->message);
    return EXIT_FAILED;
}

/* A path as the caller means it, below the current directory. *ret is owned by the caller. */
static int absolute(const char *path, char **ret, struct bj_error *err)
{
    BJ_CLEANUP_FREE char *here = NULL;
    struct bj_buf text;

    if (*path == '\0')
        return bj_fail(err, BJ_E_INVALID, "wrap", "a path is empty");
    bj_buf_init(&text, 2 * BJ_PATH_MAX);
    if (path[0] != '/') {
        here = bj_alloc(BJ_PATH_MAX);
        if (here == NULL)
            return bj_fail(err, BJ_E_NO_MEMORY, "wrap", "out of memory");
        if (getcwd(here, BJ_PATH_MAX) == NULL)
            return bj_fail_errno(err, "wrap", "the current directory has no path");
        bj_buf_printf(&text, "%s/", here);
    }
    bj_buf_puts(&text, path);
    if (text.failed) {
        bj_buf_release(&text);
        return bj_fail(err, text.no_memory ? BJ_E_NO_MEMORY : BJ_E_LIMIT, "wrap",
                       "a path is too long");
    }
    *ret = text.data;
    return 0;
}

static int add_path(char ***list, size_t *count, const char *path, struct bj_error *err)
{
    char **grown = bj_realloc_array(*list, *count + 2, sizeof *grown);
    int result;

    if (grown == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "wrap", "out of memory");
    *list = grown;
    grown[*count] = grown[*count + 1] = NULL;
    result = absolute(path, &grown[*count], err);
    if (result == 0)
        (*count)++;
    return result;
}

static int take(struct arguments *arguments, int option, struct bj_error *err)
{
    int backend;

    switch (option) {
    case BACKEND:
        backend = bj_wrap_backend_find(optarg);
        if (backend < 0)
            return bj_fail(err, BJ_E_INVALID, "wrap",
                           "--backend: expected native, bubblewrap or seatbelt; found %s", optarg);
        arguments->backend = (enum bj_wrap_backend)backend;
        return 0;
    case WORKDIR:
        arguments->directory = optarg;
        return 0;
    case SETTINGS:
        arguments->settings = optarg;
        return 0;
    case READ:
        return add_path(&arguments->read_paths, &arguments->read_count, optarg, err);
    case WRITE:
        return add_path(&arguments->write_paths, &arguments->write_count, optarg, err);
    case NETWORK:
        arguments->network = true;
        return 0;
    case JSON:
        arguments->json = true;
        return 0;
    case HELP:
        arguments->help = true;
        return 0;
    default:
        return bj_fail(err, BJ_E_INVALID, "wrap", "belljar wrap --help lists the options");
    }
}

static int parse(int argc, char **argv, struct arguments *arguments, struct bj_error *err)
{
    int option, result;

    optind = 0;
    while ((option = getopt_long(argc, argv, "+h", long_options, NULL)) != -1) {
        result = take(arguments, option == 'h' ? HELP : option, err);
        if (result < 0)
            return result;
    }
    if (arguments->help)
        return 0;
    if (argc - optind != 1)
        return bj_fail(err, BJ_E_INVALID, "wrap",
                       "expected one command as a text; found %d words: belljar wrap [OPTIONS] "
                       "'COMMAND'",
                       argc - optind);
    arguments->command = argv[optind];
    return 0;
}

/* The program that a line for the native backend calls: the one beside this, by its path. */
static bool find_self(char *path, size_t size)
{
    static const char *const places[] = {"belljar", "../../bin/belljar"};
    char candidate[BJ_PATH_MAX];

    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        if (bj_beside(places[i], candidate, sizeof candidate, NULL) == 0 &&
            access(candidate, X_OK) == 0 && bj_path_normalise(candidate, path, size))
            return true;
    }
    return false;
}

static int print_json(const struct arguments *arguments, const struct bj_buf *text,
                      const struct bj_warnings *warnings)
{
    static const char *const backends[] = {"native", "bubblewrap", "seatbelt"};
    struct bj_buf out;
    int status = 0;

    /* A path with a byte replaced would be another path. */
    if (!bj_text_is_utf8(bj_buf_text(text), text->length)) {
        fprintf(stderr,
                "belljar: the command has bytes that are not UTF-8, which JSON cannot hold; "
                "leave out --json\n");
        return EXIT_FAILED;
    }
    bj_buf_init(&out, JSON_MAX);
    bj_buf_puts(&out, "{");
    bj_json_put_name(&out, "backend");
    bj_json_put_string(&out, backends[arguments->backend], strlen(backends[arguments->backend]));
    bj_json_put_name(&out, "command");
    bj_json_put_string(&out, bj_buf_text(text), text->length);
    bj_json_put_name(&out, "warnings");
    bj_buf_puts(&out, "[");
    for (int i = 0; i < warnings->count; i++) {
        bj_buf_puts(&out, i > 0 ? ", " : "");
        bj_json_put_string(&out, warnings->texts[i], strlen(warnings->texts[i]));
    }
    bj_buf_puts(&out, "]}\n");
    if (out.failed || bj_fd_write_all(STDOUT_FILENO, out.data, out.length) < 0)
        status = EXIT_FAILED;
    bj_buf_release(&out);
    return status;
}

static int print(const struct arguments *arguments, struct bj_buf *text,
                 const struct bj_warnings *warnings)
{
    int status = 0;

    for (int i = 0; i < warnings->count; i++)
        fprintf(stderr, "belljar: %s\n", warnings->texts[i]);
    if (arguments->json) {
        status = print_json(arguments, text, warnings);
    } else {
        bj_buf_puts(text, "\n");
        if (text->failed || bj_fd_write_all(STDOUT_FILENO, text->data, text->length) < 0)
            status = EXIT_FAILED;
    }
    if (status != 0)
        fprintf(stderr, "belljar: cannot print the command\n");
    return status;
}

static int wrap(const struct arguments *arguments)
{
    BJ_CLEANUP_FREE char *directory = NULL;
    struct bj_warnings warnings = {0};
    struct bj_settings settings;
    struct bj_error err = {0};
    char self[BJ_PATH_MAX];
    struct bj_wrap request = {.network = arguments->network,
                              .read_paths = (const char *const *)arguments->read_paths,
                              .write_paths = (const char *const *)arguments->write_paths,
                              .settings = &settings};
    struct bj_buf text;
    int status = 0;

    bj_settings_init(&settings);
    bj_buf_init(&text, TEXT_MAX);
    if (arguments->backend == BJ_WRAP_NATIVE && find_self(self, sizeof self))
        request.program = self;
    if (absolute(arguments->directory != NULL ? arguments->directory : ".", &directory, &err) < 0 ||
        (arguments->settings != NULL &&
         bj_settings_load_file(&settings, arguments->settings, &warnings, &err) < 0))
        status = fail(&err);
    request.directory = directory;
    if (status == 0 && bj_wrap_command(arguments->backend, arguments->command, &request, &text,
                                       &warnings, &err) < 0)
        status = fail(&err);
    if (status == 0)
        status = print(arguments, &text, &warnings);
    bj_buf_release(&text);
    bj_settings_release(&settings);
    return status;
}

int bj_cli_wrap(int argc, char **argv)
{
    struct arguments arguments = {.backend = BJ_WRAP_NATIVE};
    struct bj_error err = {0};
    int status;

    if (parse(argc, argv, &arguments, &err) < 0) {
        status = fail(&err);
    } else if (arguments.help) {
        fputs(usage, stdout);
        status = 0;
    } else {
        status = wrap(&arguments);
    }
    bj_strv_free(arguments.read_paths);
    bj_strv_free(arguments.write_paths);
    return status;
}
