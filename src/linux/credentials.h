/* Acting as another user for the length of one file access (setfsuid(2)). */
#ifndef BJ_LINUX_CREDENTIALS_H
#define BJ_LINUX_CREDENTIALS_H

#include <sys/types.h>

/* File accesses from here on are judged as this user's. Without the right to, nothing changes. */
void bj_credentials_act_as(uid_t uid, gid_t gid);

#endif
