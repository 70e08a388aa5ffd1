/*
 * Fuzzes the configuration loader and the reader of environment files with the same bytes. Beside
 * memory errors it looks for two broken promises: a refusal without a message, and a configuration
 * that loads but is refused once written and read again.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "model/config.h"
#include "model/env_file.h"

static void load_again(const char *text)
{
    struct bj_config config;

    if (bj_config_init(&config, NULL) < 0 ||
        bj_config_load_json(&config, text, strlen(text), "/base", NULL) < 0 ||
        bj_config_settle(&config, NULL, NULL) < 0)
        abort();
    bj_config_release(&config);
}

static void fuzz_json(const uint8_t *data, size_t size)
{
    struct bj_config config;
    struct bj_warnings warnings = {0};
    struct bj_error err = {0};
    struct bj_buf text;
    int result;

    bj_buf_init(&text, 8 << 20);
    if (bj_config_init(&config, &err) < 0)
        abort();
    result = bj_config_load_json(&config, (const char *)data, size, "/base", &err);
    if (result == 0)
        result = bj_config_settle(&config, &warnings, &err);
    if (result == 0)
        result = bj_config_to_json(&config, &text, &err);
    if (result == 0)
        load_again(bj_buf_text(&text));
    else if (err.message[0] == '\0' || err.code != -result)
        abort();
    bj_buf_release(&text);
    bj_config_release(&config);
}

static void fuzz_env_file(const uint8_t *data, size_t size)
{
    struct bj_env_reader reader;
    struct bj_env_entry entry = {0};
    struct bj_error err;
    char *text = bj_alloc(size + 1);

    if (text == NULL)
        return;
    if (size > 0)
        memcpy(text, data, size);
    bj_env_reader_init(&reader, text, size);
    do {
        size_t before = reader.at;

        if (bj_env_reader_next(&reader, &entry, &err) < 0)
            entry.name = text;
        if (entry.name != NULL && reader.at == before)
            abort(); /* it must make progress */
    } while (entry.name != NULL);
    bj_free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_json(data, size);
    fuzz_env_file(data, size);
    return 0;
}
