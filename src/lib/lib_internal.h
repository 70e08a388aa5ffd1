/* What the files of the C library share. */
#ifndef BJ_LIB_INTERNAL_H
#define BJ_LIB_INTERNAL_H

struct bj_runner;
struct bj_launcher;

/* The launcher behind a runner; NULL for no runner. */
struct bj_launcher *bj_runner_launcher(struct bj_runner *runner);

#endif
