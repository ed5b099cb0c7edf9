/*
 * redact/decode.c
 */
#include <string.h>

#include "redact/decode.h"

int
decode_hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
		return (c | 0x20) - 'a' + 10;
	return -1;
}

int
decode_base64_digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' || c == '-' ? 62 : c == '/' || c == '_' ? 63 : -1;
}

size_t
decode_digits(const char *text, size_t len, int base, size_t most, uint32_t *number)
{
	size_t		n;

	*number = 0;
	for (n = 0; n < len && n < most; n++)
	{
		int			digit = decode_hex_digit(text[n]);

		if (digit < 0 || digit >= base)
			break;
		*number = *number * (uint32_t) base + (uint32_t) digit;
	}
	return n;
}

size_t
decode_byte(const char *text, size_t len, int base, uint32_t *number)
{
	size_t		sign = base == 10 && len > 0 && text[0] == '-' ? 1 : 0;
	size_t		digits = decode_digits(text + sign, len - sign, base, 4, number);

	if (digits == 0 || digits > (base == 10 ? 3 : 2) || *number > 255)
		return 0;
	*number = sign ? 0 - *number : *number;
	return sign + digits;
}

/* ---- backslashes ---- */

static size_t
write_utf8(uint32_t c, char out[4])
{
	size_t		n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	static const unsigned char first[] = {0, 0, 0xc0, 0xe0, 0xf0};

	for (size_t i = n - 1; i > 0; i--, c >>= 6)
		out[i] = (char) (0x80 | (c & 63));
	out[0] = (char) (first[n] | c);
	return n;
}

/* \u and four digits, or two of these, which are one character together. */
static size_t
read_unicode(const char *text, size_t len, char out[4], size_t *nout)
{
	uint32_t	c;
	uint32_t	low;
	size_t		used = 6;

	if (decode_digits(text + 2, len - 2, 16, 4, &c) < 4)
	{
		out[0] = 'u';
		return 2;
	}
	if (c >> 10 == 0x36 && len >= 12 && text[6] == '\\' && text[7] == 'u'
		&& decode_digits(text + 8, 4, 16, 4, &low) == 4 && low >> 10 == 0x37)
	{
		c = 0x10000 + ((c & 0x3ff) << 10) + (low & 0x3ff);
		used = 12;
	}
	*nout = write_utf8(c, out);
	return used;
}

size_t
decode_escape(const char *text, size_t len, char out[4], size_t *nout)
{
	static const char names[] = "abefnrtv";
	static const char meanings[] = "\a\b\033\f\n\r\t\v";
	const char *name;
	uint32_t	number;
	size_t		digits;
	size_t		used = 2;

	*nout = 1;
	out[0] = '\\';
	if (len < 2)
		return 1;
	if (text[1] == 'u')
		return read_unicode(text, len, out, nout);
	name = text[1] ? strchr(names, text[1]) : NULL;
	out[0] = name ? meanings[name - names] : text[1];
	if (text[1] == 'x')
		used += digits = decode_digits(text + 2, len - 2, 16, 2, &number);
	else if ((digits = decode_digits(text + 1, len - 1, 8, 3, &number)) > 0)
		used = 1 + digits;
	if (digits > 0)
		out[0] = (char) number;
	return used;
}
