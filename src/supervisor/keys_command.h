/* `belljar serve keys`: add, list and remove keys of a service. */
#ifndef BJ_SUPERVISOR_KEYS_COMMAND_H
#define BJ_SUPERVISOR_KEYS_COMMAND_H

/* argv[0] is "keys". Returns the exit status. */
int bj_keys_command(int argc, char **argv);

#endif
