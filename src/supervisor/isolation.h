/* How strong the isolation is that sandboxes of the usual preset get here. */
#ifndef BJ_SUPERVISOR_ISOLATION_H
#define BJ_SUPERVISOR_ISOLATION_H

#include "supervisor/settings.h"

/* The preset of sandboxes that name none. */
const struct bj_service_preset *
bj_service_settings_usual(const struct bj_service_settings *settings);

/*
 * What is less than it could be, a line "layer: reason" each; none: every layer is there. Plans a
 * sandbox, and tries what no plan can know; when no sandbox can be made at all, that is the line.
 * Ends with NULL; the caller's: bj_strv_free(). NULL: no memory. Takes some milliseconds and
 * processes.
 */
char **bj_isolation_read(const struct bj_service_settings *settings);

/*
 * Makes one sandbox of the usual preset, waits until its init answers, and ends it: an error says
 * why none can be made here, with what to do. For a process that may fork: before any event loop.
 */
int bj_isolation_try(const struct bj_service_settings *settings, struct bj_error *err);

#endif
