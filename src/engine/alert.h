/*
 * Telling others of violations: alert_command and alert_url, for verdicts from alert_risk up.
 *
 * The call that is judged neither waits for an alert nor fails with it. What is to be told goes, in
 * a file that only memory holds, to a process of its own (belljar-alert), which belongs to nobody:
 * its parent is gone before it begins. It bounds how many run at once and puts together what comes
 * beyond; see src/bin/alert.c.
 */
#ifndef BJ_ENGINE_ALERT_H
#define BJ_ENGINE_ALERT_H

#include "base/buf.h"
#include "base/log.h"
#include "model/config.h"
#include "model/mask.h"
#include "model/request.h"
#include "model/verdict.h"

/* Is this verdict one to be told? */
bool bj_alert_wanted(const struct bj_config *config, const struct bj_verdict *verdict);

/*
 * Tells of a verdict if it is wanted. `program` is the path of belljar-alert, NULL for the one
 * that is installed with this program. What goes wrong is logged, as category alert.
 */
void bj_alert_send(const struct bj_config *config, const struct bj_request *request,
                   const struct bj_verdict *verdict, const struct bj_mask *mask,
                   const char *program, const struct bj_log *log);

/*
 * What is told, as one JSON object: {"time", "tool", "key", "sandbox", "directory", "command",
 * "verdict": {…}}. A program and its arguments are told as a command. Texts are masked and cut;
 * violations that find no room are counted as dropped.
 */
int bj_alert_event(const struct bj_mask *mask, const struct bj_request *request,
                   const struct bj_verdict *verdict, struct bj_buf *out, struct bj_error *err);

#endif
