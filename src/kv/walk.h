/*
 * kv/walk.h: going through the secrets on which the effective role holds a
 * privilege, in order of name.  Inside the room.
 *
 * Ranges of names where it can hold nothing are not visited.  In those that are
 * left the gate is asked for each name before the secret's row is looked at.
 */
#ifndef SECRETS_KV_WALK_H
#define SECRETS_KV_WALK_H

#include "base/pass.h"
#include "store/store.h"

/* In order, none overlapping another.  n = 0: no name at all. */
typedef struct Ranges
{
	int			n;
	NameRange  *ranges;
} Ranges;

extern Ranges all_names(void);
extern Ranges names_in(NameRange range);

/* Just these; changes the order in the array. */
extern Ranges exact_names(const char **names, int n);

/* Refers to the strings of both. */
extern Ranges ranges_intersect(Ranges a, Ranges b);

typedef struct Walk Walk;

typedef struct WalkRequest
{
	Privilege	privilege;
	Ranges		within;
	const char *pattern;		/* a valid one, and only what matches it; NULL: all */
	bool		deleted;
	bool		brief;			/* see ScanRequest */
	Snapshot	snapshot;
} WalkRequest;

/* What the request points at has to stay as long as the walk. */
extern Walk *walk_begin(const WalkRequest *request);
extern bool walk_next(Walk *walk, Secret *secret);
extern void walk_end(Walk *walk);

#endif
