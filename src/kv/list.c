/*
 * kv/list.c: what there is, without values.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "audit/audit.h"
#include "base/catalog.h"
#include "base/refuse.h"
#include "kv/common.h"
#include "kv/describe.h"
#include "kv/walk.h"

static Datum
text_or_null(const char *text, bool *isnull)
{
	*isnull = text == NULL;
	return text ? CStringGetTextDatum(text) : (Datum) 0;
}

static Datum
time_or_null(TimestampTz time, bool *isnull)
{
	*isnull = time == NEVER;
	return TimestampTzGetDatum(time);
}

void
describe_secret(const Secret *secret, Datum *values, bool *nulls)
{
	TimestampTz last_read = 0;
	int			i = 0;

	memset(nulls, false, sizeof(bool) * LIST_COLUMNS);
	values[i++] = UUIDPGetDatum(&secret->id);
	values[i++] = CStringGetTextDatum(secret->name);
	values[i++] = CStringGetTextDatum(secret->kind);
	values[i] = text_or_null(secret->description, &nulls[i]), i++;
	nulls[i] = secret->tags == NULL;
	values[i++] = PointerGetDatum(secret->tags);
	values[i] = text_or_null(secret->content_type, &nulls[i]), i++;
	nulls[i] = secret->current_version == NO_VERSION;
	values[i++] = Int64GetDatum(secret->current_version);
	values[i++] = TimestampTzGetDatum(secret->created_at);
	values[i++] = TimestampTzGetDatum(secret->changed_at);
	nulls[i] = !audit_last_read(&secret->id, &last_read);
	values[i++] = TimestampTzGetDatum(last_read);
	values[i] = time_or_null(secret->expires_at, &nulls[i]), i++;
	values[i++] = BoolGetDatum(secret->disabled);
	values[i] = time_or_null(kv_watcher.next_rotation ? kv_watcher.next_rotation(secret) : NEVER, &nulls[i]), i++;
	Assert(i == LIST_COLUMNS);
}

void
describe_deleted(const Secret *secret, Datum *values, bool *nulls)
{
	memset(nulls, false, sizeof(bool) * DELETED_COLUMNS);
	values[0] = UUIDPGetDatum(&secret->id);
	values[1] = CStringGetTextDatum(secret->name);
	values[2] = time_or_null(secret->deleted_at, &nulls[2]);
	values[3] = time_or_null(secret->purge_after, &nulls[3]);
	values[4] = text_or_null(secret->deleted_by, &nulls[4]);
}

/* The stages that point at a version: current, previous, then the others in their order. */
static Datum
stages_of(const VersionsOf *all, int64 version)
{
	Datum	   *names = palloc(sizeof(Datum) * (Size) (all->nstages + 2));
	int			n = 0;

	if (all->secret.current_version == version)
		names[n++] = CStringGetTextDatum("current");
	if (all->secret.previous_version == version)
		names[n++] = CStringGetTextDatum("previous");
	for (int i = 0; i < all->nstages; i++)
		if (all->stages[i].version == version)
			names[n++] = CStringGetTextDatum(all->stages[i].stage);
	return PointerGetDatum(construct_array(names, n, TEXTOID, -1, false, TYPALIGN_INT));
}

void
describe_version(const VersionsOf *all, int i, Datum *values, bool *nulls)
{
	const VersionSummary *version = &all->versions[i];

	memset(nulls, false, sizeof(bool) * VERSIONS_COLUMNS);
	values[0] = UUIDPGetDatum(&all->secret.id);
	values[1] = CStringGetTextDatum(all->secret.name);
	values[2] = Int64GetDatum(version->version);
	values[3] = stages_of(all, version->version);
	values[4] = CStringGetTextDatum(version->destroyed ? "destroyed" : version->disabled ? "disabled" : "enabled");
	values[5] = TimestampTzGetDatum(version->created_at);
	values[6] = text_or_null(version->created_by, &nulls[6]);
	values[7] = Int32GetDatum(version->size);
	nulls[7] = version->destroyed;
	values[8] = text_or_null(version->public_half, &nulls[8]);
}

void
kv_list(const char *pattern, const char *after, int max_rows,
		void (*emit) (Datum *values, bool *nulls, void *arg), void *arg)
{
	MemoryContext row = AllocSetContextCreate(CurrentMemoryContext, "row of a list", ALLOCSET_DEFAULT_SIZES);
	WalkRequest request = {.privilege = PRIV_LIST,.pattern = pattern};
	MemoryContext before;
	Walk	   *walk;
	Secret		secret;

	check_pattern(pattern);
	if (max_rows < 1)
		REFUSE(ERRCODE_INVALID_PARAMETER_VALUE, errmsg("max_rows must be positive"));
	gate_record_listing(pattern);
	request.within = after ? names_in((NameRange) {.from = after,.after_from = true}) : all_names();
	request.snapshot = catalog_snapshot();
	walk = walk_begin(&request);
	before = MemoryContextSwitchTo(row);
	while (max_rows-- > 0 && walk_next(walk, &secret))
	{
		Datum		values[LIST_COLUMNS] = {0};
		bool		nulls[LIST_COLUMNS];

		describe_secret(&secret, values, nulls);
		emit(values, nulls, arg);
		MemoryContextReset(row);
	}
	MemoryContextSwitchTo(before);
	walk_end(walk);
	UnregisterSnapshot(request.snapshot);
	MemoryContextDelete(row);
}

void
kv_describe(const char *name, Datum *values, bool *nulls)
{
	Snapshot	snapshot;
	Secret	   *secret = palloc(sizeof(Secret));
	GatePass	pass;
	bool		found;

	check_name(name);
	pass = gate_require(PRIV_LIST, name);
	snapshot = catalog_snapshot();
	found = store_find(name, snapshot, secret);
	UnregisterSnapshot(snapshot);
	if (!found)
	{
		gate_record_failure(&pass, NULL, 0, "no such secret");
		refuse_no_secret();
	}
	gate_record(&pass, &secret->id, 0);
	describe_secret(secret, values, nulls);
}
