/* How variables and array elements are set, and what is noted of it. */
#include <ctype.h>

#include "policy/shell_internal.h"

struct text bj_sh_cased(struct walk *walk, struct text text, bool upper, bool all)
{
    struct text copy = bj_sh_copy(walk, text);

    for (uint32_t i = 0; i < copy.length && (all || i == 0); i++)
        ((char *)copy.bytes)[i] = (char)(upper ? toupper((unsigned char)copy.bytes[i])
                                               : tolower((unsigned char)copy.bytes[i]));
    return copy;
}

/* A copy of an array with one element more or changed. */
static struct value with_element(struct walk *walk, const struct value *old, struct text key,
                                 struct text text, bool append)
{
    struct value value = *old;
    struct element *list = bj_arena_array(walk->arena, (size_t)old->count + 2, sizeof *list);
    uint32_t count = 0, i;

    value.kind = VALUE_ARRAY;
    if (list == NULL || !bj_sh_step(walk))
        return value;
    if (old->kind == VALUE_TEXT)
        list[count++] = (struct element){.key = TEXT("0"), .value = old->text};
    else if (old->kind == VALUE_ARRAY && old->count > 0)
        memcpy(list, old->elements, old->count * sizeof *list), count = old->count;
    walk->steps += count / 16;
    for (i = 0; i < count && !bj_sh_equal(list[i].key, key); i++)
        ;
    if (i == count)
        list[count++] = (struct element){.key = key, .value = {"", 0}};
    list[i].value = append ? bj_sh_concat(walk, list[i].value, text) : text;
    value.elements = list;
    value.count = count;
    return value;
}

void bj_sh_note_assignment(struct walk *walk, struct text name, struct text value)
{
    struct bj_commands *result = walk->result;
    struct bj_assignment *list;

    if (result->assignment_count >= BJ_SHELL_COMMANDS_MAX) {
        bj_sh_incomplete(walk, BJ_TOO_LARGE, 0);
        return;
    }
    list = bj_sh_grow(walk, (void *)result->assignments, result->assignment_count,
                      &walk->assignment_room, sizeof *list);
    if (list == NULL)
        return;
    result->assignments = list;
    list[result->assignment_count].name = bj_sh_copy(walk, name).bytes;
    list[result->assignment_count++].value = bj_sh_word(walk, value, 0, 0);
}

void bj_sh_assign(struct walk *walk, struct text name, const struct text *subscript,
                  struct text text, bool append)
{
    struct slot *slot = bj_sh_variable(walk, name);
    const struct value *old = bj_sh_pick(walk, slot);
    struct value value = *old;
    struct text key, target, index;
    struct bj_effect effect;
    int64_t number;

    if ((old->flags & FLAG_REFERENCE) && subscript == NULL &&
        bj_sh_subscript(old->text, &target, &index) && !bj_sh_equal(target, name)) {
        bj_sh_assign(walk, target, &index, text, append);
        return;
    }
    if (old->flags & FLAG_INTEGER)
        text = bj_sh_math(walk, text, &number) ? bj_sh_number(walk, number) : HOLE_TEXT;
    if (old->flags & (FLAG_LOWER | FLAG_UPPER))
        text = bj_sh_cased(walk, text, old->flags & FLAG_UPPER, true);
    if (subscript != NULL) {
        if (bj_sh_subscript_key(walk, old, *subscript, &key)) {
            value = with_element(walk, old, key, text, append);
        } else {
            value.kind = VALUE_ARRAY;
            value.more = true;
            if (old->kind != VALUE_ARRAY)
                value.count = 0;
        }
    } else if (old->kind == VALUE_ARRAY) {
        value = with_element(walk, old, TEXT("0"), text, append);
    } else {
        value.kind = VALUE_TEXT;
        value.text = append && old->kind == VALUE_TEXT ? bj_sh_concat(walk, old->text, text) : text;
        value.more = false;
    }
    bj_sh_set(walk, slot, &value);
    if (slot != NULL && !bj_variable_chooses_code(slot->name.bytes, NULL, &effect))
        bj_sh_note_assignment(walk, slot->name, value.kind == VALUE_TEXT ? value.text : text);
}

void bj_sh_assign_named(struct walk *walk, struct text target, struct text text)
{
    struct text name, subscript;

    if (bj_sh_subscript(target, &name, &subscript))
        bj_sh_assign(walk, name, &subscript, text, false);
    else if (target.length > 0 && bj_sh_name_length(target.bytes, target.length) == target.length)
        bj_sh_assign(walk, target, NULL, text, false);
}
