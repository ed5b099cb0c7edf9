/*
 * shake128.h: SHAKE-128 (FIPS 202) as a sponge that is written to and then read
 * from, a few bytes at a time.  libcrypto reads in pieces only from 3.3 on.
 */
#ifndef TEST_SHAKE128_H
#define TEST_SHAKE128_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define SHAKE128_RATE 168

typedef struct Shake128
{
	uint64_t	lane[25];
	size_t		at;				/* the next byte of the rate to write or read */
	int			reading;
} Shake128;

static inline uint64_t
rotate_left(uint64_t v, int n)
{
	return n == 0 ? v : v << n | v >> (64 - n);
}

static inline void
keccak_theta(uint64_t a[25])
{
	uint64_t	column[5];

	for (int x = 0; x < 5; x++)
		column[x] = a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20];
	for (int i = 0; i < 25; i++)
		a[i] ^= column[(i + 4) % 5] ^ rotate_left(column[(i + 1) % 5], 1);
}

/* Rho and pi walk one cycle through 24 lanes; the turns are the triangular numbers. */
static inline void
keccak_rho_pi(uint64_t a[25])
{
	int			x = 1;
	int			y = 0;
	uint64_t	carried = a[1];

	for (int t = 0; t < 24; t++)
	{
		int			next_y = (2 * x + 3 * y) % 5;
		uint64_t	displaced;

		x = y;
		y = next_y;
		displaced = a[x + 5 * y];
		a[x + 5 * y] = rotate_left(carried, (t + 1) * (t + 2) / 2 % 64);
		carried = displaced;
	}
}

static inline void
keccak_chi(uint64_t a[25])
{
	for (int y = 0; y < 25; y += 5)
	{
		uint64_t	row[5];

		memcpy(row, a + y, sizeof(row));
		for (int x = 0; x < 5; x++)
			a[y + x] = row[x] ^ (~row[(x + 1) % 5] & row[(x + 2) % 5]);
	}
}

/* A round's constant: seven bits of a shift register, at places 0, 1, 3, 7, 15, 31, 63. */
static inline uint64_t
keccak_iota(uint8_t *shift_register)
{
	uint64_t	constant = 0;

	for (int j = 0; j < 7; j++)
	{
		if (*shift_register & 1)
			constant |= (uint64_t) 1 << ((1 << j) - 1);
		*shift_register = (uint8_t) (*shift_register << 1 ^ (*shift_register >> 7) * 0x71);
	}
	return constant;
}

static inline void
keccak_f1600(uint64_t a[25])
{
	uint8_t		shift_register = 1;

	for (int round = 0; round < 24; round++)
	{
		keccak_theta(a);
		keccak_rho_pi(a);
		keccak_chi(a);
		a[0] ^= keccak_iota(&shift_register);
	}
}

static inline void
shake128_xor_byte(Shake128 *s, size_t at, uint8_t byte)
{
	s->lane[at / 8] ^= (uint64_t) byte << 8 * (at % 8);
}

static inline void
shake128_write(Shake128 *s, const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
	{
		shake128_xor_byte(s, s->at++, data[i]);
		if (s->at == SHAKE128_RATE)
		{
			keccak_f1600(s->lane);
			s->at = 0;
		}
	}
}

static inline void
shake128_read(Shake128 *s, uint8_t *out, size_t len)
{
	if (!s->reading)
	{
		shake128_xor_byte(s, s->at, 0x1f);
		shake128_xor_byte(s, SHAKE128_RATE - 1, 0x80);
		s->at = SHAKE128_RATE;
		s->reading = 1;
	}
	for (size_t i = 0; i < len; i++)
	{
		if (s->at == SHAKE128_RATE)
		{
			keccak_f1600(s->lane);
			s->at = 0;
		}
		out[i] = (uint8_t) (s->lane[s->at / 8] >> 8 * (s->at % 8));
		s->at++;
	}
}

#endif
