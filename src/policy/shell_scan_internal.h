/* The reading of tokens: what shell_quote.c and shell_scan.c share, and nobody else. */
#ifndef BJ_POLICY_SHELL_SCAN_INTERNAL_H
#define BJ_POLICY_SHELL_SCAN_INTERNAL_H

#include "policy/shell_internal.h"

struct pending {
    uint32_t token; /* the redirect */
    struct text delimiter;
    bool quoted, strip;
};

struct scan {
    struct walk *walk;
    struct source *source;
    const char *bytes;
    uint32_t length;
    uint32_t depth;
    struct pending pending[BJ_SHELL_DOCUMENTS_MAX];
    uint32_t pending_count;
    uint32_t
        *joints; /* continued lines to be joined before anything is believed; see shell_join.c */
    uint32_t joint_count;
    size_t joint_room;
    bool turned; /* the last of them can change how what follows is read */
};

void bj_scan_broken(struct scan *scan, uint32_t at);
/* The byte at a place; -1 behind the end. A hole is '\0'. */
int bj_scan_byte_at(const struct scan *scan, uint32_t at);
bool bj_scan_is_blank(int byte);
bool bj_scan_ends_word(int byte);
/* Tokens are added where they begin, so that the list is in order. Index, or NOWHERE. */
uint32_t bj_scan_add_token(struct scan *scan, enum token_kind kind, uint32_t from, uint32_t to);
void bj_scan_end_token(struct scan *scan, uint32_t token, uint32_t to);
/* Is there room for one more level? What is deeper is not looked at. */
bool bj_scan_enter(struct scan *scan, uint32_t at);

/* Each gives the place behind what it reads. */
uint32_t bj_scan_piece(struct scan *scan, uint32_t at, bool quoted);
uint32_t bj_scan_substitution(struct scan *scan, uint32_t at, enum extent_kind kind, bool quoted);
uint32_t bj_scan_math(struct scan *scan, uint32_t at, char close);
uint32_t bj_scan_word(struct scan *scan, uint32_t from, bool regex);
uint32_t bj_scan_word_token(struct scan *scan, uint32_t from, bool regex);
uint32_t bj_scan_skip_blanks(struct scan *scan, uint32_t at);
bool bj_scan_is_assignment(const struct scan *scan, uint32_t from, uint32_t at);
/* Statements up to an unmatched `stop` (0: the end of the text); its place. */
uint32_t bj_scan_commands(struct scan *scan, uint32_t at, char stop);

/* A backslash before a newline, not in single quotes; `quoted`: in double ones. */
void bj_scan_note_joint(struct scan *scan, uint32_t at, bool quoted);
void bj_scan_add_joint(struct scan *scan, uint32_t at, bool turns);
/* Takes them out of the source's text. True if it is to be scanned again; *again: bytes so far. */
bool bj_scan_join(struct scan *scan, uint32_t *again);

#endif
