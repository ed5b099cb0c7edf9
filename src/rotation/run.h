/*
 * rotation/run.h: one rotation, from asking who may to counting when it is time
 * again, inside the room.
 */
#ifndef SECRETS_ROTATION_RUN_H
#define SECRETS_ROTATION_RUN_H

#include "rotation/rotator.h"

/* ---- in the caller's transaction; secret and row are locked, the caller has his pass ---- */

/* What is inside is done; what is outside is marked, to be done after the commit. Returns the (coming) version. */
extern int64 run_here(Turn *turn);

/* Everything of a schedule that is looked up anew each time: who it is done for, by tag; 55000 where he is gone. */
extern void run_find_scheduler(Turn *turn);

/* 55000 where it was made elsewhere. */
extern void run_refuse_foreign(const Rotation *rotation);

/* due_at and next_at from that time on; of a certificate, well before it ends. */
extern void run_count_next(Rotation *rotation, const Secret *secret, TimestampTz from);

/* A candidate that nobody will bring further; it keeps its stage. */
extern void run_tell_of_candidate(const Rotation *rotation);

/* ---- in transactions of its own: SPI is connected, and not atomic ---- */

typedef struct Run
{
	pg_uuid_t	secret_id;
	Oid			actor;			/* who asked; InvalidOid: nobody but the clock, and it is done as who scheduled it */
	bool		wait;			/* for who has the secret locked, or is at it */
	bool		must_be_due;
	bool		must_be_marked;
} Run;

typedef enum RunResult
{
	RUN_DONE,
	RUN_PASSED,					/* not due, taken, or gone meanwhile */
	RUN_FAILED					/* and that is written down; why, in *error */
} RunResult;

extern RunResult run_apart(const Run *run, ErrorData **error);

/*
 * One piece of work in its own transaction, which it commits: raises nothing but
 * what ends the whole (a cancel).  False: it failed, and nothing of it is left.
 */
extern bool run_piece(void (*work) (void *arg), void *arg, ErrorData **error);

/* The transaction so far is committed, and the next begun. */
extern void run_commit(void);

#endif
