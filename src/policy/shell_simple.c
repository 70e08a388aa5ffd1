/*
 * Simple commands: their words, assignments and redirects, the list that is the result, and the
 * following of what a command runs in its turn.
 */
#include <ctype.h>

#include "policy/shell_internal.h"

/* ---- words and paths ---- */

struct bj_word bj_sh_word(struct walk *walk, struct text text, uint32_t from, uint32_t to)
{
    const char *copy = bj_arena_copy(walk->arena, text.bytes, text.length);

    if (copy == NULL)
        return (struct bj_word){.text = "", .from = from, .to = to};
    return (struct bj_word){
        .text = copy, .length = text.length, .from = from, .to = to, .holes = bj_sh_has_hole(text)};
}

struct text bj_sh_unglob(struct walk *walk, const struct bj_word *word)
{
    char *copy = bj_arena_alloc(walk->arena, word->length + 1);
    uint32_t length = 0;

    if (copy == NULL)
        return HOLE_TEXT;
    for (uint32_t i = 0; i < word->length; i++) {
        char byte = word->text[i];

        if (byte == '[' && memchr(word->text + i, ']', word->length - i) != NULL) {
            while (word->text[i] != ']')
                i++;
            byte = BJ_HOLE;
        } else if (byte == '*' || byte == '?') {
            byte = BJ_HOLE;
        }
        if (byte != BJ_HOLE || length == 0 || copy[length - 1] != BJ_HOLE)
            copy[length++] = byte;
    }
    return (struct text){copy, length};
}

/* Adds the components of `text` to a path; `length` of it so far, without a slash at the end. */
static uint32_t add_components(char *path, uint32_t length, struct text text)
{
    uint32_t at = 0;

    while (at < text.length) {
        uint32_t from = at;

        while (at < text.length && text.bytes[at] != '/')
            at++;
        if (at - from == 2 && memcmp(text.bytes + from, "..", 2) == 0) {
            uint32_t slash = length;

            while (slash > 0 && path[slash - 1] != '/')
                slash--;
            if (length > 0 && memchr(path + slash, BJ_HOLE, length - slash) == NULL)
                length = slash > 0 ? slash - 1 : 0;
            else if (length > 0)
                from = at, memcpy(path + length, "/..", 3), length += 3;
        } else if (at > from && !(at - from == 1 && text.bytes[from] == '.')) {
            path[length++] = '/';
            memcpy(path + length, text.bytes + from, at - from);
            length += at - from;
        }
        at += at < text.length;
    }
    return length;
}

struct bj_word bj_sh_resolve(struct walk *walk, const struct bj_word *word)
{
    const struct value *here = bj_sh_pick(walk, walk->directory);
    bool known = here->kind == VALUE_TEXT;
    struct bj_word path = *word;
    uint32_t length = 0;
    char *bytes;

    /* It may turn out to be absolute: no directory is put before it. */
    if (word->length > 0 && word->text[0] == BJ_HOLE)
        return path;
    bytes = bj_arena_alloc(walk->arena, (known ? here->text.length : 1) + word->length + 4);
    if (bytes == NULL)
        return path;
    if (word->length == 0 || word->text[0] != '/') {
        if (known) {
            length = add_components(bytes, 0, here->text);
        } else {
            bytes[length++] = BJ_HOLE;
            path.holes = true;
        }
    }
    length = add_components(bytes, length, (struct text){word->text, word->length});
    if (length == 0)
        bytes[length++] = '/';
    path.text = bytes;
    path.length = length;
    path.holes |= bj_sh_has_hole((struct text){bytes, length});
    return path;
}

static struct slot *file_slot(struct walk *walk, const struct bj_word *path)
{
    struct bj_word full = bj_sh_resolve(walk, path);

    return full.holes || full.glob
               ? NULL
               : bj_sh_slot(walk, SLOT_FILE, (struct text){full.text, full.length});
}

bool bj_sh_file_text(struct walk *walk, const struct bj_word *path, struct text *ret)
{
    struct slot *slot;
    const struct value *value;

    for (uint32_t i = 0; i < walk->process_count; i++) {
        if (bj_sh_equal(walk->processes[i].name, (struct text){path->text, path->length})) {
            *ret = walk->processes[i].text;
            return true;
        }
    }
    if (bj_word_is(path, "/dev/null")) {
        *ret = (struct text){"", 0};
        return true;
    }
    if (bj_word_is(path, "/dev/stdin") || bj_word_is(path, "/dev/fd/0") ||
        bj_word_is(path, "/proc/self/fd/0")) {
        *ret = walk->input == NULL ? HOLE_TEXT : walk->input->text;
        return true;
    }
    slot = file_slot(walk, path);
    if (slot == NULL || slot->values == NULL)
        return false;
    value = bj_sh_pick(walk, slot);
    *ret = value->kind == VALUE_TEXT ? value->text : HOLE_TEXT;
    return value->kind == VALUE_TEXT;
}

/* ---- redirects ---- */

static void add_redirect(struct call *call, int kind, const struct bj_word *target)
{
    struct bj_redirect *list = bj_sh_grow(call->walk, call->redirects, call->redirect_count,
                                          &call->redirect_room, sizeof *list);

    if (list == NULL)
        return;
    call->redirects = list;
    call->redirects[call->redirect_count].kind = kind;
    call->redirects[call->redirect_count].target = *target;
    call->redirects[call->redirect_count++].path = bj_sh_resolve(call->walk, target);
}

static void set_input(struct call *call, struct text text, bool known)
{
    struct input *input = bj_arena_alloc(call->walk->arena, sizeof *input);

    call->walk->input = known ? input : NULL;
    if (input != NULL)
        *input = (struct input){.text = text, .loops = call->walk->loops};
}

/* The lines of a here-document as they are read. */
static struct text document_text(struct walk *walk, const struct source *source,
                                 const struct document *document)
{
    struct text text = {source->bytes + document->from, document->to - document->from};

    if (document->strip) {
        char *copy = bj_arena_alloc(walk->arena, text.length + 1);
        uint32_t length = 0;
        bool start = true;

        for (uint32_t i = 0; copy != NULL && i < text.length; i++) {
            if (start && text.bytes[i] == '\t')
                continue;
            copy[length++] = text.bytes[i];
            start = text.bytes[i] == '\n';
        }
        text = (struct text){copy == NULL ? "" : copy, length};
    }
    if (document->quoted)
        return text;
    return bj_sh_expand_quoted(walk, text, SCAN_DOCUMENT, source,
                               bj_sh_place(source, document->from),
                               bj_sh_place_end(source, document->to));
}

/* Standard output goes to a file: what is written there is kept if the place is known. */
static void output_to(struct call *call, const struct bj_word *target, bool appends)
{
    struct walk *walk = call->walk;

    if (bj_word_is(target, "/dev/stdout") || bj_word_is(target, "/dev/fd/1") ||
        bj_word_is(target, "/proc/self/fd/1"))
        return;
    call->file_sink = (struct sink){.room = 0};
    call->appends = appends;
    call->file = file_slot(walk, target);
    walk->sink = call->file == NULL ? NULL : &call->file_sink;
}

static void redirect(struct call *call, const struct token *token, const struct token *target)
{
    struct walk *walk = call->walk;
    const struct source *source = call->source;
    struct bj_word word;
    bool number, out = token->fd == 1 || token->fd == -1;

    if (token->op == OP_DOCUMENT) {
        bool known = token->document < source->document_count;
        struct text text =
            known ? document_text(walk, source, &source->documents[token->document]) : HOLE_TEXT;

        if (token->fd <= 0)
            set_input(call, text, true);
        return;
    }
    word = bj_sh_expand_one(walk, source, target->from, target->to, EXPAND_ONE);
    number = word.length > 0 && !word.holes;
    for (uint32_t i = 0; i < word.length; i++)
        number = number && (isdigit((unsigned char)word.text[i]) || word.text[i] == '-');
    switch ((enum redirect_op)token->op) {
    case OP_STRING:
        if (token->fd <= 0)
            set_input(call, bj_sh_concat(walk, (struct text){word.text, word.length}, TEXT("\n")),
                      true);
        break;
    case OP_READ:
    case OP_BOTH: {
        struct text text = HOLE_TEXT;
        bool known = bj_sh_file_text(walk, &word, &text);

        add_redirect(call, token->op == OP_READ ? BJ_REDIRECT_READ : BJ_REDIRECT_BOTH, &word);
        if (token->fd <= 0)
            set_input(call, text, known);
        break;
    }
    case OP_WRITE:
    case OP_APPEND:
        add_redirect(call, token->op == OP_WRITE ? BJ_REDIRECT_WRITE : BJ_REDIRECT_APPEND, &word);
        if (out)
            output_to(call, &word, token->op == OP_APPEND);
        break;
    case OP_ALL:
    case OP_ALL_APPEND:
        add_redirect(call, token->op == OP_ALL ? BJ_REDIRECT_WRITE : BJ_REDIRECT_APPEND, &word);
        output_to(call, &word, token->op == OP_ALL_APPEND);
        break;
    case OP_DUP_OUT:
        if (!number)
            add_redirect(call, BJ_REDIRECT_WRITE, &word);
        if (out && !bj_word_is(&word, "1"))
            walk->sink = NULL;
        break;
    case OP_DUP_IN:
        if (token->fd <= 0 && !bj_word_is(&word, "0"))
            walk->input = NULL;
        break;
    case OP_DOCUMENT:
        break;
    }
}

static void end_output(struct call *call)
{
    struct walk *walk = call->walk;
    struct text text = call->file_sink.text;

    if (call->file == NULL)
        return;
    if (text.bytes == NULL)
        text = (struct text){"", 0};
    if (call->appends) {
        const struct value *value = bj_sh_pick(walk, call->file);

        text = bj_sh_concat(
            walk, call->file->values != NULL && value->kind == VALUE_TEXT ? value->text : HOLE_TEXT,
            text);
    }
    bj_sh_set_text(walk, call->file, text);
}

static void all_redirects(struct call *call, uint32_t from, uint32_t to)
{
    const struct source *source = call->source;

    for (uint32_t i = bj_sh_token_at(source, from);
         i < source->token_count && source->tokens[i].from < to; i = bj_sh_token_next(source, i)) {
        const struct token *token = &source->tokens[i];

        if (token->kind != TOKEN_REDIRECT || i + 1 >= source->token_count)
            continue;
        redirect(call, token, &source->tokens[i + 1]);
        i++;
    }
}

/* A word of the walker's own, as long-lived as the list that keeps it; NULL without memory. */
static struct bj_word *own_word(struct call *call, const char *text)
{
    struct bj_word *word = bj_arena_alloc(call->walk->arena, sizeof *word);

    if (word != NULL)
        *word = (struct bj_word){
            .text = text, .length = (uint32_t)strlen(text), .from = call->from, .to = call->to};
    return word;
}

void bj_sh_redirects_begin(struct call *call, uint32_t from, uint32_t to)
{
    all_redirects(call, from, to);
    for (uint32_t i = bj_sh_token_at(call->source, from);
         i < call->source->token_count && call->source->tokens[i].from < to;
         i = bj_sh_token_next(call->source, i)) {
        if (call->source->tokens[i].kind == TOKEN_REDIRECT)
            i++;
        else if (call->source->tokens[i].kind == TOKEN_WORD)
            bj_sh_incomplete(call->walk, BJ_NOT_PARSED,
                             bj_sh_place(call->source, call->source->tokens[i].from));
    }
    /* A command that does nothing but have these redirects stands for them in the list. */
    if (call->redirect_count > 0) {
        struct bj_word *nothing = own_word(call, ":");

        if (nothing != NULL)
            bj_sh_run(call, nothing, 1, true);
    }
}

void bj_sh_redirects_end(struct call *call)
{
    end_output(call);
}

/* ---- the list ---- */

/* Assignments in the environment of the command: those before it and what was exported. */
static void list_environment(struct call *call, struct bj_command *command)
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

static bool same_words(const struct bj_command *a, const struct bj_word *words, size_t count)
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
        const struct bj_command *old = &result->list[i];

        if (old->from == call->from && old->to == call->to && old->parent == call->walk->parent &&
            old->privileged == call->walk->privileged && old->pipeline == call->walk->pipeline &&
            old->stage == call->walk->stage && old->redirect_count == call->redirect_count &&
            call->redirect_count == 0 && call->assignment_count == 0 &&
            call->walk->export_count == 0 && same_words(old, words, count) &&
            (old->directory == NULL ? here->kind != VALUE_TEXT
                                    : here->kind == VALUE_TEXT &&
                                          bj_sh_equal(bj_sh_string(old->directory), here->text)))
            return (int)i;
    }
    return -1;
}

static void list_paths(struct walk *walk, struct bj_command *command)
{
    struct bj_word *paths;

    paths = bj_arena_array(walk->arena, command->program.operand_count, sizeof *paths);
    for (size_t i = 0; paths != NULL && i < command->program.operand_count; i++)
        paths[i] = bj_sh_resolve(walk, &command->program.operands[i]);
    command->paths = paths;
}

/* Adds a command to the list. Its index; -1 if there is no room. */
static int list_command(struct call *call, const struct bj_word *words, size_t count)
{
    struct walk *walk = call->walk;
    struct bj_commands *result = walk->result;
    int before = listed_before(call, words, count);
    struct bj_command *list, *command;
    const struct value *here;
    struct bj_word *kept;

    if (before >= 0)
        return before;
    if (result->count >= BJ_SHELL_COMMANDS_MAX) {
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
    *command = (struct bj_command){.words = words,
                                   .word_count = count,
                                   .redirects = call->redirects,
                                   .redirect_count = call->redirect_count,
                                   .from = call->from,
                                   .to = call->to,
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
    struct bj_command *command = (struct bj_command *)walk->result->list + index;

    if (index < 0 || command->unknown == BJ_UNKNOWN_SCRIPT)
        return;
    command->unknown = BJ_UNKNOWN_SCRIPT;
    command->why = why;
}

/* ---- what a command runs ---- */

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

    if (bj_sh_has_hole(text))
        bj_sh_unknown(walk, call->index, "part of the shell text that it runs is not known");
    if (new_shell)
        forget_unexported(walk);
    walk->parent = call->index;
    bj_sh_walk_text(walk, text, call->source, call->from, call->to);
    walk->parent = parent;
    if (new_shell)
        bj_sh_undo(walk, mark);
}

/* `sh -c text name one two`: what "$@" is in the text. */
static void set_arguments(struct walk *walk, const struct bj_word *words, size_t count)
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

static void follow_shell(struct call *call, const struct bj_command *command,
                         const struct bj_effect *effect)
{
    const struct bj_program *program = &command->program;
    uint32_t mark = call->walk->journal.count;

    if (program->operand_count > 0 && program->operands[0].text == effect->words[0].text)
        set_arguments(call->walk, program->operands + (program->operand_count > 1 ? 2 : 1),
                      program->operand_count > 1 ? program->operand_count - 2 : 0);
    bj_sh_run_text(call, (struct text){effect->words[0].text, effect->words[0].length}, true);
    bj_sh_undo(call->walk, mark);
}

static bool is_shell(const char *language)
{
    return strcmp(language, "sh") == 0 || strcmp(language, "bash") == 0;
}

static void follow_script(struct call *call, const struct bj_command *command,
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
        set_arguments(walk, command->program.operands + 1, command->program.operand_count - 1);
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

static void follow_words(struct call *call, const struct bj_command *command,
                         const struct bj_effect *effect)
{
    struct walk *walk = call->walk;
    bool xargs = strcmp(command->program.name, "xargs") == 0;
    struct fields fields = {0};
    struct call child = {
        .walk = walk, .source = call->source, .from = call->from, .to = call->to, .index = -1};
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
    bj_sh_follow_variable(call, name.bytes, &value);
}

/* Files that a command writes are not what the text made them before. */
static void forget_file(struct walk *walk, const struct bj_word *word)
{
    struct slot *slot = file_slot(walk, word);

    if (slot != NULL && slot->values != NULL)
        bj_sh_set_text(walk, slot, HOLE_TEXT);
}

/* True if what it runs writes its output. */
static bool follow_effect(struct call *call, const struct bj_command *command,
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
static void follow(struct call *call)
{
    struct walk *walk = call->walk;
    /* The list may move while what it runs is added. */
    struct bj_command command = walk->result->list[call->index];
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

/* ---- running words ---- */

static bool calls_itself(const struct walk *walk, const struct value *function)
{
    for (const struct frame *frame = walk->frame; frame != NULL; frame = frame->outer)
        if (frame->function == function || frame->function->body == function->body)
            return true;
    return false;
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
    bool spawning = walk->spawning;
    int parent = walk->parent;

    if (calls_itself(walk, function)) {
        if (walk->spawning)
            note_spawning(walk, &words[0]);
        return;
    }
    if (!bj_sh_enter(walk))
        return;
    set_arguments(walk, words + 1, count - 1);
    walk->frame = &frame;
    walk->spawning = false;
    walk->choices = NULL;
    walk->parent = call->index;
    bj_sh_walk_node(walk, function->source, function->body);
    walk->parent = parent;
    walk->choices = choices;
    walk->spawning = spawning;
    walk->frame = frame.outer;
    while (frame.local_count > 0) {
        const struct change *local = &frame.locals[--frame.local_count];

        bj_sh_set_values(walk, local->slot, local->before);
    }
    bj_sh_set_values(walk, walk->positional, arguments);
    bj_sh_leave(walk);
}

/* A command whose name is not known: all that is known is listed. */
static int run_unknown(struct call *call, struct bj_word *words, size_t count, bool shell)
{
    struct bj_command *command;

    if (words[0].glob) {
        struct text name = bj_sh_unglob(call->walk, &words[0]);

        words[0] = bj_sh_word(call->walk, name, words[0].from, words[0].to);
    }
    call->index = list_command(call, words, count);
    if (call->index < 0)
        return -1;
    command = (struct bj_command *)call->walk->result->list + call->index;
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

int bj_sh_run(struct call *call, struct bj_word *words, size_t count, bool shell)
{
    struct walk *walk = call->walk;
    const struct builtin *builtin;
    const struct value *function = NULL;
    struct slot *slot;

    if (count == 0 || !bj_sh_step(walk))
        return -1;
    if (words[0].holes || (words[0].glob && !bj_word_is(&words[0], "[")))
        return run_unknown(call, words, count, shell);
    slot = shell ? bj_sh_slot(walk, SLOT_FUNCTION, (struct text){words[0].text, words[0].length})
                 : NULL;
    if (slot != NULL && slot->values != NULL)
        function = bj_sh_pick(walk, slot);
    call->index = list_command(call, words, count);
    if (call->index < 0)
        return -1;
    builtin = shell ? bj_sh_builtin(&words[0]) : NULL;
    if (function != NULL && function->kind == VALUE_FUNCTION) {
        ((struct bj_command *)walk->result->list)[call->index].function = true;
        run_function(call, words, count, function);
    } else if (builtin != NULL) {
        ((struct bj_command *)walk->result->list)[call->index].builtin = true;
        if (builtin->run != NULL)
            builtin->run(call, words, count);
        if (!builtin->no_output && walk->sink != NULL)
            bj_sh_write(walk, walk->sink, bj_sh_output(walk, &walk->result->list[call->index]));
    } else {
        follow(call);
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

/* ---- reading a simple command ---- */

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
        walk, (struct text){call->source->bytes + from, to - from}, SCAN_COMMANDS, call->source,
        bj_sh_place(call->source, from), bj_sh_place_end(call->source, to));
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

void bj_sh_append_elements(struct walk *walk, struct slot *slot, const struct fields *fields)
{
    struct value value = *bj_sh_pick(walk, slot);
    struct element *list;
    uint32_t count = value.kind == VALUE_ARRAY ? value.count : value.kind == VALUE_TEXT;

    list = bj_arena_array(walk->arena, count + fields->count, sizeof *list);
    if (list == NULL)
        return;
    if (value.kind == VALUE_ARRAY && count > 0)
        memcpy(list, value.elements, count * sizeof *list);
    else if (value.kind == VALUE_TEXT)
        list[0] = (struct element){TEXT("0"), value.text};
    for (size_t i = 0; i < fields->count; i++) {
        list[count].key = bj_sh_number(walk, count);
        list[count++].value = fields->list[i].glob
                                  ? bj_sh_unglob(walk, &fields->list[i])
                                  : (struct text){fields->list[i].text, fields->list[i].length};
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

    for (uint32_t i = test + 1; i < source->token_count && source->tokens[i].to < end;
         i = bj_sh_token_next(source, i)) {
        const struct token *token = &source->tokens[i];
        struct bj_word word;
        uint32_t length = token->to - token->from;
        const char *raw = source->bytes + token->from;

        if (token->kind != TOKEN_WORD)
            continue;
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
    struct bj_word *word;
    int64_t ignored;

    if (i >= source->token_count || source->tokens[i].from >= to ||
        (source->tokens[i].kind != TOKEN_TEST && source->tokens[i].kind != TOKEN_MATH))
        return false;
    word = own_word(call, source->tokens[i].kind == TOKEN_TEST ? "[[" : "((");
    if (source->tokens[i].kind == TOKEN_TEST) {
        run_test(call, i);
    } else {
        bj_sh_math_range(walk, source, source->tokens[i].from + 2, source->tokens[i].to - 2,
                         &ignored);
    }
    bj_sh_redirects_begin(call, source->tokens[i].to, to);
    if (call->redirect_count == 0 && word != NULL)
        bj_sh_run(call, word, 1, true);
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
        call->before[made] = call->assigned[made] == NULL ? NULL : call->assigned[made]->values;
        assign_token(call, &source->tokens[i]);
        if (call->words.count > 0)
            bj_sh_add_flags(walk, call->assigned[made], FLAG_EXPORTED, 0);
        made++;
    }
}

/* Variables set before a command are as they were again, unless there was no command. */
static void take_back(struct call *call, uint32_t count)
{
    for (uint32_t i = count; i-- > 0 && call->before != NULL && call->assigned != NULL;)
        bj_sh_set_values(call->walk, call->assigned[i], call->before[i]);
}

static void one_reading(struct walk *walk, const struct source *source, uint32_t from, uint32_t to)
{
    struct call call = {.walk = walk,
                        .source = source,
                        .from = bj_sh_place(source, from),
                        .to = bj_sh_place_end(source, to),
                        .index = -1};
    struct input *input = walk->input;
    struct sink *sink = walk->sink;
    uint32_t assignments;

    if (run_alias(walk, source, from, to))
        return;
    if (!run_special(&call, from, to)) {
        assignments = read_words(&call, from, to);
        all_redirects(&call, from, to);
        make_assignments(&call, from, to, assignments);
        if (call.words.count > 0) {
            bj_sh_run(&call, call.words.list, call.words.count, true);
        } else if (call.redirect_count > 0) {
            struct bj_word *nothing = own_word(&call, ":");

            /* $(< file) is what the file holds. */
            if (walk->sink != NULL && assignments == 0)
                bj_sh_write(walk, walk->sink, walk->input == NULL ? HOLE_TEXT : walk->input->text);
            if (nothing != NULL)
                bj_sh_run(&call, nothing, 1, true);
        }
        for (size_t i = 0; i < call.assignment_count; i++)
            bj_sh_follow_variable(&call, call.assignments[i].name, &call.assignments[i].value);
        end_output(&call);
        if (call.words.count > 0)
            take_back(&call, assignments);
    }
    walk->input = input;
    walk->sink = sink;
}

void bj_sh_simple(struct walk *walk, const struct source *source, uint32_t from, uint32_t to)
{
    struct choices choices = {.product = 1}, *outer = walk->choices;
    struct branches branches;
    bool several = false, more;
    uint32_t outer_from = walk->command_from, outer_to = walk->command_to;

    bj_sh_branches_begin(walk, &branches);
    walk->choices = &choices;
    walk->command_from = bj_sh_place(source, from);
    walk->command_to = bj_sh_place_end(source, to);
    do {
        one_reading(walk, source, from, to);
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
