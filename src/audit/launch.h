/*
 * audit/launch.h: getting a worker for a queue, and getting rid of it, inside
 * the room.
 *
 * There is one a database, started by whoever needs it, and it goes when it has
 * had nothing to do.  Where every place of max_worker_processes is taken, others
 * of ours are asked to give way, so that all have their turn.
 */
#ifndef SECRETS_AUDIT_LAUNCH_H
#define SECRETS_AUDIT_LAUNCH_H

#include "audit/queue.h"

extern void launch_init(void);

/* True: there is one, or one was asked for a moment ago and will come. */
extern bool launch_worker(Queue *queue);

/* Those for the queues of others that have lines and no worker. */
extern void launch_others(const Queue *mine);

#endif
