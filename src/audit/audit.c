/*
 * audit/audit.c: the room's front door, and what others ask of the worker.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "audit/handover.h"
#include "audit/internal.h"
#include "audit/launch.h"

void
audit_init(void)
{
	queue_init();
	launch_init();
	record_init();
	change_init();
	worker_init();
	handover_init();
}

/* The worker cannot write now, and says why. */
static bool
is_in_trouble(Queue *queue)
{
	Post		post;

	queue_get_post(queue, &post);
	return post.holding || post.trouble[0] != '\0';
}

bool
audit_flush(int timeout)
{
	Queue	   *queue = queue_mine();
	TimestampTz until = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), timeout);
	uint32		round;
	bool		done;

	if (queue == NULL || RecoveryInProgress())
		return false;
	round = queue_ask_round(queue);
	while (!(done = (int32) (queue_rounds(queue) - round) >= 0) && GetCurrentTimestamp() < until)
	{
		if (launch_worker(queue))
			queue_wake(queue);
		queue_sleep(queue, 20, PG_WAIT_EXTENSION);
	}
	queue_end_sleep();
	return done && !is_in_trouble(queue);
}

bool
audit_get_memory_head(int64 *number, uint8 head[HASH_LEN])
{
	Queue	   *queue = queue_of(MyDatabaseId);

	return queue && queue_get_head(queue, get_extension_oid("secrets", true), number, head);
}

void
audit_get_status(AuditStatus *status)
{
	Queue	   *queue = queue_of(MyDatabaseId);
	Post		post;

	memset(status, 0, sizeof(*status));
	if (queue == NULL)
		return;
	queue_get_post(queue, &post);
	status->pid = post.pid;
	status->queued = queue_lines(queue);
	status->oldest = queue_oldest(queue);
}
