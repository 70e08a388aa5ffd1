/* What completion offers for the commands against a service, from the tables that they read. */
#include <stdio.h>
#include <string.h>

#include "cli/completion.h"

static const struct {
    const char *name, *commands;
} options[] = {
#define BJ_CLIENT_OPTION(kind, field, name, short, argument, commands, help) {name, commands},
#include "model/client_options.def"
#undef BJ_CLIENT_OPTION
};

static void put_options(const char *command, struct bj_buf *out)
{
    char between[32];

    snprintf(between, sizeof between, " %s ", command);
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        if (*options[i].commands == '\0' || strstr(options[i].commands, between) != NULL)
            bj_buf_printf(out, " --%s", options[i].name);
    }
}

#define BJ_CLIENT_COMMAND(name, function, usage, least, most, route, help)                         \
    void bj_client_put_##function(const char *action, struct bj_buf *out)                          \
    {                                                                                              \
        (void)action;                                                                              \
        put_options(name, out);                                                                    \
    }
#include "model/client_commands.def"
#undef BJ_CLIENT_COMMAND
