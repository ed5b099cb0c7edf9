/*
 * trail/heads.h: whether each digest goes on from one that is there.
 *
 * The digests come in the order of their numbers.  A head is loose until a
 * digest names it as its parent; in the end the newest is the only loose one.
 */
#ifndef SECRETS_TRAIL_HEADS_H
#define SECRETS_TRAIL_HEADS_H

#include "audit/digest.h"
#include "trail/log.h"
#include "trail/report.h"

/* Of a digest, what is left when its own row has been checked; a record to sort. */
typedef struct DigestRecord
{
	uint64		number_key;		/* first: sort_key() */
	uint8		is_broken;		/* it is not what was written; where there are two, it comes second */
	uint8		names_events;
	uint8		kind;
	uint8		unused[5];
	int64		number;
	TimestampTz at;
	int64		lines;
	int64		unsigned_lines;
	int			timeline;
	int			nparents;		/* they follow the record */
	uint8		hash[HASH_LEN];
	uint8		head[HASH_LEN]; /* as its row has it */
	uint8		computed[HASH_LEN]; /* as it should be; the same unless it is broken */
} DigestRecord;

typedef struct Heads Heads;

/* expected_head: NULL, or what trail_head() gave once; 22023 where it is not of that form. */
extern Heads *heads_begin(const Report *report, const char *expected_head);

/* What the log is known to have had, besides. */
extern void heads_expect_memory(Heads *heads, const Log *log);

extern void heads_add(Heads *heads, const DigestRecord *digest, const uint8 *parents);
extern void heads_end(Heads *heads);

#endif
