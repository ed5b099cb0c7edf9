/*
 * rotation/wanted.h: the schedules that a pattern is about, inside the room.
 */
#ifndef SECRETS_ROTATION_WANTED_H
#define SECRETS_ROTATION_WANTED_H

#include "nodes/pg_list.h"

#include "rotation/row.h"

typedef struct Wanted
{
	pg_uuid_t	id;				/* of the secret */
	char	   *name;			/* as it was; nothing is locked */
} Wanted;

/* Whether a schedule, and the secret that it is of, is one of them. */
typedef bool (*WantedFilter) (const char *pattern, const Rotation *rotation, const Secret *secret);

/* In order of name: so that two who go through them do not lock each other out. */
extern List *wanted_find(const char *pattern, WantedFilter filter);

/* By name; a deleted one is none. */
extern bool wanted_matches(const char *pattern, const Secret *secret);

#endif
