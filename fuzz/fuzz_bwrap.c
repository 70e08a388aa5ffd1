/*
 * Fuzzes the command line of bubblewrap: words with a NUL after each, as --args has them too, whose
 * content is the rest of the input after an empty word. Beside memory errors it looks for broken
 * promises: a refusal without a message, a step without an absolute target, a command without an
 * end, a mode with set-id bits, a capability that reaches the kernel.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/bwrap_options.h"

#define WORDS_MAX 2048
#define GRANTABLE                                                                                  \
    0x800005fbull /* chown to setpcap but dac_read_search, net_bind_service, setfcap */

static const char *content;
static size_t content_length;

static int read_content(int fd, struct bj_buf *out)
{
    (void)fd;
    bj_buf_append(out, content, content_length);
    return 0;
}

static bool path_of(int fd, char *ret, size_t size)
{
    return fd == 3 && size > 2 && memcpy(ret, "/x", 3) != NULL;
}

static void expect(bool holds)
{
    if (!holds)
        abort();
}

static void check(const struct bj_bwrap *bwrap)
{
    const struct bj_layout *layout = &bwrap->layout;
    size_t i = 0;

    if (bwrap->help || bwrap->version)
        return;
    expect(layout->step_count <= BJ_LAYOUT_STEPS_MAX && layout->filter_count <= BJ_FILTERS_MAX);
    for (i = 0; i < layout->step_count; i++) {
        const struct bj_step *step = &layout->steps[i];

        expect(step->kind < BJ_STEP_KIND_COUNT && step->target[0] == '/' && step->mode <= 01777);
        expect(strstr(step->target, "//") == NULL);
        expect(step->kind != BJ_STEP_BIND || step->source != NULL);
        expect((step->kind != BJ_STEP_FILE && step->kind != BJ_STEP_DATA) || step->fd >= 0);
    }
    expect((layout->capabilities & ~GRANTABLE) == 0);
    expect(bwrap->command != NULL && bwrap->command[0] != NULL);
    for (i = 0; bwrap->environment[i] != NULL; i++)
        expect(strchr(bwrap->environment[i], '=') != NULL);
    expect(layout->keep_directory || layout->directory != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char *const environment[] = {(char *)"HOME=/h", (char *)"PATH=/bin", NULL};
    const struct bj_bwrap_caller caller = {
        .environment = environment, .read_all = read_content, .path_of = path_of};
    static char *words[WORDS_MAX + 1] = {(char *)"bwrap"};
    static struct bj_bwrap bwrap;
    struct bj_error err = {0};
    char *text = bj_alloc(size + 1);
    int count = 1, result;
    size_t at = 0;

    if (text == NULL)
        return 0;
    memcpy(text, data, size);
    while (at < size && text[at] != '\0' && count < WORDS_MAX) {
        words[count++] = text + at;
        at += strlen(text + at) + 1;
    }
    words[count] = NULL;
    content = at < size ? text + at + 1 : "";
    content_length = at < size ? size - at - 1 : 0;
    result = bj_bwrap_parse(count, words, &caller, &bwrap, &err);
    if (result == 0)
        check(&bwrap);
    else
        expect(err.code == -result && err.message[0] != '\0');
    bj_bwrap_release(&bwrap);
    bj_free(text);
    return 0;
}
