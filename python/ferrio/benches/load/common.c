/* Sockets, the clock and the measuring window. Knows no mode. */
#define _GNU_SOURCE
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

void die(const char *what) {
    fprintf(stderr, "load client: %s (%s)\n", what, strerror(errno));
    exit(1);
}

static double read_clock(clockid_t clock) {
    struct timespec time;
    if (clock_gettime(clock, &time)) die("clock_gettime");
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

double now(void) { return read_clock(CLOCK_MONOTONIC); }

void target_parse(struct target *target, const char *text) {
    memset(target, 0, sizeof *target);
    if (!text) die("no target");
    if (!strncmp(text, "unix:", 5)) {
        struct sockaddr_un *local = (struct sockaddr_un *)&target->address;
        local->sun_family = AF_UNIX;
        strncpy(local->sun_path, text + 5, sizeof local->sun_path - 1);
        target->length = sizeof *local;
        target->type = SOCK_STREAM;
        return;
    }
    struct sockaddr_in *internet = (struct sockaddr_in *)&target->address;
    internet->sin_family = AF_INET;
    internet->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    internet->sin_port = htons((uint16_t)atoi(text + 4));
    target->length = sizeof *internet;
    target->type = strncmp(text, "udp:", 4) ? SOCK_STREAM : SOCK_DGRAM;
}

/* A connected socket. The source address moves on every 10,000 sockets (127.0.0.1, .2, ...), because one
 * address has about 28,000 ports towards one server port. */
int dial(const struct target *target) {
    static unsigned dialled;
    int fd = socket(target->address.ss_family, target->type | SOCK_CLOEXEC, 0);
    if (fd < 0) die("socket");
    int one = 1;
    if (target->address.ss_family == AF_INET) {
        struct sockaddr_in source = {.sin_family = AF_INET};
        source.sin_addr.s_addr = htonl(INADDR_LOOPBACK + dialled++ / 10000 % 200);
        setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
        if (bind(fd, (struct sockaddr *)&source, sizeof source)) die("bind");
        if (target->type == SOCK_STREAM) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    }
    struct timeval patience = {.tv_sec = 5};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (connect(fd, (const struct sockaddr *)&target->address, target->length)) die("connect");
    return fd;
}

void set_nonblocking(int fd) {
    if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK)) die("fcntl");
}

/* Resets instead of closing, so that thousands of connections leave no TIME_WAIT behind for the next run. */
void close_hard(int fd) {
    struct linger hard = {.l_onoff = 1, .l_linger = 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    close(fd);
}

/* Seconds that the server's main thread was ready to run and did not get a CPU, ever; 0 where unknown. */
static double server_waited(pid_t server) {
    char path[64];
    unsigned long long ran = 0, waited = 0;
    snprintf(path, sizeof path, "/proc/%d/schedstat", (int)server);
    FILE *file = fopen(path, "r");
    if (!file) return 0;
    if (fscanf(file, "%llu %llu", &ran, &waited) != 2) waited = 0;
    fclose(file);
    return (double)waited * 1e-9;
}

void window_init(struct window *window, const struct options *options) {
    memset(window, 0, sizeof *window);
    window->options = options;
    window->opens = now() + options->warmup;
    if (clock_getcpuclockid(options->server, &window->server_clock)) die("clock_getcpuclockid");
}

bool window_is_open(const struct window *window) { return window->started > 0; }

/* To be asked before counting; opens and closes the window, true once it is closed. */
bool window_over(struct window *window) {
    double time = now();
    if (!window_is_open(window)) {
        if (time < window->opens) return false;
        window->started = time;
        window->waited = server_waited(window->options->server);
        window->closes = time + window->options->seconds;
        window->cpu_started = read_clock(window->server_clock);
        window->count = 0;
        return false;
    }
    if (time < window->closes) return false;
    window->stopped = time;
    window->waited = server_waited(window->options->server) - window->waited;
    window->cpu_stopped = read_clock(window->server_clock);
    return true;
}

/* Prints the result, then holds every connection until standard input ends: the server must have stopped
 * before they close, or the closing of all of them would be handled, and complained about, by its loop. */
void window_print(const struct window *window, const char *extra) {
    printf("{\"count\": %llu, \"seconds\": %.9f, \"cpu_seconds\": %.9f, \"waited\": %.9f%s}\n",
           (unsigned long long)window->count, window->stopped - window->started,
           window->cpu_stopped - window->cpu_started, window->waited, extra);
    fflush(stdout);
    while (getchar() != EOF) continue;
}
