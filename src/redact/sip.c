/*
 * redact/sip.c
 */
#include "redact/sip.h"

/* Words are read least byte first, on any machine. */
static uint64_t
read_word(const uint8_t *bytes, size_t len)
{
	uint64_t	word = 0;

	for (size_t i = 0; i < len; i++)
		word |= (uint64_t) bytes[i] << 8 * i;
	return word;
}

static inline uint64_t
turn(uint64_t word, int bits)
{
	return word << bits | word >> (64 - bits);
}

static inline void
mix(uint64_t v[4])
{
	v[0] += v[1];
	v[2] += v[3];
	v[1] = turn(v[1], 13) ^ v[0];
	v[3] = turn(v[3], 16) ^ v[2];
	v[0] = turn(v[0], 32);
	v[2] += v[1];
	v[0] += v[3];
	v[1] = turn(v[1], 17) ^ v[2];
	v[3] = turn(v[3], 21) ^ v[0];
	v[2] = turn(v[2], 32);
}

static inline void
take_in(uint64_t v[4], uint64_t word)
{
	v[3] ^= word;
	mix(v);
	v[0] ^= word;
}

SipKey
sip_key(const uint8_t bytes[SIP_KEY_LEN])
{
	return (SipKey) {{read_word(bytes, 8), read_word(bytes + 8, 8)}};
}

uint64_t
sip_hash(const SipKey *key, const uint8_t *bytes, size_t len)
{
	uint64_t	v[4] = {
		key->halves[0] ^ 0x736f6d6570736575, key->halves[1] ^ 0x646f72616e646f6d,
		key->halves[0] ^ 0x6c7967656e657261, key->halves[1] ^ 0x7465646279746573
	};
	size_t		at;

	for (at = 0; at + 8 <= len; at += 8)
		take_in(v, read_word(bytes + at, 8));
	take_in(v, read_word(bytes + at, len - at) | (uint64_t) len << 56);
	v[2] ^= 0xff;
	for (int i = 0; i < 3; i++)
		mix(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}
