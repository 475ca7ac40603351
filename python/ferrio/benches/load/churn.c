/* Connection set-up: a fixed number of connections at once; each waits until the server closes it and is
 * then replaced. One count is one connection that the server accepted and closed. */
#define _GNU_SOURCE
#include "load.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { MAX_EVENTS = 64 };

static void replace(int poll, const struct target *target) {
    int fd = dial(target); /* blocking, but on loopback the kernel completes it without the server */
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    if (epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event)) die("epoll_ctl");
}

void run_churn(const struct options *options) {
    struct target target;
    target_parse(&target, options->target);
    int poll = epoll_create1(EPOLL_CLOEXEC);
    struct window window;
    window_init(&window, options);
    for (int i = 0; i < options->connections; i++) replace(poll, &target);
    struct epoll_event events[MAX_EVENTS];
    while (!window_over(&window)) {
        int ready = epoll_wait(poll, events, MAX_EVENTS, 2000);
        if (ready == 0) die("the server stopped closing connections");
        for (int i = 0; i < ready; i++) {
            char byte;
            if (recv(events[i].data.fd, &byte, 1, 0) != 0) die("the server did not simply close");
            close_hard(events[i].data.fd);
            window.count++;
            replace(poll, &target);
        }
    }
    window_print(&window, "");
}
