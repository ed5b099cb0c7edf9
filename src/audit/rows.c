/*
 * audit/rows.c: lines and digests into their tables, many at a time.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_am_d.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type_d.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "audit/internal.h"
#include "base/compat.h"
#include "base/refuse.h"

/* ---- the tables ---- */

static const Oid event_types[EVENT_COLUMNS] = {
	INT8OID, TIMESTAMPTZOID, INT8OID, INT8OID, INT8OID, UUIDOID, UUIDOID, INT4OID, INT4OID, TEXTOID, TEXTOID, TEXTOID,
	TEXTOID, TEXTOID, TEXTOID, TEXTOID, INETOID, TEXTOID, TEXTOID, JSONBOID, BYTEAOID
};
static const Oid digest_types[DIGEST_COLUMNS] = {
	INT8OID, TIMESTAMPTZOID, INT8OID, INT8OID, INT8OID, INT8OID, INT4OID, INT4OID, INT8OID, INT8OID, INT8OID, TEXTOID,
	BYTEAOID, BYTEAOID, INT8ARRAYOID, TEXTOID, BYTEAOID, BYTEAOID
};

static bool
has_types(TupleDesc desc, const Oid *types, int ntypes)
{
	if (desc->natts != ntypes)
		return false;
	for (int i = 0; i < ntypes; i++)
		if (TupleDescAttr(desc, i)->atttypid != types[i])
			return false;
	return true;
}

/* Under the name there may be something else: rows are put into it without asking the executor. */
static bool
is_plain_table(Relation rel)
{
	return rel->rd_rel->relkind == RELKIND_RELATION && rel->rd_rel->relam == HEAP_TABLE_AM_OID
		&& rel->rd_rel->relpersistence == RELPERSISTENCE_PERMANENT;
}

Relation
audit_open_table(Catalog table, LOCKMODE lock)
{
	Relation	rel;
	bool		right;

	/* That lock first: to ask for more later is how two wait for each other. */
	if (lock != AccessShareLock)
		LockRelationOid(catalog_oid(table), lock);
	rel = catalog_open(table);
	right = table == CATALOG_AUDIT_EVENT
		? has_types(RelationGetDescr(rel), event_types, EVENT_COLUMNS)
		: has_types(RelationGetDescr(rel), digest_types, DIGEST_COLUMNS);
	if (!right || !is_plain_table(rel))
		REFUSE(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
			   errmsg("a table of the audit log is not what this library knows, or has other columns"));
	return rel;
}

/* ---- adding rows ---- */

#define AT_ONCE 500

struct RowWriter
{
	Relation	rel;
	EState	   *estate;
	ResultRelInfo *info;
	CommandId	command;
	MemoryContext memory;		/* of the rows that are not written yet */
	int			n;
	TupleTableSlot *slots[AT_ONCE];
};

RowWriter *
rows_open(Catalog table)
{
	RowWriter  *writer = palloc0(sizeof(RowWriter));

	writer->rel = audit_open_table(table, RowExclusiveLock);
	writer->estate = CreateExecutorState();
	writer->info = makeNode(ResultRelInfo);
	InitResultRelInfo(writer->info, writer->rel, 0, NULL, 0);
	ExecOpenIndices(writer->info, false);
	writer->command = GetCurrentCommandId(true);
	writer->memory = AllocSetContextCreate(CurrentMemoryContext, "secrets audit rows", ALLOCSET_DEFAULT_SIZES);
	return writer;
}

/* Without a strategy for bulk: its few buffers would have us write the pages out ourselves, flushing as we go. */
static void
write_rows(RowWriter *writer)
{
	table_multi_insert(writer->rel, writer->slots, writer->n, writer->command, 0, NULL);
	for (int i = 0; i < writer->n; i++)
	{
		if (writer->info->ri_NumIndices > 0)
			list_free(INSERT_INDEX_ENTRIES(writer->info, writer->slots[i], writer->estate));
		ResetPerTupleExprContext(writer->estate);
		ExecClearTuple(writer->slots[i]);
	}
	writer->n = 0;
	MemoryContextReset(writer->memory);
}

void
rows_add(RowWriter *writer, Datum *values, bool *nulls)
{
	MemoryContext before = MemoryContextSwitchTo(writer->memory);
	HeapTuple	tuple = heap_form_tuple(RelationGetDescr(writer->rel), values, nulls);

	MemoryContextSwitchTo(writer->estate->es_query_cxt);
	if (writer->slots[writer->n] == NULL)
		writer->slots[writer->n] = MakeSingleTupleTableSlot(RelationGetDescr(writer->rel), &TTSOpsHeapTuple);
	MemoryContextSwitchTo(before);
	ExecStoreHeapTuple(tuple, writer->slots[writer->n], false);
	writer->slots[writer->n]->tts_tableOid = RelationGetRelid(writer->rel);
	writer->n++;
	if (writer->n == AT_ONCE)
		write_rows(writer);
}

void
rows_close(RowWriter *writer)
{
	if (writer->n > 0)
		write_rows(writer);
	for (int i = 0; i < AT_ONCE && writer->slots[i]; i++)
		ExecDropSingleTupleTableSlot(writer->slots[i]);
	table_finish_bulk_insert(writer->rel, 0);
	ExecCloseIndices(writer->info);
	FreeExecutorState(writer->estate);
	MemoryContextDelete(writer->memory);
	table_close(writer->rel, NoLock);
	pfree(writer);
}

void
event_seal(AuditEvent *event, const AuditKey *key, Datum *values, bool *nulls, uint8 leaf[HASH_LEN])
{
	static StringInfoData bytes;
	AuditRow	row;
	bytea	   *mac;

	if (bytes.data == NULL)
	{
		MemoryContext before = MemoryContextSwitchTo(TopMemoryContext);

		initStringInfo(&bytes);
		MemoryContextSwitchTo(before);
	}
	event->key = key ? (int) key->version : 0;
	event_encode(event, row.values, row.nulls);
	resetStringInfo(&bytes);
	row_append_bytes(&row, &bytes);
	audit_leaf(&bytes, leaf);
	if (key && !audit_mac(key, leaf, event->mac))
	{
		/* Sealed since it was found: the line says that it has none. */
		event_seal(event, NULL, values, nulls, leaf);
		return;
	}
	memcpy(values, row.values, sizeof(row.values));
	memcpy(nulls, row.nulls, sizeof(row.nulls));
	if (key == NULL)
		return;
	mac = palloc(VARHDRSZ + AUDIT_MAC_LEN);
	SET_VARSIZE(mac, VARHDRSZ + AUDIT_MAC_LEN);
	memcpy(VARDATA(mac), event->mac, AUDIT_MAC_LEN);
	values[EVENT_MAC - 1] = PointerGetDatum(mac);
	nulls[EVENT_MAC - 1] = false;
}

/* ---- digests ---- */

/* False: somebody else's, or none at all. */
static bool
is_genuine(const AuditDigest *digest)
{
	uint8		head[HASH_LEN];
	uint8		mac[AUDIT_MAC_LEN];
	AuditKey	key;

	if (digest->kind == DIGEST_UNKNOWN)
		return false;
	audit_head_of(digest, head);
	return memcmp(head, digest->head, HASH_LEN) == 0
		&& keyring_find_audit_key(digest->key, &key)
		&& audit_mac(&key, head, mac)
		&& crypto_equal(mac, digest->mac, AUDIT_MAC_LEN);
}

static bool
is_opening_here(const AuditDigest *digest)
{
	return digest->kind == DIGEST_OPEN && digest_is_from_here(digest) && is_genuine(digest);
}

/* The first that is wanted, in that direction. */
static bool
find_digest(ScanKey key, ScanDirection direction, bool (*is_wanted) (const AuditDigest *digest), AuditDigest *digest)
{
	Relation	rel = audit_open_table(CATALOG_AUDIT_DIGEST, AccessShareLock);
	Relation	index = index_open(catalog_oid(CATALOG_AUDIT_DIGEST_PKEY), AccessShareLock);
	SysScanDesc scan = systable_beginscan_ordered(rel, index, NULL, 1, key);
	HeapTuple	tuple;
	bool		found = false;

	while (!found && HeapTupleIsValid(tuple = systable_getnext_ordered(scan, direction)))
	{
		CHECK_FOR_INTERRUPTS();
		digest_decode(tuple, RelationGetDescr(rel), digest);
		found = is_wanted(digest);
	}
	systable_endscan_ordered(scan);
	index_close(index, AccessShareLock);
	table_close(rel, NoLock);
	return found;
}

/* What somebody wrote there by hand, with a high number perhaps, is passed over: verify_audit() tells of it. */
bool
digest_find_below(int64 number, AuditDigest *digest)
{
	ScanKeyData key;

	ScanKeyInit(&key, DIGEST_NUMBER, BTLessStrategyNumber, F_INT8LT, Int64GetDatum(number));
	return find_digest(&key, BackwardScanDirection, is_genuine, digest);
}

bool
digest_find_newest(AuditDigest *digest)
{
	return digest_find_below(PG_INT64_MAX, digest);
}

/* It is the first of them, or nearly. */
bool
digest_opened_since(int64 number)
{
	ScanKeyData key;
	AuditDigest digest;

	ScanKeyInit(&key, DIGEST_NUMBER, BTGreaterEqualStrategyNumber, F_INT8GE, Int64GetDatum(number));
	return find_digest(&key, ForwardScanDirection, is_opening_here, &digest);
}

bool
digest_find(int64 number, AuditDigest *digest)
{
	Relation	rel = audit_open_table(CATALOG_AUDIT_DIGEST, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	bool		found;

	ScanKeyInit(&key, DIGEST_NUMBER, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(number));
	scan = systable_beginscan(rel, catalog_oid(CATALOG_AUDIT_DIGEST_PKEY), true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	found = HeapTupleIsValid(tuple);
	if (found)
		digest_decode(tuple, RelationGetDescr(rel), digest);
	systable_endscan(scan);
	table_close(rel, NoLock);
	return found && is_genuine(digest);
}

static void
say_where(AuditDigest *digest)
{
	digest->system_id = (int64) GetSystemIdentifier();
	digest->database = MyDatabaseId;
	digest->timeline = (int) CURRENT_TIMELINE();
}

void
digest_begin(Queue *queue, DigestKind kind, const AuditKey *key, AuditDigest *digest)
{
	memset(digest, 0, sizeof(*digest));
	digest->kind = kind;
	digest->at = GetCurrentTimestamp();
	digest->number = queue_next_id(queue, digest->at);
	digest->key = (int) key->version;
	digest->queue = queue_identity(queue);
	digest->queue_at = (int64) queue_done(queue);
	digest->snapshot = "";
	say_where(digest);
}

bool
digest_is_from_here(const AuditDigest *digest)
{
	AuditDigest here;

	say_where(&here);
	return digest->system_id == here.system_id && digest->database == here.database && digest->timeline == here.timeline;
}

void
digest_write(const AuditKey *key, AuditDigest *digest)
{
	RowWriter  *writer;
	Datum		values[DIGEST_COLUMNS];
	bool		nulls[DIGEST_COLUMNS];

	audit_head_of(digest, digest->head);
	if (!audit_mac(key, digest->head, digest->mac))
		REFUSE(ERRCODE_SYSTEM_ERROR, errmsg("secrets was sealed while its audit was written"));
	digest_encode(digest, values, nulls);
	writer = rows_open(CATALOG_AUDIT_DIGEST);
	rows_add(writer, values, nulls);
	rows_close(writer);
}
