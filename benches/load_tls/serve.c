/* The bare server of the TLS rows: what OpenSSL and one epoll set allow, with nothing of an event loop and no interpreter.
 *
 * The least program that answers the load: of an echo OpenSSL reads and writes the socket itself, one read and one write a
 * turn, and keeps its buffers; of bulk data sixteen records are received or sent at a time. Level-triggered; prints where it listens, in the form that `to=` takes, and serves until it is killed
 * or standard input ends. Of a server's context it has what a program would give it, a certificate with its key.
 * Must not know what a client does. */
#define _GNU_SOURCE
#include "tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 4096, EVENTS = 256, ACCEPTS = 64 };

struct peer {
    int fd;
    SSL *ssl;
    bool secured;
    int unsent; /* of an echo that the socket did not take: it waits in `rest` */
    char *rest;
    struct wire *wire; /* of bulk data */
};

static enum { ECHO, SOURCE, SINK } work;
static SSL_CTX *context;
static char *scratch;
static int poll_set;

static int listener(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, length) || listen(fd, BACKLOG)) die("listen");
    if (getsockname(fd, (struct sockaddr *)&address, &length)) die("getsockname");
    printf("tcp:%d\n", ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

static void make_context(const char *file) {
    context = tls.SSL_CTX_new(tls.TLS_server_method());
    if (!context) die("SSL_CTX_new");
    if (tls.SSL_CTX_use_certificate_chain_file(context, file) != 1) die(file);
    if (tls.SSL_CTX_use_PrivateKey_file(context, file, FILE_PEM) != 1) die(file);
    tls.SSL_CTX_ctrl(context, CTRL_MODE, MODE_MOVING | MODE_AUTO_RETRY, NULL);
    /* What is read ahead of bulk data would be lost with the socket's BIO. */
    tls.SSL_CTX_ctrl(context, CTRL_READ_AHEAD, work == ECHO, NULL);
}

static void watch(struct peer *peer, int operation, unsigned events) {
    struct epoll_event event = {.events = events, .data.ptr = peer};
    if (epoll_ctl(poll_set, operation, peer->fd, &event)) die("epoll_ctl");
}

static void accept_some(int fd) {
    for (int i = 0, one = 1; i < ACCEPTS; i++) {
        int accepted = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (accepted < 0) return;
        struct peer *peer = calloc(1, sizeof *peer);
        if (!peer) die("malloc");
        setsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        peer->fd = accepted;
        peer->ssl = tls.SSL_new(context);
        if (!peer->ssl || tls.SSL_set_fd(peer->ssl, accepted) != 1) die("SSL_new");
        watch(peer, EPOLL_CTL_ADD, EPOLLIN);
    }
}

static void forget(struct peer *peer) {
    tls.SSL_free(peer->ssl);
    close(peer->fd);
    free(peer->rest);
    free(peer->wire);
    free(peer);
}

/* What a call that did not succeed means: it is to be repeated, or this is the end. */
static bool goes_on(struct peer *peer, int result) {
    int error = tls.SSL_get_error(peer->ssl, result);
    if (error == ZERO_RETURN) tls.SSL_shutdown(peer->ssl);
    tls.ERR_clear_error();
    return error == WANT_READ || error == WANT_WRITE;
}

static bool shake_hands(struct peer *peer) {
    int result = tls.SSL_accept(peer->ssl);
    if (result != 1) return goes_on(peer, result);
    peer->secured = true;
    if (work != ECHO) peer->wire = put_on_wire(peer->ssl);
    if (work == SOURCE) watch(peer, EPOLL_CTL_MOD, EPOLLOUT);
    return true;
}

/* `data` must stay until it is written: the socket may have no room. */
static bool put(struct peer *peer, const char *data, int length) {
    int result = tls.SSL_write(peer->ssl, data, length);
    int written = result > 0 ? result : 0;
    if (result <= 0 && !goes_on(peer, result)) return false;
    char *rest = written < length ? malloc((size_t)(length - written)) : NULL;
    if (rest) memcpy(rest, data + written, (size_t)(length - written));
    if (rest || peer->rest) watch(peer, EPOLL_CTL_MOD, rest ? EPOLLOUT : EPOLLIN);
    free(peer->rest);
    peer->rest = rest;
    peer->unsent = length - written;
    return true;
}

static bool echo(struct peer *peer) {
    if (peer->rest) return put(peer, peer->rest, peer->unsent);
    do {
        int length = tls.SSL_read(peer->ssl, scratch, PIECE);
        if (length <= 0) return goes_on(peer, length);
        if (!put(peer, scratch, length)) return false;
    } while (!peer->rest && tls.SSL_has_pending(peer->ssl));
    return true;
}

static bool drop(struct peer *peer) {
    struct wire *wire = peer->wire;
    ssize_t received = recv(peer->fd, wire->in, sizeof wire->in, 0);
    if (received <= 0) return received < 0 && errno == EAGAIN;
    wire->received = (int)received, wire->used = 0;
    for (int result;;)
        if ((result = tls.SSL_read(peer->ssl, scratch, PIECE)) <= 0) return goes_on(peer, result);
}

static bool supply(struct peer *peer) {
    struct wire *wire = peer->wire;
    for (;;) {
        if (wire->sent == wire->written) {
            wire->sent = wire->written = 0;
            if (tls.SSL_write(peer->ssl, scratch, PIECE) != PIECE) return false;
        }
        ssize_t sent = send(peer->fd, wire->out + wire->sent, (size_t)(wire->written - wire->sent), MSG_NOSIGNAL);
        if (sent < 0) return errno == EAGAIN;
        wire->sent += (int)sent;
    }
}

static bool handle(struct peer *peer) {
    if (!peer->secured) {
        bool alive = shake_hands(peer);
        if (!peer->secured) return alive;
    }
    return work == ECHO ? echo(peer) : work == SINK ? drop(peer) : supply(peer);
}

void serve(void) {
    const char *file = options.kind ? strchr(options.kind, ':') : NULL;
    if (!file) die("a server needs kind=WORK:CERTIFICATE");
    if (!strncmp(options.kind, "echo:", 5)) work = ECHO;
    else if (!strncmp(options.kind, "source:", 7)) work = SOURCE;
    else if (!strncmp(options.kind, "sink:", 5)) work = SINK;
    else die("no such server");
    make_context(file + 1);
    scratch = filled(PIECE);
    poll_set = epoll_create1(EPOLL_CLOEXEC);
    struct peer input = {.fd = STDIN_FILENO}, door = {.fd = listener()};
    watch(&input, EPOLL_CTL_ADD, EPOLLIN);
    watch(&door, EPOLL_CTL_ADD, EPOLLIN);
    for (;;) {
        struct epoll_event events[EVENTS];
        int ready = epoll_wait(poll_set, events, EVENTS, -1);
        for (int i = 0; i < ready; i++) {
            struct peer *peer = events[i].data.ptr;
            if (peer == &input) exit(0);
            if (peer == &door) accept_some(door.fd);
            else if (!handle(peer)) forget(peer);
        }
    }
}
