/* The command line of `belljar audit`: one table of options, and which action takes which. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/str.h"
#include "cli/audit.h"
#include "cli/completion.h"
#include "model/options.h"

#define SECOND       ((int64_t)1000000000)
#define DAY          (86400 * SECOND)
#define LIST_DEFAULT 100

/* ---- values ---- */

bool bj_audit_parse_span(const char *text, int64_t *ret_ns)
{
    static const struct {
        char letter;
        int64_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {'w', 604800}};
    int64_t number = 0;
    size_t digits = strspn(text, "0123456789");

    if (digits == 0 || digits > 9 || text[digits] == '\0' || text[digits + 1] != '\0')
        return false;
    for (size_t i = 0; i < digits; i++)
        number = number * 10 + (text[i] - '0');
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (text[digits] == units[i].letter)
            return !__builtin_mul_overflow(number, units[i].seconds * SECOND, ret_ns);
    }
    return false;
}

/* Z or ±HH:MM behind a time. */
static bool parse_offset(const char *text, int64_t *ret_seconds)
{
    int hours, minutes, used = 0;

    if (bj_streq(text, "Z")) {
        *ret_seconds = 0;
        return true;
    }
    if ((text[0] != '+' && text[0] != '-') || !isdigit((unsigned char)text[1]) ||
        sscanf(text + 1, "%2d:%2d%n", &hours, &minutes, &used) != 2 || text[1 + used] != '\0' ||
        hours > 14 || minutes < 0 || minutes > 59)
        return false;
    *ret_seconds = (text[0] == '-' ? -60 : 60) * (int64_t)(hours * 60 + minutes);
    return true;
}

bool bj_audit_parse_time(const char *text, int64_t now_ns, int64_t *ret_ns)
{
    static const char *const forms[] = {"%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M",
                                        "%Y-%m-%d %H:%M", "%Y-%m-%d"};
    int64_t span, offset;

    if (bj_audit_parse_span(text, &span)) {
        *ret_ns = span < now_ns ? now_ns - span : 0;
        return true;
    }
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        struct tm parts = {.tm_isdst = -1};
        const char *rest = strptime(text, forms[i], &parts);
        int64_t seconds;

        if (rest == NULL)
            continue;
        if (rest[0] == '\0')
            seconds = (int64_t)mktime(&parts);
        else if (parse_offset(rest, &offset))
            seconds = (int64_t)timegm(&parts) - offset;
        else
            continue;
        if (seconds < 0 || seconds > INT64_MAX / SECOND)
            return false;
        *ret_ns = seconds * SECOND;
        return true;
    }
    return false;
}

/* ---- the table ---- */

static int64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * SECOND + now.tv_nsec;
}

static bool take_since(struct bj_audit_command *command, const char *value)
{
    return bj_audit_parse_time(value, now_ns(), &command->filter.since_ns);
}

static bool take_until(struct bj_audit_command *command, const char *value)
{
    return bj_audit_parse_time(value, now_ns(), &command->filter.until_ns);
}

static bool take_key(struct bj_audit_command *command, const char *value)
{
    command->filter.key = value;
    return true;
}

static bool take_owner(struct bj_audit_command *command, const char *value)
{
    command->filter.owner = value;
    return true;
}

static bool take_sandbox(struct bj_audit_command *command, const char *value)
{
    command->filter.sandbox = value;
    return true;
}

static bool take_tool(struct bj_audit_command *command, const char *value)
{
    command->filter.tool = value;
    return true;
}

static bool take_verdict(struct bj_audit_command *command, const char *value)
{
    command->filter.decision = bj_decision_find(value);
    return command->filter.decision >= 0;
}

static bool take_risk(struct bj_audit_command *command, const char *value)
{
    int risk = bj_risk_find(value);

    command->filter.risk = risk >= 0 ? (enum bj_risk)risk : BJ_RISK_NONE;
    return risk >= 0;
}

static bool take_limit(struct bj_audit_command *command, const char *value)
{
    command->newest_said = true;
    return bj_parse_int64(value, &command->filter.newest) && command->filter.newest >= 0;
}

static bool take_json(struct bj_audit_command *command, const char *value)
{
    (void)value;
    command->json = true;
    return true;
}

static bool take_format(struct bj_audit_command *command, const char *value)
{
    command->csv = bj_streq(value, "csv");
    return command->csv || bj_streq(value, "jsonl");
}

static bool take_follow(struct bj_audit_command *command, const char *value)
{
    (void)value;
    command->follow = true;
    return true;
}

static bool take_head(struct bj_audit_command *command, const char *value)
{
    command->anchored = true;
    return bj_audit_head_parse(value, &command->anchor);
}

static bool take_age(struct bj_audit_command *command, const char *value)
{
    int64_t *age = &command->retention.age_ns, days;

    if (bj_parse_int64(value, &days)) /* days, as audit_max_days has them */
        return days > 0 && !__builtin_mul_overflow(days, DAY, age);
    return bj_audit_parse_span(value, age) && *age > 0;
}

static bool take_size(struct bj_audit_command *command, const char *value)
{
    int64_t mib; /* as audit_max_mb has them */

    return bj_parse_size_mb(value, &mib) && mib > 0 &&
           !__builtin_mul_overflow(mib, (int64_t)1 << 20, &command->retention.bytes);
}

static bool take_dry_run(struct bj_audit_command *command, const char *value)
{
    (void)value;
    command->dry_run = true;
    return true;
}

static bool take_yes(struct bj_audit_command *command, const char *value)
{
    (void)value;
    command->yes = true;
    return true;
}

static bool take_file(struct bj_audit_command *command, const char *value)
{
    command->file = value;
    return value[0] != '\0';
}

static bool take_state(struct bj_audit_command *command, const char *value)
{
    command->state = value;
    return value[0] != '\0';
}

static bool take_service(struct bj_audit_command *command, const char *value)
{
    const char *state = getenv("BELLJAR_STATE");

    (void)value;
    if (command->state == NULL) /* --state says more */
        command->state = state != NULL ? state : "";
    return true;
}

#define FILTERED " list stats export "

static const struct option_row {
    const char *name;
    const char *actions; /* with blanks around each; NULL: all */
    const char *expects; /* NULL: takes no value */
    bool (*take)(struct bj_audit_command *command, const char *value);
} rows[] = {
    {"--since", FILTERED, "a time such as 2h, 2026-11-22 or 2026-11-22T10:00Z", take_since},
    {"--until", FILTERED, "a time such as 2h, 2026-11-22 or 2026-11-22T10:00Z", take_until},
    {"--key", FILTERED, "a key", take_key},
    {"--owner", FILTERED, "an owner", take_owner},
    {"--sandbox", FILTERED, "a sandbox", take_sandbox},
    {"--tool", FILTERED, "a tool", take_tool},
    {"--verdict", FILTERED, "allow, ask or deny", take_verdict},
    {"--risk", FILTERED, "none, low, medium, high or critical", take_risk},
    {"--limit", " list export ", "a number, 0 for all", take_limit},
    {"--json", " list show stats verify head prune ", NULL, take_json},
    {"--format", " export ", "jsonl or csv", take_format},
    {"--follow", " list export ", NULL, take_follow},
    {"-f", " list export ", NULL, take_follow},
    {"--head", " verify ", "NUMBER:HASH as belljar audit head prints it", take_head},
    {"--older-than", " prune ", "an age such as 30 (days), 30d or 12h", take_age},
    {"--max-size", " prune ", "a size such as 500 (MiB), 500m or 2g", take_size},
    {"--dry-run", " prune ", NULL, take_dry_run},
    {"--yes", " prune ", NULL, take_yes},
    {"-y", " prune ", NULL, take_yes},
    {"--file", NULL, "a file", take_file},
    {"--service", NULL, NULL, take_service},
    {"--state", NULL, "a directory", take_state},
};

static bool takes(const struct option_row *row, const char *action)
{
    char padded[16];

    snprintf(padded, sizeof padded, " %s ", action);
    return row->actions == NULL || strstr(row->actions, padded) != NULL;
}

void bj_audit_put_options(const char *action, struct bj_buf *out)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (takes(&rows[i], action) && bj_starts_with(rows[i].name, "--"))
            bj_buf_printf(out, " %s", rows[i].name);
    }
}

static const struct option_row *find(const char *word, size_t length, const char *action)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (strlen(rows[i].name) == length && strncmp(rows[i].name, word, length) == 0)
            return takes(&rows[i], action) ? &rows[i] : NULL;
    }
    return NULL;
}

static bool complain(const char *action, const char *word, const char *expects)
{
    fprintf(stderr, "belljar: audit %s: %s: expected %s\n", action, word, expects);
    return false;
}

/* Says so, with the option of this action that was probably meant. */
static bool unknown(const char *action, const char *word, size_t length)
{
    const char *names[sizeof rows / sizeof *rows + 1], *nearest;
    char given[64];
    int count = 0;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (takes(&rows[i], action))
            names[count++] = rows[i].name;
    }
    names[count] = NULL;
    snprintf(given, sizeof given, "%.*s", (int)(length < sizeof given ? length : 0), word);
    nearest = bj_choice_nearest(names, given);
    fprintf(stderr, "belljar: audit %s: %s is not an option of it; ", action, word);
    if (nearest != NULL)
        fprintf(stderr, "did you mean %s?\n", nearest);
    else
        fprintf(stderr, "belljar audit --help\n");
    return false;
}

/* One option; *at moves on if its value is the next word. */
static bool take_option(const char *action, int argc, char **argv, int *at,
                        struct bj_audit_command *ret)
{
    const char *word = argv[*at], *equals = strchr(word, '='), *value = NULL;
    size_t length = equals != NULL ? (size_t)(equals - word) : strlen(word);
    const struct option_row *row = find(word, length, action);

    if (row == NULL)
        return unknown(action, word, length);
    if (row->expects == NULL)
        return equals == NULL ? row->take(ret, NULL) : complain(action, row->name, "no value");
    if (equals != NULL)
        value = equals + 1;
    else if (*at + 1 < argc)
        value = argv[++*at];
    if (value == NULL || !row->take(ret, value))
        return complain(action, row->name, row->expects);
    return true;
}

bool bj_audit_parse(const char *action, int argc, char **argv, struct bj_audit_command *ret)
{
    *ret = (struct bj_audit_command){.filter = BJ_AUDIT_FILTER_ALL};
    for (int i = 1; i < argc; i++) {
        if (argv[i][0] == '-') {
            if (!take_option(action, argc, argv, &i, ret))
                return false;
        } else if (!bj_streq(action, "show") || ret->number != 0 ||
                   !bj_parse_int64(argv[i], &ret->number) || ret->number <= 0) {
            return complain(action, argv[i],
                            bj_streq(action, "show") ? "the number of one record" : "options only");
        }
    }
    if (ret->file != NULL && ret->state != NULL)
        return complain(action, "--file", "either it or --service or --state");
    if (ret->file == NULL && ret->state == NULL)
        ret->file = getenv("BELLJAR_AUDIT_FILE");
    if (ret->file != NULL && ret->file[0] == '\0')
        ret->file = NULL;
    if (bj_streq(action, "show") && ret->number == 0)
        return complain(action, "no record", "the number of one");
    if (bj_streq(action, "prune") && ret->retention.age_ns == 0 && ret->retention.bytes == 0)
        return complain(action, "no limit", "--older-than or --max-size");
    if (bj_streq(action, "list") && !ret->newest_said)
        ret->filter.newest = LIST_DEFAULT;
    return true;
}
