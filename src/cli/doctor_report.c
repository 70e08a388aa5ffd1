/*
 * The rows of the report. The trial run is believed; where it failed, or gave less, the attempts of
 * src/linux/probe.c say what the host refuses.
 */
#include "cli/doctor_report.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

#define LANDLOCK_WHOLE 6 /* the ABI from which on it confines signals and abstract sockets */

const char *bj_doctor_state_name(enum bj_doctor_state state)
{
    static const char *const names[] = {"on", "partial", "off"};

    return names[state];
}

void bj_doctor_say(struct bj_doctor *report, enum bj_layer layer, enum bj_doctor_state state,
                   const char *format, ...)
{
    struct bj_doctor_row *row = &report->rows[layer];
    va_list args;

    row->state = state;
    va_start(args, format);
    vsnprintf(row->reason, sizeof row->reason, format, args);
    va_end(args);
}

void bj_doctor_advise(struct bj_doctor *report, enum bj_layer layer, const char *format, ...)
{
    char text[sizeof report->advice[0]];
    va_list args;
    int i;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    for (i = 0; i < report->advice_count; i++) {
        if (bj_streq(report->advice[i], text))
            break;
    }
    if (i == BJ_DOCTOR_ADVICE_MAX)
        return;
    if (i == report->advice_count)
        memcpy(report->advice[report->advice_count++], text, sizeof text);
    report->rows[layer].advice = i + 1;
}

/* What was planned, and given up, as the trial run has it. */
static void take_trial(const struct bj_doctor_trial *trial, struct bj_doctor *report)
{
    for (int i = 0; i < BJ_LAYER_COUNT; i++) {
        if (trial->layers & (bj_layer_set)1 << i)
            continue;
        bj_doctor_say(report, (enum bj_layer)i, BJ_DOCTOR_OFF,
                      "this version of belljar does not have it");
        report->rows[i].by_design = true;
    }
    for (int i = 0; i < trial->degraded.count; i++) {
        enum bj_layer layer = trial->degraded.items[i].layer;

        bj_doctor_say(report, layer,
                      trial->layers & (bj_layer_set)1 << layer ? BJ_DOCTOR_PARTIAL : BJ_DOCTOR_OFF,
                      "%s", trial->degraded.items[i].reason);
        report->rows[layer].by_design = false;
    }
}

static void filter_row(const struct bj_doctor_input *in, struct bj_doctor *report)
{
    int outcome = in->probes->outcome[BJ_PROBE_SECCOMP];

    if (outcome == 0)
        return;
    report->rows[BJ_LAYER_SECCOMP].by_design = false;
    bj_doctor_say(report, BJ_LAYER_SECCOMP, BJ_DOCTOR_OFF, "no system call filter: %s",
                  outcome > 0 ? strerror(outcome) : "the attempt was killed");
    bj_doctor_advise(report, BJ_LAYER_SECCOMP,
                     "The kernel must be built with CONFIG_SECCOMP_FILTER, for x86-64 or "
                     "little-endian arm64.");
}

static void landlock_missing(const struct bj_doctor_input *in, struct bj_doctor *report)
{
    int outcome = in->probes->outcome[BJ_PROBE_LANDLOCK];
    const char *modules = in->around->security_modules;

    if (outcome == EOPNOTSUPP) {
        bj_doctor_say(report, BJ_LAYER_LANDLOCK, BJ_DOCTOR_OFF,
                      "the kernel has Landlock, but it was not turned on at boot");
        bj_doctor_advise(report, BJ_LAYER_LANDLOCK,
                         "Add landlock to the boot parameter lsm=, for instance in "
                         "GRUB_CMDLINE_LINUX of /etc/default/grub, then run update-grub and "
                         "start again:\n    lsm=landlock,%s",
                         *modules != '\0' ? modules : "lockdown,yama,integrity,apparmor,bpf");
    } else if (outcome == ENOSYS && in->host->kernel < 5013) {
        bj_doctor_say(report, BJ_LAYER_LANDLOCK, BJ_DOCTOR_OFF,
                      "Linux %s has no Landlock: 5.13 is the first that does", in->around->kernel);
        bj_doctor_advise(report, BJ_LAYER_LANDLOCK, "A newer kernel; 6.12 has all of Landlock.");
    } else if (outcome == ENOSYS) {
        bj_doctor_say(report, BJ_LAYER_LANDLOCK, BJ_DOCTOR_OFF,
                      "this kernel was built without Landlock");
        bj_doctor_advise(report, BJ_LAYER_LANDLOCK,
                         "A kernel with CONFIG_SECURITY_LANDLOCK=y, and landlock in CONFIG_LSM or "
                         "in the boot parameter lsm=. The kernels of Debian 12 and Ubuntu 24.04 "
                         "have it.");
    } else {
        bj_doctor_say(report, BJ_LAYER_LANDLOCK, BJ_DOCTOR_OFF, "Landlock is refused: %s",
                      outcome > 0 ? strerror(outcome) : "the attempt was killed");
        if (in->around->filtered)
            bj_doctor_advise(report, BJ_LAYER_LANDLOCK,
                             "This process is under a system call filter that must let "
                             "landlock_create_ruleset, landlock_add_rule and "
                             "landlock_restrict_self pass.");
    }
}

/* Which rights an older Landlock does not know, oldest first. */
static void landlock_old(const struct bj_doctor_input *in, struct bj_doctor *report)
{
    static const struct {
        int abi;
        const char *text;
    } parts[] = {
        {2, "moving files between directories"},
        {3, "truncating files"},
        {4, "TCP ports"},
        {5, "ioctls on devices"},
        {6, "signals and abstract sockets"},
    };
    int abi = in->host->landlock_abi;
    char missing[160] = "";

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        size_t length = strlen(missing);

        if (abi < parts[i].abi)
            snprintf(missing + length, sizeof missing - length, "%s%s", length > 0 ? ", " : "",
                     parts[i].text);
    }
    bj_doctor_say(report, BJ_LAYER_LANDLOCK, BJ_DOCTOR_PARTIAL, "ABI %d has no rules for %s", abi,
                  missing);
    bj_doctor_advise(report, BJ_LAYER_LANDLOCK,
                     "Linux 6.12 and later have all of Landlock (ABI 6). Under namespaces the "
                     "other layers stand in for what is missing; under --isolation landlock "
                     "nothing does.");
}

static void landlock_row(const struct bj_doctor_input *in, struct bj_doctor *report)
{
    report->rows[BJ_LAYER_LANDLOCK].by_design = false;
    if (in->host->landlock_abi == 0 || in->probes->outcome[BJ_PROBE_LANDLOCK] != 0)
        landlock_missing(in, report);
    else if (in->host->landlock_abi < LANDLOCK_WHOLE)
        landlock_old(in, report);
}

/* No part of the trial, which lists no programs: it stands on three others. */
static void commands_row(const struct bj_doctor_input *in, struct bj_doctor *report)
{
    static const enum bj_layer needed[] = {BJ_LAYER_MOUNT, BJ_LAYER_LANDLOCK, BJ_LAYER_SECCOMP};

    bj_doctor_say(report, BJ_LAYER_COMMANDS, BJ_DOCTOR_ON, "%s, where command_whitelist names any",
                  bj_layer_text(BJ_LAYER_COMMANDS));
    report->rows[BJ_LAYER_COMMANDS].by_design = false;
    for (size_t i = 0; in->usual->planned && i < sizeof needed / sizeof *needed; i++) {
        if (in->usual->layers & (bj_layer_set)1 << needed[i])
            continue;
        bj_doctor_say(report, BJ_LAYER_COMMANDS, BJ_DOCTOR_OFF,
                      "a command_whitelist is refused, for it needs %s", bj_layer_name(needed[i]));
        return;
    }
}

void bj_doctor_report(const struct bj_doctor_input *in, struct bj_doctor *ret)
{
    memset(ret, 0, sizeof *ret);
    for (int i = 0; i < BJ_LAYER_COUNT; i++)
        bj_doctor_say(ret, (enum bj_layer)i, BJ_DOCTOR_ON, "%s", bj_layer_text((enum bj_layer)i));
    if (in->usual->planned)
        take_trial(in->usual, ret);
    if (in->usual->result < 0) {
        ret->refused = true;
        snprintf(ret->refusal, sizeof ret->refusal, "%s", in->usual->err.message);
        ret->landlock_works = in->landlock != NULL && in->landlock->result == 0;
    }
    bj_doctor_namespaces(in, ret);
    landlock_row(in, ret);
    filter_row(in, ret);
    bj_doctor_limits(in, ret);
    commands_row(in, ret);
}

int bj_doctor_status(const struct bj_doctor *report)
{
    if (report->refused)
        return 2;
    for (int i = 0; i < BJ_LAYER_COUNT; i++) {
        if (report->rows[i].state != BJ_DOCTOR_ON && !report->rows[i].by_design)
            return 1;
    }
    return 0;
}
