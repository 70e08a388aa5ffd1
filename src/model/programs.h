/*
 * What a list of allowed programs comes to on one host: facts, gathered by src/linux/programs.c and
 * planned by src/plan/programs.c. Paths are as the workload sees them, without links and dots.
 */
#ifndef BJ_MODEL_PROGRAMS_H
#define BJ_MODEL_PROGRAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

/* Where the workload's programs are looked up unless its environment says otherwise. */
#define BJ_PATH_INSIDE "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* Directories of programs that show listed ones only, besides those of PATH. */
#define BJ_PROGRAM_DIRECTORIES BJ_PATH_INSIDE ":/usr/games:/usr/local/games"

enum bj_program_kind {
    BJ_PROGRAM_RUN,  /* a program, or a directory of them: may be executed */
    BJ_PROGRAM_LOAD, /* a library, or a directory of them: mapped, never executed */
};

struct bj_program_file {
    const char *path;
    uint32_t hash; /* of the path */
    enum bj_program_kind kind;
    bool tree;   /* a directory; everything below it is meant */
    bool listed; /* by the user: not merely needed by what is */
};

/* Everything in `arena`; release with bj_arena_release(). */
struct bj_programs {
    struct bj_arena arena;
    struct bj_program_file *files;
    size_t file_count;
    const char **links; /* symbolic links that names lead through */
    size_t link_count;
    const char **directories; /* of the workload's PATH, which show listed programs only */
    size_t directory_count;
    const char **ignored; /* entries of the list that are no program here */
    size_t ignored_count;
};

/*
 * What a program runs or loads that its own file does not tell: compiler passes, helpers, plug-ins.
 * src/model/needs.def is the table.
 */
enum bj_need_kind {
    BJ_NEED_RUN,      /* a program by name, found along PATH */
    BJ_NEED_RUN_TREE, /* pattern of directories; their programs */
    BJ_NEED_RUN_FILE, /* pattern of programs */
    BJ_NEED_LOAD,     /* name of a library that is opened at run time */
    BJ_NEED_LOAD_ALL, /* pattern of directories; each library in and below them, and what it needs
                       */
    BJ_NEED_LOAD_DIR, /* pattern of directories that hold libraries alone: taken as a whole */
};

struct bj_need {
    const char *program; /* pattern of file names; see fnmatch(3) */
    enum bj_need_kind kind;
    const char *what; /* a name; a pattern of absolute paths, or from the program's directory on */
};

#define BJ_NEEDS_MAX 128
extern const struct bj_need bj_needs[]; /* ends with a NULL program */

#endif
