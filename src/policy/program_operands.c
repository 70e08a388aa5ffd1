/*
 * What operands mean: the alternatives of a program's row, the first whose condition holds, and its
 * items one after the other.
 */
#include "policy/program_internal.h"

static const struct bj_word *take(struct operands *left)
{
    left->count--;
    return left->words++;
}

/* `wanted`: how many operands the items after this one need. */
static void use_item(struct reader *reader, const struct use_row *item, struct operands *left,
                     size_t wanted)
{
    struct use use = {item->verb, item->by_default, bj_table_text(item->argument),
                      reader->ret->name};
    static const struct bj_word none = {.text = ""};
    size_t most = item->repeat == REPEAT_MAYBE ? 1 : SIZE_MAX;

    if (bj_verb_takes_list(use.verb)) {
        bj_reader_use_list(reader, &use, left);
    } else if (item->repeat != REPEAT_ONCE) {
        for (; most > 0 && left->count > wanted; most--)
            bj_reader_use(reader, &use, take(left));
    } else if (left->count > 0) {
        bj_reader_use(reader, &use, take(left));
    } else if (use.verb == VERB_SCRIPT) {
        bj_reader_use(reader, &use, &none);
    }
}

static bool holds(const struct reader *reader, const struct operands_row *row)
{
    const char *spelling = bj_table_text(row->conditions);

    if (*spelling == '\0')
        return true;
    for (; *spelling != '\0'; spelling += strlen(spelling) + 1) {
        if (bj_reader_flag(reader, spelling) != NULL)
            return !row->negative;
    }
    return row->negative;
}

void bj_reader_operands(struct reader *reader)
{
    const struct operands_row *row = bj_table_operands(reader->row);
    size_t count = reader->row->operands_count, base = reader->operand_base;
    static const struct bj_word none = {.text = ""};
    struct operands left = {&none, reader->ret->operand_count - base};
    const struct use_row *items;

    while (count > 0 && !holds(reader, row)) {
        row++;
        count--;
    }
    if (count == 0)
        return;
    if (left.count > 0)
        left.words = reader->operands + base;
    items = bj_table_items(row);
    for (size_t i = 0; i < row->item_count; i++) {
        size_t wanted = 0;

        for (size_t j = i + 1; j < row->item_count; j++)
            wanted += items[j].repeat == REPEAT_ONCE && !bj_verb_takes_list(items[j].verb);
        use_item(reader, &items[i], &left, wanted);
    }
}
