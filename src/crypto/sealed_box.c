/*
 * crypto/sealed_box.c
 */
#include "crypto/sealed_box.h"
#include "crypto/random.h"

#include <string.h>

#define MAX_FIELDS 4
#define MAX_BOUND 1024			/* a name, an id, a version; a longer field goes as a piece of its own */

static const char domain[] = "secrets/v1";	/* its terminating zero is part of the data */

void
put_be32(uint8_t *out, uint32_t n)
{
	for (int i = 3; i >= 0; i--, n >>= 8)
		out[i] = (uint8_t) n;
}

uint32_t
get_be32(const uint8_t *in)
{
	return (uint32_t) in[0] << 24 | (uint32_t) in[1] << 16 | (uint32_t) in[2] << 8 | in[3];
}

void
put_be64(uint8_t *out, uint64_t n)
{
	put_be32(out, (uint32_t) (n >> 32));
	put_be32(out + 4, (uint32_t) n);
}

bool
box_parse(const uint8_t *box, size_t len, BoxHeader *header)
{
	if (len < BOX_OVERHEAD || box[0] != BOX_FORMAT || box[3] != 0)
		return false;
	if (box[1] < BOX_VALUE || box[1] > BOX_EXPORT || box[2] > BOX_SQL_ASCII)
		return false;
	if (box[1] == BOX_MASTER_KEY && (box[2] != BOX_BYTES || len != BOX_OVERHEAD + CRYPTO_KEY_LEN))
		return false;
	header->kind = (BoxKind) box[1];
	header->content = (BoxContent) box[2];
	header->key_version = get_be32(box + 4);
	memcpy(header->key_id, box + 8, BOX_ID_LEN);
	memcpy(header->nonce, box + 24, XAES_NONCE_LEN);
	return true;
}

static void
write_header(const BoxHeader *header, uint8_t *box)
{
	box[0] = BOX_FORMAT;
	box[1] = (uint8_t) header->kind;
	box[2] = (uint8_t) header->content;
	box[3] = 0;
	put_be32(box + 4, header->key_version);
	memcpy(box + 8, header->key_id, BOX_ID_LEN);
	memcpy(box + 24, header->nonce, XAES_NONCE_LEN);
}

/*
 * What a box is bound to.  Lengths keep ("ab", "c") apart from ("a", "bc").
 * Short pieces are gathered into one: each piece costs a call into libcrypto.
 */
typedef struct Binding
{
	uint8_t		gathered[MAX_BOUND];
	size_t		used;
	size_t		begun;			/* where the piece that is being gathered began */
	Bytes		pieces[1 + 2 * MAX_FIELDS];
	int			n;
} Binding;

static void
gather(Binding *binding, const void *data, size_t len)
{
	if (len > 0)				/* an empty field may have no address */
		memcpy(binding->gathered + binding->used, data, len);
	binding->used += len;
}

static void
end_piece(Binding *binding)
{
	binding->pieces[binding->n++] = (Bytes) {binding->gathered + binding->begun, binding->used - binding->begun};
	binding->begun = binding->used;
}

static bool
bind_to(Binding *binding, const uint8_t *box, const Bytes *fields, int nfields)
{
	if (nfields > MAX_FIELDS)
		return false;
	binding->used = binding->begun = 0;
	binding->n = 0;
	gather(binding, domain, sizeof(domain));
	gather(binding, box, BOX_HEADER_LEN);
	for (int i = 0; i < nfields; i++)
	{
		uint8_t		length[4];

		if (fields[i].len > UINT32_MAX)
			return false;
		put_be32(length, (uint32_t) fields[i].len);
		gather(binding, length, sizeof(length));
		/* Room is kept for the lengths to come; said as a sum, which cannot wrap around below zero. */
		if (fields[i].len <= MAX_BOUND && binding->used + fields[i].len + 4 * MAX_FIELDS <= MAX_BOUND)
			gather(binding, fields[i].data, fields[i].len);
		else
		{
			end_piece(binding);
			binding->pieces[binding->n++] = fields[i];
		}
	}
	end_piece(binding);
	return true;
}

CryptoResult
box_seal(XaesKey *key, BoxHeader *header, const Bytes *fields, int nfields,
		 const uint8_t *plain, size_t len, uint8_t *box)
{
	Binding		binding;
	CryptoResult result = CRYPTO_BROKEN;

	if (random_public(header->nonce, XAES_NONCE_LEN))
	{
		write_header(header, box);
		if (bind_to(&binding, box, fields, nfields))
			result = xaes_seal(key, header->nonce, binding.pieces, binding.n,
							   plain, len, box + BOX_HEADER_LEN, box + BOX_HEADER_LEN + len);
	}
	if (result != CRYPTO_OK)
		crypto_wipe(box, BOX_OVERHEAD + len);
	return result;
}

CryptoResult
box_open(XaesKey *key, const Bytes *fields, int nfields, const uint8_t *box, size_t len, uint8_t *out)
{
	BoxHeader	header;
	Binding		binding;

	if (!box_parse(box, len, &header) || !bind_to(&binding, box, fields, nfields))
	{
		if (len > BOX_OVERHEAD)
			crypto_wipe(out, len - BOX_OVERHEAD);
		return CRYPTO_MISMATCH;
	}
	len -= BOX_OVERHEAD;
	return xaes_open(key, header.nonce, binding.pieces, binding.n,
					 box + BOX_HEADER_LEN, len, box + BOX_HEADER_LEN + len, out);
}
