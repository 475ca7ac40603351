/* Round trips: every connection has exactly one message under way, TCP, Unix or UDP alike.
 * The first reply of every connection is compared byte by byte; later ones are only counted.
 * A datagram that got lost is sent again after 100 ms without any event. */
#define _GNU_SOURCE
#include "load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { MAX_EVENTS = 256, MAX_SAMPLES = 1 << 21, SCRATCH = 1 << 20 };

struct connection {
    int fd;
    size_t sent, got, expected;
    char head[HEAD + 1]; /* of the first reply, if that is HTTP's */
    bool verified, wants_write;
    double asked;
};

struct echo {
    const struct options *options;
    int poll;
    bool datagram;
    struct exchange exchange;
    char *scratch;
    float *samples;
    size_t sampled;
    struct connection *connections;
    struct window window;
};

static void watch(struct echo *echo, struct connection *connection, int operation, bool write) {
    struct epoll_event event = {.events = EPOLLIN | (write ? EPOLLOUT : 0), .data.ptr = connection};
    if (epoll_ctl(echo->poll, operation, connection->fd, &event)) die("epoll_ctl");
    connection->wants_write = write;
}

static void push(struct echo *echo, struct connection *connection) {
    size_t size = echo->exchange.request.size;
    const char *request = echo->exchange.request.start;
    while (connection->sent < size) {
        ssize_t n = send(connection->fd, request + connection->sent, size - connection->sent, MSG_DONTWAIT);
        if (n < 0 && errno == EAGAIN) break;
        if (n < 0) die("send");
        connection->sent += (size_t)n;
    }
    bool write = connection->sent < size;
    if (write != connection->wants_write) watch(echo, connection, EPOLL_CTL_MOD, write);
}

static void ask(struct echo *echo, struct connection *connection) {
    connection->sent = connection->got = 0;
    connection->asked = now();
    push(echo, connection);
}

static void complete(struct echo *echo, struct connection *connection) {
    connection->verified = true;
    if (window_is_open(&echo->window)) {
        echo->window.count++;
        if (echo->sampled < MAX_SAMPLES) echo->samples[echo->sampled++] = (float)(now() - connection->asked);
    }
    ask(echo, connection);
}

/* The first reply of a connection: what it should be, or how long it says that it is. */
static void verify(struct echo *echo, struct connection *connection, size_t size) {
    const struct bytes *reply = &echo->exchange.reply;
    if (reply->size) {
        if (memcmp(echo->scratch, reply->start + connection->got, size)) die("the echo differs from what was sent");
    } else if (connection->expected == SIZE_MAX) {
        if (connection->got + size > HEAD) die("an HTTP answer that begins with more than 1 KiB");
        memcpy(connection->head + connection->got, echo->scratch, size);
        size_t length = exchange_length(connection->head);
        connection->expected = length ? length : SIZE_MAX;
    }
}

/* At most one message is under way, so what arrives is a part of its reply, whatever the pieces. */
static void pull(struct echo *echo, struct connection *connection) {
    ssize_t n = recv(connection->fd, echo->scratch, SCRATCH, MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) die("the server closed an echo connection");
    if (echo->datagram && (size_t)n != echo->options->size) die("a datagram of another size came back");
    if (connection->got + (size_t)n > connection->expected) die("more came back than was asked for");
    if (!connection->verified) verify(echo, connection, (size_t)n);
    connection->got += (size_t)n;
    if (connection->got == connection->expected) complete(echo, connection);
}

static void start(struct echo *echo) {
    struct target target;
    target_parse(&target, echo->options->target);
    echo->datagram = target.type == SOCK_DGRAM;
    echo->poll = epoll_create1(EPOLL_CLOEXEC);
    for (int i = 0; i < echo->options->connections; i++) {
        struct connection *connection = &echo->connections[i];
        connection->fd = dial(&target);
        connection->expected = echo->exchange.reply.size ? echo->exchange.reply.size : SIZE_MAX;
        exchange_open(&echo->exchange, connection->fd);
        set_nonblocking(connection->fd);
        watch(echo, connection, EPOLL_CTL_ADD, false);
    }
    window_init(&echo->window, echo->options);
    for (int i = 0; i < echo->options->connections; i++) ask(echo, &echo->connections[i]);
}

static void run(struct echo *echo) {
    struct epoll_event events[MAX_EVENTS];
    double heard = now();
    while (!window_over(&echo->window)) {
        int ready = epoll_wait(echo->poll, events, MAX_EVENTS, 100);
        for (int i = 0; i < ready; i++) {
            struct connection *connection = events[i].data.ptr;
            if (events[i].events & EPOLLOUT) push(echo, connection);
            if (events[i].events & ~(uint32_t)EPOLLOUT) pull(echo, connection);
        }
        if (ready > 0) heard = now();
        if (now() - heard > 5) die("the server stopped answering");
        if (ready == 0 && echo->datagram)
            for (int i = 0; i < echo->options->connections; i++) ask(echo, &echo->connections[i]);
    }
}

static int by_value(const void *left, const void *right) {
    float a = *(const float *)left, b = *(const float *)right;
    return (a > b) - (a < b);
}

void run_echo(const struct options *options) {
    struct echo echo = {.options = options};
    echo.exchange = exchange_of(options->form, options->size);
    echo.scratch = malloc(SCRATCH);
    echo.samples = malloc(MAX_SAMPLES * sizeof *echo.samples);
    echo.connections = calloc((size_t)options->connections, sizeof *echo.connections);
    if (!echo.scratch || !echo.samples || !echo.connections) die("malloc");
    start(&echo);
    run(&echo);
    char extra[128] = "";
    if (echo.sampled) {
        qsort(echo.samples, echo.sampled, sizeof *echo.samples, by_value);
        snprintf(extra, sizeof extra, ", \"p50_us\": %.2f, \"p99_us\": %.2f", echo.samples[echo.sampled / 2] * 1e6,
                 echo.samples[echo.sampled * 99 / 100] * 1e6);
    }
    window_print(&echo.window, extra);
    for (int i = 0; i < options->connections; i++) close_hard(echo.connections[i].fd);
}
