/*
 * keyring/keyfile.h: what a root key looks like in a file.  Plain C, no server.
 */
#ifndef SECRETS_KEYRING_KEYFILE_H
#define SECRETS_KEYRING_KEYFILE_H

#include "crypto/crypto.h"

/* The longest text that keyfile_parse can accept; one byte more is too long. */
#define KEYFILE_MAX_LEN (64 + 2)

/*
 * 64 hex digits or 44 characters of base64, and at most one line end (\n or
 * \r\n).  False: key holds zeroes.  Whoever calls wipes text.
 */
extern bool keyfile_parse(const char *text, size_t len, uint8_t key[CRYPTO_KEY_LEN]);

#endif
