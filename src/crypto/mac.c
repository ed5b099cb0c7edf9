/*
 * crypto/mac.c: HMAC (RFC 2104) spelled out on two hash states that have eaten
 * the padded key already.  Copying a state costs a third of what OpenSSL's own
 * HMAC object takes to begin again.
 */
#include "crypto/mac.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

#define BLOCK_LEN 64

struct Hash
{
	EVP_MD_CTX *context;
};

struct MacKey
{
	EVP_MD_CTX *inner;
	EVP_MD_CTX *outer;
	EVP_MD_CTX *work;
};

/* Fetched once: EVP_sha256() is looked up again at each use. */
static const EVP_MD *
sha256(void)
{
	static EVP_MD *fetched = NULL;

	if (fetched == NULL)
		fetched = EVP_MD_fetch(NULL, "SHA256", NULL);
	return fetched;
}

Hash *
hash_new(void)
{
	Hash	   *hash = OPENSSL_zalloc(sizeof(Hash));

	if (hash == NULL)
		return NULL;
	hash->context = EVP_MD_CTX_new();
	if (hash->context && sha256())
		return hash;
	hash_free(hash);
	return NULL;
}

void
hash_free(Hash *hash)
{
	if (hash == NULL)
		return;
	EVP_MD_CTX_free(hash->context);
	OPENSSL_clear_free(hash, sizeof(Hash));
}

bool
hash_begin(Hash *hash)
{
	return EVP_DigestInit_ex2(hash->context, sha256(), NULL) == 1;
}

bool
hash_add(Hash *hash, const void *data, size_t len)
{
	return EVP_DigestUpdate(hash->context, data, len) == 1;
}

bool
hash_end(Hash *hash, uint8_t out[HASH_LEN])
{
	unsigned int len = 0;

	if (EVP_DigestFinal_ex(hash->context, out, &len) == 1 && len == HASH_LEN)
		return true;
	crypto_wipe(out, HASH_LEN);
	return false;
}

static EVP_MD_CTX *
begin_padded(const uint8_t key[CRYPTO_KEY_LEN], uint8_t pad)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	uint8_t		block[BLOCK_LEN];

	memset(block, pad, sizeof(block));
	for (int i = 0; i < CRYPTO_KEY_LEN; i++)
		block[i] ^= key[i];
	if (context
		&& (EVP_DigestInit_ex2(context, sha256(), NULL) != 1 || EVP_DigestUpdate(context, block, sizeof(block)) != 1))
	{
		EVP_MD_CTX_free(context);
		context = NULL;
	}
	crypto_wipe(block, sizeof(block));
	return context;
}

MacKey *
mac_new(const uint8_t key[CRYPTO_KEY_LEN])
{
	MacKey	   *ready;

	if (sha256() == NULL || (ready = OPENSSL_zalloc(sizeof(MacKey))) == NULL)
		return NULL;
	ready->inner = begin_padded(key, 0x36);
	ready->outer = begin_padded(key, 0x5c);
	ready->work = EVP_MD_CTX_new();
	if (ready->inner && ready->outer && ready->work)
		return ready;
	mac_free(ready);
	return NULL;
}

/* OpenSSL wipes a hash state when it frees it. */
void
mac_free(MacKey *key)
{
	if (key == NULL)
		return;
	EVP_MD_CTX_free(key->inner);
	EVP_MD_CTX_free(key->outer);
	EVP_MD_CTX_free(key->work);
	OPENSSL_clear_free(key, sizeof(MacKey));
}

bool
mac_compute(MacKey *key, const void *data, size_t len, uint8_t out[HASH_LEN])
{
	uint8_t		inner[HASH_LEN];
	unsigned int n = 0;

	if (EVP_MD_CTX_copy_ex(key->work, key->inner) == 1
		&& EVP_DigestUpdate(key->work, data, len) == 1
		&& EVP_DigestFinal_ex(key->work, inner, &n) == 1 && n == HASH_LEN
		&& EVP_MD_CTX_copy_ex(key->work, key->outer) == 1
		&& EVP_DigestUpdate(key->work, inner, HASH_LEN) == 1
		&& EVP_DigestFinal_ex(key->work, out, &n) == 1 && n == HASH_LEN)
		return true;
	crypto_wipe(out, HASH_LEN);
	return false;
}
