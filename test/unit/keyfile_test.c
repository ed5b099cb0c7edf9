/*
 * keyfile_test.c: 64 hex digits or 44 characters of base64, one line end at most.
 */
#include "keyring/keyfile.h"

#include "check.h"

#include <ctype.h>

static const char hex_text[] = "000102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1F";
static const char base64_text[] = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/* Parses a copy of exactly that size.  A key that is refused must be zeroes. */
static bool
parses(const char *text, size_t len, uint8_t key[CRYPTO_KEY_LEN])
{
	char	   *copy = exact_copy(text, len);
	bool		ok;

	memset(key, 0xaa, CRYPTO_KEY_LEN);
	ok = keyfile_parse(copy, len, key);
	CHECK(ok || all_bytes(key, CRYPTO_KEY_LEN, 0), "%.*s", (int) len, text);
	free(copy);
	return ok;
}

static bool
refuses(const char *text, size_t len)
{
	uint8_t		key[CRYPTO_KEY_LEN];

	return !parses(text, len, key);
}

static void
expect_counting_key(const char *text, const char *end)
{
	char		whole[80];
	uint8_t		key[CRYPTO_KEY_LEN];

	snprintf(whole, sizeof(whole), "%s%s", text, end);
	CHECK(strlen(whole) <= KEYFILE_MAX_LEN);
	CHECK(parses(whole, strlen(whole), key), "%s", whole);
	for (int i = 0; i < CRYPTO_KEY_LEN; i++)
		CHECK(key[i] == i);
}

static void
accepted(void)
{
	static const char *const ends[] = {"", "\n", "\r\n"};

	for (size_t i = 0; i < lengthof(ends); i++)
	{
		expect_counting_key(hex_text, ends[i]);
		expect_counting_key(base64_text, ends[i]);
	}
}

static void
surroundings_refused(void)
{
	static const char *const starts[] = {"", "\n", " ", "\t", "\r\n", "0x", "\\x", "\"", "'", "\xef\xbb\xbf",
		"#"};
	static const char *const ends[] = {"", "\n", "\r\n", "\r", "\n\n", "\r\r\n", "\n\r", "\n\r\n", "\r\n\r\n",
		" ", "\t",
	" \n", "\"", "=", "0", "00", "A", "#", "\v", "\f", "\n "};

	for (size_t i = 0; i < lengthof(starts); i++)
		for (size_t j = 0; j < lengthof(ends); j++)
		{
			char		text[100];

			if (i == 0 && j < 3)
				continue;		/* those are accepted */
			snprintf(text, sizeof(text), "%s%s%s", starts[i], hex_text, ends[j]);
			CHECK(refuses(text, strlen(text)), "%s", text);
			snprintf(text, sizeof(text), "%s%s%s", starts[i], base64_text, ends[j]);
			CHECK(refuses(text, strlen(text)), "%s", text);
		}
	CHECK(refuses(hex_text, sizeof(hex_text)));	/* with its terminating zero */
	CHECK(refuses(base64_text, sizeof(base64_text)));
}

static void
every_other_length_refused(void)
{
	char		text[300];
	static const char fillers[] = "0aAZ+/=\n\r\0";

	for (size_t f = 0; f < sizeof(fillers); f++)
	{
		memset(text, fillers[f], sizeof(text));
		for (size_t len = 0; len <= sizeof(text); len++)
		{
			bool		hex = len == 64 && f < 3 && fillers[f] != 'Z';

			CHECK(refuses(text, len) == !hex, "%zu times byte %d", len, fillers[f]);
		}
	}
	for (size_t len = 0; len < sizeof(hex_text) - 1; len++)
		CHECK(refuses(hex_text, len));
	for (size_t len = 0; len < sizeof(base64_text) - 1; len++)
		CHECK(refuses(base64_text, len));
}

/* Every byte value at every place: digits only. */
static void
every_byte(void)
{
	for (int c = 0; c < 256; c++)
	{
		for (size_t at = 0; at < 64; at++)
		{
			char		text[65];

			memcpy(text, hex_text, sizeof(text));
			text[at] = (char) c;
			CHECK(refuses(text, 64) == (c == 0 || strchr("0123456789abcdefABCDEF", c) == NULL),
				  "byte %d at %zu", c, at);
		}
		for (size_t at = 0; at < 42; at++)
		{
			char		text[45];
			bool		digit = (c < 0x80 && isalnum(c)) || c == '+' || c == '/';

			memcpy(text, base64_text, sizeof(text));
			text[at] = (char) c;
			CHECK(refuses(text, 44) == !digit, "byte %d at %zu", c, at);
		}
	}
}

/* The same key in two texts is refused: leftover bits, missing padding, the other alphabet. */
static void
not_canonical(void)
{
	CHECK(refuses("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9=", 44));
	CHECK(refuses("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8", 43));
	CHECK(refuses("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\n", 44));
	CHECK(refuses("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh==", 44));
	CHECK(refuses("-_ECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", 44));
	CHECK(!refuses("+/ECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", 44));
}

int
main(void)
{
	RUN(accepted);
	RUN(surroundings_refused);
	RUN(every_other_length_refused);
	RUN(every_byte);
	RUN(not_canonical);
	return check_summary("keyfile");
}
