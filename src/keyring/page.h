/*
 * keyring/page.h: the keys in memory, once for the whole server.
 *
 * One shared mapping, made by the postmaster before it forks: locked, kept out
 * of core files, and (where the kernel has memfd_secret) out of reach of
 * everything but the server's own code.  It is not PostgreSQL's shared memory,
 * so it outlives a crash-restart.
 *
 * The generation counts seals and unseals.  Whoever keeps something made from
 * a key compares it first, and frees what is of an older one.
 */
#ifndef SECRETS_KEYRING_PAGE_H
#define SECRETS_KEYRING_PAGE_H

#include "crypto/sealed_box.h"
#include "keyring/source.h"

#define ROOT_ID_LEN		8
#define ROOT_ID_HEX_LEN	(2 * ROOT_ID_LEN)

typedef enum PageState
{
	PAGE_ABSENT,				/* not in shared_preload_libraries */
	PAGE_SEALED,
	PAGE_READY
} PageState;

/* The root key, copied out; whoever asks wipes it. */
typedef struct RootKey
{
	uint8_t		id[ROOT_ID_LEN];
	uint8_t		key[CRYPTO_KEY_LEN];
} RootKey;

extern void page_init(void);

extern PageState page_state(void);
extern uint64 page_generation(void);

/* Why it is sealed, and where its key is from; both palloc'd, "" where there is nothing to say. */
extern char *page_why(void);
extern char *page_source(void);

/* False while sealed. */
extern bool page_get_root(RootKey *root, uint64 *generation);

/* Unwrapped master keys by id.  What was unwrapped in an older generation is not taken. */
extern bool page_find_master(const uint8_t id[BOX_ID_LEN], uint8_t key[CRYPTO_KEY_LEN]);
extern void page_keep_master(const uint8_t id[BOX_ID_LEN], const uint8_t key[CRYPTO_KEY_LEN], uint64 generation);

/* Drops every key, for every process, at once. */
extern void page_seal(void);

/*
 * Takes the root key from the place.  False, and why, where it cannot: what was
 * sealed stays sealed, and what was ready goes on with the key it has.
 */
extern bool page_unseal(const char *place, char why[SOURCE_WHY_LEN]);

/* A root key's public name. */
extern bool root_key_id(const uint8_t key[CRYPTO_KEY_LEN], uint8_t id[ROOT_ID_LEN]);

#endif
