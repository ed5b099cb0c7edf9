/*
 * kv/scan.c: the foreign tables that the views read.
 *
 * A view that filtered the catalogs would count for EXPLAIN ANALYZE what it
 * took away, and a name that is there but hidden would differ from one that is
 * not.  A scan of our own gives the executor only what the effective role may
 * list, and the index is used all the same: conditions on the name that an
 * index scan would take are turned into ranges of names.  They stay conditions
 * of the plan, too, so that a mistake here could show too little, never too
 * much.
 *
 * What is shown hangs on the reader alone, not on the foreign table: somebody
 * else's foreign table on our server, whatever its columns say, is refused.
 */
#include "postgres.h"

#include "access/stratnum.h"
#include "access/sysattr.h"
#include "access/table.h"
#include "catalog/pg_collation_d.h"
#include "catalog/pg_operator_d.h"
#include "catalog/pg_opfamily_d.h"
#include "catalog/pg_type_d.h"
#include "executor/executor.h"
#include "foreign/fdwapi.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "optimizer/planmain.h"
#include "optimizer/restrictinfo.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/ruleutils.h"
#include "utils/selfuncs.h"

#include "base/catalog.h"
#include "base/compat.h"
#include "base/refuse.h"
#include "gate/gate.h"
#include "kv/describe.h"
#include "kv/kv.h"
#include "kv/walk.h"
#include "store/name.h"

#include EXPLAIN_FORMAT_HEADER
#include EXPLAIN_STATE_HEADER

#define MOST_COLUMNS LIST_COLUMNS
#define NAME_COLUMN 2			/* in each of them */

/* Rows, where nobody has counted them yet. */
#define GUESSED_SECRETS 1000
#define GUESSED_VERSIONS 5		/* of a secret */

/* What asking the gate costs, in operators. */
#define GATE_COST 10

/* ---- the tables ---- */

typedef struct Listing
{
	Catalog		table;
	const char *index;
	bool		deleted;
	bool		has_versions;	/* a row each, instead of one of the secret */
	int			ncolumns;
	Oid			types[MOST_COLUMNS];
	/* Columns that a brief row has not, from here to there. */
	int			rest_from;
	int			rest_to;
} Listing;

static const Listing listings[] = {
	{.table = CATALOG_LISTED,.index = "secret_name",
		.ncolumns = LIST_COLUMNS,
		.types = {UUIDOID, TEXTOID, TEXTOID, TEXTOID, JSONBOID, TEXTOID, INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID,
		TIMESTAMPTZOID, TIMESTAMPTZOID, BOOLOID, TIMESTAMPTZOID},
	.rest_from = 4,.rest_to = 6},
	{.table = CATALOG_LISTED_VERSIONS,.index = "secret_name",.has_versions = true,
		.ncolumns = VERSIONS_COLUMNS,
		.types = {UUIDOID, TEXTOID, INT8OID, TEXTARRAYOID, TEXTOID, TIMESTAMPTZOID, TEXTOID, INT4OID, TEXTOID},
	.rest_from = 9,.rest_to = 9},
	{.table = CATALOG_LISTED_DELETED,.index = "secret_deleted",.deleted = true,
		.ncolumns = DELETED_COLUMNS,
		.types = {UUIDOID, TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID, TEXTOID},
	.rest_from = 5,.rest_to = 5},
};

static int
find_listing(Oid relid)
{
	for (int i = 0; i < (int) lengthof(listings); i++)
		if (relid == catalog_oid_or_none(listings[i].table))
			return i;
	REFUSE(ERRCODE_FDW_TABLE_NOT_FOUND,
		   errmsg("this foreign server serves the views of extension \"secrets\", and no other foreign tables"));
}

/* Whoever owns it may have altered it. */
static void
check_columns(const Listing *listing, TupleDesc desc)
{
	bool		right = desc->natts == listing->ncolumns;

	for (int i = 0; right && i < desc->natts; i++)
		right = TupleDescAttr(desc, i)->atttypid == listing->types[i];
	if (!right)
		REFUSE(ERRCODE_FDW_INVALID_COLUMN_NUMBER,
			   errmsg("a foreign table of extension \"secrets\" has other columns than this library knows"));
}

/* ---- planning ---- */

typedef struct Planning
{
	const Listing *listing;
	List	   *conditions;		/* RestrictInfos: as they stand in the query */
	List	   *clauses;		/* the same, each as "name operator expression" */
	bool		needs_rest;
	double		visited;		/* rows in the ranges of the index */
} Planning;

/* Is it the column, which is of type text and collation "C"? */
static bool
is_name(const Node *node, Index relid)
{
	const Var  *var = (const Var *) node;

	return IsA(node, Var) && var->varno == (int) relid && var->varattno == NAME_COLUMN && var->varlevelsup == 0;
}

static bool
is_known_before(PlannerInfo *root, Node *node, Index relid)
{
	return !bms_is_member((int) relid, pull_varnos(root, node)) && !contain_volatile_functions(node);
}

/* As an index over (name COLLATE "C") would have it. */
static bool
is_range_operator(Oid op, Oid collation)
{
	int			strategy;
	Oid			left;
	Oid			right;

	if (collation != C_COLLATION_OID || !op_in_opfamily(op, TEXT_BTREE_FAM_OID))
		return false;
	get_op_opfamily_properties(op, TEXT_BTREE_FAM_OID, false, &strategy, &left, &right);
	return left == TEXTOID && right == TEXTOID;
}

static Expr *
match_comparison(PlannerInfo *root, OpExpr *op, Index relid)
{
	Oid			commutator;

	if (list_length(op->args) != 2)
		return NULL;
	if (is_name(linitial(op->args), relid) && is_known_before(root, lsecond(op->args), relid))
		return is_range_operator(op->opno, op->inputcollid) ? (Expr *) op : NULL;
	if (!is_name(lsecond(op->args), relid) || !is_known_before(root, linitial(op->args), relid))
		return NULL;
	commutator = get_commutator(op->opno);
	if (!OidIsValid(commutator) || !is_range_operator(commutator, op->inputcollid))
		return NULL;
	return make_opclause(commutator, BOOLOID, false, lsecond(op->args), linitial(op->args), InvalidOid, op->inputcollid);
}

/* name = ANY (array), which is what IN (...) becomes. */
static Expr *
match_any(PlannerInfo *root, ScalarArrayOpExpr *op, Index relid)
{
	if (!op->useOr || op->opno != TextEqualOperator || op->inputcollid != C_COLLATION_OID)
		return NULL;
	if (!is_name(linitial(op->args), relid) || !is_known_before(root, lsecond(op->args), relid))
		return NULL;
	return (Expr *) op;
}

static Expr *
match_clause(PlannerInfo *root, RelOptInfo *rel, RestrictInfo *condition)
{
	Expr	   *clause = condition->clause;

	/* Not before a condition that has to go first. */
	if (!restriction_is_securely_promotable(condition, rel))
		return NULL;
	if (IsA(clause, OpExpr))
		return match_comparison(root, (OpExpr *) clause, rel->relid);
	if (IsA(clause, ScalarArrayOpExpr))
		return match_any(root, (ScalarArrayOpExpr *) clause, rel->relid);
	return NULL;
}

static bool
needs_rest(const Listing *listing, RelOptInfo *rel)
{
	Bitmapset  *columns = NULL;
	ListCell   *cell;

	if (listing->rest_from == 0)
		return false;
	pull_varattnos((Node *) rel->reltarget->exprs, rel->relid, &columns);
	foreach(cell, rel->baserestrictinfo)
		pull_varattnos((Node *) lfirst_node(RestrictInfo, cell)->clause, rel->relid, &columns);
	if (bms_is_member(0 - FirstLowInvalidHeapAttributeNumber, columns))
		return true;			/* the whole row */
	for (int i = listing->rest_from; i <= listing->rest_to; i++)
		if (bms_is_member(i - FirstLowInvalidHeapAttributeNumber, columns))
			return true;
	return false;
}

/* What pg_class says, which anybody may read; never statistics of names that he may not list. */
static double
count_tuples(Catalog table)
{
	Relation	rel = catalog_open(table);
	double		tuples = rel->rd_rel->reltuples;

	table_close(rel, NoLock);
	return tuples;
}

static double
guess_secrets(void)
{
	double		tuples = count_tuples(CATALOG_SECRET);

	return tuples < 0 ? GUESSED_SECRETS : Max(tuples, 1);
}

static double
guess_rows_per_secret(const Listing *listing)
{
	double		versions;

	if (!listing->has_versions)
		return 1;
	versions = count_tuples(CATALOG_VERSION);
	return versions < 0 ? GUESSED_VERSIONS : Max(versions / guess_secrets(), 1);
}

/* How many secrets lie in the ranges: a name is one, and of a list of names each. */
static double
guess_visited(PlannerInfo *root, const Planning *planning)
{
	double		secrets = guess_secrets();
	double		visited = secrets * clauselist_selectivity(root, planning->conditions, 0, JOIN_INNER, NULL);
	ListCell   *cell;

	foreach(cell, planning->clauses)
	{
		if (IsA(lfirst(cell), ScalarArrayOpExpr))
			visited = Min(visited, ESTIMATE_ARRAY_LENGTH(root, lsecond(((ScalarArrayOpExpr *) lfirst(cell))->args)));
		else if (((OpExpr *) lfirst(cell))->opno == TextEqualOperator)
			visited = 1;
	}
	return Max(visited, 1);
}

static void
estimate_size(PlannerInfo *root, RelOptInfo *rel, Oid relid)
{
	Planning   *planning = palloc0(sizeof(Planning));
	double		rows_per_secret;
	ListCell   *cell;

	planning->listing = &listings[find_listing(relid)];
	foreach(cell, rel->baserestrictinfo)
	{
		RestrictInfo *condition = lfirst_node(RestrictInfo, cell);
		Expr	   *clause = match_clause(root, rel, condition);

		if (clause == NULL)
			continue;
		planning->conditions = lappend(planning->conditions, condition);
		planning->clauses = lappend(planning->clauses, clause);
	}
	planning->needs_rest = needs_rest(planning->listing, rel);
	planning->visited = guess_visited(root, planning);

	rows_per_secret = guess_rows_per_secret(planning->listing);
	rel->fdw_private = planning;
	rel->tuples = guess_secrets() * rows_per_secret;
	set_baserel_size_estimates(root, rel);
	rel->rows = clamp_row_est(Min(rel->rows, planning->visited * rows_per_secret));
}

static void
add_paths(PlannerInfo *root, RelOptInfo *rel, Oid relid)
{
	const Planning *planning = rel->fdw_private;
	double		rows = planning->visited * guess_rows_per_secret(planning->listing);
	Cost		startup = 100 * cpu_operator_cost;	/* down the index */
	Cost		run = planning->visited * (cpu_index_tuple_cost + GATE_COST * cpu_operator_cost)
		+ rows * cpu_tuple_cost + random_page_cost * (1 + rows / 50);
	Var		   *name = makeVar(rel->relid, NAME_COLUMN, TEXTOID, -1, C_COLLATION_OID, 0);
	List	   *pathkeys = FIND_PATHKEYS(root, (Expr *) name, TextLessOperator, rel);

	startup += rel->baserestrictcost.startup;
	run += rows * rel->baserestrictcost.per_tuple;
	add_path(rel, (Path *) MAKE_FOREIGN_PATH(root, rel, startup, startup + run, pathkeys));
}

static ForeignScan *
make_plan(PlannerInfo *root, RelOptInfo *rel, Oid relid, ForeignPath *path, List *targets, List *conditions, Plan *outer)
{
	const Planning *planning = rel->fdw_private;
	List	   *private = list_make2_int((int) (planning->listing - listings), planning->needs_rest);

	return make_foreignscan(targets, extract_actual_clauses(conditions, false), rel->relid,
							planning->clauses, private, NIL, NIL, outer);
}

/* ---- running ---- */

typedef struct ListingScan
{
	const Listing *listing;
	bool		needs_rest;
	List	   *clauses;		/* of the plan */
	List	   *values;			/* ExprStates of their right sides */
	Walk	   *walk;			/* NULL: not begun */
	MemoryContext walking;		/* ranges and walk */
	VersionsOf	versions;		/* the secret that we are at, and its versions where they are what is listed */
	int			next_version;
	bool		recorded;
	MemoryContext row;			/* where they are: these */
} ListingScan;

static void
begin_scan(ForeignScanState *node, int eflags)
{
	ForeignScan *plan = castNode(ForeignScan, node->ss.ps.plan);
	ListingScan *scan = palloc0(sizeof(ListingScan));
	List	   *expressions = NIL;
	ListCell   *cell;

	scan->listing = &listings[linitial_int(plan->fdw_private)];
	scan->needs_rest = lsecond_int(plan->fdw_private);
	scan->clauses = plan->fdw_exprs;
	node->fdw_state = scan;
	if (eflags & EXEC_FLAG_EXPLAIN_ONLY)
		return;
	check_columns(scan->listing, RelationGetDescr(node->ss.ss_currentRelation));
	/* Operators with an array have their arguments at the same place. */
	foreach(cell, plan->fdw_exprs)
		expressions = lappend(expressions, IsA(lfirst(cell), OpExpr)
							  ? lsecond(((OpExpr *) lfirst(cell))->args)
							  : lsecond(((ScalarArrayOpExpr *) lfirst(cell))->args));
	scan->values = ExecInitExprList(expressions, &node->ss.ps);
	scan->walking = AllocSetContextCreate(CurrentMemoryContext, "walk over names", ALLOCSET_DEFAULT_SIZES);
	scan->row = AllocSetContextCreate(CurrentMemoryContext, "row of a walk", ALLOCSET_DEFAULT_SIZES);
}

static Ranges
names_compared(Oid op, Datum value)
{
	char	   *name = TextDatumGetCString(value);

	switch (get_op_opfamily_strategy(op, TEXT_BTREE_FAM_OID))
	{
		case BTLessStrategyNumber:
			return names_in((NameRange) {.from = "",.to = name});
		case BTLessEqualStrategyNumber:
			return names_in((NameRange) {.from = "",.to = name,.with_to = true});
		case BTEqualStrategyNumber:
			return exact_names((const char **) &name, 1);
		case BTGreaterEqualStrategyNumber:
			return names_in((NameRange) {.from = name});
		case BTGreaterStrategyNumber:
			return names_in((NameRange) {.from = name,.after_from = true});
		default:
			return all_names();	/* the condition of the plan remains */
	}
}

static Ranges
names_in_array(Datum value)
{
	Datum	   *elements;
	bool	   *nulls;
	int			n;
	int			nnames = 0;
	const char **names;

	deconstruct_array(DatumGetArrayTypeP(value), TEXTOID, -1, false, TYPALIGN_INT, &elements, &nulls, &n);
	names = palloc(sizeof(char *) * (Size) Max(n, 1));
	for (int i = 0; i < n; i++)
		if (!nulls[i])
			names[nnames++] = TextDatumGetCString(elements[i]);
	return exact_names(names, nnames);
}

/* Where the conditions can be true. */
static Ranges
find_ranges(const ListingScan *scan, ExprContext *econtext)
{
	Ranges		ranges = all_names();
	ListCell   *clause;
	ListCell   *value;

	forboth(clause, scan->clauses, value, scan->values)
	{
		bool		isnull;
		Datum		datum = ExecEvalExprSwitchContext(lfirst(value), econtext, &isnull);

		if (isnull)
			return (Ranges) {0, NULL};
		if (IsA(lfirst(clause), OpExpr))
			ranges = ranges_intersect(ranges, names_compared(((OpExpr *) lfirst(clause))->opno, datum));
		else
			ranges = ranges_intersect(ranges, names_in_array(datum));
	}
	return ranges;
}

static bool
is_one_name(const NameRange *range)
{
	return range->to && range->with_to && !range->after_from && strcmp(range->from, range->to) == 0
		&& name_is_valid(range->from, strlen(range->from));
}

/* When the first row is asked for: before, parameters have no value. */
static void
begin_walk(ForeignScanState *node)
{
	ListingScan *scan = node->fdw_state;
	MemoryContext before = MemoryContextSwitchTo(scan->walking);
	WalkRequest request = {
		.privilege = PRIV_LIST,
		.within = find_ranges(scan, node->ss.ps.ps_ExprContext),
		.deleted = scan->listing->deleted,
		.brief = !scan->needs_rest || scan->listing->has_versions,
		.snapshot = node->ss.ps.state->es_snapshot
	};

	/* Once a scan, however often a join begins it again. */
	if (!scan->recorded)
		gate_record_listing(request.within.n == 1 && is_one_name(&request.within.ranges[0])
							? request.within.ranges[0].from : "**");
	scan->recorded = true;
	scan->walk = walk_begin(&request);
	MemoryContextSwitchTo(before);
}

static void
end_walk(ListingScan *scan)
{
	if (scan->walk)
		walk_end(scan->walk);
	scan->walk = NULL;
	scan->next_version = scan->versions.nversions = 0;
	if (scan->walking)
	{
		MemoryContextReset(scan->walking);
		MemoryContextReset(scan->row);
	}
}

/* The next secret that has versions, and what is to be shown of them. */
static bool
next_versions(ListingScan *scan, Snapshot snapshot)
{
	VersionsOf *all = &scan->versions;
	MemoryContext before = MemoryContextSwitchTo(scan->row);
	bool		found;

	do
	{
		MemoryContextReset(scan->row);
		all->nversions = 0;
		found = walk_next(scan->walk, &all->secret);
		if (found)
			all->nversions = store_list_versions(&all->secret, snapshot, scan->needs_rest, &all->versions);
	} while (found && all->nversions == 0);
	if (found)
		all->nstages = store_list_stages(&all->secret, snapshot, &all->stages);
	scan->next_version = 0;
	MemoryContextSwitchTo(before);
	return found;
}

static bool
next_row(ListingScan *scan, Snapshot snapshot, Datum *values, bool *nulls)
{
	/* Not on the stack: the row points at the id. */
	Secret	   *secret = &scan->versions.secret;

	if (scan->listing->has_versions)
	{
		if (scan->next_version >= scan->versions.nversions && !next_versions(scan, snapshot))
			return false;
		describe_version(&scan->versions, scan->next_version++, values, nulls);
		return true;
	}
	if (!walk_next(scan->walk, secret))
		return false;
	if (scan->listing->deleted)
		describe_deleted(secret, values, nulls);
	else
		describe_secret(secret, values, nulls);
	return true;
}

static TupleTableSlot *
next_slot(ForeignScanState *node)
{
	ListingScan *scan = node->fdw_state;
	TupleTableSlot *slot = node->ss.ss_ScanTupleSlot;

	if (scan->walk == NULL)
		begin_walk(node);
	ExecClearTuple(slot);
	if (next_row(scan, node->ss.ps.state->es_snapshot, slot->tts_values, slot->tts_isnull))
		ExecStoreVirtualTuple(slot);
	return slot;
}

static void
begin_again(ForeignScanState *node)
{
	end_walk(node->fdw_state);
}

static void
end_scan(ForeignScanState *node)
{
	if (node->fdw_state)
		end_walk(node->fdw_state);
}

/* What an index scan would say of itself. */
static void
explain(ForeignScanState *node, ExplainState *es)
{
	const ListingScan *scan = node->fdw_state;
	List	   *context;

	ExplainPropertyText("Index", scan->listing->index, es);
	if (scan->clauses == NIL)
		return;
	context = set_deparse_context_plan(es->deparse_cxt, node->ss.ps.plan, NIL);
	ExplainPropertyText("Index Cond", deparse_expression((Node *) make_ands_explicit(scan->clauses), context,
														 es->verbose, false), es);
}

struct FdwRoutine *
kv_listing_routine(void)
{
	FdwRoutine *routine = makeNode(FdwRoutine);

	routine->GetForeignRelSize = estimate_size;
	routine->GetForeignPaths = add_paths;
	routine->GetForeignPlan = make_plan;
	routine->BeginForeignScan = begin_scan;
	routine->IterateForeignScan = next_slot;
	routine->ReScanForeignScan = begin_again;
	routine->EndForeignScan = end_scan;
	routine->ExplainForeignScan = explain;
	return routine;
}
