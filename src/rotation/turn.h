/*
 * rotation/turn.h: one rotation, from whose rights it has to when it is time
 * again, inside the room.  Under the secret's lock, in whatever transaction.
 */
#ifndef SECRETS_ROTATION_TURN_H
#define SECRETS_ROTATION_TURN_H

#include "base/catalog.h"
#include "rotation/rotator.h"

/* By name: the pass, the secret's lock, the row.  55000 where there is no schedule. */
extern Turn turn_begin(const char *name);

/*
 * In the caller's transaction, when he has his pass: what is inside is done; what
 * is outside is marked, to be done after the commit.  The (coming) version.
 */
extern int64 turn_rotate_here(Turn *turn);

/* ---- who ---- */

/* By tag, each time anew; 55000 where he is gone. */
extern void turn_find_scheduler(Turn *turn);

/* 55000 where it was made elsewhere. */
extern void turn_refuse_foreign(const Rotation *rotation);

/* Everything that a rotator decides it decides about who scheduled it; as_caller() puts it back. */
extern Caller turn_become(Oid role);

/* ---- when ---- */

/* due_at and next_at from that time on; of a certificate, well before it ends. */
extern void turn_count_next(Rotation *rotation, const Secret *secret, TimestampTz from);
extern bool turn_has_missed_window(const Rotation *rotation, TimestampTz now);

/* After failures. */
extern TimestampTz turn_next_attempt(const Rotation *rotation);

/* ---- what is written down ---- */

/* Inside: all of it. */
extern int64 turn_rotate_inside(Turn *turn, const Rotator *rotator);

/* A new version, which the log calls a rotation; pending: not current yet. */
extern int64 turn_add_version(Turn *turn, const Generated *made, bool pending);

/* Whether what was on its way can go on. */
extern bool turn_has_candidate(const Turn *turn);

/* A candidate that nobody will bring further keeps its stage: a WARNING says so. */
extern void turn_tell_of_candidate(const Rotation *rotation);

extern void turn_note_success(Turn *turn);

/* Who watches, and the server's log, after some failures in a row. */
extern void turn_tell_of_failures(const Turn *turn);

/* For last_error; what there is more of is cut off. */
extern char *turn_short_message(const ErrorData *error);

#endif
