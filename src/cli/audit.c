/*
 * belljar audit: reading, proving and thinning out the audit records.
 */
#include "cli/audit.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/completion.h"
#include "linux/usual.h"

static const char usage[] =
    "Usage: belljar audit list   [FILTER] [--limit N] [--json] [-f]\n"
    "       belljar audit show   NUMBER [--json]\n"
    "       belljar audit stats  [FILTER] [--json]\n"
    "       belljar audit export [FILTER] [--limit N] [--format jsonl|csv] [-f]\n"
    "       belljar audit verify [--head NUMBER:HASH] [--json]\n"
    "       belljar audit head   [--json]\n"
    "       belljar audit prune  [--older-than AGE] [--max-size SIZE] [--dry-run] [--json]\n"
    "\n"
    "list    the newest calls (100 unless --limit says otherwise; 0: all), a line each\n"
    "show    one call with all that was recorded of it\n"
    "stats   how many calls, of which verdicts and risks\n"
    "export  records for other programs, with their hashes; or calls as CSV\n"
    "verify  prove that no record was removed, changed, inserted or moved\n"
    "head    number and hash of the last record, to be kept elsewhere and given to\n"
    "        verify --head later\n"
    "prune   remove the oldest records, so that none is older than AGE (days, or 12h, 4w)\n"
    "        and the database takes no more than SIZE (MiB, or 2g); --dry-run only\n"
    "        counts them; on a terminal it asks first, unless --yes is given; the proof of\n"
    "        the others still holds\n"
    "\n"
    "Filters of calls:\n"
    "      --since TIME, --until TIME   2h, 3d (ago), 2026-11-22, 2026-11-22T10:00[Z]\n"
    "      --key KEY                    who asked\n"
    "      --owner OWNER                of the service: by its keys, or in its sandboxes\n"
    "      --sandbox ID                 or its beginning\n"
    "      --tool NAME                  Bash, Read, Write …\n"
    "      --verdict allow|ask|deny\n"
    "      --risk LEVEL                 low, medium, high, critical: at least that\n"
    "\n"
    "      --service      the records of belljar serve: audit.db in its state directory,\n"
    "                     which BELLJAR_STATE names, or ~/.local/state/belljar/serve,\n"
    "                     for root /var/lib/belljar/serve\n"
    "      --state DIR    the same, with that state directory\n"
    "      --file FILE    the database (also BELLJAR_AUDIT_FILE); otherwise, of belljar\n"
    "                     run, ~/.local/state/belljar/audit.db, for root\n"
    "                     /var/lib/belljar/audit.db\n"
    "  -f, --follow       go on with what is recorded from now on\n"
    "\n"
    "Exit status: 0 done; 1 verify: the history is not whole; 125 failure, also when\n"
    "only a part could be read; 127 no database, or show: no such record.\n";

static const struct action {
    const char *name;
    int (*run)(struct bj_audit *audit, const struct bj_audit_command *command);
    enum bj_audit_access access;
} actions[] = {
    {"list", bj_audit_do_list, BJ_AUDIT_READ},     {"show", bj_audit_do_show, BJ_AUDIT_READ},
    {"stats", bj_audit_do_stats, BJ_AUDIT_READ},   {"export", bj_audit_do_export, BJ_AUDIT_READ},
    {"verify", bj_audit_do_verify, BJ_AUDIT_READ}, {"head", bj_audit_do_head, BJ_AUDIT_READ},
    {"prune", bj_audit_do_prune, BJ_AUDIT_WRITE},
};

const char *bj_audit_action(size_t index)
{
    return index < sizeof actions / sizeof *actions ? actions[index].name : NULL;
}

int bj_audit_print_error(const struct bj_error *err)
{
    fprintf(stderr, "belljar: %s\n", err->message);
    return bj_code_exit_status(err->code);
}

void bj_audit_say_none(void)
{
    fputs("belljar: no records match\n", stderr);
}

bool bj_audit_flush(struct bj_buf *out)
{
    bool fine = !out->failed;

    if (out->failed)
        fprintf(stderr, "belljar: cannot print: %s\n",
                out->no_memory ? "out of memory" : "a record is too large");
    else if (bj_fd_write_all(STDOUT_FILENO, bj_buf_text(out), out->length) < 0) {
        fine = false;
        if (errno != EPIPE)
            fprintf(stderr, "belljar: cannot print: %s\n", strerror(errno));
    }
    out->length = 0;
    return fine;
}

/* ---- records as JSON ---- */

json_t *bj_audit_body(const struct bj_audit_record *record)
{
    json_error_t ignored;

    return json_loadb(record->body, record->body_length, 0, &ignored);
}

const char *bj_audit_member(const json_t *body, const char *name)
{
    const char *text = json_string_value(json_object_get(body, name));

    return text != NULL ? text : "";
}

static void put_words(const json_t *words, struct bj_buf *out)
{
    for (size_t i = 0; i < json_array_size(words); i++) {
        const char *word = json_string_value(json_array_get(words, i));

        bj_buf_puts(out, i > 0 ? " " : "");
        bj_buf_puts(out, word != NULL ? word : "");
    }
}

/* Of an act that came without words of its own, such as a pause. */
static void put_act(const json_t *act, struct bj_buf *out)
{
    const char *path = bj_audit_member(act, "path");

    bj_buf_puts(out, bj_audit_member(act, "kind"));
    bj_buf_puts(out, path[0] != '\0' ? " " : "");
    bj_buf_puts(out, path);
}

void bj_audit_put_what(const json_t *body, struct bj_buf *out)
{
    static const char *const members[] = {"command", "path", "pattern", "url", "arguments_text"};
    size_t before = out->length;

    put_words(json_object_get(body, "argv"), out);
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        const char *text = bj_audit_member(body, members[i]);

        if (text[0] == '\0')
            continue;
        bj_buf_puts(out, out->length > before ? " " : "");
        bj_buf_puts(out, text);
    }
    if (out->length == before)
        put_act(json_object_get(body, "act"), out);
}

/* ---- the command ---- */

/* The database of the service with this state directory; "" = its usual one. */
static int find_service(const char *state, char ret_path[BJ_PATH_MAX], struct bj_error *err)
{
    BJ_CLEANUP_FREE char *usual = NULL;

    if (state[0] == '\0' && bj_usual_state(&usual, err) < 0)
        return -err->code;
    if (snprintf(ret_path, BJ_PATH_MAX, "%s/audit.db", usual != NULL ? usual : state) < BJ_PATH_MAX)
        return 0;
    return bj_fail(err, BJ_E_LIMIT, "audit", "the service's directory has too long a name");
}

/* Who asked for no database may have meant the service's. */
static void name_service(const struct bj_audit_command *command)
{
    const char *state = getenv("BELLJAR_STATE");
    struct bj_error ignored;
    char path[BJ_PATH_MAX];

    if (command->file == NULL && command->state == NULL &&
        find_service(state != NULL ? state : "", path, &ignored) == 0 && access(path, F_OK) == 0)
        fprintf(stderr, "belljar: there are records of belljar serve in %s: add --service\n", path);
}

static int run_action(const struct action *action, struct bj_audit_command *command)
{
    char service[BJ_PATH_MAX];
    struct bj_audit_options options = {.path = command->file, .access = BJ_AUDIT_READ};
    struct bj_audit *audit = NULL;
    struct bj_audit_names names = {0};
    struct bj_error err = {0};
    int status;

    if (command->state != NULL) {
        if (find_service(command->state, service, &err) < 0)
            return bj_audit_print_error(&err);
        options.path = service;
    }
    /* First for reading in any case: what is not there is not made here. */
    if (bj_audit_open(&options, &audit, &err) < 0) {
        status = bj_audit_print_error(&err);
        name_service(command);
        return status;
    }
    if (isatty(STDERR_FILENO))
        name_service(command);
    if (action->access == BJ_AUDIT_WRITE) {
        bj_audit_close(audit);
        audit = NULL;
        options.access = BJ_AUDIT_WRITE;
        options.durable = true;
        if (bj_audit_open(&options, &audit, &err) < 0)
            return bj_audit_print_error(&err);
    }
    if (bj_audit_complete(audit, &command->filter, &names, &err) < 0)
        status = bj_audit_print_error(&err);
    else
        status = action->run(audit, command);
    bj_audit_names_release(&names);
    bj_audit_close(audit);
    return status;
}

int bj_cli_audit(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    struct bj_audit_command command;

    if (bj_streq(name, "-h") || bj_streq(name, "--help")) {
        fputs(usage, stdout);
        return 0;
    }
    signal(SIGPIPE, SIG_IGN); /* a reader that has enough ends the writing, not the program */
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
        if (!bj_streq(name, actions[i].name))
            continue;
        if (argc == 3 && (bj_streq(argv[2], "-h") || bj_streq(argv[2], "--help"))) {
            fputs(usage, stdout);
            return 0;
        }
        if (!bj_audit_parse(name, argc - 1, argv + 1, &command))
            return BJ_AUDIT_FAILED;
        return run_action(&actions[i], &command);
    }
    fprintf(stderr, "belljar: audit: %s%s\n%s",
            name[0] != '\0' ? "expected list, show, stats, export, verify, head or prune; found "
                            : "expected list, show, stats, export, verify, head or prune",
            name, usage);
    return BJ_AUDIT_FAILED;
}
