/*
 * operate/operate_sql.c: the doors of operate.sql.
 */
#include "postgres.h"

#include "funcapi.h"
#include "nodes/parsenodes.h"
#include "utils/builtins.h"

#include "base/compat.h"
#include "base/refuse.h"
#include "box/box.h"
#include "gate/gate.h"
#include "keyring/keyring.h"
#include "operate/operate.h"

SECRETS_FUNCTION(secrets_status);
Datum
secrets_status(PG_FUNCTION_ARGS)
{
	Datum		values[STATUS_COLUMNS] = {0};
	bool		nulls[STATUS_COLUMNS];
	TupleDesc	desc;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	operate_status(values, nulls);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

static void
emit_row(Datum *values, bool *nulls, void *arg)
{
	ReturnSetInfo *result = arg;

	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

SECRETS_FUNCTION(secrets_check);
Datum
secrets_check(PG_FUNCTION_ARGS)
{
	InitMaterializedSRF(fcinfo, 0);
	operate_check(emit_row, fcinfo->resultinfo);
	return (Datum) 0;
}

SECRETS_FUNCTION(secrets_seal);
Datum
secrets_seal(PG_FUNCTION_ARGS)
{
	operate_seal();
	PG_RETURN_VOID();
}

SECRETS_FUNCTION(secrets_unseal);
Datum
secrets_unseal(PG_FUNCTION_ARGS)
{
	(void) operate_unseal();
	PG_RETURN_VOID();
}

SECRETS_FUNCTION(secrets_add_root_key);
Datum
secrets_add_root_key(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(0))
		refuse_null("source");
	PG_RETURN_TEXT_P(cstring_to_text(operate_add_root_key(text_to_cstring(PG_GETARG_TEXT_PP(0)))));
}

SECRETS_FUNCTION(secrets_drop_root_key);
Datum
secrets_drop_root_key(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(0))
		refuse_null("id");
	operate_drop_root_key(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	PG_RETURN_VOID();
}

SECRETS_FUNCTION(secrets_rotate_master_key);
Datum
secrets_rotate_master_key(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(operate_rotate_master_key());
}

SECRETS_FUNCTION(secrets_rekey);
Datum
secrets_rekey(PG_FUNCTION_ARGS)
{
	CallContext *call = fcinfo->context && IsA(fcinfo->context, CallContext) ? (CallContext *) fcinfo->context : NULL;

	if (call == NULL || call->atomic)
		REFUSE(ERRCODE_ACTIVE_SQL_TRANSACTION,
			   errmsg("secrets.rekey() cannot run inside a transaction block"),
			   errhint("It commits as it goes; CALL it by itself."));
	if (PG_ARGISNULL(0))
		refuse_null("batch");
	operate_rekey(PG_GETARG_INT32(0));
	PG_RETURN_VOID();
}

/* For the view secrets.root_keys. */

SECRETS_FUNCTION(secrets_wrap_root_key);
Datum
secrets_wrap_root_key(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(keyring_wrap_root_id(PG_GETARG_BYTEA_PP(0))));
}

SECRETS_FUNCTION(secrets_root_key_in_use);
Datum
secrets_root_key_in_use(PG_FUNCTION_ARGS)
{
	char	   *id = keyring_root_id();

	if (!gate_allows(PRIV_OPERATE, NULL, NULL) || id == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(id));
}

SECRETS_FUNCTION(secrets_check_preload);
Datum
secrets_check_preload(PG_FUNCTION_ARGS)
{
	KeyringStatus keys;

	keyring_get_status(&keys);
	if (strcmp(keys.state, "no_preload") == 0)
		ereport(WARNING,
				(errmsg("secrets is installed, but not in shared_preload_libraries: every call will be refused"),
				 errhint("Add 'secrets' to shared_preload_libraries in postgresql.conf, "
						 "set secrets.root_key there too, and restart the server.")));
	PG_RETURN_VOID();
}
