/*
 * rotation/process.c
 */
#include "postgres.h"

#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "storage/dsm.h"

#include "base/refuse.h"
#include "rotation/process.h"

/* In shared memory, while one waits for the other. */
typedef struct Answer
{
	bool		is_given;		/* else its process has died */
	RunResult	result;
	int			sqlstate;
	char		message[512];
} Answer;

static bool own = false;

bool
process_is_own(void)
{
	return own;
}

bool
process_start(const Order *order, BackgroundWorkerHandle **handle)
{
	BackgroundWorker worker = {
		.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION,
		.bgw_start_time = BgWorkerStart_RecoveryFinished,
		.bgw_restart_time = BGW_NEVER_RESTART,
		.bgw_main_arg = ObjectIdGetDatum(MyDatabaseId),
		.bgw_notify_pid = handle ? MyProcPid : 0
	};

	StaticAssertStmt(sizeof(Order) <= BGW_EXTRALEN, "an order goes along with its process");
	memcpy(worker.bgw_extra, order, sizeof(*order));
	strlcpy(worker.bgw_library_name, "secrets", sizeof(worker.bgw_library_name));
	strlcpy(worker.bgw_function_name, "secrets_rotation_worker", sizeof(worker.bgw_function_name));
	strlcpy(worker.bgw_name, "secrets rotation", sizeof(worker.bgw_name));
	strlcpy(worker.bgw_type, "secrets rotation", sizeof(worker.bgw_type));
	return RegisterDynamicBackgroundWorker(&worker, handle);
}

/* ---- who waits ---- */

static ErrorData *
make_error(int sqlstate, const char *message)
{
	ErrorData  *error = palloc0(sizeof(ErrorData));

	error->sqlerrcode = sqlstate;
	error->message = pstrdup(message);
	return error;
}

/* Whoever cancels us means what we wait for. */
static void
wait_for(BackgroundWorkerHandle *handle)
{
	PG_TRY();
	{
		(void) WaitForBackgroundWorkerShutdown(handle);
	}
	PG_CATCH();
	{
		TerminateBackgroundWorker(handle);
		PG_RE_THROW();
	}
	PG_END_TRY();
}

static RunResult
read_answer(const Answer *answer, ErrorData **error)
{
	if (!answer->is_given)
	{
		*error = make_error(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, "its process was ended before it had come to an end");
		return RUN_FAILED;
	}
	if (answer->result == RUN_FAILED)
		*error = make_error(answer->sqlstate, answer->message);
	return answer->result;
}

RunResult
process_run(const Run *run, ErrorData **error)
{
	dsm_segment *segment = dsm_create(sizeof(Answer), 0);
	Order		order = {.is_one = true,.run = *run,.answer = dsm_segment_handle(segment)};
	BackgroundWorkerHandle *handle = NULL;
	RunResult	result = RUN_PASSED;

	memset(dsm_segment_address(segment), 0, sizeof(Answer));
	if (process_start(&order, &handle))
	{
		wait_for(handle);
		result = read_answer(dsm_segment_address(segment), error);
	}
	else if (OidIsValid(run->actor))
		REFUSE(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
			   errmsg("there is no process to be had for this rotation"),
			   errhint("All of max_worker_processes are in use: try again later, or raise it."));
	else
		ereport(LOG, (errmsg("secrets: a rotation waits: all of max_worker_processes are in use")));
	dsm_detach(segment);
	return result;
}

/* ---- who does it ---- */

static void
give_answer(uint32 handle, RunResult result, const ErrorData *error)
{
	dsm_segment *segment = dsm_attach(handle);
	Answer	   *answer;

	if (segment == NULL)
		return;					/* nobody waits any more */
	answer = dsm_segment_address(segment);
	answer->result = result;
	if (result == RUN_FAILED)
	{
		answer->sqlstate = error->sqlerrcode;
		strlcpy(answer->message, error->message ? error->message : "", sizeof(answer->message));
	}
	answer->is_given = true;
	dsm_detach(segment);
}

void
process_obey(const Order *order)
{
	ErrorData  *error;
	RunResult	result;

	own = true;
	result = run_apart(&order->run, &error);
	give_answer(order->answer, result, error);
}
