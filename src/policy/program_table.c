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

const struct option_row *bj_table_letter(const struct program_row *row, char letter)
{
    const char *letters = strings + row->letters, *found = strchr(letters, letter);

    if (found == NULL || letter == '\0')
        return NULL;
    return &options[row->option_first + letter_options[row->letter_first + (found - letters)]];
}

/* Names with a common beginning stand together, the shortest first. */
const struct option_row *bj_table_name(const struct program_row *row, const char *text,
                                       size_t length, bool prefixes, const char **ret_name)
{
    const struct spelling_row *first = spellings + row->spelling_first;
    const struct spelling_row *end = first + row->spelling_count;
    const struct option_row *best = NULL;

    for (size_t count = row->spelling_count; count > 0;) {
        if (strncmp(strings + first[count / 2].name, text, length) < 0) {
            first += count / 2 + 1;
            count -= count / 2 + 1;
        } else {
            count /= 2;
        }
    }
    for (; first < end && strncmp(strings + first->name, text, length) == 0; first++) {
        const struct option_row *option = &options[row->option_first + first->option];
        bool exact = strings[first->name + length] == '\0';

        if (!exact && !prefixes)
            return NULL;
        if (best == NULL || (best->use.verb == VERB_NONE && option->use.verb != VERB_NONE)) {
            best = option;
            *ret_name = strings + first->name;
        }
        if (exact)
            return best;
    }
    return best;
}
