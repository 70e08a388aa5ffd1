/*
 * Variables of the environment that choose code.
 */
#include "policy/program_internal.h"

static const struct variable {
    const char *name; /* ends with * if it stands for all names that begin so */
    enum bj_effect_kind kind;
    const char *why;
} variables[] = {
#define BJ_VARIABLE(name, kind, why) {name, BJ_EFFECT_##kind, why},
#include "policy/program_variables.def"
#undef BJ_VARIABLE
};

/* Like strcmp(), where the row's * is the rest of the name. */
static int compare(const char *name, const char *row)
{
    size_t i = 0;

    while (row[i] != '\0' && row[i] == name[i])
        i++;
    if (row[i] == '*')
        return 0;
    return (unsigned char)name[i] - (unsigned char)row[i];
}

bool bj_variable_chooses_code(const char *name, const struct bj_word *value, struct bj_effect *ret)
{
    size_t first = 0, count = sizeof variables / sizeof *variables;

    while (count > 0) {
        const struct variable *row = &variables[first + count / 2];
        int order = compare(name, row->name);

        if (order == 0) {
            *ret = (struct bj_effect){
                .kind = row->kind,
                .words = value,
                .count = 1,
                .via = row->why,
                .language = row->kind == BJ_EFFECT_SHELL ? "sh" : "",
            };
            return true;
        }
        if (order > 0) {
            first += count / 2 + 1;
            count -= count / 2 + 1;
        } else {
            count /= 2;
        }
    }
    return false;
}
