/* A verdict in words. */
#include "cli/verdict_text.h"

#include <string.h>

#include "base/escape.h"

static void put(struct bj_buf *out, const char *text)
{
    bj_put_escaped(out, text, strlen(text));
}

void bj_cli_put_verdict(const struct bj_verdict *verdict, struct bj_buf *out)
{
    for (int i = 0; i < verdict->count; i++) {
        const struct bj_violation *violation = &verdict->violations[i];

        if (violation->decision == BJ_ALLOW)
            continue;
        bj_buf_printf(out, "belljar: %s: ", bj_decision_name(violation->decision));
        put(out, violation->description);
        bj_buf_puts(out, " [");
        put(out, violation->rule);
        bj_buf_printf(out, ", %s risk]\n", bj_risk_name(violation->risk));
        if (violation->command[0] != '\0') {
            bj_buf_puts(out, "  command: ");
            put(out, violation->command);
            bj_buf_puts(out, "\n");
        }
        if (violation->advice[0] != '\0') {
            bj_buf_puts(out, "  help: ");
            put(out, violation->advice);
            bj_buf_puts(out, "\n");
        }
    }
    if (verdict->dropped > 0)
        bj_buf_printf(out, "belljar: and %d more\n", verdict->dropped);
}
