/* What the files of the option table and the configuration share; for this folder alone. */
#ifndef BJ_MODEL_OPTIONS_INTERNAL_H
#define BJ_MODEL_OPTIONS_INTERNAL_H

#include "model/options.h"

/* A foreign text made fit for a message: in quotes, shortened, control characters escaped. */
struct bj_quoted {
    char text[112];
};
struct bj_quoted bj_quote(const char *text);

/* Marks the option as said; the first time a list is said, what a preset put there goes. */
void bj_option_say(struct bj_config *config, enum bj_option_id id);

/*
 * Fills keys of a remote backend that nothing else gave from ./.env, if the config asks for such a
 * backend. Nothing but keys: whoever can write to the current directory can write that file.
 */
int bj_config_load_dotenv(struct bj_config *config, struct bj_error *err);

/* bj_config_set(), for run options too. `text` may be NULL for a BOOL: true. */
int bj_option_set(struct bj_config *config, struct bj_run_options *run, enum bj_option_id id,
                  const char *text, const char *directory, struct bj_error *err);

/* For JSON, whose numbers and booleans are no texts. The number must fit the option's kind. */
int bj_option_set_number(struct bj_config *config, enum bj_option_id id, double value, bool in_json,
                         struct bj_error *err);
void bj_option_set_bool(struct bj_config *config, enum bj_option_id id, bool value);

/* "expected …; found …", for an option that got the wrong thing. `found` is used as it is. */
int bj_option_fail(const struct bj_option *option, bool in_json, const char *found,
                   struct bj_error *err);

/* The same for a wrong text, quoted; a secret is not shown. */
int bj_option_fail_text(const struct bj_option *option, const char *text, struct bj_error *err);

/* Adds an entry, or those of an environment file, to the option's list; see bj_config_set(). */
int bj_option_add(struct bj_config *config, const struct bj_option *option, const char *text,
                  const char *directory, struct bj_error *err);

/* Appends "; did you mean X?" unless X is NULL. */
void bj_error_suggest(struct bj_error *err, const char *prefix, const char *suggestion);

/* bj_str_distance(), but the beginning of a word is nearly the word: --mem for --memory. */
size_t bj_word_distance(const char *given, const char *known);

/* Is `distance` near enough to a word of `length` to suggest it? */
bool bj_is_near(size_t distance, size_t length);

/* More parsers of single values, as those in options.h. */
bool bj_is_domain_pattern(const char *text);
bool bj_is_printable(const char *text); /* no control characters */

/* The absolute host path of `text` below `directory` (NULL: the current one); owned by
 * the caller. */
int bj_host_path(const char *text, const char *directory, char **ret_path, struct bj_error *err);

/* A clean absolute path inside, other than "/"; NULL with BJ_E_INVALID or without memory. */
int bj_sandbox_path(const char *text, size_t length, char **ret_path, struct bj_error *err);

#endif
