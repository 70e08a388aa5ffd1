/*
 * Tool calls from JSON. jansson parses; the table of tools says what the arguments should be. What
 * is checked here is form alone, whatever the configuration; what a call may do is for policy/.
 */
#include "model/request_json.h"

#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "model/json_internal.h"
#include "model/json_read.h"
#include "model/options_internal.h"
#include "model/tool.h"

/* Where the checker stands. */
struct check {
    const struct bj_argument *arguments;
    bool open;
    const char *where; /* "", or of an entry: "edits, entry 2: " */
    struct bj_error *err;
};

static int wrong(const struct check *check, const char *name, const char *expected,
                 const char *found)
{
    return bj_fail(check->err, BJ_E_INVALID, "arguments", "%s%s: expected %s; found %s",
                   check->where, bj_quote(name).text, expected, found);
}

static int check_text(const struct check *check, const struct bj_argument *argument,
                      const json_t *value)
{
    const char *text = json_string_value(value);
    size_t length = json_string_length(value);

    if (length == 0 && !argument->may_be_empty)
        return wrong(check, argument->name, "a text that is not empty", "an empty one");
    if (length > (size_t)argument->maximum)
        return bj_fail(check->err, BJ_E_INVALID, "arguments",
                       "%s%s: expected at most %lld bytes; found %zu", check->where,
                       bj_quote(argument->name).text, (long long)argument->maximum, length);
    for (const char *const *choice = argument->choices; choice != NULL; choice++) {
        if (*choice == NULL)
            return bj_fail(check->err, BJ_E_INVALID, "arguments", "%s%s: unknown value %s",
                           check->where, bj_quote(argument->name).text, bj_quote(text).text);
        if (bj_streq(*choice, text))
            return 0;
    }
    return 0;
}

static int check_count(const struct check *check, const struct bj_argument *argument,
                       const json_t *value)
{
    json_int_t number = json_integer_value(value);

    if (number >= 0 && number <= argument->maximum)
        return 0;
    return bj_fail(check->err, BJ_E_INVALID, "arguments",
                   "%s%s: expected a whole number from 0 to %lld; found %lld", check->where,
                   bj_quote(argument->name).text, (long long)argument->maximum, (long long)number);
}

static int check_object(const struct check *check, json_t *object);

static int check_list(const struct check *check, const struct bj_argument *argument, json_t *list)
{
    size_t index;
    json_t *entry;

    if (json_array_size(list) > (size_t)argument->maximum)
        return wrong(check, argument->name, "a shorter list", "too many entries");
    if (json_array_size(list) == 0 && argument->type == BJ_ARGUMENT_LIST && !argument->may_be_empty)
        return wrong(check, argument->name, "at least one entry", "an empty list");
    json_array_foreach(list, index, entry)
    {
        char where[64];
        struct check inner = {.arguments = argument->fields, .where = where, .err = check->err};

        if (argument->type == BJ_ARGUMENT_TEXTS && !json_is_string(entry))
            return wrong(check, argument->name, "a list of texts", "another entry in it");
        if (argument->type == BJ_ARGUMENT_LIST && !json_is_object(entry))
            return wrong(check, argument->name, "a list of objects", "another entry in it");
        if (argument->fields == NULL)
            continue;
        snprintf(where, sizeof where, "%s, entry %zu: ", argument->name, index + 1);
        if (check_object(&inner, entry) < 0)
            return -BJ_E_INVALID;
    }
    return 0;
}

static int check_value(const struct check *check, const struct bj_argument *argument, json_t *value)
{
    static const struct {
        const char *expected;
        json_type type;
        int (*check)(const struct check *, const struct bj_argument *, const json_t *);
    } types[] = {
        [BJ_ARGUMENT_TEXT] = {"a text", JSON_STRING, check_text},
        [BJ_ARGUMENT_COUNT] = {"a whole number", JSON_INTEGER, check_count},
        [BJ_ARGUMENT_TEXTS] = {"a list of texts", JSON_ARRAY, NULL},
        [BJ_ARGUMENT_LIST] = {"a list of objects", JSON_ARRAY, NULL},
    };

    if (argument->type == BJ_ARGUMENT_ANY)
        return 0;
    if (argument->type == BJ_ARGUMENT_BOOL)
        return json_is_boolean(value)
                   ? 0
                   : wrong(check, argument->name, "true or false", bj_json_type(value));
    if (json_typeof(value) != types[argument->type].type)
        return wrong(check, argument->name, types[argument->type].expected, bj_json_type(value));
    if (types[argument->type].check != NULL)
        return types[argument->type].check(check, argument, value);
    return check_list(check, argument, value);
}

static const struct bj_argument *find(const struct bj_argument *arguments, const char *name)
{
    for (; arguments->name != NULL; arguments++) {
        if (bj_streq(arguments->name, name))
            return arguments;
    }
    return NULL;
}

static int fail_unknown(const struct check *check, const char *name)
{
    const char *names[32] = {NULL};
    size_t count = 0;

    for (const struct bj_argument *known = check->arguments; known->name != NULL; known++) {
        if (count + 1 < sizeof names / sizeof *names)
            names[count++] = known->name;
    }
    bj_fail(check->err, BJ_E_INVALID, "arguments", "%sunknown argument %s", check->where,
            bj_quote(name).text);
    bj_error_suggest(check->err, "", count > 0 ? bj_choice_nearest(names, name) : NULL);
    return -BJ_E_INVALID;
}

/* An optional argument that is null counts as not given. */
static const json_t *given(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);

    return json_is_null(value) ? NULL : value;
}

/* Is it there, by its own name or by another one of its role? Being there twice is an error. */
static int check_required(const struct check *check, const struct bj_argument *argument,
                          const json_t *object)
{
    const char *first = NULL;

    for (const struct bj_argument *other = check->arguments; other->name != NULL; other++) {
        bool same =
            other == argument || (argument->role != BJ_ROLE_NONE && other->role == argument->role);

        if (!same || given(object, other->name) == NULL)
            continue;
        if (first != NULL)
            return bj_fail(check->err, BJ_E_INVALID, "arguments",
                           "%s%s and %s are the same thing; give one of them", check->where,
                           bj_quote(first).text, bj_quote(other->name).text);
        first = other->name;
    }
    if (first != NULL || !argument->required)
        return 0;
    return bj_fail(check->err, BJ_E_INVALID, "arguments", "%sargument %s is missing", check->where,
                   bj_quote(argument->name).text);
}

static int check_object(const struct check *check, json_t *object)
{
    const char *name;
    json_t *value;

    for (const struct bj_argument *known = check->arguments; known->name != NULL; known++) {
        if (check_required(check, known, object) < 0)
            return -BJ_E_INVALID;
    }
    json_object_foreach(object, name, value)
    {
        const struct bj_argument *argument = find(check->arguments, name);

        if (argument == NULL && !check->open)
            return fail_unknown(check, name);
        if (argument != NULL && !(json_is_null(value) && !argument->required) &&
            check_value(check, argument, value) < 0)
            return -BJ_E_INVALID;
    }
    return 0;
}

/* Lets the request point to the arguments that have a role. */
static void fill_roles(struct bj_request *request, const struct bj_tool *tool, const json_t *object)
{
    const char **const fields[BJ_ROLE_COUNT] = {
        [BJ_ROLE_COMMAND] = &request->command,
        [BJ_ROLE_PATH] = &request->path,
        [BJ_ROLE_PATTERN] = &request->pattern,
        [BJ_ROLE_URL] = &request->url,
    };

    for (const struct bj_argument *argument = tool->arguments; argument->name != NULL; argument++) {
        const char *text = json_string_value(given(object, argument->name));

        if (argument->role != BJ_ROLE_NONE && text != NULL)
            *fields[argument->role] = text;
    }
}

static int no_memory(struct bj_error *err)
{
    return bj_fail(err, BJ_E_NO_MEMORY, "arguments", "out of memory");
}

/* Checks the arguments and keeps what the request needs of them. */
static int take_arguments(struct bj_request_json *ret, const char *name, json_t *object,
                          struct bj_error *err)
{
    const struct bj_tool *tool = bj_tool_find(name);
    struct bj_error found = {0};
    struct check check = {.where = "", .err = &found};

    ret->tool = bj_strdup(name);
    ret->arguments = json_dumps(object, JSON_COMPACT);
    if (ret->tool == NULL || ret->arguments == NULL || bj_json_lost_memory())
        return no_memory(err);
    ret->request.tool = ret->tool;
    ret->request.arguments = ret->arguments;
    if (tool == NULL)
        return 0;
    check.arguments = tool->arguments;
    check.open = tool->open;
    if (check_object(&check, object) == 0) {
        fill_roles(&ret->request, tool, object);
        return 0;
    }
    ret->invalid = bj_strdup(found.message);
    ret->request.invalid = ret->invalid;
    return ret->invalid != NULL ? 0 : no_memory(err);
}

/* A document that is wrong is not the configuration here. */
static int fail_document(int result, struct bj_error *err)
{
    if (result != -BJ_E_CONFIG)
        return result;
    if (err != NULL)
        err->code = BJ_E_INVALID;
    return -BJ_E_INVALID;
}

static int parse_object(struct bj_request_json *ret, const char *text, size_t length,
                        struct bj_error *err)
{
    json_t *root = NULL;
    int result;

    *ret = (struct bj_request_json){0};
    if (length > BJ_REQUEST_MAX)
        return bj_fail(err, BJ_E_LIMIT, "arguments", "a call of %zu bytes is larger than %d",
                       length, BJ_REQUEST_MAX);
    result = bj_json_parse_within(text, length, BJ_REQUEST_MAX, &root, err);
    if (result < 0)
        return fail_document(result, err);
    ret->json = root;
    if (!json_is_object(root))
        return bj_fail(err, BJ_E_INVALID, "arguments", "expected a JSON object; found %s",
                       bj_json_type(root));
    return 0;
}

static int check_name(const char *tool, struct bj_error *err)
{
    if (tool[0] != '\0' && strlen(tool) < BJ_TOOL_NAME_MAX && bj_is_printable(tool))
        return 0;
    return bj_fail(err, BJ_E_INVALID, "arguments",
                   "expected the name of a tool, without control characters and shorter than %d "
                   "bytes; found %s",
                   BJ_TOOL_NAME_MAX, bj_quote(tool).text);
}

int bj_request_json_parse(struct bj_request_json *ret, const char *tool, const char *text,
                          size_t length, struct bj_error *err)
{
    int result = parse_object(ret, text, length, err);

    if (result == 0)
        result = check_name(tool, err);
    return result < 0 ? result : take_arguments(ret, tool, ret->json, err);
}

static json_t *member(const json_t *call, const char *name, const char *other)
{
    json_t *value = json_object_get(call, name);

    return value != NULL ? value : json_object_get(call, other);
}

int bj_request_json_parse_call(struct bj_request_json *ret, const char *text, size_t length,
                               struct bj_error *err)
{
    int result = parse_object(ret, text, length, err);
    json_t *tool, *arguments;

    if (result < 0)
        return result;
    tool = member(ret->json, "tool", "tool_name");
    arguments = member(ret->json, "arguments", "tool_input");
    if (!json_is_string(tool))
        return bj_fail(err, BJ_E_INVALID, "arguments",
                       "expected the name of the tool as a text, \"tool\"");
    if (!json_is_object(arguments))
        return bj_fail(err, BJ_E_INVALID, "arguments", "expected an object, \"arguments\"");
    result = check_name(json_string_value(tool), err);
    if (result == 0)
        result = take_arguments(ret, json_string_value(tool), arguments, err);
    ret->request.directory = json_string_value(json_object_get(ret->json, "cwd"));
    return result;
}

void bj_request_json_release(struct bj_request_json *request)
{
    json_decref(request->json);
    bj_free(request->tool);
    bj_free(request->arguments);
    bj_free(request->invalid);
    *request = (struct bj_request_json){0};
}
