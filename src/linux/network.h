/*
 * The network namespace of a sandbox, with nothing in it but loopback (network_namespaces(7)).
 *
 * Making one costs the kernel more than all other namespaces together, so it is made on the side: a
 * thread makes it and brings loopback up, while the caller goes on; joining waits for it. One at a
 * time, since its stack is one. Its last steps out of the thread group may come after that: a call
 * that wants a single thread, such as unshare(CLONE_NEWUSER), can still fail at that moment.
 */
#ifndef BJ_LINUX_NETWORK_H
#define BJ_LINUX_NETWORK_H

#include <sys/types.h>

struct bj_netns {
    volatile pid_t running; /* the maker, 0 once it has ended */
    volatile int fd;        /* the namespace, once made */
    volatile int failed;    /* errno of the maker */
};

/* Starts making one. `netns` must stay where it is. 0, or -1 with errno. */
int bj_netns_begin(struct bj_netns *netns);

/* Waits for it and hands it over: a descriptor of the namespace, or -1 with errno. */
int bj_netns_take(struct bj_netns *netns);

/* Enters a new one and makes it ready for use. 0, or -1 with errno. */
int bj_netns_enter(int fd);

/* bj_netns_take() and bj_netns_enter(). 0, or -1 with errno. */
int bj_netns_join(struct bj_netns *netns);

#endif
