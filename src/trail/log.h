/*
 * trail/log.h: reading the two tables of the log, as a whole and as one state.
 */
#ifndef SECRETS_TRAIL_LOG_H
#define SECRETS_TRAIL_LOG_H

#include "utils/relcache.h"
#include "utils/snapshot.h"

#include "audit/audit.h"
#include "audit/digest.h"

typedef struct Log
{
	Snapshot	before;			/* from before it was waited for */
	bool		is_flushed;		/* all that it saw is under a digest */
	bool		has_memory_head;	/* what the server remembered then: see audit_get_memory_head() */
	int64		memory_number;
	uint8		memory_head[HASH_LEN];
	Snapshot	snapshot;		/* what is read */
	Relation	events;
	Relation	digests;
} Log;

/* Waits that many milliseconds at most; 55000 where a table has not the columns that it should. */
extern void log_open(Log *log, int timeout);
extern void log_close(Log *log);

/* The table with the lines, with its columns checked. */
extern Relation log_open_events(void);

/* Newest of what is committed, and what this transaction has done; registered. */
extern Snapshot log_take_snapshot(void);

/*
 * Each row, in no order, in a memory context that is emptied after it.  xmin is
 * the transaction that put it there.
 */
typedef void (*line_visitor) (const AuditRow *row, TransactionId xmin, void *arg);
typedef void (*digest_visitor) (const AuditDigest *digest, void *arg);

extern void log_visit_lines(const Log *log, line_visitor visitor, void *arg);
extern void log_visit_digests(const Log *log, digest_visitor visitor, void *arg);

/* The one with the highest number, in the current memory context; false: there is none. */
extern bool log_find_newest(const Log *log, AuditDigest *digest);

#endif
