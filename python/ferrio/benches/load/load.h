/* The load client: one thread, one epoll set, loopback only, bounded in time; what every mode shares.
 *
 * It is the fallback where the client of crates/ferrio-load cannot be built, and keeps to what it needs.
 * It is C so that the load never runs on the loop under test, nor under its interpreter lock.
 * It measures the server from outside: CPU time is the server process's own CPU clock (user + system,
 * all threads: what getrusage would tell inside), read at both ends of the same window as the count,
 * so that nothing has to run in the server to be measured.
 * It must not outlive its parent or its time limit, and must not talk to anything but this machine.
 */
#ifndef FERRIO_BENCH_LOAD_H
#define FERRIO_BENCH_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <time.h>

struct options {
    const char *mode;
    const char *target; /* tcp:PORT, udp:PORT or unix:PATH; the host is always 127.0.0.1 */
    int connections;
    size_t size;
    const char *form; /* of a message: bytes, or lines, of which the last is empty; http; websocket */
    double warmup;
    double seconds;
    pid_t server; /* whose CPU time is measured */
    pid_t parent; /* who started this process */
    int cpu; /* -1: wherever the kernel likes */
};

struct target {
    struct sockaddr_storage address;
    socklen_t length;
    int type; /* SOCK_STREAM or SOCK_DGRAM */
};

/* Opens after the warm-up, closes `seconds` later; `count` is what happened in between. */
struct window {
    double opens, closes;
    double started, stopped;
    double cpu_started, cpu_stopped;
    double waited; /* what the server was kept from running by others, where the kernel tells */
    uint64_t count;
    clockid_t server_clock;
    const struct options *options;
};

struct bytes {
    char *start;
    size_t size;
};

/* A reply of no size is HTTP's, and the first one says it. */
struct exchange {
    struct bytes request, reply;
    const char *opening;
};

enum { HEAD = 1024 }; /* of an HTTP answer, at most */

void die(const char *what);
double now(void);

void target_parse(struct target *target, const char *text);
int dial(const struct target *target);
void set_nonblocking(int fd);
void close_hard(int fd);

void window_init(struct window *window, const struct options *options);
bool window_is_open(const struct window *window);
bool window_over(struct window *window);
void window_print(const struct window *window, const char *extra);

struct exchange exchange_of(const char *form, size_t size);
void exchange_open(const struct exchange *exchange, int fd);
size_t exchange_length(const char *answer);

void run_echo(const struct options *options);
void run_source(const struct options *options);
void run_sink(const struct options *options);
void run_hold(const struct options *options);
void run_churn(const struct options *options);

#endif
