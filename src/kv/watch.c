/*
 * kv/watch.c: telling whoever listens, at commit, that something changed.
 *
 * Only watched secrets notify: NOTIFY takes a lock of the whole cluster until
 * commit.  The channel's name is random, so that only who may ask for it can
 * listen; it stays the same for the secret's life, renames included.
 */
#include "postgres.h"

#include "commands/async.h"
#include "utils/timestamp.h"

#include "base/refuse.h"
#include "crypto/codec.h"
#include "crypto/random.h"
#include "kv/common.h"

#define SUBSCRIPTION_SECONDS	(24 * 60 * 60)
#define CHANNEL_BYTES			16

void
notify_watchers(const Secret *secret, int64 version, const char *event)
{
	if (secret->watch_channel == NULL || secret->watch_until == NEVER
		|| secret->watch_until <= GetCurrentTimestamp())
		return;
	Async_Notify(secret->watch_channel,
				 psprintf("{\"version\":" INT64_FORMAT ",\"event\":\"%s\"}", version, event));
}

static char *
make_channel(void)
{
	uint8_t		bytes[CHANNEL_BYTES];
	char		digits[2 * CHANNEL_BYTES + 1];

	if (!random_public(bytes, sizeof(bytes)))
		refuse_crypto();
	codec_to_hex(bytes, sizeof(bytes), digits);
	return psprintf("secrets_%s", digits);
}

char *
kv_watch(const char *name)
{
	Secret		secret;

	check_name(name);
	/* Not for whoever may only list: it writes, and locks as a write does. */
	(void) require_change(PRIV_READ, name);
	lock_secret(name, LOCK_CHANGE, &secret);
	if (secret.watch_channel == NULL)
		secret.watch_channel = make_channel();
	secret.watch_until = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), INT64CONST(1000) * SUBSCRIPTION_SECONDS);
	store_update(&secret);
	return secret.watch_channel;
}
