/*
 * base/pass.h: what the gate hands to whoever it lets through.
 *
 * The struct lies on the ground floor so that a lower room (the keyring) can
 * ask to see a pass; only the gate writes one.  A function that wants a
 * GatePass cannot be called by somebody who forgot to ask.
 */
#ifndef SECRETS_BASE_PASS_H
#define SECRETS_BASE_PASS_H

typedef enum Privilege
{
	PRIV_NONE,					/* nothing that concerns a name: only that the server is open */
	PRIV_LIST,
	PRIV_READ,
	PRIV_WRITE,
	PRIV_DELETE,
	PRIV_DESTROY,
	PRIV_OPERATE				/* the whole server's keys; asked without a name */
} Privilege;

typedef struct GatePass
{
	Oid			role;			/* who asked: the effective role at the call */
	Privilege	privilege;
	bool		granted;
} GatePass;

#endif
