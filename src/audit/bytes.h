/*
 * audit/bytes.h: fields one after the other, so that two different lists of
 * them never give the same bytes: each with its length in front, big-endian;
 * inside the room.
 */
#ifndef SECRETS_AUDIT_BYTES_H
#define SECRETS_AUDIT_BYTES_H

#include "lib/stringinfo.h"
#include "port/pg_bswap.h"

#define NULL_LENGTH 0xFFFFFFFFu

/* Like appendBinaryStringInfo(), but for the zero byte at the end: this is most of what the worker does. */
static inline void
put_bytes(StringInfo out, const void *data, size_t len)
{
	if ((size_t) (out->maxlen - out->len) <= len)
		enlargeStringInfo(out, (int) len);
	memcpy(out->data + out->len, data, len);
	out->len += (int) len;
}

static inline void
put_length(StringInfo out, uint32 len)
{
	len = pg_hton32(len);
	put_bytes(out, &len, sizeof(len));
}

static inline void
put_field(StringInfo out, const void *data, size_t len)
{
	put_length(out, (uint32) len);
	put_bytes(out, data, len);
}

static inline void
put_int8(StringInfo out, int64 number)
{
	uint64		big = pg_hton64((uint64) number);

	put_field(out, &big, sizeof(big));
}

#endif
