/* File-system ids. */
#include "linux/credentials.h"

#include <sys/fsuid.h>

#include "linux/process.h"

void bj_credentials_act_as(uid_t uid, gid_t gid)
{
    setfsgid(gid);
    setfsuid(uid);
    bj_process_die_with_parent(); /* which the kernel forgets whenever ids change */
}
