/* Runs a command under glass from C: cc embed.c $(pkg-config --cflags --libs belljar) */
#include <belljar/belljar.h>
#include <stdio.h>

int main(void)
{
    const char *argv[] = {"python3", "-c", "print(6 * 7); open('/etc/passwd', 'a')", NULL};
    struct bj_error err = {0};
    struct bj_outcome *outcome = NULL;
    struct bj_runner *runner = bj_runner_new(NULL, &err);
    struct bj_config *config = bj_config_new(&err);
    int failed = 1;

    if (runner != NULL && config != NULL &&
        bj_config_set_text(config, "workspace", "empty", &err) == 0 &&
        bj_config_set_text(config, "resource_limits.memory_mb", "256", &err) == 0 &&
        bj_config_set_text(config, "layers.allow_degraded", "true", &err) == 0 &&
        bj_run(runner, config, argv, &outcome, &err) == 0) {
        printf("exit code %d\n", bj_outcome_exit_code(outcome));
        printf("said: %s", bj_outcome_output(outcome, 1, NULL));
        printf("was told: %s", bj_outcome_output(outcome, 2, NULL));
        failed = 0;
    }
    if (failed)
        fprintf(stderr, "embed: %s\n", err.message);
    bj_outcome_free(outcome);
    bj_config_free(config);
    bj_runner_free(runner);
    return failed;
}
