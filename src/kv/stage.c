/*
 * kv/stage.c: which version is which.
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "base/refuse.h"
#include "kv/common.h"

#define MAX_STAGES 20			/* a version */

static void
get_version(const Secret *secret, int64 number, Version *version)
{
	if (!store_get_version(secret, number, version))
		refuse_no_version();
}

void
make_current(Secret *secret, int64 number)
{
	Version		version;

	get_version(secret, number, &version);
	if (version.value == NULL || version.disabled)
		REFUSE(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
			   errmsg("version " INT64_FORMAT " is %s and cannot become current", number,
					  version.value == NULL ? "destroyed" : "disabled"));
	if (number == secret->current_version)
		return;
	secret->previous_version = secret->current_version;
	secret->current_version = number;
}

/* By hand: what is managed by a room above may have a word to say. */
static void
choose_current(const GatePass *pass, Secret *secret, int64 number)
{
	Version		version;
	Plain		plain;

	if (number != secret->current_version && kv_watcher.before_value)
	{
		get_version(secret, number, &version);
		if (version.value != NULL && value_try_open(pass, secret, &version, &plain))
		{
			check_by_watcher(secret, &plain);
			buffer_free(plain.bytes);
		}
	}
	make_current(secret, number);
}

static void
finish(Secret *secret, int64 version, const char *event)
{
	secret->changed_at = GetCurrentTimestamp();
	store_update(secret);
	notify_watchers(secret, version, event);
}

static void
take_off(const Secret *secret, const char *stage)
{
	if (strcmp(stage, "current") == 0 || strcmp(stage, "previous") == 0)
		refuse_null("version");
	if (!store_drop_stage(secret, stage))
		REFUSE(ERRCODE_UNDEFINED_OBJECT, errmsg("no such stage of this secret"));
}

static void
put_on(const Secret *secret, const char *stage, int64 number)
{
	Version		version;

	get_version(secret, number, &version);
	store_set_stage(secret, stage, number);
	if (store_count_stages(secret, number) > MAX_STAGES)
		REFUSE(ERRCODE_PROGRAM_LIMIT_EXCEEDED,
			   errmsg("too many stages on one version"),
			   errdetail("%d are allowed.", MAX_STAGES));
}

void
kv_label(const char *name, const char *stage, int64 number)
{
	GatePass	pass;
	Secret		secret;
	Version		version;

	check_name(name);
	check_stage(stage);
	pass = require_change(PRIV_WRITE, name);
	lock_secret(name, LOCK_CHANGE, &secret);
	if (number == NO_VERSION)
		take_off(&secret, stage);
	else if (strcmp(stage, "current") == 0)
		choose_current(&pass, &secret, number);
	else if (strcmp(stage, "previous") == 0)
	{
		get_version(&secret, number, &version);
		secret.previous_version = number;
	}
	else
		put_on(&secret, stage, number);
	finish(&secret, number != NO_VERSION ? number : secret.current_version, "label");
}

int64
kv_rollback(const char *name, int64 number)
{
	GatePass	pass;
	Secret		secret;

	check_name(name);
	pass = require_change(PRIV_WRITE, name);
	lock_secret(name, LOCK_CHANGE, &secret);
	if (number == NO_VERSION)
		number = secret.previous_version;
	if (number == NO_VERSION)
		REFUSE(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, errmsg("there is no previous version"));
	choose_current(&pass, &secret, number);
	finish(&secret, number, "rollback");
	return number;
}

void
kv_set_disabled(const char *name, int64 number, bool disabled)
{
	Secret		secret;
	Version		version;

	check_name(name);
	(void) require_change(PRIV_WRITE, name);
	lock_secret(name, LOCK_CHANGE, &secret);
	if (number == NO_VERSION)
		secret.disabled = disabled;
	else
	{
		get_version(&secret, number, &version);
		if (version.value == NULL)
			REFUSE(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
				   errmsg("version " INT64_FORMAT " is destroyed", number));
		version.disabled = disabled;
		store_update_version(&secret, &version);
	}
	finish(&secret, number != NO_VERSION ? number : secret.current_version, disabled ? "disable" : "enable");
}
