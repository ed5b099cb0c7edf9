/*
 * crypto/crypto.h: what every piece of this room returns, and how it wipes.
 *
 * The room is plain C over libcrypto: it never raises, never logs, never
 * allocates through PostgreSQL.  It returns a code; the door raises.
 */
#ifndef SECRETS_CRYPTO_CRYPTO_H
#define SECRETS_CRYPTO_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum CryptoResult
{
	CRYPTO_OK = 0,
	CRYPTO_MISMATCH,			/* the tag does not verify: nothing was given out */
	CRYPTO_BROKEN				/* the library refused or is out of memory: trust nothing it said */
} CryptoResult;

/* One piece of input; associated data comes as a list of them, so nobody has to concatenate. */
typedef struct Bytes
{
	const void *data;
	size_t		len;
} Bytes;

#define CRYPTO_KEY_LEN	32

/* Zeroes memory in a way that no optimiser takes out. */
extern void crypto_wipe(void *data, size_t len);

/* Compares in time that depends on len only. */
extern bool crypto_equal(const void *a, const void *b, size_t len);

/* Known answers, in a millisecond.  False: this libcrypto must not be used for anything. */
extern bool crypto_self_test(void);

#endif
