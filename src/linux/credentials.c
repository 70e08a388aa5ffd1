/* File-system ids. */
#include "linux/credentials.h"

#include <sys/fsuid.h>

void bj_credentials_act_as(uid_t uid, gid_t gid)
{
    setfsgid(gid);
    setfsuid(uid);
}
