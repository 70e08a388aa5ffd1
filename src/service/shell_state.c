/*
 * Where a shell session stands: the text of ours that a command runs in and that reports it at the
 * end, and the reader of the report. The two are one format, apart from when commands have their
 * turn.
 *
 * What is reported comes from the workload: it is bounded, and decides nothing but where and with
 * what the session's next command starts.
 */
#include <string.h>

#include "base/escape.h"
#include "base/limits.h"
#include "base/str.h"
#include "service/shell_internal.h"
#include "service/variables.h"

/* $1 is the caller's text; the others are variables to be unset. Only what bash has built in: a
 * preset may permit no other program. The text's own `exit` ends in the trap; where it sets a trap
 * of its own, that comes after a report too unless it exits. All in one line: eval counts lines
 * from its own on, and bash's errors are to name those of the caller's text. */
static const char wrapper[] =
    "belljar_report() { printf '\\0\\0%s\\0' \"$PWD\"; local belljar_name;"
    " for belljar_name in $(compgen -e);"
    " do printf '%s=%s\\0' \"$belljar_name\" \"${!belljar_name}\"; done; printf '\\0'; } >&3 "
    "2>/dev/null; "
    "trap 'belljar_report' EXIT; "
    "belljar_text=$1; shift; [ $# -eq 0 ] || unset -v -- \"$@\"; set --; "
    "eval \"$belljar_text\"; "
    "belljar_status=$?; belljar_report; exit $belljar_status";

bool bj_shell_state_init(struct bj_shell_state *state, const char *directory)
{
    *state = (struct bj_shell_state){.environment = json_object(), .unset = json_array()};
    return state->environment != NULL && state->unset != NULL &&
           bj_str_copy(state->directory, sizeof state->directory, directory);
}

void bj_shell_state_release(struct bj_shell_state *state)
{
    json_decref(state->base);
    json_decref(state->environment);
    json_decref(state->unset);
}

void bj_shell_words(const struct bj_shell_state *state, const char *bash, const char *command,
                    const char *words[BJ_SHELL_ARGV_MAX])
{
    size_t count = 0, i;
    json_t *name;

    words[count++] = bash;
    words[count++] = "-c";
    words[count++] = wrapper;
    words[count++] = "bash";
    words[count++] = command;
    json_array_foreach(state->unset, i, name)
    {
        words[count++] = json_string_value(name);
    }
    words[count] = NULL;
}

/* What is kept goes through JSON: it is UTF-8. */
static void put_variable(json_t *variables, const char *name, const char *value,
                         struct bj_buf *ret_lost)
{
    if (bj_text_is_utf8(value, strlen(value)))
        json_object_set_new(variables, name, json_string(value));
    else
        bj_buf_printf(ret_lost, "%s%s", ret_lost->length > 0 ? ", " : "", name);
}

/* The variables of a report, NAME=VALUE and a NUL each, up to an empty one. False: it makes no
 * sense. */
static bool read_variables(const char *at, const char *end, json_t *variables,
                           struct bj_buf *ret_lost)
{
    while (at < end && *at != '\0') {
        const char *stop = memchr(at, '\0', (size_t)(end - at)), *equals;
        char name[256];

        if (stop == NULL)
            return false;
        equals = strchr(at, '=');
        if (equals != NULL && (size_t)(equals - at) < sizeof name) {
            memcpy(name, at, (size_t)(equals - at));
            name[equals - at] = '\0';
            /* What bash sets itself, and what no caller may set either, is not taken over. */
            if (bj_variable_permitted(name) && !bj_streq(name, "_") && !bj_streq(name, "SHLVL") &&
                !bj_streq(name, "PWD"))
                put_variable(variables, name, equals + 1, ret_lost);
        }
        at = stop + 1;
    }
    return at < end;
}

/* The last whole report in what came: two NULs, the directory, the variables, an empty one. */
static bool read_report(const struct bj_buf *report, char directory[BJ_PATH_MAX], json_t *variables,
                        struct bj_buf *ret_lost)
{
    const char *data = bj_buf_text(report), *end = data + report->length;

    if (report->failed)
        return false;
    for (const char *at = end - 1; at > data; at--) {
        const char *stop;

        if (at[0] != '\0' || at[-1] != '\0' || at + 1 >= end || at[1] != '/')
            continue;
        stop = memchr(at + 1, '\0', (size_t)(end - at - 1));
        if (stop == NULL || !bj_str_copy(directory, BJ_PATH_MAX, at + 1))
            return false;
        return read_variables(stop + 1, end, variables, ret_lost);
    }
    return false;
}

static size_t size_of(const json_t *variables)
{
    const char *name;
    json_t *value;
    size_t size = 0;

    json_object_foreach((json_t *)variables, name, value)
    {
        size += strlen(name) + json_string_length(value) + 2;
    }
    return size;
}

/* What the session has that the sandbox would not give by itself, and what it has not. */
static bool take_variables(struct bj_shell_state *state, json_t *variables)
{
    json_t *own = json_object(), *unset = json_array(), *value;
    const char *name;
    bool right = own != NULL && unset != NULL && size_of(variables) < BJ_ARGS_MAX / 2;

    json_object_foreach(variables, name, value)
    {
        const json_t *before = json_object_get(state->base, name);

        if (right && (before == NULL || !json_equal(before, value)))
            right = json_object_set(own, name, value) == 0;
    }
    json_object_foreach(state->base, name, value)
    {
        if (right && json_object_get(variables, name) == NULL &&
            json_array_size(unset) < BJ_SHELL_UNSET_MAX)
            right = json_array_append_new(unset, json_string(name)) == 0;
    }
    if (!right) {
        json_decref(own);
        json_decref(unset);
        return false;
    }
    json_decref(state->environment);
    json_decref(state->unset);
    state->environment = own;
    state->unset = unset;
    return true;
}

/* The first report of a session is of a shell in which nothing ran: but for the variables that the
 * session was made with, it has the sandbox's own. */
static void learn_base(struct bj_shell_state *state, const json_t *variables)
{
    const char *name;
    json_t *value;

    if (state->base != NULL)
        return;
    state->base = json_copy((json_t *)variables);
    json_object_foreach(state->environment, name, value)
    {
        json_object_del(state->base, name);
    }
}

void bj_shell_state_take(struct bj_shell_state *state, const struct bj_buf *report,
                         struct bj_buf *notes)
{
    char directory[BJ_PATH_MAX];
    json_t *variables = json_object();
    struct bj_buf lost;

    bj_buf_init(&lost, BJ_SHELL_LOST_MAX);
    if (variables != NULL && read_report(report, directory, variables, &lost)) {
        learn_base(state, variables);
        if (!take_variables(state, variables))
            bj_buf_puts(notes, "belljar: the variables of this session are too many or too large: "
                               "it goes on as it was before this command\n");
        else if (bj_text_is_utf8(directory, strlen(directory)))
            bj_str_copy(state->directory, sizeof state->directory, directory);
        else
            bj_buf_printf(notes,
                          "belljar: the name of the directory that this command ended in is not "
                          "UTF-8: the session goes on in %s\n",
                          state->directory);
        if (lost.length > 0)
            bj_buf_printf(notes,
                          "belljar: these variables are not kept, as their values are not UTF-8: "
                          "%s%s\n",
                          bj_buf_text(&lost), lost.failed ? " and more" : "");
    }
    bj_buf_release(&lost);
    json_decref(variables);
}
