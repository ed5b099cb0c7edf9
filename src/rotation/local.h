/*
 * rotation/local.h: roles of this cluster and their passwords.
 *
 * A password is never in a statement: its verifier is made here and handed to
 * the server's own AlterRole().  Two who change one role wait for each other at
 * its row, so that neither meets "tuple concurrently updated".
 */
#ifndef SECRETS_ROTATION_LOCAL_H
#define SECRETS_ROTATION_LOCAL_H

#include "base/buffer.h"

/*
 * 42501 unless whoever schedules it may have that role's password changed: a
 * superuser; else who has ADMIN on it, or is it, and it is no superuser and has
 * neither REPLICATION nor BYPASSRLS.  Otherwise rotation is takeover.
 */
extern void local_require_right(Oid scheduler, Oid role);

/* Until the transaction ends.  40001 where an old snapshot does not allow it; 55000 where it is gone. */
extern void local_lock(Oid role);

/* The same of one or two (the second may be InvalidOid), in one order, whichever is first. */
extern void local_lock_all(const Oid roles[2]);

extern void local_set_password(Oid role, SecretBuffer *password);

/* Whether one could log in with it, as far as the password goes. */
extern bool local_verifies(Oid role, SecretBuffer *password);

/* LOGIN, and VALID UNTIL has not passed. */
extern bool local_can_login(Oid role);

#endif
