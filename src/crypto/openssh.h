/*
 * crypto/openssh.h: Ed25519 keys as OpenSSH keeps them (its PROTOCOL.key), not
 * encrypted.
 */
#ifndef SECRETS_CRYPTO_OPENSSH_H
#define SECRETS_CRYPTO_OPENSSH_H

#include "crypto/crypto.h"
#include "crypto/pem.h"

#define OPENSSH_SEED_LEN	32
#define OPENSSH_COMMENT_MAX	255

/* Room for the private half: a file; and for the public one: a line, without its end. */
#define OPENSSH_PRIVATE_ROOM	2048
#define OPENSSH_PUBLIC_ROOM		512

/* Unless it returns CRYPTO_OK nothing is left in either half.  The comment is short enough, and one line. */
extern CryptoResult openssh_generate(const char *comment, PemText *private_half, PemText *public_half);

/* The same of the key that RFC 8032 makes of this seed; check is a random number that is in the file twice. */
extern CryptoResult openssh_write(const uint8_t seed[OPENSSH_SEED_LEN], uint32_t check, const char *comment,
								  PemText *private_half, PemText *public_half);

#endif
