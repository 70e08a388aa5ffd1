/* The report as text of at most 80 columns, and as one JSON object. */
#include "cli/doctor_report.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "cli/option_text.h"

#define WHY_COLUMN 27

static const char *cgroup_name(const struct bj_host *host)
{
    static const char *const names[] = {
        [BJ_CGROUP_NONE] = "none", [BJ_CGROUP_V1] = "v1", [BJ_CGROUP_V2] = "v2"};

    return names[host->cgroup];
}

static void print_row(const struct bj_doctor *report, enum bj_layer layer, struct bj_buf *out)
{
    const struct bj_doctor_row *row = &report->rows[layer];
    char text[sizeof row->reason + 16];

    snprintf(text, sizeof text, row->advice != 0 ? "%s [%d]" : "%s", row->reason, row->advice);
    bj_buf_printf(out, "%-18s%-9s", bj_layer_name(layer), bj_doctor_state_name(row->state));
    bj_option_text_wrap(text, WHY_COLUMN, WHY_COLUMN, out);
    bj_buf_puts(out, "\n");
}

/* A line "  label     names of limits", if there are any. */
static void print_limits(const struct bj_doctor *report, const char *label,
                         enum bj_doctor_state state, struct bj_buf *out)
{
    static const enum bj_layer limits[] = {BJ_LAYER_MEMORY, BJ_LAYER_CPU, BJ_LAYER_PROCESSES,
                                           BJ_LAYER_DISK};
    const char *before = "";
    bool any = false;

    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        if (report->rows[limits[i]].state != state)
            continue;
        if (!any)
            bj_buf_printf(out, "  %-12s", label);
        any = true;
        bj_buf_printf(out, "%s%s", before, bj_layer_name(limits[i]));
        before = ", ";
    }
    if (any)
        bj_buf_puts(out, "\n");
}

static void print_missing(const struct bj_doctor *report, struct bj_buf *out)
{
    const char *before = "";

    for (int i = 0; i < BJ_LAYER_COUNT; i++) {
        const struct bj_doctor_row *row = &report->rows[i];

        if (row->state == BJ_DOCTOR_ON || row->by_design)
            continue;
        bj_buf_printf(out, "%s%s", before, bj_layer_name((enum bj_layer)i));
        before = ", ";
    }
}

static void print_summary(const struct bj_doctor *report, struct bj_buf *out)
{
    struct bj_buf line;

    bj_buf_init(&line, 4096);
    if (report->refused) {
        bj_buf_printf(&line, "belljar run refuses to work here: %s", report->refusal);
    } else if (bj_doctor_status(report) == 0) {
        bj_buf_puts(&line, "belljar run works here with every layer.");
    } else {
        bj_buf_puts(&line, "belljar run works here, with less of: ");
        print_missing(report, &line);
        bj_buf_puts(&line, ".");
    }
    bj_option_text_wrap(bj_buf_text(&line), 0, 0, out);
    bj_buf_puts(out, "\n");
    bj_buf_release(&line);
    if (report->refused) {
        if (report->landlock_works)
            bj_buf_puts(out, "belljar run --isolation landlock would work, less strictly.\n");
        return;
    }
    bj_buf_puts(out, "  isolation   namespaces\n");
    bj_buf_printf(out, "  user        %s\n",
                  report->rows[BJ_LAYER_OWN_UID].state == BJ_DOCTOR_OFF
                      ? "your own uid"
                      : "a host uid of its own for each sandbox");
    print_limits(report, "enforced", BJ_DOCTOR_ON, out);
    print_limits(report, "watched", BJ_DOCTOR_PARTIAL, out);
    print_limits(report, "not limited", BJ_DOCTOR_OFF, out);
}

static void print_advice(const struct bj_doctor *report, int number, struct bj_buf *out)
{
    const char *at = report->advice[number - 1];
    char line[sizeof report->advice[0]];
    int column = 4;

    bj_buf_printf(out, "[%d] ", number);
    while (*at != '\0') {
        size_t length = strcspn(at, "\n");

        snprintf(line, sizeof line, "%.*s", (int)length, at);
        if (column == 0)
            bj_buf_puts(out, "    ");
        if (line[0] == ' ')
            bj_buf_puts(out, line);
        else
            bj_option_text_wrap(line, 4, 4, out);
        bj_buf_puts(out, "\n");
        column = 0;
        at += length + (at[length] == '\n');
    }
}

static void print_host(const struct bj_doctor_input *in, struct bj_buf *out)
{
    const char *container = in->around->container;
    struct bj_buf line;

    bj_buf_init(&line, 4096);
    bj_buf_printf(&line, "Linux %s, uid %u%s, cgroup %s%s%s%s", in->around->kernel, in->host->uid,
                  in->host->privileged ? " with privileges" : "", cgroup_name(in->host),
                  *container != '\0' ? ", in a container (" : "", container,
                  *container != '\0' ? ")" : "");
    bj_option_text_wrap(bj_buf_text(&line), 0, 0, out);
    bj_buf_puts(out, "\n\n");
    bj_buf_release(&line);
}

void bj_doctor_print(const struct bj_doctor_input *in, const struct bj_doctor *report,
                     struct bj_buf *out)
{
    print_host(in, out);
    bj_buf_printf(out, "%-18s%-9s%s\n", "LAYER", "STATE", "WHAT IT GIVES, OR WHY IT DOES NOT");
    for (int i = 0; i < BJ_LAYER_COUNT; i++)
        print_row(report, (enum bj_layer)i, out);
    bj_buf_puts(out, "\n");
    print_summary(report, out);
    if (report->advice_count > 0)
        bj_buf_puts(out, "\nWhat to do:\n");
    for (int i = 1; i <= report->advice_count; i++)
        print_advice(report, i, out);
}

/* A string, null for NULL. Names of files need not be UTF-8. */
static json_t *text_json(const char *text)
{
    json_t *json = text != NULL ? json_string(text) : json_null();

    return json != NULL ? json : json_string("(not UTF-8)");
}

static json_t *host_json(const struct bj_doctor_input *in)
{
    const char *container = in->around->container;

    return json_pack("{s:s, s:I, s:b, s:o, s:s}", "kernel", in->around->kernel, "uid",
                     (json_int_t)in->host->uid, "privileged", in->host->privileged, "container",
                     text_json(*container != '\0' ? container : NULL), "cgroup",
                     cgroup_name(in->host));
}

static json_t *layers_json(const struct bj_doctor *report)
{
    json_t *list = json_array();

    for (int i = 0; i < BJ_LAYER_COUNT; i++) {
        const struct bj_doctor_row *row = &report->rows[i];

        json_array_append_new(
            list,
            json_pack("{s:s, s:s, s:s, s:o}", "name", bj_layer_name((enum bj_layer)i), "state",
                      bj_doctor_state_name(row->state), "reason", row->reason, "advice",
                      text_json(row->advice != 0 ? report->advice[row->advice - 1] : NULL)));
    }
    return list;
}

static json_t *run_json(const struct bj_doctor *report)
{
    json_t *degraded = json_array();

    for (int i = 0; i < BJ_LAYER_COUNT; i++) {
        const struct bj_doctor_row *row = &report->rows[i];

        if (row->state != BJ_DOCTOR_ON && !row->by_design)
            json_array_append_new(degraded,
                                  json_pack("{s:s, s:s}", "layer", bj_layer_name((enum bj_layer)i),
                                            "reason", row->reason));
    }
    return json_pack("{s:o, s:o, s:o}", "isolation",
                     text_json(report->refused ? NULL : "namespaces"), "degraded", degraded,
                     "refused", text_json(report->refused ? report->refusal : NULL));
}

int bj_doctor_print_json(const struct bj_doctor_input *in, const struct bj_doctor *report,
                         struct bj_buf *out)
{
    json_t *object;
    char *text;

    json_set_alloc_funcs(bj_alloc, bj_free);
    object = json_pack("{s:o, s:o, s:o}", "host", host_json(in), "layers", layers_json(report),
                       "run", run_json(report));
    text = object != NULL ? json_dumps(object, JSON_INDENT(2)) : NULL;
    json_decref(object);
    if (text == NULL)
        return -1;
    bj_buf_puts(out, text);
    bj_buf_puts(out, "\n");
    bj_free(text);
    return out->failed ? -1 : 0;
}
