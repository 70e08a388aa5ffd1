/*
 * Tools by name, and the form of their calls. blocked_tools wins over allowed_tools; an empty
 * allowed_tools allows every tool. Names are compared as they are spelt, since agents do so too.
 */
#include "policy/tools.h"

#include <stdio.h>
#include <strings.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "model/tool.h"
#include "policy/glob.h"

struct bj_tools {
    char **allowed, **blocked; /* owned; NULL when empty */
};

int bj_tools_new(const struct bj_config *config, struct bj_tools **ret, struct bj_error *err)
{
    struct bj_tools *tools = bj_alloc(sizeof *tools);

    if (tools == NULL || !bj_strv_copy(config->allowed_tools, &tools->allowed) ||
        !bj_strv_copy(config->blocked_tools, &tools->blocked)) {
        bj_tools_free(tools);
        return bj_fail(err, BJ_E_NO_MEMORY, "policy", "out of memory");
    }
    *ret = tools;
    return 0;
}

void bj_tools_free(struct bj_tools *tools)
{
    if (tools == NULL)
        return;
    bj_strv_free(tools->allowed);
    bj_strv_free(tools->blocked);
    bj_free(tools);
}

static void warn_of(char *const *list, const char *key, struct bj_warnings *warnings)
{
    for (; list != NULL && *list != NULL; list++) {
        const char *nearest = bj_tool_nearest(*list);

        if (strchr(*list, '(') != NULL)
            bj_warnings_add(warnings,
                            "%s: \"%.64s\" is compared with the names of tools as it "
                            "is; commands go into command_blacklist, paths into denied_paths",
                            key, *list);
        else if (nearest != NULL)
            bj_warnings_add(warnings, "%s: \"%.64s\" is no known tool; did you mean %s?", key,
                            *list, nearest);
    }
}

void bj_tools_warn(const struct bj_config *config, struct bj_warnings *warnings)
{
    warn_of(config->allowed_tools, "security.allowed_tools", warnings);
    warn_of(config->blocked_tools, "security.blocked_tools", warnings);
}

/* The entry that matches the name, or NULL. */
static const char *find(char *const *list, const char *name)
{
    for (; list != NULL && *list != NULL; list++) {
        if (bj_glob_matches(*list, strlen(*list), name, strlen(name)))
            return *list;
    }
    return NULL;
}

/* Is the name in the list as it is, not by a pattern? */
static bool lists(char *const *list, const char *name)
{
    while (list != NULL && *list != NULL && !bj_streq(*list, name))
        list++;
    return list != NULL && *list != NULL;
}

static void judge_name(const struct bj_tools *tools, const char *name, struct bj_verdict *verdict)
{
    const char *blocked = find(tools->blocked, name), *nearest = bj_tool_nearest(name);
    char text[2 * BJ_TOOL_NAME_MAX + 64];
    struct bj_violation found = {
        .risk = BJ_RISK_MEDIUM,
        .decision = BJ_DENY,
        .description = text,
    };

    if (blocked != NULL) {
        snprintf(text, sizeof text, "the tool %.256s is blocked by %s", name, blocked);
        found.rule = "tool.blocked";
        found.advice = "use another tool, or take it out of blocked_tools";
    } else if (tools->allowed != NULL && find(tools->allowed, name) == NULL) {
        snprintf(text, sizeof text, "the tool %.256s is not among those allowed", name);
        found.rule = "tool.allowed";
        found.advice = "use another tool, or add it to allowed_tools";
    } else if (nearest != NULL && !lists(tools->allowed, name)) {
        /* Its arguments are not judged, and whoever runs it may take it for the known one. */
        snprintf(text, sizeof text, "the tool %.256s is not known; did you mean %s?", name,
                 nearest);
        found.rule = "tool.unknown";
        found.advice = "spell it as agents do, or add this name to allowed_tools";
        found.decision = BJ_ASK;
    } else {
        return;
    }
    bj_verdict_add(verdict, &found);
}

/* What no part of a URL holds as it is (RFC 3986): blanks, controls, quotes and brackets of text.
 */
static bool has_forbidden(const char *url)
{
    for (; *url != '\0'; url++) {
        if ((unsigned char)*url <= ' ' || *url == 0x7f || strchr("\\<>\"^`{|}", *url) != NULL)
            return true;
    }
    return false;
}

/* Clients differ in how they read what is not in form, so that is refused before anything else. */
const char *bj_url_problem(const char *url, const char **ret_rule, const char **ret_advice)
{
    const char *authority = strstr(url, "://");
    size_t scheme = authority != NULL ? (size_t)(authority - url) : 0, length;

    *ret_rule = "url.invalid";
    *ret_advice = "encode blanks, control characters and \\ < > \" ^ ` { | } as %XX";
    if (strlen(url) >= BJ_URL_MAX || has_forbidden(url))
        return "the URL has characters that must be encoded, or is too long";
    *ret_rule = "url.scheme";
    *ret_advice = "give a URL that begins with https://";
    if (!(scheme == 4 && strncasecmp(url, "http", 4) == 0) &&
        !(scheme == 5 && strncasecmp(url, "https", 5) == 0))
        return "the URL is neither http:// nor https://";
    authority += 3;
    length = strcspn(authority, "/?#");
    *ret_rule = "url.credentials";
    *ret_advice = "take out what stands before the @";
    if (memchr(authority, '@', length) != NULL)
        return "the URL has a user name or password in it";
    *ret_rule = "url.invalid";
    *ret_advice = "give a URL with a host name";
    return length == 0 || authority[0] == ':' ? "the URL names no host" : NULL;
}

static void judge_url(const char *url, struct bj_verdict *verdict)
{
    struct bj_violation found = {.risk = BJ_RISK_MEDIUM, .decision = BJ_DENY};

    found.description = bj_url_problem(url, &found.rule, &found.advice);
    if (found.description != NULL)
        bj_verdict_add(verdict, &found);
}

static void judge_form(const struct bj_request *request, struct bj_verdict *verdict)
{
    char text[BJ_ERROR_MESSAGE_MAX + 32];

    if (request->invalid == NULL)
        return;
    snprintf(text, sizeof text, "wrong arguments: %s", request->invalid);
    bj_verdict_add(verdict, &(struct bj_violation){.rule = "tool.arguments",
                                                   .description = text,
                                                   .advice = "correct the arguments and call again",
                                                   .risk = BJ_RISK_LOW,
                                                   .decision = BJ_DENY});
}

void bj_tools_judge(const struct bj_tools *tools, const struct bj_request *request,
                    struct bj_verdict *verdict)
{
    judge_name(tools, request->tool != NULL ? request->tool : "", verdict);
    judge_form(request, verdict);
    if (request->url != NULL)
        judge_url(request->url, verdict);
}
