/*
 * What the judges of commands share: the blacklist, the whitelist and the built-in rules each look
 * at the same list of simple commands and add violations to the same verdict.
 */
#ifndef BJ_POLICY_JUDGE_INTERNAL_H
#define BJ_POLICY_JUDGE_INTERNAL_H

#include "model/config.h"
#include "model/request.h"
#include "model/verdict.h"
#include "policy/command.h"
#include "policy/spelling.h"

/* One judgement under way. */
struct bj_judgement {
    const struct bj_commands *commands;
    const char *text; /* what was analysed; "" when it was an argument list */
    size_t length;
    const char *home; /* may be NULL */
    enum bj_unknown_commands unknown;
    struct bj_arena *arena;
    struct bj_verdict *verdict;
    struct bj_buf scratch; /* for texts of violations; kept between judgements */
    int64_t deadline_us;   /* bj_clock_worked_us() */
    size_t work;           /* done since the clock was last looked at, in bytes compared */
    bool too_slow;         /* the time limit was hit: not everything has been looked at */
};

/* Is time up? Then it is noted. */
bool bj_judgement_late(struct bj_judgement *judgement);

/* Adds a violation about a command (NULL: about the whole text); texts are copied. */
void bj_judgement_add(struct bj_judgement *judgement, const struct bj_simple_command *command,
                      const struct bj_violation *violation);

/*
 * Is this effect code that nobody has read, of a program that is not an interpreter by nature? A
 * list that has python is meant to let its scripts run; one that has vim is not meant to let it
 * start programs.
 */
bool bj_effect_is_unread_code(const struct bj_program *program, const struct bj_effect *effect);

/* Patterns of command_blacklist. */
struct bj_blacklist;
int bj_blacklist_new(char *const *patterns, struct bj_blacklist **ret, struct bj_error *err);
void bj_blacklist_free(struct bj_blacklist *blacklist);
int bj_blacklist_judge(struct bj_blacklist *blacklist, struct bj_judgement *judgement,
                       struct bj_error *err);

/* Names of command_whitelist. */
struct bj_whitelist;
int bj_whitelist_new(char *const *names, struct bj_whitelist **ret, struct bj_error *err);
void bj_whitelist_free(struct bj_whitelist *whitelist);
void bj_whitelist_judge(const struct bj_whitelist *whitelist, struct bj_judgement *judgement);

/* Built-in rules: src/policy/rules. */
void bj_rules_judge(struct bj_judgement *judgement, enum bj_risk deny_risk, enum bj_risk ask_risk);

#endif
