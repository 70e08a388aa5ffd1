/* The list of commands that is the result of the analysis. */
#include "policy/shell_internal.h"

/* Assignments in the environment of the command: those before it and what was exported. */
static void list_environment(struct call *call, struct bj_simple_command *command)
{
    struct walk *walk = call->walk;
    size_t count = call->assignment_count;
    struct bj_assignment *list;

    command->assignments = call->assignments;
    command->assignment_count = count;
    if (walk->export_count == 0)
        return;
    list = bj_arena_array(walk->arena, count + walk->export_count, sizeof *list);
    if (list == NULL)
        return;
    if (count > 0)
        memcpy(list, call->assignments, count * sizeof *list);
    for (uint32_t i = 0; i < walk->export_count; i++) {
        const struct value *value = bj_sh_pick(walk, walk->exports[i]);

        if (!(value->flags & FLAG_EXPORTED) || value->kind != VALUE_TEXT)
            continue;
        list[count].name = walk->exports[i]->name.bytes;
        list[count++].value = bj_sh_word(walk, value->text, call->from, call->to);
    }
    command->assignments = list;
    command->assignment_count = count;
}

static bool same_words(const struct bj_simple_command *a, const struct bj_word *words, size_t count)
{
    if (a->word_count != count)
        return false;
    for (size_t i = 0; i < count; i++)
        if (a->words[i].length != words[i].length || a->words[i].splits != words[i].splits ||
            memcmp(a->words[i].text, words[i].text, words[i].length) != 0)
            return false;
    return true;
}

/* The same command in the same place was listed before: a loop comes by again. */
static int listed_before(const struct call *call, const struct bj_word *words, size_t count)
{
    const struct bj_commands *result = call->walk->result;
    const struct value *here = bj_sh_pick(call->walk, call->walk->directory);

    for (size_t i = result->count; i-- > 0 && result->count - i <= 24;) {
        const struct bj_simple_command *old = &result->list[i];

        if (old->from == call->from && old->to == call->to && old->parent == call->walk->parent &&
            old->privileged == call->walk->privileged && old->pipeline == call->walk->pipeline &&
            old->stage == call->walk->stage && old->function == call->function &&
            bj_statement_is(old->statement, call->statement) &&
            old->redirect_count == call->redirect_count && call->redirect_count == 0 &&
            call->assignment_count == 0 && call->walk->export_count == 0 &&
            same_words(old, words, count) &&
            (old->directory == NULL ? here->kind != VALUE_TEXT
                                    : here->kind == VALUE_TEXT &&
                                          bj_sh_equal(bj_sh_string(old->directory), here->text)))
            return (int)i;
    }
    return -1;
}

static void list_paths(struct walk *walk, struct bj_simple_command *command)
{
    struct bj_word *paths;

    paths = bj_arena_array(walk->arena, command->program.operand_count, sizeof *paths);
    for (size_t i = 0; paths != NULL && i < command->program.operand_count; i++)
        paths[i] = bj_sh_resolve(walk, &command->program.operands[i]);
    command->paths = paths;
}

/* Adds a command to the list. Its index; -1 if there is no room. */
int bj_sh_list(struct call *call, const struct bj_word *words, size_t count)
{
    struct walk *walk = call->walk;
    struct bj_commands *result = walk->result;
    int before = listed_before(call, words, count);
    struct bj_simple_command *list, *command;
    const struct value *here;
    struct bj_word *kept;

    if (before >= 0)
        return before;
    walk->listed += (uint32_t)count;
    bj_sh_spend(walk, count * 64);
    if (result->count >= BJ_SHELL_COMMANDS_MAX || walk->listed > BJ_SHELL_LISTED_MAX) {
        bj_sh_incomplete(walk, BJ_TOO_LARGE, call->from);
        walk->stopped = true;
        return -1;
    }
    list = bj_sh_grow(walk, (void *)result->list, result->count, &walk->command_room, sizeof *list);
    if (list == NULL)
        return -1;
    result->list = list;
    command = &list[result->count];
    kept = bj_arena_array(walk->arena, count, sizeof *kept);
    if (kept == NULL)
        return -1;
    memcpy(kept, words, count * sizeof *kept);
    words = kept;
    *command = (struct bj_simple_command){.words = words,
                                          .word_count = count,
                                          .redirects = call->redirects,
                                          .redirect_count = call->redirect_count,
                                          .from = call->from,
                                          .to = call->to,
                                          .statement = call->statement,
                                          .parent = walk->parent,
                                          .pipeline = walk->pipeline,
                                          .stage = walk->stage,
                                          .background = walk->background,
                                          .privileged = walk->privileged,
                                          .why = ""};
    here = bj_sh_pick(walk, walk->directory);
    if (here->kind == VALUE_TEXT && !bj_sh_has_hole(here->text))
        command->directory = bj_sh_copy(walk, here->text).bytes;
    list_environment(call, command);
    if (!bj_program_read(walk->arena, words, count, &command->program))
        return -1;
    list_paths(walk, command);
    if (walk->arena->failed)
        return -1;
    return (int)result->count++;
}

void bj_sh_unknown(struct walk *walk, int index, const char *why)
{
    struct bj_simple_command *command;

    if (index < 0)
        return;
    command = (struct bj_simple_command *)walk->result->list + index;
    if (command->unknown == BJ_UNKNOWN_SCRIPT)
        return;
    command->unknown = BJ_UNKNOWN_SCRIPT;
    command->why = why;
}
