/* Reading what the service was told. */
#include "supervisor/settings.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "linux/usual.h"
#include "model/json_read.h"
#include "model/preset.h"
#include "model/rows.h"
#include "service/keys.h"

static const char *const log_formats[] = {"text", "json", NULL};

#define FLAG(long, letter, word) .flag = (long), .short_flag = (letter), .argument = (word)
#define KEY(path)                .key = (path)
#define ENVIRONMENT(name)        .environment = (name)
#define RANGE(least, most)       .minimum = (least), .maximum = (most)
#define OR_ZERO                  .or_zero = true
#define CHOICES(names)           .choices = (names)

static const struct bj_option row_list[] = {
#define BJ_SERVICE_OPTION(sort, field, line, ...)                                                  \
    {.id = #field,                                                                                 \
     .kind = BJ_KIND_##sort,                                                                       \
     .offset = offsetof(struct bj_service_settings, field),                                        \
     .help = (line),                                                                               \
     __VA_ARGS__},
#include "supervisor/options.def"
#undef BJ_SERVICE_OPTION
};
static const struct bj_rows rows = {row_list, sizeof row_list / sizeof *row_list};

static void set_defaults(struct bj_service_settings *settings)
{
    *settings = (struct bj_service_settings){
        .max_sandboxes = 1000,
        .netns_pool = 8,
        .max_output_mb = BJ_OUTPUT_TOTAL_MB,
        .audit_max_days = 90,
        .audit_max_mb = 1024,
    };
}

/* ---- presets ---- */

static void cleanup_json(json_t **json)
{
    json_decref(*json);
}
#define CLEANUP_JSON __attribute__((cleanup(cleanup_json)))

/*
 * What every sandbox of the service has, unless its preset says otherwise: files of its own, and
 * nobody at a terminal to ask.
 */
static int set_service_defaults(struct bj_config *config, struct bj_error *err)
{
    int result = 0;

    if (!bj_config_said(config, BJ_OPT_WORKSPACE))
        result = bj_config_set(config, BJ_OPT_WORKSPACE, "empty", NULL, err);
    if (result == 0 && !bj_config_said(config, BJ_OPT_WORKING_DIRECTORY))
        result = bj_config_set(config, BJ_OPT_WORKING_DIRECTORY, "/workspace", NULL, err);
    if (result == 0 && !bj_config_said(config, BJ_OPT_ON_ASK))
        result = bj_config_set(config, BJ_OPT_ON_ASK, "refuse", NULL, err);
    return result;
}

static struct bj_service_preset *add_preset(struct bj_service_settings *settings, const char *name,
                                            struct bj_error *err)
{
    struct bj_service_preset *preset = &settings->presets[settings->preset_count];

    if (settings->preset_count >= BJ_PRESETS_MAX) {
        bj_fail(err, BJ_E_CONFIG, "config", "presets: expected at most %d", BJ_PRESETS_MAX);
        return NULL;
    }
    *preset = (struct bj_service_preset){.name = bj_strdup(name)};
    settings->preset_count++;
    if (preset->name == NULL) {
        bj_fail(err, BJ_E_NO_MEMORY, "config", "out of memory");
        return NULL;
    }
    return preset;
}

static int settle_preset(struct bj_service_preset *preset, struct bj_error *err)
{
    struct bj_warnings warnings = {0};
    int result = set_service_defaults(&preset->config, err);

    if (result == 0)
        result = bj_config_settle(&preset->config, &warnings, err);
    return result;
}

/* What a service's sandboxes cannot be: each has a root and a workspace of its own. */
static int check_servable(const struct bj_config *config, struct bj_error *err)
{
    const char *what = NULL;

    if (config->sandbox_type != BJ_SANDBOX_NATIVE)
        what = "sandbox_type: the service makes sandboxes of the type native only";
    else if (config->isolation != BJ_ISOLATION_NAMESPACES)
        what = "isolation: landlock gives a sandbox no workspace of its own, so the service cannot "
               "have it; belljar run can";
    else if (config->workspace != BJ_WORKSPACE_EMPTY)
        what = "workspace: a sandbox of the service has an empty one of its own; files come "
               "and go by its API";
    return what == NULL
               ? 0
               : bj_fail(err, BJ_E_UNSUPPORTED, "config", "config: %s; leave it out", what);
}

/* {"config": {…}, "pool": 4} */
static int load_preset(struct bj_service_settings *settings, const char *name, json_t *value,
                       const char *directory, struct bj_error *err)
{
    json_t *config = json_object_get(value, "config"), *pool = json_object_get(value, "pool");
    size_t known = (config != NULL) + (pool != NULL);
    struct bj_service_preset *preset;
    char *text;
    int result;

    if (!json_is_object(value) || json_object_size(value) != known ||
        (config != NULL && !json_is_object(config)))
        return bj_fail(err, BJ_E_CONFIG, "config",
                       "expected an object with \"config\" (an object, as in a configuration "
                       "file) and \"pool\" (a number)");
    if (pool != NULL && (!json_is_integer(pool) || json_integer_value(pool) < 0 ||
                         json_integer_value(pool) > BJ_SERVICE_SANDBOXES))
        return bj_fail(err, BJ_E_CONFIG, "config", "pool: expected a whole number from 0 to %d",
                       BJ_SERVICE_SANDBOXES);
    preset = add_preset(settings, name, err);
    result = preset == NULL ? -BJ_E_NO_MEMORY : bj_config_init(&preset->config, err);
    if (result < 0)
        return result;
    preset->pool = (uint32_t)json_integer_value(pool);
    if (config != NULL) {
        text = json_dumps(config, 0);
        result = text == NULL
                     ? bj_fail(err, BJ_E_NO_MEMORY, "config", "out of memory")
                     : bj_config_load_json(&preset->config, text, strlen(text), directory, err);
        bj_free(text);
        if (result < 0)
            bj_error_prefix(err, "config: ");
    }
    if (result == 0)
        result = settle_preset(preset, err);
    if (result == 0)
        result = bj_config_check_enforced(&preset->config, err);
    return result == 0 ? check_servable(&preset->config, err) : result;
}

static int load_presets(struct bj_service_settings *settings, json_t *object, const char *directory,
                        struct bj_error *err)
{
    const char *name;
    json_t *value;

    if (object == NULL)
        return 0;
    if (!json_is_object(object))
        return bj_fail(err, BJ_E_CONFIG, "config", "presets: expected an object; found %s",
                       bj_json_type(object));
    json_object_foreach(object, name, value)
    {
        int result = load_preset(settings, name, value, directory, err);

        if (result < 0) {
            bj_error_prefix(err, "presets.%.64s: ", name);
            return result;
        }
    }
    return 0;
}

/* The built-in ones, where the configuration has none of that name. One that needs what this
 * version does not enforce is left out: a sandbox that asks for it is refused. */
static int add_builtin(struct bj_service_settings *settings, const char *name, struct bj_error *err)
{
    struct bj_service_preset *preset;
    int result;

    if (bj_service_settings_preset(settings, name) != NULL)
        return 0;
    preset = add_preset(settings, name, err);
    if (preset == NULL)
        return -BJ_E_NO_MEMORY;
    result = bj_config_init(&preset->config, err);
    if (result == 0)
        result = bj_config_set(&preset->config, BJ_OPT_PRESET, name, NULL, err);
    if (result == 0)
        result = settle_preset(preset, err);
    if (result == 0 && bj_config_check_enforced(&preset->config, NULL) < 0) {
        bj_config_release(&preset->config);
        bj_free(preset->name);
        settings->preset_count--;
    }
    return result;
}

const struct bj_service_preset *
bj_service_settings_preset(const struct bj_service_settings *settings, const char *name)
{
    for (uint32_t i = 0; i < settings->preset_count; i++) {
        if (bj_streq(settings->presets[i].name, name))
            return &settings->presets[i];
    }
    return NULL;
}

/* ---- the file ---- */

static int read_config(const struct bj_service_settings *settings, int fd, char **ret_text,
                       size_t *ret_length, struct bj_error *err)
{
    struct stat status;
    char *text;

    if (fd < 0)
        return bj_read_file(settings->config, BJ_CONFIG_FILE_MAX, ret_text, ret_length, err);
    if (fstat(fd, &status) < 0 || status.st_size > BJ_CONFIG_FILE_MAX)
        return bj_fail(err, BJ_E_INTERNAL, "config", "the configuration was not handed on");
    text = bj_alloc((size_t)status.st_size + 1);
    if (text == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "config", "out of memory");
    if (pread(fd, text, (size_t)status.st_size, 0) != status.st_size) {
        bj_free(text);
        return bj_fail(err, BJ_E_INTERNAL, "config", "the configuration was not handed on");
    }
    *ret_text = text;
    *ret_length = (size_t)status.st_size;
    return 0;
}

static int load_file(struct bj_service_settings *settings, int fd, struct bj_error *err)
{
    static const char *const others[] = {"presets", NULL};
    BJ_CLEANUP_FREE char *text = NULL, *directory = NULL;
    CLEANUP_JSON json_t *root = NULL;
    size_t length = 0;
    int result = read_config(settings, fd, &text, &length, err);

    if (result < 0)
        return result;
    directory = bj_strdup(settings->config);
    if (directory == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "config", "out of memory");
    *strrchr(directory, '/') = '\0';
    result = bj_json_parse(text, length, &root, err);
    if (result == 0)
        result = bj_rows_json(&rows, settings, root, others, directory, err);
    if (result == 0)
        result = load_presets(settings, json_object_get(root, "presets"), directory, err);
    if (result < 0)
        bj_error_prefix(err, "%s: ", settings->config);
    return result;
}

int bj_service_settings_snapshot(const struct bj_service_settings *settings, int *ret_fd,
                                 struct bj_error *err)
{
    BJ_CLEANUP_FREE char *text = NULL;
    BJ_CLEANUP_CLOSE int fd = -1;
    size_t length = 0;
    int result = 0;

    if (settings->config != NULL)
        result = bj_read_file(settings->config, BJ_CONFIG_FILE_MAX, &text, &length, err);
    if (result < 0)
        return result;
    fd = memfd_create("belljar-config", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0 || bj_fd_write_all(fd, text != NULL ? text : "", length) < 0 ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
        return bj_fail_errno(err, "config", "cannot keep a copy of the configuration");
    *ret_fd = bj_fd_take(&fd);
    return 0;
}

/* ---- all of it ---- */

static int check(const struct bj_service_settings *settings, struct bj_error *err)
{
    if ((settings->tls_certificate == NULL) != (settings->tls_key == NULL))
        return bj_fail(err, BJ_E_INVALID, "options",
                       "--tls-cert and --tls-key go together: one of them is missing");
    if (settings->no_key && (settings->key_file != NULL || settings->api_key != NULL))
        return bj_fail(err, BJ_E_INVALID, "options",
                       "--no-key lets everyone in, so a key makes no sense beside it; leave one "
                       "of them out (BELLJAR_API_KEY counts)");
    if (settings->key_file != NULL && settings->api_key != NULL)
        return bj_fail(err, BJ_E_INVALID, "options",
                       "the administrator's key is given twice, by --key-file (key_file in the "
                       "configuration) and by BELLJAR_API_KEY; leave one of them out, for instance "
                       "with env -u BELLJAR_API_KEY");
    if (settings->api_key != NULL && !bj_key_valid(settings->api_key))
        return bj_fail(
            err, BJ_E_INVALID, "options",
            "environment variable BELLJAR_API_KEY: expected a key of 16 to 512 printable "
            "characters without spaces (not shown)");
    if (settings->user != NULL && geteuid() != 0)
        return bj_fail(err, BJ_E_INVALID, "options",
                       "--user (user in the configuration): only root can have the front run as "
                       "another user; leave it out, or start the service as root");
    if (settings->default_preset != NULL &&
        bj_service_settings_preset(settings, settings->default_preset) == NULL)
        return bj_fail(err, BJ_E_INVALID, "options",
                       "there is no preset \"%.64s\" to be the default one",
                       settings->default_preset);
    return 0;
}

int bj_service_settings_load(struct bj_service_settings *settings, int argc, char **argv,
                             int config_fd, struct bj_error *err)
{
    struct bj_service_settings first;
    int rest = argc, result;

    set_defaults(settings);
    /* The arguments are read twice: first for the file, which they then override. */
    set_defaults(&first);
    result = bj_rows_variables(&rows, &first, err);
    if (result == 0)
        result = bj_rows_flags(&rows, &first, argc, argv, &rest, err);
    if (result == 0 && rest < argc)
        result = bj_fail(err, BJ_E_INVALID, "options",
                         "unexpected argument \"%.64s\"; --help "
                         "lists the options",
                         argv[rest]);
    settings->help = first.help;
    if (result == 0 && !first.help && first.config != NULL) {
        settings->config = first.config;
        first.config = NULL;
        result = load_file(settings, config_fd, err);
    }
    bj_rows_release(&rows, &first);
    if (result < 0 || settings->help)
        return result;
    result = bj_rows_variables(&rows, settings, err);
    if (result == 0)
        result = bj_rows_flags(&rows, settings, argc, argv, &rest, err);
    for (size_t i = 0; result == 0 && i < BJ_PRESET_COUNT; i++)
        result = add_builtin(settings, bj_presets[i].name, err);
    if (result == 0 && settings->state == NULL)
        result = bj_usual_state(&settings->state, err);
    return result == 0 ? check(settings, err) : result;
}

void bj_service_settings_release(struct bj_service_settings *settings)
{
    for (uint32_t i = 0; i < settings->preset_count; i++) {
        bj_free(settings->presets[i].name);
        bj_config_release(&settings->presets[i].config);
    }
    bj_rows_release(&rows, settings);
}

int bj_service_settings_log(const struct bj_service_settings *settings, struct bj_log *ret,
                            struct bj_error *err)
{
    bj_log_init(ret);
    ret->json = settings->log_format == BJ_LOG_JSON;
    return settings->log != NULL ? bj_log_choose(ret, settings->log, err) : 0;
}

/* ---- documents ---- */

void bj_service_settings_help(struct bj_buf *out)
{
    struct bj_service_settings defaults;

    set_defaults(&defaults);
    bj_buf_puts(out, "Usage: belljar serve [OPTIONS]\n"
                     "\n"
                     "Runs sandboxes for many clients. Without options it listens on loopback\n"
                     "only and makes a key.\n"
                     "\n");
    bj_rows_help(&rows, &defaults, out);
}

void bj_service_settings_markdown(struct bj_buf *out)
{
    struct bj_service_settings defaults;

    set_defaults(&defaults);
    bj_rows_markdown(&rows, &defaults, out);
}
