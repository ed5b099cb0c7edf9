/*
 * crypto/der.c
 */
#include "crypto/der.h"

#include <string.h>

void
der_begin(Der *der)
{
	der->start = DER_ROOM;
	der->failed = false;
}

void
der_wipe(Der *der)
{
	crypto_wipe(der, sizeof(*der));
}

const uint8_t *
der_bytes(const Der *der)
{
	return der->data + der->start;
}

size_t
der_len(const Der *der)
{
	return DER_ROOM - der->start;
}

void
der_put(Der *der, const void *bytes, size_t len)
{
	if (der->failed || len > der->start)
	{
		der->failed = true;
		return;
	}
	der->start -= len;
	memcpy(der->data + der->start, bytes, len);
}

static void
put_byte(Der *der, size_t byte)
{
	uint8_t		b = (uint8_t) byte;

	der_put(der, &b, 1);
}

/* The room is less than 64 kB. */
void
der_wrap(Der *der, DerTag tag, size_t since)
{
	size_t		len = der_len(der) - since;

	put_byte(der, len & 0xff);
	if (len > 0xff)
		put_byte(der, len >> 8);
	if (len > 0x7f)
		put_byte(der, len > 0xff ? 0x82 : 0x81);
	put_byte(der, tag);
}

void
der_put_number(Der *der, const uint8_t *bytes, size_t len)
{
	size_t		since = der_len(der);

	while (len > 1 && bytes[0] == 0)
		bytes++, len--;
	der_put(der, bytes, len);
	if (len == 0 || bytes[0] & 0x80)
		put_byte(der, 0);
	der_wrap(der, DER_INTEGER, since);
}

/* ---- reading ---- */

bool
der_take(DerText *text, DerTag tag, DerText *content)
{
	const uint8_t *at = text->at;
	size_t		left = text->len;
	size_t		len;
	size_t		more = 0;

	if (left < 2 || at[0] != tag)
		return false;
	len = at[1];
	at += 2, left -= 2;
	if (len & 0x80)
	{
		more = len & 0x7f;
		if (more < 1 || more > 3 || more > left)
			return false;
		for (len = 0; more > 0; more--, left--)
			len = len << 8 | *at++;
	}
	if (len > left)
		return false;
	*content = (DerText) {at, len};
	*text = (DerText) {at + len, left - len};
	return true;
}

bool
der_take_number(DerText *text, DerText *number)
{
	if (!der_take(text, DER_INTEGER, number) || number->len == 0 || number->at[0] & 0x80)
		return false;
	while (number->len > 0 && number->at[0] == 0)
		number->at++, number->len--;
	return true;
}
