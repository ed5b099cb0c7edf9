/*
 * keyring/source.h: where a root key comes from.
 *
 * A place is written "file:/path" or "command:/path argument ...".  Each kind
 * is a KeySource; another kind (a KMS, a token) is another entry of the table
 * in source.c.
 */
#ifndef SECRETS_KEYRING_SOURCE_H
#define SECRETS_KEYRING_SOURCE_H

#include "crypto/crypto.h"

#define SOURCE_WHY_LEN 1024

typedef struct KeySource
{
	const char *scheme;			/* "file:" */
	bool		(*load) (const char *where, uint8_t key[CRYPTO_KEY_LEN], char why[SOURCE_WHY_LEN]);
} KeySource;

/*
 * Takes the key from the place.  Raises nothing (the postmaster calls it, and
 * starts whatever comes of it): false, with the reason in why, which names the
 * place but nothing that was found there.
 */
extern bool source_load(const char *place, uint8_t key[CRYPTO_KEY_LEN], char why[SOURCE_WHY_LEN]);

/* Whether the text names a known kind of place at all. */
extern bool source_is_known(const char *place);

extern bool source_file_load(const char *path, uint8_t key[CRYPTO_KEY_LEN], char why[SOURCE_WHY_LEN]);
extern bool source_command_load(const char *line, uint8_t key[CRYPTO_KEY_LEN], char why[SOURCE_WHY_LEN]);

#endif
