/*
 * rotation/run.c
 */
#include "postgres.h"

#include "access/xact.h"
#include "executor/spi.h"
#include "mb/pg_wchar.h"
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
#include "utils/uuid.h"

#include "audit/audit.h"
#include "base/catalog.h"
#include "base/refuse.h"
#include "kv/common.h"
#include "policy/privilege.h"
#include "policy/role.h"
#include "rotation/clock.h"
#include "rotation/process.h"
#include "rotation/run.h"
#include "rotation/span.h"
#include "rotation/worker.h"

#define FIRST_PAUSE		(60 * USECS_PER_SEC)	/* after a failure; doubled with each */
#define LONGEST_PAUSE	USECS_PER_HOUR
#define LOCK_MILLISECONDS 5000
#define TELL_AFTER		3		/* failures in a row */
#define ERROR_LEN		300		/* bytes of last_error */

static const char not_ended[] = "it was begun, and has not ended";

/* ---- who ---- */

void
run_find_scheduler(Turn *turn)
{
	const Rotation *rotation = &turn->rotation;

	turn->scheduler = role_of_tag(rotation->scheduled_tag, get_role_oid(rotation->scheduled_by, true));
	if (!OidIsValid(turn->scheduler))
		REFUSE(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
			   errmsg("the role that scheduled this rotation has been dropped"),
			   errhint("Whoever may can schedule it anew: secrets.schedule_rotation()."));
}

void
run_refuse_foreign(const Rotation *rotation)
{
	if (rotation_is_foreign(rotation))
		REFUSE(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
			   errmsg("this rotation was scheduled in another database, of which this one is a copy"),
			   errdetail("What it would change may be in use there."),
			   errhint("secrets.adopt() lets it run here."));
}

/* Everything that a rotator decides it decides about who scheduled it. */
static Caller
become(Oid role)
{
	Caller		caller;

	GetUserIdAndSecContext(&caller.role, &caller.context);
	SetUserIdAndSecContext(role, caller.context | SECURITY_LOCAL_USERID_CHANGE);
	return caller;
}

GatePass
turn_require(const Turn *turn, Privilege privilege)
{
	GatePass	pass = gate_ask(privilege, turn->secret.name);

	if (pass.granted)
		return pass;
	if (turn->is_scheduling)
		gate_refuse(&pass);
	gate_record_refusal(&pass);
	REFUSE(ERRCODE_INSUFFICIENT_PRIVILEGE,
		   errmsg("permission denied: who scheduled this rotation lacks a privilege on the secret by now: %s", privilege_name(privilege)),
		   errhint("Grant it, or have somebody else schedule it: secrets.schedule_rotation()."));
}

/* ---- when ---- */

static int64
jitter_of(const Rotation *rotation)
{
	return rotation->jitter ? span_random(span_read(rotation->jitter, "jitter")) : 0;
}

/* A third of the time before its end, so that there is time for some attempts, and for whoever serves it. */
static TimestampTz
renewal_of(const Secret *secret, TimestampTz now)
{
	return secret->expires_at - Max(secret->expires_at - now, 0) / 3;
}

void
run_count_next(Rotation *rotation, const Secret *secret, TimestampTz from)
{
	Clock	   *clock = clock_read(rotation->schedule, rotation->timezone);
	TimestampTz now = GetCurrentTimestamp();

	rotation->counted_at = now;
	rotation->due_at = clock_next(clock, from);
	if (rotation->due_at != NEVER && secret->expires_at != NEVER && generate_makes_certificates(rotation, secret))
		rotation->due_at = Min(rotation->due_at, renewal_of(secret, now));
	rotation->next_at = rotation->due_at == NEVER ? NEVER : rotation->due_at + jitter_of(rotation);
}

/* Behind its window: the next time, then, instead of now. */
static bool
has_missed_window(const Rotation *rotation, TimestampTz now)
{
	return rotation->window && rotation->due_at != NEVER && rotation->due_at <= now
		&& now - rotation->due_at >= span_read(rotation->window, "window");
}

static TimestampTz
after_failure(const Rotation *rotation)
{
	int64		pause = FIRST_PAUSE;

	for (int i = 1; i < rotation->failures && pause < LONGEST_PAUSE; i++)
		pause *= 2;
	pause = Min(pause, LONGEST_PAUSE);
	return GetCurrentTimestamp() + pause - pause / 4 + span_random(pause / 2);
}

/* ---- how it went ---- */

static void
note_success(Turn *turn)
{
	Rotation   *rotation = &turn->rotation;

	rotation->last_at = GetCurrentTimestamp();
	rotation->last_status = "succeeded";
	rotation->failures = 0;
	rotation->last_error = NULL;
	rotation->pending_version = NO_VERSION;
	run_count_next(rotation, &turn->secret, rotation->last_at);
	rotation_update(rotation);
	if (rotation->terminate_at != NEVER)
		worker_wake_at_commit();
}

static char *
short_message(const ErrorData *error)
{
	const char *message = error->message ? error->message : "";
	int			len = pg_mbcliplen(message, (int) strlen(message), ERROR_LEN);

	return pnstrdup(message, (Size) len);
}

static void
tell_of_failures(const Turn *turn)
{
	if (turn->rotation.failures != TELL_AFTER)
		return;
	notify_watchers(&turn->secret, turn->secret.current_version, "rotation_failed");
	ereport(WARNING,
			(errmsg("rotation of secret \"%s\" has failed %d times in a row: %s",
					turn->secret.name, turn->rotation.failures, turn->rotation.last_error),
			 errhidestmt(true), errhidecontext(true)));
}

/* ---- a new value ---- */

/* The lines of the log say that it was a rotation. */
static int64
add_as_rotation(Turn *turn, const Generated *made, bool pending)
{
	NewVersion	new = {
		.plain = &made->plain,.public_half = made->public_half,.pending = pending,.event = pending ? "pending" : "rotate"
	};
	volatile int64 version = NO_VERSION;

	if (made->ends_at != NEVER)
		turn->secret.expires_at = made->ends_at;
	require_unexpired(&turn->secret, NULL);
	audit_begin_rotation();
	PG_TRY();
	{
		version = add_version(&turn->pass, &turn->secret, &new);
	}
	PG_FINALLY();
	{
		audit_end_rotation();
	}
	PG_END_TRY();
	return version;
}

/* Under the secret's lock as it is now; in a step as the rest of what it sees, and without a lock of its own. */
static bool
find_version(const Turn *turn, int64 number, Version *version)
{
	Snapshot	snapshot;
	bool		found;

	if (!turn->is_step)
		return store_get_version(&turn->secret, number, version);
	snapshot = catalog_snapshot();
	found = store_find_version(&turn->secret, number, snapshot, version);
	UnregisterSnapshot(snapshot);
	return found;
}

Plain
turn_open(const Turn *turn, int64 number)
{
	Version		version;

	if (number == NO_VERSION)
		number = turn->secret.current_version;
	if (number == NO_VERSION || !find_version(turn, number, &version) || version.value == NULL || version.disabled)
		REFUSE(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
			   errmsg("the value that is to be rotated is disabled or destroyed"),
			   errhint("secrets.enable(), secrets.rollback(); or secrets.unschedule_rotation(), and secrets.put() a new one."));
	return value_open(&turn->pass, &turn->secret, &version);
}

static int64
rotate_inside(Turn *turn, const Rotator *rotator)
{
	Caller		caller = become(turn->scheduler);
	Generated	made;
	int64		version;

	rotator->check(turn, false);
	made = rotator->rotate(turn);
	as_caller(caller);
	version = add_as_rotation(turn, &made, false);
	buffer_free(made.plain.bytes);
	note_success(turn);
	return version;
}

/* Whether what was on its way can go on. */
static bool
has_candidate(const Turn *turn)
{
	Version		version;

	return turn->rotation.pending_version != NO_VERSION
		&& store_get_version(&turn->secret, turn->rotation.pending_version, &version)
		&& version.value != NULL && !version.disabled;
}

/* Who asks is not who does it: that has a line of its own. */
static void
record_request(const Turn *turn)
{
	AuditRecord record = {
		.action = ACTION_ROTATE,.outcome = OUTCOME_ALLOWED,.role = turn->pass.role,.name = turn->secret.name,
		.id = &turn->secret.id,.detail = "{\"requested\": true}"
	};

	audit_record_change(&record);
}

static int64
mark(Turn *turn)
{
	Rotation   *rotation = &turn->rotation;

	rotation->last_status = "pending";
	rotation->due_at = rotation->next_at = rotation->counted_at = GetCurrentTimestamp();
	rotation_update(rotation);
	record_request(turn);
	worker_wake_at_commit();
	return has_candidate(turn) ? rotation->pending_version : turn->secret.last_version + 1;
}

int64
run_here(Turn *turn)
{
	const Rotator *rotator = rotator_find(turn->rotation.rotator);

	run_refuse_foreign(&turn->rotation);
	run_find_scheduler(turn);
	return rotator->rotate ? rotate_inside(turn, rotator) : mark(turn);
}

void
run_tell_of_candidate(const Rotation *rotation)
{
	if (rotation->pending_version != NO_VERSION)
		ereport(WARNING,
				(errmsg("version " INT64_FORMAT " was on its way to the other side, and may be in use there already",
						rotation->pending_version),
				 errhint("It keeps the stage \"pending\"; secrets.label(name, 'current', " INT64_FORMAT ") makes it the value.",
						 rotation->pending_version)));
}

/* ---- apart: pieces ---- */

void
run_commit(void)
{
	SPI_commit();
	XactIsoLevel = XACT_READ_COMMITTED;
}

/* What is meant for the whole, not for this piece. */
static bool
ends_everything(const ErrorData *error)
{
	return error->sqlerrcode == ERRCODE_QUERY_CANCELED || error->sqlerrcode == ERRCODE_ADMIN_SHUTDOWN
		|| error->sqlerrcode == ERRCODE_CRASH_SHUTDOWN;
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
	if (failed && ends_everything(*error))
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

	run_find_scheduler(turn);
	caller = become(OidIsValid(piece->run->actor) ? piece->run->actor : turn->scheduler);
	turn->pass = OidIsValid(piece->run->actor) ? gate_require(PRIV_ROTATE, turn->secret.name) : turn_require(turn, PRIV_ROTATE);
	gate_begin_change();
	piece->rotator = rotator_find(turn->rotation.rotator);
	return caller;
}

/* A rotator is at work as who scheduled it, from its check on. */
static Caller
begin_rotator(Piece *piece)
{
	Caller		caller = become(piece->turn.scheduler);

	piece->rotator->check(&piece->turn, false);
	return caller;
}

static void
pass_window(Turn *turn)
{
	run_count_next(&turn->rotation, &turn->secret, GetCurrentTimestamp());
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
	turn->rotation.pending_version = add_as_rotation(turn, &made, true);
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
		rotation->next_at = after_failure(rotation);
	}
	rotation_update(rotation);
	if (was_cut_off)
		tell_of_failures(turn);
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
	if (piece->run->must_be_due && !is_marked(&turn->rotation) && has_missed_window(&turn->rotation, GetCurrentTimestamp()))
	{
		pass_window(turn);
		piece->passed = true;
		return;
	}
	caller = ask(piece);
	piece->is_for_another = piece->rotator->needs_own_process && !process_is_own();
	if (piece->rotator->rotate)
		(void) rotate_inside(turn, piece->rotator);
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
	else if (!has_candidate(turn))
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
	note_success(turn);
	as_caller(caller);
}

/* ---- apart: failures ---- */

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
	rotation->last_error = short_message(piece->error);
	rotation->next_at = after_failure(rotation);
	rotation_update(rotation);
	tell_of_failures(turn);
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

/* ---- apart: one after the other ---- */

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
