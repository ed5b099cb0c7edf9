/*
 * redact/view.c
 */
#include <string.h>

#include "redact/decode.h"
#include "redact/view.h"

#define MOST_AT_ONCE 4			/* bytes that one piece of text stands for */

static void
add(View *view, uint8_t byte, size_t from, size_t upto)
{
	view->bytes[view->n] = view_fold(byte);
	view->from[view->n] = from;
	view->upto[view->n] = upto;
	view->n++;
}

static bool
can_go_on(const View *view)
{
	return view->at < view->end && view->n + MOST_AT_ONCE <= VIEW_ROOM;
}

/* ---- quotes and backslashes ---- */

static void
see_plain(View *view)
{
	for (; can_go_on(view); view->at++)
		add(view, (uint8_t) view->text[view->at], view->at, view->at + 1);
}

static void
see_bare(View *view)
{
	for (; can_go_on(view); view->at++)
		if (!view_is_quote(view->text[view->at]))
			add(view, (uint8_t) view->text[view->at], view->at, view->at + 1);
}

static bool
is_doubled(const char *text, size_t len, int escapes)
{
	if (len < 2 || text[0] != text[1])
		return false;
	return (text[0] == '\'' && (escapes & VIEW_DOUBLED_SINGLES)) || (text[0] == '"' && (escapes & VIEW_DOUBLED_DOUBLES));
}

static void
see_escapes(View *view)
{
	while (can_go_on(view))
	{
		const char *text = view->text + view->at;
		size_t		len = view->end - view->at;
		char		out[MOST_AT_ONCE] = {text[0]};
		size_t		nout = 1;
		size_t		used = 1;

		if ((view->escapes & VIEW_BACKSLASHES) && text[0] == '\\')
			used = decode_escape(text, len, out, &nout);
		else if (is_doubled(text, len, view->escapes))
			used = 2;
		for (size_t i = 0; i < nout; i++)
			add(view, (uint8_t) out[i], view->at, view->at + used);
		view->at += used;
	}
}

int
view_find_escapes(const char *text, size_t len)
{
	return (memchr(text, '\\', len) ? VIEW_BACKSLASHES : 0)
		| (memmem(text, len, "''", 2) ? VIEW_DOUBLED_SINGLES : 0)
		| (memmem(text, len, "\"\"", 2) ? VIEW_DOUBLED_DOUBLES : 0);
}

/* ---- the others ---- */

static void
see_percent(View *view)
{
	while (can_go_on(view))
	{
		const char *text = view->text + view->at;
		uint32_t	number = (uint8_t) text[0];
		size_t		used = 1;

		if (text[0] == '%' && view->end - view->at >= 3
			&& decode_hex_digit(text[1]) >= 0 && decode_hex_digit(text[2]) >= 0)
			used += decode_digits(text + 1, 2, 16, 2, &number);
		add(view, (uint8_t) number, view->at, view->at + used);
		view->at += used;
	}
}

static void
see_hex(View *view)
{
	for (; can_go_on(view) && view->end - view->at >= 2; view->at += 2)
	{
		uint32_t	number;

		(void) decode_digits(view->text + view->at, 2, 16, 2, &number);
		add(view, (uint8_t) number, view->at, view->at + 2);
	}
	if (view->end - view->at == 1)
		view->at = view->end;
}

/* Line ends, as they are or as escapes. */
static size_t
skip_line_ends(const char *text, size_t len)
{
	size_t		at = 0;

	while (at < len)
	{
		size_t		escape = text[at] == '\\' && len - at >= 2 ? 1 : 0;

		if (escape ? text[at + 1] != 'n' && text[at + 1] != 'r' : text[at] != '\n' && text[at] != '\r')
			break;
		at += escape + 1;
	}
	return at;
}

static void
see_base64(View *view)
{
	while (can_go_on(view))
	{
		size_t		at = view->at;
		int			digit = decode_base64_digit(view->text[at]);

		if (digit < 0)
		{
			size_t		gap = skip_line_ends(view->text + at, view->end - at);

			view->at += gap > 0 ? gap : 1;
			continue;
		}
		view->at++;
		view->bits_from = view->nbits == 0 ? at : view->bits_from;
		view->bits = view->bits << 6 | (uint32_t) digit;
		view->nbits += 6;
		if (view->nbits < 8)
			continue;
		view->nbits -= 8;
		add(view, (uint8_t) (view->bits >> view->nbits), view->bits_from, view->at);
		view->bits_from = at;
	}
}

#define MOST_BLANKS 64

/* What stands between two numbers: a comma, blanks, an indented line; 0 where there is no next one. */
static size_t
skip_to_number(const char *text, size_t len)
{
	size_t		gap = len > 0 && (text[0] == ',' || text[0] == ':') ? 1 : 0;
	uint32_t	number;

	while (gap < MOST_BLANKS && gap < len && (text[gap] == ' ' || text[gap] == '\n' || text[gap] == '\t'))
		gap++;
	return gap > 0 && decode_byte(text + gap, len - gap, 10, &number) > 0 ? gap : 0;
}

static void
see_numbers(View *view)
{
	while (can_go_on(view))
	{
		const char *text = view->text + view->at;
		size_t		len = view->end - view->at;
		uint32_t	number;
		size_t		used = decode_byte(text, len, 10, &number);

		add(view, (uint8_t) number, view->at, view->at + used);
		view->at += used + skip_to_number(text + used, len - used);
	}
}

/* ---- runs ---- */

/* What may be part of one: for speed, since each byte of each text is asked. */
static const uint8_t parts[256] = {
	['0' ... '9'] = 1 << VIEW_HEX | 1 << VIEW_BASE64 | 1 << VIEW_NUMBERS,
	['a' ... 'f'] = 1 << VIEW_HEX | 1 << VIEW_BASE64,
	['A' ... 'F'] = 1 << VIEW_HEX | 1 << VIEW_BASE64,
	['g' ... 'z'] = 1 << VIEW_BASE64,
	['G' ... 'Z'] = 1 << VIEW_BASE64,
	['+'] = 1 << VIEW_BASE64,
	['/'] = 1 << VIEW_BASE64,
	['_'] = 1 << VIEW_BASE64,
	['-'] = 1 << VIEW_BASE64 | 1 << VIEW_NUMBERS,
};

static bool
is_part(char c, ViewWay way)
{
	return parts[(uint8_t) c] >> way & 1;
}

/* How many digits or numbers, and how much of the text they are. */
typedef struct Run
{
	size_t		pieces;
	size_t		len;
} Run;

static Run
measure_hex(const char *text, size_t len)
{
	size_t		n = 0;

	while (n < len && is_part(text[n], VIEW_HEX))
		n++;
	return (Run) {n, n};
}

#define LEAST_BASE64 11

static Run
measure_base64(const char *text, size_t len)
{
	Run			run = {0, 0};

	for (;;)
	{
		size_t		gap;

		for (; run.len < len && is_part(text[run.len], VIEW_BASE64); run.len++)
			run.pieces++;
		gap = skip_line_ends(text + run.len, len - run.len);
		if (run.pieces < LEAST_BASE64 || gap == 0 || run.len + gap == len || !is_part(text[run.len + gap], VIEW_BASE64))
			return run;
		run.len += gap;
	}
}

/* Of what is too long to be a byte no part is one. */
static Run
measure_numbers(const char *text, size_t len)
{
	Run			run = {0, 0};
	uint32_t	number;

	for (;;)
	{
		size_t		used = decode_byte(text + run.len, len - run.len, 10, &number);
		size_t		gap;

		if (used == 0)
			break;
		run.pieces++;
		run.len += used;
		gap = skip_to_number(text + run.len, len - run.len);
		if (gap == 0)
			return run;
		run.len += gap;
	}
	run.len = decode_digits(text, len, 10, len, &number);
	return run;
}

static const struct
{
	void		(*see) (View *view);
	Run			(*measure) (const char *text, size_t len);
	size_t		least;			/* pieces that eight bytes are */
}			ways[] = {
	[VIEW_ESCAPES] = {see_escapes, NULL, 0},
	[VIEW_BARE] = {see_bare, NULL, 0},
	[VIEW_PERCENT] = {see_percent, NULL, 0},
	[VIEW_HEX] = {see_hex, measure_hex, 16},
	[VIEW_BASE64] = {see_base64, measure_base64, LEAST_BASE64},
	[VIEW_NUMBERS] = {see_numbers, measure_numbers, 8},
};

bool
view_find_run(ViewWay way, const char *text, size_t len, size_t *from, size_t *end)
{
	for (size_t at = *end; at < len;)
	{
		Run			run = {0, 0};

		if (is_part(text[at], way))
			run = ways[way].measure(text + at, len - at);
		if (run.pieces >= ways[way].least)
		{
			*from = at;
			*end = at + run.len;
			return true;
		}
		at += run.len > 0 ? run.len : 1;
	}
	return false;
}

/* ---- looking ---- */

void
view_begin(View *view, ViewWay way, int escapes, const char *text, size_t from, size_t end)
{
	view->way = way;
	view->escapes = escapes;
	view->text = text;
	view->at = from;
	view->end = end;
	view->nbits = 0;
	view->n = 0;
}

void
view_read(View *view, size_t used)
{
	view->n -= used;
	memmove(view->bytes, view->bytes + used, view->n * sizeof(view->bytes[0]));
	memmove(view->from, view->from + used, view->n * sizeof(view->from[0]));
	memmove(view->upto, view->upto + used, view->n * sizeof(view->upto[0]));
	if (view->way == VIEW_ESCAPES && view->escapes == 0)
		see_plain(view);
	else
		ways[view->way].see(view);
}
