/*
 * The small program's way to what it does not carry.
 *
 * `belljar` is linked against musl and nothing else, because starting is its budget: on a virtual
 * machine glibc's start-up alone costs as much as a whole sandbox (it asks the processor for its
 * features, and each question leaves the guest). What needs a library, reading a configuration file
 * and the commands that describe things, is in a second program that this one turns into.
 */
#include <stdio.h>

#include "bin/handover.h"
#include "cli/become.h"
#include "cli/cli.h"
#include "cli/option_text.h"
#include "engine/guard.h"
#include "model/config.h"

static char **caller_argv;

void bj_handover_init(char **argv)
{
    caller_argv = argv;
}

/* Becomes the other program. Returns only on failure. */
static void hand_over(void)
{
    bj_become("belljar-full", caller_argv);
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
