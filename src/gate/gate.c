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

#include "audit/audit.h"
#include "base/refuse.h"
#include "gate/gate.h"
#include "keyring/keyring.h"

/* Whose function rotation runs now. */
static Oid	rotator = InvalidOid;

void
gate_enter_rotator(Oid role)
{
	Assert(!OidIsValid(rotator));
	rotator = role;
}

void
gate_leave_rotator(void)
{
	rotator = InvalidOid;
}

/*
 * What is the rotator's role's own, a view that it refreshes, is not told from
 * its function: it could as well call that by name.
 */
static bool
is_asked_by_server(void)
{
	return InSecurityRestrictedOperation() && !(OidIsValid(rotator) && GetUserId() == rotator);
}

/*
 * The one decision.  Somebody else's expression that the server itself runs
 * (ANALYZE, an index build, a materialised view's refresh) asks for nothing.
 */
static GatePass
decide(Privilege privilege, const char *name)
{
	GatePass	pass = {.role = GetUserId(),.privilege = privilege,.name = name,.granted = false};
	Verdict		verdict;

	if (is_asked_by_server())
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

/* ---- for the record ---- */

static const AuditAction actions[NUM_PRIVILEGES + 1] = {
	[PRIV_LIST] = ACTION_LIST,
	[PRIV_READ] = ACTION_READ,
	[PRIV_WRITE] = ACTION_WRITE,
	[PRIV_ROTATE] = ACTION_ROTATE,
	[PRIV_DELETE] = ACTION_DELETE,
	[PRIV_DESTROY] = ACTION_DESTROY,
	[PRIV_GRANT] = ACTION_GRANT,
	[PRIV_ENCRYPT] = ACTION_ENCRYPT,
	[PRIV_DECRYPT] = ACTION_DECRYPT,
	[PRIV_SIGN] = ACTION_SIGN,
	[PRIV_VERIFY] = ACTION_VERIFY,
	[PRIV_LEASE] = ACTION_LEASE,
	[PRIV_AUDIT] = ACTION_CONFIG,
	[PRIV_OPERATE] = ACTION_CONFIG,
	[ANY_PRIVILEGE] = ACTION_LIST,
};

/* What decided, where it is not a rule, and why where it refused. */
static const char *
ground_words(const GatePass *pass)
{
	switch (pass->ground)
	{
		case GROUND_OWNER:
			return "bypass";
		case GROUND_RESTRICTED:
			return "asked by the server itself";
		case GROUND_RULE:
			return pass->granted ? NULL : "a rule denies it";
		default:
			return pass->granted ? NULL : "no rule allows it";
	}
}

/* What was asked for without a name is told apart by what it needs. */
static const char *
needs_detail(const GatePass *pass)
{
	if (pass->granted || pass->name)
		return NULL;
	if (pass->privilege == PRIV_OPERATE)
		return "{\"needs\": \"operate\"}";
	return pass->privilege == PRIV_AUDIT ? "{\"needs\": \"audit\"}" : NULL;
}

static AuditRecord
begin_record(const GatePass *pass, AuditOutcome outcome)
{
	return (AuditRecord) {
		.action = actions[pass->privilege],.outcome = outcome,.role = pass->role,.name = pass->name,
		.rule = pass->ground == GROUND_RULE ? &pass->rule : NULL,.reason = ground_words(pass),
		.detail = needs_detail(pass)
	};
}

void
gate_record(const GatePass *pass, const pg_uuid_t *id, int64 version)
{
	AuditRecord record = begin_record(pass, OUTCOME_ALLOWED);

	record.id = id;
	record.version = version;
	audit_record(&record);
}

void
gate_record_failure(const GatePass *pass, const pg_uuid_t *id, int64 version, const char *reason)
{
	AuditRecord record = begin_record(pass, OUTCOME_FAILED);

	record.id = id;
	record.version = version;
	record.reason = reason;
	audit_record(&record);
}

static void
record_denial(const GatePass *pass)
{
	AuditRecord record = begin_record(pass, OUTCOME_DENIED);

	if (keyring_is_open())
		audit_record(&record);
	else
		audit_log_line(&record);	/* nobody can sign it now */
}

void
gate_record_refusal(const GatePass *pass)
{
	record_denial(pass);
}

void
gate_record_listing(const char *pattern)
{
	GatePass	pass = {
		.role = GetUserId(),.privilege = PRIV_LIST,.name = pattern,.granted = gate_scope(PRIV_LIST)->n > 0
	};

	/* Which rules let him see what is for each name to say. */
	pass.ground = policy_passes_all(pass.role) ? GROUND_OWNER : GROUND_NONE;
	if (pass.granted)
		gate_record(&pass, NULL, 0);
	else
		record_denial(&pass);
}

void
gate_record_vain_search(Privilege privilege, const char *pattern)
{
	GatePass	pass = {.role = GetUserId(),.privilege = privilege,.name = pattern};

	if (gate_scope(privilege)->n == 0)
		record_denial(&pass);
}

void
gate_record_act(const GatePass *pass, bool seals, const char *reason)
{
	AuditRecord record = begin_record(pass, OUTCOME_ALLOWED);

	if (seals)
		record.action = ACTION_SEAL;
	record.reason = reason;
	record.optional = true;
	audit_record(&record);
}

/* What is refused because it is sealed goes to the server's log: nobody can sign a line now. */
static void
require_open(const GatePass *pass)
{
	AuditRecord record;

	if (!keyring_is_open())
	{
		record = begin_record(pass, OUTCOME_FAILED);
		record.reason = "sealed";
		audit_log_line(&record);
	}
	keyring_require_open();
}

/* ---- passing ---- */

void
gate_refuse(const GatePass *pass)
{
	record_denial(pass);
	REFUSE(ERRCODE_INSUFFICIENT_PRIVILEGE,
		   errmsg("permission denied, or no such secret"),
		   errdetail("Whoever may not know tells neither from the other."),
		   errhint("secrets.explain() says what would be needed."));
}

pg_noreturn static void
refuse_operating(const GatePass *pass, const char *what)
{
	record_denial(pass);
	REFUSE(ERRCODE_INSUFFICIENT_PRIVILEGE,
		   errmsg("permission denied: this needs %s", what));
}

GatePass
gate_ask(Privilege privilege, const char *name)
{
	GatePass	pass = decide(privilege, name);

	if (pass.granted)
		require_open(&pass);
	return pass;
}

GatePass
gate_require(Privilege privilege, const char *name)
{
	GatePass	pass = gate_ask(privilege, name);

	if (!pass.granted && privilege == PRIV_OPERATE)
		refuse_operating(&pass, "the privilege to operate secrets");
	if (!pass.granted)
		gate_refuse(&pass);
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

	if (!is_asked_by_server())
		scope->n = policy_scope(GetUserId(), privilege, &scope->prefixes);
	if (scope->n > 0)
		keyring_require_open();
	return scope;
}

void
gate_require_any(void)
{
	GatePass	pass = {.role = GetUserId(),.privilege = ANY_PRIVILEGE};

	if (gate_scope(ANY_PRIVILEGE)->n > 0)
		return;
	record_denial(&pass);
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
		refuse_operating(&pass, "the privilege to operate secrets");
	return pass;
}

void
gate_require_checker(void)
{
	GatePass	pass = decide(PRIV_OPERATE, NULL);

	if (!pass.granted && !decide(PRIV_AUDIT, NULL).granted)
		refuse_operating(&pass, "the privilege to operate or audit secrets");
}

void
gate_require_status(void)
{
	GatePass	pass = decide(PRIV_OPERATE, NULL);

	if (pass.granted || decide(PRIV_AUDIT, NULL).granted)
		return;
	if (!is_asked_by_server() && has_privs_of_role(GetUserId(), ROLE_PG_MONITOR))
		return;
	refuse_operating(&pass, "the privilege to operate or audit secrets, or membership in pg_monitor");
}

bool
gate_reaches(List *rules, PrivilegeSet privileges, const Reach *reach)
{
	return !is_asked_by_server() && policy_covers(rules, GetUserId(), privileges, reach);
}

GatePass
gate_require_reach(PrivilegeSet privileges, const Reach *reach)
{
	GatePass	pass = {.role = GetUserId(),.privilege = PRIV_GRANT,.name = reach->pattern};

	pass.granted = gate_reaches(policy_passes_all(pass.role) ? NIL : policy_read_rules(), privileges, reach);
	pass.ground = policy_passes_all(pass.role) ? GROUND_OWNER : GROUND_NONE;	/* several rules, it may be */
	if (!pass.granted)
	{
		record_denial(&pass);
		REFUSE(ERRCODE_INSUFFICIENT_PRIVILEGE,
			   errmsg("permission denied, or no such secret"),
			   errdetail("Who gives needs grant, and what is given, on everything that the pattern matches, for as long."));
	}
	require_open(&pass);
	return pass;
}

void
gate_require_asking(Oid role, const char *name)
{
	GatePass	pass;
	bool		may;

	AcceptInvalidationMessages();
	may = !is_asked_by_server()
		&& (role == GetUserId() || (OidIsValid(role) && role_has_privileges_of(GetUserId(), role)));

	pass = decide(PRIV_GRANT, name);
	if (!may && !pass.granted && !decide(PRIV_AUDIT, name).granted)
		gate_refuse(&pass);
	keyring_require_open();
}

/* The log begins with the home, and its first line shall be signed. */
static void
settle(void)
{
	GatePass	pass = {.granted = true};

	if (policy_is_settled())
		return;
	keyring_prepare_to_seal(&pass);
	policy_settle();
}

void
gate_begin_change(void)
{
	PreventCommandIfReadOnly("a change of secrets");
	PreventCommandIfParallelMode("a change of secrets");
	PreventCommandDuringRecovery("a change of secrets");
	settle();
}

void
gate_end_restore(void)
{
	if (!XactReadOnly && !IsInParallelMode() && !RecoveryInProgress())
		settle();
}
