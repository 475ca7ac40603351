/* Idle connections: every line on standard input is a number, the total to have open from then on.
 * Asked in steps, so that the server accepts one step before the next and no backlog overflows
 * (an overflow would cost a one-second retransmission). End of input ends it. */
#include "load.h"

#include <stdio.h>
#include <stdlib.h>

void run_hold(const struct options *options) {
    struct target target;
    target_parse(&target, options->target);
    int *held = calloc((size_t)options->connections, sizeof *held);
    if (!held) die("malloc");
    int open = 0;
    char line[32];
    while (fgets(line, sizeof line, stdin)) {
        int total = atoi(line);
        if (total > options->connections) die("asked to hold more than was announced");
        while (open < total) held[open++] = dial(&target);
    }
    while (open > 0) close_hard(held[--open]);
}
