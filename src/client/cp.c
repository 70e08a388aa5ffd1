/*
 * cp: files and directories to a sandbox or from it. Directories travel as tar, which belljar-files
 * makes and unpacks here too: what a sandbox sends is unpacked with its care, so that no name or
 * link in it leads out of the directory that was named.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"
#include "client/client.h"
#include "linux/beside.h"

extern char **environ;

struct side {
    const char *sandbox; /* NULL = here */
    char path[BJ_PATH_MAX];
    char name[BJ_SANDBOX_ID_MAX]; /* what `sandbox` points to */
};

struct copy {
    struct bj_client *client;
    struct side from, to;
    int64_t bytes;
    int fd;
};

/* SANDBOX:PATH, unless a slash or a dot comes before the colon, as docker cp has it. */
static int parse_side(const char *text, struct side *ret, struct bj_error *err)
{
    const char *colon = strchr(text, ':');
    size_t length = colon != NULL ? (size_t)(colon - text) : 0;

    *ret = (struct side){0};
    if (length > 0 && length < sizeof ret->name && memchr(text, '/', length) == NULL &&
        text[0] != '.') {
        memcpy(ret->name, text, length);
        ret->sandbox = ret->name;
        text = colon + 1;
    }
    if (*text == '\0' && ret->sandbox != NULL)
        text = ".";
    if (!bj_str_copy(ret->path, sizeof ret->path, text) || *text == '\0')
        return bj_fail(err, BJ_E_INVALID, "cp", "a path is empty or too long");
    return 0;
}

static const char *last_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? slash + 1 : path;
}

static bool ends_as_directory(const char *path)
{
    const char *last = last_name(path);

    return *last == '\0' || bj_streq(last, ".") || bj_streq(last, "..");
}

/* "DIR/." means what is in it, everything else is itself. */
static bool means_contents(const char *path)
{
    size_t length = strlen(path);

    return bj_streq(path, ".") || (length > 1 && bj_streq(path + length - 2, "/."));
}

static int append_name(char *path, const char *from, struct bj_error *err)
{
    char name[BJ_PATH_MAX];
    size_t length = strlen(from);

    while (length > 1 && from[length - 1] == '/')
        length--;
    snprintf(name, sizeof name, "%.*s", (int)length, from);
    if (strlen(path) + strlen(last_name(name)) + 2 > BJ_PATH_MAX)
        return bj_fail(err, BJ_E_INVALID, "cp", "the destination's path is too long");
    snprintf(path + strlen(path), BJ_PATH_MAX - strlen(path), "%s%s",
             path[strlen(path) - 1] == '/' ? "" : "/", last_name(name));
    return 0;
}

/* ---- what is there ---- */

enum there { NOTHING, A_FILE, A_DIRECTORY };

static int look_inside(struct bj_client *client, const struct side *side, enum there *ret,
                       struct bj_error *err)
{
    /* With "/." a link to a directory is the directory. */
    for (int try = 0; try < 2; try++) {
        BJ_CLEANUP_FREE char *path =
            bj_client_path("/v1/sandboxes/", side->sandbox, "/files/stat?path=", side->path,
                           try == 0 ? "" : "%2F.", NULL);
        json_t *file = NULL;
        int result = bj_client_json(client, "GET", path, NULL, &file, err);
        const char *type = bj_client_text(file, "type");

        *ret = bj_streq(type, "directory") ? A_DIRECTORY : A_FILE;
        if (result == 0 && try == 0 && bj_streq(type, "link")) {
            json_decref(file);
            continue;
        }
        json_decref(file);
        if (try == 1) {
            *ret = result == 0 ? A_DIRECTORY : A_FILE;
            return 0;
        }
        if (result == -BJ_E_NOT_FOUND && strstr(err->message, "sandbox") == NULL) {
            *ret = NOTHING;
            return 0;
        }
        return result;
    }
    return 0;
}

static int look_here(const struct side *side, enum there *ret, struct bj_error *err)
{
    struct stat status;

    if (stat(side->path, &status) == 0) {
        *ret = S_ISDIR(status.st_mode) ? A_DIRECTORY : A_FILE;
        return 0;
    }
    *ret = NOTHING;
    return errno == ENOENT ? 0 : bj_fail_errno(err, "cp", "cannot look at %s", side->path);
}

static int look(struct bj_client *client, const struct side *side, enum there *ret,
                struct bj_error *err)
{
    return side->sandbox != NULL ? look_inside(client, side, ret, err) : look_here(side, ret, err);
}

/* ---- belljar-files, here ---- */

/* Starts it with a pipe at one of its streams; *ret_fd is the other end. */
static int start_files(char *const argv[], int stream, int *ret_fd, pid_t *ret_pid,
                       struct bj_error *err)
{
    char program[BJ_PATH_MAX];
    posix_spawn_file_actions_t actions;
    int ends[2], failed;
    int result = bj_beside("belljar-files", program, sizeof program, err);

    if (result < 0)
        return result;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return bj_fail_errno(err, "cp", "cannot start belljar-files");
    posix_spawn_file_actions_init(&actions);
    if (stream == STDIN_FILENO) /* its records are for nobody then */
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    else
        posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, ends[stream == STDIN_FILENO ? 0 : 1], stream);
    failed = posix_spawn(ret_pid, program, &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[stream == STDIN_FILENO ? 0 : 1]);
    *ret_fd = ends[stream == STDIN_FILENO ? 1 : 0];
    if (failed == 0)
        return 0;
    bj_fd_close(ret_fd);
    errno = failed;
    return bj_fail_errno(err, "cp", "cannot start %s", program);
}

static int end_files(pid_t pid, int *fd, const char *what, int result, struct bj_error *err)
{
    int status = 0;

    bj_fd_close(fd);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    if (result == 0 && status != 0)
        return bj_fail(err, BJ_E_INVALID, "cp", "%s", what);
    return result;
}

/* ---- streams ---- */

static size_t take_bytes(void *context, const char *data, size_t length)
{
    struct copy *copy = context;

    if (bj_client_write(copy->fd, data, length) < 0)
        return 0;
    copy->bytes += (int64_t)length;
    return length;
}

static size_t give_bytes(char *data, size_t size, size_t count, void *context)
{
    struct copy *copy = context;
    ssize_t length;

    do
        length = read(copy->fd, data, size * count);
    while (length < 0 && errno == EINTR);
    if (length < 0)
        return CURL_READFUNC_ABORT;
    copy->bytes += length;
    return (size_t)length;
}

static int receive(struct copy *copy, const char *route, struct bj_error *err)
{
    struct bj_client_call call = {.take = take_bytes, .take_context = copy};
    BJ_CLEANUP_FREE char *path =
        bj_client_path("/v1/sandboxes/", copy->from.sandbox, route, copy->from.path, NULL);
    int result = bj_client_ask(copy->client, path, &call, err);

    bj_client_release(&call);
    return result;
}

static int send_body(struct copy *copy, const char *route, const char *mode, int64_t length,
                     struct bj_error *err)
{
    struct bj_client_call call = {
        .method = "PUT", .give = give_bytes, .give_context = copy, .give_length = length};
    BJ_CLEANUP_FREE char *path =
        bj_client_path("/v1/sandboxes/", copy->to.sandbox, route, copy->to.path, mode, NULL);
    int result = bj_client_ask(copy->client, path, &call, err);

    bj_client_release(&call);
    return result;
}

#define CONTENT "/files/content?path="
#define ARCHIVE "/files/archive?path="

/* ---- down ---- */

/* Beside its place first: a copy that breaks leaves what was there. */
static int file_down(struct copy *copy, struct bj_error *err)
{
    char beside[BJ_PATH_MAX + 32];
    const char *name = last_name(copy->to.path);
    struct stat status;
    mode_t mask = umask(0);
    int result;

    umask(mask);
    if (stat(copy->to.path, &status) == 0 && !S_ISREG(status.st_mode)) {
        copy->fd = open(copy->to.path, O_WRONLY | O_CLOEXEC);
        return copy->fd < 0 ? bj_fail_errno(err, "cp", "cannot write %s", copy->to.path)
                            : receive(copy, CONTENT, err);
    }
    snprintf(beside, sizeof beside, "%.*s.belljar-cp-XXXXXX", (int)(name - copy->to.path),
             copy->to.path);
    copy->fd = mkostemp(beside, O_CLOEXEC);
    if (copy->fd < 0)
        return bj_fail_errno(err, "cp", "cannot make a file beside %s", copy->to.path);
    result = receive(copy, CONTENT, err);
    if (result == 0 && (fchmod(copy->fd, 0666 & ~mask) < 0 || rename(beside, copy->to.path) < 0))
        result = bj_fail_errno(err, "cp", "cannot write %s", copy->to.path);
    if (result < 0)
        unlink(beside);
    return result;
}

static int directory_down(struct copy *copy, struct bj_error *err)
{
    char *argv[] = {(char *)"belljar-files", (char *)"tar-in", (char *)"--", copy->to.path, NULL};
    pid_t pid;
    int result = start_files(argv, STDIN_FILENO, &copy->fd, &pid, err);

    if (result < 0)
        return result;
    result = receive(copy, ARCHIVE, err);
    return end_files(pid, &copy->fd, "what the sandbox sent could not be unpacked here", result,
                     err);
}

static int copy_down(struct copy *copy, struct bj_error *err)
{
    enum there there = NOTHING, here = NOTHING;
    int result = look(copy->client, &copy->from, &there, err);

    if (result == 0 && there == NOTHING)
        return bj_fail(err, BJ_E_NOT_FOUND, "cp", "there is no %s in %s", copy->from.path,
                       copy->from.sandbox);
    if (result == 0 && bj_streq(copy->to.path, "-") && isatty(STDOUT_FILENO))
        return bj_fail(err, BJ_E_INVALID, "cp",
                       "- is a tar archive, which is not for a terminal; send it to a file or a "
                       "pipe, or print the file with belljar cat");
    if (result == 0 && bj_streq(copy->to.path, "-")) {
        copy->fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
        return receive(copy, ARCHIVE, err);
    }
    if (result == 0)
        result = look(copy->client, &copy->to, &here, err);
    if (result < 0)
        return result;
    if (there == A_DIRECTORY && here == A_FILE)
        return bj_fail(err, BJ_E_INVALID, "cp", "%s is a file: a directory cannot go there",
                       copy->to.path);
    if (here == A_DIRECTORY && !means_contents(copy->from.path) &&
        !ends_as_directory(copy->from.path))
        result = append_name(copy->to.path, copy->from.path, err);
    if (result < 0)
        return result;
    return there == A_DIRECTORY ? directory_down(copy, err) : file_down(copy, err);
}

/* ---- up ---- */

static int file_up(struct copy *copy, struct bj_error *err)
{
    struct stat status;
    char mode[16];

    copy->fd = open(copy->from.path, O_RDONLY | O_CLOEXEC);
    if (copy->fd < 0 || fstat(copy->fd, &status) < 0)
        return bj_fail_errno(err, "cp", "cannot read %s", copy->from.path);
    snprintf(mode, sizeof mode, "&mode=0%03o", status.st_mode & 0777u);
    return send_body(copy, CONTENT, mode, S_ISREG(status.st_mode) ? status.st_size : -1, err);
}

static int directory_up(struct copy *copy, struct bj_error *err)
{
    char *argv[] = {(char *)"belljar-files", (char *)"tar-out",
                    (char *)"--contents",    (char *)"--",
                    copy->from.path,         NULL};
    pid_t pid;
    int result = start_files(argv, STDOUT_FILENO, &copy->fd, &pid, err);

    if (result < 0)
        return result;
    result = send_body(copy, ARCHIVE, "", -1, err);
    return end_files(pid, &copy->fd, "not all of the directory could be read", result, err);
}

static int copy_up(struct copy *copy, struct bj_error *err)
{
    enum there there = NOTHING, here = NOTHING;
    int result;

    if (bj_streq(copy->from.path, "-")) {
        copy->fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
        return send_body(copy, ARCHIVE, "", -1, err);
    }
    result = look(copy->client, &copy->from, &here, err);
    if (result == 0 && here == NOTHING)
        return bj_fail(err, BJ_E_NOT_FOUND, "cp", "there is no %s here", copy->from.path);
    if (result == 0)
        result = look(copy->client, &copy->to, &there, err);
    if (result < 0)
        return result;
    if (here == A_DIRECTORY && there == A_FILE)
        return bj_fail(err, BJ_E_INVALID, "cp", "%s is a file: a directory cannot go there",
                       copy->to.path);
    if ((there == A_DIRECTORY || (here == A_FILE && ends_as_directory(copy->to.path))) &&
        !means_contents(copy->from.path))
        result = append_name(copy->to.path, copy->from.path, err);
    if (result < 0)
        return result;
    return here == A_DIRECTORY ? directory_up(copy, err) : file_up(copy, err);
}

int bj_client_cp(struct bj_client *client, int *ret_status, struct bj_error *err)
{
    struct copy copy = {.client = client, .fd = -1};
    int result = parse_side(client->arguments[0], &copy.from, err);

    (void)ret_status;
    if (result == 0)
        result = parse_side(client->arguments[1], &copy.to, err);
    if (result < 0)
        return result;
    if ((copy.from.sandbox != NULL) == (copy.to.sandbox != NULL))
        return bj_fail(err, BJ_E_INVALID, "cp",
                       "one of the two must be in a sandbox, SANDBOX:PATH, and the other here");
    result = copy.from.sandbox != NULL ? copy_down(&copy, err) : copy_up(&copy, err);
    bj_fd_close(&copy.fd);
    if (result == 0 && client->options.json && !bj_streq(copy.to.path, "-")) {
        json_t *done = json_pack("{s:s, s:s, s:I}", "from", client->arguments[0], "to",
                                 copy.to.path, "bytes", (json_int_t)copy.bytes);

        if (done != NULL)
            result = bj_client_print_json(done, err);
        json_decref(done);
    }
    return result;
}
