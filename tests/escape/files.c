/*
 * Reaching the host's files by name: reading what the caller keeps, writing where the host would
 * see it, and writing through a volume that was given read-only.
 */
#include "attempt.h"

#include <dirent.h>
#include <limits.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/xattr.h>

/* "@key" names a path that the driver made; everything else is taken as it is. */
static const char *place(const struct attempt *row)
{
    return row->path[0] == '@' ? fact(row->path + 1) : row->path;
}

static enum outcome read_named(const struct attempt *row)
{
    return read_secret(place(row));
}

static enum outcome read_by_parents(const struct attempt *row)
{
    char path[PATH_MAX] = "";
    const char *file = fact("secret_file");
    for (int depth = 0; depth < 24; depth++) {
        size_t length = strlen(path);
        snprintf(path + length, sizeof(path) - length, "../");
        char full[PATH_MAX];
        if ((size_t)snprintf(full, sizeof(full), "%s%s", path, file + 1) >= sizeof(full)) {
            return broken("path too long");
        }
        if (file_holds_secret(full)) {
            return done("read %s", full);
        }
    }
    (void)row;
    return refused("24 times .. leads nowhere");
}

static enum outcome read_by_symlink(const struct attempt *row)
{
    if (symlink(row->number ? fact("secret_directory") : fact("secret_file"), "planted-link")) {
        return broken("symlink: %s", strerror(errno));
    }
    return read_secret(row->number ? "planted-link/secret" : "planted-link");
}

static char found[PATH_MAX];

static bool process_root(long pid)
{
    snprintf(found, sizeof(found), "/proc/%ld/root%s", pid, fact("secret_file"));
    return file_holds_secret(found);
}

static bool process_directory(long pid)
{
    snprintf(found, sizeof(found), "/proc/%ld/cwd/secret", pid);
    return file_holds_secret(found);
}

static bool process_descriptors(long pid)
{
    for (int fd = 0; fd < 128; fd++) {
        snprintf(found, sizeof(found), "/proc/%ld/fd/%d", pid, fd);
        if (file_holds_secret(found)) {
            return true;
        }
    }
    return false;
}

static enum outcome read_by_process(const struct attempt *row)
{
    static bool (*const ways[])(long) = {process_root, process_directory, process_descriptors};
    errno = 0;
    if (any_process(ways[row->number])) {
        return done("read %.200s", found);
    }
    return refused("no process leads to it");
}

static enum outcome read_home_by_environment(const struct attempt *row)
{
    char path[PATH_MAX];
    const char *home = getenv("HOME");
    (void)row;
    if (!home) {
        return refused("no HOME");
    }
    snprintf(path, sizeof(path), "%s/.ssh/id_ed25519", home);
    return read_secret(path);
}

static enum outcome read_anything(const struct attempt *row)
{
    char byte;
    int fd = open(row->path, O_RDONLY | O_CLOEXEC);
    return judged(row, fd >= 0 && read(fd, &byte, 1) == 1, row->path);
}

static enum outcome list_directory(const struct attempt *row)
{
    int entries = 0;
    DIR *directory = opendir(place(row));
    while (directory && readdir(directory)) {
        entries++;
    }
    /* "." and ".." are in every directory. */
    return judged(row, entries > 2, row->path);
}

static enum outcome see_planted(const struct attempt *row)
{
    char path[PATH_MAX];
    if (!*fact("planted")) {
        return broken("nothing was planted");
    }
    snprintf(path, sizeof(path), "%s/%s", row->path, fact("planted"));
    return judged(row, access(path, F_OK) == 0, path);
}

/* The driver looks for the file on the host; a file in a directory of the sandbox's own is fine. */
static enum outcome create_file(const struct attempt *row)
{
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/%s", place(row), marked("bj-escape"));
    int fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);
    return judged(row, fd >= 0, path);
}

/* ---- a volume given with :ro ---- */

enum volume_way {
    OVERWRITE,
    REOPEN,
    TRUNCATE,
    UNLINK,
    CHANGE_MODE,
    CHANGE_TIME,
    RENAME,
    MAKE_DIRECTORY,
    LINK,
    SYMLINK,
    ATTRIBUTE,
    SOCKET,
    RENAME_OUT,
};

static int reopen_for_writing(const char *path)
{
    char link[64];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return -1;
    }
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    return open(link, O_RDWR | O_TRUNC | O_CLOEXEC) < 0 ? -1 : 0;
}

static int bind_socket(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if ((size_t)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path) >=
        sizeof(address.sun_path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    return fd < 0 ? -1 : bind(fd, (struct sockaddr *)&address, sizeof(address));
}

static int change(enum volume_way way, const char *file, const char *other)
{
    switch (way) {
    case OVERWRITE:
        return open(file, O_WRONLY | O_TRUNC | O_CLOEXEC) < 0 ? -1 : 0;
    case REOPEN:
        return reopen_for_writing(file);
    case TRUNCATE:
        return truncate(file, 1);
    case UNLINK:
        return unlink(file);
    case CHANGE_MODE:
        return chmod(file, 0600);
    case CHANGE_TIME:
        return utimensat(AT_FDCWD, file, (struct timespec[]){{1, 0}, {1, 0}}, 0);
    case RENAME:
        return rename(file, other);
    case MAKE_DIRECTORY:
        return mkdir(other, 0755);
    case LINK:
        return link(file, other);
    case SYMLINK:
        return symlink("/etc/passwd", other);
    case ATTRIBUTE:
        return setxattr(file, "user.escape", "x", 1, 0);
    case SOCKET:
        return bind_socket(other);
    case RENAME_OUT:
        return rename(file, "moved-out-of-the-volume");
    }
    return -1;
}

static enum outcome change_volume(const struct attempt *row)
{
    char file[PATH_MAX], other[PATH_MAX];
    snprintf(file, sizeof(file), "%s/file", fact("volume"));
    snprintf(other, sizeof(other), "%s/other", fact("volume"));
    if (access(file, R_OK)) {
        return broken("the volume is not there: %s", strerror(errno));
    }
    return judged(row, change((enum volume_way)row->number, file, other) == 0, row->name);
}

static enum outcome follow_volume_link(const struct attempt *row)
{
    char path[PATH_MAX];
    (void)row;
    snprintf(path, sizeof(path), "%s/link/secret", fact("volume"));
    return read_secret(path);
}

/* Stands in for a launcher that makes a mount point by name: the driver planted a symbolic link in
 * the workspace and looks whether a directory appeared behind it. */
static enum outcome make_through_link(const struct attempt *row)
{
    return judged(row, mkdir("out/new", 0755) == 0, "mkdir through a link");
}

static enum outcome read_in_directory(const struct attempt *row)
{
    (void)row;
    return read_secret("secret");
}

#define PLANTED(suffix, directory, ...)                                                            \
    {                                                                                              \
        "planted-" suffix, 5, "see a file that the host keeps in " directory, see_planted,         \
            .path = directory, __VA_ARGS__                                                         \
    }
#define CREATED(suffix, directory, ...)                                                            \
    {                                                                                              \
        "create-in-" suffix, 5, "leave a file in the host's " directory, create_file,              \
            .path = directory, .scenario = "host-file", __VA_ARGS__                                \
    }
#define VOLUME(suffix, way)                                                                        \
    {                                                                                              \
        "volume-" suffix, 5, "change a read-only volume: " suffix, change_volume,                  \
            .number = way, .scenario = "volume"                                                    \
    }

const struct attempt files_attempts[] = {
    {"secret-by-path", 5, "read a file beside the workspace by its path", read_named,
     .path = "@secret_file"},
    {"secret-by-parents", 5, "read it by .. from the working directory", read_by_parents},
    {"secret-by-sibling", 5, "read it by ../NAME", read_named, .path = "@secret_relative"},
    {"secret-by-symlink", 5, "read it through a link made in the workspace", read_by_symlink},
    {"secret-by-directory-link", 5, "read it through a link to its directory", read_by_symlink,
     .number = 1},
    {"secret-by-process-root", 5, "read it by /proc/PID/root of any process", read_by_process,
     .number = 0},
    {"secret-by-process-cwd", 5, "read it by /proc/PID/cwd of any process", read_by_process,
     .number = 1},
    {"secret-by-process-fd", 5, "read it by /proc/PID/fd of any process", read_by_process,
     .number = 2},
    {"home-key-by-path", 5, "read the caller's ssh key by its path", read_named,
     .path = "@home_key"},
    {"home-key-by-environment", 4, "read the caller's ssh key by $HOME", read_home_by_environment},
    {"home-list", 5, "list the caller's home", list_directory, .path = "@home"},
    {"home-list-root", 5, "list /root", list_directory, .path = "/root", .flags = OUTSIDE_ROOT,
     .lacks = "a file in /root"},
    {"etc-shadow", 5, "read /etc/shadow", read_anything, .path = "/etc/shadow",
     .flags = OUTSIDE_ROOT},
    {"var-log", 5, "list /var/log", list_directory, .path = "/var/log", .flags = OUTSIDE_ROOT,
     .lacks = "/var/log"},
    PLANTED("tmp", "/tmp", ),
    PLANTED("var-tmp", "/var/tmp", ),
    PLANTED("dev-shm", "/dev/shm", ),
    PLANTED("run", "/run", .flags = OUTSIDE_ROOT),
    CREATED("tmp", "/tmp", ),
    CREATED("var-tmp", "/var/tmp", ),
    CREATED("dev-shm", "/dev/shm", ),
    CREATED("home", "@home", ),
    CREATED("sibling", "@secret_directory", ),
    CREATED("run", "/run", .flags = OUTSIDE_ROOT),
    CREATED("root", "/", .flags = OUTSIDE_ROOT),
    CREATED("etc", "/etc", .flags = OUTSIDE_ROOT),
    CREATED("usr", "/usr", .flags = OUTSIDE_ROOT),
    CREATED("usr-bin", "/usr/bin", .flags = OUTSIDE_ROOT),
    CREATED("dev", "/dev", .flags = OUTSIDE_ROOT),
    VOLUME("overwrite", OVERWRITE),
    VOLUME("reopen", REOPEN),
    VOLUME("truncate", TRUNCATE),
    VOLUME("unlink", UNLINK),
    VOLUME("chmod", CHANGE_MODE),
    VOLUME("utimes", CHANGE_TIME),
    VOLUME("rename", RENAME),
    VOLUME("rename-out", RENAME_OUT),
    VOLUME("mkdir", MAKE_DIRECTORY),
    VOLUME("link", LINK),
    VOLUME("symlink", SYMLINK),
    VOLUME("xattr", ATTRIBUTE),
    VOLUME("socket", SOCKET),
    {"volume-planted-link", 5, "follow a link that stands in a volume", follow_volume_link,
     .scenario = "volume"},
    {"mountpoint-by-link", 5, "have a mount point made behind a link in the workspace",
     make_through_link, .scenario = "mountpoint"},
    {"workdir-by-descriptor", 2, "start in a leaked directory: -w /proc/self/fd/N",
     read_in_directory, .scenario = "workdir:fd"},
    {"workdir-by-link", 2, "start behind a link in the workspace: -w LINK", read_in_directory,
     .scenario = "workdir:link"},
    {0},
};
