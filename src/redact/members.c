/*
 * redact/members.c
 */
#include <string.h>

#include "redact/decode.h"
#include "redact/members.h"
#include "redact/view.h"

/* Of a string as much as the blotter looks at: one byte more than BLOT_LONG says that it is longer. */
typedef struct Word
{
	size_t		n;
	char		bytes[BLOT_LONG + 1];
} Word;

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
	static const char *const parts[] = {"pass", "pwd", "secret", "token", "key", "cred", "uri", "url", "dsn", "auth"};

	for (size_t i = 0; i < name->n; i++)
		name->bytes[i] = (char) view_fold((uint8_t) name->bytes[i]);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (memmem(name->bytes, name->n, parts[i], strlen(parts[i])))
			return true;
	return false;
}

void
members_remember(Blotter *blotter, const char *value, size_t len)
{
	size_t		at;
	bool		is_secret = false;
	Word		word;

	len = len < MEMBERS_MOST_TEXT ? len : MEMBERS_MOST_TEXT;
	at = skip_blanks(value, len, 0);
	if (at == len || value[at] != '{')
		return;
	for (;;)
	{
		const char *quote = memchr(value + at, '"', len - at);

		if (quote == NULL)
			break;
		at = skip_blanks(value, len, read_string(value, len, (size_t) (quote - value), &word));
		if (at < len && value[at] == ':')
			is_secret = is_of_secret(&word);
		else if (is_secret)
			blot_remember(blotter, word.bytes, word.n);
	}
	explicit_bzero(&word, sizeof(word));
}
