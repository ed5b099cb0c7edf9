/*
 * store/read.c: reading by direct index scan.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "base/catalog.h"
#include "store/hint.h"
#include "store/row.h"

/*
 * What find_one() looks for: a row by its whole unique key.
 */
typedef struct Search
{
	Catalog		table;
	Catalog		index;
	ScanKeyData keys[2];
	int			nkeys;
	uint32		hint;			/* 0: without one */
	void		(*decode) (HeapTuple tuple, TupleDesc desc, void *out);
} Search;

/* By the hint: is the row that lies there the one?  The index's condition, once more by hand. */
static bool
is_wanted(const Search *search, HeapTuple tuple, TupleDesc desc)
{
	bool		isnull;

	if (search->table == CATALOG_SECRET)
	{
		(void) heap_getattr(tuple, SECRET_DELETED_AT, desc, &isnull);
		if (!isnull)
			return false;
	}
	for (int i = 0; i < search->nkeys; i++)
	{
		const ScanKeyData *key = &search->keys[i];
		Datum		value = heap_getattr(tuple, key->sk_attno, desc, &isnull);

		if (isnull || !DatumGetBool(FunctionCall2Coll(unconstify(FmgrInfo *, &key->sk_func), key->sk_collation,
													  value, key->sk_argument)))
			return false;
	}
	return true;
}

static bool
find_by_hint(const Search *search, Relation rel, Snapshot snapshot, void *out)
{
	HeapTupleData tuple;
	Buffer		buffer;
	bool		found;

	if (search->hint == 0 || !hint_fetch(rel, search->hint, snapshot, &tuple, &buffer))
		return false;
	found = is_wanted(search, &tuple, RelationGetDescr(rel));
	if (found)
		search->decode(&tuple, RelationGetDescr(rel), out);
	hint_release(buffer);
	return found;
}

static bool
find_by_index(Search *search, Relation rel, Snapshot snapshot, void *out)
{
	Relation	index = index_open(catalog_oid(search->index), AccessShareLock);
	SysScanDesc scan = systable_beginscan_ordered(rel, index, snapshot, search->nkeys, search->keys);
	HeapTuple	tuple = systable_getnext_ordered(scan, ForwardScanDirection);
	bool		found = HeapTupleIsValid(tuple);

	if (found)
	{
		search->decode(tuple, RelationGetDescr(rel), out);
		if (search->hint)
			hint_remember(rel, search->hint, tuple);
	}
	systable_endscan_ordered(scan);
	index_close(index, NoLock);
	return found;
}

/*
 * The locks stay until the end of the transaction, as those of a SELECT do:
 * letting go of them one by one costs as much as taking them.
 */
static bool
find_one(Search *search, Snapshot snapshot, void *out)
{
	Relation	rel = catalog_open(search->table);
	bool		found = find_by_hint(search, rel, snapshot, out) || find_by_index(search, rel, snapshot, out);

	table_close(rel, NoLock);
	return found;
}

static bool
find_secret(const char *name, Snapshot snapshot, void (*decode) (HeapTuple, TupleDesc, void *), Secret *secret)
{
	Search		search = {
		.table = CATALOG_SECRET,.index = CATALOG_SECRET_NAME,.nkeys = 1,
		.hint = hash_bytes((const unsigned char *) name, (int) strlen(name)),.decode = decode
	};

	ScanKeyInit(&search.keys[0], SECRET_NAME, BTEqualStrategyNumber, F_TEXTEQ, CStringGetTextDatum(name));
	return find_one(&search, snapshot, secret);
}

bool
store_find(const char *name, Snapshot snapshot, Secret *secret)
{
	return find_secret(name, snapshot, secret_decode, secret);
}

bool
store_find_brief(const char *name, Snapshot snapshot, Secret *secret)
{
	return find_secret(name, snapshot, secret_decode_brief, secret);
}

bool
store_find_by_id(const pg_uuid_t *id, Snapshot snapshot, Secret *secret)
{
	Search		search = {
		.table = CATALOG_SECRET,.index = CATALOG_SECRET_PKEY,.nkeys = 1,.decode = secret_decode
	};

	ScanKeyInit(&search.keys[0], SECRET_ID, BTEqualStrategyNumber, F_UUID_EQ, UUIDPGetDatum(id));
	return find_one(&search, snapshot, secret);
}

bool
store_find_version(const Secret *secret, int64 version, Snapshot snapshot, Version *found)
{
	uint32		random;
	Search		search = {
		.table = CATALOG_VERSION,.index = CATALOG_VERSION_PKEY,.nkeys = 2,
		.decode = version_decode_brief
	};

	memcpy(&random, secret->id.data, sizeof(random));	/* an id is as good as a hash of it */
	search.hint = random + (uint32) version;

	ScanKeyInit(&search.keys[0], VERSION_SECRET_ID, BTEqualStrategyNumber, F_UUID_EQ, UUIDPGetDatum(&secret->id));
	ScanKeyInit(&search.keys[1], VERSION_VERSION, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(version));
	return find_one(&search, snapshot, found);
}

static void
stage_decode(HeapTuple tuple, TupleDesc desc, void *out)
{
	bool		isnull;

	*(int64 *) out = DatumGetInt64(heap_getattr(tuple, STAGE_VERSION, desc, &isnull));
}

bool
store_find_stage(const Secret *secret, const char *stage, Snapshot snapshot, int64 *version)
{
	Search		search = {
		.table = CATALOG_STAGE,.index = CATALOG_STAGE_PKEY,.nkeys = 2,.decode = stage_decode
	};

	if (strcmp(stage, "current") == 0)
		*version = secret->current_version;
	else if (strcmp(stage, "previous") == 0)
		*version = secret->previous_version;
	else
	{
		ScanKeyInit(&search.keys[0], STAGE_SECRET_ID, BTEqualStrategyNumber, F_UUID_EQ, UUIDPGetDatum(&secret->id));
		ScanKeyInit(&search.keys[1], STAGE_STAGE, BTEqualStrategyNumber, F_TEXTEQ, CStringGetTextDatum(stage));
		return find_one(&search, snapshot, version);
	}
	return *version != NO_VERSION;
}

/* ---- all of one secret's ---- */

/* Calls visit for each row of the secret, in the order of the primary key. */
static void
visit_rows(const Secret *secret, Catalog table, Catalog index_name, Snapshot snapshot,
		   void (*visit) (HeapTuple tuple, TupleDesc desc, void *arg), void *arg)
{
	Relation	rel = catalog_open(table);
	Relation	index = index_open(catalog_oid(index_name), AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	/* The first column of either table. */
	ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_UUID_EQ, UUIDPGetDatum(&secret->id));
	scan = systable_beginscan_ordered(rel, index, snapshot, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext_ordered(scan, ForwardScanDirection)))
		visit(tuple, RelationGetDescr(rel), arg);
	systable_endscan_ordered(scan);
	index_close(index, NoLock);
	table_close(rel, NoLock);
}

typedef struct Rows
{
	void	   *items;
	int			n;
	int			room;
} Rows;

static void *
add_row(Rows *rows, Size size)
{
	if (rows->n == rows->room)
	{
		rows->room = Max(4, rows->room * 2);
		rows->items = rows->items
			? repalloc(rows->items, size * (Size) rows->room)
			: palloc(size * (Size) rows->room);
	}
	return (char *) rows->items + size * (Size) rows->n++;
}

static void
add_version(HeapTuple tuple, TupleDesc desc, void *rows)
{
	version_summarize(tuple, desc, false, add_row(rows, sizeof(VersionSummary)));
}

static void
add_version_with_public_half(HeapTuple tuple, TupleDesc desc, void *rows)
{
	version_summarize(tuple, desc, true, add_row(rows, sizeof(VersionSummary)));
}

int
store_list_versions(const Secret *secret, Snapshot snapshot, bool with_public_halves, VersionSummary **versions)
{
	Rows		rows = {0};

	visit_rows(secret, CATALOG_VERSION, CATALOG_VERSION_PKEY, snapshot,
			   with_public_halves ? add_version_with_public_half : add_version, &rows);
	*versions = rows.items;
	return rows.n;
}

static void
add_stage(HeapTuple tuple, TupleDesc desc, void *rows)
{
	Stage	   *stage = add_row(rows, sizeof(Stage));
	bool		isnull;

	stage->stage = TextDatumGetCString(heap_getattr(tuple, STAGE_STAGE, desc, &isnull));
	stage_decode(tuple, desc, &stage->version);
}

int
store_list_stages(const Secret *secret, Snapshot snapshot, Stage **stages)
{
	Rows		rows = {0};

	visit_rows(secret, CATALOG_STAGE, CATALOG_STAGE_PKEY, snapshot, add_stage, &rows);
	*stages = rows.items;
	return rows.n;
}

/* ---- everything ---- */

int
store_find_other_keys(const uint8_t key_id[BOX_ID_LEN], Snapshot snapshot, ValueKey *at,
					  ValueKey *keys, int max_keys)
{
	Relation	rel = catalog_open(CATALOG_VERSION);
	Relation	index = index_open(catalog_oid(CATALOG_VERSION_PKEY), AccessShareLock);
	ValueKey	start = *at;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	int			n = 0;

	ScanKeyInit(&key, VERSION_SECRET_ID, BTGreaterEqualStrategyNumber, F_UUID_GE, UUIDPGetDatum(&start.secret_id));
	scan = systable_beginscan_ordered(rel, index, snapshot, 1, &key);
	while (n < max_keys && HeapTupleIsValid(tuple = systable_getnext_ordered(scan, ForwardScanDirection)))
	{
		TupleDesc	desc = RelationGetDescr(rel);
		bool		isnull;
		Datum		value;
		BoxHeader	header;
		ValueKey	here;

		CHECK_FOR_INTERRUPTS();
		here.secret_id = *DatumGetUUIDP(heap_getattr(tuple, VERSION_SECRET_ID, desc, &isnull));
		here.version = DatumGetInt64(heap_getattr(tuple, VERSION_VERSION, desc, &isnull));
		if (memcmp(&here.secret_id, &start.secret_id, UUID_LEN) == 0 && here.version <= start.version)
			continue;
		*at = here;
		value = heap_getattr(tuple, VERSION_VALUE, desc, &isnull);
		if (isnull)
			continue;
		if (box_read_header(value, &header) && memcmp(header.key_id, key_id, BOX_ID_LEN) != 0)
			keys[n++] = here;
	}
	systable_endscan_ordered(scan);
	index_close(index, AccessShareLock);
	table_close(rel, AccessShareLock);
	return n;
}
