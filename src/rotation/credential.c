/*
 * rotation/credential.c
 */
#include "postgres.h"

#include "common/saslprep.h"
#include "mb/pg_wchar.h"
#include "utils/guc.h"
#include "utils/memutils.h"

#include "base/refuse.h"
#include "crypto/random.h"
#include "crypto/scram.h"
#include "kv/json.h"
#include "redact/values.h"
#include "rotation/credential.h"
#include "rotation/uri.h"

#define FEWEST_ITERATIONS 4096	/* as the server's usual */
#define MOST_ITERATIONS 1000000	/* half a second, or so */

static JsonText
text_of(const Plain *plain)
{
	return (JsonText) {buffer_data(plain->bytes), buffer_len(plain->bytes)};
}

static bool
is_object(const Plain *plain)
{
	return plain->content != BOX_BYTES && json_check_object(text_of(plain)) == JSON_OK;
}

/* A member as text, in a buffer of its own with a zero byte behind it; NULL: there is none. */
static SecretBuffer *
get_member(const Plain *plain, const char *name)
{
	JsonText	text = text_of(plain);
	SecretBuffer *out = buffer_alloc(text.len + 1);
	size_t		len = 0;

	if (json_get_field(text, (JsonText) {name, strlen(name)}, buffer_data(out), &len) != JSON_OK)
	{
		buffer_free(out);
		return NULL;
	}
	buffer_data(out)[len] = '\0';
	buffer_set_len(out, len);
	return out;
}

/* What is no secret; the server's own encoding, as names of roles are in. */
static char *
get_word(const Plain *plain, const char *name)
{
	SecretBuffer *member = get_member(plain, name);
	char	   *word;

	if (member == NULL)
		return NULL;
	if (strlen(buffer_data(member)) != buffer_len(member) || buffer_len(member) > 1024)
		REFUSE(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, errmsg("the secret's member \"%s\" cannot be used", name));
	word = pg_any_to_server(pstrdup(buffer_data(member)), (int) buffer_len(member), PG_UTF8);
	buffer_free(member);
	return word;
}

static SecretBuffer *
copy_whole(const Plain *plain)
{
	Size		len = buffer_len(plain->bytes);
	SecretBuffer *out = buffer_alloc(len + 1);

	memcpy(buffer_data(out), buffer_data(plain->bytes), len);
	buffer_data(out)[len] = '\0';
	buffer_set_len(out, len);
	return out;
}

static bool
has_zero_byte(SecretBuffer *buffer)
{
	return memchr(buffer_data(buffer), '\0', buffer_len(buffer)) != NULL;
}

Credential
credential_read(const Plain *plain)
{
	Credential	credential = {.is_json = is_object(plain)};

	if (plain->content == BOX_BYTES)
		REFUSE(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
			   errmsg("the secret is binary, and holds no password"));
	credential.password = credential.is_json ? get_member(plain, "password") : copy_whole(plain);
	if (credential.password == NULL || buffer_len(credential.password) == 0 || has_zero_byte(credential.password))
		REFUSE(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
			   errmsg("the secret holds no password"),
			   errhint("It is the whole text, or the member \"password\" of a JSON object."));
	values_remember(buffer_data(credential.password), buffer_len(credential.password));
	if (credential.is_json)
	{
		credential.username = get_word(plain, "username");
		credential.host = get_word(plain, "host");
		credential.port = get_word(plain, "port");
		credential.dbname = get_word(plain, "dbname");
	}
	return credential;
}

/* ---- another password in it ---- */

typedef struct JsonWriter
{
	SecretBuffer *buffer;
	Size		len;
} JsonWriter;

static void
write_bytes(JsonWriter *writer, const char *bytes, Size len)
{
	memcpy(buffer_data(writer->buffer) + writer->len, bytes, len);
	writer->len += len;
}

/* At most six bytes for each of text. */
static void
write_string(JsonWriter *writer, const char *text, Size len)
{
	static const char digits[] = "0123456789abcdef";

	write_bytes(writer, "\"", 1);
	for (Size i = 0; i < len; i++)
	{
		unsigned char c = (unsigned char) text[i];
		char		escape[6] = {'\\', 'u', '0', '0', digits[c >> 4], digits[c & 15]};

		if (c < 0x20 || c == '"' || c == '\\')
			write_bytes(writer, escape, sizeof(escape));
		else
			write_bytes(writer, &text[i], 1);
	}
	write_bytes(writer, "\"", 1);
}

static void
write_member(JsonWriter *writer, const char *name, const char *text, Size len)
{
	if (writer->len > 1)
		write_bytes(writer, ",", 1);
	write_string(writer, name, strlen(name));
	write_bytes(writer, ":", 1);
	write_string(writer, text, len);
}

static void
refresh_uri(JsonWriter *writer, SecretBuffer *uri, const char *username, SecretBuffer *password)
{
	Size		size = buffer_len(uri) + 6 * (buffer_len(password) + (username ? strlen(username) : 0)) + 64;
	SecretBuffer *out = buffer_alloc(size);
	size_t		len = 0;

	if (!uri_replace(buffer_data(uri), buffer_len(uri), username, buffer_data(password), buffer_len(password),
					 buffer_data(out), size, &len))
		REFUSE(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
			   errmsg("the secret's member \"uri\" is no connection URI"),
			   errhint("scheme://user:password@host/database; or take it out."));
	write_member(writer, "uri", buffer_data(out), len);
	buffer_free(out);
}

static Plain
replace_members(const Plain *plain, const char *username, SecretBuffer *password)
{
	SecretBuffer *uri = get_member(plain, "uri");
	const char *user = username ? pg_server_to_any(username, (int) strlen(username), PG_UTF8) : NULL;
	Size		words = buffer_len(password) + (user ? strlen(user) : 0);
	JsonWriter	patch = {buffer_alloc(6 * (2 * 6 * words + (uri ? buffer_len(uri) : 0) + 128) + 128), 0};
	JsonText	target = text_of(plain);
	SecretBuffer *out;
	size_t		len = 0;
	Plain		replaced;

	write_bytes(&patch, "{", 1);
	if (user)
		write_member(&patch, "username", user, strlen(user));
	write_member(&patch, "password", buffer_data(password), buffer_len(password));
	if (uri)
		refresh_uri(&patch, uri, user, password);
	write_bytes(&patch, "}", 1);
	out = buffer_alloc(target.len + patch.len + 8);
	if (json_merge_patch(target, (JsonText) {buffer_data(patch.buffer), patch.len}, buffer_data(out), &len) != JSON_OK)
		REFUSE(ERRCODE_PROGRAM_LIMIT_EXCEEDED, errmsg("the secret has too many members to be changed"));
	replaced = value_from_utf8(buffer_data(out), len);
	replaced.content = plain->content;
	buffer_free(out);
	buffer_free(patch.buffer);
	if (uri)
		buffer_free(uri);
	return replaced;
}

Plain
credential_replace(const Plain *plain, const char *username, SecretBuffer *password)
{
	if (is_object(plain))
		return replace_members(plain, username, password);
	return value_from_utf8(buffer_data(password), buffer_len(password));
}

/* ---- passwords ---- */

SecretBuffer *
credential_new_password(const PasswordOptions *options)
{
	SecretBuffer *made = kv_make_password(options->length, options->classes, options->exclude);
	SecretBuffer *out = buffer_alloc(buffer_len(made) + 1);
	Size		len = buffer_len(made);

	memcpy(buffer_data(out), buffer_data(made), len);
	buffer_data(out)[len] = '\0';
	buffer_set_len(out, len);
	buffer_free(made);
	return out;
}

/* 16 and later let one choose.  It is anybody's to set who calls, and the password somebody else's: within reason. */
static int
iterations(void)
{
	const char *setting = GetConfigOption("scram_iterations", true, false);

	return setting ? Max(FEWEST_ITERATIONS, Min(MOST_ITERATIONS, atoi(setting))) : FEWEST_ITERATIONS;
}

/*
 * By SASLprep, as the server does it: what that forbids stays as it is.  It works on
 * copies, which are wiped with the scratch.
 */
static SecretBuffer *
prepare(SecretBuffer *password)
{
	MemoryContext before = MemoryContextSwitchTo(buffer_scratch());
	char	   *prepared = buffer_data(password);
	pg_saslprep_rc result = pg_saslprep(buffer_data(password), &prepared);
	MemoryContext scratch = MemoryContextSwitchTo(before);
	Size		len;
	SecretBuffer *out;

	if (result != SASLPREP_SUCCESS)
		prepared = buffer_data(password);
	len = strlen(prepared);
	out = buffer_alloc(len);
	memcpy(buffer_data(out), prepared, len);
	MemoryContextDelete(scratch);
	return out;
}

char *
credential_verifier(SecretBuffer *password)
{
	SecretBuffer *prepared = prepare(password);
	uint8_t		salt[SCRAM_SALT_LEN];
	char		verifier[SCRAM_VERIFIER_SIZE];

	if (!random_public(salt, sizeof(salt))
		|| !scram_verifier(buffer_data(prepared), buffer_len(prepared), iterations(), salt, verifier))
		refuse_crypto();
	buffer_free(prepared);
	return pstrdup(verifier);
}

bool
credential_verifies(SecretBuffer *password, const char *role, const char *verifier)
{
	SecretBuffer *prepared = prepare(password);
	bool		verifies = scram_verifies(buffer_data(prepared), buffer_len(prepared), verifier)
		|| md5_verifies(buffer_data(password), buffer_len(password), role, verifier);

	buffer_free(prepared);
	return verifies;
}
