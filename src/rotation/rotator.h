/*
 * rotation/rotator.h: ways to make a new value, and to bring it where it counts.
 *
 * What has all its effects in this database's own transaction (inside) does its
 * work in one function: the new version and what it is the password of commit
 * together or not at all.  What has effects outside cannot: there the candidate
 * is stored first, as the version "pending", and committed; then the other side
 * is changed, step by step, each in a transaction of its own; then the version
 * becomes current.  Whatever is killed on the way, the candidate is not lost.
 */
#ifndef SECRETS_ROTATION_ROTATOR_H
#define SECRETS_ROTATION_ROTATOR_H

#include "base/pass.h"
#include "kv/kv.h"
#include "rotation/row.h"

/* One rotation, while it is being done. */
typedef struct Turn
{
	GatePass	pass;			/* of who does it: who called, or, for the tick, who scheduled it */
	Oid			scheduler;		/* who scheduled it: it is by this role's rights that anything is changed */
	Secret		secret;			/* inside, propose, finish: locked; in a step: as it is committed */
	Rotation	rotation;
	bool		is_step;		/* nothing is locked, however long it takes */
	bool		is_scheduling;
	bool		rotates_at_once;	/* scheduling: it is rotated in the same transaction */

	/* What check() finds out for the rest: the roles of this cluster whose passwords it changes. */
	Oid			roles[2];
} Turn;

#define MAX_STEPS 3

typedef struct Rotator
{
	const char *name;

	/*
	 * When it is scheduled, and again before each rotation: reads
	 * turn->rotation.options strictly (22023), and refuses what turn->scheduler,
	 * who is the current user here and in all that follows, may not do (42501).
	 */
	void		(*check) (Turn *turn, bool scheduling);

	/* Inside: the new value, when everything else is done.  NULL: its effects are outside. */
	Generated	(*rotate) (Turn *turn);

	/* Outside: somebody's code runs, and not in a session that others use. */
	bool		needs_own_process;

	/* Outside: the candidate.  In a transaction that stores it and does nothing else. */
	Generated	(*propose) (Turn *turn);

	/*
	 * Each in a transaction of its own, with no row locked, and done again from
	 * the first with the same candidate after any failure or crash.  Raises where
	 * it does not succeed.
	 */
	int			nsteps;
	void		(*steps[MAX_STEPS]) (Turn *turn, const Plain *candidate);

	/* In the transaction that makes the candidate current, just before.  NULL: nothing to do. */
	void		(*finish) (Turn *turn, const Plain *candidate);
} Rotator;

extern const Rotator rotator_generate;
extern const Rotator rotator_role;
extern const Rotator rotator_role_pair;
extern const Rotator rotator_postgres;
extern const Rotator rotator_function;

/* Whether what it generates ends by itself, and the secret with it. */
extern bool generate_makes_certificates(const Rotation *rotation, const Secret *secret);

/* 22023 for what is none of ours and no function of the right kind. */
extern const Rotator *rotator_find(const char *name);

/*
 * What turn->scheduler, who is the current user, needs on the secret itself:
 * 42501, in the gate's words when it is scheduled; later in others, since the
 * one who hears them is another.
 */
extern GatePass turn_require(const Turn *turn, Privilege privilege);

/*
 * The value as it is, opened: of the version that is current, or of that one.
 * 55000 where it cannot be had.  The caller frees it.
 */
extern Plain turn_open(const Turn *turn, int64 version);

#endif
