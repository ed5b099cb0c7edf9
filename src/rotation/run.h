/*
 * rotation/run.h: a rotation in transactions of its own, inside the room.
 *
 * For the clock, for who waits (rotate_now), for what a commit has asked for.  To
 * be called with SPI connected, and not atomic.
 */
#ifndef SECRETS_ROTATION_RUN_H
#define SECRETS_ROTATION_RUN_H

#include "utils/elog.h"
#include "utils/uuid.h"

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
