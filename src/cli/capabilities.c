/* belljar capabilities: which backends make sandboxes here. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "backend/capabilities.h"
#include "base/fd.h"
#include "base/str.h"
#include "cli/cli.h"
#include "wire/json.h"

#define EXIT_FAILED 125
#define TEXT_MAX    (64 << 10)

static const char usage[] =
    "Usage: belljar capabilities [--json]\n"
    "\n"
    "Makes a sandbox with each backend and says which work here, and what they isolate.\n"
    "\n"
    "      --json   print one JSON object (SandboxCapabilities and the backends)\n"
    "\n"
    "Exit status: 0 a sandbox can be made; 1 none can; 125 failure of belljar itself.\n";

static void put_text(struct bj_buf *out, const char *name, const char *text)
{
    bj_json_put_name(out, name);
    bj_json_put_string(out, text, strlen(text));
}

static void put_bool(struct bj_buf *out, const char *name, bool value)
{
    bj_json_put_name(out, name);
    bj_buf_puts(out, value ? "true" : "false");
}

static void put_features(struct bj_buf *out, const struct bj_sandbox_features *features)
{
    bj_json_put_name(out, "features");
    bj_buf_puts(out, "{");
    put_bool(out, "networkIsolation", features->network_isolation);
    put_bool(out, "filesystemIsolation", features->filesystem_isolation);
    put_bool(out, "processIsolation", features->process_isolation);
    bj_buf_puts(out, "}");
}

static void print_json(const struct bj_capabilities *all, struct bj_buf *out)
{
    bj_buf_puts(out, "{");
    put_bool(out, "available", all->available);
    put_text(out, "type", all->type);
    put_features(out, &all->features);
    bj_json_put_name(out, "backends");
    bj_buf_puts(out, "[");
    for (int i = 0; i < BJ_CAPABILITY_BACKENDS; i++) {
        const struct bj_backend_capability *backend = &all->backends[i];

        bj_buf_puts(out, i > 0 ? ",\n    {" : "\n    {");
        put_text(out, "name", backend->name);
        put_bool(out, "available", backend->available);
        put_text(out, "version", backend->version);
        put_text(out, "path", backend->path);
        put_text(out, "reason", backend->reason);
        put_features(out, &backend->features);
        bj_buf_puts(out, "}");
    }
    bj_buf_puts(out, "]\n}\n");
}

static void print_plain(const struct bj_capabilities *all, struct bj_buf *out)
{
    for (int i = 0; i < BJ_CAPABILITY_BACKENDS; i++) {
        const struct bj_backend_capability *backend = &all->backends[i];
        const struct bj_sandbox_features *features = &backend->features;

        bj_buf_printf(out, "%-11s %s%s", backend->name, backend->available ? "works" : "no",
                      backend->version[0] != '\0' ? ", version " : "");
        bj_buf_puts(out, backend->version);
        if (backend->available)
            bj_buf_printf(out, "; isolates%s%s%s", features->filesystem_isolation ? " files" : "",
                          features->process_isolation ? " processes" : "",
                          features->network_isolation ? " network" : "");
        else
            bj_buf_printf(out, ": %s", backend->reason);
        bj_buf_puts(out, "\n");
    }
}

int bj_cli_capabilities(int argc, char **argv)
{
    struct bj_capabilities all;
    struct bj_error err = {0};
    bool json = false;
    struct bj_buf out;
    int status;

    for (int i = 1; i < argc; i++) {
        if (bj_streq(argv[i], "--json")) {
            json = true;
        } else if (bj_streq(argv[i], "--help") || bj_streq(argv[i], "-h")) {
            fputs(usage, stdout);
            return 0;
        } else {
            fprintf(stderr, "belljar: capabilities takes no argument %s\n", argv[i]);
            return EXIT_FAILED;
        }
    }
    if (bj_capabilities_probe(NULL, &all, &err) < 0) {
        fprintf(stderr, "belljar: %s\n", err.message);
        return EXIT_FAILED;
    }
    bj_buf_init(&out, TEXT_MAX);
    if (json)
        print_json(&all, &out);
    else
        print_plain(&all, &out);
    status = all.available ? 0 : 1;
    if (out.failed || bj_fd_write_all(STDOUT_FILENO, bj_buf_text(&out), out.length) < 0) {
        fprintf(stderr, "belljar: cannot print the capabilities\n");
        status = EXIT_FAILED;
    }
    bj_buf_release(&out);
    return status;
}
