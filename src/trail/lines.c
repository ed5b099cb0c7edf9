/*
 * trail/lines.c
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "base/compat.h"
#include "base/refuse.h"
#include "trail/lines.h"

struct LineReader
{
	const Report *report;
	RecordSort *sorted;
	int64		gone;
	TimestampTz before;			/* when the last digest was written */

	bool		has_next;
	LineRecord	next;			/* read, and of the next digest */

	LineRecord *lines;			/* of the digest that we are at, in order, each once */
	int64		n;
	int64		room;
	int64		nedited;
	int64		nunsigned;
};

static void
read_next(LineReader *reader)
{
	Size		len;
	const void *record = sort_next(reader->sorted, &len);

	reader->has_next = record != NULL;
	if (record)
		memcpy(&reader->next, record, sizeof(LineRecord));
}

LineReader *
lines_begin(const Report *report, RecordSort *lines, int64 gone)
{
	LineReader *reader = palloc0(sizeof(LineReader));

	reader->report = report;
	reader->sorted = lines;
	reader->gone = gone;
	reader->before = NO_TIME;
	reader->room = 1024;
	reader->lines = palloc(sizeof(LineRecord) * (Size) reader->room);
	read_next(reader);
	return reader;
}

/* ---- lines without a digest ---- */

static void
report_orphans(LineReader *reader, const LineRecord *first, int64 n)
{
	report_problem(reader->report, "inserted", first->at, sort_number(first->event_key),
				   "%s naming digest " INT64_FORMAT ", which is not there; this is the first",
				   count_lines(n), sort_number(first->number_key));
}

/* Up to the digest of that number. */
static void
skip_orphans(LineReader *reader, int64 number)
{
	while (reader->has_next && sort_number(reader->next.number_key) < number)
	{
		LineRecord	first = reader->next;
		int64		n = 0;

		for (; reader->has_next && reader->next.number_key == first.number_key; n++)
		{
			CHECK_FOR_INTERRUPTS();
			read_next(reader);
		}
		report_orphans(reader, &first, n);
	}
}

/* ---- the lines of one digest ---- */

static void
keep_line(LineReader *reader, const DigestRecord *digest)
{
	const LineRecord *last = reader->n ? &reader->lines[reader->n - 1] : NULL;
	LineRecord *line;

	if (last && last->event_key == reader->next.event_key)
	{
		report_problem(reader->report, "inserted", reader->next.at, sort_number(reader->next.event_key),
					   "there is a second line with this event_id under digest " INT64_FORMAT, digest->number);
		return;
	}
	if (reader->n == reader->room)
	{
		reader->room *= 2;
		reader->lines = repalloc_huge(reader->lines, sizeof(LineRecord) * (Size) reader->room);
	}
	line = &reader->lines[reader->n++];
	*line = reader->next;
	/* Nothing was sealed then: its MAC was taken away. */
	if (line->flaw == LINE_UNSIGNED && digest->unsigned_lines == 0)
		line->flaw = LINE_EDITED;
	reader->nedited += line->flaw == LINE_EDITED;
	reader->nunsigned += line->flaw == LINE_UNSIGNED;
}

static void
read_lines(LineReader *reader, const DigestRecord *digest)
{
	reader->n = reader->nedited = reader->nunsigned = 0;
	while (reader->has_next && reader->next.number_key == digest->number_key)
	{
		CHECK_FOR_INTERRUPTS();
		keep_line(reader, digest);
		read_next(reader);
	}
}

/* Whether these are the lines, all or without those that are edited. */
static bool
is_whole(const LineReader *reader, const DigestRecord *digest, bool with_edited)
{
	int64		n = with_edited ? reader->n : reader->n - reader->nedited;
	Hash	   *hash = audit_hash();
	uint8		result[HASH_LEN];
	bool		works;

	if (n != digest->lines)
		return false;
	works = hash_begin(hash);
	for (int64 i = 0; works && i < reader->n; i++)
		if (with_edited || reader->lines[i].flaw != LINE_EDITED)
			works = hash_add(hash, reader->lines[i].leaf, HASH_LEN);
	if (!works || !hash_end(hash, result))
		refuse_crypto();
	return memcmp(result, digest->hash, HASH_LEN) == 0;
}

/* Lines whose MAC is wrong are too many where the others are all that there should be. */
static void
report_edited(const LineReader *reader, bool are_too_many)
{
	for (int64 i = 0; i < reader->n; i++)
	{
		const LineRecord *line = &reader->lines[i];

		if (line->flaw != LINE_EDITED)
			continue;
		if (are_too_many)
			report_problem(reader->report, "inserted", line->at, sort_number(line->event_key),
						   "this line was not written by the server, and no digest covers it");
		else
			report_problem(reader->report, "edited", line->at, sort_number(line->event_key),
						   "this line is not what was written: its MAC does not match");
	}
}

/* More or fewer than there should be, or others. */
static void
report_difference(const LineReader *reader, const DigestRecord *digest)
{
	int64		missing = digest->lines - reader->n;

	if (missing > 0 && !digest->names_events)	/* else each has been told of */
		report_problem(reader->report, "deleted", digest->at, NO_EVENT,
					   "%s missing of " INT64_FORMAT " under digest " INT64_FORMAT ", written before this time and after %s",
					   count_lines(missing), digest->lines, digest->number,
					   reader->before == NO_TIME ? "the log began" : audit_time(reader->before));
	else if (missing < 0)
		report_problem(reader->report, "inserted", digest->at, NO_EVENT,
					   "%s too many under digest " INT64_FORMAT,
					   count_lines(-missing), digest->number);
	else if (missing == 0 && reader->nedited == 0)
		report_problem(reader->report, "edited", digest->at, NO_EVENT,
					   "the lines under digest " INT64_FORMAT " are not those that it covers", digest->number);
}

static void
judge_lines(const LineReader *reader, const DigestRecord *digest)
{
	bool		is_right = is_whole(reader, digest, true);
	bool		are_too_many = !is_right && reader->nedited > 0 && is_whole(reader, digest, false);

	report_edited(reader, are_too_many);
	if (!is_right && !are_too_many && !digest->is_broken)
		report_difference(reader, digest);
	if (digest->unsigned_lines > 0 && !digest->is_broken)
		report_problem(reader->report, "sealed", digest->at, NO_EVENT,
					   "%s written while sealed, or before there was a key, without a MAC, under digest " INT64_FORMAT,
					   count_lines(digest->unsigned_lines), digest->number);
}

/*
 * They are deleted piece by piece, after the digest that says so: what is still
 * there must be signed.  Lines without a MAC went with the digest itself.
 */
static void
judge_leftovers(LineReader *reader, const DigestRecord *digest)
{
	report_edited(reader, false);
	if (reader->nunsigned > 0)
		report_problem(reader->report, "inserted", reader->lines[0].at, NO_EVENT,
					   "%s without a MAC under digest " INT64_FORMAT ", whose lines were old enough to go",
					   count_lines(reader->nunsigned), digest->number);
}

void
lines_check(LineReader *reader, const DigestRecord *digest)
{
	skip_orphans(reader, digest->number);
	read_lines(reader, digest);
	if (digest->number > reader->gone)
		judge_lines(reader, digest);
	else
		judge_leftovers(reader, digest);
	reader->before = digest->at;
}

void
lines_end(LineReader *reader)
{
	/* Of the highest number nothing is less. */
	skip_orphans(reader, PG_INT64_MAX);
	if (reader->has_next)
		report_orphans(reader, &reader->next, 1);
	pfree(reader->lines);
	pfree(reader);
}
