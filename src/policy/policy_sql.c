/*
 * policy/policy_sql.c: what the table of rules needs.  No door for users.
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "commands/trigger.h"
#include "utils/builtins.h"
#include "utils/inval.h"

#include "base/catalog.h"
#include "base/compat.h"
#include "base/refuse.h"
#include "policy/policy.h"
#include "store/name.h"

SECRETS_FUNCTION(secrets_rule_folder);
Datum
secrets_rule_folder(PG_FUNCTION_ARGS)
{
	text	   *pattern = PG_GETARG_TEXT_PP(0);
	size_t		len = pattern_folder(VARDATA_ANY(pattern), VARSIZE_ANY_EXHDR(pattern));

	PG_RETURN_TEXT_P(cstring_to_text_with_len(VARDATA_ANY(pattern), (int) len));
}

SECRETS_FUNCTION(secrets_rule_leaf);
Datum
secrets_rule_leaf(PG_FUNCTION_ARGS)
{
	text	   *pattern = PG_GETARG_TEXT_PP(0);
	const char *path = VARDATA_ANY(pattern);
	size_t		len = VARSIZE_ANY_EXHDR(pattern);
	size_t		skip = pattern_folder(path, len);

	if (memchr(path, '*', len))
		skip = len;
	else if (skip > 0)
		skip++;					/* the slash */
	PG_RETURN_TEXT_P(cstring_to_text_with_len(path + skip, (int) (len - skip)));
}

SECRETS_FUNCTION(secrets_rule_merge);
Datum
secrets_rule_merge(PG_FUNCTION_ARGS)
{
	PG_RETURN_DATUM(rule_encode_privileges(rule_decode_privileges(PG_GETARG_DATUM(0))
										   | rule_decode_privileges(PG_GETARG_DATUM(1))));
}

SECRETS_FUNCTION(secrets_rule_pattern_is_valid);
Datum
secrets_rule_pattern_is_valid(PG_FUNCTION_ARGS)
{
	text	   *pattern = PG_GETARG_TEXT_PP(0);

	PG_RETURN_BOOL(pattern_is_valid(VARDATA_ANY(pattern), VARSIZE_ANY_EXHDR(pattern)));
}

/*
 * Rows of rules have no cache of the server's.  The entry of home stands for
 * them, not that of rule: the plans that change rules stay as they are then.
 */
SECRETS_FUNCTION(secrets_rules_changed);
Datum
secrets_rules_changed(PG_FUNCTION_ARGS)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		REFUSE(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED, errmsg("this function serves the catalogs of secrets only"));
	CacheInvalidateRelcacheByRelid(catalog_oid(CATALOG_HOME));
	PG_RETURN_POINTER(NULL);
}
