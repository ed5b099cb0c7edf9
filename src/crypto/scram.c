/*
 * crypto/scram.c
 *
 * The server's own functions do the same, and leave copies of the password in
 * memory that they freed.
 */
#include "crypto/scram.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/codec.h"
#include "crypto/mac.h"

#define PREFIX		"SCRAM-SHA-256$"
#define SALT_MOST	64
#define KEY_TEXT	44			/* of 32 bytes, in base64 */
#define MD5_LEN		16

/* What is kept beside iterations and salt. */
typedef struct Keys
{
	uint8_t		stored[HASH_LEN];
	uint8_t		server[HASH_LEN];
} Keys;

/* ClientKey or ServerKey, by the word that RFC 5802 gives each. */
static bool
make_key(const uint8_t salted[HASH_LEN], const char *word, size_t len, uint8_t key[HASH_LEN])
{
	unsigned int got = 0;

	return HMAC(EVP_sha256(), salted, HASH_LEN, (const uint8_t *) word, len, key, &got) != NULL && got == HASH_LEN;
}

static bool
make_keys(const char *password, size_t len, int iterations, const uint8_t *salt, size_t salt_len, Keys *keys)
{
	uint8_t		salted[HASH_LEN];
	uint8_t		client_key[HASH_LEN];
	unsigned int got = 0;
	bool		ok;

	ok = len > 0
		&& PKCS5_PBKDF2_HMAC(password, (int) len, salt, (int) salt_len, iterations, EVP_sha256(), HASH_LEN, salted) == 1
		&& make_key(salted, "Client Key", 10, client_key)
		&& make_key(salted, "Server Key", 10, keys->server)
		&& EVP_Digest(client_key, HASH_LEN, keys->stored, &got, EVP_sha256(), NULL) == 1 && got == HASH_LEN;
	crypto_wipe(salted, sizeof(salted));
	crypto_wipe(client_key, sizeof(client_key));
	return ok;
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
	Keys		keys;
	char		salt_text[32];
	char		stored_text[KEY_TEXT + 1];
	char		server_text[KEY_TEXT + 1];

	if (!make_keys(password, len, iterations, salt, SCRAM_SALT_LEN, &keys))
		return false;
	encode(salt, SCRAM_SALT_LEN, salt_text);
	encode(keys.stored, HASH_LEN, stored_text);
	encode(keys.server, HASH_LEN, server_text);
	(void) snprintf(out, SCRAM_VERIFIER_SIZE, PREFIX "%d:%s$%s:%s", iterations, salt_text, stored_text, server_text);
	return true;
}

/* ---- the other way ---- */

typedef struct Verifier
{
	long		iterations;
	uint8_t		salt[SALT_MOST + 4];
	size_t		salt_len;
	Keys		keys;
} Verifier;

static bool
read_salt(const char *text, size_t len, Verifier *verifier)
{
	return len / 4 * 3 <= SALT_MOST + 2
		&& base64_decode(text, len, verifier->salt, &verifier->salt_len) && verifier->salt_len <= SALT_MOST;
}

static bool
read_keys(const char *text, Keys *keys)
{
	return strlen(text) == 2 * KEY_TEXT + 1
		&& base64_decode_key(text, KEY_TEXT, keys->stored)
		&& text[KEY_TEXT] == ':'
		&& base64_decode_key(text + KEY_TEXT + 1, KEY_TEXT, keys->server);
}

static bool
read_verifier(const char *text, Verifier *verifier)
{
	char	   *salt;
	const char *salt_end;

	if (strncmp(text, PREFIX, strlen(PREFIX)) != 0)
		return false;
	verifier->iterations = strtol(text + strlen(PREFIX), &salt, 10);
	if (verifier->iterations < 1 || verifier->iterations > SCRAM_MOST_ITERATIONS || *salt != ':')
		return false;
	salt++;
	salt_end = strchr(salt, '$');
	return salt_end && read_salt(salt, (size_t) (salt_end - salt), verifier) && read_keys(salt_end + 1, &verifier->keys);
}

bool
scram_verifies(const char *password, size_t len, const char *verifier)
{
	Verifier	kept;
	Keys		keys;

	return read_verifier(verifier, &kept)
		&& make_keys(password, len, (int) kept.iterations, kept.salt, kept.salt_len, &keys)
		&& crypto_equal(keys.stored, kept.keys.stored, HASH_LEN)
		&& crypto_equal(keys.server, kept.keys.server, HASH_LEN);
}

/* ---- MD5 ---- */

static bool
hash_with_role(const char *password, size_t len, const char *role, uint8_t out[MD5_LEN])
{
	EVP_MD	   *md5 = EVP_MD_fetch(NULL, "MD5", NULL);
	EVP_MD_CTX *context = md5 ? EVP_MD_CTX_new() : NULL;
	unsigned int got = 0;
	bool		ok = context
		&& EVP_DigestInit_ex2(context, md5, NULL) == 1
		&& EVP_DigestUpdate(context, password, len) == 1
		&& EVP_DigestUpdate(context, role, strlen(role)) == 1
		&& EVP_DigestFinal_ex(context, out, &got) == 1 && got == MD5_LEN;

	EVP_MD_CTX_free(context);
	EVP_MD_free(md5);
	return ok;
}

bool
md5_verifies(const char *password, size_t len, const char *role, const char *verifier)
{
	uint8_t		hash[MD5_LEN];
	char		digits[2 * MD5_LEN + 1];

	if (strncmp(verifier, "md5", 3) != 0 || strlen(verifier) != 3 + 2 * MD5_LEN || !hash_with_role(password, len, role, hash))
		return false;
	codec_to_hex(hash, MD5_LEN, digits);
	return crypto_equal(digits, verifier + 3, 2 * MD5_LEN);
}
