/*
 * store/guard.c: the settings of the room, and the refusals to be dropped and
 * to be built upon.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_class.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_trigger.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "base/catalog.h"
#include "base/refuse.h"
#include "store/store.h"

static int	max_versions = 10;
static bool allow_drop = false;
static object_access_hook_type prev_object_access_hook = NULL;

int
store_versions_kept(const Secret *secret)
{
	return secret->max_versions ? secret->max_versions : max_versions;
}

static bool
has_rows(Oid relid)
{
	Relation	rel = try_table_open(relid, AccessShareLock);
	SysScanDesc scan;
	bool		any;

	if (rel == NULL)
		return false;
	scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	any = HeapTupleIsValid(systable_getnext(scan));
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return any;
}

static bool
catalog_has_rows(Catalog table)
{
	Oid			relid = catalog_oid_or_none(table);

	return OidIsValid(relid) && has_rows(relid);
}

/* Keys, a home and a log: they may go when there is nothing left that they are for. */
static bool
serves_others(Oid relid)
{
	static const Catalog tables[] = {
		CATALOG_MASTER_KEY, CATALOG_ROOT_KEY, CATALOG_HOME, CATALOG_AUDIT_EVENT, CATALOG_AUDIT_DIGEST,
		CATALOG_AUDIT_ORIGIN, CATALOG_LAST_READ, CATALOG_TICK
	};

	for (int i = 0; i < lengthof(tables); i++)
		if (relid == catalog_oid_or_none(tables[i]))
			return true;
	return false;
}

/* Any other may go when it is empty. */
static bool
holds_secrets(Oid relid)
{
	return (!serves_others(relid) && has_rows(relid))
		|| catalog_has_rows(CATALOG_SECRET) || catalog_has_rows(CATALOG_VERSION) || catalog_has_rows(CATALOG_RULE);
}

/* Of a row that was just written, which only SnapshotSelf sees; its oid is the first column. */
static Oid
read_oid(Oid relid, Oid index, Oid object_id, AttrNumber column)
{
	Relation	rel = table_open(relid, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	Oid			oid = InvalidOid;
	bool		isnull;

	ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(object_id));
	scan = systable_beginscan(rel, index, true, SnapshotSelf, 1, &key);
	if (HeapTupleIsValid(tuple = systable_getnext(scan)))
		oid = DatumGetObjectId(heap_getattr(tuple, column, RelationGetDescr(rel), &isnull));
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return oid;
}

/*
 * A trigger on what is ours would run as whoever writes there, our catalogs'
 * owner too, and see what he writes; a function beside ours that fits a call
 * better would be called instead, with the value.  Privileges may allow both:
 * default privileges that were given away give them away with each new object.
 */
static void
refuse_builder(Oid class_id, Oid object_id)
{
	Oid			extension = get_extension_oid("secrets", true);
	Oid			schema;

	if (!OidIsValid(extension) || superuser())
		return;
	if (class_id == ProcedureRelationId)
		schema = read_oid(ProcedureRelationId, ProcedureOidIndexId, object_id, Anum_pg_proc_pronamespace);
	else
		schema = get_rel_namespace(read_oid(TriggerRelationId, TriggerOidIndexId, object_id, Anum_pg_trigger_tgrelid));
	if (OidIsValid(schema) && getExtensionOfObject(NamespaceRelationId, schema) == extension
		&& !caller_owns_catalogs())
		REFUSE(ERRCODE_INSUFFICIENT_PRIVILEGE,
			   errmsg("permission denied: only the owner of extension \"secrets\" makes functions and triggers in its schemas"));
}

/*
 * Whatever statement it is, and however deep the cascade: in the end it drops
 * one of our tables, or a column of one, and comes by here.  So does TRUNCATE,
 * which row level security does not stop: a superuser means it, another role
 * got the right to it by default privileges.
 */
static void
on_object_access(ObjectAccessType access, Oid class_id, Oid object_id, int sub_id, void *arg)
{
	if (prev_object_access_hook)
		prev_object_access_hook(access, class_id, object_id, sub_id, arg);

	if ((class_id == ProcedureRelationId && (access == OAT_POST_CREATE || access == OAT_POST_ALTER))
		|| (class_id == TriggerRelationId && access == OAT_POST_CREATE))
		refuse_builder(class_id, object_id);
	if (access != OAT_DROP && (access != OAT_TRUNCATE || superuser()))
		return;
	if (class_id != RelationRelationId || allow_drop || creating_extension)
		return;
	if (catalog_is_table(object_id) && (holds_secrets(object_id) || (access == OAT_TRUNCATE && has_rows(object_id))))
		REFUSE(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
			   errmsg("there are secrets in this database, and this would drop them"),
			   errhint("If they are to go, with all their versions: set secrets.allow_drop = on in "
					   "postgresql.conf, reload, and repeat."));
}

void
store_init(void)
{
	DefineCustomIntVariable("secrets.max_versions",
							"How many versions of a secret are kept.",
							"The oldest without a stage goes when a new one is stored. "
							"Raise it to be able to go further back; one secret's own number is set by secrets.alter().",
							&max_versions, 10, 1, 10000, PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomBoolVariable("secrets.allow_drop",
							 "Lets DROP take the catalogs though there are secrets in them.",
							 "Off, no DROP EXTENSION, DROP OWNED or CASCADE can take them by mistake. "
							 "Turn it on for the one time that you mean it.",
							 &allow_drop, false, PGC_SIGHUP, 0, NULL, NULL, NULL);
	prev_object_access_hook = object_access_hook;
	object_access_hook = on_object_access;
}
