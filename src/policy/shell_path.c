/*
 * Words as paths: made absolute and without . and .. where the directory is known, and what is in
 * files that the text itself made.
 */
#include "policy/shell_internal.h"

struct bj_word bj_sh_word(struct walk *walk, struct text text, uint32_t from, uint32_t to)
{
    const char *copy = bj_arena_copy(walk->arena, text.bytes, text.length);

    if (copy == NULL)
        return (struct bj_word){.text = "", .from = from, .to = to};
    return (struct bj_word){
        .text = copy, .length = text.length, .from = from, .to = to, .holes = bj_sh_has_hole(text)};
}

struct text bj_sh_unglob(struct walk *walk, const struct bj_word *word)
{
    char *copy = bj_arena_alloc(walk->arena, word->length + 1);
    uint32_t length = 0;

    if (copy == NULL)
        return HOLE_TEXT;
    for (uint32_t i = 0; i < word->length; i++) {
        char byte = word->text[i];

        if (byte == '[' && memchr(word->text + i, ']', word->length - i) != NULL) {
            while (word->text[i] != ']')
                i++;
            byte = BJ_HOLE;
        } else if (byte == '*' || byte == '?') {
            byte = BJ_HOLE;
        }
        if (byte != BJ_HOLE || length == 0 || copy[length - 1] != BJ_HOLE)
            copy[length++] = byte;
    }
    return (struct text){copy, length};
}

/* Adds the components of `text` to a path; `length` of it so far, without a slash at the end. */
static uint32_t add_components(char *path, uint32_t length, struct text text)
{
    uint32_t at = 0;

    while (at < text.length) {
        uint32_t from = at;

        while (at < text.length && text.bytes[at] != '/')
            at++;
        if (at - from == 2 && memcmp(text.bytes + from, "..", 2) == 0) {
            uint32_t slash = length;

            while (slash > 0 && path[slash - 1] != '/')
                slash--;
            if (length > 0 && memchr(path + slash, BJ_HOLE, length - slash) == NULL)
                length = slash > 0 ? slash - 1 : 0;
            else if (length > 0)
                from = at, memcpy(path + length, "/..", 3), length += 3;
        } else if (at > from && !(at - from == 1 && text.bytes[from] == '.')) {
            path[length++] = '/';
            memcpy(path + length, text.bytes + from, at - from);
            length += at - from;
        }
        at += at < text.length;
    }
    return length;
}

struct bj_word bj_sh_resolve(struct walk *walk, const struct bj_word *word)
{
    const struct value *here = bj_sh_pick(walk, walk->directory);
    bool known = here->kind == VALUE_TEXT;
    struct bj_word path = *word;
    uint32_t length = 0;
    char *bytes;

    /* It may turn out to be absolute: no directory is put before it. */
    if (word->length > 0 && word->text[0] == BJ_HOLE)
        return path;
    bytes = bj_arena_alloc(walk->arena, (known ? here->text.length : 1) + word->length + 4);
    if (bytes == NULL)
        return path;
    if (word->length == 0 || word->text[0] != '/') {
        if (known) {
            length = add_components(bytes, 0, here->text);
        } else {
            bytes[length++] = BJ_HOLE;
            path.holes = true;
        }
    }
    length = add_components(bytes, length, (struct text){word->text, word->length});
    if (length == 0)
        bytes[length++] = '/';
    bytes[length] = '\0';
    path.text = bytes;
    path.length = length;
    path.holes |= bj_sh_has_hole((struct text){bytes, length});
    return path;
}

struct slot *bj_sh_file_slot(struct walk *walk, const struct bj_word *path)
{
    struct bj_word full = bj_sh_resolve(walk, path);

    return full.holes || full.glob
               ? NULL
               : bj_sh_slot(walk, SLOT_FILE, (struct text){full.text, full.length});
}

bool bj_sh_file_text(struct walk *walk, const struct bj_word *path, struct text *ret)
{
    struct slot *slot;
    const struct value *value;

    for (uint32_t i = 0; i < walk->process_count; i++) {
        if (bj_sh_equal(walk->processes[i].name, (struct text){path->text, path->length})) {
            *ret = walk->processes[i].text;
            return true;
        }
    }
    if (bj_word_is(path, "/dev/null")) {
        *ret = (struct text){"", 0};
        return true;
    }
    if (bj_word_is(path, "/dev/stdin") || bj_word_is(path, "/dev/fd/0") ||
        bj_word_is(path, "/proc/self/fd/0")) {
        *ret = walk->input == NULL ? HOLE_TEXT : walk->input->text;
        return true;
    }
    slot = bj_sh_file_slot(walk, path);
    if (slot == NULL || slot->values == NULL)
        return false;
    value = bj_sh_pick(walk, slot);
    *ret = value->kind == VALUE_TEXT ? value->text : HOLE_TEXT;
    return value->kind == VALUE_TEXT;
}
