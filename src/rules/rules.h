/*
 * rules/rules.h: giving, denying, taking back; asking and explaining.
 *
 * Texts come as C strings; whoever calls has refused NULL.
 */
#ifndef SECRETS_RULES_RULES_H
#define SECRETS_RULES_RULES_H

#include "utils/jsonb.h"

#include "policy/policy.h"

typedef struct RuleRequest
{
	bool		deny;
	const char *privileges;
	const char *pattern;
	const char *grantee;
	TimestampTz valid_from;		/* DT_NOBEGIN, DT_NOEND: without an end on that side */
	TimestampTz valid_until;
	inet	   *network;		/* NULL: from anywhere */
	int			ssl;			/* -1: no matter */
} RuleRequest;

/* secrets.grant() and secrets.deny(); the id of the rule. */
extern pg_uuid_t rules_give(const RuleRequest *request);

/* secrets.revoke() and secrets.undeny(): how many rules were there.  Says what still holds. */
extern int	rules_take(bool deny, const char *privileges, const char *pattern, const char *grantee);

/* role NULL: the effective role. */
extern bool rules_can(const char *privilege, const char *name, const char *role);

typedef void (*row_emitter) (Datum *values, bool *nulls, void *arg);

#define EXPLAIN_COLUMNS 9
extern void rules_explain(const char *name, const char *role, row_emitter emit, void *arg);

#define LINT_COLUMNS 5
extern void rules_lint(row_emitter emit, void *arg);

#define GRANTS_COLUMNS 12
extern void rules_grants(row_emitter emit, void *arg);

#endif
