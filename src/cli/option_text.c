/* Rows of the option table as text, and the help of `belljar run`. */
#include "cli/option_text.h"

#include <stdio.h>
#include <string.h>

#define WIDTH       80
#define HELP_COLUMN 30

static void size_text(int64_t mb, struct bj_buf *out)
{
    if (mb == 0)
        bj_buf_puts(out, "0");
    else if (mb % 1024 == 0)
        bj_buf_printf(out, "%lldg", (long long)mb / 1024);
    else
        bj_buf_printf(out, "%lldm", (long long)mb);
}

static void seconds_text(int64_t seconds, struct bj_buf *out)
{
    if (seconds > 0 && seconds % 60 == 0)
        bj_buf_printf(out, "%lldm", (long long)seconds / 60);
    else
        bj_buf_printf(out, "%llds", (long long)seconds);
}

void bj_option_text_done(struct bj_buf *part, struct bj_buf *out)
{
    out->failed = out->failed || part->failed;
    bj_buf_release(part);
}

void bj_option_text_value(const struct bj_option *option, const struct bj_config *config,
                          struct bj_buf *out)
{
    const void *field = (const char *)config + option->offset;
    const char *text;

    if (option->run_only)
        return;
    switch (option->kind) {
    case BJ_KIND_BOOL:
        bj_buf_puts(out, *(const bool *)field ? "true" : "false");
        break;
    case BJ_KIND_COUNT:
        bj_buf_printf(out, "%lld", (long long)*(const int64_t *)field);
        break;
    case BJ_KIND_SIZE:
        size_text(*(const int64_t *)field, out);
        break;
    case BJ_KIND_DURATION:
        seconds_text(*(const int64_t *)field, out);
        break;
    case BJ_KIND_DECIMAL:
        bj_buf_printf(out, "%.10g", *(const double *)field);
        break;
    case BJ_KIND_ENUM:
        bj_buf_puts(out, option->choices[*(const unsigned *)field]);
        break;
    case BJ_KIND_PRESET:
    case BJ_KIND_HOSTNAME:
        text = *(char *const *)field;
        bj_buf_puts(out, text != NULL ? text : "");
        break;
    default:
        break;
    }
}

void bj_option_text_choices(const struct bj_option *option, const char *separator,
                            struct bj_buf *out)
{
    for (int i = 0; option->choices != NULL && option->choices[i] != NULL; i++)
        bj_buf_printf(out, "%s%s", i > 0 ? separator : "", option->choices[i]);
}

static bool is_repeatable(enum bj_option_kind kind)
{
    return kind == BJ_KIND_LAYER_LIST || kind == BJ_KIND_VOLUME_LIST || kind == BJ_KIND_ENV_LIST ||
           kind == BJ_KIND_ENV_FILE;
}

void bj_option_text_help(const struct bj_option *option, const struct bj_config *defaults,
                         struct bj_buf *out)
{
    const char *before = " (";
    struct bj_buf value;

    bj_buf_puts(out, option->help);
    if (is_repeatable(option->kind))
        bj_buf_puts(out, "; repeatable");
    if (option->choices != NULL) {
        bj_buf_puts(out, before);
        bj_option_text_choices(option, ", ", out);
        before = "; ";
    }
    bj_buf_init(&value, 256);
    bj_option_text_value(option, defaults, &value);
    if (value.length > 0 && option->kind != BJ_KIND_BOOL) {
        bj_buf_printf(out, "%sdefault %s", before, bj_buf_text(&value));
        before = "; ";
    }
    bj_option_text_done(&value, out);
    if (option->or_zero) {
        bj_buf_printf(out, "%s0: no limit", before);
        before = "; ";
    }
    if (before[0] == ';')
        bj_buf_puts(out, ")");
}

void bj_option_text_wrap(const char *text, int column, int indent, struct bj_buf *out)
{
    while (*text != '\0') {
        int word = (int)strcspn(text, " ");

        if (column + word > WIDTH && column > indent) {
            bj_buf_printf(out, "\n%*s", indent, "");
            column = indent;
        } else if (column > indent) {
            bj_buf_puts(out, " ");
        }
        bj_buf_append(out, text, (size_t)word);
        column += word + 1;
        text += word + strspn(text + word, " ");
    }
}

static void option_line(const struct bj_option *option, const struct bj_config *defaults,
                        struct bj_buf *out)
{
    struct bj_buf text;
    char names[80];
    int length;

    if (option->short_flag != '\0')
        length = snprintf(names, sizeof names, "  -%c, --%s", option->short_flag, option->flag);
    else
        length = snprintf(names, sizeof names, "      --%s", option->flag);
    if (option->argument != NULL)
        length += snprintf(names + length, sizeof names - (size_t)length, " %s", option->argument);
    bj_buf_puts(out, names);
    if (length + 2 > HELP_COLUMN)
        bj_buf_printf(out, "\n%*s", HELP_COLUMN, "");
    else
        bj_buf_printf(out, "%*s", HELP_COLUMN - length, "");

    bj_buf_init(&text, 1024);
    bj_option_text_help(option, defaults, &text);
    bj_option_text_wrap(bj_buf_text(&text), HELP_COLUMN, HELP_COLUMN, out);
    bj_buf_puts(out, "\n");
    bj_option_text_done(&text, out);
}

void bj_option_help(const struct bj_config *defaults, struct bj_buf *out)
{
    int group = -1;

    bj_buf_puts(out,
                "Usage: belljar run [OPTIONS] [--] COMMAND [ARGUMENT]...\n"
                "       belljar run [OPTIONS] -c TEXT\n"
                "\n"
                "Runs a command in a sandbox: the current directory is writable, the system's\n"
                "programs are readable, everything else of the host is absent.\n");
    for (int i = 0; i < BJ_OPT_COUNT; i++) {
        const struct bj_option *option = bj_option_get((enum bj_option_id)i);

        if (option->flag == NULL)
            continue;
        if ((int)option->group != group)
            bj_buf_printf(out, "\n%s:\n", bj_option_group_title(option->group));
        group = (int)option->group;
        option_line(option, defaults, out);
    }
    bj_buf_puts(out, "\n"
                     "Exit status: the command's own; 128+n when signal n ended it; 124 time-out;\n"
                     "125 failure of belljar itself; 126 not executable; 127 not found.\n");
}
