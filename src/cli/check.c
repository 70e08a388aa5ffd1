/* belljar check: what the policy says of a command, without running it. */
#include "cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/check_print.h"
#include "cli/check_tool.h"
#include "cli/check_settings.h"
#include "model/options.h"
#include "policy/policy.h"
#include "policy/rules.h"
#include "wire/json.h"

#define EXIT_FAILED 125

static const char usage[] =
    "usage: belljar check [OPTIONS] 'COMMAND'\n"
    "       belljar check [OPTIONS] -- PROGRAM [ARGUMENT...]\n"
    "       belljar check [OPTIONS] --tool NAME [--arguments JSON]\n"
    "       belljar check [OPTIONS] --request FILE\n"
    "       belljar check --rules\n"
    "\n"
    "Says whether the policy allows a command: shell text, or a program and its arguments behind\n"
    "--. With - or without a command the text is read from standard input. Or a call of any\n"
    "tool: --arguments is a JSON object; FILE, - for standard input, has an object with tool and\n"
    "arguments, or tool_name and tool_input as agents' hooks give them. Nothing is run.\n"
    "\n"
    "  -C DIR    where the command would run (the current directory)\n"
    "  --json    print the verdict, or the rules, as JSON\n"
    "  --rules   list the built-in rules\n"
    "  --settings FILE\n"
    "            answer by sandbox settings (JSON): SandboxCheckResult; where a policy is given\n"
    "            as well, the stricter answer\n"
    "  --dangerously-disable-sandbox\n"
    "            with --settings: the command asks to run outside of the sandbox\n"
    "\n"
    "and the options of belljar run that make the policy, such as --config FILE,\n"
    "--deny-command PATTERN, --only-command NAME, --deny-risk and --ask-risk.\n"
    "\n"
    "Exit status: 0 allow, 1 deny, 2 ask, 125 error.\n";

/* What the command line asks for beside the configuration. */
struct check {
    struct bj_config config;
    struct bj_run_options run;
    const char *directory; /* -C */
    struct bj_check_settings settings;
    bool rules;      /* --rules */
    bool argv_given; /* there was a -- */
    int command;     /* index of the command in argv */
};

static int fail(const struct bj_error *err)
{
    fprintf(stderr, "belljar: check: %s\n", err->message);
    return EXIT_FAILED;
}

bool bj_cli_takes_next(const char *argument)
{
    const char *name = argument + 2;
    enum bj_option_id id = argument[1] == '-'    ? bj_option_find_flag(name, strcspn(name, "="))
                           : argument[2] == '\0' ? bj_option_find_short(argument[1])
                                                 : BJ_OPT_COUNT;

    return id != BJ_OPT_COUNT && bj_option_get(id)->argument != NULL &&
           strchr(argument, '=') == NULL;
}

/* Does the argument name this option with its value, in it or behind it? *i moves to the value. */
static bool take_value(int argc, char **argv, int *i, const char *name, const char **ret,
                       struct bj_error *err)
{
    size_t length = strlen(name);

    if (!bj_starts_with(argv[*i], name) || (argv[*i][length] != '=' && argv[*i][length] != '\0'))
        return false;
    *ret = argv[*i][length] == '=' ? argv[*i] + length + 1 : *i + 1 < argc ? argv[++*i] : NULL;
    if (*ret == NULL)
        bj_fail(err, BJ_E_INVALID, "check", "%s: expected FILE; found nothing", name);
    return true;
}

/* Takes the options that belljar run does not have out of argv. */
static int take_own_options(int *argc, char **argv, struct check *check, struct bj_error *err)
{
    int kept = 1, i = 1;

    for (; i < *argc && argv[i][0] == '-' && argv[i][1] != '\0' && !bj_streq(argv[i], "--"); i++) {
        if (bj_streq(argv[i], "--rules")) {
            check->rules = true;
        } else if (bj_streq(argv[i], "--dangerously-disable-sandbox")) {
            check->settings.dangerously_disable_sandbox = true;
        } else if (take_value(*argc, argv, &i, "--settings", &check->settings.path, err)) {
            if (check->settings.path == NULL)
                return -BJ_E_INVALID;
        } else if (bj_starts_with(argv[i], "-C")) {
            check->directory = argv[i][2] != '\0' ? argv[i] + 2 : i + 1 < *argc ? argv[++i] : NULL;
            if (check->directory == NULL)
                return bj_fail(err, BJ_E_INVALID, "check", "-C: expected DIR; found nothing");
        } else {
            bool value = bj_cli_takes_next(argv[i]);

            argv[kept++] = argv[i];
            if (value && i + 1 < *argc)
                argv[kept++] = argv[++i];
        }
    }
    check->argv_given = i < *argc && bj_streq(argv[i], "--");
    for (; i < *argc; i++)
        argv[kept++] = argv[i];
    argv[kept] = NULL;
    *argc = kept;
    return 0;
}

/* Reads standard input, at most as much as a command line can hold. */
static int read_input(char **ret, struct bj_error *err)
{
    size_t room = BJ_COMMAND_MAX + 1, length = 0;
    char *text = bj_alloc(room + 1);

    if (text == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "check", "cannot read the command: out of memory");
    for (;;) {
        ssize_t got = read(STDIN_FILENO, text + length, room - length);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            if (got < 0) {
                bj_free(text);
                return bj_fail_errno(err, "check", "cannot read standard input");
            }
            break;
        }
        length += (size_t)got;
        if (length == room) {
            bj_free(text);
            return bj_fail(err, BJ_E_INVALID, "check", "the command is larger than %d bytes",
                           BJ_COMMAND_MAX);
        }
    }
    if (memchr(text, '\0', length) != NULL) {
        bj_free(text);
        return bj_fail(err, BJ_E_INVALID, "check", "the command has a NUL byte in it");
    }
    *ret = text;
    return 0;
}

/* The request that belljar run would make of the same command. */
static int judge(const struct check *check, struct bj_request *request, struct bj_verdict *verdict,
                 struct bj_error *err)
{
    struct bj_policy *policy = NULL;
    int result = bj_policy_new(&check->config, &policy, err);

    if (result == 0)
        result = bj_policy_judge(policy, request, bj_clock_us(), verdict, err);
    bj_policy_free(policy);
    return result;
}

/* Was anything of a policy said, by a file, the environment or a flag? */
static bool has_policy(const struct check *check)
{
    bool said = check->run.config_path != NULL;

    for (int i = 0; i < BJ_OPT_COUNT; i++)
        said |= bj_option_get((enum bj_option_id)i)->group == BJ_GROUP_SECURITY &&
                bj_config_said(&check->config, (enum bj_option_id)i);
    return said;
}

/* By the policy, by settings, or by both. */
static int answer(const struct check *check, struct bj_request *request, struct bj_error *err)
{
    bool by_settings = check->settings.path != NULL;
    bool by_policy = !by_settings || has_policy(check);
    struct bj_verdict verdict;
    int result = 0;

    bj_verdict_init(&verdict);
    if (by_policy)
        result = judge(check, request, &verdict, err);
    if (result == 0 && by_settings)
        result = bj_cli_check_settings(&check->settings, request, by_policy ? &verdict : NULL, err);
    else if (result == 0)
        result = check->run.json ? bj_cli_print_verdict_json(request, &verdict, err)
                                 : bj_cli_print_verdict(request, &verdict, err);
    if (result == 0 && !by_settings)
        result = verdict.decision == BJ_ALLOW ? 0 : verdict.decision == BJ_DENY ? 1 : 2;
    bj_verdict_release(&verdict);
    return result;
}

static int check_command(const struct check *check, int argc, char **argv, struct bj_error *err)
{
    BJ_CLEANUP_FREE char *input = NULL;
    char directory[BJ_PATH_MAX];
    struct bj_request request = {.tool = "Bash", .key = "", .home = bj_cli_home()};
    int given = argc - check->command, result = 0;

    if (realpath(check->directory != NULL ? check->directory : ".", directory) == NULL)
        return bj_fail_errno(err, "check", "-C: cannot enter %s",
                             check->directory != NULL ? check->directory : ".");
    request.directory = directory;
    if (check->argv_given && given > 0) {
        request.argv = (const char *const *)argv + check->command;
    } else if (given > 1) {
        return bj_fail(err, BJ_E_INVALID, "check",
                       "expected one COMMAND; found %d arguments: quote the command, or put -- "
                       "before a program and its arguments",
                       given);
    } else if (given == 1 && !bj_streq(argv[check->command], "-")) {
        request.command = argv[check->command];
    } else {
        result = read_input(&input, err);
        request.command = input;
    }
    if (result < 0)
        return result;
    return answer(check, &request, err);
}

static void put_rules(struct bj_buf *out)
{
    struct bj_rule_info rule;

    bj_buf_printf(out, "%-26s %-9s %s\n", "RULE", "RISK", "WHAT IT FINDS");
    for (size_t i = 0; bj_rules_at(i, &rule); i++)
        bj_buf_printf(out, "%-26s %-9s %s\n", rule.id, bj_risk_name(rule.risk), rule.says);
}

static void put_rules_json(struct bj_buf *out)
{
    struct bj_rule_info rule;

    bj_buf_puts(out, "[");
    for (size_t i = 0; bj_rules_at(i, &rule); i++) {
        const char *const members[][2] = {{"rule", rule.id},
                                          {"category", rule.category},
                                          {"risk", bj_risk_name(rule.risk)},
                                          {"description", rule.says},
                                          {"advice", rule.advice}};

        bj_buf_puts(out, i > 0 ? ",\n  {" : "\n  {");
        for (size_t j = 0; j < sizeof members / sizeof *members; j++) {
            bj_buf_printf(out, "%s\"%s\": ", j > 0 ? ", " : "", members[j][0]);
            bj_json_put_string(out, members[j][1], strlen(members[j][1]));
        }
        bj_buf_puts(out, "}");
    }
    bj_buf_puts(out, "\n]\n");
}

static int list_rules(bool json, struct bj_error *err)
{
    struct bj_buf out;
    int result = 0;

    bj_buf_init(&out, 1 << 20);
    if (json)
        put_rules_json(&out);
    else
        put_rules(&out);
    if (out.failed || bj_fd_write_all(STDOUT_FILENO, out.data, out.length) < 0)
        result = bj_fail_errno(err, "check", "cannot print the rules");
    bj_buf_release(&out);
    return result;
}

int bj_cli_check(int argc, char **argv)
{
    struct check check = {0};
    struct bj_error err = {0};
    int result;

    if (bj_cli_is_tool_check(argc, argv))
        return bj_cli_check_tool(argc, argv);
    result = take_own_options(&argc, argv, &check, &err);
    if (result < 0)
        return fail(&err);
    result = bj_options_parse(argc, argv, &check.config, &check.run, &check.command, &err);
    check.settings.json = check.run.json;
    if (result == 0 && check.run.help)
        fputs(usage, stdout);
    else if (result == 0 && check.rules)
        result = list_rules(check.run.json, &err);
    else if (result == 0 && check.settings.dangerously_disable_sandbox &&
             check.settings.path == NULL)
        result =
            bj_fail(&err, BJ_E_INVALID, "check",
                    "--dangerously-disable-sandbox asks about sandbox settings; name them with "
                    "--settings FILE");
    else if (result == 0)
        result = check_command(&check, argc, argv, &err);
    for (int i = 0; i < check.run.warnings.count && result >= 0 && !check.run.quiet; i++)
        fprintf(stderr, "belljar: warning: %s\n", check.run.warnings.texts[i]);
    bj_config_release(&check.config);
    return result < 0 ? fail(&err) : result;
}
