/*
 * trail/trail_sql.c: the doors of trail.sql.
 */
#include "postgres.h"

#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "base/compat.h"
#include "base/refuse.h"
#include "trail/trail.h"

static TimestampTz
time_arg(FunctionCallInfo fcinfo, int n, TimestampTz otherwise)
{
	return PG_ARGISNULL(n) ? otherwise : PG_GETARG_TIMESTAMPTZ(n);
}

static void
emit_row(Datum *values, bool *nulls, void *arg)
{
	ReturnSetInfo *result = arg;

	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

SECRETS_FUNCTION(secrets_verify_audit);
Datum
secrets_verify_audit(PG_FUNCTION_ARGS)
{
	char	   *expected_head = PG_ARGISNULL(1) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(1));

	InitMaterializedSRF(fcinfo, 0);
	trail_verify(time_arg(fcinfo, 0, DT_NOBEGIN), expected_head, emit_row, fcinfo->resultinfo);
	return (Datum) 0;
}

SECRETS_FUNCTION(secrets_audit_head);
Datum
secrets_audit_head(PG_FUNCTION_ARGS)
{
	char	   *line = trail_head();

	if (line == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(line));
}

SECRETS_FUNCTION(secrets_export_audit);
Datum
secrets_export_audit(PG_FUNCTION_ARGS)
{
	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	trail_export(time_arg(fcinfo, 0, DT_NOBEGIN), time_arg(fcinfo, 1, DT_NOEND), emit_row, fcinfo->resultinfo);
	return (Datum) 0;
}

/* Of the foreign table under secrets.audit_log: the planner comes in here. */
SECRETS_FUNCTION(secrets_audit_log_handler);
Datum
secrets_audit_log_handler(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(trail_log_routine());
}

/* Of wrapper, server, table, column or user mapping: there are none. */
SECRETS_FUNCTION(secrets_audit_log_validator);
Datum
secrets_audit_log_validator(PG_FUNCTION_ARGS)
{
	if (!PG_ARGISNULL(0) && ARR_NDIM(PG_GETARG_ARRAYTYPE_P(0)) > 0)
		REFUSE(ERRCODE_INVALID_PARAMETER_VALUE, errmsg("the foreign data wrapper \"secrets_audit_log\" has no options"));
	PG_RETURN_VOID();
}
