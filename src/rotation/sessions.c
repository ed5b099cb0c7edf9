/*
 * rotation/sessions.c
 */
#include "postgres.h"

#include <signal.h>

#include "miscadmin.h"
#include "pgstat.h"
#include "storage/procarray.h"
#include "utils/backend_status.h"
#include "utils/timestamp.h"

#include "base/compat.h"
#include "base/refuse.h"
#include "rotation/sessions.h"
#include "rotation/span.h"

#define AFTER "terminate_after"
#define USUAL_DELAY (15 * USECS_PER_MINUTE)

int64
sessions_read(const char *option)
{
	Size		len = strlen(AFTER);

	if (strcmp(option, "keep") == 0)
		return SESSIONS_KEEP;
	if (strcmp(option, "terminate") == 0)
		return SESSIONS_AT_ONCE;
	if (strcmp(option, AFTER) == 0)
		return USUAL_DELAY;
	if (strncmp(option, AFTER " ", len + 1) == 0)
		return span_read(option + len + 1, "sessions");
	REFUSE(ERRCODE_INVALID_PARAMETER_VALUE,
		   errmsg("option \"sessions\" must be keep, terminate or terminate_after"),
		   errhint("As in \"terminate_after 10 minutes\"; without a time it is 15 minutes."));
}

static bool
is_to_end(const PgBackendStatus *status, Oid role, TimestampTz began_before)
{
	return status->st_userid == role && status->st_backendType == B_BACKEND
		&& status->st_procpid != MyProcPid && status->st_proc_start_timestamp < began_before;
}

int
sessions_end(Oid role, TimestampTz began_before)
{
	int			n;
	int			ended = 0;

	pgstat_clear_backend_activity_snapshot();	/* else as it was at the first look of this transaction */
	n = pgstat_fetch_stat_numbackends();
	for (int i = 1; i <= n; i++)
	{
		LocalPgBackendStatus *local = pgstat_get_local_beentry_by_index(i);

		if (local == NULL || !is_to_end(&local->backendStatus, role, began_before))
			continue;
		/* As pg_terminate_backend() does: the process is still one of the server's. */
		if (BackendPidGetProc(local->backendStatus.st_procpid) != NULL
			&& kill(local->backendStatus.st_procpid, SIGTERM) == 0)
			ended++;
	}
	return ended;
}
