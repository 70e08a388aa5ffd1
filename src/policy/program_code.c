#include "policy/program_internal.h"
void bj_code_calls(struct reader *reader, const struct use *use, const struct bj_word *code)
{
    (void)reader;
    (void)use;
    (void)code;
}
