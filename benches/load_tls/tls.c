/* The load client of the TLS rows: one thread, one epoll set, loopback only, bounded in time.
 *
 * Options, windows and what is printed are those of the plain client; the modes are echo, http, source, sink, churn and
 * hold, and serve, which is not a client but the bare server (serve.c). The server's certificate is not verified, and keys are
 * agreed on over P-256, its fastest group: what is measured is the server, and its client must not be what everybody
 * waits for.
 * Must not outlive its parent or its time limit, and must not talk to anything but this machine. */
#define _GNU_SOURCE
#include "tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static SSL_CTX *context;

_Noreturn void die(const char *what) {
    fprintf(stderr, "TLS load: %s (%s)\n", what, strerror(errno));
    exit(1);
}

/* Trusting nobody and going on is OpenSSL's way not to verify, and builds a chain first; this does not. */
static int trust(void *store, void *argument) {
    (void)store, (void)argument;
    return 1;
}

static void make_context(void) {
    context = tls.SSL_CTX_new(tls.TLS_client_method());
    if (!context) die("SSL_CTX_new");
    tls.SSL_CTX_ctrl(context, CTRL_MODE, MODE_MOVING | MODE_AUTO_RETRY, NULL);
    tls.SSL_CTX_ctrl(context, CTRL_READ_AHEAD, 1, NULL);
    tls.SSL_CTX_ctrl(context, CTRL_MIN_VERSION, TLS1_3, NULL);
    tls.SSL_CTX_ctrl(context, CTRL_GROUPS, 0, "P-256");
    tls.SSL_CTX_set_cert_verify_callback(context, trust, NULL);
}

/* Options and window */

struct options options = {.connections = 1, .size = 1024, .seconds = 0.5, .cpu = -1, .servers = "0"};

static struct {
    double opens, closes, started, stopped, cpu_started, cpu_stopped, own, waited;
    uint64_t count;
} window;

static const unsigned HARD_LIMIT_SECONDS = 90;

static double read_clock(clockid_t clock) {
    struct timespec time;
    if (clock_gettime(clock, &time)) die("clock_gettime");
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static double now(void) { return read_clock(CLOCK_MONOTONIC); }

/* Options that it does not know are another client's. */
static void parse(int argc, char **argv) {
    for (int i = 2; i < argc; i++) {
        char *value = strchr(argv[i], '=');
        if (!value) die("an argument without '='");
        *value++ = '\0';
        const char *key = argv[i];
        if (!strcmp(key, "to")) options.port = atoi(value + strcspn(value, ":") + 1);
        else if (!strcmp(key, "kind")) options.kind = value;
        else if (!strcmp(key, "connections")) options.connections = atoi(value);
        else if (!strcmp(key, "size")) options.size = (size_t)atol(value);
        else if (!strcmp(key, "warmup")) options.warmup = atof(value);
        else if (!strcmp(key, "seconds")) options.seconds = atof(value);
        else if (!strcmp(key, "server")) options.servers = value;
        else if (!strcmp(key, "parent")) options.parent = (pid_t)atoi(value);
        else if (!strcmp(key, "cpu")) options.cpu = atoi(value);
    }
}

static void bound_process(void) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != options.parent) die("the parent is not who was announced: already gone?");
    alarm(HARD_LIMIT_SECONDS);
    signal(SIGPIPE, SIG_IGN);
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    if (options.cpu < 0) return;
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(options.cpu, &set);
    if (sched_setaffinity(0, sizeof set, &set)) die("sched_setaffinity");
}

static double waited(pid_t server) {
    char path[64];
    unsigned long long ran = 0, waited = 0;
    snprintf(path, sizeof path, "/proc/%d/schedstat", (int)server);
    FILE *file = fopen(path, "r");
    if (!file) return 0;
    if (fscanf(file, "%llu %llu", &ran, &waited) != 2) waited = 0;
    fclose(file);
    return (double)waited * 1e-9;
}

static double cpu(pid_t server) {
    clockid_t clock;
    if (clock_getcpuclockid(server, &clock)) die("clock_getcpuclockid");
    return read_clock(clock);
}

/* The sum over all servers. */
static double every(double (*of)(pid_t)) {
    double sum = 0;
    for (const char *rest = options.servers; *rest; rest += strcspn(rest, ","), rest += *rest == ',')
        sum += of((pid_t)atoi(rest));
    return sum;
}

static void window_init(void) {
    window.opens = now() + options.warmup;
}

/* To be asked before counting; opens and closes the window, true once it is closed. */
static bool window_over(void) {
    double time = now();
    if (!(window.started > 0)) {
        if (time < window.opens) return false;
        window.started = time;
        window.waited = every(waited);
        window.closes = time + options.seconds;
        window.cpu_started = every(cpu);
        window.own = read_clock(CLOCK_PROCESS_CPUTIME_ID);
        window.count = 0;
        return false;
    }
    if (time < window.closes) return false;
    window.stopped = time;
    window.waited = every(waited) - window.waited;
    window.cpu_stopped = every(cpu);
    window.own = read_clock(CLOCK_PROCESS_CPUTIME_ID) - window.own;
    return true;
}

/* Prints the result, then holds every connection until standard input ends. */
static void window_print(void) {
    printf("{\"count\": %llu, \"seconds\": %.9f, \"cpu_seconds\": %.9f, \"client_seconds\": %.9f, \"waited\": %.9f}\n",
           (unsigned long long)window.count, window.stopped - window.started, window.cpu_stopped - window.cpu_started,
           window.own, window.waited);
    fflush(stdout);
    while (getchar() != EOF) continue;
}

/* Connections */

enum { ANSWER = 1 << 14 };

struct connection {
    int fd;
    SSL *ssl;
    enum { SHAKING, ASKING, CLOSING } state;
    size_t got;
    bool verified;
};

static int dial(void) {
    static unsigned dialled;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
    if (fd < 0) die("socket");
    struct sockaddr_in source = {.sin_family = AF_INET}, to = {.sin_family = AF_INET};
    /* One address has about 28,000 ports towards one server port. */
    source.sin_addr.s_addr = htonl(INADDR_LOOPBACK + dialled++ / 10000 % 200);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons((uint16_t)options.port);
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&source, sizeof source)) die("bind");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct timeval patience = {.tv_sec = 5};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (connect(fd, (struct sockaddr *)&to, sizeof to)) die("connect");
    return fd;
}

static void open_connection(struct connection *connection) {
    connection->fd = dial();
    connection->ssl = tls.SSL_new(context);
    if (!connection->ssl || tls.SSL_set_fd(connection->ssl, connection->fd) != 1) die("SSL_new");
    connection->state = SHAKING;
    connection->got = 0;
    connection->verified = false;
}

static void open_secured(struct connection *connection) {
    open_connection(connection);
    if (tls.SSL_connect(connection->ssl) != 1) die("the handshake failed");
}

/* Resets instead of closing, so that no TIME_WAIT is left behind for the next run. */
static void close_hard(struct connection *connection) {
    struct linger hard = {.l_onoff = 1, .l_linger = 0};
    setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    tls.SSL_free(connection->ssl);
    close(connection->fd);
}

static void watch(int poll, struct connection *connection) {
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    if (epoll_ctl(poll, EPOLL_CTL_ADD, connection->fd, &event)) die("epoll_ctl");
}

char *filled(size_t size) {
    char *data = malloc(size);
    if (!data) die("malloc");
    for (size_t i = 0; i < size; i++) data[i] = (char)(i * 31 + i / 251);
    return data;
}

/* Modes */

static const char *GET = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

static void ask(struct connection *connection, const char *message) {
    connection->got = 0;
    if (tls.SSL_write(connection->ssl, message, (int)options.size) != (int)options.size) die("SSL_write");
}

/* The first echo of a connection is decrypted and compared; those after it are dropped as they are, one record each. The
 * socket blocks, and what began to arrive will arrive: nothing here waits for anything but the server. */
static void pull(struct connection *connection, const char *message, char *scratch) {
    size_t whole = options.size + (connection->verified ? OVERHEAD : 0);
    do {
        int rest = (int)(whole - connection->got);
        int n = connection->verified ? (int)recv(connection->fd, NULL, (size_t)rest + 1, MSG_TRUNC | MSG_DONTWAIT)
                                     : tls.SSL_read(connection->ssl, scratch, rest);
        if (n < 0 && connection->verified && errno == EAGAIN) return;
        if (n <= 0) die("the server closed an echo connection");
        if (n > rest) die("more came back than was sent");
        if (!connection->verified && memcmp(scratch, message + connection->got, (size_t)n))
            die("the echo differs from what was sent");
        connection->got += (size_t)n;
    } while (!connection->verified && connection->got < whole && tls.SSL_pending(connection->ssl));
    if (connection->got < whole) return;
    connection->verified = true;
    window.count++;
    ask(connection, message);
}

/* The length of an HTTP answer, as its head tells; 0 while that is not complete. */
static size_t answer_length(char *text, size_t got) {
    text[got] = '\0';
    const char *end = strstr(text, "\r\n\r\n"), *length = strcasestr(text, "\r\ncontent-length:");
    if (!end) return 0;
    if (strncmp(text, "HTTP/1.1 200 ", 13) || !length || length > end) die("an answer without 200 or Content-Length");
    return (size_t)(end + 4 - text) + strtoul(length + 17, NULL, 10);
}

/* An answer is decrypted whole, in as many records as it came in. */
static void pull_answer(struct connection *connection, const char *message, char *scratch) {
    size_t whole = 0;
    do {
        int n = tls.SSL_read(connection->ssl, scratch + connection->got, (int)(ANSWER - connection->got));
        if (n <= 0) die("the server closed a connection, or answers too much");
        connection->got += (size_t)n;
        whole = answer_length(scratch, connection->got);
    } while (connection->got < whole || !whole);
    if (connection->got > whole) die("more came back than an answer");
    window.count++;
    ask(connection, message);
}

typedef void pulls(struct connection *, const char *message, char *scratch);

static void run_echo(struct connection *connections, pulls *pull, const char *message) {
    char *scratch = filled(options.size > ANSWER ? options.size : ANSWER + 1);
    int poll = epoll_create1(EPOLL_CLOEXEC);
    for (int i = 0; i < options.connections; i++) {
        open_secured(&connections[i]);
        watch(poll, &connections[i]);
    }
    window_init();
    for (int i = 0; i < options.connections; i++) ask(&connections[i], message);
    struct epoll_event events[256];
    while (!window_over()) {
        int ready = epoll_wait(poll, events, 256, 5000);
        if (ready == 0) die("the server stopped answering");
        for (int i = 0; i < ready; i++) pull(events[i].data.ptr, message, scratch);
    }
    window_print();
}

/* Sends sixteen records at a time: with one the client, and not its server, would be what everybody waits for. */
static ssize_t send_piece(struct connection *connection, struct wire *wire, const char *piece) {
    if (tls.SSL_write(connection->ssl, piece, PIECE) != PIECE) return -1;
    for (wire->sent = 0; wire->sent < wire->written;) {
        ssize_t sent = send(connection->fd, wire->out + wire->sent, (size_t)(wire->written - wire->sent), 0);
        if (sent <= 0) return -1;
        wire->sent += (int)sent;
    }
    wire->written = 0;
    return PIECE;
}

/* Sends, encrypting, or receives. To decrypt costs more than to encrypt, and the client would be what everybody waits for:
 * it decrypts while warming up; then it drops records as they are, and counts what is in a full one. Its receive buffer is
 * fixed: how far the kernel lets one grow differs from run to run, and decides more than the server does. */
static void run_bulk(struct connection *connection, bool sending) {
    enum { PLAIN = 16384, RECORD = PLAIN + OVERHEAD };
    char *piece = filled(PIECE);
    open_secured(connection);
    int size = RECEIVE_BUFFER;
    if (!sending && setsockopt(connection->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size)) die("setsockopt");
    struct wire *wire = sending ? put_on_wire(connection->ssl) : NULL;
    window_init();
    uint64_t dropped = 0;
    bool counting = false;
    while (!window_over()) {
        bool open = window.started > 0;
        if (!counting) dropped = 0;
        counting = open;
        ssize_t n = sending ? send_piece(connection, wire, piece)
                  : open    ? recv(connection->fd, NULL, 4 * PIECE, MSG_TRUNC)
                            : tls.SSL_read(connection->ssl, piece, PIECE);
        if (n <= 0) die("the bulk transfer broke off");
        dropped += (uint64_t)n;
        window.count = sending || !open ? dropped : dropped / RECORD * PLAIN;
    }
    window_print();
}

/* True if the call is to be repeated when there is something to read. */
static bool waits(struct connection *connection, int result) {
    if (result > 0) return false;
    int error = tls.SSL_get_error(connection->ssl, result);
    if (error == WANT_READ) return true;
    if (error == WANT_WRITE) die("a full buffer, with so little to send");
    if (error != ZERO_RETURN || connection->state != CLOSING) die("a connection failed");
    return false;
}

/* Handshake, one byte and its echo, close_notify both ways. True when the connection is through with all of it. */
static bool advance(struct connection *connection) {
    char byte = 'x';
    if (connection->state == SHAKING) {
        if (waits(connection, tls.SSL_connect(connection->ssl))) return false;
        if (tls.SSL_write(connection->ssl, &byte, 1) != 1) die("SSL_write");
        connection->state = ASKING;
    }
    if (connection->state == ASKING) {
        if (waits(connection, tls.SSL_read(connection->ssl, &byte, 1))) return false;
        tls.SSL_shutdown(connection->ssl);
        connection->state = CLOSING;
    }
    return !waits(connection, tls.SSL_read(connection->ssl, &byte, 1));
}

static void begin(int poll, struct connection *connection) {
    open_connection(connection);
    if (fcntl(connection->fd, F_SETFL, O_NONBLOCK)) die("fcntl");
    watch(poll, connection);
    advance(connection);
}

static void run_churn(struct connection *connections) {
    int poll = epoll_create1(EPOLL_CLOEXEC);
    window_init();
    for (int i = 0; i < options.connections; i++) begin(poll, &connections[i]);
    struct epoll_event events[64];
    while (!window_over()) {
        int ready = epoll_wait(poll, events, 64, 5000);
        if (ready == 0) die("the server stopped answering");
        for (int i = 0; i < ready; i++) {
            struct connection *connection = events[i].data.ptr;
            if (!advance(connection)) continue;
            close_hard(connection);
            window.count++;
            begin(poll, connection);
        }
    }
    window_print();
}

/* Every line on standard input is a number, the total to have open from then on; each has had an echo. */
static void run_hold(struct connection *connections) {
    char *message = filled(options.size), *scratch = filled(options.size), line[32];
    int open = 0;
    while (fgets(line, sizeof line, stdin)) {
        int total = atoi(line);
        if (total > options.connections) die("asked to hold more than was announced");
        for (; open < total; open++) {
            open_secured(&connections[open]);
            ask(&connections[open], message);
            size_t got = 0;
            while (got < options.size) {
                int n = tls.SSL_read(connections[open].ssl, scratch, (int)(options.size - got));
                if (n <= 0) die("the server closed a connection");
                got += (size_t)n;
            }
        }
        puts("held");
        fflush(stdout);
    }
}

int main(int argc, char **argv) {
    if (argc < 2) die("usage: tls MODE to=tcp:PORT server=PID parent=PID [key=value...]");
    options.mode = argv[1];
    parse(argc, argv);
    bound_process();
    load_openssl();
    if (!strcmp(options.mode, "serve")) serve();
    make_context();
    struct connection *connections = calloc((size_t)options.connections, sizeof *connections);
    if (!connections) die("malloc");
    if (!strcmp(options.mode, "echo")) run_echo(connections, pull, filled(options.size));
    else if (!strcmp(options.mode, "http")) options.size = strlen(GET), run_echo(connections, pull_answer, GET);
    else if (!strcmp(options.mode, "source")) run_bulk(connections, true);
    else if (!strcmp(options.mode, "sink")) run_bulk(connections, false);
    else if (!strcmp(options.mode, "churn")) run_churn(connections);
    else if (!strcmp(options.mode, "hold")) run_hold(connections);
    else die("an unknown mode");
}
