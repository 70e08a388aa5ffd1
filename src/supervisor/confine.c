/* The front's confinement. */
#include "supervisor/confine.h"

#include <errno.h>
#include <grp.h>
#include <linux/filter.h>
#include <pwd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/fd.h"
#include "linux/landlock.h"
#include "linux/process.h"
#include "linux/seccomp.h"

#define USUAL_USER "belljar"
/* Ids that no service of accounts gives, below those of sandboxes: the supervisor's number is
 * added, so that two services' fronts are strangers. */
#define ID_FIRST 0x6fc00000u
#define ID_MASK  0x003fffffu

enum { BJ_FRONT_FRONT, BJ_FRONT_PROFILE_COUNT };

#include "front-filter.h" /* made by seccomp-gen: programs[profile][arch] */

_Static_assert((int)BJ_SECCOMP_NATIVE < (int)BJ_SECCOMP_ARCH_COUNT,
               "the front has no system call filter for this architecture");

/* Who the front is to be. */
static int choose_ids(const char *user, uid_t *ret_uid, gid_t *ret_gid, struct bj_error *err)
{
    const struct passwd *account = getpwnam(user != NULL ? user : USUAL_USER);

    if (account == NULL && user != NULL)
        return bj_fail(err, BJ_E_INVALID, "user", "--user: there is no user \"%.64s\"", user);
    if (account != NULL && (account->pw_uid == 0 || account->pw_gid == 0))
        return bj_fail(err, BJ_E_INVALID, "user", "the front must not run as root");
    *ret_uid = account != NULL ? account->pw_uid : ID_FIRST + ((uid_t)getppid() & ID_MASK);
    *ret_gid = account != NULL ? account->pw_gid : ID_FIRST + ((gid_t)getppid() & ID_MASK);
    return 0;
}

static int become(const char *user, struct bj_error *err)
{
    uid_t uid = 0;
    gid_t gid = 0;
    int result = choose_ids(user, &uid, &gid, err);

    if (result < 0)
        return result;
    if (setgroups(0, NULL) < 0 || setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
        return bj_fail_errno(err, "user", "cannot become user %u", uid);
    return 0;
}

/* A domain that allows no file at all. */
static int shut_out_files(struct bj_error *err)
{
    int abi = bj_landlock_abi();
    BJ_CLEANUP_CLOSE int ruleset = -1;

    if (abi <= 0)
        return 0; /* the filter still has no call that opens one */
    ruleset = bj_landlock_new(abi, true);
    if (ruleset < 0 || bj_landlock_enforce(ruleset) < 0)
        return bj_fail_errno(err, "landlock", "cannot keep the front away from files");
    return 0;
}

int bj_confine_front(const char *user, struct bj_error *err)
{
    static const struct rlimit none = {0, 0};
    const struct bj_seccomp_code *program = &programs[BJ_FRONT_FRONT][BJ_SECCOMP_NATIVE];
    int result = geteuid() == 0 ? become(user, err) : 0;

    if (result == 0 && (setrlimit(RLIMIT_CORE, &none) < 0 || bj_process_keep_capabilities(0) < 0 ||
                        bj_process_undumpable() < 0 || bj_process_no_new_privs() < 0))
        result = bj_fail_errno(err, "rights", "cannot give up the front's rights");
    if (result == 0)
        result = shut_out_files(err);
    if (result == 0 && bj_seccomp_load_program(program->filter, program->length) < 0)
        result = bj_fail_errno(err, "seccomp", "cannot load the front's system call filter");
    return result;
}
