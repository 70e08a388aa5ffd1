/*
 * Redirects: what they open, what a command then reads on standard input, and where what it writes
 * goes.
 */
#include <ctype.h>

#include "policy/shell_internal.h"

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
    call->file = bj_sh_file_slot(walk, target);
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

void bj_sh_redirects_end(struct call *call)
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

void bj_sh_redirect_all(struct call *call, uint32_t from, uint32_t to)
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

void bj_sh_redirects_begin(struct call *call, uint32_t from, uint32_t to)
{
    bj_sh_redirect_all(call, from, to);
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
        struct bj_word nothing = {.text = ":", .length = 1, .from = call->from, .to = call->to};

        bj_sh_run(call, &nothing, 1, true);
    }
}

/* Opening one of these does not fail. */
static bool always_opens(const struct bj_word *word)
{
    return !word->holes && (bj_word_is(word, "/dev/null") || bj_word_starts(word, "/dev/fd/") ||
                            bj_word_starts(word, "/dev/std"));
}

void bj_sh_redirected_begin(struct call *call, struct branches *branches, const struct sink *outer)
{
    bj_sh_branches_begin(call->walk, branches);
    /* What is written to a file is looked at in that file, which is there if it was opened. */
    if (call->walk->sink != outer)
        branches->sink = NULL;
}

void bj_sh_redirected_end(struct call *call, struct branches *branches)
{
    size_t i = 0;

    while (i < call->redirect_count && always_opens(&call->redirects[i].target))
        i++;
    if (i == call->redirect_count)
        return;
    bj_sh_branch_end(call->walk, branches);
    bj_sh_branches_join(call->walk, branches, true);
}
