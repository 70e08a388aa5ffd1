/*
 * Taking rights away from the front, for good: what the process that parses the network does not
 * need. Whoever takes it over has its sockets, the clients' bytes and the acts that the audit
 * process records, and nothing else of the machine.
 */
#ifndef BJ_SUPERVISOR_CONFINE_H
#define BJ_SUPERVISOR_CONFINE_H

#include "base/error.h"

/*
 * As root: becomes `user` (NULL: the user belljar where there is one, else an id that nobody has).
 * Whoever it is: no new privileges, no core, no tracing; no file can be opened, no TCP connection
 * made, nobody signalled (Landlock, as far as the kernel has it); and the filter of front.policy.
 * Before the first thread. BJ_E_NOT_FOUND, BJ_E_LAYER, BJ_E_SYSTEM.
 */
int bj_confine_front(const char *user, struct bj_error *err);

#endif
