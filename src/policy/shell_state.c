/*
 * The abstract state: what each variable, function and alias may be, with a journal of changes.
 *
 * A subshell is walked and its changes undone. Where the shell may go several ways, each way is
 * walked from the same state and its changes are kept; at the end a slot may be what it was made on
 * any of the ways. So nothing is copied that did not change.
 */
#include "policy/shell_internal.h"

#define BUCKETS 256

static uint32_t hash_of(enum slot_kind kind, struct text name)
{
    uint32_t hash = 2166136261U ^ (uint32_t)kind;

    for (uint32_t i = 0; i < name.length; i++)
        hash = (hash ^ (unsigned char)name.bytes[i]) * 16777619U;
    return hash;
}

struct slot *bj_sh_slot(struct walk *walk, enum slot_kind kind, struct text name)
{
    uint32_t hash = hash_of(kind, name);
    struct slot **bucket, *slot;

    if (walk->buckets == NULL)
        walk->buckets = bj_arena_array(walk->arena, BUCKETS, sizeof *walk->buckets);
    if (walk->buckets == NULL)
        return NULL;
    bucket = &walk->buckets[hash % BUCKETS];
    for (slot = *bucket; slot != NULL; slot = slot->next)
        if (slot->hash == hash && slot->kind == kind && bj_sh_equal(slot->name, name))
            return slot;
    slot = bj_arena_alloc(walk->arena, sizeof *slot);
    if (slot == NULL)
        return NULL;
    *slot = (struct slot){
        .kind = (uint8_t)kind, .name = bj_sh_copy(walk, name), .hash = hash, .next = *bucket};
    *bucket = slot;
    return slot;
}

void bj_sh_set_values(struct walk *walk, struct slot *slot, const struct values *values)
{
    struct journal *journal = &walk->journal;
    size_t room = journal->room;

    if (slot == NULL || values == slot->values)
        return;
    journal->list = bj_sh_grow(walk, journal->list, journal->count, &room, sizeof *journal->list);
    journal->room = (uint32_t)room;
    if (journal->list == NULL) {
        journal->count = journal->room = 0;
        return;
    }
    journal->list[journal->count++] = (struct change){.slot = slot, .before = slot->values};
    slot->values = values;
    slot->changed = ++walk->changes;
}

static struct values *new_values(struct walk *walk, uint32_t count)
{
    struct values *values =
        bj_arena_alloc(walk->arena, sizeof *values + count * sizeof *values->list);

    if (values != NULL)
        values->count = count;
    return values;
}

void bj_sh_set(struct walk *walk, struct slot *slot, const struct value *value)
{
    struct values *values = new_values(walk, 1);
    struct value *copy = bj_arena_alloc(walk->arena, sizeof *copy);

    if (values == NULL || copy == NULL)
        return;
    *copy = *value;
    values->list[0] = copy;
    if (slot != NULL && slot->values != NULL && slot->values->list[0]->flags & FLAG_READONLY)
        bj_sh_may_be(walk, slot, values);
    else
        bj_sh_set_values(walk, slot, values);
    if (slot != NULL && slot->kind == SLOT_VARIABLE)
        bj_sh_assigned(walk, slot, copy);
}

void bj_sh_set_text(struct walk *walk, struct slot *slot, struct text text)
{
    struct value value = {.kind = VALUE_TEXT, .text = text};

    bj_sh_set(walk, slot, &value);
}

/* Variables that a shell sets by itself; a hole for those whose value is not known. */
static bool own_variable(const struct walk *walk, struct text name, struct text *ret)
{
    static const char *const unknown[] = {"BASH",
                                          "BASHPID",
                                          "BASH_VERSION",
                                          "EUID",
                                          "GROUPS",
                                          "HOSTNAME",
                                          "HOSTTYPE",
                                          "LINENO",
                                          "MACHTYPE",
                                          "OSTYPE",
                                          "PPID",
                                          "RANDOM",
                                          "SECONDS",
                                          "SHLVL",
                                          "SRANDOM",
                                          "UID",
                                          "EPOCHSECONDS",
                                          "EPOCHREALTIME",
                                          "BASHOPTS",
                                          "SHELLOPTS",
                                          "_",
                                          "BASH_ARGV0",
                                          "BASH_ARGC",
                                          "BASH_ARGV",
                                          "BASH_COMMAND",
                                          "BASH_EXECUTION_STRING",
                                          "BASH_LINENO",
                                          "BASH_REMATCH",
                                          "BASH_SOURCE",
                                          "BASH_SUBSHELL",
                                          "BASH_VERSINFO",
                                          "COPROC",
                                          "COMP_LINE",
                                          "COMP_WORDS",
                                          "DIRSTACK",
                                          "FUNCNAME",
                                          "OPTARG",
                                          "PIPESTATUS",
                                          "PS1",
                                          "PS2",
                                          "PS4",
                                          "READLINE_LINE",
                                          "REPLY"};

    if (bj_sh_equal(name, TEXT("IFS")))
        *ret = TEXT(" \t\n");
    else if (bj_sh_equal(name, TEXT("OPTIND")))
        *ret = TEXT("1");
    else if (bj_sh_equal(name, TEXT("HOME")) && walk->context->home != NULL)
        *ret = bj_sh_string(walk->context->home);
    else if (bj_sh_equal(name, TEXT("PWD")) && walk->context->directory != NULL)
        *ret = bj_sh_string(walk->context->directory);
    else {
        for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
            if (bj_sh_equal(name, bj_sh_string(unknown[i]))) {
                *ret = HOLE_TEXT;
                return true;
            }
        }
        return false;
    }
    return true;
}

/* What a variable is before the text sets it. */
static struct value from_environment(const struct walk *walk, struct text name)
{
    struct value value = {.kind = VALUE_TEXT, .flags = FLAG_EXPORTED};

    if (own_variable(walk, name, &value.text)) {
        value.more = bj_sh_has_hole(value.text);
        return value;
    }
    if (bj_sh_equal(name, TEXT("BASH_CMDS")) || bj_sh_equal(name, TEXT("BASH_ALIASES")))
        return (struct value){.kind = VALUE_ARRAY, .flags = FLAG_KEYED};
    if (walk->context->environment == NULL) {
        value.text = HOLE_TEXT;
        value.more = true;
        return value;
    }
    for (const char *const *entry = walk->context->environment; *entry != NULL; entry++) {
        if (strncmp(*entry, name.bytes, name.length) == 0 && (*entry)[name.length] == '=') {
            value.text = bj_sh_string(*entry + name.length + 1);
            return value;
        }
    }
    return (struct value){.kind = VALUE_UNSET};
}

const struct values *bj_sh_get(struct walk *walk, struct slot *slot)
{
    struct value value = {.kind = VALUE_UNSET};
    struct values *values;
    struct value *copy;

    if (slot == NULL || slot->values != NULL)
        return slot == NULL ? NULL : slot->values;
    if (slot->kind == SLOT_VARIABLE)
        value = from_environment(walk, slot->name);
    values = new_values(walk, 1);
    copy = bj_arena_alloc(walk->arena, sizeof *copy);
    if (values == NULL || copy == NULL)
        return NULL;
    *copy = value;
    values->list[0] = copy;
    /* Not a change: it was so from the beginning. */
    slot->values = values;
    return values;
}

uint32_t bj_sh_choose(struct walk *walk, const void *key, uint32_t count)
{
    struct choices *choices = walk->choices;

    if (count <= 1)
        return 0;
    if (choices == NULL)
        return count;
    for (uint32_t i = 0; i < choices->count; i++)
        if (choices->list[i].key == key)
            return choices->list[i].current < count ? choices->list[i].current : 0;
    if (choices->count == BJ_SHELL_CHOICES_MAX ||
        choices->product * count > BJ_SHELL_READINGS_MAX) {
        choices->cut = true;
        return count;
    }
    choices->product *= count;
    choices->list[choices->count++] = (struct choice){.key = key, .count = count};
    return 0;
}

bool bj_sh_choices_next(struct choices *choices)
{
    while (choices->count > 0) {
        struct choice *last = &choices->list[choices->count - 1];

        if (++last->current < last->count)
            return true;
        choices->product /= last->count;
        choices->count--;
    }
    return false;
}

const struct value *bj_sh_pick(struct walk *walk, struct slot *slot)
{
    static const struct value unknown = {.kind = VALUE_TEXT, .text = {"\0", 1}};
    const struct values *values = bj_sh_get(walk, slot);
    uint32_t chosen;

    if (values == NULL || values->count == 0)
        return &unknown;
    chosen = bj_sh_choose(walk, slot, values->count);
    return chosen < values->count ? values->list[chosen] : &unknown;
}

void bj_sh_add_flags(struct walk *walk, struct slot *slot, uint8_t flags, uint8_t without)
{
    const struct values *old = bj_sh_get(walk, slot);
    struct values *values = old == NULL ? NULL : new_values(walk, old->count);
    struct value *copies;

    if (values == NULL)
        return;
    copies = bj_arena_array(walk->arena, old->count, sizeof *copies);
    if (copies == NULL)
        return;
    for (uint32_t i = 0; i < old->count; i++) {
        copies[i] = *old->list[i];
        copies[i].flags = (uint8_t)((copies[i].flags | flags) & ~without);
        values->list[i] = &copies[i];
    }
    bj_sh_set_values(walk, slot, values);
}

void bj_sh_undo(struct walk *walk, uint32_t mark)
{
    while (walk->journal.count > mark) {
        struct change *change = &walk->journal.list[--walk->journal.count];

        change->slot->values = change->before;
    }
}

void bj_sh_branches_begin(struct walk *walk, struct branches *branches)
{
    *branches = (struct branches){.mark = walk->journal.count, .sink = walk->sink};
    if (walk->sink != NULL)
        branches->sink_mark = walk->sink->text.length;
}

/* What this way changed, each slot once. */
static void keep_changes(struct walk *walk, struct branches *branches, struct branch *branch)
{
    struct journal *journal = &walk->journal;
    uint32_t count = journal->count - branches->mark;
    struct change *changes = bj_arena_array(walk->arena, count, sizeof *changes);

    walk->stamp++;
    for (uint32_t i = journal->count; changes != NULL && i-- > branches->mark;) {
        struct slot *slot = journal->list[i].slot;

        if (slot->stamp == walk->stamp)
            continue;
        slot->stamp = walk->stamp;
        changes[branch->count++] = (struct change){.slot = slot, .after = slot->values};
    }
    branch->changes = changes;
}

void bj_sh_branch_end(struct walk *walk, struct branches *branches)
{
    bj_sh_branch_snapshot(walk, branches);
    bj_sh_undo(walk, branches->mark);
    if (branches->sink != NULL)
        branches->sink->text.length = branches->sink_mark;
}

void bj_sh_branch_snapshot(struct walk *walk, struct branches *branches)
{
    size_t room = branches->room;
    struct branch branch = {0};

    keep_changes(walk, branches, &branch);
    if (branches->sink != NULL && branches->sink->text.length > branches->sink_mark) {
        struct text *text = &branches->sink->text;

        branch.output = bj_sh_copy(walk, (struct text){text->bytes + branches->sink_mark,
                                                       text->length - branches->sink_mark});
    }
    branches->list =
        bj_sh_grow(walk, branches->list, branches->count, &room, sizeof *branches->list);
    branches->room = (uint32_t)room;
    if (branches->list == NULL) {
        branches->count = branches->room = 0;
        return;
    }
    branches->list[branches->count++] = branch;
}

static bool same_value(const struct value *a, const struct value *b)
{
    if (a == b)
        return true;
    if (a->kind != b->kind || a->flags != b->flags || a->more != b->more || a->count != b->count ||
        a->body != b->body || a->source != b->source || !bj_sh_equal(a->text, b->text))
        return false;
    for (uint32_t i = 0; i < a->count; i++)
        if (!bj_sh_equal(a->elements[i].key, b->elements[i].key) ||
            !bj_sh_equal(a->elements[i].value, b->elements[i].value))
            return false;
    return true;
}

/* All that is in one or the other; a hole when that is too much. */
static const struct values *join(struct walk *walk, const struct values *a, const struct values *b)
{
    static const struct value hole = {.kind = VALUE_TEXT, .text = {"\0", 1}};
    struct values *all;

    if (a == b || a == NULL || b == NULL)
        return a != NULL ? a : b;
    all = new_values(walk, a->count + b->count);
    if (all == NULL)
        return a;
    memcpy(all->list, a->list, a->count * sizeof *a->list);
    all->count = a->count;
    for (uint32_t i = 0; i < b->count; i++) {
        uint32_t k = 0;

        while (k < all->count && !same_value(all->list[k], b->list[i]))
            k++;
        if (k == all->count)
            all->list[all->count++] = b->list[i];
    }
    if (all->count > BJ_SHELL_VALUES_MAX) {
        all->list[0] = &hole;
        all->count = 1;
    }
    return all->count == a->count ? a : all;
}

static void join_output(struct walk *walk, struct branches *branches, bool nothing)
{
    struct text first = {0};
    bool same = true;

    if (branches->sink == NULL)
        return;
    for (uint32_t i = 0; i < branches->count; i++) {
        if (i == 0)
            first = branches->list[i].output;
        same = same && bj_sh_equal(first, branches->list[i].output);
    }
    if (same && nothing)
        same = first.length == 0;
    bj_sh_write(walk, branches->sink, same ? first : HOLE_TEXT);
}

void bj_sh_branches_join(struct walk *walk, struct branches *branches, bool nothing)
{
    uint32_t ways = branches->count + nothing, stamp = ++walk->stamp;

    /* First what each slot may be, then, for those not changed on all ways, what it was. */
    for (uint32_t i = 0; i < branches->count; i++) {
        for (uint32_t k = 0; k < branches->list[i].count; k++) {
            const struct change *change = &branches->list[i].changes[k];
            struct slot *slot = change->slot;

            if (slot->stamp != stamp) {
                slot->stamp = stamp;
                slot->joined = 0;
                slot->union_ = NULL;
            }
            slot->joined++;
            slot->union_ = join(walk, slot->union_, change->after);
        }
    }
    for (uint32_t i = 0; i < branches->count; i++) {
        for (uint32_t k = 0; k < branches->list[i].count; k++) {
            struct slot *slot = branches->list[i].changes[k].slot;

            if (slot->joined == NOWHERE)
                continue;
            /* What it was comes first, so that nothing new is no change. */
            if (slot->joined < ways)
                slot->union_ = join(walk, bj_sh_get(walk, slot), slot->union_);
            slot->joined = NOWHERE;
            bj_sh_set_values(walk, slot, slot->union_);
        }
    }
    join_output(walk, branches, nothing);
}

void bj_sh_undo_process(struct walk *walk, uint32_t mark)
{
    struct branches branches = {.mark = mark};
    struct branch branch = {0};

    keep_changes(walk, &branches, &branch);
    bj_sh_undo(walk, mark);
    for (uint32_t i = 0; i < branch.count; i++)
        if (branch.changes[i].slot->kind == SLOT_FILE)
            bj_sh_set_values(walk, branch.changes[i].slot, branch.changes[i].after);
}

void bj_sh_may_be(struct walk *walk, struct slot *slot, const struct values *values)
{
    if (slot != NULL && values != NULL)
        bj_sh_set_values(walk, slot, join(walk, bj_sh_get(walk, slot), values));
}

void bj_sh_may_be_value(struct walk *walk, struct slot *slot, const struct value *value)
{
    struct values *values = new_values(walk, 1);

    if (values == NULL)
        return;
    values->list[0] = value;
    bj_sh_may_be(walk, slot, values);
}

void bj_sh_forget(struct walk *walk, struct slot *slot)
{
    struct value hole = {.kind = VALUE_TEXT, .more = true, .text = {"\0", 1}};

    if (slot == NULL || slot->kind == SLOT_ALIAS)
        return;
    if (slot == walk->positional)
        hole = (struct value){.kind = VALUE_ARRAY, .more = true};
    else if (slot->kind == SLOT_SPECIAL && slot != walk->zero)
        hole = (struct value){.kind = VALUE_UNSET};
    bj_sh_set(walk, slot, &hole);
}

void bj_sh_forget_since(struct walk *walk, uint32_t since)
{
    for (uint32_t i = 0; walk->buckets != NULL && i < BUCKETS; i++)
        for (struct slot *slot = walk->buckets[i]; slot != NULL; slot = slot->next)
            if (slot->changed > since)
                bj_sh_forget(walk, slot);
}

/* ---- scopes ---- */

void bj_sh_scope_begin(struct walk *walk, struct scope *scope, enum scope_kind kind)
{
    *scope = (struct scope){.outer = walk->scope,
                            .kind = (uint8_t)kind,
                            .traps = walk->trap_count,
                            .commands = walk->simple};
    bj_sh_branches_begin(walk, &scope->branches);
    walk->scope = scope;
}

/* Traps of a shell that ends run in the state of its end, or, for signals, in any. */
static void run_traps(struct walk *walk, const struct scope *scope)
{
    static const struct source none = {.bytes = "", .nested = true};
    int parent = walk->parent;

    for (uint32_t i = scope->traps; i < walk->trap_count && bj_sh_step(walk); i++) {
        struct trap trap = walk->traps[i];

        if (!trap.at_end)
            bj_sh_forget_since(walk, trap.changes);
        walk->parent = trap.parent;
        bj_sh_walk_text(walk, trap.text, &none, trap.from, trap.to);
    }
    walk->trap_count = scope->traps;
    walk->parent = parent;
}

void bj_sh_scope_end(struct walk *walk, struct scope *scope)
{
    struct branches *branches = &scope->branches;

    if (scope->kind == SCOPE_SHELL && walk->errexit && walk->simple > scope->commands + 1 &&
        branches->sink != NULL && branches->sink->text.length > branches->sink_mark) {
        branches->sink->text.length = branches->sink_mark;
        bj_sh_write(walk, branches->sink, HOLE_TEXT);
    }
    if (branches->count > 0) {
        bj_sh_branch_end(walk, branches);
        bj_sh_branches_join(walk, branches, false);
    }
    if (scope->kind == SCOPE_SHELL && walk->trap_count > scope->traps)
        run_traps(walk, scope);
    walk->scope = scope->outer;
}

void bj_sh_scope_jump(struct walk *walk, enum scope_kind kind)
{
    for (struct scope *scope = walk->scope; scope != NULL; scope = scope->outer) {
        if (kind == SCOPE_LOOP && scope->kind != SCOPE_LOOP)
            return;
        if (scope->kind < kind)
            continue;
        bj_sh_branch_snapshot(walk, &scope->branches);
        if (kind != SCOPE_LOOP)
            return;
    }
}
