/*
 * Fuzzes the readers of executable files and of the dynamic loader's cache. Beside memory errors it
 * looks for names that do not end within what was kept.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "linux/elf.h"
#include "linux/libraries.h"

static void expect(int truth)
{
    if (!truth)
        abort();
}

static void fuzz_image(const uint8_t *data, size_t size)
{
    static struct bj_image image;
    static int fd = -1;

    if (fd < 0)
        fd = memfd_create("image", MFD_CLOEXEC);
    if (fd < 0 || ftruncate(fd, 0) < 0 || pwrite(fd, data, size, 0) != (ssize_t)size)
        return;
    if (!bj_image_read(fd, &image))
        return;
    expect(image.text_length > 0 && image.text_length <= sizeof image.text);
    expect(image.text[0] == '\0' && image.text[image.text_length - 1] == '\0');
    expect(image.loader < image.text_length && image.search < image.text_length);
    expect(image.line < image.text_length && image.needed_count <= BJ_ELF_NEEDED_MAX);
    for (int i = 0; i < image.needed_count; i++)
        expect(image.needed[i] < image.text_length);
}

static void fuzz_cache(const uint8_t *data, size_t size)
{
    struct bj_library_cache cache;
    uint32_t index = 0;
    const char *path;
    char *copy = bj_alloc(size + 1);

    if (copy == NULL)
        return;
    memcpy(copy, data, size);
    bj_library_cache_take(&cache, copy, size);
    while ((path = bj_library_cache_next(&cache, "libc.so.6", &index)) != NULL)
        expect(path + strlen(path) < cache.data + cache.length);
    bj_library_cache_release(&cache);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_image(data, size);
    fuzz_cache(data, size);
    return 0;
}
