/*
 * What the files of the reader of argument lists share: the shape of the table that
 * tools/program-gen makes, the state of a reading, and the readers of languages.
 */
#ifndef BJ_POLICY_PROGRAM_INTERNAL_H
#define BJ_POLICY_PROGRAM_INTERNAL_H

#include "policy/program.h"

/* ---- The table ---- */

enum verb {
#define BJ_VERB(name, function, kind) VERB_##name,
#define BJ_LIST_VERB(name, function)  VERB_##name,
#include "policy/program_verbs.def"
#undef BJ_VERB
#undef BJ_LIST_VERB
    VERB_COUNT
};

enum { REPEAT_ONCE, REPEAT_ANY, REPEAT_MAYBE };
enum { ARITY_NONE, ARITY_OPTIONAL, ARITY_ONE, ARITY_TWO, ARITY_THREE, ARITY_REST };
enum { READER_NONE, READER_FIND, READER_DD };
enum {
    IS_PATHS = 1 << 0,      /* operands are paths */
    IS_POSIX = 1 << 1,      /* options end at the first operand */
    IS_BUNDLE = 1 << 2,     /* a first word without a dash is a cluster: tar xf */
    IS_ONEDASH = 1 << 3,    /* long options have one dash */
    IS_DASH = 1 << 4,       /* a single dash ends the options, as -- does */
    IS_DIGITS = 1 << 5,     /* digits are options: head -5 */
    IS_STRICT = 1 << 6,     /* an option that is not listed could shift what runs */
    IS_CLOSED = 1 << 7,     /* a subcommand that is not listed runs something of that name */
    IS_INHERITS = 1 << 8,   /* the options of the program hold for the subcommand too */
    IS_PRIVILEGED = 1 << 9, /* what it runs runs as another user */
    IS_SECOND = 1 << 10,    /* options end at the second operand, not at the first: ssh */
    IS_CAN_RUN = 1 << 11,   /* an option of it can run something: made by the generator */
    IS_PLUS = 1 << 12,      /* +x is a cluster of options as -x is: shells */
    IS_APART = 1 << 13,     /* the values of letters are always arguments of their own: bash */
};

/* All texts are offsets into `strings`, so that the data needs no relocation. */
struct use_row {
    uint8_t verb;
    uint8_t by_default;
    uint8_t repeat;
    uint32_t argument;
};

/* An option, by the first of its spellings; a program finds it by any of them. */
struct option_row {
    uint32_t name; /* with its dashes */
    char letter;   /* 0 if it has none */
    uint8_t arity;
    uint8_t final; /* what follows is operands, whatever it looks like */
    struct use_row use;
};

/* One way to read operands; holds if one of the options is there, or (negative) if none is. */
struct operands_row {
    uint32_t conditions;
    uint8_t negative;
    uint8_t item_count;
    uint16_t item_first;
};

/* A long name with its dashes; sorted within a program. */
struct spelling_row {
    uint32_t name;
    uint16_t option; /* of the program's */
};

struct name_row {
    uint32_t name;
    uint16_t program;
};

struct program_row {
    uint32_t name;
    uint16_t attributes;
    uint8_t reader;
    uint16_t option_first;
    uint32_t letters; /* all of its options; each one's option stands in letter_options */
    uint16_t letter_first;
    uint16_t spelling_first, spelling_count;
    uint16_t operands_first, operands_count;
    uint16_t child_first, child_count; /* rows of names: subcommands */
};

const char *bj_table_text(uint32_t offset);
const struct program_row *bj_table_find(const char *name, size_t length);
const struct program_row *bj_table_child(const struct program_row *parent,
                                         const struct bj_word *name);
const struct option_row *bj_table_letter(const struct program_row *row, char letter);
/* By a long name with its dashes, or by a prefix of it; *ret_name is the whole. */
const struct option_row *bj_table_name(const struct program_row *row, const char *text,
                                       size_t length, bool prefixes, const char **ret_name);
const struct operands_row *bj_table_operands(const struct program_row *row);
const struct use_row *bj_table_items(const struct operands_row *operands);

/* ---- A reading ---- */

struct reader {
    struct bj_arena *arena;
    struct bj_program *ret;
    const struct program_row *row;    /* the subcommand's, once there is one */
    const struct program_row *parent; /* the program's, where its options still hold; or NULL */
    const struct bj_word *argv;
    size_t argc;
    struct bj_flag *flags;
    struct bj_word *operands;
    struct bj_effect *effects;
    size_t flag_room, operand_room, effect_room;
    size_t operand_base;    /* operands of the subcommand begin here */
    struct bj_word *splice; /* arguments to be read next, in place of the option that gave them */
    size_t splice_count, splices;
    struct bj_word directory; /* of the option that changes there */
    bool has_directory;
};

/* One use of a value, ready to be done. */
struct use {
    uint8_t verb;
    bool by_default;
    const char *argument; /* language, helper …; "" if none */
    const char *via;
};

/* Does what the verb says with a value: adds effects. */
void bj_reader_use(struct reader *reader, const struct use *use, const struct bj_word *value);

/* Adds one effect; NULL when the arena is full. */
struct bj_effect *bj_reader_effect(struct reader *reader, const struct use *use,
                                   enum bj_effect_kind kind, const struct bj_word *words,
                                   size_t count);
/* The same for one word, which is copied. */
struct bj_effect *bj_reader_effect_word(struct reader *reader, const struct use *use,
                                        enum bj_effect_kind kind, const struct bj_word *word);

/* A flag by one of its spellings, the last one given; NULL if it was not. */
const struct bj_flag *bj_reader_flag(const struct reader *reader, const char *spelling);

void bj_reader_add_operand(struct reader *reader, const struct bj_word *word);
struct bj_flag *bj_reader_add_flag(struct reader *reader, char letter, const char *name,
                                   const struct bj_word *word);

/* Parts of words: same place in the analysed text. */
struct bj_word bj_word_slice(struct reader *reader, const struct bj_word *word, size_t from,
                             size_t length);
struct bj_word bj_word_of(struct reader *reader, const struct bj_word *near, const char *text,
                          size_t length);
/* Splits at blanks, with shell-like quotes if `quotes`; the words are in the arena. */
struct bj_word *bj_word_split(struct reader *reader, const struct bj_word *word, bool quotes,
                              size_t *ret_count);
struct bj_word bj_word_join(struct reader *reader, const struct bj_word *words, size_t count,
                            char between);

/* Operands that are not used yet. */
struct operands {
    const struct bj_word *words;
    size_t count;
};

/* All operands of a program (program_operands.c), and programs with a grammar of their own. */
void bj_reader_operands(struct reader *reader);
void bj_reader_find(struct reader *reader);
void bj_reader_dd(struct reader *reader);

/* Does what a verb says with all operands that are left. */
void bj_reader_use_list(struct reader *reader, const struct use *use, struct operands *left);
bool bj_verb_takes_list(uint8_t verb);

/* Code inside arguments. Each gives whether all that it does was told; else it stays code. */
bool bj_code_sed(struct reader *reader, const struct use *use, const struct bj_word *code);
bool bj_code_sql(struct reader *reader, const struct use *use, const struct bj_word *code);
bool bj_code_awk(struct reader *reader, const struct use *use, const struct bj_word *code);
void bj_code_calls(struct reader *reader, const struct use *use, const struct bj_word *code);

/* One key of git's configuration gets a value. */
void bj_git_config(struct reader *reader, const struct use *use, const struct bj_word *key,
                   const struct bj_word *value);

/* The functions of the verbs. */
#define BJ_VALUE_FUNCTION(name)                                                                    \
    void name(struct reader *reader, const struct use *use, const struct bj_word *value)
#define BJ_LIST_FUNCTION(name)                                                                     \
    void name(struct reader *reader, const struct use *use, struct operands *left)
BJ_VALUE_FUNCTION(bj_verb_at_file);
BJ_VALUE_FUNCTION(bj_verb_at_form);
BJ_VALUE_FUNCTION(bj_verb_code);
BJ_VALUE_FUNCTION(bj_verb_compiler_input);
BJ_VALUE_FUNCTION(bj_verb_directory);
BJ_VALUE_FUNCTION(bj_verb_edits);
BJ_VALUE_FUNCTION(bj_verb_env_string);
BJ_VALUE_FUNCTION(bj_verb_ex_command);
BJ_VALUE_FUNCTION(bj_verb_expands);
BJ_VALUE_FUNCTION(bj_verb_gdb_command);
BJ_VALUE_FUNCTION(bj_verb_git_config);
BJ_VALUE_FUNCTION(bj_verb_git_url);
BJ_VALUE_FUNCTION(bj_verb_go_flags);
BJ_VALUE_FUNCTION(bj_verb_helper);
BJ_VALUE_FUNCTION(bj_verb_names_from);
BJ_VALUE_FUNCTION(bj_verb_outputs);
BJ_VALUE_FUNCTION(bj_verb_pair);
BJ_VALUE_FUNCTION(bj_verb_remote);
BJ_VALUE_FUNCTION(bj_verb_downloads);
BJ_VALUE_FUNCTION(bj_verb_runs);
BJ_VALUE_FUNCTION(bj_verb_script);
BJ_VALUE_FUNCTION(bj_verb_socat_address);
BJ_VALUE_FUNCTION(bj_verb_pattern);
BJ_VALUE_FUNCTION(bj_verb_startup);
BJ_VALUE_FUNCTION(bj_verb_tar_action);
BJ_VALUE_FUNCTION(bj_verb_tar_archive);
BJ_VALUE_FUNCTION(bj_verb_variable);
BJ_VALUE_FUNCTION(bj_verb_wrapper_list);
BJ_LIST_FUNCTION(bj_list_assignments);
BJ_LIST_FUNCTION(bj_list_behind_dashes);
BJ_LIST_FUNCTION(bj_list_cmake_tool);
BJ_LIST_FUNCTION(bj_list_command);
BJ_LIST_FUNCTION(bj_list_either);
BJ_LIST_FUNCTION(bj_list_flag_reads);
BJ_LIST_FUNCTION(bj_list_flag_writes);
BJ_LIST_FUNCTION(bj_list_flock);
BJ_LIST_FUNCTION(bj_list_found);
BJ_LIST_FUNCTION(bj_list_git_config);
BJ_LIST_FUNCTION(bj_list_joined);
BJ_LIST_FUNCTION(bj_list_parallel);
BJ_LIST_FUNCTION(bj_list_shell);
BJ_LIST_FUNCTION(bj_list_sql);
BJ_LIST_FUNCTION(bj_list_stdin);
BJ_LIST_FUNCTION(bj_list_typed);
BJ_LIST_FUNCTION(bj_list_xargs);

#endif
