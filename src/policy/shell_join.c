/*
 * Continued lines: a backslash and a newline are nothing, also in the middle of an operator or of a
 * substitution, but for single quotes, comments and quoted here-documents. The scan notes those
 * that stand where it could read something else than bash; they are taken out, and the text is
 * scanned again.
 */
#include <ctype.h>

#include "policy/shell_scan_internal.h"

/* Bytes that are scanned again for it. */
#define AGAIN_MAX (512 * 1024)

static bool is_plain(int byte)
{
    return byte == -1 || isalnum(byte) || bj_scan_is_blank(byte) || byte == '\n' ||
           memchr("_./,:-=+%@?*~", byte, 13) != NULL;
}

/* Does a name end at a place that a $ or ${ began? */
static bool ends_name(const struct scan *scan, uint32_t at)
{
    while (at > 0 && (isalnum((unsigned char)scan->bytes[at - 1]) || scan->bytes[at - 1] == '_'))
        at--;
    return at > 0 && memchr("${!#", scan->bytes[at - 1], 4) != NULL;
}

void bj_scan_add_joint(struct scan *scan, uint32_t at, bool turns)
{
    uint32_t *list;

    if (scan->turned || (scan->joint_count > 0 && scan->joints[scan->joint_count - 1] >= at))
        return;
    list = bj_sh_grow(scan->walk, scan->joints, scan->joint_count, &scan->joint_room, sizeof *list);
    if (list == NULL) {
        scan->joint_count = 0;
        return;
    }
    scan->joints = list;
    list[scan->joint_count++] = at;
    scan->turned = turns;
}

void bj_scan_note_joint(struct scan *scan, uint32_t at, bool quoted)
{
    int before = at == 0 ? -1 : (unsigned char)scan->bytes[at - 1], behind;
    uint32_t next = at + 2;
    bool plain;

    /* Behind a blank nothing goes on. */
    if (before == -1 || before == '\n' || bj_scan_is_blank(before))
        return;
    while (bj_scan_byte_at(scan, next) == '\\' && bj_scan_byte_at(scan, next + 1) == '\n')
        next += 2;
    behind = bj_scan_byte_at(scan, next);
    plain = is_plain(before) && is_plain(behind) && !ends_name(scan, at);
    if (!plain || !quoted)
        bj_scan_add_joint(scan, at, !plain);
}

/* How many cuts stand before a place, or at it. */
static uint32_t cuts_before(const struct source *source, uint32_t at)
{
    uint32_t low = 0, high = source->cut_count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (source->cuts[middle] < at)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

uint32_t bj_sh_place(const struct source *source, uint32_t at)
{
    return source->nested ? source->from : source->from + at + 2 * cuts_before(source, at + 1);
}

uint32_t bj_sh_place_end(const struct source *source, uint32_t at)
{
    return source->nested ? source->to : source->from + at + 2 * cuts_before(source, at);
}

/* The old and new cuts, as places of the text without either. */
static bool add_cuts(struct scan *scan, struct source *source)
{
    uint32_t count = source->cut_count + scan->joint_count, old = 0, joint = 0;
    uint32_t *cuts = bj_arena_array(scan->walk->arena, count, sizeof *cuts);

    if (cuts == NULL)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        if (joint == scan->joint_count ||
            (old < source->cut_count && source->cuts[old] <= scan->joints[joint])) {
            cuts[i] = source->cuts[old++] - 2 * joint;
        } else {
            cuts[i] = scan->joints[joint] - 2 * joint;
            joint++;
        }
    }
    source->cuts = cuts;
    source->cut_count = count;
    return true;
}

bool bj_scan_join(struct scan *scan, uint32_t *again)
{
    struct source *source = scan->source;
    struct source joined = {.from = source->from,
                            .to = source->to,
                            .nested = source->nested,
                            .cuts = source->cuts,
                            .cut_count = source->cut_count};
    char *copy;
    uint32_t at = 0;

    if (scan->joint_count == 0)
        return false;
    *again += scan->length;
    copy = *again > AGAIN_MAX ? NULL : bj_arena_alloc(scan->walk->arena, scan->length + 1);
    if (copy == NULL || !bj_sh_step(scan->walk) || !add_cuts(scan, &joined)) {
        source->deep = true;
        bj_scan_broken(scan, scan->joints[0]);
        return false;
    }
    for (uint32_t i = 0; i <= scan->joint_count; i++) {
        uint32_t end = i < scan->joint_count ? scan->joints[i] : scan->length;

        memcpy(copy + joined.length, scan->bytes + at, end - at);
        joined.length += end - at;
        at = end + 2;
    }
    copy[joined.length] = '\0';
    joined.bytes = copy;
    *source = joined;
    return true;
}
