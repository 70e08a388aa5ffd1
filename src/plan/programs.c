/*
 * Only listed programs run: what the kernel is asked to do about it.
 *
 * A program file can be started in two ways: by execve(2), and by the dynamic loader, which is a
 * program itself and maps whatever it can read. So
 *   - every mount is noexec, which refuses both, but for the listed files, their loader and their
 *     libraries, each bound onto itself without that flag;
 *   - Landlock's right to execute is on the listed files and the loader only, so that a library, or
 *     what lies beside one in a directory that is executable as a whole, is mapped and no more;
 *   - the directories of PATH show the listed programs only;
 *   - the filter refuses files that lie on no mount (memfd_create).
 * None of the files can be written: the system's are read-only, others are made so where they are
 * bound.
 */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "plan/plan_internal.h"

#define LIST_MAX BJ_PLAN_TEXT_MAX

int bj_plan_programs_take(struct bj_builder *b, const struct bj_programs *programs,
                          struct bj_error *err)
{
    if (b->config->command_whitelist == NULL || !bj_builder_wants(b, BJ_LAYER_COMMANDS))
        return 0;
    if (b->config->layout != NULL || programs == NULL)
        return bj_builder_cannot(b, BJ_LAYER_COMMANDS, true,
                                 "command_whitelist: where the file tree is laid out by others, "
                                 "it is not known what can be executed",
                                 err);
    b->programs = programs;
    return 0;
}

uint32_t bj_plan_no_exec(const struct bj_builder *b)
{
    return b->programs != NULL ? BJ_FLAG_NO_EXEC : 0;
}

enum bj_seccomp_profile bj_plan_profile(const struct bj_builder *b, enum bj_seccomp_profile profile)
{
    if (b->programs == NULL)
        return profile;
    return profile == BJ_SECCOMP_SANDBOX ? BJ_SECCOMP_SANDBOX_LISTED : BJ_SECCOMP_NO_NETWORK_LISTED;
}

/* The name of a path that lies directly in a directory; NULL if it does not. */
static const char *name_in(const char *directory, const char *path)
{
    size_t length = strlen(directory);

    if (strncmp(path, directory, length) != 0 || path[length] != '/' ||
        strchr(path + length + 1, '/') != NULL)
        return NULL;
    return path + length + 1;
}

/* Is something granted further down? Then the directory cannot be covered, and need not be. */
static bool is_needed_below(const struct bj_programs *programs, const char *directory)
{
    for (size_t i = 0; i < programs->file_count; i++) {
        const struct bj_program_file *file = &programs->files[i];

        if (bj_path_is_below(file->path, directory) &&
            (file->tree || name_in(directory, file->path) == NULL))
            return true;
    }
    return false;
}

/* Does a directory that is covered show the file? Then it is bound there already. */
static bool is_shown(const struct bj_programs *programs, const char *path)
{
    for (size_t i = 0; i < programs->directory_count; i++) {
        if (name_in(programs->directories[i], path) != NULL &&
            !is_needed_below(programs, programs->directories[i]))
            return true;
    }
    return false;
}

static void add_line(struct bj_buf *list, const char *text)
{
    if (list->length > 0)
        bj_buf_append(list, "\n", 1);
    bj_buf_puts(list, text);
}

/* Appends an operation with a list, and releases the list. */
static struct bj_op *add_list(struct bj_builder *b, enum bj_op_kind kind, struct bj_buf *list)
{
    uint32_t text = bj_builder_text(b, bj_buf_text(list));
    struct bj_op *op = bj_builder_op(b, kind, BJ_LAYER_COMMANDS);

    b->full |= list->failed;
    b->no_memory |= list->no_memory;
    op->text = text;
    bj_buf_release(list);
    return op;
}

/* An empty directory of the scratch for each that is covered. */
void bj_plan_programs_cover(struct bj_builder *b)
{
    if (b->programs == NULL)
        return;
    bj_builder_dir(b, "programs", 0755, 0);
    for (size_t i = 0; i < b->programs->directory_count; i++) {
        char cover[32];

        snprintf(cover, sizeof cover, "programs/%zu", i);
        bj_builder_dir(b, cover, 0755, 0);
    }
}

static void show_only(struct bj_builder *b, size_t index)
{
    const struct bj_programs *programs = b->programs;
    const char *directory = programs->directories[index], *name;
    uint32_t source, target;
    struct bj_buf names;
    struct bj_op *op;
    char cover[32];

    if (is_needed_below(programs, directory))
        return;
    bj_buf_init(&names, LIST_MAX);
    for (size_t i = 0; i < programs->link_count; i++) {
        if ((name = name_in(directory, programs->links[i])) != NULL)
            add_line(&names, name);
    }
    for (size_t i = 0; i < programs->file_count; i++) {
        if ((name = name_in(directory, programs->files[i].path)) != NULL)
            add_line(&names, name);
    }
    snprintf(cover, sizeof cover, "programs/%zu", index);
    source = bj_builder_text(b, cover);
    target = bj_builder_text(b, directory);
    op = add_list(b, BJ_OP_KEEP_ONLY, &names);
    op->source = source;
    op->target = target;
    op->flags = BJ_FLAG_READ_ONLY | BJ_FLAG_NO_DEV;
}

/* What is granted outside of covered directories. */
static void let_execute(struct bj_builder *b)
{
    struct bj_buf paths;

    bj_buf_init(&paths, LIST_MAX);
    for (size_t i = 0; i < b->programs->file_count; i++) {
        const struct bj_program_file *file = &b->programs->files[i];

        if (!is_shown(b->programs, file->path))
            add_line(&paths, file->path);
    }
    if (paths.length > 0 || paths.failed)
        add_list(b, BJ_OP_EXECUTABLE, &paths)->flags = BJ_FLAG_READ_ONLY | BJ_FLAG_NO_DEV;
    else
        bj_buf_release(&paths);
}

void bj_plan_programs_mounts(struct bj_builder *b)
{
    if (b->programs == NULL)
        return;
    for (size_t i = 0; i < b->programs->directory_count; i++)
        show_only(b, i);
    let_execute(b);
}

void bj_plan_programs_rules(struct bj_builder *b)
{
    struct bj_buf paths;

    if (b->programs == NULL)
        return;
    bj_buf_init(&paths, LIST_MAX);
    for (size_t i = 0; i < b->programs->file_count; i++) {
        if (b->programs->files[i].kind == BJ_PROGRAM_RUN)
            add_line(&paths, b->programs->files[i].path);
    }
    add_list(b, BJ_OP_LANDLOCK_RUN, &paths);
}

/* Fail closed: a list that cannot be enforced in full is an error, unless less was allowed. */
int bj_plan_programs_check(struct bj_builder *b, struct bj_error *err)
{
    const char *reason = NULL;

    if (b->programs == NULL)
        return 0;
    for (size_t i = 0; i < b->programs->ignored_count; i++)
        bj_degradations_add(b->degraded, BJ_LAYER_COMMANDS, "%s is no program here",
                            b->programs->ignored[i]);
    if (b->plan->isolation == BJ_ISOLATION_NONE)
        reason = "command_whitelist: sandbox_type none keeps no program from running";
    else if (!(b->plan->layers & BJ_LAYER_BIT(LANDLOCK)))
        reason = "command_whitelist: without Landlock libraries could be executed too";
    else if (!(b->plan->layers & BJ_LAYER_BIT(SECCOMP)))
        reason = "command_whitelist: without the system call filter a program in memory could run";
    else if (!(b->plan->layers & BJ_LAYER_BIT(MOUNT)))
        reason = "command_whitelist: without a mount namespace the dynamic loader, called by name, "
                 "runs every program that can be read";
    if (reason != NULL)
        return bj_builder_cannot(b, BJ_LAYER_COMMANDS, true, reason, err);
    if (bj_builder_wants(b, BJ_LAYER_COMMANDS))
        b->plan->layers |= BJ_LAYER_BIT(COMMANDS);
    return 0;
}
