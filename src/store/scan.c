/*
 * store/scan.c: going through secrets in the order of their names.
 *
 * The names are read out of the index, some at a time, with where their rows
 * lie.  Each is shown to the filter when its turn comes, and only the row of
 * one that passes is fetched.  So of a secret that somebody may not know the
 * executor sees nothing, no buffer of the table is touched, and nothing is
 * counted.  Between two calls the index is not held: a cursor that is left open
 * keeps no page of it pinned, for which VACUUM would wait.
 *
 * That a row is fetched later by where it lay is safe for the reason that makes
 * index scans let go of their pages: what has taken the place of a row that is
 * gone is newer than the snapshot.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/relscan.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "access/tableam.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "base/catalog.h"
#include "base/compat.h"
#include "base/uncounted.h"
#include "store/name.h"
#include "store/row.h"

/* How many names are read at once: few at first, for a caller who wants one row. */
#define FIRST_BATCH 32
#define LARGEST_BATCH 512

typedef struct Entry
{
	const char *name;
	ItemPointerData tid;
} Entry;

struct StoreScan
{
	ScanRequest request;
	MemoryContext context;		/* the scan lies in it */
	int			next_range;
	NameRange	left;			/* what is left of the range that we are in */
	bool		has_left;		/* anything */

	MemoryContext batch;		/* the entries and their names */
	Entry	   *entries;
	int			nentries;
	int			next_entry;
	int			batch_size;		/* of the next one */

	/* Opened when first needed. */
	Relation	rel;
	Relation	index;
	TupleTableSlot *slot;
	IndexFetchTableData *fetch;
};

StoreScan *
store_begin_scan(const ScanRequest *request)
{
	StoreScan  *scan = palloc0(sizeof(StoreScan));

	scan->request = *request;
	scan->context = CurrentMemoryContext;
	scan->batch_size = FIRST_BATCH;
	return scan;
}

void
store_end_scan(StoreScan *scan)
{
	if (scan->rel)
	{
		table_index_fetch_end(scan->fetch);
		ExecDropSingleTupleTableSlot(scan->slot);
		index_close(scan->index, NoLock);
		table_close(scan->rel, NoLock);
	}
	if (scan->batch)
		MemoryContextDelete(scan->batch);
	pfree(scan);
}

static void
open_relations(StoreScan *scan)
{
	MemoryContext before = MemoryContextSwitchTo(scan->context);
	Relation	rel = catalog_open(CATALOG_SECRET);

	scan->index = index_open(catalog_oid(scan->request.deleted ? CATALOG_SECRET_DELETED : CATALOG_SECRET_NAME),
							 AccessShareLock);
	scan->slot = table_slot_create(rel, NULL);
	scan->fetch = table_index_fetch_begin(rel);
	scan->rel = rel;
	pgstat_count_index_scan(scan->index);
	MemoryContextSwitchTo(before);
}

/* ---- names out of the index ---- */

/*
 * Called with an index tuple in hand.  False: the batch is full.  It ends
 * between two names, because the next one begins after a name: the rows of
 * deleted secrets may share theirs.
 */
static bool
add_entry(StoreScan *scan, IndexScanDesc index_scan, int *room)
{
	bool		isnull;
	char	   *name = TextDatumGetCString(index_getattr(index_scan->xs_itup, 1, index_scan->xs_itupdesc, &isnull));
	const char *last = scan->nentries ? scan->entries[scan->nentries - 1].name : NULL;
	Entry	   *entry;

	if (last && strcmp(name, last) == 0)
		pfree(name);
	else if (scan->nentries >= scan->batch_size)
		return false;
	else
		last = name;
	if (scan->nentries == *room)
	{
		*room *= 2;
		scan->entries = repalloc_huge(scan->entries, sizeof(Entry) * (Size) *room);
	}
	entry = &scan->entries[scan->nentries++];
	entry->name = last;
	entry->tid = index_scan->xs_heaptid;
	return true;
}

static int
make_keys(const NameRange *range, ScanKeyData *keys)
{
	int			n = 0;

	if (range->after_from)
		ScanKeyInit(&keys[n++], 1, BTGreaterStrategyNumber, F_TEXT_GT, CStringGetTextDatum(range->from));
	else if (range->from[0] != '\0')
		ScanKeyInit(&keys[n++], 1, BTGreaterEqualStrategyNumber, F_TEXT_GE, CStringGetTextDatum(range->from));
	if (range->to && range->with_to)
		ScanKeyInit(&keys[n++], 1, BTLessEqualStrategyNumber, F_TEXT_LE, CStringGetTextDatum(range->to));
	else if (range->to)
		ScanKeyInit(&keys[n++], 1, BTLessStrategyNumber, F_TEXT_LT, CStringGetTextDatum(range->to));
	return n;
}

/* The next batch of the range, into the current memory context. */
static void
read_index(StoreScan *scan)
{
	int			room = scan->batch_size;
	ScanKeyData keys[2];
	int			nkeys = make_keys(&scan->left, keys);
	IndexScanDesc index_scan = BEGIN_INDEX_SCAN(scan->rel, scan->index, scan->request.snapshot, nkeys);

	scan->entries = palloc(sizeof(Entry) * (Size) room);
	scan->nentries = scan->next_entry = 0;
	index_scan->xs_want_itup = true;
	index_rescan(index_scan, keys, nkeys, NULL, 0);
	do
	{
		CHECK_FOR_INTERRUPTS();
		scan->has_left = index_getnext_tid(index_scan, ForwardScanDirection) != NULL;
	} while (scan->has_left && add_entry(scan, index_scan, &room));
	index_endscan(index_scan);
}

/* Only what is given out is counted, one by one, by fetch_row(). */
static void
read_index_uncounted(StoreScan *scan)
{
	Counters	counters;

	counters_remember(&counters, scan->index);
	PG_TRY();
	{
		read_index(scan);
	}
	PG_FINALLY();
	{
		counters_put_back(&counters);
	}
	PG_END_TRY();
}

static void
read_batch(StoreScan *scan)
{
	MemoryContext done = scan->batch;	/* left.from lies in it */
	MemoryContext before;

	if (scan->rel == NULL)
		open_relations(scan);
	scan->batch = AllocSetContextCreate(scan->context, "names", ALLOCSET_DEFAULT_SIZES);
	before = MemoryContextSwitchTo(scan->batch);
	read_index_uncounted(scan);
	MemoryContextSwitchTo(before);
	if (done)
		MemoryContextDelete(done);
	if (scan->nentries)
		scan->left.from = scan->entries[scan->nentries - 1].name;
	scan->left.after_from = true;
	scan->batch_size = Min(LARGEST_BATCH, scan->batch_size * 2);
}

/* ---- rows ---- */

/*
 * What the filter leaves in memory goes with the batch: it may leave out a
 * million before one passes.  What it reads tells how many it was asked about.
 */
static bool
passes(const StoreScan *scan, const char *name)
{
	MemoryContext before = MemoryContextSwitchTo(scan->batch ? scan->batch : CurrentMemoryContext);
	Counters	counters;
	bool		passed;

	counters_remember(&counters, NULL);
	passed = scan->request.filter(name, scan->request.arg);
	counters_put_back(&counters);
	MemoryContextSwitchTo(before);
	return passed;
}

static bool
fetch_row(StoreScan *scan, const Entry *entry, Secret *secret)
{
	void		(*decode) (HeapTuple, TupleDesc, void *) = scan->request.brief ? secret_decode_brief : secret_decode;
	ItemPointerData tid = entry->tid;	/* it is moved along the row's chain */
	bool		call_again = false;
	bool		should_free;

	if (!table_index_fetch_tuple(scan->fetch, &tid, scan->request.snapshot, scan->slot, &call_again, NULL))
		return false;
	decode(ExecFetchSlotHeapTuple(scan->slot, false, &should_free), RelationGetDescr(scan->rel), secret);
	pgstat_count_index_tuples(scan->index, 1);
	pgstat_count_heap_fetch(scan->index);
	return true;
}

static bool
is_one_name(const NameRange *range)
{
	return range->to && range->with_to && !range->after_from && strcmp(range->from, range->to) == 0;
}

/*
 * A range that is one name is not so much as looked up where the filter says
 * no; of those alive there is one at most.
 */
static bool
enter_range(StoreScan *scan, Secret *secret)
{
	const NameRange *range = &scan->request.ranges[scan->next_range++];
	bool		is_one = is_one_name(range);

	scan->left = *range;
	scan->has_left = !is_one || passes(scan, range->from);
	if (!is_one || !scan->has_left || scan->request.deleted)
		return false;
	scan->has_left = false;
	return (scan->request.brief ? store_find_brief : store_find) (range->from, scan->request.snapshot, secret);
}

bool
store_next(StoreScan *scan, Secret *secret)
{
	for (;;)
	{
		CHECK_FOR_INTERRUPTS();
		if (scan->next_entry < scan->nentries)
		{
			const Entry *entry = &scan->entries[scan->next_entry++];

			if (passes(scan, entry->name) && fetch_row(scan, entry, secret))
				return true;
		}
		else if (scan->has_left)
			read_batch(scan);
		else if (scan->next_range == scan->request.nranges)
			return false;
		else if (enter_range(scan, secret))
			return true;
	}
}

/* ---- by pattern ---- */

/* Up to where the last byte is one more: names are ASCII. */
NameRange
prefix_range(const char *prefix, size_t len)
{
	NameRange	range = {.from = pnstrdup(prefix, len)};
	char	   *to;

	if (len > 0)
	{
		to = pnstrdup(prefix, len);
		to[len - 1]++;
		range.to = to;
	}
	return range;
}

NameRange
pattern_range(const char *pattern)
{
	bool		exact;
	size_t		prefix = pattern_prefix(pattern, strlen(pattern), &exact);
	char	   *name;

	if (!exact)
		return prefix_range(pattern, prefix);
	name = pstrdup(pattern);
	return (NameRange) {.from = name,.to = name,.with_to = true};
}

typedef struct Wanted
{
	const char *pattern;
	const char *after;
} Wanted;

static bool
is_wanted(const char *name, void *arg)
{
	const Wanted *wanted = arg;

	return (wanted->after == NULL || strcmp(name, wanted->after) > 0)
		&& pattern_matches(wanted->pattern, strlen(wanted->pattern), name, strlen(name));
}

void
store_scan(const char *pattern, const char *after, Snapshot snapshot, store_visitor visitor, void *arg)
{
	Wanted		wanted = {pattern, after};
	NameRange	range = pattern_range(pattern);
	ScanRequest request = {
		.ranges = &range,.nranges = 1,.snapshot = snapshot,.filter = is_wanted,.arg = &wanted
	};
	StoreScan  *scan = store_begin_scan(&request);
	Secret		secret;

	while (store_next(scan, &secret) && visitor(&secret, arg))
		;
	store_end_scan(scan);
}

static bool
any_name(const char *name, void *arg)
{
	return true;
}

bool
store_has_deleted(const char *name, Snapshot snapshot)
{
	NameRange	range = {.from = name,.to = name,.with_to = true};
	ScanRequest request = {
		.ranges = &range,.nranges = 1,.deleted = true,.brief = true,.snapshot = snapshot,.filter = any_name
	};
	StoreScan  *scan = store_begin_scan(&request);
	Secret		secret;
	bool		found = store_next(scan, &secret);

	store_end_scan(scan);
	return found;
}
