/*
 * How many alerts go to one target at once, and what becomes of the rest: files in the user's
 * state directory, so that it holds across programs that live for a millisecond.
 *
 * For each target there are a few slots, each a file that whoever sends has locked; the lock goes
 * with its process. Who finds none free puts its event into the target's waiting file and leaves:
 * one of those that send takes all that wait as one message when it is done with its own. The
 * waiting file is bounded; what does not fit is counted.
 */
#ifndef BJ_BIN_ALERT_SPOOL_H
#define BJ_BIN_ALERT_SPOOL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/limits.h"

#define BJ_ALERT_SLOTS 4

struct bj_alert_spool {
    int directory;   /* -1 when closed */
    char target[17]; /* names the files of this target */
};

/* $XDG_STATE_HOME/belljar/alert, else ~/.local/state/belljar/alert, /var/lib/belljar/alert for
 * root; made if need be. Somebody else's directory is refused. */
int bj_alert_spool_open(struct bj_alert_spool *spool, const char *command, const char *url,
                        struct bj_error *err);
void bj_alert_spool_close(struct bj_alert_spool *spool);

/* A slot as a descriptor that holds its lock; -1 when all are taken or cannot be had. */
int bj_alert_spool_slot(const struct bj_alert_spool *spool);

/* Puts an event, a line without its end, among those that wait; or counts it. */
int bj_alert_spool_put(const struct bj_alert_spool *spool, const char *event, size_t length,
                       struct bj_error *err);

/* Takes all that wait: lines, and how many more there were. */
int bj_alert_spool_take(const struct bj_alert_spool *spool, struct bj_buf *ret_lines,
                        int64_t *ret_dropped, struct bj_error *err);

/* Adds a line to alert.log there, which is begun anew when it is long. */
void bj_alert_spool_log(const struct bj_alert_spool *spool, const char *text);

#endif
