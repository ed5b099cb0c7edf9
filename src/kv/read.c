/*
 * kv/read.c: giving values out.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "base/catalog.h"
#include "base/refuse.h"
#include "kv/common.h"
#include "kv/json.h"
#include "kv/walk.h"
#include "store/name.h"

/* ---- one ---- */

/* Which version is meant; false: no such stage. */
static bool
choose_version(const ReadRequest *request, const Secret *secret, Snapshot snapshot, int64 *version)
{
	*version = request->version;
	if (*version != NO_VERSION)
		return true;
	return store_find_stage(secret, request->stage ? request->stage : "current", snapshot, version);
}

/* Why a version that is there may not be given out; NULL where it may. */
static const char *
find_problem(const Secret *secret, const Version *version)
{
	if (secret->disabled)
		return "disabled";
	if (is_expired(secret))
		return "expired";
	if (version->value == NULL)
		return "destroyed";
	if (version->disabled)
		return "version disabled";
	return NULL;
}

static void
refuse_problem(const char *problem)
{
	if (problem)
		REFUSE(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, errmsg("the secret cannot be read: %s", problem));
}

/* ---- what is given, and what is not, for the record ---- */

static text *
give_text(const GatePass *pass, const Secret *secret, int64 version, Plain *plain)
{
	text	   *value;

	/* First what can still be refused. */
	if (value_text_problem(plain))
		gate_record_failure(pass, &secret->id, version, value_text_problem(plain));
	else
		gate_record(pass, &secret->id, version);
	value = value_to_text(plain);
	buffer_free(plain->bytes);
	return value;
}

/*
 * Finds, checks and opens under one snapshot: a secret and its version read
 * under two would look like tampering when a rename comes between.
 * False: 42704, if the request says so.
 */
static bool
open_one(const ReadRequest *request, const GatePass *pass, Secret *secret, int64 *number, Plain *plain)
{
	Snapshot	snapshot;
	Version		version;
	const char *problem;
	bool		has_secret;
	bool		has_version = false;

	snapshot = catalog_snapshot();
	has_secret = store_find_brief(request->name, snapshot, secret);
	if (has_secret)
	{
		if (strcmp(secret->kind, KIND_SECRET) != 0)
			gate_record_failure(pass, &secret->id, 0, "another kind");
		require_plain_secret(secret);
		has_version = choose_version(request, secret, snapshot, number)
			&& store_find_version(secret, *number, snapshot, &version);
	}
	UnregisterSnapshot(snapshot);

	if (!has_version)
		gate_record_failure(pass, has_secret ? &secret->id : NULL, has_secret ? Max(request->version, 0) : 0,
							has_secret ? "no such version" : "no such secret");
	if (!has_version && request->missing_ok)
		return false;
	if (!has_secret)
		refuse_no_secret();
	if (!has_version && request->stage)
		REFUSE(ERRCODE_UNDEFINED_OBJECT, errmsg("no such stage of this secret"));
	if (!has_version)
		refuse_no_version();
	if ((problem = find_problem(secret, &version)) != NULL)
		gate_record_failure(pass, &secret->id, *number, problem);
	refuse_problem(problem);
	if (!value_try_open(pass, secret, &version, plain))
	{
		gate_record_failure(pass, &secret->id, *number, "does not verify");
		*plain = value_open(pass, secret, &version);	/* says so */
	}
	return true;
}

static bool
read_one(const ReadRequest *request, GatePass *pass, Secret *secret, int64 *number, Plain *plain)
{
	check_name(request->name);
	if (request->stage)
		check_stage(request->stage);
	if (!require_unless_absent(PRIV_READ, request->name, pass))
	{
		if (request->missing_ok)
			return false;
		refuse_no_secret();
	}
	return open_one(request, pass, secret, number, plain);
}

Plain
open_to_sign(const char *name)
{
	ReadRequest request = {.name = name};
	GatePass	pass;
	Secret		secret;
	int64		version;
	Plain		plain;

	check_name(name);
	if (!gate_allows(PRIV_SIGN, name, &pass))
		pass = require(PRIV_READ, name);
	pass.privilege = PRIV_SIGN; /* whichever he holds, he does not get to see it */
	(void) open_one(&request, &pass, &secret, &version, &plain);
	gate_record(&pass, &secret.id, version);
	return plain;
}

/*
 * get('a', 'previous') means a field, and is often meant as a stage; and a
 * number as a version.  Whether to say so is looked up only when it failed.
 */
static int
hint_at_stage(const Secret *secret, const text *field)
{
	char	   *word = text_to_cstring(field);
	Snapshot	snapshot = catalog_snapshot();
	Version		version;
	int64		number;
	bool		is_stage;
	bool		is_version;
	char	   *end;

	is_stage = stage_is_valid(word, strlen(word)) && store_find_stage(secret, word, snapshot, &number);
	errno = 0;
	number = strtoll(word, &end, 10);
	is_version = errno == 0 && end != word && *end == '\0' && store_find_version(secret, number, snapshot, &version);
	UnregisterSnapshot(snapshot);
	if (is_stage)
		return errhint("There is a stage of that name: stage => '...'.");
	if (is_version)
		return errhint("There is a version of that number: version => ....");
	return 0;
}

pg_noreturn static void
refuse_no_field(JsonResult result, const Secret *secret, const text *field)
{
	if (result == JSON_UNTRANSLATABLE)
		REFUSE(ERRCODE_UNTRANSLATABLE_CHARACTER,
			   errmsg("the field has a character that PostgreSQL cannot store in text"));
	if (result == JSON_NO_FIELD)
		REFUSE(ERRCODE_SQL_JSON_MEMBER_NOT_FOUND,
			   errmsg("the value has no such field"), hint_at_stage(secret, field));
	REFUSE(ERRCODE_SQL_JSON_OBJECT_NOT_FOUND,
		   errmsg("the value is not a JSON object, so it has no fields"), hint_at_stage(secret, field));
}

/* *plain becomes the field's text.  Anything but JSON_OK leaves it as it is. */
static JsonResult
pick_field(Plain *plain, const text *field)
{
	JsonText	json = {buffer_data(plain->bytes), buffer_len(plain->bytes)};
	Plain		name = value_from_words(field);
	JsonText	key = {buffer_data(name.bytes), buffer_len(name.bytes)};
	SecretBuffer *out = buffer_alloc(json.len);
	size_t		len = 0;
	JsonResult	result = JSON_NOT_OBJECT;

	if (plain->content != BOX_BYTES)
		result = json_get_field(json, key, buffer_data(out), &len);
	buffer_free(name.bytes);
	if (result != JSON_OK)
	{
		buffer_free(out);
		return result;
	}
	buffer_free(plain->bytes);
	buffer_set_len(out, len);
	plain->bytes = out;
	return JSON_OK;
}

static const char *
field_problem(JsonResult result)
{
	if (result == JSON_NO_FIELD)
		return "no such field";
	return result == JSON_UNTRANSLATABLE ? "not storable as text" : "not a JSON object";
}

bool
kv_get(const ReadRequest *request, text **value)
{
	GatePass	pass;
	Secret		secret;
	int64		version;
	Plain		plain;
	JsonResult	result = JSON_OK;

	if (!read_one(request, &pass, &secret, &version, &plain))
		return false;
	if (request->field)
		result = pick_field(&plain, request->field);
	if (result == JSON_OK)
	{
		*value = give_text(&pass, &secret, version, &plain);
		return true;
	}
	buffer_free(plain.bytes);
	/* That it is null, he knows then. */
	if (result == JSON_NULL_FIELD)
	{
		gate_record(&pass, &secret.id, version);
		return false;
	}
	gate_record_failure(&pass, &secret.id, version, field_problem(result));
	if (result == JSON_NO_FIELD && request->missing_ok)
		return false;
	refuse_no_field(result, &secret, request->field);
}

bytea *
kv_get_bytes(const ReadRequest *request)
{
	GatePass	pass;
	Secret		secret;
	int64		version;
	Plain		plain;
	bytea	   *value;

	(void) read_one(request, &pass, &secret, &version, &plain);
	gate_record(&pass, &secret.id, version);
	value = value_to_bytes(&plain);
	buffer_free(plain.bytes);
	return value;
}

int64
kv_current_version(const char *name)
{
	Snapshot	snapshot;
	Secret		secret;
	GatePass	pass;
	bool		found;

	check_name(name);
	pass = gate_require_either(PRIV_LIST, PRIV_READ, name);
	pass.privilege = PRIV_LIST; /* whichever he holds, no value is read */
	snapshot = catalog_snapshot();
	found = store_find_brief(name, snapshot, &secret);
	UnregisterSnapshot(snapshot);
	if (!found)
		gate_record_failure(&pass, NULL, 0, "no such secret");
	if (!found)
		refuse_no_secret();
	gate_record(&pass, &secret.id, 0);
	if (secret.current_version == NO_VERSION)
		refuse_no_version();
	return secret.current_version;
}

/* ---- many ---- */

typedef struct Pending
{
	Secret		secret;
	Version		version;
	bool		has_version;
} Pending;

struct Reading
{
	bool		tolerant;		/* a problem is a column, not an error */
	Snapshot	snapshot;
	int			n;
	int			next;
	int			room;
	Pending    *items;
};

static Pending *
add_pending(Reading *reading)
{
	if (reading->n == reading->room)
	{
		reading->room = Max(16, reading->room * 2);
		reading->items = reading->items
			? repalloc_huge(reading->items, sizeof(Pending) * (Size) reading->room)
			: palloc(sizeof(Pending) * (Size) reading->room);
	}
	return &reading->items[reading->n++];
}

static void
add_current(Reading *reading, const Secret *secret)
{
	Pending    *item = add_pending(reading);

	item->secret = *secret;
	item->has_version = secret->current_version != NO_VERSION
		&& store_find_version(secret, secret->current_version, reading->snapshot, &item->version);
}

static Reading *
begin_reading(bool tolerant)
{
	Reading    *reading = palloc0(sizeof(Reading));

	reading->tolerant = tolerant;
	reading->snapshot = catalog_snapshot();
	return reading;
}

static Reading *
end_gathering(Reading *reading)
{
	UnregisterSnapshot(reading->snapshot);
	reading->snapshot = NULL;
	return reading;
}

Reading *
kv_read_many(const char *const *names, int n)
{
	Reading    *reading = begin_reading(false);

	for (int i = 0; i < n; i++)
	{
		Secret		secret;
		GatePass	pass;
		bool		found;

		check_name(names[i]);
		pass = require(PRIV_READ, names[i]);
		found = store_find_brief(names[i], reading->snapshot, &secret);
		if (!found || strcmp(secret.kind, KIND_SECRET) != 0)
			gate_record_failure(&pass, found ? &secret.id : NULL, 0, found ? "another kind" : "no such secret");
		if (!found)
			REFUSE(ERRCODE_UNDEFINED_OBJECT,
				   errmsg("no such secret"),
				   errdetail("It is number %d of the list.", i + 1));
		require_plain_secret(&secret);
		add_current(reading, &secret);
	}
	return end_gathering(reading);
}

Reading *
kv_read_all(const char *pattern)
{
	Reading    *reading;
	WalkRequest request = {.privilege = PRIV_READ,.pattern = pattern,.brief = true};
	Walk	   *walk;
	Secret		secret;

	check_pattern(pattern);
	gate_record_vain_search(PRIV_READ, pattern);
	reading = begin_reading(true);
	request.within = all_names();
	request.snapshot = reading->snapshot;
	walk = walk_begin(&request);
	while (walk_next(walk, &secret))
		if (strcmp(secret.kind, KIND_SECRET) == 0)
			add_current(reading, &secret);
	walk_end(walk);
	return end_gathering(reading);
}

/* Opens one whose turn has come; the problem, or NULL. */
static const char *
open_pending(const Pending *item, const GatePass *pass, Plain *plain)
{
	const char *problem;

	if (!item->has_version)
		return "no current version";
	if ((problem = find_problem(&item->secret, &item->version)) != NULL)
		return problem;
	if (!value_try_open(pass, &item->secret, &item->version, plain))
		return "does not verify";
	if ((problem = value_text_problem(plain)) != NULL)
		buffer_free(plain->bytes);
	return problem;
}

/* The error that one alone would be. */
pg_noreturn static void
refuse_pending(const Pending *item, const GatePass *pass)
{
	Plain		plain;

	if (!item->has_version)
		refuse_no_version();
	refuse_problem(find_problem(&item->secret, &item->version));
	plain = value_open(pass, &item->secret, &item->version);
	(void) value_to_text(&plain);
	elog(ERROR, "a value that could not be given can be given");
}

/*
 * The gate is asked once more: a cursor may be open for long, and what was
 * revoked since counts at once.
 */
static bool
may_read_still(const Reading *reading, const Pending *item, GatePass *pass)
{
	if (reading->tolerant)
		return gate_allows(PRIV_READ, item->secret.name, pass);
	*pass = gate_require(PRIV_READ, item->secret.name);
	return true;
}

bool
kv_read_next(Reading *reading, ReadItem *item)
{
	const Pending *pending;
	GatePass	pass;
	Plain		plain;

	do
	{
		if (reading->next >= reading->n)
			return false;
		pending = &reading->items[reading->next++];
	} while (!may_read_still(reading, pending, &pass));
	item->name = pending->secret.name;
	item->version = pending->secret.current_version;
	item->value = NULL;
	item->problem = open_pending(pending, &pass, &plain);
	if (item->problem == NULL)
		item->value = give_text(&pass, &pending->secret, item->version, &plain);
	else
		gate_record_failure(&pass, &pending->secret.id, item->version, item->problem);
	if (item->problem && !reading->tolerant)
		refuse_pending(pending, &pass);
	return true;
}
