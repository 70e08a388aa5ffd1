/*
 * What operands mean: the alternatives of a program's row, the first whose condition holds, and its
 * items one after the other. Command lines among the operands, with what xargs and find put into
 * them.
 */
#include "policy/program_internal.h"

/* ---- Command lines ---- */

/*
 * A first word that is one unquoted hole may vanish, and the next word is the program then; so both
 * are said.
 */
void bj_reader_command(struct reader *reader, const struct use *use, const struct bj_word *words,
                       size_t count)
{
    while (count > 0) {
        bj_reader_effect(reader, use, BJ_EFFECT_RUNS, words, count);
        if (!words->splits || words->length != 1 || words->text[0] != BJ_HOLE)
            return;
        words++;
        count--;
    }
}

/* A copy of `word` with a hole for each `mark` in it. */
static struct bj_word with_holes(struct reader *reader, const struct bj_word *word,
                                 const char *mark, size_t length)
{
    struct bj_word made = *word;
    char *text = bj_arena_alloc(reader->arena, word->length + 1);
    size_t to = 0;

    if (text == NULL)
        return made;
    for (size_t i = 0; i < word->length;) {
        if (word->length - i >= length && memcmp(word->text + i, mark, length) == 0) {
            text[to++] = BJ_HOLE;
            i += length;
            made.holes = true;
        } else {
            text[to++] = word->text[i++];
        }
    }
    made.text = text;
    made.length = (uint32_t)to;
    return made;
}

/* Lines of standard input take the mark's place (-I R, -i, --replace), or come at the end. */
static void xargs_command(struct reader *reader, const struct use *use, const struct bj_word *words,
                          size_t count)
{
    const struct bj_flag *replace = bj_reader_flag(reader, "-I");
    const char *mark = "{}";
    struct bj_word *made;
    struct bj_effect *effect;
    size_t length = 2;

    if (replace == NULL)
        replace = bj_reader_flag(reader, "--replace");
    if (replace != NULL && replace->value != NULL && replace->value->length > 0) {
        mark = replace->value->text;
        length = replace->value->length;
    }
    made = bj_arena_array(reader->arena, count, sizeof *made);
    if (made == NULL || count == 0)
        return;
    for (size_t i = 0; i < count; i++)
        made[i] = replace == NULL ? words[i] : with_holes(reader, &words[i], mark, length);
    effect = bj_reader_effect(reader, use, BJ_EFFECT_RUNS, made, count);
    if (effect != NULL)
        effect->appends_input = replace == NULL;
}

static void shell_words(struct reader *reader, const struct use *use, const struct bj_word *words,
                        size_t count)
{
    struct bj_word joined = bj_word_join(reader, words, count, ' ');

    if (count > 0)
        bj_reader_effect_word(reader, use, BJ_EFFECT_SHELL, &joined);
}

/* ---- Items ---- */

static bool is_assignment(const struct bj_word *word)
{
    const char *equals = memchr(word->text, '=', word->length);

    return equals != NULL && equals != word->text;
}

struct operands {
    const struct bj_word *words;
    size_t count;
};

static struct bj_word *take(struct operands *left)
{
    left->count--;
    return (struct bj_word *)left->words++;
}

static void use_all(struct reader *reader, const struct use *use, struct operands *left)
{
    if (use->verb == VERB_COMMAND)
        bj_reader_command(reader, use, left->words, left->count);
    else if (use->verb == VERB_XARGS_COMMAND)
        xargs_command(reader, use, left->words, left->count);
    else
        shell_words(reader, use, left->words, left->count);
    left->count = 0;
}

/* `wanted`: how many operands the items after this one need. */
static void use_item(struct reader *reader, const struct use_row *item, struct operands *left,
                     size_t wanted)
{
    struct use use = {item->verb, item->by_default, bj_table_text(item->argument),
                      reader->ret->name};
    struct bj_word none = {.text = ""};

    if (use.verb == VERB_COMMAND || use.verb == VERB_XARGS_COMMAND ||
        use.verb == VERB_SHELL_WORDS) {
        use_all(reader, &use, left);
    } else if (use.verb == VERB_ASSIGNMENTS) {
        use.verb = VERB_SETS;
        while (left->count > 0 && is_assignment(left->words))
            bj_reader_use(reader, &use, take(left));
    } else if (item->repeat == REPEAT_ONCE) {
        if (left->count > 0)
            bj_reader_use(reader, &use, take(left));
        else if (use.verb == VERB_SCRIPT || use.verb == VERB_STDIN)
            bj_reader_use(reader, &use, &none);
    } else {
        size_t most = item->repeat == REPEAT_MAYBE ? 1 : SIZE_MAX;

        for (; most > 0 && left->count > wanted; most--)
            bj_reader_use(reader, &use, take(left));
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
    struct operands left = {reader->operands + base, reader->ret->operand_count - base};
    const struct use_row *items;

    while (count > 0 && !holds(reader, row)) {
        row++;
        count--;
    }
    if (count == 0)
        return;
    items = bj_table_items(row);
    for (size_t i = 0; i < row->item_count; i++) {
        size_t wanted = 0;

        for (size_t j = i + 1; j < row->item_count; j++)
            wanted += items[j].repeat == REPEAT_ONCE;
        use_item(reader, &items[i], &left, wanted);
    }
}
