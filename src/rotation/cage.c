/*
 * rotation/cage.c
 */
#include "postgres.h"

#include <signal.h>

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_namespace.h"
#include "common/hashfn.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"
#include "utils/timeout.h"
#include "utils/timestamp.h"

#include "base/refuse.h"
#include "gate/gate.h"
#include "rotation/cage.h"

#define LIMIT_SECONDS	60
#define AGAIN_SECONDS	5
#define MOST_CANCELS	3
#define MOST_ARGS		4
#define WITHHELD		"the message is withheld: it quotes the value"

static const Cage *inside = NULL;	/* who is in it now */

/* ---- what it says ---- */

/* Where there is no room for the words, there is for a sign. */
static void
withhold(char *text)
{
	size_t		len = strlen(text);

	explicit_bzero(text, len);
	strlcpy(text, len < strlen(WITHHELD) ? "***" : WITHHELD, len + 1);
}

/* In place, and without an error: one is being reported. */
static void
clean(char *text, const Cage *cage)
{
	int			len = text ? (int) strlen(text) : 0;

	if (len == 0)
		return;
	if (len > CLEAN_MOST_TEXT)
		text[pg_mbcliplen(text, len, CLEAN_MOST_TEXT)] = '\0';
	if (!clean_text(text, cage->hidden, cage->nhidden)
		|| !pg_verify_mbstr(GetDatabaseEncoding(), text, (int) strlen(text), true))
		withhold(text);
}

static emit_log_hook_type next_hook = NULL;

static void
clean_line(ErrorData *line)
{
	if (inside)
	{
		clean(line->message, inside);
		clean(line->detail, inside);
		clean(line->detail_log, inside);
		clean(line->hint, inside);
		clean(line->context, inside);
		clean(line->internalquery, inside);
	}
	if (next_hook)
		next_hook(line);
}

/* ---- how long it takes ---- */

static TimeoutId limit;
static volatile sig_atomic_t took_too_long = 0;	/* how often it was said */

/*
 * As for statement_timeout: to the children, too, that a COPY may have.  A
 * function can catch that, and go on; not what ends the whole process.
 */
static void
cancel(void)
{
	if (took_too_long < MOST_CANCELS)
	{
		took_too_long++;
		kill(-MyProcPid, SIGINT);
	}
	else
		kill(MyProcPid, SIGTERM);
}

/* The first time in this session. */
static void
prepare(void)
{
	static bool is_prepared = false;

	if (is_prepared)
		return;
	limit = RegisterTimeout(USER_TIMEOUT, cancel);
	next_hook = emit_log_hook;
	emit_log_hook = clean_line;
	is_prepared = true;
}

/* ---- what it leaves ---- */

/*
 * What is in this session's temporary schema, in one number.  The server refuses
 * tables there, the newest minor releases types, and nobody functions: a type
 * called text would be found before the real one, in this session, by a
 * superuser, long after.
 */
static uint64
sum_temporary_objects(void)
{
	Oid			schemas[2];
	ScanKeyData keys[2];
	Relation	depend;
	SysScanDesc scan;
	HeapTuple	tuple;
	uint64		sum = 0;

	GetTempNamespaceState(&schemas[0], &schemas[1]);
	if (!OidIsValid(schemas[0]))
		return 0;
	depend = table_open(DependRelationId, AccessShareLock);
	ScanKeyInit(&keys[0], Anum_pg_depend_refclassid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(NamespaceRelationId));
	ScanKeyInit(&keys[1], Anum_pg_depend_refobjid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(schemas[0]));
	scan = systable_beginscan(depend, DependReferenceIndexId, true, NULL, 2, keys);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		const FormData_pg_depend *row = (const FormData_pg_depend *) GETSTRUCT(tuple);
		Oid			object[] = {row->classid, row->objid};

		sum += hash_bytes_extended((const unsigned char *) object, sizeof(object), 0);
	}
	systable_endscan(scan);
	table_close(depend, AccessShareLock);
	return sum;
}

static void
require_no_new_ones(uint64 sum_before)
{
	CommandCounterIncrement();
	if (sum_temporary_objects() != sum_before)
		REFUSE(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, errmsg("it leaves temporary objects behind"));
}

/* ---- in and out ---- */

static void
lock_in(const Cage *cage)
{
	/* Then there would be somebody who is told things, and whose session it is. */
	if (whereToSendOutput == DestRemote)
		elog(ERROR, "a rotator's function is to run in a process of its own");
	prepare();
	took_too_long = 0;
	gate_enter_rotator(cage->role);
	inside = cage;
	TIMEOUT_AFTER_AND_EVERY(limit, LIMIT_SECONDS * 1000, AGAIN_SECONDS * 1000);
}

static void
let_out(void)
{
	disable_timeout(limit, false);
	if (took_too_long)
		QueryCancelPending = false; /* it has come too late */
	inside = NULL;
	gate_leave_rotator();
	LockReleaseSession(USER_LOCKMETHOD);
}

/* Parallel workers write lines of their own, which our hook does not see. */
static void
pin_settings(void)
{
	static const char *const settings[][2] = {
		{"search_path", "pg_catalog, pg_temp"},
		{"max_parallel_workers_per_gather", "0"},
		{"max_parallel_maintenance_workers", "0"},
	};

	for (int i = 0; i < lengthof(settings); i++)
		(void) set_config_option(settings[i][0], settings[i][1], PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

static Datum
invoke(Oid function, Datum *args, int nargs, bool *isnull)
{
	LOCAL_FCINFO(call, MOST_ARGS);
	FmgrInfo	flinfo;
	Datum		result;

	fmgr_info(function, &flinfo);
	InitFunctionCallInfoData(*call, &flinfo, (short) nargs, DEFAULT_COLLATION_OID, NULL, NULL);
	for (int i = 0; i < nargs; i++)
	{
		call->args[i].value = args[i];
		call->args[i].isnull = false;
	}
	PushActiveSnapshot(GetTransactionSnapshot());
	result = FunctionCallInvoke(call);
	*isnull = call->isnull;
	return result;
}

/* What an error leaves as it is, the end of the subtransaction puts back. */
static text *
call_as(Oid role, Oid function, Datum *args, int nargs, MemoryContext result_context)
{
	uint64		temporary = sum_temporary_objects();
	int			settings = NewGUCNestLevel();
	text	   *result = NULL;
	Oid			before;
	int			context;
	Datum		returned;
	bool		isnull;

	GetUserIdAndSecContext(&before, &context);
	SetUserIdAndSecContext(role, context | SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);
	pin_settings();
	returned = invoke(function, args, nargs, &isnull);
	disable_timeout(limit, false);
	if (took_too_long)
		elog(ERROR, "too late");	/* whatever it made of the cancel */
	if (!isnull)
	{
		MemoryContextSwitchTo(result_context);
		result = DatumGetTextPCopy(returned);
	}
	PopActiveSnapshot();
	require_no_new_ones(temporary);
	AtEOXact_GUC(false, settings);
	SetUserIdAndSecContext(before, context);
	return result;
}

/* ---- what becomes of its errors ---- */

/*
 * A function can raise what it likes.  What would be taken for something else
 * here (the server is sealed, somebody cancels, try again) is its failure.
 */
static int
state_of(const ErrorData *error)
{
	switch (ERRCODE_TO_CATEGORY(error->sqlerrcode))
	{
		case ERRCODE_SUCCESSFUL_COMPLETION:
		case ERRCODE_WARNING:
		case ERRCODE_NO_DATA:
		case ERRCODE_INVALID_TRANSACTION_STATE:
		case ERRCODE_TO_CATEGORY(ERRCODE_TRANSACTION_ROLLBACK):
		case ERRCODE_TO_CATEGORY(ERRCODE_OPERATOR_INTERVENTION):
		case ERRCODE_TO_CATEGORY(ERRCODE_SYSTEM_ERROR):
		case ERRCODE_INTERNAL_ERROR:
			return ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE;
		default:
			return error->sqlerrcode;
	}
}

/* The server's own word for it: a function that says so, and is not, would end the whole tick. */
static bool
is_cancelled(const ErrorData *error)
{
	return error->sqlerrcode == ERRCODE_QUERY_CANCELED && error->funcname && strcmp(error->funcname, "ProcessInterrupts") == 0;
}

/* A copy, with room for the words that may stand for it. */
static char *
cleaned_message(const ErrorData *error, const Cage *cage)
{
	const char *message = error->message ? error->message : "";
	char	   *copy = palloc(Max(strlen(message), strlen(WITHHELD)) + 1);

	strcpy(copy, message);
	clean(copy, cage);
	if (strcmp(copy, "***") == 0)
		strcpy(copy, WITHHELD);
	return copy;
}

pg_noreturn static void
refuse(const ErrorData *error, const Cage *cage)
{
	if (took_too_long)
		REFUSE(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
			   errmsg("%s took longer than %d seconds", cage->what, LIMIT_SECONDS));
	if (is_cancelled(error))
		REFUSE(ERRCODE_QUERY_CANCELED, errmsg("%s", error->message));
	REFUSE(state_of(error), errmsg("%s failed: %s", cage->what, cleaned_message(error, cage)));
}

/* NULL, and what it returns; or what went wrong, and nothing is left of it. */
static ErrorData *
call_apart(Oid role, Oid function, Datum *args, int nargs, text **result)
{
	MemoryContext mine = CurrentMemoryContext;
	MemoryContext its = AllocSetContextCreate(mine, "secrets, a rotator's function", ALLOCSET_DEFAULT_SIZES);
	ResourceOwner owner = CurrentResourceOwner;
	ErrorData  *volatile error = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(its);
	PG_TRY();
	{
		*result = call_as(role, function, args, nargs, mine);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(mine);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(mine);
	CurrentResourceOwner = owner;
	MemoryContextDelete(its);
	return error;
}

text *
cage_call(const Cage *cage, Oid function, Datum *args, int nargs)
{
	ErrorData  *volatile error = NULL;
	text	   *result = NULL;

	lock_in(cage);
	PG_TRY();
	{
		error = call_apart(cage->role, function, args, nargs, &result);
	}
	PG_FINALLY();
	{
		let_out();
	}
	PG_END_TRY();
	if (error)
		refuse(error, cage);
	return result;
}
