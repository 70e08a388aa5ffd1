/*
 * The heap. malloc and free are called here and nowhere else, so that a test can make any
 * allocation fail. All return NULL when memory is exhausted.
 */
#ifndef BJ_BASE_MEM_H
#define BJ_BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>

void *bj_alloc(size_t size);                                  /* zeroed */
void *bj_realloc_array(void *old, size_t count, size_t size); /* NULL also on overflow */
char *bj_strdup(const char *text);
char *bj_strndup(const char *text, size_t length);
void bj_free(void *memory);

/* Frees a NULL-terminated array of strings and the strings. */
void bj_strv_free(char **strings);

/* Copies such an array; NULL for NULL or an empty one. False without memory, *ret then NULL. */
bool bj_strv_copy(char *const *strings, char ***ret);

static inline void bj_cleanup_free_fn(void *pointer)
{
    void **slot = (void **)pointer;
    bj_free(*slot);
}
#define BJ_CLEANUP_FREE __attribute__((cleanup(bj_cleanup_free_fn)))

/*
 * Zeroed memory of whole pages that a child made by fork(2) or the like does not get, such as init;
 * NULL if there is none. Freeing wipes it.
 */
void *bj_secret_alloc(size_t size);
void bj_secret_free(void *memory, size_t size);

#endif
