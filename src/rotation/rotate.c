/*
 * rotation/rotate.c: rotating by hand, and the tick's door.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/refuse.h"
#include "keyring/keyring.h"
#include "kv/common.h"
#include "rotation/rotation.h"
#include "rotation/run.h"
#include "rotation/span.h"
#include "rotation/tick.h"
#include "rotation/turn.h"
#include "rotation/wanted.h"

int64
rotation_rotate(const char *name)
{
	Turn		turn = turn_begin(name);

	return turn_rotate_here(&turn);
}

static bool
may_rotate(const char *pattern, const Rotation *rotation, const Secret *secret)
{
	return wanted_matches(pattern, secret) && gate_allows(PRIV_ROTATE, secret->name, NULL);
}

/* False: it is gone by now, has no schedule any more, or another name. */
static bool
rotate_wanted(const char *pattern, const pg_uuid_t *id)
{
	Turn		turn = {0};

	if (!store_lock_by_id(id, true, &turn.secret) || !wanted_matches(pattern, &turn.secret) || !rotation_lock(id, &turn.rotation))
		return false;
	turn.pass = gate_require(PRIV_ROTATE, turn.secret.name);
	(void) turn_rotate_here(&turn);
	return true;
}

/* Of many it wants to be said which one it was. */
static bool
rotate_one_of_many(const char *pattern, const Wanted *wanted)
{
	MemoryContext mine = CurrentMemoryContext;
	volatile bool done = false;

	PG_TRY();
	{
		done = rotate_wanted(pattern, &wanted->id);
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(mine);
		error = CopyErrorData();
		FlushErrorState();
		error->detail = psprintf("This was secret \"%s\".%s%s", wanted->name,
								 error->detail ? " " : "", error->detail ? error->detail : "");
		ReThrowError(error);
	}
	PG_END_TRY();
	return done;
}

int
rotation_rotate_all(const char *pattern)
{
	MemoryContext each = AllocSetContextCreate(CurrentMemoryContext, "secrets, one rotation", ALLOCSET_DEFAULT_SIZES);
	int			rotated = 0;
	ListCell   *cell;

	check_pattern(pattern);
	if (gate_scope(PRIV_ROTATE)->n == 0)
	{
		GatePass	pass = gate_ask(PRIV_ROTATE, pattern);

		gate_refuse(&pass);
	}
	gate_begin_change();
	foreach(cell, wanted_find(pattern, may_rotate))
	{
		MemoryContext before = MemoryContextSwitchTo(each);

		CHECK_FOR_INTERRUPTS();
		rotated += rotate_one_of_many(pattern, lfirst(cell));
		MemoryContextSwitchTo(before);
		MemoryContextReset(each);
	}
	MemoryContextDelete(each);
	return rotated;
}

/* ---- procedures ---- */

/* It says what went wrong as who rotates by hand is to hear it: as it is written down. */
pg_noreturn static void
raise_again(const ErrorData *error)
{
	REFUSE(error->sqlerrcode, errmsg("%s", error->message ? error->message : "the rotation failed"),
		   error->detail ? errdetail("%s", error->detail) : 0,
		   error->hint ? errhint("%s", error->hint) : 0);
}

void
rotation_rotate_now(const char *name)
{
	Turn		turn = turn_begin(name);
	Run			run = {.secret_id = turn.secret.id,.actor = GetUserId(),.wait = true};
	ErrorData  *error;
	RunResult	result;

	turn_refuse_foreign(&turn.rotation);
	SPI_connect_ext(SPI_OPT_NONATOMIC);
	run_commit();				/* lets the lock go */
	result = run_apart(&run, &error);
	if (result == RUN_FAILED)
		raise_again(error);		/* before SPI takes its memory away */
	SPI_finish();
	if (result == RUN_PASSED)
		REFUSE(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
			   errmsg("the secret, or its schedule, was changed by somebody else meanwhile"),
			   errhint("Look at secrets.rotations, and repeat."));
}

void
rotation_tick(int max_work, const Interval *max_time)
{
	TimestampTz until;

	(void) gate_require_operator();
	if (!keyring_is_preloaded())
		gate_require_open();	/* sealed it does nothing; but this nobody will open */
	if (max_work < 1)
		REFUSE(ERRCODE_INVALID_PARAMETER_VALUE, errmsg("max_work must be positive"));
	if (!RecoveryInProgress())
		PreventCommandIfReadOnly("secrets.tick()");
	until = GetCurrentTimestamp() + span_of(max_time, "max_time");
	SPI_connect_ext(SPI_OPT_NONATOMIC);
	tick_all(max_work, until);
	SPI_finish();
}
