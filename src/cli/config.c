/*
 * belljar config: what configurations there are, what one amounts to, whether it is right, and the
 * documents made from the option table.
 */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"
#include "cli/option_text.h"
#include "model/options.h"
#include "model/preset.h"
#include "policy/tools.h"

#define TEXT_MAX (8 << 20) /* bytes of a document */

static const char usage[] =
    "Usage: belljar config presets\n"
    "       belljar config show [OPTIONS of belljar run]\n"
    "       belljar config validate FILE...\n"
    "       belljar config schema\n"
    "\n"
    "presets   print the presets and their limits\n"
    "show      print the configuration that belljar run would use with the same options;\n"
    "          secrets and the values of variables are left out\n"
    "validate  check configuration files; nothing is printed when they are right\n"
    "schema    print the JSON Schema of configuration files\n";

static int print_error(const struct bj_error *err)
{
    fprintf(stderr, "belljar: %s\n", err->message);
    return bj_code_exit_status(err->code);
}

/* Prints and releases a document. */
static int print_document(struct bj_buf *text)
{
    bool failed =
        text->failed || bj_fd_write_all(STDOUT_FILENO, bj_buf_text(text), text->length) < 0;

    bj_buf_release(text);
    if (failed)
        fprintf(stderr, "belljar: cannot write the document\n");
    return failed ? bj_code_exit_status(BJ_E_SYSTEM) : 0;
}

static int print_presets(void)
{
    struct bj_buf out;

    bj_buf_init(&out, TEXT_MAX);
    bj_buf_printf(&out, "%-12s %5s %10s %10s %9s %10s  %s\n", "PRESET", "CPUS", "MEMORY", "DISK",
                  "TIMEOUT", "PROCESSES", "NETWORK");
    for (int i = 0; i < BJ_PRESET_COUNT; i++) {
        const struct bj_preset *preset = &bj_presets[i];

        bj_buf_printf(&out, "%-12s %5g %6lld MiB %6lld MiB %7lld s %10lld  %s\n", preset->name,
                      preset->cpu_cores, (long long)preset->memory_mb, (long long)preset->disk_mb,
                      (long long)preset->timeout_seconds, (long long)preset->max_processes,
                      bj_preset_network(preset));
    }
    return print_document(&out);
}

/* What the JSON leaves out, on standard error: that it is there, and under which name. */
static void note_left_out(const struct bj_config *config)
{
    for (char **entry = config->environment; entry != NULL && *entry != NULL; entry++)
        fprintf(stderr, "belljar: environment: %.*s is set (not shown)\n",
                (int)strcspn(*entry, "="), *entry);
    for (int i = 0; i < BJ_OPT_COUNT; i++) {
        const struct bj_option *option = bj_option_get((enum bj_option_id)i);
        const void *field = (const char *)config + option->offset;

        if (option->kind == BJ_KIND_SECRET && *(char *const *)field != NULL)
            fprintf(stderr, "belljar: %s is set (not shown)\n", option->key);
    }
}

static int show_config(const struct bj_config *config, const struct bj_run_options *run)
{
    struct bj_error err = {0};
    struct bj_buf out;

    bj_buf_init(&out, TEXT_MAX);
    if (bj_config_to_json(config, &out, &err) < 0) {
        bj_buf_release(&out);
        return print_error(&err);
    }
    for (int i = 0; i < run->warnings.count && !run->quiet; i++)
        fprintf(stderr, "belljar: warning: %s\n", run->warnings.texts[i]);
    if (!run->quiet)
        note_left_out(config);
    return print_document(&out);
}

static int show(int argc, char **argv)
{
    struct bj_config config;
    struct bj_run_options run;
    struct bj_error err = {0};
    int command, status;

    if (bj_options_parse(argc, argv, &config, &run, &command, &err) < 0) {
        status = print_error(&err);
    } else if (run.help) {
        fputs(usage, stdout);
        status = 0;
    } else if (command < argc) {
        fprintf(stderr, "belljar: config show: expected options only; found a command\n");
        status = bj_code_exit_status(BJ_E_INVALID);
    } else {
        status = show_config(&config, &run);
    }
    bj_config_release(&config);
    return status;
}

static int validate_file(const char *path)
{
    struct bj_config config;
    struct bj_warnings warnings = {0};
    struct bj_error err = {0};
    int result = bj_config_init(&config, &err);

    if (result == 0)
        result = bj_config_load_file(&config, path, &err);
    if (result == 0) {
        result = bj_config_settle(&config, &warnings, &err);
        if (result < 0)
            bj_error_prefix(&err, "%s: ", path);
    }
    if (result == 0)
        bj_tools_warn(&config, &warnings);
    for (int i = 0; i < warnings.count; i++)
        fprintf(stderr, "belljar: %s: warning: %s\n", path, warnings.texts[i]);
    if (result == 0 && bj_config_check_enforced(&config, &err) < 0)
        fprintf(stderr, "belljar: %s: warning: %s\n", path, err.message);
    bj_config_release(&config);
    return result < 0 ? print_error(&err) : 0;
}

static int validate(int argc, char **argv)
{
    int status = 0;

    if (argc < 2) {
        fprintf(stderr, "belljar: config validate: expected FILE; found nothing\n");
        return bj_code_exit_status(BJ_E_INVALID);
    }
    for (int i = 1; i < argc; i++) {
        int found = validate_file(argv[i]);

        status = status == 0 ? found : status;
    }
    return status;
}

static int print_schema(void)
{
    struct bj_buf out;

    bj_buf_init(&out, TEXT_MAX);
    bj_config_schema(&out);
    return print_document(&out);
}

/* For the build: documents that show the defaults. */
static int print_generated(void (*generate)(const struct bj_config *, struct bj_buf *))
{
    struct bj_config defaults;
    struct bj_error err = {0};
    struct bj_buf out;
    int status;

    bj_buf_init(&out, TEXT_MAX);
    if (bj_config_init(&defaults, &err) < 0) {
        status = print_error(&err);
    } else {
        generate(&defaults, &out);
        status = print_document(&out);
    }
    bj_config_release(&defaults);
    return status;
}

int bj_cli_config(int argc, char **argv)
{
    const char *action = argc > 1 ? argv[1] : "";

    if (bj_streq(action, "show"))
        return show(argc - 1, argv + 1);
    if (bj_streq(action, "validate"))
        return validate(argc - 1, argv + 1);
    if (bj_streq(action, "-h") || bj_streq(action, "--help")) {
        fputs(usage, stdout);
        return 0;
    }
    if (argc == 2 && bj_streq(action, "presets"))
        return print_presets();
    if (argc == 2 && bj_streq(action, "schema"))
        return print_schema();
    if (argc == 2 && bj_streq(action, "docs"))
        return print_generated(bj_option_markdown);
    if (argc == 2 && bj_streq(action, "manual"))
        return print_generated(bj_option_manual);
    fprintf(stderr, "belljar: config: expected presets, show, validate or schema\n%s", usage);
    return bj_code_exit_status(BJ_E_INVALID);
}
