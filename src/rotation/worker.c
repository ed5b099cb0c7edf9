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
#include "storage/lock.h"
#include "tcop/tcopprot.h"
#include "tcop/utility.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/portal.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "base/compat.h"
#include "rotation/tick.h"
#include "rotation/worker.h"

PGDLLEXPORT pg_noreturn void secrets_rotation_worker(Datum arg);

static bool wanted = false;
static bool missed = false;		/* it would have been called, but for the next */
static bool held = false;		/* this process does itself what there is to do */

/* It must not raise: the transaction is committed.  Nothing here allocates. */
static void
start(void)
{
	BackgroundWorker worker = {
		.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION,
		.bgw_start_time = BgWorkerStart_RecoveryFinished,
		.bgw_restart_time = BGW_NEVER_RESTART,
		.bgw_main_arg = ObjectIdGetDatum(MyDatabaseId)
	};

	/* Who comes in from here on comes in by the new password: nobody has been told of it before. */
	memcpy(worker.bgw_extra, &(TimestampTz) {GetCurrentTimestamp()}, sizeof(TimestampTz));
	strlcpy(worker.bgw_library_name, "secrets", sizeof(worker.bgw_library_name));
	strlcpy(worker.bgw_function_name, "secrets_rotation_worker", sizeof(worker.bgw_function_name));
	strlcpy(worker.bgw_name, "secrets rotation", sizeof(worker.bgw_name));
	strlcpy(worker.bgw_type, "secrets rotation", sizeof(worker.bgw_type));
	(void) RegisterDynamicBackgroundWorker(&worker, NULL);
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
 * As a procedure does that is called by itself: SPI, and transactions that it
 * ends.  Who finds another at it goes, and that one looks again when it has let
 * the lock go: what was committed before is found by one of the two.
 */
static void
work(TimestampTz committed)
{
	LOCKTAG		tag = tag_of_database();

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	SPI_connect_ext(SPI_OPT_NONATOMIC);
	do
	{
		if (LockAcquire(&tag, ExclusiveLock, true, true) == LOCKACQUIRE_NOT_AVAIL)
			break;
		tick_marked(committed);
		LockRelease(&tag, ExclusiveLock, true);
		committed = 0;
	} while (tick_has_marked());
	SPI_finish();
	CommitTransactionCommand();
}

void
secrets_rotation_worker(Datum arg)
{
	TimestampTz committed;

	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnectionByOid(DatumGetObjectId(arg), InvalidOid, 0);
	PortalContext = AllocSetContextCreate(TopMemoryContext, "secrets rotation", ALLOCSET_DEFAULT_SIZES);
	pgstat_report_activity(STATE_RUNNING, "rotating secrets");
	memcpy(&committed, MyBgworkerEntry->bgw_extra, sizeof(committed));
	work(committed);
	proc_exit(0);
}
