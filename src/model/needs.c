/* The table of what listed programs need. */
#include "model/programs.h"

const struct bj_need bj_needs[] = {
#define BJ_NEED(program, kind, what) {program, BJ_NEED_##kind, what},
#include "model/needs.def"
#undef BJ_NEED
    {0},
};
