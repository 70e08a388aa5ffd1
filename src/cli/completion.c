/*
 * belljar completion: scripts for bash, zsh and fish, from the table of options and that of
 * commands. A command's own words, after the options, are completed as if it stood alone.
 */
#include "cli/cli.h"
#include "cli/completion.h"

#include <stdio.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/str.h"
#include "model/layer.h"
#include "model/options.h"

#define SCRIPT_MAX (64 << 10)

struct command_row {
    const char *name, *help;
};

static const struct command_row commands[] = {
#define BJ_COMMAND(name, function, help) {name, help},
#include "cli/commands.def"
#undef BJ_COMMAND
};
#define COMMAND_COUNT (sizeof commands / sizeof commands[0])

/* Commands with options of their own; `run` is whether they take those of `belljar run` as well. */
static const struct own_row {
    const char *name;
    const char *(*action)(size_t index); /* NULL: it has none */
    void (*put)(const char *action, struct bj_buf *out);
    bool run;
} own_rows[] = {
    {"audit", bj_audit_action, bj_audit_put_options, false},
    {"bwrap", NULL, bj_bwrap_put_options, false},
    {"check", NULL, bj_check_put_options, true},
    {"wrap", NULL, bj_wrap_put_options, false},
#define BJ_CLIENT_COMMAND(name, function, usage, least, most, route, help)                         \
    {name, NULL, bj_client_put_##function, false},
#include "model/client_commands.def"
#undef BJ_CLIENT_COMMAND
};
#define OWN_COUNT (sizeof own_rows / sizeof *own_rows)

#define CONFIG_ACTIONS "presets show validate schema"
#define SHELLS         "bash zsh fish"

/* The words that an option's value may be, separated by blanks; nothing when it is free. */
static void put_values(const struct bj_option *option, struct bj_buf *out)
{
    for (int i = 0; option->choices != NULL && option->choices[i] != NULL; i++)
        bj_buf_printf(out, "%s%s", i > 0 ? " " : "", option->choices[i]);
    for (int i = 0; option->kind == BJ_KIND_LAYER_LIST && i < BJ_LAYER_COUNT; i++)
        bj_buf_printf(out, "%s%s", i > 0 ? " " : "", bj_layer_name((enum bj_layer)i));
}

/* A text between single quotes, which bash, zsh and fish read alike but for the quote itself. */
static void put_quoted(const char *text, const char *quote_as, struct bj_buf *out)
{
    bj_buf_puts(out, "'");
    for (; *text != '\0'; text++) {
        if (*text == '\'')
            bj_buf_puts(out, quote_as);
        else
            bj_buf_append(out, text, 1);
    }
    bj_buf_puts(out, "'");
}

/* Is there anything to offer for the value of a flag? */
static bool has_values(const struct bj_option *option)
{
    return option->completes != BJ_COMPLETES_NOTHING || option->choices != NULL ||
           option->kind == BJ_KIND_LAYER_LIST;
}

static void bash_case(const struct bj_option *option, struct bj_buf *out)
{
    bj_buf_printf(out, "    --%s", option->flag);
    if (option->short_flag != '\0')
        bj_buf_printf(out, " | -%c", option->short_flag);
    bj_buf_puts(out, ") ");
    if (option->completes != BJ_COMPLETES_NOTHING) {
        bj_buf_printf(out, "compopt -o filenames; COMPREPLY=($(compgen -%c -- \"$word\")) ;;\n",
                      option->completes == BJ_COMPLETES_FILE ? 'f' : 'd');
        return;
    }
    bj_buf_puts(out, "COMPREPLY=($(compgen -W '");
    put_values(option, out);
    bj_buf_puts(out, "' -- \"$word\")) ;;\n");
}

/* Flags whose value is the next word, as a pattern of `case`. */
static void bash_valued(struct bj_buf *out)
{
    const char *before = "";

    for (int i = 0; i < BJ_OPT_COUNT; i++) {
        const struct bj_option *option = bj_option_get((enum bj_option_id)i);

        if (option->flag == NULL || option->argument == NULL)
            continue;
        bj_buf_printf(out, "%s--%s", before, option->flag);
        before = " | ";
        if (option->short_flag != '\0')
            bj_buf_printf(out, " | -%c", option->short_flag);
    }
}

static void bash_flags(struct bj_buf *out)
{
    for (int i = 0; i < BJ_OPT_COUNT; i++) {
        const struct bj_option *option = bj_option_get((enum bj_option_id)i);

        if (option->flag != NULL)
            bj_buf_printf(out, " --%s", option->flag);
    }
}

static void put_actions(const struct own_row *row, struct bj_buf *out)
{
    for (size_t i = 0; row->action(i) != NULL; i++)
        bj_buf_printf(out, "%s%s", i > 0 ? " " : "", row->action(i));
}

/* In bash and zsh: where `of` matches, the options; they call a function of the same name. */
static void put_own_case(const struct own_row *row, const char *action, const char *quote,
                         struct bj_buf *out)
{
    bj_buf_printf(out, "    '%s%s%s'*) _belljar_offer %s", row->name, action != NULL ? " " : "",
                  action != NULL ? action : "", quote);
    row->put(action, out);
    if (row->run)
        bash_flags(out);
    bj_buf_printf(out, "%s ;;\n", quote);
}

static void put_own_cases(const char *quote, struct bj_buf *out)
{
    for (size_t i = 0; i < OWN_COUNT; i++) {
        const struct own_row *row = &own_rows[i];

        if (row->action == NULL)
            put_own_case(row, NULL, quote, out);
        for (size_t k = 0; row->action != NULL && row->action(k) != NULL; k++)
            put_own_case(row, row->action(k), quote, out);
    }
}

static const char bash_opening[] = "# bash completion for belljar, by `belljar completion bash`\n"
                                   "# shellcheck disable=SC2207\n"
                                   "_belljar_value() {\n"
                                   "    local word=$2\n"
                                   "    case $1 in\n";

static const char bash_run[] = "    esac\n"
                               "}\n"
                               "_belljar_run() {\n"
                               "    local i=$1 word=${COMP_WORDS[COMP_CWORD]}\n"
                               "    while ((i < COMP_CWORD)); do\n"
                               "        case ${COMP_WORDS[i]} in\n"
                               "        ";

static const char bash_words[] =
    ")\n"
    "            if ((i + 1 == COMP_CWORD)); then\n"
    "                _belljar_value \"${COMP_WORDS[i]}\" \"$word\"\n"
    "                return\n"
    "            fi\n"
    "            ((i += 2)) ;;\n"
    "        --) ((i += 1)); break ;;\n"
    "        -*) ((i += 1)) ;;\n"
    "        *) break ;;\n"
    "        esac\n"
    "    done\n"
    "    if ((i == COMP_CWORD)) && [[ $word == -* && ${COMP_WORDS[i - 1]} != -- ]]; then\n"
    "        COMPREPLY=($(compgen -W '";

static const char bash_command[] =
    "' -- \"$word\"))\n"
    "    elif [[ ${2-} == command ]]; then\n"
    "        if declare -F _command_offset >/dev/null; then\n"
    "            _command_offset \"$i\"\n"
    "        elif ((i == COMP_CWORD)); then\n"
    "            COMPREPLY=($(compgen -c -- \"$word\"))\n"
    "        else\n"
    "            compopt -o filenames; COMPREPLY=($(compgen -f -- \"$word\"))\n"
    "        fi\n"
    "    fi\n"
    "}\n"
    "_belljar_offer() {\n"
    "    local word=${COMP_WORDS[COMP_CWORD]}\n"
    "    _belljar_value \"${COMP_WORDS[COMP_CWORD - 1]}\" \"$word\"\n"
    "    if ((${#COMPREPLY[@]} > 0)); then\n"
    "        return\n"
    "    elif [[ $word == -* ]]; then\n"
    "        COMPREPLY=($(compgen -W \"$1\" -- \"$word\"))\n"
    "    else\n"
    "        compopt -o filenames; COMPREPLY=($(compgen -f -- \"$word\"))\n"
    "    fi\n"
    "}\n"
    "_belljar() {\n"
    "    local word=${COMP_WORDS[COMP_CWORD]}\n"
    "    COMPREPLY=()\n"
    "    if ((COMP_CWORD == 1)); then\n"
    "        COMPREPLY=($(compgen -W '";

static const char bash_closing[] =
    "' -- \"$word\"))\n"
    "        return\n"
    "    fi\n"
    "    case ${COMP_WORDS[1]} in\n"
    "    run) _belljar_run 2 command ;;\n"
    "    shell) _belljar_run 2 ;;\n"
    "    doctor | capabilities) COMPREPLY=($(compgen -W '--json' -- \"$word\")) ;;\n"
    "    completion) COMPREPLY=($(compgen -W '" SHELLS "' -- \"$word\")) ;;\n"
    "    config)\n"
    "        if ((COMP_CWORD == 2)); then\n"
    "            COMPREPLY=($(compgen -W '" CONFIG_ACTIONS "' -- \"$word\"))\n"
    "        elif [[ ${COMP_WORDS[2]} == show ]]; then\n"
    "            _belljar_run 3\n"
    "        elif [[ ${COMP_WORDS[2]} == validate ]]; then\n"
    "            compopt -o filenames; COMPREPLY=($(compgen -f -- \"$word\"))\n"
    "        fi ;;\n"
    "    esac\n";

static const char bash_own[] = "    case \"${COMP_WORDS[1]} ${COMP_WORDS[2]} \" in\n";

static const char bash_end[] = "    esac\n"
                               "}\n"
                               "complete -F _belljar belljar\n";

/* Actions where one is to come; then the options of each. */
static void bash_own_commands(struct bj_buf *out)
{
    for (size_t i = 0; i < OWN_COUNT; i++) {
        if (own_rows[i].action == NULL)
            continue;
        bj_buf_printf(out,
                      "    if ((COMP_CWORD == 2)) && [[ ${COMP_WORDS[1]} == %s ]]; then\n"
                      "        COMPREPLY=($(compgen -W '",
                      own_rows[i].name);
        put_actions(&own_rows[i], out);
        bj_buf_puts(out, "' -- \"$word\"))\n        return\n    fi\n");
    }
    bj_buf_puts(out, bash_own);
    put_own_cases("'", out);
    bj_buf_puts(out, bash_end);
}

static void bash_script(struct bj_buf *out)
{
    bj_buf_puts(out, bash_opening);
    for (int i = 0; i < BJ_OPT_COUNT; i++) {
        const struct bj_option *option = bj_option_get((enum bj_option_id)i);

        if (option->flag != NULL && has_values(option))
            bash_case(option, out);
    }
    bj_buf_puts(out, bash_run);
    bash_valued(out);
    bj_buf_puts(out, bash_words);
    bash_flags(out);
    bj_buf_puts(out, bash_command);
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        bj_buf_printf(out, "%s%s", i > 0 ? " " : "", commands[i].name);
    bj_buf_puts(out, bash_closing);
    bash_own_commands(out);
}

/* Brackets and colons mean something in an _arguments specification. */
static void zsh_text(const char *text, struct bj_buf *out)
{
    for (; *text != '\0'; text++) {
        if (*text == '[' || *text == ']' || *text == ':')
            bj_buf_printf(out, "\\%c", *text);
        else if (*text == '\'')
            bj_buf_puts(out, "'\\''");
        else
            bj_buf_append(out, text, 1);
    }
}

static void zsh_argument(const struct bj_option *option, struct bj_buf *out)
{
    bj_buf_puts(out, ":");
    zsh_text(option->argument, out);
    bj_buf_puts(out, ":");
    if (option->completes == BJ_COMPLETES_FILE) {
        bj_buf_puts(out, "_files");
    } else if (option->completes == BJ_COMPLETES_DIRECTORY) {
        bj_buf_puts(out, "_directories");
    } else if (has_values(option)) {
        bj_buf_puts(out, "(");
        put_values(option, out);
        bj_buf_puts(out, ")");
    }
}

static void zsh_option(const struct bj_option *option, const char *flag, bool joined,
                       struct bj_buf *out)
{
    bj_buf_printf(out, "        '*%s%s[", flag, joined ? "=" : option->argument != NULL ? "+" : "");
    zsh_text(option->help, out);
    bj_buf_puts(out, "]");
    if (option->argument != NULL)
        zsh_argument(option, out);
    bj_buf_puts(out, "'\n");
}

static void zsh_options(struct bj_buf *out)
{
    for (int i = 0; i < BJ_OPT_COUNT; i++) {
        const struct bj_option *option = bj_option_get((enum bj_option_id)i);
        char flag[48];

        if (option->flag == NULL)
            continue;
        snprintf(flag, sizeof flag, "--%s", option->flag);
        zsh_option(option, flag, option->argument != NULL, out);
        snprintf(flag, sizeof flag, "-%c", option->short_flag);
        if (option->short_flag != '\0')
            zsh_option(option, flag, false, out);
    }
}

static const char zsh_opening[] = "#compdef belljar\n"
                                  "# zsh completion for belljar, by `belljar completion zsh`\n"
                                  "_belljar_offer() {\n"
                                  "    if [[ $PREFIX == -* ]]; then\n"
                                  "        compadd -- \"$@\"\n"
                                  "    else\n"
                                  "        _files\n"
                                  "    fi\n"
                                  "}\n"
                                  "_belljar() {\n"
                                  "    local -a options commands\n"
                                  "    options=(\n";

static const char zsh_closing[] = "    )\n"
                                  "    if ((CURRENT == 2)); then\n"
                                  "        _describe command commands\n"
                                  "        return\n"
                                  "    fi\n"
                                  "    local name=${words[2]}\n"
                                  "    shift words\n"
                                  "    ((CURRENT--))\n"
                                  "    case $name in\n"
                                  "    run) _arguments -s -S $options '*:::command:_normal' ;;\n"
                                  "    shell) _arguments -s -S $options ;;\n"
                                  "    doctor | capabilities) _arguments '--json[print one "
                                  "object]' ;;\n"
                                  "    completion) _arguments ':shell:(" SHELLS ")' ;;\n"
                                  "    config)\n"
                                  "        if ((CURRENT == 2)); then\n"
                                  "            _values action " CONFIG_ACTIONS "\n"
                                  "        elif [[ ${words[2]} == show ]]; then\n"
                                  "            shift words\n"
                                  "            ((CURRENT--))\n"
                                  "            _arguments -s -S $options\n"
                                  "        elif [[ ${words[2]} == validate ]]; then\n"
                                  "            _files\n"
                                  "        fi ;;\n"
                                  "    esac\n";

static void zsh_own_commands(struct bj_buf *out)
{
    for (size_t i = 0; i < OWN_COUNT; i++) {
        if (own_rows[i].action == NULL)
            continue;
        bj_buf_printf(out,
                      "    if ((CURRENT == 2)) && [[ $name == %s ]]; then\n"
                      "        _values action ",
                      own_rows[i].name);
        put_actions(&own_rows[i], out);
        bj_buf_puts(out, "\n        return\n    fi\n");
    }
    bj_buf_puts(out, "    case \"$name ${words[2]} \" in\n");
    put_own_cases("", out);
    bj_buf_puts(out, "    esac\n}\ncompdef _belljar belljar\n");
}

static void zsh_script(struct bj_buf *out)
{
    bj_buf_puts(out, zsh_opening);
    zsh_options(out);
    bj_buf_puts(out, "    )\n    commands=(\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        bj_buf_printf(out, "        '%s:", commands[i].name);
        zsh_text(commands[i].help, out);
        bj_buf_puts(out, "'\n");
    }
    bj_buf_puts(out, zsh_closing);
    zsh_own_commands(out);
}

static void fish_option(const struct bj_option *option, struct bj_buf *out)
{
    bj_buf_printf(out, "complete -c belljar -n __belljar_takes_options -l %s", option->flag);
    if (option->short_flag != '\0')
        bj_buf_printf(out, " -s %c", option->short_flag);
    if (option->argument != NULL)
        bj_buf_puts(out, option->completes == BJ_COMPLETES_NOTHING ? " -x" : " -r -F");
    if (option->choices != NULL || option->kind == BJ_KIND_LAYER_LIST) {
        bj_buf_puts(out, " -a '");
        put_values(option, out);
        bj_buf_puts(out, "'");
    }
    bj_buf_puts(out, " -d ");
    put_quoted(option->help, "\\'", out);
    bj_buf_puts(out, "\n");
}

static void fish_own(const struct own_row *row, const char *action, struct bj_buf *out)
{
    bj_buf_printf(out, "complete -c belljar -n '__belljar_at %s%s%s' -F -a '", row->name,
                  action != NULL ? " " : "", action != NULL ? action : "");
    row->put(action, out);
    bj_buf_puts(out, "'\n");
}

static void fish_own_commands(struct bj_buf *out)
{
    for (size_t i = 0; i < OWN_COUNT; i++) {
        const struct own_row *row = &own_rows[i];

        if (row->action == NULL) {
            fish_own(row, NULL, out);
            continue;
        }
        bj_buf_printf(out, "complete -c belljar -n '__belljar_only %s' -a '", row->name);
        put_actions(row, out);
        bj_buf_puts(out, "'\n");
        for (size_t k = 0; row->action(k) != NULL; k++)
            fish_own(row, row->action(k), out);
    }
}

static void fish_script(struct bj_buf *out)
{
    bj_buf_puts(out, "# fish completion for belljar; generated by `belljar completion fish`\n"
                     "function __belljar_takes_options\n"
                     "    set -l words (commandline -opc)\n"
                     "    test (count $words) -ge 2; or return 1\n"
                     "    contains -- $words[2] run shell check; and return 0\n"
                     "    test (count $words) -ge 3; and test \"$words[2] $words[3]\" = "
                     "'config show'\n"
                     "end\n"
                     "function __belljar_at\n"
                     "    set -l words (commandline -opc)\n"
                     "    test (count $words) -gt (count $argv); or return 1\n"
                     "    set -l first $words[2..(math 1 + (count $argv))]\n"
                     "    test \"$first\" = \"$argv\"\n"
                     "end\n"
                     "function __belljar_only\n"
                     "    set -l words (commandline -opc)\n"
                     "    test \"$words[2..-1]\" = \"$argv\"\n"
                     "end\n"
                     "complete -c belljar -f\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        bj_buf_printf(out, "complete -c belljar -n __fish_use_subcommand -a %s -d ",
                      commands[i].name);
        put_quoted(commands[i].help, "\\'", out);
        bj_buf_puts(out, "\n");
    }
    bj_buf_puts(out,
                "complete -c belljar -n '__fish_seen_subcommand_from completion' -a '" SHELLS "'\n"
                "complete -c belljar -n '__fish_seen_subcommand_from config; and not "
                "__fish_seen_subcommand_from " CONFIG_ACTIONS "' -a '" CONFIG_ACTIONS "'\n"
                "complete -c belljar -n '__fish_seen_subcommand_from validate' -F\n"
                "complete -c belljar -n '__fish_seen_subcommand_from doctor capabilities' "
                "-l json\n"
                "complete -c belljar -n '__fish_seen_subcommand_from run' -a "
                "'(__fish_complete_subcommand)'\n");
    fish_own_commands(out);
    for (int i = 0; i < BJ_OPT_COUNT; i++) {
        const struct bj_option *option = bj_option_get((enum bj_option_id)i);

        if (option->flag != NULL)
            fish_option(option, out);
    }
}

int bj_cli_completion(int argc, char **argv)
{
    const char *shell = argc == 2 ? argv[1] : "";
    bool help = bj_streq(shell, "-h") || bj_streq(shell, "--help");
    struct bj_buf out;
    bool failed;

    bj_buf_init(&out, SCRIPT_MAX);
    if (bj_streq(shell, "bash")) {
        bash_script(&out);
    } else if (bj_streq(shell, "zsh")) {
        zsh_script(&out);
    } else if (bj_streq(shell, "fish")) {
        fish_script(&out);
    } else {
        fprintf(help ? stdout : stderr, "Usage: belljar completion bash|zsh|fish\n");
        return help ? 0 : bj_code_exit_status(BJ_E_INVALID);
    }
    failed = out.failed || bj_fd_write_all(STDOUT_FILENO, bj_buf_text(&out), out.length) < 0;
    bj_buf_release(&out);
    if (failed)
        fprintf(stderr, "belljar: cannot write the script\n");
    return failed ? bj_code_exit_status(BJ_E_SYSTEM) : 0;
}
