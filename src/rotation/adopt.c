/*
 * rotation/adopt.c: schedules that were made in another database.
 *
 * A restored copy must not change the passwords of the original, so nothing of
 * it fires before somebody has said that it is to.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "commands/dbcommands.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/timestamp.h"

#include "base/refuse.h"
#include "kv/common.h"
#include "policy/role.h"
#include "rotation/local.h"
#include "rotation/managed.h"
#include "rotation/rotation.h"
#include "rotation/turn.h"
#include "rotation/wanted.h"
#include "store/name.h"

/* By tag, or, where nobody here bears it, by name: once. */
static bool
find_here(char **name, char **tag)
{
	Oid			role = role_of_tag(*tag, get_role_oid(*name, true));
	char		new_tag[NAMEDATALEN];

	if (!OidIsValid(role))
		role = get_role_oid(*name, true);
	if (!OidIsValid(role) || !role_lock(role))
		return false;
	role_make_tag(role, NULL, new_tag);
	*name = GetUserNameFromId(role, false);
	*tag = pstrdup(new_tag);
	return true;
}

/* Nobody schedules for one of them from here on. */
static void
lock_all(const Rotation *rotation)
{
	Oid			roles[2];

	if (managed_find_roles(rotation, roles))
		local_lock_all(roles);
}

static bool
find_all_here(Rotation *rotation)
{
	ListCell   *name;
	ListCell   *tag;

	if (!find_here(&rotation->scheduled_by, &rotation->scheduled_tag))
		return false;
	forboth(name, rotation->roles, tag, rotation->role_tags)
	{
		char	   *role_name = lfirst(name);
		char	   *role_tag = lfirst(tag);

		if (!find_here(&role_name, &role_tag))
			return false;
		lfirst(name) = role_name;
		lfirst(tag) = role_tag;
	}
	return true;
}

/* Neither database of one cluster sees the other's schedules. */
static void
warn_of_original(const Secret *secret, const Rotation *rotation)
{
	char	   *original = get_database_name(rotation->database_oid);

	if (rotation->roles != NIL && rotation->system_identifier == (int64) GetSystemIdentifier() && original)
		ereport(WARNING,
				(errmsg("\"%s\" is rotated in database \"%s\" of this cluster, too, for the same role", secret->name, original),
				 errhint("Unschedule one of the two: whoever rotates last has the role's password.")));
}

/* Its time is counted from now: what was missed on the way here is nobody's fault. */
static bool
adopt_one(const pg_uuid_t *secret_id)
{
	Secret		secret;
	Rotation	rotation;

	if (!store_lock_by_id(secret_id, true, &secret) || !rotation_lock(secret_id, &rotation) || !rotation_is_foreign(&rotation))
		return false;
	if (!find_all_here(&rotation))
	{
		ereport(WARNING,
				(errmsg("the schedule of \"%s\" was not adopted: a role that it is for is not here", secret.name),
				 errhint("secrets.schedule_rotation() makes another.")));
		return false;
	}
	lock_all(&rotation);
	if (rotation_has_other(secret_id, rotation.role_tags))
	{
		ereport(WARNING,
				(errmsg("the schedule of \"%s\" was not adopted: another secret's rotation changes the password of its role here",
						secret.name)));
		return false;
	}
	if (rotation.role_tags)
		rotation_delete_of_deleted(rotation.role_tags);
	warn_of_original(&secret, &rotation);
	rotation_make_native(&rotation);
	rotation.terminate_at = rotation.terminate_before = NEVER;
	rotation.terminate_role = NULL;
	turn_count_next(&rotation, &secret, GetCurrentTimestamp());
	rotation_update(&rotation);
	return true;
}

/* Deleted ones too: they may come back. */
static bool
is_foreign(const char *pattern, const Rotation *rotation, const Secret *secret)
{
	return rotation_is_foreign(rotation) && pattern_matches(pattern, strlen(pattern), secret->name, strlen(secret->name));
}

int
rotation_adopt(const char *pattern)
{
	int			adopted = 0;
	ListCell   *cell;

	check_pattern(pattern);
	(void) gate_require(PRIV_OPERATE, NULL);
	gate_begin_change();
	foreach(cell, wanted_find(pattern, is_foreign))
		adopted += adopt_one(&((Wanted *) lfirst(cell))->id);
	return adopted;
}
