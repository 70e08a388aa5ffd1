/* The table of what listed programs need. */
#include "model/programs.h"

const struct bj_need bj_needs[] = {
#define BJ_NEED(program, kind, what) {program, BJ_NEED_##kind, what},
#include "model/needs.def"
#undef BJ_NEED
    {0},
};

_Static_assert(sizeof bj_needs / sizeof *bj_needs <= BJ_NEEDS_MAX, "more rows than BJ_NEEDS_MAX");
