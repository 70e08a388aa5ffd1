/*
 * What a listed command runs in its turn: words, shell texts, scripts and standard input, as the
 * table of programs says.
 */
#include "policy/shell_internal.h"

/* A new shell knows what was exported and nothing else. */
static void forget_unexported(struct walk *walk)
{
    uint32_t count = walk->journal.count;

    for (uint32_t i = 0; i < count && bj_sh_step(walk); i++) {
        struct slot *slot = walk->journal.list[i].slot;

        if (slot->values == NULL || slot->kind == SLOT_FILE || slot->kind == SLOT_SPECIAL ||
            (slot->values->list[0]->flags & FLAG_EXPORTED))
            continue;
        bj_sh_set_values(walk, slot, NULL);
    }
}

void bj_sh_run_text(struct call *call, struct text text, bool new_shell)
{
    struct walk *walk = call->walk;
    uint32_t mark = walk->journal.count;
    int parent = walk->parent;
    struct scope scope;

    if (bj_sh_has_hole(text))
        bj_sh_unknown(walk, call->index, "part of the shell text that it runs is not known");
    if (new_shell) {
        forget_unexported(walk);
        bj_sh_scope_begin(walk, &scope, SCOPE_SHELL);
    }
    walk->parent = call->index;
    bj_sh_walk_text(walk, text, call->source, call->from, call->to);
    walk->parent = parent;
    if (new_shell) {
        bj_sh_scope_end(walk, &scope);
        bj_sh_undo_process(walk, mark);
    }
}

/* `sh -c text name one two`: what "$@" is in the text. */
void bj_sh_set_arguments(struct walk *walk, const struct bj_word *words, size_t count)
{
    struct value value = {.kind = VALUE_ARRAY};
    struct element *list = bj_arena_array(walk->arena, count, sizeof *list);

    for (size_t i = 0; list != NULL && i < count; i++) {
        list[i].key = bj_sh_number(walk, (int64_t)i);
        list[i].value = (struct text){words[i].text, words[i].length};
        value.more |= words[i].splits;
    }
    value.elements = list;
    value.count = list == NULL ? 0 : (uint32_t)count;
    bj_sh_set(walk, walk->positional, &value);
}

static void follow_shell(struct call *call, const struct bj_simple_command *command,
                         const struct bj_effect *effect)
{
    const struct bj_program *program = &command->program;
    uint32_t mark = call->walk->journal.count;

    if (program->operand_count > 0 && program->operands[0].text == effect->words[0].text) {
        const struct bj_word *zero = program->operand_count > 1 ? &program->operands[1] : NULL;

        bj_sh_set_arguments(call->walk, program->operands + (zero == NULL ? 1 : 2),
                            zero == NULL ? 0 : program->operand_count - 2);
        if (zero != NULL)
            bj_sh_set_text(call->walk, call->walk->zero, (struct text){zero->text, zero->length});
    }
    bj_sh_run_text(call, (struct text){effect->words[0].text, effect->words[0].length}, true);
    bj_sh_undo(call->walk, mark);
}

static bool is_shell(const char *language)
{
    return strcmp(language, "sh") == 0 || strcmp(language, "bash") == 0;
}

static void follow_script(struct call *call, const struct bj_simple_command *command,
                          const struct bj_effect *effect)
{
    struct walk *walk = call->walk;
    struct text text;
    uint32_t mark = walk->journal.count;

    if (effect->words[0].holes || effect->words[0].splits) {
        bj_sh_unknown(walk, call->index, "which script it runs is not known");
        return;
    }
    if (!bj_sh_file_text(walk, &effect->words[0], &text))
        return;
    if (!is_shell(effect->language)) {
        bj_sh_unknown(walk, call->index, "it runs code that is made here");
        return;
    }
    if (command->program.operand_count > 0)
        bj_sh_set_arguments(walk, command->program.operands + 1,
                            command->program.operand_count - 1);
    bj_sh_run_text(call, text, true);
    bj_sh_undo(walk, mark);
}

static void follow_stdin(struct call *call, const struct bj_effect *effect)
{
    struct walk *walk = call->walk;

    if (walk->input == NULL) {
        bj_sh_unknown(walk, call->index, "it runs what comes on standard input");
    } else if (!is_shell(effect->language)) {
        bj_sh_unknown(walk, call->index, "it runs code from standard input");
    } else {
        bj_sh_run_text(call, walk->input->text, true);
    }
}

/* Words of standard input as xargs splits them, added to the command line. */
static struct fields with_input(struct call *call, const struct bj_word *words, size_t count)
{
    struct walk *walk = call->walk;
    struct fields fields = {0};
    struct build build = {
        .walk = walk, .fields = &fields, .mode = EXPAND_FIELDS, .from = call->from, .to = call->to};
    const struct text input = walk->input == NULL ? HOLE_TEXT : walk->input->text;
    char quote = 0;

    fields.list = bj_arena_array(walk->arena, count + 8, sizeof *fields.list);
    if (fields.list == NULL)
        return fields;
    memcpy(fields.list, words, count * sizeof *words);
    fields.count = count;
    fields.room = count + 8;
    for (uint32_t i = 0; i < input.length && bj_sh_step(walk); i++) {
        char byte = input.bytes[i];

        if (quote == 0 && (byte == '\'' || byte == '"')) {
            quote = byte;
            build.started = true;
        } else if (quote != 0 && byte == quote) {
            quote = 0;
        } else if (quote == 0 && (byte == ' ' || byte == '\t' || byte == '\n')) {
            if (build.started)
                bj_sh_end_field(&build);
        } else {
            if (quote == 0 && byte == '\\' && i + 1 < input.length)
                byte = input.bytes[++i];
            bj_sh_put(&build, (struct text){&byte, 1}, byte != BJ_HOLE, false);
        }
    }
    if (build.started)
        bj_sh_end_field(&build);
    return fields;
}

/* xargs -I: the first known line in place of each hole; more than one line stays a hole. */
static void fill_holes(struct walk *walk, struct bj_word *words, size_t count)
{
    struct text line = walk->input->text, made;
    const char *end = line.length > 0 ? memchr(line.bytes, '\n', line.length) : NULL;

    if (end != NULL && end + 1 != line.bytes + line.length)
        return;
    line.length -= end != NULL;
    for (size_t i = 0; i < count; i++) {
        made = (struct text){"", 0};
        for (uint32_t k = 0; words[i].holes && k < words[i].length; k++)
            made = bj_sh_concat(walk, made,
                                words[i].text[k] == BJ_HOLE ? line
                                                            : (struct text){words[i].text + k, 1});
        if (words[i].holes)
            words[i] = bj_sh_word(walk, made, words[i].from, words[i].to);
    }
}

static void follow_words(struct call *call, const struct bj_simple_command *command,
                         const struct bj_effect *effect)
{
    struct walk *walk = call->walk;
    bool xargs = strcmp(command->program.name, "xargs") == 0;
    struct fields fields = {0};
    struct call child = {.walk = walk,
                         .source = call->source,
                         .from = call->from,
                         .to = call->to,
                         .statement = call->statement,
                         .index = -1};
    struct input *input = walk->input;

    if (effect->count == 0)
        return;
    if (effect->appends_input) {
        fields = with_input(call, effect->words, effect->count);
    } else {
        fields.list = bj_arena_array(walk->arena, effect->count, sizeof *fields.list);
        if (fields.list == NULL)
            return;
        memcpy(fields.list, effect->words, effect->count * sizeof *fields.list);
        fields.count = effect->count;
        if (xargs && input != NULL)
            fill_holes(walk, fields.list, fields.count);
    }
    if (effect->appends_input || xargs)
        walk->input = NULL;
    bj_sh_run(&child, fields.list, fields.count, false);
    walk->input = input;
}

/* env A=B: set for what it runs. */
static void follow_setting(struct call *call, const struct bj_effect *effect)
{
    const struct bj_word *word = &effect->words[0];
    const char *equals = word->length > 0 ? memchr(word->text, '=', word->length) : NULL;
    struct bj_word value = *word;
    struct text name;

    if (equals == NULL)
        return;
    name = bj_sh_copy(call->walk, (struct text){word->text, (uint32_t)(equals - word->text)});
    value.text = equals + 1;
    value.length = word->length - name.length - 1;
    bj_sh_set(call->walk, bj_sh_slot(call->walk, SLOT_VARIABLE, name),
              &(struct value){
                  .kind = VALUE_TEXT, .flags = FLAG_EXPORTED, .text = {value.text, value.length}});
}

/* Files that a command writes are not what the text made them before. */
static void forget_file(struct walk *walk, const struct bj_word *word)
{
    struct slot *slot = bj_sh_file_slot(walk, word);

    if (slot != NULL && slot->values != NULL)
        bj_sh_set_text(walk, slot, HOLE_TEXT);
}

/* True if what it runs writes its output. */
static bool follow_effect(struct call *call, const struct bj_simple_command *command,
                          const struct bj_effect *effect)
{
    struct walk *walk = call->walk;
    bool privileged = walk->privileged, passes = false;
    int parent = walk->parent;
    uint32_t mark = walk->journal.count;

    walk->privileged |= effect->privileged;
    walk->parent = call->index;
    if (effect->has_directory) {
        struct bj_word path = bj_sh_resolve(walk, &effect->directory);

        bj_sh_set(walk, walk->directory,
                  &(struct value){.kind = path.holes ? VALUE_UNSET : VALUE_TEXT,
                                  .text = {path.text, path.length}});
    }
    switch (effect->kind) {
    case BJ_EFFECT_RUNS:
        follow_words(call, command, effect);
        bj_sh_undo(walk, mark);
        passes = !effect->appends_input && strcmp(command->program.name, "find") != 0;
        break;
    case BJ_EFFECT_SHELL:
        follow_shell(call, command, effect);
        bj_sh_undo(walk, mark);
        passes = true;
        break;
    case BJ_EFFECT_SCRIPT:
        follow_script(call, command, effect);
        bj_sh_undo(walk, mark);
        break;
    case BJ_EFFECT_STDIN_SCRIPT:
        follow_stdin(call, effect);
        bj_sh_undo(walk, mark);
        passes = true;
        break;
    case BJ_EFFECT_SETS:
        follow_setting(call, effect);
        break;
    case BJ_EFFECT_WRITES:
    case BJ_EFFECT_REMOVES:
        forget_file(walk, &effect->words[0]);
        break;
    default:
        break;
    }
    walk->privileged = privileged;
    walk->parent = parent;
    return passes;
}

/* What the listed command runs, and what it writes. */
void bj_sh_follow(struct call *call)
{
    struct walk *walk = call->walk;
    /* The list may move while what it runs is added. */
    struct bj_simple_command command = walk->result->list[call->index];
    struct text script;
    bool passes = false;
    uint32_t mark = walk->journal.count;

    if (!bj_sh_enter(walk))
        return;
    for (size_t pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < command.program.effect_count && !walk->stopped; i++) {
            const struct bj_effect *effect = &command.program.effects[i];

            if ((effect->kind == BJ_EFFECT_SETS) == (pass == 0))
                passes |= follow_effect(call, &command, effect);
        }
    for (size_t i = 0; i < command.program.effect_count; i++)
        if (command.program.effects[i].kind == BJ_EFFECT_SETS) {
            bj_sh_undo(walk, mark);
            break;
        }
    /* A file that the text made, run by its name. */
    if (memchr(command.words[0].text, '/', command.words[0].length) != NULL &&
        bj_sh_file_text(walk, &command.words[0], &script))
        bj_sh_run_text(call, script, true);
    if (walk->sink != NULL && !passes)
        bj_sh_write(walk, walk->sink, bj_sh_output(walk, &command));
    bj_sh_leave(walk);
}
