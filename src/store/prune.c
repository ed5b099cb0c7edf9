/*
 * store/prune.c
 *
 * Read by index scans of our own, not through SPI: the versions that were
 * pruned before lie dead where this scan begins, and an index scan marks them,
 * so that the next one passes over them.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "base/catalog.h"
#include "store/prune.h"
#include "store/row.h"

/* All rows of a table that begin with the secret's id, up to a version; the column that holds one. */
static int
read_versions(Catalog table, Catalog which_index, int version_column, const Secret *secret, int64 up_to,
			  Snapshot snapshot, int64 **versions)
{
	Relation	rel = catalog_open(table);
	Relation	index = index_open(catalog_oid(which_index), AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	int			room = 16;
	int			n = 0;

	*versions = palloc(sizeof(int64) * (Size) room);
	/* The secret's id is the first column of both tables. */
	ScanKeyInit(&key, VERSION_SECRET_ID, BTEqualStrategyNumber, F_UUID_EQ, UUIDPGetDatum(&secret->id));
	scan = systable_beginscan_ordered(rel, index, snapshot, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext_ordered(scan, ForwardScanDirection)))
	{
		bool		isnull;
		int64		version = DatumGetInt64(heap_getattr(tuple, version_column, RelationGetDescr(rel), &isnull));

		if (version > up_to && table == CATALOG_VERSION)
			break;				/* in order of version */
		if (n == room)
			*versions = repalloc(*versions, sizeof(int64) * (Size) (room *= 2));
		(*versions)[n++] = version;
	}
	systable_endscan_ordered(scan);
	index_close(index, NoLock);
	table_close(rel, NoLock);
	return n;
}

static bool
is_among(int64 version, const int64 *versions, int n)
{
	for (int i = 0; i < n; i++)
		if (versions[i] == version)
			return true;
	return false;
}

int
find_unstaged_versions(const Secret *secret, int64 up_to, int64 **versions)
{
	Snapshot	snapshot = catalog_snapshot();
	int			n = read_versions(CATALOG_VERSION, CATALOG_VERSION_PKEY, VERSION_VERSION, secret, up_to, snapshot, versions);
	int			kept = 0;
	int64	   *staged;
	int			nstaged = n == 0 ? 0
		: read_versions(CATALOG_STAGE, CATALOG_STAGE_PKEY, STAGE_VERSION, secret, up_to, snapshot, &staged);

	UnregisterSnapshot(snapshot);
	for (int i = 0; i < n; i++)
	{
		int64		version = (*versions)[i];

		if (version != secret->current_version && version != secret->previous_version
			&& !is_among(version, staged, nstaged))
			(*versions)[kept++] = version;
	}
	return kept;
}
