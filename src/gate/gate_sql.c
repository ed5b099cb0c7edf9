/*
 * gate/gate_sql.c: the predicate of a view.
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "base/compat.h"
#include "gate/gate.h"

SECRETS_FUNCTION(secrets_may_list);
Datum
secrets_may_list(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(0))
		PG_RETURN_BOOL(false);
	PG_RETURN_BOOL(gate_allows(PRIV_LIST, text_to_cstring(PG_GETARG_TEXT_PP(0)), NULL));
}

SECRETS_FUNCTION(secrets_may_list_anything);
Datum
secrets_may_list_anything(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(gate_scope(PRIV_LIST)->n > 0);
}

SECRETS_FUNCTION(secrets_may_operate);
Datum
secrets_may_operate(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(gate_allows(PRIV_OPERATE, NULL, NULL));
}
