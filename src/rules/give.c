/*
 * rules/give.c: grant, deny, revoke, undeny.
 *
 * Taking away never widens: revoke touches allows only, undeny denies.  undeny
 * is a way of giving, so it needs what giving needs.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "rules/common.h"
#include "base/refuse.h"
#include "gate/gate.h"
#include "store/name.h"

/* ---- grant, deny ---- */

/* operate concerns no name; so a rule for less than everything cannot say it. */
static PrivilegeSet
read_privileges(const RuleRequest *request)
{
	PrivilegeSet all = request->deny ? ALL_PRIVILEGES : ORDINARY_PRIVILEGES;
	PrivilegeSet set;

	check_rule_pattern(request->pattern);
	if (strcmp(request->pattern, "**") != 0)
		all &= ~PRIVILEGE(PRIV_OPERATE);
	set = check_privileges(request->privileges, all);
	if ((set & PRIVILEGE(PRIV_OPERATE)) && strcmp(request->pattern, "**") != 0)
		REFUSE(ERRCODE_INVALID_PARAMETER_VALUE,
			   errmsg("operate concerns the whole server"),
			   errhint("Give it on the pattern **."));
	return set;
}

static void
check_window(const RuleRequest *request)
{
	if (request->valid_from >= request->valid_until)
		REFUSE(ERRCODE_INVALID_PARAMETER_VALUE, errmsg("valid_from must be before valid_until"));
	if (request->valid_until <= GetCurrentTimestamp())
		REFUSE(ERRCODE_INVALID_PARAMETER_VALUE, errmsg("valid_until is in the past"));
}

/* Who gives needs grant, and all that he gives; who denies, grant alone: both for as long, and from as far. */
static GatePass
require_to_give(const RuleRequest *request, PrivilegeSet set)
{
	Reach		reach = {
		.pattern = request->pattern,.lasting = true,
		.valid_from = request->valid_from,.valid_until = request->valid_until,
		.network = request->network,.ssl = request->ssl
	};

	return gate_require_reach(PRIVILEGE(PRIV_GRANT) | (request->deny ? 0 : set), &reach);
}

static void
set_grantee(Rule *rule, const char *grantee)
{
	rule->grantee = unconstify(char *, grantee);
	rule->grantee_oid = InvalidOid;
	rule->grantee_tag[0] = '\0';
	if (strcmp(grantee, PUBLIC_GRANTEE) == 0)
		return;
	rule->grantee_oid = check_role(grantee);
	if (!role_lock(rule->grantee_oid))
		(void) check_role(grantee);
	role_make_tag(rule->grantee_oid, NULL, rule->grantee_tag);
}

pg_uuid_t
rules_give(const RuleRequest *request)
{
	PrivilegeSet set = read_privileges(request);
	GatePass	pass;
	Rule		rule = {
		.deny = request->deny,
		.privileges = set,
		.pattern = unconstify(char *, request->pattern),
		.valid_from = request->valid_from,
		.valid_until = request->valid_until,
		.network = request->network,
		.ssl = request->ssl,
		.granted_at = GetCurrentTimestamp()
	};

	check_window(request);
	pass = require_to_give(request, set);
	gate_begin_change();
	set_grantee(&rule, request->grantee);
	rule.granted_by = GetUserNameFromId(pass.role, true);
	policy_add_rule(&rule);
	return rule.id;
}

/* ---- revoke, undeny ---- */

/* The role of that name, if there is one, or the name that an unbound rule kept. */
static bool
is_of_grantee(Rule *rule, Oid role, const char *grantee)
{
	if (strcmp(grantee, PUBLIC_GRANTEE) == 0)
		return rule_is_public(rule);
	if (rule_is_public(rule))
		return false;
	if (rule_is_unbound(rule))
		return strcmp(rule->grantee, grantee) == 0;
	return rule_role(rule) == role;
}

static bool
overlaps(const Rule *rule, const char *pattern)
{
	return pattern_intersects(rule->pattern, strlen(rule->pattern), pattern, strlen(pattern));
}

static bool
swallows(const Rule *rule, const char *pattern)
{
	return pattern_contains(rule->pattern, strlen(rule->pattern), pattern, strlen(pattern));
}

/* Of these privileges, those that a deny takes from role on the whole pattern. */
static PrivilegeSet
denied_throughout(List *rules, Oid role, const char *pattern)
{
	PrivilegeSet denied = 0;
	ListCell   *cell;

	foreach(cell, rules)
	{
		Rule	   *rule = lfirst(cell);

		if (rule->deny && rule_is_in_force(rule, GetCurrentTimestamp()) && rule->network == NULL && rule->ssl < 0
			&& swallows(rule, pattern) && rule_concerns(rule, role))
			denied |= rule->privileges;
	}
	return denied;
}

/* To whom it matters that something still holds; who is gone holds nothing, and everybody what is for everybody. */
static bool
still_concerns(Rule *rule, Oid role, const char *grantee)
{
	if (strcmp(grantee, PUBLIC_GRANTEE) == 0)
		return rule_is_public(rule);
	return OidIsValid(role) && rule_concerns(rule, role);
}

/* Names the rules by which the grantee still may, or still may not. */
static void
tell_what_holds(bool deny, PrivilegeSet taken, const char *pattern, Oid role, const char *grantee)
{
	List	   *rules = policy_read_rules();
	List	   *mine = rules_on_oversight(rules);
	PrivilegeSet denied = deny ? 0 : denied_throughout(rules, role, pattern);
	ErrorContextCallback *callbacks = hush();	/* they tell the client, too, what was given */
	ListCell   *cell;

	foreach(cell, rules)
	{
		Rule	   *rule = lfirst(cell);
		PrivilegeSet held = rule->privileges & taken & ~denied;

		if (rule->deny != deny || held == 0 || rule->valid_until <= GetCurrentTimestamp()
			|| !overlaps(rule, pattern) || !still_concerns(rule, role, grantee))
			continue;
		ereport(WARNING,
				(errmsg(deny ? "\"%s\" is still denied %s there, by rule %s" : "\"%s\" still has %s there, by rule %s",
						grantee, privileges_text(held), rule_id_text(rule)),
				 /* of a rule that secrets.grants hides from him he learns the id */
				 looks_after(mine, rule) ? errdetail("It is for \"%s\" on %s.", rule_grantee_name(rule), rule->pattern) : 0,
				 errhidestmt(true), errhidecontext(true)));
	}
	unhush(callbacks);
}

/* Rules of this pattern and grantee; 42704 where neither a role nor a rule has that name. */
static List *
lock_rules_of(bool deny, const char *pattern, Oid role, const char *grantee)
{
	List	   *theirs = NIL;
	ListCell   *cell;

	foreach(cell, policy_lock_rules(pattern, deny))
		if (is_of_grantee(lfirst(cell), role, grantee))
			theirs = lappend(theirs, lfirst(cell));
	if (theirs == NIL && !OidIsValid(role) && strcmp(grantee, PUBLIC_GRANTEE) != 0)
		(void) check_role(grantee);
	return theirs;
}

int
rules_take(bool deny, const char *privileges, const char *pattern, const char *grantee)
{
	PrivilegeSet taken = check_privileges(privileges, ALL_PRIVILEGES);
	Reach		reach = {.pattern = pattern,.lasting = deny,.valid_from = DT_NOBEGIN,.valid_until = DT_NOEND,.ssl = -1};
	Oid			role;
	ListCell   *cell;
	int			n = 0;

	check_rule_pattern(pattern);
	if (strcmp(pattern, "**") != 0)
		taken &= ~PRIVILEGE(PRIV_OPERATE);	/* no rule there has it */
	(void) gate_require_reach(PRIVILEGE(PRIV_GRANT), &reach);
	gate_begin_change();
	role = strcmp(grantee, PUBLIC_GRANTEE) == 0 ? InvalidOid : get_role_oid(grantee, true);
	foreach(cell, lock_rules_of(deny, pattern, role, grantee))
	{
		Rule	   *rule = lfirst(cell);

		if ((rule->privileges & taken) == 0)
			continue;
		if (deny)
			(void) gate_require_reach(rule->privileges & taken, &reach);
		policy_take_privileges(rule, taken);
		n++;
	}
	tell_what_holds(deny, taken, pattern, role, grantee);
	return n;
}
