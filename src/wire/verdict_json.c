/* A verdict as JSON. */
#include "wire/verdict_json.h"

#include <string.h>

#include "wire/json.h"

static void put_text(struct bj_buf *out, const char *name, const char *text)
{
    bj_buf_printf(out, "\"%s\": ", name);
    bj_json_put_string(out, text, strlen(text));
    bj_buf_puts(out, ", ");
}

static void put_violation(const struct bj_violation *violation, struct bj_buf *out)
{
    bj_buf_puts(out, "{");
    put_text(out, "rule", violation->rule);
    put_text(out, "description", violation->description);
    put_text(out, "risk", bj_risk_name(violation->risk));
    put_text(out, "decision", bj_decision_name(violation->decision));
    put_text(out, "command", violation->command);
    put_text(out, "advice", violation->advice);
    if (violation->to > violation->from)
        bj_buf_printf(out, "\"span\": [%zu, %zu]}", violation->from, violation->to);
    else
        bj_buf_puts(out, "\"span\": null}");
}

void bj_verdict_put_members(const struct bj_verdict *verdict, struct bj_buf *out)
{
    put_text(out, "decision", bj_decision_name(verdict->decision));
    put_text(out, "risk", bj_risk_name(verdict->risk));
    put_text(out, "reason", bj_verdict_reason(verdict));
    bj_buf_puts(out, "\"violations\": [");
    for (int i = 0; i < verdict->count; i++) {
        bj_buf_puts(out, i > 0 ? ", " : "");
        put_violation(&verdict->violations[i], out);
    }
    bj_buf_printf(out, "], \"dropped\": %d, \"retry_after_ms\": %lld", verdict->dropped,
                  (long long)((verdict->retry_after_us + 999) / 1000));
}

void bj_verdict_put_json(const struct bj_verdict *verdict, struct bj_buf *out)
{
    bj_buf_puts(out, "{");
    bj_verdict_put_members(verdict, out);
    bj_buf_puts(out, "}");
}
