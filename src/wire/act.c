/* Acts as bytes and as records show them, both from one table of their members. */
#include "wire/act.h"

#include <inttypes.h>
#include <limits.h>
#include <nettle/sha2.h>
#include <string.h>

#include "base/str.h"
#include "model/mask.h"
#include "wire/fields.h"
#include "wire/json.h"

static const char *const names[] = {"",
#define ACT_NAME(kind, name) name,
                                    BJ_ACTS(ACT_NAME)
#undef ACT_NAME
};

const char *bj_act_name(enum bj_act_kind kind)
{
    return kind > BJ_ACT_NONE && kind < BJ_ACT_COUNT ? names[kind] : "";
}

/* ---- the table ---- */

/* How a member is shown. */
enum shown {
    PLAIN,
    VALUES, /* a list of NAME=VALUE */
    PAIRS,  /* a list of NAME, VALUE */
    WORDS,  /* an argument vector */
    SIZE,   /* not what it is, only how long */
    LABEL,  /* what it is, or its hash where that is long */
    FLAGS,  /* names of a START's */
};

struct member {
    uint32_t kinds; /* of act that have it: a bit each */
    enum shown shown;
    struct bj_wire_field field;
};

#define OF(kind)             (1u << BJ_ACT_##kind)
#define EVERY                UINT32_MAX
#define MEMBER(type, member) BJ_FIELD(struct bj_act, type, member)
#define INTO_PROCESS         (OF(INPUT) | OF(ATTACH) | OF(SIGNAL) | OF(RESIZE))

static const struct member members[] = {
    {EVERY, PLAIN, MEMBER(STRING, sandbox)},
    {EVERY, PLAIN, MEMBER(STRING, owner)},
    {OF(START) | INTO_PROCESS, PLAIN, MEMBER(U32, process)},
    {OF(CREATE), PLAIN, MEMBER(STRING, preset)},
    {OF(CREATE), PAIRS, MEMBER(LIST, options)},
    {OF(CREATE) | OF(UPDATE) | OF(START), PLAIN, MEMBER(I64, timeout_us)},
    {OF(CREATE) | OF(UPDATE), PLAIN, MEMBER(I64, idle_us)},
    {OF(CREATE) | OF(START) | OF(UPDATE), LABEL, MEMBER(TEXT, label)},
    {OF(START), FLAGS, MEMBER(U32, flags)},
    {OF(START) | OF(RESIZE), PLAIN, MEMBER(U16, rows)},
    {OF(START) | OF(RESIZE), PLAIN, MEMBER(U16, columns)},
    {OF(START), WORDS, MEMBER(LIST, argv)},
    {OF(START), VALUES, MEMBER(LIST, env)},
    {OF(START), PLAIN, MEMBER(TEXT, directory)},
    {OF(OPEN) | OF(CONNECT), PLAIN, MEMBER(TEXT, path)},
    {OF(OPEN), PLAIN, MEMBER(I32, open_flags)},
    {OF(OPEN), PLAIN, MEMBER(U32, mode)},
    {OF(CONNECT), PLAIN, MEMBER(U16, port)},
    {OF(SIGNAL), PLAIN, MEMBER(I32, signal)},
    {OF(SIGNAL), PLAIN, MEMBER(BOOL, group)},
    {OF(INPUT), SIZE, BJ_FIELD_DATA(struct bj_act, data, length)},
    {OF(INPUT), PLAIN, MEMBER(BOOL, close)},
};
#define MEMBERS (sizeof members / sizeof *members)

static bool has(const struct bj_act *act, const struct member *member)
{
    return act->kind < BJ_ACT_COUNT && (member->kinds & 1u << act->kind) != 0;
}

void bj_act_put(struct bj_buf *out, const struct bj_act *act)
{
    bj_pack_u32(out, act->kind);
    for (size_t i = 0; i < MEMBERS; i++) {
        if (has(act, &members[i]))
            bj_wire_field_put(out, &members[i].field, act);
    }
}

static const struct {
    uint32_t flag;
    const char *name;
} start_flags[] = {
    {BJ_START_TERMINAL, "terminal"}, {BJ_START_STDIN, "stdin"}, {BJ_START_PIPES, "pipes"},
    {BJ_START_REPORT, "report"},     {BJ_START_FILES, "files"}, {BJ_START_FORGET, "forget"},
    {BJ_START_HOLD, "hold"},
};
#define START_FLAGS (sizeof start_flags / sizeof *start_flags)

/* ---- what an act may be ---- */

bool bj_sandbox_id_valid(const char *id)
{
    size_t length = strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789");

    return length > 0 && length < BJ_SANDBOX_ID_MAX && id[length] == '\0';
}

bool bj_owner_valid(const char *owner)
{
    size_t length = strlen(owner);

    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)owner[i] < ' ' || owner[i] == 0x7f)
            return false;
    }
    return length > 0 && length < BJ_OWNER_MAX;
}

static bool is_path(const char *path)
{
    return path[0] == '/' && strlen(path) < BJ_PATH_MAX;
}

static size_t count_of(const char *const *list)
{
    size_t count = 0;

    while (list[count] != NULL)
        count++;
    return count;
}

/* The bytes of the strings, their ends counted. */
static size_t bytes_of(const char *const *list)
{
    size_t bytes = 0;

    for (; *list != NULL; list++)
        bytes += strlen(*list) + 1;
    return bytes;
}

static bool are_variables(const char *const *env)
{
    for (; *env != NULL; env++) {
        if ((*env)[0] == '=' || strchr(*env, '=') == NULL)
            return false;
    }
    return true;
}

static bool is_time(const struct bj_act *act, int64_t time)
{
    return time >= 0 || (act->kind == BJ_ACT_UPDATE && time == BJ_KEEP_TIME);
}

/* What is wrong with it, each of these; NULL if nothing is. */

static const char *wrong_create(const struct bj_act *act)
{
    size_t options = count_of(act->options);

    if (act->preset[0] == '\0')
        return "the preset has no name";
    if (options % 2 != 0)
        return "an option has no value";
    return options > 2 * BJ_SANDBOX_OPTIONS ? "there are too many options" : NULL;
}

static const char *wrong_start(const struct bj_act *act)
{
    uint32_t known = 0;

    for (size_t i = 0; i < START_FLAGS; i++)
        known |= start_flags[i].flag;
    if ((act->flags & ~known) != 0)
        return "a flag is not known";
    if ((act->flags & BJ_START_TERMINAL) != 0 && (act->flags & BJ_START_PIPES) != 0)
        return "a process has either a terminal or pipes";
    if (act->argv[0] == NULL || act->argv[0][0] == '\0')
        return "there is no program to start";
    if (count_of(act->argv) > BJ_ARGC_MAX || count_of(act->env) > BJ_ARGC_MAX ||
        bytes_of(act->argv) + bytes_of(act->env) > BJ_ARGS_MAX)
        return "the arguments and variables are too long";
    if (!are_variables(act->env))
        return "a variable is not NAME=VALUE";
    return act->directory != NULL && !is_path(act->directory)
               ? "the working directory is no absolute path"
               : NULL;
}

static const char *wrong_open(const struct bj_act *act)
{
    return act->path != NULL && is_path(act->path) ? NULL : "the path is not absolute";
}

static const char *wrong_connect(const struct bj_act *act)
{
    if (act->path == NULL)
        return act->port != 0 ? NULL : "there is no port 0";
    if (act->port != 0)
        return "it is either a port or a path";
    return is_path(act->path) ? NULL : "the path is not absolute";
}

static const char *wrong_input(const struct bj_act *act)
{
    return act->length <= BJ_INPUT_MAX ? NULL : "the input is too long for one piece";
}

static const char *wrong_signal(const struct bj_act *act)
{
    return act->signal >= 1 && act->signal <= 64 ? NULL : "there is no such signal";
}

typedef const char *wrong_fn(const struct bj_act *act);
static wrong_fn *const wrong_in[BJ_ACT_COUNT] = {
    [BJ_ACT_CREATE] = wrong_create,   [BJ_ACT_START] = wrong_start, [BJ_ACT_OPEN] = wrong_open,
    [BJ_ACT_CONNECT] = wrong_connect, [BJ_ACT_INPUT] = wrong_input, [BJ_ACT_SIGNAL] = wrong_signal,
};

static const char *wrong(const struct bj_act *act)
{
    if (!bj_sandbox_id_valid(act->sandbox))
        return "the sandbox's identifier is none";
    if (!bj_owner_valid(act->owner))
        return "the owner's name is none";
    if (act->process == 0 &&
        (1u << act->kind & (OF(START) | OF(INPUT) | OF(ATTACH) | OF(RESIZE))) != 0)
        return "there is no process 0";
    if (!is_time(act, act->timeout_us) || !is_time(act, act->idle_us))
        return "a time-out is negative";
    if (act->label != NULL && strlen(act->label) >= BJ_LABEL_MAX)
        return "the label is too long";
    return wrong_in[act->kind] != NULL ? wrong_in[act->kind](act) : NULL;
}

int bj_act_get(const void *message, size_t size, const char **strings, size_t capacity,
               struct bj_act *ret, struct bj_error *err)
{
    struct bj_wire_field_lists lists = {.strings = strings, .capacity = capacity};
    struct bj_unpack in = {.at = message, .left = size};
    struct bj_act act = {.kind = bj_unpack_u32(&in)};
    const char *problem;

    if (size > BJ_ACT_MAX)
        return bj_fail(err, BJ_E_PROTOCOL, "act", "an act of %zu bytes is too long", size);
    if (in.failed || bj_act_name(act.kind)[0] == '\0')
        return bj_fail(err, BJ_E_PROTOCOL, "act", "an act is of no known kind");
    for (size_t i = 0; i < MEMBERS; i++) {
        if (has(&act, &members[i]))
            bj_wire_field_get(&in, &members[i].field, &lists, &act);
    }
    if (!bj_unpack_end(&in))
        return bj_fail(err, BJ_E_PROTOCOL, "act", "an act \"%s\" is malformed", names[act.kind]);
    problem = wrong(&act);
    if (problem != NULL)
        return bj_fail(err, BJ_E_PROTOCOL, "act", "an act \"%s\" cannot be: %s", names[act.kind],
                       problem);
    *ret = act;
    return 0;
}

/* ---- as records show it ---- */

/* NAME=VALUE as one string. The value is hidden where the name is one of a secret; it may be such a
 * pair itself. */
static void put_value(struct bj_buf *out, const char *name, size_t length, const char *value)
{
    const struct bj_mask names_only = {0};
    struct bj_buf text;

    bj_buf_init(&text, 2 * BJ_ACT_MAX);
    bj_buf_append(&text, name, length);
    bj_buf_puts(&text, "=");
    if (bj_mask_secret_name(name, length))
        bj_buf_puts(&text, BJ_MASKED);
    else
        bj_mask_text(&names_only, value, strlen(value), &text);
    bj_json_put_string(out, bj_buf_text(&text), text.length);
    if (text.failed)
        out->failed = out->no_memory = true;
    bj_buf_release(&text);
}

/* So much of a word, and that there is a secret behind it. */
static void put_word(struct bj_buf *out, const char *word, size_t shown)
{
    struct bj_buf text;

    if (word[shown] == '\0') {
        bj_json_put_string(out, word, shown);
        return;
    }
    bj_buf_init(&text, BJ_ACT_MAX + sizeof BJ_MASKED);
    bj_buf_append(&text, word, shown);
    bj_buf_puts(&text, BJ_MASKED);
    bj_json_put_string(out, bj_buf_text(&text), text.length);
    if (text.failed)
        out->failed = out->no_memory = true;
    bj_buf_release(&text);
}

static void put_list(struct bj_buf *out, enum shown shown, const char *const *list)
{
    struct bj_mask_words words = {0};

    bj_buf_puts(out, "[");
    for (size_t i = 0; list[i] != NULL; i++) {
        const char *text = list[i];

        bj_buf_puts(out, i > 0 ? "," : "");
        if (shown == PAIRS) {
            put_value(out, text, strlen(text), list[++i]);
        } else if (shown == VALUES) {
            size_t length = strcspn(text, "=");

            put_value(out, text, length, text + length + 1);
        } else {
            put_word(out, text, bj_mask_word(&words, text));
        }
    }
    bj_buf_puts(out, "]");
}

static void put_flags(struct bj_buf *out, uint32_t flags)
{
    const char *comma = "";

    bj_buf_puts(out, "[");
    for (size_t i = 0; i < START_FLAGS; i++) {
        if ((flags & start_flags[i].flag) == 0)
            continue;
        bj_buf_printf(out, "%s\"%s\"", comma, start_flags[i].name);
        comma = ",";
    }
    bj_buf_puts(out, "]");
}

/* The member itself, as what it is. */
static void put_plain(struct bj_buf *out, const struct bj_wire_field *field, const char *at)
{
    const char *text;

    switch (field->type) {
    case BJ_FIELD_BOOL:
        bj_buf_puts(out, *(const bool *)at ? "true" : "false");
        break;
    case BJ_FIELD_U16:
        bj_buf_printf(out, "%u", *(const uint16_t *)at);
        break;
    case BJ_FIELD_I32:
        bj_buf_printf(out, "%" PRId32, *(const int32_t *)at);
        break;
    case BJ_FIELD_I64:
        bj_buf_printf(out, "%" PRId64, *(const int64_t *)at);
        break;
    case BJ_FIELD_TEXT:
    case BJ_FIELD_STRING:
        text = *(const char *const *)at;
        bj_json_put_string(out, text, strlen(text));
        break;
    default:
        bj_buf_printf(out, "%" PRIu32, *(const uint32_t *)at);
        break;
    }
}

/* Is the member there, and not merely zero? */
static bool is_said(const struct bj_wire_field *field, const char *at)
{
    switch (field->type) {
    case BJ_FIELD_BOOL:
        return *(const bool *)at;
    case BJ_FIELD_U16:
        return *(const uint16_t *)at != 0;
    case BJ_FIELD_I64:
        return *(const int64_t *)at != 0;
    case BJ_FIELD_TEXT:
    case BJ_FIELD_STRING:
        return *(const char *const *)at != NULL;
    case BJ_FIELD_LIST:
        return *(const char *const *const *)at != NULL && **(const char *const *const *)at != NULL;
    case BJ_FIELD_BYTES:
        return true;
    default:
        return *(const uint32_t *)at != 0;
    }
}

/* Without its name, which says which of the two it is. */
static void put_label(struct bj_buf *out, const char *label)
{
    uint8_t digest[SHA256_DIGEST_SIZE];
    struct sha256_ctx context;
    size_t length = strlen(label);

    if (length <= BJ_LABEL_SHOWN) {
        bj_buf_puts(out, ",\"label\":");
        bj_json_put_string(out, label, length);
        return;
    }
    sha256_init(&context);
    sha256_update(&context, length, (const uint8_t *)label);
    sha256_digest(&context, sizeof digest, digest);
    bj_buf_printf(out, ",\"label_bytes\":%zu,\"label_sha256\":\"", length);
    for (size_t i = 0; i < sizeof digest; i++)
        bj_buf_printf(out, "%02x", digest[i]);
    bj_buf_puts(out, "\"");
}

static void describe(const struct bj_act *act, const struct member *member, struct bj_buf *out)
{
    const struct bj_wire_field *field = &member->field;
    const char *at = (const char *)act + field->offset;

    if (!is_said(field, at))
        return;
    if (member->shown == LABEL) {
        put_label(out, act->label);
        return;
    }
    bj_buf_printf(out, ",\"%s%s\":", field->name, member->shown == SIZE ? "_bytes" : "");
    switch (member->shown) {
    case PLAIN:
        put_plain(out, field, at);
        break;
    case FLAGS:
        put_flags(out, act->flags);
        break;
    case SIZE:
        bj_buf_printf(out, "%zu", act->length);
        break;
    default:
        put_list(out, member->shown, *(const char *const *const *)at);
        break;
    }
}

void bj_act_describe(const struct bj_act *act, struct bj_buf *out)
{
    bj_buf_printf(out, "{\"kind\":\"%s\"", bj_act_name(act->kind));
    for (size_t i = 0; i < MEMBERS; i++) {
        if (has(act, &members[i]))
            describe(act, &members[i], out);
    }
    bj_buf_puts(out, "}");
}
