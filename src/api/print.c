/* `belljar-serve print`: what is made of the table of routes, for documents and other programs. */
#include "api/route.h"

#include <stdio.h>

#include "base/limits.h"
#include "base/str.h"
#include "wire/value.h"

static void print_markdown(struct bj_buf *out)
{
    bj_routes_markdown(out);
}

static void print_openapi(struct bj_buf *out)
{
    json_t *document = bj_routes_openapi();

    bj_json_put_value(out, document, 2);
    bj_buf_puts(out, "\n");
    json_decref(document);
}

static const struct {
    const char *name;
    void (*print)(struct bj_buf *out);
} documents[] = {{"api.md", print_markdown}, {"openapi.json", print_openapi}};

int bj_routes_print(int argc, char **argv)
{
    struct bj_buf text;
    int status = bj_code_exit_status(BJ_E_NO_MEMORY);

    bj_buf_init(&text, BJ_RESPONSE_MAX);
    for (size_t i = 0; argc == 2 && i < sizeof documents / sizeof *documents; i++) {
        if (!bj_streq(argv[1], documents[i].name))
            continue;
        documents[i].print(&text);
        if (!text.failed && fwrite(text.data, 1, text.length, stdout) == text.length &&
            fflush(stdout) == 0)
            status = 0;
        else
            fprintf(stderr, "belljar-serve print: cannot write %s\n", argv[1]);
        bj_buf_release(&text);
        return status;
    }
    fprintf(stderr, "usage: belljar-serve print api.md|openapi.json\n");
    return bj_code_exit_status(BJ_E_INVALID);
}
