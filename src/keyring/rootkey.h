/*
 * keyring/rootkey.h: the root keys that this database's master keys are
 * wrapped by, inside the room.
 */
#ifndef SECRETS_KEYRING_ROOTKEY_H
#define SECRETS_KEYRING_ROOTKEY_H

#include "keyring/master.h"

/*
 * Every root key that a new master key must be wrapped by: the one in memory
 * first, then the others that are registered, taken again from their places.
 * 55000 where one of those cannot be had.  Whoever asks wipes them.
 */
extern RootKey *rootkey_read_all(const RootKey *in_memory, int *n);

/* Registers it, unless it is. */
extern void rootkey_register(const RootKey *root, const char *place);

/* A copy in the caller's hands, or 58000. */
extern void rootkey_require(RootKey *root, uint64 *generation);

#endif
