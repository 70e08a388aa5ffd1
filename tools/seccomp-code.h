/*
 * Builds classic BPF programs for seccomp. Used at build time only, by seccomp-gen.
 *
 * A program is built from its end: what an instruction leads to exists before the instruction, so
 * every jump goes forward and every distance is known when the jump is made. Instructions are named
 * by the order of their making. Asking for one that exists gives that one, so equal leaves,
 * whatever call they are for, are there once. Conditional jumps reach 255 instructions: what lies
 * further is copied nearer (a return) or reached by an unconditional jump.
 */
#ifndef BJ_TOOLS_SECCOMP_CODE_H
#define BJ_TOOLS_SECCOMP_CODE_H

#include <linux/filter.h>
#include <stdint.h>

#define CODE_MAX BPF_MAXINSNS

struct code_insn {
    uint16_t code;
    uint32_t k;
    int yes; /* where to go on; for all but conditional jumps the same as `no`, -1 for returns */
    int no;
};

struct code {
    int count;
    struct code_insn insns[CODE_MAX];
};

int code_return(struct code *code, uint32_t action);

/* A = the 32 bits at the offset in struct seccomp_data. */
int code_load(struct code *code, uint32_t offset, int next);

/* A &= mask. */
int code_and(struct code *code, uint32_t mask, int next);

/* op: BPF_JEQ (A == k), BPF_JGE (A >= k, unsigned) or BPF_JSET (A & k). */
int code_jump(struct code *code, uint16_t op, uint32_t k, int yes, int no);

/* Writes the program that starts with the newest instruction. Returns its length. */
int code_write(const struct code *code, struct sock_filter *program);

#endif
