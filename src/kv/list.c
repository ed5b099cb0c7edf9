/*
 * kv/list.c: what there is, without values.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "base/catalog.h"
#include "base/refuse.h"
#include "kv/common.h"

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

/* One row of the view secrets.secrets. */
static void
describe(const Secret *secret, Datum *values, bool *nulls)
{
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
	nulls[i++] = true;			/* last_read_at: with the audit */
	values[i] = time_or_null(secret->expires_at, &nulls[i]), i++;
	values[i++] = BoolGetDatum(secret->disabled);
	nulls[i++] = true;			/* next_rotation_at: with rotation */
	Assert(i == LIST_COLUMNS);
}

typedef struct Listing
{
	int			left;
	void		(*emit) (Datum *values, bool *nulls, void *arg);
	void	   *arg;
} Listing;

static bool
list_one(const Secret *secret, void *arg)
{
	Listing    *listing = arg;
	Datum		values[LIST_COLUMNS] = {0};
	bool		nulls[LIST_COLUMNS];

	if (!gate_allows(PRIV_LIST, secret->name, NULL))
		return true;
	describe(secret, values, nulls);
	listing->emit(values, nulls, listing->arg);
	return --listing->left > 0;
}

void
kv_list(const char *pattern, const char *after, int max_rows,
		void (*emit) (Datum *values, bool *nulls, void *arg), void *arg)
{
	Listing		listing = {max_rows, emit, arg};
	Snapshot	snapshot;

	check_pattern(pattern);
	if (max_rows < 1)
		REFUSE(ERRCODE_INVALID_PARAMETER_VALUE, errmsg("max_rows must be positive"));
	snapshot = catalog_snapshot();
	store_scan(pattern, after, snapshot, list_one, &listing);
	UnregisterSnapshot(snapshot);
}

void
kv_describe(const char *name, Datum *values, bool *nulls)
{
	Snapshot	snapshot;
	Secret	   *secret = palloc(sizeof(Secret));
	bool		found;

	check_name(name);
	(void) gate_require(PRIV_LIST, name);
	snapshot = catalog_snapshot();
	found = store_find(name, snapshot, secret);
	UnregisterSnapshot(snapshot);
	if (!found)
		refuse_no_secret();
	describe(secret, values, nulls);
}
