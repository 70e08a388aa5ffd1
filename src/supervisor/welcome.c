/* The start-up text. */
#include "supervisor/welcome.h"

#include <unistd.h>

#include "base/escape.h"
#include "base/mem.h"
#include "base/str.h"
#include "linux/usual.h"
#include "supervisor/isolation.h"
#include "supervisor/keyfile.h"

/* What stands before its name where it is one of several. */
static const char *place_of(const struct bj_service_settings *settings,
                            const struct bj_listener *listener)
{
    return listener->is_unix ? "unix://" : settings->tls_key != NULL ? "https://" : "http://";
}

static void put_isolation(const struct bj_service_settings *settings, struct bj_buf *out)
{
    char **lines = bj_isolation_read(settings);

    if (lines != NULL && lines[0] == NULL)
        bj_buf_puts(out, "  isolation  every layer\n");
    for (char **line = lines; line != NULL && *line != NULL; line++)
        bj_buf_printf(out, "  %-9s  %s\n", line == lines ? "isolation" : "", *line);
    if (lines != NULL && lines[0] != NULL)
        bj_buf_puts(out, "             `belljar doctor` says what to do about that.\n");
    bj_strv_free(lines);
}

static void put_key(const struct bj_service_settings *settings, struct bj_buf *out)
{
    BJ_CLEANUP_FREE char *path = NULL;

    if (settings->no_key) {
        bj_buf_puts(out, "  key        none: everyone who reaches it may use it\n");
        return;
    }
    if (settings->api_key != NULL) {
        bj_buf_puts(out, "  key        the one in BELLJAR_API_KEY\n");
        return;
    }
    if (bj_keyfile_path(settings, "key", &path, NULL) < 0)
        return;
    if (settings->key_file != NULL)
        bj_buf_printf(out, "  key        in %s\n", settings->key_file);
    else if (access(path, F_OK) == 0)
        bj_buf_printf(out, "  key        in %s\n", path);
    else
        bj_buf_puts(out, "  key        those that `belljar serve keys list` names\n");
}

/* What a shell puts the key in for, in a line to copy. */
static void put_content(const char *path, struct bj_buf *out)
{
    bj_buf_puts(out, "$(cat ");
    bj_shell_quote(out, path);
    bj_buf_puts(out, ")");
}

static void put_key_for_shell(const struct bj_service_settings *settings, struct bj_buf *out)
{
    BJ_CLEANUP_FREE char *path = NULL;

    if (settings->api_key != NULL)
        bj_buf_puts(out, "$BELLJAR_API_KEY");
    else if (settings->key_file != NULL)
        put_content(settings->key_file, out);
    else if (bj_keyfile_path(settings, "key", &path, NULL) == 0 && access(path, F_OK) == 0)
        put_content(path, out);
    else
        bj_buf_puts(out, "YOUR-KEY");
}

/* How the other commands find the service, where they do not by themselves. */
static void put_client(const struct bj_service_settings *settings,
                       const struct bj_listeners *listeners, struct bj_buf *out)
{
    const struct bj_listener *listener = &listeners->entry[0];
    char found[BJ_SOCKET_PATH_MAX] = "";

    bj_usual_find_socket(found);
    for (size_t i = 0; i < listeners->count; i++) {
        if (bj_streq(listeners->entry[i].name, found))
            return;
        if (listeners->entry[i].is_unix && !listener->is_unix)
            listener = &listeners->entry[i];
    }
    bj_buf_printf(out, "  client     BELLJAR_HOST=%s%s", place_of(settings, listener),
                  listener->name);
    if (!listener->is_unix && !settings->no_key) {
        bj_buf_puts(out, " BELLJAR_API_KEY=\"");
        put_key_for_shell(settings, out);
        bj_buf_puts(out, "\"");
    }
    bj_buf_puts(out, " belljar ps\n");
}

/* A line to copy. */
static void put_try(const struct bj_service_settings *settings,
                    const struct bj_listeners *listeners, struct bj_buf *out)
{
    const struct bj_listener *first = &listeners->entry[0], *listener = first;

    for (size_t i = 0; i < listeners->count && listener->is_unix; i++)
        listener = &listeners->entry[i];
    bj_buf_puts(out, "\n  curl -X POST ");
    if (listener->is_unix)
        bj_buf_printf(out, "--unix-socket %s http://localhost", first->name);
    else
        bj_buf_printf(out, "%s%s", place_of(settings, listener), listener->name);
    bj_buf_puts(out, "/bash");
    if (!settings->no_key && !listener->is_unix) {
        bj_buf_puts(out, " -H \"X-API-Key: ");
        put_key_for_shell(settings, out);
        bj_buf_puts(out, "\"");
    }
    bj_buf_puts(out, " \\\n    -H 'Content-Type: application/json' -d '{\"command\": \"echo "
                     "Hello\"}'\n");
}

void bj_welcome(const struct bj_service_settings *settings, const struct bj_listeners *listeners,
                struct bj_buf *out)
{
    bj_buf_puts(out, "Belljar serves\n");
    for (size_t i = 0; i < listeners->count; i++) {
        const struct bj_listener *listener = &listeners->entry[i];

        bj_buf_printf(out, "  %-9s  %s%s\n", i == 0 ? "on" : "",
                      listener->is_unix ? "" : place_of(settings, listener), listener->name);
    }
    put_key(settings, out);
    put_client(settings, listeners, out);
    put_isolation(settings, out);
    put_try(settings, listeners, out);
}
