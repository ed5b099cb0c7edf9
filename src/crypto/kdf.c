/*
 * crypto/kdf.c: HKDF spelled out on HMAC.
 *
 * OpenSSL's own HKDF object costs a fetch and a parameter list for each call;
 * one block of output is two HMACs, which read better than the parameters.
 */
#include "crypto/kdf.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

static bool
hmac_sha256(const uint8_t *key, size_t keylen, const uint8_t *data, size_t len, uint8_t out[32])
{
	unsigned int got = 0;

	if (HMAC(EVP_sha256(), key, (int) keylen, data, len, out, &got) != NULL && got == 32)
		return true;
	crypto_wipe(out, 32);
	return false;
}

bool
kdf_mac(const uint8_t key[CRYPTO_KEY_LEN], const char *label, uint8_t out[32])
{
	return hmac_sha256(key, CRYPTO_KEY_LEN, (const uint8_t *) label, strlen(label), out);
}

bool
kdf_subkey(const uint8_t key[CRYPTO_KEY_LEN], const char *label, uint8_t out[CRYPTO_KEY_LEN])
{
	static const uint8_t salt[32] = {0};
	uint8_t		info[128];
	uint8_t		prk[32];
	size_t		n = strlen(label);
	bool		ok;

	if (n >= sizeof(info))
		return false;
	memcpy(info, label, n);
	info[n] = 1;				/* RFC 5869's block counter */
	ok = hmac_sha256(salt, sizeof(salt), key, CRYPTO_KEY_LEN, prk)
		&& hmac_sha256(prk, sizeof(prk), info, n + 1, out);
	crypto_wipe(prk, sizeof(prk));
	return ok;
}
