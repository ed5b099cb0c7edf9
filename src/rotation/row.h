/*
 * rotation/row.h: rows of secrets_catalog.rotation, inside the room.  One is a
 * secret's schedule and how it stands; it is kept by the secret's id, and goes
 * with it through renames and deletion.
 *
 * Lock order: the secret's row, then this one, then roles.
 */
#ifndef SECRETS_ROTATION_ROW_H
#define SECRETS_ROTATION_ROW_H

#include "datatype/timestamp.h"
#include "nodes/pg_list.h"
#include "utils/snapshot.h"
#include "utils/uuid.h"

#include "store/store.h"

typedef struct Rotation
{
	pg_uuid_t	secret_id;
	char	   *schedule;		/* as it was given */
	char	   *timezone;		/* NULL: UTC */
	char	   *window;			/* intervals, as text; NULL: none */
	char	   *jitter;
	char	   *rotator;		/* one of ours, or a function: schema.name, quoted where it must be */
	struct varlena *options;	/* jsonb, those of the rotator */
	TimestampTz due_at;			/* when it is to happen; NEVER: manual */
	TimestampTz next_at;		/* when it is tried: then, or later after a failure */
	TimestampTz counted_at;		/* the time it was when these two were set */
	TimestampTz last_at;		/* the last attempt; NEVER: none yet */
	char	   *last_status;	/* succeeded, failed, pending; NULL: none yet */
	int			failures;		/* one after the other */
	char	   *last_error;		/* never a value */
	int64		pending_version;	/* stored, and on its way to the other side; NO_VERSION: none */
	TimestampTz terminate_at;	/* when sessions of the role that was changed are to end; NEVER: they stay */
	TimestampTz terminate_before;	/* those that began before: when that rotation was committed; NEVER: nobody has seen it yet */
	char	   *terminate_role; /* the tag of that role */
	char	   *scheduled_by;	/* name and tag of the role that it is done for */
	char	   *scheduled_tag;
	List	   *roles;			/* names and tags of the roles whose passwords it changes; NIL: none of this cluster */
	List	   *role_tags;
	int64		system_identifier;	/* where it was made, or adopted */
	Oid			database_oid;
} Rotation;

/* As it is committed, without a lock; false: there is none. */
extern bool rotation_find(const pg_uuid_t *secret_id, Rotation *rotation);

/* All of them, in no order. */
extern List *rotation_list(Snapshot snapshot);

/*
 * Which of here are due by that time, the longest due first, after *at, and no more than
 * that many; leaves *at at the last one.  Locks nothing.
 */
typedef struct DueKey
{
	TimestampTz next_at;
	pg_uuid_t	secret_id;
} DueKey;

extern int	rotation_find_due(TimestampTz now, DueKey *at, DueKey *keys, int max_keys);

/* Those that were counted by a clock that has been set back since; whose sessions are to end by now, or when is not settled. */
extern int	rotation_find_misdated(TimestampTz now, pg_uuid_t *ids, int max_ids);
extern int	rotation_find_ending(TimestampTz now, pg_uuid_t *ids, int max_ids);

/* Whether one is due that was asked for (pending). */
extern bool rotation_has_marked(TimestampTz now);

/* Another secret's schedule, of this database, that changes the password of one of these roles; false: none. */
extern bool rotation_has_other(const pg_uuid_t *secret_id, List *role_tags);

/* Those of deleted secrets give way: brought back, such a secret has no schedule any more. */
extern void rotation_delete_of_deleted(List *role_tags);

/* Under the secret's lock. */
extern bool rotation_lock(const pg_uuid_t *secret_id, Rotation *rotation);
extern void rotation_insert(const Rotation *rotation);
extern void rotation_update(const Rotation *rotation);
extern void rotation_delete(const pg_uuid_t *secret_id);

extern bool rotation_is_foreign(const Rotation *rotation);
extern void rotation_make_native(Rotation *rotation);

#endif
