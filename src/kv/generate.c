/*
 * kv/generate.c: values that the server makes, and that nobody sees.
 */
#include "postgres.h"

#include "nodes/pg_list.h"
#include "utils/builtins.h"

#include "base/options.h"
#include "base/refuse.h"
#include "crypto/codec.h"
#include "crypto/password.h"
#include "crypto/random.h"
#include "kv/common.h"

#define MAX_RANDOM_BYTES 4096

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
	return make_password(length, classes == NIL ? PASSWORD_DEFAULT : read_classes(classes), exclude, strlen(exclude));
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

static Plain
generate_password(Jsonb *options)
{
	int			length = 32;
	char	   *exclude = "";
	List	   *const not_given = list_make1(NULL);
	List	   *classes = not_given;	/* NIL is an empty array, and refused */
	Option		known[] = {
		{"length", OPTION_INT, &length}, {"exclude", OPTION_TEXT, &exclude}, {"classes", OPTION_TEXTS, &classes}
	};
	Plain		plain = {.content = BOX_UTF8};

	options_read(options, known, lengthof(known));
	plain.bytes = make_password(length, classes == not_given ? PASSWORD_DEFAULT : read_classes(classes), exclude, strlen(exclude));
	return plain;
}

static int
read_length(Jsonb *options)
{
	int			length = 32;
	Option		known[] = {{"length", OPTION_INT, &length}};

	options_read(options, known, lengthof(known));
	return length;
}

static Plain
generate_bytes(Jsonb *options)
{
	Plain		plain = {make_random(read_length(options)), BOX_BYTES};

	return plain;
}

/* As many random bytes, in characters that need no quoting anywhere. */
static Plain
generate_token(Jsonb *options)
{
	SecretBuffer *random = make_random(read_length(options));
	Plain		plain = {buffer_alloc(base64url_len(buffer_len(random))), BOX_UTF8};

	base64url_encode((uint8_t *) buffer_data(random), buffer_len(random), buffer_data(plain.bytes));
	buffer_free(random);
	return plain;
}

/* All 122 bits from the generator of secrets: this UUID is one. */
static Plain
generate_uuid(Jsonb *options)
{
	static const int dashes[] = {8, 13, 18, 23};
	SecretBuffer *random;
	SecretBuffer *hex;
	Plain		plain = {.content = BOX_UTF8};
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
	plain.bytes = buffer_alloc(36);
	out = buffer_data(plain.bytes);
	for (int i = 0, dash = 0; i < 36; i++)
	{
		if (dash < lengthof(dashes) && i == dashes[dash])
			out[i] = '-', dash++;
		else
			out[i] = buffer_data(hex)[from++];
	}
	buffer_free(hex);
	buffer_free(random);
	return plain;
}

static Generated
generate(Plain plain)
{
	return (Generated) {.plain = plain,.ends_at = NEVER};
}

static const struct
{
	const char *kind;
	Plain		(*generate) (Jsonb *options);
}			generators[] = {
	{"password", generate_password},
	{"token", generate_token},
	{"bytes", generate_bytes},
	{"uuid", generate_uuid},
};

Generated
kv_make_value(const char *kind, struct varlena *options)
{
	for (int i = 0; i < lengthof(generators); i++)
		if (strcmp(kind, generators[i].kind) == 0)
			return generate(generators[i].generate((Jsonb *) options));
	REFUSE(ERRCODE_INVALID_PARAMETER_VALUE,
		   errmsg("unknown kind of value to generate"),
		   errhint("The kinds are password, token, bytes, uuid."));
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
