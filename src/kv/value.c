/*
 * kv/value.c
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "utils/guc.h"

#include "base/jsonb.h"
#include "base/refuse.h"
#include "keyring/keyring.h"
#include "kv/value.h"
#include "redact/values.h"

static int	max_value_size = 1024 * 1024;

void
value_init(void)
{
	DefineCustomIntVariable("secrets.max_value_size",
							"The largest value that is stored.",
							"A secret store is no place for files; raise it where certificates or key stores need it.",
							&max_value_size, 1024 * 1024, 1, 64 * 1024 * 1024, PGC_SIGHUP, GUC_UNIT_BYTE,
							NULL, NULL, NULL);
}

static void
check_size(Size len)
{
	if (len > (Size) max_value_size)
		REFUSE(ERRCODE_PROGRAM_LIMIT_EXCEEDED,
			   errmsg("value is too large"),
			   errdetail("It has %zu bytes; %d are allowed.", len, max_value_size),
			   errhint("An administrator can raise secrets.max_value_size."));
}

static Plain
copy_in(const char *bytes, Size len, BoxContent content)
{
	Plain		plain;

	check_size(len);
	plain.bytes = buffer_alloc(len);
	plain.content = content;
	memcpy(buffer_data(plain.bytes), bytes, len);
	return plain;
}

/*
 * Between encodings, into a new buffer.  The server's own conversion raises an
 * error that quotes the bytes it could not convert; this one asks it not to.
 * NULL: it cannot be converted.
 */
static SecretBuffer *
convert(const char *bytes, Size len, int from, int to)
{
	Oid			proc = FindDefaultConversionProc(from, to);
	SecretBuffer *out;
	int			done;

	if (!OidIsValid(proc))
		return NULL;
	out = buffer_alloc(len * MAX_CONVERSION_GROWTH + 1);
	done = pg_do_encoding_conversion_buf(proc, from, to, (unsigned char *) unconstify(char *, bytes), (int) len,
										 (unsigned char *) buffer_data(out), (int) (len * MAX_CONVERSION_GROWTH + 1), true);
	if (done != (int) len)
	{
		buffer_free(out);
		return NULL;
	}
	buffer_set_len(out, strlen(buffer_data(out)));
	return out;
}

pg_noreturn static void
refuse_encoding(void)
{
	REFUSE(ERRCODE_UNTRANSLATABLE_CHARACTER,
		   errmsg("the value has characters that this database's encoding has not"),
		   errhint("secrets.get_bytes() gives its UTF-8 bytes."));
}

static bool
is_ascii(const char *bytes, Size len)
{
	for (Size i = 0; i < len; i++)
		if (IS_HIGHBIT_SET(bytes[i]))
			return false;
	return true;
}

Plain
value_from_utf8(const char *value, Size len)
{
	values_remember(value, len);
	return copy_in(value, len, BOX_UTF8);
}

Plain
value_from_words(const text *words)
{
	const char *bytes = VARDATA_ANY(words);
	Size		len = VARSIZE_ANY_EXHDR(words);
	int			encoding = GetDatabaseEncoding();
	SecretBuffer *utf8;
	Plain		plain;

	if (encoding == PG_UTF8 || len == 0 || is_ascii(bytes, len))
		return copy_in(bytes, len, BOX_UTF8);
	if (encoding == PG_SQL_ASCII)
		return copy_in(bytes, len, BOX_SQL_ASCII);
	check_size(len / MAX_CONVERSION_GROWTH);	/* there is no telling yet, but this much is too large anyhow */
	if ((utf8 = convert(bytes, len, encoding, PG_UTF8)) == NULL)
		refuse_encoding();
	plain = copy_in(buffer_data(utf8), buffer_len(utf8), BOX_UTF8);
	buffer_free(utf8);
	return plain;
}

/* In both encodings. */
Plain
value_from_text(const text *value)
{
	Plain		plain;

	values_remember(VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value));
	plain = value_from_words(value);
	if (GetDatabaseEncoding() != PG_UTF8)
		value_remember(&plain);
	return plain;
}

Plain
value_from_bytes(const bytea *value)
{
	values_remember(VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value));
	return copy_in(VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value), BOX_BYTES);
}

Plain
value_from_jsonb(const Jsonb *value)
{
	Size		len = jsonb_text_len(value);
	SecretBuffer *words;
	Plain		plain;

	check_size(len / MAX_CONVERSION_GROWTH);	/* as in value_from_words() */
	words = buffer_alloc(VARHDRSZ + len);
	SET_VARSIZE(buffer_data(words), VARHDRSZ + len);
	jsonb_write_text(value, VARDATA(buffer_data(words)));
	plain = value_from_text((text *) buffer_data(words));
	buffer_free(words);
	return plain;
}

/* ---- and out ---- */

void
value_remember(const Plain *plain)
{
	values_remember(buffer_data(plain->bytes), buffer_len(plain->bytes));
}

static struct varlena *
copy_out(const char *bytes, Size len)
{
	struct varlena *out = palloc(VARHDRSZ + len);

	SET_VARSIZE(out, VARHDRSZ + len);
	memcpy(VARDATA(out), bytes, len);
	return out;
}

bytea *
value_to_bytes(const Plain *plain)
{
	value_remember(plain);
	return copy_out(buffer_data(plain->bytes), buffer_len(plain->bytes));
}

/*
 * Text in the encoding of the database: the plain bytes themselves, or a new
 * buffer, or NULL where there is no such text.
 */
static SecretBuffer *
in_database_encoding(const Plain *plain)
{
	const char *bytes = buffer_data(plain->bytes);
	Size		len = buffer_len(plain->bytes);
	int			encoding = GetDatabaseEncoding();

	if (is_ascii(bytes, len) && memchr(bytes, 0, len) == NULL)
		return plain->bytes;
	if (encoding == PG_SQL_ASCII || plain->content == BOX_SQL_ASCII || encoding == PG_UTF8)
		return pg_verify_mbstr(encoding, bytes, (int) len, true) ? plain->bytes : NULL;
	return convert(bytes, len, PG_UTF8, encoding);
}

const char *
value_text_problem(const Plain *plain)
{
	SecretBuffer *converted;

	if (plain->content == BOX_BYTES)
		return "binary";
	converted = in_database_encoding(plain);
	if (converted == NULL)
		return "not in this database's encoding";
	if (converted != plain->bytes)
		buffer_free(converted);
	return NULL;
}

text *
value_to_text(const Plain *plain)
{
	SecretBuffer *converted;
	text	   *out;

	value_remember(plain);
	if (plain->content == BOX_BYTES)
		REFUSE(ERRCODE_WRONG_OBJECT_TYPE,
			   errmsg("the value is binary"),
			   errhint("Use secrets.get_bytes()."));
	converted = in_database_encoding(plain);
	if (converted == NULL)
		refuse_encoding();
	out = copy_out(buffer_data(converted), buffer_len(converted));
	if (converted != plain->bytes)
	{
		values_remember(buffer_data(converted), buffer_len(converted));
		buffer_free(converted);
	}
	return out;
}

/* ---- the box ---- */

#define NFIELDS 3

typedef struct Binding
{
	uint8_t		version[8];
	Bytes		fields[NFIELDS];
} Binding;

static void
bind_to(Binding *binding, const Secret *secret, int64 version)
{
	put_be64(binding->version, (uint64) version);
	binding->fields[0] = (Bytes) {secret->id.data, UUID_LEN};
	binding->fields[1] = (Bytes) {binding->version, sizeof(binding->version)};
	binding->fields[2] = (Bytes) {secret->name, strlen(secret->name)};
}

SealedBox *
value_seal(const GatePass *pass, const Secret *secret, int64 version, const Plain *plain)
{
	Binding		binding;

	bind_to(&binding, secret, version);
	return keyring_seal_box(pass, BOX_VALUE, plain->content, binding.fields, NFIELDS,
							buffer_data(plain->bytes), buffer_len(plain->bytes));
}

static OpenResult
open_box(const GatePass *pass, const Secret *secret, const Version *version, Plain *plain)
{
	const uint8_t *bytes = (const uint8_t *) VARDATA_ANY(version->value);
	Binding		binding;
	BoxHeader	header;

	bind_to(&binding, secret, version->version);
	if (!box_parse(bytes, VARSIZE_ANY_EXHDR(version->value), &header) || header.kind != BOX_VALUE)
		return OPEN_DIFFERENT;
	plain->content = header.content;
	return keyring_try_open_box(pass, version->value, binding.fields, NFIELDS, &plain->bytes);
}

bool
value_try_open(const GatePass *pass, const Secret *secret, const Version *version, Plain *plain)
{
	return open_box(pass, secret, version, plain) == OPEN_OK;
}

Plain
value_open(const GatePass *pass, const Secret *secret, const Version *version)
{
	Plain		plain;
	OpenResult	result = open_box(pass, secret, version, &plain);

	if (result != OPEN_OK)
		keyring_refuse_box(result, version->value);
	return plain;
}
