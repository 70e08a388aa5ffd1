/*
 * The program: finds the command and calls it. The array of commands is cli/commands.def.
 */
#include <stdio.h>
#include <string.h>

#include "backend/launch.h"
#include "base/str.h"
#ifdef BJ_SMALL_PROGRAM
#include "bin/handover.h"
#endif
#include "cli/cli.h"
#include "model/options.h"

#define EXIT_FAILED 125

static const struct command {
    const char *name;
    int (*function)(int argc, char **argv);
    const char *help;
} commands[] = {
#define BJ_COMMAND(name, function, help) {name, function, help},
#include "cli/commands.def"
#undef BJ_COMMAND
};
#define COMMAND_COUNT (sizeof commands / sizeof *commands)

static void print_usage(FILE *out)
{
    fprintf(out, "usage: belljar COMMAND [options]\n\n"
                 "Runs the tools of an AI agent in a sandbox that the kernel enforces.\n\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        fprintf(out, "  %-12s %s\n", commands[i].name, commands[i].help);
    fprintf(out, "\nbelljar COMMAND --help says more; so do belljar(1) and belljar-run(1).\n");
}

/* What others call it. */
static const struct {
    const char *name, *here;
} words[] = {{"delete", "rm"},      {"inspect", "ps --json"}, {"keys", "serve keys"},
             {"list", "ps"},        {"start", "create"},      {"stop", "rm"},
             {"top", "ps SANDBOX"}, {"unpause", "resume"}};

static int unknown(const char *name)
{
    const char *names[COMMAND_COUNT + 1], *nearest;

    for (size_t i = 0; i < COMMAND_COUNT; i++)
        names[i] = commands[i].name;
    names[COMMAND_COUNT] = NULL;
    nearest = bj_choice_nearest(names, name);
    fprintf(stderr, "belljar: %s is not a command", name);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (bj_streq(name, words[i].name))
            nearest = words[i].here;
    }
    if (*name == '-')
        fprintf(stderr, "; options stand behind the command");
    else if (nearest != NULL)
        fprintf(stderr, "; did you mean belljar %s?", nearest);
    fprintf(stderr, "\nbelljar --help lists the commands\n");
    return EXIT_FAILED;
}

/* The strings of argv and the environment lie behind each other: init overwrites them all. */
static void find_caller_memory(int argc, char **argv, char **envp)
{
    char *end = argv[argc - 1] + strlen(argv[argc - 1]) + 1;

    for (size_t i = 0; envp[i] != NULL; i++) {
        if (envp[i] == end)
            end = envp[i] + strlen(envp[i]) + 1;
    }
    bj_launch_set_wipe(argv[0], (size_t)(end - argv[0]));
}

/* By a link of that name. */
static bool is_called(const char *argv0, const char *name)
{
    const char *slash = strrchr(argv0, '/');

    return bj_streq(slash != NULL ? slash + 1 : argv0, name);
}

int main(int argc, char **argv, char **envp)
{
    if (argc < 1)
        return EXIT_FAILED;
    find_caller_memory(argc, argv, envp);
#ifdef BJ_SMALL_PROGRAM
    bj_handover_init(argv);
#endif
    if (is_called(argv[0], "bwrap"))
        return bj_cli_bwrap(argc, argv);
    if (argc < 2) {
        print_usage(stderr);
        return EXIT_FAILED;
    }
    if (bj_streq(argv[1], "help") && argc == 3) { /* help COMMAND is COMMAND --help */
        argv[1] = argv[2];
        argv[2] = (char *)"--help";
    }
    if (bj_streq(argv[1], "--help") || bj_streq(argv[1], "-h") || bj_streq(argv[1], "help")) {
        print_usage(stdout);
        return 0;
    }
    if (bj_streq(argv[1], "--version"))
        return bj_cli_version(1, argv);
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (bj_streq(argv[1], commands[i].name))
            return commands[i].function(argc - 1, argv + 1);
    }
    return unknown(argv[1]);
}
