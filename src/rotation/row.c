/*
 * rotation/row.c
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xlog.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "base/catalog.h"
#include "base/compat.h"
#include "base/uncounted.h"
#include "rotation/row.h"

enum
{
	ROTATION_SECRET_ID = 1, ROTATION_SCHEDULE, ROTATION_TIMEZONE, ROTATION_START_WITHIN, ROTATION_JITTER,
	ROTATION_ROTATOR, ROTATION_OPTIONS, ROTATION_DUE_AT, ROTATION_NEXT_AT, ROTATION_COUNTED_AT, ROTATION_LAST_AT,
	ROTATION_LAST_STATUS, ROTATION_FAILURES, ROTATION_LAST_ERROR, ROTATION_PENDING_VERSION,
	ROTATION_TERMINATE_AT, ROTATION_TERMINATE_BEFORE, ROTATION_TERMINATE_ROLE, ROTATION_SCHEDULED_BY, ROTATION_SCHEDULED_TAG,
	ROTATION_ROLES, ROTATION_ROLE_TAGS, ROTATION_SYSTEM_IDENTIFIER, ROTATION_DATABASE_OID,
	ROTATION_COLUMNS = ROTATION_DATABASE_OID
};

typedef struct Row
{
	Datum		values[ROTATION_COLUMNS];
	bool		nulls[ROTATION_COLUMNS];
} Row;

/* ---- from rows ---- */

static char *
get_text(const Row *row, int column)
{
	return row->nulls[column - 1] ? NULL : TextDatumGetCString(row->values[column - 1]);
}

static TimestampTz
get_time(const Row *row, int column)
{
	return row->nulls[column - 1] ? NEVER : DatumGetTimestampTz(row->values[column - 1]);
}

static List *
get_texts(const Row *row, int column)
{
	List	   *texts = NIL;
	Datum	   *elements;
	bool	   *nulls;
	int			n;

	if (row->nulls[column - 1])
		return NIL;
	deconstruct_array(DatumGetArrayTypeP(row->values[column - 1]), TEXTOID, -1, false, TYPALIGN_INT, &elements, &nulls, &n);
	for (int i = 0; i < n; i++)
		texts = lappend(texts, nulls[i] ? pstrdup("") : TextDatumGetCString(elements[i]));
	return texts;
}

static void
decode(HeapTuple tuple, TupleDesc desc, Rotation *rotation)
{
	Row			row;

	if (desc->natts != ROTATION_COLUMNS)
		elog(ERROR, "the catalog of rotations has other columns than this library knows");
	heap_deform_tuple(tuple, desc, row.values, row.nulls);
	*rotation = (Rotation) {
		.secret_id = *DatumGetUUIDP(row.values[ROTATION_SECRET_ID - 1]),
		.schedule = get_text(&row, ROTATION_SCHEDULE),
		.timezone = get_text(&row, ROTATION_TIMEZONE),
		.window = get_text(&row, ROTATION_START_WITHIN),
		.jitter = get_text(&row, ROTATION_JITTER),
		.rotator = get_text(&row, ROTATION_ROTATOR),
		.options = PG_DETOAST_DATUM_COPY(row.values[ROTATION_OPTIONS - 1]),
		.due_at = get_time(&row, ROTATION_DUE_AT),
		.next_at = get_time(&row, ROTATION_NEXT_AT),
		.counted_at = get_time(&row, ROTATION_COUNTED_AT),
		.last_at = get_time(&row, ROTATION_LAST_AT),
		.last_status = get_text(&row, ROTATION_LAST_STATUS),
		.failures = DatumGetInt32(row.values[ROTATION_FAILURES - 1]),
		.last_error = get_text(&row, ROTATION_LAST_ERROR),
		.pending_version = row.nulls[ROTATION_PENDING_VERSION - 1] ? NO_VERSION : DatumGetInt64(row.values[ROTATION_PENDING_VERSION - 1]),
		.terminate_at = get_time(&row, ROTATION_TERMINATE_AT),
		.terminate_before = get_time(&row, ROTATION_TERMINATE_BEFORE),
		.terminate_role = get_text(&row, ROTATION_TERMINATE_ROLE),
		.scheduled_by = get_text(&row, ROTATION_SCHEDULED_BY),
		.scheduled_tag = get_text(&row, ROTATION_SCHEDULED_TAG),
		.roles = get_texts(&row, ROTATION_ROLES),
		.role_tags = get_texts(&row, ROTATION_ROLE_TAGS),
		.system_identifier = DatumGetInt64(row.values[ROTATION_SYSTEM_IDENTIFIER - 1]),
		.database_oid = DatumGetObjectId(row.values[ROTATION_DATABASE_OID - 1]),
	};
}

/* What our looking up reads is in no counter: others' schedules are nobody's business. */
bool
rotation_find(const pg_uuid_t *secret_id, Rotation *rotation)
{
	Relation	rel = catalog_open(CATALOG_ROTATION);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	Counters	counters;
	bool		found;

	counters_remember(&counters, rel);
	ScanKeyInit(&key, ROTATION_SECRET_ID, BTEqualStrategyNumber, F_UUID_EQ, UUIDPGetDatum(secret_id));
	scan = systable_beginscan(rel, catalog_oid(CATALOG_ROTATION_PKEY), true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	found = HeapTupleIsValid(tuple);
	if (found)
		decode(tuple, RelationGetDescr(rel), rotation);
	systable_endscan(scan);
	counters_put_back(&counters);
	table_close(rel, NoLock);
	return found;
}

List *
rotation_list(Snapshot snapshot)
{
	Relation	rel = catalog_open(CATALOG_ROTATION);
	List	   *all = NIL;
	SysScanDesc scan;
	HeapTuple	tuple;
	Counters	counters;

	counters_remember(&counters, rel);
	scan = systable_beginscan(rel, InvalidOid, false, snapshot, 0, NULL);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Rotation   *rotation = palloc(sizeof(Rotation));

		decode(tuple, RelationGetDescr(rel), rotation);
		all = lappend(all, rotation);
	}
	systable_endscan(scan);
	counters_put_back(&counters);
	table_close(rel, NoLock);
	return all;
}

/* ---- to rows, as the owner of the catalogs ---- */

static Datum
texts_datum(List *texts, bool *isnull)
{
	Datum	   *elements = palloc(sizeof(Datum) * (Size) (list_length(texts) + 1));
	ListCell   *cell;
	int			n = 0;

	*isnull = texts == NIL;
	foreach(cell, texts)
		elements[n++] = CStringGetTextDatum((char *) lfirst(cell));
	return PointerGetDatum(construct_array(elements, n, TEXTOID, -1, false, TYPALIGN_INT));
}

static void
set(Row *row, int column, Datum value, bool isnull)
{
	row->values[column - 1] = value;
	row->nulls[column - 1] = isnull;
}

static void
set_text(Row *row, int column, const char *text)
{
	set(row, column, text ? CStringGetTextDatum(text) : (Datum) 0, text == NULL);
}

static void
set_time(Row *row, int column, TimestampTz time)
{
	set(row, column, TimestampTzGetDatum(time), time == NEVER);
}

static void
set_texts(Row *row, int column, List *texts)
{
	bool		isnull;
	Datum		value = texts_datum(texts, &isnull);

	set(row, column, value, isnull);
}

static void
encode(const Rotation *rotation, Row *row)
{
	set(row, ROTATION_SECRET_ID, UUIDPGetDatum(&rotation->secret_id), false);
	set_text(row, ROTATION_SCHEDULE, rotation->schedule);
	set_text(row, ROTATION_TIMEZONE, rotation->timezone);
	set_text(row, ROTATION_START_WITHIN, rotation->window);
	set_text(row, ROTATION_JITTER, rotation->jitter);
	set_text(row, ROTATION_ROTATOR, rotation->rotator);
	set(row, ROTATION_OPTIONS, PointerGetDatum(rotation->options), false);
	set_time(row, ROTATION_DUE_AT, rotation->due_at);
	set_time(row, ROTATION_NEXT_AT, rotation->next_at);
	set(row, ROTATION_COUNTED_AT, TimestampTzGetDatum(rotation->counted_at), false);
	set_time(row, ROTATION_LAST_AT, rotation->last_at);
	set_text(row, ROTATION_LAST_STATUS, rotation->last_status);
	set(row, ROTATION_FAILURES, Int32GetDatum(rotation->failures), false);
	set_text(row, ROTATION_LAST_ERROR, rotation->last_error);
	set(row, ROTATION_PENDING_VERSION, Int64GetDatum(rotation->pending_version), rotation->pending_version == NO_VERSION);
	set_time(row, ROTATION_TERMINATE_AT, rotation->terminate_at);
	set_time(row, ROTATION_TERMINATE_BEFORE, rotation->terminate_before);
	set_text(row, ROTATION_TERMINATE_ROLE, rotation->terminate_role);
	set_text(row, ROTATION_SCHEDULED_BY, rotation->scheduled_by);
	set_text(row, ROTATION_SCHEDULED_TAG, rotation->scheduled_tag);
	set_texts(row, ROTATION_ROLES, rotation->roles);
	set_texts(row, ROTATION_ROLE_TAGS, rotation->role_tags);
	set(row, ROTATION_SYSTEM_IDENTIFIER, Int64GetDatum(rotation->system_identifier), false);
	set(row, ROTATION_DATABASE_OID, ObjectIdGetDatum(rotation->database_oid), false);
}

/* Runs it, and hands over its rows in the caller's own memory; how many there were. */
typedef void (*row_taker) (HeapTuple tuple, TupleDesc desc, int i, void *arg);

static int
run(Statement *statement, Datum *values, const char *nulls, int max_rows, row_taker take, void *arg)
{
	MemoryContext mine = CurrentMemoryContext;
	Caller		caller = as_owner();
	int			n;

	SPI_connect();
	n = (int) statement_run(statement, values, nulls, max_rows);
	for (int i = 0; take && i < n; i++)
	{
		MemoryContext spi = MemoryContextSwitchTo(mine);

		take(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, i, arg);
		MemoryContextSwitchTo(spi);
	}
	SPI_finish();
	as_caller(caller);
	return n;
}

#define ROTATION_TYPES \
	{UUIDOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, JSONBOID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID, \
	 TIMESTAMPTZOID, TEXTOID, INT4OID, TEXTOID, INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID, TEXTOID, TEXTOID, TEXTOID, \
	 TEXTARRAYOID, TEXTARRAYOID, INT8OID, OIDOID}

static void
write_row(Statement *statement, const Rotation *rotation)
{
	char		nulls[ROTATION_COLUMNS];
	Row			row;

	encode(rotation, &row);
	for (int i = 0; i < ROTATION_COLUMNS; i++)
		nulls[i] = row.nulls[i] ? 'n' : ' ';
	run(statement, row.values, nulls, 0, NULL, NULL);
}

void
rotation_insert(const Rotation *rotation)
{
	static Statement statement = STATEMENT(
		"INSERT INTO secrets_catalog.rotation VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, "
		"$15, $16, $17, $18, $19, $20, $21, $22, $23, $24)", ROTATION_COLUMNS, ROTATION_TYPES);

	write_row(&statement, rotation);
}

void
rotation_update(const Rotation *rotation)
{
	static Statement statement = STATEMENT(
		"UPDATE secrets_catalog.rotation SET schedule = $2, timezone = $3, start_within = $4, jitter = $5, "
		"rotator = $6, options = $7, due_at = $8, next_at = $9, counted_at = $10, last_at = $11, last_status = $12, "
		"failures = $13, last_error = $14, pending_version = $15, terminate_at = $16, terminate_before = $17, "
		"terminate_role = $18, scheduled_by = $19, scheduled_tag = $20, roles = $21, role_tags = $22, "
		"system_identifier = $23, database_oid = $24 WHERE secret_id" EQ "$1", ROTATION_COLUMNS, ROTATION_TYPES);

	write_row(&statement, rotation);
}

void
rotation_delete(const pg_uuid_t *secret_id)
{
	static Statement statement = STATEMENT(
		"DELETE FROM secrets_catalog.rotation WHERE secret_id" EQ "$1", 1, {UUIDOID});
	Datum		values[] = {UUIDPGetDatum(secret_id)};

	run(&statement, values, NULL, 0, NULL, NULL);
}

static void
take_rotation(HeapTuple tuple, TupleDesc desc, int i, void *arg)
{
	decode(tuple, desc, arg);
}

bool
rotation_lock(const pg_uuid_t *secret_id, Rotation *rotation)
{
	static Statement statement = STATEMENT(
		"SELECT * FROM secrets_catalog.rotation WHERE secret_id" EQ "$1 FOR NO KEY UPDATE", 1, {UUIDOID});
	Datum		values[] = {UUIDPGetDatum(secret_id)};

	return run(&statement, values, NULL, 1, take_rotation, rotation) > 0;
}

/* ---- what there is to do ---- */

static void
take_due(HeapTuple tuple, TupleDesc desc, int i, void *arg)
{
	DueKey	   *keys = arg;
	bool		isnull;

	keys[i].next_at = DatumGetTimestampTz(SPI_getbinval(tuple, desc, 1, &isnull));
	keys[i].secret_id = *DatumGetUUIDP(SPI_getbinval(tuple, desc, 2, &isnull));
}

int
rotation_find_due(TimestampTz now, DueKey *at, DueKey *keys, int max_keys)
{
	static Statement statement = STATEMENT(
		"SELECT next_at, secret_id FROM secrets_catalog.rotation WHERE next_at" LE "$1 "
		"AND ROW(next_at, secret_id) OPERATOR(pg_catalog.>) ROW($2, $3) AND system_identifier" EQ "$4 AND database_oid" EQ "$5 "
		"ORDER BY next_at, secret_id",
		5, {TIMESTAMPTZOID, TIMESTAMPTZOID, UUIDOID, INT8OID, OIDOID});
	Datum		values[] = {
		TimestampTzGetDatum(now), TimestampTzGetDatum(at->next_at), UUIDPGetDatum(&at->secret_id),
		Int64GetDatum((int64) GetSystemIdentifier()), ObjectIdGetDatum(MyDatabaseId)
	};
	int			n = run(&statement, values, NULL, max_keys, take_due, keys);

	if (n > 0)
		*at = keys[n - 1];
	return n;
}

static void
take_id(HeapTuple tuple, TupleDesc desc, int i, void *arg)
{
	pg_uuid_t  *ids = arg;
	bool		isnull;

	ids[i] = *DatumGetUUIDP(SPI_getbinval(tuple, desc, 1, &isnull));
}

int
rotation_find_misdated(TimestampTz now, pg_uuid_t *ids, int max_ids)
{
	static Statement statement = STATEMENT(
		"SELECT secret_id FROM secrets_catalog.rotation WHERE counted_at OPERATOR(pg_catalog.>) $1", 1, {TIMESTAMPTZOID});
	Datum		values[] = {TimestampTzGetDatum(now)};

	statement.reads_all = true;
	return run(&statement, values, NULL, max_ids, take_id, ids);
}

int
rotation_find_ending(TimestampTz now, pg_uuid_t *ids, int max_ids)
{
	static Statement statement = STATEMENT(
		"SELECT secret_id FROM secrets_catalog.rotation WHERE terminate_at IS NOT NULL "
		"AND (terminate_at" LE "$1 OR terminate_before IS NULL)", 1, {TIMESTAMPTZOID});
	Datum		values[] = {TimestampTzGetDatum(now)};

	return run(&statement, values, NULL, max_ids, take_id, ids);
}

bool
rotation_has_marked(TimestampTz now)
{
	static Statement statement = STATEMENT(
		"SELECT secret_id FROM secrets_catalog.rotation r WHERE next_at" LE "$1 AND last_status" EQ "'pending' "
		"AND system_identifier" EQ "$2 AND database_oid" EQ "$3 "
		"AND EXISTS (SELECT FROM secrets_catalog.secret s WHERE s.id" EQ "r.secret_id AND s.deleted_at IS NULL)",
		3, {TIMESTAMPTZOID, INT8OID, OIDOID});
	Datum		values[] = {
		TimestampTzGetDatum(now), Int64GetDatum((int64) GetSystemIdentifier()), ObjectIdGetDatum(MyDatabaseId)
	};

	return run(&statement, values, NULL, 1, NULL, NULL) > 0;
}

static bool
have_common(List *some, List *others)
{
	ListCell   *one;
	ListCell   *other;

	foreach(one, some)
		foreach(other, others)
			if (strcmp(lfirst(one), lfirst(other)) == 0)
				return true;
	return false;
}

/* Few have any of them: no other column is looked at before. */
static bool
names_one_of(HeapTuple tuple, TupleDesc desc, List *role_tags)
{
	Row			row;

	row.values[ROTATION_ROLE_TAGS - 1] = heap_getattr(tuple, ROTATION_ROLE_TAGS, desc, &row.nulls[ROTATION_ROLE_TAGS - 1]);
	return have_common(role_tags, get_texts(&row, ROTATION_ROLE_TAGS));
}

static bool
is_alive_elsewhere(HeapTuple tuple, TupleDesc desc, Snapshot snapshot, const pg_uuid_t *secret_id)
{
	Rotation	rotation;
	Secret		secret;

	decode(tuple, desc, &rotation);
	return memcmp(secret_id, &rotation.secret_id, UUID_LEN) != 0 && !rotation_is_foreign(&rotation)
		&& store_find_by_id(&rotation.secret_id, snapshot, &secret) && secret.deleted_at == NEVER;
}

/* What is committed by now, however old the transaction's own snapshot is. */
bool
rotation_has_other(const pg_uuid_t *secret_id, List *role_tags)
{
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "secrets, roles of schedules", ALLOCSET_DEFAULT_SIZES);
	MemoryContext before = MemoryContextSwitchTo(scratch);
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	Relation	rel = catalog_open(CATALOG_ROTATION);
	SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, snapshot, 0, NULL);
	bool		found = false;
	HeapTuple	tuple;

	while (!found && HeapTupleIsValid(tuple = systable_getnext(scan)))
		found = names_one_of(tuple, RelationGetDescr(rel), role_tags)
			&& is_alive_elsewhere(tuple, RelationGetDescr(rel), snapshot, secret_id);
	systable_endscan(scan);
	table_close(rel, NoLock);
	UnregisterSnapshot(snapshot);
	MemoryContextSwitchTo(before);
	MemoryContextDelete(scratch);
	return found;
}

void
rotation_delete_of_deleted(List *role_tags)
{
	static Statement statement = STATEMENT(
		"DELETE FROM secrets_catalog.rotation r WHERE role_tags OPERATOR(pg_catalog.&&) $1 "
		"AND EXISTS (SELECT FROM secrets_catalog.secret s WHERE s.id" EQ "r.secret_id AND s.deleted_at IS NOT NULL)",
		1, {TEXTARRAYOID});
	bool		isnull;
	Datum		values[] = {texts_datum(role_tags, &isnull)};

	statement.reads_all = true;
	run(&statement, values, NULL, 0, NULL, NULL);
}

/* ---- whose it is ---- */

bool
rotation_is_foreign(const Rotation *rotation)
{
	return rotation->system_identifier != (int64) GetSystemIdentifier() || rotation->database_oid != MyDatabaseId;
}

void
rotation_make_native(Rotation *rotation)
{
	rotation->system_identifier = (int64) GetSystemIdentifier();
	rotation->database_oid = MyDatabaseId;
}
