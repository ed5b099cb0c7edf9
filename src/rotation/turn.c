/*
 * rotation/turn.c
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "audit/audit.h"
#include "base/catalog.h"
#include "base/refuse.h"
#include "kv/common.h"
#include "policy/privilege.h"
#include "policy/role.h"
#include "rotation/clock.h"
#include "rotation/span.h"
#include "rotation/turn.h"
#include "rotation/worker.h"

#define FIRST_PAUSE		(60 * USECS_PER_SEC)	/* after a failure; doubled with each */
#define LONGEST_PAUSE	USECS_PER_HOUR
#define TELL_AFTER		3		/* failures in a row */
#define ERROR_LEN		300		/* bytes of last_error */

/* ---- whose it is ---- */

pg_noreturn static void
refuse_unscheduled(void)
{
	REFUSE(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
		   errmsg("the secret has no schedule"),
		   errhint("secrets.schedule_rotation(name, 'manual', ...) says how it is rotated."));
}

Turn
turn_begin(const char *name)
{
	Turn		turn = {0};

	check_name(name);
	turn.pass = require_change(PRIV_ROTATE, name);
	lock_secret(name, LOCK_CHANGE, &turn.secret);
	if (!rotation_lock(&turn.secret.id, &turn.rotation))
		refuse_unscheduled();
	return turn;
}

/* ---- who ---- */

void
turn_find_scheduler(Turn *turn)
{
	const Rotation *rotation = &turn->rotation;

	turn->scheduler = role_of_tag(rotation->scheduled_tag, get_role_oid(rotation->scheduled_by, true));
	if (!OidIsValid(turn->scheduler))
		REFUSE(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
			   errmsg("the role that scheduled this rotation has been dropped"),
			   errhint("Whoever may can schedule it anew: secrets.schedule_rotation()."));
}

void
turn_refuse_foreign(const Rotation *rotation)
{
	if (rotation_is_foreign(rotation))
		REFUSE(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
			   errmsg("this rotation was scheduled in another database, of which this one is a copy"),
			   errdetail("What it would change may be in use there."),
			   errhint("secrets.adopt() lets it run here."));
}

/* Everything that a rotator decides it decides about who scheduled it. */
Caller
turn_become(Oid role)
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
turn_count_next(Rotation *rotation, const Secret *secret, TimestampTz from)
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
bool
turn_has_missed_window(const Rotation *rotation, TimestampTz now)
{
	return rotation->window && rotation->due_at != NEVER && rotation->due_at <= now
		&& now - rotation->due_at >= span_read(rotation->window, "window");
}

TimestampTz
turn_next_attempt(const Rotation *rotation)
{
	int64		pause = FIRST_PAUSE;

	for (int i = 1; i < rotation->failures && pause < LONGEST_PAUSE; i++)
		pause *= 2;
	pause = Min(pause, LONGEST_PAUSE);
	return GetCurrentTimestamp() + pause - pause / 4 + span_random(pause / 2);
}

/* ---- how it went ---- */

void
turn_note_success(Turn *turn)
{
	Rotation   *rotation = &turn->rotation;

	rotation->last_at = GetCurrentTimestamp();
	rotation->last_status = "succeeded";
	rotation->failures = 0;
	rotation->last_error = NULL;
	rotation->pending_version = NO_VERSION;
	turn_count_next(rotation, &turn->secret, rotation->last_at);
	rotation_update(rotation);
	if (rotation->terminate_at != NEVER)
		worker_wake_at_commit();
}

char *
turn_short_message(const ErrorData *error)
{
	const char *message = error->message ? error->message : "";
	int			len = pg_mbcliplen(message, (int) strlen(message), ERROR_LEN);

	return pnstrdup(message, (Size) len);
}

void
turn_tell_of_failures(const Turn *turn)
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
int64
turn_add_version(Turn *turn, const Generated *made, bool pending)
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
	Plain		plain;

	if (number == NO_VERSION)
		number = turn->secret.current_version;
	if (number == NO_VERSION || !find_version(turn, number, &version) || version.value == NULL || version.disabled)
		REFUSE(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
			   errmsg("the value that is to be rotated is disabled or destroyed"),
			   errhint("secrets.enable(), secrets.rollback(); or secrets.unschedule_rotation(), and secrets.put() a new one."));
	plain = value_open(&turn->pass, &turn->secret, &version);
	value_remember(&plain);
	return plain;
}

int64
turn_rotate_inside(Turn *turn, const Rotator *rotator)
{
	Caller		caller = turn_become(turn->scheduler);
	Generated	made;
	int64		version;

	rotator->check(turn, false);
	made = rotator->rotate(turn);
	as_caller(caller);
	version = turn_add_version(turn, &made, false);
	buffer_free(made.plain.bytes);
	turn_note_success(turn);
	return version;
}

/* Whether what was on its way can go on. */
bool
turn_has_candidate(const Turn *turn)
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
	return turn_has_candidate(turn) ? rotation->pending_version : turn->secret.last_version + 1;
}

int64
turn_rotate_here(Turn *turn)
{
	const Rotator *rotator = rotator_find(turn->rotation.rotator);

	turn_refuse_foreign(&turn->rotation);
	turn_find_scheduler(turn);
	return rotator->rotate ? turn_rotate_inside(turn, rotator) : mark(turn);
}

void
turn_tell_of_candidate(const Rotation *rotation)
{
	if (rotation->pending_version != NO_VERSION)
		ereport(WARNING,
				(errmsg("version " INT64_FORMAT " was on its way to the other side, and may be in use there already",
						rotation->pending_version),
				 errhint("It keeps the stage \"pending\"; secrets.label(name, 'current', " INT64_FORMAT ") makes it the value.",
						 rotation->pending_version)));
}
