/*
 * Ids of user namespaces (user_namespaces(7)).
 */
#ifndef BJ_LINUX_IDMAP_H
#define BJ_LINUX_IDMAP_H

#include <sys/types.h>

/* Writes the maps of another process, from outside. 0, or -1 with errno. */
int bj_idmap_write(pid_t pid, const char *uid_lines, const char *gid_lines);

/* Writes this process's own maps: one id each, setgroups denied first. 0, or -1 with errno. */
int bj_idmap_write_self(const char *uid_line, const char *gid_line);

/*
 * A user namespace that exists only to be handed to mount_setattr(2): on-disk ids `uid`/`gid`
 * appear as host ids `to_uid`/`to_gid`. Returns a descriptor, or -1 with errno. Needs privilege.
 * *ret_helper is a child on its way out, for the caller to reap when it has nothing better to do; 0
 * if there is none.
 */
int bj_idmap_namespace(uid_t uid, gid_t gid, uid_t to_uid, gid_t to_gid, pid_t *ret_helper);

#endif
