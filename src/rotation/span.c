/*
 * rotation/span.c
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "base/refuse.h"
#include "crypto/random.h"
#include "rotation/interval.h"
#include "rotation/span.h"

#define A_CENTURY (INT64CONST(36525) * USECS_PER_DAY)

static bool
measure(const Interval *interval, int64 *span)
{
	double		length = (double) interval->time
		+ ((double) interval->month * DAYS_PER_MONTH + interval->day) * USECS_PER_DAY;

	if (!(length >= 0 && length <= (double) A_CENTURY))
		return false;
	*span = (int64) length;
	return true;
}

int64
span_of(const Interval *interval, const char *argument)
{
	int64		span = 0;

	if (!measure(interval, &span))
		REFUSE(ERRCODE_INVALID_PARAMETER_VALUE, errmsg("%s must not be negative, nor more than a century", argument));
	return span;
}

int64
span_read(const char *text, const char *option)
{
	Interval   *interval = interval_read(text);
	int64		span = 0;

	if (interval == NULL || !measure(interval, &span))
		REFUSE(ERRCODE_INVALID_PARAMETER_VALUE,
			   errmsg("option \"%s\" must be an interval, and not negative", option),
			   errhint("As in \"2 hours\"."));
	return span;
}

int64
span_random(int64 span)
{
	uint64		random;

	if (!random_public(&random, sizeof(random)))
		refuse_crypto();
	return span > 0 ? (int64) (random % (uint64) span) : 0;
}
