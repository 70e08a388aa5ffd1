/* A head as text, NUMBER:HASH, which is how one is kept outside the database. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/audit_internal.h"
#include "base/str.h"

#define HASH_DIGITS ((size_t)2 * BJ_AUDIT_HASH_SIZE)

void bj_audit_head_text(const struct bj_audit_head *head, char ret[BJ_AUDIT_HEAD_TEXT])
{
    char hash[HASH_DIGITS + 1];

    bj_audit_hash_text(head->hash, hash);
    snprintf(ret, BJ_AUDIT_HEAD_TEXT, "%" PRId64 ":%s", head->number, hash);
}

bool bj_audit_head_parse(const char *text, struct bj_audit_head *ret)
{
    char number[24];
    size_t length = strcspn(text, ":");

    if (length == 0 || text[length] == '\0' || length >= sizeof number)
        return false;
    snprintf(number, sizeof number, "%.*s", (int)length, text);
    text += length + 1;
    if (!bj_parse_int64(number, &ret->number) || ret->number < 0 || strlen(text) != HASH_DIGITS ||
        strspn(text, "0123456789abcdef") != HASH_DIGITS)
        return false;
    for (size_t i = 0; i < BJ_AUDIT_HASH_SIZE; i++) {
        char byte[3] = {text[2 * i], text[2 * i + 1], '\0'};

        ret->hash[i] = (unsigned char)strtoul(byte, NULL, 16);
    }
    return true;
}
