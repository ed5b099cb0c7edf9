/*
 * crypto/der.h: DER.  It is written from its end to its beginning: what something
 * contains comes first, and its length is known when its turn comes.
 *
 * libcrypto's own encoders and decoders leave copies of what passes through them in
 * memory that they freed; private keys are written, and read, here.
 */
#ifndef SECRETS_CRYPTO_DER_H
#define SECRETS_CRYPTO_DER_H

#include "crypto/crypto.h"

#define DER_ROOM 2560			/* a private key of RSA with 4096 bits, and some */

typedef enum DerTag
{
	DER_INTEGER = 0x02,
	DER_BIT_STRING = 0x03,
	DER_OCTET_STRING = 0x04,
	DER_OBJECT = 0x06,
	DER_SEQUENCE = 0x30,
	DER_CONTEXT_0 = 0xa0,
	DER_CONTEXT_1 = 0xa1
} DerTag;

typedef struct Der
{
	uint8_t		data[DER_ROOM];
	size_t		start;			/* what is written is from here to the end */
	bool		failed;			/* there was no room, and what is written is worth nothing */
} Der;

extern void der_begin(Der *der);
extern void der_wipe(Der *der);

extern const uint8_t *der_bytes(const Der *der);
extern size_t der_len(const Der *der);

/* In front of everything. */
extern void der_put(Der *der, const void *bytes, size_t len);

/* Puts around what was written since der_len() was that. */
extern void der_wrap(Der *der, DerTag tag, size_t since);

/* An INTEGER, of big-endian bytes, not negative. */
extern void der_put_number(Der *der, const uint8_t *bytes, size_t len);

/* ---- reading: where it is, nothing is copied ---- */

typedef struct DerText
{
	const uint8_t *at;
	size_t		len;
} DerText;

/* What comes next, if it is of that kind: its content; text goes on behind it. */
extern bool der_take(DerText *text, DerTag tag, DerText *content);

/* An INTEGER that is not negative: its bytes, big-endian, without zeroes in front (of 0, none). */
extern bool der_take_number(DerText *text, DerText *number);

#endif
