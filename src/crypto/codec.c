/*
 * crypto/codec.c
 */
#include "crypto/codec.h"

#include <string.h>

static const char url_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static int
digit64(char c, const char *last_two)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == last_two[0])
		return 62;
	if (c == last_two[1])
		return 63;
	return -1;
}

size_t
base64url_len(size_t nbytes)
{
	return nbytes / 3 * 4 + (nbytes % 3 ? nbytes % 3 + 1 : 0);
}

void
base64url_encode(const uint8_t *in, size_t len, char *out)
{
	size_t		i;

	for (i = 0; i + 3 <= len; i += 3)
	{
		uint32_t	v = (uint32_t) in[i] << 16 | (uint32_t) in[i + 1] << 8 | in[i + 2];

		*out++ = url_digits[v >> 18];
		*out++ = url_digits[v >> 12 & 63];
		*out++ = url_digits[v >> 6 & 63];
		*out++ = url_digits[v & 63];
	}
	if (len - i > 0)
	{
		uint32_t	v = (uint32_t) in[i] << 16 | (len - i == 2 ? (uint32_t) in[i + 1] << 8 : 0);

		*out++ = url_digits[v >> 18];
		*out++ = url_digits[v >> 12 & 63];
		if (len - i == 2)
			*out++ = url_digits[v >> 6 & 63];
	}
}

static bool
decode64(const char *in, size_t len, const char *last_two, uint8_t *out, size_t *outlen)
{
	uint32_t	bits = 0;
	int			nbits = 0;
	size_t		n = 0;

	if (len % 4 == 1)
		return false;
	for (size_t i = 0; i < len; i++)
	{
		int			d = digit64(in[i], last_two);

		if (d < 0)
			return false;
		bits = bits << 6 | (uint32_t) d;
		nbits += 6;
		if (nbits >= 8)
		{
			nbits -= 8;
			out[n++] = (uint8_t) (bits >> nbits);
			bits &= (1u << nbits) - 1;
		}
	}
	*outlen = n;
	return bits == 0;
}

bool
base64url_decode(const char *in, size_t len, uint8_t *out, size_t *outlen)
{
	return decode64(in, len, "-_", out, outlen);
}

bool
base64_decode(const char *in, size_t len, uint8_t *out, size_t *outlen)
{
	if (len % 4 != 0)
		return false;
	if (len > 0 && in[len - 1] == '=')
		len--;
	if (len % 4 == 3 && in[len - 1] == '=')
		len--;
	return decode64(in, len, "+/", out, outlen);
}

bool
base64_decode_key(const char *in, size_t len, uint8_t out[CRYPTO_KEY_LEN])
{
	size_t		n;

	return len == 44 && in[43] == '=' && decode64(in, 43, "+/", out, &n) && n == CRYPTO_KEY_LEN;
}

void
codec_to_hex(const uint8_t *in, size_t len, char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++)
	{
		*out++ = digits[in[i] >> 4];
		*out++ = digits[in[i] & 15];
	}
	*out = '\0';
}

static int
digit16(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bool
codec_from_hex(const char *in, size_t len, uint8_t *out)
{
	if (len % 2 != 0)
		return false;
	for (size_t i = 0; i < len; i += 2)
	{
		int			hi = digit16(in[i]);
		int			lo = digit16(in[i + 1]);

		if (hi < 0 || lo < 0)
			return false;
		out[i / 2] = (uint8_t) (hi << 4 | lo);
	}
	return true;
}
