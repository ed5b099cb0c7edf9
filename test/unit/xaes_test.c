/*
 * xaes_test.c: XAES-256-GCM against C2SP's vectors, single and accumulated.
 *
 * With the argument "long", a million accumulated messages instead of ten
 * thousand.
 */
#include "crypto/codec.h"
#include "crypto/xaes.h"

#include "check.h"
#include "shake128.h"

static const uint8_t letters[XAES_NONCE_LEN + 1] = "ABCDEFGHIJKLMNOPQRSTUVWX";
static bool long_run;

static void
check_hex(const uint8_t *got, size_t len, const char *want)
{
	char		text[2 * 256 + 1];

	codec_to_hex(got, len, text);
	CHECK(strcmp(text, want) == 0, "%s, but should be %s", text, want);
}

static XaesKey *
new_key(uint8_t byte)
{
	uint8_t		bytes[CRYPTO_KEY_LEN];
	XaesKey    *key;

	memset(bytes, byte, sizeof(bytes));
	key = xaes_new(bytes);
	if (!CHECK(key != NULL))
		exit(1);
	return key;
}

/* The test's own sponge first: an answer of FIPS 202, and two computed with Python's hashlib. */
static void
shake_is_shake(void)
{
	Shake128	empty = {0};
	Shake128	many = {0};
	uint8_t		out[200];

	shake128_read(&empty, out, 16);
	shake128_read(&empty, out + 16, 16);
	check_hex(out, 32, "7f9c2ba4e88f827d616045507605853ed73b8093f6efbc88eb1a6eacfa66ef26");

	for (int i = 0; i < 1000; i++)
		shake128_write(&many, (const uint8_t[]) {(uint8_t) i}, 1);
	shake128_read(&many, out, sizeof(out));
	check_hex(out, 16, "39414e9af7fae8cafe10e160cbfadd54");
	check_hex(out + sizeof(out) - 16, 16, "65e930bf00cb7c6c52c4e165fed4ab61");
}

static void
published_vectors(void)
{
	static const struct
	{
		uint8_t		key_byte;
		const char *aad;
		const char *answer;
	}			vectors[] = {
		{0x01, "", "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271"},
		{0x03, "c2sp.org/XAES-256-GCM", "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d"},
	};

	for (size_t i = 0; i < lengthof(vectors); i++)
	{
		XaesKey    *key = new_key(vectors[i].key_byte);
		Bytes		aad = {vectors[i].aad, strlen(vectors[i].aad)};
		uint8_t		out[12 + XAES_TAG_LEN];

		CHECK(xaes_seal(key, letters, &aad, 1, (const uint8_t *) "XAES-256-GCM", 12,
						out, out + 12) == CRYPTO_OK);
		check_hex(out, sizeof(out), vectors[i].answer);
		xaes_free(key);
	}
}

typedef struct Message
{
	uint8_t		key[CRYPTO_KEY_LEN];
	uint8_t		nonce[XAES_NONCE_LEN];
	uint8_t		plain[255];
	uint8_t		aad[255];
	uint8_t		plain_len;
	uint8_t		aad_len;
} Message;

static void
draw_message(Shake128 *source, Message *m)
{
	shake128_read(source, m->key, sizeof(m->key));
	shake128_read(source, m->nonce, sizeof(m->nonce));
	shake128_read(source, &m->plain_len, 1);
	shake128_read(source, m->plain, m->plain_len);
	shake128_read(source, &m->aad_len, 1);
	shake128_read(source, m->aad, m->aad_len);
}

static void
accumulate(int iterations, const char *answer)
{
	Shake128	source = {0};
	Shake128	sum = {0};
	uint8_t		digest[32];

	for (int i = 0; i < iterations; i++)
	{
		Message		m;
		uint8_t		sealed[255 + XAES_TAG_LEN];
		uint8_t		back[255];
		Bytes		aad;
		XaesKey    *key;

		draw_message(&source, &m);
		aad = (Bytes) {m.aad, m.aad_len};
		key = xaes_new(m.key);
		if (!CHECK(key != NULL))
			return;
		CHECK(xaes_seal(key, m.nonce, &aad, 1, m.plain, m.plain_len,
						sealed, sealed + m.plain_len) == CRYPTO_OK);
		CHECK(xaes_open(key, m.nonce, &aad, 1, sealed, m.plain_len, sealed + m.plain_len, back) == CRYPTO_OK);
		CHECK(memcmp(back, m.plain, m.plain_len) == 0);
		shake128_write(&sum, sealed, m.plain_len + XAES_TAG_LEN);
		xaes_free(key);
	}
	shake128_read(&sum, digest, sizeof(digest));
	check_hex(digest, sizeof(digest), answer);
}

static void
accumulated_vectors(void)
{
	if (long_run)
		accumulate(1000000, "2163ae1445985a30b60585ee67daa55674df06901b890593e824b8a7c885ab15");
	else
		accumulate(10000, "e6b9edf2df6cec60c8cbd864e2211b597fb69a529160cd040d56c0c210081939");
}

/* Associated data is one string, however it is cut into pieces. */
static void
pieces_do_not_matter(void)
{
	static const char aad[] = "a string of forty characters, or nearly";
	XaesKey    *key = new_key(7);
	Bytes		whole = {aad, sizeof(aad)};
	uint8_t		want[5 + XAES_TAG_LEN];

	CHECK(xaes_seal(key, letters, &whole, 1, (const uint8_t *) "plain", 5, want, want + 5) == CRYPTO_OK);
	for (size_t i = 0; i <= sizeof(aad); i++)
	{
		Bytes		pieces[4] = {{aad, i}, {NULL, 0}, {aad + i, sizeof(aad) - i}, {"", 0}};
		uint8_t		got[5 + XAES_TAG_LEN];

		CHECK(xaes_seal(key, letters, pieces, 4, (const uint8_t *) "plain", 5, got, got + 5) == CRYPTO_OK);
		CHECK(memcmp(got, want, sizeof(want)) == 0, "cut at %zu", i);
	}
	xaes_free(key);
}

static void
seals_in_place(void)
{
	for (size_t len = 0; len <= 100; len++)
	{
		XaesKey    *key = new_key(9);
		uint8_t		plain[100];
		uint8_t		apart[100];
		uint8_t		same[100];
		uint8_t		tags[2][XAES_TAG_LEN];

		for (size_t i = 0; i < len; i++)
			plain[i] = same[i] = (uint8_t) (i * 7);
		CHECK(xaes_seal(key, letters, NULL, 0, plain, len, apart, tags[0]) == CRYPTO_OK);
		CHECK(xaes_seal(key, letters, NULL, 0, same, len, same, tags[1]) == CRYPTO_OK);
		CHECK(memcmp(apart, same, len) == 0 && memcmp(tags[0], tags[1], XAES_TAG_LEN) == 0);
		xaes_free(key);
	}
}

/* One bit of anything changed: refused, and nothing given out. */
static void
expect_refused(const Message *m, const uint8_t *sealed, const uint8_t *tag, const char *what, int bit)
{
	XaesKey    *key = xaes_new(m->key);
	Bytes		aad = {m->aad, m->aad_len};
	uint8_t		out[255];

	memset(out, 0xaa, sizeof(out));
	CHECK(xaes_open(key, m->nonce, &aad, 1, sealed, m->plain_len, tag, out) == CRYPTO_MISMATCH,
		  "%s, bit %d", what, bit);
	CHECK(all_bytes(out, m->plain_len, 0), "%s, bit %d", what, bit);
	CHECK(all_bytes(out + m->plain_len, sizeof(out) - m->plain_len, 0xaa), "%s, bit %d", what, bit);
	xaes_free(key);
}

static void
every_bit_counts(void)
{
	Shake128	source = {0};
	Message		m;
	XaesKey    *key;
	Bytes		aad;
	uint8_t		sealed[255];
	uint8_t		tag[XAES_TAG_LEN];
	struct
	{
		const char *what;
		uint8_t    *data;
		size_t		len;
	}			parts[] = {
		{"key", m.key, sizeof(m.key)},
		{"nonce", m.nonce, sizeof(m.nonce)},
		{"associated data", m.aad, 0},
		{"ciphertext", sealed, 0},
		{"tag", tag, sizeof(tag)},
	};

	draw_message(&source, &m);
	m.plain_len = 33;
	m.aad_len = 21;
	parts[2].len = m.aad_len;
	parts[3].len = m.plain_len;
	aad = (Bytes) {m.aad, m.aad_len};
	key = xaes_new(m.key);
	CHECK(xaes_seal(key, m.nonce, &aad, 1, m.plain, m.plain_len, sealed, tag) == CRYPTO_OK);
	xaes_free(key);

	for (size_t p = 0; p < lengthof(parts); p++)
		for (size_t bit = 0; bit < 8 * parts[p].len; bit++)
		{
			parts[p].data[bit / 8] ^= (uint8_t) (1 << bit % 8);
			expect_refused(&m, sealed, tag, parts[p].what, (int) bit);
			parts[p].data[bit / 8] ^= (uint8_t) (1 << bit % 8);
		}
}

/* A forgery must not spoil the key for the message after it. */
static void
a_key_survives_forgeries(void)
{
	XaesKey    *key = new_key(11);
	uint8_t		sealed[8];
	uint8_t		tag[XAES_TAG_LEN];
	uint8_t		out[8];

	for (int i = 0; i < 100; i++)
	{
		CHECK(xaes_seal(key, letters, NULL, 0, (const uint8_t *) "8 bytes!", 8, sealed, tag) == CRYPTO_OK);
		tag[i % XAES_TAG_LEN] ^= 1;
		CHECK(xaes_open(key, letters, NULL, 0, sealed, 8, tag, out) == CRYPTO_MISMATCH);
		tag[i % XAES_TAG_LEN] ^= 1;
		CHECK(xaes_open(key, letters, NULL, 0, sealed, 8, tag, out) == CRYPTO_OK);
		CHECK(memcmp(out, "8 bytes!", 8) == 0);
	}
	xaes_free(key);
	xaes_free(NULL);
}

static void
a_large_message(void)
{
	size_t		len = 3 * 1024 * 1024 + 1;
	XaesKey    *key = new_key(13);
	uint8_t    *plain = malloc(len);
	uint8_t    *sealed = malloc(len);
	uint8_t    *back = malloc(len);
	uint8_t		tag[XAES_TAG_LEN];

	for (size_t i = 0; i < len; i++)
		plain[i] = (uint8_t) (i * 31 + i / 256);
	CHECK(xaes_seal(key, letters, NULL, 0, plain, len, sealed, tag) == CRYPTO_OK);
	CHECK(xaes_open(key, letters, NULL, 0, sealed, len, tag, back) == CRYPTO_OK);
	CHECK(memcmp(plain, back, len) == 0);
	sealed[len - 1] ^= 0x80;
	CHECK(xaes_open(key, letters, NULL, 0, sealed, len, tag, back) == CRYPTO_MISMATCH);
	CHECK(all_bytes(back, len, 0));
	free(plain);
	free(sealed);
	free(back);
	xaes_free(key);
}

static void
self_test_passes(void)
{
	CHECK(crypto_self_test());
}

int
main(int argc, char **argv)
{
	long_run = argc > 1 && strcmp(argv[1], "long") == 0;
	RUN(shake_is_shake);
	RUN(published_vectors);
	RUN(accumulated_vectors);
	RUN(pieces_do_not_matter);
	RUN(seals_in_place);
	RUN(every_bit_counts);
	RUN(a_key_survives_forgeries);
	RUN(a_large_message);
	RUN(self_test_passes);
	return check_summary("xaes");
}
