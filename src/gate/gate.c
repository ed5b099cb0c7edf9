/*
 * gate/gate.c
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_authid.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/inval.h"

#include "base/refuse.h"
#include "gate/gate.h"
#include "keyring/keyring.h"

/*
 * The one decision.  Somebody else's expression that the server itself runs
 * (ANALYZE, an index build, a materialised view's refresh) asks for nothing.
 */
static GatePass
decide(Privilege privilege, const char *name)
{
	GatePass	pass = {.role = GetUserId(),.privilege = privilege,.granted = false};
	Verdict		verdict;

	if (InSecurityRestrictedOperation())
	{
		pass.ground = GROUND_RESTRICTED;
		return pass;
	}
	verdict = policy_decide(pass.role, privilege, name);
	pass.granted = verdict.allowed;
	pass.ground = verdict.ground;
	pass.rule = verdict.rule;
	return pass;
}

void
gate_refuse(void)
{
	REFUSE(ERRCODE_INSUFFICIENT_PRIVILEGE,
		   errmsg("permission denied, or no such secret"),
		   errdetail("Whoever may not know tells neither from the other."),
		   errhint("secrets.explain() says what would be needed."));
}

pg_noreturn static void
refuse_operating(const char *what)
{
	REFUSE(ERRCODE_INSUFFICIENT_PRIVILEGE,
		   errmsg("permission denied: this needs %s", what));
}

GatePass
gate_ask(Privilege privilege, const char *name)
{
	GatePass	pass = decide(privilege, name);

	if (pass.granted)
		keyring_require_open();
	return pass;
}

GatePass
gate_require(Privilege privilege, const char *name)
{
	GatePass	pass = gate_ask(privilege, name);

	if (!pass.granted && privilege == PRIV_OPERATE)
		refuse_operating("the privilege to operate secrets");
	if (!pass.granted)
		gate_refuse();
	return pass;
}

GatePass
gate_require_either(Privilege privilege, Privilege other, const char *name)
{
	GatePass	pass = gate_ask(privilege, name);

	return pass.granted ? pass : gate_require(other, name);
}

bool
gate_allows(Privilege privilege, const char *name, GatePass *pass)
{
	GatePass	mine = gate_ask(privilege, name);

	if (pass)
		*pass = mine;
	return mine.granted;
}

GateScope *
gate_scope(Privilege privilege)
{
	GateScope  *scope = palloc0(sizeof(GateScope));

	if (!InSecurityRestrictedOperation())
		scope->n = policy_scope(GetUserId(), privilege, &scope->prefixes);
	if (scope->n > 0)
		keyring_require_open();
	return scope;
}

void
gate_require_any(void)
{
	if (gate_scope(ANY_PRIVILEGE)->n > 0)
		return;
	REFUSE(ERRCODE_INSUFFICIENT_PRIVILEGE,
		   errmsg("permission denied: this is for whoever has been granted something"));
}

void
gate_require_open(void)
{
	keyring_require_open();
}

GatePass
gate_require_operator(void)
{
	GatePass	pass = decide(PRIV_OPERATE, NULL);

	if (!pass.granted)
		refuse_operating("the privilege to operate secrets");
	return pass;
}

void
gate_require_status(void)
{
	if (decide(PRIV_OPERATE, NULL).granted || decide(PRIV_AUDIT, NULL).granted)
		return;
	if (!InSecurityRestrictedOperation() && has_privs_of_role(GetUserId(), ROLE_PG_MONITOR))
		return;
	refuse_operating("the privilege to operate or audit secrets, or membership in pg_monitor");
}

bool
gate_reaches(List *rules, PrivilegeSet privileges, const Reach *reach)
{
	return !InSecurityRestrictedOperation() && policy_covers(rules, GetUserId(), privileges, reach);
}

GatePass
gate_require_reach(PrivilegeSet privileges, const Reach *reach)
{
	GatePass	pass = {.role = GetUserId(),.privilege = PRIV_GRANT};

	pass.granted = gate_reaches(policy_passes_all(pass.role) ? NIL : policy_read_rules(), privileges, reach);
	pass.ground = policy_passes_all(pass.role) ? GROUND_OWNER : GROUND_RULE;
	if (!pass.granted)
		REFUSE(ERRCODE_INSUFFICIENT_PRIVILEGE,
			   errmsg("permission denied, or no such secret"),
			   errdetail("Who gives needs grant, and what is given, on everything that the pattern matches, for as long."));
	keyring_require_open();
	return pass;
}

void
gate_require_asking(Oid role, const char *name)
{
	bool		may;

	AcceptInvalidationMessages();
	may = !InSecurityRestrictedOperation()
		&& (role == GetUserId() || (OidIsValid(role) && role_has_privileges_of(GetUserId(), role)));

	if (!may && !decide(PRIV_GRANT, name).granted && !decide(PRIV_AUDIT, name).granted)
		gate_refuse();
	keyring_require_open();
}

void
gate_begin_change(void)
{
	PreventCommandIfReadOnly("a change of secrets");
	PreventCommandIfParallelMode("a change of secrets");
	PreventCommandDuringRecovery("a change of secrets");
	policy_settle();
}

void
gate_end_restore(void)
{
	if (!XactReadOnly && !IsInParallelMode() && !RecoveryInProgress())
		policy_settle();
}
