/* One line in the log for each request. */
#ifndef BJ_SERVER_ACCESS_H
#define BJ_SERVER_ACCESS_H

#include "server/server_internal.h"

void bj_access_log(const struct bj_connection *connection);

#endif
