/*
 * redact/uescape.c
 */
#include <stdint.h>

#include "redact/decode.h"
#include "redact/uescape.h"

static void
add(UescapeName *decoded, char byte)
{
	if (decoded->len < UESCAPE_MOST)
		decoded->bytes[decoded->len++] = byte;
}

static void
add_character(UescapeName *decoded, uint32_t c)
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

UescapeName
uescape_decode(const char *text, size_t len, char escape)
{
	UescapeName decoded = {.is_valid = true};

	for (size_t at = 0; at < len && decoded.is_valid;)
	{
		uint32_t	c = (unsigned char) text[at];
		size_t		used = 1;
		bool		is_doubled = at + 1 < len && text[at + 1] == text[at];

		if (text[at] == escape && !is_doubled)
		{
			used = read_character(text + at, len - at, &c);
			decoded.is_valid = used > 0;
			add_character(&decoded, used > 0 ? c : '?');
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
