/*
 * What a run is called when it is judged: the tool Bash, with the directory, home and variables
 * that the command will see, as far as they are known before its sandbox exists.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "backend/environment.h"
#include "base/mem.h"
#include "base/str.h"
#include "engine/engine_internal.h"

/* As src/plan/tree.c places it. */
static bool find_directory(const struct bj_config *config, char *ret, size_t size)
{
    if (config->working_directory != NULL)
        return bj_str_copy(ret, size, config->working_directory);
    if (config->workspace == BJ_WORKSPACE_EMPTY)
        return bj_str_copy(ret, size, "/workspace");
    if (config->workspace_path != NULL)
        return bj_str_copy(ret, size, config->workspace_path);
    return getcwd(ret, size) != NULL && ret[0] == '/';
}

int bj_call_describe(const struct bj_engine_request *request, struct bj_call *ret,
                     struct bj_error *err)
{
    const struct bj_config *config = request->config;
    bool root = config->user == BJ_USER_ROOT;
    struct bj_environment_base base = {
        .user = root ? "root" : "user",
        .home = root ? "/root" : "/home/user",
        .own = config->environment,
        .terminal = request->terminal,
    };
    int result = 0;

    ret->environment = NULL;
    ret->request = (struct bj_request){
        .tool = "Bash",
        .command = request->command_text,
        .argv = request->command_text == NULL ? request->argv : NULL,
    };
    if (find_directory(config, ret->directory, sizeof ret->directory))
        ret->request.directory = ret->directory;
    if (request->environment != NULL) {
        ret->request.environment = request->environment;
        return 0;
    }
    /* Only there are home and variables the sandbox's own whatever the host is. */
    if (config->sandbox_type == BJ_SANDBOX_NATIVE && config->isolation == BJ_ISOLATION_NAMESPACES &&
        !config->allow_degraded) {
        result = bj_environment_build(&base, &ret->environment, err);
        ret->request.home = base.home;
        ret->request.environment = (const char *const *)ret->environment;
    }
    return result;
}

void bj_call_release(struct bj_call *call)
{
    bj_strv_free(call->environment);
    call->environment = NULL;
}
