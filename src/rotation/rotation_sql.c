/*
 * rotation/rotation_sql.c: the doors of rotation.sql.
 */
#include "postgres.h"

#include "funcapi.h"
#include "nodes/parsenodes.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "base/compat.h"
#include "base/refuse.h"
#include "rotation/rotation.h"
#include "rotation/scheduler.h"

static char *
cstring_arg(FunctionCallInfo fcinfo, int i, const char *name)
{
	if (PG_ARGISNULL(i))
		refuse_null(name);
	return text_to_cstring(PG_GETARG_TEXT_PP(i));
}

/* They commit on their way. */
static void
require_own_transaction(FunctionCallInfo fcinfo, const char *what)
{
	CallContext *call = fcinfo->context && IsA(fcinfo->context, CallContext) ? (CallContext *) fcinfo->context : NULL;

	if (call == NULL || call->atomic)
		REFUSE(ERRCODE_ACTIVE_SQL_TRANSACTION,
			   errmsg("%s cannot run inside a transaction block", what),
			   errhint("It commits as it goes; CALL it by itself."));
}

static void
emit_row(Datum *values, bool *nulls, void *arg)
{
	ReturnSetInfo *result = arg;

	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

SECRETS_FUNCTION(secrets_schedule_rotation);
Datum
secrets_schedule_rotation(PG_FUNCTION_ARGS)
{
	ScheduleRequest request = {
		.name = cstring_arg(fcinfo, 0, "name"),
		.schedule = cstring_arg(fcinfo, 1, "schedule"),
		.rotator = cstring_arg(fcinfo, 2, "rotator")
	};
	TimestampTz next;

	if (PG_ARGISNULL(3))
		refuse_null("options");
	if (PG_ARGISNULL(4))
		refuse_null("rotate_now");
	request.options = PG_GETARG_VARLENA_P(3);
	request.rotate_now = PG_GETARG_BOOL(4);
	next = rotation_schedule(&request);
	if (next == DT_NOEND)
		PG_RETURN_NULL();
	PG_RETURN_TIMESTAMPTZ(next);
}

SECRETS_FUNCTION(secrets_unschedule_rotation);
Datum
secrets_unschedule_rotation(PG_FUNCTION_ARGS)
{
	rotation_unschedule(cstring_arg(fcinfo, 0, "name"));
	PG_RETURN_VOID();
}

SECRETS_FUNCTION(secrets_adopt);
Datum
secrets_adopt(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(rotation_adopt(cstring_arg(fcinfo, 0, "pattern")));
}

SECRETS_FUNCTION(secrets_rotate);
Datum
secrets_rotate(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(rotation_rotate(cstring_arg(fcinfo, 0, "name")));
}

SECRETS_FUNCTION(secrets_rotate_all);
Datum
secrets_rotate_all(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(rotation_rotate_all(cstring_arg(fcinfo, 0, "pattern")));
}

SECRETS_FUNCTION(secrets_rotate_now);
Datum
secrets_rotate_now(PG_FUNCTION_ARGS)
{
	require_own_transaction(fcinfo, "secrets.rotate_now()");
	rotation_rotate_now(cstring_arg(fcinfo, 0, "name"));
	PG_RETURN_VOID();
}

SECRETS_FUNCTION(secrets_tick);
Datum
secrets_tick(PG_FUNCTION_ARGS)
{
	require_own_transaction(fcinfo, "secrets.tick()");
	if (PG_ARGISNULL(1))
		refuse_null("max_time");
	rotation_tick(PG_ARGISNULL(0) ? PG_INT32_MAX : PG_GETARG_INT32(0), PG_GETARG_INTERVAL_P(1));
	PG_RETURN_VOID();
}

SECRETS_FUNCTION(secrets_enable_scheduler);
Datum
secrets_enable_scheduler(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(scheduler_enable(cstring_arg(fcinfo, 0, "every")));
}

SECRETS_FUNCTION(secrets_disable_scheduler);
Datum
secrets_disable_scheduler(PG_FUNCTION_ARGS)
{
	scheduler_disable();
	PG_RETURN_VOID();
}

SECRETS_FUNCTION(secrets_rotations);
Datum
secrets_rotations(PG_FUNCTION_ARGS)
{
	InitMaterializedSRF(fcinfo, 0);
	rotation_show(false, emit_row, fcinfo->resultinfo);
	return (Datum) 0;
}

SECRETS_FUNCTION(secrets_overdue);
Datum
secrets_overdue(PG_FUNCTION_ARGS)
{
	InitMaterializedSRF(fcinfo, 0);
	rotation_show(true, emit_row, fcinfo->resultinfo);
	return (Datum) 0;
}

SECRETS_FUNCTION(secrets_expiring);
Datum
secrets_expiring(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(0))
		refuse_null("within");
	InitMaterializedSRF(fcinfo, 0);
	rotation_show_expiring(PG_GETARG_INTERVAL_P(0), emit_row, fcinfo->resultinfo);
	return (Datum) 0;
}
