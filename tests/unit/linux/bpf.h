/*
 * An interpreter for the part of classic BPF that seccomp filters use, so that tests can ask a
 * filter about any call on any architecture. After the kernel's own rules: anything else is a
 * failure.
 */
#ifndef BJ_TESTS_BPF_H
#define BJ_TESTS_BPF_H

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define BPF_BROKEN 0xdeadbeef /* no SECCOMP_RET_… */

static inline int bpf_holds(const struct sock_filter *insn, uint32_t a)
{
    switch (BPF_OP(insn->code)) {
    case BPF_JEQ:
        return a == insn->k;
    case BPF_JGT:
        return a > insn->k;
    case BPF_JGE:
        return a >= insn->k;
    default:
        return (a & insn->k) != 0;
    }
}

/* What the filter returns, or BPF_BROKEN. */
static inline uint32_t bpf_run(const struct sock_filter *program, size_t length,
                               const struct seccomp_data *data)
{
    uint32_t a = 0;

    for (size_t at = 0; at < length; at++) {
        const struct sock_filter *insn = &program[at];

        switch (insn->code) {
        case BPF_LD | BPF_W | BPF_ABS:
            if (insn->k % 4 != 0 || insn->k > sizeof *data - 4)
                return BPF_BROKEN;
            memcpy(&a, (const char *)data + insn->k, sizeof a);
            break;
        case BPF_ALU | BPF_AND | BPF_K:
            a &= insn->k;
            break;
        case BPF_JMP | BPF_JA:
            at += insn->k;
            break;
        case BPF_JMP | BPF_JEQ | BPF_K:
        case BPF_JMP | BPF_JGT | BPF_K:
        case BPF_JMP | BPF_JGE | BPF_K:
        case BPF_JMP | BPF_JSET | BPF_K:
            at += bpf_holds(insn, a) ? insn->jt : insn->jf;
            break;
        case BPF_RET | BPF_K:
            return insn->k;
        default:
            return BPF_BROKEN;
        }
    }
    return BPF_BROKEN;
}

#endif
