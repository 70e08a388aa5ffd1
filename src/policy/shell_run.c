/* Running words: a function of the text, a builtin, or a program. */
#include "policy/shell_internal.h"

static struct frame *running(const struct walk *walk, const struct value *function)
{
    for (struct frame *frame = walk->frame; frame != NULL; frame = frame->outer)
        if (frame->function == function || frame->function->body == function->body)
            return frame;
    return NULL;
}

static void note_spawning(struct walk *walk, const struct bj_word *name)
{
    struct bj_commands *result = walk->result;
    const char **list;

    for (size_t i = 0; i < result->self_spawning_count; i++)
        if (bj_word_is(name, result->self_spawning[i]))
            return;
    list = bj_sh_grow(walk, (void *)result->self_spawning, result->self_spawning_count,
                      &walk->spawning_room, sizeof *list);
    if (list == NULL)
        return;
    result->self_spawning = list;
    list[result->self_spawning_count++] = name->text;
}

static void run_function(struct call *call, struct bj_word *words, size_t count,
                         const struct value *function)
{
    struct walk *walk = call->walk;
    struct frame frame = {.outer = walk->frame, .function = function};
    const struct values *arguments = bj_sh_get(walk, walk->positional);
    struct choices *choices = walk->choices;
    struct frame *same = running(walk, function);
    struct scope scope;
    bool spawning = walk->spawning;
    int parent = walk->parent;

    if (same != NULL) {
        if (walk->spawning)
            note_spawning(walk, &words[0]);
        /* The body changed what it may change when it is walked the second time. */
        same->again = true;
        if (same->round > 0)
            bj_sh_forget_since(walk, same->changes);
        bj_sh_write(walk, walk->sink, HOLE_TEXT);
        return;
    }
    if (!bj_sh_enter(walk))
        return;
    bj_sh_set_arguments(walk, words + 1, count - 1);
    walk->frame = &frame;
    walk->spawning = false;
    walk->choices = NULL;
    walk->parent = call->index;
    frame.changes = walk->changes;
    bj_sh_scope_begin(walk, &scope, SCOPE_CALL);
    bj_sh_walk_node(walk, function->source, function->body);
    if (frame.again) {
        /* It calls itself: once more with nothing known of what changed, its arguments too. */
        frame.round++;
        bj_sh_forget_since(walk, frame.changes);
        bj_sh_forget(walk, walk->positional);
        bj_sh_walk_node(walk, function->source, function->body);
        bj_sh_forget_since(walk, frame.changes);
    }
    bj_sh_scope_end(walk, &scope);
    walk->parent = parent;
    walk->choices = choices;
    walk->spawning = spawning;
    walk->frame = frame.outer;
    while (frame.local_count > 0) {
        const struct change *local = &frame.locals[--frame.local_count];

        /* Where it was unset or set beyond the function that is what it may be. */
        if (local->after != NULL)
            bj_sh_may_be(walk, local->slot, local->before);
        else
            bj_sh_set_values(walk, local->slot, local->before);
    }
    bj_sh_set_values(walk, walk->positional, arguments);
    bj_sh_leave(walk);
}

/* A command whose name is not known: all that is known is listed. */
static int run_unknown(struct call *call, struct bj_word *words, size_t count, bool shell)
{
    struct bj_simple_command *command;

    if (words[0].glob) {
        struct text name = bj_sh_unglob(call->walk, &words[0]);

        words[0] = bj_sh_word(call->walk, name, words[0].from, words[0].to);
    }
    call->function = false;
    call->index = bj_sh_list(call, words, count);
    if (call->index < 0)
        return -1;
    command = (struct bj_simple_command *)call->walk->result->list + call->index;
    if (command->unknown == BJ_KNOWN) {
        command->unknown = BJ_UNKNOWN_NAME;
        command->why = "which program it runs is not known";
    }
    bj_sh_write(call->walk, call->walk->sink, HOLE_TEXT);
    /* An unquoted hole may be no word at all: the next one is the name then. */
    if (words[0].splits && words[0].length == 1 && count > 1 && !bj_word_starts(&words[1], "-")) {
        struct call rest = *call;

        bj_sh_run(&rest, words + 1, count - 1, shell);
    }
    return call->index;
}

/* A program that is not there is handed to a function, if the text made one for that. */
static void run_not_found(struct call *call, const struct bj_word *words, size_t count)
{
    static const struct text names[] = {{"command_not_found_handle", 24},
                                        {"command_not_found_handler", 25}};
    struct walk *walk = call->walk;
    struct call child = *call;

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct slot *slot = bj_sh_slot(walk, SLOT_FUNCTION, names[i]);
        uint32_t mark = walk->journal.count;
        int parent = walk->parent;
        struct bj_word *all;

        if (slot == NULL || slot->values == NULL || running(walk, bj_sh_pick(walk, slot)) != NULL ||
            memchr(words[0].text, '/', words[0].length) != NULL)
            continue;
        all = bj_arena_array(walk->arena, count + 1, sizeof *all);
        if (all == NULL)
            return;
        all[0] = bj_sh_word(walk, names[i], call->from, call->to);
        memcpy(all + 1, words, count * sizeof *all);
        walk->parent = call->index;
        bj_sh_run(&child, all, count + 1, true);
        walk->parent = parent;
        bj_sh_undo(walk, mark);
    }
}

/* The shell was told which file a name is: that runs. */
static void run_hashed(struct call *call, const struct bj_word *words, size_t count)
{
    struct walk *walk = call->walk;
    struct slot *slot = bj_sh_slot(walk, SLOT_HASH, (struct text){words[0].text, words[0].length});
    struct call child = *call;
    const struct value *file;
    struct bj_word *list;
    int parent = walk->parent;

    if (slot == NULL || slot->values == NULL)
        return;
    file = bj_sh_pick(walk, slot);
    list = bj_arena_array(walk->arena, count, sizeof *list);
    if (file->kind != VALUE_TEXT || list == NULL || !bj_sh_enter(walk))
        return;
    memcpy(list, words, count * sizeof *list);
    list[0] = bj_sh_word(walk, file->text, words[0].from, words[0].to);
    child.index = -1;
    walk->parent = call->index;
    bj_sh_run(&child, list, count, false);
    walk->parent = parent;
    bj_sh_leave(walk);
}

int bj_sh_run(struct call *call, struct bj_word *words, size_t count, bool shell)
{
    struct walk *walk = call->walk;
    const struct builtin *builtin;
    const struct value *function = NULL;
    struct slot *slot;
    bool functions = shell && !walk->past_functions;

    walk->past_functions = false;
    if (count == 0 || !bj_sh_step(walk))
        return -1;
    if (words[0].holes || words[0].glob)
        return run_unknown(call, words, count, shell);
    slot = functions
               ? bj_sh_slot(walk, SLOT_FUNCTION, (struct text){words[0].text, words[0].length})
               : NULL;
    if (slot != NULL && slot->values != NULL)
        function = bj_sh_pick(walk, slot);
    call->function = function != NULL && function->kind == VALUE_FUNCTION;
    call->index = bj_sh_list(call, words, count);
    if (call->index < 0)
        return -1;
    builtin = shell ? bj_sh_builtin(&words[0]) : NULL;
    if (call->function) {
        ((struct bj_simple_command *)walk->result->list)[call->index].function = true;
        run_function(call, words, count, function);
    } else if (function != NULL && function->kind == VALUE_TEXT) {
        bj_sh_unknown(walk, call->index, "which function it is is not known");
    } else if (builtin != NULL) {
        ((struct bj_simple_command *)walk->result->list)[call->index].builtin = true;
        if (builtin->run != NULL)
            builtin->run(call, words, count);
        if (!builtin->no_output && walk->sink != NULL)
            bj_sh_write(walk, walk->sink, bj_sh_output(walk, &walk->result->list[call->index]));
    } else {
        run_hashed(call, words, count);
        bj_sh_follow(call);
        if (shell)
            run_not_found(call, words, count);
    }
    return call->index;
}

void bj_sh_run_program(struct walk *walk, struct bj_word *words, size_t count)
{
    struct call call = {.walk = walk, .index = -1};
    static const struct source none = {.bytes = "", .nested = true};

    call.source = &none;
    bj_sh_run(&call, words, count, false);
}
