/*
 * What a shell text can run: every simple command, found by parsing it with the bash grammar and
 * walking the tree with an abstract shell state. Facts only; what to think of them is for rules.
 */
#ifndef BJ_POLICY_COMMAND_H
#define BJ_POLICY_COMMAND_H

#include "base/arena.h"
#include "base/error.h"
#include "policy/program.h"
#include "policy/word.h"

struct bj_redirect {
    enum { BJ_REDIRECT_READ, BJ_REDIRECT_WRITE, BJ_REDIRECT_APPEND, BJ_REDIRECT_BOTH } kind;
    struct bj_word target; /* a file; duplicated descriptors and here-documents are not listed */
    struct bj_word path; /* the same, absolute and without . and .. where the directory is known */
};

struct bj_assignment {
    const char *name;
    struct bj_word value;
};

/*
 * A command line as it is written. All that its words run (sudo, the shell behind it) is of the one
 * statement; a substitution in them and a text that they run have statements of their own. When the
 * walk comes by again, in a loop or with another reading of the words, the statement is the same.
 */
struct bj_statement {
    const struct bj_statement *within; /* the one whose words a substitution runs it for; or NULL */
    int parent;        /* the command whose text it is of (sh -c, eval, a function), or -1 */
    uint32_t from, to; /* bytes of the analysed text: of all of the parent where it is of such */
    uint32_t at;       /* byte of the text that it is of */
};

static inline bool bj_statement_is(const struct bj_statement *a, const struct bj_statement *b)
{
    for (; a != b; a = a->within, b = b->within) {
        if (a == NULL || b == NULL || a->at != b->at || a->parent != b->parent ||
            a->from != b->from || a->to != b->to)
            return false;
    }
    return true;
}

/* A place in a pipeline; -1: in none. */
struct bj_stage {
    int pipeline, stage;
};

/* What is not known of a command, worst last. */
enum bj_unknown {
    BJ_KNOWN,          /* its name and arguments are, but perhaps for holes in arguments */
    BJ_UNKNOWN_NAME,   /* which program this is: words[0] has holes or splits */
    BJ_UNKNOWN_SCRIPT, /* it runs text or code that cannot be told */
};

/* One simple command that can run. */
struct bj_simple_command {
    const struct bj_word *words; /* words[0] names the program */
    size_t word_count;
    struct bj_program program;   /* the words as that program reads them */
    const struct bj_word *paths; /* operands that are paths, absolute and normalised where the
                                    directory is known; as many as program.operands */
    const struct bj_redirect *redirects;
    size_t redirect_count;
    const struct bj_assignment *assignments; /* in its environment, set by the text */
    size_t assignment_count;
    const struct bj_statement *statement; /* NULL: it is of no text */
    const char *directory;                /* where it runs; NULL if unknown */
    uint32_t from, to;                    /* bytes of the analysed text it came from */
    int parent;      /* the command that runs it (sudo, sh -c, find), as an index; or -1 */
    int pipeline;    /* commands with the same number are one pipeline; -1: not in one */
    int stage;       /* place in it, from 0 */
    bool builtin;    /* the shell does it itself */
    bool function;   /* a function of the text of that name; its body is listed as well */
    bool background; /* & */
    bool privileged; /* as another user: below sudo, su, doas */
    enum bj_unknown unknown;
    const char *why; /* of `unknown`: one phrase; "" otherwise */
};

/* Why a text may run more than the list says. */
enum bj_incomplete {
    BJ_COMPLETE,
    BJ_NOT_PARSED, /* syntax that is not understood */
    BJ_NOT_CLOSED, /* a quote, substitution or here-document that does not end */
    BJ_TOO_LARGE,  /* more bytes, commands or nesting than is looked at */
    BJ_TOO_SLOW,   /* the time limit */
};

/* All of a text. */
struct bj_commands {
    const struct bj_simple_command *list;
    size_t count;
    const struct bj_stage *pipelines; /* by number: where in the one around it each stands */
    /* Every assignment made anywhere, exported or not. */
    const struct bj_assignment *assignments;
    size_t assignment_count;
    /* Names of functions that call themselves in the background: fork bombs. */
    const char *const *self_spawning;
    size_t self_spawning_count;
    enum bj_incomplete incomplete;
    uint32_t incomplete_at; /* byte of the text */
};

/* Where the text would run. NULL: unknown. */
struct bj_shell_context {
    const char *directory; /* absolute */
    const char *home;
    const char *const
        *environment;       /* NAME=VALUE, ends with NULL; NULL: variables may hold anything */
    int64_t deadline_us;    /* on `clock`; 0 = none */
    int64_t (*clock)(void); /* microseconds; NULL = none */
};

/* A parser that is kept between texts: making one costs more than using it. One thread at a time.
 */
struct bj_shell;
struct bj_shell *bj_shell_new(struct bj_error *err);
void bj_shell_free(struct bj_shell *shell);

/*
 * Analyses a text. *ret and all it points to live in the arena. Fails only without memory
 * (BJ_E_NO_MEMORY): what is not understood is said in the result.
 */
int bj_shell_analyse(struct bj_shell *shell, const struct bj_shell_context *context,
                     const char *text, size_t length, struct bj_arena *arena,
                     struct bj_commands *ret, struct bj_error *err);

/* The same for a program and its arguments, given without a shell. */
int bj_shell_analyse_argv(struct bj_shell *shell, const struct bj_shell_context *context,
                          const char *const *argv, struct bj_arena *arena, struct bj_commands *ret,
                          struct bj_error *err);

#endif
