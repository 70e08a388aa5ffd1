/*
 * What a workspace with a file system of its own costs: the time to format one, to mount a copy and
 * to let go of it, and the kernel's memory for each. As root: bench-workspace DIRECTORY [COUNT]
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "linux/image.h"

#define MIB ((int64_t)1 << 20)

/* Kernel memory that cannot be had back, in KiB. */
static long unreclaimable(void)
{
    FILE *file = fopen("/proc/meminfo", "r");
    char line[128];
    long value = 0;

    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, "SUnreclaim:", 11) == 0)
            value = strtol(line + 11, NULL, 10);
    }
    if (file != NULL)
        fclose(file);
    return value;
}

int main(int argc, char **argv)
{
    int directory_fd = argc > 1 ? open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    int count = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 200, template_fd;
    int *mounts = bj_alloc((size_t)count * sizeof *mounts);
    struct bj_error err = {0};
    int64_t began = bj_clock_us(), formatted, mounted;
    long before, after;

    if (directory_fd < 0 || mounts == NULL ||
        bj_image_format(1024 * MIB, 65536, &template_fd, &err) < 0) {
        fprintf(stderr, "bench-workspace DIRECTORY [COUNT]: %s\n", err.message);
        return 1;
    }
    formatted = bj_clock_us();
    before = unreclaimable();
    for (int i = 0; i < count; i++) {
        if (bj_image_mount(directory_fd, template_fd, &mounts[i], &err) < 0) {
            fprintf(stderr, "%s\n", err.message);
            return 1;
        }
    }
    mounted = bj_clock_us();
    after = unreclaimable();
    for (int i = 0; i < count; i++)
        close(mounts[i]);
    printf("format %.1f ms, mount %.1f ms, let go %.1f ms, %.0f KiB each of %d\n",
           (double)(formatted - began) / 1e3, (double)(mounted - formatted) / 1e3 / count,
           (double)(bj_clock_us() - mounted) / 1e3 / count, (double)(after - before) / count,
           count);
    bj_free(mounts);
    return 0;
}
