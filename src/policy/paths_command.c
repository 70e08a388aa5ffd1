/*
 * What the lists of paths say of commands: of every file that one of the simple commands of a text
 * reads, writes or removes, as far as the text tells.
 *
 * The table of programs says which words are files and what is done to them. Of a program that is
 * not in it every word may be a file, and what it does with it is not known.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/str.h"
#include "policy/judge_internal.h"
#include "policy/paths_internal.h"

/* What stays the same for one command. */
struct look {
    const struct bj_paths *paths;
    const struct bj_simple_command *command;
    struct bj_path_place place;
    struct bj_path_base base;
    bool recursive;
    bool guessed; /* that it is recursive, and what it does to its operands */
};

/*
 * Programs that take the content of everything below a directory: always ("") or with one of these
 * options. Those that only name what is there are not among them.
 */
static const struct {
    const char *name, *letters, *option;
} walkers[] = {
    {"7z", "", ""},
    {"ag", "", ""},
    {"chgrp", "R", "recursive"},
    {"chmod", "R", "recursive"},
    {"chown", "R", "recursive"},
    {"cp", "Rra", "recursive"},
    {"cp", "Rra", "archive"},
    {"diff", "r", "recursive"},
    {"grep", "rR", "recursive"},
    {"ln", "s", "symbolic"},
    {"grep", "rR", "dereference-recursive"},
    {"mv", "", ""},
    {"rg", "", ""},
    {"rm", "rR", "recursive"},
    {"rsync", "", ""},
    {"scp", "r", "-"},
    {"tar", "", ""},
    {"zip", "r", "recurse-paths"},
};

static bool has_option(const struct bj_program *program, const char *letters, const char *option)
{
    for (size_t i = 0; i < program->flag_count; i++) {
        const struct bj_flag *flag = &program->flags[i];

        if ((flag->letter != '\0' && strchr(letters, flag->letter) != NULL) ||
            bj_streq(flag->name, option))
            return true;
    }
    return letters[0] == '\0';
}

static bool is_walker(const struct bj_program *program)
{
    for (size_t i = 0; i < sizeof walkers / sizeof *walkers; i++) {
        if (bj_streq(walkers[i].name, program->name) &&
            has_option(program, walkers[i].letters, walkers[i].option))
            return true;
    }
    return false;
}

/* A word with its holes made visible. */
static const char *show(const struct bj_word *word, char *out, size_t size)
{
    size_t used = 0, taken;

    for (size_t i = 0; i < word->length; i++, used += taken) {
        const char *part = word->text[i] == BJ_HOLE ? BJ_HOLE_SHOWN : &word->text[i];

        taken = word->text[i] == BJ_HOLE ? strlen(BJ_HOLE_SHOWN) : 1;
        if (used + taken >= size)
            break;
        memcpy(out + used, part, taken);
    }
    out[used] = '\0';
    return out;
}

/* After expansion a ~ at the beginning is a character like others. */
static enum bj_path_form canonical_of(const struct bj_word *word, const struct bj_path_base *base,
                                      char *out)
{
    char text[BJ_PATH_MAX];

    if (word->holes || word->splits)
        return BJ_PATH_UNKNOWN;
    if (word->text[0] != '~')
        return bj_path_canonical(word->text, base, out);
    if (snprintf(text, sizeof text, "./%s", word->text) >= (int)sizeof text)
        return BJ_PATH_INVALID;
    return bj_path_canonical(text, base, out);
}

/* Decides about a file; of one that is only perhaps a file, what speaks of it as one. */
static void decide(const struct look *look, const struct bj_word *word, const char *path,
                   enum bj_access access)
{
    struct bj_path_use use = {.path = path,
                              .base = look->base,
                              .access = access,
                              .recursive = look->recursive,
                              .guessed = look->guessed,
                              .pattern = word->glob};
    bool named = !look->guessed || memchr(word->text, '/', word->length) != NULL;
    const char *entry;
    enum bj_path_answer answer = bj_paths_decide(look->paths, &use, &entry), written;

    if (answer == BJ_PATH_OUTSIDE && !named)
        return;
    bj_paths_add(look->paths, &use, answer, entry, &look->place);
    if (!look->guessed || answer != BJ_PATH_FREE)
        return;
    use.access = BJ_ACCESS_WRITE;
    written = bj_paths_decide(look->paths, &use, &entry);
    if (written != BJ_PATH_FREE && (written != BJ_PATH_OUTSIDE || named))
        bj_paths_add_unknown(look->paths, path, "whether this program writes", &look->place);
}

static void look_up(const struct look *look, const struct bj_word *word, enum bj_access access)
{
    char canonical[BJ_PATH_MAX], text[128];
    enum bj_path_form form;

    if (bj_word_is(word, "-") || bj_word_is(word, ""))
        return; /* standard input or output, and nothing */
    form = canonical_of(word, &look->base, canonical);
    if (form == BJ_PATH_CANONICAL)
        decide(look, word, canonical, access);
    else if (form == BJ_PATH_UNKNOWN)
        bj_paths_add_unknown(look->paths, show(word, text, sizeof text), "which file is meant by",
                             &look->place);
}

/* What an effect does to the file that its first word is; NONE if that is none. */
static enum bj_access access_of(const struct bj_effect *effect)
{
    static const enum bj_access accesses[] = {
        [BJ_EFFECT_SCRIPT] = BJ_ACCESS_READ,   [BJ_EFFECT_LOADS] = BJ_ACCESS_READ,
        [BJ_EFFECT_READS] = BJ_ACCESS_READ,    [BJ_EFFECT_WRITES] = BJ_ACCESS_WRITE,
        [BJ_EFFECT_REMOVES] = BJ_ACCESS_WRITE,
    };

    if ((size_t)effect->kind >= sizeof accesses / sizeof *accesses || effect->count == 0)
        return BJ_ACCESS_NONE;
    return accesses[effect->kind];
}

/* The value of an option by which a program goes elsewhere first: tar -C, make -C, git -C. */
static const struct bj_word *directory_of(const struct bj_program *program)
{
    if (program->directory != NULL)
        return program->directory;
    for (size_t i = 0; i < program->flag_count; i++) {
        const struct bj_flag *flag = &program->flags[i];

        if (flag->letter == 'C' && flag->value != NULL &&
            (flag->name[0] == '\0' || bj_streq(flag->name, "directory")))
            return flag->value;
    }
    return NULL;
}

/* The file that a file: URL names, as far as it is told; false if it is another URL. */
static bool file_of_url(const struct bj_word *url, char *out, size_t size)
{
    const char *at = url->text + 5;
    size_t length = 0;

    if (url->holes || strncasecmp(url->text, "file:", 5) != 0)
        return false;
    if (bj_starts_with(at, "//"))
        at += 2 + strcspn(at + 2, "/");
    for (; *at != '\0' && length + 1 < size; at++) {
        unsigned byte = 0;

        if (*at == '%' && isxdigit((unsigned char)at[1]) && isxdigit((unsigned char)at[2]) &&
            sscanf(at + 1, "%2x", &byte) == 1 && byte != 0) {
            out[length++] = (char)byte;
            at += 2;
        } else {
            out[length++] = *at;
        }
    }
    out[length] = '\0';
    return true;
}

static void look_at_url(const struct look *look, const struct bj_word *url)
{
    char path[BJ_PATH_MAX];
    struct bj_word file = *url;

    if (!file_of_url(url, path, sizeof path))
        return;
    file.text = path;
    file.length = (uint32_t)strlen(path);
    file.glob = strpbrk(path, "*?[") != NULL;
    /* curl takes braces for a list. */
    if (strpbrk(path, "{}") != NULL)
        bj_paths_add_unknown(look->paths, path, "which file is meant by", &look->place);
    else
        look_up(look, &file, BJ_ACCESS_READ);
}

/* Effects happen where the command runs, or where an option has it go: both are looked at. */
static void look_at_effects(struct look *look)
{
    const struct bj_program *program = &look->command->program;
    const struct bj_word *directory = directory_of(program);
    char elsewhere[BJ_PATH_MAX];

    for (size_t i = 0; i < program->effect_count; i++) {
        const struct bj_effect *effect = &program->effects[i];
        enum bj_access access = access_of(effect);

        if (effect->kind == BJ_EFFECT_CONNECTS && effect->count > 0)
            look_at_url(look, &effect->words[0]);
        if (access == BJ_ACCESS_NONE)
            continue;
        look_up(look, &effect->words[0], access);
        if (directory == NULL)
            continue;
        look->base.directory =
            canonical_of(directory, &look->base, elsewhere) == BJ_PATH_CANONICAL ? elsewhere : NULL;
        look_up(look, &effect->words[0], access);
        look->base.directory = look->command->directory;
    }
}

/* Programs that take the names of files from standard input, or from a file. */
static const struct {
    const char *name, *letters, *option;
} listers[] = {
    {"tar", "T", "files-from"},   {"cpio", "op", "create"},     {"cpio", "-", "pass-through"},
    {"rsync", "-", "files-from"}, {"sort", "-", "files0-from"}, {"wc", "-", "files0-from"},
    {"du", "-", "files0-from"},   {"find", "-", "files0-from"}, {"zip", "@", "names-stdin"},
    {"xargs", "a", "arg-file"},
};

static void look_at_lists(const struct look *look)
{
    const struct bj_program *program = &look->command->program;

    for (size_t i = 0; i < sizeof listers / sizeof *listers; i++) {
        if (!bj_streq(listers[i].name, program->name) ||
            !has_option(program, listers[i].letters, listers[i].option))
            continue;
        bj_paths_add_unknown(look->paths, program->name, "which files are listed for",
                             &look->place);
        return;
    }
}

/* Code of an editor or a data tool that nobody read may open any file. */
static void look_at_code(const struct look *look)
{
    const struct bj_program *program = &look->command->program;

    for (size_t i = 0; i < program->effect_count; i++) {
        if (program->effects[i].kind == BJ_EFFECT_SCRIPT ||
            !bj_effect_is_unread_code(program, &program->effects[i]))
            continue;
        bj_paths_add_unknown(look->paths, program->name, "which files are opened by code of",
                             &look->place);
        return;
    }
}

/* What changes the files of the directory it runs in, without naming them. */
static bool writes_here(const struct bj_program *program)
{
    static const char *const changing[] = {
        "pull",   "checkout",    "switch", "restore", "reset", "merge",
        "rebase", "cherry-pick", "revert", "stash",   "clean", "am",
        "apply",  "add",         "commit", "rm",      "mv",    "gc",
    };

    for (size_t i = 0; bj_streq(program->name, "git") && program->operand_count > 0 &&
                       i < sizeof changing / sizeof *changing;
         i++) {
        if (bj_word_is(&program->operands[0], changing[i]))
            return true;
    }
    return false;
}

static void look_at_directory(struct look *look)
{
    const struct bj_word *directory = directory_of(&look->command->program);
    static const struct bj_word here = {.text = ".", .length = 1};

    if (writes_here(&look->command->program) && (directory != NULL || look->base.directory != NULL))
        look_up(look, directory != NULL ? directory : &here, BJ_ACCESS_WRITE);
}

static void look_at_redirects(const struct look *look)
{
    for (size_t i = 0; i < look->command->redirect_count; i++) {
        const struct bj_redirect *redirect = &look->command->redirects[i];

        look_up(look, &redirect->path,
                redirect->kind == BJ_REDIRECT_READ ? BJ_ACCESS_READ : BJ_ACCESS_WRITE);
    }
}

/* Words that a program without a row may take as files: all, and what stands behind a =. */
static void look_at_words(const struct look *look)
{
    for (size_t i = 1; i < look->command->word_count; i++) {
        const struct bj_word *word = &look->command->words[i];
        const char *equals = memchr(word->text, '=', word->length);

        const char *slash = memchr(word->text, '/', word->length);

        if (word->text[0] != '-')
            look_up(look, word, BJ_ACCESS_READ);
        /* -f/FILE */
        if (word->text[0] == '-' && equals == NULL && slash != NULL) {
            struct bj_word value = *word;

            value.text = slash;
            value.length = word->length - (uint32_t)(slash - word->text);
            look_up(look, &value, BJ_ACCESS_READ);
        }
        if (equals != NULL && !word->holes) {
            struct bj_word value = *word;

            value.text = equals + 1;
            value.length = word->length - (uint32_t)(equals + 1 - word->text);
            look_up(look, &value, BJ_ACCESS_READ);
        }
    }
}

/* Does an effect say what is done to this operand? */
static bool has_effect(const struct bj_program *program, const struct bj_word *operand)
{
    for (size_t i = 0; i < program->effect_count; i++) {
        const struct bj_effect *effect = &program->effects[i];

        if (access_of(effect) != BJ_ACCESS_NONE && effect->words[0].from == operand->from &&
            effect->words[0].to == operand->to)
            return true;
    }
    return false;
}

/* Operands are where the command runs, or where an option has it go: both are looked at. */
static void look_at_operands(struct look *look)
{
    const struct bj_program *program = &look->command->program;
    const struct bj_word *directory = directory_of(program);
    char elsewhere[BJ_PATH_MAX];
    bool known;

    for (size_t i = program->patterns; i < program->operand_count; i++) {
        if (!has_effect(program, &program->operands[i]))
            look_up(look, &look->command->paths[i], BJ_ACCESS_READ);
    }
    if (directory == NULL)
        return;
    known = canonical_of(directory, &look->base, elsewhere) == BJ_PATH_CANONICAL;
    look->base.directory = known ? elsewhere : NULL;
    for (size_t i = program->patterns; i < program->operand_count; i++)
        look_up(look, &program->operands[i], BJ_ACCESS_READ);
    look->base.directory = look->command->directory;
}

static void look_at_command(struct look *look)
{
    const struct bj_simple_command *command = look->command;
    const struct bj_program *program = &command->program;

    look->base.directory = command->directory;
    look->guessed = false;
    look->recursive = false;
    look_at_redirects(look);
    if (command->unknown == BJ_UNKNOWN_NAME)
        return; /* said elsewhere, and nothing can be said of its words */
    look->recursive = is_walker(program);
    look_at_effects(look);
    look_at_lists(look);
    look_at_code(look);
    look_at_directory(look);
    if (program->known && program->paths)
        look_at_operands(look);
    if (program->known || command->builtin || command->function)
        return;
    look->guessed = true;
    look->recursive = true;
    look_at_words(look);
}

static void add(const struct bj_path_place *place, const struct bj_violation *violation)
{
    bj_judgement_add(place->judgement, place->command, violation);
}

/* With CDPATH set the text does not tell where `cd` goes. */
static bool moves_by_cdpath(const struct bj_commands *commands)
{
    bool set = false, moves = false;

    for (size_t i = 0; i < commands->assignment_count; i++)
        set |= bj_streq(commands->assignments[i].name, "CDPATH") &&
               commands->assignments[i].value.length > 0;
    for (size_t i = 0; set && i < commands->count; i++)
        moves |= commands->list[i].builtin && commands->list[i].word_count > 0 &&
                 (bj_word_is(&commands->list[i].words[0], "cd") ||
                  bj_word_is(&commands->list[i].words[0], "pushd"));
    return moves;
}

void bj_paths_judge_commands(const struct bj_paths *paths, const struct bj_request *request,
                             struct bj_judgement *judgement)
{
    struct look look = {
        .paths = paths,
        .base = {.home = request->home},
        .place = {.add = add, .judgement = judgement, .verdict = judgement->verdict},
    };

    if (!bj_paths_any(paths))
        return;
    if (moves_by_cdpath(judgement->commands))
        bj_paths_add_unknown(paths, "CDPATH", "where cd goes by", &look.place);
    for (size_t i = 0; i < judgement->commands->count && !bj_judgement_late(judgement); i++) {
        look.command = look.place.command = &judgement->commands->list[i];
        look.place.from = look.command->from;
        look.place.to = look.command->to;
        look_at_command(&look);
    }
}
