/*
 * audit/launch.c
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_database.h"
#include "commands/dbcommands.h"
#include "commands/defrem.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "nodes/plannodes.h"
#include "postmaster/bgworker.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "audit/internal.h"
#include "audit/launch.h"
#include "base/catalog.h"
#include "base/compat.h"

#define START_AGAIN_AFTER	1000	/* milliseconds that one who was asked for has to come */
#define KEEP_AWAY			10000	/* the longest that a command may want a database for itself, waiting */

static ProcessUtility_hook_type prev_ProcessUtility = NULL;

/* ---- coming ---- */

static bool
register_worker(Queue *queue)
{
	BackgroundWorker worker = {
		.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION,
		.bgw_start_time = BgWorkerStart_ConsistentState,
		.bgw_restart_time = 1,	/* for one that dies; who leaves with 0 is not started again */
		.bgw_library_name = "secrets",
		.bgw_function_name = "secrets_audit_worker",
		.bgw_type = "secrets audit",
		.bgw_main_arg = Int32GetDatum(queue_index(queue))
	};

	snprintf(worker.bgw_name, BGW_MAXLEN, "secrets audit of database %u", queue_database(queue));
	return RegisterDynamicBackgroundWorker(&worker, NULL);
}

/* The one that has been at its post for longest goes; who has nothing to do, before who has. */
static void
ask_somebody_to_leave(const Queue *wanting)
{
	TimestampTz now = GetCurrentTimestamp();
	Queue	   *chosen = NULL;
	TimestampTz since = 0;
	bool		idle = false;

	for (int i = 0; i < MAX_QUEUES; i++)
	{
		Queue	   *queue = queue_number(i);
		Post		post;
		bool		is_idle = queue_depth(queue) == 0;

		queue_get_post(queue, &post);
		if (queue == wanting || post.pid == 0)
			continue;
		if (post.leave)
			return;				/* one at a time */
		if (!TimestampDifferenceExceeds(post.since, now, is_idle ? 50 : 500))
			continue;			/* it has hardly come */
		if (chosen == NULL || (is_idle && !idle) || (is_idle == idle && post.since < since))
		{
			chosen = queue;
			since = post.since;
			idle = is_idle;
		}
	}
	if (chosen)
		queue_ask_to_leave(chosen, true);
}

bool
launch_worker(Queue *queue)
{
	Post		post;

	if (queue_has_worker(queue))
		return true;
	if (queue_begin_start(queue, GetCurrentTimestamp(), START_AGAIN_AFTER))
	{
		if (register_worker(queue))
			return true;
		queue_fail_start(queue);
		queue_wake_spare();
		ask_somebody_to_leave(queue);
		return false;
	}
	queue_get_post(queue, &post);
	return post.pid != 0 || (post.started != 0 && post.kept_away_until <= GetCurrentTimestamp());
}

/*
 * Whoever had to go with lines in its queue comes back for them, though nobody
 * reads there any more.  Not where it could not write them: that ends with a
 * change, which asks by itself.
 */
void
launch_others(const Queue *mine)
{
	for (int i = 0; i < MAX_QUEUES; i++)
	{
		Queue	   *queue = queue_number(i);
		Post		post;

		if (queue == mine || queue_depth(queue) == 0 || queue_has_worker(queue))
			continue;
		queue_get_post(queue, &post);
		if (!post.holding)
			(void) launch_worker(queue);
	}
}

/* ---- being in nobody's way ---- */

static bool
drops_extension(const DropStmt *command)
{
	ListCell   *cell;

	if (command->removeType == OBJECT_EXTENSION)
		foreach(cell, command->objects)
			if (strcmp(strVal(lfirst(cell)), "secrets") == 0)
				return true;
	return false;
}

/*
 * The database that a command wants for itself, or InvalidOid.  What takes our
 * tables locks one after the other, and so does the worker, in another order:
 * the two would wait for each other.
 */
static Oid
wanted_database(Node *command)
{
	const char *name = NULL;
	ListCell   *cell;

	switch (nodeTag(command))
	{
		case T_DropdbStmt:
			name = ((DropdbStmt *) command)->dbname;
			break;
		case T_DropStmt:
			return drops_extension((DropStmt *) command) ? MyDatabaseId : InvalidOid;
		case T_DropOwnedStmt:
			return MyDatabaseId;
		case T_RenameStmt:
			if (((RenameStmt *) command)->renameType == OBJECT_DATABASE)
				name = ((RenameStmt *) command)->subname;
			break;
		case T_AlterDatabaseStmt:
			name = ((AlterDatabaseStmt *) command)->dbname;
			break;
		case T_CreatedbStmt:
			name = "template1";
			foreach(cell, ((CreatedbStmt *) command)->options)
				if (strcmp(((DefElem *) lfirst(cell))->defname, "template") == 0 && ((DefElem *) lfirst(cell))->arg)
					name = defGetString(lfirst(cell));
			break;
		default:
			break;
	}
	return name ? get_database_oid(name, true) : InvalidOid;
}

/* It finishes what it has in hand; what is queued stays. */
static void
send_away(Queue *queue)
{
	TimestampTz deadline = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), 5000);

	queue_keep_away(queue, TimestampTzPlusMilliseconds(GetCurrentTimestamp(), KEEP_AWAY));
	queue_ask_to_leave(queue, true);
	while (queue_has_worker(queue) && GetCurrentTimestamp() < deadline)
	{
		CHECK_FOR_INTERRUPTS();
		pg_usleep(5000);
	}
}

/* Who is refused anyway shall not disturb anybody. */
static bool
may_want(Oid database, Node *command)
{
	HeapTuple	tuple = SearchSysCache1(DATABASEOID, ObjectIdGetDatum(database));
	HeapTuple	role;
	bool		may;

	if (!HeapTupleIsValid(tuple))
		return false;
	if (IsA(command, DropStmt) || IsA(command, DropOwnedStmt))
	{
		ReleaseSysCache(tuple);
		return OidIsValid(catalog_oid_or_none(CATALOG_AUDIT_EVENT)) && caller_owns_catalogs();
	}
	may = has_privs_of_role(GetUserId(), ((Form_pg_database) GETSTRUCT(tuple))->datdba);
	if (IsA(command, CreatedbStmt))
	{
		may = may || ((Form_pg_database) GETSTRUCT(tuple))->datistemplate;
		role = SearchSysCache1(AUTHOID, ObjectIdGetDatum(GetUserId()));
		may = may && HeapTupleIsValid(role)
			&& (superuser() || ((Form_pg_authid) GETSTRUCT(role))->rolcreatedb);
		if (HeapTupleIsValid(role))
			ReleaseSysCache(role);
	}
	ReleaseSysCache(tuple);
	return may;
}

static void
run_utility(PlannedStmt *statement, const char *query, bool read_only_tree, ProcessUtilityContext context,
			ParamListInfo params, QueryEnvironment *environment, DestReceiver *dest, QueryCompletion *completion)
{
	ProcessUtility_hook_type run = prev_ProcessUtility ? prev_ProcessUtility : standard_ProcessUtility;

	run(statement, query, read_only_tree, context, params, environment, dest, completion);
}

/* Whose lines they are nobody knows any more: the worker looks. */
static void
tell_of_prepared(void)
{
	Queue	   *queue = queue_mine();

	if (queue == NULL)
		return;
	queue_tell_change(queue);
	if (launch_worker(queue))
		queue_wake(queue);
}

static bool
commits_prepared(Node *command)
{
	return IsA(command, TransactionStmt) && ((TransactionStmt *) command)->kind == TRANS_STMT_COMMIT_PREPARED
		&& OidIsValid(catalog_oid_or_none(CATALOG_AUDIT_EVENT));
}

static void
on_utility(PlannedStmt *statement, const char *query, bool read_only_tree, ProcessUtilityContext context,
		   ParamListInfo params, QueryEnvironment *environment, DestReceiver *dest, QueryCompletion *completion)
{
	Node	   *command = statement->utilityStmt;
	Oid			database = IsTransactionState() ? wanted_database(command) : InvalidOid;
	Queue	   *queue = OidIsValid(database) ? queue_of(database) : NULL;
	bool		prepared = IsTransactionState() && commits_prepared(command);
	volatile bool comes_back;

	if (queue == NULL || !may_want(database, command))
	{
		run_utility(statement, query, read_only_tree, context, params, environment, dest, completion);
		if (prepared)
			tell_of_prepared();
		return;
	}
	comes_back = queue_has_worker(queue);
	PG_TRY();
	{
		send_away(queue);
		run_utility(statement, query, read_only_tree, context, params, environment, dest, completion);
		if (IsA(command, DropdbStmt))
		{
			record_log_queue(queue, "the database was dropped");
			queue_free(queue);
		}
		/* Our tables are locked now, until they are gone. */
		if (IsA(command, DropdbStmt) || IsA(command, DropStmt))
			comes_back = false;
	}
	PG_FINALLY();
	{
		queue_keep_away(queue, 0);
		if (comes_back)
			(void) launch_worker(queue);
	}
	PG_END_TRY();
}

/*
 * One that has its place from the beginning, before parallel queries and others
 * come to take them all: whoever runs those could stop every read.  It serves a
 * database that gets no worker of its own, and when it is done starts anew, for
 * the next.
 */
static void
register_spare(void)
{
	BackgroundWorker worker = {
		.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION,
		.bgw_start_time = BgWorkerStart_ConsistentState,
		.bgw_restart_time = 1,
		.bgw_library_name = "secrets",
		.bgw_function_name = "secrets_audit_spare",
		.bgw_name = "secrets audit, spare",
		.bgw_type = "secrets audit spare"
	};

	RegisterBackgroundWorker(&worker);
}

void
launch_init(void)
{
	if (!process_shared_preload_libraries_in_progress)
		return;
	prev_ProcessUtility = ProcessUtility_hook;
	ProcessUtility_hook = on_utility;
	register_spare();
}
