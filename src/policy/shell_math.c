/*
 * Arithmetic (bash(1), ARITHMETIC EVALUATION). It matters for what it runs: the value of a variable
 * is evaluated as an expression again, and a subscript is expanded before, so that a command
 * substitution in a text that was quoted still runs. All sides of ?: && || are looked at.
 */
#include <ctype.h>

#include "policy/shell_internal.h"

#define LEVELS_MAX 24

struct math {
    struct walk *walk;
    struct text text;
    uint32_t at;
    uint32_t level;
    bool known, failed;
};

/* What an operand is: its number, and the variable it is if it can be assigned to. */
struct operand {
    int64_t number;
    bool known;
    struct text name, subscript;
    bool has_subscript;
};

static struct operand expression(struct math *math, int above);
static bool evaluate(struct walk *walk, struct text text, uint32_t level, int64_t *ret);

static void skip(struct math *math)
{
    while (math->at < math->text.length && isspace((unsigned char)math->text.bytes[math->at]))
        math->at++;
}

static bool take(struct math *math, const char *op)
{
    uint32_t length = (uint32_t)strlen(op);

    skip(math);
    if (math->text.length - math->at < length ||
        memcmp(math->text.bytes + math->at, op, length) != 0)
        return false;
    math->at += length;
    return true;
}

/* A number in bash's bases: 0x1f, 017, 2#101, 64#_. */
static struct operand number(struct math *math)
{
    const char *bytes = math->text.bytes;
    uint32_t length = math->text.length;
    uint64_t base = 10, value = 0;
    bool known = true;

    if (bytes[math->at] == '0' && math->at + 1 < length) {
        base = 8;
        if ((bytes[math->at + 1] | 32) == 'x') {
            base = 16;
            math->at += 2;
        }
    }
    for (; math->at < length; math->at++) {
        unsigned char byte = (unsigned char)bytes[math->at];
        uint64_t digit;

        if (byte == '#' && base == 10 && value >= 2 && value <= 64) {
            base = value;
            value = 0;
            continue;
        }
        if (isdigit(byte))
            digit = byte - '0';
        else if (islower(byte))
            digit = byte - 'a' + 10U;
        else if (isupper(byte))
            digit = base <= 36 ? byte - 'A' + 10U : byte - 'A' + 36U;
        else if (byte == '@' || byte == '_')
            digit = byte == '@' ? 62 : 63;
        else if (byte == BJ_HOLE)
            digit = 0, known = false;
        else
            break;
        known = known && digit < base;
        value = value * base + digit;
    }
    return (struct operand){.number = (int64_t)value, .known = known};
}

/* From behind a [ to its ]; the text between them. */
static struct text subscript(struct math *math)
{
    uint32_t from = math->at, depth = 1;

    for (; math->at < math->text.length; math->at++) {
        char byte = math->text.bytes[math->at];

        depth += byte == '[';
        if (byte == ']' && --depth == 0)
            break;
        if (byte == '\\')
            math->at++;
    }
    if (math->at >= math->text.length) {
        math->at = math->text.length;
        math->failed = true;
        return (struct text){math->text.bytes + from, math->text.length - from};
    }
    return (struct text){math->text.bytes + from, math->at++ - from};
}

/* The value of a variable, itself an expression. */
static void read_operand(struct math *math, struct operand *operand)
{
    struct items items =
        bj_sh_items(math->walk, operand->name, operand->has_subscript ? &operand->subscript : NULL);

    operand->number = 0;
    operand->known = !items.open && !items.more;
    if (items.count == 0 || items.unset || items.list[0].length == 0)
        return;
    operand->known =
        evaluate(math->walk, items.list[0], math->level + 1, &operand->number) && operand->known;
}

static struct operand variable(struct math *math)
{
    struct operand operand = {.known = false};

    operand.name.bytes = math->text.bytes + math->at;
    while (math->at < math->text.length &&
           (isalnum((unsigned char)math->text.bytes[math->at]) ||
            math->text.bytes[math->at] == '_' || math->text.bytes[math->at] == BJ_HOLE))
        math->at++;
    operand.name.length = (uint32_t)(math->text.bytes + math->at - operand.name.bytes);
    if (math->at < math->text.length && math->text.bytes[math->at] == '[') {
        math->at++;
        operand.subscript = subscript(math);
        operand.has_subscript = true;
    }
    if (bj_sh_has_hole(operand.name)) {
        /* Its name is not known, but its subscript is evaluated all the same. */
        if (operand.has_subscript) {
            int64_t index;

            evaluate(math->walk,
                     bj_sh_expand_quoted(math->walk, operand.subscript, SCAN_QUOTED, NULL, 0, 0),
                     math->level + 1, &index);
        }
        return operand;
    }
    read_operand(math, &operand);
    return operand;
}

static void store(struct math *math, const struct operand *to, struct operand value)
{
    if (to->name.length > 0 && !bj_sh_has_hole(to->name))
        bj_sh_assign(math->walk, to->name, to->has_subscript ? &to->subscript : NULL,
                     value.known ? bj_sh_number(math->walk, value.number) : HOLE_TEXT, false);
}

static struct operand primary(struct math *math)
{
    struct operand operand = {.known = false};
    int byte;

    skip(math);
    byte = math->at < math->text.length ? (unsigned char)math->text.bytes[math->at] : -1;
    if (byte == '(') {
        math->at++;
        operand = expression(math, 0);
        if (!take(math, ")"))
            math->failed = true;
        operand.name.length = 0;
        return operand;
    }
    if (byte >= 0 && isdigit(byte))
        return number(math);
    if (byte >= 0 && (isalpha(byte) || byte == '_' || byte == BJ_HOLE)) {
        operand = variable(math);
        if (take(math, "++") || take(math, "--")) {
            struct operand after = operand;

            after.number += math->text.bytes[math->at - 1] == '+' ? 1 : -1;
            store(math, &operand, after);
        }
        return operand;
    }
    math->failed = true;
    return operand;
}

static struct operand unary(struct math *math)
{
    static const char *const ops[] = {"++", "--", "!", "~", "-", "+"};
    struct operand operand;

    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        if (!take(math, ops[i]))
            continue;
        if (++math->level > LEVELS_MAX) {
            math->failed = true;
            return (struct operand){.known = false};
        }
        operand = unary(math);
        math->level--;
        switch (i) {
        case 0:
        case 1:
            operand.number += i == 0 ? 1 : -1;
            store(math, &operand, operand);
            break;
        case 2:
            operand.number = !operand.number;
            break;
        case 3:
            operand.number = ~operand.number;
            break;
        case 4:
            operand.number = (int64_t)(0 - (uint64_t)operand.number);
            break;
        }
        operand.name.length = 0;
        return operand;
    }
    return primary(math);
}

/* Binary operators by how tightly they bind; longer spellings first. */
enum binary {
    POWER,
    TIMES,
    DIVIDE,
    MODULO,
    PLUS,
    MINUS,
    LEFT,
    RIGHT,
    LESS_SAME,
    MORE_SAME,
    LESS,
    MORE,
    SAME,
    OTHER,
    AND_ALSO,
    OR_ELSE,
    AND,
    XOR,
    OR,
    CHOOSE,
    ASSIGN,
    COMMA
};

static const struct {
    const char *text;
    enum binary op;
    int binds;
} binaries[] = {
    {"<<=", ASSIGN, 2}, {">>=", ASSIGN, 2},    {"**", POWER, 14},     {"*=", ASSIGN, 2},
    {"/=", ASSIGN, 2},  {"%=", ASSIGN, 2},     {"+=", ASSIGN, 2},     {"-=", ASSIGN, 2},
    {"&=", ASSIGN, 2},  {"^=", ASSIGN, 2},     {"|=", ASSIGN, 2},     {"<<", LEFT, 11},
    {">>", RIGHT, 11},  {"<=", LESS_SAME, 10}, {">=", MORE_SAME, 10}, {"==", SAME, 9},
    {"!=", OTHER, 9},   {"&&", AND_ALSO, 5},   {"||", OR_ELSE, 4},    {"*", TIMES, 13},
    {"/", DIVIDE, 13},  {"%", MODULO, 13},     {"+", PLUS, 12},       {"-", MINUS, 12},
    {"<", LESS, 10},    {">", MORE, 10},       {"&", AND, 8},         {"^", XOR, 7},
    {"|", OR, 6},       {"?", CHOOSE, 3},      {"=", ASSIGN, 2},      {",", COMMA, 1},
};

static bool power(int64_t base, int64_t exponent, int64_t *ret)
{
    uint64_t value = 1;

    if (exponent < 0 || exponent > 4096)
        return false;
    while (exponent-- > 0)
        value *= (uint64_t)base;
    *ret = (int64_t)value;
    return true;
}

static int64_t compute(enum binary op, int64_t left, int64_t right, bool *known)
{
    uint64_t a = (uint64_t)left, b = (uint64_t)right;

    switch (op) {
    case POWER: {
        int64_t value = 0;

        *known = *known && power(left, right, &value);
        return value;
    }
    case TIMES:
        return (int64_t)(a * b);
    case DIVIDE:
    case MODULO:
        if (right == 0 || (left == INT64_MIN && right == -1)) {
            *known = false;
            return 0;
        }
        return op == DIVIDE ? left / right : left % right;
    case PLUS:
        return (int64_t)(a + b);
    case MINUS:
        return (int64_t)(a - b);
    case LEFT:
        return (int64_t)(a << (b & 63));
    case RIGHT:
        return left >> (b & 63);
    case LESS_SAME:
        return left <= right;
    case MORE_SAME:
        return left >= right;
    case LESS:
        return left < right;
    case MORE:
        return left > right;
    case SAME:
        return left == right;
    case OTHER:
        return left != right;
    case AND_ALSO:
        return left && right;
    case OR_ELSE:
        return left || right;
    case AND:
        return left & right;
    case XOR:
        return left ^ right;
    case OR:
        return left | right;
    default:
        return right;
    }
}

/* What `x op= y` computes, by the byte before the = . */
static enum binary assigned(const char *text)
{
    switch (text[0]) {
    case '*':
        return TIMES;
    case '/':
        return DIVIDE;
    case '%':
        return MODULO;
    case '+':
        return PLUS;
    case '-':
        return MINUS;
    case '&':
        return AND;
    case '^':
        return XOR;
    case '|':
        return OR;
    case '<':
        return LEFT;
    case '>':
        return RIGHT;
    default:
        return COMMA;
    }
}

static struct operand assign(struct math *math, const char *text, struct operand left)
{
    struct operand right = expression(math, 2);
    struct operand value = {.known = right.known && (text[0] == '=' || left.known)};

    value.number = compute(assigned(text), left.number, right.number, &value.known);
    store(math, &left, value);
    return value;
}

static struct operand choose(struct math *math, struct operand condition)
{
    struct operand yes, no;
    struct branches branches;

    bj_sh_branches_begin(math->walk, &branches);
    yes = expression(math, 2);
    bj_sh_branch_end(math->walk, &branches);
    if (!take(math, ":"))
        math->failed = true;
    no = expression(math, 2);
    bj_sh_branch_end(math->walk, &branches);
    bj_sh_branches_join(math->walk, &branches, false);
    yes.name.length = no.name.length = 0;
    if (condition.known)
        return condition.number ? yes : no;
    yes.known = false;
    return yes;
}

/* Behind && and || it may not be evaluated. */
static struct operand right_side(struct math *math, enum binary op, int binds)
{
    struct branches branches;
    struct operand operand;

    bj_sh_branches_begin(math->walk, &branches);
    operand = expression(math, binds);
    if (op == AND_ALSO || op == OR_ELSE) {
        bj_sh_branch_end(math->walk, &branches);
        bj_sh_branches_join(math->walk, &branches, true);
    }
    return operand;
}

/* Everything that binds more tightly than `above`. */
static struct operand expression(struct math *math, int above)
{
    struct operand left = {.known = false};

    if (++math->level > LEVELS_MAX || !bj_sh_step(math->walk)) {
        math->failed = true;
        math->at = math->text.length;
        return left;
    }
    left = unary(math);
    while (!math->failed) {
        struct operand right;
        size_t row = 0;

        skip(math);
        while (row < sizeof binaries / sizeof *binaries && !take(math, binaries[row].text))
            row++;
        if (row == sizeof binaries / sizeof *binaries)
            break;
        if (binaries[row].binds < above || (binaries[row].binds == above && above != 2)) {
            math->at -= (uint32_t)strlen(binaries[row].text);
            break;
        }
        if (binaries[row].op == ASSIGN) {
            left = assign(math, binaries[row].text, left);
        } else if (binaries[row].op == CHOOSE) {
            left = choose(math, left);
        } else {
            right = right_side(math, binaries[row].op, binaries[row].binds);
            left.known = left.known && right.known;
            left.number = compute(binaries[row].op, left.number, right.number, &left.known);
        }
        left.name.length = 0;
    }
    math->level--;
    return left;
}

static bool evaluate(struct walk *walk, struct text text, uint32_t level, int64_t *ret)
{
    struct math math = {.walk = walk, .text = text, .level = level};
    struct operand operand = {.known = true};

    *ret = 0;
    if (level > LEVELS_MAX || !bj_sh_step(walk))
        return false;
    skip(&math);
    if (math.at < text.length)
        operand = expression(&math, 0);
    skip(&math);
    /* What is left over is an error to bash: but a subscript in it may have run before. */
    while (math.at < text.length && bj_sh_step(walk)) {
        char byte = text.bytes[math.at];

        math.failed = true;
        if (isalpha((unsigned char)byte) || byte == '_') {
            math.level = level;
            variable(&math);
        } else {
            math.at++;
        }
    }
    *ret = operand.number;
    return operand.known && !math.failed;
}

bool bj_sh_math(struct walk *walk, struct text text, int64_t *ret)
{
    bool known;

    if (!bj_sh_enter(walk))
        return false;
    known = evaluate(walk, text, 0, ret);
    bj_sh_leave(walk);
    return known;
}

bool bj_sh_math_range(struct walk *walk, const struct source *source, uint32_t from, uint32_t to,
                      int64_t *ret)
{
    struct build build = {.walk = walk, .source = source, .mode = EXPAND_ONE};

    if (to < from)
        return false;
    bj_sh_put_range(&build, from, to, true);
    /* Double quotes are dropped in arithmetic. */
    for (uint32_t i = 0; i < build.length; i++)
        if (build.bytes[i] == '"')
            build.bytes[i] = ' ';
    return bj_sh_math(walk, (struct text){build.bytes == NULL ? "" : build.bytes, build.length},
                      ret);
}
