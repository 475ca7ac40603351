/* Finds OpenSSL's functions in the library that the system has. Must not know who calls them. */
#include "tls.h"

#include <dlfcn.h>
#include <stdint.h>

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
}
