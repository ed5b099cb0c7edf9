/*
 * rotation/scheduler.c
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "postmaster/postmaster.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "audit/audit.h"
#include "base/catalog.h"
#include "base/refuse.h"
#include "gate/gate.h"
#include "policy/policy.h"
#include "rotation/scheduler.h"

#define JOB_NAME "secrets"
#define JOB_COMMAND "CALL secrets.tick()"
#define MAX_SCHEDULE 250

/* ---- where pg_cron is ---- */

typedef struct Cron
{
	Oid			schema;
	Oid			jobs;			/* its table */
	Oid			schedule;		/* cron.schedule(text, text, text) */
	Oid			unschedule;		/* cron.unschedule(bigint) */
} Cron;

/*
 * The one database in which pg_cron looks for jobs; NULL: it is not loaded.
 * Without the library its settings are placeholders, and anybody's to make up.
 */
static const char *
cron_database(void)
{
	if (GetConfigOptionFlags("cron.database_name", true) & GUC_CUSTOM_PLACEHOLDER)
		return NULL;
	return GetConfigOption("cron.database_name", true, false);
}

static bool
is_of_cron(Oid class_id, Oid object_id)
{
	Oid			extension = get_extension_oid("pg_cron", true);

	return OidIsValid(extension) && OidIsValid(object_id) && getExtensionOfObject(class_id, object_id) == extension;
}

static Oid
find_function(Oid schema, const char *name, const Oid *types, int ntypes)
{
	Oid			function = GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid, CStringGetDatum(name),
										   PointerGetDatum(buildoidvector(types, ntypes)), ObjectIdGetDatum(schema));

	return is_of_cron(ProcedureRelationId, function) ? function : InvalidOid;
}

/* False: there is no extension pg_cron in this database.  Functions that a version does not have are InvalidOid. */
static bool
find_cron(Cron *cron)
{
	static const Oid texts[] = {TEXTOID, TEXTOID, TEXTOID};
	static const Oid number[] = {INT8OID};

	cron->schema = get_namespace_oid("cron", true);
	if (!OidIsValid(cron->schema))
		return false;
	cron->jobs = get_relname_relid("job", cron->schema);
	cron->schedule = find_function(cron->schema, "schedule", texts, lengthof(texts));
	cron->unschedule = find_function(cron->schema, "unschedule", number, lengthof(number));
	return is_of_cron(RelationRelationId, cron->jobs);
}

static bool
is_here(const char *database)
{
	return strcmp(database, get_database_name(MyDatabaseId)) == 0;
}

/* ---- what to do about it elsewhere ---- */

static char *
quoted_name_elsewhere(void)
{
	return quote_literal_cstr(psprintf("secrets in %s", get_database_name(MyDatabaseId)));
}

static char *
statement_elsewhere(const char *every)
{
	return psprintf("SELECT cron.schedule_in_database(%s, %s, %s, %s);", quoted_name_elsewhere(),
					quote_literal_cstr(every), quote_literal_cstr(JOB_COMMAND),
					quote_literal_cstr(get_database_name(MyDatabaseId)));
}

static void
require_cron(const char *every, Cron *cron)
{
	const char *database = cron_database();

	if (database == NULL)
		REFUSE(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
			   errmsg("pg_cron is not loaded"),
			   errhint("Install it (Debian: postgresql-%s-cron), in postgresql.conf add pg_cron to "
					   "shared_preload_libraries and set cron.database_name to \"%s\", restart the server, and here: "
					   "CREATE EXTENSION pg_cron.  Any other clock that does \"" JOB_COMMAND "\" will do as well.",
					   PG_MAJORVERSION, get_database_name(MyDatabaseId)));
	if (!is_here(database))
		REFUSE(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
			   errmsg("pg_cron keeps its jobs in another database, \"%s\"", database),
			   errhint("In that database, as a superuser, run: %s", statement_elsewhere(every)));
	if (!find_cron(cron))
		REFUSE(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
			   errmsg("pg_cron is loaded for this database, but is not in it"),
			   errhint("CREATE EXTENSION pg_cron."));
	if (!OidIsValid(cron->schedule) || !OidIsValid(cron->unschedule))
		REFUSE(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
			   errmsg("pg_cron is too old in this database"),
			   errhint("ALTER EXTENSION pg_cron UPDATE."));
}

/* pg_cron runs a job as whom it belongs to. */
static void
require_able_owner(const Cron *cron)
{
	char	   *owner = GetUserNameFromId(catalog_owner(), false);
	HeapTuple	tuple = SearchSysCache1(AUTHOID, ObjectIdGetDatum(catalog_owner()));
	bool		can_login = HeapTupleIsValid(tuple) && ((Form_pg_authid) GETSTRUCT(tuple))->rolcanlogin;

	if (HeapTupleIsValid(tuple))
		ReleaseSysCache(tuple);
	if (!can_login)
		REFUSE(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
			   errmsg("pg_cron would run the job as \"%s\", who owns the extension and cannot log in", owner),
			   errhint("ALTER ROLE %s LOGIN.", quote_identifier(owner)));
	/* Its functions are called without SQL; whether they may be is asked as pg_cron wants it to be. */
	if (!DatumGetBool(DirectFunctionCall3(has_schema_privilege_id_id, ObjectIdGetDatum(catalog_owner()),
										  ObjectIdGetDatum(cron->schema), CStringGetTextDatum("USAGE"))))
		REFUSE(ERRCODE_INSUFFICIENT_PRIVILEGE,
			   errmsg("\"%s\", who owns the extension, may not use pg_cron", owner),
			   errhint("GRANT USAGE ON SCHEMA cron TO %s.", quote_identifier(owner)));
	/* Where secrets.superuser_bypass is off.  No refusal: a rule may hold where the job comes from, and not here. */
	if (!policy_decide(catalog_owner(), PRIV_OPERATE, NULL).allowed)
		ereport(WARNING,
				(errmsg("secrets.tick() will be refused to the job: \"%s\", who owns the extension, may not operate secrets", owner),
				 errhint("SELECT secrets.grant('operate', '**', %s).", quote_literal_cstr(owner))));
}

/* ---- jobs ---- */

typedef struct Job
{
	int64		id;
	bool		is_named;		/* as ours is */
	bool		ticks;			/* it does what ours does */
	bool		is_active;
	bool		is_here;		/* it runs in this database */
	bool		is_on_this_server;	/* where it comes in by a connection */
} Job;

/* As text, because pg_cron has changed types of its columns; "" for NULL, and where a version does not have it. */
static const char *
column(HeapTuple tuple, TupleDesc desc, const char *name)
{
	int			number = SPI_fnumber(desc, name);
	char	   *text = number > 0 ? SPI_getvalue(tuple, desc, number) : NULL;

	return text ? text : "";
}

static bool
has(HeapTuple tuple, TupleDesc desc, const char *name, const char *text)
{
	return text && strcmp(column(tuple, desc, name), text) == 0;
}

static Job *
read_job(HeapTuple tuple, TupleDesc desc)
{
	Job		   *job = palloc(sizeof(Job));

	job->id = strtoll(column(tuple, desc, "jobid"), NULL, 10);
	job->is_named = has(tuple, desc, "jobname", JOB_NAME);
	job->ticks = has(tuple, desc, "command", JOB_COMMAND);
	job->is_active = has(tuple, desc, "active", "t");
	job->is_here = has(tuple, desc, "database", get_database_name(MyDatabaseId));
	job->is_on_this_server = has(tuple, desc, "nodename", GetConfigOption("cron.host", true, false))
		&& has(tuple, desc, "nodeport", psprintf("%d", PostPortNumber));
	return job;
}

/* Those of the owner.  Read past privileges and policies, which pg_cron's owner may have changed: status() must not fail. */
static List *
read_jobs(const Cron *cron)
{
	char	   *owner = GetUserNameFromId(catalog_owner(), false);
	Relation	rel = try_table_open(cron->jobs, AccessShareLock);
	List	   *jobs = NIL;
	SysScanDesc scan;
	HeapTuple	tuple;

	if (rel == NULL)
		return NIL;
	scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		if (has(tuple, RelationGetDescr(rel), "username", owner))
			jobs = lappend(jobs, read_job(tuple, RelationGetDescr(rel)));
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return jobs;
}

/* Name and owner are unique; NULL: there is none. */
static Job *
find_named_job(const Cron *cron)
{
	ListCell   *cell;

	foreach(cell, read_jobs(cron))
	{
		Job		   *job = lfirst(cell);

		if (job->is_named)
			return job;
	}
	return NULL;
}

static void
take_out(const Cron *cron, const Job *job)
{
	Caller		caller = as_owner();

	(void) OidFunctionCall1(cron->unschedule, Int64GetDatum(job->id));
	as_caller(caller);
}

static void
refuse_schedule(void)
{
	REFUSE(ERRCODE_INVALID_PARAMETER_VALUE,
		   errmsg("pg_cron takes no such schedule"),
		   errhint("Five cron fields, such as '* * * * *' for every minute; since pg_cron 1.5 also "
				   "'1 second' to '59 seconds'."));
}

/*
 * pg_cron logs what it does not understand, and keeps what follows the schedule:
 * so nothing comes to it that is none at first sight.
 */
static void
require_schedule(const char *every)
{
	static const char *const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789*,-/$ \t";
	bool		in_seconds = strspn(every, "0123456789") > 0 && strstr(every, "second") != NULL;
	int			words = 0;

	if (strlen(every) > MAX_SCHEDULE || every[strspn(every, letters)] != '\0')
		refuse_schedule();
	for (const char *at = every + strspn(every, " \t"); *at; at += strspn(at, " \t"))
	{
		words++;
		at += strcspn(at, " \t");
	}
	if (words != 5 && !(in_seconds && words <= 2))
		refuse_schedule();
}

/* What pg_cron says against the schedule quotes it; whatever else it says is to be heard. */
static int64
put_in(const Cron *cron, const char *every)
{
	MemoryContext mine = CurrentMemoryContext;
	ErrorContextCallback *callbacks = hush();
	Caller		caller = as_owner();
	Datum		id = 0;

	PG_TRY();
	{
		id = OidFunctionCall3(cron->schedule, CStringGetTextDatum(JOB_NAME), CStringGetTextDatum(every),
							  CStringGetTextDatum(JOB_COMMAND));
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(mine);
		if (geterrcode() != ERRCODE_INVALID_PARAMETER_VALUE)
			PG_RE_THROW();
		FlushErrorState();
		refuse_schedule();
	}
	PG_END_TRY();
	as_caller(caller);
	unhush(callbacks);
	return DatumGetInt64(id);
}

/* ---- the verbs ---- */

static void
record_state(const GatePass *pass, const char *state, const char *every)
{
	AuditRecord record = {.action = ACTION_CONFIG,.outcome = OUTCOME_ALLOWED,.role = pass->role};
	StringInfoData detail;

	initStringInfo(&detail);
	appendStringInfo(&detail, "{\"scheduler\": \"%s\"", state);
	if (every)
	{
		appendStringInfoString(&detail, ", \"every\": ");
		escape_json(&detail, every);
	}
	appendStringInfoChar(&detail, '}');
	record.detail = detail.data;
	audit_record_change(&record);
}

/* One at a time: what pg_cron does about two that change one job is an internal error.  tick() need not wait. */
static void
lock_scheduler(void)
{
	LockRelationOid(catalog_oid(CATALOG_TICK), ShareUpdateExclusiveLock);
}

int64
scheduler_enable(const char *every)
{
	GatePass	pass = gate_require(PRIV_OPERATE, NULL);
	Cron		cron;
	Job		   *job;
	int64		id;

	gate_begin_change();
	require_schedule(every);
	require_cron(every, &cron);
	require_able_owner(&cron);
	lock_scheduler();
	job = find_named_job(&cron);
	if (job && !job->ticks)
		REFUSE(ERRCODE_DUPLICATE_OBJECT,
			   errmsg("pg_cron has another job called \"%s\"", JOB_NAME),
			   errhint("SELECT cron.unschedule(" INT64_FORMAT "), if it is to go.", job->id));
	/* pg_cron changes schedule and command of a job that it has: one that was switched off, or restored, stays so. */
	if (job && !(job->is_active && job->is_here && job->is_on_this_server))
		take_out(&cron, job);
	id = put_in(&cron, every);
	record_state(&pass, "enabled", every);
	return id;
}

void
scheduler_disable(void)
{
	GatePass	pass = gate_require(PRIV_OPERATE, NULL);
	const char *database = cron_database();
	Cron		cron;
	Job		   *job = NULL;

	gate_begin_change();
	if (database && !is_here(database))
		REFUSE(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
			   errmsg("pg_cron keeps its jobs in another database, \"%s\"", database),
			   errhint("In that database, as whoever made the job, run: SELECT cron.unschedule(%s);",
					   quoted_name_elsewhere()));
	if (database && find_cron(&cron) && OidIsValid(cron.unschedule))
	{
		lock_scheduler();
		job = find_named_job(&cron);
	}
	if (job == NULL || !job->ticks)
	{
		ereport(NOTICE, (database ? errmsg("there is no job to take away") : errmsg("pg_cron is not loaded, and runs no job")));
		return;
	}
	take_out(&cron, job);
	record_state(&pass, "disabled", NULL);
}

/* ---- when it ticked ---- */

static bool
read_last(TimestampTz *last)
{
	Relation	rel = catalog_open(CATALOG_TICK);
	SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	HeapTuple	tuple = systable_getnext(scan);
	bool		found = HeapTupleIsValid(tuple);
	bool		isnull;

	if (found)
		*last = DatumGetTimestampTz(heap_getattr(tuple, 1, RelationGetDescr(rel), &isnull));
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return found;
}

static Statement *
whole_table(Statement *statement)
{
	statement->reads_all = true;	/* one row, and no index */
	return statement;
}

/* Once in a database's life; two at once must not leave two rows. */
static void
insert_tick(TimestampTz now)
{
	static Statement insert = STATEMENT("INSERT INTO secrets_catalog.tick VALUES ($1)", 1, {TIMESTAMPTZOID});
	Datum		values[] = {TimestampTzGetDatum(now)};
	TimestampTz last;

	LockRelationOid(catalog_oid(CATALOG_TICK), ShareRowExclusiveLock);
	if (!read_last(&last))
		statement_run(&insert, values, NULL, 0);
}

/* Who comes second waits for the first one's commit, and reads what he wrote. */
static TimestampTz
update_tick(TimestampTz now)
{
	static Statement lock = STATEMENT("SELECT last_at FROM secrets_catalog.tick FOR NO KEY UPDATE", 0, {InvalidOid});
	static Statement update = STATEMENT("UPDATE secrets_catalog.tick SET last_at = $1", 1, {TIMESTAMPTZOID});
	Datum		values[] = {TimestampTzGetDatum(now)};
	bool		isnull;
	TimestampTz last;

	if (statement_run(whole_table(&lock), NULL, NULL, 1) == 0)
		return 0;
	last = DatumGetTimestampTz(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	statement_run(whole_table(&update), values, NULL, 0);
	return last;
}

TimestampTz
scheduler_note_tick(void)
{
	TimestampTz now = GetCurrentTimestamp();
	TimestampTz last;
	Caller		caller = as_owner();

	SPI_connect();
	last = update_tick(now);
	if (last == 0)
		insert_tick(now);
	SPI_finish();
	as_caller(caller);
	return last;
}

static int64
find_ticking_job(void)
{
	const char *database = cron_database();
	Cron		cron;
	ListCell   *cell;

	if (database == NULL || !is_here(database) || !find_cron(&cron))
		return 0;
	foreach(cell, read_jobs(&cron))
	{
		Job		   *job = lfirst(cell);

		if (job->ticks && job->is_active && job->is_here)
			return job->id;
	}
	return 0;
}

void
scheduler_get_status(int64 *job, TimestampTz *last)
{
	*job = find_ticking_job();
	if (!read_last(last))
		*last = 0;
}
