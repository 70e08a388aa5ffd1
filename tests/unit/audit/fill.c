/*
 * Fills a database of audit records for the integration tests: fill FILE CALLS. The calls are of
 * several keys, tools and verdicts, some with what must not act on a terminal or in a spreadsheet.
 */
#include <stdio.h>
#include <stdlib.h>

#include "audit/audit.h"

static const struct {
    const char *key, *sandbox, *tool, *command, *path;
    enum bj_decision decision;
    enum bj_risk risk;
    int exit_code;
} calls[] = {
    {"alice", "sb1", "Bash", "ls -la && echo done", NULL, BJ_ALLOW, BJ_RISK_NONE, 0},
    {"bob", "sb2", "Bash", "rm -rf /", NULL, BJ_DENY, BJ_RISK_CRITICAL, 0},
    {"alice", "sb1", "Read", NULL, "/w/notes.txt", BJ_ALLOW, BJ_RISK_NONE, 1},
    {"bob\x1b[2J", "sb2", "Bash",
     "printf '\x1b]0;owned\a\xc2\x9b"
     "31m\nNUMBER forged line'",
     NULL, BJ_ASK, BJ_RISK_MEDIUM, 0},
    {"alice", "sb1", "Bash", "=HYPERLINK(\"http://h/\")", NULL, BJ_ALLOW, BJ_RISK_LOW, 2},
    {"alice", "sb3", "Bash", "PASSWORD=hunter2hunter2 make", NULL, BJ_ALLOW, BJ_RISK_NONE, 0},
};
#define CALLS (sizeof calls / sizeof *calls)

static void put(struct bj_audit *audit, size_t which)
{
    const char *const walls[] = {"connect 10.0.0.1:22", NULL};
    struct bj_request request = {.tool = calls[which].tool,
                                 .key = calls[which].key,
                                 .sandbox = calls[which].sandbox,
                                 .command = calls[which].command,
                                 .path = calls[which].path};
    struct bj_audit_who who = {.uid = 1000};
    struct bj_audit_outcome outcome = {.ran = true,
                                       .exit_code = calls[which].exit_code,
                                       .duration_us = 2500,
                                       .timed_out = which == 2,
                                       .walls = walls};
    struct bj_verdict verdict;
    struct bj_error err = {0};
    int64_t number;
    int result;

    bj_verdict_init(&verdict);
    if (calls[which].risk > BJ_RISK_NONE)
        bj_verdict_add(&verdict, &(struct bj_violation){
                                     "some.rule", "it is not good", request.command, "leave it",
                                     calls[which].risk, calls[which].decision, 0, 2});
    result = bj_audit_append_verdict(audit, &request, &verdict, &who, &number, &err);
    if (result == 0 && calls[which].decision != BJ_DENY)
        result = bj_audit_append_outcome(audit, number, &outcome, &err);
    bj_verdict_release(&verdict);
    if (result < 0) {
        fprintf(stderr, "fill: %s\n", err.message);
        exit(1);
    }
}

int main(int argc, char **argv)
{
    struct bj_audit_options options = {.access = BJ_AUDIT_WRITE};
    struct bj_audit *audit = NULL;
    struct bj_error err = {0};

    if (argc != 3)
        return 2;
    options.path = argv[1];
    if (bj_audit_open(&options, &audit, &err) < 0) {
        fprintf(stderr, "fill: %s\n", err.message);
        return 1;
    }
    for (long i = 0; i < strtol(argv[2], NULL, 10); i++)
        put(audit, (size_t)i % CALLS);
    bj_audit_close(audit);
    return 0;
}
