/*
 * box/box.c
 */
#include "postgres.h"

#include "access/detoast.h"
#include "fmgr.h"
#include "utils/memutils.h"
#include "utils/varlena.h"

#include "base/refuse.h"
#include "box/box.h"
#include "crypto/codec.h"

static const char prefix[] = "secrets:";

#define PREFIX_LEN (sizeof(prefix) - 1)

static void
refuse_text(void)
{
	REFUSE(ERRCODE_INVALID_TEXT_REPRESENTATION,
		   errmsg("invalid input for type secrets.ciphertext"),
		   errhint("A ciphertext is one word that starts with \"%s\"; it is made by this extension only.", prefix));
}

SealedBox *
box_alloc(Size len)
{
	Size		size = VARHDRSZ + BOX_OVERHEAD + len;
	SealedBox  *box;

	if (!AllocSizeIsValid(size))
		REFUSE(ERRCODE_PROGRAM_LIMIT_EXCEEDED, errmsg("value is too large"));
	box = palloc(size);
	SET_VARSIZE(box, size);
	return box;
}

SealedBox *
box_from_bytes(const char *bytes, Size len)
{
	BoxHeader	header;
	SealedBox  *box;

	if (!box_parse((const uint8_t *) bytes, len, &header))
		refuse_text();
	box = box_alloc(len - BOX_OVERHEAD);
	memcpy(VARDATA(box), bytes, len);
	return box;
}

SealedBox *
box_from_text(const char *text)
{
	Size		len = strlen(text);
	size_t		nbytes;
	char	   *bytes;
	SealedBox  *box;

	if (len < PREFIX_LEN || memcmp(text, prefix, PREFIX_LEN) != 0)
		refuse_text();
	text += PREFIX_LEN;
	len -= PREFIX_LEN;
	bytes = palloc(len / 4 * 3 + 3);
	if (!base64url_decode(text, len, (uint8_t *) bytes, &nbytes))
		refuse_text();
	box = box_from_bytes(bytes, nbytes);
	pfree(bytes);
	return box;
}

char *
box_to_text(const SealedBox *box)
{
	Size		nbytes = VARSIZE_ANY_EXHDR(box);
	Size		len = base64url_len(nbytes);
	char	   *text = palloc(PREFIX_LEN + len + 1);

	memcpy(text, prefix, PREFIX_LEN);
	base64url_encode((const uint8_t *) VARDATA_ANY(box), nbytes, text + PREFIX_LEN);
	text[PREFIX_LEN + len] = '\0';
	return text;
}

bool
box_read_header(Datum value, BoxHeader *header)
{
	struct varlena *start = PG_DETOAST_DATUM_SLICE(value, 0, BOX_OVERHEAD + CRYPTO_KEY_LEN);
	Size		len = toast_raw_datum_size(value) - VARHDRSZ;
	Size		have = VARSIZE_ANY_EXHDR(start);

	bool		ok;

	/* A slice stands for the whole: a master key's box is the only kind whose length the header binds. */
	ok = box_parse((const uint8_t *) VARDATA_ANY(start), Min(len, have), header);
	if ((Pointer) start != DatumGetPointer(value))
		pfree(start);
	return ok;
}

bool
box_has_key_id(const SealedBox *box, const uint8_t **id)
{
	*id = (const uint8_t *) VARDATA_ANY(box) + 8;
	return VARSIZE_ANY_EXHDR(box) >= BOX_HEADER_LEN;
}

Size
box_plain_size(Datum value)
{
	Size		size = toast_raw_datum_size(value) - VARHDRSZ;

	return size < BOX_OVERHEAD ? 0 : size - BOX_OVERHEAD;
}
