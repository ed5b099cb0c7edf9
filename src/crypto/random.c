/*
 * crypto/random.c
 */
#include "crypto/random.h"

#include <openssl/rand.h>
#include <string.h>
#include <unistd.h>

static uint8_t batch[4096];
static size_t batch_left = 0;
static pid_t batch_pid = 0;

bool
random_secret(void *out, size_t len)
{
	return RAND_priv_bytes_ex(NULL, out, len, 0) == 1;
}

bool
random_public(void *out, size_t len)
{
	if (len > sizeof(batch))
		return RAND_bytes_ex(NULL, out, len, 0) == 1;

	/* After a fork both processes hold the same batch: only one may go on with it. */
	if (batch_left < len || batch_pid != getpid())
	{
		batch_left = 0;
		if (RAND_bytes_ex(NULL, batch, sizeof(batch), 0) != 1)
			return false;
		batch_left = sizeof(batch);
		batch_pid = getpid();
	}
	batch_left -= len;
	memcpy(out, batch + batch_left, len);
	crypto_wipe(batch + batch_left, len);
	return true;
}

bool
random_uuid(uint8_t out[16])
{
	if (!random_public(out, 16))
		return false;
	out[6] = (uint8_t) ((out[6] & 0x0f) | 0x40);
	out[8] = (uint8_t) ((out[8] & 0x3f) | 0x80);
	return true;
}

bool
random_below(uint32_t n, uint32_t *out)
{
	uint32_t	draw;
	uint32_t	limit = UINT32_MAX - UINT32_MAX % n;	/* whole multiples of n only */

	do
	{
		if (!random_secret(&draw, sizeof(draw)))
			return false;
	} while (draw >= limit);
	*out = draw % n;
	crypto_wipe(&draw, sizeof(draw));
	return true;
}
