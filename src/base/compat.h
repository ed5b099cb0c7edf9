/*
 * base/compat.h: every difference between PostgreSQL 14 and 18, and only here.
 */
#ifndef SECRETS_BASE_COMPAT_H
#define SECRETS_BASE_COMPAT_H

#include "fmgr.h"

/*
 * From 16 on PGXS hides symbols and PGDLLEXPORT shows them.  Before, we hide
 * them ourselves (-fvisibility=hidden), and PGDLLEXPORT says nothing.
 */
#if PG_VERSION_NUM < 160000
#undef PGDLLEXPORT
#define PGDLLEXPORT __attribute__((visibility("default")))
#define SECRETS_FUNCTION(name) PGDLLEXPORT PG_FUNCTION_INFO_V1(name)
#else
#define SECRETS_FUNCTION(name) PG_FUNCTION_INFO_V1(name)
#endif

/* 14 asks for shared memory in _PG_init, 15 and later in a hook. */
#define HAVE_SHMEM_REQUEST_HOOK (PG_VERSION_NUM >= 150000)

/* 14 has only the function that warns of unknown settings; 15 reserves the prefix. */
#if PG_VERSION_NUM < 150000
#define MarkGUCPrefixReserved(prefix) EmitWarningsOnPlaceholders(prefix)
#endif

/* 18 wants to know where a module comes from. */
#if PG_VERSION_NUM >= 180000
#define SECRETS_MODULE_MAGIC(version_text) PG_MODULE_MAGIC_EXT(.name = "secrets", .version = version_text)
#else
#define SECRETS_MODULE_MAGIC(version_text) PG_MODULE_MAGIC
#endif

/* 16 took the macros for variable-length data out of postgres.h. */
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/* 18 writes it in front, and dropped the older way. */
#if PG_VERSION_NUM < 180000
#define pg_noreturn pg_attribute_noreturn()
#endif

/* 16 renamed the identity of a relation's files. */
#if PG_VERSION_NUM >= 160000
#define RELATION_FILE(rel) ((rel)->rd_locator)
#else
#define RELATION_FILE(rel) ((rel)->rd_node)
#endif

/* 16 renamed the way to a row of the table of backends. */
#if PG_VERSION_NUM < 160000
#define pgstat_get_local_beentry_by_index(i) pgstat_fetch_stat_local_beentry(i)
#endif

/*
 * Whether a membership lends its privileges: from 16 on each says so itself,
 * before, the member did (NOINHERIT).  And whether it lets the member SET ROLE.
 */
#if PG_VERSION_NUM >= 160000
#define MEMBERSHIP_INHERITS(form, member_inherits) ((void) (member_inherits), (form)->inherit_option)
#define MEMBERSHIP_CAN_SET(form) ((form)->set_option)
#define AND_LET_IT_INHERIT " WITH INHERIT TRUE"	/* a GRANT of what is granted leaves the option as it is */
#else
#define MEMBERSHIP_INHERITS(form, member_inherits) (member_inherits)
#define MEMBERSHIP_CAN_SET(form) true
#define AND_LET_IT_INHERIT ""
#endif

/* Before 16 whoever has CREATEROLE may make anybody a member of anything but a superuser. */
#define CREATEROLE_GIVES_ANY_ROLE (PG_VERSION_NUM < 160000)

/* 18 gave what is printed in EXPLAIN headers of its own. */
#if PG_VERSION_NUM >= 180000
#define EXPLAIN_FORMAT_HEADER "commands/explain_format.h"
#define EXPLAIN_STATE_HEADER "commands/explain_state.h"
#else
#define EXPLAIN_FORMAT_HEADER "commands/explain.h"
#define EXPLAIN_STATE_HEADER "commands/explain.h"
#endif

/* 17 wants to hear which clauses a foreign path enforces by itself (ours none), 18 what was disabled. */
#if PG_VERSION_NUM >= 180000
#define MAKE_FOREIGN_PATH(root, rel, startup_cost, total_cost, pathkeys) \
	create_foreignscan_path(root, rel, NULL, (rel)->rows, 0, startup_cost, total_cost, pathkeys, \
							(rel)->lateral_relids, NULL, NIL, NIL)
#elif PG_VERSION_NUM >= 170000
#define MAKE_FOREIGN_PATH(root, rel, startup_cost, total_cost, pathkeys) \
	create_foreignscan_path(root, rel, NULL, (rel)->rows, startup_cost, total_cost, pathkeys, \
							(rel)->lateral_relids, NULL, NIL, NIL)
#else
#define MAKE_FOREIGN_PATH(root, rel, startup_cost, total_cost, pathkeys) \
	create_foreignscan_path(root, rel, NULL, (rel)->rows, startup_cost, total_cost, pathkeys, \
							(rel)->lateral_relids, NULL, NIL)
#endif

/* 16 took outer joins' relations out of a sort order's description. */
#if PG_VERSION_NUM >= 160000
#define FIND_PATHKEYS(root, expr, op, rel) build_expression_pathkey(root, expr, op, (rel)->relids, false)
#else
#define FIND_PATHKEYS(root, expr, op, rel) build_expression_pathkey(root, expr, NULL, op, (rel)->relids, false)
#endif

/* 17 looks at the array's statistics. */
#if PG_VERSION_NUM >= 170000
#define ESTIMATE_ARRAY_LENGTH(root, array) estimate_array_length(root, array)
#else
#define ESTIMATE_ARRAY_LENGTH(root, array) estimate_array_length(array)
#endif

/* 18 counts searches for EXPLAIN. */
#if PG_VERSION_NUM >= 180000
#define BEGIN_INDEX_SCAN(table, index, snapshot, nkeys) index_beginscan(table, index, snapshot, NULL, nkeys, 0)
#else
#define BEGIN_INDEX_SCAN(table, index, snapshot, nkeys) index_beginscan(table, index, snapshot, nkeys, 0)
#endif

/* 16 renamed what is counted of a relation; 14 has no word for whether it is. */
#if PG_VERSION_NUM >= 160000
#define RELATION_COUNTS(rel) ((rel)->pgstat_info->counts)
#else
#define RELATION_COUNTS(rel) ((rel)->pgstat_info->t_counts)
#endif
#if PG_VERSION_NUM < 150000
#define pgstat_should_count_relation(rel) ((rel)->pgstat_info != NULL)
#endif

/* 14 has no helper for functions that return a set in a tuplestore. */
#if PG_VERSION_NUM < 150000
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#define MAT_SRF_USE_EXPECTED_DESC 0x01	/* of what the caller expects: a set of no rows but single values */
static inline void
InitMaterializedSRF(FunctionCallInfo fcinfo, bits32 flags)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext before;
	TupleDesc	desc;

	if (result == NULL || !IsA(result, ReturnSetInfo) || !(result->allowedModes & SFRM_Materialize))
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("a set cannot be returned here")));
	before = MemoryContextSwitchTo(result->econtext->ecxt_per_query_memory);
	if (flags & MAT_SRF_USE_EXPECTED_DESC)
		desc = CreateTupleDescCopy(result->expectedDesc);
	else if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	result->returnMode = SFRM_Materialize;
	result->setResult = tuplestore_begin_heap((result->allowedModes & SFRM_Materialize_Random) != 0, false, work_mem);
	result->setDesc = desc;
	MemoryContextSwitchTo(before);
}
#endif

/* 16 wants to hear whether only summarizing indexes need the row. */
#if PG_VERSION_NUM >= 160000
#define INSERT_INDEX_ENTRIES(info, slot, estate) ExecInsertIndexTuples(info, slot, estate, false, false, NULL, NIL, false)
#else
#define INSERT_INDEX_ENTRIES(info, slot, estate) ExecInsertIndexTuples(info, slot, estate, false, false, NULL, NIL)
#endif

/* 14 keeps the timeline that is written on in a variable. */
#if PG_VERSION_NUM >= 150000
#define CURRENT_TIMELINE() GetWALInsertionTimeLine()
#else
#define CURRENT_TIMELINE() ThisTimeLineID
#endif

/* 16 lets a sort lend what it gives out; before it is a copy, in the current memory context. */
#if PG_VERSION_NUM >= 160000
#define GET_SORTED_DATUM(sort, value, isnull) tuplesort_getdatum(sort, true, false, value, isnull, NULL)
#else
#define GET_SORTED_DATUM(sort, value, isnull) tuplesort_getdatum(sort, true, value, isnull, NULL)
#endif

/* 14 has no timeouts that come again. */
#if PG_VERSION_NUM >= 150000
#define TIMEOUT_AFTER_AND_EVERY(id, first, again) \
	enable_timeout_every(id, TimestampTzPlusMilliseconds(GetCurrentTimestamp(), first), again)
#else
#define TIMEOUT_AFTER_AND_EVERY(id, first, again) enable_timeout_after(id, first)
#endif

/* 17 asks whether a stronger lock will do. */
#if PG_VERSION_NUM >= 170000
#define LOCK_IS_HELD(tag, mode) LockHeldByMe(tag, mode, false)
#else
#define LOCK_IS_HELD(tag, mode) LockHeldByMe(tag, mode)
#endif

/* 15 wants to know where in a statement ALTER ROLE stands. */
#if PG_VERSION_NUM >= 150000
#define ALTER_ROLE(stmt) AlterRole(make_parsestate(NULL), stmt)
#else
#define ALTER_ROLE(stmt) AlterRole(stmt)
#endif

/* 16 asks for privileges on all kinds of objects in one way. */
#if PG_VERSION_NUM >= 160000
#define MAY_EXECUTE(function, role) (object_aclcheck(ProcedureRelationId, function, role, ACL_EXECUTE) == ACLCHECK_OK)
#else
#define MAY_EXECUTE(function, role) (pg_proc_aclcheck(function, role, ACL_EXECUTE) == ACLCHECK_OK)
#endif

/* 18 runs a plan once anyhow. */
#if PG_VERSION_NUM >= 180000
#define RUN_ARGUMENTS ScanDirection direction, uint64 count
#define RUN_ARGUMENT_NAMES direction, count
#else
#define RUN_ARGUMENTS ScanDirection direction, uint64 count, bool execute_once
#define RUN_ARGUMENT_NAMES direction, count, execute_once
#endif

/* 14 has a node for what a literal is. */
#if PG_VERSION_NUM >= 150000
#define IS_NULL_LITERAL(literal) ((literal)->isnull)
#else
#define IS_NULL_LITERAL(literal) ((literal)->val.type == T_Null)
#endif

/* 17 put the number of the transaction that a backend is in together with its own. */
#if PG_VERSION_NUM >= 170000
#define TRANSACTION_OF(proc) ((proc)->vxid.lxid)
#else
#define TRANSACTION_OF(proc) ((proc)->lxid)
#endif

/* 15 publishes schemas, and lets settings be granted. */
#define HAVE_PUBLISHED_SCHEMAS (PG_VERSION_NUM >= 150000)
#define HAVE_GRANTED_SETTINGS (PG_VERSION_NUM >= 150000)

/* 16 lets pg_hba.conf include other files. */
#if PG_VERSION_NUM >= 160000
#define HBA_FILE_NAME "file_name"
#else
#define HBA_FILE_NAME "current_setting('hba_file')"
#endif

/* 15 took what concerns recovery out of a header. */
#if PG_VERSION_NUM >= 150000
#define REPLAY_HEADER "access/xlogrecovery.h"
#else
#define REPLAY_HEADER "access/xlog.h"
#endif

#endif
