/* Subordinate ids. */
#include "linux/subid.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "linux/process.h"

#define ARGUMENTS_MAX 16

/*
 * The caller's name in /etc/passwd; read by hand, because a statically linked program has no name
 * services. False if it is not there: /etc/subuid may then have the number.
 */
static bool find_name(const char *passwd, uid_t uid, char *ret, size_t size)
{
    for (const char *line = passwd; *line != '\0'; line = strchrnul(line, '\n')) {
        const char *name, *number;

        line += *line == '\n';
        name = line;
        number = strchr(line, ':');
        number = number != NULL ? strchr(number + 1, ':') : NULL;
        if (number == NULL)
            return false;
        if (strtoul(number + 1, NULL, 10) == uid) {
            snprintf(ret, size, "%.*s", (int)strcspn(name, ":\n"), name);
            return true;
        }
    }
    return false;
}

/* The first line "name:first:count" of ours. */
static bool find_range(const char *text, const char *name, uid_t uid, uint32_t *ret_first,
                       uint32_t *ret_count)
{
    char number[16];

    snprintf(number, sizeof number, "%u", uid);
    for (const char *line = text; *line != '\0'; line = strchrnul(line, '\n')) {
        char owner[64];
        unsigned first, count;

        line += *line == '\n';
        if (sscanf(line, "%63[^:]:%u:%u", owner, &first, &count) == 3 && count > 0 &&
            (bj_streq(owner, name) || bj_streq(owner, number))) {
            *ret_first = first;
            *ret_count = count;
            return true;
        }
    }
    return false;
}

static int read_range(const char *path, const char *name, uid_t uid, uint32_t *ret_first,
                      uint32_t *ret_count, struct bj_error *err)
{
    BJ_CLEANUP_FREE char *text = NULL;
    int result = bj_read_file(path, BJ_CONFIG_FILE_MAX, &text, NULL, err);

    if (result < 0)
        return result;
    if (!find_range(text, name, uid, ret_first, ret_count))
        return bj_fail(err, BJ_E_LAYER, "ids",
                       "%s has no line for this user; as root: usermod --add-subuids 100000-165535 "
                       "--add-subgids 100000-165535 %s",
                       path, name[0] != '\0' ? name : "USER");
    return 0;
}

int bj_subid_read(struct bj_host *host, struct bj_error *err)
{
    BJ_CLEANUP_FREE char *passwd = NULL;
    char name[64] = "";
    int result;

    if (bj_read_file("/etc/passwd", BJ_CONFIG_FILE_MAX, &passwd, NULL, NULL) == 0)
        find_name(passwd, host->uid, name, sizeof name);
    result =
        read_range("/etc/subuid", name, host->uid, &host->sub_uid_first, &host->sub_uid_count, err);
    if (result == 0)
        result = read_range("/etc/subgid", name, host->uid, &host->sub_gid_first,
                            &host->sub_gid_count, err);
    return result;
}

struct helper_call {
    const char *program;
    char *argv[ARGUMENTS_MAX + 3];
    int failed;
};

static void run_helper_child(void *data)
{
    struct helper_call *call = data;
    char *env[] = {NULL};

    if (bj_process_reset_signals() == 0)
        execve(call->program, call->argv, env);
    call->failed = errno;
    _exit(127);
}

static int run_helper(const char *program, pid_t pid, const char *arguments, struct bj_error *err)
{
    struct helper_call call = {.program = program};
    char text[256], number[16], *rest, *word;
    size_t count = 0;
    pid_t child;
    int status = -1; /* stays so where the caller ignores SIGCHLD */

    if (!bj_str_copy(text, sizeof text, arguments))
        return bj_fail(err, BJ_E_LIMIT, "ids", "the id map is too long");
    snprintf(number, sizeof number, "%d", pid);
    call.argv[count++] = (char *)program;
    call.argv[count++] = number;
    for (word = strtok_r(text, " ", &rest); word != NULL && count < ARGUMENTS_MAX + 2;
         word = strtok_r(NULL, " ", &rest))
        call.argv[count++] = word;
    child = bj_process_vfork(0, run_helper_child, &call, NULL);
    if (child < 0)
        return bj_fail_errno(err, "ids", "cannot start %s", program);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    if (call.failed != 0) {
        errno = call.failed;
        return bj_fail_errno(err, "ids", "cannot run %s (Debian's package uidmap has it)", program);
    }
    if (status != 0)
        return bj_fail(err, BJ_E_SYSTEM, "ids", "%s refused the id map", program);
    return 0;
}

int bj_subid_map(pid_t pid, const char *uid_arguments, const char *gid_arguments,
                 struct bj_error *err)
{
    int result = run_helper("/usr/bin/newuidmap", pid, uid_arguments, err);

    return result < 0 ? result : run_helper("/usr/bin/newgidmap", pid, gid_arguments, err);
}
