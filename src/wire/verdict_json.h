/* A verdict as JSON, the same wherever one is shown. */
#ifndef BJ_WIRE_VERDICT_JSON_H
#define BJ_WIRE_VERDICT_JSON_H

#include "base/buf.h"
#include "model/verdict.h"

/*
 * Appends {"decision": "deny", "risk": "high", "reason": …, "violations": [{"rule", "description",
 * "risk", "decision", "command", "advice", "span": [from, to]}…], "dropped": n, "retry_after_ms":
 * n}, on one line. "span" is null where a violation is about no place, counted in bytes.
 */
void bj_verdict_put_json(const struct bj_verdict *verdict, struct bj_buf *out);

/* The same without its braces, for an object that has more in it. */
void bj_verdict_put_members(const struct bj_verdict *verdict, struct bj_buf *out);

#endif
