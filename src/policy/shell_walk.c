/*
 * Statements: pipelines, lists, branches, loops, functions. Every branch is walked; conditions are
 * not decided. A loop is walked until nothing new is learnt, at most three times, what still
 * changes then being unknown.
 */
#include "policy/shell_internal.h"

#define UNROLLED_MAX 64
#define PIECE_TOKENS 32 /* of one parse, at least */

static void walk_children(struct walk *walk, const struct source *source, const struct node *node);

static struct call call_for(struct walk *walk, const struct source *source, const struct node *node)
{
    return (struct call){.walk = walk,
                         .source = source,
                         .from = bj_sh_place(source, node->from),
                         .to = bj_sh_place_end(source, node->to),
                         .index = -1};
}

/* ---- pipelines and lists ---- */

struct place {
    int pipeline, stage;
    bool background, spawning;
    struct input *input;
    struct sink *sink;
};

static struct place save_place(const struct walk *walk)
{
    return (struct place){walk->pipeline, walk->stage, walk->background,
                          walk->spawning, walk->input, walk->sink};
}

static void restore_place(struct walk *walk, const struct place *place)
{
    walk->pipeline = place->pipeline;
    walk->stage = place->stage;
    walk->background = place->background;
    walk->spawning = place->spawning;
    walk->input = place->input;
    walk->sink = place->sink;
}

/* A pipeline in the place of now. False without room. */
static bool number_pipeline(struct walk *walk)
{
    struct bj_stage *list = bj_sh_grow(walk, (void *)walk->result->pipelines,
                                       (size_t)walk->pipelines, &walk->pipeline_room, sizeof *list);

    if (list == NULL)
        return false;
    walk->result->pipelines = list;
    list[walk->pipelines] = (struct bj_stage){walk->pipeline, walk->stage};
    walk->pipeline = walk->pipelines++;
    walk->stage = 0;
    return true;
}

static void walk_pipeline(struct walk *walk, const struct source *source, const struct node *node)
{
    struct place place = save_place(walk);
    struct sink sinks[2] = {{.room = 0}, {.room = 0}};
    struct input input = {.loops = walk->loops};
    struct branches branches;
    struct scope scope;
    uint32_t mark;

    if (!number_pipeline(walk))
        return;
    walk->spawning = true;
    for (const struct node *stage = node->child; stage != NULL; stage = stage->next) {
        struct sink *sink = &sinks[walk->stage & 1];

        mark = walk->journal.count;
        bj_sh_branches_begin(walk, &branches);
        *sink = (struct sink){.room = 0};
        walk->sink = stage->next == NULL ? place.sink : sink;
        bj_sh_scope_begin(walk, &scope, SCOPE_SHELL);
        bj_sh_walk_node(walk, source, stage);
        bj_sh_scope_end(walk, &scope);
        if (stage->next != NULL || !walk->lastpipe) {
            bj_sh_undo_process(walk, mark);
        } else {
            /* It may have run in this shell. */
            branches.sink = NULL;
            bj_sh_branch_end(walk, &branches);
            bj_sh_branches_join(walk, &branches, true);
        }
        input.text = sink->text.bytes == NULL ? TEXT("") : sink->text;
        input.at = 0;
        walk->input = &input;
        walk->stage++;
    }
    restore_place(walk, &place);
}

/* A list is nested to the left; its parts in order. */
static const struct node **list_parts(struct walk *walk, const struct node *node, size_t *ret_count)
{
    const struct node **parts, *at;
    size_t count = 1;

    for (at = node; at != NULL && at->kind == NODE_LIST; at = at->child)
        count += 2;
    parts = bj_arena_array(walk->arena, count, sizeof *parts);
    *ret_count = parts == NULL ? 0 : count;
    if (parts == NULL)
        return NULL;
    for (at = node; at != NULL && at->kind == NODE_LIST; at = at->child) {
        const struct node *op = at->child == NULL ? NULL : at->child->next;

        parts[count - 2] = op;
        parts[count - 1] = op == NULL ? NULL : op->next;
        count -= 2;
    }
    parts[0] = at;
    return parts;
}

/* a && b || c: it may end after each part; behind || it may not begin. */
static void walk_list(struct walk *walk, const struct source *source, const struct node *node)
{
    struct branches branches;
    size_t count;
    const struct node **parts = list_parts(walk, node, &count);

    if (count == 0)
        return;
    bj_sh_branches_begin(walk, &branches);
    for (size_t i = 0; i < count && !walk->stopped; i += 2) {
        if (i > 0) {
            bj_sh_branch_snapshot(walk, &branches);
            if (parts[i - 1] != NULL && parts[i - 1]->kind == NODE_OR) {
                bj_sh_undo(walk, branches.mark);
                if (branches.sink != NULL)
                    branches.sink->text.length = branches.sink_mark;
                bj_sh_branches_join(walk, &branches, false);
                bj_sh_branches_begin(walk, &branches);
                bj_sh_branch_snapshot(walk, &branches);
            }
        }
        if (parts[i] != NULL)
            bj_sh_walk_node(walk, source, parts[i]);
    }
    bj_sh_branch_end(walk, &branches);
    bj_sh_branches_join(walk, &branches, false);
}

/* ---- branches ---- */

/* What follows `then`, up to an elif or else. */
static const struct node *walk_until_else(struct walk *walk, const struct source *source,
                                          const struct node *node)
{
    while (node != NULL && node->kind != NODE_ELIF && node->kind != NODE_ELSE) {
        if (node->kind != NODE_BACKGROUND && node->kind != NODE_THEN)
            bj_sh_walk_statement(walk, source, node);
        node = node->next;
    }
    return node;
}

static const struct node *walk_condition(struct walk *walk, const struct source *source,
                                         const struct node *node)
{
    while (node != NULL && node->kind != NODE_THEN) {
        if (node->kind != NODE_BACKGROUND)
            bj_sh_walk_statement(walk, source, node);
        node = node->next;
    }
    return node == NULL ? NULL : node->next;
}

/* Each way is ended as a branch; the conditions of those before have run. */
static void walk_if(struct walk *walk, const struct source *source, const struct node *node)
{
    struct branches branches;
    const struct node *body = walk_condition(walk, source, node->child), *rest;
    bool has_else = false;

    bj_sh_branches_begin(walk, &branches);
    rest = walk_until_else(walk, source, body);
    bj_sh_branch_end(walk, &branches);
    /* Conditions of elif change the state for what follows: they run one after the other. */
    for (; rest != NULL; rest = rest->next) {
        struct branches inner;

        if (rest->kind == NODE_ELSE) {
            walk_children(walk, source, rest);
            bj_sh_branch_end(walk, &branches);
            has_else = true;
            break;
        }
        if (rest->kind != NODE_ELIF)
            continue;
        body = walk_condition(walk, source, rest->child);
        bj_sh_branches_begin(walk, &inner);
        walk_until_else(walk, source, body);
        bj_sh_branch_end(walk, &inner);
        bj_sh_branches_join(walk, &inner, true);
        bj_sh_branch_snapshot(walk, &branches);
    }
    if (!has_else)
        bj_sh_branch_end(walk, &branches);
    bj_sh_branches_join(walk, &branches, false);
}

/* The words of [from, to), expanded for what they run. */
static void expand_words(struct walk *walk, const struct source *source, uint32_t from, uint32_t to)
{
    for (uint32_t i = bj_sh_token_at(source, from);
         i < source->token_count && source->tokens[i].from < to; i = bj_sh_token_next(source, i))
        if (source->tokens[i].kind == TOKEN_WORD)
            bj_sh_expand_one(walk, source, source->tokens[i].from, source->tokens[i].to,
                             EXPAND_PATTERN);
}

static void walk_case(struct walk *walk, const struct source *source, const struct node *node)
{
    struct branches branches;
    const struct node *item = node->child;

    while (item != NULL && item->kind != NODE_CASE_ITEM)
        item = item->next;
    expand_words(walk, source, node->from, item == NULL ? node->to : item->from);
    bj_sh_branches_begin(walk, &branches);
    for (; item != NULL; item = item->next) {
        uint32_t from = item->child == NULL ? item->to : item->child->from;

        if (item->kind != NODE_CASE_ITEM)
            continue;
        expand_words(walk, source, item->from, from);
        walk_children(walk, source, item);
        /* With ;& the next item goes on from here. */
        if (bj_sh_falls_through(source, item->to)) {
            bj_sh_branch_snapshot(walk, &branches);
        } else {
            bj_sh_branch_end(walk, &branches);
        }
    }
    bj_sh_branch_end(walk, &branches);
    bj_sh_branches_join(walk, &branches, true);
}

bool bj_sh_falls_through(const struct source *source, uint32_t to)
{
    uint32_t i = bj_sh_token_at(source, to);

    /* The item may end before or behind its `;;`. */
    for (uint32_t k = i > 2 ? i - 2 : 0; k < source->token_count && k <= i; k++)
        if (source->tokens[k].kind == TOKEN_OPERATOR &&
            source->bytes[source->tokens[k].from] == ';' &&
            source->bytes[source->tokens[k].to - 1] == '&')
            return true;
    return false;
}

/* ---- loops ---- */

struct loop {
    const struct source *source;
    const struct node *node;
    struct text name; /* of for: its variable */
    bool select;
    const struct values *values;
    uint32_t update_from, update_to; /* of for (( )) */
    uint32_t test_from, test_to;
};

/* The variable of a `for` becomes one of the words; each is assigned for what that runs. */
static void assign_words(struct walk *walk, const struct loop *loop)
{
    struct branches branches;
    struct slot *slot = bj_sh_slot(walk, SLOT_VARIABLE, loop->name);
    const struct value *old = bj_sh_pick(walk, slot);

    if (loop->select)
        bj_sh_assign(walk, TEXT("REPLY"), NULL, HOLE_TEXT, false);
    bj_sh_branches_begin(walk, &branches);
    for (uint32_t i = 0; i < loop->values->count && loop->values->list[i] != NULL; i++) {
        /* A name reference is made to refer to the word. */
        if (old->flags & FLAG_REFERENCE)
            bj_sh_set(walk, slot,
                      &(struct value){.kind = VALUE_TEXT,
                                      .flags = old->flags,
                                      .text = loop->values->list[i]->text});
        else
            bj_sh_assign(walk, loop->name, NULL, loop->values->list[i]->text, false);
        bj_sh_branch_end(walk, &branches);
    }
    bj_sh_branches_join(walk, &branches, false);
}

static void loop_once(struct walk *walk, const struct loop *loop)
{
    int64_t ignored;
    struct scope scope;

    bj_sh_scope_begin(walk, &scope, SCOPE_LOOP);
    if (loop->values != NULL)
        assign_words(walk, loop);
    if (loop->test_to > loop->test_from)
        bj_sh_math_range(walk, loop->source, loop->test_from, loop->test_to, &ignored);
    for (const struct node *child = loop->node->child; child != NULL; child = child->next)
        if (child->kind != NODE_BACKGROUND && child->kind != NODE_REDIRECT)
            bj_sh_walk_statement(walk, loop->source, child);
    if (loop->update_to > loop->update_from)
        bj_sh_math_range(walk, loop->source, loop->update_from, loop->update_to, &ignored);
    bj_sh_scope_end(walk, &scope);
}

static void walk_loop(struct walk *walk, const struct loop *loop)
{
    struct slot **changed;
    uint32_t mark, count;

    walk->loops++;
    for (int round = 0; round < 3 && !walk->stopped; round++) {
        struct branches branches;

        bj_sh_branches_begin(walk, &branches);
        loop_once(walk, loop);
        bj_sh_branch_end(walk, &branches);
        mark = walk->journal.count;
        bj_sh_branches_join(walk, &branches, true);
        if (walk->journal.count == mark)
            break;
        if (round == 0 && walk->loops < 3)
            continue;
        count = walk->journal.count - mark;
        changed = bj_arena_array(walk->arena, count, sizeof(struct slot *));
        for (uint32_t i = 0; changed != NULL && i < count; i++)
            changed[i] = walk->journal.list[mark + i].slot;
        for (uint32_t i = 0; changed != NULL && i < count; i++)
            bj_sh_forget(walk, changed[i]);
    }
    walk->loops--;
}

/* A value that a word of a `for` may give: wildcards become what they may match. */
static const struct value *word_value(struct walk *walk, const struct bj_word *word)
{
    struct value *value = bj_arena_alloc(walk->arena, sizeof *value);

    if (value == NULL)
        return NULL;
    value->kind = VALUE_TEXT;
    value->text = word->glob ? bj_sh_unglob(walk, word) : (struct text){word->text, word->length};
    return value;
}

/* Few and known words: each is walked in turn. */
static bool walk_unrolled(struct walk *walk, struct loop *loop, const struct fields *fields)
{
    uint32_t outer = walk->unrolled == 0 ? 1 : walk->unrolled;
    struct scope scope;

    if (fields->count == 0 || fields->count * outer > UNROLLED_MAX)
        return false;
    for (size_t i = 0; i < fields->count; i++)
        if (fields->list[i].splits || fields->list[i].glob)
            return false;
    walk->unrolled = outer * (uint32_t)fields->count;
    bj_sh_scope_begin(walk, &scope, SCOPE_LOOP);
    for (size_t i = 0; i < fields->count && !walk->stopped; i++) {
        struct values *values = bj_arena_alloc(walk->arena, sizeof *values + sizeof *values->list);

        if (values == NULL)
            break;
        values->count = 1;
        values->list[0] = word_value(walk, &fields->list[i]);
        loop->values = values;
        loop_once(walk, loop);
    }
    bj_sh_scope_end(walk, &scope);
    walk->unrolled = outer;
    return true;
}

static void walk_for(struct walk *walk, const struct source *source, const struct node *node)
{
    struct loop loop = {.source = source, .node = node};
    struct fields fields = {0};
    uint32_t i = bj_sh_token_at(source, node->from + 1), end = node->to;
    struct values *values;
    bool select = source->bytes[node->from] == 's', in = false;
    struct text name = {"", 0};

    for (const struct node *child = node->child; child != NULL; child = child->next)
        if (child->kind == NODE_DO || child->kind == NODE_GROUP)
            end = child->from;
    for (; i < source->token_count && source->tokens[i].from < end;
         i = bj_sh_token_next(source, i)) {
        const struct token *token = &source->tokens[i];

        if (token->kind == TOKEN_OPERATOR && token->to - token->from == 2 &&
            memcmp(source->bytes + token->from, "in", 2) == 0)
            in = true;
        else if (token->kind == TOKEN_WORD && name.length == 0)
            name = (struct text){source->bytes + token->from, token->to - token->from};
        else if (token->kind == TOKEN_WORD)
            bj_sh_expand(walk, source, token->from, token->to, &fields);
    }
    if (!in)
        bj_sh_expand(walk, bj_sh_source(walk, TEXT("\"$@\""), SCAN_WORD, source, 0, 0), 0, 4,
                     &fields);
    loop.name = name;
    loop.select = select;
    if (!select && walk_unrolled(walk, &loop, &fields))
        return;
    values =
        bj_arena_alloc(walk->arena, sizeof *values + (fields.count + 1) * sizeof *values->list);
    if (values == NULL)
        return;
    if (fields.count > 0 && fields.count <= BJ_SHELL_VALUES_MAX) {
        for (size_t k = 0; k < fields.count; k++)
            values->list[values->count++] = word_value(walk, &fields.list[k]);
    } else {
        struct bj_word hole = bj_sh_word(walk, HOLE_TEXT, 0, 0);

        values->list[values->count++] = word_value(walk, &hole);
    }
    loop.values = values;
    walk_loop(walk, &loop);
}

static void walk_math_for(struct walk *walk, const struct source *source, const struct node *node)
{
    struct loop loop = {.source = source, .node = node};
    uint32_t i = bj_sh_token_at(source, node->from + 1), at, from, part = 0, bounds[4] = {0};
    int64_t ignored;

    while (i < source->token_count && source->tokens[i].kind != TOKEN_MATH)
        i++;
    if (i == source->token_count || source->tokens[i].from > node->to)
        return;
    from = source->tokens[i].from + 2;
    bounds[0] = from;
    for (at = from; at < source->tokens[i].to - 2 && part < 2;
         at = bj_sh_skip(source, at, source->tokens[i].to - 2))
        if (source->bytes[at] == ';')
            bounds[++part] = at + 1;
    if (part < 2)
        return;
    bj_sh_math_range(walk, source, bounds[0], bounds[1] - 1, &ignored);
    loop.test_from = bounds[1];
    loop.test_to = bounds[2] - 1;
    loop.update_from = bounds[2];
    loop.update_to = source->tokens[i].to - 2;
    walk_loop(walk, &loop);
}

/* ---- the rest ---- */

static void walk_function(struct walk *walk, const struct source *source, const struct node *node)
{
    struct value value = {.kind = VALUE_FUNCTION, .source = source};
    uint32_t i = bj_sh_token_at(source, node->from);
    struct node *body = bj_arena_alloc(walk->arena, sizeof *body);

    while (i < source->token_count && source->tokens[i].kind != TOKEN_WORD)
        i++;
    if (i == source->token_count || node->child == NULL || body == NULL)
        return;
    /* Redirects behind the body are its own. */
    *body = *node;
    body->kind = node->child->next == NULL ? node->child->kind : NODE_REDIRECTED;
    if (body->kind != NODE_REDIRECTED)
        *body = *node->child;
    body->next = NULL;
    value.body = body;
    bj_sh_set(walk,
              bj_sh_slot(walk, SLOT_FUNCTION,
                         (struct text){source->bytes + source->tokens[i].from,
                                       source->tokens[i].to - source->tokens[i].from}),
              &value);
}

/* A compound command with redirects. */
static void walk_redirected(struct walk *walk, const struct source *source, const struct node *node)
{
    struct place place = save_place(walk);
    struct call call = call_for(walk, source, node);
    struct branches branches;
    const struct node *body = node->child;

    while (body != NULL && body->kind == NODE_REDIRECT)
        body = body->next;
    if (body == NULL || body->kind == NODE_COMMAND) {
        bj_sh_simple(walk, source, node->from, node->to);
        return;
    }
    bj_sh_redirects_begin(&call, body->to, node->to);
    bj_sh_redirected_begin(&call, &branches, place.sink);
    bj_sh_walk_node(walk, source, body);
    bj_sh_redirected_end(&call, &branches);
    bj_sh_redirects_end(&call);
    restore_place(walk, &place);
}

static void walk_apart(struct walk *walk, const struct source *source, const struct node *node,
                       bool background)
{
    struct place place = save_place(walk);
    uint32_t mark = walk->journal.count;
    struct scope scope;

    bj_sh_scope_begin(walk, &scope, SCOPE_SHELL);
    if (background) {
        walk->background = walk->spawning = true;
        bj_sh_walk_node(walk, source, node);
    } else {
        walk_children(walk, source, node);
    }
    bj_sh_scope_end(walk, &scope);
    bj_sh_undo_process(walk, mark);
    restore_place(walk, &place);
}

void bj_sh_walk_statement(struct walk *walk, const struct source *source, const struct node *node)
{
    if (node->next != NULL && node->next->kind == NODE_BACKGROUND)
        walk_apart(walk, source, node, true);
    else
        bj_sh_walk_node(walk, source, node);
}

static void walk_children(struct walk *walk, const struct source *source, const struct node *node)
{
    for (const struct node *child = node->child; child != NULL && !walk->stopped;
         child = child->next)
        if (child->kind != NODE_BACKGROUND)
            bj_sh_walk_statement(walk, source, child);
}

/* Behind `coproc`: the whole pipeline, and not yet being walked apart. */
static bool is_coprocess(const struct walk *walk, const struct source *source,
                         const struct node *node)
{
    uint32_t i = bj_sh_token_at(source, node->from);

    return node != walk->coprocess && node->kind != NODE_LIST && node->kind != NODE_PROGRAM &&
           node->kind != NODE_OTHER && i > 0 && i <= source->token_count &&
           source->tokens[i - 1].kind == TOKEN_HIDDEN &&
           source->bytes[source->tokens[i - 1].from] == 'c';
}

void bj_sh_walk_node(struct walk *walk, const struct source *source, const struct node *node)
{
    if (!bj_sh_enter(walk))
        return;
    if (is_coprocess(walk, source, node)) {
        walk->coprocess = node;
        walk_apart(walk, source, node, true);
        bj_sh_forget(walk, bj_sh_slot(walk, SLOT_VARIABLE, TEXT("COPROC")));
        bj_sh_leave(walk);
        return;
    }
    switch ((enum node_kind)node->kind) {
    case NODE_COMMAND:
        bj_sh_simple(walk, source, node->from, node->to);
        break;
    case NODE_LIST:
        walk_list(walk, source, node);
        break;
    case NODE_PIPELINE:
        walk_pipeline(walk, source, node);
        break;
    case NODE_REDIRECTED:
        walk_redirected(walk, source, node);
        break;
    case NODE_SUBSHELL:
        walk_apart(walk, source, node, false);
        break;
    case NODE_IF:
        walk_if(walk, source, node);
        break;
    case NODE_WHILE:
        walk_loop(walk, &(struct loop){.source = source, .node = node});
        break;
    case NODE_FOR:
        walk_for(walk, source, node);
        break;
    case NODE_C_FOR:
        walk_math_for(walk, source, node);
        break;
    case NODE_CASE:
        walk_case(walk, source, node);
        break;
    case NODE_FUNCTION:
        walk_function(walk, source, node);
        break;
    default:
        walk_children(walk, source, node);
        break;
    }
    bj_sh_leave(walk);
}

struct text bj_sh_walk_captured(struct walk *walk, const struct source *source,
                                const struct node *node)
{
    struct place place = save_place(walk);
    struct choices *choices = walk->choices;
    struct sink sink = {.room = 0};
    uint32_t mark = walk->journal.count;
    struct scope scope;

    if (node == NULL)
        return HOLE_TEXT;
    walk->sink = &sink;
    walk->choices = NULL;
    walk->pipeline = walk->stage = -1;
    bj_sh_scope_begin(walk, &scope, SCOPE_SHELL);
    walk_children(walk, source, node);
    bj_sh_scope_end(walk, &scope);
    bj_sh_undo_process(walk, mark);
    walk->choices = choices;
    restore_place(walk, &place);
    return sink.text.bytes == NULL ? (struct text){"", 0} : sink.text;
}

/*
 * A text is parsed a few statements at a time, so that a long one is walked as far as limits go
 * and not just parsed.
 */
void bj_sh_walk_source(struct walk *walk, const struct source *source)
{
    uint32_t from = 0, count = 0;
    const struct node *tree;

    for (uint32_t i = 0; i < source->token_count && !walk->stopped;
         i = bj_sh_token_next(source, i)) {
        if (++count < PIECE_TOKENS || !source->tokens[i].ends)
            continue;
        tree = bj_sh_parse(walk, source, from, source->tokens[i].to);
        if (tree == NULL)
            return;
        walk_children(walk, source, tree);
        from = source->tokens[i].to;
        count = 0;
    }
    if (count == 0 || walk->stopped)
        return;
    tree = bj_sh_parse(walk, source, from, source->length);
    if (tree != NULL)
        walk_children(walk, source, tree);
}

void bj_sh_walk_text(struct walk *walk, struct text text, const struct source *outer, uint32_t from,
                     uint32_t to)
{
    struct choices *choices = walk->choices;
    struct source *source;

    if (!bj_sh_enter(walk))
        return;
    walk->choices = NULL;
    source = bj_sh_source(walk, text, SCAN_COMMANDS, outer, from, to);
    if (source != NULL) {
        source->nested = true;
        bj_sh_walk_source(walk, source);
    }
    walk->choices = choices;
    bj_sh_leave(walk);
}
