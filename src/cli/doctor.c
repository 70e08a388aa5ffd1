/*
 * belljar doctor: which protections this host gives, which it does not, why, and what to do.
 *
 * It makes a sandbox as `belljar run` would, with nothing run in it, and tries each part alone, so
 * that what is said is what happens. An empty workspace stands for the current directory, which may
 * be one that `belljar run` refuses for reasons that have nothing to do with the host.
 */
#include "cli/cli.h"

#include <stdio.h>
#include <unistd.h>

#include "backend/backend.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/doctor_report.h"
#include "linux/host.h"
#include "model/config.h"
#include "plan/plan.h"

#define EXIT_FAILED 125
#define TEXT_MAX    (1 << 20) /* bytes of the report */

static const char usage[] =
    "Usage: belljar doctor [--json]\n"
    "\n"
    "Shows each layer of protection: on, partial or off on this host for this user,\n"
    "why, and what to do; and how belljar run will behave. Nothing is changed.\n"
    "\n"
    "      --json   print one JSON object\n"
    "\n"
    "Exit status: 0 belljar run works with every layer; 1 something is less than it\n"
    "could be; 2 belljar run would refuse to run; 125 failure of belljar itself.\n";

/* Everything that is large, in one place. */
struct examination {
    struct bj_host host;
    struct bj_probes probes;
    struct bj_surroundings around;
    struct bj_doctor_trial usual, landlock;
    struct bj_doctor report;
};

static int fail(const struct bj_error *err)
{
    fprintf(stderr, "belljar: %s\n", err->message);
    return EXIT_FAILED;
}

/* Which layers are planned, so that it is known even when making them fails. */
static void try_plan(const struct bj_config *config, const struct bj_host *host,
                     struct bj_doctor_trial *ret)
{
    struct bj_plan *plan = bj_alloc(sizeof *plan);

    if (plan == NULL)
        return;
    ret->planned = bj_plan_make(config, host, NULL, plan, &ret->degraded, NULL) == 0;
    ret->layers = plan->layers;
    bj_free(plan);
}

/* Makes a sandbox and waits until its init answers. */
static void try_sandbox(const struct bj_config *config, const struct bj_host *host,
                        struct bj_doctor_trial *ret)
{
    struct bj_process_entry entries[8];
    struct bj_sandbox *sandbox = NULL;
    struct bj_result result;
    size_t count;

    try_plan(config, host, ret);
    bj_result_init(&result);
    ret->result = bj_backend_native.create(config, NULL, &result, &sandbox, &ret->err);
    if (ret->result == 0) {
        ret->result = bj_backend_native.list(sandbox, entries, 8, &count, &ret->err);
        bj_backend_native.destroy(sandbox, &result); /* and have what init noted */
        ret->layers = result.layers;
        ret->degraded = result.degraded;
    }
    bj_result_release(&result);
}

static int try_usual(struct examination *all, struct bj_error *err)
{
    struct bj_config config;
    int result = bj_config_init(&config, err);

    if (result == 0)
        result = bj_config_set(&config, BJ_OPT_WORKSPACE, "empty", NULL, err);
    if (result == 0)
        result = bj_host_read(&config, &all->host, err);
    if (result == 0)
        try_sandbox(&config, &all->host, &all->usual);
    bj_config_release(&config);
    return result;
}

/* That mode needs a directory to show; nothing is run that could use it. */
static int try_landlock(struct examination *all, struct bj_error *err)
{
    struct bj_config config;
    int result = bj_config_init(&config, err);

    if (result == 0)
        result = bj_config_set(&config, BJ_OPT_WORKSPACE, all->host.scratch_point, NULL, err);
    if (result == 0)
        result = bj_config_set(&config, BJ_OPT_ISOLATION, "landlock", NULL, err);
    if (result == 0) {
        config.allow_home = true;
        try_sandbox(&config, &all->host, &all->landlock);
    }
    bj_config_release(&config);
    return result;
}

static int examine(struct examination *all, bool json)
{
    struct bj_doctor_input in = {
        .host = &all->host, .probes = &all->probes, .around = &all->around, .usual = &all->usual};
    struct bj_error err = {0};
    struct bj_buf out;
    int status;

    if (try_usual(all, &err) < 0 || bj_probe_run(&all->host, &all->probes, &err) < 0)
        return fail(&err);
    bj_surroundings_read(&all->host, &all->around);
    if (all->usual.result < 0) {
        if (try_landlock(all, &err) < 0)
            return fail(&err);
        in.landlock = &all->landlock;
    }
    bj_doctor_report(&in, &all->report);
    bj_buf_init(&out, TEXT_MAX);
    if (json && bj_doctor_print_json(&in, &all->report, &out) < 0)
        out.failed = true;
    if (!json)
        bj_doctor_print(&in, &all->report, &out);
    status = bj_doctor_status(&all->report);
    if (out.failed || bj_fd_write_all(STDOUT_FILENO, bj_buf_text(&out), out.length) < 0) {
        fprintf(stderr, "belljar: cannot print the report\n");
        status = EXIT_FAILED;
    }
    bj_buf_release(&out);
    return status;
}

int bj_cli_doctor(int argc, char **argv)
{
    struct examination *all;
    bool json = false;
    int status;

    for (int i = 1; i < argc; i++) {
        if (bj_streq(argv[i], "-h") || bj_streq(argv[i], "--help")) {
            fputs(usage, stdout);
            return 0;
        }
        if (!bj_streq(argv[i], "--json")) {
            fprintf(stderr, "belljar: doctor: expected --json or nothing; found %s\n", argv[i]);
            return EXIT_FAILED;
        }
        json = true;
    }
    all = bj_alloc(sizeof *all);
    if (all == NULL) {
        fprintf(stderr, "belljar: out of memory\n");
        return EXIT_FAILED;
    }
    status = examine(all, json);
    bj_free(all);
    return status;
}
