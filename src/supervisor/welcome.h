/* What `belljar serve` says when it serves. */
#ifndef BJ_SUPERVISOR_WELCOME_H
#define BJ_SUPERVISOR_WELCOME_H

#include "base/buf.h"
#include "supervisor/listen.h"
#include "supervisor/settings.h"

/* Where it listens, where the key is, how strong the isolation is, and a first thing to try. */
void bj_welcome(const struct bj_service_settings *settings, const struct bj_listeners *listeners,
                struct bj_buf *out);

#endif
