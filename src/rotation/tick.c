/*
 * rotation/tick.c
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "audit/audit.h"
#include "base/catalog.h"
#include "base/refuse.h"
#include "keyring/keyring.h"
#include "kv/common.h"
#include "policy/policy.h"
#include "policy/role.h"
#include "rotation/row.h"
#include "rotation/run.h"
#include "rotation/scheduler.h"
#include "rotation/sessions.h"
#include "rotation/tick.h"
#include "rotation/turn.h"
#include "rotation/worker.h"

#define BATCH 100				/* keys that are looked up at a time */
#define CLOCK_SLACK (5 * USECS_PER_MINUTE)

/* How far one tick goes. */
typedef struct Budget
{
	int			left;			/* pieces; 0: none */
	TimestampTz until;
	TimestampTz committed;		/* what there is to be followed; 0: whatever there is */
	MemoryContext each;			/* what one piece needs */
} Budget;

static bool
may_go_on(Budget *budget)
{
	CHECK_FOR_INTERRUPTS();
	return budget->left > 0 && GetCurrentTimestamp() < budget->until && keyring_is_open();
}

/* Looking for work is a transaction too; where there is no portal (the worker), nobody else takes a snapshot for it. */
static void
begin_look(void)
{
	PushActiveSnapshot(GetTransactionSnapshot());
}

static void
end_look(void)
{
	PopActiveSnapshot();
	run_commit();
}

/* One piece of work on one secret, which is found by its id. */
typedef struct ById
{
	pg_uuid_t	id;
	TimestampTz now;
	TimestampTz committed;		/* of sessions: not later than when who looks heard of it */
	bool		done;			/* not passed over: the next look finds something else */
} ById;

typedef void (*Worker) (void *by_id);

/* How many of them were done. */
static int
do_each(Budget *budget, const pg_uuid_t *ids, int n, Worker work, const char *what)
{
	int			done = 0;

	for (int i = 0; i < n && may_go_on(budget); i++)
	{
		MemoryContext before = MemoryContextSwitchTo(budget->each);
		TimestampTz now = GetCurrentTimestamp();
		ById		by_id = {.id = ids[i],.now = now,.committed = budget->committed ? budget->committed : now};
		ErrorData  *error;

		if (run_piece(work, &by_id, &error))
			done += by_id.done;
		else
			ereport(LOG, (errmsg("secrets: could not %s: %s", what, error->message), errhidestmt(true), errhidecontext(true)));
		budget->left -= by_id.done;
		MemoryContextSwitchTo(before);
		MemoryContextReset(budget->each);
	}
	return done;
}

/* ---- sessions ---- */

/* The first who sees it settles which sessions: those that began before the commit, by the old password. */
static void
end_sessions_of(void *arg)
{
	ById	   *by_id = arg;
	Secret		secret;
	Rotation	rotation;
	Oid			role;

	if (!store_lock_by_id(&by_id->id, false, &secret) || !rotation_lock(&by_id->id, &rotation) || rotation.terminate_at == NEVER)
		return;
	if (rotation.terminate_before == NEVER)
		rotation.terminate_before = by_id->committed;
	if (rotation.terminate_at <= by_id->now)
	{
		role = rotation.terminate_role && !rotation_is_foreign(&rotation)
			? role_of_tag(rotation.terminate_role, InvalidOid) : InvalidOid;
		if (OidIsValid(role))
			(void) sessions_end(role, rotation.terminate_before);
		rotation.terminate_at = rotation.terminate_before = NEVER;
		rotation.terminate_role = NULL;
	}
	rotation_update(&rotation);
	by_id->done = true;
}

static void
end_sessions(Budget *budget)
{
	pg_uuid_t	ids[BATCH];
	int			done;
	int			n;

	do
	{
		begin_look();
		n = may_go_on(budget) ? rotation_find_ending(GetCurrentTimestamp(), ids, BATCH) : 0;
		end_look();
		done = do_each(budget, ids, n, end_sessions_of, "end the sessions of a role");
	} while (n == BATCH && done > 0);
}

/* ---- rotations ---- */

static void
rotate_due(Budget *budget, bool only_marked)
{
	TimestampTz now = GetCurrentTimestamp();
	DueKey		at = {.next_at = DT_NOBEGIN};
	DueKey		keys[BATCH];
	int			n;

	do
	{
		begin_look();
		n = may_go_on(budget) ? rotation_find_due(now, &at, keys, BATCH) : 0;
		end_look();
		for (int i = 0; i < n && may_go_on(budget); i++)
		{
			MemoryContext before = MemoryContextSwitchTo(budget->each);
			Run			run = {.secret_id = keys[i].secret_id,.must_be_due = true,.must_be_marked = only_marked};
			ErrorData  *error;

			if (run_apart(&run, &error) != RUN_PASSED)
				budget->left--;
			if (worker_was_wanted())
				(void) do_each(budget, &run.secret_id, 1, end_sessions_of, "end the sessions of a role");
			MemoryContextSwitchTo(before);
			MemoryContextReset(budget->each);
		}
	} while (n == BATCH);
}

/* ---- a clock that was set back ---- */

static void
count_again(void *arg)
{
	ById	   *by_id = arg;
	Secret		secret;
	Rotation	rotation;

	if (!store_lock_by_id(&by_id->id, false, &secret) || !rotation_lock(&by_id->id, &rotation)
		|| rotation.counted_at <= by_id->now + CLOCK_SLACK)
		return;
	turn_count_next(&rotation, &secret, by_id->now);
	rotation_update(&rotation);
	by_id->done = true;
}

/* What was counted from a time that has not come yet would be waited for as long. */
static void
mind_the_clock(Budget *budget)
{
	pg_uuid_t	ids[BATCH];
	int			n;

	begin_look();
	n = rotation_find_misdated(GetCurrentTimestamp() + CLOCK_SLACK, ids, BATCH);
	end_look();
	(void) do_each(budget, ids, n, count_again, "count the time of a rotation again");
}

/* ---- what has ended ---- */

static void
purge(void *arg)
{
	ById	   *by_id = arg;
	Secret		secret;

	audit_set_via(VIA_SCHEDULER);
	if (!store_lock_by_id(&by_id->id, false, &secret) || secret.deleted_at == NEVER || secret.purge_after > by_id->now)
		return;
	store_purge(&secret);
	if (kv_watcher.purged)
		kv_watcher.purged(&secret);
	notify_watchers(&secret, secret.current_version, "purge");
	by_id->done = true;
}

static void
purge_deleted(Budget *budget)
{
	pg_uuid_t	ids[BATCH];
	int			done;
	int			n;

	do
	{
		begin_look();
		n = may_go_on(budget) ? store_find_purgeable(GetCurrentTimestamp(), ids, BATCH) : 0;
		end_look();
		done = do_each(budget, ids, n, purge, "purge a secret");
	} while (n == BATCH && done > 0);
}

static void
tell_of_end(void *arg)
{
	ById	   *by_id = arg;
	Snapshot	snapshot = catalog_snapshot();
	Secret		secret;

	if (store_find_by_id(&by_id->id, snapshot, &secret) && is_expired(&secret))
		notify_watchers(&secret, secret.current_version, "expire");
	UnregisterSnapshot(snapshot);
}

/* Reads refuse by themselves; who watches is told, once. */
static void
tell_of_expired(Budget *budget, TimestampTz last_tick)
{
	pg_uuid_t	ids[BATCH];
	int			n;

	begin_look();
	n = last_tick ? store_find_expired(last_tick, GetCurrentTimestamp(), ids, BATCH) : 0;
	end_look();
	(void) do_each(budget, ids, n, tell_of_end, "tell that a secret has expired");
}

/* ---- all of it ---- */

/* Sealed, on a standby, or while a restore may be under way, there is nothing to be done. */
static const char *
why_not_now(void)
{
	if (RecoveryInProgress())
		return "this is a standby";
	if (!keyring_is_open())
		return "the server is sealed";
	return policy_is_settled() ? NULL : "nothing has been changed here yet: this may be a restore";
}

static void
tick(Budget *budget)
{
	TimestampTz last_tick;

	begin_look();
	last_tick = scheduler_note_tick();
	end_look();
	if (last_tick / USECS_PER_HOUR != GetCurrentTimestamp() / USECS_PER_HOUR)
		audit_keep_house();
	mind_the_clock(budget);
	end_sessions(budget);
	tell_of_expired(budget, last_tick);
	purge_deleted(budget);
	rotate_due(budget, false);
}

static void
tick_for_worker(Budget *budget)
{
	end_sessions(budget);
	budget->committed = 0;
	rotate_due(budget, true);
}

/* How many pieces were done. */
static int
run_tick(void (*work) (Budget *budget), int max_work, TimestampTz until, TimestampTz committed)
{
	Budget		budget = {
		.left = max_work,.until = until,.committed = committed,
		.each = AllocSetContextCreate(CurrentMemoryContext, "secrets, one piece of a tick", ALLOCSET_DEFAULT_SIZES)
	};

	worker_hold(true);
	PG_TRY();
	{
		work(&budget);
	}
	PG_FINALLY();
	{
		worker_hold(false);
	}
	PG_END_TRY();
	MemoryContextDelete(budget.each);
	return max_work - budget.left;
}

void
tick_all(int max_work, TimestampTz until)
{
	const char *why = why_not_now();

	if (why)
		ereport(NOTICE, (errmsg("secrets.tick() does nothing: %s", why)));
	else
		(void) run_tick(tick, max_work, until, 0);
}

bool
tick_has_marked(void)
{
	pg_uuid_t	id;
	bool		has;

	if (why_not_now())
		return false;
	begin_look();
	has = rotation_has_marked(GetCurrentTimestamp()) || rotation_find_ending(GetCurrentTimestamp(), &id, 1) > 0;
	end_look();
	return has;
}

int
tick_marked(TimestampTz committed)
{
	if (why_not_now())
		return 0;
	return run_tick(tick_for_worker, INT_MAX, GetCurrentTimestamp() + 5 * USECS_PER_MINUTE, committed);
}
