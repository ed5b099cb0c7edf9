/*
 * box/box.h: the SQL type secrets.ciphertext: a varlena of a sealed box's bytes.
 */
#ifndef SECRETS_BOX_BOX_H
#define SECRETS_BOX_BOX_H

#include "base/compat.h"
#include "crypto/sealed_box.h"

/* A value of the type, detoasted. */
typedef bytea SealedBox;

/* A new value with room for a box around len bytes of plaintext. */
extern SealedBox *box_alloc(Size len);

/* Text and bytes from outside, checked: 22P02 for what is no box. */
extern SealedBox *box_from_text(const char *text);
extern SealedBox *box_from_bytes(const char *bytes, Size len);
extern char *box_to_text(const SealedBox *box);

/*
 * The header of a value, which may be toasted; reads no more than the header.
 * False: somebody has got bytes into the type that are no box.
 */
extern bool box_read_header(Datum value, BoxHeader *header);

/* The bytes of the header's key id, for messages: false where there are none. */
extern bool box_has_key_id(const SealedBox *box, const uint8_t **id);

/* How long the plaintext is, without fetching anything. */
extern Size box_plain_size(Datum value);

#endif
