/*
 * kv/common.c
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "base/catalog.h"
#include "base/refuse.h"
#include "kv/common.h"
#include "store/name.h"

#define MAX_DESCRIPTION		2048	/* characters */
#define MAX_CONTENT_TYPE	255
#define MAX_TAGS_SIZE		(64 * 1024)

static bool
is_there(const char *name, bool or_deleted)
{
	Snapshot	snapshot = catalog_snapshot();
	Secret		secret;
	bool		found = store_find_brief(name, snapshot, &secret)
		|| (or_deleted && store_has_deleted(name, snapshot));

	UnregisterSnapshot(snapshot);
	return found;
}

static bool
find_pass(Privilege privilege, const char *name, bool or_deleted, GatePass *pass)
{
	*pass = gate_ask(privilege, name);
	if (pass->granted)
		return true;
	if (gate_allows(PRIV_LIST, name, NULL) && !is_there(name, or_deleted))
	{
		gate_record_failure(pass, NULL, 0, "no such secret");
		return false;
	}
	gate_refuse(pass);
}

static GatePass
require_there(Privilege privilege, const char *name, bool or_deleted)
{
	GatePass	pass;

	if (!find_pass(privilege, name, or_deleted, &pass))
		refuse_no_secret();
	return pass;
}

bool
require_unless_absent(Privilege privilege, const char *name, GatePass *pass)
{
	return find_pass(privilege, name, false, pass);
}

GatePass
require(Privilege privilege, const char *name)
{
	return require_there(privilege, name, false);
}

GatePass
require_deleted(Privilege privilege, const char *name)
{
	GatePass	pass = require_there(privilege, name, true);

	gate_begin_change();
	return pass;
}

GatePass
require_change(Privilege privilege, const char *name)
{
	GatePass	pass = require(privilege, name);

	gate_begin_change();
	return pass;
}

GatePass
require_to_make(const char *name)
{
	GatePass	pass = gate_require(PRIV_WRITE, name);

	gate_begin_change();
	return pass;
}

void
check_name(const char *name)
{
	if (!name_is_valid(name, strlen(name)))
		REFUSE(ERRCODE_INVALID_PARAMETER_VALUE,
			   errmsg("invalid name of a secret"),
			   errhint("A name is segment/segment/...: up to %d bytes, each segment of A-Z a-z 0-9 . _ @ + = -, "
					   "none of them empty, \".\" or \"..\".", NAME_MAX_LEN));
}

void
check_pattern(const char *pattern)
{
	if (!pattern_is_valid(pattern, strlen(pattern)))
		REFUSE(ERRCODE_INVALID_PARAMETER_VALUE,
			   errmsg("invalid pattern"),
			   errhint("A pattern is a name in which * stands for a run of characters inside a segment, "
					   "and a segment ** for any number of segments: prod/*/password, prod/**."));
}

void
check_stage(const char *stage)
{
	if (!stage_is_valid(stage, strlen(stage)))
		REFUSE(ERRCODE_INVALID_PARAMETER_VALUE,
			   errmsg("invalid name of a stage"),
			   errhint("A stage is 1 to %d characters of a-z 0-9 _ -.", STAGE_MAX_LEN));
}

void
refuse_no_secret(void)
{
	REFUSE(ERRCODE_UNDEFINED_OBJECT, errmsg("no such secret"));
}

void
refuse_no_version(void)
{
	REFUSE(ERRCODE_UNDEFINED_OBJECT,
		   errmsg("no such version of this secret"),
		   errhint("The view secrets.versions lists those that are kept."));
}

static void
check_length(const char *text, int max, const char *what)
{
	if (text && pg_mbstrlen(text) > max)
		REFUSE(ERRCODE_PROGRAM_LIMIT_EXCEEDED,
			   errmsg("%s is too long", what),
			   errdetail("%d characters are allowed.", max));
}

void
check_metadata(const Metadata *metadata)
{
	check_length(metadata->description, MAX_DESCRIPTION, "description");
	check_length(metadata->content_type, MAX_CONTENT_TYPE, "content_type");
	if (metadata->tags && !JB_ROOT_IS_OBJECT((Jsonb *) metadata->tags))
		REFUSE(ERRCODE_INVALID_PARAMETER_VALUE, errmsg("tags must be a JSON object"));
	if (metadata->tags && VARSIZE(metadata->tags) > MAX_TAGS_SIZE)
		REFUSE(ERRCODE_PROGRAM_LIMIT_EXCEEDED, errmsg("tags are too large"));
	if (metadata->max_versions < 0 || metadata->max_versions > 10000)
		REFUSE(ERRCODE_INVALID_PARAMETER_VALUE, errmsg("max_versions must be between 1 and 10000"));
}

/* "" clears. */
static char *
replace_word(const char *given, char *before)
{
	if (given == NULL)
		return before;
	return given[0] ? pstrdup(given) : NULL;
}

void
apply_metadata(const Metadata *metadata, Secret *secret)
{
	secret->description = replace_word(metadata->description, secret->description);
	secret->content_type = replace_word(metadata->content_type, secret->content_type);
	if (metadata->tags)
		secret->tags = JB_ROOT_COUNT((Jsonb *) metadata->tags) ? metadata->tags : NULL;
	if (metadata->has_expires_at)
		secret->expires_at = metadata->expires_at;
	if (metadata->max_versions)
		secret->max_versions = metadata->max_versions;
}

void
require_plain_secret(const Secret *secret)
{
	if (strcmp(secret->kind, KIND_SECRET) != 0)
		REFUSE(ERRCODE_WRONG_OBJECT_TYPE,
			   errmsg("\"%s\" is a %s, not a secret with a value", secret->name, secret->kind));
}

void
lock_secret(const char *name, LockStrength strength, Secret *secret)
{
	if (!store_lock(name, strength, secret))
		refuse_no_secret();
}

bool
is_expired(const Secret *secret)
{
	return secret->expires_at != NEVER && secret->expires_at <= GetCurrentTimestamp();
}

void
require_unexpired(const Secret *secret, const Metadata *metadata)
{
	if (is_expired(secret) && !(metadata && metadata->has_expires_at))
		REFUSE(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
			   errmsg("the secret has expired"),
			   errhint("Give it a new expires_at; 'infinity' is never."));
}
