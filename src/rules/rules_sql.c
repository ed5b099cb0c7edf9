/*
 * rules/rules_sql.c: the doors of rules.sql.
 */
#include "postgres.h"

#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "rules/rules.h"
#include "base/compat.h"
#include "base/options.h"
#include "base/refuse.h"

static char *
text_arg(FunctionCallInfo fcinfo, int n, const char *argument)
{
	if (PG_ARGISNULL(n))
		refuse_null(argument);
	return text_to_cstring(PG_GETARG_TEXT_PP(n));
}

static char *
role_or_null_arg(FunctionCallInfo fcinfo, int n)
{
	return PG_ARGISNULL(n) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(n));
}

static TimestampTz
time_arg(FunctionCallInfo fcinfo, int n, TimestampTz otherwise)
{
	return PG_ARGISNULL(n) ? otherwise : PG_GETARG_TIMESTAMPTZ(n);
}

static int
ssl_option(FunctionCallInfo fcinfo, int n)
{
	int			ssl = -1;
	Option		known[] = {{"ssl", OPTION_BOOL, &ssl}};

	if (PG_ARGISNULL(n))
		refuse_null("options");
	options_read(PG_GETARG_JSONB_P(n), known, lengthof(known));
	return ssl;
}

static Datum
give(FunctionCallInfo fcinfo, bool deny)
{
	RuleRequest request = {
		.deny = deny,
		.privileges = text_arg(fcinfo, 0, "privileges"),
		.pattern = text_arg(fcinfo, 1, "pattern"),
		.grantee = text_arg(fcinfo, 2, "grantee"),
		.valid_from = time_arg(fcinfo, 3, DT_NOBEGIN),
		.valid_until = time_arg(fcinfo, 4, DT_NOEND),
		.network = PG_ARGISNULL(5) ? NULL : PG_GETARG_INET_PP(5),
		.ssl = ssl_option(fcinfo, 6)
	};
	pg_uuid_t  *id = palloc(sizeof(pg_uuid_t));

	*id = rules_give(&request);
	PG_RETURN_UUID_P(id);
}

SECRETS_FUNCTION(secrets_grant);
Datum
secrets_grant(PG_FUNCTION_ARGS)
{
	return give(fcinfo, false);
}

SECRETS_FUNCTION(secrets_deny);
Datum
secrets_deny(PG_FUNCTION_ARGS)
{
	return give(fcinfo, true);
}

static Datum
take(FunctionCallInfo fcinfo, bool deny)
{
	char	   *privileges = text_arg(fcinfo, 0, "privileges");
	char	   *pattern = text_arg(fcinfo, 1, "pattern");

	PG_RETURN_INT32(rules_take(deny, privileges, pattern, text_arg(fcinfo, 2, "grantee")));
}

SECRETS_FUNCTION(secrets_revoke);
Datum
secrets_revoke(PG_FUNCTION_ARGS)
{
	return take(fcinfo, false);
}

SECRETS_FUNCTION(secrets_undeny);
Datum
secrets_undeny(PG_FUNCTION_ARGS)
{
	return take(fcinfo, true);
}

SECRETS_FUNCTION(secrets_can);
Datum
secrets_can(PG_FUNCTION_ARGS)
{
	char	   *privilege = text_arg(fcinfo, 0, "privilege");
	char	   *name = text_arg(fcinfo, 1, "name");

	PG_RETURN_BOOL(rules_can(privilege, name, role_or_null_arg(fcinfo, 2)));
}

static void
emit_row(Datum *values, bool *nulls, void *arg)
{
	ReturnSetInfo *result = arg;

	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

SECRETS_FUNCTION(secrets_explain);
Datum
secrets_explain(PG_FUNCTION_ARGS)
{
	char	   *name = text_arg(fcinfo, 0, "name");

	InitMaterializedSRF(fcinfo, 0);
	rules_explain(name, role_or_null_arg(fcinfo, 1), emit_row, fcinfo->resultinfo);
	return (Datum) 0;
}

SECRETS_FUNCTION(secrets_lint);
Datum
secrets_lint(PG_FUNCTION_ARGS)
{
	InitMaterializedSRF(fcinfo, 0);
	rules_lint(emit_row, fcinfo->resultinfo);
	return (Datum) 0;
}

SECRETS_FUNCTION(secrets_visible_rules);
Datum
secrets_visible_rules(PG_FUNCTION_ARGS)
{
	InitMaterializedSRF(fcinfo, 0);
	rules_grants(emit_row, fcinfo->resultinfo);
	return (Datum) 0;
}
