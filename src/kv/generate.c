/*
 * kv/generate.c: values that the server makes, and that nobody sees.
 */
#include "postgres.h"

#include "nodes/pg_list.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"

#include "base/options.h"
#include "base/refuse.h"
#include "crypto/codec.h"
#include "crypto/password.h"
#include "crypto/random.h"
#include "kv/common.h"
#include "kv/generate.h"
#include "redact/values.h"

#define MAX_RANDOM_BYTES	4096
#define MAX_GENERATOR_SIZE	(64 * 1024)

static void
check_password_result(PasswordResult result)
{
	switch (result)
	{
		case PASSWORD_OK:
			return;
		case PASSWORD_BAD_LENGTH:
			REFUSE(ERRCODE_INVALID_PARAMETER_VALUE,
				   errmsg("length must be between the number of classes and %d", PASSWORD_MAX_LEN));
			break;
		case PASSWORD_EMPTY_CLASS:
			REFUSE(ERRCODE_INVALID_PARAMETER_VALUE,
				   errmsg("exclude leaves nothing of one of the classes"));
			break;
		case PASSWORD_BROKEN:
			refuse_crypto();
	}
}

static int
read_classes(List *names)
{
	int			classes = 0;
	ListCell   *cell;

	foreach(cell, names)
	{
		const char *name = lfirst(cell);
		int			class = password_class(name, strlen(name));

		if (class == 0)
			REFUSE(ERRCODE_INVALID_PARAMETER_VALUE,
				   errmsg("unknown class of characters"),
				   errhint("The classes are lower, upper, digit, symbol, punctuation."));
		classes |= class;
	}
	if (classes == 0)
		REFUSE(ERRCODE_INVALID_PARAMETER_VALUE, errmsg("classes must name at least one class"));
	return classes;
}

static SecretBuffer *
make_password(int length, int classes, const char *exclude, Size nexclude)
{
	SecretBuffer *out;

	if (length < 1 || length > PASSWORD_MAX_LEN)
		check_password_result(PASSWORD_BAD_LENGTH);
	out = buffer_alloc((Size) length);
	check_password_result(password_generate((size_t) length, classes, exclude, nexclude, buffer_data(out)));
	return out;
}

SecretBuffer *
kv_make_password(int length, List *classes, const char *exclude)
{
	int			chosen = classes == NIL ? PASSWORD_DEFAULT : read_classes(classes);
	SecretBuffer *password = make_password(length, chosen, exclude, strlen(exclude));

	values_remember(buffer_data(password), buffer_len(password));
	return password;
}

static SecretBuffer *
make_random(int length)
{
	SecretBuffer *out;

	if (length < 16 || length > MAX_RANDOM_BYTES)
		REFUSE(ERRCODE_INVALID_PARAMETER_VALUE,
			   errmsg("length must be between 16 and %d bytes", MAX_RANDOM_BYTES));
	out = buffer_alloc((Size) length);
	if (!random_secret(buffer_data(out), (size_t) length))
		refuse_crypto();
	return out;
}

/* Bytes or characters that stand for themselves. */
static Generated
made_of(SecretBuffer *bytes, BoxContent content)
{
	Generated	made = {.plain = {bytes, content},.ends_at = NEVER};

	value_remember(&made.plain);
	return made;
}

static Generated
generate_password(Jsonb *options)
{
	int			length = 32;
	char	   *exclude = "";
	List	   *const not_given = list_make1(NULL);
	List	   *classes = not_given;	/* NIL is an empty array, and refused */
	Option		known[] = {
		{"length", OPTION_INT, &length}, {"exclude", OPTION_TEXT, &exclude}, {"classes", OPTION_TEXTS, &classes}
	};
	int			chosen;

	options_read(options, known, lengthof(known));
	chosen = classes == not_given ? PASSWORD_DEFAULT : read_classes(classes);
	return made_of(make_password(length, chosen, exclude, strlen(exclude)), BOX_UTF8);
}

static int
read_length(Jsonb *options)
{
	int			length = 32;
	Option		known[] = {{"length", OPTION_INT, &length}};

	options_read(options, known, lengthof(known));
	return length;
}

static Generated
generate_bytes(Jsonb *options)
{
	return made_of(make_random(read_length(options)), BOX_BYTES);
}

/* As many random bytes, in characters that need no quoting anywhere. */
static Generated
generate_token(Jsonb *options)
{
	SecretBuffer *random = make_random(read_length(options));
	SecretBuffer *token = buffer_alloc(base64url_len(buffer_len(random)));

	base64url_encode((uint8_t *) buffer_data(random), buffer_len(random), buffer_data(token));
	buffer_free(random);
	return made_of(token, BOX_UTF8);
}

/* All 122 bits from the generator of secrets: this UUID is one. */
static Generated
generate_uuid(Jsonb *options)
{
	static const int dashes[] = {8, 13, 18, 23};
	SecretBuffer *random;
	SecretBuffer *hex;
	SecretBuffer *uuid;
	uint8_t    *bytes;
	char	   *out;
	int			from = 0;

	options_read(options, NULL, 0);
	random = make_random(16);
	bytes = (uint8_t *) buffer_data(random);
	bytes[6] = (bytes[6] & 0x0f) | 0x40;
	bytes[8] = (bytes[8] & 0x3f) | 0x80;
	hex = buffer_alloc(33);
	codec_to_hex(bytes, 16, buffer_data(hex));
	uuid = buffer_alloc(36);
	out = buffer_data(uuid);
	for (int i = 0, dash = 0; i < 36; i++)
	{
		if (dash < lengthof(dashes) && i == dashes[dash])
			out[i] = '-', dash++;
		else
			out[i] = buffer_data(hex)[from++];
	}
	buffer_free(hex);
	buffer_free(random);
	return made_of(uuid, BOX_UTF8);
}

static const struct
{
	const char *kind;
	Generated	(*generate) (Jsonb *options);
}			generators[] = {
	{"password", generate_password},
	{"token", generate_token},
	{"bytes", generate_bytes},
	{"uuid", generate_uuid},
	{"ssh_ed25519", generate_ssh_ed25519},
	{"keypair", generate_keypair},
	{"x509", generate_x509},
};

Generated
kv_make_value(const char *kind, struct varlena *options)
{
	for (int i = 0; i < lengthof(generators); i++)
		if (strcmp(kind, generators[i].kind) == 0)
			return generators[i].generate((Jsonb *) options);
	REFUSE(ERRCODE_INVALID_PARAMETER_VALUE,
		   errmsg("unknown kind of value to generate"),
		   errhint("The kinds are password, token, bytes, uuid, ssh_ed25519, keypair, x509."));
}

/* The options and, with them, the kind, which is one of ours. */
static struct varlena *
remember(const char *kind, struct varlena *options)
{
	Datum		word = DirectFunctionCall1(jsonb_in, CStringGetDatum(psprintf("{\"kind\": \"%s\"}", kind)));
	struct varlena *generator = (struct varlena *)
		DatumGetJsonbP(DirectFunctionCall2(jsonb_concat, PointerGetDatum(options), word));

	if (VARSIZE(generator) > MAX_GENERATOR_SIZE)
		REFUSE(ERRCODE_PROGRAM_LIMIT_EXCEEDED, errmsg("options are too large"));
	return generator;
}

int64
kv_generate(const char *name, const char *kind, struct varlena *options)
{
	PutRequest	request = {.name = name};
	Generated	made;
	int64		version;

	check_name(name);
	(void) require_to_make(name);
	made = kv_make_value(kind, options);
	request.public_half = made.public_half;
	request.generator = remember(kind, options);
	request.metadata.has_expires_at = made.ends_at != NEVER;
	request.metadata.expires_at = made.ends_at;
	version = kv_put(&request, &made.plain);
	buffer_free(made.plain.bytes);
	return version;
}

text *
kv_random_password(int length, const text *exclude)
{
	Plain		plain = {.content = BOX_UTF8};
	text	   *out;

	gate_require_any();
	plain.bytes = make_password(length, PASSWORD_DEFAULT, VARDATA_ANY(exclude), VARSIZE_ANY_EXHDR(exclude));
	out = value_to_text(&plain);
	buffer_free(plain.bytes);
	return out;
}
