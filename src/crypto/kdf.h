/*
 * crypto/kdf.h: one key for one use.
 */
#ifndef SECRETS_CRYPTO_KDF_H
#define SECRETS_CRYPTO_KDF_H

#include "crypto/crypto.h"

/* HMAC-SHA256 of the label.  False: libcrypto refused. */
extern bool kdf_mac(const uint8_t key[CRYPTO_KEY_LEN], const char *label, uint8_t out[32]);

/*
 * HKDF-SHA256 (RFC 5869) without salt; the label says what the subkey is for,
 * in less than 128 bytes.  False: libcrypto refused.
 */
extern bool kdf_subkey(const uint8_t key[CRYPTO_KEY_LEN], const char *label, uint8_t out[CRYPTO_KEY_LEN]);

#endif
