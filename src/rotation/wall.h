/*
 * rotation/wall.h: clocks on walls, that are put forward and back.  Plain C, no
 * server.
 *
 * An instant is a number of seconds since 1970 began in UTC; what a wall shows,
 * a local time, is one since 1970 began there.
 *
 * A local time comes once: at the first instant at which the wall shows it or a
 * later one.  That is all there is to it.  When the wall is put forward, what
 * it leaves out comes at that instant, all at once; when it is put back, what it
 * shows again has come already.
 */
#ifndef SECRETS_ROTATION_WALL_H
#define SECRETS_ROTATION_WALL_H

#include <stdbool.h>
#include <stdint.h>

/* No wall is further from UTC: not even one by the rules of POSIX, which allow a week and two hours. */
#define WALL_FARTHEST INT64_C(691200)

typedef struct WallSpan
{
	int64_t		ahead;			/* what the wall shows, less the instant */
	int64_t		until;			/* up to here that does not change; INT64_MAX: never again */
} WallSpan;

/* A place: the first member of whatever look() needs to know of it. */
typedef struct Wall Wall;
struct Wall
{
	/* The span that the instant is in; it ends after the instant. */
	WallSpan	(*look) (const Wall *wall, int64_t instant);
};

extern int64_t wall_shows(const Wall *wall, int64_t instant);

/* The latest local time that has come: now, or before the wall was put back. */
extern int64_t wall_latest(const Wall *wall, int64_t instant);

/* The first instant after that one at which the wall shows this local time or a later one. */
extern int64_t wall_reaches(const Wall *wall, int64_t after, int64_t local);

/*
 * So many months and days later by the wall, one at least; always later.
 * skipped: the wall leaves out that local time, and this is when it has been put
 * forward.
 */
extern int64_t wall_add(const Wall *wall, int64_t after, int months, int days, bool *skipped);

#endif
