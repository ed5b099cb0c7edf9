/*
 * redact/judge.c
 *
 * Every statement of the server passes here.  So the text is cut into runs of the
 * bytes that names are made of, and nothing else is known of it: a statement may
 * stand in a literal, a comment, or within JSON.  What a run is compared with is
 * chosen by its first byte and its length.
 */
#include <string.h>

#include "redact/decode.h"
#include "redact/judge.h"
#include "redact/token.h"

#define SCHEMA "secrets"

/* Between a name and what it hangs on; where there is more, one cannot tell. */
#define LONGEST_GAP 256

/* The server cuts names off there, or up to three bytes before. */
#define MOST_NAME 63

typedef struct Search
{
	const char *text;
	size_t		len;
	const MaskWords *words;
	Finding    *finding;
	bool		is_found;
} Search;

static bool
found(Search *search, Finding finding)
{
	finding.has_password = search->finding->has_password;
	*search->finding = finding;
	search->is_found = true;
	return true;
}

static bool
cannot_tell(Search *search)
{
	return found(search, (Finding) {.word = NULL});
}

static bool
equals(const char *a, const char *b, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (byte_to_lower(a[i]) != byte_to_lower(b[i]))
			return false;
	return true;
}

/* ---- between names ---- */

/* \n and the like, as JSON and E'...' write blanks, and \"; where it ends, or at itself. */
static size_t
skip_escaped_blank(const char *text, size_t len, size_t at)
{
	size_t		letter = at;

	while (letter < len && text[letter] == '\\')
		letter++;
	return letter < len && text[letter] != '\0' && strchr("nrtfv\"", text[letter]) ? letter + 1 : at;
}

static size_t
skip_one(Search *search, size_t at)
{
	const char *text = search->text;
	char		next = at + 1 < search->len ? text[at + 1] : '\0';
	bool		is_terminated = true;

	if (byte_is(text[at], BYTE_BLANK) || text[at] == '"')
		return at + 1;
	if (text[at] == '\\')
		return skip_escaped_blank(text, search->len, at);
	if (text[at] == '-' && next == '-')
		return token_skip_line_comment(text, search->len, at);
	if (text[at] == '/' && next == '*')
		return token_skip_block_comment(text, search->len, at, &is_terminated);
	return at;
}

/* Blanks, comments, and the quotes that names stand in.  False: that cannot be told. */
static bool
skip_gap(Search *search, size_t *at)
{
	Search		near = *search;
	size_t		next = *at;

	near.len = search->len - *at > LONGEST_GAP ? *at + LONGEST_GAP : search->len;
	do
	{
		*at = next;
		next = *at < near.len ? skip_one(&near, *at) : *at;
	} while (next > *at);
	return *at < near.len || near.len == search->len;
}

/* ---- words ---- */

static bool
follows_parenthesis(Search *search, Finding finding)
{
	finding.parenthesis = finding.end;
	if (!skip_gap(search, &finding.parenthesis))
		return cannot_tell(search);
	return finding.parenthesis < search->len && search->text[finding.parenthesis] == '(' && found(search, finding);
}

static bool
try_word(Search *search, const MaskWord *word, Finding finding)
{
	finding.word = word;
	switch (word->kind)
	{
		case MASK_CALL:
			return follows_parenthesis(search, finding);
		case MASK_RELATION:
			return (finding.schema != NOWHERE || search->words->is_in_path) && found(search, finding);
		default:
			return found(search, finding);
	}
}

/* The server takes as much of a long name as it has room for. */
static bool
is_name(const char *name, size_t len, const char *word)
{
	size_t		word_len = strlen(word);

	if (len > MOST_NAME && word_len > MOST_NAME - 4 && word_len <= MOST_NAME)
		return equals(name, word, word_len);
	return len == word_len && equals(name, word, len);
}

static bool try_schema(Search *search, Finding finding);

/* A name, as it reads, and where it is written. */
static bool
try_name(Search *search, const char *name, size_t len, Finding finding)
{
	for (int i = 0; i < search->words->nwords; i++)
		if (is_name(name, len, search->words->words[i].name) && try_word(search, &search->words->words[i], finding))
			return true;
	if (is_name(name, len, "password") || is_name(name, len, "postgresql") || is_name(name, len, "postgres"))
		search->finding->has_password = true;
	return finding.schema == NOWHERE && is_name(name, len, SCHEMA) && try_schema(search, finding);
}

/* ---- U&"..." ---- */

typedef struct Decoded
{
	char		name[4 * MOST_NAME];
	size_t		len;
	bool		is_valid;
} Decoded;

static void
add(Decoded *decoded, char byte)
{
	if (decoded->len < sizeof(decoded->name))
		decoded->name[decoded->len++] = byte;
}

static void
add_character(Decoded *decoded, uint32_t c)
{
	static const unsigned char first[] = {0, 0, 0xc0, 0xe0, 0xf0};
	int			n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

	add(decoded, (char) (first[n] | c >> 6 * (n - 1)));
	while (--n > 0)
		add(decoded, (char) (0x80 | (c >> 6 * (n - 1) & 63)));
}

/* \XXXX or \+XXXXXX; how much of the text it is, 0: it is neither. */
static size_t
read_escape(const char *text, size_t len, uint32_t *c)
{
	bool		is_long = len > 1 && text[1] == '+';
	size_t		from = is_long ? 2 : 1;
	size_t		ndigits = is_long ? 6 : 4;

	if (len < from + ndigits || decode_digits(text + from, ndigits, 16, ndigits, c) < ndigits || *c > 0x10ffff)
		return 0;
	return from + ndigits;
}

/* Two of them, which are one character together, are one. */
static size_t
read_character(const char *text, size_t len, uint32_t *c)
{
	size_t		used = read_escape(text, len, c);
	uint32_t	low;
	size_t		more;

	if (used == 0 || *c >> 11 != 0x1b)
		return used;
	more = len > used && text[used] == text[0] ? read_escape(text + used, len - used, &low) : 0;
	if (more == 0 || *c >> 10 != 0x36 || low >> 10 != 0x37)
		return 0;
	*c = 0x10000 + ((*c & 0x3ff) << 10) + (low & 0x3ff);
	return used + more;
}

static Decoded
decode(const char *text, size_t len, char escape)
{
	Decoded		decoded = {.is_valid = true};

	for (size_t at = 0; at < len && decoded.is_valid;)
	{
		uint32_t	c = (unsigned char) text[at];
		size_t		used = 1;
		bool		is_doubled = at + 1 < len && text[at + 1] == text[at];

		if (text[at] == escape && !is_doubled)
		{
			used = read_character(text + at, len - at, &c);
			decoded.is_valid = used > 0;
			add_character(&decoded, c);
		}
		else
		{
			used += is_doubled && (text[at] == escape || text[at] == '"') ? 1 : 0;
			add(&decoded, text[at]);
		}
		at += used;
	}
	return decoded;
}

/* UESCAPE 'c' behind the name: c, and *at behind it. */
static char
read_uescape(Search *search, size_t *at)
{
	size_t		from = *at;
	size_t		before;

	if (!skip_gap(search, &from) || search->len - from < 7 || !equals(search->text + from, "uescape", 7))
		return '\\';
	from += 7;
	(void) skip_gap(search, &from);
	before = from;
	while (from < search->len && (search->text[from] == '\'' || search->text[from] == '\\'))
		from++;
	if (from == before || from == search->len)
		return '\\';
	*at = from + 1;
	while (*at < search->len && search->text[*at] == '\'')
		(*at)++;
	return search->text[from];
}

/* at is behind U&.  Within JSON each backslash is two, and each quote has one before it: then one cannot tell. */
static bool
try_unicode(Search *search, size_t at, Finding finding)
{
	const char *text = search->text;
	size_t		from = at + 1;
	size_t		to;
	Decoded		decoded;
	char		escape;

	if (at < search->len && text[at] == '\\')
		return from < search->len && text[from] == '"' && cannot_tell(search);
	if (at >= search->len || text[at] != '"')
		return false;
	for (to = from; to < search->len && to - from < LONGEST_GAP; to++)
		if (text[to] == '"' && !(to + 1 < search->len && text[to + 1] == '"' && ++to))
			break;
	if (to - from >= LONGEST_GAP)
		return cannot_tell(search);
	finding.end = to < search->len ? to + 1 : to;
	escape = read_uescape(search, &finding.end);
	decoded = decode(text + from, (to < search->len ? to : search->len) - from, escape);
	return decoded.is_valid ? try_name(search, decoded.name, decoded.len, finding) : cannot_tell(search);
}

/* ---- runs ---- */

static bool
is_unicode_prefix(Search *search, size_t from, size_t to)
{
	return to == from + 1 && byte_to_lower(search->text[from]) == 'u' && to < search->len && search->text[to] == '&';
}

static bool
try_run(Search *search, size_t from, size_t to, Finding finding)
{
	finding.name = from;
	finding.end = to;
	if (is_unicode_prefix(search, from, to))
		return try_unicode(search, to + 1, finding);
	return try_name(search, search->text + from, to - from, finding);
}

static size_t
run_end(Search *search, size_t at)
{
	while (at < search->len && byte_is(search->text[at], BYTE_NAME))
		at++;
	return at;
}

/* The name of the schema stands there: what stands in it? */
static bool
try_schema(Search *search, Finding finding)
{
	size_t		at = finding.end;

	finding.schema = finding.name;
	if (!skip_gap(search, &at))
		return cannot_tell(search);
	if (at >= search->len || search->text[at] != '.')
		return false;
	finding.dot = at++;
	if (!skip_gap(search, &at))
		return cannot_tell(search);
	return try_run(search, at, run_end(search, at), finding);
}

/*
 * Dollars may be part of a name, or delimit what stands between them; digits may
 * be a number before it; and after a backslash there are letters and digits that
 * are not part of it.
 */
static bool
try_odd_run(Search *search, size_t from, size_t to, Finding finding)
{
	const char *text = search->text;
	bool		is_escaped = from > 0 && text[from - 1] == '\\';
	size_t		name = from;

	for (size_t at = from; at < to; at++)
	{
		bool		may_begin = at == from || text[at - 1] == '$' || (byte_is(text[at - 1], BYTE_DIGIT) && !byte_is(text[from], BYTE_LETTER))
			|| (is_escaped && at - from <= 6);
		size_t		end = at;

		if (!may_begin || byte_is(text[at], BYTE_DIGIT))
			continue;
		name = at;
		while (end < to && text[end] != '$' && end - at <= MOST_NAME)
			end++;
		if (try_run(search, name, end, finding) || (end < to && try_run(search, name, to, finding)))
			return true;
	}
	return false;
}

bool
judge_find(const char *text, size_t len, const MaskWords *words, Finding *finding)
{
	Search		search = {.text = text, .len = len, .words = words, .finding = finding};
	const Finding nothing = {.word = NULL, .schema = NOWHERE, .dot = NOWHERE, .parenthesis = NOWHERE};

	*finding = nothing;
	for (size_t at = 0; at < len && !search.is_found; at++)
	{
		size_t		from = at;

		if (!byte_is(text[at], BYTE_NAME))
			continue;
		at = run_end(&search, at);
		if (byte_is(text[from], BYTE_DIGIT | BYTE_DOLLAR) || (from > 0 && text[from - 1] == '\\')
			|| memchr(text + from, '$', at - from))
			(void) try_odd_run(&search, from, at, nothing);
		else
			(void) try_run(&search, from, at, nothing);
	}
	return search.is_found;
}
