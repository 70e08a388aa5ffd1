/* The heap, with a place to make it fail. */
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/fault.h"

void *bj_alloc(size_t size)
{
    return BJ_SYS_PTR(calloc(1, size > 0 ? size : 1));
}

void *bj_realloc_array(void *old, size_t count, size_t size)
{
    size_t bytes;

    if (__builtin_mul_overflow(count, size, &bytes))
        return NULL;
    return BJ_SYS_PTR(realloc(old, bytes > 0 ? bytes : 1));
}

char *bj_strndup(const char *text, size_t length)
{
    char *copy = bj_alloc(length + 1);

    if (copy != NULL)
        memcpy(copy, text, length);
    return copy;
}

char *bj_strdup(const char *text)
{
    return bj_strndup(text, strlen(text));
}

void bj_free(void *memory)
{
    free(memory);
}

void bj_strv_free(char **strings)
{
    if (strings == NULL)
        return;
    for (size_t i = 0; strings[i] != NULL; i++)
        bj_free(strings[i]);
    bj_free(strings);
}

bool bj_strv_copy(char *const *strings, char ***ret)
{
    size_t count = 0;
    char **copy;

    *ret = NULL;
    while (strings != NULL && strings[count] != NULL)
        count++;
    if (count == 0)
        return true;
    copy = bj_alloc((count + 1) * sizeof *copy);
    for (size_t i = 0; copy != NULL && i < count; i++) {
        copy[i] = bj_strdup(strings[i]);
        if (copy[i] == NULL) {
            bj_strv_free(copy);
            return false;
        }
    }
    *ret = copy;
    return copy != NULL;
}

void *bj_secret_alloc(size_t size)
{
    void *memory =
        BJ_SYS_PTR(mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));

    if (memory == NULL || memory == MAP_FAILED)
        return NULL;
    if (madvise(memory, size, MADV_DONTFORK) == 0)
        return memory;
    munmap(memory, size);
    return NULL;
}

void bj_secret_free(void *memory, size_t size)
{
    if (memory == NULL)
        return;
    explicit_bzero(memory, size);
    munmap(memory, size);
}
