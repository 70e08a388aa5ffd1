/*
 * belljar-launcher: starts sandboxes for the process that executed it, over the socket that it
 * inherited as descriptor 3. Not for people.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "backend/launch.h"
#include "backend/launcher.h"
#include "linux/process.h"

#define SOCKET_FD 3

int main(int argc, char **argv)
{
    if (argc != 2 || fcntl(SOCKET_FD, F_SETFD, FD_CLOEXEC) < 0) {
        fprintf(stderr, "belljar-launcher is started by the belljar library, not by hand\n");
        return 125;
    }
    bj_process_close_from(SOCKET_FD + 1);
    return bj_launcher_main(SOCKET_FD, (unsigned)strtoul(argv[1], NULL, 10));
}
