/*
 * rules/common.c
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/acl.h"

#include "rules/common.h"
#include "base/refuse.h"
#include "gate/gate.h"
#include "store/name.h"

PrivilegeSet
check_privileges(const char *words, PrivilegeSet all)
{
	PrivilegeSet set;

	if (!privilege_parse(words, all, &set))
		REFUSE(ERRCODE_INVALID_PARAMETER_VALUE,
			   errmsg("invalid list of privileges"),
			   errhint("Privileges are %s, or all; parted by commas.", privileges_text(ALL_PRIVILEGES)));
	return set;
}

void
check_rule_pattern(const char *pattern)
{
	if (!pattern_is_valid(pattern, strlen(pattern)))
		REFUSE(ERRCODE_INVALID_PARAMETER_VALUE,
			   errmsg("invalid pattern"),
			   errhint("A pattern is a name in which * stands for a run of characters inside a segment, "
					   "and a segment ** for any number of segments: prod/*/password, prod/**."));
}

Oid
check_role(const char *name)
{
	Oid			role = get_role_oid(name, true);

	if (!OidIsValid(role))
		REFUSE(ERRCODE_UNDEFINED_OBJECT,
			   errmsg("no such role"),
			   errhint("A role is named exactly as in pg_roles, without quotes; public is everybody."));
	return role;
}

const char *
check_asked_name(const char *name)
{
	if (strcmp(name, "**") == 0)
		return NULL;
	if (!name_is_valid(name, strlen(name)))
		REFUSE(ERRCODE_INVALID_PARAMETER_VALUE,
			   errmsg("invalid name of a secret"),
			   errhint("Ask about one name, or about ** for everything."));
	return name;
}

char *
privileges_text(PrivilegeSet set)
{
	StringInfoData text;

	initStringInfo(&text);
	for (int privilege = 0; privilege < NUM_PRIVILEGES; privilege++)
		if (set & PRIVILEGE(privilege))
			appendStringInfo(&text, "%s%s", text.len ? ", " : "", privilege_name((Privilege) privilege));
	return text.data;
}

List *
rules_on_oversight(List *rules)
{
	List	   *mine = NIL;
	ListCell   *cell;

	foreach(cell, rules)
	{
		Rule	   *rule = lfirst(cell);

		if ((rule->privileges & (PRIVILEGE(PRIV_GRANT) | PRIVILEGE(PRIV_AUDIT))) && rule_concerns(rule, GetUserId()))
			mine = lappend(mine, rule);
	}
	return mine;
}

bool
looks_after(List *mine, const Rule *rule)
{
	Reach		reach = {.pattern = rule->pattern};

	return gate_reaches(mine, PRIVILEGE(PRIV_GRANT), &reach) || gate_reaches(mine, PRIVILEGE(PRIV_AUDIT), &reach);
}
