/* Finds OpenSSL's functions in the library that the system has, and gives it memory in place of a socket. Must not know who
 * calls them. */
#include "tls.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

struct openssl tls;

void load_openssl(void) {
    void *library = dlopen("libssl.so.3", RTLD_NOW);
    if (!library) library = dlopen("libssl.so.1.1", RTLD_NOW);
    if (!library) die("there is no libssl.so.3 and no libssl.so.1.1: install OpenSSL");
#define FIND(name) \
    if (!(*(void **)&tls.name = dlsym(library, #name))) die("OpenSSL has no " #name)
    FIND(TLS_client_method);
    FIND(TLS_server_method);
    FIND(SSL_CTX_new);
    FIND(SSL_CTX_ctrl);
    FIND(SSL_CTX_use_certificate_chain_file);
    FIND(SSL_CTX_use_PrivateKey_file);
    FIND(SSL_CTX_set_cert_verify_callback);
    FIND(SSL_new);
    FIND(SSL_set_fd);
    FIND(SSL_connect);
    FIND(SSL_accept);
    FIND(SSL_read);
    FIND(SSL_write);
    FIND(SSL_pending);
    FIND(SSL_has_pending);
    FIND(SSL_shutdown);
    FIND(SSL_get_error);
    FIND(SSL_free);
    FIND(ERR_clear_error);
    FIND(SSL_set_bio);
    FIND(BIO_new);
    FIND(BIO_set_data);
    FIND(BIO_get_data);
    FIND(BIO_set_init);
    FIND(BIO_set_flags);
    FIND(BIO_clear_flags);
    FIND(BIO_meth_new);
    FIND(BIO_meth_set_read);
    FIND(BIO_meth_set_write);
    FIND(BIO_meth_set_ctrl);
}

enum { READ_AGAIN = 9, WRITE_AGAIN = 10, ALL_FLAGS = 15, CTRL_FLUSH = 11, SOURCE_SINK = 0x0400 | 0x7A };

static int from_wire(BIO *bio, char *place, int size) {
    struct wire *wire = tls.BIO_get_data(bio);
    int rest = wire->received - wire->used, count = size < rest ? size : rest;
    tls.BIO_clear_flags(bio, ALL_FLAGS);
    if (!count) {
        tls.BIO_set_flags(bio, READ_AGAIN);
        return -1;
    }
    memcpy(place, wire->in + wire->used, (size_t)count);
    wire->used += count;
    return count;
}

static int to_wire(BIO *bio, const char *data, int size) {
    struct wire *wire = tls.BIO_get_data(bio);
    tls.BIO_clear_flags(bio, ALL_FLAGS);
    if (size > CIPHERTEXT - wire->written) {
        tls.BIO_set_flags(bio, WRITE_AGAIN);
        return -1;
    }
    memcpy(wire->out + wire->written, data, (size_t)size);
    wire->written += size;
    return size;
}

static long control(BIO *bio, int command, long number, void *pointer) {
    (void)bio, (void)number, (void)pointer;
    return command == CTRL_FLUSH;
}

struct wire *put_on_wire(SSL *ssl) {
    static BIO_METHOD *method;
    if (!method) {
        method = tls.BIO_meth_new(SOURCE_SINK, "wire");
        tls.BIO_meth_set_read(method, from_wire);
        tls.BIO_meth_set_write(method, to_wire);
        tls.BIO_meth_set_ctrl(method, control);
    }
    BIO *bio = tls.BIO_new(method);
    struct wire *wire = calloc(1, sizeof *wire);
    if (!bio || !wire) die("malloc");
    tls.BIO_set_data(bio, wire);
    tls.BIO_set_init(bio, 1);
    tls.SSL_set_bio(ssl, bio, bio);
    return wire;
}
