/*
 * The `.env` of the current directory, read only for the keys of a remote backend.
 *
 * That file belongs to the workspace, which the workload can write and a stranger may have made. So
 * it gives nothing but values for what nobody else gave, and the service's domain only together
 * with the key that goes there: a key from elsewhere must not be sent to a domain that this file
 * names. Other programs keep other things in it, so lines that cannot be read are passed over.
 */
#include "model/options_internal.h"

#include <errno.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "model/env_file.h"

#define DOTENV ".env"

struct wanted {
    enum bj_option_id id;
    const char *value; /* into the file's text */
};

static void collect(char *text, size_t length, struct wanted *wanted, size_t count)
{
    struct bj_env_reader reader;

    bj_env_reader_init(&reader, text, length);
    while (reader.at < reader.length) {
        struct bj_env_entry entry;

        if (bj_env_reader_next(&reader, &entry, NULL) < 0)
            continue;
        for (size_t i = 0; i < count && entry.name != NULL && entry.value != NULL; i++) {
            if (bj_streq(entry.name, bj_option_get(wanted[i].id)->environment))
                wanted[i].value = entry.value;
        }
    }
}

static int take_over(struct bj_config *config, const struct wanted *wanted, struct bj_error *err)
{
    int result;

    if (wanted->value == NULL || wanted->value[0] == '\0' || bj_config_said(config, wanted->id))
        return 0;
    result = bj_config_set(config, wanted->id, wanted->value, NULL, err);
    if (result < 0)
        bj_error_prefix(err, "%s: %s: ", DOTENV, bj_option_get(wanted->id)->environment);
    return result;
}

int bj_config_load_dotenv(struct bj_config *config, struct bj_error *err)
{
    bool e2b = config->sandbox_type == BJ_SANDBOX_E2B;
    struct wanted wanted[] = {{e2b ? BJ_OPT_E2B_API_KEY : BJ_OPT_DAYTONA_API_KEY, NULL},
                              {BJ_OPT_E2B_DOMAIN, NULL}};
    BJ_CLEANUP_FREE char *text = NULL;
    size_t length;
    int result;

    if (!e2b && config->sandbox_type != BJ_SANDBOX_DAYTONA)
        return 0;
    if (bj_config_said(config, wanted[0].id) || (access(DOTENV, F_OK) < 0 && errno == ENOENT))
        return 0;
    result = bj_read_file(DOTENV, BJ_CONFIG_FILE_MAX, &text, &length, err);
    if (result < 0)
        return result;
    collect(text, length, wanted, e2b ? 2 : 1);
    result = take_over(config, &wanted[0], err);
    if (result == 0 && wanted[0].value != NULL)
        result = take_over(config, &wanted[1], err);
    explicit_bzero(text, length);
    return result;
}
