/*
 * The small program's way to what it does not carry.
 *
 * `belljar` is linked against musl and nothing else, because starting is its budget: on a virtual
 * machine glibc's start-up alone costs as much as a whole sandbox (it asks the processor for its
 * features, and each question leaves the guest). What needs a library, reading a configuration file
 * and the commands that describe things, is in a second program that this one turns into.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "bin/handover.h"
#include "cli/cli.h"
#include "cli/option_text.h"
#include "engine/guard.h"
#include "model/config.h"

static char **caller_argv;

void bj_handover_init(char **argv)
{
    caller_argv = argv;
}

/* Becomes the other program, which lies beside this one or in libexec. Returns only on failure. */
static void hand_over(void)
{
    static const char *const places[] = {"belljar-full", "../libexec/belljar/belljar-full"};
    char self[4096], path[4096 + 64], *slash;
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);

    if (length <= 0)
        return;
    self[length] = '\0';
    slash = strrchr(self, '/');
    if (slash == NULL)
        return;
    slash[1] = '\0';
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        snprintf(path, sizeof path, "%s%s", self, places[i]);
        execv(path, caller_argv);
    }
}

static const char missing[] =
    "this needs the program belljar-full, which is not beside belljar nor in ../libexec/belljar";

int bj_config_load_file(struct bj_config *config, const char *path, struct bj_error *err)
{
    (void)config;
    hand_over();
    return bj_fail(err, BJ_E_UNSUPPORTED, "config", "cannot read %s: %s", path, missing);
}

int bj_guard_new(const struct bj_guard_options *options, struct bj_guard **ret_guard,
                 struct bj_error *err)
{
    (void)options;
    (void)ret_guard;
    hand_over();
    return bj_fail(err, BJ_E_UNSUPPORTED, "policy", "cannot judge or record: %s", missing);
}

static int command(void)
{
    hand_over();
    fprintf(stderr, "belljar: %s\n", missing);
    return bj_code_exit_status(BJ_E_UNSUPPORTED);
}

int bj_cli_capabilities(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return command();
}

int bj_cli_wrap(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return command();
}

int bj_cli_config(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return command();
}

int bj_cli_check(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return command();
}

int bj_cli_completion(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return command();
}

int bj_cli_audit(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return command();
}

int bj_cli_doctor(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return command();
}

void bj_option_help(const struct bj_config *defaults, struct bj_buf *out)
{
    (void)defaults;
    hand_over();
    bj_buf_printf(out, "belljar: %s\n", missing);
}
