/*
 * trail/report.h: saying what is wrong.
 */
#ifndef SECRETS_TRAIL_REPORT_H
#define SECRETS_TRAIL_REPORT_H

#include "trail/trail.h"

typedef struct Report
{
	trail_emitter emit;
	void	   *arg;
} Report;

/* Of no one line; at no certain time. */
#define NO_EVENT PG_INT64_MIN
#define NO_TIME DT_NOBEGIN

extern void report_problem(const Report *report, const char *kind, TimestampTz at, int64 event_id,
						   const char *format,...) pg_attribute_printf(5, 6);

/* "1 line", "2 lines" */
extern char *count_lines(int64 n);

#endif
