/* The program: reads the command line, finds the service, does the command. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/escape.h"
#include "base/str.h"
#include "client/client.h"

static const struct {
    const char *name;
    int (*function)(struct bj_client *client, int *ret_status, struct bj_error *err);
} commands[] = {
#define BJ_CLIENT_COMMAND(name, function, usage, least, most, route, help)                         \
    {name, bj_client_##function},
#include "model/client_commands.def"
#undef BJ_CLIENT_COMMAND
};

static int run(struct bj_client *client, int *ret_status, struct bj_error *err)
{
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (bj_streq(commands[i].name, client->name))
            return commands[i].function(client, ret_status, err);
    }
    return bj_fail(err, BJ_E_INTERNAL, "command", "%s is in no table", client->name);
}

void bj_client_complain(const struct bj_client *client, const struct bj_error *err)
{
    struct bj_buf text;

    fflush(stdout);
    bj_buf_init(&text, 8 << 10);
    bj_put_escaped(&text, err->message, strlen(err->message));
    fprintf(stderr, "belljar %s: %s\n", client->name != NULL ? client->name : "",
            bj_buf_text(&text));
    bj_buf_release(&text);
}

static void print_error(const struct bj_client *client, const struct bj_error *err)
{
    json_t *error;

    if (client->options.json) {
        error = json_pack("{s:{s:s, s:s}}", "error", "code", bj_code_name(err->code), "message",
                          err->message);
        if (error != NULL)
            (void)bj_client_print_json(error, NULL);
        json_decref(error);
    }
    bj_client_complain(client, err);
}

/*
 * The statuses that belong to a command inside are its own: a shell's 126 and 127 for one that
 * cannot be started. All else that goes wrong here is 125, as docker has it.
 */
static int exit_status(const struct bj_client *client, const struct bj_error *err)
{
    return client->not_started ? bj_code_exit_status(err->code) : BJ_CLIENT_FAILED;
}

int bj_client_main(int argc, char **argv)
{
    struct bj_client client = {0};
    struct bj_error err = {0};
    bool help = false;
    int status = 0, result;

    if (argc < 1)
        return BJ_CLIENT_FAILED;
    signal(SIGPIPE, SIG_IGN);
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0)
        return BJ_CLIENT_FAILED;
    result = bj_client_parse(&client, argc, argv, &help, &err);
    if (result == 0 && !help)
        result = bj_client_find_place(&client, &err);
    if (result == 0 && !help)
        result = run(&client, &status, &err);
    if (result < 0) {
        print_error(&client, &err);
        status = exit_status(&client, &err);
    }
    if (fflush(stdout) != 0 && status == 0)
        status = BJ_CLIENT_FAILED;
    curl_global_cleanup();
    return status;
}
