/* Calls and figures as JSON, for whoever shows them to other programs. */
#include <inttypes.h>

#include "audit/audit.h"
#include "wire/json.h"

void bj_audit_put_bodies(const struct bj_audit_record *verdict,
                         const struct bj_audit_record *outcome, struct bj_buf *out)
{
    bj_buf_puts(out, "\"verdict\":");
    bj_json_put_clean(out, verdict->body, verdict->body_length);
    bj_buf_puts(out, ",\"outcome\":");
    if (outcome != NULL)
        bj_json_put_clean(out, outcome->body, outcome->body_length);
    else
        bj_buf_puts(out, "null");
    bj_buf_puts(out, "}\n");
}

void bj_audit_put_call(const struct bj_audit_record *verdict, const struct bj_audit_record *outcome,
                       struct bj_buf *out)
{
    bj_buf_puts(out, "{");
    bj_audit_put_bodies(verdict, outcome, out);
}

void bj_audit_put_stats(const struct bj_audit_stats *stats, struct bj_buf *out)
{
    bj_buf_printf(out,
                  "{\n  \"first\": %" PRId64 ",\n  \"last\": %" PRId64 ",\n  \"bytes\": %" PRId64
                  ",\n  \"calls\": %" PRId64 ",\n  \"tools\": %" PRId64 ",\n",
                  stats->first, stats->last, stats->bytes, stats->calls, stats->tools);
    bj_buf_puts(out, "  \"verdicts\": {");
    for (int i = BJ_ALLOW; i <= BJ_DENY; i++)
        bj_buf_printf(out, "%s\"%s\": %" PRId64, i > 0 ? ", " : "",
                      bj_decision_name((enum bj_decision)i), stats->decisions[i]);
    bj_buf_puts(out, "},\n  \"risks\": {");
    for (int i = BJ_RISK_NONE; i <= BJ_RISK_CRITICAL; i++)
        bj_buf_printf(out, "%s\"%s\": %" PRId64, i > 0 ? ", " : "", bj_risk_name((enum bj_risk)i),
                      stats->risks[i]);
    bj_buf_printf(out,
                  "},\n  \"outcomes\": %" PRId64 ",\n  \"failed\": %" PRId64
                  ",\n  \"without_outcome\": %" PRId64 ",\n  \"duration_us\": %" PRId64 "\n}\n",
                  stats->outcomes, stats->failed, stats->open, stats->duration_us);
}
