/*
 * trail/export.c: the log as JSON, in the order in which it can be checked.
 *
 * As for verifying, each table is read once, and sorting brings lines to their
 * digests.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "base/compat.h"
#include "gate/gate.h"
#include "trail/log.h"
#include "trail/sort.h"
#include "trail/trail.h"

#define FLUSH_MILLISECONDS 5000

/* Before each piece of JSON in the order of what goes out: a digest, then its lines. */
typedef struct PieceKey
{
	uint64		number_key;
	uint64		is_line;		/* 0 or 1, sort_key() */
	uint64		event_key;
} PieceKey;

/* An event_id that a digest names; or before the JSON of a line that may have been named. */
typedef struct NameKey
{
	uint64		event_key;
	uint64		is_line;		/* the same */
	int64		number;			/* of the digest */
} NameKey;

typedef struct Range
{
	int64		from;
	int64		to;				/* inclusive; nothing, where it is less than from */
} Range;

typedef struct Export
{
	TimestampTz since;
	TimestampTz until;
	Range		numbers;		/* of the digests that are wanted; others may lie between */
	Range		named;			/* of the event_ids that they name */
	RecordSort *pieces;
	RecordSort *names;
	StringInfoData buffer;
	trail_emitter emit;
	void	   *arg;
} Export;

static void
widen(Range *range, int64 number)
{
	range->from = Min(range->from, number);
	range->to = Max(range->to, number);
}

static bool
is_within(const Range *range, int64 number)
{
	return number >= range->from && number <= range->to;
}

/* ---- in ---- */

static void
begin_record(Export *export, const void *key, int len)
{
	resetStringInfo(&export->buffer);
	appendBinaryStringInfo(&export->buffer, key, len);
}

static void
put_record(Export *export, RecordSort *sort)
{
	sort_put(sort, export->buffer.data, (Size) export->buffer.len);
}

static void
read_digest(const AuditDigest *digest, void *arg)
{
	Export	   *export = arg;
	PieceKey	piece = {sort_key(digest->number), sort_key(0), 0};
	NameKey		name = {0, sort_key(0), digest->number};

	if (digest->at < export->since || digest->at >= export->until)
		return;
	widen(&export->numbers, digest->number);
	begin_record(export, &piece, sizeof(piece));
	digest_append_json(digest, &export->buffer);
	put_record(export, export->pieces);
	for (int i = 0; i < digest->nevents; i++)
	{
		widen(&export->named, digest->events[i]);
		name.event_key = sort_key(digest->events[i]);
		sort_put(export->names, &name, sizeof(name));
	}
}

static void
read_line(const AuditRow *row, TransactionId xmin, void *arg)
{
	Export	   *export = arg;
	PieceKey	piece = {sort_key(row->batch), sort_key(1), sort_key(row->event_id)};
	NameKey		name = {sort_key(row->event_id), sort_key(1), 0};
	bool		has_batch = !row->nulls[EVENT_BATCH - 1];

	if (has_batch ? !is_within(&export->numbers, row->batch) : !is_within(&export->named, row->event_id))
		return;
	if (has_batch)
		begin_record(export, &piece, sizeof(piece));
	else
		begin_record(export, &name, sizeof(name));
	row_append_json(row, &export->buffer);
	put_record(export, has_batch ? export->pieces : export->names);
}

/* ---- lines of changes find the digests that name them ---- */

typedef struct Naming
{
	uint64		event_key;
	int			n;
	int			room;
	int64	   *numbers;
} Naming;

static void
add_number(Naming *naming, int64 number)
{
	if (naming->n == naming->room)
	{
		naming->room *= 2;
		naming->numbers = repalloc_huge(naming->numbers, sizeof(int64) * (Size) naming->room);
	}
	naming->numbers[naming->n++] = number;
}

static void
put_under_digests(Export *export, const Naming *naming, const char *json, Size len)
{
	for (int i = 0; i < naming->n; i++)
	{
		PieceKey	piece = {sort_key(naming->numbers[i]), sort_key(1), naming->event_key};

		begin_record(export, &piece, sizeof(piece));
		appendBinaryStringInfo(&export->buffer, json, (int) len);
		put_record(export, export->pieces);
	}
}

static void
match_names(Export *export)
{
	Naming		naming = {.room = 4,.numbers = palloc(sizeof(int64) * 4)};
	const char *record;
	Size		len;

	sort_run(export->names);
	while ((record = sort_next(export->names, &len)) != NULL)
	{
		NameKey		name;

		CHECK_FOR_INTERRUPTS();
		memcpy(&name, record, sizeof(name));
		if (name.event_key != naming.event_key)
			naming.n = 0;
		naming.event_key = name.event_key;
		if (name.is_line == sort_key(0))
			add_number(&naming, name.number);
		else
			put_under_digests(export, &naming, record + sizeof(name), len - sizeof(name));
	}
	pfree(naming.numbers);
}

/* ---- out ---- */

/* The JSON is UTF-8, and a text is of the database's encoding. */
static void
emit_piece(Export *export, const char *json, Size len)
{
	int			encoding = GetDatabaseEncoding();
	char	   *text = pnstrdup(json, len);
	char	   *converted = encoding == PG_SQL_ASCII ? text
		: (char *) pg_do_encoding_conversion((unsigned char *) text, (int) len, PG_UTF8, encoding);
	Datum		value = CStringGetTextDatum(converted);
	bool		isnull = false;

	export->emit(&value, &isnull, export->arg);
	pfree(DatumGetPointer(value));
	if (converted != text)
		pfree(converted);
	pfree(text);
}

/* A line whose digest is not wanted follows none. */
static void
emit_pieces(Export *export)
{
	bool		has_digest = false;
	uint64		digest = 0;
	const char *record;
	Size		len;

	sort_run(export->pieces);
	while ((record = sort_next(export->pieces, &len)) != NULL)
	{
		PieceKey	piece;

		CHECK_FOR_INTERRUPTS();
		memcpy(&piece, record, sizeof(piece));
		if (piece.is_line == sort_key(0))
		{
			has_digest = true;
			digest = piece.number_key;
		}
		if (has_digest && piece.number_key == digest)
			emit_piece(export, record + sizeof(piece), len - sizeof(piece));
	}
}

void
trail_export(TimestampTz since, TimestampTz until, trail_emitter emit, void *arg)
{
	Export		export = {
		.since = since,.until = until,.emit = emit,.arg = arg,
		.numbers = {PG_INT64_MAX, PG_INT64_MIN},.named = {PG_INT64_MAX, PG_INT64_MIN}
	};
	Log			log;

	(void) gate_require(PRIV_AUDIT, NULL);
	export.pieces = sort_begin();
	export.names = sort_begin();
	initStringInfo(&export.buffer);
	log_open(&log, FLUSH_MILLISECONDS);

	log_visit_digests(&log, read_digest, &export);
	log_visit_lines(&log, read_line, &export);
	match_names(&export);
	emit_pieces(&export);

	log_close(&log);
	sort_end(export.names);
	sort_end(export.pieces);
}
