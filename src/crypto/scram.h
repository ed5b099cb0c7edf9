/*
 * crypto/scram.h: what a PostgreSQL server keeps of a password: by SCRAM (RFC
 * 5802, 7677), and, from long ago, by MD5.
 */
#ifndef SECRETS_CRYPTO_SCRAM_H
#define SECRETS_CRYPTO_SCRAM_H

#include "crypto/crypto.h"

#define SCRAM_SALT_LEN 16

/* SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey, with its zero byte. */
#define SCRAM_VERIFIER_SIZE 192

/*
 * Of a password as SASLprep (RFC 4013) leaves it; printable ASCII it leaves as it
 * is.  False: it is empty, or libcrypto refused.
 */
extern bool scram_verifier(const char *password, size_t len, int iterations, const uint8_t salt[SCRAM_SALT_LEN],
						   char out[SCRAM_VERIFIER_SIZE]);

/*
 * Whether that is of this password.  With more iterations than these, which would
 * take some seconds, nobody is told that it is.
 */
#define SCRAM_MOST_ITERATIONS 5000000

extern bool scram_verifies(const char *password, size_t len, const char *verifier);

/* "md5" and 32 digits, of the password as it was typed.  False also where libcrypto has no MD5. */
extern bool md5_verifies(const char *password, size_t len, const char *role, const char *verifier);

#endif
