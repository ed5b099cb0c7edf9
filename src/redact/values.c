/*
 * redact/values.c
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "mb/pg_wchar.h"
#include "storage/proc.h"
#include "utils/guc.h"

#include "base/compat.h"
#include "redact/members.h"
#include "redact/values.h"
#include "redact/words.h"

static uint64 room[BLOT_SIZE / sizeof(uint64)];	/* untouched, it is no memory of this process */
static Blotter *const blotter = (Blotter *) room;

static bool is_begun = false;
static uint64 ncounted = 0;
static LocalTransactionId age = InvalidLocalTransactionId;	/* whose values come in now */
static TimestampTz passed_last = 0; /* when the statement began in which the last one came */

/*
 * The same, for parallel workers: they are given the settings that anybody has set,
 * with what is in these variables when they start.
 */
static int	passed_in = 0;

#define PASSED_IN "secrets.values_passed_in"

void
values_init(void)
{
	DefineCustomIntVariable(PASSED_IN,
							"The transaction in which values have passed, for its parallel workers.", NULL,
							&passed_in, 0, INT_MIN, INT_MAX, PGC_SUSET,
							GUC_NO_SHOW_ALL | GUC_NO_RESET_ALL | GUC_NOT_IN_SAMPLE | GUC_DISALLOW_IN_FILE, NULL, NULL, NULL);
	SetConfigOption(PASSED_IN, "0", PGC_SUSET, PGC_S_DYNAMIC_DEFAULT);
}

static bool
works_for_one_who_knows(void)
{
	return IsParallelWorker() && passed_in != 0 && MyProc && MyProc->lockGroupLeader
		&& passed_in == (int) TRANSACTION_OF(MyProc->lockGroupLeader);
}

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
	LocalTransactionId now = TRANSACTION_OF(MyProc);

	if (!is_begun)
		begin();
	if (age != now)
		blot_age(blotter);
	age = now;
	passed_in = (int) now;
	passed_last = GetCurrentStatementStartTimestamp();
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
	return !blot_is_empty(blotter) || works_for_one_who_knows();
}

bool
values_are_lost(void)
{
	return blot_has_lost(blotter) && MyProc && age == TRANSACTION_OF(MyProc);
}

bool
values_passed_in_statement(void)
{
	return passed_last != 0 && passed_last == GetCurrentStatementStartTimestamp();
}

/* Half a character may be left, by which the whole line would be lost on its way to the client. */
static void
cover_characters(char *text, Size len)
{
	for (Size i = 0; i < len; i++)
		if (IS_HIGHBIT_SET(text[i]))
			text[i] = '*';
}

static void
cover(char *text, Size len)
{
	if (works_for_one_who_knows())
		memset(text, '*', len);
	else if (blot_text(blotter, text, len) && !pg_verify_mbstr(GetDatabaseEncoding(), text, (int) len, true))
		cover_characters(text, len);
}

void
values_cover(char *text)
{
	if (text && values_any())
		cover(text, strlen(text));
}

/* What is no value's place gets its bytes back; without memory for that too much is covered. */
void
values_cover_sql(char *text, Size len)
{
	char	   *before;
	char	   *masked;

	if (!values_any())
		return;
	before = palloc_extended(2 * len + 1, MCXT_ALLOC_NO_OOM | MCXT_ALLOC_HUGE);
	masked = before ? before + len : NULL;
	if (before)
	{
		memcpy(before, text, len);
		memcpy(masked, text, len);
		(void) words_mask(masked, len, MASK_ALL);
	}
	cover(text, len);
	if (before == NULL)
		return;
	for (Size i = 0; i < len; i++)
		if (masked[i] == before[i])
			text[i] = before[i];
	explicit_bzero(before, 2 * len);
	pfree(before);
}
