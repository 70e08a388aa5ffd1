/*
 * A command wrapped for macOS: a profile in the language of sandbox-exec(1), and its command line.
 *
 * The profile begins with (deny default). In it the last rule that fits decides, so the files that
 * must stay as they are come after the directories that may be written. There is no other root and
 * no other network: what is not allowed is visible by name at most. Written from the published
 * profiles of the system and the manual page; no Mac has run it.
 */
#include <stdio.h>
#include <string.h>

#include "backend/wrap_internal.h"
#include "base/escape.h"
#include "base/mem.h"
#include "base/str.h"
#include "model/protected.h"

#define PROFILE_MAX (256 << 10)

/* What any program needs: to start, to ask the system about itself, to read its libraries. */
static const char base[] = "(version 1)\n"
                           "(deny default)\n"
                           "(allow process-exec)\n"
                           "(allow process-fork)\n"
                           "(allow process-info* (target same-sandbox))\n"
                           "(allow signal (target same-sandbox))\n"
                           "(allow sysctl-read)\n"
                           "(allow ipc-posix-sem)\n"
                           "(allow pseudo-tty)\n"
                           "(allow mach-lookup\n"
                           "  (global-name \"com.apple.system.opendirectoryd.libinfo\")\n"
                           "  (global-name \"com.apple.system.opendirectoryd.membership\")\n"
                           "  (global-name \"com.apple.system.notification_center\")\n"
                           "  (global-name \"com.apple.system.logger\"))\n"
                           "(allow file-read-metadata)\n"
                           "(allow file-read* (literal \"/\"))\n"
                           "(allow file-read* file-write-data file-ioctl\n"
                           "  (literal \"/dev/null\")\n"
                           "  (literal \"/dev/zero\")\n"
                           "  (literal \"/dev/tty\")\n"
                           "  (literal \"/dev/ptmx\")\n"
                           "  (regex #\"^/dev/ttys[0-9]+$\"))\n"
                           "(allow file-read*\n"
                           "  (literal \"/dev/random\")\n"
                           "  (literal \"/dev/urandom\")\n"
                           "  (subpath \"/dev/fd\")\n"
                           "  (subpath \"/usr\")\n"
                           "  (subpath \"/bin\")\n"
                           "  (subpath \"/sbin\")\n"
                           "  (subpath \"/System\")\n"
                           "  (subpath \"/Library/Apple\")\n"
                           "  (subpath \"/Library/Developer\")\n"
                           "  (subpath \"/Applications/Xcode.app\")\n"
                           "  (subpath \"/opt/homebrew\")\n"
                           "  (subpath \"/private/etc/ssl\")\n"
                           "  (subpath \"/private/var/db/timezone\")\n"
                           "  (subpath \"/private/var/select\")\n"
                           "  (literal \"/private/etc/hosts\")\n"
                           "  (literal \"/private/etc/passwd\")\n"
                           "  (literal \"/private/etc/protocols\")\n"
                           "  (literal \"/private/etc/services\")\n"
                           "  (literal \"/private/etc/shells\")\n"
                           "  (literal \"/private/etc/resolv.conf\")\n"
                           "  (literal \"/private/var/run/resolv.conf\"))\n";

/* A text of the profile language; bytes that are not printable stand for themselves. */
static void put_text(struct bj_buf *out, const char *text)
{
    bj_buf_puts(out, "\"");
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            bj_buf_puts(out, "\\");
        bj_buf_append(out, text, 1);
    }
    bj_buf_puts(out, "\"");
}

static void put_rule(struct bj_buf *out, const char *rule, const char *filter, const char *path)
{
    bj_buf_printf(out, "(%s (%s ", rule, filter);
    put_text(out, path);
    bj_buf_puts(out, "))\n");
}

static bool is_socket(const struct bj_settings *settings, const char *path)
{
    char **socket = settings != NULL ? settings->network.allowed_unix_sockets : NULL;

    for (; socket != NULL && *socket != NULL; socket++) {
        if (bj_streq(*socket, path))
            return true;
    }
    return false;
}

static void put_files(const struct bj_wrapping *wrapping, struct bj_buf *out)
{
    const struct bj_config *config = wrapping->config;
    const char *workspace = wrapping->host->workspace;

    for (int64_t i = 0; i < config->volume_count; i++) {
        const struct bj_volume *volume = &config->volumes[i];

        if (volume->read_only && !is_socket(wrapping->wrap->settings, volume->target))
            put_rule(out, "allow file-read*", "subpath", volume->target);
    }
    put_rule(out, "allow file-read* file-write*", "subpath", workspace);
    if (!bj_streq(config->workspace_path, workspace))
        put_rule(out, "allow file-read* file-write*", "subpath", config->workspace_path);
    for (int64_t i = 0; i < config->volume_count; i++) {
        if (!config->volumes[i].read_only)
            put_rule(out, "allow file-read* file-write*", "subpath", config->volumes[i].target);
    }
}

/*
 * Files that the host would later obey. Unlike a mount, a rule protects also what does not exist
 * yet. A .git must not be moved away whole, so that a new one could take its place.
 */
static void put_protected(const struct bj_wrapping *wrapping, struct bj_buf *out)
{
    const char *workspace = wrapping->host->workspace;
    char path[BJ_PATH_MAX + 64];

    snprintf(path, sizeof path, "%s/.git", workspace);
    put_rule(out, "deny file-write-unlink", "literal", path);
    for (const struct bj_protected *row = bj_protected_paths + 1; row->path != NULL; row++) {
        snprintf(path, sizeof path, "%s/%s", workspace, row->path);
        put_rule(out, "deny file-write*", "subpath", path);
    }
}

static void put_network(const struct bj_wrapping *wrapping, struct bj_buf *out)
{
    const struct bj_settings *settings = wrapping->wrap->settings;
    const struct bj_network_settings none = {0};
    const struct bj_network_settings *network = settings != NULL ? &settings->network : &none;
    const int ports[] = {network->http_proxy_port, network->socks_proxy_port};

    if (wrapping->config->network == BJ_NETWORK_HOST) {
        bj_buf_puts(out, "(allow network-outbound (remote ip))\n"
                         "(allow system-socket)\n"
                         "(allow network-outbound (literal \"/private/var/run/mDNSResponder\"))\n");
    }
    for (size_t i = 0; i < sizeof ports / sizeof *ports; i++) {
        if (ports[i] != 0)
            bj_buf_printf(out, "(allow network-outbound (remote ip \"localhost:%d\"))\n", ports[i]);
    }
    if (network->allow_local_binding)
        bj_buf_puts(out, "(allow network-bind network-inbound (local ip \"localhost:*\"))\n"
                         "(allow network-outbound (remote ip \"localhost:*\"))\n");
    if (network->allow_all_unix_sockets)
        bj_buf_puts(out, "(allow network-outbound (remote unix-socket))\n");
    for (char **socket = network->allowed_unix_sockets; socket != NULL && *socket != NULL;
         socket++) {
        bj_buf_puts(out, "(allow network-outbound (remote unix-socket (path-literal ");
        put_text(out, *socket);
        bj_buf_puts(out, ")))\n");
    }
}

int bj_seatbelt_profile(const struct bj_wrapping *wrapping, struct bj_buf *out,
                        struct bj_error *err)
{
    bj_buf_puts(out, base);
    put_files(wrapping, out);
    put_protected(wrapping, out);
    put_network(wrapping, out);
    if (out->failed)
        return bj_fail(err, out->no_memory ? BJ_E_NO_MEMORY : BJ_E_LIMIT, "wrap",
                       "the profile does not fit");
    return 0;
}

int bj_wrap_seatbelt(const struct bj_wrapping *wrapping, struct bj_buf *out, struct bj_error *err)
{
    const char *program = wrapping->wrap->program;
    char **environment = NULL;
    struct bj_buf profile;
    int result;

    bj_buf_init(&profile, PROFILE_MAX);
    result = bj_seatbelt_profile(wrapping, &profile, err);
    if (result == 0)
        result = bj_wrap_environment(wrapping, &environment, err);
    if (result == 0) {
        bj_buf_puts(out, "cd ");
        bj_shell_quote(out, wrapping->host->workspace);
        bj_buf_puts(out, " && env -i");
        for (char **variable = environment; *variable != NULL; variable++) {
            bj_buf_puts(out, " ");
            bj_shell_quote(out, *variable);
        }
        bj_buf_puts(out, " ");
        bj_shell_quote(out, program != NULL ? program : "/usr/bin/sandbox-exec");
        bj_buf_puts(out, " -p ");
        bj_shell_quote(out, bj_buf_text(&profile));
        bj_wrap_put_shell(wrapping, "/bin/bash", out);
    }
    bj_strv_free(environment);
    bj_buf_release(&profile);
    return result;
}
