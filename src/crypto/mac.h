/*
 * crypto/mac.h: SHA-256 and HMAC-SHA256 made ready, for whoever needs very many.
 */
#ifndef SECRETS_CRYPTO_MAC_H
#define SECRETS_CRYPTO_MAC_H

#include "crypto/crypto.h"

#define HASH_LEN 32

/* Hashes pieces one after the other.  An object serves again after hash_end(). */
typedef struct Hash Hash;

extern Hash *hash_new(void);	/* NULL: libcrypto refused */
extern void hash_free(Hash *hash);

/* False: libcrypto refused, and what hash_end() would give is nothing. */
extern bool hash_begin(Hash *hash);
extern bool hash_add(Hash *hash, const void *data, size_t len);
extern bool hash_end(Hash *hash, uint8_t out[HASH_LEN]);

/* A key made ready; as secret as the key.  NULL: libcrypto refused. */
typedef struct MacKey MacKey;

extern MacKey *mac_new(const uint8_t key[CRYPTO_KEY_LEN]);
extern void mac_free(MacKey *key);
extern bool mac_compute(MacKey *key, const void *data, size_t len, uint8_t out[HASH_LEN]);

#endif
