/*
 * rotation/managed.h: secrets whose value is the password of a role.
 *
 * Somebody's put() would part the two.  So it is taken only where the value is
 * the role's password by now; else 55000.
 */
#ifndef SECRETS_ROTATION_MANAGED_H
#define SECRETS_ROTATION_MANAGED_H

#include "kv/kv.h"
#include "rotation/row.h"

/* The roles whose passwords it changes, as they are now; false: there are none, or one is gone. */
extern bool managed_find_roles(const Rotation *rotation, Oid roles[2]);

/* For kv: before somebody's value becomes current. */
extern void managed_check_value(const Secret *secret, const Plain *plain);

#endif
