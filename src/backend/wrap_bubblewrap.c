/*
 * A command wrapped for bubblewrap. The line begins with `env -i`: bubblewrap stays in the sandbox
 * as its first process, where its own environment can be read, so that clearing the command's alone
 * would keep no secret.
 */
#include "backend/bubblewrap.h"
#include "backend/wrap_internal.h"
#include "base/escape.h"
#include "base/mem.h"

#define ARENA_MAX (4 << 20)

static void put_word(struct bj_buf *out, const char *word)
{
    if (out->length > 0)
        bj_buf_puts(out, " ");
    bj_shell_quote(out, word);
}

int bj_wrap_bubblewrap(const struct bj_wrapping *wrapping, struct bj_buf *out, struct bj_error *err)
{
    const char *program = wrapping->wrap->program;
    const struct bj_bubblewrap_options options = {
        .program = program != NULL ? program : "bwrap",
        .home = wrapping->home,
        .new_session = true,
    };
    const char *const *argv = NULL;
    char **environment = NULL;
    struct bj_arena arena;
    int result;

    bj_arena_init(&arena, ARENA_MAX);
    result = bj_bubblewrap_argv(wrapping->config, wrapping->host, &options, &arena, &argv, err);
    if (result == 0)
        result = bj_wrap_environment(wrapping, &environment, err);
    if (result == 0) {
        put_word(out, "env");
        put_word(out, "-i");
        for (char **variable = environment; *variable != NULL; variable++)
            put_word(out, *variable);
        for (; *argv != NULL; argv++)
            put_word(out, *argv);
        bj_wrap_put_shell(wrapping, wrapping->shell, out);
    }
    bj_strv_free(environment);
    bj_arena_release(&arena);
    return result;
}
