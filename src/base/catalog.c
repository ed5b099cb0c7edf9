/*
 * base/catalog.c
 */
#include "postgres.h"

#include "access/table.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "optimizer/cost.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "base/catalog.h"
#include "base/refuse.h"

static const char *const names[NUM_CATALOGS] = {
	[CATALOG_MASTER_KEY] = "master_key",
	[CATALOG_MASTER_KEY_PKEY] = "master_key_pkey",
	[CATALOG_ROOT_KEY] = "root_key",
	[CATALOG_SECRET] = "secret",
	[CATALOG_SECRET_PKEY] = "secret_pkey",
	[CATALOG_SECRET_NAME] = "secret_name",
	[CATALOG_SECRET_DELETED] = "secret_deleted",
	[CATALOG_VERSION] = "version",
	[CATALOG_VERSION_PKEY] = "version_pkey",
	[CATALOG_STAGE] = "stage",
	[CATALOG_STAGE_PKEY] = "stage_pkey",
	[CATALOG_RULE] = "rule",
	[CATALOG_RULE_FOLDER] = "rule_folder",
	[CATALOG_HOME] = "home",
	[CATALOG_AUDIT_EVENT] = "audit_event",
	[CATALOG_AUDIT_EVENT_CHANGE] = "audit_event_change",
	[CATALOG_AUDIT_DIGEST] = "audit_digest",
	[CATALOG_AUDIT_DIGEST_PKEY] = "audit_digest_pkey",
	[CATALOG_AUDIT_ORIGIN] = "audit_origin",
	[CATALOG_AUDIT_ORIGIN_PKEY] = "audit_origin_pkey",
	[CATALOG_LAST_READ] = "last_read",
	[CATALOG_LAST_READ_PKEY] = "last_read_pkey",
	[CATALOG_ROTATION] = "rotation",
	[CATALOG_ROTATION_PKEY] = "rotation_pkey",
	[CATALOG_ROTATION_NEXT] = "rotation_next",
	[CATALOG_TICK] = "tick",
	[CATALOG_AUDIT_LISTED] = "audit_listed",
	[CATALOG_LISTED] = "listed",
	[CATALOG_LISTED_VERSIONS] = "listed_versions",
	[CATALOG_LISTED_DELETED] = "listed_deleted",
};

static Oid	asker = InvalidOid;		/* who it was that as_owner() set aside the last time */
static int	ours = 0;				/* statements of ours that are being run */

static Oid	oids[NUM_CATALOGS];
static Oid	owner = InvalidOid;
static Oid	owned = InvalidOid;		/* what it is the owner of; oids may be forgotten before */

static void
forget(void)
{
	memset(oids, 0, sizeof(oids));
	owner = InvalidOid;
}

/* One of ours was altered or dropped, or the whole cache is off. */
static void
on_relation_change(Datum arg, Oid relid)
{
	if (relid == InvalidOid || relid == owned)
	{
		forget();
		return;
	}
	for (int i = 0; i < NUM_CATALOGS; i++)
		if (oids[i] == relid)
		{
			forget();
			return;
		}
}

void
catalog_init(void)
{
	CacheRegisterRelcacheCallback(on_relation_change, (Datum) 0);
}

Oid
catalog_oid_or_none(Catalog which)
{
	if (!OidIsValid(oids[which]))
	{
		Oid			schema = get_namespace_oid("secrets_catalog", true);

		if (!OidIsValid(schema))
			return InvalidOid;
		oids[which] = get_relname_relid(names[which], schema);
	}
	return oids[which];
}

Oid
catalog_oid(Catalog which)
{
	Oid			oid = catalog_oid_or_none(which);

	if (!OidIsValid(oid))
		REFUSE(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
			   errmsg("the catalogs of extension \"secrets\" are not in this database"),
			   errhint("CREATE EXTENSION secrets."));
	return oid;
}

static bool
is_ours_by_name(Oid relid)
{
	for (int i = 0; i < NUM_CATALOGS; i++)
		if (relid == catalog_oid_or_none((Catalog) i))
			return true;
	return false;
}

/* Ours also when somebody has taken it out of the extension first, to be able to drop it. */
bool
catalog_is_table(Oid relid)
{
	Oid			extension = get_extension_oid("secrets", true);

	/* A schema of our name is anybody's to make where the extension is not: names prove nothing. */
	return OidIsValid(extension)
		&& get_rel_relkind(relid) == RELKIND_RELATION
		&& (getExtensionOfObject(RelationRelationId, relid) == extension || is_ours_by_name(relid));
}

Relation
catalog_open(Catalog which)
{
	Oid			relid = catalog_oid(which);
	Relation	rel;

	/* Not try_table_open(): it asks the syscache at each call what the relcache knows. */
	LockRelationOid(relid, AccessShareLock);
	rel = RelationIdGetRelation(relid);
	if (rel == NULL)
	{
		UnlockRelationOid(relid, AccessShareLock);
		forget();
		rel = try_table_open(catalog_oid(which), AccessShareLock);
	}
	if (rel == NULL)
		REFUSE(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
			   errmsg("the catalogs of extension \"secrets\" are being dropped"));
	return rel;
}

Snapshot
catalog_snapshot(void)
{
	if (ActiveSnapshotSet() && GetActiveSnapshot()->curcid == GetCurrentCommandId(false))
		return RegisterSnapshot(GetActiveSnapshot());
	return RegisterSnapshot(GetTransactionSnapshot());
}

Oid
catalog_owner(void)
{
	if (!OidIsValid(owner))
	{
		Relation	rel = catalog_open(CATALOG_SECRET);

		owner = rel->rd_rel->relowner;
		owned = RelationGetRelid(rel);
		table_close(rel, AccessShareLock);
	}
	return owner;
}

bool
caller_owns_catalogs(void)
{
	return has_privs_of_role(GetUserId(), catalog_owner());
}

Caller
as_owner(void)
{
	Caller		caller;

	GetUserIdAndSecContext(&caller.role, &caller.context);
	asker = caller.role;
	SetUserIdAndSecContext(catalog_owner(), caller.context | SECURITY_LOCAL_USERID_CHANGE);
	return caller;
}

void
as_caller(Caller caller)
{
	SetUserIdAndSecContext(caller.role, caller.context);
}

void
catalog_run_once(const char *sql, int nargs, Oid *types, Datum *values)
{
	Caller		caller = as_owner();

	SPI_connect();
	ours++;
	PG_TRY();
	{
		if (SPI_execute_with_args(sql, nargs, types, values, NULL, false, 0) < 0)
			elog(ERROR, "could not run a statement on the catalogs: %s", SPI_result_code_string(SPI_result));
	}
	PG_FINALLY();
	{
		ours--;
	}
	PG_END_TRY();
	SPI_finish();
	as_caller(caller);
}

bool
catalog_change_is_ours(void)
{
	return ours > 0;
}

Oid
catalog_asker(void)
{
	return asker;
}

static void
prepare(Statement *statement)
{
	Oid			secret = catalog_oid(CATALOG_SECRET);
	SPIPlanPtr	plan;

	if (statement->plan && statement->made_for == secret)
		return;
	if (statement->plan)
	{
		SPI_freeplan(statement->plan);
		statement->plan = NULL;
	}
	/* Generic at once: no parameter makes another plan better, and five custom ones cost a new session much. */
	plan = SPI_prepare_cursor(statement->sql, statement->nargs, statement->argtypes, CURSOR_OPT_GENERIC_PLAN);
	if (plan == NULL || SPI_keepplan(plan) != 0)
		elog(ERROR, "could not prepare a statement on the catalogs: %s", SPI_result_code_string(SPI_result));
	statement->plan = plan;
	statement->made_for = secret;
}

/*
 * A plan made while a table was small reads all of it; kept by a session that
 * goes on to fill the table, it makes each put cost as much as there are
 * secrets.  And a bitmap scan does not mark dead index entries, which pruning
 * leaves at the very place where the next scan begins.  So neither may be
 * planned; planning happens inside, whenever the cached plan is not valid.
 */
static int
execute(Statement *statement, Datum *values, const char *nulls, long max_rows)
{
	bool		seqscan = enable_seqscan;
	bool		bitmapscan = enable_bitmapscan;
	int			rc = 0;

	enable_seqscan = statement->reads_all;
	enable_bitmapscan = false;
	ours++;
	PG_TRY();
	{
		rc = SPI_execute_plan(statement->plan, values, nulls, false, max_rows);
	}
	PG_FINALLY();
	{
		ours--;
		enable_seqscan = seqscan;
		enable_bitmapscan = bitmapscan;
	}
	PG_END_TRY();
	return rc;
}

Portal
statement_open(Statement *statement, Datum *values)
{
	bool		seqscan = enable_seqscan;
	bool		bitmapscan = enable_bitmapscan;
	Portal		portal = NULL;

	prepare(statement);
	enable_seqscan = statement->reads_all;
	enable_bitmapscan = false;
	PG_TRY();
	{
		portal = SPI_cursor_open(NULL, statement->plan, values, NULL, false);
	}
	PG_FINALLY();
	{
		enable_seqscan = seqscan;
		enable_bitmapscan = bitmapscan;
	}
	PG_END_TRY();
	return portal;
}

uint64
statement_run(Statement *statement, Datum *values, const char *nulls, long max_rows)
{
	int			rc;

	prepare(statement);
	rc = execute(statement, values, nulls, max_rows);
	if (rc < 0)
		elog(ERROR, "could not run a statement on the catalogs: %s", SPI_result_code_string(rc));
	return SPI_processed;
}
