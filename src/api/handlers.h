/* The handlers of the table of routes, by file; this folder's own. */
#ifndef BJ_API_HANDLERS_H
#define BJ_API_HANDLERS_H

#include "api/route.h"
#include "service/service.h"

/* root.c */
void bj_get_root(struct bj_exchange *exchange, struct bj_service *service);
void bj_get_health(struct bj_exchange *exchange, struct bj_service *service);
void bj_get_alive(struct bj_exchange *exchange, struct bj_service *service);
void bj_get_ready(struct bj_exchange *exchange, struct bj_service *service);
void bj_get_openapi(struct bj_exchange *exchange, struct bj_service *service);

/* seed.c */
void bj_post_execute(struct bj_exchange *exchange, struct bj_service *service);
void bj_post_search(struct bj_exchange *exchange, struct bj_service *service);
void bj_post_file_read(struct bj_exchange *exchange, struct bj_service *service);
void bj_post_file_write(struct bj_exchange *exchange, struct bj_service *service);

/* run.c */
void bj_post_bash(struct bj_exchange *exchange, struct bj_service *service);
void bj_post_run(struct bj_exchange *exchange, struct bj_service *service);
void bj_post_shell_run(struct bj_exchange *exchange, struct bj_service *service);

/* records.c */
void bj_get_records(struct bj_exchange *exchange, struct bj_service *service);
void bj_get_record_stats(struct bj_exchange *exchange, struct bj_service *service);
void bj_get_audit_logs(struct bj_exchange *exchange, struct bj_service *service);
void bj_get_stats(struct bj_exchange *exchange, struct bj_service *service);
void bj_get_presets(struct bj_exchange *exchange, struct bj_service *service);
void bj_get_whoami(struct bj_exchange *exchange, struct bj_service *service);

/* sandboxes.c */
void bj_post_sandbox(struct bj_exchange *exchange, struct bj_service *service);
void bj_get_sandboxes(struct bj_exchange *exchange, struct bj_service *service);
void bj_get_sandbox(struct bj_exchange *exchange, struct bj_service *service);
void bj_patch_sandbox(struct bj_exchange *exchange, struct bj_service *service);
void bj_post_pause(struct bj_exchange *exchange, struct bj_service *service);
void bj_post_resume(struct bj_exchange *exchange, struct bj_service *service);
void bj_delete_sandbox(struct bj_exchange *exchange, struct bj_service *service);
void bj_get_sandbox_metrics(struct bj_exchange *exchange, struct bj_service *service);

/* processes.c */
void bj_post_process(struct bj_exchange *exchange, struct bj_service *service);
void bj_get_processes(struct bj_exchange *exchange, struct bj_service *service);
void bj_get_process(struct bj_exchange *exchange, struct bj_service *service);
void bj_post_process_signal(struct bj_exchange *exchange, struct bj_service *service);
void bj_post_process_stdin(struct bj_exchange *exchange, struct bj_service *service);
void bj_post_process_resize(struct bj_exchange *exchange, struct bj_service *service);

/* output.c */
void bj_get_process_output(struct bj_exchange *exchange, struct bj_service *service);

/* attach.c */
void bj_get_process_attach(struct bj_exchange *exchange, struct bj_service *service);

/* content.c */
void bj_get_content(struct bj_exchange *exchange, struct bj_service *service);
void bj_put_content(struct bj_exchange *exchange, struct bj_service *service);
void bj_get_archive(struct bj_exchange *exchange, struct bj_service *service);
void bj_put_archive(struct bj_exchange *exchange, struct bj_service *service);

/* files.c */
void bj_get_files(struct bj_exchange *exchange, struct bj_service *service);
void bj_get_file(struct bj_exchange *exchange, struct bj_service *service);
void bj_get_files_glob(struct bj_exchange *exchange, struct bj_service *service);
void bj_get_files_search(struct bj_exchange *exchange, struct bj_service *service);
void bj_post_directory(struct bj_exchange *exchange, struct bj_service *service);
void bj_post_file_move(struct bj_exchange *exchange, struct bj_service *service);
void bj_delete_file(struct bj_exchange *exchange, struct bj_service *service);
void bj_post_file_mode(struct bj_exchange *exchange, struct bj_service *service);
void bj_post_file_edit(struct bj_exchange *exchange, struct bj_service *service);

/* wait.c */
void bj_get_process_wait(struct bj_exchange *exchange, struct bj_service *service);

/* watch.c */
void bj_get_watch(struct bj_exchange *exchange, struct bj_service *service);

/* shells.c */
void bj_post_shell(struct bj_exchange *exchange, struct bj_service *service);
void bj_get_shells(struct bj_exchange *exchange, struct bj_service *service);
void bj_get_shell(struct bj_exchange *exchange, struct bj_service *service);
void bj_delete_shell(struct bj_exchange *exchange, struct bj_service *service);

/* events.c */
void bj_get_events(struct bj_exchange *exchange, struct bj_service *service);

/* metrics.c */
void bj_get_metrics(struct bj_exchange *exchange, struct bj_service *service);

/* ports.c */
void bj_any_port(struct bj_exchange *exchange, struct bj_service *service);
void bj_get_port(struct bj_exchange *exchange, struct bj_service *service);

#endif
