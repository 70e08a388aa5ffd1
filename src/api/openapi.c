/*
 * The OpenAPI 3.1 document, made of the table of routes. Pure: the same table gives the same text.
 *
 * What json_*() fails to make for lack of memory is NULL, and jansson fails whatever a NULL is put
 * into; so nothing is asked in between.
 */
#include "api/route.h"

#include <string.h>

#include "api/documents.h"
#include "base/str.h"
#include "version.h"

static void put(json_t *object, const char *name, json_t *value)
{
    json_object_set_new(object, name, value);
}

static json_t *reference(const char *kind, const char *name)
{
    return json_pack("{s:o}", "$ref", json_sprintf("#/components/%s/%s", kind, name));
}

static void put_bounds(json_t *schema, const struct bj_field *field, const char *least,
                       const char *most)
{
    if (field->minimum != 0 || (field->maximum != 0 && bj_streq(least, "minimum")))
        put(schema, least, json_integer((json_int_t)field->minimum));
    if (field->maximum != 0)
        put(schema, most, json_integer((json_int_t)field->maximum));
}

static json_t *choices(const char *const *names)
{
    json_t *list = json_array();

    for (; *names != NULL; names++)
        json_array_append_new(list, json_string(*names));
    return list;
}

static json_t *type_schema(const struct bj_field *field, enum bj_type type)
{
    json_t *schema = json_object();

    switch (type) {
    case BJ_TYPE_STRING:
        put(schema, "type", json_string("string"));
        if (field->choices != NULL)
            put(schema, "enum", choices(field->choices));
        break;
    case BJ_TYPE_INTEGER:
        put(schema, "type", json_string("integer"));
        break;
    case BJ_TYPE_NUMBER:
        put(schema, "type", json_string("number"));
        break;
    case BJ_TYPE_BOOLEAN:
        put(schema, "type", json_string("boolean"));
        break;
    case BJ_TYPE_OBJECT:
    case BJ_TYPE_MAP:
        put(schema, "type", json_string("object"));
        if (type == BJ_TYPE_MAP)
            put(schema, "additionalProperties", json_pack("{s:s}", "type", "string"));
        break;
    case BJ_TYPE_LIST:
        put(schema, "type", json_string("array"));
        put(schema, "items",
            field->schema != NULL
                ? reference("schemas", field->schema->name)
                : type_schema(&(struct bj_field){.choices = field->choices}, field->items));
        break;
    default:
        break;
    }
    return schema;
}

static void put_limits(json_t *schema, const struct bj_field *field)
{
    static const char *const names[][2] = {
        [BJ_TYPE_STRING] = {"minLength", "maxLength"},
        [BJ_TYPE_INTEGER] = {"minimum", "maximum"},
        [BJ_TYPE_NUMBER] = {"minimum", "maximum"},
        [BJ_TYPE_LIST] = {"minItems", "maxItems"},
        [BJ_TYPE_MAP] = {"minProperties", "maxProperties"},
        [BJ_TYPE_ANY] = {NULL},
    };

    if (names[field->type][0] != NULL && field->choices == NULL)
        put_bounds(schema, field, names[field->type][0], names[field->type][1]);
}

static json_t *field_schema(const struct bj_field *field)
{
    json_t *schema;

    if (field->type == BJ_TYPE_OBJECT && field->schema != NULL)
        schema = reference("schemas", field->schema->name);
    else
        schema = type_schema(field, field->type);
    put_limits(schema, field);
    if (field->nullable)
        schema = json_pack("{s:[o, {s:s}]}", "anyOf", schema, "type", "null");
    put(schema, "description", json_string(field->help));
    return schema;
}

/* `closed`: of a request, where an unknown field is an error. */
static json_t *object_schema(const struct bj_schema *schema, bool closed)
{
    json_t *properties = json_object(), *required = json_array(), *object;

    for (const struct bj_field *field = schema->fields; field->name != NULL; field++) {
        put(properties, field->name, field_schema(field));
        if (field->required)
            json_array_append_new(required, json_string(field->name));
    }
    object = json_pack("{s:s, s:s, s:o, s:o}", "type", "object", "description", schema->help,
                       "properties", properties, "required", required);
    if (closed)
        put(object, "additionalProperties", json_false());
    return object;
}

/* Into the components, and whatever it is made of. */
static void add_schema(json_t *schemas, const struct bj_schema *schema, bool closed)
{
    if (schema == NULL || json_object_get(schemas, schema->name) != NULL)
        return;
    put(schemas, schema->name, object_schema(schema, closed));
    for (const struct bj_field *field = schema->fields; field->name != NULL; field++)
        add_schema(schemas, field->schema, closed);
}

static void add_parameters(json_t *parameters, const struct bj_schema *schema, const char *place)
{
    if (schema == NULL)
        return;
    for (const struct bj_field *field = schema->fields; field->name != NULL; field++) {
        json_t *described = field_schema(field);

        json_object_del(described, "description");
        json_array_append_new(parameters,
                              json_pack("{s:s, s:s, s:b, s:s, s:o}", "name", field->name, "in",
                                        place, "required", field->required, "description",
                                        field->help, "schema", described));
    }
}

static void add_path_parameters(json_t *parameters, const char *path)
{
    for (const char *at = strchr(path, '{'); at != NULL; at = strchr(at + 1, '{')) {
        const struct bj_path_parameter *known = bj_path_parameter(at + 1);

        json_array_append_new(parameters,
                              json_pack("{s:s, s:s, s:b, s:s, s:{s:s, s:s}}", "name", known->name,
                                        "in", "path", "required", 1, "description", known->help,
                                        "schema", "type", "string", "pattern", known->pattern));
    }
}

static json_t *parameters_of(const struct bj_route *route)
{
    json_t *parameters = json_array();

    add_path_parameters(parameters, route->path);
    add_parameters(parameters, route->query, "query");
    add_parameters(parameters, route->headers, "header");
    return parameters;
}

static json_t *request_body(const struct bj_route *route)
{
    if (route->body == BJ_BODY_RAW)
        return json_pack("{s:b, s:{s:{s:{}}}}", "required", 1, "content",
                         "application/octet-stream", "schema");
    return json_pack("{s:b, s:{s:{s:o}}}", "required", 1, "content", "application/json", "schema",
                     reference("schemas", route->request->name));
}

static json_t *answer(const struct bj_answer_row *row)
{
    json_t *schema;

    if (row->status >= 400)
        return json_pack("{s:s, s:{s:{s:o}}}", "description", row->help, "content",
                         "application/json", "schema", reference("schemas", bj_error_schema.name));
    if (row->type == NULL)
        return json_pack("{s:s}", "description", row->help);
    if (row->schema != NULL)
        schema = reference("schemas", row->schema->name);
    else
        schema = bj_starts_with(row->type, "text/") ? json_pack("{s:s}", "type", "string")
                                                    : json_object();
    return json_pack("{s:s, s:{s:{s:o}}}", "description", row->help, "content", row->type, "schema",
                     schema);
}

static json_t *responses(const struct bj_route *route)
{
    json_t *list = json_object();
    struct bj_answer_row common;
    char status[4] = "";

    for (const struct bj_answer_row *row = route->answers; row->status != 0; row++) {
        json_t *known;

        bj_status_text(row->status, status);
        known = json_object_get(list, status);
        if (known == NULL)
            put(list, status, answer(row));
        else /* the same in another form */
            put(json_object_get(known, "content"), row->type,
                json_pack("{s:{s:s}}", "schema", "type", "string"));
    }
    for (int i = 0; bj_common_answer(route, i, &common); i++) {
        bj_status_text(common.status, status);
        if (json_object_get(list, status) == NULL)
            put(list, status, answer(&common));
    }
    return list;
}

static json_t *operation(const struct bj_route *route)
{
    struct bj_buf text;
    json_t *object = json_pack("{s:s, s:[s], s:s, s:o, s:o}", "operationId", route->id, "tags",
                               route->group, "summary", route->summary, "parameters",
                               parameters_of(route), "responses", responses(route));

    bj_buf_init(&text, BJ_RESPONSE_MAX);
    bj_route_describe(route, &text);
    put(object, "description", json_string(bj_buf_text(&text)));
    bj_buf_release(&text);
    put(object, "x-belljar-acts", json_boolean(route->acts));
    if (route->scope == 0)
        put(object, "security", json_array());
    else
        put(object, "x-belljar-scope", json_string(bj_route_scope(route)));
    if (route->body != BJ_BODY_NONE)
        put(object, "requestBody", request_body(route));
    return object;
}

static json_t *paths(void)
{
    static const char *const methods[][2] = {
        {"GET", "get"}, {"POST", "post"}, {"PUT", "put"}, {"PATCH", "patch"}, {"DELETE", "delete"}};
    json_t *list = json_object();

    for (size_t i = 0; i < bj_route_count; i++) {
        const struct bj_route *route = &bj_routes[i];
        json_t *path = json_object_get(list, route->path);

        if (path == NULL) {
            put(list, route->path, json_object());
            path = json_object_get(list, route->path);
        }
        for (size_t j = 0; j < sizeof methods / sizeof *methods; j++) {
            if (bj_streq(methods[j][0], route->method))
                put(path, methods[j][1], operation(route));
        }
    }
    return list;
}

static json_t *components(void)
{
    json_t *schemas = json_object();

    for (size_t i = 0; i < bj_route_count; i++)
        add_schema(schemas, bj_routes[i].request, true);
    for (size_t i = 0; i < bj_route_count; i++) {
        for (const struct bj_answer_row *row = bj_routes[i].answers; row->status != 0; row++)
            add_schema(schemas, row->schema, false);
    }
    add_schema(schemas, &bj_error_schema, false);
    return json_pack("{s:o, s:{s:{s:s, s:s, s:s}, s:{s:s, s:s}}}", "schemas", schemas,
                     "securitySchemes", "key", "type", "apiKey", "in", "header", "name",
                     "X-API-Key", "bearer", "type", "http", "scheme", "bearer");
}

json_t *bj_routes_openapi(void)
{
    return json_pack("{s:s, s:{s:s, s:s, s:s, s:{s:s, s:s}}, s:[{s:s}], s:[{s:[]}, {s:[]}], s:o, "
                     "s:o}",
                     "openapi", "3.1.0", "info", "title", "Belljar", "version", BJ_VERSION,
                     "description", bj_api_introduction, "license", "name", "Apache-2.0",
                     "identifier", "Apache-2.0", "servers", "url", "/", "security", "key", "bearer",
                     "paths", paths(), "components", components());
}
