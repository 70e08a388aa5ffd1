/* Writing commands down. */
#include "policy/spelling.h"

#include <ctype.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "policy/could_match.h"

#define UNKNOWN_TEXT BJ_HOLE_SHOWN
#define ROTATED_MAX  8 /* operands that are all kept when one of them is put first */

void bj_spelling_init(struct bj_spelling *spelling)
{
    *spelling = (struct bj_spelling){0};
    bj_buf_init(&spelling->text, BJ_SPELLING_MAX);
}

void bj_spelling_release(struct bj_spelling *spelling)
{
    bj_buf_release(&spelling->text);
    bj_free(spelling->starts);
    bj_spelling_init(spelling);
}

void bj_spelling_reset(struct bj_spelling *spelling)
{
    spelling->text.length = 0;
    spelling->start_count = 0;
    spelling->holes = spelling->quoted = spelling->assumed = false;
    if (spelling->text.failed)
        bj_spelling_release(spelling); /* a buffer that failed stays so */
    spelling->failed = false;
}

static void add_start(struct bj_spelling *spelling, size_t at)
{
    if (spelling->start_count == spelling->start_room) {
        size_t room = spelling->start_room > 0 ? spelling->start_room * 2 : 64;
        uint32_t *starts = bj_realloc_array(spelling->starts, room, sizeof *starts);

        if (starts == NULL) {
            spelling->failed = true;
            return;
        }
        spelling->starts = starts;
        spelling->start_room = room;
    }
    spelling->starts[spelling->start_count++] = (uint32_t)at;
}

static void put_char(struct bj_spelling *spelling, char c)
{
    bj_buf_append(&spelling->text, &c, 1);
}

/* Is there a blank at this byte, as the \s of a pattern sees it? */
static bool is_blank(const char *text, size_t left)
{
    static const char *const wide[] = {"\xc2\x85", "\xc2\xa0",     "\xe1\x9a\x80",
                                       "\xe2\x80", "\xe2\x81\x9f", "\xe3\x80\x80"};
    unsigned char c = (unsigned char)*text;

    if (c < 0x80)
        return c == ' ' || (c >= '\t' && c <= '\r') || (c >= 0x1c && c <= 0x1f);
    for (size_t i = 0; i < sizeof wide / sizeof *wide; i++) {
        size_t length = strlen(wide[i]);

        if (length <= left && memcmp(wide[i], text, length) == 0)
            return true;
    }
    return false;
}

static bool needs_quotes(const struct bj_word *word, bool all)
{
    if (word->length == 0)
        return true;
    for (size_t i = 0; i < word->length; i++) {
        if (is_blank(word->text + i, word->length - i) ||
            strchr(all ? "'\"\\`$&;|<>()#!" : "'\"|>", word->text[i]) != NULL) {
            if (word->text[i] != BJ_HOLE)
                return true;
        }
    }
    return false;
}

/* A word's bytes, quoted where blanks would make several of it. */
static void put_word(struct bj_spelling *spelling, const struct bj_word *word)
{
    bool quotes = needs_quotes(word, false);

    if (quotes)
        put_char(spelling, '\'');
    for (size_t i = 0; i < word->length; i++) {
        char c = word->text[i];

        if (c == BJ_HOLE) {
            put_char(spelling, word->splits ? BJ_HOLE_WORDS : BJ_HOLE_BYTES);
            spelling->holes = true;
        } else if (c == '\'') {
            bj_buf_puts(&spelling->text, "'\\''");
        } else {
            spelling->quoted |= c == '|' || c == '>';
            put_char(spelling, c);
        }
    }
    if (quotes)
        put_char(spelling, '\'');
}

static bool is_place(char c)
{
    return c == '/' || c == '.' || c == '~';
}

/*
 * Where in an argument a pattern may begin: at an option, at a path, at a hidden name in a path and
 * at a path that is a part: --output=/etc/passwd, -o/etc/passwd, of=/dev/sda, host:/etc.
 */
static void add_word_starts(struct bj_spelling *spelling, const struct bj_word *word, size_t at)
{
    const char *text = bj_buf_text(&spelling->text) + at;
    size_t length = spelling->text.length - at;
    bool named = word->length > 0 && isalpha((unsigned char)word->text[0]);
    bool attached = false;

    if (length == 0)
        return;
    if (text[0] == '-' || is_place(text[0]) || text[0] == BJ_HOLE_WORDS || text[0] == BJ_HOLE_BYTES)
        add_start(spelling, at);
    for (size_t i = 1; i < length; i++) {
        char before = text[i - 1];

        if (named && text[i] == '=') {
            add_start(spelling, at); /* of=/dev/sda */
            named = false;
        }
        named = named && (isalnum((unsigned char)text[i]) || text[i] == '_');
        if (is_place(text[i]) && strchr("=:,@'", before) != NULL) {
            add_start(spelling, at + i);
        } else if (text[i] == '.' && before == '/' && i + 1 < length && text[i + 1] != '/' &&
                   text[i + 1] != '.') {
            add_start(spelling, at + i);
        } else if (text[0] == '-' && text[i] == '/' && !attached) {
            add_start(spelling, at + i);
            attached = true;
        }
    }
}

static void put_argument(struct bj_spelling *spelling, const struct bj_word *word, bool starts)
{
    size_t at;

    put_char(spelling, ' ');
    at = spelling->text.length;
    put_word(spelling, word);
    if (starts)
        add_word_starts(spelling, word, at);
}

const char *bj_command_base(const struct bj_simple_command *command, size_t *ret_length)
{
    const struct bj_word *name = &command->words[0];
    const char *base;

    *ret_length = 0;
    if (command->word_count == 0)
        return "";
    base = name->text;
    for (size_t i = 0; i < name->length; i++) {
        if (name->text[i] == '/' && i + 1 < name->length)
            base = name->text + i + 1;
    }
    *ret_length = (size_t)(name->text + name->length - base);
    return base;
}

static void put_name(struct bj_spelling *spelling, const struct bj_simple_command *command,
                     bool base)
{
    struct bj_word name = command->words[0];
    size_t length;

    if (base) {
        name.text = bj_command_base(command, &length);
        name.length = (uint32_t)length;
    }
    put_word(spelling, &name);
}

static void put_redirects(struct bj_spelling *spelling, const struct bj_simple_command *command,
                          bool starts)
{
    static const char *const signs[] = {"<", ">", ">>", "<>"};

    for (size_t i = 0; i < command->redirect_count; i++) {
        const struct bj_redirect *redirect = &command->redirects[i];

        put_char(spelling, ' ');
        if (starts)
            add_start(spelling, spelling->text.length);
        bj_buf_puts(&spelling->text, signs[redirect->kind]);
        put_argument(spelling, redirect->path.text != NULL ? &redirect->path : &redirect->target,
                     starts);
    }
}

void bj_spell_assignments(struct bj_spelling *spelling, const struct bj_assignment *assignments,
                          size_t count)
{
    for (size_t i = 0; i < count && !spelling->text.failed; i++) {
        add_start(spelling, spelling->text.length);
        bj_buf_puts(&spelling->text, assignments[i].name);
        put_char(spelling, '=');
        put_word(spelling, &assignments[i].value);
        put_char(spelling, ' ');
    }
    spelling->failed |= spelling->text.failed;
}

void bj_spell_written(struct bj_spelling *spelling, const struct bj_simple_command *command,
                      bool base, bool first_only)
{
    if (!first_only)
        bj_spell_assignments(spelling, command->assignments, command->assignment_count);
    add_start(spelling, spelling->text.length);
    if (command->word_count > 0)
        put_name(spelling, command, base);
    for (size_t i = 1; i < command->word_count; i++)
        put_argument(spelling, &command->words[i], !first_only);
    put_redirects(spelling, command, !first_only);
    spelling->failed |= spelling->text.failed;
}

/* An operand. One with a hole and .. may lead anywhere, so no part of it is believed. */
static void put_operand(struct bj_spelling *spelling, const struct bj_simple_command *command,
                        size_t i, bool resolved)
{
    const struct bj_word *word = &command->program.operands[i];

    if (resolved && command->paths != NULL && command->paths[i].text != NULL)
        word = &command->paths[i];
    if (word->holes && memmem(word->text, word->length, "..", 2) != NULL) {
        put_char(spelling, ' ');
        put_char(spelling, word->splits ? BJ_HOLE_WORDS : BJ_HOLE_BYTES);
        spelling->holes = true;
        return;
    }
    put_argument(spelling, word, false);
}

static void put_flag(struct bj_spelling *spelling, const struct bj_flag *flag)
{
    if (flag->letter != 0) {
        bj_buf_puts(&spelling->text, " -");
        put_char(spelling, flag->letter);
    } else {
        bj_buf_puts(&spelling->text, " --");
        bj_buf_puts(&spelling->text, flag->name);
    }
    if (flag->value == NULL)
        return;
    put_char(spelling, flag->letter != 0 ? ' ' : '=');
    put_word(spelling, flag->value);
}

static void put_sorted(struct bj_spelling *spelling, const struct bj_program *program)
{
    bool letters[128] = {false}, any = false;

    for (size_t i = 0; i < program->flag_count; i++) {
        unsigned char letter = (unsigned char)program->flags[i].letter;

        if (letter == 0 || letter >= 128 || program->flags[i].value != NULL) {
            put_flag(spelling, &program->flags[i]);
            continue;
        }
        letters[letter] = any = true;
    }
    if (any)
        bj_buf_puts(&spelling->text, " -");
    for (int letter = 0; letter < 128; letter++) {
        if (letters[letter])
            put_char(spelling, (char)letter);
    }
}

/* The flag that a letter or name of a token stands for; `used` has a bit per flag. */
static const struct bj_flag *find_flag(const struct bj_program *program, const char *name,
                                       size_t length, uint64_t *used)
{
    for (size_t i = 0; i < program->flag_count; i++) {
        const struct bj_flag *flag = &program->flags[i];
        bool same = length == 1 ? flag->letter == name[0] : false;

        if (!same)
            same = flag->name != NULL && strlen(flag->name) == length &&
                   memcmp(flag->name, name, length) == 0;
        if (same && (i >= 64 || !(*used >> i & 1))) {
            if (i < 64)
                *used |= (uint64_t)1 << i;
            return flag;
        }
    }
    return NULL;
}

static void put_value(struct bj_spelling *spelling, const struct bj_flag *flag, bool equals)
{
    if (flag == NULL || flag->value == NULL)
        return;
    put_char(spelling, equals ? '=' : ' ');
    put_word(spelling, flag->value);
}

/* One token of the pattern, as far as the command has it or `all` of it. */
static bool put_token(struct bj_spelling *spelling, const struct bj_program *program,
                      const struct bj_flag_token *token, uint64_t *used, bool all)
{
    const struct bj_flag *valued = NULL;
    bool any = false;

    if (token->name) {
        const struct bj_flag *flag = find_flag(program, token->text, strlen(token->text), used);

        if (flag == NULL && !all)
            return false;
        bj_buf_puts(&spelling->text, " --");
        bj_buf_puts(&spelling->text, token->text);
        put_value(spelling, flag, token->equals);
        return true;
    }
    for (const char *letter = token->text; *letter != '\0'; letter++) {
        const struct bj_flag *flag = find_flag(program, letter, 1, used);

        if (flag == NULL && !all)
            continue;
        if (!any)
            bj_buf_puts(&spelling->text, " -");
        any = true;
        put_char(spelling, *letter);
        if (flag != NULL && flag->value != NULL)
            valued = flag;
    }
    put_value(spelling, valued, false);
    return any;
}

/* False when the pattern mentions none of the command's flags. */
static bool put_flags(struct bj_spelling *spelling, const struct bj_program *program,
                      const struct bj_pattern *pattern, const struct bj_spelling_form *form)
{
    const struct bj_flag_token *tokens;
    size_t count;
    uint64_t used = 0;
    bool any = false;

    if (form->flags == BJ_FLAGS_GIVEN) {
        for (size_t i = 0; i < program->flag_count; i++)
            put_flag(spelling, &program->flags[i]);
        return true;
    }
    if (form->flags == BJ_FLAGS_CLUSTERED) {
        put_sorted(spelling, program);
        return program->flag_count > 0;
    }
    tokens = bj_pattern_flags(pattern, &count);
    for (size_t i = 0; i < count; i++)
        any |= put_token(spelling, program, &tokens[i], &used, form->flags == BJ_FLAGS_ASSUMED);
    return any;
}

/* The first operand that may turn out to be flags; as many as there are when there is none. */
static size_t unknown_operand(const struct bj_program *program)
{
    size_t i = 0;

    while (i < program->operand_count &&
           !(program->operands[i].length > 0 && program->operands[i].text[0] == BJ_HOLE))
        i++;
    return i;
}

static void put_operands(struct bj_spelling *spelling, const struct bj_simple_command *command,
                         const struct bj_spelling_form *form, size_t from, size_t to, size_t leave)
{
    size_t count = command->program.operand_count;

    for (size_t i = from; i < to && i < count; i++) {
        size_t which = i;

        if (form->front > 0 && count > ROTATED_MAX && i > 0)
            break; /* of many operands the one is enough, or all would be quadratic */
        if (form->front > 0)
            which = i == 0 ? form->front : i - (i <= form->front);
        if (which != leave)
            put_operand(spelling, command, which, form->resolved);
    }
}

bool bj_spell_form(struct bj_spelling *spelling, const struct bj_simple_command *command,
                   const struct bj_pattern *pattern, const struct bj_spelling_form *form)
{
    const struct bj_program *program = &command->program;
    size_t first = form->order == BJ_ORDER_FLAGS_FIRST     ? 0
                   : form->order == BJ_ORDER_COMMAND_FIRST ? 1
                                                           : program->operand_count;
    size_t leave = SIZE_MAX;

    if (form->front >= program->operand_count && form->front > 0)
        return false;
    if (first > program->operand_count || (first == 0 && form->order != BJ_ORDER_FLAGS_FIRST))
        return false;
    bj_spelling_reset(spelling);
    if (form->flags == BJ_FLAGS_ASSUMED) {
        leave = unknown_operand(program);
        if (leave == program->operand_count)
            return false;
        if (program->operands[leave].splits)
            leave = SIZE_MAX; /* it may be flags and operands */
        spelling->assumed = true;
    }
    put_name(spelling, command, true);
    put_operands(spelling, command, form, 0, first, leave);
    if (!put_flags(spelling, program, pattern, form))
        return false;
    put_operands(spelling, command, form, first, program->operand_count, leave);
    put_redirects(spelling, command, false);
    spelling->failed |= spelling->text.failed;
    return true;
}

/* For people. */

static void print_word(struct bj_buf *out, const struct bj_word *word)
{
    bool quotes = needs_quotes(word, true);

    if (quotes)
        bj_buf_puts(out, "'");
    for (size_t i = 0; i < word->length; i++) {
        if (word->text[i] == BJ_HOLE)
            bj_buf_puts(out, UNKNOWN_TEXT);
        else if (word->text[i] == '\'')
            bj_buf_puts(out, "'\\''");
        else
            bj_buf_append(out, &word->text[i], 1);
    }
    if (quotes)
        bj_buf_puts(out, "'");
}

void bj_command_print(struct bj_buf *out, const struct bj_simple_command *command)
{
    static const char *const signs[] = {" <", " >", " >>", " <>"};

    for (size_t i = 0; i < command->assignment_count; i++) {
        bj_buf_printf(out, "%s=", command->assignments[i].name);
        print_word(out, &command->assignments[i].value);
        bj_buf_puts(out, " ");
    }
    for (size_t i = 0; i < command->word_count; i++) {
        if (i > 0)
            bj_buf_puts(out, " ");
        print_word(out, &command->words[i]);
    }
    for (size_t i = 0; i < command->redirect_count; i++) {
        bj_buf_puts(out, signs[command->redirects[i].kind]);
        print_word(out, &command->redirects[i].target);
    }
}
