/*
 * redact/values.c
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "storage/proc.h"

#include "base/compat.h"
#include "redact/members.h"
#include "redact/values.h"

static uint64 room[BLOT_SIZE / sizeof(uint64)];	/* untouched, it is no memory of this process */
static Blotter *const blotter = (Blotter *) room;

static bool is_begun = false;
static uint64 ncounted = 0;
static LocalTransactionId age = InvalidLocalTransactionId;	/* whose values come in now */

/* The first time in this process.  Where there is no randomness it works the same, under a key that anybody knows. */
static void
begin(void)
{
	uint8		key[BLOT_KEY_LEN] = {0};

	(void) pg_strong_random(key, sizeof(key));
	blot_init(blotter, key);
	explicit_bzero(key, sizeof(key));
	is_begun = true;
}

void
values_remember(const char *value, Size len)
{
	LocalTransactionId now = MY_TRANSACTION;

	if (!is_begun)
		begin();
	if (age != now)
		blot_age(blotter);
	age = now;
	ncounted++;
	blot_remember(blotter, value, len);
	members_remember(blotter, value, len);
}

uint64
values_counted(void)
{
	return ncounted;
}

bool
values_any(void)
{
	return !blot_is_empty(blotter);
}

/* Half a character may be left, by which the whole line would be lost on its way to the client. */
static void
cover_characters(char *text)
{
	for (; *text; text++)
		if (IS_HIGHBIT_SET(*text))
			*text = '*';
}

void
values_cover(char *text)
{
	Size		len;

	if (text == NULL || !values_any())
		return;
	len = strlen(text);
	if (blot_text(blotter, text, len) && !pg_verify_mbstr(GetDatabaseEncoding(), text, (int) len, true))
		cover_characters(text);
}
