/*
 * gate/gate.c
 *
 * Until there are rules by path (room policy), superusers pass and nobody else:
 * the shape of the question is already what it will be.
 */
#include "postgres.h"

#include "miscadmin.h"

#include "base/refuse.h"
#include "gate/gate.h"
#include "keyring/keyring.h"

/*
 * Somebody else's expression that the server itself runs (ANALYZE, an index
 * build, a materialised view's refresh) asks for nothing.
 */
static bool
decide(Privilege privilege, const char *name, GatePass *pass)
{
	pass->role = GetUserId();
	pass->privilege = privilege;
	pass->granted = false;
	if (InSecurityRestrictedOperation())
		return false;
	if (superuser_arg(pass->role))
	{
		pass->granted = true;
		return true;
	}
	return false;
}

static void
refuse(Privilege privilege)
{
	if (privilege == PRIV_OPERATE)
		REFUSE(ERRCODE_INSUFFICIENT_PRIVILEGE,
			   errmsg("permission denied: this needs the privilege to operate secrets"));
	REFUSE(ERRCODE_INSUFFICIENT_PRIVILEGE,
		   errmsg("permission denied, or no such secret"),
		   errdetail("Whoever may not know tells neither from the other."));
}

GatePass
gate_require(Privilege privilege, const char *name)
{
	GatePass	pass;

	if (!decide(privilege, name, &pass))
		refuse(privilege);
	keyring_require_open();
	return pass;
}

bool
gate_allows(Privilege privilege, const char *name, GatePass *pass)
{
	GatePass	mine;

	if (!decide(privilege, name, pass ? pass : &mine))
		return false;
	keyring_require_open();
	return true;
}

GatePass
gate_require_operator(void)
{
	GatePass	pass;

	if (!decide(PRIV_OPERATE, NULL, &pass))
		refuse(PRIV_OPERATE);
	return pass;
}
