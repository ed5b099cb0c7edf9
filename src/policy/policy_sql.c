/*
 * policy/policy_sql.c: what the table of rules needs.  No door for users.
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "commands/trigger.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/rel.h"

#include "base/compat.h"
#include "base/refuse.h"
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

SECRETS_FUNCTION(secrets_rule_pattern_is_valid);
Datum
secrets_rule_pattern_is_valid(PG_FUNCTION_ARGS)
{
	text	   *pattern = PG_GETARG_TEXT_PP(0);

	PG_RETURN_BOOL(pattern_is_valid(VARDATA_ANY(pattern), VARSIZE_ANY_EXHDR(pattern)));
}

/* Labels of roles and rows of rules have no cache of the server's: the table's own entry stands for them. */
SECRETS_FUNCTION(secrets_rules_changed);
Datum
secrets_rules_changed(PG_FUNCTION_ARGS)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		REFUSE(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED, errmsg("this function serves the catalogs of secrets only"));
	CacheInvalidateRelcache(((TriggerData *) fcinfo->context)->tg_relation);
	PG_RETURN_POINTER(NULL);
}
