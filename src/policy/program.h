/*
 * What a program does with its arguments: the table of programs (programs.def) and the reader of
 * argument lists over it. Knows nothing of shells; the walker (shell.h) asks it about every simple
 * command and follows what it answers.
 */
#ifndef BJ_POLICY_PROGRAM_H
#define BJ_POLICY_PROGRAM_H

#include "base/arena.h"
#include "policy/word.h"

/* Effects of an argument list, beyond what the program's name says. */
enum bj_effect_kind {
    BJ_EFFECT_RUNS,   /* `words` is a command line that it runs: env, xargs, find -exec */
    BJ_EFFECT_SHELL,  /* `words[0]` is shell text that a shell runs: sh -c, git -c alias.x=! */
    BJ_EFFECT_CODE,   /* `words[0]` is code in `language`: perl -e, awk's program */
    BJ_EFFECT_SCRIPT, /* `words[0]` is a file whose content is run as `language` */
    BJ_EFFECT_STDIN_SCRIPT, /* what comes on standard input is run as `language` */
    BJ_EFFECT_LOADS,  /* `words[0]` is a file or name of code that it loads: plug-ins, LD_PRELOAD */
    BJ_EFFECT_SETS,   /* `words[0]` is NAME=VALUE for what it runs: env A=B */
    BJ_EFFECT_READS,  /* `words[0]` is a file that it reads */
    BJ_EFFECT_WRITES, /* … that it creates or changes */
    BJ_EFFECT_REMOVES,  /* … that it removes or truncates */
    BJ_EFFECT_CONNECTS, /* `words[0]` is a host, address or URL that it talks to */
    BJ_EFFECT_UNKNOWN,  /* it may run something that cannot be told: an option with a hole … */
};

struct bj_effect {
    enum bj_effect_kind kind;
    const struct bj_word *words;
    size_t count;
    const char *via;      /* the option or operand that does it, for messages: "--to-command" */
    const char *language; /* "sh", "python", "perl", "awk", "sed" …; "" where it does not apply */
    bool appends_input;   /* RUNS: more words come from standard input, as with xargs */
    bool privileged;      /* RUNS, SHELL: as another user, as with sudo */
    bool by_default;      /* the program does this by its nature, no option was needed: cp, tee */
    bool has_directory;   /* RUNS, SHELL: it changes there first: env -C, sudo -D */
    struct bj_word directory;
    bool as_option; /* UNKNOWN: only if a word that begins with a hole turns out to be an option */
};

/* An option that was given: -r and --recursive of one program are the same one. */
struct bj_flag {
    char letter;      /* 0 if it has a long name only */
    const char *name; /* long name without dashes, completed; "" if it has a letter only */
    const struct bj_word *value; /* NULL if it has none */
    const struct bj_word *word;  /* the argument it stood in */
};

/* An argument list, read. All memory is the arena's. */
struct bj_program {
    /* Canonical: "rm" for /bin/rm, "python" for python3.11, without a row what stands behind the
       last slash; "" if it has holes. */
    const char *name;
    bool known;      /* there is a row for it, and its options were read by that row */
    bool paths;      /* its operands are paths */
    size_t patterns; /* … but for so many of the first: grep */
    const struct bj_word *directory; /* where an option has it go first; NULL: it stays */
    const struct bj_flag *flags;
    size_t flag_count;
    const struct bj_word *operands; /* without -- */
    size_t operand_count;
    const struct bj_effect *effects;
    size_t effect_count;
};

/*
 * Reads argv (at least one word). False when the arena is full, *ret then unusable. A program
 * without a row is read by getopt's customs: clusters of letters, no option takes a value.
 */
bool bj_program_read(struct bj_arena *arena, const struct bj_word *argv, size_t argc,
                     struct bj_program *ret);

/*
 * Does setting this variable choose code that programs run later: PATH, LD_PRELOAD, BASH_ENV,
 * GIT_SSH_COMMAND, PYTHONPATH, PAGER …? Fills *ret with the effect its value has (LOADS, SHELL,
 * RUNS as SHELL text, or UNKNOWN); `value` is the value alone.
 */
bool bj_variable_chooses_code(const char *name, const struct bj_word *value, struct bj_effect *ret);

#endif
