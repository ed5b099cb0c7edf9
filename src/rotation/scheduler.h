/*
 * rotation/scheduler.h: pg_cron, which calls secrets.tick().
 *
 * One job a database, exactly CALL secrets.tick(), that belongs to the owner of
 * the extension: so any operator sees, replaces and removes the same one.  What
 * is called pg_cron's is asked whether it is: a schema "cron" is anybody's to
 * make where there is none.
 */
#ifndef SECRETS_ROTATION_SCHEDULER_H
#define SECRETS_ROTATION_SCHEDULER_H

#include "datatype/timestamp.h"

/*
 * Makes the job, or gives it another schedule, and returns its number.  22023,
 * quoting nothing, for what pg_cron does not take; 42710 where the owner has
 * another job of that name; 55000 where pg_cron is not in this database: the
 * hint says what is to be done, in another database the very statement.
 */
extern int64 scheduler_enable(const char *every);

/*
 * Takes the job away; a NOTICE where there is none.  55000 where pg_cron is in
 * another database, whose jobs are not to be seen from here.
 */
extern void scheduler_disable(void);

/* For status(): the job's number (0: none, or not to be seen from here) and when tick() began the last time (0: never). */
extern void scheduler_get_status(int64 *job, TimestampTz *last);

/*
 * Writes down that tick() begins now, and returns when the one before began (0:
 * there was none): between the two nobody else has begun, however many tick at
 * once.  In a short transaction at READ COMMITTED: they wait for each other's
 * commit.
 */
extern TimestampTz scheduler_note_tick(void);

#endif
