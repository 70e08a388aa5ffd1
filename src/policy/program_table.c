/*
 * The table of programs and the searches in it. The data is made by tools/program-gen from the
 * tables in src/policy/programs; names are sorted.
 */
#include "policy/program_internal.h"

#include "programs.h"

const char *bj_table_text(uint32_t offset)
{
    return strings + offset;
}

const struct option_row *bj_table_options(const struct program_row *row)
{
    return options + row->option_first;
}

const struct operands_row *bj_table_operands(const struct program_row *row)
{
    return operands + row->operands_first;
}

const struct use_row *bj_table_items(const struct operands_row *row)
{
    return items + row->item_first;
}

static int compare(const char *name, size_t length, const char *other)
{
    int order = strncmp(name, other, length);

    return order != 0 ? order : -(other[length] != '\0');
}

static const struct program_row *search(size_t first, size_t count, const char *name, size_t length)
{
    while (count > 0) {
        size_t middle = first + count / 2;
        int order = compare(name, length, strings + names[middle].name);

        if (order == 0)
            return &programs[names[middle].program];
        if (order > 0) {
            count -= middle + 1 - first;
            first = middle + 1;
        } else {
            count = middle - first;
        }
    }
    return NULL;
}

const struct program_row *bj_table_find(const char *name, size_t length)
{
    return search(NAMES_FIRST, NAMES_COUNT, name, length);
}

const struct program_row *bj_table_child(const struct program_row *parent,
                                         const struct bj_word *name)
{
    return search(parent->child_first, parent->child_count, name->text, name->length);
}
