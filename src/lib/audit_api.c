/* The C library: include/belljar/audit.h over the audit database. */
#include "belljar/audit.h"

#include <string.h>

#include "audit/audit.h"

int bj_audit_open_file(const char *path, struct bj_audit **ret_audit, struct bj_error *err)
{
    const struct bj_audit_options options = {.path = path, .access = BJ_AUDIT_READ};

    return bj_audit_open(&options, ret_audit, err);
}

struct taker {
    int (*take)(void *context, const char *json);
    void *context;
};

static int take_record(void *context, const struct bj_audit_record *record)
{
    const struct taker *taker = context;

    return taker->take(taker->context, record->body);
}

static int translate(const struct bj_audit_choice *choice, struct bj_audit_filter *ret,
                     struct bj_error *err)
{
    int risk;

    if (choice->size != sizeof *choice)
        return bj_fail(err, BJ_E_INVALID, "audit", "struct bj_audit_choice has another size here");
    risk = choice->risk != NULL ? bj_risk_find(choice->risk) : BJ_RISK_NONE;
    *ret = BJ_AUDIT_FILTER_ALL;
    if (choice->decision != NULL) {
        ret->decision = bj_decision_find(choice->decision);
        if (ret->decision < 0)
            return bj_fail(err, BJ_E_INVALID, "audit", "expected the decision allow, ask or deny");
    }
    if (risk < 0)
        return bj_fail(err, BJ_E_INVALID, "audit",
                       "expected the risk none, low, medium, high or critical");
    ret->risk = (enum bj_risk)risk;
    ret->since_ns = choice->since_ns;
    ret->until_ns = choice->until_ns;
    ret->key = choice->key;
    ret->sandbox = choice->sandbox;
    ret->tool = choice->tool;
    ret->after = choice->after;
    ret->newest = choice->newest;
    return 0;
}

int bj_audit_read(struct bj_audit *audit, const struct bj_audit_choice *choice,
                  int (*take)(void *context, const char *json), void *context, struct bj_error *err)
{
    struct taker taker = {take, context};
    struct bj_audit_filter filter;
    int result = translate(choice, &filter, err);

    return result < 0 ? result : bj_audit_each(audit, &filter, take_record, &taker, err);
}

int bj_audit_anchor(struct bj_audit *audit, char ret[BJ_AUDIT_ANCHOR_MAX], struct bj_error *err)
{
    struct bj_audit_head head;
    int result = bj_audit_head(audit, &head, err);

    if (result == 0)
        bj_audit_head_text(&head, ret);
    return result;
}

int bj_audit_prove(struct bj_audit *audit, const char *anchor, struct bj_audit_proof *ret,
                   struct bj_error *err)
{
    struct bj_audit_head head;
    struct bj_audit_check check;
    int result;

    if (anchor != NULL && !bj_audit_head_parse(anchor, &head))
        return bj_fail(err, BJ_E_INVALID, "audit",
                       "expected an anchor NUMBER:HASH as bj_audit_anchor() gives it");
    result = bj_audit_verify(audit, anchor != NULL ? &head : NULL, &check, err);
    if (result < 0)
        return result;
    *ret = (struct bj_audit_proof){check.sound, check.records, check.after,
                                   check.sound ? 0 : check.bad, ""};
    if (!check.sound)
        memcpy(ret->problem, check.problem, sizeof ret->problem);
    return 0;
}
