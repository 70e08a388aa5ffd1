/* The globs of the built-in rules: those of glob.h, and ~ for every home directory. */
#ifndef BJ_POLICY_RULE_GLOB_H
#define BJ_POLICY_RULE_GLOB_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Does the whole text match? A glob that begins with ~ means every home directory: `home` (may be
 * NULL), root's, those below /home and /Users, and a beginning that is not known.
 */
bool bj_rule_glob_match(const char *glob, const char *text, size_t length, const char *home);

#endif
