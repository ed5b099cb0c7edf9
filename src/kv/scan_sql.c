/*
 * kv/scan_sql.c: the doors of the foreign data wrapper, which PostgreSQL's
 * planner and CREATE FOREIGN TABLE come in by.
 */
#include "postgres.h"

#include "utils/array.h"

#include "base/compat.h"
#include "base/refuse.h"
#include "kv/kv.h"

SECRETS_FUNCTION(secrets_listing_handler);
Datum
secrets_listing_handler(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(kv_listing_routine());
}

/* Of wrapper, server, table, column or user mapping: there are none. */
SECRETS_FUNCTION(secrets_listing_validator);
Datum
secrets_listing_validator(PG_FUNCTION_ARGS)
{
	if (!PG_ARGISNULL(0) && ARR_NDIM(PG_GETARG_ARRAYTYPE_P(0)) > 0)
		REFUSE(ERRCODE_INVALID_PARAMETER_VALUE, errmsg("the foreign data wrapper \"secrets_listing\" has no options"));
	PG_RETURN_VOID();
}
