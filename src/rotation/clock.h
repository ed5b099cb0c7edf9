/*
 * rotation/clock.h: when it is time again.
 *
 * A schedule is an interval ('30 days'), five cron fields ('0 3 * * sun'), a
 * word for such ('@daily'), or 'manual': never by itself.  Days, months and cron
 * fields are those of a time zone; nothing depends on the session's.
 */
#ifndef SECRETS_ROTATION_CLOCK_H
#define SECRETS_ROTATION_CLOCK_H

#include "datatype/timestamp.h"

typedef struct Clock Clock;

/*
 * In the current memory context.  timezone NULL: UTC.  22023, quoting nothing,
 * for what is no schedule or no time zone, for an interval of less than a minute
 * or more than a century, and for fields that no day ever matches (0 0 30 2 *).
 */
extern Clock *clock_read(const char *schedule, const char *timezone);

extern bool clock_is_manual(const Clock *clock);

/*
 * The first time after that one; DT_NOEND where it is manual.  Of an interval:
 * one interval after it.  Of cron fields: a local time that the clocks leave out
 * comes once, when they have gone forward; one that they show twice comes once,
 * the first time.
 */
extern TimestampTz clock_next(const Clock *clock, TimestampTz after);

#endif
