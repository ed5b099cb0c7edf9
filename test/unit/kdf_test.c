/*
 * kdf_test.c: keys from keys, against Python's hmac.
 */
#include "crypto/codec.h"
#include "crypto/kdf.h"

#include "check.h"

static void
check_vector(const char *key_text, const char *label, const char *mac_text, const char *subkey_text)
{
	uint8_t		key[CRYPTO_KEY_LEN];
	uint8_t		want[32];
	uint8_t		got[32];

	CHECK(codec_from_hex(key_text, 64, key));
	CHECK(codec_from_hex(mac_text, 64, want) && kdf_mac(key, label, got));
	CHECK(memcmp(want, got, 32) == 0, "mac for %s", label);
	CHECK(codec_from_hex(subkey_text, 64, want) && kdf_subkey(key, label, got));
	CHECK(memcmp(want, got, 32) == 0, "subkey for %s", label);
}

static void
vectors(void)
{
	FILE	   *file = fopen(VECTORS "/kdf.txt", "r");
	char		line[1024];
	int			n = 0;

	if (!CHECK(file != NULL))
		return;
	while (fgets(line, sizeof(line), file))
	{
		char		key[65];
		char		label[129];
		char		mac[65];
		char		subkey[65];

		if (line[0] == '#')
			continue;
		CHECK(sscanf(line, "%64s %128s %64s %64s", key, label, mac, subkey) == 4);
		check_vector(key, label, mac, subkey);
		n++;
	}
	fclose(file);
	CHECK(n >= 40, "only %d vectors", n);
}

/* A label that would not fit is refused, never shortened. */
static void
long_labels(void)
{
	uint8_t		key[CRYPTO_KEY_LEN] = {1};
	uint8_t		out[CRYPTO_KEY_LEN];
	char		label[300];

	memset(label, 'l', sizeof(label));
	for (size_t len = 0; len < sizeof(label); len++)
	{
		label[len] = '\0';
		CHECK(kdf_subkey(key, label, out) == (len < 128), "%zu", len);
		CHECK(kdf_mac(key, label, out), "%zu", len);
		label[len] = 'l';
	}
}

/* Another key or another label is another subkey; a MAC is no subkey. */
static void
subkeys_differ(void)
{
	uint8_t		key[CRYPTO_KEY_LEN] = {1};
	uint8_t		a[32];
	uint8_t		b[32];

	CHECK(kdf_subkey(key, "one", a) && kdf_subkey(key, "two", b) && memcmp(a, b, 32) != 0);
	CHECK(kdf_mac(key, "one", b) && memcmp(a, b, 32) != 0);
	key[31] ^= 1;
	CHECK(kdf_subkey(key, "one", b) && memcmp(a, b, 32) != 0);
}

int
main(void)
{
	RUN(vectors);
	RUN(long_labels);
	RUN(subkeys_differ);
	return check_summary("kdf");
}
