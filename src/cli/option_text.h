/* Rows of the option table as text, for every listing that is made from them. */
#ifndef BJ_CLI_OPTION_TEXT_H
#define BJ_CLI_OPTION_TEXT_H

#include "base/buf.h"
#include "model/options.h"

/* The option's value in `config`, as a flag would take it; nothing when it is unset or a list. */
void bj_option_text_value(const struct bj_option *option, const struct bj_config *config,
                          struct bj_buf *out);

/* Its names separated by `separator`: "none, host or domains" with ", ". */
void bj_option_text_choices(const struct bj_option *option, const char *separator,
                            struct bj_buf *out);

/* The help line and what goes with it: "memory, such as 512m or 2g (default 512m; 0: no limit)". */
void bj_option_text_help(const struct bj_option *option, const struct bj_config *defaults,
                         struct bj_buf *out);

/* Appends text wrapped at 80 columns, each further line indented; `column` is where it starts. */
void bj_option_text_wrap(const char *text, int column, int indent, struct bj_buf *out);

/* Releases a buffer whose text went into `out`, which has failed too if it had. */
void bj_option_text_done(struct bj_buf *part, struct bj_buf *out);

/* The documents. */
void bj_option_help(const struct bj_config *defaults, struct bj_buf *out);     /* run --help */
void bj_option_manual(const struct bj_config *defaults, struct bj_buf *out);   /* belljar-run(1) */
void bj_option_markdown(const struct bj_config *defaults, struct bj_buf *out); /* docs/CONFIG.md */

#endif
