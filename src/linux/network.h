/* The one network interface of a sandbox. */
#ifndef BJ_LINUX_NETWORK_H
#define BJ_LINUX_NETWORK_H

/* Brings up "lo" in this network namespace (netdevice(7)). 0, or -1 with errno. */
int bj_network_loopback_up(void);

#endif
