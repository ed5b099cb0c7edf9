/*
 * codec_test.c: bytes as text: one text for one value, and no other.
 */
#include "crypto/codec.h"

#include "check.h"

static const char url_alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
static const char std_alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Decodes from and into memory of exactly the promised sizes. */
static bool
decodes(const char *text, size_t len, uint8_t *out, size_t *outlen)
{
	char	   *in = exact_copy(text, len);
	uint8_t    *room = malloc(len / 4 * 3 + 2);
	bool		ok = base64url_decode(in, len, room, outlen);

	if (ok)
		memcpy(out, room, *outlen);
	free(room);
	free(in);
	return ok;
}

static void
expect_refused(const char *text, size_t len)
{
	uint8_t		out[256];
	size_t		n;

	CHECK(!decodes(text, len, out, &n), "\"%.*s\"", (int) len, text);
}

/* RFC 4648, section 10, without the padding. */
static void
known_texts(void)
{
	static const char *const texts[] = {"", "Zg", "Zm8", "Zm9v", "Zm9vYg", "Zm9vYmE", "Zm9vYmFy"};

	for (size_t len = 0; len <= 6; len++)
	{
		char		text[9] = {0};
		uint8_t		out[8];
		size_t		n;

		base64url_encode((const uint8_t *) "foobar", len, text);
		CHECK(strcmp(text, texts[len]) == 0, "%s", text);
		CHECK(base64url_len(len) == strlen(texts[len]));
		CHECK(decodes(text, strlen(text), out, &n) && n == len && memcmp(out, "foobar", len) == 0);
	}
}

static void
both_special_digits(void)
{
	char		text[5] = {0};
	uint8_t		out[3];
	size_t		n;

	base64url_encode((const uint8_t *) "\xfb\xff\xbf", 3, text);
	CHECK(strcmp(text, "-_-_") == 0, "%s", text);
	CHECK(decodes("-_-_", 4, out, &n) && n == 3 && memcmp(out, "\xfb\xff\xbf", 3) == 0);
	expect_refused("+/+/", 4);
}

/* RFC 4648, section 10; and what is none. */
static void
with_padding(void)
{
	static const char *const texts[] = {"", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"};
	static const char *const bad[] = {"=", "==", "===", "====", "Z===", "Zg=", "Zg", "Zh==", "Zg==Zg==", "Zm8", "Zm9=", "Zm-_", "Zm9v ", "Zm\n9", "Zg==="};
	uint8_t		out[16];
	size_t		n;

	for (size_t len = 0; len <= 6; len++)
		CHECK(base64_decode(texts[len], strlen(texts[len]), out, &n) && n == len && memcmp(out, "foobar", len) == 0, "%s", texts[len]);
	CHECK(base64_decode("+/+/", 4, out, &n) && n == 3);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(!base64_decode(bad[i], strlen(bad[i]), out, &n), "%s", bad[i]);
}

static void
round_trips(void)
{
	for (size_t len = 0; len <= 200; len++)
		for (int repeat = 0; repeat < 20; repeat++)
		{
			uint8_t		bytes[200];
			uint8_t		out[200];
			char	   *text = malloc(base64url_len(len) + 1);
			size_t		n;

			for (size_t i = 0; i < len; i++)
				bytes[i] = (uint8_t) pick(256);
			base64url_encode(bytes, len, text);
			CHECK(decodes(text, base64url_len(len), out, &n) && n == len && memcmp(out, bytes, len) == 0);
			free(text);
		}
}

/* Of all texts of two and three digits as many decode as there are values: no value has two texts. */
static void
one_text_each(void)
{
	int			two = 0;
	int			three = 0;
	uint8_t		out[4];
	size_t		n;

	for (int i = 0; i < 64 * 64; i++)
	{
		char		text[] = {url_alphabet[i / 64], url_alphabet[i % 64]};

		two += decodes(text, 2, out, &n);
	}
	for (int i = 0; i < 64 * 64 * 64; i++)
	{
		char		text[] = {url_alphabet[i / 4096], url_alphabet[i / 64 % 64], url_alphabet[i % 64]};

		three += base64url_decode(text, 3, out, &n);
	}
	CHECK(two == 256, "%d", two);
	CHECK(three == 65536, "%d", three);
}

static void
foreign_characters(void)
{
	for (int c = 0; c < 256; c++)
		for (size_t at = 0; at < 8; at++)
		{
			char		text[] = "Zm9vYmFy";
			uint8_t		out[6];
			size_t		n;
			bool		digit = c != 0 && strchr(url_alphabet, c) != NULL;

			text[at] = (char) c;
			CHECK(decodes(text, 8, out, &n) == digit, "byte %d at %zu", c, at);
		}
}

static void
refused_texts(void)
{
	static const char *const texts[] = {
		"Z", "Zm9vY", "Zm9vYmFyZ", "A", "Zm9vA", "Zm9vYmFyA",	/* impossible lengths, whatever their bits */
		"Zh", "Zm9", "Zm9vYh", "Zm9vYmF",	/* leftover bits: Zg, Zm8, Zm9vYg, Zm9vYmE are right */
		"Zg==", "Zm8=", "Zg=", "Zm9vYg==", "=", "==", "====",
		" Zm9v", "Zm9v ", "Zm 9v", "Zm9v\n", "Zm9v\r\n", "\tZm9v", "Zm9v\v",
		"Zm9+", "Zm9/", "Zm9.", "Zm9,", "Zm9v\xc3\xa4"
	};

	for (size_t i = 0; i < lengthof(texts); i++)
		expect_refused(texts[i], strlen(texts[i]));
	expect_refused("Zm9v\0", 5);
	expect_refused("\0\0\0\0", 4);
}

static void
hex(void)
{
	uint8_t		all[256];
	uint8_t		back[256];
	char	   *text = malloc(2 * sizeof(all) + 1);

	for (int i = 0; i < 256; i++)
		all[i] = (uint8_t) i;
	codec_to_hex(all, sizeof(all), text);
	CHECK(strlen(text) == 512 && strspn(text, "0123456789abcdef") == 512);
	CHECK(strncmp(text, "000102030405060708090a0b0c0d0e0f10", 34) == 0);
	CHECK(codec_from_hex(text, 512, back) && memcmp(all, back, sizeof(all)) == 0);
	for (char *c = text; *c; c++)
		if (*c >= 'a')
			*c = (char) (*c - 'a' + 'A');
	CHECK(codec_from_hex(text, 512, back) && memcmp(all, back, sizeof(all)) == 0);
	CHECK(!codec_from_hex(text, 511, back));
	codec_to_hex(all, 0, text);
	CHECK(text[0] == '\0' && codec_from_hex(text, 0, back));
	free(text);

	for (int c = 0; c < 256; c++)
		for (int at = 0; at < 2; at++)
		{
			char		pair[] = "00";

			pair[at] = (char) c;
			CHECK(codec_from_hex(pair, 2, back) == (c != 0 && strchr("0123456789abcdefABCDEF", c) != NULL),
				  "byte %d", c);
		}
}

/* Standard base64 of 32 bytes: the last digit carries two bits that must be zero. */
static void
key_texts(void)
{
	char		text[46] = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
	uint8_t		key[CRYPTO_KEY_LEN];

	CHECK(base64_decode_key(text, 44, key));
	for (int i = 0; i < CRYPTO_KEY_LEN; i++)
		CHECK(key[i] == i);
	CHECK(!base64_decode_key(text, 43, key)
		  && !base64_decode_key(text, 45, key) && !base64_decode_key(text, 0, key));
	for (size_t at = 0; at < 44; at++)
		for (int c = 0; c < 256; c++)
		{
			char		changed[45];
			bool		digit = c != 0 && strchr(std_alphabet, c) != NULL;

			memcpy(changed, text, 45);
			changed[at] = (char) c;
			if (at == 43)
				digit = c == '=';
			else if (at == 42)
				digit = digit && (strchr(std_alphabet, c) - std_alphabet) % 4 == 0;
			CHECK(base64_decode_key(changed, 44, key) == digit, "byte %d at %zu", c, at);
		}
	CHECK(base64_decode_key("++++++++++++++++++++//////////////////////8=", 44, key));
	CHECK(!base64_decode_key("--------------------______________________8=", 44, key));
}

/* Wiping, and comparing. */
static void
wipe_and_equal(void)
{
	uint8_t		a[32];
	uint8_t		b[32];

	memset(a, 7, sizeof(a));
	memset(b, 7, sizeof(b));
	CHECK(crypto_equal(a, b, sizeof(a)));
	for (int i = 0; i < 32; i++)
	{
		b[i] ^= 0x10;
		CHECK(!crypto_equal(a, b, sizeof(a)));
		CHECK(crypto_equal(a, b, (size_t) i));
		b[i] ^= 0x10;
	}
	crypto_wipe(a, 31);
	CHECK(all_bytes(a, 31, 0) && a[31] == 7);
	crypto_wipe(NULL, 0);
}

int
main(void)
{
	RUN(known_texts);
	RUN(both_special_digits);
	RUN(with_padding);
	RUN(round_trips);
	RUN(one_text_each);
	RUN(foreign_characters);
	RUN(refused_texts);
	RUN(hex);
	RUN(key_texts);
	RUN(wipe_and_equal);
	return check_summary("codec");
}
