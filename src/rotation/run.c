/*
 * rotation/run.c
 */
#include "postgres.h"

#include "access/xact.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "storage/proc.h"
#include "utils/acl.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "audit/audit.h"
#include "base/catalog.h"
#include "base/compat.h"
#include "base/refuse.h"
#include "kv/common.h"
#include "rotation/process.h"
#include "rotation/run.h"
#include "rotation/turn.h"

#define LOCK_MILLISECONDS 5000

static const char not_ended[] = "it was begun, and has not ended";

/* ---- pieces ---- */

void
run_commit(void)
{
	SPI_commit();
	XactIsoLevel = XACT_READ_COMMITTED;
}

/* What fails in the commit itself leaves a new transaction, too. */
static bool
commit_piece(ErrorData **error)
{
	MemoryContext mine = CurrentMemoryContext;
	volatile bool done = false;

	PG_TRY();
	{
		run_commit();
		done = true;
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(mine);
		*error = CopyErrorData();
		FlushErrorState();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(mine);
	return done;
}

bool
run_piece(void (*work) (void *arg), void *arg, ErrorData **error)
{
	MemoryContext mine = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	volatile bool failed = false;

	*error = NULL;
	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(mine);
	PG_TRY();
	{
		PushActiveSnapshot(GetTransactionSnapshot());
		work(arg);
		PopActiveSnapshot();
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(mine);
		*error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		failed = true;
	}
	PG_END_TRY();
	MemoryContextSwitchTo(mine);
	CurrentResourceOwner = owner;
	if (!failed)
		failed = !commit_piece(error);
	if (failed && error_ends_everything(*error))
		ReThrowError(*error);
	return !failed;
}

/* Whoever holds what we need does not hold the whole tick up; nor has a statement_timeout end it all first. */
static void
wait_not_long(void)
{
	int			timeout = StatementTimeout > 0 ? Min(LOCK_MILLISECONDS, Max(StatementTimeout / 2, 1)) : LOCK_MILLISECONDS;

	(void) set_config_option("lock_timeout", psprintf("%d", timeout), PGC_USERSET, PGC_S_SESSION, GUC_ACTION_LOCAL, true, 0, false);
}

typedef struct Piece
{
	const Run  *run;
	Turn		turn;
	const Rotator *rotator;
	bool		passed;			/* there is nothing to do */
	bool		is_for_another;	/* process, which is to begin from the beginning */
	int			step;
	const ErrorData *error;		/* to be written down */
} Piece;

/* False: somebody has it, or it is not there any more. */
static bool
find_turn(Piece *piece, bool lock)
{
	const Run  *run = piece->run;
	Turn	   *turn = &piece->turn;
	Snapshot	snapshot;
	bool		found;

	memset(turn, 0, sizeof(Turn));
	turn->is_step = !lock;
	if (!OidIsValid(run->actor))
	{
		audit_set_via(VIA_SCHEDULER);
		wait_not_long();
	}
	if (lock)
		found = store_lock_by_id(&run->secret_id, run->wait, &turn->secret) && rotation_lock(&run->secret_id, &turn->rotation);
	else
	{
		snapshot = catalog_snapshot();
		found = store_find_by_id(&run->secret_id, snapshot, &turn->secret) && rotation_find(&run->secret_id, &turn->rotation);
		UnregisterSnapshot(snapshot);
	}
	return found && turn->secret.deleted_at == NEVER && !rotation_is_foreign(&turn->rotation);
}

static bool
is_marked(const Rotation *rotation)
{
	return rotation->last_status && strcmp(rotation->last_status, "pending") == 0;
}

static bool
is_wanted(const Piece *piece)
{
	const Rotation *rotation = &piece->turn.rotation;

	if (piece->run->must_be_due && (rotation->next_at == NEVER || rotation->next_at > GetCurrentTimestamp()))
		return false;
	return !piece->run->must_be_marked || is_marked(rotation);
}

/*
 * Who asked may by now have been refused it; who scheduled it, too.  From here to
 * the end of the piece it is done as that one.
 */
static Caller
ask(Piece *piece)
{
	Turn	   *turn = &piece->turn;
	Caller		caller;

	turn_find_scheduler(turn);
	caller = turn_become(OidIsValid(piece->run->actor) ? piece->run->actor : turn->scheduler);
	turn->pass = OidIsValid(piece->run->actor) ? gate_require(PRIV_ROTATE, turn->secret.name) : turn_require(turn, PRIV_ROTATE);
	gate_begin_change();
	piece->rotator = rotator_find(turn->rotation.rotator);
	return caller;
}

/* A rotator is at work as who scheduled it, from its check on. */
static Caller
begin_rotator(Piece *piece)
{
	Caller		caller = turn_become(piece->turn.scheduler);

	piece->rotator->check(&piece->turn, false);
	return caller;
}

static void
pass_window(Turn *turn)
{
	turn_count_next(&turn->rotation, &turn->secret, GetCurrentTimestamp());
	rotation_update(&turn->rotation);
}

/* The candidate, stored and not current. */
static void
propose(Piece *piece)
{
	Turn	   *turn = &piece->turn;
	Caller		caller = begin_rotator(piece);
	Generated	made = piece->rotator->propose(turn);

	as_caller(caller);
	turn->rotation.pending_version = turn_add_version(turn, &made, true);
	turn->rotation.last_status = "pending";
	buffer_free(made.plain.bytes);
	rotation_update(&turn->rotation);
	ForceSyncCommit();			/* what the other side is told of is on disk here, whatever is set */
}

/*
 * What is outside may take us with it.  So it is due from before it begins until
 * it has ended: the next tick goes on with it, manual or not.  And it is due last
 * of all: whoever dies of it once more has done the others' work by then.  Found
 * not ended, that attempt was a failure, and the pause is as after any.
 */
static void
announce(Turn *turn)
{
	Rotation   *rotation = &turn->rotation;
	bool		was_cut_off = rotation->last_error && strcmp(rotation->last_error, not_ended) == 0;

	rotation->next_at = rotation->counted_at = GetCurrentTimestamp();
	rotation->last_error = pstrdup(not_ended);
	if (was_cut_off)
	{
		rotation->failures++;
		rotation->next_at = turn_next_attempt(rotation);
	}
	rotation_update(rotation);
	if (was_cut_off)
		turn_tell_of_failures(turn);
}

/* The first transaction: all of it, where it is inside; else that it is tried. */
static void
begin_piece(void *arg)
{
	Piece	   *piece = arg;
	Turn	   *turn = &piece->turn;
	Caller		caller;

	piece->passed = !find_turn(piece, true) || !is_wanted(piece);
	if (piece->passed)
		return;
	if (piece->run->must_be_due && !is_marked(&turn->rotation) && turn_has_missed_window(&turn->rotation, GetCurrentTimestamp()))
	{
		pass_window(turn);
		piece->passed = true;
		return;
	}
	caller = ask(piece);
	piece->is_for_another = piece->rotator->needs_own_process && !process_is_own();
	if (piece->rotator->rotate)
		(void) turn_rotate_inside(turn, piece->rotator);
	else if (!piece->is_for_another)
		announce(turn);
	as_caller(caller);
}

/* Outside, the second: the candidate. */
static void
propose_piece(void *arg)
{
	Piece	   *piece = arg;
	Turn	   *turn = &piece->turn;
	Caller		caller;

	piece->passed = !find_turn(piece, true);
	if (piece->passed)
		return;
	caller = ask(piece);
	if (piece->rotator->propose == NULL)
		piece->passed = true;	/* it is another by now */
	else if (!turn_has_candidate(turn))
		propose(piece);
	as_caller(caller);
}

static void
step_piece(void *arg)
{
	Piece	   *piece = arg;
	Turn	   *turn = &piece->turn;
	Caller		actor;
	Caller		caller;
	Plain		candidate;

	piece->passed = !find_turn(piece, false) || turn->rotation.pending_version == NO_VERSION;
	if (piece->passed)
		return;
	caller = ask(piece);
	if (piece->step >= piece->rotator->nsteps)
	{
		piece->passed = true;	/* it is another by now */
		as_caller(caller);
		return;
	}
	candidate = turn_open(turn, turn->rotation.pending_version);
	actor = begin_rotator(piece);
	piece->rotator->steps[piece->step] (turn, &candidate);
	as_caller(actor);
	buffer_free(candidate.bytes);
	as_caller(caller);
}

/* The candidate becomes the value. */
static void
promote(Turn *turn)
{
	int64		version = turn->rotation.pending_version;

	make_current(&turn->secret, version);
	turn->secret.changed_at = GetCurrentTimestamp();
	audit_begin_rotation();
	PG_TRY();
	{
		(void) store_drop_stage(&turn->secret, STAGE_PENDING);
		store_update(&turn->secret);
	}
	PG_FINALLY();
	{
		audit_end_rotation();
	}
	PG_END_TRY();
	notify_watchers(&turn->secret, version, "rotate");
}

static void
finish_piece(void *arg)
{
	Piece	   *piece = arg;
	Turn	   *turn = &piece->turn;
	Caller		actor;
	Caller		caller;
	Plain		candidate;

	piece->passed = !find_turn(piece, true) || turn->rotation.pending_version == NO_VERSION;
	if (piece->passed)
		return;
	caller = ask(piece);
	candidate = turn_open(turn, turn->rotation.pending_version);
	actor = begin_rotator(piece);
	if (piece->rotator->finish)
		piece->rotator->finish(turn, &candidate);
	as_caller(actor);
	buffer_free(candidate.bytes);
	promote(turn);
	ForceSyncCommit();
	turn_note_success(turn);
	as_caller(caller);
}

/* ---- failures ---- */

/* The candidate stays, if there is one: the other side may know it by now. */
static void
failure_piece(void *arg)
{
	Piece	   *piece = arg;
	Turn	   *turn = &piece->turn;
	Rotation   *rotation = &turn->rotation;

	if (!find_turn(piece, true))
		return;
	rotation->last_at = rotation->counted_at = GetCurrentTimestamp();
	rotation->last_status = "failed";
	rotation->failures++;
	rotation->last_error = turn_short_message(piece->error);
	rotation->next_at = turn_next_attempt(rotation);
	rotation_update(rotation);
	turn_tell_of_failures(turn);
}

static void
write_failure(const Run *run, const ErrorData *error)
{
	Run			patient = *run;
	Piece		piece = {.run = &patient,.error = error};
	ErrorData  *again;

	patient.wait = true;
	if (!run_piece(failure_piece, &piece, &again))
		ereport(LOG,
				(errmsg("secrets: could not write down that a rotation failed: %s", again->message),
				 errhidestmt(true), errhidecontext(true)));
}

/* ---- one after the other ---- */

/* One at a time, across transactions: by a lock that the session keeps. */
static LOCKTAG
tag_of(const pg_uuid_t *secret_id)
{
	LOCKTAG		tag;
	uint32		hash;

	memcpy(&hash, secret_id->data, sizeof(hash));
	SET_LOCKTAG_OBJECT(tag, MyDatabaseId, catalog_oid(CATALOG_ROTATION), hash, 0);
	return tag;
}

static bool
take(const LOCKTAG *tag, bool wait)
{
	return LockAcquire(tag, ExclusiveLock, true, !wait) != LOCKACQUIRE_NOT_AVAIL;
}

static bool
run_pieces(Piece *piece, ErrorData **error)
{
	if (!run_piece(begin_piece, piece, error))
		return false;
	if (piece->passed || piece->is_for_another || piece->rotator->rotate)
		return true;
	if (!run_piece(propose_piece, piece, error))
		return false;
	for (piece->step = 0; piece->step < piece->rotator->nsteps && !piece->passed; piece->step++)
		if (!run_piece(step_piece, piece, error))
			return false;
	return piece->passed || run_piece(finish_piece, piece, error);
}

RunResult
run_apart(const Run *run, ErrorData **error)
{
	LOCKTAG		tag = tag_of(&run->secret_id);
	Piece		piece = {.run = run};
	volatile bool ok = false;

	*error = NULL;
	if (!take(&tag, run->wait))
		return RUN_PASSED;
	PG_TRY();
	{
		ok = run_pieces(&piece, error);
		if (!ok)
			write_failure(run, *error);
	}
	PG_FINALLY();
	{
		/* A commit that failed has let it go. */
		if (LOCK_IS_HELD(&tag, ExclusiveLock))
			LockRelease(&tag, ExclusiveLock, true);
	}
	PG_END_TRY();
	if (!ok)
		return RUN_FAILED;
	if (piece.is_for_another)
		return process_run(run, error);
	return piece.passed ? RUN_PASSED : RUN_DONE;
}
