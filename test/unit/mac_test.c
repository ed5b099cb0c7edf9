/*
 * mac_test.c: hashes and MACs made ready, against OpenSSL's one call for each.
 */
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include "crypto/codec.h"
#include "crypto/mac.h"

#include "check.h"

#define LONGEST 300

static void
fill(uint8_t *data, size_t len, unsigned seed)
{
	for (size_t i = 0; i < len; i++)
		data[i] = (uint8_t) (seed = seed * 1103515245u + 12345u, seed >> 16);
}

/* Every length about the blocks' borders, with one key object used again and again. */
static void
macs(void)
{
	uint8_t		key[CRYPTO_KEY_LEN];
	uint8_t		data[LONGEST];
	uint8_t		got[HASH_LEN];
	uint8_t		want[HASH_LEN];

	for (unsigned seed = 0; seed < 20; seed++)
	{
		MacKey	   *ready;

		fill(key, sizeof(key), seed);
		ready = mac_new(key);
		if (!CHECK(ready != NULL))
			return;
		for (size_t len = 0; len <= LONGEST; len++)
		{
			fill(data, len, seed + 1000);
			HMAC(EVP_sha256(), key, sizeof(key), data, len, want, NULL);
			CHECK(mac_compute(ready, data, len, got) && memcmp(got, want, HASH_LEN) == 0, "seed %u, %zu bytes", seed, len);
		}
		mac_free(ready);
	}
	mac_free(NULL);
}

/* RFC 4231, test case 2, has a short key; padded with zeros it is one of 32 bytes. */
static void
known_mac(void)
{
	uint8_t		key[CRYPTO_KEY_LEN] = "Jefe";
	const char *data = "what do ya want for nothing?";
	uint8_t		got[HASH_LEN];
	uint8_t		want[HASH_LEN];
	MacKey	   *ready = mac_new(key);

	CHECK(codec_from_hex("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843", 64, want));
	CHECK(ready && mac_compute(ready, data, strlen(data), got) && memcmp(got, want, HASH_LEN) == 0);
	mac_free(ready);
}

/* In pieces as in one; and again with the same object, also after one that was never ended. */
static void
hashes(void)
{
	uint8_t		data[LONGEST];
	uint8_t		got[HASH_LEN];
	uint8_t		want[HASH_LEN];
	Hash	   *hash = hash_new();

	if (!CHECK(hash != NULL))
		return;
	fill(data, sizeof(data), 7);
	for (size_t len = 0; len <= LONGEST; len++)
	{
		size_t		cut = len / 3;

		SHA256(data, len, want);
		CHECK(hash_begin(hash) && hash_add(hash, "left", 4));
		CHECK(hash_begin(hash) && hash_add(hash, data, cut) && hash_add(hash, data + cut, len - cut) && hash_end(hash, got));
		CHECK(memcmp(got, want, HASH_LEN) == 0, "%zu bytes", len);
	}
	hash_free(hash);
	hash_free(NULL);
}

int
main(void)
{
	RUN(macs);
	RUN(known_mac);
	RUN(hashes);
	return check_summary("mac");
}
