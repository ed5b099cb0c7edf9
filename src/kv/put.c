/*
 * kv/put.c: a new version.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/timestamp.h"

#include "base/refuse.h"
#include "crypto/crypto.h"
#include "keyring/keyring.h"
#include "kv/common.h"
#include "kv/json.h"

KvWatcher	kv_watcher;

void
check_by_watcher(const Secret *secret, const Plain *plain)
{
	if (kv_watcher.before_value)
		kv_watcher.before_value(secret, plain);
}

int64
add_version(const GatePass *pass, Secret *secret, const NewVersion *new)
{
	Version		version = {
		.version = secret->last_version + 1,
		.created_at = GetCurrentTimestamp(),
		.destroyed_at = NEVER,
		.created_by = GetUserNameFromId(pass->role, true),
		.request_id = unconstify(pg_uuid_t *, new->request_id),
		.public_half = unconstify(char *, new->public_half)
	};

	if (secret->last_version == PG_INT64_MAX)
		REFUSE(ERRCODE_PROGRAM_LIMIT_EXCEEDED, errmsg("the secret has no version numbers left"));
	if (!new->pending)
	{
		if (secret->current_version != NO_VERSION)
			secret->previous_version = secret->current_version;
		secret->current_version = version.version;
	}
	secret->last_version = version.version;
	secret->changed_at = version.created_at;
	version.value = value_seal(pass, secret, version.version, new->plain);
	store_insert_version(secret, &version);
	if (new->pending)
		store_set_stage(secret, STAGE_PENDING, version.version);
	store_update(secret);
	store_prune(secret);
	notify_watchers(secret, version.version, new->event);
	return version.version;
}

pg_noreturn static void
refuse_lost(int64 expected, int64 current)
{
	REFUSE(ERRCODE_LOST_UPDATE,
		   errmsg("the current version is not the expected one"),
		   errdetail("Expected version " INT64_FORMAT ", current version " INT64_FORMAT ".", expected, current),
		   errhint("Read it again, and decide again."));
}

/* Whether the request was carried out before; then *version says what it made. */
static bool
was_done_before(const GatePass *pass, const Secret *secret, const PutRequest *request, const Plain *plain,
				int64 *version)
{
	Version		before;
	Plain		stored;
	bool		same;

	if (request->request_id == NULL
		|| (*version = store_find_request(secret, request->request_id)) == NO_VERSION
		|| !store_get_version(secret, *version, &before))
		return false;
	if (before.value == NULL)
		REFUSE(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
			   errmsg("this request made version " INT64_FORMAT ", which is destroyed", *version));
	stored = value_open(pass, secret, &before);
	same = stored.content == plain->content
		&& buffer_len(stored.bytes) == buffer_len(plain->bytes)
		&& crypto_equal(buffer_data(stored.bytes), buffer_data(plain->bytes), buffer_len(plain->bytes));
	buffer_free(stored.bytes);
	if (!same)
		REFUSE(ERRCODE_DUPLICATE_OBJECT,
			   errmsg("this request_id was used for another value"),
			   errdetail("It made version " INT64_FORMAT ".", *version));
	return true;
}

static int64
put_next(const GatePass *pass, Secret *secret, const PutRequest *request, const Plain *plain)
{
	int64		version;

	require_plain_secret(secret);
	if (was_done_before(pass, secret, request, plain, &version))
		return version;
	if (request->has_if_version && request->if_version != secret->current_version)
		refuse_lost(request->if_version, secret->current_version);
	require_unexpired(secret, &request->metadata);
	check_by_watcher(secret, plain);
	apply_metadata(&request->metadata, secret);
	if (request->generator)
		secret->generator = request->generator;
	return add_version(pass, secret, &(NewVersion) {
		.plain = plain,.request_id = request->request_id,.public_half = request->public_half,.event = "write"
	});
}

/* False: somebody else made a secret of that name in the meantime. */
static bool
put_first(const GatePass *pass, const PutRequest *request, const Plain *plain, int64 *version)
{
	TimestampTz now = GetCurrentTimestamp();
	Secret		secret = {
		.expires_at = NEVER,
		.created_at = now,
		.changed_at = now,
		.deleted_at = NEVER,
		.purge_after = NEVER,
		.watch_until = NEVER,
		.kind = KIND_SECRET,
		.name = unconstify(char *, request->name),
		.current_version = 1,
		.last_version = 1,
		.generator = request->generator
	};
	Version		first = {
		.version = 1,
		.created_at = now,
		.destroyed_at = NEVER,
		.created_by = GetUserNameFromId(pass->role, true),
		.request_id = request->request_id,
		.public_half = unconstify(char *, request->public_half)
	};

	if (request->has_if_version && request->if_version != 0)
		refuse_lost(request->if_version, 0);
	apply_metadata(&request->metadata, &secret);
	keyring_prepare_to_seal(pass);
	if (!store_insert(&secret))
		return false;
	first.value = value_seal(pass, &secret, 1, plain);
	store_insert_version(&secret, &first);
	*version = 1;
	return true;
}

int64
kv_put(const PutRequest *request, const Plain *plain)
{
	GatePass	pass;
	Secret		secret;
	int64		version;

	check_name(request->name);
	pass = require_to_make(request->name);
	check_metadata(&request->metadata);
	if (request->has_if_version && request->if_version < 0)
		REFUSE(ERRCODE_INVALID_PARAMETER_VALUE,
			   errmsg("if_version must not be negative"),
			   errhint("0 means that the secret must not exist."));
	for (;;)
	{
		if (store_lock(request->name, LOCK_CHANGE, &secret))
			return put_next(&pass, &secret, request, plain);
		if (put_first(&pass, request, plain, &version))
			return version;
		CHECK_FOR_INTERRUPTS();
	}
}

/* ---- patch ---- */

static void
check_json_result(JsonResult result, const char *what)
{
	if (result == JSON_OK)
		return;
	if (result == JSON_TOO_LARGE)
		REFUSE(ERRCODE_PROGRAM_LIMIT_EXCEEDED,
			   errmsg("the value has too many members to be patched"),
			   errhint("secrets.put() stores a whole new value."));
	REFUSE(ERRCODE_INVALID_JSON_TEXT,
		   errmsg("%s is not a JSON object", what));
}

static void
check_patch(const Plain *changes)
{
	JsonText	text = {buffer_data(changes->bytes), buffer_len(changes->bytes)};

	check_json_result(json_check_object(text), "the patch");
}

static Plain
merge(const Plain *target, const Plain *changes)
{
	JsonText	old = {buffer_data(target->bytes), buffer_len(target->bytes)};
	JsonText	new = {buffer_data(changes->bytes), buffer_len(changes->bytes)};
	SecretBuffer *out;
	size_t		len = 0;
	Plain		merged;

	check_json_result(target->content == BOX_BYTES ? JSON_INVALID : json_check_object(old), "the current value");
	out = buffer_alloc(old.len + new.len + 8);
	check_json_result(json_merge_patch(old, new, buffer_data(out), &len), "the patch");
	merged = value_from_utf8(buffer_data(out), len);
	merged.content = Max(target->content, changes->content);
	buffer_free(out);
	return merged;
}

int64
kv_patch(const char *name, const Plain *changes)
{
	GatePass	pass;
	Secret		secret;
	Version		current;
	Plain		target;
	Plain		merged;

	check_name(name);
	pass = require_change(PRIV_WRITE, name);
	check_patch(changes);		/* before anybody waits for our lock */
	lock_secret(name, LOCK_CHANGE, &secret);
	require_plain_secret(&secret);
	require_unexpired(&secret, NULL);
	if (secret.current_version == NO_VERSION || !store_get_version(&secret, secret.current_version, &current))
		refuse_no_version();
	if (current.value == NULL || current.disabled || secret.disabled)
		REFUSE(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
			   errmsg("the current version is disabled or destroyed"),
			   errhint("secrets.put() stores a whole new value."));
	target = value_open(&pass, &secret, &current);
	merged = merge(&target, changes);
	buffer_free(target.bytes);
	check_by_watcher(&secret, &merged);
	return add_version(&pass, &secret, &(NewVersion) {.plain = &merged,.event = "write"});
}

void
kv_alter(const char *name, const Metadata *metadata)
{
	Secret		secret;

	check_name(name);
	(void) require_change(PRIV_WRITE, name);
	check_metadata(metadata);
	lock_secret(name, LOCK_CHANGE, &secret);
	require_unexpired(&secret, metadata);
	apply_metadata(metadata, &secret);
	secret.changed_at = GetCurrentTimestamp();
	store_update(&secret);
	notify_watchers(&secret, secret.current_version, "alter");
}
