/*
 * seccomp-gen POLICY OUTPUT [PREFIX]: compiles a page such as src/linux/seccomp.policy into C
 * arrays of BPF instructions, one for each profile and architecture. The table of them is indexed
 * by PREFIX_<profile>, BJ_SECCOMP without one.
 *
 * What a filter costs to load goes by the number of its instructions: the kernel checks, translates
 * and compiles them, and runs them once for every system call number to learn which ones are always
 * allowed. So neighbouring numbers with the same decision become one range, decisions that come out
 * as the same code are there once, and the ranges are found by the cheapest search tree: at the top
 * a comparison halves what is left; at the bottom the single numbers that stand out of a stretch
 * are asked for by equality. libseccomp is here only for the numbers of names: the filters that it
 * makes itself have four times as many instructions (bench/seccomp-load.c).
 */
#include "seccomp-code.h"
#include "seccomp-policy.h"

#include <ctype.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBERS_MAX 1024
#define RANGES_MAX  256
#define INSN_COST   100 /* of one more instruction, in runs of one; see struct plan */
#define X32_BIT     0x40000000
#define NO_CALL     UINT32_MAX
#define UNLISTED    (-1)
#define UNKNOWN     (-2)

static const struct architecture {
    const char *name;
    const char *c_name;
    uint32_t audit;
    uint32_t seccomp;
    bool has_x32;
} architectures[] = {
    {"x86_64", "X86_64", AUDIT_ARCH_X86_64, SCMP_ARCH_X86_64, true},
    {"arm64", "ARM64", AUDIT_ARCH_AARCH64, SCMP_ARCH_AARCH64, false},
};
#define ARCHITECTURES (sizeof architectures / sizeof *architectures)

/* Numbers first to the next range's first - 1. */
struct range {
    uint32_t first;
    int target;
};

/*
 * The cheapest tree over ranges low to high, and how it begins. Loading counts most: an instruction
 * takes some 400 ns to check, translate and compile. The runs count too, a few ns each, since the
 * kernel tries every number: that keeps the tree from leaning.
 */
struct plan {
    int cost;  /* instructions, times INSN_COST, and the runs of all numbers through them */
    int split; /* the right half's first range; 0 for a chain */
    int base;  /* a chain's target for all numbers that it does not ask for */
};

struct tree {
    int count;
    struct range ranges[RANGES_MAX];
    struct plan plans[RANGES_MAX][RANGES_MAX];
};

static const char *policy_path;

/* ---- Names to numbers ---- */

static bool is_for(const struct policy_number *number, const struct architecture *arch)
{
    return number->arch == NULL || strcmp(number->arch, arch->name) == 0;
}

/* The call's number, or -1 where the architecture lacks it. */
static int resolve(const struct policy *policy, const struct architecture *arch,
                   const struct policy_call *call)
{
    int number = seccomp_syscall_resolve_name_arch(arch->seccomp, call->name);
    bool is_name = number != __NR_SCMP_ERROR; /* negative for calls of other architectures */

    for (unsigned i = 0; i < policy->number_count; i++) {
        const struct policy_number *given = &policy->numbers[i];

        if (strcmp(given->name, call->name) != 0)
            continue;
        is_name = true;
        if (!is_for(given, arch))
            continue;
        if (number >= 0 && (uint32_t)number != given->number)
            policy_die(policy_path, call->line, "%s is number %d for libseccomp", call->name,
                       number);
        number = (int)given->number;
    }
    if (!is_name)
        policy_die(policy_path, call->line, "%s: no such system call; it may need a `number`",
                   call->name);
    if (number > (int)policy->revised)
        policy_die(policy_path, call->line, "%s is above the last revised number", call->name);
    return number < 0 ? -1 : number;
}

static bool is_known(const struct architecture *arch, int number)
{
    char *name = seccomp_syscall_resolve_num_arch(arch->seccomp, number);
    bool known = name != NULL;

    free(name); /* libseccomp's own allocation */
    return known;
}

/* Fills decisions[number] for all numbers up to the last revised one. */
static void number_decisions(const struct policy *policy, const struct architecture *arch,
                             unsigned profile, int *decisions)
{
    for (int number = 0; number <= (int)policy->revised; number++)
        decisions[number] = is_known(arch, number) ? UNLISTED : UNKNOWN;
    for (unsigned i = 0; i < policy->call_count; i++) {
        int number = resolve(policy, arch, &policy->calls[i]);

        if (number >= 0)
            decisions[number] = policy->calls[i].decisions[profile];
    }
}

/* ---- Leaves ---- */

static int compile_test(struct code *code, const struct policy_test *test, int yes, int no)
{
    uint32_t low_half = (uint32_t)(offsetof(struct seccomp_data, args) + 8 * test->arg);

    if (test->null)
        return code_load(
            code, low_half,
            code_jump(code, BPF_JEQ, 0,
                      code_load(code, low_half + 4, code_jump(code, BPF_JEQ, 0, yes, no)), no));
    if (test->any_bit)
        return code_load(code, low_half, code_jump(code, BPF_JSET, test->mask, yes, no));
    for (unsigned i = test->value_count; i-- > 0;)
        no = code_jump(code, BPF_JEQ, test->values[i], yes, no);
    if (test->mask != UINT32_MAX)
        no = code_and(code, test->mask, no);
    return code_load(code, low_half, no);
}

static int compile_decision(struct code *code, const struct policy_decision *decision)
{
    int entry = -1;

    for (unsigned i = decision->rule_count; i-- > 0;) {
        const struct policy_rule *rule = &decision->rules[i];
        int no = entry;

        entry = code_return(code, rule->action);
        for (unsigned j = rule->test_count; j-- > 0;)
            entry = compile_test(code, &rule->tests[j], entry, no);
    }
    return entry;
}

/* What happens to numbers above the last revised one. */
static int compile_high(struct code *code, const struct policy *policy,
                        const struct architecture *arch)
{
    int entry = code_return(code, policy->unknown);

    if (arch->has_x32)
        entry = code_jump(code, BPF_JSET, X32_BIT, code_return(code, policy->x32), entry);
    return code_jump(code, BPF_JEQ, NO_CALL, code_return(code, policy->skipped), entry);
}

/* ---- Tree ---- */

static void add_range(struct tree *tree, uint32_t first, int target)
{
    if (tree->count > 0 && tree->ranges[tree->count - 1].target == target)
        return;
    if (tree->count == RANGES_MAX)
        policy_die(policy_path, 0, "too many ranges");
    tree->ranges[tree->count++] = (struct range){first, target};
}

/* How many numbers ranges low to high have. Those above the last revised one are not tried. */
static int count_numbers(const struct tree *tree, int low, int high)
{
    if (high == tree->count - 1)
        return (int)(tree->ranges[high].first - tree->ranges[low].first);
    return (int)(tree->ranges[high + 1].first - tree->ranges[low].first);
}

/* The cost of asking for each number in low to high that does not go to `base`; -1 if it
 * cannot be. */
static int chain_cost(const struct tree *tree, int low, int high, int base)
{
    int length = 0, tries = 0;

    for (int i = low; i <= high; i++) {
        if (tree->ranges[i].target == base)
            continue;
        if (i == tree->count - 1 || count_numbers(tree, i, i) != 1)
            return -1;
        tries += ++length;
    }
    tries += (count_numbers(tree, low, high) - length) * length;
    return length * INSN_COST + tries;
}

/* All shorter stretches are planned already. */
static void plan_stretch(struct tree *tree, int low, int high)
{
    struct plan best = {.cost = INT32_MAX};

    for (int i = low; i <= high; i++) {
        int base = tree->ranges[i].target, cost = chain_cost(tree, low, high, base);

        if (cost >= 0 && cost < best.cost)
            best = (struct plan){.cost = cost, .base = base};
    }
    for (int split = low + 1; split <= high; split++) {
        int cost = INSN_COST + count_numbers(tree, low, high) + tree->plans[low][split - 1].cost +
                   tree->plans[split][high].cost;

        if (cost < best.cost)
            best = (struct plan){.cost = cost, .split = split};
    }
    tree->plans[low][high] = best;
}

static int compile_stretch(struct code *code, const struct tree *tree, int low, int high)
{
    const struct plan *plan = &tree->plans[low][high];
    int entry = plan->base, right;

    if (plan->split > 0) {
        right = compile_stretch(code, tree, plan->split, high);
        entry = compile_stretch(code, tree, low, plan->split - 1);
        return code_jump(code, BPF_JGE, tree->ranges[plan->split].first, right, entry);
    }
    for (int i = high; i >= low; i--) {
        const struct range *range = &tree->ranges[i];

        if (range->target != plan->base)
            entry = code_jump(code, BPF_JEQ, range->first, range->target, entry);
    }
    return entry;
}

static int compile_tree(struct code *code, struct tree *tree)
{
    for (int length = 1; length <= tree->count; length++) {
        for (int low = 0; low + length <= tree->count; low++)
            plan_stretch(tree, low, low + length - 1);
    }
    return compile_stretch(code, tree, 0, tree->count - 1);
}

/* ---- Programs ---- */

static void compile(struct code *code, const struct policy *policy, const struct architecture *arch,
                    unsigned profile)
{
    static struct tree tree;
    int decisions[NUMBERS_MAX], targets[POLICY_DECISIONS_MAX], unlisted, unknown, foreign, entry;

    code->count = 0;
    tree.count = 0;
    number_decisions(policy, arch, profile, decisions);
    foreign = code_return(code, policy->foreign);
    unlisted = code_return(code, policy->unlisted);
    unknown = code_return(code, policy->unknown);
    for (unsigned i = 0; i < policy->decision_count; i++)
        targets[i] = -1;
    for (uint32_t number = 0; number <= policy->revised; number++) {
        int decision = decisions[number];

        if (decision >= 0 && targets[decision] < 0)
            targets[decision] = compile_decision(code, &policy->decisions[decision]);
        add_range(&tree, number,
                  decision == UNLISTED  ? unlisted
                  : decision == UNKNOWN ? unknown
                                        : targets[decision]);
    }
    add_range(&tree, policy->revised + 1, compile_high(code, policy, arch));

    entry = compile_tree(code, &tree);
    entry = code_load(code, offsetof(struct seccomp_data, nr), entry);
    entry = code_jump(code, BPF_JEQ, arch->audit, entry, foreign);
    code_load(code, offsetof(struct seccomp_data, arch), entry);
}

/* The profile's name with another case and without dashes. */
static void c_name(char *name, size_t size, const char *profile, int (*change)(int))
{
    size_t i;

    for (i = 0; profile[i] != '\0' && i < size - 1; i++)
        name[i] = profile[i] == '-' ? '_' : (char)change(profile[i]);
    name[i] = '\0';
}

static void print_program(FILE *out, const struct code *code, const char *name, const char *arch)
{
    static struct sock_filter program[CODE_MAX];
    int length = code_write(code, program);

    fprintf(out, "/* %d instructions */\nstatic const struct sock_filter %s_%s[] = {\n", length,
            name, arch);
    for (int i = 0; i < length; i++)
        fprintf(out, "    {0x%02x, %u, %u, 0x%x},\n", program[i].code, program[i].jt, program[i].jf,
                program[i].k);
    fprintf(out, "};\n\n");
}

static void print_table(FILE *out, const struct policy *policy, const char *prefix)
{
    char name[64], constant[64];

    fprintf(out,
            "static const struct bj_seccomp_code programs[%s_PROFILE_COUNT]"
            "[BJ_SECCOMP_ARCH_COUNT] = {\n",
            prefix);
    for (unsigned i = 0; i < policy->profile_count; i++) {
        c_name(name, sizeof name, policy->profiles[i], tolower);
        c_name(constant, sizeof constant, policy->profiles[i], toupper);
        for (size_t j = 0; j < ARCHITECTURES; j++) {
            const struct architecture *arch = &architectures[j];

            fprintf(out, "    [%s_%s][BJ_SECCOMP_%s] = {%s_%s, sizeof %s_%s / sizeof *%s_%s},\n",
                    prefix, constant, arch->c_name, name, arch->name, name, arch->name, name,
                    arch->name);
        }
    }
    fprintf(out, "};\n");
}

int main(int argc, char **argv)
{
    static struct policy policy;
    static struct code code;
    char name[64];
    FILE *out;

    if (argc != 3 && argc != 4) {
        fprintf(stderr, "usage: seccomp-gen POLICY OUTPUT [PREFIX]\n");
        return 2;
    }
    policy_path = argv[1];
    policy_read(&policy, policy_path);
    if (policy.revised >= NUMBERS_MAX)
        policy_die(policy_path, 0, "the last revised number is too high");
    out = fopen(argv[2], "w");
    if (out == NULL)
        policy_die(argv[2], 0, "cannot create: %s", strerror(errno));
    fprintf(out, "/* Made by seccomp-gen. */\n\n");
    for (unsigned i = 0; i < policy.profile_count; i++) {
        c_name(name, sizeof name, policy.profiles[i], tolower);
        for (size_t j = 0; j < ARCHITECTURES; j++) {
            compile(&code, &policy, &architectures[j], i);
            print_program(out, &code, name, architectures[j].name);
        }
    }
    print_table(out, &policy, argc == 4 ? argv[3] : "BJ_SECCOMP");
    if (fclose(out) != 0)
        policy_die(argv[2], 0, "cannot write: %s", strerror(errno));
    return 0;
}
