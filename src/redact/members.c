/*
 * redact/members.c
 */
#include <string.h>

#include "redact/decode.h"
#include "redact/members.h"
#include "redact/view.h"

/* Of a string more than the blotter looks at, and as much as there is in front of a host. */
typedef struct Word
{
	size_t		n;
	char		bytes[256];
} Word;

_Static_assert(sizeof(((Word *) 0)->bytes) > BLOT_LONG, "of a long one it is seen that it is long");

/* ---- addresses ---- */

static void
remember_decoded(Blotter *blotter, const char *password, size_t len)
{
	Word		word = {.n = 0};

	for (size_t at = 0; at < len && word.n < sizeof(word.bytes);)
	{
		uint32_t	number;
		bool		is_coded = password[at] == '%' && len - at >= 3 && decode_digits(password + at + 1, 2, 16, 2, &number) == 2;

		word.bytes[word.n++] = is_coded ? (char) number : password[at];
		at += is_coded ? 3 : 1;
	}
	blot_remember(blotter, word.bytes, word.n);
	explicit_bzero(&word, sizeof(word));
}

/* scheme://user:password@host: as it stands there, and as it is meant. */
static void
remember_uri(Blotter *blotter, const char *uri, size_t len)
{
	const char *end = memchr(uri, '@', len);
	const char *begin = end ? memmem(uri, (size_t) (end - uri), "://", 3) : NULL;

	if (begin == NULL)
		return;
	begin += 3;
	begin = memchr(begin, ':', (size_t) (end - begin));
	if (begin == NULL)
		return;
	begin++;
	blot_remember(blotter, begin, (size_t) (end - begin));
	remember_decoded(blotter, begin, (size_t) (end - begin));
}

/* ---- objects ---- */

/* The string that begins at this quote; where it has ended. */
static size_t
read_string(const char *json, size_t len, size_t at, Word *word)
{
	word->n = 0;
	for (at++; at < len && json[at] != '"';)
	{
		char		out[4] = {json[at]};
		size_t		n = 1;

		at += json[at] == '\\' ? decode_escape(json + at, len - at, out, &n) : 1;
		for (size_t i = 0; i < n && word->n < sizeof(word->bytes); i++)
			word->bytes[word->n++] = out[i];
	}
	return at < len ? at + 1 : len;
}

static size_t
skip_blanks(const char *json, size_t len, size_t at)
{
	while (at < len && memchr(" \t\r\n", json[at], 4))
		at++;
	return at;
}

static bool
is_of_secret(Word *name)
{
	static const char *const parts[] = {"pass", "pw", "secret", "token", "key", "cred", "uri", "url", "dsn", "auth"};

	for (size_t i = 0; i < name->n; i++)
		name->bytes[i] = (char) view_fold((uint8_t) name->bytes[i]);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (memmem(name->bytes, name->n, parts[i], strlen(parts[i])))
			return true;
	return false;
}

static void
remember_strings(Blotter *blotter, const char *json, size_t len)
{
	size_t		at = 0;
	bool		is_secret = false;
	const char *quote;
	Word		word;

	while ((quote = memchr(json + at, '"', len - at)) != NULL)
	{
		at = skip_blanks(json, len, read_string(json, len, (size_t) (quote - json), &word));
		if (at < len && json[at] == ':')
			is_secret = is_of_secret(&word);
		else if (is_secret)
		{
			blot_remember(blotter, word.bytes, word.n);
			remember_uri(blotter, word.bytes, word.n);
		}
	}
	explicit_bzero(&word, sizeof(word));
}

void
members_remember(Blotter *blotter, const char *value, size_t len)
{
	size_t		at;

	len = len < MEMBERS_MOST_TEXT ? len : MEMBERS_MOST_TEXT;
	at = skip_blanks(value, len, 0);
	if (at == len)
		return;
	if (value[at] == '{')
		remember_strings(blotter, value + at, len - at);
	else
		remember_uri(blotter, value, len);
}
