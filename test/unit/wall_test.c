/*
 * wall_test.c: when a local time comes.
 */
#include "rotation/calendar.h"
#include "rotation/wall.h"

#include "check.h"
#include "slow_wall.h"

#define HOUR 3600
#define DAY 86400

/* Whatever was shown before: the next second that it shows that or more. */
static void
check_reaching(const Wall *wall, int64_t after, int64_t local)
{
	int64_t		instant = after + 1;

	while (wall_shows(wall, instant) < local)
		instant++;
	CHECK(wall_reaches(wall, after, local) == instant, "after %lld, %lld", (long long) after, (long long) local);
}

static void
on_random_walls(void)
{
	static SlowWall slow;

	for (int i = 0; i < 3000; i++)
	{
		int64_t		latest = INT64_MIN;

		slow_wall_make(&slow, pick);
		for (int64_t instant = 0; instant < SLOW_END; instant++)
		{
			int64_t		local = instant + slow_wall_look(&slow.wall, instant).ahead;

			latest = local > latest ? local : latest;
			if (pick(50) == 0)
				CHECK(wall_latest(&slow.wall, instant) == latest && wall_shows(&slow.wall, instant) == local,
					  "wall %d at %lld", i, (long long) instant);
		}
		for (int j = 0; j < 10; j++)
			check_reaching(&slow.wall, pick(SLOW_END), (int64_t) pick(SLOW_END + 2 * SLOW_AHEAD) - SLOW_AHEAD);
		for (int j = 0; j < 200; j++)
		{
			int64_t		local = (int64_t) pick(SLOW_END + 2 * SLOW_AHEAD) - SLOW_AHEAD;
			int64_t		comes = slow.comes[local + SLOW_AHEAD];

			if (comes > 0)
				CHECK(wall_reaches(&slow.wall, (int64_t) pick((uint32_t) comes), local) == comes,
					  "wall %d reaches %lld", i, (long long) local);
			if (comes > 0 && j % 8 == 0)
				CHECK(wall_latest(&slow.wall, comes - 1) < local && wall_latest(&slow.wall, comes) >= local,
					  "wall %d at %lld", i, (long long) local);
		}
	}
}

/* An hour ahead, from 1000 hours on two, from 2000 hours on one again: hours so that days begin on them. */
static WallSpan
look_at_summer(const Wall *wall, int64_t instant)
{
	(void) wall;
	if (instant < 1000 * HOUR)
		return (WallSpan) {HOUR, 1000 * HOUR};
	if (instant < 2000 * HOUR)
		return (WallSpan) {2 * HOUR, 2000 * HOUR};
	return (WallSpan) {HOUR, INT64_MAX};
}

static void
summer(void)
{
	const Wall	wall = {look_at_summer};
	const int64_t gap = 1000 * HOUR;	/* 1001:00 becomes 1002:00 */
	const int64_t back = 2000 * HOUR;	/* 2002:00 becomes 2001:00 */

	CHECK(wall_reaches(&wall, 0, 1000 * HOUR) == 999 * HOUR);
	CHECK(wall_reaches(&wall, 0, 1001 * HOUR - 1) == gap - 1);
	CHECK(wall_reaches(&wall, 0, 1001 * HOUR) == gap);
	CHECK(wall_reaches(&wall, 0, 1001 * HOUR + 1) == gap);
	CHECK(wall_reaches(&wall, 0, 1002 * HOUR) == gap);
	CHECK(wall_reaches(&wall, 0, 1002 * HOUR + 1) == gap + 1);
	CHECK(wall_reaches(&wall, 0, 2001 * HOUR) == back - HOUR);
	CHECK(wall_reaches(&wall, 0, 2002 * HOUR - 1) == back - 1);
	CHECK(wall_reaches(&wall, 0, 2002 * HOUR) == back + HOUR);
	CHECK(wall_latest(&wall, gap - 1) == 1001 * HOUR - 1 && wall_latest(&wall, gap) == 1002 * HOUR);
	CHECK(wall_latest(&wall, back - 1) == 2002 * HOUR - 1 && wall_latest(&wall, back) == 2002 * HOUR - 1);
	CHECK(wall_latest(&wall, back + HOUR) == 2002 * HOUR);
}

static void
adding(void)
{
	const Wall	wall = {look_at_summer};
	bool		skipped;

	/* A day of 23 hours, and one of 25. */
	CHECK(wall_add(&wall, 990 * HOUR, 0, 1, &skipped) == 1013 * HOUR && !skipped);
	CHECK(wall_add(&wall, 1990 * HOUR, 0, 1, &skipped) == 2015 * HOUR && !skipped);
	/* From half an hour before the gap, a day earlier, into it: when it ends. */
	CHECK(wall_add(&wall, 1000 * HOUR - DAY + HOUR / 2, 0, 1, &skipped) == 1000 * HOUR && skipped);
	CHECK(wall_add(&wall, 1000 * HOUR - DAY, 0, 1, &skipped) == 1000 * HOUR && skipped);
	CHECK(wall_add(&wall, 1000 * HOUR - DAY - 1, 0, 1, &skipped) == 1000 * HOUR - 1 && !skipped);
	CHECK(wall_add(&wall, 1000 * HOUR - DAY + HOUR, 0, 1, &skipped) == 1000 * HOUR && !skipped);
	/* Into what is shown twice: the first time; and from the second time on. */
	CHECK(wall_add(&wall, 1999 * HOUR - DAY, 0, 1, &skipped) == 1999 * HOUR && !skipped);
	CHECK(wall_add(&wall, 2000 * HOUR, 0, 1, &skipped) == 2000 * HOUR + DAY && !skipped);
	/* A month from January 1st, an hour ahead. */
	CHECK(wall_add(&wall, 0, 1, 0, &skipped) == 31 * DAY && !skipped);
}

/* A wall that is put back by two days: from there a day later was shown a day ago, and is again. */
static WallSpan
look_at_date_line(const Wall *wall, int64_t instant)
{
	(void) wall;
	return instant < 0 ? (WallSpan) {DAY, 0} : (WallSpan) {-DAY, INT64_MAX};
}

static void
always_later(void)
{
	const Wall	wall = {look_at_date_line};
	bool		skipped;

	for (int64_t after = -3 * DAY; after < 3 * DAY; after += 1800)
		for (int days = 1; days < 4; days++)
		{
			int64_t		later = wall_add(&wall, after, 0, days, &skipped);

			CHECK(later > after && !skipped && wall_shows(&wall, later) == wall_shows(&wall, after) + days * DAY,
				  "%lld and %d days", (long long) after, days);
		}
}

/* As far from UTC as walls may be, at any change. */
static WallSpan
look_at_farthest(const Wall *wall, int64_t instant)
{
	(void) wall;
	return instant < 0 ? (WallSpan) {WALL_FARTHEST, 0} : (WallSpan) {-WALL_FARTHEST, INT64_MAX};
}

static void
farthest(void)
{
	const Wall	wall = {look_at_farthest};

	CHECK(wall_latest(&wall, -1) == WALL_FARTHEST - 1);
	CHECK(wall_latest(&wall, 0) == WALL_FARTHEST - 1);
	CHECK(wall_latest(&wall, WALL_FARTHEST + 1) == WALL_FARTHEST - 1);
	CHECK(wall_latest(&wall, 2 * WALL_FARTHEST - 1) == WALL_FARTHEST - 1);
	CHECK(wall_latest(&wall, 2 * WALL_FARTHEST) == WALL_FARTHEST);
	CHECK(wall_reaches(&wall, -1, WALL_FARTHEST) == 2 * WALL_FARTHEST);
	CHECK(wall_reaches(&wall, -5, WALL_FARTHEST - 1) == -1);
	CHECK(wall_reaches(&wall, -5, WALL_FARTHEST - 5) == -4);
}

int
main(void)
{
	RUN(on_random_walls);
	RUN(summer);
	RUN(adding);
	RUN(always_later);
	RUN(farthest);
	return check_summary("wall");
}
