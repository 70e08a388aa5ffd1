/* What the lists of paths say of a file tool's call, and how it is said. */
#include "policy/paths.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "policy/paths_internal.h"

#define SHOWN 200 /* bytes of a path or an entry in a description */

static enum bj_decision decision_of_unknown(const struct bj_paths *paths)
{
    static const enum bj_decision decisions[] = {
        [BJ_UNKNOWN_JUDGED] = BJ_ASK,
        [BJ_UNKNOWN_ASKED] = BJ_ASK,
        [BJ_UNKNOWN_DENIED] = BJ_DENY,
        [BJ_UNKNOWN_ALLOWED] = BJ_ALLOW,
    };

    return decisions[paths->unknown];
}

/* The same thing of the same place is said once. */
static bool is_said(const struct bj_violation *violation, const struct bj_path_place *place)
{
    for (int i = 0; i < place->verdict->count; i++) {
        const struct bj_violation *other = &place->verdict->violations[i];

        if (bj_streq(other->rule, violation->rule) && other->from == place->from &&
            other->to == place->to && bj_streq(other->description, violation->description))
            return true;
    }
    return false;
}

static void add(const struct bj_violation *violation, const struct bj_path_place *place)
{
    if (violation->decision == BJ_ALLOW || is_said(violation, place))
        return;
    if (place->add != NULL)
        place->add(place, violation);
    else
        bj_verdict_add(place->verdict, violation);
}

static const char *name_of(enum bj_access access)
{
    return access == BJ_ACCESS_WRITE ? "written" : "read";
}

void bj_paths_add(const struct bj_paths *paths, const struct bj_path_use *use,
                  enum bj_path_answer answer, const char *entry, const struct bj_path_place *place)
{
    static const struct {
        const char *rule, *format, *advice;
        enum bj_risk risk;
        bool unknown;
    } sayings[] = {
        [BJ_PATH_OUTSIDE] = {"path.outside", "%.*s may not be %s: it is not in allowed_paths%.0s",
                             "use a path that is allowed, or add this one to allowed_paths",
                             BJ_RISK_MEDIUM, false},
        [BJ_PATH_MAY_BE] = {"path.unknown", "%.*s may be what must not be %s (%s)",
                            "name the files instead of a pattern or a variable", BJ_RISK_MEDIUM,
                            true},
        [BJ_PATH_MAY_HOLD] = {"path.holds",
                              "%.*s with all below it may hold what must not be %s (%s)",
                              "name directories or files that cannot hold it", BJ_RISK_MEDIUM,
                              true},
        [BJ_PATH_DENIED] = {"path.denied", "%.*s may not be %s: denied_paths has %s",
                            "leave it alone, or take the entry out of denied_paths", BJ_RISK_HIGH,
                            false},
    };
    char text[2 * SHOWN + 160], shown[SHOWN + 1];

    if (answer == BJ_PATH_FREE)
        return;
    snprintf(shown, sizeof shown, "%s", entry);
    snprintf(text, sizeof text, sayings[answer].format, SHOWN, use->path, name_of(use->access),
             shown);
    add(&(struct bj_violation){.rule = sayings[answer].rule,
                               .description = text,
                               .advice = sayings[answer].advice,
                               .risk = sayings[answer].risk,
                               .decision =
                                   sayings[answer].unknown ? decision_of_unknown(paths) : BJ_DENY},
        place);
}

void bj_paths_add_unknown(const struct bj_paths *paths, const char *text, const char *what,
                          const struct bj_path_place *place)
{
    char description[SHOWN + 160];

    snprintf(description, sizeof description, "%s %.*s cannot be told", what, SHOWN, text);
    add(&(struct bj_violation){.rule = "path.unknown",
                               .description = description,
                               .advice = "give an absolute path",
                               .risk = BJ_RISK_MEDIUM,
                               .decision = decision_of_unknown(paths)},
        place);
}

/*
 * The part of a pattern before what can stand for any number of components: "**", and braces,
 * which may have slashes in them. Everything below that is meant then.
 */
static bool cut_pattern(char *pattern)
{
    char *at = strpbrk(pattern, "{"), *stars = strstr(pattern, "**");

    if (stars != NULL && (at == NULL || stars < at))
        at = stars;
    if (at == NULL)
        return false;
    while (at > pattern && at[-1] != '/')
        at--;
    *at = '\0';
    return true;
}

/* The files that a Glob's pattern stands for: below the path, or absolute. */
static enum bj_path_form join_pattern(const struct bj_request *request, const char *directory,
                                      struct bj_path_use *use, char *out)
{
    struct bj_path_base base = {.directory = directory, .home = use->base.home};
    char pattern[BJ_PATH_MAX];
    const char *rest;

    if (!bj_str_copy(pattern, sizeof pattern, request->pattern))
        return BJ_PATH_INVALID;
    if (cut_pattern(pattern)) {
        rest = request->pattern + strlen(pattern);
        if (strstr(rest, "..") != NULL || strstr(rest, "{/") != NULL || strstr(rest, ",/") != NULL)
            return BJ_PATH_UNKNOWN;
        use->recursive = true;
    }
    use->pattern = true;
    return bj_path_canonical(pattern[0] != '\0' ? pattern : ".", &base, out);
}

static void judge_form(const struct bj_paths *paths, const struct bj_path_use *use,
                       enum bj_path_form form, const char *text, struct bj_verdict *verdict)
{
    static const struct bj_violation invalid = {
        .rule = "path.invalid",
        .description = "the path is empty, too long, or has a control character in it",
        .command = "",
        .advice = "give a path without line breaks and control characters",
        .risk = BJ_RISK_MEDIUM,
        .decision = BJ_DENY,
    };
    const struct bj_path_place place = {.verdict = verdict};
    enum bj_path_answer answer;
    const char *entry;

    if (form == BJ_PATH_INVALID)
        add(&invalid, &place);
    else if (form == BJ_PATH_UNKNOWN && bj_paths_any(paths))
        bj_paths_add_unknown(paths, text, "what path is meant by", &place);
    if (form != BJ_PATH_CANONICAL)
        return;
    answer = bj_paths_decide(paths, use, &entry);
    bj_paths_add(paths, use, answer, entry, &place);
}

void bj_paths_judge(const struct bj_paths *paths, const struct bj_request *request,
                    struct bj_verdict *verdict)
{
    const struct bj_tool *tool = request->tool != NULL ? bj_tool_find(request->tool) : NULL;
    struct bj_path_base base = {.directory = request->directory, .home = request->home};
    const char *path = request->path != NULL ? request->path : ".";
    bool glob = tool != NULL && bj_streq(tool->name, "Glob") && request->pattern != NULL;
    char canonical[BJ_PATH_MAX] = "", pattern[BJ_PATH_MAX] = "";
    struct bj_path_use use = {.path = canonical, .base = base};
    enum bj_path_form form;

    if (tool == NULL || tool->access == BJ_ACCESS_NONE || request->invalid != NULL)
        return;
    if (request->path == NULL && !bj_paths_any(paths))
        return;
    use.access = tool->access;
    use.recursive = tool->recursive && !glob;
    form = bj_path_canonical(path, &base, canonical);
    judge_form(paths, &use, form, path, verdict);
    if (!glob || form != BJ_PATH_CANONICAL)
        return;
    form = join_pattern(request, canonical, &use, pattern);
    use.path = pattern;
    judge_form(paths, &use, form, request->pattern, verdict);
}
