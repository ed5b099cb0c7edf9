/*
 * redact/mask_text.c
 *
 * Lines that the server composes: not SQL, but with quotes as SQL has them.
 */
#include <string.h>

#include "redact/cover.h"
#include "redact/form.h"
#include "redact/mask.h"
#include "redact/token.h"

/* ---- parameters ---- */

/* $12 = at at: where the value begins.  0: it is none. */
static size_t
skip_parameter(const char *text, size_t len, size_t at, uint64_t *number)
{
	size_t		from = ++at;

	for (*number = 0; at < len && byte_is(text[at], BYTE_DIGIT); at++)
		*number = *number < 1000 ? 10 * *number + (uint64_t) (text[at] - '0') : *number;
	return at > from && len - at >= 3 && memcmp(text + at, " = ", 3) == 0 ? at + 3 : 0;
}

static bool
is_name(const MaskParams *params, uint64_t number)
{
	return number >= 1 && number <= 64 && ((params->names & ~params->values) >> (number - 1) & 1);
}

/* Behind the value: where the next one begins, or nothing. */
static bool
is_next(const char *text, size_t len, size_t at)
{
	return len - at >= 3 && memcmp(text + at, ", $", 3) == 0;
}

/* NULL, or what is not in quotes: up to the next one. */
static size_t
cover_bare(Cover *cover, size_t from)
{
	size_t		at = from;

	if (cover->len - from >= 4 && memcmp(cover->text + from, "NULL", 4) == 0)
		return from + 4;
	while (at < cover->len && cover->text[at] != '\n' && !is_next(cover->text, cover->len, at))
		at++;
	cover_range(cover, from, at);
	return at;
}

static size_t
cover_parameter(Cover *cover, size_t from, bool is_name)
{
	Token		token = {.kind = TOKEN_END};

	if (from < cover->len && cover->text[from] == '\'')
		token = token_next(cover->text, cover->len, from);
	if (token.kind != TOKEN_PLAIN)
		return cover_bare(cover, from);
	if (!is_name || !token.is_terminated || !form_is_name(cover->text + token.inner_from, token.inner_to - token.inner_from))
		cover_range(cover, token.inner_from, token.inner_to);
	return token.to;
}

/* Before the first one stand the server's words, in whatever language; behind it a quote is out of place. */
bool
mask_params(char *text, size_t len, const MaskParams *params)
{
	Cover		cover = {.text = text, .len = len, .first = NO_PLACE, .doubt = NO_PLACE};
	bool		has_begun = false;

	for (size_t at = 0; at < len; at++)
	{
		uint64_t	number;
		size_t		value = text[at] == '$' ? skip_parameter(text, len, at, &number) : 0;

		if (value > 0)
		{
			at = cover_parameter(&cover, value, is_name(params, number)) - 1;
			has_begun = true;
		}
		else if (has_begun && text[at] == '\'')
		{
			cover_range(&cover, at + 1, len);
			break;
		}
	}
	return cover.is_changed;
}

/* ---- between quotes ---- */

static bool
is_mark(const char *text, size_t len, size_t at, const char *quotes)
{
	if (text[at] == '\0' || !strchr(quotes, text[at]))
		return false;
	return text[at] != '$' || at + 1 == len || !byte_is(text[at + 1], BYTE_DIGIT);
}

/*
 * Up to the last one, if it can be the other end of the first; where one is
 * missing, the text was cut, and its last quote opens something.
 */
bool
mask_between(char *text, size_t len, const char *quotes)
{
	Cover		cover = {.text = text, .len = len, .first = NO_PLACE, .doubt = NO_PLACE};
	size_t		last = 0;
	bool		is_odd[256] = {false};

	for (size_t at = 0; at < len; at++)
	{
		if (!is_mark(text, len, at, quotes))
			continue;
		cover_note_value(&cover, at + 1);
		last = at;
		is_odd[(unsigned char) text[at]] ^= true;
	}
	if (cover.first == NO_PLACE)
		return false;
	if (text[last] != text[cover.first - 1] || text[last] == '$' || is_odd['\''] || is_odd['"'])
		last = len;
	cover_range(&cover, cover.first, last);
	return cover.is_changed;
}
