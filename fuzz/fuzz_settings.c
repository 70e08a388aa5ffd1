/*
 * Fuzzes the loader of sandbox settings, and with what it loaded the patterns of violations. Beside
 * memory errors it looks for broken promises: a refusal without a message, and a pattern that lets
 * a path through by its dots.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "policy/settings.h"

/* Each pattern is tried as a path and an endpoint too: they are the likely near misses. */
static void ask(const struct bj_settings *settings, char *const *list)
{
    for (; list != NULL && *list != NULL; list++) {
        bj_settings_ignores_file(settings, *list);
        bj_settings_ignores_network(settings, *list);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bj_settings settings;
    struct bj_warnings warnings = {0};
    struct bj_error err = {0};
    int result;

    bj_settings_init(&settings);
    result = bj_settings_load_json(&settings, (const char *)data, size, &warnings, &err);
    if (result < 0 && (err.message[0] == '\0' || err.code != -result))
        abort();
    ask(&settings, settings.ignore_file_violations);
    ask(&settings, settings.ignore_network_violations);
    ask(&settings, settings.excluded_commands);
    if (bj_settings_ignores_file(&settings, "/x/../y") !=
            bj_settings_ignores_file(&settings, "/y") ||
        bj_settings_ignores_file(&settings, "../y"))
        abort();
    bj_settings_release(&settings);
    return 0;
}
