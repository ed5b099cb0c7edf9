/*
 * redact/cover.c
 *
 * Somebody forgets to double a quote, a text was cut, backslashes are taken for
 * what they are not: then what looks like code is a value, and the other way
 * round.  It cannot always be seen, but nearly always: texts end in a literal,
 * or literals touch what they never do.
 */
#include <string.h>

#include "redact/cover.h"

void
cover_byte(Cover *cover, size_t at, char byte)
{
	if (cover->is_look || cover->text[at] == byte)
		return;
	cover->is_changed = true;
	cover->text[at] = byte;
}

void
cover_range(Cover *cover, size_t from, size_t to)
{
	for (size_t at = from; at < to; at++)
		cover_byte(cover, at, '*');
}

void
cover_note_value(Cover *cover, size_t at)
{
	if (at < cover->first)
		cover->first = at;
}

/* ---- doubts ---- */

static bool
has_delimiters(const Token *token)
{
	return token_is_literal(token) || token->kind == TOKEN_QUOTED_NAME;
}

static bool
is_bare(const Token *token)
{
	return token->kind == TOKEN_NAME || token->kind == TOKEN_NUMBER || token->kind == TOKEN_PARAM;
}

static bool
is_one_of(char c, const char *bytes)
{
	return c != '\0' && strchr(bytes, c) != NULL;
}

/* The last byte of what stands right before a literal. */
static bool
may_precede(const Token *before, const char *text)
{
	char		last = text[before->to - 1];

	if (before->kind == TOKEN_SIGN)
		return is_one_of(last, "([,;=<>|~-+");
	return token_is_comment(before);
}

/* What stands right behind a literal. */
static bool
may_follow(const Token *token, const char *text, size_t len)
{
	char		first = text[token->from];
	char		second = token->from + 1 < len ? text[token->from + 1] : '\0';

	if (token->kind != TOKEN_SIGN)
		return token_is_comment(token);
	if (first == '|')
		return second == first;
	return is_one_of(first, ",)];:=<>") || (first == '-' && second == '>');
}

static bool
is_glued(const Cover *cover, const Token *before, const Token *token)
{
	if (before->to != token->from || before->kind == TOKEN_END)
		return false;
	if (has_delimiters(before) && has_delimiters(token))
		return true;
	if (token_is_literal(before))
		return !may_follow(token, cover->text, cover->len);
	if (token_is_literal(token))
		return before->kind != TOKEN_NAME && !may_precede(before, cover->text);
	return (before->kind == TOKEN_QUOTED_NAME && is_bare(token)) || (token->kind == TOKEN_QUOTED_NAME && is_bare(before));
}

bool
cover_is_prefix(const Cover *cover, const Token *name)
{
	static const char *const usual[] = {"date", "time", "timestamp", "timestamptz", "interval", "as", "in", "like", "select",
	"password", "language", "values", "and", "or", "then", "else", "json", "jsonb", "text", "bytea", "uuid", "inet", NULL};

	for (int i = 0; usual[i]; i++)
		if (token_is_word(name, cover->text, usual[i]))
			return true;
	return false;
}

static bool
is_glued_name(const Cover *cover, const Token *before, const Token *token)
{
	return before->kind == TOKEN_NAME && before->to == token->from && token_is_literal(token)
		&& !cover_is_prefix(cover, before);
}

/* Dollars at its end, quotes of a word processor: parts of names, where there is no other reading. */
static bool
is_odd_name(const char *name, size_t len)
{
	if (name[len - 1] == '$' || memmem(name, len, "$$", 2))
		return true;
	for (const char *at = name; (at = memmem(at, (size_t) (name + len - at), "\xe2\x80", 2)) != NULL; at++)
		if (at + 2 < name + len && (unsigned char) at[2] >= 0x98 && (unsigned char) at[2] <= 0x9f)
			return true;
	return false;
}

/* Bytes that stand in no SQL but between quotes. */
static bool
is_odd_sign(char c)
{
	return (unsigned char) c < ' ' || c == 0x7f || is_one_of(c, "\\{}`$");
}

bool
cover_doubts(Cover *cover, const Token *before, const Token *token)
{
	const char *text = cover->text;

	if (token->is_terminated && !token->has_escaped_quote && !is_glued(cover, before, token)
		&& !is_glued_name(cover, before, token)
		&& !(token->kind == TOKEN_NAME && is_odd_name(text + token->from, token->to - token->from))
		&& !(token->kind == TOKEN_SIGN && is_odd_sign(text[token->from])))
		return false;
	if (has_delimiters(before) && before->to == token->from)
		token = before;			/* that one should have gone on */
	cover->is_doubt_in_quotes = has_delimiters(token) || token_is_comment(token);
	cover->doubt = cover->is_doubt_in_quotes ? token->inner_from : token->from;
	return true;
}

/* What is left ends in a literal that has no end, so that it is in doubt for good. */
void
cover_doubtful(Cover *cover, size_t keep_from, size_t keep_to)
{
	size_t		from = cover->first < cover->doubt ? cover->first : cover->doubt;
	size_t		quote = from >= keep_from && from < keep_to ? keep_to : from;

	if (cover->doubt == NO_PLACE)
		return;
	cover_range(cover, from, cover->len);
	if (from < cover->first && !cover->is_doubt_in_quotes && quote < cover->len)
		cover_byte(cover, quote, '\'');
}
