/* Reads the options, bounds the process (parent, time), runs one mode. Knows no mode's inside. */
#define _GNU_SOURCE
#include "load.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

static const struct {
    const char *name;
    void (*run)(const struct options *);
} MODES[] = {
    {"echo", run_echo}, {"source", run_source}, {"sink", run_sink}, {"hold", run_hold}, {"churn", run_churn},
};

/* No mode is ever asked for more than a few seconds: past this the client is lost and must go. */
static const unsigned HARD_LIMIT_SECONDS = 90;

static void parse(struct options *options, int argc, char **argv) {
    for (int i = 2; i < argc; i++) {
        char *value = strchr(argv[i], '=');
        if (!value) die("an argument without '='");
        *value++ = '\0';
        const char *key = argv[i];
        if (!strcmp(key, "to")) options->target = value;
        else if (!strcmp(key, "connections")) options->connections = atoi(value);
        else if (!strcmp(key, "size")) options->size = (size_t)atol(value);
        else if (!strcmp(key, "form")) options->form = value;
        else if (!strcmp(key, "warmup")) options->warmup = atof(value);
        else if (!strcmp(key, "seconds")) options->seconds = atof(value);
        else if (!strcmp(key, "server")) options->server = (pid_t)atoi(value);
        else if (!strcmp(key, "parent")) options->parent = (pid_t)atoi(value);
        else if (!strcmp(key, "cpu")) options->cpu = atoi(value);
        else die("an unknown option");
    }
}

static void bound_process(const struct options *options) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != options->parent) die("the parent is not who was announced: already gone?");
    alarm(HARD_LIMIT_SECONDS);
    signal(SIGPIPE, SIG_IGN);
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    if (options->cpu >= 0) {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET(options->cpu, &set);
        if (sched_setaffinity(0, sizeof set, &set)) die("sched_setaffinity");
    }
}

int main(int argc, char **argv) {
    struct options options = {.connections = 1, .size = 1024, .form = "bytes", .seconds = 0.5, .cpu = -1};
    if (argc < 2) die("usage: load MODE to=TARGET server=PID parent=PID [key=value...]");
    options.mode = argv[1];
    parse(&options, argc, argv);
    bound_process(&options);
    for (size_t i = 0; i < sizeof MODES / sizeof *MODES; i++) {
        if (!strcmp(MODES[i].name, options.mode)) {
            MODES[i].run(&options);
            return 0;
        }
    }
    die("an unknown mode");
}
