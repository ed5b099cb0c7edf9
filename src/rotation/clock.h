/*
 * rotation/clock.h: when it is time again.
 *
 * A schedule is an interval ('30 days'), five cron fields ('0 3 * * sun'; see
 * cron.h), a word for such ('@daily'), or 'manual': never by itself.  Days,
 * months and cron fields are those of a time zone; nothing depends on the
 * session's.
 */
#ifndef SECRETS_ROTATION_CLOCK_H
#define SECRETS_ROTATION_CLOCK_H

#include "datatype/timestamp.h"

typedef struct Clock Clock;

/*
 * In the current memory context.  timezone NULL: UTC; else a name, in either
 * case.  22023, quoting nothing, for what is no schedule or no name of a time
 * zone, for an interval of less than a minute or more than a century or with a
 * negative part, for a bare number, and for fields that no day ever matches
 * (0 0 30 2 *).
 */
extern Clock *clock_read(const char *schedule, const char *timezone);

/*
 * The first time after that one; DT_NOEND where it is manual, or where no
 * timestamp is as late, or that one is infinite.  Of an interval: one interval
 * after it, its months and days by the zone's clocks and calendar, what is
 * shorter as it elapses.  A local time that the clocks leave out comes once, when
 * they have gone forward, together with all that is left out with it; one that
 * they show twice comes once, the first time.
 */
extern TimestampTz clock_next(const Clock *clock, TimestampTz after);

#endif
