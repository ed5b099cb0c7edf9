/*
 * trail/head.c: the line that stands for the whole log.
 */
#include "postgres.h"

#include "commands/dbcommands.h"
#include "miscadmin.h"

#include "base/compat.h"
#include "gate/gate.h"
#include "trail/log.h"
#include "trail/trail.h"

#define FLUSH_MILLISECONDS 2000

char *
trail_head(void)
{
	Log			log;
	AuditDigest digest;
	char	   *line = NULL;

	(void) gate_require(PRIV_AUDIT, NULL);
	log_open(&log, FLUSH_MILLISECONDS);
	if (log_find_newest(&log, &digest))
		line = head_line(&digest);
	log_close(&log);
	/* The server's log is one of the places to keep it. */
	if (line)
		ereport(LOG,
				(errmsg("secrets: audit head %s of database \"%s\"", line, get_database_name(MyDatabaseId)),
				 errhidestmt(true), errhidecontext(true)));
	return line;
}
