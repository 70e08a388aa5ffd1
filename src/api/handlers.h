/* The handlers of the table of routes, by file; this folder's own. */
#ifndef BJ_API_HANDLERS_H
#define BJ_API_HANDLERS_H

#include "api/route.h"
#include "service/service.h"

/* root.c */
void bj_get_root(struct bj_exchange *exchange, struct bj_service *service);
void bj_get_health(struct bj_exchange *exchange, struct bj_service *service);
void bj_get_alive(struct bj_exchange *exchange, struct bj_service *service);
void bj_get_ready(struct bj_exchange *exchange, struct bj_service *service);
void bj_get_openapi(struct bj_exchange *exchange, struct bj_service *service);

#endif
