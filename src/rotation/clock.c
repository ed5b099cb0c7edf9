/*
 * rotation/clock.c
 *
 * When is in cron.c and wall.c, without a server; here are PostgreSQL's time
 * zones and intervals.
 */
#include "postgres.h"

#include "pgtime.h"
#include "utils/timestamp.h"

#include "base/refuse.h"
#include "rotation/clock.h"
#include "rotation/cron.h"
#include "rotation/interval.h"
#include "rotation/wall.h"

#define CENTURY_MONTHS	1200
#define CENTURY_DAYS	36525
#define CENTURY			(CENTURY_DAYS * USECS_PER_DAY)
#define USECS_PER_MONTH (CENTURY / CENTURY_MONTHS)	/* one like another */

/* From 1970 to 2000: timestamps begin later than instants. */
#define EPOCH_SECONDS	((int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY)

typedef enum Form
{
	MANUAL,
	INTERVAL,
	CRON
} Form;

struct Clock
{
	Wall		wall;			/* first: look_at_zone() finds the zone behind it */
	pg_tz	   *zone;			/* kept by PostgreSQL, for good */
	Form		form;
	Interval	interval;
	Cron		cron;
};

static WallSpan
look_at_zone(const Wall *wall, int64_t instant)
{
	const pg_tz *zone = ((const Clock *) wall)->zone;
	pg_time_t	at = instant;
	long		before = 0;
	long		after;
	int			is_dst;
	int			is_dst_after;
	pg_time_t	boundary;
	int			found = pg_next_dst_boundary(&at, &before, &is_dst, &boundary, &after, &is_dst_after, zone);

	if (found == 0)
	{
		/* It says so as well at the very instant of the last change that it keeps, although it goes on to make others up. */
		at++;
		found = pg_next_dst_boundary(&at, &before, &is_dst, &boundary, &after, &is_dst_after, zone);
	}
	return (WallSpan) {before, found > 0 ? boundary : INT64_MAX};
}

/* Looks through them all. */
static bool
zone_is_listed(const char *name)
{
	pg_tzenum  *all = pg_tzenumerate_start();
	bool		found = false;
	pg_tz	   *zone;

	while (!found && (zone = pg_tzenumerate_next(all)) != NULL)
		found = strcmp(pg_get_timezone_name(zone), name) == 0;
	pg_tzenumerate_end(all);
	return found;
}

/*
 * A name, and not a rule as POSIX has them, which pg_tzset() takes as well: in
 * one of these +02:00 is two hours behind, not ahead.  Rules have digits, and
 * come back in capitals; few names do.
 */
static bool
zone_has_name(pg_tz *zone)
{
	const char *name = pg_get_timezone_name(zone);

	if (strpbrk(name, "0123456789") == NULL || strpbrk(name, "abcdefghijklmnopqrstuvwxyz") != NULL)
		return true;
	return zone_is_listed(name);
}

static pg_tz *
read_zone(const char *timezone)
{
	pg_tz	   *zone = pg_tzset(timezone ? timezone : "GMT");

	if (zone == NULL || !pg_tz_acceptable(zone) || !zone_has_name(zone))
		REFUSE(ERRCODE_INVALID_PARAMETER_VALUE,
			   errmsg("unknown time zone"),
			   errhint("Time zones have names, like Europe/Berlin: see the view pg_timezone_names."));
	return zone;
}

/* Without the blanks around it. */
static char *
strip(const char *text)
{
	static const char *const blanks = " \t\r\n";
	size_t		len;

	text += strspn(text, blanks);
	len = strlen(text);
	while (len > 0 && strchr(blanks, text[len - 1]))
		len--;
	return pnstrdup(text, len);
}

/*
 * PostgreSQL would take bare numbers for seconds, and nobody means these; and
 * it passes over what it does not know, so that a mistyped line of cron would be
 * an interval.
 */
static bool
may_be_interval(const char *text)
{
	if (text[strspn(text, "0123456789.+")] == '\0')
		return false;
	return text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 \t.:+-")] == '\0';
}

/* Each part by itself goes forward, so that the whole does on any date. */
static bool
is_in_bounds(const Interval *interval)
{
	if (interval->month < 0 || interval->day < 0 || interval->time < 0)
		return false;
	if (interval->month > CENTURY_MONTHS || interval->day > CENTURY_DAYS || interval->time > CENTURY)
		return false;
	if (interval->month * USECS_PER_MONTH + interval->day * USECS_PER_DAY + interval->time > CENTURY)
		return false;
	return interval->month > 0 || interval->day > 0 || interval->time >= USECS_PER_MINUTE;
}

static Interval
read_interval(const char *text)
{
	Interval   *interval = may_be_interval(text) ? interval_read(text) : NULL;

	if (interval == NULL)
		REFUSE(ERRCODE_INVALID_PARAMETER_VALUE,
			   errmsg("this is not a schedule"),
			   errhint("A schedule is an interval ('30 days'), five cron fields ('0 3 * * sun'), or 'manual'."));
	if (!is_in_bounds(interval))
		REFUSE(ERRCODE_INVALID_PARAMETER_VALUE,
			   errmsg("the interval of a schedule must be between a minute and a century, and no part of it negative"));
	return *interval;
}

static void
read_schedule(Clock *clock, const char *text)
{
	switch (cron_parse(text, strlen(text), &clock->cron))
	{
		case CRON_OK:
			clock->form = CRON;
			break;
		case CRON_NEVER:
			REFUSE(ERRCODE_INVALID_PARAMETER_VALUE, errmsg("no day ever matches the schedule"));
			break;
		case CRON_INVALID:
			clock->form = INTERVAL;
			clock->interval = read_interval(text);
	}
}

Clock *
clock_read(const char *schedule, const char *timezone)
{
	Clock	   *clock = palloc0(sizeof(Clock));
	char	   *text = strip(schedule);

	clock->wall.look = look_at_zone;
	clock->zone = read_zone(timezone);
	if (pg_strcasecmp(text, "manual") == 0)
		clock->form = MANUAL;
	else
		read_schedule(clock, text);
	pfree(text);
	return clock;
}

/* The whole second that a timestamp is in, and what it has beyond it. */
static int64
to_instant(TimestampTz at, int64 *fraction)
{
	*fraction = at % USECS_PER_SEC;
	if (*fraction < 0)
		*fraction += USECS_PER_SEC;
	return (at - *fraction) / USECS_PER_SEC + EPOCH_SECONDS;
}

/* Neither wraps around: instants end long before, and what is added is less than a second, or a century. */
static TimestampTz
to_timestamp(int64 instant, int64 more)
{
	int64		seconds = instant - EPOCH_SECONDS;

	if (seconds >= END_TIMESTAMP / USECS_PER_SEC - more / USECS_PER_SEC - 1)
		return DT_NOEND;
	return seconds * USECS_PER_SEC + more;
}

/* Months and days as calendar and wall have them, and then what is shorter, as it elapses. */
static TimestampTz
add_interval(const Clock *clock, TimestampTz after)
{
	const Interval *interval = &clock->interval;
	int64		fraction;
	int64		instant = to_instant(after, &fraction);

	if (interval->month > 0 || interval->day > 0)
	{
		bool		skipped;

		instant = wall_add(&clock->wall, instant, interval->month, interval->day, &skipped);
		if (skipped)
			fraction = 0;
	}
	return to_timestamp(instant, fraction + interval->time);
}

TimestampTz
clock_next(const Clock *clock, TimestampTz after)
{
	int64		fraction;

	if (clock->form == MANUAL || !IS_VALID_TIMESTAMP(after))
		return DT_NOEND;
	if (clock->form == INTERVAL)
		return add_interval(clock, after);
	return to_timestamp(cron_next(&clock->cron, &clock->wall, to_instant(after, &fraction)), 0);
}
