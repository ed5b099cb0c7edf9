/*
 * rotation/clean.c
 */
#include <stdint.h>
#include <string.h>

#include "redact/decode.h"
#include "rotation/clean.h"

/* A text as it reads when one kind of encoding is undone, and which of its bytes each byte came from. */
typedef struct View
{
	size_t		n;
	char		bytes[CLEAN_MOST_TEXT];
	uint16_t	from[CLEAN_MOST_TEXT];
	uint16_t	upto[CLEAN_MOST_TEXT];
} View;

static void
add(View *view, int byte, size_t from, size_t upto)
{
	view->bytes[view->n] = (char) byte;
	view->from[view->n] = (uint16_t) from;
	view->upto[view->n] = (uint16_t) upto;
	view->n++;
}

/* ---- quotes and backslashes ---- */

#define BACKSLASHES		1
#define DOUBLED_SINGLES 2
#define DOUBLED_DOUBLES 4

static bool
is_doubled(const char *text, size_t len, int kinds)
{
	if (len < 2 || text[0] != text[1])
		return false;
	return (text[0] == '\'' && (kinds & DOUBLED_SINGLES)) || (text[0] == '"' && (kinds & DOUBLED_DOUBLES));
}

static void
see_escapes(const char *text, size_t len, int kinds, View *view)
{
	for (size_t at = 0; at < len;)
	{
		char		out[4] = {text[at]};
		size_t		nout = 1;
		size_t		used = 1;

		if ((kinds & BACKSLASHES) && text[at] == '\\')
			used = decode_escape(text + at, len - at, out, &nout);
		else if (is_doubled(text + at, len - at, kinds))
			used = 2;
		for (size_t i = 0; i < nout; i++)
			add(view, out[i], at, at + used);
		at += used;
	}
}

/* ---- the others ---- */

static void
see_percent(const char *text, size_t len, int blank, View *view)
{
	for (size_t at = 0; at < len;)
	{
		uint32_t	number = (unsigned char) (text[at] == blank ? ' ' : text[at]);
		size_t		used = 1;

		if (text[at] == '%' && len - at >= 3 && decode_hex_digit(text[at + 1]) >= 0 && decode_hex_digit(text[at + 2]) >= 0)
			used += decode_digits(text + at + 1, 2, 16, 2, &number);
		add(view, (int) number, at, at + used);
		at += used;
	}
}

/* Pairs of digits, counted from the first of a run of them or from the second. */
static void
see_hex(const char *text, size_t len, int skipped, View *view)
{
	size_t		run = 0;		/* digits before this one */

	for (size_t at = 0; at < len;)
	{
		bool		is_digit = decode_hex_digit(text[at]) >= 0;
		uint32_t	number = (unsigned char) text[at];
		size_t		used = 1;

		if (is_digit && run >= (size_t) skipped && at + 1 < len && decode_hex_digit(text[at + 1]) >= 0)
			used = decode_digits(text + at, 2, 16, 2, &number);
		add(view, (int) number, at, at + used);
		run = is_digit ? run + used : 0;
		at += used;
	}
}

/* Counted from one of the first four characters of a run of them, which may be broken into lines. */
static void
see_base64(const char *text, size_t len, int skipped, View *view)
{
	uint32_t	bits = 0;
	int			nbits = 0;
	size_t		run = 0;		/* digits before this one */
	size_t		from = 0;		/* where these bits begin */

	for (size_t at = 0; at < len; at++)
	{
		int			digit = decode_base64_digit(text[at]);

		if (run > (size_t) skipped && (text[at] == '\n' || text[at] == '\r'))
			continue;
		run = digit < 0 ? 0 : run + 1;
		if (run <= (size_t) skipped)
		{
			add(view, text[at], at, at + 1);
			nbits = 0;
			continue;
		}
		from = nbits == 0 ? at : from;
		bits = bits << 6 | (uint32_t) digit;
		nbits += 6;
		if (nbits < 8)
			continue;
		nbits -= 8;
		add(view, (int) (bits >> nbits & 255), from, at + 1);
		from = at;
	}
}

static bool
is_between_numbers(char c)
{
	return c == ' ' || c == ',' || c == ':';
}

/* Numbers of bytes, one after the other, with a little between. */
static void
see_numbers(const char *text, size_t len, int base, View *view)
{
	for (size_t at = 0; at < len;)
	{
		uint32_t	number;
		uint32_t	next;
		size_t		used = decode_byte(text + at, len - at, base, &number);
		size_t		gap = 0;

		if (used == 0)
		{
			/* Of what is too long to be a byte no part is one. */
			size_t		digits = decode_digits(text + at, len - at, base, len, &number);

			for (size_t end = at + (digits ? digits : 1); at < end; at++)
				add(view, text[at], at, at + 1);
			continue;
		}
		add(view, (int) number, at, at + used);
		at += used;
		while (gap < 2 && at + gap < len && is_between_numbers(text[at + gap]))
			gap++;
		at += gap > 0 && decode_byte(text + at + gap, len - at - gap, base, &next) > 0 ? gap : 0;
	}
}

/* Decoded at random, words give any bytes: where that is so, short values are not looked for. */
static const struct
{
	void		(*see) (const char *text, size_t len, int variant, View *view);
	int			variant;
	bool		is_blind;
}			ways[] = {
	{see_escapes, 0, false},
	{see_escapes, BACKSLASHES, false},
	{see_escapes, DOUBLED_SINGLES, false},
	{see_escapes, DOUBLED_DOUBLES, false},
	{see_escapes, DOUBLED_SINGLES | DOUBLED_DOUBLES, false},
	{see_escapes, BACKSLASHES | DOUBLED_SINGLES, false},
	{see_escapes, BACKSLASHES | DOUBLED_DOUBLES, false},
	{see_percent, '\0', false},
	{see_percent, '+', false},
	{see_hex, 0, true},
	{see_hex, 1, true},
	{see_base64, 0, true},
	{see_base64, 1, true},
	{see_base64, 2, true},
	{see_base64, 3, true},
	{see_numbers, 10, true},
	{see_numbers, 16, true},
};

#define NWAYS ((int) (sizeof(ways) / sizeof(ways[0])))

static void
see(int way, const char *text, size_t len, View *view)
{
	view->n = 0;
	ways[way].see(text, len, ways[way].variant, view);
}

/* ---- taking out ---- */

static void
mark(const View *view, const CleanValue *value, char *mask)
{
	const char *end = view->bytes + view->n;
	const char *at = view->bytes;

	while ((at = memmem(at, (size_t) (end - at), value->data, value->len)) != NULL)
	{
		size_t		first = view->from[at - view->bytes];

		memset(mask + first, 1, view->upto[at - view->bytes + (ptrdiff_t) value->len - 1] - first);
		at++;
	}
}

/* What is marked is never shorter than what stands for it. */
static size_t
cover(char *text, size_t len, const char *mask)
{
	size_t		out = 0;

	for (size_t at = 0; at < len; at++)
	{
		if (!mask[at])
			text[out++] = text[at];
		else if (at == 0 || !mask[at - 1])
			memcpy(text + out, "***", 3), out += 3;
	}
	explicit_bzero(text + out, len + 1 - out);	/* what was there before is behind it */
	return out;
}

/* ---- looking again ---- */

/* Which runs of bytes there may be in a view: a few wrong ones, and none left out. */
typedef struct Runs
{
	unsigned char seen[8192];
} Runs;

static unsigned
hash_run(const char *run)
{
	uint64_t	bytes = 0;

	memcpy(&bytes, run, CLEAN_RUN);
	return (unsigned) (bytes * 0x9e3779b97f4a7c15 >> 48);
}

static void
find_runs(const View *view, Runs *runs)
{
	memset(runs, 0, sizeof(Runs));
	for (size_t at = 0; at + CLEAN_RUN <= view->n; at++)
	{
		unsigned	hash = hash_run(view->bytes + at);

		runs->seen[hash / 8] |= (unsigned char) (1 << hash % 8);
	}
}

static bool
has(const View *view, const char *bytes, size_t len)
{
	return memmem(view->bytes, view->n, bytes, len) != NULL;
}

static bool
gives_away(const View *view, const Runs *runs, const CleanValue *value)
{
	if (value->only_whole || value->len <= CLEAN_RUN)
		return has(view, value->data, value->len);
	for (size_t at = 0; at + CLEAN_RUN <= value->len; at++)
	{
		unsigned	hash = hash_run(value->data + at);

		if ((runs->seen[hash / 8] >> hash % 8 & 1) && has(view, value->data + at, CLEAN_RUN))
			return true;
	}
	return false;
}

static bool
is_clean(const char *text, size_t len, const CleanValue *values, int n, View *view)
{
	Runs		runs;

	for (int way = 0; way < NWAYS; way++)
	{
		see(way, text, len, view);
		find_runs(view, &runs);
		for (int i = 0; i < n; i++)
			if (values[i].len >= (ways[way].is_blind ? CLEAN_SHORTEST : 1) && gives_away(view, &runs, &values[i]))
				return false;
	}
	return true;
}

bool
clean_text(char *text, const CleanValue *values, int n)
{
	size_t		len = strlen(text);
	char		mask[CLEAN_MOST_TEXT];
	View		view;
	bool		clean;

	if (len > CLEAN_MOST_TEXT)
		return false;
	memset(mask, 0, sizeof(mask));
	for (int way = 0; way < NWAYS; way++)
	{
		see(way, text, len, &view);
		for (int i = 0; i < n; i++)
			if (values[i].len >= CLEAN_SHORTEST)
				mark(&view, &values[i], mask);
	}
	len = cover(text, len, mask);
	clean = is_clean(text, len, values, n, &view);
	explicit_bzero(&view, sizeof(view));
	return clean;
}

/* ---- members of an object ---- */

/* Where the string that begins at this quote has ended. */
static size_t
skip_string(const char *json, size_t len, size_t at)
{
	for (at++; at < len && json[at] != '"'; at++)
		if (json[at] == '\\' && at + 1 < len)
			at++;
	return at < len ? at + 1 : len;
}

static size_t
unescape(const char *text, size_t len, char *out)
{
	size_t		written = 0;

	for (size_t at = 0; at < len;)
	{
		char		bytes[4] = {text[at]};
		size_t		n = 1;

		at += text[at] == '\\' ? decode_escape(text + at, len - at, bytes, &n) : 1;
		memcpy(out + written, bytes, n);
		written += n;
	}
	return written;
}

static bool
is_name(const char *json, size_t len, size_t end)
{
	while (end < len && memchr(" \t\r\n", json[end], 4))
		end++;
	return end < len && json[end] == ':';
}

static bool
is_one_of(const CleanValue *name, const char *const *words)
{
	for (; *words; words++)
		if (strlen(*words) == name->len && memcmp(*words, name->data, name->len) == 0)
			return true;
	return false;
}

static bool
is_secret(const CleanValue *name, const CleanValue *value)
{
	static const char *const told[] = {"username", "host", "port", "dbname", NULL};
	static const char *const passwords[] = {"password", NULL};

	if (value->len == 0 || is_one_of(name, told))
		return false;
	return value->len >= CLEAN_SHORTEST || is_one_of(name, passwords);
}

int
clean_members(const char *json, size_t json_len, char *room, CleanValue *values, int most)
{
	static const char *const uris[] = {"uri", NULL};
	CleanValue	name = {.data = room};
	int			n = 0;

	for (size_t at = 0; at < json_len;)
	{
		size_t		end = at + 1;
		CleanValue	value = {.data = room};

		if (json[at] == '"')
		{
			end = skip_string(json, json_len, at);
			value.len = unescape(json + at + 1, end - at - (json[end - 1] == '"' && end - at > 1 ? 2 : 1), room);
		}
		else if (json[at] == '-' || (json[at] >= '0' && json[at] <= '9'))
		{
			while (end < json_len && !memchr(",]} \t\r\n", json[end], 7))
				end++;
			memcpy(room, json + at, value.len = end - at);
		}
		room += value.len;
		value.only_whole = is_one_of(&name, uris);	/* it is where, and the password, which is a member too */
		if (json[at] == '"' && is_name(json, json_len, end))
			name = value;
		else if (is_secret(&name, &value))
		{
			if (n == most)
				return -1;
			values[n++] = value;
		}
		at = end;
	}
	return n;
}
