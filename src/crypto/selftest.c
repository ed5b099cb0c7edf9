/*
 * crypto/selftest.c: known answers, asked when the library loads.
 *
 * A library that answers one of them wrongly, or not at all (a FIPS provider
 * that openssl.cnf demands and that is not there), is used for nothing.
 */
#include "crypto/crypto.h"
#include "crypto/codec.h"
#include "crypto/kdf.h"
#include "crypto/xaes.h"

#include <openssl/crypto.h>
#include <string.h>

void
crypto_wipe(void *data, size_t len)
{
	if (len > 0)
		OPENSSL_cleanse(data, len);
}

bool
crypto_equal(const void *a, const void *b, size_t len)
{
	return CRYPTO_memcmp(a, b, len) == 0;
}

/* The two vectors of C2SP's XAES-256-GCM: both branches of the CMAC subkey. */
static const struct
{
	uint8_t		key_byte;
	const char *aad;
	const char *answer;
}			xaes_vectors[] = {
	{0x01, "", "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271"},
	{0x03, "c2sp.org/XAES-256-GCM", "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d"},
};

static bool
test_xaes(int which)
{
	static const uint8_t nonce[XAES_NONCE_LEN + 1] = "ABCDEFGHIJKLMNOPQRSTUVWX";
	static const uint8_t plain[12 + 1] = "XAES-256-GCM";
	const char *aad_text = xaes_vectors[which].aad;
	Bytes		aad = {aad_text, strlen(aad_text)};
	uint8_t		bytes[CRYPTO_KEY_LEN];
	uint8_t		want[12 + XAES_TAG_LEN];
	uint8_t		got[12 + XAES_TAG_LEN];
	uint8_t		back[12];
	XaesKey    *key;
	bool		ok;

	memset(bytes, xaes_vectors[which].key_byte, sizeof(bytes));
	if ((key = xaes_new(bytes)) == NULL)
		return false;
	ok = codec_from_hex(xaes_vectors[which].answer, 2 * sizeof(want), want)
		&& xaes_seal(key, nonce, &aad, 1, plain, 12, got, got + 12) == CRYPTO_OK
		&& memcmp(want, got, sizeof(want)) == 0
		&& xaes_open(key, nonce, &aad, 1, want, 12, want + 12, back) == CRYPTO_OK
		&& memcmp(back, plain, 12) == 0;
	want[0] ^= 1;				/* and a forged one must not open */
	ok = ok && xaes_open(key, nonce, &aad, 1, want, 12, want + 12, back) == CRYPTO_MISMATCH;
	xaes_free(key);
	return ok;
}

/* Computed with Python's hmac module: key 00 01 ... 1f, no salt, the label below. */
static bool
test_kdf(void)
{
	static const char answer[] = "e62e6b7fa83a2f6e5e08a3c14b923bc5dfec453910e647e8c819010c6802c8b4";
	uint8_t		key[CRYPTO_KEY_LEN];
	uint8_t		want[32];
	uint8_t		got[32];

	for (int i = 0; i < CRYPTO_KEY_LEN; i++)
		key[i] = (uint8_t) i;
	return codec_from_hex(answer, 64, want)
		&& kdf_subkey(key, "secrets/self-test/v1", got)
		&& memcmp(want, got, 32) == 0;
}

bool
crypto_self_test(void)
{
	return test_xaes(0) && test_xaes(1) && test_kdf();
}
