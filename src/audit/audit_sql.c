/*
 * audit/audit_sql.c: what the triggers call.  No door for users.
 */
#include "postgres.h"

#include "commands/trigger.h"

#include "audit/internal.h"
#include "base/compat.h"
#include "base/refuse.h"

SECRETS_FUNCTION(secrets_audit_change);
Datum
secrets_audit_change(PG_FUNCTION_ARGS)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		REFUSE(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED, errmsg("this function serves the catalogs of secrets only"));
	audit_on_change((TriggerData *) fcinfo->context);
	PG_RETURN_POINTER(NULL);
}
