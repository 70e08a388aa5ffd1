/*
 * The command blacklist: does a pattern match a simple command in any of its equal spellings?
 *
 * A pattern is tried where a command, an option, a path or a redirection begins, never in the
 * middle of a text: `echo "sudo rm"` runs neither. What a pipeline as a whole does (curl … | sh) is
 * tried at the beginning of each of its commands. Most patterns cannot begin with the byte that
 * stands there, which the pattern's automaton tells before anything is built or matched.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "policy/could_match.h"
#include "policy/judge_internal.h"

struct bj_blacklist {
    struct bj_pattern **patterns; /* owned */
    size_t count;
    struct bj_spelling written, form, copy;
};

/* How sure a hit is; the larger one counts. */
enum hit { NO_HIT, COULD_HIT, LIMIT_HIT, SURE_HIT };

struct hunt {
    struct bj_blacklist *list;
    struct bj_judgement *judgement;
    const struct bj_simple_command *command;
    size_t number; /* of the pattern */
    struct bj_pattern *pattern;
};

void bj_blacklist_free(struct bj_blacklist *list)
{
    if (list == NULL)
        return;
    for (size_t i = 0; i < list->count; i++)
        bj_pattern_free(list->patterns[i]);
    bj_free(list->patterns);
    bj_spelling_release(&list->written);
    bj_spelling_release(&list->form);
    bj_spelling_release(&list->copy);
    bj_free(list);
}

int bj_blacklist_new(char *const *patterns, struct bj_blacklist **ret, struct bj_error *err)
{
    struct bj_blacklist *list = bj_alloc(sizeof *list);
    size_t count = 0;
    int result = 0;

    while (patterns[count] != NULL)
        count++;
    if (list != NULL) {
        bj_spelling_init(&list->written);
        bj_spelling_init(&list->form);
        bj_spelling_init(&list->copy);
        list->patterns = bj_alloc((count + 1) * sizeof *list->patterns);
    }
    if (list == NULL || list->patterns == NULL) {
        bj_blacklist_free(list);
        return bj_fail(err, BJ_E_NO_MEMORY, "policy", "out of memory");
    }
    while (list->count < count && result == 0) {
        result = bj_pattern_new(patterns[list->count], &list->patterns[list->count], err);
        if (result < 0)
            bj_error_prefix(err, "security.command_blacklist: entry %zu: ", list->count + 1);
        else
            list->count++;
    }
    if (result < 0) {
        bj_blacklist_free(list);
        return result;
    }
    *ret = list;
    return 0;
}

static void prefer(enum hit *hit, enum hit other)
{
    if (other > *hit)
        *hit = other;
}

/*
 * In a pattern | and > are the shell's. A hit that needs those of an argument is none: it is tried
 * again without them.
 */
static enum bj_match match_operators(struct hunt *hunt, const struct bj_spelling *spelling,
                                     size_t at)
{
    struct bj_spelling *copy = &hunt->list->copy;
    bool in_quotes = false;

    bj_spelling_reset(copy);
    bj_buf_append(&copy->text, spelling->text.data, spelling->text.length);
    if (copy->text.failed)
        return BJ_MATCH_LIMIT;
    for (size_t i = 0; i < copy->text.length; i++) {
        char *c = &copy->text.data[i];

        if (!in_quotes && *c == '\\' && i + 1 < copy->text.length && c[1] == '\'')
            i++; /* a quote for itself, between two parts of a word */
        else if (*c == '\'')
            in_quotes = !in_quotes;
        else if (in_quotes && (*c == '|' || *c == '>'))
            *c = '\x7f';
    }
    return bj_pattern_match(hunt->pattern, copy->text.data, copy->text.length, at);
}

static enum hit try_at(struct hunt *hunt, const struct bj_spelling *spelling, size_t at)
{
    const struct bj_buf *text = &spelling->text;
    char first = at < text->length ? text->data[at] : '\0';
    bool hole = first == BJ_HOLE_WORDS || first == BJ_HOLE_BYTES;
    enum bj_match match;

    if (at >= text->length || (!hole && !bj_pattern_can_start(hunt->pattern, first)))
        return NO_HIT;
    match = bj_pattern_match(hunt->pattern, text->data, text->length, at);
    if (match == BJ_MATCH_YES && spelling->quoted)
        match = match_operators(hunt, spelling, at);
    if (match == BJ_MATCH_YES)
        return spelling->assumed ? COULD_HIT : SURE_HIT;
    if (match == BJ_MATCH_LIMIT)
        return LIMIT_HIT;
    if ((spelling->holes || spelling->assumed) &&
        bj_pattern_could_match(hunt->pattern, text->data, text->length, at))
        return COULD_HIT;
    return NO_HIT;
}

/* May a pattern begin at an argument that is not known? Only as an option or a path does. */
static bool may_begin_argument(struct hunt *hunt)
{
    if (hunt->command == NULL || hunt->command->builtin)
        return false;
    for (const char *first = "-/.~"; *first != '\0'; first++) {
        if (bj_pattern_can_start(hunt->pattern, *first))
            return true;
    }
    return false;
}

static enum hit try_written(struct hunt *hunt)
{
    const struct bj_spelling *spelling = &hunt->list->written;
    enum hit hit = NO_HIT;

    for (size_t i = 0; i < spelling->start_count && hit != SURE_HIT; i++) {
        size_t at = spelling->starts[i];
        char first = at < spelling->text.length ? spelling->text.data[at] : '\0';

        if (at > 0 && (first == BJ_HOLE_WORDS || first == BJ_HOLE_BYTES) &&
            !may_begin_argument(hunt))
            continue;
        prefer(&hit, try_at(hunt, spelling, at));
        if (i % 64 == 63 && bj_judgement_late(hunt->judgement))
            break;
    }
    return hit;
}

/* Could a match begin with the program's base name? */
static bool name_fits(struct hunt *hunt)
{
    struct bj_spelling *copy = &hunt->list->copy;
    const char hole = BJ_HOLE_WORDS;
    size_t length;
    const char *base = bj_command_base(hunt->command, &length);

    if (length == 0 || hunt->command->words[0].holes ||
        !bj_pattern_can_start(hunt->pattern, base[0]))
        return false;
    bj_spelling_reset(copy);
    bj_buf_append(&copy->text, base, length);
    bj_buf_append(&copy->text, &hole, 1);
    return copy->text.failed ||
           bj_pattern_could_match(hunt->pattern, bj_buf_text(&copy->text), copy->text.length, 0);
}

static bool resolves(const struct bj_simple_command *command)
{
    for (size_t i = 0; i < command->program.operand_count && command->paths != NULL; i++) {
        const struct bj_word *path = &command->paths[i], *word = &command->program.operands[i];

        if (path->text != NULL &&
            (path->length != word->length || memcmp(path->text, word->text, path->length) != 0))
            return true;
    }
    return false;
}

/*
 * May this operand stand before the others? The files of rm may, the subcommand of npm may not:
 * where operands are not all of one kind, paths may.
 */
static bool may_lead(const struct bj_program *program, size_t i)
{
    const struct bj_word *word = i > 0 ? &program->operands[i] : NULL;

    return i == 0 || program->paths ||
           (word->length > 0 && strchr("/.~", word->text[0]) != NULL && word->text[0] != '\0');
}

static enum hit try_form(struct hunt *hunt, const struct bj_spelling_form *form)
{
    struct bj_spelling *spelling = &hunt->list->form;

    if (!bj_spell_form(spelling, hunt->command, hunt->pattern, form))
        return NO_HIT;
    return spelling->failed ? LIMIT_HIT : try_at(hunt, spelling, 0);
}

/* Every way to put the flags and operands. */
static enum hit try_forms(struct hunt *hunt)
{
    struct bj_spelling_form form = {0};
    bool resolved = resolves(hunt->command);
    size_t fronts = hunt->command->program.operand_count;
    enum hit hit = NO_HIT;

    for (int flags = 0; flags < BJ_FLAGS_KINDS; flags++) {
        for (int order = 0; order < BJ_ORDERS; order++) {
            for (size_t i = 0; i < (resolved ? 2 : 1); i++) {
                form.flags = flags;
                form.order = order;
                form.resolved = i == 1;
                for (form.front = 0;
                     form.front == 0 || (order == BJ_ORDER_FLAGS_FIRST && form.front < fronts);
                     form.front++) {
                    if (!may_lead(&hunt->command->program, form.front))
                        continue;
                    prefer(&hit, try_form(hunt, &form));
                    if (hit == SURE_HIT || bj_judgement_late(hunt->judgement))
                        return hit;
                }
            }
        }
    }
    return hit;
}

static void report(struct hunt *hunt, enum hit hit)
{
    struct bj_judgement *judgement = hunt->judgement;
    static const enum bj_decision decisions[] = {
        [BJ_UNKNOWN_JUDGED] = BJ_DENY,
        [BJ_UNKNOWN_ASKED] = BJ_ASK,
        [BJ_UNKNOWN_DENIED] = BJ_DENY,
        [BJ_UNKNOWN_ALLOWED] = BJ_ALLOW,
    };
    struct bj_violation violation = {
        .rule = "blacklist", .risk = BJ_RISK_HIGH, .decision = BJ_DENY};
    const char *what = "matches";
    char description[512], advice[256];

    if (hit == COULD_HIT) {
        if (judgement->unknown == BJ_UNKNOWN_ALLOWED)
            return;
        violation.rule = "blacklist.unknown";
        violation.decision = decisions[judgement->unknown];
        what = "has parts that the text does not tell and could match";
    } else if (hit == LIMIT_HIT) {
        violation.rule = "blacklist.limit";
        violation.risk = BJ_RISK_MEDIUM;
        violation.decision = BJ_ASK;
        what = "takes too long to compare with";
    }
    snprintf(description, sizeof description, "the command %s the forbidden pattern %s", what,
             bj_pattern_source(hunt->pattern));
    snprintf(advice, sizeof advice,
             hit == COULD_HIT
                 ? "write the values out instead of variables and substitutions, or change entry "
                   "%zu of security.command_blacklist"
                 : "do it another way, or change entry %zu of security.command_blacklist",
             hunt->number + 1);
    violation.description = description;
    violation.advice = advice;
    bj_judgement_add(judgement, hunt->command, &violation);
}

/* One command against all patterns. */
static void judge_command(struct hunt *hunt)
{
    struct bj_blacklist *list = hunt->list;

    bj_spelling_reset(&list->written);
    bj_spell_written(&list->written, hunt->command, false, false);
    for (hunt->number = 0; hunt->number < list->count; hunt->number++) {
        enum hit hit;

        hunt->pattern = list->patterns[hunt->number];
        hit = list->written.failed ? LIMIT_HIT : try_written(hunt);
        if (hit != SURE_HIT && name_fits(hunt))
            prefer(&hit, try_forms(hunt));
        if (hit != NO_HIT)
            report(hunt, hit);
        if (bj_judgement_late(hunt->judgement))
            break;
    }
}

/* The commands of one pipeline, by stage; of nested ones the outermost, or the innermost. */
static void judge_pipeline(struct hunt *hunt, const size_t *members, size_t count, bool inner)
{
    struct bj_spelling *spelling = &hunt->list->written;
    const struct bj_commands *commands = hunt->judgement->commands;
    int last = -1;

    bj_spelling_reset(spelling);
    for (size_t i = 0; i < count; i++) {
        const struct bj_simple_command *command = &commands->list[members[i]];

        if (inner ? i + 1 < count && commands->list[members[i + 1]].stage == command->stage
                  : command->stage == last)
            continue;
        if (spelling->start_count > 0)
            bj_buf_puts(&spelling->text, " | ");
        bj_spell_written(spelling, command, true, true);
        last = command->stage;
    }
    if (spelling->start_count < 2)
        return;
    hunt->command = &commands->list[members[0]];
    for (hunt->number = 0; hunt->number < hunt->list->count; hunt->number++) {
        enum hit hit;

        hunt->pattern = hunt->list->patterns[hunt->number];
        if (memchr(bj_pattern_source(hunt->pattern), '|',
                   strlen(bj_pattern_source(hunt->pattern))) == NULL)
            continue; /* what is about one command has been tried */
        hit = spelling->failed ? LIMIT_HIT : try_written(hunt);
        if (hit != NO_HIT)
            report(hunt, hit);
    }
}

static int compare_members(const void *a, const void *b, void *context)
{
    const struct bj_simple_command *list = context;
    size_t first = *(const size_t *)a, second = *(const size_t *)b;

    if (list[first].pipeline != list[second].pipeline)
        return list[first].pipeline < list[second].pipeline ? -1 : 1;
    if (list[first].stage != list[second].stage)
        return list[first].stage < list[second].stage ? -1 : 1;
    return first < second ? -1 : first > second;
}

static int judge_pipelines(struct hunt *hunt, struct bj_error *err)
{
    const struct bj_commands *commands = hunt->judgement->commands;
    size_t *members = bj_arena_array(hunt->judgement->arena, commands->count, sizeof *members);
    size_t count = 0;

    if (members == NULL && hunt->judgement->arena->no_memory)
        return bj_fail(err, BJ_E_NO_MEMORY, "policy", "out of memory");
    if (members == NULL) {
        /* The text is too large for what it may use, which is asked about. */
        hunt->judgement->too_slow |= commands->incomplete == BJ_COMPLETE;
        return 0;
    }
    for (size_t i = 0; i < commands->count; i++) {
        if (commands->list[i].pipeline >= 0)
            members[count++] = i;
    }
    qsort_r(members, count, sizeof *members, compare_members, (void *)commands->list);
    for (size_t from = 0, to; from < count; from = to) {
        for (to = from + 1; to < count && commands->list[members[to]].pipeline ==
                                              commands->list[members[from]].pipeline;)
            to++;
        judge_pipeline(hunt, members + from, to - from, false);
        judge_pipeline(hunt, members + from, to - from, true);
        if (bj_judgement_late(hunt->judgement))
            break;
    }
    return 0;
}

/* What the text assigns: a pattern may forbid a variable. */
static void judge_assignments(struct hunt *hunt)
{
    struct bj_spelling *spelling = &hunt->list->written;
    const struct bj_commands *commands = hunt->judgement->commands;

    bj_spelling_reset(spelling);
    bj_spell_assignments(spelling, commands->assignments, commands->assignment_count);
    hunt->command = NULL;
    for (hunt->number = 0; hunt->number < hunt->list->count && spelling->start_count > 0;
         hunt->number++) {
        enum hit hit;

        hunt->pattern = hunt->list->patterns[hunt->number];
        hit = spelling->failed ? LIMIT_HIT : try_written(hunt);
        if (hit != NO_HIT)
            report(hunt, hit);
    }
}

/* A function that spawns itself is matched by its text: there is no command that would tell. */
static void judge_bombs(struct hunt *hunt)
{
    struct bj_spelling *spelling = &hunt->list->written;

    if (hunt->judgement->commands->self_spawning_count == 0)
        return;
    bj_spelling_reset(spelling);
    bj_buf_append(&spelling->text, hunt->judgement->text, hunt->judgement->length);
    hunt->command = NULL;
    for (hunt->number = 0; hunt->number < hunt->list->count; hunt->number++) {
        enum hit hit;

        hunt->pattern = hunt->list->patterns[hunt->number];
        hit = spelling->text.failed ? LIMIT_HIT : try_at(hunt, spelling, 0);
        if (hit != NO_HIT)
            report(hunt, hit);
    }
}

int bj_blacklist_judge(struct bj_blacklist *list, struct bj_judgement *judgement,
                       struct bj_error *err)
{
    struct hunt hunt = {.list = list, .judgement = judgement};

    for (size_t i = 0; i < judgement->commands->count; i++) {
        hunt.command = &judgement->commands->list[i];
        if (!hunt.command->function)
            judge_command(&hunt);
        if (bj_judgement_late(judgement))
            break;
    }
    judge_assignments(&hunt);
    judge_bombs(&hunt);
    return judge_pipelines(&hunt, err);
}
