/*
 * trail/log.c
 *
 * Whoever may be accused of having changed the log may have changed its tables
 * too: what is read here is checked before it is believed to have a form.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "base/catalog.h"
#include "base/refuse.h"
#include "trail/log.h"

Relation
log_open_events(void)
{
	return audit_open_table(CATALOG_AUDIT_EVENT, AccessShareLock);
}

/* Parallel workers may take none: they have what their leader had. */
Snapshot
log_take_snapshot(void)
{
	return RegisterSnapshot(IsInParallelMode() ? GetActiveSnapshot() : GetLatestSnapshot());
}

void
log_open(Log *log, int timeout)
{
	log->before = log_take_snapshot();
	log->is_flushed = audit_flush(timeout);
	/* What a parallel worker sees may be older than that. */
	log->has_memory_head = !IsInParallelMode() && audit_get_memory_head(&log->memory_number, log->memory_head);
	log->snapshot = log_take_snapshot();
	log->events = log_open_events();
	log->digests = audit_open_table(CATALOG_AUDIT_DIGEST, AccessShareLock);
}

void
log_close(Log *log)
{
	table_close(log->digests, NoLock);
	table_close(log->events, NoLock);
	UnregisterSnapshot(log->snapshot);
	UnregisterSnapshot(log->before);
}

typedef void (*tuple_visitor) (HeapTuple tuple, TupleDesc desc, void *arg);

static void
visit(Relation rel, Snapshot snapshot, tuple_visitor visitor, void *arg)
{
	MemoryContext row = AllocSetContextCreate(CurrentMemoryContext, "row of the audit log", ALLOCSET_DEFAULT_SIZES);
	TupleTableSlot *slot = table_slot_create(rel, NULL);
	TableScanDesc scan = table_beginscan(rel, snapshot, 0, NULL);
	MemoryContext before;

	while (table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		bool		should_free;

		CHECK_FOR_INTERRUPTS();
		before = MemoryContextSwitchTo(row);
		visitor(ExecFetchSlotHeapTuple(slot, false, &should_free), RelationGetDescr(rel), arg);
		MemoryContextSwitchTo(before);
		MemoryContextReset(row);
	}
	table_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	MemoryContextDelete(row);
}

typedef struct LineVisit
{
	line_visitor visitor;
	void	   *arg;
} LineVisit;

static void
visit_line(HeapTuple tuple, TupleDesc desc, void *arg)
{
	const LineVisit *visit = arg;
	AuditRow	row;

	row_decode(tuple, desc, &row);
	visit->visitor(&row, HeapTupleHeaderGetXmin(tuple->t_data), visit->arg);
}

void
log_visit_lines(const Log *log, line_visitor visitor, void *arg)
{
	LineVisit	line_visit = {visitor, arg};

	visit(log->events, log->snapshot, visit_line, &line_visit);
}

/* What is nothing is NULL, and there is one way to write an array: else two rows would have one head. */
static bool
is_canonical(HeapTuple tuple, TupleDesc desc, const AuditDigest *digest)
{
	bool		isnull;
	Datum		events = heap_getattr(tuple, DIGEST_EVENTS, desc, &isnull);

	if (isnull != (digest->nevents == 0)
		|| (!isnull && ARR_LBOUND(DatumGetArrayTypeP(events))[0] != 1))
		return false;
	return heap_attisnull(tuple, DIGEST_QUEUE, desc) == (digest->queue == 0)
		&& heap_attisnull(tuple, DIGEST_QUEUE_AT, desc) == (digest->queue == 0)
		&& heap_attisnull(tuple, DIGEST_THROUGH, desc) == (digest->through == 0)
		&& heap_attisnull(tuple, DIGEST_SNAPSHOT, desc) == (digest->snapshot[0] == '\0');
}

static void
decode(HeapTuple tuple, TupleDesc desc, AuditDigest *digest)
{
	digest_decode(tuple, desc, digest);
	if (digest->kind != DIGEST_UNKNOWN && !is_canonical(tuple, desc, digest))
		digest->kind = DIGEST_UNKNOWN;
}

typedef struct DigestVisit
{
	digest_visitor visitor;
	void	   *arg;
} DigestVisit;

static void
visit_digest(HeapTuple tuple, TupleDesc desc, void *arg)
{
	const DigestVisit *visit = arg;
	AuditDigest digest;

	decode(tuple, desc, &digest);
	visit->visitor(&digest, visit->arg);
}

void
log_visit_digests(const Log *log, digest_visitor visitor, void *arg)
{
	DigestVisit digest_visit = {visitor, arg};

	visit(log->digests, log->snapshot, visit_digest, &digest_visit);
}

bool
log_find_newest(const Log *log, AuditDigest *digest)
{
	Relation	index = index_open(catalog_oid(CATALOG_AUDIT_DIGEST_PKEY), AccessShareLock);
	SysScanDesc scan = systable_beginscan_ordered(log->digests, index, log->snapshot, 0, NULL);
	HeapTuple	tuple = systable_getnext_ordered(scan, BackwardScanDirection);
	bool		found = HeapTupleIsValid(tuple);

	if (found)
		decode(tuple, RelationGetDescr(log->digests), digest);
	systable_endscan_ordered(scan);
	index_close(index, NoLock);
	return found;
}
