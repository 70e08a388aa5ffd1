/*
 * Simple commands as they stand in a text: aliases, assignments, words and redirects, [[ ]] and ((
 * )), read once for each choice of what their variables may be.
 */
#include "policy/shell_internal.h"

/* NAME=, NAME+=, NAME[…]= at the beginning of a word: where its value begins; 0 if it is none. */
static uint32_t assignment(const struct source *source, const struct token *token,
                           struct text *ret_name, struct text *ret_subscript, bool *ret_append)
{
    const char *bytes = source->bytes;
    uint32_t name = bj_sh_name_length(bytes + token->from, token->to - token->from);
    uint32_t at = token->from + name;

    *ret_name = (struct text){bytes + token->from, name};
    *ret_subscript = (struct text){NULL, 0};
    *ret_append = false;
    if (name == 0 || at >= token->to)
        return 0;
    if (bytes[at] == '[') {
        uint32_t depth = 1;

        *ret_subscript = (struct text){bytes + at + 1, 0};
        for (at++; at < token->to; at = bj_sh_skip(source, at, token->to)) {
            depth += bytes[at] == '[';
            if (bytes[at] == ']' && --depth == 0)
                break;
        }
        if (at >= token->to)
            return 0;
        ret_subscript->length = (uint32_t)(bytes + at - ret_subscript->bytes);
        at++;
    }
    *ret_append = at + 1 < token->to && bytes[at] == '+';
    at += *ret_append;
    return at < token->to && bytes[at] == '=' ? at + 1 : 0;
}

/* NAME=( … ): words, some with [key]= before them. */
static void assign_array(struct call *call, struct text name, uint32_t from, uint32_t to,
                         bool append)
{
    struct walk *walk = call->walk;
    struct slot *slot = bj_sh_variable(walk, name);
    const struct value *old = bj_sh_pick(walk, slot);
    struct value value = {.kind = VALUE_ARRAY, .flags = old->flags};
    struct source *inner = bj_sh_source(
        walk, (struct text){call->source->bytes + from, to > from ? to - from : 0}, SCAN_COMMANDS,
        call->source, bj_sh_place(call->source, from), bj_sh_place_end(call->source, to));
    struct fields fields = {0};

    if (inner == NULL)
        return;
    if (!append)
        bj_sh_set(walk, slot, &value);
    for (uint32_t i = 0; i < inner->token_count; i = bj_sh_token_next(inner, i)) {
        const struct token *token = &inner->tokens[i];
        uint32_t equals = token->from;

        if (token->kind != TOKEN_WORD) {
            if (token->kind == TOKEN_OPERATOR && inner->bytes[token->from] != '\n' &&
                token->to - token->from > 1)
                bj_sh_expand(walk, inner, token->from, token->to, &fields);
            continue;
        }
        while (inner->bytes[token->from] == '[' && equals + 1 < token->to &&
               !(inner->bytes[equals] == ']' && inner->bytes[equals + 1] == '='))
            equals = bj_sh_skip(inner, equals, token->to);
        if (inner->bytes[token->from] == '[' && equals + 1 < token->to) {
            struct text key = {inner->bytes + token->from + 1, equals - token->from - 1};
            struct bj_word word = bj_sh_expand_one(walk, inner, equals + 2, token->to, EXPAND_ONE);

            bj_sh_assign(walk, name, &key, (struct text){word.text, word.length}, false);
        } else {
            bj_sh_expand(walk, inner, token->from, token->to, &fields);
        }
    }
    if (fields.count == 0)
        return;
    bj_sh_append_elements(walk, slot, &fields);
}

void bj_sh_set_elements(struct walk *walk, struct slot *slot, const struct fields *fields,
                        bool more)
{
    struct value value = {
        .kind = VALUE_ARRAY, .flags = bj_sh_pick(walk, slot)->flags, .more = more};

    bj_sh_set(walk, slot, &value);
    if (fields->count > 0)
        bj_sh_append_elements(walk, slot, fields);
}

/* declare -A x=(key value key value) */
static void append_pairs(struct walk *walk, struct slot *slot, struct value value,
                         const struct fields *fields)
{
    struct element *list =
        bj_arena_array(walk->arena, (size_t)value.count + fields->count, sizeof *list);

    if (list == NULL)
        return;
    if (value.count > 0)
        memcpy(list, value.elements, value.count * sizeof *list);
    for (size_t i = 0; i < fields->count; i += 2) {
        struct text key = bj_word_text(&fields->list[i]);
        uint32_t k = 0;

        while (k < value.count && !bj_sh_equal(list[k].key, key))
            k++;
        value.count += k == value.count;
        value.more |= fields->list[i].holes || fields->list[i].splits || fields->list[i].glob;
        list[k] = (struct element){key, i + 1 < fields->count ? bj_word_text(&fields->list[i + 1])
                                                              : (struct text){"", 0}};
    }
    /* What cannot be told apart may be any of them. */
    if (value.more)
        value.count = 0;
    value.elements = list;
    bj_sh_set(walk, slot, &value);
}

void bj_sh_append_elements(struct walk *walk, struct slot *slot, const struct fields *fields)
{
    struct value value = *bj_sh_pick(walk, slot);
    struct element *list;
    uint32_t count = value.kind == VALUE_ARRAY ? value.count : value.kind == VALUE_TEXT;
    int64_t number;

    if (value.flags & FLAG_KEYED && value.kind == VALUE_ARRAY) {
        append_pairs(walk, slot, value, fields);
        return;
    }

    list = bj_arena_array(walk->arena, count + fields->count, sizeof *list);
    if (list == NULL)
        return;
    if (value.kind == VALUE_ARRAY && count > 0)
        memcpy(list, value.elements, count * sizeof *list);
    else if (value.kind == VALUE_TEXT)
        list[0] = (struct element){TEXT("0"), value.text};
    for (size_t i = 0; i < fields->count; i++) {
        list[count].key = bj_sh_number(walk, count);
        list[count].value = fields->list[i].glob
                                ? bj_sh_unglob(walk, &fields->list[i])
                                : (struct text){fields->list[i].text, fields->list[i].length};
        if (value.flags & FLAG_INTEGER)
            list[count].value = bj_sh_math(walk, list[count].value, &number)
                                    ? bj_sh_number(walk, number)
                                    : HOLE_TEXT;
        else if (value.flags & (FLAG_LOWER | FLAG_UPPER))
            list[count].value = HOLE_TEXT;
        count++;
        value.more |= fields->list[i].splits;
    }
    value.kind = VALUE_ARRAY;
    value.elements = list;
    value.count = count;
    bj_sh_set(walk, slot, &value);
}

/* One assignment word; its value is added to those of the call too. */
static bool assign_token(struct call *call, const struct token *token)
{
    struct walk *walk = call->walk;
    struct text name, subscript;
    struct bj_assignment *list;
    struct bj_word word;
    bool append;
    uint32_t from = assignment(call->source, token, &name, &subscript, &append);

    if (from == 0)
        return false;
    if (from < token->to && call->source->bytes[from] == '(' && subscript.bytes == NULL) {
        assign_array(call, name, from + 1, token->to - 1, append);
        return true;
    }
    word = bj_sh_expand_one(walk, call->source, from, token->to, EXPAND_ONE);
    bj_sh_assign(walk, name, subscript.bytes == NULL ? NULL : &subscript,
                 (struct text){word.text, word.length}, append);
    list = bj_sh_grow(walk, call->assignments, call->assignment_count, &call->assignment_room,
                      sizeof *list);
    if (list == NULL)
        return true;
    call->assignments = list;
    list[call->assignment_count].name = bj_sh_copy(walk, name).bytes;
    list[call->assignment_count++].value = word;
    return true;
}

/* Expands the words of [from, to); assignments before them are counted, not yet made. */
static uint32_t read_words(struct call *call, uint32_t from, uint32_t to)
{
    const struct source *source = call->source;
    const struct builtin *builtin = NULL;
    struct text name, subscript;
    uint32_t assignments = 0, i = bj_sh_token_at(source, from);
    bool append;

    for (; i < source->token_count && source->tokens[i].from < to;
         i = bj_sh_token_next(source, i)) {
        const struct token *token = &source->tokens[i];

        if (token->kind == TOKEN_REDIRECT) {
            if (i + 1 < source->token_count)
                i++;
            continue;
        }
        if (token->kind == TOKEN_OPERATOR)
            bj_sh_incomplete(call->walk, BJ_NOT_PARSED, bj_sh_place(source, token->from));
        if (token->kind != TOKEN_WORD)
            continue;
        if ((call->words.count == 0 || (builtin != NULL && builtin->declares)) &&
            assignment(source, token, &name, &subscript, &append) != 0) {
            if (call->words.count == 0) {
                assignments++;
            } else {
                /* declare x=$y: not split. Its array, if it is one, is read by the builtin. */
                struct bj_word word = bj_sh_declared(call, token);
                struct bj_word *list = bj_sh_grow(call->walk, call->words.list, call->words.count,
                                                  &call->words.room, sizeof *list);

                if (list == NULL)
                    return assignments;
                call->words.list = list;
                list[call->words.count++] = word;
            }
            continue;
        }
        bj_sh_expand(call->walk, source, token->from, token->to, &call->words);
        if (call->words.count > 0 && builtin == NULL && !call->words.list[0].holes)
            builtin = bj_sh_builtin(&call->words.list[0]);
    }
    return assignments;
}

/* An argument of declare: as one word; an array is set here. */
struct bj_word bj_sh_declared(struct call *call, const struct token *token)
{
    struct text name, subscript;
    bool append;
    uint32_t value = assignment(call->source, token, &name, &subscript, &append);
    uint32_t place = bj_sh_place(call->source, token->from);

    if (value < token->to && call->source->bytes[value] == '(' && subscript.bytes == NULL) {
        bool keyed = false;

        for (size_t i = 1; i < call->words.count; i++)
            keyed |= bj_word_starts(&call->words.list[i], "-") &&
                     memchr(call->words.list[i].text, 'A', call->words.list[i].length) != NULL;
        if (keyed)
            bj_sh_set(call->walk, bj_sh_variable(call->walk, name),
                      &(struct value){.kind = VALUE_ARRAY, .flags = FLAG_KEYED});
        assign_array(call, name, value + 1, token->to - 1, append);
        return bj_sh_word(call->walk, name, place, place);
    }
    return bj_sh_expand_one(call->walk, call->source, token->from, token->to, EXPAND_ONE);
}

/* [[ … ]]: its words are expanded, numbers and subscripts in them evaluated. */
static void run_test(struct call *call, uint32_t test)
{
    const struct source *source = call->source;
    struct walk *walk = call->walk;
    uint32_t end = source->tokens[test].to;
    struct bj_word last = {.text = ""};
    int64_t ignored;
    bool number = false, variable = false;
    struct branches branches;

    bj_sh_branches_begin(walk, &branches);
    for (uint32_t i = test + 1; i < source->token_count && source->tokens[i].to < end;
         i = bj_sh_token_next(source, i)) {
        const struct token *token = &source->tokens[i];
        struct bj_word word;
        uint32_t length = token->to - token->from;
        const char *raw = source->bytes + token->from;

        if (token->kind != TOKEN_WORD)
            continue;
        /* Behind && and || it may not be evaluated. */
        bj_sh_branch_snapshot(walk, &branches);
        word = bj_sh_expand_one(walk, source, token->from, token->to, EXPAND_ONE);
        if (length == 3 && raw[0] == '-' && strchr("eq ne lt le gt ge", raw[1]) != NULL &&
            bj_sh_is_comparison((struct text){raw, length})) {
            bj_sh_math(walk, (struct text){last.text, last.length}, &ignored);
            number = true;
        } else if (number) {
            bj_sh_math(walk, (struct text){word.text, word.length}, &ignored);
            number = false;
        } else if (variable) {
            bj_sh_touch(walk, (struct text){word.text, word.length});
            variable = false;
        } else if (length == 2 && (memcmp(raw, "-v", 2) == 0 || memcmp(raw, "-R", 2) == 0)) {
            variable = true;
        }
        last = word;
    }
    bj_sh_branch_end(walk, &branches);
    bj_sh_branches_join(walk, &branches, false);
}

bool bj_sh_is_comparison(struct text text)
{
    static const char *const names[] = {"-eq", "-ne", "-lt", "-le", "-gt", "-ge"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (bj_sh_equal(text, bj_sh_string(names[i])))
            return true;
    return false;
}

/* A text that names a variable: if it is an element its subscript is evaluated. */
void bj_sh_touch(struct walk *walk, struct text text)
{
    struct text name, subscript;

    if (bj_sh_subscript(text, &name, &subscript))
        bj_sh_items(walk, name, &subscript);
}

/* [[ ]] or (( )); false if the tokens are a common command. */
static bool run_special(struct call *call, uint32_t from, uint32_t to)
{
    const struct source *source = call->source;
    struct walk *walk = call->walk;
    uint32_t i = bj_sh_token_at(source, from);
    struct bj_word word = {.text = "[[", .length = 2, .from = call->from, .to = call->to};
    int64_t ignored;

    if (i >= source->token_count || source->tokens[i].from >= to ||
        (source->tokens[i].kind != TOKEN_TEST && source->tokens[i].kind != TOKEN_MATH))
        return false;
    if (source->tokens[i].kind == TOKEN_TEST) {
        run_test(call, i);
    } else {
        word.text = "((";
        bj_sh_math_range(walk, source, source->tokens[i].from + 2, source->tokens[i].to - 2,
                         &ignored);
    }
    bj_sh_redirects_begin(call, source->tokens[i].to, to);
    if (call->redirect_count == 0)
        bj_sh_run(call, &word, 1, true);
    bj_sh_redirects_end(call);
    return true;
}

/* An alias: the shell may put its text in the place of the name, or not. */
static bool run_alias(struct walk *walk, const struct source *source, uint32_t from, uint32_t to)
{
    uint32_t i = bj_sh_token_at(source, from);
    const struct value *value;
    struct slot *slot;
    struct text text, rest;

    if (i >= source->token_count || source->tokens[i].kind != TOKEN_WORD ||
        source->tokens[i].from >= to)
        return false;
    slot = bj_sh_slot(walk, SLOT_ALIAS,
                      (struct text){source->bytes + source->tokens[i].from,
                                    source->tokens[i].to - source->tokens[i].from});
    if (slot == NULL || slot->values == NULL)
        return false;
    value = bj_sh_pick(walk, slot);
    if (value->kind != VALUE_TEXT || bj_sh_choose(walk, &slot->name, 2) == 0)
        return false;
    rest = (struct text){source->bytes + source->tokens[i].to, to - source->tokens[i].to};
    text = bj_sh_concat(walk, value->text, rest);
    /* An alias is not looked up again in its own text. */
    bj_sh_set(walk, slot, &(struct value){.kind = VALUE_UNSET});
    bj_sh_walk_text(walk, text, source, bj_sh_place(source, from), bj_sh_place_end(source, to));
    bj_sh_set(walk, slot, value);
    return true;
}

/* Makes the assignments before the words; with a command they last as long as it runs. */
static void make_assignments(struct call *call, uint32_t from, uint32_t to, uint32_t count)
{
    const struct source *source = call->source;
    struct walk *walk = call->walk;
    struct text name, subscript;
    bool append;
    uint32_t made = 0;

    if (count == 0)
        return;
    call->assigned = bj_arena_array(walk->arena, count, sizeof *call->assigned);
    call->before = bj_arena_array(walk->arena, count, sizeof *call->before);
    for (uint32_t i = bj_sh_token_at(source, from);
         made < count && i < source->token_count && source->tokens[i].from < to;
         i = bj_sh_token_next(source, i)) {
        if (source->tokens[i].kind == TOKEN_REDIRECT) {
            i++;
            continue;
        }
        if (source->tokens[i].kind != TOKEN_WORD || call->before == NULL ||
            call->assigned == NULL ||
            assignment(source, &source->tokens[i], &name, &subscript, &append) == 0)
            continue;
        call->assigned[made] = bj_sh_variable(walk, name);
        call->before[made] = bj_sh_get(walk, call->assigned[made]);
        assign_token(call, &source->tokens[i]);
        if (call->words.count > 0)
            bj_sh_add_flags(walk, call->assigned[made], FLAG_EXPORTED, 0);
        made++;
    }
}

/* Before a function or a special builtin assignments stay, in some shells and modes. */
static bool may_stay(const struct call *call)
{
    static const char *const special[] = {
        ":",      ".",     "eval", "exec",  "export", "readonly", "set",  "shift",
        "source", "times", "trap", "unset", "break",  "return",   "exit", "continue"};
    const struct bj_word *name = &call->words.list[0];

    if (call->index < 0 || call->walk->result->list[call->index].function)
        return true;
    for (size_t i = 0; i < sizeof special / sizeof *special; i++)
        if (bj_word_is(name, special[i]))
            return true;
    return false;
}

/* Variables set before a command are as they were again, unless there was no command. */
static void take_back(struct call *call, uint32_t count)
{
    bool stay = may_stay(call);

    for (uint32_t i = count; i-- > 0 && call->before != NULL && call->assigned != NULL;)
        if (stay)
            bj_sh_may_be(call->walk, call->assigned[i], call->before[i]);
        else
            bj_sh_set_values(call->walk, call->assigned[i], call->before[i]);
}

static void one_reading(const struct bj_statement *statement, struct walk *walk,
                        const struct source *source, uint32_t from, uint32_t to)
{
    struct call call = {.walk = walk,
                        .source = source,
                        .from = statement->from,
                        .to = statement->to,
                        .statement = statement,
                        .index = -1};
    struct call *outer = walk->call;
    struct input *input = walk->input;
    struct sink *sink = walk->sink;
    struct branches branches;
    uint32_t assignments;

    if (run_alias(walk, source, from, to))
        return;
    walk->call = &call;
    walk->within = statement;
    if (!run_special(&call, from, to)) {
        assignments = read_words(&call, from, to);
        bj_sh_redirect_all(&call, from, to);
        bj_sh_redirected_begin(&call, &branches, sink);
        make_assignments(&call, from, to, assignments);
        /* What the words run makes nothing of them any more. */
        walk->within = statement->within;
        if (call.words.count > 0) {
            bj_sh_run(&call, call.words.list, call.words.count, true);
        } else if (call.redirect_count > 0) {
            struct bj_word nothing = {.text = ":", .length = 1, .from = call.from, .to = call.to};

            /* $(< file) is what the file holds. */
            if (walk->sink != NULL && assignments == 0)
                bj_sh_write(walk, walk->sink, walk->input == NULL ? HOLE_TEXT : walk->input->text);
            bj_sh_run(&call, &nothing, 1, true);
        }
        if (call.words.count > 0)
            take_back(&call, assignments);
        bj_sh_redirected_end(&call, &branches);
        bj_sh_redirects_end(&call);
    }
    walk->call = outer;
    walk->within = statement->within;
    walk->input = input;
    walk->sink = sink;
}

void bj_sh_simple(struct walk *walk, const struct source *source, uint32_t from, uint32_t to)
{
    struct choices choices = {.product = 1}, *outer = walk->choices;
    struct branches branches;
    bool several = false, more;
    uint32_t outer_from = walk->command_from, outer_to = walk->command_to;
    struct bj_statement *statement = bj_arena_alloc(walk->arena, sizeof *statement);

    if (statement == NULL)
        return;
    *statement = (struct bj_statement){.within = walk->within,
                                       .parent = walk->parent,
                                       .from = bj_sh_place(source, from),
                                       .to = bj_sh_place_end(source, to),
                                       .at = from};
    walk->simple++;
    bj_sh_branches_begin(walk, &branches);
    walk->choices = &choices;
    walk->command_from = statement->from;
    walk->command_to = statement->to;
    do {
        one_reading(statement, walk, source, from, to);
        more = bj_sh_choices_next(&choices) && !walk->stopped;
        several |= more;
        if (several)
            bj_sh_branch_end(walk, &branches);
    } while (more);
    walk->choices = outer;
    walk->command_from = outer_from;
    walk->command_to = outer_to;
    if (several)
        bj_sh_branches_join(walk, &branches, false);
}
