/*
 * rotation/look.c: what there is to be seen of schedules.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "base/catalog.h"
#include "base/uncounted.h"
#include "gate/gate.h"
#include "kv/kv.h"
#include "policy/role.h"
#include "rotation/rotation.h"
#include "rotation/row.h"
#include "rotation/span.h"

typedef struct Shown
{
	Secret		secret;
	const Rotation *rotation;
} Shown;

static int
by_name(const ListCell *a, const ListCell *b)
{
	return strcmp(((Shown *) lfirst(a))->secret.name, ((Shown *) lfirst(b))->secret.name);
}

static bool
is_overdue(const Rotation *rotation)
{
	TimestampTz now = GetCurrentTimestamp();

	return (rotation->due_at != NEVER && rotation->due_at < now) || (rotation->next_at != NEVER && rotation->next_at < now);
}

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

/* As they are called now; who is gone, as he was. */
static const char *
scheduler_name(const Rotation *rotation)
{
	char	   *name = GetUserNameFromId(role_of_tag(rotation->scheduled_tag, get_role_oid(rotation->scheduled_by, true)), true);

	return name ? name : rotation->scheduled_by;
}

static void
describe(const Shown *shown, Datum *values, bool *nulls)
{
	const Rotation *rotation = shown->rotation;

	memset(nulls, false, sizeof(bool) * ROTATIONS_COLUMNS);
	values[0] = UUIDPGetDatum(&shown->secret.id);
	values[1] = CStringGetTextDatum(shown->secret.name);
	values[2] = CStringGetTextDatum(rotation->schedule);
	values[3] = CStringGetTextDatum(rotation->rotator);
	values[4] = time_or_null(rotation->next_at, &nulls[4]);
	values[5] = time_or_null(rotation->last_at, &nulls[5]);
	values[6] = text_or_null(rotation->last_status, &nulls[6]);
	values[7] = Int32GetDatum(rotation->failures);
	values[8] = text_or_null(rotation->last_error, &nulls[8]);
	values[9] = CStringGetTextDatum(rotation_is_foreign(rotation) ? "foreign" : "active");
	values[10] = time_or_null(rotation->due_at, &nulls[10]);
	values[11] = CStringGetTextDatum(scheduler_name(rotation));
}

/* What is looked at and not shown is in no counter: how many there are is nobody's business. */
static List *
find_shown(Snapshot snapshot, bool only_overdue)
{
	Relation	secrets = catalog_open(CATALOG_SECRET);
	Relation	index = index_open(catalog_oid(CATALOG_SECRET_PKEY), AccessShareLock);
	List	   *all = NIL;
	Counters	of_table;
	Counters	of_index;
	ListCell   *cell;

	counters_remember(&of_table, secrets);
	counters_remember(&of_index, index);
	foreach(cell, rotation_list(snapshot))
	{
		Rotation   *rotation = lfirst(cell);
		Shown	   *shown;

		if (only_overdue && (rotation_is_foreign(rotation) || !is_overdue(rotation)))
			continue;
		shown = palloc(sizeof(Shown));
		shown->rotation = rotation;
		if (store_find_by_id(&rotation->secret_id, snapshot, &shown->secret) && shown->secret.deleted_at == NEVER
			&& gate_allows(PRIV_LIST, shown->secret.name, NULL))
			all = lappend(all, shown);
	}
	list_sort(all, by_name);
	counters_put_back(&of_index);
	counters_put_back(&of_table);
	index_close(index, NoLock);
	table_close(secrets, NoLock);
	return all;
}

void
rotation_show(bool only_overdue, rotation_emitter emit, void *arg)
{
	Snapshot	snapshot;
	List	   *shown;
	ListCell   *cell;

	gate_record_listing("**");
	if (gate_scope(PRIV_LIST)->n == 0)
		return;
	snapshot = catalog_snapshot();
	shown = find_shown(snapshot, only_overdue);
	UnregisterSnapshot(snapshot);
	foreach(cell, shown)
	{
		Datum		values[ROTATIONS_COLUMNS];
		bool		nulls[ROTATIONS_COLUMNS];

		describe(lfirst(cell), values, nulls);
		emit(values, nulls, arg);
	}
}

/* ---- ends ---- */

#define COLUMN_EXPIRES_AT 10	/* of secrets.secrets, counted from 0 */

typedef struct Expiring
{
	TimestampTz until;
	rotation_emitter emit;
	void	   *arg;
} Expiring;

static void
emit_if_expiring(Datum *values, bool *nulls, void *arg)
{
	Expiring   *expiring = arg;

	if (!nulls[COLUMN_EXPIRES_AT] && DatumGetTimestampTz(values[COLUMN_EXPIRES_AT]) <= expiring->until)
		expiring->emit(values, nulls, expiring->arg);
}

void
rotation_show_expiring(const Interval *within, rotation_emitter emit, void *arg)
{
	Expiring	expiring = {.until = GetCurrentTimestamp() + span_of(within, "within"),.emit = emit,.arg = arg};

	kv_list("**", NULL, INT_MAX, emit_if_expiring, &expiring);
}
