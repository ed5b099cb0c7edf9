/*
 * trail/heads.c
 */
#include "postgres.h"

#include "access/xlog.h"
#include "utils/hsearch.h"

#include "base/compat.h"
#include "base/refuse.h"
#include "trail/heads.h"

#include REPLAY_HEADER

typedef struct LooseHead
{
	uint8		head[HASH_LEN]; /* first: what it is found by */
	uint8		other[HASH_LEN];	/* of a broken digest: its other one; else the same */
	bool		is_other;		/* there is an entry for the first already */
	int64		number;
	TimestampTz at;
} LooseHead;

typedef struct ExpectedHead
{
	bool		is_expected;
	bool		is_there;
	int64		number;
	int			timeline;
	uint8		head[HASH_LEN];
} ExpectedHead;

struct Heads
{
	const Report *report;
	HTAB	   *loose;
	ExpectedHead memory;
	ExpectedHead asked;			/* whoever verifies gave it */
	bool		is_rewound;		/* to before what was asked */

	bool		has_last;
	int64		last_number;
	uint8		last[HASH_LEN];
};

Heads *
heads_begin(const Report *report, const char *expected_head)
{
	HASHCTL		options = {.keysize = HASH_LEN,.entrysize = sizeof(LooseHead),.hcxt = CurrentMemoryContext};
	Heads	   *heads = palloc0(sizeof(Heads));

	heads->report = report;
	heads->loose = hash_create("loose heads", 16, &options, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	if (expected_head == NULL)
		return heads;
	heads->asked.is_expected = true;
	if (!head_parse(expected_head, &heads->asked.number, &heads->asked.timeline, heads->asked.head))
		REFUSE(ERRCODE_INVALID_PARAMETER_VALUE,
			   errmsg("expected_head is not a line that secrets.audit_head() gives"));
	return heads;
}

void
heads_expect_memory(Heads *heads, const Log *log)
{
	heads->memory.is_expected = log->has_memory_head;
	heads->memory.number = log->memory_number;
	memcpy(heads->memory.head, log->memory_head, HASH_LEN);
}

/* ---- loose heads ---- */

static void
add_entry(Heads *heads, const DigestRecord *digest, const uint8 *head, const uint8 *other, bool is_other)
{
	bool		found;
	LooseHead  *entry = hash_search(heads->loose, head, HASH_ENTER, &found);

	memcpy(entry->other, other, HASH_LEN);
	entry->is_other = is_other;
	entry->number = digest->number;
	entry->at = digest->at;
}

/* What goes on from a broken digest names the head that it had; we do not know whether that is what was changed. */
static void
add_loose(Heads *heads, const DigestRecord *digest)
{
	bool		has_two = memcmp(digest->head, digest->computed, HASH_LEN) != 0;

	if (has_two)
		add_entry(heads, digest, digest->computed, digest->head, true);
	add_entry(heads, digest, digest->head, digest->computed, false);
}

/* False: there was none such. */
static bool
take_loose(Heads *heads, const uint8 *head, int64 *number)
{
	LooseHead  *entry = hash_search(heads->loose, head, HASH_FIND, NULL);
	uint8		other[HASH_LEN];

	if (entry == NULL)
		return false;
	*number = entry->number;
	memcpy(other, entry->other, HASH_LEN);
	(void) hash_search(heads->loose, other, HASH_REMOVE, NULL);
	(void) hash_search(heads->loose, head, HASH_REMOVE, NULL);
	return true;
}

/* ---- digest by digest ---- */

/* One that is broken is told of already. */
static void
look_for(ExpectedHead *expected, const DigestRecord *digest)
{
	if (expected->is_expected && expected->number == digest->number
		&& (memcmp(expected->head, digest->head, HASH_LEN) == 0
			|| memcmp(expected->head, digest->computed, HASH_LEN) == 0))
		expected->is_there = true;
}

/*
 * Takes the heads that it goes on from.  Where one is missing it is said once,
 * and the digest before is taken instead: it is the neighbour of the gap.
 */
static void
take_parents(Heads *heads, const DigestRecord *digest, const uint8 *parents)
{
	bool		is_right = digest->kind == DIGEST_OPEN || digest->nparents == 1;
	int64		newest = PG_INT64_MIN;
	int64		number;

	for (int i = 0; i < digest->nparents; i++)
	{
		if (take_loose(heads, parents + i * HASH_LEN, &number))
			newest = Max(newest, number);
		else
			is_right = false;
	}
	if (digest->kind == DIGEST_OPEN && digest->nparents > 0 && !digest->is_broken
		&& digest->timeline > heads->asked.timeline && newest < heads->asked.number)
		heads->is_rewound = true;
	if (is_right)
		return;
	if (heads->has_last)
		(void) take_loose(heads, heads->last, &number);
	if (!digest->is_broken)
		report_problem(heads->report, "chain", digest->at, NO_EVENT,
					   "digest " INT64_FORMAT " goes on from one that is not there: it was deleted, replaced or put elsewhere",
					   digest->number);
}

void
heads_add(Heads *heads, const DigestRecord *digest, const uint8 *parents)
{
	look_for(&heads->memory, digest);
	look_for(&heads->asked, digest);
	take_parents(heads, digest, parents);
	add_loose(heads, digest);
	heads->has_last = true;
	heads->last_number = digest->number;
	memcpy(heads->last, digest->head, HASH_LEN);
}

/* ---- in the end ---- */

static void
report_loose(Heads *heads)
{
	HASH_SEQ_STATUS all;
	LooseHead  *entry;

	hash_seq_init(&all, heads->loose);
	while ((entry = hash_seq_search(&all)) != NULL)
		if (!entry->is_other && !(heads->has_last && memcmp(entry->head, heads->last, HASH_LEN) == 0))
			report_problem(heads->report, "chain", entry->at, NO_EVENT,
						   "no digest goes on from digest " INT64_FORMAT ", though there are newer ones",
						   entry->number);
}

static int
current_timeline(void)
{
	TimeLineID	timeline;

	if (!RecoveryInProgress())
		return (int) CURRENT_TIMELINE();
	(void) GetXLogReplayRecPtr(&timeline);
	return (int) timeline;
}

static void
report_asked(const Heads *heads)
{
	bool		went_back = heads->is_rewound
		|| (current_timeline() > heads->asked.timeline
			&& (!heads->has_last || heads->last_number < heads->asked.number));

	if (went_back)
		report_problem(heads->report, "rewound", NO_TIME, NO_EVENT,
					   "the expected head, digest " INT64_FORMAT " on timeline %d, is not there, and the server has gone on from before it: it was recovered to an earlier time",
					   heads->asked.number, heads->asked.timeline);
	else
		report_problem(heads->report, "shortened", NO_TIME, NO_EVENT,
					   "the expected head, digest " INT64_FORMAT ", is not there: the end of the log was cut, or another log put in its place",
					   heads->asked.number);
}

void
heads_end(Heads *heads)
{
	report_loose(heads);
	if (heads->memory.is_expected && !heads->memory.is_there)
		report_problem(heads->report, "shortened", NO_TIME, NO_EVENT,
					   "digest " INT64_FORMAT ", which this server wrote, is not there: the end of the log was cut, or another log put in its place",
					   heads->memory.number);
	if (heads->asked.is_expected && !heads->asked.is_there)
		report_asked(heads);
	hash_destroy(heads->loose);
}
