/*
 * trail/verify.c: is the log whole?
 *
 * Each table is read once, in whatever order it lies.  Digests and lines are
 * put in order by sorting, and then go by in the order of the digests' numbers:
 *
 *   digests   each checked by itself as it is read; sorted by number
 *   named     the event_ids that digests name, and the lines that name no
 *             digest; sorted by event_id, so that each finds the other
 *   lines     the lines under digests, sorted by digest and event_id
 *
 * Nothing is asked of an index, which may be another's work, and memory does
 * not grow with the log, but with what is wrong in it.
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "base/compat.h"
#include "gate/gate.h"
#include "trail/lines.h"
#include "trail/signers.h"

/* How long the worker has for what comes with a change. */
#define COVER_SECONDS 5

#define FLUSH_MILLISECONDS 5000

/* A name in a digest, or a line that may have been named; a record to sort. */
typedef struct NamedRecord
{
	uint64		event_key;
	uint8		is_line;
	uint8		flaw;			/* of the line */
	uint8		is_broken;		/* the digest */
	uint8		is_new;			/* the line: no digest can have it yet */
	uint32		unused;
	int64		number;			/* of the digest */
	TimestampTz at;				/* of either */
	uint8		leaf[HASH_LEN];
} NamedRecord;

typedef struct Verification
{
	Report		report;
	Log			log;
	Signers    *signers;
	Heads	   *heads;
	RecordSort *digests;
	RecordSort *named;
	RecordSort *lines;

	TimestampTz since;
	int64		from;			/* digests from this number on have their lines checked */
	bool		has_from;
	int64		gone;			/* the lines of those up to this one were removed */

	StringInfoData bytes;
	TimestampTz too_old;		/* what is older should be under a digest */
	int64		uncovered;
	TimestampTz uncovered_since;
} Verification;

/* ---- digests ---- */

/* Why it is not what was written, or NULL. */
static const char *
find_damage(Verification *verification, const AuditDigest *digest, const uint8 computed[HASH_LEN])
{
	if (digest->kind == DIGEST_UNKNOWN)
		return "it has not the form of a digest";
	if (digest->through >= digest->number)
		return "it says that lines went which were not there yet";
	if (memcmp(digest->head, computed, HASH_LEN) != 0)
		return "its head does not match";
	if (signers_check(verification->signers, digest->key, digest->at, digest->head, digest->mac) == SIGNATURE_WRONG)
		return "its MAC does not match";
	return NULL;
}

static void
put_digest(Verification *verification, const AuditDigest *digest, const uint8 computed[HASH_LEN], bool is_broken)
{
	Size		parents_len = HASH_LEN * (Size) digest->nparents;
	DigestRecord *record = palloc0(sizeof(DigestRecord) + parents_len);

	record->number_key = sort_key(digest->number);
	record->number = digest->number;
	record->is_broken = is_broken;
	record->names_events = digest->nevents > 0;
	record->kind = (uint8) digest->kind;
	record->at = digest->at;
	record->lines = digest->lines;
	record->unsigned_lines = digest->unsigned_lines;
	record->timeline = digest->timeline;
	record->nparents = digest->nparents;
	memcpy(record->hash, digest->hash, HASH_LEN);
	memcpy(record->head, digest->head, HASH_LEN);
	memcpy(record->computed, computed, HASH_LEN);
	memcpy(record + 1, digest->parents, parents_len);
	sort_put(verification->digests, record, sizeof(DigestRecord) + parents_len);
}

static void
put_names(Verification *verification, const AuditDigest *digest, bool is_broken)
{
	NamedRecord record = {.is_broken = is_broken,.number = digest->number,.at = digest->at};

	for (int i = 0; i < digest->nevents; i++)
	{
		record.event_key = sort_key(digest->events[i]);
		sort_put(verification->named, &record, sizeof(record));
	}
}

static void
read_digest(const AuditDigest *digest, void *arg)
{
	Verification *verification = arg;
	uint8		computed[HASH_LEN];
	const char *damage;

	audit_head_of(digest, computed);
	damage = find_damage(verification, digest, computed);
	if (damage)
		report_problem(&verification->report, "digest", digest->at, NO_EVENT,
					   "digest " INT64_FORMAT " is not what was written: %s", digest->number, damage);
	put_digest(verification, digest, computed, damage != NULL);
	put_names(verification, digest, damage != NULL);
	if (damage == NULL && digest->through != 0)
		verification->gone = Max(verification->gone, digest->through);
	if (digest->at >= verification->since)
	{
		verification->from = verification->has_from ? Min(verification->from, digest->number) : digest->number;
		verification->has_from = true;
	}
}

/* ---- lines ---- */

static Flaw
find_flaw(Verification *verification, const AuditRow *row, const uint8 leaf[HASH_LEN])
{
	bool		has_key = !row->nulls[EVENT_KEY - 1];

	if (!has_key && !row->has_mac)
		return LINE_UNSIGNED;
	if (!has_key || !row->has_mac)
		return LINE_EDITED;
	switch (signers_check(verification->signers, row->key, row->at, leaf, row->mac))
	{
		case SIGNATURE_RIGHT:
			return LINE_RIGHT;
		case SIGNATURE_UNKNOWN:
			return LINE_UNKNOWN;
		default:
			return LINE_EDITED;
	}
}

static Flaw
check_line(Verification *verification, const AuditRow *row, uint8 leaf[HASH_LEN])
{
	resetStringInfo(&verification->bytes);
	row_append_bytes(row, &verification->bytes);
	audit_leaf(&verification->bytes, leaf);
	return find_flaw(verification, row, leaf);
}

/* Of this transaction, or of one that has ended only after the log was waited for. */
static bool
is_new(const Verification *verification, const AuditRow *row, TransactionId xmin)
{
	if (TransactionIdIsCurrentTransactionId(xmin))
		return (uint64) row->txid == U64FromFullTransactionId(GetTopFullTransactionIdIfAny());
	return XidInMVCCSnapshot(xmin, verification->log.before);
}

static void
read_line_of_change(Verification *verification, const AuditRow *row, TransactionId xmin)
{
	NamedRecord record = {.event_key = sort_key(row->event_id),.is_line = true,.at = row->at};

	record.flaw = (uint8) check_line(verification, row, record.leaf);
	record.is_new = is_new(verification, row, xmin);
	sort_put(verification->named, &record, sizeof(record));
}

static void
read_line(const AuditRow *row, TransactionId xmin, void *arg)
{
	Verification *verification = arg;
	LineRecord	record = {.number_key = sort_key(row->batch),.event_key = sort_key(row->event_id),.at = row->at};

	if (row->nulls[EVENT_BATCH - 1])
	{
		read_line_of_change(verification, row, xmin);
		return;
	}
	if (!verification->has_from || row->batch < verification->from)
		return;
	record.flaw = (uint8) check_line(verification, row, record.leaf);
	sort_put(verification->lines, &record, sizeof(record));
}

/* ---- names and lines find each other ---- */

/* All with one event_id: first the names, then the lines. */
typedef struct Meeting
{
	uint64		event_key;
	bool		has_line;
	int			nnames;
	int			room;
	NamedRecord *names;
} Meeting;

static bool
is_checked(const Verification *verification, int64 number)
{
	return verification->has_from && number >= verification->from;
}

static void
end_meeting(const Verification *verification, const Meeting *meeting)
{
	if (meeting->has_line)
		return;
	for (int i = 0; i < meeting->nnames; i++)
	{
		const NamedRecord *name = &meeting->names[i];

		if (!name->is_broken && is_checked(verification, name->number) && name->number > verification->gone)
			report_problem(&verification->report, "deleted", name->at, sort_number(name->event_key),
						   "the line of a change is missing under digest " INT64_FORMAT, name->number);
	}
}

static void
begin_meeting(Meeting *meeting, uint64 event_key)
{
	meeting->event_key = event_key;
	meeting->has_line = false;
	meeting->nnames = 0;
}

/* Of a digest that is there twice, once. */
static void
add_name(Meeting *meeting, const NamedRecord *name)
{
	if (meeting->nnames > 0 && meeting->names[meeting->nnames - 1].number == name->number)
		return;
	if (meeting->nnames == meeting->room)
	{
		meeting->room = meeting->room ? meeting->room * 2 : 4;
		meeting->names = meeting->names
			? repalloc_huge(meeting->names, sizeof(NamedRecord) * (Size) meeting->room)
			: palloc(sizeof(NamedRecord) * (Size) meeting->room);
	}
	meeting->names[meeting->nnames++] = *name;
}

/* A line that no digest names, though there was time, is counted. */
static void
check_uncovered(Verification *verification, const NamedRecord *line)
{
	if (line->flaw == LINE_EDITED)
		report_problem(&verification->report, "edited", line->at, sort_number(line->event_key),
					   "this line is not what was written: its MAC does not match; no digest covers it yet");
	if (line->is_new || line->at >= verification->too_old)
		return;
	verification->uncovered++;
	verification->uncovered_since = Min(verification->uncovered_since, line->at);
}

static void
add_line(Verification *verification, Meeting *meeting, const NamedRecord *line)
{
	LineRecord	record = {.event_key = line->event_key,.flaw = line->flaw,.at = line->at};

	if (meeting->has_line)
	{
		report_problem(&verification->report, "inserted", line->at, sort_number(line->event_key),
					   "there is a second line with this event_id");
		return;
	}
	meeting->has_line = true;
	if (meeting->nnames == 0)
		check_uncovered(verification, line);
	memcpy(record.leaf, line->leaf, HASH_LEN);
	for (int i = 0; i < meeting->nnames; i++)
	{
		record.number_key = sort_key(meeting->names[i].number);
		if (is_checked(verification, meeting->names[i].number))
			sort_put(verification->lines, &record, sizeof(record));
	}
}

static void
match_names(Verification *verification)
{
	Meeting		meeting = {0};
	bool		has_begun = false;
	const void *bytes;
	Size		len;

	sort_run(verification->named);
	while ((bytes = sort_next(verification->named, &len)) != NULL)
	{
		NamedRecord record;

		CHECK_FOR_INTERRUPTS();
		memcpy(&record, bytes, sizeof(record));
		if (!has_begun || record.event_key != meeting.event_key)
		{
			end_meeting(verification, &meeting);
			begin_meeting(&meeting, record.event_key);
			has_begun = true;
		}
		if (record.is_line)
			add_line(verification, &meeting, &record);
		else
			add_name(&meeting, &record);
	}
	end_meeting(verification, &meeting);
}

/* ---- digest by digest ---- */

static void
check_digests(Verification *verification)
{
	LineReader *reader;
	const void *bytes;
	Size		len;
	bool		has_last = false;
	int64		last = 0;

	sort_run(verification->lines);
	sort_run(verification->digests);
	reader = lines_begin(&verification->report, verification->lines, verification->gone);
	while ((bytes = sort_next(verification->digests, &len)) != NULL)
	{
		DigestRecord record;

		CHECK_FOR_INTERRUPTS();
		memcpy(&record, bytes, sizeof(record));
		if (has_last && record.number == last)
		{
			report_problem(&verification->report, "chain", record.at, NO_EVENT,
						   "digest " INT64_FORMAT " is there twice", record.number);
			continue;
		}
		has_last = true;
		last = record.number;
		heads_add(verification->heads, &record, (const uint8 *) bytes + sizeof(record));
		if (is_checked(verification, record.number))
			lines_check(reader, &record);
	}
	lines_end(reader);
}

static void
report_uncovered(const Verification *verification)
{
	if (verification->uncovered > 0)
		report_problem(&verification->report, "uncovered", verification->uncovered_since, NO_EVENT,
					   "%s of changes under no digest, since this time: none was written, or it was deleted",
					   count_lines(verification->uncovered));
}

void
trail_verify(TimestampTz since, const char *expected_head, trail_emitter emit, void *arg)
{
	Verification verification = {
		.report = {emit, arg},.since = since,.gone = PG_INT64_MIN,.uncovered_since = DT_NOEND
	};

	(void) gate_require(PRIV_AUDIT, NULL);
	verification.heads = heads_begin(&verification.report, expected_head);
	/* Then also lines of digests that never were are looked at. */
	verification.from = PG_INT64_MIN;
	verification.has_from = since == DT_NOBEGIN;
	verification.too_old = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), -COVER_SECONDS * 1000);
	verification.signers = signers_begin();
	verification.digests = sort_begin();
	verification.named = sort_begin();
	verification.lines = sort_begin();
	initStringInfo(&verification.bytes);
	log_open(&verification.log, FLUSH_MILLISECONDS);
	heads_expect_memory(verification.heads, &verification.log);

	log_visit_digests(&verification.log, read_digest, &verification);
	log_visit_lines(&verification.log, read_line, &verification);
	match_names(&verification);
	check_digests(&verification);
	report_uncovered(&verification);
	heads_end(verification.heads);
	signers_report(verification.signers, &verification.report);

	log_close(&verification.log);
	sort_end(verification.lines);
	sort_end(verification.named);
	sort_end(verification.digests);
}
