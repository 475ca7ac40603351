/* One connection, one direction, as fast as it goes: `source` sends to the server, `sink` reads from it.
 * Blocking calls of 256 KiB; a peer that stalls for five seconds (the socket's time-out) ends the run. `sink` fixes its
 * receive buffer: how far the kernel lets it grow differs from run to run, and decides more than the server does. */
#include "load.h"

#include <stdlib.h>
#include <string.h>

enum { PIECE = 256 * 1024, RECEIVE_BUFFER = 256 * 1024 };

static void run_bulk(const struct options *options, bool sending) {
    struct target target;
    target_parse(&target, options->target);
    int fd = dial(&target);
    int size = RECEIVE_BUFFER;
    if (!sending && setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size) != 0) die("setsockopt");
    char *piece = malloc(PIECE);
    if (!piece) die("malloc");
    memset(piece, 'x', PIECE);
    struct window window;
    window_init(&window, options);
    while (!window_over(&window)) {
        ssize_t n = sending ? send(fd, piece, PIECE, 0) : recv(fd, piece, PIECE, 0);
        if (n <= 0) die("the bulk transfer broke off");
        window.count += (uint64_t)n;
    }
    window_print(&window, "");
    close_hard(fd);
}

void run_source(const struct options *options) { run_bulk(options, true); }

void run_sink(const struct options *options) { run_bulk(options, false); }
