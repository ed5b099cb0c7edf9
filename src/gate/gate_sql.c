/*
 * gate/gate_sql.c: the predicate of a view.
 */
#include "postgres.h"

#include "base/compat.h"
#include "gate/gate.h"

SECRETS_FUNCTION(secrets_may_operate);
Datum
secrets_may_operate(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(gate_allows(PRIV_OPERATE, NULL, NULL));
}
