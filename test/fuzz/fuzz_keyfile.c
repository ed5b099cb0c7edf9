/*
 * fuzz_keyfile.c: what stands in a key file.
 */
#include "property.h"

#include "crypto/codec.h"
#include "keyring/keyfile.h"

static const char digits64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* The key's one base64 text. */
static void
write_base64(const uint8_t key[CRYPTO_KEY_LEN], char text[44])
{
	for (int i = 0; i < 43; i++)
	{
		int			bit = 6 * i;
		int			pair = key[bit / 8] << 8 | (bit / 8 + 1 < CRYPTO_KEY_LEN ? key[bit / 8 + 1] : 0);

		text[i] = digits64[pair >> (10 - bit % 8) & 63];
	}
	text[43] = '=';
}

static bool
is_hex_of(const char *text, const uint8_t key[CRYPTO_KEY_LEN])
{
	for (int i = 0; i < 2 * CRYPTO_KEY_LEN; i++)
	{
		int			digit = i % 2 ? key[i / 2] & 15 : key[i / 2] >> 4;

		if (text[i] != "0123456789abcdef"[digit] && text[i] != "0123456789ABCDEF"[digit])
			return false;
	}
	return true;
}

/* A key that was read is what its text says, and nothing else was there. */
static void
check_key(const char *text, size_t len, const uint8_t key[CRYPTO_KEY_LEN])
{
	char		base64[44];

	PROPERTY(len <= KEYFILE_MAX_LEN);
	if (text[len - 1] == '\n')
		len--;
	if (len != 44 && len != 64)
	{
		PROPERTY(text[len - 1] == '\r' && text[len] == '\n');
		len--;
	}
	write_base64(key, base64);
	if (len == 44)
		PROPERTY(memcmp(base64, text, 44) == 0);
	else
		PROPERTY(len == 64 && is_hex_of(text, key));
}

/* Any 32 bytes, written in either way with any line end, are read back. */
static void
check_written(const uint8_t bytes[CRYPTO_KEY_LEN])
{
	static const char *const ends[] = {"", "\n", "\r\n", "\r", "\n\n"};

	for (int form = 0; form < 2; form++)
		for (int end = 0; end < 5; end++)
		{
			size_t		len = form == 0 ? 44 : 64;
			char		digits[65];
			char	   *text;
			uint8_t		key[CRYPTO_KEY_LEN];
			bool		ok;

			if (form == 0)
				write_base64(bytes, digits);
			else
				codec_to_hex(bytes, CRYPTO_KEY_LEN, digits);
			text = exact_room(len + strlen(ends[end]));
			memcpy(text, digits, len);
			memcpy(text + len, ends[end], strlen(ends[end]));
			ok = keyfile_parse(text, len + strlen(ends[end]), key);
			PROPERTY(ok == (end < 3));
			PROPERTY(ok ? memcmp(key, bytes, CRYPTO_KEY_LEN) == 0 : all_zero(key, CRYPTO_KEY_LEN));
			free(text);
		}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char	   *text = exact_room(size);
	uint8_t    *key = exact_room(CRYPTO_KEY_LEN);

	if (size > 0)
		memcpy(text, data, size);
	if (keyfile_parse(text, size, key))
		check_key(text, size, key);
	else
		PROPERTY(all_zero(key, CRYPTO_KEY_LEN));
	if (size == CRYPTO_KEY_LEN)
		check_written(data);
	free(key);
	free(text);
	return 0;
}
