/*
 * audit/audit_sql.c: what the triggers call, and the workers of standbys.  No
 * door for users.
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

SECRETS_FUNCTION(secrets_receive_audit);
Datum
secrets_receive_audit(PG_FUNCTION_ARGS)
{
	bytea	   *packet;
	bytea	   *answer = palloc(VARHDRSZ + HASH_LEN);

	if (PG_ARGISNULL(0))
		refuse_null("packet");
	packet = PG_GETARG_BYTEA_PP(0);
	SET_VARSIZE(answer, VARHDRSZ + HASH_LEN);
	audit_receive((const uint8 *) VARDATA_ANY(packet), VARSIZE_ANY_EXHDR(packet), (uint8 *) VARDATA(answer));
	PG_RETURN_BYTEA_P(answer);
}
