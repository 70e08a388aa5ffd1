/* The table of files that stay read-only in a workspace. */
#include "model/protected.h"

#include <stddef.h>

const struct bj_protected bj_protected_paths[] = {
    {".git", NULL, BJ_OPT_ALLOW_GIT_CONFIG}, /* a file: of a worktree or a submodule */
    {".git/hooks", ".git", BJ_OPT_ALLOW_GIT_CONFIG},
    {".git/config", ".git", BJ_OPT_ALLOW_GIT_CONFIG},
    {".git/config.worktree", ".git", BJ_OPT_ALLOW_GIT_CONFIG},
    {".git/commondir", ".git", BJ_OPT_ALLOW_GIT_CONFIG},
    {".git/info", ".git", BJ_OPT_ALLOW_GIT_CONFIG},
    {".git/modules", ".git", BJ_OPT_ALLOW_GIT_CONFIG},
    {".git/worktrees", ".git", BJ_OPT_ALLOW_GIT_CONFIG},
    {".gitmodules", NULL, BJ_OPT_ALLOW_GIT_CONFIG},
    {".gitconfig", NULL, BJ_OPT_ALLOW_GIT_CONFIG},
    {".husky", NULL, BJ_OPT_ALLOW_GIT_CONFIG},
    {".bashrc", NULL, BJ_OPT_ALLOW_SHELL_CONFIG},
    {".bash_profile", NULL, BJ_OPT_ALLOW_SHELL_CONFIG},
    {".bash_login", NULL, BJ_OPT_ALLOW_SHELL_CONFIG},
    {".profile", NULL, BJ_OPT_ALLOW_SHELL_CONFIG},
    {".zshrc", NULL, BJ_OPT_ALLOW_SHELL_CONFIG},
    {".zshenv", NULL, BJ_OPT_ALLOW_SHELL_CONFIG},
    {".zprofile", NULL, BJ_OPT_ALLOW_SHELL_CONFIG},
    {".envrc", NULL, BJ_OPT_ALLOW_SHELL_CONFIG},
    {".ssh", NULL, BJ_OPT_ALLOW_SHELL_CONFIG},
    {".ripgreprc", NULL, BJ_OPT_ALLOW_SHELL_CONFIG},
    {".vscode", NULL, BJ_OPT_ALLOW_EDITOR_CONFIG},
    {".idea", NULL, BJ_OPT_ALLOW_EDITOR_CONFIG},
    {".devcontainer", NULL, BJ_OPT_ALLOW_EDITOR_CONFIG},
    {".claude", NULL, BJ_OPT_ALLOW_EDITOR_CONFIG},
    {".cursor", NULL, BJ_OPT_ALLOW_EDITOR_CONFIG},
    {".mcp.json", NULL, BJ_OPT_ALLOW_EDITOR_CONFIG},
    {NULL, NULL, BJ_OPT_COUNT},
};

bool bj_protected_is_open(const struct bj_protected *row, const struct bj_config *config)
{
    switch (row->opens) {
    case BJ_OPT_ALLOW_GIT_CONFIG:
        return config->allow_git_config;
    case BJ_OPT_ALLOW_SHELL_CONFIG:
        return config->allow_shell_config;
    default:
        return config->allow_editor_config;
    }
}
