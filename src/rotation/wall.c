/*
 * rotation/wall.c
 */
#include "rotation/wall.h"
#include "rotation/calendar.h"

int64_t
wall_shows(const Wall *wall, int64_t instant)
{
	return instant + wall->look(wall, instant).ahead;
}

int64_t
wall_latest(const Wall *wall, int64_t instant)
{
	/* What the wall showed before that was earlier than anything it can show now. */
	int64_t		from = instant - 2 * WALL_FARTHEST;
	int64_t		latest = INT64_MIN;

	for (;;)
	{
		WallSpan	span = wall->look(wall, from);
		bool		is_last = span.until > instant;
		int64_t		shown = (is_last ? instant : span.until - 1) + span.ahead;

		if (shown > latest)
			latest = shown;
		if (is_last)
			return latest;
		from = span.until;
	}
}

int64_t
wall_reaches(const Wall *wall, int64_t after, int64_t local)
{
	/* Before that no wall can show it. */
	int64_t		from = local - WALL_FARTHEST;

	if (from <= after)
		from = after + 1;
	for (;;)
	{
		WallSpan	span = wall->look(wall, from);
		int64_t		at = local - span.ahead;

		if (at < span.until)
			return at > from ? at : from;
		from = span.until;
	}
}

int64_t
wall_add(const Wall *wall, int64_t after, int months, int days, bool *skipped)
{
	int64_t		local = calendar_add(wall_shows(wall, after), months, days);
	int64_t		instant = wall_reaches(wall, after, local);

	*skipped = wall_shows(wall, instant) != local;
	return instant;
}
