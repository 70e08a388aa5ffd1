/* A command wrapped for this project's own sandbox: a line of `belljar run`. */
#include <string.h>

#include "backend/wrap_internal.h"
#include "base/escape.h"

static void put(struct bj_buf *out, const char *option, const char *value)
{
    bj_buf_puts(out, " ");
    bj_buf_puts(out, option);
    bj_buf_puts(out, " ");
    bj_shell_quote(out, value);
}

/* SRC:DST has no way to write a colon. */
static int put_volume(struct bj_buf *out, const struct bj_volume *volume, struct bj_error *err)
{
    struct bj_buf text;

    if (strchr(volume->source, ':') != NULL || strchr(volume->target, ':') != NULL)
        return bj_fail(err, BJ_E_UNSUPPORTED, "wrap",
                       "%s has a colon in it, which belljar run cannot take for a volume",
                       volume->source);
    bj_buf_init(&text, 2 * BJ_PATH_MAX + 8);
    bj_buf_printf(&text, "%s:%s%s", volume->source, volume->target, volume->read_only ? ":ro" : "");
    if (text.failed)
        out->failed = out->no_memory = true;
    put(out, "--volume", bj_buf_text(&text));
    bj_buf_release(&text);
    return 0;
}

int bj_wrap_native(const struct bj_wrapping *wrapping, struct bj_buf *out, struct bj_error *err)
{
    const struct bj_config *config = wrapping->config;
    const char *program = wrapping->wrap->program;
    int result = 0;

    bj_shell_quote(out, program != NULL ? program : "belljar");
    /* Whoever wraps commands has a time limit of its own, and builds need more than the standard
     * preset gives. */
    bj_buf_puts(out, " run --preset development --timeout 0");
    put(out, "--workspace", config->workspace_path);
    put(out, "--network", config->network == BJ_NETWORK_HOST ? "host" : "none");
    for (int64_t i = 0; result == 0 && i < config->volume_count; i++)
        result = put_volume(out, &config->volumes[i], err);
    for (char **variable = config->environment; variable != NULL && *variable != NULL; variable++)
        put(out, "--env", *variable);
    bj_buf_puts(out, " --");
    bj_wrap_put_shell(wrapping, wrapping->shell, out);
    return result;
}
