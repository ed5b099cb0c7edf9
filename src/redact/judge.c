/*
 * redact/judge.c
 *
 * Every statement of the server passes here.  So the text is cut into runs of the
 * bytes that names are made of, and nothing else is known of it: a statement may
 * stand in a literal, a comment, or within JSON.  What a run is compared with is
 * chosen by its first byte and its length.
 */
#include <string.h>

#include "redact/judge.h"
#include "redact/token.h"
#include "redact/uescape.h"

#define SCHEMA "secrets"

/* Between a name and what it hangs on; where there is more, one cannot tell. */
#define LONGEST_GAP 256

/* The server cuts names off there, or up to three bytes before. */
#define MOST_NAME 63

/* Of a character after its backslash: u000a. */
#define LONGEST_ESCAPE 6

/* Names that are no words, but are looked for all the same. */
static const char *const marks[] = {SCHEMA, "u", NULL};
static const char *const passwords[] = {"password", "sslpassword", "postgres", "postgresql", NULL};

static const Finding nothing = {.word = NULL, .into = NOWHERE, .schema = NOWHERE, .dot = NOWHERE, .parenthesis = NOWHERE};

typedef struct Search
{
	const char *text;
	size_t		len;
	const MaskWords *words;
	const MaskIndex *index;
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
	return found(search, nothing);
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
skip_one(const Search *search, size_t at)
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
skip_gap(const Search *search, size_t *at)
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

static size_t
skip_back(const char *text, size_t at)
{
	while (at > 0 && (byte_is(text[at - 1], BYTE_BLANK) || text[at - 1] == '"'))
		at--;
	return at;
}

/*
 * INTO f, COPY f: whichever schema it is found in, by a path that may be set in the
 * same text, or be somebody's own.  Where the word stands, NOWHERE: there is none.
 */
static size_t
find_into(Search *search, size_t name)
{
	const char *text = search->text;
	size_t		end = skip_back(text, name);
	size_t		from = end - 4;

	if (end < 4 || (from > 0 && byte_is(text[from - 1], BYTE_NAME)))
		return NOWHERE;
	return equals(text + from, "into", 4) || equals(text + from, "copy", 4) || equals(text + from, "only", 4) ? from : NOWHERE;
}

/* What stands before a comment one would have to look for. */
static bool
follows_comment(Search *search, size_t name)
{
	size_t		end = skip_back(search->text, name);

	return end >= 2 && search->text[end - 1] == '/' && search->text[end - 2] == '*';
}

static bool
try_relation(Search *search, Finding finding)
{
	if (finding.schema == NOWHERE && follows_comment(search, finding.name))
		return cannot_tell(search);
	if (finding.schema == NOWHERE)
		finding.into = find_into(search, finding.name);
	return (finding.schema != NOWHERE || finding.into != NOWHERE || search->words->is_in_path) && found(search, finding);
}

static bool
is_odd(const char *word)
{
	if (!byte_is(word[0], BYTE_LETTER))
		return true;
	while (*word && byte_is(*word, BYTE_NAME))
		word++;
	return *word != '\0';
}

static bool
try_word(Search *search, const MaskWord *word, Finding finding)
{
	finding.word = word;
	finding.is_quoted = is_odd(word->name);
	switch (word->kind)
	{
		case MASK_CALL:
			return follows_parenthesis(search, finding);
		case MASK_RELATION:
			return try_relation(search, finding);
		default:
			return found(search, finding);
	}
}

/* The server takes as much of a long name as it has room for. */
static bool
is_name(const char *name, size_t len, const char *word)
{
	size_t		word_len;

	if (byte_to_lower(name[0]) != byte_to_lower(word[0]))
		return false;
	word_len = strlen(word);
	if (len > MOST_NAME && word_len > MOST_NAME - 4 && word_len <= MOST_NAME)
		return equals(name, word, word_len);
	return len == word_len && equals(name, word, len);
}

static bool
is_harmless(const MaskWords *words, const char *name, size_t len)
{
	if (words->nharmless == 0)
		return true;
	for (int i = 0; i < words->nharmless; i++)
		if (is_name(name, len, words->harmless[i]))
			return true;
	return false;
}

static bool
is_one_of(const char *name, size_t len, const char *const *words)
{
	for (; *words; words++)
		if (is_name(name, len, *words))
			return true;
	return false;
}

/* Is it a literal that follows, with or without a prefix, or = or :// in one, or a place to fill in? */
static bool
may_precede_password(const Search *search, size_t end)
{
	size_t		at = end;
	char		next;

	if (!skip_gap(search, &at))
		return true;
	if (at >= search->len || search->text[at] == '\0')
		return false;
	next = at + 1 < search->len ? search->text[at + 1] : '\0';
	return strchr("'$\\%=:", search->text[at]) || next == '\'' || next == '&';
}

static bool try_schema(Search *search, Finding finding);

/* A name, as it reads, and where it is written. */
static bool
try_name(Search *search, const char *name, size_t len, Finding finding)
{
	for (int i = 0; i < search->words->nwords; i++)
		if (is_name(name, len, search->words->words[i].name) && try_word(search, &search->words->words[i], finding))
			return true;
	if (is_one_of(name, len, passwords) && may_precede_password(search, finding.end))
		search->finding->has_password = true;
	if (finding.schema != NOWHERE)
		return !is_harmless(search->words, name, len) && follows_parenthesis(search, finding);
	return is_name(name, len, SCHEMA) && try_schema(search, finding);
}

/* ---- U&"..." ---- */

/* UESCAPE 'c' behind the name: c, and *at behind it.  0: it is written otherwise. */
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
	while (from < search->len && search->text[from] == '\'')
		from++;
	if (from == before || from == search->len)
		return '\0';
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
	UescapeName decoded;
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
	finding.name = from;
	finding.name_end = to < search->len ? to : search->len;
	finding.end = to < search->len ? to + 1 : to;
	escape = read_uescape(search, &finding.end);
	if (escape == '\0')
		return cannot_tell(search);
	decoded = uescape_decode(text + from, (to < search->len ? to : search->len) - from, escape);
	if (decoded.len == 0)
		return false;
	return decoded.is_valid ? try_name(search, decoded.bytes, decoded.len, finding) : cannot_tell(search);
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
	finding.name_end = finding.end = to;
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

/* A name in U&"..." may have been masked: then it is what it looks like. */
static bool
try_in_schema(Search *search, size_t at, Finding finding)
{
	size_t		end = run_end(search, at);
	const char *dollar = memchr(search->text + at, '$', end - at);	/* of the quote around all of it */

	if (end > at && try_run(search, at, end, finding))
		return true;
	if (dollar && try_run(search, at, (size_t) (dollar - search->text), finding))
		return true;
	if (!is_unicode_prefix(search, at, end) || end + 1 >= search->len || search->text[end + 1] != '"')
		return false;
	at = end + 2;
	end = run_end(search, at);
	return end > at && try_run(search, at, end, finding);
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
	return try_in_schema(search, at, finding);
}

/* Of what may be a word, by its first byte and its length. */
static bool
is_indexed(const MaskIndex *index, const char *name, size_t len)
{
	return index->lengths[(unsigned char) byte_to_lower(name[0])] >> (len < 63 ? len : 63) & 1;
}

static bool
try_indexed(Search *search, size_t from, size_t to)
{
	return is_indexed(search->index, search->text + from, to - from) && try_run(search, from, to, nothing);
}

/*
 * Dollars may be part of a name, or delimit what stands between them; digits may
 * be a number before it; and after a backslash there are letters and digits that
 * are not part of it.
 */
static bool
try_odd_run(Search *search, size_t from, size_t to)
{
	const char *text = search->text;
	bool		is_escaped = from > 0 && text[from - 1] == '\\';
	bool		is_delimited = true;	/* since it began, or since a dollar, there were digits only */

	for (size_t at = from; at < to; at++)
	{
		bool		may_begin = is_delimited || (is_escaped && at - from <= LONGEST_ESCAPE);
		const char *dollar;

		is_delimited = text[at] == '$' || (is_delimited && byte_is(text[at], BYTE_DIGIT));
		if (!may_begin || !byte_is(text[at], BYTE_LETTER))
			continue;
		dollar = memchr(text + at, '$', to - at < MOST_NAME ? to - at : MOST_NAME);
		if ((dollar && try_indexed(search, at, (size_t) (dollar - text))) || try_indexed(search, at, to))
			return true;
	}
	return false;
}

/* ---- words that stand in quotes ---- */

/* Where the word ends that is written there, between quotes; NOWHERE: it is not. */
static size_t
skip_quoted(const Search *search, size_t at, const char *word)
{
	const char *text = search->text;

	for (; at < search->len; at++)
	{
		bool		is_quote = text[at] == '"';

		if (text[at] == '\\' && *word != '\\')
			continue;
		if (*word == '\0')
			return is_quote ? at + 1 : NOWHERE;
		if (byte_to_lower(text[at]) != byte_to_lower(*word++))
			return NOWHERE;
		at += is_quote && at + 1 < search->len && text[at + 1] == '"' ? 1 : 0;
	}
	return NOWHERE;
}

static void
find_odd(Search *search)
{
	const char *text = search->text;
	const char *quote = text;

	while (!search->is_found && (quote = memchr(quote, '"', (size_t) (text + search->len - quote))) != NULL)
	{
		Finding		finding = nothing;

		finding.name = (size_t) (++quote - text);
		for (int i = 0; i < search->words->nwords && !search->is_found; i++)
		{
			const MaskWord *word = &search->words->words[i];

			finding.end = is_odd(word->name) ? skip_quoted(search, finding.name, word->name) : NOWHERE;
			finding.name_end = finding.end - 1;
			if (finding.end != NOWHERE)
				(void) try_word(search, word, finding);
		}
	}
}

/* ---- all of the text ---- */

static void
index_word(MaskIndex *index, const char *word)
{
	size_t		len = strlen(word);
	uint64_t   *lengths = &index->lengths[(unsigned char) byte_to_lower(word[0])];

	*lengths |= (uint64_t) 1 << (len < 63 ? len : 63);
	if (len > MOST_NAME - 4)
		*lengths |= (uint64_t) 1 << 63;
	index->has_odd |= is_odd(word);
}

MaskIndex
mask_index(const MaskWord *words, int nwords)
{
	MaskIndex	index = {.has_odd = false};

	for (int i = 0; i < nwords; i++)
		index_word(&index, words[i].name);
	for (int i = 0; marks[i]; i++)
		index_word(&index, marks[i]);
	for (int i = 0; passwords[i]; i++)
		index_word(&index, passwords[i]);
	return index;
}

static void
find_runs(Search *search)
{
	const char *text = search->text;
	size_t		len = search->len;
	size_t		at = 0;

	while (!search->is_found)
	{
		size_t		from;
		int			classes = 0;

		while (at < len && !byte_is(text[at], BYTE_NAME))
			at++;
		for (from = at; at < len && byte_is(text[at], BYTE_NAME); at++)
			classes |= byte_classes[(unsigned char) text[at]];
		if (from == at)
			break;
		if (!(classes & BYTE_LETTER))
			continue;
		if ((classes & BYTE_DOLLAR) || !byte_is(text[from], BYTE_LETTER) || (from > 0 && text[from - 1] == '\\'))
			(void) try_odd_run(search, from, at);
		else
			(void) try_indexed(search, from, at);
	}
}

bool
judge_find(const char *text, size_t len, const MaskWords *words, Finding *finding)
{
	Search		search = {.text = text, .len = len, .words = words, .index = words->index, .finding = finding};
	MaskIndex	index;

	if (words->index == NULL)
	{
		index = mask_index(words->words, words->nwords);
		search.index = &index;
	}
	*finding = nothing;
	find_runs(&search);
	if (search.index->has_odd && !search.is_found)
		find_odd(&search);
	return search.is_found;
}
