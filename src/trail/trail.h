/*
 * trail/trail.h: the verbs on the audit log: show it, prove it, take it along.
 *
 * All but the view need audit on everything.  Each waits first for what was
 * queued before it, so that one finds what one just did.
 */
#ifndef SECRETS_TRAIL_TRAIL_H
#define SECRETS_TRAIL_TRAIL_H

#include "datatype/timestamp.h"
#include "foreign/fdwapi.h"

/* What the foreign data wrapper under secrets.audit_log does. */
extern struct FdwRoutine *trail_log_routine(void);

/* The values are there until it returns. */
typedef void (*trail_emitter) (Datum *values, bool *nulls, void *arg);

#define VERIFY_COLUMNS 4

/*
 * Says what is wrong with the log, and nothing of one that is whole: kind, at,
 * event_id, problem.
 *
 *   edited     a line is not what it was when it was written
 *   deleted    lines that a digest covers are not there
 *   inserted   lines are there that none of the digests covers, or twice
 *   digest     a digest is not what it was when it was written
 *   chain      a digest was taken out, put in, or put elsewhere
 *   shortened  the newest digest that the server remembers, or the head that was
 *              expected, is not there: the end was cut, or an older log put back
 *   rewound    the head that was expected is not there, and the server has gone
 *              on from before it: it was recovered to an earlier time
 *   key        lines or digests are under a master key that is not here
 *   sealed     lines were written while the server was sealed, without a MAC
 *   uncovered  lines that came with changes, and that no digest covers yet,
 *              though there was time
 *
 * since: the lines of older digests are passed over, DT_NOBEGIN: none; the
 * digests never.  expected_head: a line that trail_head() gave, or NULL.
 * 22023 where it is none.
 */
extern void trail_verify(TimestampTz since, const char *expected_head, trail_emitter emit, void *arg);

/* The line that stands for the whole log up to now, also in the server's log; NULL: no digest yet. */
extern char *trail_head(void);

/*
 * The digests that were written from since until before until, each followed by
 * its lines: JSON, one value a row.  tools/verify-audit reads it.
 */
extern void trail_export(TimestampTz since, TimestampTz until, trail_emitter emit, void *arg);

#endif
