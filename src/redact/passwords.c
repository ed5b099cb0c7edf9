/*
 * redact/passwords.c
 */
#include <string.h>

#include "redact/passwords.h"
#include "redact/token.h"
#include "redact/uescape.h"

/* A line about a setting has few, and each is work of the whole length. */
#define MOST_QUOTES 64

/* Dollar quotes within dollar quotes that are read as code. */
#define MOST_BODIES 4

static bool
begins_with(const char *text, size_t end, size_t at, const char *word)
{
	size_t		len = strlen(word);

	if (end - at < len)
		return false;
	for (size_t i = 0; i < len; i++)
		if (byte_to_lower(text[at + i]) != word[i])
			return false;
	return true;
}

static size_t
skip(const char *text, size_t end, size_t at, int classes)
{
	while (at < end && byte_is(text[at], classes))
		at++;
	return at;
}

static bool
is_word(const char *text, size_t from, size_t to, const char *word)
{
	return to - from == strlen(word) && begins_with(text, to, from, word);
}

/* Behind the next name from there on; *from is where it begins.  end: there is none. */
static size_t
next_name(const char *text, size_t end, size_t at, size_t *from)
{
	while (at < end && !byte_is(text[at], BYTE_NAME))
		at++;
	*from = at;
	return skip(text, end, at, BYTE_NAME);
}

/* ---- connection strings ---- */

/* password=, sslpassword=: where the value begins; end: there is none. */
static size_t
find_setting(const char *text, size_t end, size_t at)
{
	size_t		from;

	while ((at = next_name(text, end, at, &from)) < end)
	{
		size_t		sign = skip(text, end, at, BYTE_BLANK);

		if ((is_word(text, from, at, "password") || is_word(text, from, at, "sslpassword")) && sign < end && text[sign] == '=')
			return sign + 1;
	}
	return end;
}

/* In a URI, the name of a setting may be encoded. */
static size_t
find_encoded_setting(const char *text, size_t end, size_t at)
{
	size_t		setting = find_setting(text, end, at);
	bool		is_encoded = false;

	for (; at < setting; at++)
	{
		if (text[at] == '?' || text[at] == '&')
			is_encoded = false;
		else if (text[at] == '%')
			is_encoded = true;
		else if (text[at] == '=' && is_encoded)
			return at + 1;
	}
	return setting;
}

/* user:password@host, or what was left of it when it was masked */
static bool
has_userinfo(const char *text, size_t end, size_t at)
{
	const char *colon = memchr(text + at, ':', end - at);

	return (at < end && text[at] == '*') || (colon && memchr(colon, '@', (size_t) (text + end - colon)));
}

/* Where the part of a connection string begins that has the password; end: it is none, or has none. */
static size_t
find_in_connection_string(const char *text, size_t from, size_t end)
{
	size_t		at = skip(text, end, from, BYTE_BLANK);
	size_t		name = skip(text, end, at, BYTE_NAME);
	size_t		sign = skip(text, end, name, BYTE_BLANK);

	if (begins_with(text, end, at, "postgresql://") || begins_with(text, end, at, "postgres://"))
		return has_userinfo(text, end, name + 3) ? name + 3 : find_encoded_setting(text, end, at);
	return name > at && sign < end && text[sign] == '=' ? find_setting(text, end, at) : end;
}

/* ---- within quotes ---- */

/* Quotes that stand together, each with or without backslashes before it. */
typedef struct Quotes
{
	size_t		from;
	size_t		to;
	size_t		n;
	size_t		nbackslashes;	/* before the first */
} Quotes;

static Quotes
read_quotes(const char *text, size_t end, size_t at)
{
	Quotes		quotes = {.from = at, .to = at};

	for (size_t next = at; next < end; next++)
	{
		if (text[next] == '\'')
			quotes.n++, quotes.to = next + 1;
		else if (text[next] != '\\')
			break;
		else if (quotes.n == 0)
			quotes.nbackslashes++;
	}
	return quotes;
}

/*
 * As many quotes as open it, or an odd number of times as many, close it; an even
 * number of times stands for quotes in it.  Backslashes that the first one needs,
 * the last one needs too; and whether there is one more, for then it is no end in E'...'.
 */
static size_t
count_needed(const Quotes *open, const Quotes *close)
{
	size_t		needed = open->nbackslashes + (open->nbackslashes + close->nbackslashes) % 2;

	return needed < close->nbackslashes ? needed : close->nbackslashes;
}

static size_t
find_close(const char *text, size_t end, const Quotes *open)
{
	size_t		unit = open->n & -open->n;
	size_t		at = open->to;

	while (at < end)
	{
		Quotes		quotes = read_quotes(text, end, at);

		if (quotes.n / unit % 2 == 1)
			return at + quotes.nbackslashes - count_needed(open, &quotes);
		at = quotes.n > 0 ? quotes.to : at + 1;
	}
	return end;
}

/* Blanks, comments, a name's closing quote, and what stands before a literal's opening one. */
static size_t
skip_to_quotes(const char *text, size_t end, size_t at)
{
	for (size_t before = end; at < end && at != before;)
	{
		bool		is_terminated;

		before = at;
		at = skip(text, end, at, BYTE_BLANK);
		if (at + 1 < end && text[at] == '\\' && strchr("nrtfv\"", text[at + 1]) && text[at + 1])
			at += 2;
		else if (at < end && text[at] == '"')
			at++;
		else if (at + 1 < end && text[at] == '-' && text[at + 1] == '-')
			at = token_skip_line_comment(text, end, at);
		else if (at + 1 < end && text[at] == '/' && text[at + 1] == '*')
			at = token_skip_block_comment(text, end, at, &is_terminated);
	}
	if (begins_with(text, end, at, "u&'"))
		return at + 2;
	return end - at > 1 && text[at] != '\0' && strchr("eEnNbBxX", text[at]) && text[at + 1] == '\'' ? at + 1 : at;
}

static void
cover_value(Cover *cover, size_t from, size_t to)
{
	if (from < to)
		cover_note_value(cover, from);
	cover_range(cover, from, to);
}

/* What has a place of its own among the quotes around it.  Returns where it ends. */
static size_t
cover_quoted(Cover *cover, size_t end, size_t at)
{
	const char *text = cover->text;
	Quotes		open;
	Token		token;
	size_t		close;

	at = skip_to_quotes(text, end, at);
	open = read_quotes(text, end, at);
	token = token_next(text, end, at);
	if (open.n == 0 && (token.kind != TOKEN_DOLLAR || token.from > at))
		return at;
	close = open.n > 0 ? find_close(text, end, &open) : token.inner_to;
	at = open.n > 0 ? open.to : token.inner_from;
	cover_value(cover, at, close);
	return close;
}

static void
cover_within(Cover *cover, size_t from, size_t end)
{
	size_t		name;

	for (size_t at = from; (at = next_name(cover->text, end, at, &name)) < end;)
		if (is_word(cover->text, name, at, "password"))
			at = cover_quoted(cover, end, at);
}

/* ---- code ---- */

#define NBACK 3

/* Code that is read token by token. */
typedef struct Walk
{
	Token		before;
	Token		back[NBACK];	/* before it, newest first, but for comments */
	bool		was_covered;	/* the newest of them */
	bool		names_role;		/* a literal of this statement does, */
	bool		asks_password;	/* and one ends where a password is to be put in */
	int			nbodies;
} Walk;

static bool
is_password(const Token *token, const char *text, char escape)
{
	UescapeName name;

	if (token->kind == TOKEN_NAME || (token->kind == TOKEN_QUOTED_NAME && text[token->from] == '"'))
		return is_word(text, token->inner_from, token->inner_to, "password");
	if (token->kind != TOKEN_QUOTED_NAME)
		return false;
	name = uescape_decode(text + token->inner_from, token->inner_to - token->inner_from, escape);
	return !name.is_valid || is_word(name.bytes, 0, name.len, "password");
}

/* PASSWORD, or U&"..." with or without UESCAPE 'c'; or a literal that this one goes on from. */
static bool
follows_password(const Walk *walk, const char *text)
{
	const Token *escape = &walk->back[0];

	if (walk->was_covered || is_password(&walk->back[0], text, '\\'))
		return true;
	return token_is_literal(escape) && escape->inner_from < escape->inner_to && token_is_word(&walk->back[1], text, "uescape")
		&& is_password(&walk->back[2], text, text[escape->inner_from]);
}

/* Nothing follows in the literal but the quotes that one goes into, or a place to fill in. */
static bool
ends_or_asks(const char *text, size_t end, size_t at)
{
	size_t		after = skip(text, end, at, BYTE_BLANK);

	if (after < end && text[after] == '%')
		return true;
	while (after < end && (text[after] == '\'' || text[after] == '\\'))
		after++;
	return after == end && after > at;
}

/* 'alter role x password ' || quote_literal('...'), and format() */
static void
read_pieces(Walk *walk, const char *text, size_t from, size_t end)
{
	size_t		name;

	for (size_t at = from; (at = next_name(text, end, at, &name)) > name;)
	{
		if (is_word(text, name, at, "role") || is_word(text, name, at, "user"))
			walk->names_role = true;
		else if (walk->names_role && is_word(text, name, at, "password") && ends_or_asks(text, end, at))
			walk->asks_password = true;
	}
}

static void cover_code(Cover *cover, size_t from, size_t end, int nbodies);

/*
 * Comments may lie in comments, and to cover a part would move their ends: so all
 * of it is covered but for the word, and a quote behind it.
 */
static void
cover_comment(Cover *cover, const Token *token)
{
	Cover		look = {.text = cover->text, .len = cover->len, .is_look = true, .first = NO_PLACE};
	size_t		at = token->inner_from;
	size_t		name = at;

	while (look.first == NO_PLACE && (at = next_name(cover->text, token->inner_to, at, &name)) < token->inner_to)
		if (is_word(cover->text, name, at, "password"))
			at = cover_quoted(&look, token->inner_to, at);
	if (look.first == NO_PLACE)
		return;
	cover_range(cover, token->inner_from, name);
	for (at = name + strlen("password"); at < look.first - 1; at++)
		cover_byte(cover, at, ' ');
	cover_byte(cover, at, '\'');
	cover_value(cover, look.first, token->inner_to);
}

/* Returns whether it was, so that what it goes on with must be. */
static bool
cover_literal(Walk *walk, Cover *cover, const Token *token)
{
	size_t		from = token->inner_from;
	size_t		to = token->inner_to;
	size_t		setting = find_in_connection_string(cover->text, from, to);
	bool		is_asked = walk->asks_password;

	if (follows_password(walk, cover->text))
		setting = from;
	if (setting < to)
	{
		cover_value(cover, setting, to);
		return true;
	}
	if (token->kind == TOKEN_DOLLAR && walk->nbodies < MOST_BODIES)
	{
		cover_code(cover, from, to, walk->nbodies + 1);
		return false;
	}
	read_pieces(walk, cover->text, from, to);
	if (is_asked)
		cover_value(cover, from, to);
	else
		cover_within(cover, from, to);
	return false;
}

static void
visit(Walk *walk, Cover *cover, const Token *token)
{
	if (token_is_literal(token))
		walk->was_covered = cover_literal(walk, cover, token);
	else if (token->kind == TOKEN_BLOCK_COMMENT && token->is_terminated)
		cover_comment(cover, token);
	else if (token_is_comment(token))
		cover_within(cover, token->inner_from, token->inner_to);
	else
		walk->was_covered = false;
	if (token->kind == TOKEN_QUOTED_NAME)
		cover_within(cover, token->inner_from, token->inner_to);
	if (token->kind == TOKEN_SIGN && cover->text[token->from] == ';')
		walk->names_role = walk->asks_password = false;
}

static void
remember(Walk *walk, const Token *token)
{
	walk->before = *token;
	if (token_is_comment(token))
		return;
	memmove(walk->back + 1, walk->back, (NBACK - 1) * sizeof(Token));
	walk->back[0] = *token;
}

/* To the end, when it was masked before. */
static bool
is_covered(const Cover *cover, size_t from)
{
	while (from < cover->len && cover->text[from] == '*')
		from++;
	return from == cover->len;
}

static void
cover_code(Cover *cover, size_t from, size_t end, int nbodies)
{
	Walk		walk = {.nbodies = nbodies};

	while (cover->doubt == NO_PLACE)
	{
		Token		token = token_next(cover->text, end, from);

		if (token.kind == TOKEN_END)
			return;
		cover->is_cut |= !token.is_terminated && !is_covered(cover, token.inner_from);
		visit(&walk, cover, &token);
		if (cover->first != NO_PLACE && cover->doubt == NO_PLACE && cover_doubts(cover, &walk.before, &token))
			cover->doubt = cover->first;
		remember(&walk, &token);
		from = token.to;
	}
}

/*
 * A text that ends within quotes may be one that only quotes SQL: then what
 * looks like the end of a literal may be its beginning.
 */
void
passwords_cover(Cover *cover)
{
	Cover		look = *cover;

	cover_code(cover, 0, cover->len, 0);
	if (!cover->is_cut && cover->doubt == NO_PLACE)
		return;
	look.is_look = true;
	cover_within(&look, 0, cover->len);
	if (look.first < cover->first)
		cover->doubt = cover->first = look.first;
}

bool
passwords_are_in(const char *text, size_t len)
{
	/* It is only looked at. */
	Cover		cover = {.text = (char *) text, .len = len, .is_look = true, .first = NO_PLACE, .doubt = NO_PLACE};

	passwords_cover(&cover);
	return cover.first != NO_PLACE;
}

/* Behind quotes of whatever language. */
static bool
is_behind_quote(const char *text, size_t at)
{
	return at > 0 && (text[at - 1] == '"' || (text[at - 1] & 0x80) || (at > 1 && text[at - 1] == ' ' && (text[at - 2] & 0x80)));
}

bool
passwords_cover_setting(char *text, size_t len)
{
	int			nquotes = 0;

	for (size_t at = 0; at < len && nquotes < MOST_QUOTES; at++)
	{
		size_t		setting = len;

		if (is_behind_quote(text, at))
		{
			nquotes++;
			setting = find_in_connection_string(text, at, len);
		}
		if (setting < len)
		{
			memset(text + setting, '*', len - setting);
			return true;
		}
	}
	return false;
}
