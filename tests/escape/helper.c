/*
 * Says who it became: effective user and effective capabilities. The driver gives it a set-id mode
 * or file capabilities. With an argument it tries for an inotify instance instead.
 */
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    (void)argv;
    if (argc > 1) {
        return inotify_init1(IN_CLOEXEC) < 0;
    }
    char line[256], capabilities[32] = "0";
    FILE *file = fopen("/proc/self/status", "re");
    while (file && fgets(line, sizeof(line), file)) {
        if (strncmp(line, "CapEff:", 7) == 0) {
            line[strcspn(line, "\n")] = '\0';
            snprintf(capabilities, sizeof(capabilities), "%.20s", line + 8);
        }
    }
    printf("%u %s\n", geteuid(), capabilities);
    return 0;
}
