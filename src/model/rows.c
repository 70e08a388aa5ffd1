/* Tables of options over any struct. */
#include "model/rows.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "model/json_read.h"
#include "model/options_internal.h"

#define WIDTH    80
#define COLUMN   28 /* where help begins */
#define ROWS_MAX 64
#define KEY_MAX  256

static void *field_of(void *base, const struct bj_option *row)
{
    return (char *)base + row->offset;
}

/* ---- values ---- */

static bool in_range(const struct bj_option *row, double value)
{
    return (row->or_zero && value == 0) || (value >= row->minimum && value <= row->maximum);
}

static void store_number(const struct bj_option *row, void *base, double value)
{
    if (row->kind == BJ_KIND_DECIMAL)
        *(double *)field_of(base, row) = value;
    else
        *(int64_t *)field_of(base, row) = (int64_t)value;
}

static bool is_number(const struct bj_option *row)
{
    return row->kind == BJ_KIND_COUNT || row->kind == BJ_KIND_SIZE ||
           row->kind == BJ_KIND_DURATION || row->kind == BJ_KIND_DECIMAL;
}

static int set_number(const struct bj_option *row, void *base, const char *text,
                      struct bj_error *err)
{
    int64_t whole = 0;
    double value = 0;
    bool valid;

    if (row->kind == BJ_KIND_DECIMAL)
        valid = bj_parse_decimal(text, &value);
    else if (row->kind == BJ_KIND_SIZE)
        valid = bj_parse_size_mb(text, &whole);
    else if (row->kind == BJ_KIND_DURATION)
        valid = bj_parse_seconds(text, &whole);
    else
        valid = bj_parse_int64(text, &whole);
    if (row->kind != BJ_KIND_DECIMAL)
        value = (double)whole;
    if (!valid || !in_range(row, value))
        return bj_option_fail_text(row, text, err);
    store_number(row, base, value);
    return 0;
}

static int set_enum(const struct bj_option *row, void *base, const char *text, struct bj_error *err)
{
    for (unsigned i = 0; row->choices[i] != NULL; i++) {
        if (bj_streq(row->choices[i], text)) {
            *(unsigned *)field_of(base, row) = i;
            return 0;
        }
    }
    bj_option_fail_text(row, text, err);
    bj_error_suggest(err, "", bj_choice_nearest(row->choices, text));
    return -BJ_E_INVALID;
}

static int set_owned(const struct bj_option *row, void *base, char *owned, struct bj_error *err)
{
    char **field = field_of(base, row);

    if (owned == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "options", "out of memory");
    if (*field != NULL)
        explicit_bzero(*field, strlen(*field));
    bj_free(*field);
    *field = owned;
    return 0;
}

static int add_entry(const struct bj_option *row, void *base, const char *text,
                     struct bj_error *err)
{
    char ***list = field_of(base, row), **grown, *owned;
    size_t count = 0;

    while (*list != NULL && (*list)[count] != NULL)
        count++;
    if (count >= BJ_LIST_MAX)
        return bj_fail(err, BJ_E_INVALID, "options", "expected at most %d entries", BJ_LIST_MAX);
    owned = bj_strdup(text);
    grown = owned != NULL ? bj_realloc_array(*list, count + 2, sizeof *grown) : NULL;
    if (grown == NULL) {
        bj_free(owned);
        return bj_fail(err, BJ_E_NO_MEMORY, "options", "out of memory");
    }
    grown[count] = owned;
    grown[count + 1] = NULL;
    *list = grown;
    return 0;
}

static int set_bool(const struct bj_option *row, void *base, const char *text, struct bj_error *err)
{
    bool value = text == NULL || bj_streq(text, "true");

    if (!value && !bj_streq(text, "false"))
        return bj_option_fail_text(row, text, err);
    *(bool *)field_of(base, row) = value;
    return 0;
}

static int set(const struct bj_option *row, void *base, const char *text, const char *directory,
               struct bj_error *err)
{
    char *path = NULL;
    int result;

    if (row->kind == BJ_KIND_BOOL)
        return set_bool(row, base, text, err);
    if (is_number(row))
        return set_number(row, base, text, err);
    if (row->kind == BJ_KIND_ENUM)
        return set_enum(row, base, text, err);
    if (strlen(text) < row->minimum || (row->maximum > 0 && strlen(text) > row->maximum) ||
        !bj_is_printable(text))
        return bj_option_fail_text(row, text, err);
    switch (row->kind) {
    case BJ_KIND_ARGUMENT:
        *(const char **)field_of(base, row) = text;
        return 0;
    case BJ_KIND_STRING_LIST:
        return add_entry(row, base, text, err);
    case BJ_KIND_HOST_PATH:
        result = bj_host_path(text, directory, &path, err);
        return result < 0 ? result : set_owned(row, base, path, err);
    default:
        return set_owned(row, base, bj_strdup(text), err);
    }
}

static void clear_list(const struct bj_option *row, void *base)
{
    char ***list = field_of(base, row);

    bj_strv_free(*list);
    *list = NULL;
}

void bj_rows_release(const struct bj_rows *rows, void *base)
{
    for (size_t i = 0; i < rows->count; i++) {
        const struct bj_option *row = &rows->row[i];
        char **text = field_of(base, row);

        if (row->kind == BJ_KIND_STRING_LIST) {
            clear_list(row, base);
        } else if (row->kind == BJ_KIND_STRING || row->kind == BJ_KIND_SECRET ||
                   row->kind == BJ_KIND_HOST_PATH) {
            if (*text != NULL)
                explicit_bzero(*text, strlen(*text));
            bj_free(*text);
            *text = NULL;
        }
    }
}

/* ---- flags ---- */

static int fail_unknown_flag(const struct bj_rows *rows, const char *name, size_t length,
                             struct bj_error *err)
{
    const char *names[ROWS_MAX + 1];
    size_t count = 0;
    char given[64];

    snprintf(given, sizeof given, "%.*s", (int)length, name);
    for (size_t i = 0; i < rows->count && count < ROWS_MAX; i++) {
        if (rows->row[i].flag != NULL)
            names[count++] = rows->row[i].flag;
    }
    names[count] = NULL;
    bj_fail(err, BJ_E_INVALID, "options", "unknown option --%.*s",
            (int)strlen(bj_quote(given).text) - 2, bj_quote(given).text + 1);
    bj_error_suggest(err, "--", bj_choice_nearest(names, given));
    return -BJ_E_INVALID;
}

/* By --name or, with length 1, -n. */
static const struct bj_option *find_flag(const struct bj_rows *rows, const char *word,
                                         size_t *ret_length)
{
    for (size_t i = 0; i < rows->count; i++) {
        const struct bj_option *row = &rows->row[i];

        if (word[1] != '-' && row->short_flag == word[1] && word[2] == '\0') {
            *ret_length = 2;
            return row;
        }
        *ret_length = strcspn(word, "=");
        if (word[1] == '-' && row->flag != NULL && strlen(row->flag) == *ret_length - 2 &&
            strncmp(row->flag, word + 2, *ret_length - 2) == 0)
            return row;
    }
    return NULL;
}

int bj_rows_flags(const struct bj_rows *rows, void *base, int argc, char **argv, int *ret_rest,
                  struct bj_error *err)
{
    bool said[ROWS_MAX] = {false};
    int at = 1, result;

    while (at < argc && argv[at][0] == '-' && argv[at][1] != '\0') {
        const char *word = argv[at++], *value = NULL;
        const struct bj_option *row;
        size_t length = 0;

        if (bj_streq(word, "--"))
            break;
        row = find_flag(rows, word, &length);
        if (row == NULL)
            return fail_unknown_flag(rows, word + (word[1] == '-' ? 2 : 1),
                                     strcspn(word, "=") - (word[1] == '-' ? 2 : 1), err);
        if (word[length] == '=')
            value = word + length + 1;
        else if (row->argument != NULL && at < argc)
            value = argv[at++];
        else if (row->argument != NULL)
            return bj_fail(err, BJ_E_INVALID, "options",
                           "--%s: expected %s; found nothing after it", row->flag, row->argument);
        if (row->kind == BJ_KIND_STRING_LIST && !said[row - rows->row])
            clear_list(row, base);
        said[row - rows->row] = true;
        result = set(row, base, value, NULL, err);
        if (result < 0) {
            bj_error_prefix(err, "--%s: ", row->flag);
            return result;
        }
    }
    *ret_rest = at;
    return 0;
}

int bj_rows_variables(const struct bj_rows *rows, void *base, struct bj_error *err)
{
    for (size_t i = 0; i < rows->count; i++) {
        const struct bj_option *row = &rows->row[i];
        const char *value = row->environment != NULL ? getenv(row->environment) : NULL;
        int result;

        if (value == NULL || value[0] == '\0')
            continue;
        if (row->kind == BJ_KIND_STRING_LIST)
            clear_list(row, base);
        result = set(row, base, value, NULL, err);
        if (result < 0) {
            bj_error_prefix(err, "environment variable %s: ", row->environment);
            return result;
        }
    }
    return 0;
}

/* ---- JSON ---- */

static int set_list_json(const struct bj_option *row, void *base, json_t *value,
                         const char *directory, struct bj_error *err)
{
    size_t index;
    json_t *entry;

    if (!json_is_array(value))
        return bj_fail(err, BJ_E_INVALID, "config", "expected a list of texts; found %s",
                       bj_json_type(value));
    clear_list(row, base);
    json_array_foreach(value, index, entry)
    {
        int result = json_is_string(entry)
                         ? set(row, base, json_string_value(entry), directory, err)
                         : bj_option_fail(row, true, bj_json_type(entry), err);

        if (result < 0) {
            bj_error_prefix(err, "entry %zu: ", index + 1);
            return result;
        }
    }
    return 0;
}

static int set_json(const struct bj_option *row, void *base, json_t *value, const char *directory,
                    struct bj_error *err)
{
    bool number = json_is_integer(value) || (row->kind == BJ_KIND_DECIMAL && json_is_real(value));

    if (row->kind == BJ_KIND_STRING_LIST)
        return set_list_json(row, base, value, directory, err);
    if (row->kind == BJ_KIND_BOOL && json_is_boolean(value)) {
        *(bool *)field_of(base, row) = json_is_true(value);
        return 0;
    }
    if (is_number(row) && number && in_range(row, json_number_value(value))) {
        store_number(row, base, json_number_value(value));
        return 0;
    }
    if (is_number(row) || row->kind == BJ_KIND_BOOL || !json_is_string(value))
        return bj_option_fail(row, true,
                              number ? "a number that is not in it" : bj_json_type(value), err);
    return set(row, base, json_string_value(value), directory, err);
}

static const struct bj_option *find_key(const struct bj_rows *rows, const char *path)
{
    for (size_t i = 0; i < rows->count; i++) {
        if (rows->row[i].key != NULL && bj_streq(rows->row[i].key, path))
            return &rows->row[i];
    }
    return NULL;
}

static bool is_section(const struct bj_rows *rows, const char *name)
{
    size_t length = strlen(name);

    for (size_t i = 0; i < rows->count; i++) {
        const char *key = rows->row[i].key;

        if (key != NULL && strncmp(key, name, length) == 0 && key[length] == '.')
            return true;
    }
    return false;
}

/* The objects that keys lie in are names too: "limits" of "limits.memory_mb". */
static size_t add_sections(const struct bj_rows *rows, const char **names, size_t count,
                           char sections[ROWS_MAX][32])
{
    size_t used = 0;

    for (size_t i = 0; i < rows->count && used < ROWS_MAX; i++) {
        const char *dot = rows->row[i].key != NULL ? strchr(rows->row[i].key, '.') : NULL;
        size_t length = dot != NULL ? (size_t)(dot - rows->row[i].key) : 0;

        if (length == 0 || length >= sizeof sections[0])
            continue;
        snprintf(sections[used], sizeof sections[0], "%.*s", (int)length, rows->row[i].key);
        names[count++] = sections[used++];
    }
    return count;
}

static int fail_unknown_key(const struct bj_rows *rows, const char *path, struct bj_error *err)
{
    const char *names[2 * ROWS_MAX + 1];
    char sections[ROWS_MAX][32];
    size_t count = 0;

    for (size_t i = 0; i < rows->count && count < ROWS_MAX; i++) {
        if (rows->row[i].key != NULL)
            names[count++] = rows->row[i].key;
    }
    count = add_sections(rows, names, count, sections);
    names[count] = NULL;
    bj_fail(err, BJ_E_CONFIG, "config", "unknown key %s", bj_quote(path).text);
    bj_error_suggest(err, "", bj_choice_nearest(names, path));
    return -BJ_E_CONFIG;
}

static int load_key(const struct bj_rows *rows, void *base, const char *path, json_t *value,
                    const char *directory, struct bj_error *err)
{
    const struct bj_option *row = find_key(rows, path);
    int result;

    if (row == NULL)
        return fail_unknown_key(rows, path, err);
    result = set_json(row, base, value, directory, err);
    if (result == 0)
        return 0;
    bj_error_prefix(err, "%s: ", path);
    if (result == -BJ_E_INVALID && err != NULL)
        err->code = BJ_E_CONFIG;
    return result == -BJ_E_INVALID ? -BJ_E_CONFIG : result;
}

static int load_section(const struct bj_rows *rows, void *base, const char *section, json_t *object,
                        const char *directory, struct bj_error *err)
{
    const char *name;
    json_t *value;

    if (!json_is_object(object))
        return bj_fail(err, BJ_E_CONFIG, "config", "%s: expected an object; found %s", section,
                       bj_json_type(object));
    json_object_foreach(object, name, value)
    {
        char path[KEY_MAX];
        int result;

        snprintf(path, sizeof path, "%s.%s", section, name);
        result = load_key(rows, base, path, value, directory, err);
        if (result < 0)
            return result;
    }
    return 0;
}

int bj_rows_json(const struct bj_rows *rows, void *base, json_t *root, const char *const *others,
                 const char *directory, struct bj_error *err)
{
    const char *name;
    json_t *value;

    if (!json_is_object(root))
        return bj_fail(err, BJ_E_CONFIG, "config", "expected an object; found %s",
                       bj_json_type(root));
    json_object_foreach(root, name, value)
    {
        const char *const *other = others;
        int result = 0;

        while (*other != NULL && !bj_streq(*other, name))
            other++;
        if (*other != NULL)
            continue;
        if (is_section(rows, name))
            result = load_section(rows, base, name, value, directory, err);
        else if (strchr(name, '.') != NULL)
            result = fail_unknown_key(rows, name, err);
        else
            result = load_key(rows, base, name, value, directory, err);
        if (result < 0)
            return result;
    }
    return 0;
}

/* ---- help ---- */

static void put_default(const struct bj_option *row, const void *defaults, struct bj_buf *out)
{
    const void *field = (const char *)defaults + row->offset;

    if (defaults == NULL)
        return;
    if (row->kind == BJ_KIND_DECIMAL && *(const double *)field != 0)
        bj_buf_printf(out, " (default %.10g)", *(const double *)field);
    else if (row->kind == BJ_KIND_ENUM)
        bj_buf_printf(out, " (default %s)", row->choices[*(const unsigned *)field]);
    else if (is_number(row) && *(const int64_t *)field != 0)
        bj_buf_printf(out, " (default %lld%s)", (long long)*(const int64_t *)field,
                      row->kind == BJ_KIND_SIZE       ? "m"
                      : row->kind == BJ_KIND_DURATION ? "s"
                                                      : "");
    else if (row->or_zero)
        bj_buf_puts(out, " (default: no limit)");
}

static void put_wrapped(const char *text, struct bj_buf *out)
{
    int column = COLUMN;

    while (*text != '\0') {
        int word = (int)strcspn(text, " ");

        if (column + word >= WIDTH && column > COLUMN) {
            bj_buf_printf(out, "\n%*s", COLUMN, "");
            column = COLUMN;
        } else if (column > COLUMN) {
            bj_buf_puts(out, " ");
        }
        bj_buf_append(out, text, (size_t)word);
        column += word + 1;
        text += word + strspn(text + word, " ");
    }
    bj_buf_puts(out, "\n");
}

void bj_rows_help(const struct bj_rows *rows, const void *defaults, struct bj_buf *out)
{
    for (size_t i = 0; i < rows->count; i++) {
        const struct bj_option *row = &rows->row[i];
        struct bj_buf text;
        char names[80];
        int length;

        if (row->flag == NULL)
            continue;
        length =
            snprintf(names, sizeof names, "  --%s%s%s", row->flag, row->argument != NULL ? " " : "",
                     row->argument != NULL ? row->argument : "");
        if (length + 2 > COLUMN)
            bj_buf_printf(out, "%s\n%*s", names, COLUMN, "");
        else
            bj_buf_printf(out, "%-*s", COLUMN, names);
        bj_buf_init(&text, 1024);
        bj_buf_puts(&text, row->help);
        if (row->kind == BJ_KIND_STRING_LIST)
            bj_buf_puts(&text, "; repeatable");
        put_default(row, defaults, &text);
        put_wrapped(bj_buf_text(&text), out);
        bj_buf_release(&text);
    }
}

void bj_rows_markdown(const struct bj_rows *rows, const void *defaults, struct bj_buf *out)
{
    bj_buf_puts(out, "| flag | key | variable | what |\n| --- | --- | --- | --- |\n");
    for (size_t i = 0; i < rows->count; i++) {
        const struct bj_option *row = &rows->row[i];

        bj_buf_puts(out, "| ");
        if (row->flag != NULL)
            bj_buf_printf(out, "`--%s%s%s`", row->flag, row->argument != NULL ? " " : "",
                          row->argument != NULL ? row->argument : "");
        bj_buf_puts(out, " | ");
        if (row->key != NULL)
            bj_buf_printf(out, "`%s`", row->key);
        bj_buf_puts(out, " | ");
        if (row->environment != NULL)
            bj_buf_printf(out, "`%s`", row->environment);
        bj_buf_printf(out, " | %s", row->help);
        put_default(row, defaults, out);
        bj_buf_puts(out, " |\n");
    }
}
