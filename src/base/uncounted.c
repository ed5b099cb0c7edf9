/*
 * base/uncounted.c
 */
#include "postgres.h"

#include "utils/rel.h"

#include "base/compat.h"
#include "base/uncounted.h"

void
counters_remember(Counters *counters, Relation rel)
{
	counters->rel = rel;
	counters->are_kept = rel && pgstat_should_count_relation(rel);
	if (counters->are_kept)
		counters->of_relation = RELATION_COUNTS(rel);
	counters->of_buffers = pgBufferUsage;
}

void
counters_put_back(const Counters *counters)
{
	if (counters->are_kept)
		RELATION_COUNTS(counters->rel) = counters->of_relation;
	pgBufferUsage = counters->of_buffers;
}
