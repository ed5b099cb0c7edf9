/*
 * trail/scan.c: the foreign table that secrets.audit_log reads.
 *
 * As with the views of kv, a filter on the log would count for EXPLAIN ANALYZE
 * what it took away.  So this scan gives the executor only what its reader may
 * see: the lines of names on which he holds audit, and all of them to whoever
 * holds it on everything.  Line by line, as they lie: the log is as large as it
 * gets, and nobody keeps it in memory.
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/pg_type_d.h"
#include "executor/executor.h"
#include "foreign/fdwapi.h"
#include "miscadmin.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/planmain.h"
#include "optimizer/restrictinfo.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/uuid.h"

#include "base/catalog.h"
#include "base/refuse.h"
#include "base/uncounted.h"
#include "gate/gate.h"
#include "trail/log.h"
#include "trail/trail.h"

/* Lines, where nobody has counted them yet. */
#define GUESSED_LINES 10000

/* What asking the gate costs, in operators. */
#define GATE_COST 10

/* Lines, until the gate is asked again. */
#define ASK_AGAIN 256

/* How long a reader waits for what was done before. */
#define FLUSH_MILLISECONDS 1000

/* ---- the table ---- */

typedef struct Column
{
	int			event;			/* column of the log */
	Oid			type;
} Column;

static const Column columns[] = {
	{EVENT_EVENT_ID, INT8OID}, {EVENT_AT, TIMESTAMPTZOID}, {EVENT_ACTION, TEXTOID}, {EVENT_ID, UUIDOID},
	{EVENT_NAME, TEXTOID}, {EVENT_VERSION, INT8OID}, {EVENT_OUTCOME, TEXTOID}, {EVENT_REASON, TEXTOID},
	{EVENT_LOGIN, TEXTOID}, {EVENT_ROLE, TEXTOID}, {EVENT_ACTOR, TEXTOID}, {EVENT_CLIENT_ADDR, INETOID},
	{EVENT_APPLICATION_NAME, TEXTOID}, {EVENT_PID, INT4OID}, {EVENT_TXID, INT8OID}, {EVENT_VIA, TEXTOID},
	{EVENT_DETAIL, JSONBOID}
};
#define DETAIL_COLUMN ((int) lengthof(columns))

static void
check_table(Oid relid)
{
	if (relid != catalog_oid_or_none(CATALOG_AUDIT_LISTED))
		REFUSE(ERRCODE_FDW_TABLE_NOT_FOUND,
			   errmsg("this foreign server serves the view secrets.audit_log, and no other foreign tables"));
}

/* Whoever owns it may have altered it. */
static void
check_columns(TupleDesc desc)
{
	bool		right = desc->natts == (int) lengthof(columns);

	for (int i = 0; right && i < desc->natts; i++)
		right = TupleDescAttr(desc, i)->atttypid == columns[i].type;
	if (!right)
		REFUSE(ERRCODE_FDW_INVALID_COLUMN_NUMBER,
			   errmsg("a foreign table of extension \"secrets\" has other columns than this library knows"));
}

/* ---- planning ---- */

/* What pg_class says, which anybody may read. */
static double
guess_lines(void)
{
	Relation	rel = catalog_open(CATALOG_AUDIT_EVENT);
	double		tuples = rel->rd_rel->reltuples;

	table_close(rel, NoLock);
	return tuples < 0 ? GUESSED_LINES : Max(tuples, 1);
}

static void
estimate_size(PlannerInfo *root, RelOptInfo *rel, Oid relid)
{
	check_table(relid);
	rel->tuples = guess_lines();
	set_baserel_size_estimates(root, rel);
}

static void
add_paths(PlannerInfo *root, RelOptInfo *rel, Oid relid)
{
	Cost		run = rel->tuples * (cpu_tuple_cost + GATE_COST * cpu_operator_cost + seq_page_cost / 40);

	run += rel->tuples * rel->baserestrictcost.per_tuple;
	add_path(rel, (Path *) MAKE_FOREIGN_PATH(root, rel, rel->baserestrictcost.startup,
											 rel->baserestrictcost.startup + run, NIL));
}

/* The one column that has to be made. */
static bool
needs_detail(RelOptInfo *rel)
{
	Bitmapset  *used = NULL;
	ListCell   *cell;

	pull_varattnos((Node *) rel->reltarget->exprs, rel->relid, &used);
	foreach(cell, rel->baserestrictinfo)
		pull_varattnos((Node *) lfirst_node(RestrictInfo, cell)->clause, rel->relid, &used);
	return bms_is_member(0 - FirstLowInvalidHeapAttributeNumber, used)
		|| bms_is_member(DETAIL_COLUMN - FirstLowInvalidHeapAttributeNumber, used);
}

static ForeignScan *
make_plan(PlannerInfo *root, RelOptInfo *rel, Oid relid, ForeignPath *path, List *targets, List *conditions, Plan *outer)
{
	return make_foreignscan(targets, extract_actual_clauses(conditions, false), rel->relid,
							NIL, list_make1_int(needs_detail(rel)), NIL, NIL, outer);
}

/* ---- running ---- */

typedef struct LogScan
{
	bool		needs_detail;
	bool		has_begun;
	Relation	rel;			/* NULL: there is nothing for this reader */
	Snapshot	snapshot;
	TableScanDesc scan;
	TupleTableSlot *slot;
	MemoryContext row;			/* what is made for one line */
	MemoryContext whole;		/* for all of the scan */
	bool		has_line;		/* the slot: one to show */

	Oid			reader;			/* whose right it was; a cursor may be read by one after the other */
	bool		sees_all;
	uint32		nasked;
	List	   *rules;			/* NIL: not read yet */
} LogScan;

static void
begin_scan(ForeignScanState *node, int eflags)
{
	ForeignScan *plan = castNode(ForeignScan, node->ss.ps.plan);
	LogScan    *scan = palloc0(sizeof(LogScan));

	scan->needs_detail = linitial_int(plan->fdw_private);
	scan->whole = CurrentMemoryContext;
	node->fdw_state = scan;
	if (eflags & EXEC_FLAG_EXPLAIN_ONLY)
		return;
	check_table(RelationGetRelid(node->ss.ss_currentRelation));
	check_columns(RelationGetDescr(node->ss.ss_currentRelation));
	scan->row = AllocSetContextCreate(CurrentMemoryContext, "line of the audit log", ALLOCSET_DEFAULT_SIZES);
}

/* A stranger does not so much as wait. */
static void
begin_reading(LogScan *scan)
{
	MemoryContext before = MemoryContextSwitchTo(scan->whole);

	scan->has_begun = true;
	if (gate_scope(PRIV_AUDIT)->n > 0)
	{
		(void) audit_flush(FLUSH_MILLISECONDS);
		scan->snapshot = log_take_snapshot();
		scan->rel = log_open_events();
		scan->slot = table_slot_create(scan->rel, NULL);
		scan->scan = table_beginscan(scan->rel, scan->snapshot, 0, NULL);
	}
	MemoryContextSwitchTo(before);
}

/* ---- what is shown ---- */

static bool
sees_all(LogScan *scan)
{
	GatePass	pass;

	/* A cursor may be open for long: what was revoked since counts soon. */
	if (scan->reader == GetUserId() && ++scan->nasked % ASK_AGAIN != 0)
		return scan->sees_all;
	scan->sees_all = gate_allows(PRIV_AUDIT, NULL, &pass);
	scan->reader = pass.role;
	scan->rules = NIL;
	return scan->sees_all;
}

/*
 * What was done with a pattern concerns all the names that it matches: audit on
 * "*" shows what was granted on "a*", and not what was on "**".
 */
static bool
sees_pattern(LogScan *scan, const char *pattern)
{
	Reach		reach = {.pattern = pattern};
	MemoryContext before;

	if (scan->rules == NIL)
	{
		before = MemoryContextSwitchTo(scan->whole);
		scan->rules = policy_read_rules();
		MemoryContextSwitchTo(before);
	}
	return gate_reaches(scan->rules, PRIVILEGE(PRIV_AUDIT), &reach);
}

static bool
is_shown(LogScan *scan)
{
	bool		isnull;
	Datum		value;
	const char *name;

	if (sees_all(scan))
		return true;
	value = slot_getattr(scan->slot, EVENT_NAME, &isnull);
	if (isnull)
		return false;
	name = TextDatumGetCString(value);
	return gate_allows(PRIV_AUDIT, name, NULL) && (strchr(name, '*') == NULL || sees_pattern(scan, name));
}

static void
find_shown(LogScan *scan)
{
	MemoryContext before = MemoryContextSwitchTo(scan->row);

	do
	{
		CHECK_FOR_INTERRUPTS();
		MemoryContextReset(scan->row);
		scan->has_line = table_scan_getnextslot(scan->scan, ForwardScanDirection, scan->slot);
	} while (scan->has_line && !is_shown(scan));
	MemoryContextSwitchTo(before);
}

/* What he may not see is in no statistics of his. */
static void
find_shown_uncounted(LogScan *scan)
{
	Counters	counters;

	counters_remember(&counters, scan->rel);
	PG_TRY();
	{
		find_shown(scan);
	}
	PG_FINALLY();
	{
		counters_put_back(&counters);
	}
	PG_END_TRY();
	if (scan->has_line)
		pgstat_count_heap_getnext(scan->rel);
}

/* ---- a row ---- */

static Jsonb *
make_rule(const pg_uuid_t *rule)
{
	JsonbParseState *state = NULL;
	JsonbValue	key = {.type = jbvString};
	JsonbValue	value = {.type = jbvString};

	key.val.string.val = pstrdup("rule");
	key.val.string.len = 4;
	value.val.string.val = DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(rule)));
	value.val.string.len = (int) strlen(value.val.string.val);
	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	pushJsonbValue(&state, WJB_KEY, &key);
	pushJsonbValue(&state, WJB_VALUE, &value);
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

/* The detail with the rule in it, which has a column of its own there. */
static Datum
make_detail(const LogScan *scan, bool *isnull)
{
	const TupleTableSlot *slot = scan->slot;
	Datum		detail = slot->tts_values[EVENT_DETAIL - 1];
	Jsonb	   *rule;

	*isnull = slot->tts_isnull[EVENT_DETAIL - 1];
	if (slot->tts_isnull[EVENT_RULE - 1] || (!*isnull && !JB_ROOT_IS_OBJECT(DatumGetJsonbP(detail))))
		return detail;
	rule = make_rule(DatumGetUUIDP(slot->tts_values[EVENT_RULE - 1]));
	if (!*isnull)
		return DirectFunctionCall2(jsonb_concat, detail, JsonbPGetDatum(rule));
	*isnull = false;
	return JsonbPGetDatum(rule);
}

static void
fill_row(LogScan *scan, TupleTableSlot *row)
{
	MemoryContext before = MemoryContextSwitchTo(scan->row);

	slot_getallattrs(scan->slot);
	for (int i = 0; i < (int) lengthof(columns); i++)
	{
		row->tts_values[i] = scan->slot->tts_values[columns[i].event - 1];
		row->tts_isnull[i] = scan->slot->tts_isnull[columns[i].event - 1];
	}
	if (scan->needs_detail)
		row->tts_values[DETAIL_COLUMN - 1] = make_detail(scan, &row->tts_isnull[DETAIL_COLUMN - 1]);
	MemoryContextSwitchTo(before);
	ExecStoreVirtualTuple(row);
}

static TupleTableSlot *
next_slot(ForeignScanState *node)
{
	LogScan    *scan = node->fdw_state;
	TupleTableSlot *row = node->ss.ss_ScanTupleSlot;

	ExecClearTuple(row);
	if (!scan->has_begun)
		begin_reading(scan);
	if (scan->rel == NULL)
		return row;
	if (sees_all(scan))
		find_shown(scan);
	else
		find_shown_uncounted(scan);
	if (scan->has_line)
		fill_row(scan, row);
	return row;
}

static void
begin_again(ForeignScanState *node)
{
	LogScan    *scan = node->fdw_state;

	if (scan->rel)
		table_rescan(scan->scan, NULL);
}

static void
end_scan(ForeignScanState *node)
{
	LogScan    *scan = node->fdw_state;

	if (scan == NULL || scan->rel == NULL)
		return;
	table_endscan(scan->scan);
	ExecDropSingleTupleTableSlot(scan->slot);
	table_close(scan->rel, NoLock);
	UnregisterSnapshot(scan->snapshot);
	scan->rel = NULL;
}

struct FdwRoutine *
trail_log_routine(void)
{
	FdwRoutine *routine = makeNode(FdwRoutine);

	routine->GetForeignRelSize = estimate_size;
	routine->GetForeignPaths = add_paths;
	routine->GetForeignPlan = make_plan;
	routine->BeginForeignScan = begin_scan;
	routine->IterateForeignScan = next_slot;
	routine->ReScanForeignScan = begin_again;
	routine->EndForeignScan = end_scan;
	return routine;
}
