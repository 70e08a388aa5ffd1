/*
 * What the files of builtins share: reading their options. For shell_builtin*.c only.
 */
#ifndef BJ_POLICY_SHELL_BUILTIN_INTERNAL_H
#define BJ_POLICY_SHELL_BUILTIN_INTERNAL_H

#include "policy/shell_internal.h"

/* The words behind options; `with_value`: letters of options that take the next word. */
size_t bj_sh_options_end(const struct bj_word *words, size_t count, const char *with_value);
bool bj_sh_has_option(const struct bj_word *words, size_t count, char letter);
/* The value of an option, in the same word or the next; NULL if it is not given. */
const struct bj_word *bj_sh_option(struct call *call, const struct bj_word *words, size_t count,
                                   char letter);

void bj_sh_declare_builtin(struct call *call, struct bj_word *words, size_t count);
void bj_sh_unset_builtin(struct call *call, struct bj_word *words, size_t count);
void bj_sh_read_builtin(struct call *call, struct bj_word *words, size_t count);
void bj_sh_mapfile_builtin(struct call *call, struct bj_word *words, size_t count);
void bj_sh_printf_builtin(struct call *call, struct bj_word *words, size_t count);
void bj_sh_let_builtin(struct call *call, struct bj_word *words, size_t count);
void bj_sh_test_builtin(struct call *call, struct bj_word *words, size_t count);
void bj_sh_set_builtin(struct call *call, struct bj_word *words, size_t count);
void bj_sh_shift_builtin(struct call *call, struct bj_word *words, size_t count);
void bj_sh_getopts_builtin(struct call *call, struct bj_word *words, size_t count);
void bj_sh_wait_builtin(struct call *call, struct bj_word *words, size_t count);
void bj_sh_alias_builtin(struct call *call, struct bj_word *words, size_t count);
void bj_sh_unalias_builtin(struct call *call, struct bj_word *words, size_t count);
void bj_sh_hash_builtin(struct call *call, struct bj_word *words, size_t count);

#endif
