/*
 * audit/lastread.c: when each secret was read last.
 *
 * The log could tell, if it had an index for it, which would cost each read more
 * than all the rest.  So the worker, which sees every read, remembers the last of
 * each secret and writes those down once a second: however often a secret is
 * read, it is one update a second.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "storage/lmgr.h"
#include "utils/array.h"
#include "utils/fmgroids.h"
#include "utils/hsearch.h"
#include "utils/timestamp.h"

#include "audit/internal.h"
#include "base/compat.h"

#define AT_ONCE		2000
#define MOST_NOTED	200000		/* beyond, the reads of yet other secrets wait for their next one */

typedef struct Note
{
	pg_uuid_t	id;
	TimestampTz at;
	bool		taken;			/* is being written */
} Note;

static HTAB *notes = NULL;

static void
make_notes(void)
{
	HASHCTL		control = {.keysize = sizeof(pg_uuid_t),.entrysize = sizeof(Note)};

	notes = hash_create("secrets, last reads", 1024, &control, HASH_ELEM | HASH_BLOBS);
}

void
lastread_note(const pg_uuid_t *id, TimestampTz at)
{
	Note	   *note;
	bool		found;

	if (notes == NULL)
		make_notes();
	note = hash_search(notes, id, hash_get_num_entries(notes) < MOST_NOTED ? HASH_ENTER : HASH_FIND, &found);
	if (note == NULL || (found && note->at >= at))
		return;
	note->at = at;
	note->taken = false;
}

bool
lastread_is_due(void)
{
	return notes && hash_get_num_entries(notes) > 0;
}

static int
take(Datum *ids, Datum *times)
{
	HASH_SEQ_STATUS all;
	Note	   *note;
	int			n = 0;

	hash_seq_init(&all, notes);
	while ((note = hash_seq_search(&all)) != NULL)
	{
		note->taken = n < AT_ONCE;
		if (!note->taken)
			continue;
		ids[n] = UUIDPGetDatum(&note->id);
		times[n++] = TimestampTzGetDatum(note->at);
	}
	return n;
}

/* In the order of ids, as everybody who writes several rows should.  Who locks this table does not stop the log. */
bool
lastread_write(void)
{
	static Statement statement = STATEMENT(
		"INSERT INTO secrets_catalog.last_read AS l SELECT u.id, u.at FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2)) AS u(id, at) "
		"WHERE EXISTS (SELECT FROM secrets_catalog.secret s WHERE s.id" EQ "u.id) "
		"ORDER BY u.id USING OPERATOR(pg_catalog.<) ON CONFLICT ON CONSTRAINT last_read_pkey "
		"DO UPDATE SET at = excluded.at WHERE l.at OPERATOR(pg_catalog.<) excluded.at",
		2, {UUIDARRAYOID, TIMESTAMPTZARRAYOID});
	Datum	   *ids = palloc(sizeof(Datum) * AT_ONCE);
	Datum	   *times = palloc(sizeof(Datum) * AT_ONCE);
	int			n;
	Datum		values[2];

	if (!ConditionalLockRelationOid(catalog_oid(CATALOG_LAST_READ), RowExclusiveLock))
		return false;
	n = take(ids, times);
	values[0] = PointerGetDatum(construct_array(ids, n, UUIDOID, UUID_LEN, false, TYPALIGN_CHAR));
	values[1] = PointerGetDatum(construct_array(times, n, TIMESTAMPTZOID, sizeof(TimestampTz), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	SPI_connect();
	statement_run(&statement, values, NULL, 0);
	SPI_finish();
	return true;
}

/* What was read again meanwhile is not taken any more, and stays. */
void
lastread_written(void)
{
	HASH_SEQ_STATUS all;
	Note	   *note;

	hash_seq_init(&all, notes);
	while ((note = hash_seq_search(&all)) != NULL)
		if (note->taken)
			(void) hash_search(notes, &note->id, HASH_REMOVE, NULL);
}

bool
audit_last_read(const pg_uuid_t *id, TimestampTz *at)
{
	Relation	rel = catalog_open(CATALOG_LAST_READ);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	bool		isnull = true;

	ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_UUID_EQ, UUIDPGetDatum(id));
	scan = systable_beginscan(rel, catalog_oid(CATALOG_LAST_READ_PKEY), true, NULL, 1, &key);
	if (HeapTupleIsValid(tuple = systable_getnext(scan)))
		*at = DatumGetTimestampTz(heap_getattr(tuple, 2, RelationGetDescr(rel), &isnull));
	systable_endscan(scan);
	table_close(rel, NoLock);
	return !isnull;
}
