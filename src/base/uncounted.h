/*
 * base/uncounted.h: work that is in nobody's statistics.
 *
 * Everybody may look at what his own transaction has read, relation by relation
 * (pg_stat_get_xact_tuples_returned() and its like), and EXPLAIN tells him of
 * buffers.  Where we look at more than he may know, we put the counters back.
 */
#ifndef SECRETS_BASE_UNCOUNTED_H
#define SECRETS_BASE_UNCOUNTED_H

#include "executor/instrument.h"
#include "pgstat.h"
#include "utils/relcache.h"

typedef struct Counters
{
	Relation	rel;
	bool		are_kept;		/* of the relation; there is a setting that turns them off */
	PgStat_TableCounts of_relation;
	BufferUsage of_buffers;
} Counters;

/* rel may be NULL: then it is buffers only. */
extern void counters_remember(Counters *counters, Relation rel);
extern void counters_put_back(const Counters *counters);

#endif
