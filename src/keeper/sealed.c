/*
 * A program in a sealed memory file: what is executed later is what was read now, wherever it is.
 * It can be executed but not read, so from its execution on no other process of its user may trace
 * it or look into its memory; a prctl(2) of its own would come a moment later.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fd.h"
#include "keeper/keeper_internal.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif

int bj_sealed_copy(const char *path, int *ret_fd, struct bj_error *err)
{
    BJ_CLEANUP_CLOSE int from = BJ_SYS(open(path, O_RDONLY | O_CLOEXEC)), to = -1;
    struct stat status;

    if (from < 0 || BJ_SYS(fstat(from, &status)) < 0)
        return bj_fail_errno(err, "keeper", "cannot read %s", path);
    to = BJ_SYS(memfd_create("belljar-files", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC));
    if (to < 0) /* before Linux 6.3 every memory file may be executed */
        to = BJ_SYS(memfd_create("belljar-files", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (to < 0)
        return bj_fail_errno(err, "keeper", "cannot make a memory file");
    for (off_t done = 0; done < status.st_size;) {
        ssize_t n = BJ_SYS(sendfile(to, from, &done, (size_t)(status.st_size - done)));

        if (n <= 0)
            return bj_fail_errno(err, "keeper", "cannot copy %s", path);
    }
    if (BJ_SYS(fchmod(to, 0111)) < 0 ||
        BJ_SYS(fcntl(to, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)) <
            0)
        return bj_fail_errno(err, "keeper", "cannot seal a copy of %s", path);
    *ret_fd = bj_fd_take(&to);
    return 0;
}
