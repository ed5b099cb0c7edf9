/*
 * rotation/calendar.h: days by number and by date.  Plain C, no server.
 *
 * The Gregorian calendar, as though there had never been another; day 0 is
 * 1970-01-01.  A local time is a number of seconds since that day began.
 */
#ifndef SECRETS_ROTATION_CALENDAR_H
#define SECRETS_ROTATION_CALENDAR_H

#include <stdint.h>

#define CALENDAR_SECONDS_A_DAY INT64_C(86400)

typedef struct CalendarDate
{
	int64_t		year;			/* 0 is 1 BC */
	int			month;			/* 1 to 12 */
	int			day;			/* 1 to 31 */
} CalendarDate;

extern int64_t calendar_to_day(CalendarDate date);
extern CalendarDate calendar_from_day(int64_t day);
extern int	calendar_month_length(int64_t year, int month);
extern int	calendar_weekday(int64_t day);	/* 0 is Sunday */

/* The day of a local time, and the second of that day. */
extern int64_t calendar_split(int64_t local, int *second);

/*
 * So many months later, then so many days; neither is negative.  Where the month
 * is too short for the day, its last: as PostgreSQL adds an interval.
 */
extern int64_t calendar_add(int64_t local, int months, int days);

#endif
