/*
 * keyring/master.h: the rows of master_key, inside the room.
 */
#ifndef SECRETS_KEYRING_MASTER_H
#define SECRETS_KEYRING_MASTER_H

#include "utils/array.h"

#include "keyring/keyring.h"
#include "keyring/page.h"

typedef struct MasterRow
{
	uint8_t		id[BOX_ID_LEN];
	int64		version;
	int			nwraps;
	SealedBox **wraps;
} MasterRow;

/* As committed, or by this transaction; not by an older snapshot of it. */
extern bool master_find(const uint8_t id[BOX_ID_LEN], MasterRow *row);

/* Of that version; of two the one that seals. */
extern bool master_find_version(int64 version, MasterRow *row);

/* The one that seals; returns how many there are in all, 0 for none. */
extern int	master_find_newest(MasterRow *row);
extern MasterRow *master_read_all(int *n);
extern bool master_is_newer(const MasterRow *a, const MasterRow *b);

/* Nobody else adds a key, or changes a wrap, until the end of the transaction. */
extern void master_lock(void);

extern void master_insert(const MasterRow *row);
extern void master_update_wraps(const MasterRow *row);

extern SealedBox *master_wrap(const RootKey *root, const MasterRow *row, const uint8_t key[CRYPTO_KEY_LEN]);

/* The wrap that this root key opens, or -1. */
extern int	master_wrap_of(const MasterRow *row, const uint8_t root_id[ROOT_ID_LEN]);

/* False: this root key has no wrap there, or its wrap does not verify. */
extern bool master_unwrap(const RootKey *root, const MasterRow *row, uint8_t key[CRYPTO_KEY_LEN]);

/* 58000: names the root key that is here and those that are wanted. */
pg_noreturn extern void refuse_wrong_root(const RootKey *root, const MasterRow *row);
extern char *describe_wrong_root(const uint8_t root_id[ROOT_ID_LEN], const MasterRow *row);

/* Makes, wraps (for every registered root key) and inserts a key of that version. */
extern void master_create(const RootKey *root, int64 version, MasterRow *row);

#endif
