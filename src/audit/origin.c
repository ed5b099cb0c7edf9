/*
 * audit/origin.c: how much of each standby's queue is in the log.
 *
 * A standby that has no answer sends again.  Its lines are told by the position
 * that they had in its queue: those up to the highest that was written are left
 * out.  That position is written with the lines, in their transaction, and with
 * a MAC: whoever could raise it by hand would keep lines out of the log.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "miscadmin.h"
#include "port/pg_bswap.h"
#include "storage/lmgr.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"

#include "audit/internal.h"
#include "base/compat.h"
#include "base/refuse.h"

/* Columns of secrets_catalog.audit_origin. */
enum
{
	ORIGIN_RUN = 1, ORIGIN_DATABASE, ORIGIN_AT, ORIGIN_KEY, ORIGIN_MAC,
	ORIGIN_COLUMNS = ORIGIN_MAC
};

typedef struct Origin
{
	int64		run;
	uint64		at;
	bool		raised;			/* in this transaction */
} Origin;

static Origin *origins = NULL;	/* in TopMemoryContext */
static int	norigins = 0;
static int	room = 0;

void
origin_forget(void)
{
	norigins = 0;
}

/* ---- rows ---- */

static void
compute_mac(const AuditKey *key, int64 run, uint64 at, uint8 mac[AUDIT_MAC_LEN])
{
	static const char label[] = "secrets/audit/origin/v1";
	uint64		big_run = pg_hton64((uint64) run);
	uint32		big_database = pg_hton32(MyDatabaseId);
	uint64		big_at = pg_hton64(at);
	uint8		bytes[sizeof(label) + sizeof(big_run) + sizeof(big_database) + sizeof(big_at)];
	uint8	   *end = bytes;
	uint8		whole[HASH_LEN];

	memcpy(end, label, sizeof(label));
	memcpy(end += sizeof(label), &big_run, sizeof(big_run));
	memcpy(end += sizeof(big_run), &big_database, sizeof(big_database));
	memcpy(end += sizeof(big_database), &big_at, sizeof(big_at));
	if (!keyring_mac(key, bytes, sizeof(bytes), whole))
		REFUSE(ERRCODE_SYSTEM_ERROR, errmsg("secrets was sealed while its audit was written"));
	memcpy(mac, whole, AUDIT_MAC_LEN);
}

/* A copy, or NULL. */
static HeapTuple
find_row(Relation rel, int64 run)
{
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&keys[0], ORIGIN_RUN, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(run));
	ScanKeyInit(&keys[1], ORIGIN_DATABASE, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(MyDatabaseId));
	scan = systable_beginscan(rel, catalog_oid(CATALOG_AUDIT_ORIGIN_PKEY), true, NULL, 2, keys);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
		tuple = heap_copytuple(tuple);
	systable_endscan(scan);
	return tuple;
}

/* 0: it is not what we wrote. */
static uint64
decode(Relation rel, HeapTuple tuple, int64 run)
{
	Datum		values[ORIGIN_COLUMNS];
	bool		nulls[ORIGIN_COLUMNS];
	uint8		mac[AUDIT_MAC_LEN];
	uint64		at;
	bytea	   *found;
	AuditKey	key;

	heap_deform_tuple(tuple, RelationGetDescr(rel), values, nulls);
	at = (uint64) DatumGetInt64(values[ORIGIN_AT - 1]);
	found = DatumGetByteaPP(values[ORIGIN_MAC - 1]);
	if (VARSIZE_ANY_EXHDR(found) != AUDIT_MAC_LEN || !keyring_find_audit_key(DatumGetInt32(values[ORIGIN_KEY - 1]), &key))
		return 0;
	compute_mac(&key, run, at, mac);
	return crypto_equal(mac, VARDATA_ANY(found), AUDIT_MAC_LEN) ? at : 0;
}

uint64
origin_find(int64 run)
{
	Relation	rel = catalog_open(CATALOG_AUDIT_ORIGIN);
	HeapTuple	tuple = find_row(rel, run);
	uint64		at = HeapTupleIsValid(tuple) ? decode(rel, tuple, run) : 0;

	if (HeapTupleIsValid(tuple) && at == 0)
		ereport(LOG, (errmsg("secrets: a row of secrets_catalog.audit_origin is not what was written, and counts for nothing"),
					  errdetail("Lines that a standby hands over a second time may be in the audit twice."), errhidestmt(true)));
	table_close(rel, NoLock);
	return at;
}

static void
write_row(Relation rel, const Origin *origin, const AuditKey *key)
{
	Datum		values[ORIGIN_COLUMNS];
	bool		nulls[ORIGIN_COLUMNS] = {false};
	bytea	   *mac = palloc(VARHDRSZ + AUDIT_MAC_LEN);
	HeapTuple	before = find_row(rel, origin->run);
	HeapTuple	after;

	SET_VARSIZE(mac, VARHDRSZ + AUDIT_MAC_LEN);
	compute_mac(key, origin->run, origin->at, (uint8 *) VARDATA(mac));
	values[ORIGIN_RUN - 1] = Int64GetDatum(origin->run);
	values[ORIGIN_DATABASE - 1] = Int64GetDatum(MyDatabaseId);
	values[ORIGIN_AT - 1] = Int64GetDatum((int64) origin->at);
	values[ORIGIN_KEY - 1] = Int32GetDatum((int32) key->version);
	values[ORIGIN_MAC - 1] = PointerGetDatum(mac);
	after = heap_form_tuple(RelationGetDescr(rel), values, nulls);
	/* Not through the executor, as with the lines: no trigger, no rule, no policy comes between. */
	if (HeapTupleIsValid(before))
		CatalogTupleUpdate(rel, &before->t_self, after);
	else
		CatalogTupleInsert(rel, after);
}

/* ---- what is remembered ---- */

static Origin *
remember(int64 run)
{
	uint64		at = origin_find(run);

	if (norigins == room)
	{
		room = Max(8, room * 2);
		origins = origins
			? repalloc(origins, sizeof(Origin) * (Size) room)
			: MemoryContextAlloc(TopMemoryContext, sizeof(Origin) * (Size) room);
	}
	origins[norigins] = (Origin) {.run = run,.at = at};
	return &origins[norigins++];
}

static Origin *
get_origin(int64 run)
{
	for (int i = norigins - 1; i >= 0; i--)
		if (origins[i].run == run)
			return &origins[i];
	return remember(run);
}

bool
origin_advance(int64 run, uint64 at)
{
	Origin	   *origin = get_origin(run);

	if (at <= origin->at)
		return false;
	origin->at = at;
	origin->raised = true;
	return true;
}

void
origin_write(const AuditKey *key)
{
	Relation	rel = NULL;

	for (int i = 0; i < norigins; i++)
	{
		if (!origins[i].raised)
			continue;
		if (rel == NULL)
		{
			LockRelationOid(catalog_oid(CATALOG_AUDIT_ORIGIN), RowExclusiveLock);
			rel = catalog_open(CATALOG_AUDIT_ORIGIN);
		}
		write_row(rel, &origins[i], key);
		origins[i].raised = false;
	}
	if (rel)
		table_close(rel, NoLock);
}
