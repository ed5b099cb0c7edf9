/*
 * crypto/read_pem.h: what libcrypto is to have of a text with PEM blocks: a key to
 * sign with, and certificates.
 */
#ifndef SECRETS_CRYPTO_READ_PEM_H
#define SECRETS_CRYPTO_READ_PEM_H

#include "crypto/crypto.h"
#include "crypto/pem.h"

/*
 * The first private key of the text; it is the caller's to free.  Ed25519 and
 * Ed448, EC over P-256, P-384 and P-521, RSA: as PKCS#8, or as OpenSSL wrote them
 * before.  Of these nothing is left in memory when it has been freed; any other
 * kind libcrypto reads by itself, and leaves copies.  NULL: there is none, or it
 * is encrypted, or libcrypto refuses it.
 */
extern struct evp_pkey_st *read_private_key(const char *text, size_t len);

/* Of one block.  NULL: it is none, or broken. */
extern bool is_certificate(const PemBlock *block);
extern struct x509_st *read_certificate(const PemBlock *block);

#endif
