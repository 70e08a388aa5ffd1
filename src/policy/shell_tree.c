/*
 * Statements: the bash grammar (tree-sitter-bash) over the tokens that shell_scan.c found.
 *
 * The grammar gets a skeleton of the text, byte for byte as long: operators and reserved words as
 * they are, every word as plain letters, blanks for comments, here-documents and what changes
 * nothing (`!`, `time`). The tree is copied into the arena, keeping only what the walk looks at.
 */
#include <tree_sitter/api.h>

#include "base/mem.h"
#include "policy/shell_internal.h"

const TSLanguage *tree_sitter_bash(void);

struct grammar {
    TSParser *parser;
    uint8_t *kinds; /* enum node_kind by symbol */
    uint32_t kind_count;
};

static const struct {
    const char *name;
    enum node_kind kind;
} names[] = {
    {"program", NODE_PROGRAM},
    {"command", NODE_COMMAND},
    {"list", NODE_LIST},
    {"pipeline", NODE_PIPELINE},
    {"redirected_statement", NODE_REDIRECTED},
    {"file_redirect", NODE_REDIRECT},
    {"subshell", NODE_SUBSHELL},
    {"compound_statement", NODE_GROUP},
    {"if_statement", NODE_IF},
    {"elif_clause", NODE_ELIF},
    {"else_clause", NODE_ELSE},
    {"while_statement", NODE_WHILE},
    {"for_statement", NODE_FOR},
    {"c_style_for_statement", NODE_C_FOR},
    {"do_group", NODE_DO},
    {"case_statement", NODE_CASE},
    {"case_item", NODE_CASE_ITEM},
    {"function_definition", NODE_FUNCTION},
    {"ERROR", NODE_ERROR},
    {"&&", NODE_AND},
    {"||", NODE_OR},
    {"&", NODE_BACKGROUND},
    {"then", NODE_THEN},
};

struct grammar *bj_sh_grammar_new(void)
{
    struct grammar *grammar = bj_alloc(sizeof *grammar);
    const TSLanguage *language = tree_sitter_bash();

    if (grammar == NULL)
        return NULL;
    grammar->kind_count = ts_language_symbol_count(language);
    grammar->kinds = bj_alloc(grammar->kind_count);
    grammar->parser = ts_parser_new();
    if (grammar->kinds == NULL || grammar->parser == NULL ||
        !ts_parser_set_language(grammar->parser, language)) {
        bj_sh_grammar_free(grammar);
        return NULL;
    }
    for (uint32_t symbol = 0; symbol < grammar->kind_count; symbol++) {
        const char *name = ts_language_symbol_name(language, (TSSymbol)symbol);

        for (size_t i = 0; name != NULL && i < sizeof names / sizeof *names; i++)
            if (strcmp(names[i].name, name) == 0)
                grammar->kinds[symbol] = (uint8_t)names[i].kind;
    }
    return grammar;
}

void bj_sh_grammar_free(struct grammar *grammar)
{
    if (grammar == NULL)
        return;
    if (grammar->parser != NULL)
        ts_parser_delete(grammar->parser);
    bj_free(grammar->kinds);
    bj_free(grammar);
}

uint32_t bj_sh_token_at(const struct source *source, uint32_t from)
{
    uint32_t low = 0, high = source->token_count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (source->tokens[middle].from < from)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

uint32_t bj_sh_token_next(const struct source *source, uint32_t token)
{
    uint32_t to = source->tokens[token].to;

    do
        token++;
    while (token < source->token_count && source->tokens[token].from < to);
    return token;
}

/* The head of a `for`: the parentheses and the two semicolons. */
static void draw_loop(char *at, const struct source *source, const struct token *token)
{
    uint32_t end = token->to - 2;

    memcpy(at, "((", 2);
    memcpy(at + (end - token->from), "))", 2);
    for (uint32_t i = token->from + 2; i < end; i = bj_sh_skip(source, i, end))
        if (source->bytes[i] == ';')
            at[i - token->from] = ';';
}

/* Writes a token into the skeleton at its place. */
static void draw(char *at, const struct source *source, const struct token *token)
{
    uint32_t length = token->to - token->from;

    switch (token->kind) {
    case TOKEN_WORD:
    case TOKEN_TEST:
        memset(at, 'w', length);
        break;
    case TOKEN_MATH:
        if (token->op)
            draw_loop(at, source, token);
        else
            memset(at, 'w', length);
        break;
    case TOKEN_OPERATOR:
        /* ;& and ;;& are to the grammar what ;; is: it trips over them. */
        if (length > 1 && source->bytes[token->from] == ';')
            memcpy(at, ";;", 2);
        else
            memcpy(at, source->bytes + token->from, length);
        break;
    }
}

/* The skeleton of [from, to). */
static char *draw_all(struct walk *walk, const struct source *source, uint32_t from, uint32_t to)
{
    char *skeleton = bj_arena_alloc(walk->arena, to - from + 1);
    uint32_t i = bj_sh_token_at(source, from);

    if (skeleton == NULL)
        return NULL;
    memset(skeleton, ' ', to - from);
    while (i < source->token_count && source->tokens[i].from < to) {
        const struct token *token = &source->tokens[i];
        char *at = skeleton + (token->from - from);

        if (token->to > to)
            break;
        if (token->kind == TOKEN_REDIRECT && i + 1 < source->token_count &&
            source->tokens[i + 1].to <= to) {
            i++;
            memset(at, 'w', source->tokens[i].to - token->from);
            *at = '>';
        } else {
            draw(at, source, token);
        }
        i = bj_sh_token_next(source, i);
    }
    return skeleton;
}

/* A copy of the node at the cursor; NULL for what the walk does not look at. */
static struct node *copy_node(struct walk *walk, const struct source *source, TSNode from_tree,
                              uint32_t offset)
{
    const struct grammar *grammar = walk->shell->grammar;
    TSSymbol symbol = ts_node_symbol(from_tree);
    uint32_t from = ts_node_start_byte(from_tree) + offset;
    enum node_kind kind = NODE_OTHER;
    struct node *node;

    if (symbol < grammar->kind_count)
        kind = grammar->kinds[symbol];
    else if (symbol == (TSSymbol)-1)
        kind = NODE_ERROR;
    if (kind == NODE_ERROR || ts_node_is_missing(from_tree))
        bj_sh_incomplete(walk, BJ_NOT_PARSED, bj_sh_place(source, from));
    if (kind == NODE_OTHER)
        return NULL;
    node = bj_arena_alloc(walk->arena, sizeof *node);
    if (node != NULL)
        *node = (struct node){
            .from = from, .to = ts_node_end_byte(from_tree) + offset, .kind = (uint8_t)kind};
    return node;
}

/*
 * The grammar hangs a redirect behind `a | { b; }` on all of it: it is the last part's. The
 * redirected statement becomes that part's, within the pipeline or list.
 */
static void hang_lower(struct walk *walk, struct node *node)
{
    while (node->kind == NODE_REDIRECTED && node->child != NULL &&
           (node->child->kind == NODE_PIPELINE || node->child->kind == NODE_LIST)) {
        struct node *body = node->child, *last = body->child;
        struct node *lower = bj_arena_alloc(walk->arena, sizeof *lower);
        struct node *copy = bj_arena_alloc(walk->arena, sizeof *copy);

        if (last == NULL || lower == NULL || copy == NULL)
            return;
        while (last->next != NULL)
            last = last->next;
        *copy = *last;
        copy->next = body->next;
        *lower = (struct node){
            .from = last->from, .to = node->to, .kind = NODE_REDIRECTED, .child = copy};
        *last = *lower;
        node->kind = body->kind;
        node->child = body->child;
        node = last;
    }
}

/*
 * `a | b 2>&1 | c` is read as a pipeline in a pipeline: its parts are stages of the one around it.
 * Returns where the next child goes.
 */
static struct node **take_apart(struct node *parent, struct node **place)
{
    struct node *node = *place;

    if (parent->kind == NODE_PIPELINE && node->kind == NODE_PIPELINE && node->child != NULL) {
        *place = node->child;
        for (node = node->child; node->next != NULL;)
            node = node->next;
    }
    return &node->next;
}

/* Copies the children of the node at the cursor into `parent`, and theirs. */
static void copy_children(struct walk *walk, const struct source *source, TSTreeCursor *cursor,
                          struct node *parent, uint32_t offset)
{
    struct node **end = &parent->child;

    if (!bj_sh_enter(walk))
        return;
    if (ts_tree_cursor_goto_first_child(cursor)) {
        do {
            TSNode child = ts_tree_cursor_current_node(cursor);
            struct node *node = copy_node(walk, source, child, offset);

            if (node == NULL)
                continue;
            *end = node;
            if (node->kind != NODE_COMMAND && node->kind != NODE_REDIRECT &&
                ts_node_child_count(child) > 0)
                copy_children(walk, source, cursor, node, offset);
            hang_lower(walk, node);
            end = take_apart(parent, end);
        } while (!walk->stopped && ts_tree_cursor_goto_next_sibling(cursor));
        ts_tree_cursor_goto_parent(cursor);
    }
    bj_sh_leave(walk);
}

struct node *bj_sh_parse(struct walk *walk, const struct source *source, uint32_t from, uint32_t to)
{
    TSParser *parser = walk->shell->grammar->parser;
    char *skeleton = draw_all(walk, source, from, to);
    struct node *program = bj_arena_alloc(walk->arena, sizeof *program);
    TSTreeCursor cursor;
    TSTree *tree;
    TSNode root;

    if (skeleton == NULL || program == NULL || !bj_sh_step(walk))
        return NULL;
    ts_parser_set_timeout_micros(parser, bj_sh_time_left(walk));
    tree = ts_parser_parse_string(parser, NULL, skeleton, to - from);
    if (tree == NULL) {
        ts_parser_reset(parser);
        bj_sh_incomplete(walk, BJ_TOO_SLOW, bj_sh_place(source, from));
        walk->stopped = true;
        return NULL;
    }
    root = ts_tree_root_node(tree);
    *program = (struct node){.from = from, .to = to, .kind = NODE_PROGRAM};
    if (ts_node_symbol(root) == (TSSymbol)-1)
        bj_sh_incomplete(walk, BJ_NOT_PARSED, bj_sh_place(source, from));
    cursor = ts_tree_cursor_new(root);
    copy_children(walk, source, &cursor, program, from);
    ts_tree_cursor_delete(&cursor);
    ts_tree_delete(tree);
    return program;
}
