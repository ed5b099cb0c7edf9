/*
 * rotation/worker.h: what follows a commit: effects outside, ends of sessions.
 *
 * A process of its own does it at once, without pg_cron.  Where there is no place
 * for one, or it is killed, the next tick does it.
 */
#ifndef SECRETS_ROTATION_WORKER_H
#define SECRETS_ROTATION_WORKER_H

extern void worker_register(void);

/* Nothing, where the transaction does not commit. */
extern void worker_wake_at_commit(void);

/* Whoever goes through all there is to do needs no other for it. */
extern void worker_hold(bool hold);

/* Whether one would have been called since the last time that this was asked. */
extern bool worker_was_wanted(void);

#endif
