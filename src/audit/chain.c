/*
 * audit/chain.c: the worker's memory of where the log ends, and its going on.
 *
 * The parent of a new digest is the head that the worker remembers, not the
 * newest in the table: who cuts the table's end while the server runs leaves a
 * gap for ever.  Only where nothing is remembered (the server has just started)
 * the table is believed, as far as its MACs hold.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "access/transam.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "audit/internal.h"
#include "base/compat.h"
#include "base/refuse.h"

#define MOST_LINES		50000	/* in one transaction: each is a flush */

typedef struct Link
{
	int64		number;			/* 0: the log has not begun */
	uint8		head[HASH_LEN];
	int64		through;		/* lines of digests up to this one are gone */
	uint64		queue_at;		/* up to where the queue has been written */
	char	   *snapshot;		/* what of the changes is covered; in TopMemoryContext */
} Link;

static bool loaded = false;
static Oid	extension = InvalidOid; /* whose log it is: one that was dropped and made again has another */
static Link last;				/* committed */
static Link next;				/* what the transaction that is under way makes of it */

static void
set_snapshot(Link *link, const char *snapshot)
{
	char	   *copy = MemoryContextStrdup(TopMemoryContext, snapshot);

	if (link->snapshot)
		pfree(link->snapshot);
	link->snapshot = copy;
}

static void
copy_link(Link *to, const Link *from)
{
	char	   *snapshot = to->snapshot;

	*to = *from;
	to->snapshot = snapshot;
	set_snapshot(to, from->snapshot ? from->snapshot : "");
}

void
chain_forget(void)
{
	loaded = false;
	origin_forget();
}

bool
chain_is_loaded(void)
{
	return loaded && extension == get_extension_oid("secrets", true);
}

void
chain_committed(Queue *queue)
{
	copy_link(&last, &next);
	if (last.number != 0)
		queue_set_head(queue, extension, last.number, last.head);
	if (last.queue_at > queue_done(queue))
		queue_take(queue, last.queue_at);
}

/* Writes it as the next link, signed. */
static void
append(const AuditKey *key, AuditDigest *digest)
{
	if (digest->nparents == 0 && next.number != 0)
	{
		digest->parents = next.head;
		digest->nparents = 1;
	}
	digest->queue_at = (int64) next.queue_at;
	digest->through = next.through;
	digest->snapshot = next.snapshot;
	digest_write(key, digest);
	next.number = digest->number;
	memcpy(next.head, digest->head, HASH_LEN);
}

/* ---- the hash over lines ---- */

static Hash *
begin_lines(void)
{
	static Hash *hash = NULL;

	if (hash == NULL)
		hash = hash_new();
	if (hash == NULL || !hash_begin(hash))
		refuse_crypto();
	return hash;
}

static void
add_leaf(Hash *hash, const uint8 leaf[HASH_LEN])
{
	if (!hash_add(hash, leaf, HASH_LEN))
		refuse_crypto();
}

static void
end_lines(Hash *hash, AuditDigest *digest)
{
	if (!hash_end(hash, digest->hash))
		refuse_crypto();
}

/* ---- changes ---- */

static char *
current_snapshot(void)
{
	static Statement statement = STATEMENT("SELECT pg_catalog.txid_current_snapshot()::pg_catalog.text", 0, {0});

	statement_run(&statement, NULL, NULL, 1);
	return SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
}

/* "xmin:xmax:xip,xip" */
static int64
snapshot_xmax(const char *snapshot)
{
	return strtoll(strchr(snapshot, ':') + 1, NULL, 10);
}

typedef struct Covered
{
	int64	   *events;
	int			n;
	int			room;
	int			unsigned_lines;
	Hash	   *hash;
} Covered;

static void
cover_row(HeapTuple tuple, TupleDesc desc, Covered *covered)
{
	StringInfoData bytes;
	AuditRow	row;
	uint8		leaf[HASH_LEN];

	row_decode(tuple, desc, &row);
	initStringInfo(&bytes);
	row_append_bytes(&row, &bytes);
	audit_leaf(&bytes, leaf);
	pfree(bytes.data);
	add_leaf(covered->hash, leaf);
	if (covered->n == covered->room)
	{
		covered->room *= 2;
		covered->events = repalloc_huge(covered->events, sizeof(int64) * (Size) covered->room);
	}
	covered->events[covered->n++] = row.event_id;
	covered->unsigned_lines += !row.has_mac;
}

/* Some at a time: one transaction may have made a million. */
#define PIECE_OF_LINES 1000

static void
cover_rows(Statement *statement, Datum *values, Covered *covered)
{
	MemoryContext each = AllocSetContextCreate(CurrentMemoryContext, "secrets audit, some lines", ALLOCSET_DEFAULT_SIZES);
	Portal		portal = statement_open(statement, values);

	covered->room = 64;
	covered->events = palloc(sizeof(int64) * (Size) covered->room);
	do
	{
		MemoryContext before;

		SPI_cursor_fetch(portal, true, PIECE_OF_LINES);
		before = MemoryContextSwitchTo(each);
		for (uint64 i = 0; i < SPI_processed; i++)
			cover_row(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, covered);
		MemoryContextSwitchTo(before);
		MemoryContextReset(each);
		SPI_freetuptable(SPI_tuptable);
	} while (SPI_processed > 0);
	SPI_cursor_close(portal);
	MemoryContextDelete(each);
}

static int64
next_txid(void)
{
	return (int64) U64FromFullTransactionId(ReadNextFullTransactionId());
}

/* When this database became what it is.  Lines from before were restored, and their txids are another cluster's. */
static TimestampTz
home_since(void)
{
	Relation	rel = catalog_open(CATALOG_HOME);
	SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	HeapTuple	tuple = systable_getnext(scan);
	bool		isnull = true;
	TimestampTz since = 0;

	if (HeapTupleIsValid(tuple))
		since = DatumGetTimestampTz(heap_getattr(tuple, 1, RelationGetDescr(rel), &isnull));
	systable_endscan(scan);
	table_close(rel, NoLock);
	return isnull ? 0 : since;
}

/* Those of transactions that ended since the snapshot; every one that no digest names, where there is none. */
static void
cover_since(const char *snapshot, Covered *covered)
{
	static Statement fresh = STATEMENT(
		"SELECT e.* FROM secrets_catalog.audit_event e WHERE e.batch IS NULL AND NOT EXISTS "
		"(SELECT FROM (SELECT pg_catalog.unnest(d.events) AS event_id FROM secrets_catalog.audit_digest d "
		"WHERE d.events IS NOT NULL) n WHERE n.event_id" EQ "e.event_id) "
		"ORDER BY e.event_id USING OPERATOR(pg_catalog.<)", 0, {0});
	static Statement ended = STATEMENT(
		"SELECT c.* FROM (SELECT e.* FROM secrets_catalog.audit_event e WHERE e.batch IS NULL "
		"AND e.txid OPERATOR(pg_catalog.>=) $1 AND e.txid OPERATOR(pg_catalog.<) $3 "
		"UNION ALL SELECT e.* FROM secrets_catalog.audit_event e WHERE e.batch IS NULL AND e.txid OPERATOR(pg_catalog.=) ANY "
		"(ARRAY(SELECT pg_catalog.txid_snapshot_xip($2::pg_catalog.txid_snapshot)))) c "
		"WHERE c.event_id OPERATOR(pg_catalog.>=) $4 ORDER BY c.event_id USING OPERATOR(pg_catalog.<)",
		4, {INT8OID, TEXTOID, INT8OID, INT8OID});
	Datum		values[4];

	if (snapshot[0] == '\0')
	{
		fresh.reads_all = true;
		cover_rows(&fresh, NULL, covered);
		return;
	}
	values[0] = Int64GetDatum(snapshot_xmax(snapshot));
	values[1] = CStringGetTextDatum(snapshot);
	values[2] = Int64GetDatum(next_txid());
	values[3] = Int64GetDatum(home_since());
	cover_rows(&ended, values, covered);
}

/*
 * Finds them under one snapshot, which becomes what is covered.  Without a line
 * nothing is written, unless the digest is one that opens the log here.
 */
static bool
cover(Queue *queue, DigestKind kind, const AuditKey *key, const uint8 *parents, int nparents)
{
	Covered		covered = {.hash = NULL};
	AuditDigest digest;
	char	   *snapshot;

	/* From now on, to the end of the transaction, one state. */
	SPI_connect();
	snapshot = current_snapshot();
	covered.hash = begin_lines();
	/* While a restore may be under way lines come in that others cover. */
	if (audit_has_home())
	{
		cover_since(next.snapshot, &covered);
		set_snapshot(&next, snapshot);
	}
	if (covered.n > 0 || kind == DIGEST_OPEN)
	{
		digest_begin(queue, kind, key, &digest);
		end_lines(covered.hash, &digest);
		digest.lines = digest.nevents = covered.n;
		digest.unsigned_lines = covered.unsigned_lines;
		digest.events = covered.events;
		digest.parents = parents;
		digest.nparents = nparents;
		append(key, &digest);
	}
	SPI_finish();
	return covered.n > 0;
}

bool
chain_cover_changes(Queue *queue, const AuditKey *key)
{
	copy_link(&next, &last);
	return cover(queue, DIGEST_CHANGES, key, NULL, 0);
}

bool
chain_has_open_changes(void)
{
	Relation	rel = catalog_open(CATALOG_AUDIT_EVENT);
	SnapshotData dirty;
	SysScanDesc scan;
	ScanKeyData keys[2];
	HeapTuple	tuple;
	bool		open = false;

	InitDirtySnapshot(dirty);
	ScanKeyInit(&keys[1], EVENT_TXID, BTLessStrategyNumber, F_INT8LT, Int64GetDatum(next_txid()));
	ScanKeyInit(&keys[0], EVENT_TXID, BTGreaterEqualStrategyNumber, F_INT8GE,
				Int64GetDatum(last.snapshot && last.snapshot[0] ? strtoll(last.snapshot, NULL, 10) : 0));
	scan = systable_beginscan(rel, catalog_oid(CATALOG_AUDIT_EVENT_CHANGE), true, &dirty, 2, keys);
	while (!open && HeapTupleIsValid(tuple = systable_getnext(scan)))
		open = TransactionIdIsValid(dirty.xmin);
	systable_endscan(scan);
	table_close(rel, NoLock);
	return open;
}

/* ---- where it goes on ---- */

static void
take_digest(Queue *queue, const AuditDigest *digest, Link *link)
{
	link->number = digest->number;
	link->through = digest->through;
	memcpy(link->head, digest->head, HASH_LEN);
	/* A copied database has its template's digests, of the same run but of another queue. */
	link->queue_at = digest->queue == queue_identity(queue) && digest_is_from_here(digest) ? (uint64) digest->queue_at : 0;
	set_snapshot(link, digest->snapshot);
}

/* The digest that opened the log here, and the newest of before it, unless it is its parent already. */
static bool
find_other_end(AuditDigest *other)
{
	AuditDigest opened;
	int64		below = next.number + 1;

	do
	{
		if (!digest_find_below(below, &opened))
			return false;
		below = opened.number;
	} while (opened.kind != DIGEST_OPEN || !digest_is_from_here(&opened));
	return digest_find_below(opened.number, other)
		&& !(opened.nparents > 0 && memcmp(opened.parents, other->head, HASH_LEN) == 0);
}

/*
 * Reads were recorded here while a restore was under way, before its own digests
 * were there perhaps: from its end on the log has both behind it.
 */
static void
join(Queue *queue, const AuditKey *key)
{
	AuditDigest other;
	uint8		parents[2 * HASH_LEN];
	int			nparents = 1;

	memcpy(parents, next.head, HASH_LEN);
	if (find_other_end(&other))
		memcpy(parents + HASH_LEN * nparents++, other.head, HASH_LEN);
	set_snapshot(&next, "");
	(void) cover(queue, DIGEST_OPEN, key, parents, nparents);
}

/* Not by the newest digest: of what is read while the first change is under way, that may be of after its beginning. */
static bool
is_joined(void)
{
	TimestampTz since = home_since();

	return since == 0 || digest_opened_since(since);
}

static bool
has_digest(int64 number, const uint8 head[HASH_LEN])
{
	AuditDigest digest;

	return digest_find(number, &digest) && memcmp(digest.head, head, HASH_LEN) == 0;
}

/*
 * A worker may have died between its commit and telling of it: then the table
 * is ahead of what is remembered.  Where it lacks that, or goes on with what was
 * written elsewhere, somebody has cut it or put another in its place.
 */
void
chain_load(Queue *queue, const AuditKey *key)
{
	AuditDigest newest;
	int64		number = 0;
	uint8		head[HASH_LEN];
	bool		found = digest_find_newest(&newest);
	bool		here = found && digest_is_from_here(&newest);
	bool		remembered;

	extension = get_extension_oid("secrets", true);
	remembered = queue_get_head(queue, extension, &number, head);
	memset(next.head, 0, HASH_LEN);
	next.number = next.through = 0;
	next.queue_at = queue_done(queue);
	set_snapshot(&next, "");
	if (found)
	{
		take_digest(queue, &newest, &next);
		queue_raise_id(queue, newest.number);
	}
	if (!here)
		set_snapshot(&next, "");
	next.queue_at = Max(next.queue_at, queue_done(queue));
	/* This was a standby a moment ago: what the primary wrote of our queue came back with its WAL. */
	next.queue_at = Max(next.queue_at, origin_find(queue_identity(queue)));
	if (remembered && !(here && has_digest(number, head)))
	{
		next.number = number;
		memcpy(next.head, head, HASH_LEN);
		set_snapshot(&next, "");
		here = true;
	}
	if (!here)
		(void) cover(queue, DIGEST_OPEN, key, NULL, 0);
	else if (found && !is_joined())
		join(queue, key);
	loaded = true;
}

/* ---- lines of the queue ---- */

static bool
write_line(const QueuedLine *line, size_t len, const AuditKey *key, AuditDigest *digest, Hash *hash, RowWriter *writer)
{
	AuditEvent	event;
	Datum		values[EVENT_COLUMNS];
	bool		nulls[EVENT_COLUMNS];
	uint8		leaf[HASH_LEN];

	if (!line_to_event(line, len, &event))
		return false;			/* torn: whoever wrote it died, and was given nothing */
	if (line->origin != 0 && !origin_advance(line->origin, (uint64) line->origin_at))
		return false;			/* sent again, because the answer was lost */
	event.batch = digest->number;
	event_seal(&event, key, values, nulls, leaf);
	add_leaf(hash, leaf);
	digest->lines++;
	rows_add(writer, values, nulls);
	if (event.action == ACTION_READ && event.outcome == OUTCOME_ALLOWED && event.has_id)
		lastread_note(&event.id, event.at);
	return true;
}

int
chain_write_lines(Queue *queue, const AuditKey *key)
{
	uint64		end = queue_end(queue);
	uint64		at;
	const QueuedLine *line;
	AuditDigest digest;
	size_t		len;
	RowWriter  *writer;
	MemoryContext each;
	Hash	   *hash;
	int			n = 0;

	copy_link(&next, &last);
	at = Max(next.queue_at, queue_done(queue));
	if (at >= end)
		return 0;
	digest_begin(queue, DIGEST_READS, key, &digest);
	writer = rows_open(CATALOG_AUDIT_EVENT);
	hash = begin_lines();
	each = AllocSetContextCreate(CurrentMemoryContext, "secrets audit, one line", ALLOCSET_DEFAULT_SIZES);
	for (; n < MOST_LINES && (line = queue_peek(queue, &at, end, &len)) != NULL; n++)
	{
		MemoryContext before = MemoryContextSwitchTo(each);

		(void) write_line(line, len, key, &digest, hash, writer);
		MemoryContextSwitchTo(before);
		MemoryContextReset(each);
	}
	MemoryContextDelete(each);
	rows_close(writer);
	origin_write(key);
	next.queue_at = at;
	end_lines(hash, &digest);
	if (digest.lines > 0)
		append(key, &digest);
	return n;
}

/* ---- what is old ---- */

#define PIECE 2048				/* blocks */
#define MOST_PLANTED 100		/* rows that are not ours, before it is put off */

static struct
{
	int64		through;		/* lines of digests up to this one go; 0: none */
	BlockNumber at;				/* up to where they are gone */
	BlockNumber end;
} pruning;

/*
 * The newest digest with lines that is older and that we wrote: the word of a
 * row that somebody planted is none.  0: there is none.  Numbers are
 * microseconds at heart, so the index finds it.
 */
static int64
find_old(TimestampTz before)
{
	static Statement statement = STATEMENT(
		"SELECT number FROM secrets_catalog.audit_digest WHERE number OPERATOR(pg_catalog.<) $1 "
		"AND lines OPERATOR(pg_catalog.>) 0 ORDER BY number USING OPERATOR(pg_catalog.>) LIMIT 1", 1, {INT8OID});
	AuditDigest digest;
	int64		below = before;

	for (int tries = 0; tries < MOST_PLANTED; tries++)
	{
		Datum		values[] = {Int64GetDatum(below)};
		bool		isnull;

		if (statement_run(&statement, values, NULL, 1) == 0)
			return 0;
		below = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
		if (digest_find(below, &digest))
			return below;
	}
	return 0;
}

/* That it was done, and for how long lines are kept. */
static void
record_pruning(int64 through, int64 seconds)
{
	AuditRecord record = {.action = ACTION_CONFIG,.outcome = OUTCOME_ALLOWED,.role = GetUserId(),.reason = "retention"};

	record.detail = psprintf("{\"through\": " INT64_FORMAT ", \"seconds\": " INT64_FORMAT "}", through, seconds);
	audit_set_via(VIA_SCHEDULER);
	audit_record_change(&record);
}

static BlockNumber
count_blocks(void)
{
	Relation	rel = catalog_open(CATALOG_AUDIT_EVENT);
	BlockNumber blocks = RelationGetNumberOfBlocks(rel);

	table_close(rel, NoLock);
	return blocks;
}

/* The digest first: from here on nobody misses the lines, whatever becomes of us. */
static void
begin_pruning(Queue *queue, const AuditKey *key, int64 seconds)
{
	AuditDigest digest;
	int64		through;
	Oid			types[] = {INT8OID};
	Datum		values[1];

	SPI_connect();
	through = find_old(GetCurrentTimestamp() - seconds * USECS_PER_SEC);
	SPI_finish();
	if (through <= next.through)
		return;
	next.through = through;
	digest_begin(queue, DIGEST_RETENTION, key, &digest);
	end_lines(begin_lines(), &digest);
	append(key, &digest);
	values[0] = Int64GetDatum(through);
	catalog_run_once("DELETE FROM secrets_catalog.audit_event e USING "
					 "(SELECT pg_catalog.unnest(d.events) AS event_id FROM secrets_catalog.audit_digest d "
					 "WHERE d.number" LE "$1) n WHERE e.batch IS NULL AND e.event_id" EQ "n.event_id",
					 lengthof(types), types, values);
	record_pruning(through, seconds);
	pruning.through = through;
	pruning.at = 0;
	pruning.end = count_blocks();
}

static Datum
tid_datum(BlockNumber block)
{
	ItemPointer tid = palloc(sizeof(ItemPointerData));

	ItemPointerSet(tid, block, 0);
	return PointerGetDatum(tid);
}

static void
prune_piece(void)
{
	Oid			types[] = {INT8OID, TIDOID, TIDOID};
	BlockNumber to = pruning.at + Min(PIECE, pruning.end - pruning.at);
	Datum		values[] = {Int64GetDatum(pruning.through), tid_datum(pruning.at), tid_datum(to)};

	catalog_run_once("DELETE FROM secrets_catalog.audit_event WHERE ctid OPERATOR(pg_catalog.>=) $2 "
					 "AND ctid OPERATOR(pg_catalog.<) $3 AND batch" LE "$1", lengthof(types), types, values);
	pruning.at = to;
	if (to >= pruning.end)
		pruning.through = 0;
}

bool
chain_is_pruning(void)
{
	return pruning.through != 0;
}

void
chain_prune(Queue *queue, const AuditKey *key, int64 seconds)
{
	copy_link(&next, &last);
	if (pruning.through == 0)
		begin_pruning(queue, key, seconds);
	else
		prune_piece();
}
