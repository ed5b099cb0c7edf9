/*
 * redact/mask_execute.c
 */
#include <string.h>

#include "redact/mask.h"
#include "redact/token.h"
#include "redact/uescape.h"

#define NAME_LEN	64			/* with the byte that ends it */

typedef struct Reader
{
	const char *text;
	size_t		len;
	Token		token;			/* the one at hand */
} Reader;

static void
step(Reader *reader)
{
	do
		reader->token = token_next(reader->text, reader->len, reader->token.to);
	while (token_is_comment(&reader->token));
}

static bool
is_word(const Reader *reader, const char *word)
{
	return reader->token.kind == TOKEN_NAME && token_is_word(&reader->token, reader->text, word);
}

static bool
is_sign(const Reader *reader, char sign)
{
	return reader->token.kind == TOKEN_SIGN && reader->text[reader->token.from] == sign;
}

static bool
is_end(const Reader *reader)
{
	return reader->token.kind == TOKEN_END || is_sign(reader, ';');
}

/* ---- the name ---- */

/* The server cuts between characters. */
static size_t
cut(const char *name, size_t len)
{
	if (len < NAME_LEN)
		return len;
	for (len = NAME_LEN - 1; len > 0 && ((unsigned char) name[len] & 0xc0) == 0x80;)
		len--;
	return len;
}

static UescapeName
read_quoted(const Token *token, const char *text)
{
	UescapeName read = {.is_valid = true};

	for (size_t at = token->inner_from; at < token->inner_to && read.len < NAME_LEN; at++)
	{
		read.bytes[read.len++] = text[at];
		at += text[at] == '"' ? 1 : 0;
	}
	return read;
}

static UescapeName
read_plain(const Token *token, const char *text)
{
	UescapeName read = {.is_valid = true};

	for (size_t at = token->from; at < token->to && read.len < NAME_LEN; at++)
		read.bytes[read.len++] = byte_to_lower(text[at]);
	return read;
}

/* U&"...", and UESCAPE 'c' where there is such. */
static UescapeName
read_unicode(Reader *reader)
{
	Token		name = reader->token;
	char		escape = '\\';

	step(reader);
	if (is_word(reader, "uescape"))
	{
		step(reader);
		if (token_is_literal(&reader->token) && reader->token.inner_from < reader->token.inner_to)
			escape = reader->text[reader->token.inner_from];
	}
	return uescape_decode(reader->text + name.inner_from, name.inner_to - name.inner_from, escape);
}

/* One byte more than there is room for tells where it is to be cut. */
static bool
read_name(Reader *reader, char name[NAME_LEN])
{
	const Token *token = &reader->token;
	UescapeName read;
	size_t		n;

	if (token->kind != TOKEN_NAME && token->kind != TOKEN_QUOTED_NAME)
		return false;
	if (token->kind == TOKEN_NAME)
		read = read_plain(token, reader->text);
	else if (reader->text[token->from] == '"')
		read = read_quoted(token, reader->text);
	else
		read = read_unicode(reader);
	n = cut(read.bytes, read.len);
	memcpy(name, read.bytes, n);
	name[n] = '\0';
	return true;
}

/* ---- the statements ---- */

/* Behind what is open there. */
static void
skip_parentheses(Reader *reader)
{
	int			depth = 0;

	do
	{
		depth += is_sign(reader, '(') - is_sign(reader, ')');
		step(reader);
	} while (depth > 0 && reader->token.kind != TOKEN_END);
}

static void
skip_options(Reader *reader)
{
	step(reader);
	while (is_sign(reader, '(') || is_word(reader, "analyze") || is_word(reader, "analyse") || is_word(reader, "verbose"))
		if (is_sign(reader, '('))
			skip_parentheses(reader);
		else
			step(reader);
}

/* CREATE TABLE ... AS: the first one outside of parentheses. */
static void
skip_to_query(Reader *reader)
{
	while (!is_end(reader) && !is_word(reader, "as"))
		if (is_sign(reader, '('))
			skip_parentheses(reader);
		else
			step(reader);
	if (!is_end(reader))
		step(reader);
}

static bool
find_name(Reader *reader, char name[NAME_LEN])
{
	if (is_word(reader, "explain"))
		skip_options(reader);
	if (is_word(reader, "create"))
		skip_to_query(reader);
	if (!is_word(reader, "execute"))
		return false;
	step(reader);
	return read_name(reader, name);
}

bool
mask_find_execute(const char *text, size_t len, size_t *after, char name[NAME_LEN])
{
	Reader		reader = {.text = text, .len = len, .token.to = *after};
	bool		is_found;

	do
		step(&reader);
	while (is_sign(&reader, ';'));
	is_found = find_name(&reader, name);
	while (!is_end(&reader))
		if (is_sign(&reader, '('))
			skip_parentheses(&reader);
		else
			step(&reader);
	*after = reader.token.to;
	return is_found;
}
