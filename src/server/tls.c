/* TLS by OpenSSL, straight on the socket: it does not block, and what OpenSSL waits for is watched.
 */
#include "server/tls.h"

#include <errno.h>
#include <openssl/err.h>

#include "base/mem.h"

struct bj_tls {
    SSL_CTX *context;
};

static int fail_tls(struct bj_error *err, const char *what, const char *path)
{
    char reason[160];

    ERR_error_string_n(ERR_get_error(), reason, sizeof reason);
    ERR_clear_error();
    return bj_fail(err, BJ_E_CONFIG, "tls", "cannot use %s %s: %s", what, path, reason);
}

/* Of what the client offers the only protocol that is spoken here; a client that offers none of it
 * is turned away rather than misunderstood. */
static int choose_protocol(SSL *ssl, const unsigned char **ret, unsigned char *ret_length,
                           const unsigned char *offered, unsigned length, void *context)
{
    static const unsigned char http[] = "\x08http/1.1";

    (void)ssl;
    (void)context;
    if (SSL_select_next_proto((unsigned char **)ret, ret_length, http, sizeof http - 1, offered,
                              length) == OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_OK;
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static int set_up(SSL_CTX *context, const char *certificate_path, const char *key_path,
                  struct bj_error *err)
{
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                     SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_alpn_select_cb(context, choose_protocol, NULL);
    if (SSL_CTX_use_certificate_chain_file(context, certificate_path) != 1)
        return fail_tls(err, "the certificate", certificate_path);
    if (SSL_CTX_use_PrivateKey_file(context, key_path, SSL_FILETYPE_PEM) != 1)
        return fail_tls(err, "the certificate's key", key_path);
    if (SSL_CTX_check_private_key(context) != 1)
        return fail_tls(err, "a key that is not the certificate's:", key_path);
    return 0;
}

int bj_tls_new(const char *certificate_path, const char *key_path, struct bj_tls **ret,
               struct bj_error *err)
{
    struct bj_tls *tls = bj_alloc(sizeof *tls);
    int result;

    if (tls == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "tls", "no memory for TLS");
    tls->context = SSL_CTX_new(TLS_server_method());
    if (tls->context == NULL)
        result = bj_fail(err, BJ_E_NO_MEMORY, "tls", "no memory for TLS");
    else
        result = set_up(tls->context, certificate_path, key_path, err);
    if (result < 0) {
        bj_tls_free(tls);
        return result;
    }
    *ret = tls;
    return 0;
}

void bj_tls_free(struct bj_tls *tls)
{
    if (tls == NULL)
        return;
    SSL_CTX_free(tls->context);
    bj_free(tls);
}

SSL *bj_tls_session(struct bj_tls *tls, int fd)
{
    SSL *ssl = SSL_new(tls->context);

    if (ssl != NULL && SSL_set_fd(ssl, fd) != 1) {
        SSL_free(ssl);
        return NULL;
    }
    if (ssl != NULL)
        SSL_set_accept_state(ssl);
    return ssl;
}

/* What a call came to, as errno; 0 = the end of input. */
static ssize_t outcome(struct bj_connection *connection, int result)
{
    int error = SSL_get_error(connection->ssl, result);

    ERR_clear_error();
    connection->ssl_wants_write = error == SSL_ERROR_WANT_WRITE;
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
        errno = EAGAIN;
        return -1;
    }
    if (error == SSL_ERROR_ZERO_RETURN)
        return 0;
    errno = ECONNRESET;
    return -1;
}

bool bj_tls_handshake(struct bj_connection *connection)
{
    int result;

    ERR_clear_error();
    result = SSL_do_handshake(connection->ssl);
    if (result == 1) {
        connection->ssl_wants_write = false;
        return true;
    }
    if (outcome(connection, result) == 0 || errno != EAGAIN)
        bj_connection_close(connection);
    return false;
}

void bj_tls_allow_end(struct bj_connection *connection)
{
    SSL_set_options(connection->ssl, SSL_OP_IGNORE_UNEXPECTED_EOF);
}

ssize_t bj_tls_receive(struct bj_connection *connection, void *data, size_t size)
{
    int got;

    ERR_clear_error();
    got = SSL_read(connection->ssl, data, size > INT32_MAX ? INT32_MAX : (int)size);
    if (got > 0)
        connection->ssl_wants_write = false;
    return got > 0 ? got : outcome(connection, got);
}

ssize_t bj_tls_send(struct bj_connection *connection, const void *data, size_t length)
{
    int sent;
    ssize_t result;

    ERR_clear_error();
    sent = SSL_write(connection->ssl, data, length > INT32_MAX ? INT32_MAX : (int)length);
    if (sent > 0)
        return sent;
    result = outcome(connection, sent);
    if (result == 0)
        errno = ECONNRESET;
    return -1;
}
