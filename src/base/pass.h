/*
 * base/pass.h: what the gate hands to whoever it lets through.
 *
 * The struct lies on the ground floor so that a lower room (the keyring) can
 * ask to see a pass; only the gate writes one.  A function that wants a
 * GatePass cannot be called by somebody who forgot to ask.
 */
#ifndef SECRETS_BASE_PASS_H
#define SECRETS_BASE_PASS_H

#include "utils/uuid.h"

/* In the order in which they are shown; the words are in policy/privilege.c. */
typedef enum Privilege
{
	PRIV_LIST,
	PRIV_READ,
	PRIV_WRITE,
	PRIV_ROTATE,
	PRIV_DELETE,
	PRIV_DESTROY,
	PRIV_GRANT,
	PRIV_ENCRYPT,
	PRIV_DECRYPT,
	PRIV_SIGN,
	PRIV_VERIFY,
	PRIV_LEASE,
	PRIV_AUDIT,
	PRIV_OPERATE,				/* the whole server's keys; asked without a name */
	NUM_PRIVILEGES
} Privilege;

/* What decided. */
typedef enum Ground
{
	GROUND_NONE,				/* nothing matched: refused by default */
	GROUND_RULE,
	GROUND_OWNER,				/* the extension's owner, or a superuser, and secrets.superuser_bypass */
	GROUND_RESTRICTED,			/* the server itself runs somebody's expression: refused */
	GROUND_MONITOR				/* a member of pg_monitor, for status() */
} Ground;

typedef struct GatePass
{
	Oid			role;			/* who asked: the effective role at the call */
	Privilege	privilege;
	const char *name;			/* NULL: no name */
	bool		granted;
	Ground		ground;
	pg_uuid_t	rule;			/* where a rule decided */
} GatePass;

#endif
