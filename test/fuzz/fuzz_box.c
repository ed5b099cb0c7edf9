/*
 * fuzz_box.c: a ciphertext as a stranger hands it in: base64url, then a box.
 *
 * Nobody guesses a tag, so opening must fail, and leave zeroes.  Other inputs
 * are taken as a plaintext, which is sealed, changed in one place, and refused,
 * or as the fields that a box is bound to.
 */
#include "property.h"

#include "crypto/codec.h"
#include "crypto/sealed_box.h"

static const uint8_t key_bytes[CRYPTO_KEY_LEN] = "a key that only this program has";

static XaesKey *
the_key(void)
{
	static XaesKey *key;

	if (key == NULL)
		key = xaes_new(key_bytes);
	PROPERTY(key != NULL);
	return key;
}

/* Whatever the header says, it says it in the bytes that were read. */
static void
check_header(const uint8_t *box, size_t len)
{
	BoxHeader	header;

	if (!box_parse(box, len, &header))
		return;
	PROPERTY(len >= BOX_OVERHEAD);
	PROPERTY(box[0] == BOX_FORMAT && box[1] == header.kind && box[2] == header.content && box[3] == 0);
	PROPERTY(header.kind >= BOX_VALUE && header.kind <= BOX_EXPORT && header.content <= BOX_SQL_ASCII);
	PROPERTY(get_be32(box + 4) == header.key_version);
	PROPERTY(memcmp(box + 8, header.key_id, BOX_ID_LEN) == 0);
	PROPERTY(memcmp(box + 24, header.nonce, XAES_NONCE_LEN) == 0);
	PROPERTY(header.kind != BOX_MASTER_KEY || len == BOX_OVERHEAD + CRYPTO_KEY_LEN);
}

static void
refuse(const uint8_t *box, size_t len)
{
	Bytes		field = {"context", 7};
	size_t		room = len > BOX_OVERHEAD ? len - BOX_OVERHEAD : 0;
	uint8_t    *out = exact_room(room);

	PROPERTY(box_open(the_key(), &field, 1, box, len, out) == CRYPTO_MISMATCH);
	PROPERTY(all_zero(out, room));
	free(out);
}

/* A text that decodes is the one text of its bytes. */
static void
decode(const Part *text)
{
	uint8_t    *bytes = exact_room(text->len / 4 * 3 + 2);
	size_t		len;

	if (base64url_decode(text->data, text->len, bytes, &len))
	{
		uint8_t    *box = exact_room(len);
		char	   *again = exact_room(base64url_len(len));

		memcpy(box, bytes, len);
		PROPERTY(base64url_len(len) == text->len);
		base64url_encode(box, len, again);
		PROPERTY(memcmp(again, text->data, text->len) == 0);
		check_header(box, len);
		refuse(box, len);
		free(again);
		free(box);
	}
	free(bytes);
}

static void
encode(const uint8_t *bytes, size_t len)
{
	size_t		text_len = base64url_len(len);
	char	   *text = exact_room(text_len);
	uint8_t    *back = exact_room(text_len / 4 * 3 + 2);
	size_t		n;

	base64url_encode(bytes, len, text);
	PROPERTY(base64url_decode(text, text_len, back, &n) && n == len && memcmp(back, bytes, len) == 0);
	free(back);
	free(text);
}

/* Seals the plaintext; one change, picked by the input, and the box is refused. */
static void
seal(const uint8_t *plain, size_t len, size_t where, uint8_t change)
{
	Bytes		field = {"context", 7};
	BoxHeader	header = {.kind = BOX_TRANSIT,.content = BOX_UTF8,.key_version = 7};
	uint8_t    *box = exact_room(BOX_OVERHEAD + len);
	uint8_t    *out = exact_room(len);

	PROPERTY(box_seal(the_key(), &header, &field, 1, plain, len, box) == CRYPTO_OK);
	check_header(box, BOX_OVERHEAD + len);
	PROPERTY(box_open(the_key(), &field, 1, box, BOX_OVERHEAD + len, out) == CRYPTO_OK);
	PROPERTY(memcmp(out, plain, len) == 0);
	if (change != 0)
	{
		box[where % (BOX_OVERHEAD + len)] ^= change;
		refuse(box, BOX_OVERHEAD + len);
	}
	free(out);
	free(box);
}

/* Associated data in one piece, by the description in crypto/sealed_box.h. */
static Bytes
concatenate(const uint8_t *box, const Bytes *fields, int nfields)
{
	size_t		len = 11 + BOX_HEADER_LEN;
	uint8_t    *data;
	uint8_t    *at;

	for (int i = 0; i < nfields; i++)
		len += 4 + fields[i].len;
	data = at = exact_room(len);
	memcpy(at, "secrets/v1", 11);
	memcpy(at + 11, box, BOX_HEADER_LEN);
	at += 11 + BOX_HEADER_LEN;
	for (int i = 0; i < nfields; i++)
	{
		put_be32(at, (uint32_t) fields[i].len);
		memcpy(at + 4, fields[i].data, fields[i].len);
		at += 4 + fields[i].len;
	}
	return (Bytes) {data, len};
}

/* Fields of any lengths: two bytes say each, the others fill them. */
static void
bind_fields(const uint8_t *lengths, int nfields, const uint8_t *filler, size_t nfiller)
{
	BoxHeader	header = {.kind = BOX_VALUE};
	Bytes		fields[4];
	uint8_t		box[BOX_OVERHEAD + 1];
	uint8_t		out[1];
	Bytes		aad;

	for (int i = 0; i < nfields; i++)
	{
		size_t		len = ((size_t) lengths[2 * i] << 8 | lengths[2 * i + 1]) % 1500;
		uint8_t    *data = exact_room(len);

		for (size_t j = 0; j < len && nfiller > 0; j++)
			data[j] = filler[j % nfiller];
		fields[i] = (Bytes) {data, len};
	}
	PROPERTY(box_seal(the_key(), &header, fields, nfields, (const uint8_t *) "x", 1, box) == CRYPTO_OK);
	PROPERTY(box_open(the_key(), fields, nfields, box, sizeof(box), out) == CRYPTO_OK && out[0] == 'x');
	aad = concatenate(box, fields, nfields);
	PROPERTY(xaes_open(the_key(), header.nonce, &aad, 1, box + BOX_HEADER_LEN, 1,
					   box + BOX_HEADER_LEN + 1, out) == CRYPTO_OK);
	PROPERTY(nfields == 0
			 || box_open(the_key(), fields, nfields - 1, box, sizeof(box), out) == CRYPTO_MISMATCH);
	free((void *) aad.data);
	for (int i = 0; i < nfields; i++)
		free((void *) fields[i].data);
}

/* The first byte tells how the rest is meant. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *rest = data + 1;
	size_t		n = size - 1;
	uint8_t    *bytes;

	if (size == 0)
		return 0;
	bytes = exact_room(n);
	memcpy(bytes, rest, n);
	switch (data[0])
	{
		case 'b':				/* a box as it is */
			check_header(bytes, n);
			refuse(bytes, n);
			encode(bytes, n);
			break;
		case 's':				/* where, which change, and a plaintext */
			if (n >= 3)
				seal(bytes + 3, n - 3, (size_t) bytes[0] << 8 | bytes[1], bytes[2]);
			break;
		case 'f':				/* fields: how many, how long, and what is in them */
			if (n >= 9)
				bind_fields(bytes + 1, bytes[0] % 5, bytes + 9, n - 9);
			break;
		default:				/* the text of a box */
			{
				Part		text = {(char *) bytes, n};

				decode(&text);
			}
	}
	free(bytes);
	return 0;
}
