/*
 * Judges a command, runs it recorded if it may run, and proves the record:
 *   cc judge.c $(pkg-config --cflags --libs belljar) && ./a.out audit.db 'ls -la'
 */
#include <belljar/audit.h>
#include <belljar/belljar.h>
#include <belljar/policy.h>
#include <belljar/settings.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int print_record(void *context, const char *json)
{
    (void)context;
    printf("record: %s\n", json);
    return 0;
}

/* 0 when the policy allows it. */
static int judge(struct bj_config *config, const char *command, struct bj_error *err)
{
    struct bj_policy *policy = NULL;
    struct bj_verdict *verdict = NULL;
    struct bj_hit hit;
    int allowed = 0;

    if (bj_policy_open(config, &policy, err) == 0 &&
        bj_policy_judge_command(policy, command, NULL, &verdict, err) == 0) {
        printf("verdict: %s (%s risk): %s\n", bj_verdict_decision(verdict),
               bj_verdict_risk(verdict), bj_verdict_reason(verdict));
        for (int i = 0; bj_verdict_hit(verdict, i, &hit); i++)
            printf("hit: %s at %zu-%zu: %s\n", hit.rule, hit.from, hit.to, hit.command);
        allowed = strcmp(bj_verdict_decision(verdict), "allow") == 0;
    }
    bj_verdict_free(verdict);
    bj_policy_close(policy);
    return allowed ? 0 : -1;
}

static int run_recorded(struct bj_config *config, const char *command, struct bj_error *err)
{
    const char *argv[] = {"/bin/sh", "-c", command, NULL};
    struct bj_runner *runner = bj_runner_new(NULL, err);
    struct bj_outcome *outcome = NULL;
    int result = runner == NULL ? -1 : bj_run(runner, config, argv, &outcome, err);

    if (result == 0)
        printf("exit code %d\n", bj_outcome_exit_code(outcome));
    bj_outcome_free(outcome);
    bj_runner_free(runner);
    return result;
}

static int show_records(const char *path, struct bj_error *err)
{
    struct bj_audit_choice choice = {.size = sizeof choice, .tool = "Bash"};
    char anchor[BJ_AUDIT_ANCHOR_MAX];
    struct bj_audit_proof proof;
    struct bj_audit *audit = NULL;
    int result = bj_audit_open_file(path, &audit, err);

    if (result == 0)
        result = bj_audit_read(audit, &choice, print_record, NULL, err);
    if (result == 0)
        result = bj_audit_anchor(audit, anchor, err);
    if (result == 0)
        result = bj_audit_prove(audit, anchor, &proof, err);
    if (result == 0)
        printf("proof: %s, %lld records up to %s\n", proof.sound ? "sound" : proof.problem,
               (long long)proof.records, anchor);
    bj_audit_close(audit);
    return result;
}

static int wrap(const char *command, struct bj_error *err)
{
    char here[4096], *text = NULL;
    struct bj_wrap_options options = {.size = sizeof options, .work_dir = here};
    int result = getcwd(here, sizeof here) == NULL
                     ? -1
                     : bj_wrap_text("bubblewrap", command, &options, &text, err);

    if (result == 0)
        printf("wrapped: %s\n", text);
    bj_text_free(text);
    return result;
}

int main(int argc, char **argv)
{
    struct bj_error err = {0};
    struct bj_config *config = bj_config_new(&err);
    int failed = 1;

    if (argc != 3) {
        fprintf(stderr, "usage: judge AUDIT-FILE COMMAND\n");
    } else if (config != NULL && bj_config_set_text(config, "workspace", "empty", &err) == 0 &&
               bj_config_set_text(config, "security.command_blacklist", "rm\\s+-rf", &err) == 0 &&
               bj_config_set_text(config, "security.audit", "required", &err) == 0 &&
               bj_config_set_text(config, "security.audit_path", argv[1], &err) == 0) {
        failed = judge(config, argv[2], &err) != 0 || wrap(argv[2], &err) != 0 ||
                 run_recorded(config, argv[2], &err) != 0 || show_records(argv[1], &err) != 0;
    }
    if (err.code != BJ_E_OK)
        fprintf(stderr, "judge: %s\n", err.message);
    bj_config_free(config);
    return failed;
}
