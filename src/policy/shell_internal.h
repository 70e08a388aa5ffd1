/*
 * The parts of the shell analysis and what they hand to each other.
 *
 * A text becomes a `source`: shell_scan.c finds its words, quotes, substitutions and here-documents
 * by bash's rules for tokens; shell_tree.c lets the bash grammar parse the statements that they
 * make and copies the tree. shell_walk.c walks the tree with the state of shell_state.c,
 * shell_expand.c and its siblings expand words, shell_simple.c lists commands and follows what they
 * run.
 *
 * Everything lives in the caller's arena. When it is full allocations give NULL and the walk ends
 * as soon as it sees that; nothing is reached through a NULL.
 */
#ifndef BJ_POLICY_SHELL_INTERNAL_H
#define BJ_POLICY_SHELL_INTERNAL_H

#include "base/limits.h"
#include "policy/command.h"

#define NOWHERE UINT32_MAX

/* Bytes, of which a NUL is a hole as in struct bj_word; not ended by a NUL. */
struct text {
    const char *bytes;
    uint32_t length;
};

#define TEXT(literal) ((struct text){(literal), sizeof(literal) - 1})

/* ---- shell_scan.c: tokens ---- */

enum token_kind {
    TOKEN_WORD,
    TOKEN_REDIRECT, /* its target is the word that follows */
    TOKEN_OPERATOR, /* ; & | ( ) and newlines, reserved words too */
    TOKEN_TEST,     /* all of [[ … ]]; the words in it follow as tokens */
    TOKEN_MATH,     /* all of (( … )); op: the head of a `for` */
    TOKEN_HIDDEN,   /* ! time coproc: they change nothing in what runs */
};

enum redirect_op {
    OP_READ,       /* < */
    OP_WRITE,      /* > >| */
    OP_APPEND,     /* >> */
    OP_BOTH,       /* <> */
    OP_DUP_IN,     /* <& */
    OP_DUP_OUT,    /* >& */
    OP_ALL,        /* &> */
    OP_ALL_APPEND, /* &>> */
    OP_DOCUMENT,   /* << <<- */
    OP_STRING,     /* <<< */
};

struct token {
    uint32_t from, to;
    uint8_t kind, op;
    bool ends;         /* an operator: a statement of the whole text ends with it */
    int16_t fd;        /* of a redirect; -1: the usual one */
    uint32_t document; /* of OP_DOCUMENT: index; NOWHERE: it has no end */
};

/* A here-document. */
struct document {
    uint32_t from, to; /* its lines */
    bool quoted, strip;
};

enum extent_kind {
    EXTENT_COMMANDS,    /* $( ) */
    EXTENT_PROCESS_IN,  /* <( ) */
    EXTENT_PROCESS_OUT, /* >( ) */
    EXTENT_BACKTICKS,
    EXTENT_PARAMETER, /* ${ } */
    EXTENT_MATH,      /* $(( )) and $[ ] */
};

/* A substitution in a word: its bytes, with `$(` and `)`. */
struct extent {
    uint32_t from, to;
    uint8_t kind;
    bool quoted;         /* within double quotes */
    struct node *tree;   /* of EXTENT_COMMANDS and process substitutions, once parsed */
    struct source *text; /* of EXTENT_BACKTICKS: what is within, once unescaped */
};

struct source {
    const char *bytes; /* ends with a NUL that does not count */
    uint32_t length;
    uint32_t from, to;    /* place in the analysed text, of all of it */
    bool nested;          /* not a piece of the analysed text itself: places cannot be told apart */
    const uint32_t *cuts; /* where continued lines were joined: two bytes are gone at each */
    uint32_t cut_count;
    struct token *tokens;
    uint32_t token_count, token_room;
    struct extent *extents; /* by `from` */
    uint32_t extent_count, extent_room;
    struct document *documents;
    uint32_t document_count, document_room;
    bool broken; /* a quote, substitution or here-document does not end */
    bool deep;   /* nested deeper than is looked at */
    uint32_t broken_at;
    struct node *tree; /* once parsed */
};

/* How a text is read. */
enum scan_mode {
    SCAN_COMMANDS, /* shell text */
    SCAN_QUOTED,   /* as between double quotes */
    SCAN_DOCUMENT, /* as in a here-document: a " is nothing special */
    SCAN_WORD,     /* one word, blanks included */
};

struct walk;

/* Reads a text. `from`, `to`: its place in the analysed text. NULL: the arena is full. */
struct source *bj_sh_source(struct walk *walk, struct text text, enum scan_mode mode,
                            const struct source *outer, uint32_t from, uint32_t to);

struct extent *bj_sh_extent_at(const struct source *source, uint32_t from);

/* The end of the quoted or expanded piece that begins at `at`, or of the single byte there. */
uint32_t bj_sh_skip(const struct source *source, uint32_t at, uint32_t end);

/* A name that can be a variable's, at the beginning: its length, or 0. */
uint32_t bj_sh_name_length(const char *bytes, uint32_t length);

/* ---- shell_tree.c: statements ---- */

enum node_kind {
    NODE_OTHER,
    NODE_PROGRAM,
    NODE_COMMAND,
    NODE_LIST,
    NODE_PIPELINE,
    NODE_REDIRECTED,
    NODE_REDIRECT,
    NODE_SUBSHELL,
    NODE_GROUP,
    NODE_IF,
    NODE_ELIF,
    NODE_ELSE,
    NODE_WHILE,
    NODE_FOR,
    NODE_C_FOR,
    NODE_DO,
    NODE_CASE,
    NODE_CASE_ITEM,
    NODE_FUNCTION,
    NODE_WORD,
    NODE_ERROR,
    NODE_AND,        /* && */
    NODE_OR,         /* || */
    NODE_BACKGROUND, /* & */
    NODE_THEN,
    NODE_NEXT_PATTERN, /* ;& ;;& */
    NODE_KINDS
};

struct node {
    uint32_t from, to;
    uint8_t kind;
    bool missing; /* the grammar made it up */
    struct node *child, *next;
};

/*
 * The tree of a piece of a source: its statements, in the places they have in the source. NULL: the
 * arena is full or time is over. Errors in it are noted in the result.
 */
struct node *bj_sh_parse(struct walk *walk, const struct source *source, uint32_t from,
                         uint32_t to);

/* ---- shell_state.c: what the shell knows ---- */

enum value_kind { VALUE_UNSET, VALUE_TEXT, VALUE_ARRAY, VALUE_FUNCTION };

enum value_flag {
    FLAG_EXPORTED = 1,
    FLAG_INTEGER = 2,
    FLAG_KEYED = 4, /* an associative array */
    FLAG_REFERENCE = 8,
    FLAG_LOWER = 16,
    FLAG_UPPER = 32,
    FLAG_READONLY = 64, /* bash refuses to change it, once it is set: what it was stays possible */
};

struct element {
    struct text key, value;
};

/* One thing a variable may be. Never changed once made. */
struct value {
    uint8_t kind, flags;
    bool more; /* an array: there may be further elements, unknown ones */
    struct text text;
    const struct element *elements;
    uint32_t count;
    const struct source *source; /* a function: its body */
    const struct node *body;
};

/* All that it may be. */
struct values {
    uint32_t count;
    const struct value *list[];
};

enum slot_kind { SLOT_VARIABLE, SLOT_FUNCTION, SLOT_ALIAS, SLOT_HASH, SLOT_FILE, SLOT_SPECIAL };

struct slot {
    uint8_t kind;
    struct text name;
    uint32_t hash;
    struct slot *next;           /* in its bucket */
    const struct values *values; /* NULL: never set in the text */
    uint32_t changed;            /* walk->changes when it was set last */
    uint32_t stamp, joined;      /* of bj_sh_branches_join */
    const struct values *union_;
};

struct change {
    struct slot *slot;
    const struct values *before, *after;
};

struct journal {
    struct change *list;
    uint32_t count, room;
};

/* Where standard output goes when it is looked at. */
struct sink {
    struct text text;
    uint32_t room;
};

/* Ways that the walk may go; what each changes is kept and joined at the end. */
struct branch {
    const struct change *changes;
    uint32_t count;
    struct text output;
};

struct branches {
    uint32_t mark; /* of the journal */
    struct sink *sink;
    uint32_t sink_mark;
    struct branch *list;
    uint32_t count, room;
};

/*
 * What return, exit and break end early. The walk goes on behind them, as it cannot be told whether
 * the shell comes by; what was so far is kept and joined at the end of the scope.
 */
enum scope_kind {
    SCOPE_LOOP,  /* break, continue */
    SCOPE_CALL,  /* a function or sourced file: return */
    SCOPE_SHELL, /* exit, exec, a fatal error */
};

struct scope {
    struct scope *outer;
    uint8_t kind;
    uint32_t traps, commands; /* of the walk when it began */
    struct branches branches;
};

/* trap: run where it is set and again at the end of its shell. */
struct trap {
    struct text text;
    int parent;
    uint32_t from, to;
    uint32_t changes; /* of the walk when it was set */
    bool at_end;      /* EXIT and nothing else */
};

/* The first token at or behind a place; token_count if none. */
uint32_t bj_sh_token_at(const struct source *source, uint32_t from);
/* The token behind one, leaving out those within it. */
uint32_t bj_sh_token_next(const struct source *source, uint32_t token);

/* What is kept between texts; shell_tree.c makes and frees its part. */
struct grammar;
struct bj_shell {
    struct grammar *grammar;
};
struct grammar *bj_sh_grammar_new(void);
void bj_sh_grammar_free(struct grammar *grammar);

struct slot *bj_sh_slot(struct walk *walk, enum slot_kind kind, struct text name);
/* What it was, given back: no assignment of the text. */
void bj_sh_set_values(struct walk *walk, struct slot *slot, const struct values *values);
/* An assignment: what it chooses is followed. All others end here. */
void bj_sh_set(struct walk *walk, struct slot *slot, const struct value *value);
void bj_sh_set_text(struct walk *walk, struct slot *slot, struct text text);
/* What it may be: never NULL but when the arena is full. */
const struct values *bj_sh_get(struct walk *walk, struct slot *slot);
/* One of it, by the choice of this run; VALUE_TEXT of a hole when there are too many. */
const struct value *bj_sh_pick(struct walk *walk, struct slot *slot);
void bj_sh_undo(struct walk *walk, uint32_t mark);
/* The same at the end of another process: files that it wrote stay written. */
void bj_sh_undo_process(struct walk *walk, uint32_t mark);
/* It may be this too, from now on. */
void bj_sh_may_be(struct walk *walk, struct slot *slot, const struct values *values);
void bj_sh_may_be_value(struct walk *walk, struct slot *slot, const struct value *value);
/* Nothing is known of a slot any more. */
void bj_sh_forget(struct walk *walk, struct slot *slot);
/* Forgets all that changed since walk->changes was `since`. */
void bj_sh_forget_since(struct walk *walk, uint32_t since);

void bj_sh_scope_begin(struct walk *walk, struct scope *scope, enum scope_kind kind);
void bj_sh_scope_end(struct walk *walk, struct scope *scope);
/* The scopes of this kind may end here. */
void bj_sh_scope_jump(struct walk *walk, enum scope_kind kind);
/* Changes the flags of all that a variable may be. */
void bj_sh_add_flags(struct walk *walk, struct slot *slot, uint8_t flags, uint8_t without);

void bj_sh_branches_begin(struct walk *walk, struct branches *branches);
/* One way ends here: its changes are kept; then the state is as at the beginning again. */
void bj_sh_branch_end(struct walk *walk, struct branches *branches);
/* The same, but the walk goes on: it may have ended here. */
void bj_sh_branch_snapshot(struct walk *walk, struct branches *branches);
/* `nothing`: it may also be that none of them is taken. */
void bj_sh_branches_join(struct walk *walk, struct branches *branches, bool nothing);

/* Choices: a command whose words have several readings is run once for each. */
struct choice {
    const void *key;
    uint32_t count, current;
};
struct choices {
    struct choice list[BJ_SHELL_CHOICES_MAX];
    uint32_t count, product;
    bool cut; /* more readings than are looked at */
};
/* One of `count`; `count` itself: cannot be looked at one by one. */
uint32_t bj_sh_choose(struct walk *walk, const void *key, uint32_t count);
/* Is there another reading? */
bool bj_sh_choices_next(struct choices *choices);

/* ---- the walk ---- */

struct frame {
    struct frame *outer;
    const struct value *function;
    uint32_t changes;      /* of the walk when it began */
    int round;             /* how often its body was walked before */
    bool again;            /* it calls itself */
    struct change *locals; /* slots to give back at its end; `after`: what is behind it changed */
    uint32_t local_count;
    size_t local_room;
};

/* Known standard input, and how far it is read. */
struct input {
    struct text text;
    uint32_t at;
    uint32_t loops; /* of the walk when it began: a read in a deeper loop may read any line */
};

struct process_output {
    struct text name; /* /dev/fd/63 */
    struct text text;
};

struct walk {
    struct bj_shell *shell;
    const struct bj_shell_context *context;
    struct bj_arena *arena;
    struct bj_commands *result;
    size_t command_room, assignment_room, spawning_room, pipeline_room;
    struct slot **buckets;
    struct journal journal;
    struct choices *choices;
    struct sink *sink;   /* NULL: output is not looked at */
    struct input *input; /* NULL: unknown */
    struct frame *frame;
    struct scope *scope;
    const struct node *coprocess;      /* being walked apart */
    struct call *call;                 /* the simple command that is being run */
    const struct bj_statement *within; /* the one whose words are being expanded, or NULL */
    struct trap *traps;
    uint32_t trap_count;
    size_t trap_room;
    uint32_t changes; /* how often a slot was set */
    uint32_t simple;  /* simple commands walked */
    bool errexit;     /* set -e was seen: each command may be the last */
    bool lastpipe;    /* the last command of a pipeline may run in this shell */
    struct process_output *processes;
    uint32_t process_count, process_room;
    uint32_t stamp;
    uint32_t steps, listed;
    size_t spent; /* since the last look at the clock */
    uint32_t depth, loops;
    int parent, pipeline, stage, pipelines;
    bool privileged, background, stopped;
    bool past_functions; /* the next command is not looked up as a function: `command x` */
    bool spawning;       /* in a pipeline or background since the innermost function began */
    uint32_t command_from, command_to; /* place of the simple command that is being run */
    uint32_t unrolled; /* how many times the innermost loop's body is walked, with outer ones */
    struct slot **exports;
    uint32_t export_count;
    size_t export_room;
    struct slot *directory, *positional, *zero, *ifs;
};

/* Counts a step: false when the walk must end (memory, time, too much). */
bool bj_sh_step(struct walk *walk);
/* Counts bytes that were copied or looked at between steps. */
void bj_sh_spend(struct walk *walk, size_t bytes);
bool bj_sh_enter(struct walk *walk);
void bj_sh_leave(struct walk *walk);
void bj_sh_incomplete(struct walk *walk, enum bj_incomplete why, uint32_t at);
/* Room for one more at the end of an array of the arena. NULL: full. */
void *bj_sh_grow(struct walk *walk, void *list, size_t count, size_t *room, size_t size);
/* Where the byte at a place came from in the analysed text, and where what ends there ends. */
uint32_t bj_sh_place(const struct source *source, uint32_t at);
uint32_t bj_sh_place_end(const struct source *source, uint32_t at);
uint64_t bj_sh_time_left(const struct walk *walk); /* microseconds; 0: no limit */
/* Adds to what is written on standard output. NULL: it is not looked at. */
void bj_sh_write(struct walk *walk, struct sink *sink, struct text text);

/* A program with its arguments, without a shell. */
void bj_sh_run_program(struct walk *walk, struct bj_word *words, size_t count);
void bj_sh_walk_source(struct walk *walk, const struct source *source);
void bj_sh_walk_text(struct walk *walk, struct text text, const struct source *outer, uint32_t from,
                     uint32_t to);
/* One statement; with a & behind it, in the background. */
void bj_sh_walk_statement(struct walk *walk, const struct source *source, const struct node *node);
bool bj_sh_falls_through(const struct source *source, uint32_t to);
void bj_sh_walk_node(struct walk *walk, const struct source *source, const struct node *node);
/* The statements of a tree as in ( ): what they change is forgotten. Their output is returned. */
struct text bj_sh_walk_captured(struct walk *walk, const struct source *source,
                                const struct node *node);

/* ---- shell_expand.c ---- */

struct fields {
    struct bj_word *list;
    size_t count, room;
};

enum expand_mode {
    EXPAND_FIELDS,      /* split, globbed */
    EXPAND_ONE,         /* one word: assignments, redirects, here-strings */
    EXPAND_PATTERN,     /* one pattern: quoted bytes that would be special get a backslash */
    EXPAND_REPLACEMENT, /* what replaces a match: quoted & and \ get a backslash */
};

void bj_sh_expand(struct walk *walk, const struct source *source, uint32_t from, uint32_t to,
                  struct fields *ret);
struct bj_word bj_sh_expand_one(struct walk *walk, const struct source *source, uint32_t from,
                                uint32_t to, enum expand_mode mode);
/* A text that was not expanded yet, as between double quotes. */
struct text bj_sh_expand_quoted(struct walk *walk, struct text text, enum scan_mode mode,
                                const struct source *outer, uint32_t from, uint32_t to);

/* The bytes being made; shared with shell_param.c. */
struct build {
    struct walk *walk;
    const struct source *source;
    struct fields *fields; /* NULL: one word only */
    enum expand_mode mode;
    char *bytes;
    uint32_t length, room;
    uint32_t from, to;
    bool started; /* there is a field, even if empty */
    bool holes, splits, glob;
    bool bracket;     /* an unquoted [ stands in the field */
    bool after_blank; /* a blank of IFS ended the last field */
    bool empty_list;  /* "$@" of nothing was seen */
    bool in_word;     /* the word of "${x:-word}": a " in it is dropped */
    bool document;    /* a here-document: a " is nothing special */
};

void bj_sh_put(struct build *build, struct text text, bool quoted, bool expanded);
void bj_sh_end_field(struct build *build);
/* ${ } at an extent, or a plain $name whose name is given. */
void bj_sh_put_parameter(struct build *build, uint32_t from, uint32_t to, bool quoted);
void bj_sh_put_variable(struct build *build, struct text name, bool quoted);
/* The bytes [from, to) of the build's source, expanded into the same build. */
void bj_sh_put_range(struct build *build, uint32_t from, uint32_t to, bool quoted);
struct text bj_sh_command_output(struct walk *walk, const struct source *source,
                                 struct extent *extent);

/* A text with all, or the first, of its letters in upper or lower case. */
struct text bj_sh_cased(struct walk *walk, struct text text, bool upper, bool all);

/* The key that a subscript of this variable stands for; false if it cannot be told. */
bool bj_sh_subscript_key(struct walk *walk, const struct value *value, struct text subscript,
                         struct text *ret);

/* The parameter `name`, which may be special or a number, with its subscript if any. */
struct items {
    const struct text *list;
    uint32_t count;
    bool many;                 /* of @ or * */
    bool star;                 /* of * */
    bool unset;                /* it is known not to be set */
    bool open;                 /* nothing is known: it may be set or not */
    bool more;                 /* there may be further ones */
    const struct value *value; /* NULL for special ones */
};
struct items bj_sh_items(struct walk *walk, struct text name, const struct text *subscript);
void bj_sh_note_assignment(struct walk *walk, struct text name, struct text value);
/* NAME or NAME[subscript] is given a value. `subscript` may be NULL. */
void bj_sh_assign(struct walk *walk, struct text name, const struct text *subscript,
                  struct text value, bool append);
/* The same for what stands in a text: read a[1], printf -v. The subscript is evaluated. */
void bj_sh_assign_named(struct walk *walk, struct text target, struct text value);
/* The slot of a variable, references followed. */
struct slot *bj_sh_variable(struct walk *walk, struct text name);
/* Splits NAME[subscript]; false if it has none. */
bool bj_sh_subscript(struct text text, struct text *ret_name, struct text *ret_subscript);
/* Keys and texts between separators of a value as words: for unquoted use. */
struct text bj_sh_decode(struct walk *walk, struct text text, bool echo, bool *ret_stop);

/* ---- shell_pattern.c ---- */
enum match { MATCH_NO, MATCH_YES, MATCH_UNKNOWN };
enum match bj_sh_match(struct text pattern, struct text text);
/* ${x#pattern} and its like: `op` # or %, `longest`. A hole if it cannot be told. */
struct text bj_sh_strip(struct walk *walk, struct text text, struct text pattern, char op,
                        bool longest);
/*
 * ${x/pattern/with}; `where`: 0, '/', '#' or '%'. In `with` an & is what matched, and a backslash
 * before & or another one makes it plain.
 */
struct text bj_sh_replace(struct walk *walk, struct text text, struct text pattern,
                          struct text with, char where);

/* ---- shell_math.c ---- */
/* Evaluates an expanded arithmetic text, running what its subscripts hold. Is the value known? */
bool bj_sh_math(struct walk *walk, struct text expression, int64_t *ret);
/* The same for a text as it stands in a source: it is expanded first. */
bool bj_sh_math_range(struct walk *walk, const struct source *source, uint32_t from, uint32_t to,
                      int64_t *ret);

/* ---- shell_simple.c ---- */

/* A simple command being run. */
struct call {
    struct walk *walk;
    const struct source *source;
    struct fields words;
    struct bj_redirect *redirects;
    size_t redirect_count, redirect_room;
    struct bj_assignment *assignments; /* before the command */
    size_t assignment_count, assignment_room;
    struct slot **assigned; /* what they set, and what that was */
    const struct values **before;
    struct slot *file; /* that standard output is written to, if it is known */
    bool appends;
    struct sink file_sink;
    const struct bj_statement *statement; /* NULL: of no text */
    uint32_t from, to;                    /* place in the analysed text */
    int index;                            /* in the result; -1: not listed yet */
    bool function;                        /* it is run as a function of the text */
};

/* The statement of tokens [from, to). */
void bj_sh_simple(struct walk *walk, const struct source *source, uint32_t from, uint32_t to);
/* Redirects among the tokens of [from, to); what is no redirect is an error. */
void bj_sh_redirects_begin(struct call *call, uint32_t from, uint32_t to);
void bj_sh_redirects_end(struct call *call);
/* Around what runs behind redirects: where one may fail it may not run. `outer`: the sink without.
 */
void bj_sh_redirected_begin(struct call *call, struct branches *branches, const struct sink *outer);
void bj_sh_redirected_end(struct call *call, struct branches *branches);
/* The same without a look at what is no redirect. */
void bj_sh_redirect_all(struct call *call, uint32_t from, uint32_t to);
/* Adds a command to the list. Its index; -1 if there is no room. */
int bj_sh_list(struct call *call, const struct bj_word *words, size_t count);
/* What the listed command runs, and what it writes. */
void bj_sh_follow(struct call *call);
void bj_sh_set_arguments(struct walk *walk, const struct bj_word *words, size_t count);
struct slot *bj_sh_file_slot(struct walk *walk, const struct bj_word *path);
/* Runs words as a command: `shell`: functions and builtins count. Gives its index or -1. */
int bj_sh_run(struct call *call, struct bj_word *words, size_t count, bool shell);
/* What a path is in the directory of now: absolute and normalised where that is known. */
struct bj_word bj_sh_resolve(struct walk *walk, const struct bj_word *word);
/* Marks a listed command: what it runs cannot be told. */
void bj_sh_unknown(struct walk *walk, int index, const char *why);
/* Runs a text as the child of a listed command; a hole in it is said. `script`: in a new shell. */
void bj_sh_run_text(struct call *call, struct text text, bool new_shell);
/* What a file holds, if the text made it, or it is a process substitution. */
bool bj_sh_file_text(struct walk *walk, const struct bj_word *path, struct text *ret);

/* All elements of an array; `more`: there may be further ones. */
void bj_sh_set_elements(struct walk *walk, struct slot *slot, const struct fields *fields,
                        bool more);
void bj_sh_append_elements(struct walk *walk, struct slot *slot, const struct fields *fields);
struct bj_word bj_sh_declared(struct call *call, const struct token *token);
/* -eq and its like. */
bool bj_sh_is_comparison(struct text text);
void bj_sh_touch(struct walk *walk, struct text text);

/* ---- shell_builtin.c ---- */
/* May an option say that patterns match in either case? */
bool bj_sh_ignores_case(struct walk *walk);
/* An option of shopt is set, or not any more. */
void bj_sh_note_option(struct walk *walk, const struct bj_word *name);
struct builtin {
    const char *name;
    void (*run)(struct call *call, struct bj_word *words, size_t count);
    bool declares; /* its arguments may be assignments */
    bool no_output;
};
/* One of the lines of a text. */
struct text bj_sh_any_line(struct walk *walk, struct text text);
const struct builtin *bj_sh_builtin(const struct bj_word *name);
/* An assignment that chooses code is noted and followed: PATH, PS4, BASH_CMDS, GIT_SSH_COMMAND … */
void bj_sh_assigned(struct walk *walk, const struct slot *slot, const struct value *value);

/* ---- shell_output.c ---- */
/* What a program without side effects writes; a hole when that is not known. */
struct text bj_sh_output(struct walk *walk, const struct bj_simple_command *command);
bool bj_sh_printf(struct walk *walk, const struct bj_word *words, size_t count, struct text *ret);

/* ---- text tools ---- */
static inline struct text bj_word_text(const struct bj_word *word)
{
    return (struct text){word->text, word->length};
}

struct text bj_sh_copy(struct walk *walk, struct text text);
struct text bj_sh_concat(struct walk *walk, struct text a, struct text b);
struct text bj_sh_number(struct walk *walk, int64_t number);
bool bj_sh_equal(struct text a, struct text b);
bool bj_sh_has_hole(struct text text);
struct text bj_sh_string(const char *string);
/* The text of a word whose wildcards may match anything. */
struct text bj_sh_unglob(struct walk *walk, const struct bj_word *word);
struct bj_word bj_sh_word(struct walk *walk, struct text text, uint32_t from, uint32_t to);
#define HOLE_TEXT ((struct text){"\0", 1})

#endif
