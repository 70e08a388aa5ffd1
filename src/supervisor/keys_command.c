/*
 * The keys of a service, on its own machine: the file is changed and a running service is told to
 * read it again. A key's text is printed once, when it is made, and is nowhere else.
 */
#include "supervisor/keys_command.h"

#include <errno.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "model/rows.h"
#include "linux/usual.h"
#include "service/keys.h"
#include "supervisor/state.h"

struct keys_options {
    char *state, *owner, *peer;
    char **scopes, **quotas;
    bool create, json, help;
};

#define PATIENCE_US  10000000 /* for the service to take a change over */
#define SCOPES_WIDTH 52       /* of all but admin */

#define FLAG(long, letter, word) .flag = (long), .short_flag = (letter), .argument = (word)
#define FIELD(name)              .id = #name, .offset = offsetof(struct keys_options, name)
#define RANGE(least, most)       .minimum = (least), .maximum = (most)

static const struct bj_option row_list[] = {
    {FIELD(owner), .kind = BJ_KIND_STRING, FLAG("owner", 0, "NAME"), RANGE(1, 64),
     .help = "whose sandboxes the key reaches; without it the key's own name"},
    {FIELD(scopes), .kind = BJ_KIND_STRING_LIST, FLAG("scope", 0, "SCOPE"), RANGE(1, 32),
     .help = "what the key may do: read, execute, files_read, files_write, manage, audit, admin; "
             "without it all but admin"},
    {FIELD(quotas), .kind = BJ_KIND_STRING_LIST, FLAG("quota", 0, "NAME=NUMBER"), RANGE(3, 64),
     .help = "a bound for the owner: sandboxes, processes, memory_mb, disk_mb, requests "
             "(within window_seconds, 60)"},
    {FIELD(peer), .kind = BJ_KIND_STRING, FLAG("peer", 0, "USER"), RANGE(1, 64),
     .help = "no key: let this user of the machine in over the Unix socket"},
    {FIELD(state), .kind = BJ_KIND_HOST_PATH, FLAG("state", 0, "DIR"), RANGE(1, BJ_PATH_MAX - 1),
     .environment = "BELLJAR_STATE", .help = "the service's state directory"},
    {FIELD(create), .kind = BJ_KIND_BOOL, FLAG("create", 0, NULL),
     .help = "make the state directory, of a service that has never been started"},
    {FIELD(json), .kind = BJ_KIND_BOOL, FLAG("json", 0, NULL), .help = "answer in JSON"},
    {FIELD(help), .kind = BJ_KIND_BOOL, FLAG("help", 'h', NULL), .help = "print this"},
};
static const struct bj_rows rows = {row_list, sizeof row_list / sizeof *row_list};

struct keys_call {
    struct keys_options options;
    const char *name; /* of the key; NULL where none is given */
    char path[BJ_PATH_MAX];
    struct bj_keys keys;
};

/* ---- add ---- */

static int read_scopes(const struct keys_options *options, uint32_t *ret, struct bj_error *err)
{
    *ret = options->scopes == NULL ? BJ_SCOPE_ALL & ~(uint32_t)BJ_SCOPE_ADMIN : 0;
    for (char **scope = options->scopes; scope != NULL && *scope != NULL; scope++) {
        uint32_t bit = bj_scope_parse(*scope);

        if (bit == 0)
            return bj_fail(err, BJ_E_INVALID, "keys",
                           "--scope: expected read, execute, files_read, files_write, manage, "
                           "audit or admin; found \"%.32s\"",
                           *scope);
        *ret |= bit;
    }
    return 0;
}

static int read_quotas(const struct keys_options *options, struct bj_quota *ret,
                       struct bj_error *err)
{
    for (char **quota = options->quotas; quota != NULL && *quota != NULL; quota++) {
        char name[32];
        const char *equals = strchr(*quota, '=');
        int64_t value;

        snprintf(name, sizeof name, "%.*s", (int)strcspn(*quota, "="), *quota);
        if (equals == NULL || !bj_parse_int64(equals + 1, &value) ||
            !bj_quota_set(ret, name, value))
            return bj_fail(err, BJ_E_INVALID, "keys",
                           "--quota: expected sandboxes, processes, memory_mb, disk_mb, requests "
                           "or window_seconds, = and a number; found \"%.64s\"",
                           *quota);
    }
    if (ret->requests > 0 && ret->window_us == 0)
        ret->window_us = 60 * (int64_t)1000000;
    return 0;
}

static int find_user(const char *name, uid_t *ret, struct bj_error *err)
{
    struct passwd *account = getpwnam(name);
    int64_t number;

    if (account != NULL)
        *ret = account->pw_uid;
    else if (bj_parse_int64(name, &number) && number >= 0 && number < UINT32_MAX)
        *ret = (uid_t)number;
    else
        return bj_fail(err, BJ_E_INVALID, "keys", "--peer: there is no user \"%.64s\"", name);
    return 0;
}

static void print_added(const struct keys_call *call, const char *name, const char *text)
{
    if (call->options.json && text != NULL)
        printf("{\"name\": \"%s\", \"key\": \"%s\"}\n", name, text);
    else if (call->options.json)
        printf("{\"name\": \"%s\"}\n", name);
    else if (text != NULL)
        printf("%s\n", text);
    else
        printf("%s may come over the Unix socket\n", name);
}

static int add(struct keys_call *call, struct bj_error *err)
{
    struct bj_key_options key = {.name = call->name, .owner = call->options.owner};
    char text[BJ_KEY_TEXT], peer[32];
    int result = read_scopes(&call->options, &key.scopes, err);

    if (result == 0)
        result = read_quotas(&call->options, &key.quota, err);
    if (result == 0 && call->options.peer != NULL)
        result = find_user(call->options.peer, &key.uid, err);
    else if (result == 0)
        result = bj_key_make(text, err);
    if (result < 0)
        return result;
    if (call->options.peer != NULL && key.name == NULL) {
        snprintf(peer, sizeof peer, "unix:%u", key.uid);
        key.name = peer;
    }
    if (key.name == NULL)
        return bj_fail(err, BJ_E_INVALID, "keys", "expected a name for the key: keys add NAME");
    key.text = call->options.peer == NULL ? text : NULL;
    result = bj_keys_add(&call->keys, &key, err);
    if (result == 0)
        result = bj_keys_check(&call->keys, err);
    if (result == 0)
        result = bj_keys_save(call->path, &call->keys, err);
    if (result == 0)
        print_added(call, key.name, key.text);
    explicit_bzero(text, sizeof text);
    return result;
}

/* ---- list, remove ---- */

/* Returns how many bytes that were. */
static int print_scopes(uint32_t scopes, const char *quote, const char *between)
{
    const char *before = "";
    int printed = 0;

    for (unsigned bit = 0; bj_key_scope_name(bit) != NULL; bit++) {
        if ((scopes & (1u << bit)) == 0)
            continue;
        printed += printf("%s%s%s%s", before, quote, bj_key_scope_name(bit), quote);
        before = between;
    }
    return printed;
}

/* "sandboxes=20, requests=600"; as JSON the members of an object. */
static void print_quotas(const struct bj_quota *quota, bool json)
{
    const char *before = "", *name;
    int64_t value;

    for (unsigned i = 0; bj_quota_get(quota, i, &name, &value); i++) {
        if (value == 0)
            continue;
        printf(json ? "%s\"%s\": %lld" : "%s%s=%lld", before, name, (long long)value);
        before = json ? ", " : ",";
    }
    if (*before == '\0' && !json)
        printf("-");
}

static int list(struct keys_call *call, struct bj_error *err)
{
    (void)err;
    if (call->options.json)
        printf("[");
    else
        printf("%-20s %-20s %-21s %-*s  %s\n", "NAME", "OWNER", "CREATED", SCOPES_WIDTH, "SCOPES",
               "QUOTAS");
    for (size_t i = 0; i < call->keys.count; i++) {
        const struct bj_key *key = &call->keys.entry[i];
        int width;

        if (call->options.json)
            printf("%s{\"name\": \"%s\", \"owner\": \"%s\", \"created\": \"%s\", \"scopes\": [",
                   i > 0 ? ", " : "", key->name, key->owner, key->created);
        else
            printf("%-20s %-20s %-21s ", key->name, key->owner,
                   key->created[0] != '\0' ? key->created : "-");
        width = print_scopes(key->identity.scopes, call->options.json ? "\"" : "",
                             call->options.json ? ", " : ",");
        if (call->options.json)
            printf("], \"quota\": {");
        else
            printf("%*s  ", width < SCOPES_WIDTH ? SCOPES_WIDTH - width : 0, "");
        print_quotas(&key->identity.quota, call->options.json);
        printf(call->options.json ? "}}" : "\n");
    }
    if (call->options.json)
        printf("]\n");
    return 0;
}

static int remove_key(struct keys_call *call, struct bj_error *err)
{
    int result;

    if (call->name == NULL)
        return bj_fail(err, BJ_E_INVALID, "keys", "expected the key's name: keys remove NAME");
    result = bj_keys_remove(&call->keys, call->name, err);
    return result == 0 ? bj_keys_save(call->path, &call->keys, err) : result;
}

/* ---- the command ---- */

static const struct action {
    const char *name;
    int (*function)(struct keys_call *call, struct bj_error *err);
    int signal; /* to a running service; 0 = nothing changes */
} actions[] = {
    {"add", add, SIGUSR1},
    {"list", list, 0},
    /* What was begun with the key ends too, and so does every other connection. */
    {"remove", remove_key, SIGHUP},
};

static void print_help(void)
{
    struct bj_buf text;

    bj_buf_init(&text, 1 << 14);
    bj_buf_puts(&text, "Usage: belljar serve keys add [OPTIONS] NAME\n"
                       "       belljar serve keys add --peer USER [OPTIONS]\n"
                       "       belljar serve keys list [OPTIONS]\n"
                       "       belljar serve keys remove [OPTIONS] NAME\n"
                       "\n"
                       "Manages who may use the service. A new key is printed once and kept\n"
                       "nowhere: the service knows its digest alone.\n"
                       "\n");
    bj_rows_help(&rows, NULL, &text);
    fputs(bj_buf_text(&text), stdout);
    bj_buf_release(&text);
}

static int run(const struct action *action, struct keys_call *call, struct bj_error *err)
{
    int result = 0;

    if (call->options.state == NULL)
        result = bj_usual_state(&call->options.state, err);
    if (result < 0)
        return result;
    if (snprintf(call->path, sizeof call->path, "%s/keys.json", call->options.state) >=
        (int)sizeof call->path)
        return bj_fail(err, BJ_E_LIMIT, "keys", "the path of the state directory is too long");
    if (call->options.create && action->function != add)
        return bj_fail(err, BJ_E_INVALID, "keys", "--create goes with add alone; leave it out");
    if (call->options.create)
        result = bj_state_make(call->options.state, err);
    else if (!bj_state_is(call->options.state))
        result = bj_fail(err, BJ_E_INVALID, "keys",
                         "no service has been started in %.300s; name its state directory with "
                         "--state DIR, or make this one with --create",
                         call->options.state);
    if (result == 0)
        result = bj_keys_load(call->path, &call->keys, err);
    if (result == 0)
        result = action->function(call, err);
    if (result < 0 || action->signal == 0)
        return result;
    bj_state_signal(call->options.state, action->signal);
    return bj_state_wait_for_keys(call->options.state, "keys.json", PATIENCE_US, err);
}

static int fail_action(const char *name)
{
    fprintf(stderr, "belljar serve keys: expected add, list or remove%s%.32s\n",
            name != NULL ? "; found " : "", name != NULL ? name : "");
    return bj_code_exit_status(BJ_E_INVALID);
}

int bj_keys_command(int argc, char **argv)
{
    struct keys_call call = {.options = {0}};
    const struct action *action = NULL;
    struct bj_error error;
    int rest, result;

    if (argc > 1 && (bj_streq(argv[1], "--help") || bj_streq(argv[1], "-h"))) {
        print_help();
        return 0;
    }
    for (size_t i = 0; argc > 1 && i < sizeof actions / sizeof *actions; i++) {
        if (bj_streq(actions[i].name, argv[1]))
            action = &actions[i];
    }
    if (action == NULL)
        return fail_action(argc > 1 ? argv[1] : NULL);
    result = bj_rows_variables(&rows, &call.options, &error);
    if (result == 0)
        result = bj_rows_flags(&rows, &call.options, argc - 1, argv + 1, &rest, &error);
    if (result == 0 && rest + 2 < argc)
        result =
            bj_fail(&error, BJ_E_INVALID, "keys", "expected one name; options stand before it");
    if (result == 0 && rest + 1 < argc)
        call.name = argv[rest + 1];
    if (result == 0 && call.options.help)
        print_help();
    else if (result == 0)
        result = run(action, &call, &error);
    bj_keys_release(&call.keys);
    bj_rows_release(&rows, &call.options);
    if (result == 0)
        return 0;
    fprintf(stderr, "belljar serve keys: %s\n", error.message);
    return bj_code_exit_status(error.code);
}
