/*
 * store/prune.h: which versions may go, inside the room.
 */
#ifndef SECRETS_STORE_PRUNE_H
#define SECRETS_STORE_PRUNE_H

#include "store/store.h"

/* The versions of a secret, up to that number, that are neither current nor previous nor have a stage. */
extern int	find_unstaged_versions(const Secret *secret, int64 up_to, int64 **versions);

#endif
