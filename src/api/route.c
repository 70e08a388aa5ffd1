/*
 * Finding the route of a request. The table of routes is laid out once as a tree of path segments,
 * so that a look-up costs a few comparisons however many routes there are.
 */
#include "api/route.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"

#define NODES_MAX   192 /* segments of all paths; the first use checks that the table fits */
#define METHODS_MAX 5   /* of one path */
#define ALLOW_MAX   48

struct node {
    const char *segment; /* not terminated; NULL: a parameter */
    size_t length;
    struct node *child, *next; /* siblings: literal ones before the parameter */
    const struct bj_route *routes[METHODS_MAX];
    char allow[ALLOW_MAX]; /* "GET, HEAD, POST" */
};

static struct node nodes[NODES_MAX];
static size_t node_count;

/* The table is ours: what does not fit is a bug, which the tests find. */
static struct node *add_node(struct node *up, const char *segment, size_t length)
{
    struct node **link = &up->child, *node;
    bool parameter = segment[0] == '{';

    for (; *link != NULL; link = &(*link)->next) {
        if (parameter && (*link)->segment == NULL)
            return *link;
        if (!parameter && (*link)->segment == NULL)
            break;
        if (!parameter && (*link)->length == length &&
            memcmp((*link)->segment, segment, length) == 0)
            return *link;
    }
    if (node_count == NODES_MAX)
        return NULL;
    node = &nodes[node_count++];
    *node = (struct node){
        .segment = parameter ? NULL : segment, .length = parameter ? 0 : length, .next = *link};
    *link = node;
    return node;
}

static void add_method(struct node *node, const struct bj_route *route)
{
    size_t used = strlen(node->allow);
    int i = 0;

    while (i < METHODS_MAX - 1 && node->routes[i] != NULL)
        i++;
    node->routes[i] = route;
    snprintf(node->allow + used, sizeof node->allow - used, "%s%s%s", used > 0 ? ", " : "",
             route->method, bj_streq(route->method, "GET") ? ", HEAD" : "");
}

static void lay_out(void)
{
    nodes[0] = (struct node){.segment = ""};
    node_count = 1;
    for (size_t i = 0; i < bj_route_count; i++) {
        struct node *node = &nodes[0];
        const char *at = bj_routes[i].path + 1;

        while (*at != '\0' && node != NULL) {
            size_t length = strcspn(at, "/");

            node = add_node(node, at, length);
            at += length + (at[length] == '/');
        }
        if (node != NULL)
            add_method(node, &bj_routes[i]);
    }
}

/* A parameter's text is kept in the exchange, since it must end with NUL. */
static bool keep_parameter(struct bj_exchange *exchange, const char *text, size_t length,
                           size_t *used, int *count)
{
    char *place = exchange->parameter_text + *used;

    if (*count == BJ_PARAMETERS_MAX || length >= sizeof exchange->parameter_text - *used)
        return false;
    memcpy(place, text, length);
    place[length] = '\0';
    exchange->parameters[(*count)++] = place;
    *used += length + 1;
    return true;
}

static const struct node *find_child(const struct node *node, const char *segment, size_t length)
{
    const struct node *child = node->child;

    while (child != NULL && child->segment != NULL &&
           (child->length != length || memcmp(child->segment, segment, length) != 0))
        child = child->next;
    return child;
}

static const struct node *find_node(const char *path, struct bj_exchange *exchange)
{
    const struct node *node = &nodes[0];
    size_t used = 0;
    int count = 0;

    memset(exchange->parameters, 0, sizeof exchange->parameters);
    if (path[0] != '/')
        return NULL;
    for (const char *at = path + 1; *at != '\0' && node != NULL;) {
        size_t length = strcspn(at, "/");

        node = find_child(node, at, length);
        if (node != NULL && node->segment == NULL &&
            !keep_parameter(exchange, at, length, &used, &count))
            return NULL;
        at += length;
        if (at[0] == '/' && at[1] == '\0')
            return NULL; /* no path of ours ends with a slash */
        at += *at == '/';
    }
    return node;
}

const struct bj_route *bj_route_find(const char *method, const char *path,
                                     struct bj_exchange *exchange, const char **ret_allow)
{
    const struct node *node;

    if (node_count == 0)
        lay_out();
    node = find_node(path, exchange);
    *ret_allow = NULL;
    if (node == NULL || node->routes[0] == NULL)
        return NULL;
    if (bj_streq(method, "HEAD"))
        method = "GET";
    *ret_allow = node->allow;
    for (int i = 0; i < METHODS_MAX && node->routes[i] != NULL; i++) {
        if (bj_streq(node->routes[i]->method, method))
            return node->routes[i];
    }
    return NULL;
}
