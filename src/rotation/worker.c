/*
 * rotation/worker.c
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_extension.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lock.h"
#include "tcop/tcopprot.h"
#include "tcop/utility.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/portal.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "base/compat.h"
#include "rotation/process.h"
#include "rotation/tick.h"
#include "rotation/worker.h"

PGDLLEXPORT pg_noreturn void secrets_rotation_worker(Datum arg);

#define PAUSE_MILLISECONDS 500
#define MOST_IDLE 10

static bool wanted = false;
static bool missed = false;		/* it would have been called, but for the next */
static bool held = false;		/* this process does itself what there is to do */

/*
 * It must not raise: the transaction is committed.  Who comes in from here on
 * comes in by the new password: nobody has been told of it before.
 */
static void
start(void)
{
	Order		order = {.committed = GetCurrentTimestamp()};

	(void) process_start(&order, NULL);
}

static void
on_end_of_transaction(XactEvent event, void *arg)
{
	bool		wake = wanted && event == XACT_EVENT_COMMIT;

	if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT && event != XACT_EVENT_PREPARE)
		return;
	wanted = false;
	if (wake && held)
		missed = true;
	else if (wake)
		start();
}

void
worker_register(void)
{
	RegisterXactCallback(on_end_of_transaction, NULL);
}

void
worker_wake_at_commit(void)
{
	wanted = true;
}

void
worker_hold(bool hold)
{
	held = hold;
}

bool
worker_was_wanted(void)
{
	bool		was = missed;

	missed = false;
	return was;
}

/* One a database: for many there may be no places. */
static LOCKTAG
tag_of_database(void)
{
	LOCKTAG		tag;

	SET_LOCKTAG_OBJECT(tag, MyDatabaseId, ExtensionRelationId, 0, 0);
	return tag;
}

/*
 * Who finds another at it goes, and that one looks again when it has let the lock
 * go: what was committed before is found by one of the two.  What somebody has
 * locked is tried again for a while; then it is the tick's.
 */
static void
follow_commits(TimestampTz committed)
{
	LOCKTAG		tag = tag_of_database();
	int			idle = 0;

	do
	{
		if (LockAcquire(&tag, ExclusiveLock, true, true) == LOCKACQUIRE_NOT_AVAIL)
			return;
		idle = tick_marked(committed) > 0 ? 0 : idle + 1;
		LockRelease(&tag, ExclusiveLock, true);
		committed = 0;
		if (idle > 0)
			(void) WaitLatch(MyLatch, WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, PAUSE_MILLISECONDS, PG_WAIT_EXTENSION);
	} while (tick_has_marked() && idle < MOST_IDLE);
}

/* As a procedure does that is called by itself: SPI, and transactions that it ends. */
static void
work(const Order *order)
{
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	SPI_connect_ext(SPI_OPT_NONATOMIC);
	if (order->is_one)
		process_obey(order);
	else
		follow_commits(order->committed);
	SPI_finish();
	CommitTransactionCommand();
}

void
secrets_rotation_worker(Datum arg)
{
	Order		order;

	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnectionByOid(DatumGetObjectId(arg), InvalidOid, 0);
	PortalContext = AllocSetContextCreate(TopMemoryContext, "secrets rotation", ALLOCSET_DEFAULT_SIZES);
	pgstat_report_activity(STATE_RUNNING, "rotating secrets");
	memcpy(&order, MyBgworkerEntry->bgw_extra, sizeof(order));
	work(&order);
	proc_exit(0);
}
