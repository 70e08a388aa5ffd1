/* The manual page belljar-run(1), in mdoc(7), from the option table. */
#include "cli/option_text.h"

#include <string.h>

/* Words of a text line: backslashes escaped, and no line that starts like a macro. */
static void put_text(const char *text, struct bj_buf *out)
{
    if (text[0] == '.' || text[0] == '\'')
        bj_buf_puts(out, "\\&");
    for (; *text != '\0'; text++) {
        if (*text == '\\')
            bj_buf_puts(out, "\\e");
        else
            bj_buf_append(out, text, 1);
    }
}

/* An argument of a macro: blanks kept, a leading dot or dash made plain. */
static void put_argument(const char *text, struct bj_buf *out)
{
    for (; *text != '\0'; text++) {
        if (*text == '-')
            bj_buf_puts(out, "\\-");
        else if (*text == '|' || *text == '[' || *text == ']')
            bj_buf_printf(out, "\\&%c", *text);
        else
            bj_buf_append(out, text, 1);
    }
}

static void put_option(const struct bj_option *option, const struct bj_config *defaults,
                       struct bj_buf *out)
{
    struct bj_buf text;

    bj_buf_puts(out, ".It");
    if (option->short_flag != '\0')
        bj_buf_printf(out, " Fl %c ,", option->short_flag);
    bj_buf_puts(out, " Fl \\-");
    put_argument(option->flag, out);
    if (option->argument != NULL) {
        bj_buf_puts(out, " Ar \"");
        put_argument(option->argument, out);
        bj_buf_puts(out, "\"");
    }
    bj_buf_puts(out, "\n");

    bj_buf_init(&text, 1024);
    bj_option_text_help(option, defaults, &text);
    put_text(bj_buf_text(&text), out);
    bj_buf_puts(out, "\n");
    bj_option_text_done(&text, out);
    if (option->environment != NULL)
        bj_buf_printf(out, ".br\nEnvironment:\n.Ev %s .\n", option->environment);
    if (option->key != NULL)
        bj_buf_printf(out, ".br\nConfiguration key:\n.Cm %s .\n", option->key);
}

static void put_options(const struct bj_config *defaults, struct bj_buf *out)
{
    int group = -1;

    for (int i = 0; i < BJ_OPT_COUNT; i++) {
        const struct bj_option *option = bj_option_get((enum bj_option_id)i);

        if (option->flag == NULL)
            continue;
        if ((int)option->group != group) {
            bj_buf_puts(out, group >= 0 ? ".El\n" : "");
            bj_buf_printf(out, ".Ss %s\n.Bl -tag -width indent\n",
                          bj_option_group_title(option->group));
        }
        group = (int)option->group;
        put_option(option, defaults, out);
    }
    bj_buf_puts(out, ".El\n");
}

static void put_environment(struct bj_buf *out)
{
    bj_buf_puts(out, ".Sh ENVIRONMENT\n"
                     "Empty variables count as not set.\n"
                     "Flags override variables, and variables override the configuration file.\n"
                     ".Bl -tag -width indent\n");
    for (int i = 0; i < BJ_OPT_COUNT; i++) {
        const struct bj_option *option = bj_option_get((enum bj_option_id)i);

        if (option->environment == NULL)
            continue;
        bj_buf_printf(out, ".It Ev %s\n", option->environment);
        put_text(option->help, out);
        bj_buf_puts(out, "\n");
    }
    bj_buf_puts(out, ".El\n");
}

static const char opening[] =
    ".\\\" Generated from the option table by `belljar config manual`.\n"
    ".Dd January 1, 2026\n"
    ".Dt BELLJAR-RUN 1\n"
    ".Os\n"
    ".Sh NAME\n"
    ".Nm belljar-run\n"
    ".Nd run a command in a sandbox\n"
    ".Sh SYNOPSIS\n"
    ".Nm belljar run\n"
    ".Op Ar options\n"
    ".Op Fl \\-\n"
    ".Ar command\n"
    ".Op Ar argument ...\n"
    ".Nm belljar run\n"
    ".Op Ar options\n"
    ".Fl c Ar text\n"
    ".Sh DESCRIPTION\n"
    "Runs a command in a sandbox of its own and ends it with everything it started.\n"
    "The current directory is the workspace: writable, at its own path.\n"
    "The system's programs and libraries are readable;\n"
    "every other file of the host is absent,\n"
    "and so are its processes and its network.\n"
    ".Pp\n"
    "A layer of protection that is asked for and cannot be had is an error, and nothing runs.\n"
    "A limit that only a preset sets is applied as far as the host allows.\n"
    ".Pp\n"
    "Values come from the preset, the configuration file, the environment and the flags,\n"
    "later ones overriding earlier ones; list entries of flags join those of the file.\n"
    "Short flags may be joined\n"
    ".Pq Fl it ,\n"
    "a long flag's value may follow a blank or an equals sign, and\n"
    ".Fl \\-\n"
    "ends the options, as does the first word that is none.\n"
    ".Sh OPTIONS\n";

static const char closing[] =
    ".Sh EXIT STATUS\n"
    ".Bl -tag -width indent\n"
    ".It 128+n\n"
    "signal n ended the command\n"
    ".It 124\n"
    "the time-out was reached\n"
    ".It 125\n"
    "belljar itself failed, or refused; nothing ran\n"
    ".It 126\n"
    "the command is not executable\n"
    ".It 127\n"
    "the command was not found\n"
    ".El\n"
    ".Pp\n"
    "Any other status is the command's own.\n"
    ".Sh SIGNALS\n"
    "SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1 and SIGUSR2 are passed on to the command's process\n"
    "group. A command that ignores SIGTERM or SIGHUP is ended after ten seconds, with everything\n"
    "it started; the third signal that asks it to end does so at once.\n"
    ".Sh EXAMPLES\n"
    "Run the tests of the current directory with no more than 2 GiB of memory:\n"
    ".Dl $ belljar run -m 2g \\-\\- make test\n"
    ".Pp\n"
    "A terminal in an empty workspace:\n"
    ".Dl $ belljar run -it --workspace empty \\-\\- bash\n"
    ".Pp\n"
    "What would be done, without doing it:\n"
    ".Dl $ belljar run --dry-run \\-\\- true\n"
    ".Sh SEE ALSO\n"
    ".Xr belljar 1\n";

void bj_option_manual(const struct bj_config *defaults, struct bj_buf *out)
{
    bj_buf_puts(out, opening);
    put_options(defaults, out);
    put_environment(out);
    bj_buf_puts(out, closing);
}
