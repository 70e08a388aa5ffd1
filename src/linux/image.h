/*
 * File systems in files: an ext4 in a sparse file on a loop device, mounted nowhere.
 *
 * The file has no name and the mount no place, so the descriptor of the mount, and later the
 * namespace that it is moved into, are all that keeps them: when the last of them is gone the
 * mount, the loop device and the file are gone too, whoever was killed before.
 */
#ifndef BJ_LINUX_IMAGE_H
#define BJ_LINUX_IMAGE_H

#include <stdint.h>

#include "base/error.h"

/* The time that formatting may take, and mounting; usual are milliseconds. */
#define BJ_IMAGE_FORMAT_US 5000000
#define BJ_IMAGE_MOUNT_US  5000000

/*
 * Makes an empty file system of `bytes` with room for `inodes` files, as a file in memory to be
 * copied from; runs mke2fs(8). A descriptor in *ret_fd.
 */
int bj_image_format(int64_t bytes, int64_t inodes, int *ret_fd, struct bj_error *err);

/* The same for whoever has more to do than to wait. */
struct bj_image_maker {
    int fd;    /* the file */
    int pidfd; /* readable when mke2fs has ended */
    int pid;
};
int bj_image_format_begin(int64_t bytes, int64_t inodes, struct bj_image_maker *ret,
                          struct bj_error *err);
/* Afterwards, or to give it up: what has not ended is killed, BJ_E_TIMEOUT. */
int bj_image_format_end(struct bj_image_maker *maker, int *ret_fd, struct bj_error *err);

/*
 * BJ_E_FULL where the directory's disk has less free than is kept for others: a twentieth of it, or
 * BJ_IMAGE_KEEP_FREE where that is less. What exists can still grow into that.
 */
#define BJ_IMAGE_KEEP_FREE ((int64_t)1 << 30)
int bj_image_check_room(int directory_fd, struct bj_error *err);

/*
 * Mounts a copy of such a file, which lies in a directory: without devices and without set-id
 * programs. The descriptor (O_PATH) of the detached mount in *ret_fd. BJ_E_FULL: there is no room
 * for it on the host's disk. BJ_E_BUSY: others take the loop devices.
 */
int bj_image_mount(int directory_fd, int template_fd, int *ret_fd, struct bj_error *err);

#endif
