/*
 * trail/lines.h: whether the lines are those that their digest covers.
 */
#ifndef SECRETS_TRAIL_LINES_H
#define SECRETS_TRAIL_LINES_H

#include "trail/heads.h"
#include "trail/sort.h"

/* What its own MAC says of a line; of two with one event_id the better one is believed. */
typedef enum Flaw
{
	LINE_RIGHT,
	LINE_UNSIGNED,				/* written while sealed */
	LINE_UNKNOWN,				/* its key is not here */
	LINE_EDITED
} Flaw;

/* A line under a digest; a record to sort. */
typedef struct LineRecord
{
	uint64		number_key;		/* of the digest */
	uint64		event_key;
	uint8		flaw;
	uint8		leaf[HASH_LEN];
	uint8		unused[7];
	TimestampTz at;
} LineRecord;

/* Goes through sorted lines, digest by digest. */
typedef struct LineReader LineReader;

extern LineReader *lines_begin(const Report *report, RecordSort *lines, int64 gone);

/*
 * The digests in the order of their numbers: says what is wrong with their
 * lines, and with those on the way that have none.  gone: of digests up to that
 * number no line should be there.
 */
extern void lines_check(LineReader *reader, const DigestRecord *digest);
extern void lines_end(LineReader *reader);

#endif
