/*
 * box_test.c: the sealed box: what is sealed opens, and nothing else does.
 */
#include "crypto/codec.h"
#include "crypto/sealed_box.h"

#include "check.h"

static const size_t lengths[] = {0, 1, 15, 16, 64, 4096};
static const uint8_t key_bytes[CRYPTO_KEY_LEN] = "0123456789abcdef0123456789abcde";
static const Bytes value_fields[] = {{"sixteen bytes id", 16}, {"\0\0\0\0\0\0\0\1", 8},
	{"prod/db/password", 16}};
static XaesKey *key;

#define VALUE_FIELDS value_fields, (int) lengthof(value_fields)

static BoxHeader
header_of(BoxKind kind)
{
	BoxHeader	header = {.kind = kind,.content = BOX_BYTES,.key_version = 0x01020304};

	memcpy(header.key_id, "the keyring's id", BOX_ID_LEN);
	return header;
}

/* A sealed value of len bytes, and its plaintext; both for free(). */
static uint8_t *
seal_value(size_t len, uint8_t **plain)
{
	BoxHeader	header = header_of(BOX_VALUE);
	uint8_t    *box = malloc(BOX_OVERHEAD + len);

	*plain = malloc(len + 1);
	for (size_t i = 0; i < len; i++)
		(*plain)[i] = (uint8_t) (1 + i % 255);
	CHECK(box_seal(key, &header, VALUE_FIELDS, *plain, len, box) == CRYPTO_OK);
	return box;
}

/* The box must not open, and of the room for its plaintext every byte must be zero. */
static void
expect_refused(const Bytes *fields, int nfields, const uint8_t *box, size_t len, const char *what, size_t at)
{
	size_t		room = len > BOX_OVERHEAD ? len - BOX_OVERHEAD : 0;
	uint8_t    *copy = exact_copy(box, len);
	uint8_t    *out = malloc(room + 1);

	memset(out, 0xaa, room + 1);
	CHECK(box_open(key, fields, nfields, copy, len, out) == CRYPTO_MISMATCH, "%s, %zu", what, at);
	CHECK(all_bytes(out, room, 0), "%s, %zu: not zeroed", what, at);
	CHECK(out[room] == 0xaa, "%s, %zu: wrote too much", what, at);
	free(out);
	free(copy);
}

static void
round_trips(void)
{
	for (size_t i = 0; i < lengthof(lengths); i++)
	{
		size_t		len = lengths[i];
		uint8_t    *plain;
		uint8_t    *box = seal_value(len, &plain);
		uint8_t    *out = malloc(len + 1);

		CHECK(box_open(key, VALUE_FIELDS, box, BOX_OVERHEAD + len, out) == CRYPTO_OK);
		CHECK(memcmp(out, plain, len) == 0);
		CHECK(len < 15 || memmem(box, BOX_OVERHEAD + len, plain, 8) == NULL);
		free(out);
		free(box);
		free(plain);
	}
}

/* The header as src/crypto/sealed_box.h draws it, byte by byte. */
static void
layout(void)
{
	BoxHeader	header = header_of(BOX_TRANSIT);
	BoxHeader	parsed;
	uint8_t		box[BOX_OVERHEAD + 3];

	header.content = BOX_UTF8;
	CHECK(box_seal(key, &header, NULL, 0, (const uint8_t *) "abc", 3, box) == CRYPTO_OK);
	CHECK(memcmp(box, "\1\3\1\0\1\2\3\4the keyring's id", 24) == 0);
	CHECK(memcmp(box + 24, header.nonce, XAES_NONCE_LEN) == 0);
	CHECK(!all_bytes(header.nonce, XAES_NONCE_LEN, 0));

	CHECK(box_parse(box, sizeof(box), &parsed));
	CHECK(parsed.kind == BOX_TRANSIT && parsed.content == BOX_UTF8 && parsed.key_version == 0x01020304);
	CHECK(memcmp(parsed.key_id, "the keyring's id", BOX_ID_LEN) == 0);
	CHECK(memcmp(parsed.nonce, header.nonce, XAES_NONCE_LEN) == 0);
}

static void
every_bit_flipped(void)
{
	for (size_t i = 0; i < lengthof(lengths); i++)
	{
		size_t		len = BOX_OVERHEAD + lengths[i];
		uint8_t    *plain;
		uint8_t    *box = seal_value(lengths[i], &plain);

		for (size_t bit = 0; bit < 8 * len; bit++)
		{
			box[bit / 8] ^= (uint8_t) (1 << bit % 8);
			expect_refused(VALUE_FIELDS, box, len, "bit flipped", bit);
			box[bit / 8] ^= (uint8_t) (1 << bit % 8);
		}
		free(box);
		free(plain);
	}
}

static void
every_byte_changed(void)
{
	uint8_t    *plain;
	uint8_t    *box = seal_value(16, &plain);

	for (size_t at = 0; at < BOX_OVERHEAD + 16; at++)
		for (int change = 1; change < 256; change++)
		{
			box[at] ^= (uint8_t) change;
			expect_refused(VALUE_FIELDS, box, BOX_OVERHEAD + 16, "byte changed", at);
			box[at] ^= (uint8_t) change;
		}
	free(box);
	free(plain);
}

static void
every_truncation(void)
{
	for (size_t i = 0; i < lengthof(lengths); i++)
	{
		uint8_t    *plain;
		uint8_t    *box = seal_value(lengths[i], &plain);

		for (size_t len = 0; len < BOX_OVERHEAD + lengths[i]; len++)
		{
			expect_refused(VALUE_FIELDS, box, len, "cut at the end", len);
			if (len > 0)
				expect_refused(VALUE_FIELDS, box + BOX_OVERHEAD + lengths[i] - len, len,
							   "cut at the start", len);
		}
		free(box);
		free(plain);
	}
}

static void
every_extension(void)
{
	for (size_t i = 0; i < lengthof(lengths); i++)
	{
		size_t		len = BOX_OVERHEAD + lengths[i];
		uint8_t    *plain;
		uint8_t    *box = seal_value(lengths[i], &plain);
		uint8_t    *longer = malloc(len + 100);

		for (size_t more = 1; more <= 100; more++)
		{
			memcpy(longer, box, len);
			memset(longer + len, (int) (more % 3) * 0x55, more);
			expect_refused(VALUE_FIELDS, longer, len + more, "longer at the end", more);
		}
		for (size_t at = 0; at <= len && at <= 200; at++)
		{
			memcpy(longer, box, at);
			longer[at] = 0;
			memcpy(longer + at + 1, box + at, len - at);
			expect_refused(VALUE_FIELDS, longer, len + 1, "a byte in between", at);
		}
		free(longer);
		free(box);
		free(plain);
	}
}

static void
swap_bytes(uint8_t *a, uint8_t *b, size_t len)
{
	for (size_t i = 0; i < len; i++)
	{
		uint8_t		kept = a[i];

		a[i] = b[i];
		b[i] = kept;
	}
}

/* Parts exchanged inside one box, and between two boxes under one key. */
static void
parts_swapped(void)
{
	static const struct
	{
		size_t		at;
		size_t		len;
	}			parts[] = {{4, 4}, {8, 16}, {24, 24}, {24, 12}, {36, 12}, {0, 48}, {48, 64}, {112, 16}};
	uint8_t    *plain;
	uint8_t    *other_plain;
	uint8_t    *box = seal_value(64, &plain);
	uint8_t    *other;
	uint8_t		out[64];

	swap_bytes(box + 8, box + 24, 16);
	expect_refused(VALUE_FIELDS, box, BOX_OVERHEAD + 64, "key id and nonce", 0);
	swap_bytes(box + 8, box + 24, 16);
	swap_bytes(box + 24, box + 36, 12);
	expect_refused(VALUE_FIELDS, box, BOX_OVERHEAD + 64, "halves of the nonce", 0);
	swap_bytes(box + 24, box + 36, 12);
	swap_bytes(box + 48, box + 64, 16);
	expect_refused(VALUE_FIELDS, box, BOX_OVERHEAD + 64, "two blocks", 0);
	swap_bytes(box + 48, box + 64, 16);

	other = seal_value(64, &other_plain);
	for (size_t i = 0; i < lengthof(parts); i++)
	{
		if (memcmp(box + parts[i].at, other + parts[i].at, parts[i].len) == 0)
			continue;			/* the same key, the same version: nothing to swap */
		swap_bytes(box + parts[i].at, other + parts[i].at, parts[i].len);
		expect_refused(VALUE_FIELDS, box, BOX_OVERHEAD + 64, "part of another box", i);
		expect_refused(VALUE_FIELDS, other, BOX_OVERHEAD + 64, "part of another box", i);
		swap_bytes(box + parts[i].at, other + parts[i].at, parts[i].len);
	}
	CHECK(box_open(key, VALUE_FIELDS, box, BOX_OVERHEAD + 64, out) == CRYPTO_OK);
	CHECK(box_open(key, VALUE_FIELDS, other, BOX_OVERHEAD + 64, out) == CRYPTO_OK);
	free(box);
	free(plain);
	free(other);
	free(other_plain);
}

/* Every header that is a valid one, but not this box's. */
static void
header_is_bound(void)
{
	uint8_t    *plain;
	uint8_t    *box = seal_value(CRYPTO_KEY_LEN, &plain);
	size_t		len = BOX_OVERHEAD + CRYPTO_KEY_LEN;

	for (int kind = BOX_VALUE; kind <= BOX_EXPORT; kind++)
		for (int content = BOX_BYTES; content <= BOX_SQL_ASCII; content++)
		{
			if (kind == BOX_VALUE && content == BOX_BYTES)
				continue;
			box[1] = (uint8_t) kind;
			box[2] = (uint8_t) content;
			expect_refused(VALUE_FIELDS, box, len, "kind and content", (size_t) (10 * kind + content));
		}
	box[1] = BOX_VALUE;
	box[2] = BOX_BYTES;
	put_be32(box + 4, 0x01020305);
	expect_refused(VALUE_FIELDS, box, len, "key version", 0);
	free(box);
	free(plain);
}

static void
wrong_fields(void)
{
	static const Bytes id_other[] = {{"sixteen bytes iD", 16}, {"\0\0\0\0\0\0\0\1", 8},
		{"prod/db/password", 16}};
	static const Bytes version_other[] = {{"sixteen bytes id", 16}, {"\0\0\0\0\0\0\0\2", 8},
		{"prod/db/password", 16}};
	static const Bytes name_other[] = {{"sixteen bytes id", 16}, {"\0\0\0\0\0\0\0\1", 8},
		{"prod/db/passwore", 16}};
	static const Bytes name_longer[] = {{"sixteen bytes id", 16}, {"\0\0\0\0\0\0\0\1", 8},
		{"prod/db/password2", 17}};
	static const Bytes name_shorter[] = {{"sixteen bytes id", 16}, {"\0\0\0\0\0\0\0\1", 8},
		{"prod/db/passwor", 15}};
	static const Bytes name_empty[] = {{"sixteen bytes id", 16}, {"\0\0\0\0\0\0\0\1", 8}, {"", 0}};
	static const Bytes order[] = {{"\0\0\0\0\0\0\0\1", 8}, {"sixteen bytes id", 16},
		{"prod/db/password", 16}};
	static const Bytes more[] = {{"sixteen bytes id", 16}, {"\0\0\0\0\0\0\0\1", 8}, {"prod/db/password", 16},
		{"", 0}, {"", 0}};
	static const struct
	{
		const Bytes *fields;
		int			n;
	}			tries[] = {
		{id_other, 3}, {version_other, 3}, {name_other, 3}, {name_longer, 3}, {name_shorter, 3},
		{name_empty, 3},
		{order, 3}, {more, 4}, {more, 5}, {value_fields, 2}, {value_fields, 1}, {value_fields, 0},
		{value_fields + 1, 2},
	};
	uint8_t    *plain;
	uint8_t    *box = seal_value(32, &plain);

	for (size_t i = 0; i < lengthof(tries); i++)
		expect_refused(tries[i].fields, tries[i].n, box, BOX_OVERHEAD + 32, "wrong fields", i);
	free(box);
	free(plain);
}

/* One string cut into fields in every way: each cut is its own box. */
static void
field_boundaries(void)
{
	static const char text[] = "0123456789";
	uint8_t		boxes[11][BOX_OVERHEAD + 5];

	for (size_t cut = 0; cut <= 10; cut++)
	{
		BoxHeader	header = header_of(BOX_TRANSIT);
		Bytes		fields[] = {{text, cut}, {text + cut, 10 - cut}};

		CHECK(box_seal(key, &header, fields, 2, (const uint8_t *) "plain", 5, boxes[cut]) == CRYPTO_OK);
	}
	for (size_t cut = 0; cut <= 10; cut++)
		for (size_t other = 0; other <= 10; other++)
		{
			Bytes		fields[] = {{text, other}, {text + other, 10 - other}};
			uint8_t		out[5];

			if (cut == other)
				CHECK(box_open(key, fields, 2, boxes[cut], sizeof(boxes[cut]), out) == CRYPTO_OK);
			else
				expect_refused(fields, 2, boxes[cut], sizeof(boxes[cut]), "cut elsewhere", other);
		}
}

/* A field that looks like a length and a field must not pass for two of them. */
static void
lengths_cannot_be_faked(void)
{
	BoxHeader	header = header_of(BOX_TRANSIT);
	Bytes		two[] = {{"ab", 2}, {"c", 1}};
	Bytes		one[] = {{"ab\0\0\0\1c", 7}};
	Bytes		none[] = {{"\0\0\0\2ab\0\0\0\1c", 11}};
	uint8_t		box[BOX_OVERHEAD + 5];

	CHECK(box_seal(key, &header, two, 2, (const uint8_t *) "plain", 5, box) == CRYPTO_OK);
	expect_refused(one, 1, box, sizeof(box), "a length inside a field", 1);
	expect_refused(none, 1, box, sizeof(box), "a length inside a field", 2);
}

/* Associated data as src/crypto/sealed_box.h has it, put together in one plain piece. */
static Bytes
associated_data(const uint8_t *box, const Bytes *fields, int nfields)
{
	size_t		len = 11 + BOX_HEADER_LEN;
	uint8_t    *data;
	uint8_t    *at;

	for (int i = 0; i < nfields; i++)
		len += 4 + fields[i].len;
	data = at = malloc(len);
	memcpy(at, "secrets/v1", 11);
	at += 11;
	memcpy(at, box, BOX_HEADER_LEN);
	at += BOX_HEADER_LEN;
	for (int i = 0; i < nfields; i++)
	{
		put_be32(at, (uint32_t) fields[i].len);
		at += 4;
		if (fields[i].len > 0)
			memcpy(at, fields[i].data, fields[i].len);
		at += fields[i].len;
	}
	CHECK((size_t) (at - data) == len);
	return (Bytes) {data, len};
}

static void
check_binding(const Bytes *fields, int nfields)
{
	BoxHeader	header = header_of(BOX_TRANSIT);
	uint8_t		box[BOX_OVERHEAD + 5];
	uint8_t		out[5];
	Bytes		aad;

	if (!CHECK(box_seal(key, &header, fields, nfields, (const uint8_t *) "plain", 5, box) == CRYPTO_OK))
		return;
	aad = associated_data(box, fields, nfields);
	CHECK(xaes_open(key, header.nonce, &aad, 1, box + BOX_HEADER_LEN, 5,
					box + BOX_HEADER_LEN + 5, out) == CRYPTO_OK,
		  "%d fields of %zu, %zu ...", nfields, fields[0].len, nfields > 1 ? fields[1].len : 0);
	CHECK(box_open(key, fields, nfields, box, sizeof(box), out) == CRYPTO_OK);
	free((void *) aad.data);
}

/*
 * Fields of every length, alone and before and after others: bound in full,
 * whatever is done to save calls.
 */
static void
fields_of_every_length(void)
{
	static const size_t others[] = {0, 1, 8, 16, 400, 600, 5000};
	char	   *long_text = malloc(5000);

	for (size_t i = 0; i < 5000; i++)
		long_text[i] = (char) i;
	for (size_t len = 0; len <= 1200; len++)
		for (size_t i = 0; i < lengthof(others); i++)
		{
			Bytes		fields[] = {{len > 0 ? long_text : NULL, len}, {long_text, others[i]},
				{long_text, len}, {"d", 1}};

			check_binding(fields, 4);
			check_binding(fields + 1, 3);
			check_binding(fields, 2);
			check_binding(fields, 1);
		}
	free(long_text);
}

static void
at_most_four_fields(void)
{
	Bytes		fields[6] = {{"a", 1}, {"b", 1}, {"c", 1}, {"d", 1}, {"e", 1}, {"f", 1}};
	uint8_t		box[BOX_OVERHEAD + 5];
	uint8_t		out[5];

	for (int n = 0; n <= 6; n++)
	{
		BoxHeader	header = header_of(BOX_TRANSIT);
		bool		fits = n <= 4;

		CHECK(box_seal(key, &header, fields, n, (const uint8_t *) "plain", 5, box)
			  == (fits ? CRYPTO_OK : CRYPTO_BROKEN));
		if (fits)
			CHECK(box_open(key, fields, n, box, sizeof(box), out) == CRYPTO_OK);
		else
			expect_refused(fields, n, box, sizeof(box), "too many fields", (size_t) n);
	}
}

static void
another_key(void)
{
	uint8_t		bytes[CRYPTO_KEY_LEN];
	uint8_t    *plain;
	uint8_t    *box = seal_value(32, &plain);
	XaesKey    *right = key;

	for (int bit = 0; bit < 256; bit++)
	{
		memcpy(bytes, key_bytes, sizeof(bytes));
		bytes[bit / 8] ^= (uint8_t) (1 << bit % 8);
		key = xaes_new(bytes);
		expect_refused(VALUE_FIELDS, box, BOX_OVERHEAD + 32, "another key", (size_t) bit);
		xaes_free(key);
	}
	key = right;
	free(box);
	free(plain);
}

static void
parse_refuses(void)
{
	static const uint8_t first_bytes[][4] = {
		{0, 1, 0, 0}, {2, 1, 0, 0}, {0xff, 1, 0, 0},	/* format */
		{1, 0, 0, 0}, {1, 5, 0, 0}, {1, 0x80, 0, 0}, {1, 0xff, 0, 0},	/* kind */
		{1, 1, 3, 0}, {1, 1, 0xff, 0},	/* content */
		{1, 1, 0, 1}, {1, 1, 0, 0x80}, {1, 1, 0, 0xff}, /* the zero */
		{1, 2, 1, 0}, {1, 2, 2, 0}	/* a master key is bytes */
	};
	uint8_t		box[BOX_OVERHEAD + CRYPTO_KEY_LEN] = {1, 2};
	BoxHeader	header;

	CHECK(box_parse(box, sizeof(box), &header));
	CHECK(!box_parse(box, sizeof(box) - 1, &header));
	for (size_t i = 0; i < lengthof(first_bytes); i++)
	{
		memcpy(box, first_bytes[i], 4);
		CHECK(!box_parse(box, sizeof(box), &header), "%zu", i);
	}
}

/* For every kind, content and length: exactly what the table says. */
static void
parse_accepts(void)
{
	for (int kind = 0; kind < 256; kind++)
		for (int content = 0; content < 256; content++)
			for (size_t len = 0; len <= BOX_OVERHEAD + 40; len += len < 60 ? 20 : 1)
			{
				uint8_t    *box = calloc(1, len + 1);
				BoxHeader	header;
				bool		good = kind >= 1 && kind <= 4 && content <= 2 && len >= BOX_OVERHEAD;

				if (kind == BOX_MASTER_KEY)
					good = good && content == 0 && len == BOX_OVERHEAD + 32;
				if (len >= 4)
					memcpy(box, (uint8_t[]) {1, (uint8_t) kind, (uint8_t) content, 0}, 4);
				CHECK(box_parse(box, len, &header) == good,
					  "kind %d, content %d, %zu bytes", kind, content, len);
				free(box);
			}
}

/* No nonce comes twice, whatever else is the same. */
static int
compare_nonces(const void *a, const void *b)
{
	return memcmp(a, b, XAES_NONCE_LEN);
}

static void
nonces_differ(void)
{
	enum { N = 20000 };
	uint8_t		(*nonces)[XAES_NONCE_LEN] = malloc(N * sizeof(*nonces));

	for (int i = 0; i < N; i++)
	{
		BoxHeader	header = header_of(BOX_VALUE);
		uint8_t		box[BOX_OVERHEAD + 1];

		CHECK(box_seal(key, &header, VALUE_FIELDS, (const uint8_t *) "x", 1, box) == CRYPTO_OK);
		memcpy(nonces[i], box + 24, XAES_NONCE_LEN);
	}
	qsort(nonces, N, sizeof(*nonces), compare_nonces);
	for (int i = 1; i < N; i++)
		CHECK(memcmp(nonces[i - 1], nonces[i], XAES_NONCE_LEN) != 0);
	free(nonces);
}

static void
numbers(void)
{
	uint8_t		bytes[8];

	put_be32(bytes, 0xfedcba98);
	CHECK(memcmp(bytes, "\xfe\xdc\xba\x98", 4) == 0 && get_be32(bytes) == 0xfedcba98);
	put_be32(bytes, 0);
	CHECK(all_bytes(bytes, 4, 0) && get_be32(bytes) == 0);
	put_be64(bytes, 0x0102030405060708);
	CHECK(memcmp(bytes, "\1\2\3\4\5\6\7\10", 8) == 0);
	put_be64(bytes, UINT64_MAX);
	CHECK(all_bytes(bytes, 8, 0xff));
}

/* A line of test/vectors/boxes.txt: hex, "-" where it is empty. */
static size_t
from_hex(const char *text, uint8_t *out, size_t room)
{
	size_t		len = strcmp(text, "-") == 0 ? 0 : strlen(text) / 2;

	if (!CHECK(len <= room) || (len > 0 && !CHECK(codec_from_hex(text, 2 * len, out), "%s", text)))
		exit(1);
	return len;
}

static void
open_vector(char *line)
{
	char	   *words[8];
	char	   *rest;
	uint8_t		bytes[CRYPTO_KEY_LEN];
	uint8_t		key_id[BOX_ID_LEN];
	uint8_t		plain[300];
	uint8_t		box[BOX_OVERHEAD + 300];
	uint8_t		out[300];
	uint8_t		field_bytes[4][64];
	Bytes		fields[4];
	int			nfields = 0;
	size_t		plain_len;
	size_t		box_len;
	BoxHeader	header;
	XaesKey    *vector_key;

	for (int i = 0; i < 8; i++)
		words[i] = strtok_r(i == 0 ? line : NULL, " \n", &rest);
	from_hex(words[0], bytes, sizeof(bytes));
	from_hex(words[4], key_id, sizeof(key_id));
	plain_len = from_hex(words[6], plain, sizeof(plain));
	box_len = from_hex(words[7], box, sizeof(box));
	if (strcmp(words[5], "none") != 0)
		for (char *text = strtok_r(words[5], ",", &rest); text; text = strtok_r(NULL, ",", &rest))
		{
			size_t		n = from_hex(text, field_bytes[nfields], sizeof(field_bytes[nfields]));

			fields[nfields] = (Bytes) {field_bytes[nfields], n};
			nfields++;
		}

	vector_key = xaes_new(bytes);
	CHECK(box_parse(box, box_len, &header));
	CHECK(header.kind == (BoxKind) atoi(words[1]) && header.content == (BoxContent) atoi(words[2]));
	CHECK(header.key_version == strtoul(words[3], NULL, 10));
	CHECK(memcmp(header.key_id, key_id, BOX_ID_LEN) == 0);
	CHECK(box_len == BOX_OVERHEAD + plain_len);
	CHECK(box_open(vector_key, fields, nfields, box, box_len, out) == CRYPTO_OK);
	CHECK(memcmp(out, plain, plain_len) == 0);
	xaes_free(vector_key);
}

/* Boxes made by a program that shares nothing with this one. */
static void
vectors_open(void)
{
	FILE	   *file = fopen(VECTORS "/boxes.txt", "r");
	char		line[2048];
	int			n = 0;

	if (!CHECK(file != NULL))
		return;
	while (fgets(line, sizeof(line), file))
		if (line[0] != '#')
		{
			open_vector(line);
			n++;
		}
	fclose(file);
	CHECK(n >= 20, "only %d vectors", n);
}

int
main(void)
{
	key = xaes_new(key_bytes);
	if (key == NULL)
		return 1;
	RUN(round_trips);
	RUN(layout);
	RUN(every_bit_flipped);
	RUN(every_byte_changed);
	RUN(every_truncation);
	RUN(every_extension);
	RUN(parts_swapped);
	RUN(header_is_bound);
	RUN(wrong_fields);
	RUN(field_boundaries);
	RUN(lengths_cannot_be_faked);
	RUN(fields_of_every_length);
	RUN(at_most_four_fields);
	RUN(another_key);
	RUN(parse_refuses);
	RUN(parse_accepts);
	RUN(nonces_differ);
	RUN(numbers);
	RUN(vectors_open);
	xaes_free(key);
	return check_summary("box");
}
