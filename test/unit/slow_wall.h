/*
 * slow_wall.h: a wall made of a table, and what its promise says, told second by
 * second.
 *
 * Nothing here knows of the latest time shown.  The table is small: instants
 * from 0 to its end, before which and after which the wall stays as it is.
 */
#ifndef TEST_SLOW_WALL_H
#define TEST_SLOW_WALL_H

#include "rotation/wall.h"

#define SLOW_SPANS	12
#define SLOW_END	4000		/* instants that are walked */
#define SLOW_AHEAD	1000		/* no wall is further ahead, or behind */

#define SLOW_BEFORE (-2)		/* it came before the walk */
#define SLOW_NOT	(-1)		/* it does not come in the walk */

typedef struct SlowWall
{
	Wall		wall;
	int			nspans;
	WallSpan	spans[SLOW_SPANS];	/* the last one without an end */
	int64_t		comes[SLOW_END + 2 * SLOW_AHEAD];	/* when the local time - SLOW_AHEAD does, or one of these */
} SlowWall;

static inline WallSpan
slow_wall_look(const Wall *wall, int64_t instant)
{
	const SlowWall *slow = (const SlowWall *) wall;
	int			i = 0;

	while (slow->spans[i].until <= instant)
		i++;
	return slow->spans[i];
}

static inline void
slow_wall_comes(SlowWall *slow, int64_t local, int64_t instant)
{
	int64_t    *comes = &slow->comes[local + SLOW_AHEAD];

	if (*comes == SLOW_NOT)
		*comes = instant;
}

/*
 * A local time comes when it is shown; what is left out between two seconds
 * comes at the second one; and nothing comes twice.
 */
static inline void
slow_wall_walk(SlowWall *slow)
{
	int64_t		before = slow_wall_look(&slow->wall, 0).ahead - 1;

	for (int64_t local = -SLOW_AHEAD; local < SLOW_END + SLOW_AHEAD; local++)
		slow->comes[local + SLOW_AHEAD] = local <= before ? SLOW_BEFORE : SLOW_NOT;
	for (int64_t instant = 0; instant < SLOW_END; instant++)
	{
		int64_t		local = instant + slow_wall_look(&slow->wall, instant).ahead;

		for (int64_t left_out = before + 1; left_out < local; left_out++)
			slow_wall_comes(slow, left_out, instant);
		slow_wall_comes(slow, local, instant);
		before = local;
	}
}

/* The first instant after that one at which a minute comes that has its bits; -1: not in the walk. */
static inline int64_t
slow_wall_next(const SlowWall *slow, uint64_t minutes, uint32_t hours, int64_t after)
{
	int64_t		next = -1;

	for (int64_t local = -960; local < SLOW_END + SLOW_AHEAD; local += 60)
	{
		int64_t		comes = slow->comes[local + SLOW_AHEAD];
		int			minute = (int) ((local + 86400) / 60 % 1440);

		if ((minutes >> minute % 60 & 1) && (hours >> minute / 60 & 1) && comes > after && (next < 0 || comes < next))
			next = comes;
	}
	return next;
}

/* Spans follow one another with random lengths; pick(n) is below n. */
static inline void
slow_wall_make(SlowWall *slow, uint32_t (*pick_below) (uint32_t n))
{
	int64_t		until = 0;

	slow->wall.look = slow_wall_look;
	slow->nspans = 1 + (int) pick_below(SLOW_SPANS);
	for (int i = 0; i < slow->nspans; i++)
	{
		until += 1 + pick_below(pick_below(4) == 0 ? 10 : 600);
		slow->spans[i] = (WallSpan) {(int64_t) pick_below(2 * SLOW_AHEAD) - SLOW_AHEAD, until};
	}
	slow->spans[slow->nspans - 1].until = INT64_MAX;
	slow_wall_walk(slow);
}

#endif
