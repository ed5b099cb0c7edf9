/*
 * crypto/xaes.h: XAES-256-GCM as specified by C2SP.
 *
 * AES-256-GCM under a subkey that is derived, for each message, from the key
 * and the first half of a 192-bit random nonce.  Random nonces never run out,
 * and every primitive is one that a FIPS provider has.
 */
#ifndef SECRETS_CRYPTO_XAES_H
#define SECRETS_CRYPTO_XAES_H

#include "crypto/crypto.h"

#define XAES_NONCE_LEN	24
#define XAES_TAG_LEN	16

/* A key made ready.  It holds the key's schedule: secret, freed with xaes_free(), which wipes. */
typedef struct XaesKey XaesKey;

/* NULL when libcrypto refuses (no such cipher, no memory). */
extern XaesKey *xaes_new(const uint8_t key[CRYPTO_KEY_LEN]);
extern void xaes_free(XaesKey *key);

/*
 * Seals len bytes of plain into out (len bytes) and tag.  out may be plain.
 * On CRYPTO_BROKEN out holds zeroes.
 */
extern CryptoResult xaes_seal(XaesKey *key, const uint8_t nonce[XAES_NONCE_LEN],
							  const Bytes *aad, int naad,
							  const uint8_t *plain, size_t len, uint8_t *out, uint8_t tag[XAES_TAG_LEN]);

/*
 * Opens len bytes of sealed into out (len bytes, may not overlap).  Unless it
 * returns CRYPTO_OK, out holds zeroes: unverified plaintext never leaves.
 */
extern CryptoResult xaes_open(XaesKey *key, const uint8_t nonce[XAES_NONCE_LEN],
							  const Bytes *aad, int naad,
							  const uint8_t *sealed, size_t len, const uint8_t tag[XAES_TAG_LEN], uint8_t *out);

#endif
