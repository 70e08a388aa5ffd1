/* Wildcards within a name: * any characters, ? one character, \ takes the next one as it is. */
#ifndef BJ_POLICY_GLOB_H
#define BJ_POLICY_GLOB_H

#include <stdbool.h>
#include <stddef.h>

/* Does the pattern match the whole text? Takes at most pattern times text steps. */
bool bj_glob_matches(const char *pattern, size_t pattern_length, const char *text, size_t length);

/* Is there a * or ? that is not taken as it is? */
bool bj_glob_has_wildcards(const char *pattern, size_t length);

#endif
