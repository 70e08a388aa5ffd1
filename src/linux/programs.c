/*
 * From names to files. A queue: each file that is added is later looked into, and what it needs is
 * added in turn, so that the end of the queue is the closure. See programs.h.
 */
#include "linux/programs.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/limits.h"
#include "base/str.h"
#include "linux/elf.h"
#include "linux/libraries.h"
#include "linux/view.h"

#define FILES_MAX       4096
#define LINKS_MAX       1024
#define DIRECTORIES_MAX 32
#define ARENA_MAX       (8 << 20)
#define DEPTH_MAX       24     /* of directories that are searched for libraries */
#define LOOKS_MAX       400000 /* at files, found or not */
#define KNOWN_MAX       512    /* names of libraries that are remembered */
#define CHAIN_MAX       16     /* names that lead to one program */

#define LIBRARY_CACHE "/etc/ld.so.cache"

struct finder {
    const struct bj_config *config;
    struct bj_view view;
    struct bj_programs *programs;
    struct bj_library_cache cache;
    const char *search;         /* the workload's PATH */
    const char *library_search; /* its LD_LIBRARY_PATH, or "" */
    const char **writable;      /* host trees that the workload may write, without links */
    int writable_count;
    const char *chain[CHAIN_MAX];
    int chain_length;
    const char *known[KNOWN_MAX]; /* names of libraries that were looked for */
    int known_count;
    bool applied[BJ_NEEDS_MAX]; /* rows of the table */
    enum bj_programs_chooser chooser;
    int looks, looks_max;
    struct bj_error *err;
    int failed; /* 0, or the first failure's code */
    struct bj_image image;
};

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? slash + 1 : path;
}

static void give_up(struct finder *finder, const char *what)
{
    if (finder->failed == 0)
        finder->failed = bj_fail(finder->err, BJ_E_LIMIT, "programs",
                                 "the listed programs need more than %s", what);
}

/* Counts one more look at the host's files, which is what all of this takes time for. */
static bool may_look(struct finder *finder)
{
    char most[48];

    if (finder->failed == 0 && ++finder->looks > finder->looks_max) {
        snprintf(most, sizeof most, "%d files looked at", finder->looks_max);
        give_up(finder, most);
    }
    return finder->failed == 0;
}

static const char *copy(struct finder *finder, const char *text)
{
    char *kept = bj_arena_copy(&finder->programs->arena, text, strlen(text));

    if (kept == NULL && finder->failed == 0)
        finder->failed = bj_fail(finder->err, BJ_E_NO_MEMORY, "programs", "out of memory");
    return kept != NULL ? kept : "";
}

/* FNV-1a. */
static uint32_t hash_of(const char *path)
{
    uint32_t hash = 2166136261u;

    for (; *path != '\0'; path++)
        hash = (hash ^ (unsigned char)*path) * 16777619u;
    return hash;
}

static struct bj_program_file *find_file(const struct bj_programs *programs, const char *path)
{
    uint32_t hash = hash_of(path);

    for (size_t i = 0; i < programs->file_count; i++) {
        struct bj_program_file *file = &programs->files[i];

        if (file->hash == hash && bj_streq(file->path, path))
            return file;
    }
    return NULL;
}

/* Does a directory that is granted as a whole hold the library? */
static bool is_covered(const struct bj_programs *programs, const char *path)
{
    for (size_t i = 0; i < programs->file_count; i++) {
        const struct bj_program_file *file = &programs->files[i];

        if (file->tree && bj_path_is_below(path, file->path))
            return true;
    }
    return false;
}

/* Writable trees of the sandbox that hold the host's file. */
static int writable_places(const struct finder *finder, const char *path)
{
    char space[BJ_PATH_MAX];
    const char *host = bj_view_host(&finder->view, path, space, sizeof space);
    int count = 0;

    for (int i = 0; host != NULL && i < finder->writable_count; i++)
        count += bj_path_is_below(host, finder->writable[i]);
    return count;
}

/*
 * Where the workload may write, the one place under which a program is granted is bound read-only.
 * By a second name, or in a second place, it could be changed all the same.
 */
static bool can_be_kept(struct finder *finder, const char *path, const struct stat *status,
                        bool pinned)
{
    if (writable_places(finder, path) > (pinned ? 1 : 0))
        finder->failed = bj_fail(finder->err, BJ_E_DENIED, "programs",
                                 "%s lies in a directory that the workload may write by another "
                                 "path, through which it could be changed: make that volume "
                                 "read-only",
                                 path);
    else if (pinned && status->st_nlink > 1 && S_ISREG(status->st_mode))
        finder->failed = bj_fail(finder->err, BJ_E_DENIED, "programs",
                                 "%s has a second name (a hard link), through which the workload "
                                 "could change it: copy it first",
                                 path);
    return finder->failed == 0;
}

static struct bj_program_file *add_file(struct finder *finder, const char *path,
                                        const struct stat *status, enum bj_program_kind kind)
{
    struct bj_programs *programs = finder->programs;
    struct bj_program_file *file = find_file(programs, path);
    bool pinned;

    if (file != NULL) {
        if (kind == BJ_PROGRAM_RUN)
            file->kind = kind;
        return file;
    }
    if (finder->failed < 0 || (kind == BJ_PROGRAM_LOAD && is_covered(programs, path)))
        return NULL;
    if (strchr(path, '\n') != NULL) {
        finder->failed = bj_fail(finder->err, BJ_E_INVALID, "programs",
                                 "the path of a program must not have a newline");
        return NULL;
    }
    pinned = bj_view_is_writable(&finder->view, path);
    if (!can_be_kept(finder, path, status, pinned))
        return NULL;
    if (programs->file_count == FILES_MAX)
        return give_up(finder, "4096 files"), NULL;
    file = &programs->files[programs->file_count++];
    *file = (struct bj_program_file){.path = copy(finder, path),
                                     .hash = hash_of(path),
                                     .kind = kind,
                                     .tree = S_ISDIR(status->st_mode)};
    return file;
}

/* Called for each link on the way to a program. */
static void note_link(void *data, const char *link)
{
    struct finder *finder = data;
    struct bj_programs *programs = finder->programs;
    const char *kept = NULL;

    for (size_t i = 0; i < programs->link_count && kept == NULL; i++) {
        if (bj_streq(programs->links[i], link))
            kept = programs->links[i];
    }
    if (kept == NULL && programs->link_count == LINKS_MAX) {
        give_up(finder, "1024 links");
        return;
    }
    if (kept == NULL)
        kept = programs->links[programs->link_count++] = copy(finder, link);
    if (finder->chain_length < CHAIN_MAX)
        finder->chain[finder->chain_length++] = base_name(kept);
}

static void apply_needs(struct finder *finder, const char *name, const char *directory);

/* Grants a program by its path inside. NULL where there is none; links are kept. */
static struct bj_program_file *run_path(struct finder *finder, const char *path)
{
    char real[BJ_PATH_MAX], space[BJ_PATH_MAX];
    const char *chain[CHAIN_MAX], *host;
    struct bj_program_file *file;
    struct stat status;
    size_t links = finder->programs->link_count;
    int length;

    finder->chain_length = 0;
    if (!may_look(finder) ||
        !bj_view_resolve(&finder->view, path, note_link, finder, real, &status) ||
        !S_ISREG(status.st_mode) || !(status.st_mode & 0111)) {
        finder->programs->link_count = links;
        return NULL;
    }
    host = bj_view_host(&finder->view, real, space, sizeof space);
    if (host == NULL || access(host, R_OK) < 0)
        return NULL;
    file = add_file(finder, real, &status, BJ_PROGRAM_RUN);
    /* The names are needed while others are looked up. */
    length = finder->chain_length;
    memcpy(chain, finder->chain, sizeof chain);
    for (int i = 0; i < length; i++)
        apply_needs(finder, chain[i], NULL);
    bj_str_copy(space, sizeof space, real);
    *strrchr(space, '/') = '\0';
    apply_needs(finder, base_name(real), space);
    return file;
}

/* A name as the workload's execvp(3) finds it. */
static struct bj_program_file *run_name(struct finder *finder, const char *name)
{
    const char *part = finder->search;
    char path[2 * BJ_PATH_MAX];

    if (strchr(name, '/') != NULL)
        return run_path(finder, name);
    while (*name != '\0') {
        size_t length = strcspn(part, ":");
        struct bj_program_file *file;

        snprintf(path, sizeof path, "%.*s/%s", length > 0 ? (int)length : 1,
                 length > 0 ? part : ".", name);
        file = strlen(path) < BJ_PATH_MAX ? run_path(finder, path) : NULL;
        if (file != NULL || finder->failed < 0)
            return file;
        if (part[length] == '\0')
            return NULL;
        part += length + 1;
    }
    return NULL;
}

/* ---- Libraries ---- */

/* Programs of another architecture are ended by the filter, so only this one's count. */
#if defined(__x86_64__)
#define MACHINE EM_X86_64
#else
#define MACHINE EM_AARCH64
#endif

static bool open_image(struct finder *finder, const char *path, int *ret_fd)
{
    char space[BJ_PATH_MAX];
    const char *host = bj_view_host(&finder->view, path, space, sizeof space);

    *ret_fd = host != NULL ? open(host, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK) : -1;
    return *ret_fd >= 0;
}

/* Is it for this architecture? The loader passes over others. */
static bool fits(struct finder *finder, const char *path)
{
    BJ_CLEANUP_CLOSE int fd = -1;
    unsigned char head[20]; /* as far as e_machine */
    uint16_t machine;

    if (!open_image(finder, path, &fd) || pread(fd, head, sizeof head, 0) != sizeof head ||
        memcmp(head, ELFMAG, SELFMAG) != 0)
        return false;
    memcpy(&machine, head + 18, sizeof machine);
    return head[EI_CLASS] == ELFCLASS64 && machine == MACHINE;
}

static bool load_path(struct finder *finder, const char *path)
{
    char real[BJ_PATH_MAX];
    struct stat status;

    if (strlen(path) >= BJ_PATH_MAX || !may_look(finder) ||
        !bj_view_resolve(&finder->view, path, NULL, NULL, real, &status) ||
        !S_ISREG(status.st_mode))
        return false;
    if (find_file(finder->programs, real) != NULL)
        return true;
    if (!fits(finder, real))
        return false;
    add_file(finder, real, &status, BJ_PROGRAM_LOAD);
    return true;
}

/* Searches directories between colons; $ORIGIN is that of the file that asks. */
static bool load_along(struct finder *finder, const char *search, const char *name,
                       const char *client)
{
    int origin = (int)(base_name(client) - client) - 1;

    while (*search != '\0') {
        int length = (int)strcspn(search, ":");
        char path[3 * BJ_PATH_MAX];
        int skip = bj_starts_with(search, "$ORIGIN")     ? 7
                   : bj_starts_with(search, "${ORIGIN}") ? 9
                                                         : 0;

        if (skip > 0)
            snprintf(path, sizeof path, "%.*s/%.*s/%s", origin, client, length - skip,
                     search + skip, name);
        else
            snprintf(path, sizeof path, "%.*s/%s", length, search, name);
        if (length > 0 && load_path(finder, path))
            return true;
        search += length + (search[length] == ':');
    }
    return false;
}

/* Most libraries are asked for again and again: once looked for in the usual places is enough. */
static bool is_known(struct finder *finder, const char *name)
{
    for (int i = 0; i < finder->known_count; i++) {
        if (bj_streq(finder->known[i], name))
            return true;
    }
    if (finder->known_count < KNOWN_MAX)
        finder->known[finder->known_count++] = copy(finder, name);
    return false;
}

static void load_name(struct finder *finder, const char *name, const char *search,
                      const char *client)
{
    uint32_t index = 0;
    const char *path;
    bool found = false;

    if (strchr(name, '/') != NULL) {
        load_path(finder, name);
        return;
    }
    if (load_along(finder, search, name, client) || is_known(finder, name) ||
        load_along(finder, finder->library_search, name, client))
        return;
    /* Several where there are variants for newer processors: the loader chooses. */
    while ((path = bj_library_cache_next(&finder->cache, name, &index)) != NULL)
        found |= load_path(finder, path);
    for (int i = 0; !found && bj_library_directories[i] != NULL; i++)
        found = load_along(finder, bj_library_directories[i], name, client);
}

/* ---- Looking into files ---- */

static void take_elf(struct finder *finder, const char *path)
{
    const struct bj_image *image = &finder->image;

    if (image->class != ELFCLASS64 || image->machine != MACHINE)
        return;
    /* The loader is asked for by path only. */
    if (image->loader != 0 && run_path(finder, image->text + image->loader) == NULL)
        return; /* a program for other systems */
    for (int i = 0; i < image->needed_count; i++)
        load_name(finder, image->text + image->needed[i], image->text + image->search, path);
}

/* "#!/usr/bin/env python3": env and what it starts; others are their own first word. */
static void take_script(struct finder *finder)
{
    char line[BJ_SCRIPT_LINE_MAX], *rest = line, *word;
    bool env;

    bj_str_copy(line, sizeof line, finder->image.text + finder->image.line);
    word = strtok_r(rest, " \t", &rest);
    if (word == NULL)
        return;
    env = bj_streq(base_name(word), "env");
    run_path(finder, word);
    while (env && (word = strtok_r(NULL, " \t", &rest)) != NULL) {
        if (word[0] == '-' || strchr(word, '=') != NULL)
            continue;
        run_name(finder, word);
        return;
    }
}

/* Scripts in a tree bring no interpreter with them: the table says which of them are wanted. */
static void look_into(struct finder *finder, const char *path, bool script)
{
    BJ_CLEANUP_CLOSE int fd = -1;

    if (!open_image(finder, path, &fd) || !bj_image_read(fd, &finder->image))
        return;
    if (finder->image.kind == BJ_IMAGE_ELF)
        take_elf(finder, path);
    else if (finder->image.kind == BJ_IMAGE_SCRIPT && script)
        take_script(finder);
}

static bool is_library_name(const char *name)
{
    const char *so = strstr(name, ".so"), *dot = strrchr(name, '.');

    for (; so != NULL; so = strstr(so + 1, ".so")) {
        if (so[3] == '\0' || so[3] == '.')
            return true;
    }
    return dot != NULL && bj_streq(dot, ".node");
}

/* The entry's kind where the file system does not tell it. */
static unsigned char type_of(DIR *directory, const struct dirent *entry)
{
    struct stat status;

    if (entry->d_type != DT_UNKNOWN)
        return entry->d_type;
    return fstatat(dirfd(directory), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0
               ? (unsigned char)IFTODT(status.st_mode)
               : DT_UNKNOWN;
}

/*
 * Goes through a directory (without links): programs are looked into, or libraries added. What
 * Python compiled for itself is no machine code.
 */
static void search_tree(struct finder *finder, const char *path, bool programs, int depth)
{
    char child[BJ_PATH_MAX], space[BJ_PATH_MAX];
    const char *host = bj_view_host(&finder->view, path, space, sizeof space);
    DIR *directory = host != NULL && depth < DEPTH_MAX ? opendir(host) : NULL;
    struct dirent *entry;

    while (directory != NULL && finder->failed == 0 && (entry = readdir(directory)) != NULL) {
        const char *name = entry->d_name;
        unsigned char type;

        if (bj_streq(name, ".") || bj_streq(name, "..") || bj_streq(name, "__pycache__") ||
            snprintf(child, sizeof child, "%s/%s", path, name) >= (int)sizeof child)
            continue;
        type = type_of(directory, entry);
        if (!may_look(finder))
            break;
        if (type == DT_DIR)
            search_tree(finder, child, programs, depth + 1);
        else if (programs && type == DT_REG)
            look_into(finder, child, false);
        else if (!programs && is_library_name(name))
            load_path(finder, child);
    }
    if (directory != NULL)
        closedir(directory);
}

/* One directory or file that a pattern of the table stands for. */
static void apply_place(struct finder *finder, enum bj_need_kind kind, const char *path)
{
    char real[BJ_PATH_MAX];
    struct stat status;

    /* Where the workload may write, what is there is not the program's maker's. */
    if (!bj_view_resolve(&finder->view, path, NULL, NULL, real, &status) ||
        bj_view_is_writable(&finder->view, real))
        return;
    if (kind == BJ_NEED_RUN_FILE && S_ISREG(status.st_mode))
        run_path(finder, real);
    else if (!S_ISDIR(status.st_mode))
        return;
    else if (kind == BJ_NEED_LOAD_ALL)
        search_tree(finder, real, false, 0);
    else
        add_file(finder, real, &status,
                 kind == BJ_NEED_RUN_TREE ? BJ_PROGRAM_RUN : BJ_PROGRAM_LOAD);
}

/* The pattern in a host directory, whose name may have characters that are special in patterns. */
static bool pattern_in(const char *directory, const char *what, char ret[static 2 * BJ_PATH_MAX])
{
    size_t used = 0;

    for (; *directory != '\0' && used + 2 < BJ_PATH_MAX; directory++) {
        if (strchr("*?[\\", *directory) != NULL)
            ret[used++] = '\\';
        ret[used++] = *directory;
    }
    if (*directory != '\0')
        return false;
    return snprintf(ret + used, 2 * BJ_PATH_MAX - used, "%s%s", used > 0 ? "/" : "", what) <
           BJ_PATH_MAX;
}

/* `directory`: the program's, inside, which relative patterns begin at; "" for others. */
static void apply_pattern(struct finder *finder, const struct bj_need *need, const char *directory)
{
    char pattern[2 * BJ_PATH_MAX], inside[2 * BJ_PATH_MAX], space[BJ_PATH_MAX];
    const char *host =
        *directory != '\0' ? bj_view_host(&finder->view, directory, space, sizeof space) : "";
    glob_t found = {0};

    if (host == NULL || !pattern_in(host, need->what, pattern) ||
        glob(pattern, GLOB_NOSORT, NULL, &found) != 0)
        return;
    for (size_t i = 0; i < found.gl_pathc && finder->failed == 0; i++) {
        snprintf(inside, sizeof inside, "%s%s", directory, found.gl_pathv[i] + strlen(host));
        if (strlen(inside) < BJ_PATH_MAX)
            apply_place(finder, need->kind, inside);
    }
    globfree(&found);
}

/*
 * What a program of that name needs. Rows that begin at the program's directory, which is NULL for
 * a link's name, are for each program; all others are applied once, whichever name asks first.
 */
static void apply_needs(struct finder *finder, const char *name, const char *directory)
{
    for (size_t i = 0; bj_needs[i].program != NULL && finder->failed == 0; i++) {
        const struct bj_need *need = &bj_needs[i];
        bool relative = bj_starts_with(need->what, "../");

        if (fnmatch(need->program, name, 0) != 0)
            continue;
        if (relative && directory != NULL)
            apply_pattern(finder, need, directory);
        if (relative || finder->applied[i])
            continue;
        finder->applied[i] = true;
        if (need->kind == BJ_NEED_RUN)
            run_name(finder, need->what);
        else if (need->kind == BJ_NEED_LOAD)
            load_name(finder, need->what, "", "/");
        else
            apply_pattern(finder, need, "");
    }
}

/* ---- The list ---- */

/* What a client lists is few files: to go through a directory takes the time of all others. */
static bool refuse(struct finder *finder, const char *entry)
{
    finder->failed =
        bj_fail(finder->err, BJ_E_INVALID, "programs",
                "security.command_whitelist: %.200s: clients list programs by name, or by "
                "the absolute path of one file",
                entry);
    return false;
}

/* By its path, a library too can be listed, or a directory that holds some. */
static bool load_listed(struct finder *finder, const char *path)
{
    char real[BJ_PATH_MAX];
    struct stat status;

    if (path[0] != '/' || !bj_view_resolve(&finder->view, path, NULL, NULL, real, &status))
        return false;
    if (!S_ISDIR(status.st_mode))
        return load_path(finder, real);
    if (finder->chooser == BJ_PROGRAMS_OF_CLIENT)
        return refuse(finder, path);
    search_tree(finder, real, false, 0);
    return true;
}

static void take_entry(struct finder *finder, const char *entry)
{
    size_t length = strcspn(entry, " \t");
    struct bj_program_file *file;
    char name[BJ_PATH_MAX];

    if (length >= sizeof name)
        return;
    memcpy(name, entry, length);
    name[length] = '\0';
    if (finder->chooser == BJ_PROGRAMS_OF_CLIENT && name[0] != '/' && strchr(name, '/') != NULL) {
        refuse(finder, name);
        return;
    }
    file = run_name(finder, name);
    if (file != NULL)
        file->listed = true;
    else if (finder->failed == 0 && !load_listed(finder, name))
        finder->programs->ignored[finder->programs->ignored_count++] = entry;
}

static void take_writable(struct finder *finder)
{
    const struct bj_config *config = finder->config;
    char real[BJ_PATH_MAX];

    if (config->workspace == BJ_WORKSPACE_DIRECTORY)
        finder->writable[finder->writable_count++] = finder->view.host->workspace;
    for (int64_t i = 0; i < config->volume_count; i++) {
        if (!config->volumes[i].read_only && realpath(config->volumes[i].source, real) != NULL)
            finder->writable[finder->writable_count++] = copy(finder, real);
    }
}

/* The directories of PATH, as far as they are the system's. */
static void take_directories(struct finder *finder, const char *search)
{
    struct bj_programs *programs = finder->programs;
    char real[BJ_PATH_MAX], part[BJ_PATH_MAX];
    struct stat status;

    while (*search != '\0') {
        size_t length = strcspn(search, ":"), i = 0;

        if (length > 0 && length < sizeof part && search[0] == '/') {
            memcpy(part, search, length);
            part[length] = '\0';
            if (bj_view_resolve(&finder->view, part, NULL, NULL, real, &status) &&
                S_ISDIR(status.st_mode) && !bj_view_is_writable(&finder->view, real)) {
                while (i < programs->directory_count && !bj_streq(programs->directories[i], real))
                    i++;
                if (i == programs->directory_count && i < DIRECTORIES_MAX)
                    programs->directories[programs->directory_count++] = copy(finder, real);
            }
        }
        search += length + (search[length] == ':');
    }
}

static const char *variable(const struct bj_config *config, const char *name, const char *otherwise)
{
    const char *found = otherwise;
    size_t length = strlen(name);

    for (char **item = config->environment; item != NULL && *item != NULL; item++) {
        if (strncmp(*item, name, length) == 0 && (*item)[length] == '=')
            found = *item + length + 1;
    }
    return found;
}

/* The command that is to run must be one of those listed; the shell of -c is let in besides. */
static int check_program(struct finder *finder)
{
    const struct bj_config *config = finder->config;
    const struct bj_program_file *file;

    if (config->program == NULL)
        return 0;
    file = run_name(finder, config->program);
    if (finder->failed < 0)
        return finder->failed;
    if (file != NULL && (file->listed || config->program_is_shell))
        return 0;
    return bj_fail(finder->err, BJ_E_DENIED, "programs",
                   "%s is not among the programs that may run (command_whitelist, --only-command)",
                   config->program);
}

static int take_list(struct finder *finder)
{
    struct bj_programs *programs = finder->programs;
    int listed = 0, result;

    for (char **entry = finder->config->command_whitelist; *entry != NULL && finder->failed == 0;
         entry++) {
        take_entry(finder, *entry);
        listed++;
    }
    if (finder->failed == 0 && (size_t)listed == programs->ignored_count)
        return bj_fail(finder->err, BJ_E_INVALID, "programs",
                       "no entry of command_whitelist is a program here: name programs as they "
                       "are found along PATH (%s), or by absolute path",
                       finder->search);
    result = check_program(finder);
    for (size_t i = 0; result == 0 && i < programs->file_count && finder->failed == 0; i++) {
        const struct bj_program_file file = programs->files[i];

        if (!file.tree)
            look_into(finder, file.path, file.kind == BJ_PROGRAM_RUN);
        else if (file.kind == BJ_PROGRAM_RUN)
            search_tree(finder, file.path, true, 0);
    }
    return result < 0 ? result : finder->failed;
}

int bj_programs_find(const struct bj_config *config, const struct bj_host *host,
                     enum bj_programs_chooser chooser, struct bj_programs *ret,
                     struct bj_error *err)
{
    struct finder *finder;
    size_t listed = 0;
    int result;

    *ret = (struct bj_programs){0};
    bj_arena_init(&ret->arena, ARENA_MAX);
    while (config->command_whitelist[listed] != NULL)
        listed++;
    finder = bj_arena_alloc(&ret->arena, sizeof *finder);
    ret->files = bj_arena_array(&ret->arena, FILES_MAX, sizeof *ret->files);
    ret->links = bj_arena_array(&ret->arena, LINKS_MAX, sizeof *ret->links);
    ret->directories = bj_arena_array(&ret->arena, DIRECTORIES_MAX, sizeof *ret->directories);
    if (finder != NULL)
        finder->writable = bj_arena_array(&ret->arena, BJ_VOLUMES_MAX + 1, sizeof(char *));
    ret->ignored = bj_arena_array(&ret->arena, listed, sizeof *ret->ignored);
    if (ret->arena.failed)
        return bj_fail(err, BJ_E_NO_MEMORY, "programs", "out of memory");
    finder->config = config;
    finder->programs = ret;
    finder->err = err;
    finder->chooser = chooser;
    finder->looks_max = chooser == BJ_PROGRAMS_OF_CLIENT ? BJ_CLIENT_PROGRAM_LOOKS : LOOKS_MAX;
    finder->search = variable(config, "PATH", BJ_PATH_INSIDE);
    finder->library_search = variable(config, "LD_LIBRARY_PATH", "");
    bj_view_init(&finder->view, config, host);
    take_writable(finder);
    take_directories(finder, finder->search);
    take_directories(finder, BJ_PROGRAM_DIRECTORIES);
    result = bj_library_cache_read(&finder->cache, LIBRARY_CACHE, err);
    if (result == 0)
        result = take_list(finder);
    bj_library_cache_release(&finder->cache);
    return result;
}
