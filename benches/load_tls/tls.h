/* What the client and the bare server of the TLS rows share: OpenSSL by its prototypes, the options, how to give up.
 *
 * OpenSSL is loaded when the program starts, by prototypes which have not changed since 1.1: so neither its headers nor a
 * package for developers are needed. Must not know what a client or a server does. */
#ifndef FERRIO_BENCH_TLS_H
#define FERRIO_BENCH_TLS_H

#include <stddef.h>
#include <sys/types.h>

typedef struct ssl_st SSL;
typedef struct ssl_ctx_st SSL_CTX;
typedef struct bio_st BIO;
typedef struct bio_method_st BIO_METHOD;
enum { WANT_READ = 2, WANT_WRITE = 3, ZERO_RETURN = 6 };
enum { CTRL_MIN_VERSION = 123, TLS1_3 = 0x304, OVERHEAD = 22 }; /* of a record: header, type and tag */
enum { CTRL_MODE = 33, CTRL_READ_AHEAD = 41, CTRL_GROUPS = 92, MODE_MOVING = 2, MODE_AUTO_RETRY = 4 };
enum { FILE_PEM = 1, PIECE = 256 * 1024, RECEIVE_BUFFER = 256 * 1024, CIPHERTEXT = PIECE + PIECE / 16384 * OVERHEAD };

struct openssl {
    const void *(*TLS_client_method)(void);
    const void *(*TLS_server_method)(void);
    SSL_CTX *(*SSL_CTX_new)(const void *);
    long (*SSL_CTX_ctrl)(SSL_CTX *, int, long, void *);
    int (*SSL_CTX_use_certificate_chain_file)(SSL_CTX *, const char *);
    int (*SSL_CTX_use_PrivateKey_file)(SSL_CTX *, const char *, int);
    void (*SSL_CTX_set_cert_verify_callback)(SSL_CTX *, int (*)(void *, void *), void *);
    SSL *(*SSL_new)(SSL_CTX *);
    int (*SSL_set_fd)(SSL *, int);
    int (*SSL_connect)(SSL *);
    int (*SSL_accept)(SSL *);
    int (*SSL_read)(SSL *, void *, int);
    int (*SSL_write)(SSL *, const void *, int);
    int (*SSL_pending)(const SSL *);
    int (*SSL_has_pending)(const SSL *);
    int (*SSL_shutdown)(SSL *);
    int (*SSL_get_error)(const SSL *, int);
    void (*SSL_free)(SSL *);
    void (*ERR_clear_error)(void);
    void (*SSL_set_bio)(SSL *, BIO *, BIO *);
    BIO *(*BIO_new)(BIO_METHOD *);
    void (*BIO_set_data)(BIO *, void *);
    void *(*BIO_get_data)(BIO *);
    void (*BIO_set_init)(BIO *, int);
    void (*BIO_set_flags)(BIO *, int);
    void (*BIO_clear_flags)(BIO *, int);
    BIO_METHOD *(*BIO_meth_new)(int, const char *);
    int (*BIO_meth_set_read)(BIO_METHOD *, int (*)(BIO *, char *, int));
    int (*BIO_meth_set_write)(BIO_METHOD *, int (*)(BIO *, const char *, int));
    int (*BIO_meth_set_ctrl)(BIO_METHOD *, long (*)(BIO *, int, long, void *));
};

/* What OpenSSL reads from and writes to in place of a socket, for bulk data: sixteen records to a system call. */
struct wire {
    char in[CIPHERTEXT], out[CIPHERTEXT];
    int received, used; /* of `in`: bytes that came, and those that OpenSSL has read */
    int written, sent;  /* of `out`: bytes that OpenSSL wrote, and those that went on */
};

struct options {
    const char *mode;
    const char *kind; /* of a bare server: what it does, a colon, the file of its certificate and key */
    int port, connections, cpu;
    size_t size;
    double warmup, seconds;
    const char *servers; /* whose CPU time is measured, all together: 12,13 */
    pid_t parent; /* who started this process, which does not outlive it */
};

extern struct openssl tls;
extern struct options options;

_Noreturn void die(const char *what);
void load_openssl(void);
struct wire *put_on_wire(SSL *ssl);
char *filled(size_t size);
void serve(void);

#endif
