/*
 * rotation/managed.c
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/inval.h"

#include "base/refuse.h"
#include "rotation/credential.h"
#include "rotation/local.h"
#include "rotation/managed.h"

/* Of a pair the one that the value names; of one role, if the value names any, it and no other. */
static bool
is_password_of(const Credential *credential, const Oid roles[2])
{
	for (int i = 0; i < 2 && OidIsValid(roles[i]); i++)
	{
		bool		fits = credential->username ? strcmp(credential->username, GetUserNameFromId(roles[i], false)) == 0
			: !OidIsValid(roles[1]);

		if (fits && local_verifies(roles[i], credential->password))
			return true;
	}
	return false;
}

void
managed_check_value(const Secret *secret, const Plain *plain)
{
	Rotation	rotation;
	Oid			roles[2];
	Credential	credential;
	bool		is_right;

	AcceptInvalidationMessages();	/* under the lock: what who had it before has committed */
	if (!rotation_find(&secret->id, &rotation) || rotation_is_foreign(&rotation) || !managed_find_roles(&rotation, roles))
		return;
	credential = credential_read(plain);
	is_right = is_password_of(&credential, roles);
	buffer_free(credential.password);
	if (!is_right)
		REFUSE(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
			   errmsg("the value is not the password of the role that this secret belongs to"),
			   errhint("secrets.rotate() gives both a new one; secrets.unschedule_rotation() parts them."));
}
