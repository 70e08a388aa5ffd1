/*
 * Files of the workspace that the host's own programs obey later: hooks and settings of git, of
 * shells and of editors. The driver makes a repository and compares it from outside afterwards.
 */
#include "attempt.h"

#include <limits.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#ifndef RENAME_EXCHANGE
#define RENAME_EXCHANGE 2
#endif

static const char evil[] = "#!/bin/sh\n# planted\n";

static int write_new(const char *path)
{
    int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0755);
    if (fd < 0) {
        return -1;
    }
    ssize_t taken = write(fd, evil, sizeof(evil) - 1);
    close(fd);
    return taken == (ssize_t)sizeof(evil) - 1 ? 0 : -1;
}

static enum outcome write_file(const struct attempt *row)
{
    return judged(row, write_new(row->path) == 0, row->path);
}

/* As git itself does: a lock file, then a rename over the old one. */
static enum outcome replace_file(const struct attempt *row)
{
    if (write_new("replacement")) {
        return broken("cannot write in the workspace: %s", strerror(errno));
    }
    return judged(row, rename("replacement", row->path) == 0, row->path);
}

static enum outcome remove_file(const struct attempt *row)
{
    return judged(row, unlink(row->path) == 0, row->path);
}

static enum outcome write_by_link(const struct attempt *row)
{
    if (link(row->path, "other-name")) {
        return judged(row, false, "link");
    }
    return judged(row, write_new("other-name") == 0, "written by another name");
}

static enum outcome write_by_descriptor(const struct attempt *row)
{
    char path[64];
    int fd = open(row->path, O_RDONLY | O_CLOEXEC);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    int writable = fd < 0 ? -1 : open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    return judged(row, writable >= 0 && write(writable, evil, sizeof(evil) - 1) > 0, "reopened");
}

static enum outcome write_by_mapping(const struct attempt *row)
{
    int fd = open(row->path, O_RDWR | O_CLOEXEC);
    char *memory = fd < 0 ? MAP_FAILED : mmap(NULL, 1, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED) {
        return judged(row, false, "mmap");
    }
    memory[0] = '#';
    return judged(row, msync(memory, 1, MS_SYNC) == 0, "written by a mapping");
}

/* A directory with hooks of our own, made where we may. */
static void make_evil_tree(const char *name)
{
    char path[PATH_MAX];
    mkdir(name, 0755);
    snprintf(path, sizeof(path), "%s/hooks", name);
    mkdir(path, 0755);
    snprintf(path, sizeof(path), "%s/hooks/pre-commit", name);
    write_new(path);
    snprintf(path, sizeof(path), "%s/config", name);
    write_new(path);
}

static enum outcome move_and_make(const struct attempt *row)
{
    if (rename(row->path, "moved-away")) {
        return judged(row, false, "rename");
    }
    make_evil_tree(row->path);
    return done("moved away and made again");
}

static enum outcome move_and_link(const struct attempt *row)
{
    make_evil_tree("evil");
    if (rename(row->path, "moved-away")) {
        return judged(row, false, "rename");
    }
    return judged(row, symlink("../evil/hooks", row->path) == 0, "moved away and linked");
}

static enum outcome exchange(const struct attempt *row)
{
    make_evil_tree("evil");
    return judged(
        row, syscall(SYS_renameat2, AT_FDCWD, "evil", AT_FDCWD, row->path, RENAME_EXCHANGE) == 0,
        "exchanged");
}

static enum outcome replace_link(const struct attempt *row)
{
    if (unlink(row->path)) {
        return judged(row, false, "unlink");
    }
    make_evil_tree(row->path);
    return done("a tree in the link's place");
}

static enum outcome rename_sample(const struct attempt *row)
{
    return judged(row, rename(".git/hooks/sample.sample", ".git/hooks/sample") == 0,
                  "a sample made a hook");
}

static enum outcome change_mode(const struct attempt *row)
{
    return judged(row, chmod(row->path, 0755) == 0, "made executable");
}

static enum outcome make_below(const struct attempt *row)
{
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s", row->path);
    *strrchr(path, '/') = '\0';
    mkdir(path, 0755);
    return judged(row, write_new(row->path) == 0, row->path);
}

#define GIT(name, text, run, file)                                                                 \
    {                                                                                              \
        "git-" name, 5, text, run, .path = file, .scenario = "git"                                 \
    }

const struct attempt git_attempts[] = {
    GIT("hook-make", "add a hook", write_file, ".git/hooks/pre-commit"),
    GIT("hook-change", "change a hook", write_file, ".git/hooks/post-checkout"),
    GIT("hook-replace", "put another file in a hook's place", replace_file,
        ".git/hooks/post-checkout"),
    GIT("hook-sample", "make a hook of a sample", rename_sample, NULL),
    GIT("hook-mode", "make a hook executable", change_mode, ".git/hooks/sample.sample"),
    GIT("hooks-move", "move the hooks and make them again", move_and_make, ".git/hooks"),
    GIT("hooks-link", "put a link in the hooks' place", move_and_link, ".git/hooks"),
    GIT("config-write", "change the settings", write_file, ".git/config"),
    GIT("config-replace", "replace the settings as git does", replace_file, ".git/config"),
    GIT("config-remove", "remove the settings", remove_file, ".git/config"),
    GIT("config-hard-link", "change the settings by another name", write_by_link, ".git/config"),
    GIT("config-reopen", "change the settings by a reading descriptor", write_by_descriptor,
        ".git/config"),
    GIT("config-mapping", "change the settings by a mapping", write_by_mapping, ".git/config"),
    GIT("move", "move .git and make it again", move_and_make, ".git"),
    GIT("link", "put a link in .git's place", move_and_link, ".git"),
    GIT("exchange", "exchange .git with a directory", exchange, ".git"),
    GIT("commondir", "point .git elsewhere by commondir", write_file, ".git/commondir"),
    GIT("config-worktree", "add settings of the work tree", write_file, ".git/config.worktree"),
    GIT("info-attributes", "change attributes that run filters", write_file,
        ".git/info/attributes"),
    GIT("module-hook", "add a hook to a submodule", make_below, ".git/modules/part/hooks/pre-push"),
    GIT("worktree-config", "change another work tree's settings", write_file,
        ".git/worktrees/other/config.worktree"),
    GIT("modules-file", "change .gitmodules", write_file, ".gitmodules"),
    {"git-file", 5, "change a .git that is a file", write_file, .path = ".git",
     .scenario = "git-file"},
    {"git-file-replace", 5, "replace a .git that is a file", replace_file, .path = ".git",
     .scenario = "git-file"},
    {"git-link-replace", 5, "replace a .git that is a link", replace_link, .path = ".git",
     .scenario = "git-link"},
    {"git-link-hook", 5, "add a hook behind a .git that is a link", write_file,
     .path = "real/hooks/pre-commit", .scenario = "git-link"},
    {"git-no-hooks", 5, "add hooks where there was no directory for them", make_below,
     .path = ".git/hooks/pre-commit", .scenario = "git-bare-bones"},
    {"shell-config", 5, "change .envrc", write_file, .path = ".envrc", .scenario = "git"},
    {"editor-config", 5, "change .vscode/tasks.json", write_file, .path = ".vscode/tasks.json",
     .scenario = "git"},
    {"editor-move", 5, "move .vscode and make it again", move_and_make, .path = ".vscode",
     .scenario = "git"},
    {"agent-config", 5, "change .mcp.json", write_file, .path = ".mcp.json", .scenario = "git"},
    {0},
};
