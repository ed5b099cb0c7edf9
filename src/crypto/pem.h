/*
 * crypto/pem.h: bytes as lines of base64 between two labels (RFC 7468).
 */
#ifndef SECRETS_CRYPTO_PEM_H
#define SECRETS_CRYPTO_PEM_H

#include "crypto/crypto.h"

/* Text that grows in room that somebody else gave, and wipes. */
typedef struct PemText
{
	char	   *data;
	size_t		room;
	size_t		len;
} PemText;

/* False where the room does not suffice; what was written until then is still there. */
extern bool text_append(PemText *text, const char *word, size_t len);
extern bool text_append_base64(PemText *text, const uint8_t *in, size_t len);

/* With a line end behind each line. */
extern bool pem_append(PemText *text, const char *label, const uint8_t *der, size_t len);

/* The same as OpenSSH breaks lines. */
extern bool pem_append_openssh(PemText *text, const char *label, const uint8_t *in, size_t len);

/* Takes everything back. */
extern void text_wipe(PemText *text);

/* ---- reading: where it is, nothing is copied ---- */

typedef struct PemBlock
{
	const char *label;			/* of "-----BEGIN label-----" */
	size_t		label_len;
	const char *whole;			/* from the first of its dashes to the last */
	size_t		whole_len;
	const char *inside;			/* the lines between */
	size_t		inside_len;
} PemBlock;

/*
 * The next block at or behind *at, which goes on behind it.  False: there is none, or
 * (*broken) one begins and does not end.
 */
extern bool pem_next(const char **at, const char *end, PemBlock *block, bool *broken);

extern bool pem_is(const PemBlock *block, const char *label);

#endif
