/*
 * crypto/codec.h: bytes as text and back, strictly: one text for one value.
 */
#ifndef SECRETS_CRYPTO_CODEC_H
#define SECRETS_CRYPTO_CODEC_H

#include "crypto/crypto.h"

/* base64url without padding (RFC 4648, section 5). */
extern size_t base64url_len(size_t nbytes);
extern void base64url_encode(const uint8_t *in, size_t len, char *out);

/*
 * Decodes; out has room for len / 4 * 3 + 2.  False for any other character,
 * padding, an impossible length, or leftover bits that are not zero.
 */
extern bool base64url_decode(const char *in, size_t len, uint8_t *out, size_t *outlen);

/* Standard base64 with padding, in the same way. */
extern bool base64_decode(const char *in, size_t len, uint8_t *out, size_t *outlen);

/* The same, for exactly 32 bytes: 44 characters. */
extern bool base64_decode_key(const char *in, size_t len, uint8_t out[CRYPTO_KEY_LEN]);

/* Two digits a byte, lower case when encoding; out has room for 2 * len + 1. */
extern void codec_to_hex(const uint8_t *in, size_t len, char *out);
extern bool codec_from_hex(const char *in, size_t len, uint8_t *out);

#endif
