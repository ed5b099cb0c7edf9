/*
 * crypto/sealed_box.h: the bytes of a sealed box, and the data it is bound to.
 *
 *	 0  1  format, 0x01
 *	 1  1  kind
 *	 2  1  content
 *	 3  1  zero
 *	 4  4  version of the key that opens it
 *	 8 16  id of the key that opens it
 *	24 24  nonce
 *	48  n  ciphertext
 *	48+n 16  tag
 *
 * Numbers are big-endian.  Associated data: "secrets/v1" 0x00, the first 48
 * bytes, then each of the kind's own fields as a four-byte length and itself.
 */
#ifndef SECRETS_CRYPTO_SEALED_BOX_H
#define SECRETS_CRYPTO_SEALED_BOX_H

#include "crypto/crypto.h"
#include "crypto/xaes.h"

#define BOX_FORMAT		0x01
#define BOX_HEADER_LEN	48
#define BOX_OVERHEAD	(BOX_HEADER_LEN + XAES_TAG_LEN)
#define BOX_ID_LEN		16

typedef enum BoxKind
{
	BOX_VALUE = 1,				/* a secret's version; bound to secret id, version, name */
	BOX_MASTER_KEY = 2,			/* a master key under a root key; bound to its id, version */
	BOX_TRANSIT = 3,			/* encrypted for a caller; bound to the caller's context */
	BOX_EXPORT = 4
} BoxKind;

typedef enum BoxContent
{
	BOX_BYTES = 0,
	BOX_UTF8 = 1,
	BOX_SQL_ASCII = 2			/* text of a database that does not know its encoding */
} BoxContent;

typedef struct BoxHeader
{
	BoxKind		kind;
	BoxContent	content;
	uint32_t	key_version;
	uint8_t		key_id[BOX_ID_LEN];
	uint8_t		nonce[XAES_NONCE_LEN];
} BoxHeader;

/* Reads and checks the header of a whole box.  False: these bytes are no box. */
extern bool box_parse(const uint8_t *box, size_t len, BoxHeader *header);

/*
 * Seals plain into box, which has room for BOX_OVERHEAD + len.  The header's
 * nonce is drawn here.  fields are what the kind binds.  On CRYPTO_BROKEN box
 * holds zeroes.
 */
extern CryptoResult box_seal(XaesKey *key, BoxHeader *header, const Bytes *fields, int nfields,
							 const uint8_t *plain, size_t len, uint8_t *box);

/*
 * Opens a whole box of len bytes into out, which has room for len - BOX_OVERHEAD.
 * Unless it returns CRYPTO_OK, out holds zeroes.
 */
extern CryptoResult box_open(XaesKey *key, const Bytes *fields, int nfields,
							 const uint8_t *box, size_t len, uint8_t *out);

/* Big-endian numbers, as in the format above. */
extern void put_be32(uint8_t *out, uint32_t n);
extern uint32_t get_be32(const uint8_t *in);
extern void put_be64(uint8_t *out, uint64_t n);

#endif
