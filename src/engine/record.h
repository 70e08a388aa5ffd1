/* The audit database of a configuration: opened where the workload cannot reach it. */
#ifndef BJ_ENGINE_RECORD_H
#define BJ_ENGINE_RECORD_H

#include "audit/audit.h"
#include "base/error.h"
#include "base/log.h"
#include "model/config.h"
#include "model/result.h"

/*
 * Opens it for writing. BJ_E_INVALID when the database lies in the workspace or a volume of the
 * same configuration, where the workload could change or read it. The mask is borrowed until it is
 * closed.
 */
int bj_record_open(const struct bj_config *config, const struct bj_mask *mask,
                   struct bj_audit **ret, struct bj_error *err);

/* Writes down what became of a call. `failure` is NULL unless it could not be run. */
int bj_record_outcome(struct bj_audit *audit, int64_t number, const struct bj_result *result,
                      const struct bj_error *failure, struct bj_error *err);

/* Retention and upkeep, when they are due, of which failures are logged; closes. NULL is fine. */
void bj_record_close(struct bj_audit *audit, const struct bj_config *config,
                     const struct bj_log *log);

#endif
