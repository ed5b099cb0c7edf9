/*
 * crypto/scram.c
 */
#include "crypto/scram.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>

#include "crypto/mac.h"

static bool
is_printable_ascii(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] < 0x20 || text[i] > 0x7e)
			return false;
	return len > 0;
}

/* ClientKey or ServerKey, by the word that RFC 5802 gives each. */
static bool
make_key(const uint8_t salted[HASH_LEN], const char *word, size_t len, uint8_t key[HASH_LEN])
{
	unsigned int got = 0;

	return HMAC(EVP_sha256(), salted, HASH_LEN, (const uint8_t *) word, len, key, &got) != NULL && got == HASH_LEN;
}

static void
encode(const uint8_t *in, int len, char *out)
{
	(void) EVP_EncodeBlock((unsigned char *) out, in, len);
}

bool
scram_verifier(const char *password, size_t len, int iterations, const uint8_t salt[SCRAM_SALT_LEN],
			   char out[SCRAM_VERIFIER_SIZE])
{
	uint8_t		salted[HASH_LEN];
	uint8_t		client_key[HASH_LEN];
	uint8_t		stored_key[HASH_LEN];
	uint8_t		server_key[HASH_LEN];
	unsigned int got = 0;
	char		salt_text[32];
	char		stored_text[64];
	char		server_text[64];
	bool		ok;

	ok = is_printable_ascii(password, len)
		&& PKCS5_PBKDF2_HMAC(password, (int) len, salt, SCRAM_SALT_LEN, iterations, EVP_sha256(), HASH_LEN, salted) == 1
		&& make_key(salted, "Client Key", 10, client_key)
		&& make_key(salted, "Server Key", 10, server_key)
		&& EVP_Digest(client_key, HASH_LEN, stored_key, &got, EVP_sha256(), NULL) == 1 && got == HASH_LEN;
	if (ok)
	{
		encode(salt, SCRAM_SALT_LEN, salt_text);
		encode(stored_key, HASH_LEN, stored_text);
		encode(server_key, HASH_LEN, server_text);
		(void) snprintf(out, SCRAM_VERIFIER_SIZE, "SCRAM-SHA-256$%d:%s$%s:%s", iterations, salt_text, stored_text, server_text);
	}
	crypto_wipe(salted, sizeof(salted));
	crypto_wipe(client_key, sizeof(client_key));
	return ok;
}
