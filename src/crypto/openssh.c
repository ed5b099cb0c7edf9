/*
 * crypto/openssh.c
 *
 * A private key is "openssh-key-v1" with its zero byte; cipher, kdf and the
 * kdf's options, as strings; the number of keys; the public key, a string; and
 * a string with what would be encrypted: the check twice, type, public half,
 * seed and public half once more, comment, and 1, 2, 3... up to a multiple of 8.
 * Strings are a four-byte length and themselves.
 */
#include "crypto/openssh.h"

#include <openssl/evp.h>
#include <string.h>

#include "crypto/keypair.h"
#include "crypto/random.h"
#include "crypto/sealed_box.h"

#define PUBLIC_LEN	32
#define BLOCK_LEN	8
#define MAGIC		"openssh-key-v1"
#define TYPE		"ssh-ed25519"

/* 4 + type, 4 + public half. */
#define PUBLIC_BLOB_LEN	(4 + sizeof(TYPE) - 1 + 4 + PUBLIC_LEN)

typedef struct Blob
{
	uint8_t		data[1024];
	size_t		len;
} Blob;

static void
add(Blob *blob, const void *bytes, size_t len)
{
	memcpy(blob->data + blob->len, bytes, len);
	blob->len += len;
}

static void
add_number(Blob *blob, uint32_t n)
{
	put_be32(blob->data + blob->len, n);
	blob->len += 4;
}

static void
add_string(Blob *blob, const void *bytes, size_t len)
{
	add_number(blob, (uint32_t) len);
	add(blob, bytes, len);
}

static void
add_word(Blob *blob, const char *word)
{
	add_string(blob, word, strlen(word));
}

static void
add_public_key(Blob *blob, const uint8_t public_key[PUBLIC_LEN])
{
	add_word(blob, TYPE);
	add_string(blob, public_key, PUBLIC_LEN);
}

static void
add_private_part(Blob *blob, const uint8_t seed[OPENSSH_SEED_LEN], const uint8_t public_key[PUBLIC_LEN],
				 uint32_t check, const char *comment)
{
	add_number(blob, check);
	add_number(blob, check);
	add_public_key(blob, public_key);
	add_number(blob, OPENSSH_SEED_LEN + PUBLIC_LEN);
	add(blob, seed, OPENSSH_SEED_LEN);
	add(blob, public_key, PUBLIC_LEN);
	add_word(blob, comment);
	for (uint8_t padding = 1; blob->len % BLOCK_LEN != 0; padding++)
		add(blob, &padding, 1);
}

static bool
write_private(const uint8_t seed[OPENSSH_SEED_LEN], const uint8_t public_key[PUBLIC_LEN],
			  uint32_t check, const char *comment, PemText *text)
{
	Blob		blob = {.len = 0};
	Blob		part = {.len = 0};
	bool		ok;

	add(&blob, MAGIC, sizeof(MAGIC));
	add_word(&blob, "none");
	add_word(&blob, "none");
	add_word(&blob, "");
	add_number(&blob, 1);
	add_number(&blob, PUBLIC_BLOB_LEN);
	add_public_key(&blob, public_key);
	add_private_part(&part, seed, public_key, check, comment);
	add_string(&blob, part.data, part.len);
	ok = pem_append_openssh(text, "OPENSSH PRIVATE KEY", blob.data, blob.len);
	crypto_wipe(&part, sizeof(part));
	crypto_wipe(&blob, sizeof(blob));
	return ok;
}

static bool
write_public(const uint8_t public_key[PUBLIC_LEN], const char *comment, PemText *text)
{
	Blob		blob = {.len = 0};

	add_public_key(&blob, public_key);
	return text_append(text, TYPE " ", sizeof(TYPE))
		&& text_append_base64(text, blob.data, blob.len)
		&& (comment[0] == '\0' || text_append(text, " ", 1))
		&& text_append(text, comment, strlen(comment));
}

static bool
find_public_key(const uint8_t seed[OPENSSH_SEED_LEN], uint8_t public_key[PUBLIC_LEN])
{
	Keypair    *pair = keypair_of_seed(seed);
	size_t		len = PUBLIC_LEN;
	bool		ok = pair
		&& EVP_PKEY_get_raw_public_key(keypair_key(pair), public_key, &len) == 1 && len == PUBLIC_LEN;

	keypair_free(pair);
	return ok;
}

CryptoResult
openssh_write(const uint8_t seed[OPENSSH_SEED_LEN], uint32_t check, const char *comment,
			  PemText *private_half, PemText *public_half)
{
	uint8_t		public_key[PUBLIC_LEN];

	if (strlen(comment) <= OPENSSH_COMMENT_MAX
		&& find_public_key(seed, public_key)
		&& write_private(seed, public_key, check, comment, private_half)
		&& write_public(public_key, comment, public_half))
		return CRYPTO_OK;
	text_wipe(private_half);
	text_wipe(public_half);
	return CRYPTO_BROKEN;
}

CryptoResult
openssh_generate(const char *comment, PemText *private_half, PemText *public_half)
{
	uint8_t		seed[OPENSSH_SEED_LEN];
	uint32_t	check;
	CryptoResult result = CRYPTO_BROKEN;

	if (random_secret(seed, sizeof(seed)) && random_public(&check, sizeof(check)))
		result = openssh_write(seed, check, comment, private_half, public_half);
	crypto_wipe(seed, sizeof(seed));
	return result;
}
