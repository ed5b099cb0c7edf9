/*
 * kv/life.c: rename, delete, undelete, destroy, purge.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "base/refuse.h"
#include "kv/common.h"

/* ---- the name ---- */

/* Only one version at a time is in memory, however many there are. */
void
reseal_versions(const GatePass *pass, const char *old_name, const Secret *secret)
{
	MemoryContext each = AllocSetContextCreate(CurrentMemoryContext, "secrets, one version", ALLOCSET_DEFAULT_SIZES);
	Secret		before = *secret;
	int64	   *numbers;
	int			n = store_get_version_numbers(secret, &numbers);

	before.name = unconstify(char *, old_name);
	for (int i = 0; i < n; i++)
	{
		MemoryContext caller = MemoryContextSwitchTo(each);
		Version		version;
		Plain		plain;

		CHECK_FOR_INTERRUPTS();
		if (store_get_version(secret, numbers[i], &version) && version.value != NULL)
		{
			plain = value_open(pass, &before, &version);
			version.value = value_seal(pass, secret, version.version, &plain);
			buffer_free(plain.bytes);
			store_update_version(secret, &version);
		}
		MemoryContextSwitchTo(caller);
		MemoryContextReset(each);
	}
	MemoryContextDelete(each);
}

void
kv_rename(const char *name, const char *new_name)
{
	GatePass	pass;
	Secret		secret;

	check_name(name);
	check_name(new_name);
	(void) require(PRIV_WRITE, name);
	(void) require(PRIV_DELETE, name);
	pass = require(PRIV_READ, name);
	(void) require_to_make(new_name);
	lock_secret(name, LOCK_RESEAL, &secret);
	if (strcmp(name, new_name) == 0)
		REFUSE(ERRCODE_DUPLICATE_OBJECT, errmsg("a secret of that name exists"),
			   errhint("It is this one."));
	secret.name = unconstify(char *, new_name);
	secret.changed_at = GetCurrentTimestamp();
	store_update(&secret);		/* first: the index decides who has the name */
	reseal_versions(&pass, name, &secret);
	notify_watchers(&secret, secret.current_version, "rename");
}

/* ---- the end, with a way back ---- */

static TimestampTz
add_interval(TimestampTz time, const Interval *interval)
{
	return DatumGetTimestampTz(DirectFunctionCall2(timestamptz_pl_interval,
												   TimestampTzGetDatum(time), IntervalPGetDatum(interval)));
}

/* Compared as intervals: added to a time, an extreme one would raise an error of its own. */
static bool
is_longer(const Interval *a, const Interval *b)
{
	return DatumGetBool(DirectFunctionCall2(interval_gt, IntervalPGetDatum(a), IntervalPGetDatum(b)));
}

static void
check_recovery(const Interval *recovery)
{
	static const Interval one_day = {.day = 1};
	static const Interval a_century = {.month = 1200};

	if (is_longer(&one_day, recovery))
		REFUSE(ERRCODE_INVALID_PARAMETER_VALUE,
			   errmsg("recovery must be at least one day"),
			   errhint("To have it gone now: secrets.delete(), then secrets.purge()."));
	if (is_longer(recovery, &a_century))
		REFUSE(ERRCODE_INVALID_PARAMETER_VALUE, errmsg("recovery must be at most 100 years"));
}

TimestampTz
kv_delete(const char *name, const Interval *recovery)
{
	TimestampTz now = GetCurrentTimestamp();
	GatePass	pass;
	Secret		secret;

	check_name(name);
	pass = require_change(PRIV_DELETE, name);
	check_recovery(recovery);
	lock_secret(name, LOCK_RESEAL, &secret);
	secret.deleted_at = secret.changed_at = now;
	secret.deleted_by = GetUserNameFromId(pass.role, true);
	secret.purge_after = add_interval(now, recovery);
	store_update(&secret);
	notify_watchers(&secret, secret.current_version, "delete");
	return secret.purge_after;
}

pg_noreturn static void
refuse_ambiguous(const Secret *secrets, int n)
{
	StringInfoData list;

	initStringInfo(&list);
	for (int i = 0; i < n; i++)
		appendStringInfo(&list, "%s%s deleted at %s", i ? "; " : "",
						 DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(&secrets[i].id))),
						 timestamptz_to_str(secrets[i].deleted_at));
	REFUSE(ERRCODE_CARDINALITY_VIOLATION,
		   errmsg("several deleted secrets had that name"),
		   errdetail("%s.", list.data),
		   errhint("Say which: id => '...'."));
}

static void
lock_deleted(const char *name, const pg_uuid_t *id, Secret *secret)
{
	Secret	   *secrets;
	Secret		alive;
	int			n = store_lock_deleted(name, id, &secrets);

	if (n > 1)
		refuse_ambiguous(secrets, n);
	if (n == 0 && store_lock(name, LOCK_CHANGE, &alive)
		&& (id == NULL || memcmp(id, &alive.id, UUID_LEN) == 0))
		REFUSE(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
			   errmsg("the secret is not deleted"),
			   errhint("secrets.delete() comes first."));
	if (n == 0)
		refuse_no_secret();
	*secret = secrets[0];
}

void
kv_undelete(const char *name, const pg_uuid_t *id, const char *new_name)
{
	GatePass	pass;
	Secret		secret;

	check_name(name);
	if (new_name)
		check_name(new_name);
	pass = require_deleted(PRIV_DELETE, name);
	/* That is a rename: else a secret could be brought to where one may read it. */
	if (new_name)
	{
		(void) require_deleted(PRIV_WRITE, name);
		(void) require_deleted(PRIV_READ, name);
		(void) require_to_make(new_name);
	}
	lock_deleted(name, id, &secret);
	if (new_name)
		secret.name = unconstify(char *, new_name);
	secret.deleted_at = secret.purge_after = NEVER;
	secret.deleted_by = NULL;
	secret.changed_at = GetCurrentTimestamp();
	store_update(&secret);
	if (strcmp(name, secret.name) != 0)
		reseal_versions(&pass, name, &secret);
	notify_watchers(&secret, secret.current_version, "undelete");
}

/* ---- the end, without ---- */

void
kv_destroy(const char *name, int64 number)
{
	Secret		secret;
	Version		version;

	check_name(name);
	(void) require_change(PRIV_DESTROY, name);
	lock_secret(name, LOCK_CHANGE, &secret);
	if (!store_get_version(&secret, number, &version))
		refuse_no_version();
	if (version.value == NULL)
		return;
	version.value = NULL;
	version.public_half = NULL;
	version.destroyed_at = secret.changed_at = GetCurrentTimestamp();
	store_update_version(&secret, &version);
	store_update(&secret);
	notify_watchers(&secret, number, "destroy");
}

void
kv_purge(const char *name, const pg_uuid_t *id)
{
	Secret		secret;

	check_name(name);
	(void) require_deleted(PRIV_DESTROY, name);
	lock_deleted(name, id, &secret);
	store_purge(&secret);
	if (kv_watcher.purged)
		kv_watcher.purged(&secret);
	notify_watchers(&secret, secret.current_version, "purge");
}
