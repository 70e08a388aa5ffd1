/*
 * Fuzzes the way from the JSON of a tool call to what the tools' and paths' rules say of it. The
 * first line is the tool's name, the rest its arguments. Beside memory errors it looks for broken
 * promises: wrong arguments that are acted on, a path that is not canonical, a path below a denied
 * one that is let through, an allowed URL that is not http or has credentials.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/str.h"
#include "model/request_json.h"
#include "model/tool.h"
#include "policy/path.h"
#include "policy/paths.h"
#include "policy/tools.h"

static const char lists[] =
    "{\"security\": {\"blocked_tools\": [\"mcp__*__x\"], \"allowed_paths\": [\"/\"], "
    "\"denied_paths\": [\"/denied\", \"~/.ssh\", \"*.pem\", \"/a/**/b?\", \"/ro:ro\"]}}";

static struct bj_tools *tools;
static struct bj_paths *paths;

static void prepare(void)
{
    struct bj_config config;

    if (tools != NULL)
        return;
    if (bj_config_init(&config, NULL) < 0 ||
        bj_config_load_json(&config, lists, strlen(lists), "/", NULL) < 0 ||
        bj_tools_new(&config, &tools, NULL) < 0 || bj_paths_new(&config, &paths, NULL) < 0)
        abort();
    bj_config_release(&config);
}

static void check_canonical(const char *path)
{
    const char *component;
    size_t length;

    if (path[0] != '/' || strstr(path, "//") != NULL ||
        (path[1] != '\0' && path[strlen(path) - 1] == '/'))
        abort();
    while ((component = bj_path_component(&path, &length)) != NULL) {
        if ((length == 1 && component[0] == '.') ||
            (length == 2 && component[0] == '.' && component[1] == '.'))
            abort();
    }
}

static void check_path(const struct bj_request *request, const struct bj_verdict *verdict)
{
    struct bj_path_base base = {request->directory, request->home};
    const struct bj_tool *tool = bj_tool_find(request->tool);
    char canonical[BJ_PATH_MAX], again[BJ_PATH_MAX];

    if (tool == NULL || tool->access == BJ_ACCESS_NONE || request->path == NULL)
        return;
    if (bj_path_canonical(request->path, &base, canonical) != BJ_PATH_CANONICAL) {
        if (verdict->decision == BJ_ALLOW)
            abort();
        return;
    }
    check_canonical(canonical);
    if (bj_path_canonical(canonical, &base, again) != BJ_PATH_CANONICAL ||
        !bj_streq(canonical, again))
        abort();
    if ((bj_path_is_below(canonical, "/denied") || bj_path_is_below(canonical, "/home/u/.ssh")) &&
        verdict->decision != BJ_DENY)
        abort();
}

static void check(const struct bj_request *request, const struct bj_verdict *verdict)
{
    if (request->invalid != NULL) {
        if (request->invalid[0] == '\0' || verdict->decision != BJ_DENY || request->path != NULL ||
            request->command != NULL || request->url != NULL)
            abort();
        return;
    }
    check_path(request, verdict);
    if (request->url != NULL && verdict->decision == BJ_ALLOW &&
        ((strncasecmp(request->url, "http://", 7) != 0 &&
          strncasecmp(request->url, "https://", 8) != 0) ||
         strpbrk(request->url, "\r\n\\ ") != NULL))
        abort();
}

static void judge(struct bj_request *request)
{
    struct bj_verdict verdict;

    request->directory = "/work";
    request->home = "/home/u";
    bj_verdict_init(&verdict);
    bj_tools_judge(tools, request, &verdict);
    bj_paths_judge(paths, request, &verdict);
    check(request, &verdict);
    bj_verdict_release(&verdict);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = size > 0 ? memchr(data, '\n', size) : NULL;
    struct bj_request_json call;
    struct bj_error err = {0};
    char *name;

    prepare();
    if (end == NULL || (name = bj_strndup((const char *)data, (size_t)(end - data))) == NULL)
        return 0;
    if (bj_request_json_parse(&call, name, (const char *)end + 1, size - (size_t)(end + 1 - data),
                              &err) == 0)
        judge(&call.request);
    else if (err.message[0] == '\0')
        abort();
    bj_request_json_release(&call);
    if (bj_request_json_parse_call(&call, (const char *)end + 1, size - (size_t)(end + 1 - data),
                                   &err) == 0)
        judge(&call.request);
    bj_request_json_release(&call);
    bj_free(name);
    return 0;
}
