/*
 * crypto/scram.h: what a PostgreSQL server keeps of a password (RFC 5802, 7677).
 */
#ifndef SECRETS_CRYPTO_SCRAM_H
#define SECRETS_CRYPTO_SCRAM_H

#include "crypto/crypto.h"

#define SCRAM_SALT_LEN 16

/* SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey, with its zero byte. */
#define SCRAM_VERIFIER_SIZE 192

/*
 * Of a password in printable ASCII, which is its own SASLprep; whoever has
 * another has the server prepare it.  False: it is not, or libcrypto refused.
 */
extern bool scram_verifier(const char *password, size_t len, int iterations, const uint8_t salt[SCRAM_SALT_LEN],
						   char out[SCRAM_VERIFIER_SIZE]);

#endif
