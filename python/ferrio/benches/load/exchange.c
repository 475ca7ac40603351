/* What a round trip consists of: what is sent, and what has to come back.
 * An echo gives back what it got; a WebSocket echo answers a masked frame with an unmasked one; an HTTP answer is as
 * long as its head says. */
#define _GNU_SOURCE
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char GET[] = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
static const char UPGRADE[] = "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                              "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";

/* Lines of 64 bytes; what is left is one less, and the last one is empty. */
static void compose(char *message, size_t size, bool lines) {
    for (size_t i = 0; i < size; i++) {
        if (lines) message[i] = i % 64 == 63 || i + 2 >= size ? '\n' : (char)('a' + i % 26);
        else message[i] = (char)(i * 31 + i / 251);
    }
}

static struct bytes allocate(size_t size) {
    struct bytes bytes = {malloc(size), size};
    if (!bytes.start) die("malloc");
    return bytes;
}

/* A binary frame. The mask is zero, which leaves the bytes as they are and is as dear to undo as any other. */
static struct bytes frame(size_t size, bool masked) {
    if (size < 126 || size > 65535) die("a message of form=websocket has 126 to 65,535 bytes");
    size_t head = masked ? 8 : 4;
    struct bytes bytes = allocate(head + size);
    const unsigned char fields[8] = {0x82, (unsigned char)(0x7e | (masked ? 0x80 : 0)), (unsigned char)(size >> 8),
                                     (unsigned char)size};
    memcpy(bytes.start, fields, head);
    compose(bytes.start + head, size, false);
    return bytes;
}

struct exchange exchange_of(const char *form, size_t size) {
    struct exchange exchange = {0};
    if (!strcmp(form, "http")) {
        exchange.request = allocate(sizeof GET - 1);
        memcpy(exchange.request.start, GET, sizeof GET - 1);
    } else if (!strcmp(form, "websocket")) {
        exchange.request = frame(size, true);
        exchange.reply = frame(size, false);
        exchange.opening = UPGRADE;
    } else {
        exchange.request = exchange.reply = allocate(size);
        compose(exchange.request.start, size, !strcmp(form, "lines"));
    }
    return exchange;
}

/* What comes before the first round trip, on a socket that still blocks. */
void exchange_open(const struct exchange *exchange, int fd) {
    if (!exchange->opening) return;
    size_t length = strlen(exchange->opening), got = 0;
    if (send(fd, exchange->opening, length, 0) != (ssize_t)length) die("send");
    char head[HEAD + 1] = "";
    while (!strstr(head, "\r\n\r\n")) {
        ssize_t n = got < HEAD ? recv(fd, head + got, HEAD - got, 0) : 0;
        if (n <= 0) die("the server did not upgrade the connection");
        got += (size_t)n;
    }
    if (strncmp(head, "HTTP/1.1 101 ", 13)) die("the server does not speak WebSocket");
}

/* The length of the HTTP answer that these bytes, and a zero, begin with; 0 while its head is not complete. */
size_t exchange_length(const char *answer) {
    const char *end = strstr(answer, "\r\n\r\n");
    if (!end) return 0;
    if (strncmp(answer, "HTTP/1.1 200 ", 13)) die("an answer that is not 200");
    const char *length = strcasestr(answer, "\r\nContent-Length:");
    if (!length || length > end) die("an answer without Content-Length");
    return (size_t)(end + 4 - answer) + strtoul(length + 17, NULL, 10);
}
