/*
 * Finds out what a list of allowed programs comes to on this host: their files, interpreters,
 * loaders, libraries, and what the table of src/model/needs.def adds.
 */
#ifndef BJ_LINUX_PROGRAMS_H
#define BJ_LINUX_PROGRAMS_H

#include "base/error.h"
#include "model/config.h"
#include "model/host.h"
#include "model/programs.h"

/*
 * Who wrote the list. A client's names files alone, no directories, and is given up with BJ_E_LIMIT
 * after BJ_CLIENT_PROGRAM_LOOKS: whoever looks has others to serve.
 */
enum bj_programs_chooser { BJ_PROGRAMS_OF_OPERATOR, BJ_PROGRAMS_OF_CLIENT };

/*
 * For config->command_whitelist, which must not be empty. Names are looked up along the PATH of the
 * workload; those that are no program here (a shell's own words among them) are collected in
 * `ignored`. BJ_E_INVALID when none is one, BJ_E_DENIED when config->program is not among them.
 * Released by bj_arena_release(&ret->arena), also after a failure.
 */
int bj_programs_find(const struct bj_config *config, const struct bj_host *host,
                     enum bj_programs_chooser chooser, struct bj_programs *ret,
                     struct bj_error *err);

#endif
