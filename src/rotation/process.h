/*
 * rotation/process.h: a rotation in a process of its own, inside the room.
 *
 * Somebody's function must not run in a session that another role has used, or
 * will use: PL/pgSQL keeps what it has compiled with the types that the
 * search_path of that moment gave, and a temporary table is found before a real
 * one.  What the one leaves so runs as the next.  So each rotation by a function
 * has a process that nobody has used before and nobody uses after.
 */
#ifndef SECRETS_ROTATION_PROCESS_H
#define SECRETS_ROTATION_PROCESS_H

#include "datatype/timestamp.h"

#include "rotation/run.h"

/* Whether this process was made for the one rotation that it does. */
extern bool process_is_own(void);

/*
 * Starts one and waits; a cancel ends it.  Where there is no place for one the
 * clock passes it over, and who asked is told (55000).
 */
extern RunResult process_run(const Run *run, ErrorData **error);

/* What a new process of this room is to do. */
typedef struct Order
{
	bool		is_one;			/* one rotation; else whatever is marked */
	TimestampTz committed;		/* by the transaction that was committed then */
	Run			run;
	uint32		answer;			/* where who waits looks for it */
} Order;

/* Starts a process for it: must not raise, nor allocate, without a handle. */
struct BackgroundWorkerHandle;
extern bool process_start(const Order *order, struct BackgroundWorkerHandle **handle);

/* In that process: does what is ordered; SPI is connected, and not atomic. */
extern void process_obey(const Order *order);

#endif
