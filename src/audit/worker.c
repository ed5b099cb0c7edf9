/*
 * audit/worker.c: the one process of a database that writes its log.
 *
 * It wakes every 100 ms while there is something to do, writes what is queued
 * in a transaction that it flushes itself, and looks for changes whose
 * transactions have ended.  When it has had nothing to do for a while it goes.
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "commands/extension.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "audit/handover.h"
#include "audit/internal.h"
#include "audit/launch.h"
#include "base/compat.h"
#include "base/refuse.h"
#include "policy/policy.h"

#define SHORT_SLEEP		100		/* milliseconds, while lines come */
#define LONG_SLEEP		1000
#define COVER_EVERY		500		/* changes are looked for no more often, unless somebody asks */
#define LEAVE_AFTER		30000	/* without anything to do */
#define PRUNE_EVERY		3600000
#define CHECK_EVERY		60000
#define LOG_HEAD_EVERY	10000	/* each head stands for all before it */
#define LAST_WORDS		300		/* when it is terminated: for those who are at their last reads */
#define MOST_ATTEMPTS	3		/* to connect, before it is left to the next read */

PGDLLEXPORT pg_noreturn void secrets_audit_worker(Datum arg);
PGDLLEXPORT pg_noreturn void secrets_audit_spare(Datum arg);

static int	retention = 0;		/* seconds; 0: for ever */

static Queue *queue = NULL;
static MemoryContext work_memory = NULL;
static uint32 seen_changes = 0;
static bool has_looked = false;	/* for changes; of those from before we came nobody tells us */
static bool has_open_changes = false;
static bool has_home = false;	/* else a restore may be under way: lines are added, and nothing else is touched */
static TimestampTz last_cover = 0;
static TimestampTz last_check = 0;
static TimestampTz last_prune = 0;
static TimestampTz last_lastread = 0;
static TimestampTz last_work = 0;
static bool was_standby = false;
static TimestampTz last_logged = 0;
static int64 logged_number = 0;
static int	failures = 0;			/* one after the other */

void
worker_init(void)
{
	DefineCustomIntVariable("secrets.audit_retention",
							"How long lines of the audit are kept.",
							"Older ones go, whole stretches at a time; their digests stay, so that what is left still "
							"verifies. 0 keeps them for ever.",
							&retention, 0, 0, INT_MAX, PGC_SIGHUP, GUC_UNIT_S | GUC_DISALLOW_IN_AUTO_FILE, NULL, NULL, NULL);
}

/* ---- one transaction ---- */

static void
begin(void)
{
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	/* One state, from the first look on; and nobody's default stops us from writing. */
	XactIsoLevel = XACT_REPEATABLE_READ;
	XactReadOnly = TransactionStartedDuringRecovery();
	PushActiveSnapshot(GetTransactionSnapshot());
	MemoryContextSwitchTo(work_memory);
}

/* What it did counts from here on. */
static void
commit(bool counts)
{
	PopActiveSnapshot();
	CommitTransactionCommand();
	MemoryContextReset(work_memory);
	if (counts)
		chain_committed(queue);
}

typedef enum State
{
	STATE_READY,
	STATE_GONE,					/* the extension is not here any more */
	STATE_HOLDING,				/* there is no master key: nothing was ever stored, or is restored yet */
	STATE_SEALED
} State;

/* In a transaction. */
static State
find_key(AuditKey *key)
{
	uint8		probe[HASH_LEN] = {0};
	uint8		mac[AUDIT_MAC_LEN];

	/* A table that has another name by now is no reason to forget what is queued: that is an error. */
	if (!OidIsValid(get_extension_oid("secrets", true)) && !OidIsValid(catalog_oid_or_none(CATALOG_SECRET))
		&& !OidIsValid(catalog_oid_or_none(CATALOG_AUDIT_EVENT)))
		return STATE_GONE;
	(void) catalog_oid(CATALOG_AUDIT_EVENT);
	(void) catalog_oid(CATALOG_AUDIT_DIGEST);
	if (!keyring_find_audit_key(0, key))
		return STATE_HOLDING;
	return audit_mac(key, probe, mac) ? STATE_READY : STATE_SEALED;
}

/* ---- the work ---- */

static bool
must_cover(TimestampTz now, bool asked)
{
	if (asked || !has_looked)
		return true;
	if (seen_changes == queue_changes(queue) && !has_open_changes)
		return false;
	return TimestampDifferenceExceeds(last_cover, now, has_open_changes ? LONG_SLEEP : COVER_EVERY);
}

/* changes: as they were counted before our snapshot was taken.  What came in between is looked for again. */
static void
cover(const AuditKey *key, uint32 changes)
{
	seen_changes = changes;
	if (chain_cover_changes(queue, key))
		last_work = GetCurrentTimestamp();
	has_open_changes = chain_has_open_changes();
	has_looked = true;
	last_cover = GetCurrentTimestamp();
}

static bool
must_prune(TimestampTz now)
{
	int64		every = Min(PRUNE_EVERY, Max(1000, (int64) retention * 100));

	return retention > 0 && TimestampDifferenceExceeds(last_prune, now, (int) every);
}

/* A worker looks for itself what is old, from its first moment on. */
void
audit_keep_house(void)
{
	Queue	   *mine = retention > 0 ? queue_mine() : NULL;

	if (mine)
		(void) launch_worker(mine);
}

static State
write_queued(bool *more)
{
	AuditKey	key;
	State		state;
	int			n = 0;

	begin();
	state = find_key(&key);
	/* The end of a restore: what came with it is looked at anew. */
	if (has_home != audit_has_home())
		chain_forget();
	has_home = audit_has_home();
	if (state == STATE_READY && !chain_is_loaded())
	{
		chain_load(queue, &key);
		commit(true);
		begin();
		state = find_key(&key);
	}
	if (state == STATE_READY)
		n = chain_write_lines(queue, &key);
	commit(n > 0);
	*more = state == STATE_READY && n > 0 && queue_depth(queue) > 0;
	if (n > 0)
		last_work = GetCurrentTimestamp();
	return state;
}

static void
look_for_changes(bool asked)
{
	TimestampTz now = GetCurrentTimestamp();
	AuditKey	key;
	bool		ready;

	/* What was not done does not count: the chain's next link may be of a round that failed. */
	if (must_cover(now, asked))
	{
		uint32		changes = queue_changes(queue);

		begin();
		ready = find_key(&key) == STATE_READY && chain_is_loaded();
		if (ready)
			cover(&key, changes);
		commit(ready);
	}
	if (lastread_is_due() && (asked || TimestampDifferenceExceeds(last_lastread, now, LONG_SLEEP)))
	{
		bool		written;

		begin();
		written = find_key(&key) == STATE_READY && lastread_write();
		commit(false);
		if (written)
			lastread_written();
		last_lastread = now;
	}
	if (chain_is_pruning() || must_prune(now))
	{
		begin();
		ready = find_key(&key) == STATE_READY && chain_is_loaded();
		if (ready)
			chain_prune(queue, &key, retention);
		commit(ready);
		last_prune = now;
	}
}

/* An anchor that the database's superuser does not reach, if the log is shipped. */
static void
log_head(bool now)
{
	int64		number;
	uint8		head[HASH_LEN];
	AuditDigest digest = {0};

	if (!queue_get_head(queue, InvalidOid, &number, head) || number == logged_number)
		return;
	if (!now && !TimestampDifferenceExceeds(last_logged, GetCurrentTimestamp(), LOG_HEAD_EVERY))
		return;
	digest.number = number;
	digest.timeline = (int) CURRENT_TIMELINE();
	memcpy(digest.head, head, HASH_LEN);
	MemoryContextSwitchTo(work_memory);
	ereport(LOG, (errmsg("secrets: audit head of database %u is %s", MyDatabaseId, head_line(&digest)), errhidestmt(true)));
	MemoryContextReset(work_memory);
	last_logged = GetCurrentTimestamp();
	logged_number = number;
}

/* Until it can be done, or the queue is full, lines stay: reads go on. */
static State
hand_over(bool *more)
{
	AuditKey	key;
	State		state;
	bool		ready = false;
	const char *why;

	begin();
	state = find_key(&key);
	if (state == STATE_READY)
		ready = handover_prepare(queue, &key);
	commit(false);
	*more = false;
	if (!ready)
		return state;
	last_work = GetCurrentTimestamp();
	why = handover_send(queue);
	*more = why == NULL && queue_depth(queue) > 0;
	queue_set_trouble(queue, why ? why : "");
	return state;
}

static const char *
describe_state(State state)
{
	switch (state)
	{
		case STATE_SEALED:
			return "secrets is sealed";
		case STATE_HOLDING:
			return "nothing was ever stored here: the first change, or secrets.unseal(), begins the log";
		default:
			return "";
	}
}

/* Somebody has switched off what writes the lines of changes. */
static void
set_triggers_back(void)
{
	TimestampTz now = GetCurrentTimestamp();
	AuditRecord record = {.action = ACTION_CONFIG,.outcome = OUTCOME_ALLOWED,.reason = "triggers were off"};
	int			n;

	if (last_check != 0 && !TimestampDifferenceExceeds(last_check, now, CHECK_EVERY))
		return;
	last_check = now;
	begin();
	n = policy_set_triggers_back(false);
	if (n > 0)
	{
		record.role = GetUserId();
		record.detail = psprintf("{\"set_back\": %d}", n);
		audit_set_via(VIA_SCHEDULER);
		audit_record_change(&record);
		ereport(LOG, (errmsg("secrets: %d triggers of its catalogs in database %u were off, and are on again", n, MyDatabaseId)));
	}
	commit(false);
}

/* False: leave, for good. */
static bool
work_on_standby(bool *more)
{
	State		state;

	was_standby = true;
	*more = false;
	if (queue_depth(queue) == 0)
	{
		handover_rest();
		return true;
	}
	if (handover_is_early())
		return true;
	state = hand_over(more);
	if (state == STATE_GONE)
	{
		record_log_queue(queue, "the extension was dropped");
		queue_forget(queue);
		return false;
	}
	queue_set_holding(queue, state == STATE_HOLDING);
	if (state != STATE_READY)
		queue_set_trouble(queue, describe_state(state));
	return true;
}

/* Promoted: what is left is written here. */
static void
stop_being_standby(void)
{
	was_standby = false;
	handover_end();
	chain_forget();
}

/* False: leave, for good. */
static bool
work(bool *more)
{
	uint32		asked = queue_asked_rounds(queue);
	bool		is_asked = asked != queue_rounds(queue);
	State		state;

	if (RecoveryInProgress())
		return work_on_standby(more);
	if (was_standby)
		stop_being_standby();
	do
	{
		state = write_queued(more);
		CHECK_FOR_INTERRUPTS();
	} while (is_asked && *more);
	if (state == STATE_GONE)
	{
		record_log_queue(queue, "the extension was dropped");
		queue_forget(queue);
		seen_changes = queue_changes(queue);
		return false;
	}
	queue_set_holding(queue, state == STATE_HOLDING);
	queue_set_trouble(queue, describe_state(state));
	if (state == STATE_READY)
	{
		if (has_home)
		{
			set_triggers_back();
			look_for_changes(is_asked);
		}
		launch_others(queue);
	}
	if (is_asked)
		queue_end_round(queue, asked);
	log_head(false);
	return true;
}

/* ---- when it fails ---- */

static const char *
describe(int sqlstate)
{
	switch (sqlstate)
	{
		case ERRCODE_DISK_FULL:
			return "the disk is full";
		case ERRCODE_LOCK_NOT_AVAILABLE:
			return "somebody has locked its table";
		case ERRCODE_OUT_OF_MEMORY:
			return "out of memory";
		default:
			return psprintf("its worker fails (%s)", unpack_sql_state(sqlstate));
	}
}

/* Who locks the log stops every read: he shall be known. */
static void
name_lockers(void)
{
	begin();
	SPI_connect();
	if (OidIsValid(catalog_oid_or_none(CATALOG_AUDIT_EVENT))
		&& SPI_execute("SELECT l.pid, a.usename FROM pg_catalog.pg_locks l LEFT JOIN pg_catalog.pg_stat_activity a USING (pid) "
					   "WHERE l.granted AND l.relation IN (SELECT c.oid FROM pg_catalog.pg_class c WHERE c.relnamespace" EQ
					   "'secrets_catalog'::pg_catalog.regnamespace) AND l.pid" NE "pg_catalog.pg_backend_pid() AND l.database" EQ
					   "(SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname" EQ "pg_catalog.current_database()) "
					   "AND l.mode" NE "'AccessShareLock' AND l.mode" NE "'RowExclusiveLock'", true, 10) == SPI_OK_SELECT)
		for (uint64 i = 0; i < SPI_processed; i++)
			ereport(LOG, (errmsg("secrets: the audit of database %u waits for a lock that process %s (%s) holds", MyDatabaseId,
								 SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1),
								 SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 2)), errhidestmt(true)));
	SPI_finish();
	commit(false);
}

/* An error that lasts is told of once a minute. */
static bool
is_news(int sqlstate)
{
	static int	told = 0;
	static TimestampTz told_at = 0;

	if (failures++ > 0 && sqlstate == told && !TimestampDifferenceExceeds(told_at, GetCurrentTimestamp(), 60000))
		return false;
	told = sqlstate;
	told_at = GetCurrentTimestamp();
	return true;
}

static void
obey(void)
{
	CHECK_FOR_INTERRUPTS();
	if (!ConfigReloadPending)
		return;
	ConfigReloadPending = false;
	ProcessConfigFile(PGC_SIGHUP);
	last_prune = 0;
}

/* The longer it has been failing, the longer. */
static void
rest(void)
{
	(void) WaitLatch(MyLatch, WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, Min(200 * failures, LONG_SLEEP), PG_WAIT_EXTENSION);
	obey();
}

static int
clean_up(void)
{
	int			sqlstate = geterrcode();

	error_context_stack = NULL;
	HOLD_INTERRUPTS();
	if (is_news(sqlstate))
		EmitErrorReport();
	AbortCurrentTransaction();
	FlushErrorState();
	MemoryContextSwitchTo(work_memory);
	chain_forget();
	handover_end();
	queue_set_trouble(queue, describe(sqlstate));
	MemoryContextSwitchTo(TopMemoryContext);
	MemoryContextReset(work_memory);
	RESUME_INTERRUPTS();
	return sqlstate;
}

/* ---- its life ---- */

/* What it may not write yet keeps nobody here: who ends that starts a worker. */
static bool
has_work(const Post *post)
{
	return (queue_depth(queue) > 0 && !post->holding) || seen_changes != queue_changes(queue);
}

/* What came while we were at the door is not left to the next who reads. */
static void
leave_post(int code, Datum arg)
{
	Post		post;
	bool		left_over;

	queue_get_post(queue, &post);
	left_over = code == 0 && has_looked && !post.leave && has_work(&post);
	queue_leave_post(queue);
	if (left_over)
		(void) launch_worker(queue);
}

static bool
has_nothing_to_do(const Post *post)
{
	if (has_work(post) || chain_is_pruning() || lastread_is_due() || has_open_changes)
		return false;
	return TimestampDifferenceExceeds(last_work, GetCurrentTimestamp(), LEAVE_AFTER);
}

/* Asked to, or others wait for a place and it has nothing in hand. */
static bool
should_leave(void)
{
	Post		post;

	queue_get_post(queue, &post);
	return post.leave || has_nothing_to_do(&post);
}

static void
sleep_a_while(bool more)
{
	bool		quiet = TimestampDifferenceExceeds(last_work, GetCurrentTimestamp(), 500);

	/*
	 * What has come meanwhile waits its time, and is flushed together: who waits
	 * for the disk wakes us.
	 */
	if (more && queue_is_half_full(queue))
		return;
	queue_set_asleep(queue, quiet);
	/* What came before that is seen now, and what comes after it wakes us. */
	pg_memory_barrier();
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
					 quiet && queue_depth(queue) == 0 ? LONG_SLEEP : SHORT_SLEEP, PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
	queue_set_asleep(queue, false);
}

static void
settle_in(void)
{
	/* The database's own settings are for its users. */
	SetConfigOption("synchronous_commit", "local", PGC_USERSET, PGC_S_OVERRIDE);
	SetConfigOption("lock_timeout", "1000", PGC_USERSET, PGC_S_OVERRIDE);
	SetConfigOption("statement_timeout", "0", PGC_USERSET, PGC_S_OVERRIDE);
	SetConfigOption("idle_in_transaction_session_timeout", "0", PGC_USERSET, PGC_S_OVERRIDE);
	if (GetConfigOption("transaction_timeout", true, false))	/* of 17 and later */
		SetConfigOption("transaction_timeout", "0", PGC_USERSET, PGC_S_OVERRIDE);
	/* Row level security would show another role an empty log. */
	SetConfigOption("role", "none", PGC_USERSET, PGC_S_OVERRIDE);
	SetConfigOption("default_transaction_read_only", "off", PGC_USERSET, PGC_S_OVERRIDE);
	SetConfigOption("default_transaction_deferrable", "off", PGC_USERSET, PGC_S_OVERRIDE);
	SetConfigOption("search_path", "pg_catalog", PGC_USERSET, PGC_S_OVERRIDE);
	SetConfigOption("application_name", "secrets audit", PGC_USERSET, PGC_S_OVERRIDE);
	work_memory = AllocSetContextCreate(TopMemoryContext, "secrets audit", ALLOCSET_DEFAULT_SIZES);
	last_work = GetCurrentTimestamp();
	pgstat_report_activity(STATE_IDLE, NULL);
}

static void
run(void)
{
	bool		more = false;

	while (!should_leave() && !ShutdownRequestPending)
	{
		if (!work(&more))
			break;
		queue_reset_attempts(queue);
		failures = 0;
		sleep_a_while(more);
		obey();
	}
	log_head(true);
}

/*
 * The server stops, or somebody has terminated us: what is queued is written
 * first, and what comes while the others are stopped as well.
 */
static void
say_last_words(void)
{
	TimestampTz until = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), LAST_WORDS);
	bool		more;

	do
	{
		if (!work(&more))
			break;
		if (!more)
			pg_usleep(10000);
	} while (more || (CountDBConnections(MyDatabaseId) > 0 && GetCurrentTimestamp() < until));
	log_head(true);
}

/*
 * An error ends one round, not the worker: it says why, and tries again.
 */
static void
run_through_errors(void)
{
	sigjmp_buf	here;
	volatile int failed = 0;

	if (sigsetjmp(here, 1) != 0)
		failed = clean_up();
	PG_exception_stack = &here;
	if (failed != 0)
	{
		int			sqlstate = failed;

		failed = 0;				/* what comes now may fail as well */
		rest();
		if (sqlstate == ERRCODE_LOCK_NOT_AVAILABLE && !ShutdownRequestPending)
			name_lockers();
	}
	if (failures == 0 || !ShutdownRequestPending)
		run();
	if (failures == 0 && ShutdownRequestPending)
		say_last_words();
	PG_exception_stack = NULL;
}

static void
take_signals(void)
{
	pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	BackgroundWorkerUnblockSignals();
}

/* False: there is nothing to do, or somebody else does it. */
static bool
serve(void)
{
	Oid			database;

	if (queue == NULL || !queue_take_post(queue, MyProcPid, MyLatch))
		return false;
	before_shmem_exit(leave_post, (Datum) 0);
	/* Not before: whose it is changes as long as nobody is at the post. */
	database = queue_database(queue);
	if (!OidIsValid(database))
		return false;
	/*
	 * Where the database is gone connecting ends the process with 1, which has
	 * it started again; and so has a crash of the server that it may have
	 * caused itself: not for ever.
	 */
	if (queue_count_attempt(queue) > MOST_ATTEMPTS)
	{
		queue_reset_attempts(queue);
		return false;
	}
	BackgroundWorkerInitializeConnectionByOid(database, InvalidOid, BGWORKER_BYPASS_ALLOWCONN);
	settle_in();
	run_through_errors();
	return true;
}

void
secrets_audit_worker(Datum arg)
{
	take_signals();
	queue = queue_number(DatumGetInt32(arg));
	/* Terminated by hand, it is started again. */
	proc_exit(serve() && ShutdownRequestPending ? 1 : 0);
}

static void
forget_spare(int code, Datum arg)
{
	queue_set_spare(NULL);
}

/* Ends with 1, so that it is started again: a process serves one database only. */
void
secrets_audit_spare(Datum arg)
{
	take_signals();
	if (queue_run() == 0)
		proc_exit(0);
	queue_set_spare(MyLatch);
	before_shmem_exit(forget_spare, (Datum) 0);
	while (!ShutdownRequestPending && (queue = queue_find_wanting()) == NULL)
	{
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, 60000, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
		}
	}
	queue_set_spare(NULL);
	if (!ShutdownRequestPending)
		(void) serve();
	proc_exit(1);
}
