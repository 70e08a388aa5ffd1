/*
 * Statements: the bash grammar (tree-sitter-bash) over the tokens that shell_scan.c found.
 *
 * The grammar gets a skeleton of the text: operators and reserved words as they are, each run of
 * words as one letter, nothing of comments, here-documents and what changes nothing (`!`, `time`).
 * So no quoting confuses it and long words cost nothing. The tree is copied into the arena, in the
 * places of the text, keeping only what the walk looks at.
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

/*
 * The skeleton of a piece of a source: all the grammar needs to find statements, a few bytes for
 * each operator and one for each run of words. `from` and `to` say for each byte what it stands
 * for.
 */
struct skeleton {
    struct walk *walk;
    char *bytes;
    uint32_t *from, *to;
    uint32_t length;
    bool in_words;  /* the last thing is a run of words */
    bool after_end; /* the last thing ends a compound command: redirects behind it are its own */
};

static void draw(struct skeleton *skeleton, const char *bytes, uint32_t length,
                 const struct token *token, uint32_t to)
{
    /* A blank in front keeps what would run together apart. */
    skeleton->bytes[skeleton->length] = ' ';
    skeleton->from[skeleton->length] = token->from;
    skeleton->to[skeleton->length++] = token->from;
    for (uint32_t i = 0; i < length; i++) {
        skeleton->bytes[skeleton->length] = bytes[i];
        skeleton->from[skeleton->length] = token->from;
        skeleton->to[skeleton->length++] = to;
    }
}

/* Words and redirects of one simple command are one word to the grammar. */
static void draw_word(struct skeleton *skeleton, const struct token *token, uint32_t to)
{
    if (skeleton->in_words)
        skeleton->to[skeleton->length - 1] = to;
    else if (token->kind == TOKEN_REDIRECT && skeleton->after_end)
        draw(skeleton, ">w", 2, token, to);
    else
        draw(skeleton, "w", 1, token, to);
    skeleton->in_words = token->kind != TOKEN_REDIRECT || !skeleton->after_end;
    skeleton->after_end &= token->kind == TOKEN_REDIRECT;
}

static void draw_operator(struct skeleton *skeleton, const struct source *source,
                          const struct token *token)
{
    static const char *const ends[] = {"}", ")", "fi", "done", "esac"};
    uint32_t length = token->to - token->from;
    const char *bytes = source->bytes + token->from;

    /* ;& and ;;& are to the grammar what ;; is: it trips over them. */
    if (length > 1 && bytes[0] == ';')
        draw(skeleton, ";;", 2, token, token->to);
    else
        draw(skeleton, bytes, length, token, token->to);
    skeleton->in_words = skeleton->after_end = false;
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        skeleton->after_end |= length == strlen(ends[i]) && memcmp(bytes, ends[i], length) == 0;
}

static bool draw_begin(struct skeleton *skeleton, uint32_t room)
{
    struct bj_arena *arena = skeleton->walk->arena;

    skeleton->bytes = bj_arena_alloc(arena, room);
    skeleton->from = bj_arena_array(arena, room, sizeof *skeleton->from);
    skeleton->to = bj_arena_array(arena, room, sizeof *skeleton->to);
    return skeleton->bytes != NULL && skeleton->from != NULL && skeleton->to != NULL;
}

/* Draws the tokens in [from, to). */
static bool draw_all(struct skeleton *skeleton, const struct source *source, uint32_t from,
                     uint32_t to)
{
    uint32_t first = bj_sh_token_at(source, from), room = 8, count = 0, i;

    for (i = first; i < source->token_count && source->tokens[i].from < to;
         i = bj_sh_token_next(source, i))
        room += 12;
    if (!draw_begin(skeleton, room))
        return false;
    for (i = first; i < source->token_count && source->tokens[i].from < to;
         i = bj_sh_token_next(source, i)) {
        const struct token *token = &source->tokens[i];

        if (token->to > to)
            break;
        if (++count > BJ_SHELL_PARSE_MAX) {
            bj_sh_incomplete(skeleton->walk, BJ_TOO_LARGE, bj_sh_place(source, token->from));
            break;
        }
        if (token->kind == TOKEN_OPERATOR) {
            draw_operator(skeleton, source, token);
        } else if (token->kind == TOKEN_REDIRECT && i + 1 < source->token_count) {
            i++;
            draw_word(skeleton, token, source->tokens[i].to);
        } else if (token->kind == TOKEN_MATH && token->op) {
            draw(skeleton, "((;;))", 6, token, token->to);
            skeleton->in_words = skeleton->after_end = false;
        } else if (token->kind != TOKEN_HIDDEN) {
            draw_word(skeleton, token, token->to);
        }
    }
    return true;
}

/* A copy of the node at the cursor; NULL for what the walk does not look at. */
static struct node *copy_node(struct walk *walk, const struct source *source, TSNode from_tree,
                              const struct skeleton *skeleton)
{
    const struct grammar *grammar = walk->shell->grammar;
    TSSymbol symbol = ts_node_symbol(from_tree);
    uint32_t begin = ts_node_start_byte(from_tree), end = ts_node_end_byte(from_tree);
    uint32_t from = begin < skeleton->length ? skeleton->from[begin] : source->length;
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
            .from = from, .to = end > begin ? skeleton->to[end - 1] : from, .kind = (uint8_t)kind};
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
                          struct node *parent, const struct skeleton *skeleton)
{
    struct node **end = &parent->child;

    if (!bj_sh_enter(walk))
        return;
    if (ts_tree_cursor_goto_first_child(cursor)) {
        do {
            TSNode child = ts_tree_cursor_current_node(cursor);
            struct node *node = copy_node(walk, source, child, skeleton);

            if (node == NULL)
                continue;
            *end = node;
            if (node->kind != NODE_COMMAND && node->kind != NODE_REDIRECT &&
                ts_node_child_count(child) > 0)
                copy_children(walk, source, cursor, node, skeleton);
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
    struct skeleton skeleton = {.walk = walk};
    struct node *program = bj_arena_alloc(walk->arena, sizeof *program);
    TSTreeCursor cursor;
    TSTree *tree;
    TSNode root;

    if (program == NULL || !bj_sh_step(walk) || !draw_all(&skeleton, source, from, to))
        return NULL;
    ts_parser_set_timeout_micros(parser, bj_sh_time_left(walk));
    tree = ts_parser_parse_string(parser, NULL, skeleton.bytes, skeleton.length);
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
    copy_children(walk, source, &cursor, program, &skeleton);
    ts_tree_cursor_delete(&cursor);
    ts_tree_delete(tree);
    return program;
}
