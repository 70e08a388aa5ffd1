/*
 * The plan as data: names of its operations, building, printing and checking. What goes into a plan
 * is decided in namespaces.c and landlock.c.
 */
#include "plan/plan.h"

#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#include "model/layout.h"
#include "plan/plan_internal.h"

static const struct {
    enum bj_op_side side;
    const char *name, *text;
} rows[] = {
#define ROW(kind, side, text) {BJ_SIDE_##side, #kind, text},
    BJ_OPS(ROW)
#undef ROW
};

enum bj_op_side bj_op_side(enum bj_op_kind kind)
{
    return rows[kind].side;
}

const char *bj_op_name(enum bj_op_kind kind)
{
    return rows[kind].name;
}

const char *bj_op_text(enum bj_op_kind kind)
{
    return rows[kind].text;
}

size_t bj_plan_size(const struct bj_plan *plan)
{
    return offsetof(struct bj_plan, text) + plan->text_length;
}

uint32_t bj_builder_text(struct bj_builder *b, const char *text)
{
    struct bj_plan *plan = b->plan;
    size_t length = strlen(text) + 1;
    uint32_t offset = plan->text_length;

    if (length == 1)
        return 0;
    if (length > BJ_PLAN_TEXT_MAX - plan->text_length) {
        b->full = true;
        return 0;
    }
    memcpy(plan->text + offset, text, length);
    plan->text_length += (uint32_t)length;
    return offset;
}

uint32_t bj_builder_slot(struct bj_builder *b)
{
    if (b->plan->slot_count == BJ_TREES_MAX) {
        b->full = true;
        return 0;
    }
    return b->plan->slot_count++;
}

struct bj_op *bj_builder_op(struct bj_builder *b, enum bj_op_kind kind, enum bj_layer layer)
{
    struct bj_op *op;

    if (b->plan->op_count == BJ_PLAN_OPS_MAX) {
        b->full = true;
        b->plan->op_count--;
    }
    op = &b->plan->ops[b->plan->op_count++];
    *op = (struct bj_op){.kind = (uint16_t)kind, .layer = (uint16_t)layer, .slot = BJ_NO_SLOT};
    return op;
}

void bj_builder_dir(struct bj_builder *b, const char *target, mode_t mode, uint32_t flags)
{
    uint32_t text = bj_builder_text(b, target);
    struct bj_op *op = bj_builder_op(b, BJ_OP_DIR, BJ_LAYER_MOUNT);

    op->target = text;
    op->number = mode;
    op->flags = flags;
}

void bj_builder_file(struct bj_builder *b, const char *target, const char *content)
{
    uint32_t name = bj_builder_text(b, target), text = bj_builder_text(b, content);
    struct bj_op *op = bj_builder_op(b, BJ_OP_FILE, BJ_LAYER_MOUNT);

    op->target = name;
    op->text = text;
}

void bj_builder_link(struct bj_builder *b, const char *target, const char *content)
{
    uint32_t name = bj_builder_text(b, target), text = bj_builder_text(b, content);
    struct bj_op *op = bj_builder_op(b, BJ_OP_SYMLINK, BJ_LAYER_MOUNT);

    op->target = name;
    op->text = text;
}

void bj_builder_subtree(struct bj_builder *b, const char *source, const char *target,
                        uint32_t flags, enum bj_layer layer)
{
    uint32_t from = bj_builder_text(b, source), to = bj_builder_text(b, target);
    struct bj_op *op = bj_builder_op(b, BJ_OP_SUBTREE, layer);

    op->source = from;
    op->target = to;
    op->flags = flags;
}

struct bj_op *bj_builder_target(struct bj_builder *b, enum bj_op_kind kind, enum bj_layer layer,
                                const char *target)
{
    uint32_t text = bj_builder_text(b, target);
    struct bj_op *op = bj_builder_op(b, kind, layer);

    op->target = text;
    return op;
}

static bool names_layer(char **list, enum bj_layer layer)
{
    for (char **name = list; name != NULL && *name != NULL; name++) {
        if (strcmp(*name, bj_layer_name(layer)) == 0)
            return true;
    }
    return false;
}

bool bj_builder_wants(const struct bj_builder *b, enum bj_layer layer)
{
    return !names_layer(b->config->disabled_layers, layer);
}

bool bj_builder_requires(const struct bj_builder *b, enum bj_layer layer)
{
    return names_layer(b->config->required_layers, layer);
}

int bj_builder_cannot(struct bj_builder *b, enum bj_layer layer, bool asked, const char *reason,
                      struct bj_error *err)
{
    if ((asked || bj_builder_requires(b, layer)) && !b->config->allow_degraded)
        return bj_fail(err, BJ_E_LAYER, bj_layer_name(layer),
                       "%s: %s (--allow-degraded accepts less)", bj_layer_name(layer), reason);
    bj_degradations_add(b->degraded, layer, "%s", reason);
    return 0;
}

/* A layer that was required must be among those that the plan turns on. */
static int check_required(const struct bj_builder *b, struct bj_error *err)
{
    for (int i = 0; i < BJ_LAYER_COUNT; i++) {
        if (!bj_builder_requires(b, (enum bj_layer)i) || b->plan->layers & (bj_layer_set)1 << i)
            continue;
        if (b->config->allow_degraded) {
            bj_degradations_add(b->degraded, (enum bj_layer)i, "required, but not to be had here");
            continue;
        }
        return bj_fail(err, BJ_E_LAYER, bj_layer_name((enum bj_layer)i),
                       "the layer %s is required but would be off; `belljar doctor` says why",
                       bj_layer_name((enum bj_layer)i));
    }
    return 0;
}

int bj_plan_make(const struct bj_config *config, const struct bj_host *host,
                 const struct bj_programs *programs, struct bj_plan *plan,
                 struct bj_degradations *degraded, struct bj_error *err)
{
    struct bj_builder b = {.plan = plan, .config = config, .host = host, .degraded = degraded};
    int result;

    memset(plan, 0, offsetof(struct bj_plan, ops));
    plan->version = BJ_PLAN_VERSION;
    plan->isolation = config->isolation;
    plan->text[0] = '\0';
    plan->text_length = 1;
    plan->init_name =
        bj_builder_text(&b, config->layout != NULL ? config->layout->init_name : "belljar-init");

    result = bj_plan_programs_take(&b, programs, err);
    if (result < 0)
        return result;
    if (config->sandbox_type == BJ_SANDBOX_NONE)
        result = bj_plan_none(&b, err);
    else if (config->sandbox_type == BJ_SANDBOX_BUBBLEWRAP)
        result = bj_plan_bubblewrap(&b, err);
    else if (config->layout != NULL)
        result = bj_plan_layout(&b, err);
    else if (config->isolation == BJ_ISOLATION_LANDLOCK)
        result = bj_plan_landlock(&b, err);
    else
        result = bj_plan_namespaces(&b, err);
    if (result == 0)
        result = bj_plan_programs_check(&b, err);
    if (result < 0)
        return result;
    if (b.no_memory)
        return bj_fail(err, BJ_E_NO_MEMORY, "plan", "out of memory");
    if (b.full)
        return bj_fail(err, BJ_E_LIMIT, "plan",
                       "too many volumes or programs, or too long paths: a plan holds %d "
                       "operations and %d bytes "
                       "of text",
                       BJ_PLAN_OPS_MAX, BJ_PLAN_TEXT_MAX);
    return check_required(&b, err);
}

static void print_text(struct bj_buf *out, const char *name, const char *text)
{
    if (*text == '\0')
        return;
    bj_buf_printf(out, " %s=", name);
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '\n')
            bj_buf_puts(out, "\\n");
        else if ((unsigned char)*c < 0x20 || *c == 0x7f)
            bj_buf_printf(out, "\\x%02x", (unsigned char)*c);
        else
            bj_buf_append(out, c, 1);
    }
}

static void print_flags(struct bj_buf *out, uint32_t flags)
{
    static const struct {
        uint32_t bit;
        const char *name;
    } names[] = {
        {BJ_FLAG_READ_ONLY, "read-only"}, {BJ_FLAG_NO_DEV, "no-dev"},
        {BJ_FLAG_NO_EXEC, "no-exec"},     {BJ_FLAG_RECURSIVE, "recursive"},
        {BJ_FLAG_OPTIONAL, "optional"},   {BJ_FLAG_OWNED, "owned"},
        {BJ_FLAG_NO_CREATE, "no-create"}, {BJ_FLAG_OVERLAY, "overlay"},
        {BJ_FLAG_DETACHED, "detached"},   {BJ_FLAG_DONE, "done"},
    };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (flags & names[i].bit)
            bj_buf_printf(out, " %s", names[i].name);
    }
}

void bj_plan_print(const struct bj_plan *plan, struct bj_buf *out)
{
    static const char *const isolations[] = {"namespaces", "landlock", "none"};

    bj_buf_printf(
        out, "isolation %s\n",
        isolations[plan->isolation <= BJ_ISOLATION_NONE ? plan->isolation : BJ_ISOLATION_NONE]);
    bj_buf_printf(out, "user %u:%u inside, %u:%u on the host", plan->uid, plan->gid,
                  plan->sandbox_uid, plan->sandbox_gid);
    if (plan->id_slots > 0)
        bj_buf_printf(out, " above a base of its own, one of %u from %u on", plan->id_slots,
                      plan->id_first);
    bj_buf_puts(out, "\n");
    bj_buf_puts(out, "layers");
    for (int i = 0; i < BJ_LAYER_COUNT; i++) {
        if (plan->layers & (bj_layer_set)1 << i)
            bj_buf_printf(out, " %s", bj_layer_name((enum bj_layer)i));
    }
    bj_buf_printf(out, "\nclone flags=0x%" PRIx64 "\n", plan->clone_flags);
    for (uint32_t i = 0; i < plan->op_count; i++) {
        const struct bj_op *op = &plan->ops[i];

        bj_buf_printf(out, "%-4s %s", bj_op_side(op->kind) == BJ_SIDE_HOST ? "host" : "init",
                      bj_op_text(op->kind));
        if (op->slot != BJ_NO_SLOT)
            bj_buf_printf(out, " slot=%u", op->slot);
        print_text(out, "source", bj_plan_text(plan, op->source));
        print_text(out, "target", bj_plan_text(plan, op->target));
        print_text(out, "text", bj_plan_text(plan, op->text));
        if (op->number != 0)
            bj_buf_printf(out, " number=0x%" PRIx64, op->number);
        print_flags(out, op->flags);
        bj_buf_puts(out, "\n");
    }
    for (uint32_t i = 0; i < plan->rlimit_count; i++)
        bj_buf_printf(out, "each process: rlimit %d <= %" PRIu64 "\n", plan->rlimits[i].resource,
                      plan->rlimits[i].limit);
    if (plan->memory_watch != 0)
        bj_buf_printf(out, "init: watch memory <= %" PRIu64 "\n", plan->memory_watch);
    bj_buf_printf(out, "each process: user %u:%u, capabilities 0x%" PRIx64 ",", plan->uid,
                  plan->gid, plan->workload_caps);
    print_text(out, "directory", bj_plan_text(plan, plan->directory));
    bj_buf_puts(out, "\n");
}

/* Do the number and the slot of an operation suit its kind? Those who execute it index arrays by
 * them. */
static bool suits_kind(const struct bj_plan *plan, const struct bj_op *op)
{
    switch ((enum bj_op_kind)op->kind) {
    case BJ_OP_CGROUP:
    case BJ_OP_HOST_TREE:
    case BJ_OP_HOST_ROOT:
    case BJ_OP_SYSTEM:
    case BJ_OP_WORKSPACE:
    case BJ_OP_JOIN_CGROUP:
    case BJ_OP_OPEN_PATH:
    case BJ_OP_OVERLAY:
    case BJ_OP_BIND:
    case BJ_OP_PLACE_FILE:
    case BJ_OP_PLACE_DATA:
    case BJ_OP_FILTER:
    case BJ_OP_PASS:
        return op->slot != BJ_NO_SLOT;
    case BJ_OP_HOST_FD: /* a number of the planning process's own, which means nothing elsewhere */
        return false;
    case BJ_OP_ID_MAP:
        return plan->id_slots > 0;
    case BJ_OP_SECCOMP:
        return op->number < BJ_SECCOMP_PROFILE_COUNT;
    default:
        return true;
    }
}

static bool is_in_range(const struct bj_plan *plan, const struct bj_op *op)
{
    uint32_t length = plan->text_length;

    return op->kind < BJ_OP_COUNT && op->layer < BJ_LAYER_COUNT && op->source < length &&
           op->target < length && op->text < length &&
           (op->slot == BJ_NO_SLOT || op->slot < plan->slot_count);
}

int bj_plan_check(const struct bj_plan *plan, size_t size, struct bj_error *err)
{
    uint32_t trees = 0;

    if (size < offsetof(struct bj_plan, text) + 1 || plan->version != BJ_PLAN_VERSION)
        return bj_fail(err, BJ_E_PROTOCOL, "plan", "the plan is of another version or cut short");
    if (plan->text_length == 0 || plan->text_length > BJ_PLAN_TEXT_MAX ||
        bj_plan_size(plan) != size || plan->text[0] != '\0' ||
        plan->text[plan->text_length - 1] != '\0')
        return bj_fail(err, BJ_E_PROTOCOL, "plan", "the plan's strings are damaged");
    if (plan->op_count > BJ_PLAN_OPS_MAX || plan->slot_count > BJ_TREES_MAX ||
        plan->rlimit_count > BJ_RLIMITS_MAX || plan->directory >= plan->text_length ||
        plan->home >= plan->text_length || plan->shell_user >= plan->text_length ||
        plan->init_name >= plan->text_length)
        return bj_fail(err, BJ_E_PROTOCOL, "plan", "the plan's counts are out of range");
    for (uint32_t i = 0; i < plan->op_count; i++) {
        const struct bj_op *op = &plan->ops[i];

        if (!is_in_range(plan, op) || !suits_kind(plan, op))
            return bj_fail(err, BJ_E_PROTOCOL, "plan", "operation %u is out of range", i);
        trees += op->kind == BJ_OP_HOST_TREE;
    }
    if (trees > BJ_VOLUMES_MAX + 1) /* the workspace is one more */
        return bj_fail(err, BJ_E_PROTOCOL, "plan", "the plan opens too many trees");
    return 0;
}

size_t bj_plan_pack(const struct bj_plan *plan, void *ret)
{
    size_t head = offsetof(struct bj_plan, ops), ops = plan->op_count * sizeof *plan->ops;
    char *at = ret;

    memcpy(at, plan, head + ops);
    memcpy(at + head + ops, plan->text, plan->text_length);
    return head + ops + plan->text_length;
}

int bj_plan_unpack(const void *packed, size_t size, struct bj_plan *ret, struct bj_error *err)
{
    size_t head = offsetof(struct bj_plan, ops), ops;
    const char *at = packed;

    if (size < head)
        return bj_fail(err, BJ_E_PROTOCOL, "plan", "the plan is of another version or cut short");
    memcpy(ret, at, head);
    ops = (size_t)ret->op_count * sizeof *ret->ops;
    if (ret->op_count > BJ_PLAN_OPS_MAX || ret->text_length > BJ_PLAN_TEXT_MAX ||
        size != head + ops + ret->text_length)
        return bj_fail(err, BJ_E_PROTOCOL, "plan", "the plan's counts are out of range");
    memcpy(ret->ops, at + head, ops);
    memcpy(ret->text, at + head + ops, ret->text_length);
    return bj_plan_check(ret, bj_plan_size(ret), err);
}
