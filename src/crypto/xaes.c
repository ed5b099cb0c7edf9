/*
 * crypto/xaes.c: XAES-256-GCM over OpenSSL's AES-256-GCM and AES-256-ECB.
 *
 * The derivation is NIST SP 800-108's counter mode with CMAC; its input is one
 * block, so CMAC is one AES call on (message xor K1).
 */
#include "crypto/xaes.h"

#include <limits.h>
#include <openssl/evp.h>
#include <string.h>

#define BLOCK 16

struct XaesKey
{
	EVP_CIPHER_CTX *derive;		/* AES-256-ECB under the key itself */
	EVP_CIPHER_CTX *gcm;		/* AES-256-GCM, given a new subkey for each message */
	uint8_t		k1[BLOCK];		/* CMAC's subkey for whole blocks */
};

/* Fetched once a process: a fetch by name costs more than sealing a password. */
static EVP_CIPHER *aes_ecb;
static EVP_CIPHER *aes_gcm;

static bool
fetch_ciphers(void)
{
	if (aes_ecb == NULL)
		aes_ecb = EVP_CIPHER_fetch(NULL, "AES-256-ECB", NULL);
	if (aes_gcm == NULL)
		aes_gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
	return aes_ecb != NULL && aes_gcm != NULL;
}

/* AES under the key, n whole blocks. */
static bool
encrypt_blocks(EVP_CIPHER_CTX *ctx, const uint8_t *in, uint8_t *out, int n)
{
	int			got = 0;

	return EVP_EncryptUpdate(ctx, out, &got, in, n * BLOCK) == 1 && got == n * BLOCK;
}

static bool
make_ready(XaesKey *key, const uint8_t bytes[CRYPTO_KEY_LEN])
{
	uint8_t		zero[BLOCK] = {0};
	uint8_t		l[BLOCK];
	bool		ok;

	ok = EVP_EncryptInit_ex2(key->derive, aes_ecb, bytes, NULL, NULL) == 1
		&& EVP_CIPHER_CTX_set_padding(key->derive, 0) == 1
		&& encrypt_blocks(key->derive, zero, l, 1);
	if (ok)
	{
		uint8_t		carry = l[0] >> 7;

		for (int i = 0; i < BLOCK - 1; i++)
			key->k1[i] = (uint8_t) (l[i] << 1 | l[i + 1] >> 7);
		/* The reduction without a branch: the top bit is as secret as the key. */
		key->k1[BLOCK - 1] = (uint8_t) (l[BLOCK - 1] << 1) ^ (uint8_t) (0x87 & -carry);
	}
	crypto_wipe(l, sizeof(l));
	return ok;
}

XaesKey *
xaes_new(const uint8_t bytes[CRYPTO_KEY_LEN])
{
	XaesKey    *key;

	if (!fetch_ciphers() || (key = OPENSSL_zalloc(sizeof(XaesKey))) == NULL)
		return NULL;
	key->derive = EVP_CIPHER_CTX_new();
	key->gcm = EVP_CIPHER_CTX_new();
	if (key->derive == NULL || key->gcm == NULL || !make_ready(key, bytes))
	{
		xaes_free(key);
		return NULL;
	}
	return key;
}

void
xaes_free(XaesKey *key)
{
	if (key == NULL)
		return;
	EVP_CIPHER_CTX_free(key->derive);
	EVP_CIPHER_CTX_free(key->gcm);
	OPENSSL_clear_free(key, sizeof(XaesKey));
}

/* The message's own key, from the first half of the nonce. */
static bool
derive_subkey(XaesKey *key, const uint8_t *nonce, uint8_t subkey[CRYPTO_KEY_LEN])
{
	uint8_t		in[2 * BLOCK] = {0};
	bool		ok;

	for (int i = 0; i < 2; i++)
	{
		uint8_t    *m = in + i * BLOCK;

		m[1] = (uint8_t) (i + 1);
		m[2] = 'X';
		memcpy(m + 4, nonce, 12);
		for (int j = 0; j < BLOCK; j++)
			m[j] ^= key->k1[j];
	}
	ok = encrypt_blocks(key->derive, in, subkey, 2);
	crypto_wipe(in, sizeof(in));	/* its first bytes are known, and so K1 would be */
	return ok;
}

/* Points the GCM context at one message: subkey, second half of the nonce, associated data. */
static bool
begin(XaesKey *key, bool seal, const uint8_t *nonce, const Bytes *aad, int naad)
{
	uint8_t		subkey[CRYPTO_KEY_LEN];
	bool		ok;

	ok = derive_subkey(key, nonce, subkey)
		&& EVP_CipherInit_ex2(key->gcm, aes_gcm, subkey, nonce + 12, seal, NULL) == 1;
	crypto_wipe(subkey, sizeof(subkey));

	for (int i = 0; ok && i < naad; i++)
	{
		int			got = 0;

		if (aad[i].len == 0)
			continue;
		ok = aad[i].len <= INT_MAX
			&& EVP_CipherUpdate(key->gcm, NULL, &got, aad[i].data, (int) aad[i].len) == 1
			&& got == (int) aad[i].len;
	}
	return ok;
}

/* The body of the message; GCM is a stream, so as many bytes come out as go in. */
static bool
transform(XaesKey *key, const uint8_t *in, size_t len, uint8_t *out)
{
	int			got = 0;

	if (len == 0)
		return true;
	return len <= INT_MAX
		&& EVP_CipherUpdate(key->gcm, out, &got, in, (int) len) == 1
		&& got == (int) len;
}

CryptoResult
xaes_seal(XaesKey *key, const uint8_t nonce[XAES_NONCE_LEN], const Bytes *aad, int naad,
		  const uint8_t *plain, size_t len, uint8_t *out, uint8_t tag[XAES_TAG_LEN])
{
	uint8_t		rest[BLOCK];
	int			got = 0;

	if (begin(key, true, nonce, aad, naad)
		&& transform(key, plain, len, out)
		&& EVP_EncryptFinal_ex(key->gcm, rest, &got) == 1 && got == 0
		&& EVP_CIPHER_CTX_ctrl(key->gcm, EVP_CTRL_AEAD_GET_TAG, XAES_TAG_LEN, tag) == 1)
		return CRYPTO_OK;

	crypto_wipe(out, len);
	crypto_wipe(tag, XAES_TAG_LEN);
	return CRYPTO_BROKEN;
}

CryptoResult
xaes_open(XaesKey *key, const uint8_t nonce[XAES_NONCE_LEN], const Bytes *aad, int naad,
		  const uint8_t *sealed, size_t len, const uint8_t tag[XAES_TAG_LEN], uint8_t *out)
{
	CryptoResult result = CRYPTO_BROKEN;
	uint8_t		rest[BLOCK];
	int			got = 0;

	if (begin(key, false, nonce, aad, naad)
		&& transform(key, sealed, len, out)
		&& EVP_CIPHER_CTX_ctrl(key->gcm, EVP_CTRL_AEAD_SET_TAG, XAES_TAG_LEN, (void *) tag) == 1)
	{
		if (EVP_DecryptFinal_ex(key->gcm, rest, &got) == 1 && got == 0)
			return CRYPTO_OK;
		result = CRYPTO_MISMATCH;
	}
	crypto_wipe(out, len);
	return result;
}
