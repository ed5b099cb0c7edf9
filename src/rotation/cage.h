/*
 * rotation/cage.h: somebody's function, run as one role and kept there.
 *
 * As in CREATE INDEX or REFRESH MATERIALIZED VIEW the server takes it to be at
 * work for somebody (a security-restricted operation): no SET ROLE, nothing
 * temporary, nothing deferred to the commit, where another would run it.  The
 * search_path is pinned.  What it sets is set back, the advisory locks that it
 * leaves to the session are released.  After a minute it is cancelled; where it
 * catches that, its process ends.
 *
 * It is for a process that has no client and does nothing else (process.h): what
 * the function says goes to the server's log alone, without the values that it
 * was given; its errors come out as ours, without them, and without DETAIL, HINT
 * and CONTEXT.
 */
#ifndef SECRETS_ROTATION_CAGE_H
#define SECRETS_ROTATION_CAGE_H

#include "rotation/clean.h"

typedef struct Cage
{
	Oid			role;
	const char *what;			/* for messages: what it is that fails */
	const CleanValue *hidden;	/* what must not be told */
	int			nhidden;
} Cage;

/*
 * In a subtransaction: what it changed stays where it returns.  Its result, in
 * the current memory context; NULL for NULL.  An error keeps its SQLSTATE where
 * it says something about the function, else it is 55000; a cancel of the
 * session's own stays one.
 */
extern text *cage_call(const Cage *cage, Oid function, Datum *args, int nargs);

#endif
