/*
 * rotation/cron.h: five cron fields.  Plain C, no server; it allocates nothing.
 *
 * Minute, hour, day of month, month, day of week, between blanks.  A field is a
 * list (1,15) of numbers, of ranges (9-17), or of * for all; ranges and * may
 * have a step (9-17/2).  Months and days of the week have names, of three letters
 * in either case; Sunday is 0 and 7, and sun also where a range ends.  Or a word:
 * @hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually.
 *
 * As in cron, both day fields must match a day; but where neither begins with *,
 * one of them is enough.  Unlike in some crons, nothing is guessed: a range that
 * runs backwards, a step behind a single number, a step that is larger than the
 * field, are not cron fields.
 */
#ifndef SECRETS_ROTATION_CRON_H
#define SECRETS_ROTATION_CRON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rotation/wall.h"

/* Bit n stands for n. */
typedef struct Cron
{
	uint64_t	minutes;
	uint32_t	hours;
	uint32_t	days;			/* 1 to 31 */
	uint32_t	months;			/* 1 to 12 */
	uint32_t	weekdays;		/* 0, Sunday, to 6 */
	bool		either_day;		/* days or weekdays; else both */
} Cron;

typedef enum CronResult
{
	CRON_OK,
	CRON_INVALID,				/* what is in cron is of no use */
	CRON_NEVER					/* no such day ever comes: February 30th */
} CronResult;

extern CronResult cron_parse(const char *text, size_t len, Cron *cron);

/*
 * The first minute that matches and begins after that local time.  Some do not
 * come for years: a leap day that is to be a Sunday up to 40.
 */
extern int64_t cron_next_local(const Cron *cron, int64_t local);

/* The first instant after that one at which a local minute comes that matches. */
extern int64_t cron_next(const Cron *cron, const Wall *wall, int64_t after);

#endif
