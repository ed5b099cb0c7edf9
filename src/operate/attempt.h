/*
 * operate/attempt.h: looks at what others have made, without being stopped by it.
 *
 * Whoever may create a function or lock a table could else keep check() from seeing
 * anything at all: by a definition that cannot be printed, or a lock that is held.
 */
#ifndef SECRETS_OPERATE_ATTEMPT_H
#define SECRETS_OPERATE_ATTEMPT_H

/* How patient it is: a lock that was not to be had in time is the last that is waited for. */
typedef struct Patience
{
	bool		is_gone;
} Patience;

/*
 * Does it in a subtransaction that is rolled back in any case, so that nothing stays
 * locked: it may change nothing but memory.  NULL: it went well.  What ends the
 * statement as a whole, a cancel or a timeout, ends it.
 */
extern ErrorData *attempt(Patience *patience, void (*look) (void *arg), void *arg);

#endif
