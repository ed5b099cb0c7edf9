/*
 * rotation/local.c
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_type.h"
#include "commands/user.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "parser/parse_node.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "base/catalog.h"
#include "base/compat.h"
#include "base/refuse.h"
#include "rotation/credential.h"
#include "rotation/local.h"

pg_noreturn static void
refuse_gone(void)
{
	REFUSE(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
		   errmsg("the role whose password it is has been dropped"),
		   errhint("secrets.schedule_rotation() names another; secrets.unschedule_rotation() ends it."));
}

static HeapTuple
find_role(Oid role)
{
	HeapTuple	tuple = SearchSysCache1(AUTHOID, ObjectIdGetDatum(role));

	if (!HeapTupleIsValid(tuple))
		refuse_gone();
	return tuple;
}

/* What ADMIN on a role must not lead to. */
static bool
is_powerful(Oid role)
{
	HeapTuple	tuple = find_role(role);
	Form_pg_authid form = (Form_pg_authid) GETSTRUCT(tuple);
	bool		powerful = form->rolsuper || form->rolreplication || form->rolbypassrls;

	ReleaseSysCache(tuple);
	return powerful;
}

void
local_require_right(Oid scheduler, Oid role)
{
	AcceptInvalidationMessages();
	if (superuser_arg(scheduler))
		return;
	if (is_powerful(role))
		REFUSE(ERRCODE_INSUFFICIENT_PRIVILEGE,
			   errmsg("permission denied: only a superuser may have the password of such a role rotated"),
			   errdetail("It is a superuser, or has REPLICATION or BYPASSRLS."));
	if (scheduler == role || is_admin_of_role(scheduler, role))
		return;
	REFUSE(ERRCODE_INSUFFICIENT_PRIVILEGE,
		   errmsg("permission denied: this needs ADMIN on the role whose password is rotated"),
		   errhint("GRANT it to whoever schedules the rotation, WITH ADMIN OPTION."));
}

void
local_lock(Oid role)
{
	static Statement statement = STATEMENT(
		"SELECT 1 FROM pg_catalog.pg_authid WHERE oid" EQ "$1 FOR NO KEY UPDATE", 1, {OIDOID});
	Datum		values[] = {ObjectIdGetDatum(role)};
	Caller		caller = as_owner();
	uint64		n;

	SPI_connect();
	n = statement_run(&statement, values, NULL, 1);
	SPI_finish();
	as_caller(caller);
	if (n == 0)
		refuse_gone();
	/* What whoever held it has committed is what we go on from. */
	AcceptInvalidationMessages();
}

void
local_lock_all(const Oid roles[2])
{
	if (!OidIsValid(roles[1]))
	{
		local_lock(roles[0]);
		return;
	}
	local_lock(Min(roles[0], roles[1]));
	local_lock(Max(roles[0], roles[1]));
}

void
local_set_password(Oid role, SecretBuffer *password)
{
	AlterRoleStmt *stmt = makeNode(AlterRoleStmt);
	RoleSpec   *spec = makeNode(RoleSpec);
	char	   *verifier = credential_verifier(password);
	Caller		caller;

	local_lock(role);
	spec->roletype = ROLESPEC_CSTRING;
	spec->rolename = GetUserNameFromId(role, false);
	spec->location = -1;
	stmt->role = spec;
	stmt->options = list_make1(makeDefElem("password", (Node *) makeString(verifier), -1));
	stmt->action = +1;
	caller = as_owner();
	(void) ALTER_ROLE(stmt);
	as_caller(caller);
	CommandCounterIncrement();
}

static char *
read_verifier(Oid role)
{
	HeapTuple	tuple = find_role(role);
	bool		isnull;
	Datum		value = SysCacheGetAttr(AUTHOID, tuple, Anum_pg_authid_rolpassword, &isnull);
	char	   *verifier = isnull ? NULL : TextDatumGetCString(value);

	ReleaseSysCache(tuple);
	return verifier;
}

bool
local_verifies(Oid role, SecretBuffer *password)
{
	char	   *verifier = read_verifier(role);

	return verifier != NULL && credential_verifies(password, GetUserNameFromId(role, false), verifier);
}

bool
local_can_login(Oid role)
{
	HeapTuple	tuple = find_role(role);
	bool		can = ((Form_pg_authid) GETSTRUCT(tuple))->rolcanlogin;
	bool		isnull;
	Datum		until = SysCacheGetAttr(AUTHOID, tuple, Anum_pg_authid_rolvaliduntil, &isnull);

	if (!isnull && DatumGetTimestampTz(until) <= GetCurrentTimestamp())
		can = false;
	ReleaseSysCache(tuple);
	return can;
}
