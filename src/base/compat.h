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
#else
#define MEMBERSHIP_INHERITS(form, member_inherits) (member_inherits)
#define MEMBERSHIP_CAN_SET(form) true
#endif

/* Before 16 whoever has CREATEROLE may make anybody a member of anything but a superuser. */
#define CREATEROLE_GIVES_ANY_ROLE (PG_VERSION_NUM < 160000)

/* 14 has no helper for functions that return a set in a tuplestore. */
#if PG_VERSION_NUM < 150000
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/memutils.h"
static inline void
InitMaterializedSRF(FunctionCallInfo fcinfo, bits32 flags)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext before;
	TupleDesc	desc;

	if (result == NULL || !IsA(result, ReturnSetInfo) || !(result->allowedModes & SFRM_Materialize))
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("a set cannot be returned here")));
	before = MemoryContextSwitchTo(result->econtext->ecxt_per_query_memory);
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	result->returnMode = SFRM_Materialize;
	result->setResult = tuplestore_begin_heap((result->allowedModes & SFRM_Materialize_Random) != 0, false, work_mem);
	result->setDesc = desc;
	MemoryContextSwitchTo(before);
}
#endif

#endif
