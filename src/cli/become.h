/* Turning into another of the project's programs. */
#ifndef BJ_CLI_BECOME_H
#define BJ_CLI_BECOME_H

/*
 * Becomes the program of that name, which lies beside this one or in ../libexec/belljar, with these
 * arguments. Returns only on failure: what there is to say of it is in errno.
 */
void bj_become(const char *name, char **argv);

#endif
