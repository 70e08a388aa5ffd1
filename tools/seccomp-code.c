/*
 * Building of BPF programs. See seccomp-code.h.
 */
#include "seccomp-code.h"

#include <stdio.h>
#include <stdlib.h>

/* Two short of what a jump can span: bringing one target near may push the other away by one. */
#define REACH 253

static int add(struct code *code, struct code_insn insn)
{
    if (code->count == CODE_MAX) {
        fprintf(stderr, "seccomp-gen: the program is too long\n");
        exit(1);
    }
    code->insns[code->count] = insn;
    return code->count++;
}

/* The newest such instruction at most `reach` instructions away, or -1. */
static int find(const struct code *code, struct code_insn insn, int reach)
{
    for (int i = code->count - 1; i >= 0 && code->count - i <= reach; i--) {
        const struct code_insn *have = &code->insns[i];

        if (have->code == insn.code && have->k == insn.k && have->yes == insn.yes &&
            have->no == insn.no)
            return i;
    }
    return -1;
}

static int find_or_add(struct code *code, struct code_insn insn, int reach)
{
    int found = find(code, insn, reach);

    return found >= 0 ? found : add(code, insn);
}

/* The target, or something that does the same and that a conditional jump made next can reach. */
static int bring_near(struct code *code, int target)
{
    const struct code_insn *insn = &code->insns[target];

    if (code->count - target <= REACH)
        return target;
    if (BPF_CLASS(insn->code) == BPF_RET)
        return find_or_add(code, *insn, REACH);
    return find_or_add(code, (struct code_insn){BPF_JMP | BPF_JA, 0, target, target}, REACH);
}

/* Instructions other than jumps go on with the one made just before. */
static int add_plain(struct code *code, uint16_t op, uint32_t k, int next)
{
    struct code_insn insn = {op, k, next, next};
    int found = find(code, insn, CODE_MAX);

    if (found >= 0)
        return found;
    if (next != code->count - 1)
        insn.yes = insn.no = add(code, (struct code_insn){BPF_JMP | BPF_JA, 0, next, next});
    return add(code, insn);
}

int code_return(struct code *code, uint32_t action)
{
    return find_or_add(code, (struct code_insn){BPF_RET | BPF_K, action, -1, -1}, CODE_MAX);
}

int code_load(struct code *code, uint32_t offset, int next)
{
    return add_plain(code, BPF_LD | BPF_W | BPF_ABS, offset, next);
}

int code_and(struct code *code, uint32_t mask, int next)
{
    return add_plain(code, BPF_ALU | BPF_AND | BPF_K, mask, next);
}

int code_jump(struct code *code, uint16_t op, uint32_t k, int yes, int no)
{
    struct code_insn insn = {(uint16_t)(BPF_JMP | op | BPF_K), k, yes, no};
    int found = find(code, insn, CODE_MAX);

    if (yes == no)
        return yes;
    if (found >= 0)
        return found;
    insn.yes = bring_near(code, yes);
    insn.no = bring_near(code, no);
    return add(code, insn);
}

int code_write(const struct code *code, struct sock_filter *program)
{
    for (int i = code->count - 1; i >= 0; i--) {
        const struct code_insn *insn = &code->insns[i];
        int yes = i - 1 - insn->yes, no = i - 1 - insn->no;
        struct sock_filter *out = program++;

        *out = (struct sock_filter){.code = insn->code, .k = insn->k};
        if (insn->code == (BPF_JMP | BPF_JA)) {
            out->k = (uint32_t)yes;
        } else if (BPF_CLASS(insn->code) == BPF_JMP) {
            out->jt = (uint8_t)yes;
            out->jf = (uint8_t)no;
        }
    }
    return code->count;
}
