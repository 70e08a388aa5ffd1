/*
 * What a command has completion offer, from the table that its own parser reads: long options, a
 * blank before each.
 */
#ifndef BJ_CLI_COMPLETION_H
#define BJ_CLI_COMPLETION_H

#include <stddef.h>

#include "base/buf.h"

/* The actions of `belljar audit`; NULL behind the last. */
const char *bj_audit_action(size_t index);

/* `action` is NULL for a command that has none. */
void bj_audit_put_options(const char *action, struct bj_buf *out);
void bj_bwrap_put_options(const char *action, struct bj_buf *out);
void bj_check_put_options(const char *action, struct bj_buf *out);
void bj_wrap_put_options(const char *action, struct bj_buf *out);
#define BJ_CLIENT_COMMAND(name, function, usage, least, most, route, help)                         \
    void bj_client_put_##function(const char *action, struct bj_buf *out);
#include "model/client_commands.def"
#undef BJ_CLIENT_COMMAND

#endif
