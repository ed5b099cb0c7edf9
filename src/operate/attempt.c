/*
 * operate/attempt.c
 */
#include "postgres.h"

#include "access/xact.h"
#include "storage/proc.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

#include "base/refuse.h"
#include "operate/attempt.h"

#define LOCK_MILLISECONDS 500

static void
wait_not_long(const Patience *patience)
{
	int			most = patience->is_gone ? 1 : LOCK_MILLISECONDS;
	int			timeout = LockTimeout > 0 ? Min(LockTimeout, most) : most;

	(void) set_config_option("lock_timeout", psprintf("%d", timeout), PGC_USERSET, PGC_S_SESSION, GUC_ACTION_LOCAL, true, 0, false);
}

ErrorData *
attempt(Patience *patience, void (*look) (void *arg), void *arg)
{
	MemoryContext mine = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	ErrorData  *volatile error = NULL;

	/* There are no subtransactions there, so it may fail as a whole. */
	if (IsInParallelMode())
	{
		look(arg);
		return NULL;
	}
	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(mine);
	PG_TRY();
	{
		wait_not_long(patience);
		look(arg);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(mine);
		error = CopyErrorData();
		FlushErrorState();
	}
	PG_END_TRY();
	RollbackAndReleaseCurrentSubTransaction();
	MemoryContextSwitchTo(mine);
	CurrentResourceOwner = owner;
	if (error && error_ends_everything(error))
		ReThrowError(error);
	patience->is_gone |= error && error->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE;
	return error;
}
