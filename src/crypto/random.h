/*
 * crypto/random.h: randomness, for nonces, keys, ids and choices.
 */
#ifndef SECRETS_CRYPTO_RANDOM_H
#define SECRETS_CRYPTO_RANDOM_H

#include "crypto/crypto.h"
#include "crypto/xaes.h"

/* Secret bytes (keys, values), from OpenSSL's private generator.  False: do not use out. */
extern bool random_secret(void *out, size_t len);

/*
 * Public bytes (nonces, ids), drawn in batches: one system call's worth of work
 * for some hundred of them.  A child process never uses its parent's batch.
 */
extern bool random_public(void *out, size_t len);

/* A random UUID of version 4. */
extern bool random_uuid(uint8_t out[16]);

/* Secret and unbiased: each of 0..n-1 equally likely.  n is 1 to 2^31. */
extern bool random_below(uint32_t n, uint32_t *out);

#endif
