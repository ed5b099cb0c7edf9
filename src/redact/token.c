/*
 * redact/token.c
 */
#include <string.h>

#include "redact/token.h"

const uint8_t byte_classes[256] = {
	['\t'... '\r'] = BYTE_BLANK,
	[' '] = BYTE_BLANK,
	['0'... '9'] = BYTE_DIGIT,
	['A'... 'Z'] = BYTE_LETTER,
	['a'... 'z'] = BYTE_LETTER,
	['_'] = BYTE_LETTER,
	[128 ... 255] = BYTE_LETTER,
	['$'] = BYTE_DOLLAR,
};

#define FOUR(c) (c), (c) + 1, (c) + 2, (c) + 3
#define SIXTEEN(c) FOUR(c), FOUR((c) + 4), FOUR((c) + 8), FOUR((c) + 12)

const uint8_t byte_lower[256] = {
	SIXTEEN(0), SIXTEEN(16), SIXTEEN(32), SIXTEEN(48),
	'@', 'a', 'b', 'c', FOUR('d'), FOUR('h'), FOUR('l'), FOUR('p'), FOUR('t'), 'x', 'y', 'z', FOUR('['), '_',
	SIXTEEN(96), SIXTEEN(112), SIXTEEN(128), SIXTEEN(144), SIXTEEN(160),
	SIXTEEN(176), SIXTEEN(192), SIXTEEN(208), SIXTEEN(224), SIXTEEN(240),
};

static bool
has(const char *text, size_t end, size_t at, char c)
{
	return at < end && text[at] == c;
}

static size_t
skip(const char *text, size_t end, size_t at, int classes)
{
	while (at < end && byte_is(text[at], classes))
		at++;
	return at;
}

static Token
undelimited(TokenKind kind, size_t from, size_t to)
{
	return (Token) {.kind = kind, .from = from, .to = to, .inner_from = from, .inner_to = to, .is_terminated = true};
}

/* ---- comments ---- */

size_t
token_skip_line_comment(const char *text, size_t end, size_t at)
{
	while (at < end && text[at] != '\n' && text[at] != '\r')
		at++;
	return at;
}

size_t
token_skip_block_comment(const char *text, size_t end, size_t at, bool *is_terminated)
{
	size_t		depth = 1;

	for (at += 2; at < end && depth > 0;)
	{
		if (text[at] == '/' && has(text, end, at + 1, '*'))
			depth++, at += 2;
		else if (text[at] == '*' && has(text, end, at + 1, '/'))
			depth--, at += 2;
		else
			at++;
	}
	*is_terminated = depth == 0;
	return at < end ? at : end;
}

static Token
read_comment(const char *text, size_t end, size_t at)
{
	Token		token = undelimited(TOKEN_LINE_COMMENT, at, end);

	token.inner_from = at + 2;
	if (text[at] == '-')
	{
		token.to = token.inner_to = token_skip_line_comment(text, end, at);
		return token;
	}
	token.kind = TOKEN_BLOCK_COMMENT;
	token.to = token_skip_block_comment(text, end, at, &token.is_terminated);
	token.inner_to = token.is_terminated ? token.to - 2 : token.to;
	return token;
}

/* ---- what stands in quotes ---- */

static bool
is_escaped(const char *text, size_t from, size_t at)
{
	size_t		before = at;

	while (before > from && text[before - 1] == '\\')
		before--;
	return (at - before) % 2 == 1;
}

/* The next quote of the kind that has no backslash before it that counts. */
static size_t
find_quote(const char *text, size_t end, size_t at, char quote, bool has_backslashes)
{
	const char *found;

	if (!has_backslashes)
		return (found = memchr(text + at, quote, end - at)) ? (size_t) (found - text) : end;
	while (at < end && text[at] != quote)
		at += text[at] == '\\' ? 2 : 1;
	return at < end ? at : end;
}

/* prefix bytes stand before the quote. */
static Token
read_quoted(const char *text, size_t end, size_t from, size_t prefix, TokenKind kind)
{
	Token		token = undelimited(kind, from, end);
	char		quote = text[from + prefix];
	size_t		at = from + prefix + 1;

	token.inner_from = at;
	token.inner_to = end;
	token.is_terminated = false;
	while (at < end)
	{
		at = find_quote(text, end, at, quote, kind == TOKEN_ESCAPED);
		if (at == end)
			break;
		if (kind != TOKEN_ESCAPED && quote == '\'' && is_escaped(text, token.inner_from, at))
			token.has_escaped_quote = true;
		if (!has(text, end, at + 1, quote))
		{
			token.is_terminated = true;
			token.inner_to = at;
			token.to = at + 1;
			break;
		}
		at += 2;
	}
	return token;
}

/* Where the delimiter $tag$ that begins there ends; 0: it is none. */
static size_t
skip_dollar_tag(const char *text, size_t end, size_t at)
{
	at++;
	if (at < end && byte_is(text[at], BYTE_LETTER))
		at = skip(text, end, at, BYTE_LETTER | BYTE_DIGIT);
	return has(text, end, at, '$') ? at + 1 : 0;
}

static Token
read_dollar(const char *text, size_t end, size_t from)
{
	size_t		after = skip(text, end, from + 1, BYTE_DIGIT);
	Token		token = undelimited(TOKEN_DOLLAR, from, end);
	const char *close;

	if (after > from + 1)
		return undelimited(TOKEN_PARAM, from, after);
	after = skip_dollar_tag(text, end, from);
	if (after == 0)
		return undelimited(TOKEN_SIGN, from, from + 1);
	close = memmem(text + after, end - after, text + from, after - from);
	token.inner_from = after;
	token.inner_to = close ? (size_t) (close - text) : end;
	token.to = close ? token.inner_to + (after - from) : end;
	token.is_terminated = close != NULL;
	return token;
}

/* ---- names and numbers ---- */

/* A name may turn out to be what stands before a quote. */
static Token
read_name(const char *text, size_t end, size_t from)
{
	size_t		after = skip(text, end, from, BYTE_NAME);
	char		letter = byte_to_lower(text[from]);

	if (after > from + 1)
		return undelimited(TOKEN_NAME, from, after);
	if (letter == 'u' && has(text, end, after, '&') && has(text, end, after + 1, '"'))
		return read_quoted(text, end, from, 2, TOKEN_QUOTED_NAME);
	if (letter == 'u' && has(text, end, after, '&') && has(text, end, after + 1, '\''))
		return read_quoted(text, end, from, 2, TOKEN_PREFIXED);
	if (letter == 'e' && has(text, end, after, '\''))
		return read_quoted(text, end, from, 1, TOKEN_ESCAPED);
	if ((letter == 'b' || letter == 'x' || letter == 'n') && has(text, end, after, '\''))
		return read_quoted(text, end, from, 1, TOKEN_PREFIXED);
	return undelimited(TOKEN_NAME, from, after);
}

static size_t
skip_digits(const char *text, size_t end, size_t at)
{
	while (at < end && (byte_is(text[at], BYTE_DIGIT)
						|| (text[at] == '_' && at + 1 < end && byte_is(text[at + 1], BYTE_DIGIT))))
		at++;
	return at;
}

static bool
is_hex(char c)
{
	return byte_is(c, BYTE_DIGIT) || (byte_to_lower(c) >= 'a' && byte_to_lower(c) <= 'f') || c == '_';
}

/* 0x1F, 0o17, 0b11 */
static size_t
skip_based(const char *text, size_t end, size_t from)
{
	size_t		at = from + 2;
	char		base = at < end ? byte_to_lower(text[from + 1]) : '\0';

	if (text[from] != '0' || (base != 'x' && base != 'o' && base != 'b'))
		return from;
	while (at < end && (base == 'x' ? is_hex(text[at]) : byte_is(text[at], BYTE_DIGIT) || text[at] == '_'))
		at++;
	return at > from + 2 ? at : from;
}

static size_t
skip_exponent(const char *text, size_t end, size_t from)
{
	size_t		at = from + 1;

	if (from >= end || byte_to_lower(text[from]) != 'e')
		return from;
	if (at < end && (text[at] == '+' || text[at] == '-'))
		at++;
	return at < end && byte_is(text[at], BYTE_DIGIT) ? skip_digits(text, end, at) : from;
}

/* What is glued to a number is taken for a part of it, as newer servers do, to refuse it. */
static Token
read_number(const char *text, size_t end, size_t from)
{
	size_t		at = skip_based(text, end, from);

	if (at == from)
	{
		at = skip_digits(text, end, from);
		if (has(text, end, at, '.') && !has(text, end, at + 1, '.'))
			at = skip_digits(text, end, at + 1);
		at = skip_exponent(text, end, at);
	}
	return undelimited(TOKEN_NUMBER, from, skip(text, end, at, BYTE_LETTER | BYTE_DIGIT));
}

Token
token_next(const char *text, size_t end, size_t at)
{
	char		next;

	at = skip(text, end, at, BYTE_BLANK);
	if (at >= end)
		return undelimited(TOKEN_END, end, end);
	next = at + 1 < end ? text[at + 1] : '\0';
	if (byte_is(text[at], BYTE_LETTER))
		return read_name(text, end, at);
	if (byte_is(text[at], BYTE_DIGIT) || (text[at] == '.' && byte_is(next, BYTE_DIGIT)))
		return read_number(text, end, at);
	if ((text[at] == '-' && next == '-') || (text[at] == '/' && next == '*'))
		return read_comment(text, end, at);
	if (text[at] == '\'')
		return read_quoted(text, end, at, 0, TOKEN_PLAIN);
	if (text[at] == '"')
		return read_quoted(text, end, at, 0, TOKEN_QUOTED_NAME);
	if (text[at] == '$')
		return read_dollar(text, end, at);
	return undelimited(TOKEN_SIGN, at, at + 1);
}

bool
token_is_word(const Token *token, const char *text, const char *word)
{
	size_t		len = strlen(word);

	if (token->inner_to - token->inner_from != len)
		return false;
	if (token->kind == TOKEN_QUOTED_NAME)
		return text[token->from] == '"' && memcmp(text + token->inner_from, word, len) == 0;
	if (token->kind != TOKEN_NAME)
		return false;
	for (size_t i = 0; i < len; i++)
		if (byte_to_lower(text[token->from + i]) != word[i])
			return false;
	return true;
}
