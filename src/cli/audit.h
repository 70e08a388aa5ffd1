/* What the files of `belljar audit` share. */
#ifndef BJ_CLI_AUDIT_H
#define BJ_CLI_AUDIT_H

#include <jansson.h>

#include "audit/audit.h"

#define BJ_AUDIT_NOT_SOUND 1 /* exit status of verify */
#define BJ_AUDIT_FAILED    125

/* The command line of every action. */
struct bj_audit_command {
    const char *file;  /* NULL: the usual place */
    const char *state; /* the service's directory instead; "" = its usual one; NULL: no service's */
    struct bj_audit_filter filter;
    bool newest_said;
    bool json, csv, follow;
    bool dry_run, yes;           /* prune */
    struct bj_audit_head anchor; /* number 0: none */
    bool anchored;
    struct bj_audit_retention retention;
    int64_t number; /* show; 0 = none */
};

/* Parses it; prints what is wrong. `action` chooses which options there are. */
bool bj_audit_parse(const char *action, int argc, char **argv, struct bj_audit_command *ret);

/* "2h" ago, "2026-11-22T10:00" (local, or with Z or an offset). False if it is none of these. */
bool bj_audit_parse_time(const char *text, int64_t now_ns, int64_t *ret_ns);
bool bj_audit_parse_span(const char *text, int64_t *ret_ns);

/* Each does one action with a database that is open and returns the exit status. */
int bj_audit_do_list(struct bj_audit *audit, const struct bj_audit_command *command);
int bj_audit_do_export(struct bj_audit *audit, const struct bj_audit_command *command);
int bj_audit_do_show(struct bj_audit *audit, const struct bj_audit_command *command);
int bj_audit_do_stats(struct bj_audit *audit, const struct bj_audit_command *command);
int bj_audit_do_verify(struct bj_audit *audit, const struct bj_audit_command *command);
int bj_audit_do_head(struct bj_audit *audit, const struct bj_audit_command *command);
int bj_audit_do_prune(struct bj_audit *audit, const struct bj_audit_command *command);

int bj_audit_print_error(const struct bj_error *err);
void bj_audit_say_none(void); /* that no records match */

/* Writes and empties the buffer; false, and said, when it cannot. A closed pipe is said silently.
 */
bool bj_audit_flush(struct bj_buf *out);

/* The record's body; NULL if it is not JSON (it was changed, then) or memory ended. */
json_t *bj_audit_body(const struct bj_audit_record *record);

/* The member's text; "" if there is none. Borrowed. */
const char *bj_audit_member(const json_t *body, const char *name);

/* What was asked for, as one line to read: command, words, path, pattern or URL. */
void bj_audit_put_what(const json_t *body, struct bj_buf *out);

#endif
